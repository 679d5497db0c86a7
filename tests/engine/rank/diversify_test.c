/* The diversifier against its definition, and what pages and caps promise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/engine/rank/world.h"

struct scene {
	struct world w;
	struct world_reader reader;
	struct rank_scratch *scratch;
	struct rank_item pool[LIMIT_FEED_DEPTH], before[40];
	size_t n_pool, n_before;
	uint64_t seed;
};

static uint64_t first_seed(void)
{
	const char *text = getenv("RANK_SEED");
	return text ? strtoull(text, NULL, 10) : 1;
}

static struct scene *scene_new(uint64_t seed)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct rng rng;
	rng_seed(&rng, seed);
	struct world_config config = {.seed = seed, .n_articles = 1 + (uint32_t)rng_below(&rng, 300),
	                              .n_names = 1 + (uint32_t)rng_below(&rng, 30),
	                              .vector_most = (uint32_t)rng_below(&rng, LIMIT_VECTOR + 1)};
	assert_non_null(s);
	s->seed = seed;
	world_new(&s->w, &config);
	world_make_reader(&s->w, &s->reader);
	assert_int_equal(rank_scratch_new(&s->scratch), 0);
	assert_int_equal(rank_pool(s->scratch, s->w.catalog, &s->reader.request, LIMIT_POOL, s->pool, &s->n_pool, NULL), 0);
	if (s->n_pool > 4) { /* the worst of the pool were on an earlier page; one of each has gone since */
		s->n_before = rng_below(&rng, s->n_pool / 2 < 40 ? s->n_pool / 2 : 40);
		s->n_pool -= s->n_before;
		memcpy(s->before, s->pool + s->n_pool, s->n_before * sizeof(*s->pool));
		s->pool[1].segment = NULL;
		s->before[0].segment = s->n_before ? NULL : s->before[0].segment;
		for (size_t i = 0; i < s->n_before && rng_below(&rng, 8); i++)
			s->before[i].for_caps = true;
	}
	return s;
}

static void scene_free(struct scene *s)
{
	rank_scratch_free(s->scratch);
	world_free(&s->w);
	free(s);
}

static void take_some(struct scene *s, bool *taken)
{
	for (size_t i = 0; i < s->n_pool; i++)
		taken[i] = rng_below(&s->w.rng, 4) == 0;
}

static void test_equals_naive(void **state)
{
	uint64_t seed = first_seed();
	print_message("RANK_SEED=%llu\n", (unsigned long long)seed);
	for (int round = 0; round < 300; round++) {
		struct scene *s = scene_new(seed + (uint64_t)round);
		bool taken_fast[LIMIT_FEED_DEPTH] = {false}, taken_naive[LIMIT_FEED_DEPTH];
		uint16_t fast[LIMIT_FEED_DEPTH], naive[LIMIT_FEED_DEPTH];
		size_t n_fast, n_naive, n = round % 10 == 0 ? LIMIT_POOL : 1 + rng_below(&s->w.rng, 40);
		take_some(s, taken_fast);
		memcpy(taken_naive, taken_fast, sizeof(taken_fast));
		assert_int_equal(rank_diversify(s->scratch, &s->w.model, &s->reader.request, s->pool, s->n_pool, taken_fast,
		                                s->before, s->n_before, n, fast, &n_fast), 0);
		assert_int_equal(rank_diversify_naive(&s->w.model, &s->reader.request, s->pool, s->n_pool, taken_naive,
		                                      s->before, s->n_before, n, naive, &n_naive), 0);
		assert_int_equal(n_fast, n_naive);
		for (size_t i = 0; i < n_fast; i++)
			if (fast[i] != naive[i])
				fail_msg("seed %llu: place %zu has %u, not %u", (unsigned long long)s->seed, i, fast[i], naive[i]);
		assert_memory_equal(taken_fast, taken_naive, s->n_pool);
		scene_free(s);
	}
}

/* Wherever the pages are cut, the list is the same. */
static void test_pages_continue(void **state)
{
	for (uint64_t round = 0; round < 60; round++) {
		struct scene *s = scene_new(first_seed() + 5000 + round);
		bool taken_whole[LIMIT_FEED_DEPTH] = {false}, taken[LIMIT_FEED_DEPTH] = {false};
		uint16_t whole[LIMIT_FEED_DEPTH], page[LIMIT_FEED_DEPTH];
		struct rank_item placed[LIMIT_FEED_DEPTH];
		size_t n_whole, n_page, done = 0;
		assert_int_equal(rank_diversify(s->scratch, &s->w.model, &s->reader.request, s->pool, s->n_pool, taken_whole,
		                                NULL, 0, LIMIT_FEED_DEPTH, whole, &n_whole), 0);
		do {
			size_t n = 1 + rng_below(&s->w.rng, 25);
			assert_int_equal(rank_diversify(s->scratch, &s->w.model, &s->reader.request, s->pool, s->n_pool, taken,
			                                placed, done, n, page, &n_page), 0);
			for (size_t i = 0; i < n_page; i++) {
				assert_int_equal(page[i], whole[done]);
				placed[done++] = s->pool[page[i]];
			}
		} while (n_page > 0);
		assert_int_equal(done, n_whole);
		scene_free(s);
	}
}

