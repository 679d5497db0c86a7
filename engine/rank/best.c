/* Candidates gather in a buffer of somewhat over twice the wanted number. When it is full it is settled: the best report
 * of each story stays, of the stories the best `want`, and the worst of those becomes the bar for what follows. The bar
 * only rises, and a story that was thrown out had `want` better ones at the time, so a report of it that comes later is
 * judged as if it were the first: no memory of what was thrown out is needed.
 *
 * Scores rarely tie. So what is moved about to select and to sort is not candidates but numbers, score above and place
 * in held[] below; candidates are compared in full among those with one score only. */
#include "engine/rank/best.h"

/* ---- candidates in full ---- */

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

/* ---- by score alone: order[] ascends, the best score first ---- */

static void put_order(struct best *b)
{
	for (size_t i = 0; i < b->n; i++)
		b->order[i] = (uint64_t)~((uint32_t)b->held[i].score ^ 0x80000000u) << 32 | i;
}

static uint64_t middle_of_three(uint64_t x, uint64_t y, uint64_t z)
{
	uint64_t low = x < y ? x : y, high = x < y ? y : x;
	return z < low ? low : z > high ? high : z;
}

/* Puts a pivot in its place in v[0, n), smaller ones before it, and returns the place. No number stands there twice. */
static size_t partition_numbers(uint64_t *v, size_t n)
{
	uint64_t pivot = middle_of_three(v[0], v[n / 2], v[n - 1]);
	size_t at = v[0] == pivot ? 0 : v[n / 2] == pivot ? n / 2 : n - 1, kept = 0;
	v[at] = v[n - 1];
	for (size_t i = 0; i + 1 < n; i++) {
		uint64_t x = v[i];
		v[i] = v[kept];
		v[kept] = x;
		kept += x < pivot;
	}
	v[n - 1] = v[kept];
	v[kept] = pivot;
	return kept;
}

/* The smallest k of v[0, n) to the front, in no set order. */
static void select_numbers(uint64_t *v, size_t n, size_t k)
{
	while (n > 1 && k > 0 && k < n) {
		size_t at = partition_numbers(v, n);
		if (at >= k) {
			n = at;
		} else {
			v += at + 1;
			n -= at + 1;
			k -= at + 1;
		}
	}
}

static void sort_numbers(uint64_t *v, size_t n)
{
	while (n > 12) {
		size_t at = partition_numbers(v, n), behind = n - at - 1;
		bool front_is_less = at < behind; /* by recursion, so that the stack stays low */
		sort_numbers(front_is_less ? v : v + at + 1, front_is_less ? at : behind);
		v = front_is_less ? v + at + 1 : v;
		n = front_is_less ? behind : at;
	}
	for (size_t i = 1; i < n; i++) {
		uint64_t x = v[i];
		size_t k = i;
		for (; k > 0 && v[k - 1] > x; k--)
			v[k] = v[k - 1];
		v[k] = x;
	}
}

/* The best `want` of more than that: those over the last score that gets in, and the best of those that have it. */
static void keep_wanted(struct best *b)
{
	uint64_t last = 0;
	size_t n_over = 0, n_tied = 0;
	put_order(b);
	select_numbers(b->order, b->n, b->want);
	for (size_t i = 0; i < b->want; i++)
		last = b->order[i] > last ? b->order[i] : last;
	last >>= 32;
	for (size_t i = 0; i < b->want; i++)
		if (b->order[i] >> 32 < last)
			b->other[n_over++] = b->held[(uint32_t)b->order[i]];
	for (size_t i = 0; i < b->n; i++)
		if (b->order[i] >> 32 == last)
			b->other[n_over + n_tied++] = b->held[(uint32_t)b->order[i]];
	select_best(b->other + n_over, n_tied, b->want - n_over);
	b->n = b->want;
	b->worst = b->other[n_over];
	for (size_t i = n_over + 1; i < b->n; i++)
		if (candidate_before(&b->worst, &b->other[i]))
			b->worst = b->other[i];
	memcpy(b->held, b->other, b->n * sizeof(b->held[0]));
}

static void sort_held(struct best *b)
{
	put_order(b);
	sort_numbers(b->order, b->n);
	for (size_t i = 0; i < b->n; i++)
		b->other[i] = b->held[(uint32_t)b->order[i]];
	for (size_t i = 0, end; i < b->n; i = end) {
		for (end = i + 1; end < b->n && b->other[end].score == b->other[i].score; end++)
			;
		sort_best_first(b->other + i, end - i);
	}
	memcpy(b->held, b->other, b->n * sizeof(b->held[0]));
}

/* ---- stories ---- */

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
	keep_wanted(b);
	b->full = true;
	return 0;
}

int best_finish(struct best *b)
{
	int r = best_settle(b);
	if (!r)
		sort_held(b);
	return r;
}
