/* One writer replaces, removes and re-adds objects in a map while readers look at them. A reader that is given freed
 * memory meets the poison written over it (or ASan or TSan); a reader that goes back in time breaks an order that the
 * writer keeps: versions of a key only grow, and a key's pair is written before its partner's. */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/epoch.h"
#include "engine/base/map.h"
#include "engine/base/rng.h"

enum { N_READERS = 4, N_KEYS = 512, N_STEPS = 60000, POISON = 0xdd };

struct object {
	uint64_t key, version, check; /* check = key ^ version, plain memory: a race on it is a finding */
};

struct world {
	struct epoch *epoch;
	struct map *map;
	atomic_bool stop;
	_Atomic uint64_t n_looks, n_hits, n_wrong;
	_Atomic int n_inside; /* readers that have begun */
};

static void poison_and_free(void *object)
{
	memset(object, POISON, sizeof(struct object));
	free(object);
}

struct reader {
	struct world *w;
	uint64_t seed;
	pthread_t thread;
};

static void *read_on(void *arg)
{
	struct reader *me = arg;
	struct world *w = me->w;
	static _Thread_local uint64_t seen[N_KEYS]; /* the newest version of each key this reader saw */
	struct rng r;
	rng_seed(&r, me->seed);
	int slot = epoch_register(w->epoch);
	if (slot < 0) {
		atomic_fetch_add(&w->n_wrong, 1);
		return NULL;
	}
	atomic_fetch_add(&w->n_inside, 1);
	uint64_t n_looks = 0, n_hits = 0, n_wrong = 0;
	do {
		epoch_enter(w->epoch, slot);
		for (int i = 0; i < 20; i++) {
			uint64_t key = 1 + rng_below(&r, N_KEYS);
			const struct object *o = map_get_ptr(w->map, key);
			n_looks++;
			if (!o)
				continue;
			n_hits++;
			n_wrong += o->key != key || o->check != (key ^ o->version) || o->version < seen[key - 1];
			seen[key - 1] = o->version;
		}
		if (rng_below(&r, 4) == 0)
			epoch_leave(w->epoch, slot);
	} while (!atomic_load(&w->stop));
	epoch_unregister(w->epoch, slot);
	atomic_fetch_add(&w->n_looks, n_looks);
	atomic_fetch_add(&w->n_hits, n_hits);
	atomic_fetch_add(&w->n_wrong, n_wrong);
	return NULL;
}

static void write_on(struct world *w, struct rng *r)
{
	static uint64_t versions[N_KEYS];
	size_t most_waiting = 0;
	for (int step = 0; step < N_STEPS; step++) {
		uint64_t key = 1 + rng_below(r, N_KEYS);
		struct object *old = map_get_ptr(w->map, key), *fresh = NULL;
		if (rng_below(r, 3)) {
			fresh = malloc(sizeof(*fresh));
			assert_non_null(fresh);
			uint64_t version = ++versions[key - 1];
			*fresh = (struct object){key, version, key ^ version};
			assert_int_equal(map_put_ptr(w->map, key, fresh), 0);
		} else {
			map_remove(w->map, key);
		}
		if (old)
			epoch_retire(w->epoch, old, poison_and_free);
		/* Other keys come and go, so that tables are rebuilt under the readers. */
		assert_int_equal(map_put(w->map, UINT64_C(1) << 32 | (uint64_t)step, 1), 0);
		if (step >= 100)
			map_remove(w->map, UINT64_C(1) << 32 | (uint64_t)(step - 100));
		if (step % 64 == 0) {
			size_t waiting = epoch_reclaim(w->epoch);
			most_waiting = waiting > most_waiting ? waiting : most_waiting;
		}
	}
	printf("most objects waiting: %zu\n", most_waiting);
}

static void free_pair(uint64_t key, uint64_t value, void *ctx)
{
	if (key <= N_KEYS)
		free((void *)(uintptr_t)value);
}

static void test_map_under_readers(void **state)
{
	struct world w = {0};
	struct reader readers[N_READERS];
	struct rng r;
	uint64_t seed = 1998;
	printf("seed %" PRIu64 "\n", seed);
	rng_seed(&r, seed);
	assert_int_equal(epoch_new(&w.epoch), 0);
	assert_int_equal(map_new(&w.map, w.epoch), 0);
	for (int i = 0; i < N_READERS; i++) {
		readers[i] = (struct reader){&w, seed + 1 + (uint64_t)i, 0};
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
	}
	while (atomic_load(&w.n_inside) < N_READERS)
		sched_yield();
	write_on(&w, &r);
	atomic_store(&w.stop, true);
	for (int i = 0; i < N_READERS; i++)
		pthread_join(readers[i].thread, NULL);
	printf("looks %" PRIu64 ", hits %" PRIu64 "\n", atomic_load(&w.n_looks), atomic_load(&w.n_hits));
	assert_true(atomic_load(&w.n_hits) > 0);
	assert_int_equal(atomic_load(&w.n_wrong), 0);
	assert_int_equal(epoch_reclaim(w.epoch), 0); /* all have left */
	map_each(w.map, free_pair, NULL);
	map_free(w.map);
	epoch_free(w.epoch);
}

/* A key that is always there is always found, whatever the table does. */
static void *look_for_fixed(void *arg)
{
	struct world *w = arg;
	int slot = epoch_register(w->epoch);
	atomic_fetch_add(&w->n_inside, 1);
	uint64_t n_looks = 0, n_wrong = 0;
	do {
		epoch_enter(w->epoch, slot);
		for (uint64_t key = 1; key <= 64; key++) {
			uint64_t value = map_get(w->map, key);
			n_wrong += value < key * 1000 || value >= key * 1000 + 1000;
			n_looks++;
		}
	} while (!atomic_load(&w->stop));
	epoch_unregister(w->epoch, slot);
	atomic_fetch_add(&w->n_looks, n_looks);
	atomic_fetch_add(&w->n_wrong, n_wrong);
	return NULL;
}

static void test_growth_hides_nothing(void **state)
{
	struct world w = {0};
	pthread_t threads[N_READERS];
	assert_int_equal(epoch_new(&w.epoch), 0);
	assert_int_equal(map_new(&w.map, w.epoch), 0);
	for (uint64_t key = 1; key <= 64; key++)
		assert_int_equal(map_put(w.map, key, key * 1000), 0);
	for (int i = 0; i < N_READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, look_for_fixed, &w), 0);
	while (atomic_load(&w.n_inside) < N_READERS)
		sched_yield();
	for (uint64_t i = 1; i <= 40000; i++) { /* grows from 16 entries to 131,072 */
		assert_int_equal(map_put(w.map, 1000 + i, i), 0);
		uint64_t key = 1 + i % 64;
		assert_int_equal(map_put(w.map, key, key * 1000 + i % 1000), 0);
		if (i % 256 == 0)
			(void)epoch_reclaim(w.epoch);
	}
	atomic_store(&w.stop, true);
	for (int i = 0; i < N_READERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&w.n_wrong), 0);
	assert_int_equal(map_count(w.map), 40064);
	map_free(w.map);
	epoch_free(w.epoch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_under_readers),
		cmocka_unit_test(test_growth_hides_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
