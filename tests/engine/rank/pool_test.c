/* The pool against its definition, on random worlds. RANK_SEED and RANK_WORLDS in the environment repeat or lengthen a
 * run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/engine/rank/world.h"

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void same_items(const struct rank_item *a, size_t n_a, const struct rank_item *b, size_t n_b, uint64_t seed)
{
	if (n_a != n_b)
		fail_msg("seed %llu: %zu items, not %zu", (unsigned long long)seed, n_a, n_b);
	for (size_t i = 0; i < n_a; i++)
		if (a[i].article != b[i].article || a[i].story != b[i].story || a[i].score != b[i].score ||
		    a[i].published_ms != b[i].published_ms || a[i].segment != b[i].segment || a[i].slot != b[i].slot)
			fail_msg("seed %llu: at %zu article %u score %d, not article %u score %d", (unsigned long long)seed, i,
			         a[i].article, a[i].score, b[i].article, b[i].score);
}

struct census {
	struct rank_item *items;
	size_t n;
};

static void take_census(void *ctx, const struct catalog_segment *segment, uint32_t slot)
{
	struct census *census = ctx;
	census->items[census->n++] = (struct rank_item){.article = segment->article[slot], .segment = segment, .slot = slot};
}

/* rank_score says eligible of as many articles as rank_pool counted, and gives the pool's scores. */
static void check_scores(struct world *w, struct rank_scratch *s, const struct rank_request *q,
                         const struct rank_item *pool, size_t n_pool, uint64_t n_eligible)
{
	struct census census = {malloc((w->config.n_articles + 1) * sizeof(*census.items)), 0};
	enum rank_why *why = malloc((w->config.n_articles + 1) * sizeof(*why));
	uint64_t eligible = 0;
	size_t found = 0;
	catalog_each(w->catalog, take_census, &census);
	assert_int_equal(rank_score(s, w->catalog, q, census.items, census.n, why), 0);
	for (size_t i = 0; i < census.n; i++) {
		eligible += why[i] == RANK_ELIGIBLE;
		for (size_t k = 0; k < n_pool; k++)
			if (pool[k].article == census.items[i].article) {
				assert_int_equal(pool[k].score, census.items[i].score);
				assert_int_equal(why[i], RANK_ELIGIBLE);
				found++;
			}
	}
	assert_int_equal(found, n_pool);
	assert_int_equal(eligible, n_eligible);
	free(census.items);
	free(why);
}

static void check_explained(struct world *w, struct rank_scratch *s, const struct rank_request *q,
                            const struct rank_item *pool, size_t n_pool)
{
	struct rank_reason rows[RANK_REASONS_MAX], filtered[RANK_REASONS_MAX];
	struct arena arena = {0};
	const struct rank_filter *filter = rank_filter_new(&arena, q);
	for (size_t i = 0; i < n_pool; i += 1 + n_pool / 5) {
		int64_t sum = 0;
		size_t n = rank_explain(NULL, w->catalog, q, &pool[i], rows);
		assert_true(n <= RANK_REASONS_MAX);
		assert_int_equal(rank_explain(filter, w->catalog, q, &pool[i], filtered), n);
		for (size_t k = 0; k < n; k++)
			assert_true(rows[k].feature == filtered[k].feature && rows[k].topic == filtered[k].topic &&
			            rows[k].contribution == filtered[k].contribution);
		for (size_t k = 0; k < n; k++) {
			sum += rows[k].contribution;
			assert_true(rows[k].contribution != 0);
			assert_true(k == 0 || llabs(rows[k].contribution) <= llabs(rows[k - 1].contribution));
		}
		assert_int_equal(sum, pool[i].score);
	}
	arena_free(&arena);
}

static void check_request(struct world *w, struct rank_scratch *s, const struct rank_request *q, size_t n, uint64_t seed)
{
	static struct rank_item fast[LIMIT_FEED_DEPTH], naive[LIMIT_FEED_DEPTH];
	size_t n_fast = 7777, n_naive = 7777;
	uint64_t n_eligible = 7777;
	assert_int_equal(rank_pool(s, w->catalog, q, n, fast, &n_fast, &n_eligible), 0);
	assert_int_equal(rank_pool_naive(w->catalog, q, n, naive, &n_naive), 0);
	same_items(fast, n_fast, naive, n_naive, seed);
	check_scores(w, s, q, fast, n_fast, n_eligible);
	check_explained(w, s, q, fast, n_fast);
	assert_int_equal(rank_pool(s, w->catalog, q, n, fast, &n_fast, NULL), 0);
	same_items(fast, n_fast, naive, n_naive, seed);
	struct rank_request unordered = *q;
	unordered.any_order = true;
	assert_int_equal(rank_pool(s, w->catalog, &unordered, n, fast, &n_fast, NULL), 0);
	rank_sort(fast, n_fast);
	same_items(fast, n_fast, naive, n_naive, seed);
}

