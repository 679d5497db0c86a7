/* The table of counters beside a plain list of them, over random histories. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/rng.h"
#include "engine/learn/signals.h"

enum { CAPACITY = 2048, BUCKETS = CAPACITY / 8, PAGES = CAPACITY * 32 / SIGNALS_PAGE_BYTES, KEYS = 6000, STEPS = 40000 };

static void near(double value, double expected, double within)
{
	if (!(fabs(value - expected) <= within))
		fail_msg("%.9f is not %.9f", value, expected);
}

/* ---- decay by hand ---- */

static void test_decay(void **state)
{
	static const float two[SIGNAL_VALUES] = {8, 4, 8, 4};
	struct signals *s;
	float v[SIGNAL_VALUES];
	assert_int_equal(signals_new(&s, 1), 0);
	uint64_t head = signal_key(SIGNAL_HEAD, 1, 2), read = signal_key(SIGNAL_READ, 1, 0);
	signals_get(s, SIGNAL_HEAD, head, 1000, v);
	for (int i = 0; i < SIGNAL_VALUES; i++)
		assert_true(v[i] == 0);
	signals_add(s, SIGNAL_HEAD, head, 1000, two);
	signals_get(s, SIGNAL_HEAD, head, 1000, v);
	for (int i = 0; i < SIGNAL_VALUES; i++)
		assert_true(v[i] == two[i]);
	signals_get(s, SIGNAL_HEAD, head, 1180, v); /* 3 h: half of the first two, 2^-.25 of the others, whose half-life is 12 h */
	near((double)v[0], 4, 1e-6);
	near((double)v[1], 2, 1e-6);
	near((double)v[2], 6.727171322, 1e-5);
	near((double)v[3], 3.363585661, 1e-5);
	signals_get(s, SIGNAL_HEAD, head, 1720, v); /* 12 h: a sixteenth and half */
	near((double)v[0], 0.5, 1e-6);
	near((double)v[2], 4, 1e-6);
	signals_get(s, SIGNAL_HEAD, head, 900, v); /* before the last change: as it stands */
	assert_true(v[0] == 8);
	signals_add(s, SIGNAL_HEAD, head, 1180, two); /* on what is left of the first */
	signals_get(s, SIGNAL_HEAD, head, 1180, v);
	near((double)v[0], 12, 1e-5);
	near((double)v[2], 14.727171322, 1e-5);
	signals_add(s, SIGNAL_HEAD, head, 1000, two); /* late by 3 h: what would be left of it */
	signals_get(s, SIGNAL_HEAD, head, 1180, v);
	near((double)v[0], 16, 1e-5);
	near((double)v[2], 21.454342644, 1e-5);
	signals_add(s, SIGNAL_READ, read, 0, two);
	signals_get(s, SIGNAL_READ, read, 43200, v); /* 30 days */
	near((double)v[0], 4, 1e-6);
	near((double)v[3], 2, 1e-6);
	signals_remove(s, read);
	signals_get(s, SIGNAL_READ, read, 0, v);
	assert_true(v[0] == 0);
	signals_remove(s, read); /* again does no harm */
	signals_free(s);
	signals_free(NULL);
}

static void test_pair_keys(void **state)
{
	bool swapped, other;
	uint64_t key = signal_pair_key(SIGNAL_CO_READ, 7, 9, &swapped);
	assert_true(key == signal_pair_key(SIGNAL_CO_READ, 9, 7, &other));
	assert_true(!swapped && other);
	assert_true(key == signal_key(SIGNAL_CO_READ, 7, 9));
	assert_true(key != signal_key(SIGNAL_HEAD, 7, 9));
	assert_true(signal_key(SIGNAL_WORD, 0, 0) != 0);
}

/* ---- beside a list ---- */

struct counter {
	uint64_t key;
	enum signal_kind kind;
	uint32_t minute;
	double value[SIGNAL_VALUES];
};

/* Eight a bucket; signals.h promises buckets of eight, signals.c that bits 20 on of a key choose one. */
struct list {
	struct counter counters[BUCKETS][8];
	size_t n[BUCKETS];
	bool changed[PAGES];
};

static size_t bucket_of(uint64_t key)
{
	return key >> 20 & (BUCKETS - 1);
}

static double half_life(enum signal_kind kind, int i)
{
	switch (kind) {
	case SIGNAL_HEAD:
	case SIGNAL_HEAD_TOTAL:
		return i < 2 ? 180 : 720;
	case SIGNAL_ALL:
		return 720;
	case SIGNAL_TASTE:
		return 90.0 * 1440;
	default:
		return 30.0 * 1440;
	}
}

static double left(const struct counter *c, int i, uint32_t minute)
{
	return minute > c->minute ? c->value[i] * exp2(-(double)(minute - c->minute) / half_life(c->kind, i)) : c->value[i];
}

