/* A bucket against a naive one over random times, and many ids at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "api/ratelimit.h"
#include "engine/base/rng.h"

static void bucket(void **state)
{
	struct ratelimit *l;
	uint64_t now_us = 1000000;
	assert_int_equal(ratelimit_new(&l), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(ratelimit_take(l, 7, 10, 5, now_us), 0);
	assert_int_equal(ratelimit_take(l, 7, 10, 5, now_us), 101);
	assert_int_equal(ratelimit_take(l, 8, 10, 5, now_us), 0); /* another id */
	assert_int_equal(ratelimit_take(l, 7, 10, 5, now_us + 100000), 0);
	assert_true(ratelimit_take(l, 7, 10, 5, now_us + 100000) > 0);
	for (int i = 0; i < 5; i++) /* after a long time no more than the burst */
		assert_int_equal(ratelimit_take(l, 7, 10, 5, now_us + 3600000000), 0);
	assert_true(ratelimit_take(l, 7, 10, 5, now_us + 3600000000) > 0);
	ratelimit_free(l);
	ratelimit_free(NULL);
}

/* tokens: refilled by time, one taken by each request that passes. */
static void naive(void **state)
{
	enum { RATE = 50, BURST = 20 };
	struct ratelimit *l;
	struct rng rng;
	uint64_t seed = (uint64_t)time(NULL), now_us = 5000000, last_us = now_us;
	double tokens = BURST;
	int n_unsure = 0;
	printf("seed %llu\n", (unsigned long long)seed);
	rng_seed(&rng, seed);
	assert_int_equal(ratelimit_new(&l), 0);
	for (int i = 0; i < 20000; i++) {
		now_us += rng_below(&rng, 30000);
		tokens += (double)(now_us - last_us) * RATE / 1e6;
		tokens = tokens > BURST ? BURST : tokens;
		last_us = now_us;
		bool passes = ratelimit_take(l, 99, RATE, BURST, now_us) == 0;
		if (tokens > 0.999 && tokens < 1.001)
			n_unsure++; /* rounding decides */
		else
			assert_int_equal(passes, tokens >= 1);
		if (passes)
			tokens -= 1;
	}
	assert_true(n_unsure < 200);
	ratelimit_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(bucket), cmocka_unit_test(naive)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