static void check_world(const struct world_config *config, size_t n_readers)
{
	static const size_t sizes[] = {0, 1, 2, 3, 10, 20, 50, 200, 999, 1000};
	static struct world w;
	static struct world_reader reader;
	struct rank_scratch *s;
	world_new(&w, config);
	assert_int_equal(rank_scratch_new(&s), 0);
	for (size_t i = 0; i < n_readers; i++) {
		world_make_reader(&w, &reader);
		size_t n = sizes[rng_below(&w.rng, sizeof(sizes) / sizeof(sizes[0]))];
		check_request(&w, s, &reader.request, n, config->seed);
	}
	rank_scratch_free(s);
	world_free(&w);
}

static void test_small_worlds(void **state)
{
	uint64_t seed = setting("RANK_SEED", 1), n_worlds = setting("RANK_WORLDS", 250);
	struct rng rng;
	print_message("RANK_SEED=%llu RANK_WORLDS=%llu\n", (unsigned long long)seed, (unsigned long long)n_worlds);
	for (uint64_t i = 0; i < n_worlds; i++) {
		rng_seed(&rng, seed + i);
		struct world_config config = {.seed = seed + i, .n_articles = 1 + (uint32_t)rng_below(&rng, 300)};
		config.n_names = 1 + (uint32_t)rng_below(&rng, i % 2 ? 4 : 60);
		config.n_stories = i % 3 ? 1 + (uint32_t)rng_below(&rng, config.n_articles) : 0;
		config.vector_most = (uint32_t)rng_below(&rng, i % 5 ? 12 : LIMIT_VECTOR + 1);
		check_world(&config, 12);
	}
}

static void test_large_worlds(void **state)
{
	uint64_t seed = setting("RANK_SEED", 1);
	for (uint64_t i = 0; i < 3; i++) {
		struct world_config config = {.seed = seed + 100000 + i, .n_articles = 4090 + (uint32_t)i * 2500, .n_names = 300,
		                              .n_stories = i == 1 ? 700 : 3000, .vector_most = 8};
		check_world(&config, 6);
	}
}

/* Every score equal, over several segments whose order is not that of time: the tie-break alone decides. */
static void test_ties_across_segments(void **state)
{
	static struct world w;
	static struct world_reader reader;
	static const size_t sizes[] = {1, 7, 200, 1000};
	struct world_config config = {.seed = setting("RANK_SEED", 1) + 200000, .n_articles = 12500, .n_names = 50,
	                              .n_stories = 6000, .vector_most = 4};
	struct rank_scratch *s;
	world_new(&w, &config);
	memset(w.model.weights, 0, sizeof(w.model.weights));
	assert_int_equal(catalog_set_model(w.catalog, 0, false), 0);
	assert_int_equal(catalog_set_model(w.catalog, 0, true), 0);
	assert_int_equal(rank_scratch_new(&s), 0);
	for (size_t i = 0; i < 4; i++) {
		world_make_reader(&w, &reader);
		check_request(&w, s, &reader.request, sizes[i], config.seed);
	}
	rank_scratch_free(s);
	world_free(&w);
}

/* By time alone, over several segments in no order of time: those with nothing new enough are left out, no others. */
static void test_latest_across_segments(void **state)
{
	static struct world w;
	static struct world_reader reader;
	static const size_t sizes[] = {1, 7, 50, 200};
	struct world_config config = {.seed = setting("RANK_SEED", 1) + 300000, .n_articles = 17000, .n_names = 50,
	                              .n_stories = 12000, .vector_most = 4};
	struct rank_scratch *s;
	world_new(&w, &config);
	assert_int_equal(rank_scratch_new(&s), 0);
	for (size_t i = 0; i < 8; i++) {
		world_make_reader(&w, &reader);
		reader.request.order = RANK_LATEST;
		check_request(&w, s, &reader.request, sizes[i % 4], config.seed);
	}
	rank_scratch_free(s);
	world_free(&w);
}

static void test_empty_world(void **state)
{
	struct world_config config = {.seed = 5, .n_names = 3};
	check_world(&config, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_world),
		cmocka_unit_test(test_small_worlds),
		cmocka_unit_test(test_large_worlds),
		cmocka_unit_test(test_ties_across_segments),
		cmocka_unit_test(test_latest_across_segments),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