static double weight(const struct counter *c, uint32_t minute)
{
	double most = 0;
	for (int i = 0; i < SIGNAL_VALUES; i++)
		most = fmax(most, fabs(left(c, i, minute)));
	return most;
}

static struct counter *list_find(struct list *l, uint64_t key)
{
	size_t b = bucket_of(key);
	for (size_t i = 0; i < l->n[b]; i++)
		if (l->counters[b][i].key == key)
			return &l->counters[b][i];
	return NULL;
}

/* Where a new key goes: behind the others, or in place of the lightest. NULL when two weigh as good as the same, so that
 * rounding could decide between them. */
static struct counter *list_room(struct list *l, uint64_t key, uint32_t minute)
{
	size_t b = bucket_of(key), least = 0;
	if (l->n[b] < 8)
		return &l->counters[b][l->n[b]++];
	double weights[8], second = INFINITY;
	for (size_t i = 0; i < 8; i++) {
		weights[i] = weight(&l->counters[b][i], minute);
		least = weights[i] < weights[least] ? i : least;
	}
	for (size_t i = 0; i < 8; i++)
		second = i != least && weights[i] < second ? weights[i] : second;
	return second - weights[least] > 1e-3 * (second + 1) ? &l->counters[b][least] : NULL;
}

/* Returns false when the step is better left out. */
static bool list_add(struct list *l, enum signal_kind kind, uint64_t key, uint32_t minute, const float add[SIGNAL_VALUES])
{
	struct counter *c = list_find(l, key);
	if (!c) {
		c = list_room(l, key, minute);
		if (!c)
			return false;
		*c = (struct counter){.key = key, .kind = kind, .minute = minute};
	}
	struct counter now = {.kind = kind, .minute = minute > c->minute ? minute : c->minute};
	for (int i = 0; i < SIGNAL_VALUES; i++) {
		struct counter fresh = {.kind = kind, .minute = minute, .value = {0}};
		fresh.value[i] = (double)add[i];
		now.value[i] = left(c, i, now.minute) + left(&fresh, i, now.minute);
	}
	memcpy(c->value, now.value, sizeof(c->value));
	c->minute = now.minute;
	l->changed[bucket_of(key) / 16] = true;
	return true;
}

static void list_remove(struct list *l, uint64_t key)
{
	struct counter *c = list_find(l, key);
	size_t b = bucket_of(key);
	if (!c)
		return;
	*c = l->counters[b][--l->n[b]];
	l->changed[b / 16] = true;
}

static void compare(const struct signals *s, struct list *l, enum signal_kind kind, uint64_t key, uint32_t minute)
{
	const struct counter *c = list_find(l, key);
	float v[SIGNAL_VALUES];
	signals_get(s, kind, key, minute, v);
	for (int i = 0; i < SIGNAL_VALUES; i++) {
		double expected = c ? left(c, i, minute) : 0;
		near((double)v[i], expected, 1e-4 * fabs(expected) + 1e-4);
	}
}

struct step {
	enum signal_kind kind;
	uint64_t key;
	uint32_t minute;
};

static enum signal_kind kind_of(uint32_t n)
{
	return (enum signal_kind)(1 + n % (N_SIGNAL_KINDS - 1));
}

/* A number always names the same counter of the same kind. */
static struct step any_step(struct rng *rng, uint32_t now)
{
	uint32_t n = (uint32_t)rng_below(rng, rng_below(rng, 2) ? KEYS : KEYS / 50);
	uint32_t late = rng_below(rng, 5) ? 0 : (uint32_t)rng_below(rng, 300);
	return (struct step){kind_of(n), signal_key(kind_of(n), n, n * 31), now - late};
}

static void compare_all(const struct signals *s, struct list *l, uint32_t now)
{
	for (uint32_t n = 0; n < KEYS; n++)
		compare(s, l, kind_of(n), signal_key(kind_of(n), n, n * 31), now);
}

/* Takes all changed pages and loads them into `copy`, which held what was taken before. */
static void take_pages(struct signals *s, struct list *l, struct signals *copy, struct rng *rng)
{
	uint8_t bytes[SIGNALS_PAGE_BYTES];
	bool taken[PAGES] = {false};
	int64_t page, before = -1;
	while ((page = signals_take_page(s, bytes)) >= 0) {
		assert_true(page > before && page < PAGES);
		before = page;
		taken[page] = true;
		assert_int_equal(signals_load_page(copy, (uint64_t)page, (struct span){(const char *)bytes, sizeof(bytes)}), 0);
	}
	for (int i = 0; i < PAGES; i++)
		assert_int_equal(taken[i], l->changed[i]);
	bool kept = rng_below(rng, 3) > 0; /* what could not be saved comes again */
	signals_taken_kept(s, kept);
	if (kept)
		memset(l->changed, 0, sizeof(l->changed));
}