/* Pool after pool, each without the stories of the pages before: everything eligible comes, nothing twice. */
static void test_paging_exhausts(void **state)
{
	for (uint64_t round = 0; round < 40; round++) {
		struct scene *s = scene_new(first_seed() + 9000 + round);
		struct rank_request *q = &s->reader.request;
		static struct rank_item all[LIMIT_FEED_DEPTH];
		uint32_t seen[LIMIT_FEED_DEPTH];
		size_t n_all, n_seen = 0, n_pool, n_page;
		q->n_exclude_stories = 0;
		assert_int_equal(rank_pool_naive(s->w.catalog, q, LIMIT_FEED_DEPTH, all, &n_all), 0);
		q->exclude_stories = seen;
		do {
			bool taken[LIMIT_FEED_DEPTH] = {false};
			uint16_t page[LIMIT_FEED_DEPTH];
			q->n_exclude_stories = n_seen;
			assert_int_equal(rank_pool(s->scratch, s->w.catalog, q, 30, s->pool, &n_pool, NULL), 0);
			assert_int_equal(rank_diversify(s->scratch, &s->w.model, q, s->pool, n_pool, taken, NULL, 0, 20, page,
			                                &n_page), 0);
			for (size_t i = 0; i < n_page; i++) {
				for (size_t k = 0; k < n_seen; k++)
					assert_int_not_equal(seen[k], s->pool[page[i]].story);
				seen[n_seen++] = s->pool[page[i]].story;
			}
		} while (n_page > 0);
		assert_int_equal(n_seen, n_all);
		scene_free(s);
	}
}

static uint32_t number_of(const struct rank_item *item, int dimension)
{
	if (!item->segment)
		return 0;
	return dimension == MODEL_CAP_SOURCE    ? item->segment->source[item->slot]
	       : dimension == MODEL_CAP_SECTION ? item->segment->section[item->slot]
	                                        : item->segment->author[item->slot];
}

/* How often the number stands in the window that ends with this place. */
static int count_before(const struct rank_item *list, size_t place, const struct model_cap *cap, uint32_t number)
{
	int count = 0;
	for (size_t back = 1; back < (size_t)cap->window && back <= place; back++)
		count += number_of(&list[place - back], cap->dimension) == number;
	return count;
}

/* No cap is broken while an item that breaks none is left; a cap on what is filtered on is not felt. */
static void test_caps_hold(void **state)
{
	size_t broken = 0, places = 0;
	for (uint64_t round = 0; round < 200; round++) {
		struct scene *s = scene_new(first_seed() + 20000 + round);
		bool taken[LIMIT_FEED_DEPTH] = {false};
		uint16_t order[LIMIT_FEED_DEPTH];
		struct rank_item list[LIMIT_FEED_DEPTH];
		size_t n;
		const struct model_cap *cap = s->w.model.caps;
		s->w.model.n_caps = 1;
		s->w.model.caps[0] = (struct model_cap){MODEL_CAP_SOURCE, 1 + (int)(round % 3), 5};
		s->reader.request.source = s->reader.request.topic = 0;
		assert_int_equal(rank_diversify(s->scratch, &s->w.model, &s->reader.request, s->pool, s->n_pool, taken, NULL, 0,
		                                LIMIT_POOL, order, &n), 0);
		memset(taken, 0, sizeof(taken));
		for (size_t i = 0; i < n; i++, places++) {
			list[i] = s->pool[order[i]];
			uint32_t number = number_of(&list[i], cap->dimension);
			if (number && count_before(list, i, cap, number) >= cap->most) {
				broken++;
				for (size_t k = 0; k < s->n_pool; k++) {
					uint32_t other = number_of(&s->pool[k], cap->dimension);
					if (!taken[k] && s->pool[k].segment)
						assert_true(other && count_before(list, i, cap, other) >= cap->most);
				}
			}
			taken[order[i]] = true;
		}
		scene_free(s);
	}
	assert_true(broken > 0 && broken < places); /* the test saw both */
}

static bool rare_at(const struct scene *s, const struct rank_item *item)
{
	return catalog_source_is_rare(s->reader.request.sources, number_of(item, MODEL_CAP_SOURCE));
}

