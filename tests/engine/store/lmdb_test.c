/* The door to durable state: tables, transactions and cursors, at last beside a naive model. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/rng.h"
#include "engine/store/codec.h"
#include "engine/store/store.h"
#include "tests/engine/store/fixture.h"

static void test_tables_are_apart(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t;
	struct span value;
	uint8_t key[4];
	uint64_t n;
	assert_int_equal(store_write_begin(f->store, &t), 0);
	for (uint32_t i = 0; i < N_TABLES; i++)
		assert_int_equal(store_put(t, (enum store_table)i, key_u32(key, i), span_of(store_table_names[i])), 0);
	assert_int_equal(store_write_commit(t), 0);
	store_close(f->store); /* and they are there after a restart */
	f->store = NULL;
	assert_int_equal(store_open(&f->store, f->dir.path, &usual), 0);
	t = reader(f->store);
	for (uint32_t table = 0; table < N_TABLES; table++) {
		assert_int_equal(store_count(t, (enum store_table)table, &n), 0);
		assert_int_equal(n, 1);
		for (uint32_t i = 0; i < N_TABLES; i++) {
			assert_int_equal(store_get(t, (enum store_table)table, key_u32(key, i), &value), i != table);
			assert_true(i != table || span_equal_cstr(value, store_table_names[table]));
		}
	}
	store_read_free(t);
}

static void test_keys_and_values(void **state)
{
	struct fixture *f = *state;
	static char long_key[STORE_KEY_MAX + 1], large[1 << 20];
	struct store_txn *t;
	struct span value = SPAN("untouched");
	memset(long_key, 'k', sizeof(long_key));
	memset(large, 'v', sizeof(large));
	assert_int_equal(store_write_begin(f->store, &t), 0);
	assert_int_equal(store_put(t, TABLE_META, (struct span){"", 0}, SPAN("x")), -EINVAL);
	assert_int_equal(store_put(t, TABLE_META, (struct span){long_key, STORE_KEY_MAX + 1}, SPAN("x")), -EINVAL);
	assert_int_equal(store_append(t, TABLE_META, (struct span){long_key, STORE_KEY_MAX + 1}, SPAN("x")), -EINVAL);
	assert_int_equal(store_get(t, TABLE_META, (struct span){"", 0}, &value), 1);
	assert_int_equal(store_get(t, TABLE_META, (struct span){long_key, STORE_KEY_MAX + 1}, &value), 1);
	assert_int_equal(store_delete(t, TABLE_META, (struct span){"", 0}), 1);
	assert_int_equal(store_delete(t, TABLE_META, (struct span){long_key, STORE_KEY_MAX + 1}), 1);
	assert_int_equal(store_delete(t, TABLE_META, SPAN("absent")), 1);
	assert_true(span_equal(value, SPAN("untouched")));
	/* refusals leave the transaction whole */
	assert_int_equal(store_put(t, TABLE_META, (struct span){long_key, STORE_KEY_MAX}, (struct span){large, sizeof(large)}), 0);
	assert_int_equal(store_put(t, TABLE_META, SPAN("a\0b"), (struct span){"", 0}), 0);
	assert_int_equal(store_put(t, TABLE_META, SPAN("a"), SPAN("\0\0")), 0);
	assert_int_equal(store_get(t, TABLE_META, SPAN("a"), &value), 0); /* sees its own writes */
	assert_true(span_equal(value, SPAN("\0\0")));
	assert_int_equal(store_write_commit(t), 0);

	t = reader(f->store);
	assert_int_equal(store_get(t, TABLE_META, (struct span){long_key, STORE_KEY_MAX}, &value), 0);
	assert_true(span_equal(value, (struct span){large, sizeof(large)}));
	assert_int_equal(store_get(t, TABLE_META, SPAN("a\0b"), &value), 0);
	assert_int_equal(value.len, 0);
	assert_int_equal(store_get(t, TABLE_META, SPAN("a\0"), &value), 1);
	store_read_free(t);
}

