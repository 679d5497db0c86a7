/* Ranking while the writer changes the catalogue: what comes out is a possible pool, and nothing freed is read (ASan) or
 * read in the middle of a change (TSan). */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/epoch.h"
#include "engine/rank/shortlist.h"
#include "tests/engine/rank/world.h"

enum { READERS = 2, ROUNDS = 150 };

static struct world world;
static struct model of_columns; /* looks at all of them */
static struct signals *signals;
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

/* Each slot is its story's, and every column a number. */
static bool measure_once(struct rank_scratch *s, const struct rank_request *q, const struct rank_item *pool, size_t n)
{
	struct arena arena = {0};
	struct example *e;
	struct rank_request by_columns = *q;
	const struct rank_stage_two two = {.signals = signals, .user = 7};
	by_columns.model = &of_columns;
	bool right = rank_shortlist(s, world.catalog, &by_columns, &two, pool, n, &arena, &e) == 0;
	for (size_t i = 0; right && i < n; i++) {
		right = e->slots[i].article == pool[i].article;
		for (size_t c = 0; c < N_COLUMNS; c++)
			right = right && isfinite(e->columns[i * N_COLUMNS + c]);
	}
	arena_free(&arena);
	return right;
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
	if (!measure_once(s, q, pool, n))
		return false;
	if (rank_diversify(s, &world.model, q, pool, n, taken, NULL, 0, 20, order, &n_order))
		return false;
	for (size_t i = 0; i < n_order; i++) {
		int64_t sum = 0;
		size_t n_rows = rank_explain(NULL, world.catalog, q, &pool[order[i]], rows);
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
	assert_int_equal(signals_new(&signals, 4096), 0);
	of_columns = world.model;
	of_columns.kind = MODEL_ONLINE;
	for (int c = 0; c < N_COLUMNS; c++)
		of_columns.columns[c] = true;
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
	signals_free(signals);
	world_free(&world);
}

enum { MOVERS = 150, MOVER_ROUNDS = 200 };

static void *count_on(void *arg)
{
	struct reader *r = arg;
	struct rank_scratch *s = NULL;
	struct rank_item pool[LIMIT_POOL];
	int slot = epoch_register(world.epoch);
	r->wrong = slot < 0 || rank_scratch_new(&s);
	for (int i = 0; i < MOVER_ROUNDS && !r->wrong; i++) {
		size_t n;
		r->who.request.each_report = i % 2;
		epoch_enter(world.epoch, slot);
		r->wrong = rank_pool(s, world.catalog, &r->who.request, LIMIT_POOL, pool, &n, NULL) || n != MOVERS;
		epoch_leave(world.epoch, slot);
	}
	rank_scratch_free(s);
	if (slot >= 0)
		epoch_unregister(world.epoch, slot);
	atomic_fetch_sub(&n_running, 1);
	return NULL;
}

/* An article that is updated while the catalogue is scanned is in the pool all the same, once. */
static void test_updates_hide_nothing(void **state)
{
	static struct reader readers[READERS];
	struct world_config config = {.seed = 4, .n_articles = MOVERS, .n_names = 20, .vector_most = 8, .plain = true};
	world_new(&world, &config);
	for (int i = 0; i < READERS; i++) {
		world_make_plain_reader(&world, &readers[i].who, 50);
		readers[i].who.request.reader.history = NULL;
		readers[i].who.request.reader.n_mutes = 0;
	}
	atomic_store(&n_running, READERS);
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&readers[i].thread, NULL, count_on, &readers[i]), 0);
	for (uint32_t article = 1; atomic_load(&n_running) > 0; article = article % MOVERS + 1) {
		world_publish(&world, article);
		if (article < MOVERS)
			continue;
		world.now_ms += 60000; /* a new minute drops the segments that are empty by now */
		assert_int_equal(catalog_tick(world.catalog, world.now_ms, NULL, NULL), 0);
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
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_beside_writer), cmocka_unit_test(test_updates_hide_nothing)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
