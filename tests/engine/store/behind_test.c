/* Write-behind beside a naive model: arrays of what was put, what was committed, and what stood when a round began. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/rng.h"
#include "engine/store/behind.h"
#include "engine/store/codec.h"
#include "tests/engine/store/fixture.h"

enum { N_KEYS = 300, N_OPERATIONS = 60000, KEY_BYTES = 12 };

struct model {
	uint64_t now[N_KEYS], committed[N_KEYS];
	bool changed[N_KEYS];   /* since the round began */
	bool through[N_KEYS];   /* last through to the table */
	bool in_round;
	size_t n_new; /* puts that no round has taken */
};

struct scene {
	struct store *store;
	struct behind *b;
	struct rng rng;
	struct model m;
};

static struct span key_of(uint8_t out[KEY_BYTES], unsigned i)
{
	key_u64(out, (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15)); /* not in the order of their numbers */
	key_u32(out + 8, i);
	return (struct span){(const char *)out, KEY_BYTES};
}

static struct store_txn *begin(struct scene *s)
{
	struct store_txn *t;
	assert_int_equal(store_write_begin(s->store, &t), 0);
	return t;
}

/* A transaction of several puts, kept or not. */
static void put_some(struct scene *s)
{
	struct model *m = &s->m;
	struct store_txn *t = begin(s);
	size_t n_before = m->n_new;
	bool touched[N_KEYS] = {false}, through[N_KEYS] = {false};
	unsigned n = (unsigned)rng_below(&s->rng, 20);
	for (unsigned i = 0; i < n; i++) {
		unsigned k = (unsigned)rng_below(&s->rng, N_KEYS);
		uint64_t value = rng_below(&s->rng, 4) ? rng_below(&s->rng, 1u << 24) : 0, seen;
		uint8_t bytes[KEY_BYTES];
		struct span key = key_of(bytes, k);
		through[k] = rng_below(&s->rng, 5) == 0;
		if (through[k]) {
			assert_int_equal(behind_put_through(s->b, t, key, value), 0);
		} else {
			assert_int_equal(behind_put(s->b, key, value), 0);
			m->n_new++;
		}
		touched[k] = true;
		m->now[k] = value;
		assert_int_equal(behind_get(s->b, t, key, &seen), 0);
		assert_int_equal(seen, value);
	}
	if (rng_below(&s->rng, 4)) {
		assert_int_equal(store_write_commit(t), 0);
		behind_commit(s->b);
		memcpy(m->committed, m->now, sizeof(m->now));
		for (unsigned k = 0; k < N_KEYS; k++) {
			if (!touched[k])
				continue;
			m->changed[k] = true;
			m->through[k] = through[k];
		}
	} else {
		store_write_abort(t);
		behind_abandon(s->b);
		memcpy(m->now, m->committed, sizeof(m->now));
		m->n_new = n_before;
	}
}

/* At its end the table holds all that was committed when the round began, or what came since. */
static void check_table(struct scene *s, const uint64_t at_begin[N_KEYS])
{
	struct store_txn *t = reader(s->store);
	for (unsigned k = 0; k < N_KEYS; k++) {
		uint8_t bytes[KEY_BYTES];
		struct span value;
		uint64_t stored = 0;
		if (store_get(t, TABLE_COUNTED, key_of(bytes, k), &value) == 0) {
			assert_int_equal(value.len, 3);
			stored = (uint64_t)(uint8_t)value.data[0] << 16 | (uint64_t)(uint8_t)value.data[1] << 8 | (uint8_t)value.data[2];
			assert_int_not_equal(stored, 0);
		}
		if (!s->m.changed[k])
			assert_int_equal(stored, at_begin[k]);
		else if (s->m.through[k])
			assert_int_equal(stored, s->m.committed[k]);
	}
	store_read_free(t);
}

/* A step of a round, begun when there is none. */
static void write_some(struct scene *s)
{
	static uint64_t at_begin[N_KEYS];
	struct model *m = &s->m;
	size_t left;
	if (!m->in_round) {
		behind_begin_round(s->b);
		memcpy(at_begin, m->committed, sizeof(at_begin));
		memset(m->changed, 0, sizeof(m->changed));
		m->in_round = true;
		m->n_new = 0;
		assert_false(behind_pressed(s->b));
	}
	struct store_txn *t = begin(s);
	assert_int_equal(behind_write(s->b, t, rng_below(&s->rng, 60), &left), 0);
	if (rng_below(&s->rng, 3)) {
		assert_int_equal(store_write_commit(t), 0);
		behind_wrote(s->b, true);
		m->in_round = left > 0;
		if (!m->in_round)
			check_table(s, at_begin);
	} else {
		store_write_abort(t);
		behind_wrote(s->b, false);
	}
}

static void check_all(struct scene *s)
{
	struct store_txn *t = begin(s);
	for (unsigned k = 0; k < N_KEYS; k++) {
		uint8_t bytes[KEY_BYTES];
		uint64_t seen;
		assert_int_equal(behind_get(s->b, t, key_of(bytes, k), &seen), 0);
		assert_int_equal(seen, s->m.committed[k]);
	}
	store_write_abort(t);
}

static void test_beside_a_model(void **state)
{
	static struct scene s;
	struct fixture *f = *state;
	const char *text = getenv("BEHIND_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 10) : 1;
	print_message("seed %llu\n", (unsigned long long)seed);
	s = (struct scene){.store = f->store};
	rng_seed(&s.rng, seed);
	assert_int_equal(behind_new(&s.b, TABLE_COUNTED, KEY_BYTES, 3, 100), 0);
	for (int i = 0; i < N_OPERATIONS / 20; i++) {
		if (rng_below(&s.rng, 3))
			put_some(&s);
		else
			write_some(&s);
		if (s.m.n_new >= 100)
			assert_true(behind_pressed(s.b));
		if (i % 10 == 0)
			check_all(&s);
	}
	for (int rounds = 0; rounds < 2; rounds++) /* the one under way, and one for what it left */
		do
			write_some(&s);
		while (s.m.in_round);
	behind_free(s.b);
	assert_int_equal(behind_new(&s.b, TABLE_COUNTED, KEY_BYTES, 3, 100), 0); /* with nothing in memory */
	check_all(&s);
	behind_free(s.b);
}

static void test_damage(void **state)
{
	struct fixture *f = *state;
	struct behind *b;
	uint8_t key[8];
	uint64_t value = 77;
	assert_int_equal(behind_new(&b, TABLE_EVENT_IDS, 8, 8, 10), 0);
	put_now(f->store, TABLE_EVENT_IDS, key_u64(key, 1), SPAN("short"));
	struct store_txn *t = reader(f->store);
	assert_int_equal(behind_get(b, t, key_u64(key, 1), &value), -EINVAL);
	assert_int_equal(value, 77);
	store_read_free(t);
	behind_free(b);
	behind_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_beside_a_model, start, stop),
		cmocka_unit_test_setup_teardown(test_damage, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