/* A reading transaction sees one commit until it is renewed; an aborted one was never there. */
static void test_isolation(void **state)
{
	struct fixture *f = *state;
	struct store_txn *old, *fresh, *w;
	struct span value;
	put_now(f->store, TABLE_META, SPAN("k"), SPAN("1"));
	old = reader(f->store);
	put_now(f->store, TABLE_META, SPAN("k"), SPAN("2"));
	fresh = reader(f->store);
	assert_int_equal(store_get(old, TABLE_META, SPAN("k"), &value), 0);
	assert_true(span_equal(value, SPAN("1")));
	assert_int_equal(store_get(fresh, TABLE_META, SPAN("k"), &value), 0);
	assert_true(span_equal(value, SPAN("2")));

	assert_int_equal(store_write_begin(f->store, &w), 0);
	assert_int_equal(store_put(w, TABLE_META, SPAN("k"), SPAN("3")), 0);
	assert_int_equal(store_delete(w, TABLE_META, SPAN("k")), 0);
	assert_int_equal(store_put(w, TABLE_META, SPAN("new"), SPAN("3")), 0);
	assert_int_equal(store_read_renew(fresh), 0);
	assert_int_equal(store_get(fresh, TABLE_META, SPAN("k"), &value), 0); /* not committed yet */
	assert_true(span_equal(value, SPAN("2")));
	store_write_abort(w);
	assert_int_equal(store_read_renew(fresh), 0);
	assert_int_equal(store_get(fresh, TABLE_META, SPAN("new"), &value), 1);

	store_read_reset(old);
	store_read_reset(old); /* twice is safe */
	assert_int_equal(store_read_renew(old), 0);
	assert_int_equal(store_get(old, TABLE_META, SPAN("k"), &value), 0);
	assert_true(span_equal(value, SPAN("2")));
	store_read_free(old);
	store_read_free(fresh);
	store_read_free(NULL);
}

/* A reader in the middle of a large table sees it whole while a writer removes all of it. */
static void test_snapshot_of_a_walk(void **state)
{
	struct fixture *f = *state;
	enum { N = 5000 };
	struct store_txn *w;
	struct store_cursor *c;
	struct span key, value;
	uint8_t bytes[8];
	assert_int_equal(store_write_begin(f->store, &w), 0);
	for (uint64_t i = 0; i < N; i++)
		assert_int_equal(store_append(w, TABLE_EVENTS, key_u64(bytes, i), SPAN("an event of some length, to fill pages")), 0);
	assert_int_equal(store_write_commit(w), 0);
	struct store_txn *t = reader(f->store);
	assert_int_equal(store_cursor_new(t, TABLE_EVENTS, &c), 0);
	uint64_t n = 0;
	for (int r = store_first(c, &key, &value); r == 0; r = store_next(c, &key, &value), n++) {
		assert_true(key_to_u64(key) == n);
		if (n % 500 != 0)
			continue;
		assert_int_equal(store_write_begin(f->store, &w), 0);
		for (uint64_t i = n; i < n + 500; i++)
			assert_int_equal(store_delete(w, TABLE_EVENTS, key_u64(bytes, i)), 0);
		assert_int_equal(store_write_commit(w), 0);
	}
	assert_int_equal(n, N);
	store_cursor_free(c);
	assert_int_equal(store_count(t, TABLE_EVENTS, &n), 0);
	assert_int_equal(n, N);
	assert_int_equal(store_read_renew(t), 0);
	assert_int_equal(store_count(t, TABLE_EVENTS, &n), 0);
	assert_int_equal(n, 0);
	store_read_free(t);
}

static void test_append(void **state)
{
	struct fixture *f = *state;
	struct store_txn *w;
	struct span value;
	uint8_t key[8];
	assert_int_equal(store_write_begin(f->store, &w), 0);
	assert_int_equal(store_append(w, TABLE_EVENTS, key_u64(key, 10), SPAN("ten")), 0);
	assert_int_equal(store_append(w, TABLE_EVENTS, key_u64(key, 20), SPAN("twenty")), 0);
	assert_int_equal(store_append(w, TABLE_EVENTS, key_u64(key, 15), SPAN("fifteen")), 0); /* not the largest after all */
	assert_int_equal(store_append(w, TABLE_EVENTS, key_u64(key, 20), SPAN("again")), 0);
	assert_int_equal(store_append(w, TABLE_EVENTS, key_u64(key, 30), SPAN("thirty")), 0);
	assert_int_equal(store_write_commit(w), 0);
	struct store_txn *t = reader(f->store);
	static const struct {
		uint64_t key;
		const char *value;
	} expected[] = {{10, "ten"}, {15, "fifteen"}, {20, "again"}, {30, "thirty"}};
	struct store_cursor *c;
	struct span at;
	assert_int_equal(store_cursor_new(t, TABLE_EVENTS, &c), 0);
	int r = store_first(c, &at, &value);
	for (size_t i = 0; i < 4; i++, r = store_next(c, &at, &value)) {
		assert_int_equal(r, 0);
		assert_true(key_to_u64(at) == expected[i].key && span_equal_cstr(value, expected[i].value));
	}
	assert_int_equal(r, 1);
	assert_int_equal(store_last(c, &at, &value), 0);
	assert_true(key_to_u64(at) == 30);
	store_cursor_free(c);
	store_cursor_free(NULL);
	store_read_free(t);
}

/* ---- random operations beside an array ---- */

enum { N_KEYS = 900, VALUE_MAX = 600 };

struct naive {
	uint32_t version[N_KEYS]; /* 0: absent; the value follows from key and version */
};

