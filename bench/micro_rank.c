/* How long the ranker's parts take on one core, in a release build.
 *
 *     ninja -C build bench/micro_rank && build/bench/micro_rank [N_ARTICLES] [N_READER_TOPICS] [ROUNDS] */
#include <stdio.h>
#include <stdlib.h>

#include "bench/micro.h"
#include "tests/engine/rank/world.h"

enum { READERS = 64, MAX_ROUNDS = 100000 };

static struct rank_item pool[LIMIT_FEED_DEPTH];

/* The weights of models/default.json, so that the benchmark needs no file. */
static const double default_weights[N_FEATURES] = {
	[FEATURE_TOPIC_SHORT] = 0.9, [FEATURE_TOPIC_LONG] = 0.8,   [FEATURE_TERM_SHORT] = 0.6, [FEATURE_TERM_LONG] = 0.5,
	[FEATURE_SECTION] = 0.9,     [FEATURE_SOURCE] = 0.8,       [FEATURE_PLACE] = 0.9,      [FEATURE_FOLLOW] = 0.7,
	[FEATURE_LANGUAGE] = 1.5,    [FEATURE_SEEN] = -0.45,       [FEATURE_FRESH] = 1.6,      [FEATURE_AGE] = -0.35,
	[FEATURE_POPULAR_1H] = 0.15, [FEATURE_POPULAR_12H] = 0.12, [FEATURE_CTR] = 0.3,        [FEATURE_EXPLORE] = 0.1,
};

static uint64_t count_postings(const struct catalog *c, const struct profile *p)
{
	const struct catalog_view *v = catalog_view(c);
	uint64_t n = 0;
	for (size_t g = 0; g < v->n_segments; g++)
		for (uint32_t k = 0; k < catalog_n_entries(v->segments[g], atomic_load(&v->segments[g]->count)); k++)
			for (int i = 0; i < p->n_topics; i++)
				n += atomic_load(&v->segments[g]->vectors)[k].topic == p->topics[i].topic;
	return n;
}

static double time_pool(struct rank_scratch *s, const struct world *w, const struct world_reader *r, uint64_t *n_eligible)
{
	size_t n;
	double start = now_us();
	must(rank_pool(s, w->catalog, &r->request, LIMIT_POOL, pool, &n, n_eligible));
	return now_us() - start;
}

static void time_page(struct rank_scratch *s, const struct world *w, const struct world_reader *r, double *diversify_us,
                      double *explain_us, double *score_us)
{
	const struct rank_request *q = &r->request;
	bool taken[LIMIT_FEED_DEPTH] = {false};
	uint16_t order[LIMIT_FEED];
	struct rank_reason rows[RANK_REASONS_MAX];
	size_t n, n_page;
	must(rank_pool(s, w->catalog, q, LIMIT_POOL, pool, &n, NULL));
	double t0 = now_us();
	must(rank_diversify(s, &w->model, q, pool, n, taken, NULL, 0, 20, order, &n_page));
	double t1 = now_us();
	for (size_t k = 0; k < n_page; k++)
		rank_explain(NULL, w->catalog, q, &pool[order[k]], rows);
	double t2 = now_us();
	must(rank_score(s, w->catalog, q, pool, n, NULL));
	*score_us = now_us() - t2;
	*explain_us = t2 - t1;
	*diversify_us = t1 - t0;
}

int main(int argc, char **argv)
{
	static struct world w;
	static struct world_reader readers[READERS];
	static double pool_us[MAX_ROUNDS], counted_us[MAX_ROUNDS], diversify_us[MAX_ROUNDS], explain_us[MAX_ROUNDS],
		score_us[MAX_ROUNDS];
	uint64_t n_eligible;
	struct world_config config = {.seed = 1, .n_names = 20000, .vector_most = 20, .plain = true};
	config.n_articles = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 100000;
	size_t n_topics = argc > 2 ? strtoul(argv[2], NULL, 10) : 100, rounds = argc > 3 ? strtoul(argv[3], NULL, 10) : 2000;
	config.n_stories = config.n_articles * 2 / 3;
	struct rank_scratch *s;
	world_new(&w, &config);
	for (int f = 0; f < N_FEATURES; f++)
		w.model.weights[f] = default_weights[f];
	w.model.mmr_lambda = 0.7;
	w.model.n_caps = 2;
	w.model.caps[0] = (struct model_cap){MODEL_CAP_SOURCE, 2, 6};
	w.model.caps[1] = (struct model_cap){MODEL_CAP_SECTION, 4, 8};
	must(catalog_set_model(w.catalog, 0, false));
	must(catalog_set_model(w.catalog, 0, true));
	must(catalog_tick(w.catalog, w.now_ms + 60000, NULL, NULL));
	must(rank_scratch_new(&s));
	for (size_t i = 0; i < READERS; i++)
		world_make_plain_reader(&w, &readers[i], n_topics);
	printf("%u articles, %zu topics a reader, %llu postings of the first one's\n", config.n_articles, n_topics,
	       (unsigned long long)count_postings(w.catalog, &readers[0].profile));
	if (rounds > MAX_ROUNDS)
		rounds = MAX_ROUNDS;
	for (size_t i = 0; i < rounds; i++)
		pool_us[i] = time_pool(s, &w, &readers[i % READERS], NULL);
	for (size_t i = 0; i < rounds; i++)
		counted_us[i] = time_pool(s, &w, &readers[i % READERS], &n_eligible);
	for (size_t i = 0; i < rounds; i++)
		time_page(s, &w, &readers[i % READERS], &diversify_us[i], &explain_us[i], &score_us[i]);
	report("pool of 200", pool_us, rounds);
	report("the same, counting eligible", counted_us, rounds);
	report("diversify 200 to 20", diversify_us, rounds);
	report("explain 20", explain_us, rounds);
	report("score 200 given", score_us, rounds);
	rank_scratch_free(s);
	world_free(&w);
	return 0;
}
