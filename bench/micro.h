/* What the benchmarks of single modules share: a clock, and times summed up. */
#ifndef MYNEWS_BENCH_MICRO_H
#define MYNEWS_BENCH_MICRO_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static inline int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Sorts times[n]. */
static inline void report(const char *what, double *times, size_t n)
{
	qsort(times, n, sizeof(*times), compare_doubles);
	printf("%-28s median %8.1f us   p90 %8.1f us   best %8.1f us\n", what, times[n / 2], times[n * 9 / 10], times[0]);
}

static inline void must(int r)
{
	if (r) {
		fprintf(stderr, "error %d\n", r);
		exit(1);
	}
}

#endif
