/* The map by one thread: random operations beside a plain array, and its promises when it grows. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/epoch.h"
#include "engine/base/hash.h"
#include "engine/base/map.h"
#include "engine/base/rng.h"

enum { N_KEYS = 700 };

/* Small numbers, neighbours of the largest, and numbers that differ in high bits only. */
static uint64_t key_of(size_t i)
{
	switch (i % 3) {
	case 0: return i + 1;
	case 1: return UINT64_MAX - i;
	default: return (uint64_t)(i + 1) << 40;
	}
}

struct walk {
	const uint64_t *naive; /* [N_KEYS] */
	size_t n;
	uint64_t sum;
};

static void count_pair(uint64_t key, uint64_t value, void *ctx)
{
	struct walk *w = ctx;
	for (size_t i = 0; i < N_KEYS; i++) {
		if (key_of(i) == key) {
			assert_true(w->naive[i] == value);
			w->n++;
			return;
		}
	}
	fail_msg("a key that was never put: %" PRIu64, key);
}

static void run_random(struct epoch *e, uint64_t seed)
{
	static uint64_t naive[N_KEYS];
	struct rng r;
	struct map *m;
	memset(naive, 0, sizeof(naive));
	rng_seed(&r, seed);
	assert_int_equal(map_new(&m, e), 0);
	size_t n_live = 0;
	for (int step = 0; step < 60000; step++) {
		size_t i = rng_below(&r, step % 20000 < 10000 ? N_KEYS : 30); /* wide, then a few keys over and over */
		uint64_t value = rng_u64(&r) | 1;
		unsigned what = (unsigned)rng_below(&r, 4);
		if (what < 2) {
			assert_int_equal(map_put(m, key_of(i), value), 0);
			n_live += naive[i] == 0;
			naive[i] = value;
		} else {
			if (what == 2)
				map_remove(m, key_of(i));
			else
				assert_int_equal(map_put(m, key_of(i), 0), 0);
			n_live -= naive[i] != 0;
			naive[i] = 0;
		}
		assert_int_equal(map_count(m), n_live);
		size_t k = rng_below(&r, N_KEYS);
		assert_true(map_get(m, key_of(k)) == naive[k]);
		if (step % 5000 == 0) {
			struct walk w = {.naive = naive};
			map_each(m, count_pair, &w);
			assert_int_equal(w.n, n_live);
			for (size_t all = 0; all < N_KEYS; all++)
				assert_true(map_get(m, key_of(all)) == naive[all]);
		}
	}
	map_free(m);
}

static void test_random(void **state)
{
	uint64_t seed = 4242;
	printf("seed %" PRIu64 "\n", seed);
	run_random(NULL, seed);
	struct epoch *e;
	assert_int_equal(epoch_new(&e), 0);
	run_random(e, seed + 1);
	assert_int_equal(epoch_reclaim(e), 0); /* no reader: every old table goes */
	epoch_free(e);
}

/* Keys that come and go leave slots behind; the table must not grow with them. */
static void test_churn_stays_small(void **state)
{
	struct map *m;
	assert_int_equal(map_new(&m, NULL), 0);
	size_t most = 0;
	for (uint64_t i = 1; i <= 200000; i++) {
		assert_int_equal(map_put(m, i, i), 0);
		if (i > 10)
			map_remove(m, i - 10);
		if (map_bytes(m) > most)
			most = map_bytes(m);
	}
	assert_int_equal(map_count(m), 10);
	assert_true(most < 4096);
	for (uint64_t i = 1; i <= 199990; i++)
		assert_true(map_get(m, i) == 0);
	map_free(m);
}

static void test_bytes(void **state)
{
	struct map *m;
	assert_int_equal(map_new(&m, NULL), 0);
	for (uint64_t i = 1; i <= 100000; i++)
		assert_int_equal(map_put(m, i, i), 0);
	/* 16 bytes an entry, at least twice and at most eight times as many entries as keys */
	assert_true(map_bytes(m) >= 2 * 16 * 100000 && map_bytes(m) <= 8 * 16 * 100000);
	map_free(m);
	map_free(NULL);
}

static void double_or_remove(uint64_t key, uint64_t value, void *ctx)
{
	struct map *m = ctx;
	if (key % 3 == 0)
		map_remove(m, key);
	else
		assert_int_equal(map_put(m, key, value * 2), 0);
}

static void test_each_may_change_what_it_visits(void **state)
{
	struct map *m;
	assert_int_equal(map_new(&m, NULL), 0);
	for (uint64_t i = 1; i <= 3000; i++)
		assert_int_equal(map_put(m, i, i + 1), 0);
	map_each(m, double_or_remove, m);
	assert_int_equal(map_count(m), 2000);
	for (uint64_t i = 1; i <= 3000; i++)
		assert_true(map_get(m, i) == (i % 3 ? 2 * (i + 1) : 0));
	map_free(m);
}

static void test_pointers(void **state)
{
	struct map *m;
	int object;
	assert_int_equal(map_new(&m, NULL), 0);
	assert_null(map_get_ptr(m, 5));
	assert_int_equal(map_put_ptr(m, 5, &object), 0);
	assert_ptr_equal(map_get_ptr(m, 5), &object);
	assert_int_equal(map_put_ptr(m, 5, NULL), 0);
	assert_null(map_get_ptr(m, 5));
	assert_int_equal(map_count(m), 0);
	map_remove(m, 5);
	map_remove(m, 6);
	assert_int_equal(map_count(m), 0);
	assert_true(map_get(m, 0) == 0);
	map_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_churn_stays_small),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_each_may_change_what_it_visits),
		cmocka_unit_test(test_pointers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