static void test_random_histories(void **state)
{
	uint64_t seed = 20261124;
	struct list *l = calloc(1, sizeof(*l));
	struct signals *s, *copy;
	struct rng rng;
	uint32_t now = 29000000;
	size_t n_full = 0;
	assert_non_null(l);
	rng_seed(&rng, seed);
	assert_int_equal(signals_new(&s, CAPACITY - 5), 0); /* rounded up */
	assert_int_equal(signals_new(&copy, CAPACITY), 0);
	assert_int_equal(signals_n_pages(s), PAGES);
	assert_true(signals_bytes(s) >= CAPACITY * 32 && signals_bytes(s) < CAPACITY * 40);
	for (int i = 0; i < STEPS; i++) {
		struct step step = any_step(&rng, now);
		float add[SIGNAL_VALUES];
		for (int k = 0; k < SIGNAL_VALUES; k++)
			add[k] = (float)(rng_double(&rng) * (rng_below(&rng, 10) ? 1 : 30) - (rng_below(&rng, 20) ? 0 : 1));
		uint64_t what = rng_below(&rng, 100);
		if (what < 80) {
			if (list_add(l, step.kind, step.key, step.minute, add))
				signals_add(s, step.kind, step.key, step.minute, add);
		} else if (what < 84) {
			list_remove(l, step.key);
			signals_remove(s, step.key);
		} else if (what < 99) {
			compare(s, l, step.kind, step.key, step.minute + (uint32_t)rng_below(&rng, 3000));
		} else {
			now += (uint32_t)rng_below(&rng, 200);
		}
		if (i % 4000 == 3999) {
			compare_all(s, l, now);
			take_pages(s, l, copy, &rng);
			compare_all(copy, l, now);
		}
	}
	for (size_t b = 0; b < BUCKETS; b++)
		n_full += l->n[b] == 8;
	assert_true(n_full > BUCKETS / 2); /* or nothing had to make room */
	signals_free(s);
	signals_free(copy);
	free(l);
}

/* ---- pages that are none ---- */

static void put_at(uint8_t page[SIGNALS_PAGE_BYTES], size_t entry, size_t offset, const void *bytes, size_t n)
{
	memcpy(page + entry * 32 + offset, bytes, n);
}

static void test_bad_pages(void **state)
{
	static const float one[SIGNAL_VALUES] = {1, 2, 3, 4};
	const float not_a_number = NAN, infinite = INFINITY;
	const uint32_t kinds[] = {0, N_SIGNAL_KINDS, UINT32_MAX};
	uint8_t good[SIGNALS_PAGE_BYTES], bad[SIGNALS_PAGE_BYTES];
	struct signals *s, *t;
	struct span page = {(const char *)bad, sizeof(bad)};
	float v[SIGNAL_VALUES];
	assert_int_equal(signals_new(&s, 256), 0);
	assert_int_equal(signals_new(&t, 256), 0);
	uint64_t key = signal_key(SIGNAL_WORD, 3, 0);
	signals_add(s, SIGNAL_WORD, key, 5, one);
	int64_t number = signals_take_page(s, good);
	assert_true(number >= 0);
	uint64_t at = (uint64_t)number;
	size_t entry = 0;
	while (memcmp(good + entry * 32, &key, 8) != 0)
		entry++;
	/* An entry's key, values, minute and kind stand one after the other. */
	for (size_t i = 0; i < 3; i++) {
		memcpy(bad, good, sizeof(bad));
		put_at(bad, entry, 28, &kinds[i], 4);
		assert_int_equal(signals_load_page(t, at, page), 1);
	}
	for (size_t i = 0; i < SIGNAL_VALUES; i++) {
		memcpy(bad, good, sizeof(bad));
		put_at(bad, entry, 8 + 4 * i, i % 2 ? &not_a_number : &infinite, 4);
		assert_int_equal(signals_load_page(t, at, page), 1);
	}
	memcpy(bad, good, sizeof(bad));
	memset(bad + entry * 32, 0, 32);
	put_at(bad, (entry + 8) % 128, 0, good + entry * 32, 32); /* in another key's bucket */
	assert_int_equal(signals_load_page(t, at, page), 1);
	memcpy(bad, good, sizeof(bad));
	assert_int_equal(signals_load_page(t, at, (struct span){page.data, page.len - 1}), 1);
	assert_int_equal(signals_load_page(t, at, (struct span){page.data, 0}), 1);
	assert_int_equal(signals_load_page(t, signals_n_pages(t), page), 1);
	assert_int_equal(signals_load_page(t, UINT64_MAX, page), 1);
	signals_get(t, SIGNAL_WORD, key, 5, v);
	assert_true(v[0] == 0); /* nothing of a bad page stays */
	assert_int_equal(signals_load_page(t, at, page), 0);
	signals_get(t, SIGNAL_WORD, key, 5, v);
	assert_true(v[0] == 1 && v[3] == 4);
	signals_free(s);
	signals_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decay),
		cmocka_unit_test(test_pair_keys),
		cmocka_unit_test(test_random_histories),
		cmocka_unit_test(test_bad_pages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
