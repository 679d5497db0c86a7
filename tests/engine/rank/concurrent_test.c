/* Ranking while the writer changes the catalogue: what comes out is a possible pool, and nothing freed is read (ASan) or
 * read in the middle of a change (TSan). */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/epoch.h"
#include "tests/engine/rank/world.h"

enum { READERS = 2, ROUNDS = 150 };

static struct world world;
static _Atomic int n_running;

struct reader {
	pthread_t thread;
	struct world_reader who;
	bool wrong;
};

/* Best first, and no story twice. */
static bool is_pool(const struct rank_item *pool, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && pool[i - 1].score < pool[i].score)
			return false;
		for (size_t k = 0; k < i; k++)
			if (pool[k].story == pool[i].story)
				return false;
	}
	return true;
}

static bool rank_once(struct rank_scratch *s, const struct rank_request *q)
{
	struct rank_item pool[LIMIT_POOL];
	struct rank_reason rows[RANK_REASONS_MAX];
	bool taken[LIMIT_POOL] = {false};
	uint16_t order[LIMIT_POOL];
	size_t n, n_order;
	uint64_t n_eligible;
	if (rank_pool(s, world.catalog, q, LIMIT_POOL, pool, &n, &n_eligible) || !is_pool(pool, n))
		return false;
	if (rank_diversify(s, &world.model, q, pool, n, taken, NULL, 0, 20, order, &n_order))
		return false;
	for (size_t i = 0; i < n_order; i++) {
		int64_t sum = 0;
		size_t n_rows = rank_explain(s, world.catalog, q, &pool[order[i]], rows);
		for (size_t k = 0; k < n_rows; k++)
			sum += rows[k].contribution;
		if (sum != pool[order[i]].score)
			return false;
	}
	return true;
}

static void *read_on(void *arg)
{
	struct reader *r = arg;
	struct rank_scratch *s = NULL;
	int slot = epoch_register(world.epoch);
	r->wrong = slot < 0 || rank_scratch_new(&s);
	for (int i = 0; i < ROUNDS && !r->wrong; i++) {
		epoch_enter(world.epoch, slot);
		r->wrong = !rank_once(s, &r->who.request);
		epoch_leave(world.epoch, slot);
	}
	rank_scratch_free(s);
	if (slot >= 0)
		epoch_unregister(world.epoch, slot);
	atomic_fetch_sub(&n_running, 1);
	return NULL;
}

static void test_beside_writer(void **state)
{
	static struct reader readers[READERS];
	struct world_config config = {.seed = 3, .n_articles = 5000, .n_names = 100, .n_stories = 2000, .vector_most = 8};
	world_new(&world, &config);
	for (int i = 0; i < READERS; i++)
		world_make_plain_reader(&world, &readers[i].who, 50);
	atomic_store(&n_running, READERS);
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
	while (atomic_load(&n_running) > 0) {
		for (int i = 0; i < 20; i++)
			world_disturb(&world);
		epoch_reclaim(world.epoch);
	}
	for (int i = 0; i < READERS; i++) {
		pthread_join(readers[i].thread, NULL);
		assert_false(readers[i].wrong);
	}
	world_free(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_beside_writer)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