static struct span value_of(uint32_t key, uint32_t version, char out[VALUE_MAX])
{
	size_t n = (key * 31 + version * 17) % VALUE_MAX;
	memset(out, (int)('a' + (key + version) % 26), n);
	return (struct span){out, n};
}

static uint32_t after(const struct naive *m, uint32_t key) /* the first key present at or behind; N_KEYS none */
{
	while (key < N_KEYS && !m->version[key])
		key++;
	return key;
}

static void expect_at(const struct naive *m, uint32_t key, int r, struct span at, struct span value)
{
	char expected[VALUE_MAX];
	assert_int_equal(r, key == N_KEYS);
	if (r)
		return;
	assert_int_equal(key_to_u32(at), key);
	assert_true(span_equal(value, value_of(key, m->version[key], expected)));
}

static void walk(struct store_txn *t, const struct naive *m)
{
	struct store_cursor *c;
	struct span at, value;
	uint64_t n = 0, counted;
	assert_int_equal(store_cursor_new(t, TABLE_ARTICLES, &c), 0);
	uint32_t key = after(m, 0), last = N_KEYS;
	int r = store_first(c, &at, &value);
	for (;; r = store_next(c, &at, &value)) {
		expect_at(m, key, r, at, value);
		if (r)
			break;
		last = key;
		key = after(m, key + 1);
		n++;
	}
	expect_at(m, last, store_last(c, &at, &value), at, value);
	store_cursor_free(c);
	assert_int_equal(store_count(t, TABLE_ARTICLES, &counted), 0);
	assert_true(counted == n);
}

/* From a random place on: look at each record, delete some with the cursor, as retention does. */
static void sweep(struct store_txn *t, struct naive *m, struct rng *r)
{
	struct store_cursor *c;
	struct span at, value;
	uint8_t bytes[4];
	uint32_t key = (uint32_t)rng_below(r, N_KEYS);
	uint64_t one_in = 1 + rng_below(r, 4), n_steps = rng_below(r, 300);
	assert_int_equal(store_cursor_new(t, TABLE_ARTICLES, &c), 0);
	int found = store_seek(c, key_u32(bytes, key), &at, &value);
	key = after(m, key);
	for (uint64_t i = 0; i < n_steps; i++) {
		expect_at(m, key, found, at, value);
		if (found)
			break;
		if (rng_below(r, one_in) == 0) {
			assert_int_equal(store_cursor_delete(c), 0);
			m->version[key] = 0;
		}
		found = store_next(c, &at, &value);
		key = after(m, key + 1);
	}
	store_cursor_free(c);
}

static void test_random(void **state)
{
	struct fixture *f = *state;
	static struct naive committed, mine;
	struct rng r;
	uint64_t seed = 5150;
	uint32_t version = 0;
	char value[VALUE_MAX];
	uint8_t key[4];
	printf("seed %" PRIu64 "\n", seed);
	rng_seed(&r, seed);
	memset(&committed, 0, sizeof(committed));
	struct store_txn *old = reader(f->store);
	for (int round = 0; round < 1500; round++) {
		struct store_txn *w;
		assert_int_equal(store_write_begin(f->store, &w), 0);
		mine = committed;
		for (uint64_t n = rng_below(&r, 60); n > 0; n--) {
			uint32_t k = (uint32_t)rng_below(&r, N_KEYS);
			struct span got;
			switch (rng_below(&r, 8)) {
			case 0: case 1: case 2: case 3:
				mine.version[k] = ++version;
				assert_int_equal(rng_below(&r, 2) ? store_put(w, TABLE_ARTICLES, key_u32(key, k), value_of(k, version, value))
				                                  : store_append(w, TABLE_ARTICLES, key_u32(key, k), value_of(k, version, value)), 0);
				break;
			case 4: case 5:
				assert_int_equal(store_delete(w, TABLE_ARTICLES, key_u32(key, k)), mine.version[k] == 0);
				mine.version[k] = 0;
				break;
			case 6:
				assert_int_equal(store_get(w, TABLE_ARTICLES, key_u32(key, k), &got), mine.version[k] == 0);
				assert_true(!mine.version[k] || span_equal(got, value_of(k, mine.version[k], value)));
				break;
			default:
				if (rng_below(&r, 5) == 0)
					sweep(w, &mine, &r);
				break;
			}
		}
		walk(w, &mine);
		walk(old, &committed); /* still the commit before */
		if (rng_below(&r, 4)) {
			assert_int_equal(store_write_commit(w), 0);
			committed = mine;
		} else {
			store_write_abort(w);
		}
		assert_int_equal(store_read_renew(old), 0);
		walk(old, &committed);
	}
	store_read_free(old);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_STORE(test_tables_are_apart),
		WITH_STORE(test_keys_and_values),
		WITH_STORE(test_isolation),
		WITH_STORE(test_snapshot_of_a_walk),
		WITH_STORE(test_append),
		WITH_STORE(test_random),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
