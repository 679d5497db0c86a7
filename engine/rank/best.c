/* Candidates gather in a buffer of somewhat over twice the wanted number. When it is full it is settled: the best report
 * of each story stays, of the stories the best `want`, and the worst of those becomes the bar for what follows. The bar
 * only rises, and a story that was thrown out had `want` better ones at the time, so a report of it that comes later is
 * judged as if it were the first: no memory of what was thrown out is needed. */
#include "engine/rank/best.h"

static size_t median_of_three(const struct candidate *c, size_t n)
{
	size_t first = 0, second = n / 2, third = n - 1;
	if (candidate_before(&c[second], &c[first])) {
		first = n / 2;
		second = 0;
	}
	if (candidate_before(&c[third], &c[first]))
		return first;
	return candidate_before(&c[third], &c[second]) ? third : second;
}

/* Puts a pivot in its place in c[0, n), better ones before it, worse ones behind, and returns the place. */
static size_t partition(struct candidate *c, size_t n)
{
	size_t middle = median_of_three(c, n), kept = 0;
	struct candidate pivot = c[middle];
	c[middle] = c[n - 1];
	for (size_t i = 0; i + 1 < n; i++) {
		struct candidate x = c[i];
		c[i] = c[kept];
		c[kept] = x;
		kept += candidate_before(&x, &pivot);
	}
	c[n - 1] = c[kept];
	c[kept] = pivot;
	return kept;
}

static void sort_few(struct candidate *c, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct candidate x = c[i];
		size_t k = i;
		for (; k > 0 && candidate_before(&x, &c[k - 1]); k--)
			c[k] = c[k - 1];
		c[k] = x;
	}
}

/* The best k of c[0, n) to the front, in no set order. */
static void select_best(struct candidate *c, size_t n, size_t k)
{
	while (n > 12 && k > 0 && k < n) {
		size_t at = partition(c, n);
		if (at >= k) {
			n = at;
		} else {
			c += at + 1;
			n -= at + 1;
			k -= at + 1;
		}
	}
	if (k > 0 && k < n)
		sort_few(c, n);
}

static void sort_best_first(struct candidate *c, size_t n)
{
	while (n > 12) {
		size_t at = partition(c, n);
		if (at < n - at) { /* the smaller side by recursion, so that the stack stays low */
			sort_best_first(c, at);
			c += at + 1;
			n -= at + 1;
		} else {
			sort_best_first(c + at + 1, n - at - 1);
			n = at;
		}
	}
	sort_few(c, n);
}

/* Of candidates with one key keeps the best. */
static int keep_stories(struct best *b)
{
	int r = numbers_reset(&b->stories, b->n);
	if (r)
		return r;
	size_t kept = 0;
	for (size_t i = 0; i < b->n; i++) {
		const struct candidate *c = &b->held[i];
		int32_t *at = c->key ? numbers_put(&b->stories, c->key) : NULL;
		if (at && *at) {
			if (candidate_before(c, &b->held[*at - 1]))
				b->held[*at - 1] = *c;
			continue;
		}
		b->held[kept++] = *c;
		if (at)
			*at = (int32_t)kept;
	}
	b->n = kept;
	return 0;
}

int best_settle(struct best *b)
{
	int r = keep_stories(b);
	if (r)
		return r;
	if (b->n < b->want)
		return 0;
	select_best(b->held, b->n, b->want);
	b->n = b->want;
	b->worst = b->held[0];
	for (size_t i = 1; i < b->n; i++)
		if (candidate_before(&b->worst, &b->held[i]))
			b->worst = b->held[i];
	b->full = true;
	return 0;
}

int best_finish(struct best *b)
{
	int r = best_settle(b);
	if (!r)
		sort_best_first(b->held, b->n);
	return r;
}