/* In any window at least so many of rare sources, while there are some; a request for one source does not feel it. */
static void test_floor_holds(void **state)
{
	size_t n_windows = 0, n_raised = 0;
	for (uint64_t round = 0; round < 200; round++) {
		struct scene *s = scene_new(first_seed() + 40000 + round);
		struct model *m = &s->w.model;
		bool taken[LIMIT_FEED_DEPTH] = {false}, taken_free[LIMIT_FEED_DEPTH] = {false};
		uint16_t order[LIMIT_FEED_DEPTH], free_order[LIMIT_FEED_DEPTH];
		size_t n, n_free, n_rare = 0, last_rare = 0;
		m->n_caps = 0;
		m->rare_window = 4 + (int)(round % 3);
		m->rare_least = 1 + (int)(round % 2);
		s->reader.request.topic = 0;
		s->reader.request.source = round % 10 == 0 ? TOPIC_SOURCE << TOPIC_NAMESPACE_SHIFT | 1 : 0;
		assert_int_equal(rank_diversify(s->scratch, m, &s->reader.request, s->pool, s->n_pool, taken, NULL, 0, LIMIT_POOL,
		                                order, &n), 0);
		m->rare_least = 0;
		assert_int_equal(rank_diversify(s->scratch, m, &s->reader.request, s->pool, s->n_pool, taken_free, NULL, 0,
		                                LIMIT_POOL, free_order, &n_free), 0);
		assert_int_equal(n, n_free);
		bool same = memcmp(order, free_order, n * sizeof(*order)) == 0;
		for (size_t i = 0; i < n; i++)
			if (rare_at(s, &s->pool[order[i]]))
				last_rare = i + 1;
		if (s->reader.request.source)
			assert_true(same);
		else
			n_raised += !same;
		for (size_t i = 0; i < n; i++) {
			n_rare += rare_at(s, &s->pool[order[i]]);
			if (i >= (size_t)m->rare_window)
				n_rare -= rare_at(s, &s->pool[order[i - (size_t)m->rare_window]]);
			if (s->reader.request.source || i + 1 < (size_t)m->rare_window || i >= last_rare)
				continue;
			assert_true(n_rare >= 1 + round % 2);
			n_windows++;
		}
		scene_free(s);
	}
	assert_true(n_windows > 100 && n_raised > 20);
}

static void test_caps_void(void **state)
{
	for (uint64_t round = 0; round < 20; round++) {
		struct scene *s = scene_new(first_seed() + 30000 + round);
		bool taken[LIMIT_FEED_DEPTH] = {false}, taken_free[LIMIT_FEED_DEPTH] = {false};
		uint16_t capped[LIMIT_FEED_DEPTH], uncapped[LIMIT_FEED_DEPTH];
		size_t n, n_free;
		s->w.model.n_caps = 1;
		s->w.model.caps[0] = (struct model_cap){MODEL_CAP_SECTION, 1, 9};
		s->reader.request.section = TOPIC_SECTION << TOPIC_NAMESPACE_SHIFT | 1;
		assert_int_equal(rank_diversify(s->scratch, &s->w.model, &s->reader.request, s->pool, s->n_pool, taken, NULL, 0,
		                                50, capped, &n), 0);
		s->w.model.n_caps = 0;
		assert_int_equal(rank_diversify(s->scratch, &s->w.model, &s->reader.request, s->pool, s->n_pool, taken_free,
		                                NULL, 0, 50, uncapped, &n_free), 0);
		assert_int_equal(n, n_free);
		assert_memory_equal(capped, uncapped, n * sizeof(*capped));
		scene_free(s);
	}
}

/* lambda 1 is the order of scores, but for what is no longer live. */
static void test_relevance_alone(void **state)
{
	struct scene *s = scene_new(77);
	bool taken[LIMIT_FEED_DEPTH] = {false};
	uint16_t order[LIMIT_FEED_DEPTH];
	size_t n;
	s->w.model.n_caps = 0;
	s->w.model.mmr_lambda = 1;
	assert_int_equal(rank_diversify(s->scratch, &s->w.model, &s->reader.request, s->pool, s->n_pool, taken, NULL, 0,
	                                LIMIT_POOL, order, &n), 0);
	for (size_t i = 1; i < n; i++)
		assert_true(s->pool[order[i - 1]].score >= s->pool[order[i]].score);
	scene_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equals_naive),    cmocka_unit_test(test_pages_continue),
		cmocka_unit_test(test_paging_exhausts), cmocka_unit_test(test_caps_hold),
		cmocka_unit_test(test_floor_holds),     cmocka_unit_test(test_caps_void),
		     cmocka_unit_test(test_relevance_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
