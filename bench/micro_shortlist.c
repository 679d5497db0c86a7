/* How long stage two takes for one feed of 200 candidates on one core, in a release build: measuring the columns of the
 * shortlist, scoring it with a model that learns, bringing it into order, and saying why of a page of 20.
 *
 *     ninja -C build bench/micro_shortlist
 *     build/bench/micro_shortlist [N_ARTICLES] [ROUNDS] [READS] [models/learned.json] */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/micro.h"
#include "engine/rank/shortlist.h"
#include "tests/engine/rank/world.h"

enum { READERS = 64, MAX_ROUNDS = 100000, CROSSES = 1 << 18, PAGE = 20, MODEL_BYTES = 1 << 16 };

static struct span read_file(const char *path)
{
	static char text[MODEL_BYTES];
	FILE *file = fopen(path, "r");
	if (!file) {
		perror(path);
		exit(1);
	}
	size_t n = fread(text, 1, sizeof(text), file);
	fclose(file);
	return (struct span){text, n};
}

/* Signals as some thousands of slates leave them: of every section, pair of sections and of the usual words. */
static void teach(struct signals *s, uint32_t minute, uint32_t n_names)
{
	const float counts[SIGNAL_VALUES] = {1, 0.7f};
	for (uint32_t a = 0; a <= n_names; a++) {
		uint32_t word = (uint32_t)TOPIC_TERM << TOPIC_NAMESPACE_SHIFT | a;
		signals_add(s, SIGNAL_WORD, signal_key(SIGNAL_WORD, word, 0), minute - a % 1000, counts);
	}
	for (uint32_t a = 0; a < 64; a++) {
		uint32_t section = (uint32_t)TOPIC_SECTION << TOPIC_NAMESPACE_SHIFT | a;
		signals_add(s, SIGNAL_SECTION, signal_key(SIGNAL_SECTION, a ? section : 0, 0), minute - a, counts);
		for (uint32_t b = 1; b < 64; b++)
			signals_add(s, SIGNAL_NEXT, signal_key(SIGNAL_NEXT, section, (uint32_t)TOPIC_SECTION << TOPIC_NAMESPACE_SHIFT | b),
			            minute - b, counts);
	}
}

/* Where words stand, after some thousands of readers of random words. */
static void read_words(struct kin *k, struct world *w)
{
	uint16_t rows[KIN_DOCUMENT_MAX];
	for (uint64_t user = 1; user <= 6000; user++) {
		for (size_t i = 0; i < KIN_DOCUMENT_MAX; i++)
			rows[i] = kin_row(world_topic(w, TOPIC_TERM));
		kin_learn(k, user, rows, KIN_DOCUMENT_MAX, KIN_READS);
	}
}

static void tell(const struct rank_request *q, const struct catalog *c, const struct rank_stage_two *two,
                 const struct example *e, const struct rank_item *items, size_t n, struct arena *arena)
{
	uint16_t which[PAGE];
	n = n < PAGE ? n : PAGE;
	struct rank_parts parts;
	struct rank_row rows[RANK_TOLD_MOST];
	for (size_t i = 0; i < n; i++)
		which[i] = items[i].listed;
	must(rank_shortlist_parts(q, rank_filter_new(arena, q), two, e, which, n, arena, &parts));
	for (size_t i = 0; i < n; i++)
		rank_shortlist_tell(c, q, e, which[i], &items[i], &parts, i, rows);
}

int main(int argc, char **argv)
{
	static struct world w;
	static struct world_reader readers[READERS];
	static struct rank_item pools[READERS][LIMIT_POOL];
	static size_t n_pool[READERS];
	static double measure_us[MAX_ROUNDS], score_us[MAX_ROUNDS], order_us[MAX_ROUNDS], tell_us[MAX_ROUNDS];
	static struct rank_item items[LIMIT_POOL];
	struct world_config config = {.seed = 1, .n_names = 20000, .n_sections = 40, .vector_most = 20, .plain = true};
	config.n_articles = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 100000;
	size_t rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 2000;
	uint16_t n_reads = argc > 3 ? (uint16_t)strtoul(argv[3], NULL, 10) : HISTORY_READS;
	n_reads = n_reads < HISTORY_READS ? n_reads : HISTORY_READS;
	config.n_stories = config.n_articles * 2 / 3;
	static const _Atomic uint64_t changes;
	struct rank_scratch *scratch;
	struct model *model;
	struct model_problem problem;
	struct signals *signals;
	struct kin *kin;
	world_new(&w, &config);
	must(model_parse(read_file(argc > 4 ? argv[4] : "models/learned.json"), &rank_model_names, &model, &problem));
	must(rank_scratch_new(&scratch));
	must(signals_new(&signals, 1 << 19));
	must(kin_new(&kin));
	double t = now_us();
	read_words(kin, &w);
	printf("a reader's document, learnt  mean   %8.1f us\n", (now_us() - t) / 6000);
	teach(signals, (uint32_t)(w.now_ms / 60000), config.n_names);
	_Atomic float *crosses = calloc(CROSSES, sizeof(*crosses));
	size_t n_params = model_n_params(model);
	struct rank_learned *learned = calloc(1, sizeof(*learned) + n_params * sizeof(float));
	float *squares = calloc(n_params, sizeof(*squares));
	if (!crosses || !learned || !squares)
		must(-ENOMEM);
	for (size_t i = 0; i < CROSSES; i++) /* in memory of their own */
		atomic_init(&crosses[i], (float)(rng_double(&w.rng) - 0.5) / 8);
	model_params_init(model, 1, learned->params, squares);
	for (size_t i = 0; i < n_params; i++)
		learned->params[i] = (float)(rng_double(&w.rng) - 0.5);
	learned->crosses = crosses;
	learned->cross_mask = CROSSES - 1;
	learned->changes = &changes;
	struct rank_stage_two two = {.signals = signals, .space = kin_space(kin), .learned = learned, .user = 7};
	for (size_t i = 0; i < READERS; i++) {
		world_make_plain_reader(&w, &readers[i], 100);
		readers[i].history.n_reads = n_reads;
		readers[i].request.model = model;
		readers[i].request.model_slot = 1; /* not live: its scores are computed */
		must(rank_pool(scratch, w.catalog, &readers[i].request, LIMIT_POOL, pools[i], &n_pool[i], NULL));
	}
	rounds = rounds > MAX_ROUNDS ? MAX_ROUNDS : rounds;
	struct arena arena = {0};
	static double scores[LIMIT_POOL];
	for (size_t i = 0; i < rounds; i++) {
		size_t k = i % READERS;
		struct example *e;
		arena_reset(&arena);
		double t0 = now_us();
		must(rank_shortlist(scratch, w.catalog, &readers[k].request, &two, pools[k], n_pool[k], &arena, &e));
		double t1 = now_us();
		must(rank_shortlist_score(model, &two, e, &arena, scores));
		double t2 = now_us();
		memcpy(items, pools[k], n_pool[k] * sizeof(*items));
		must(rank_shortlist_order(model, &two, e, items, n_pool[k], &arena));
		double t3 = now_us();
		tell(&readers[k].request, w.catalog, &two, e, items, n_pool[k], &arena);
		tell_us[i] = now_us() - t3;
		order_us[i] = t3 - t2;
		score_us[i] = t2 - t1;
		measure_us[i] = t1 - t0;
	}
	printf("%u articles, %zu candidates, %u reads\n", config.n_articles, n_pool[0], (unsigned)n_reads);
	report("measure the columns", measure_us, rounds);
	report("score", score_us, rounds);
	report("score and bring into order", order_us, rounds);
	report("reasons of a page of 20", tell_us, rounds);
	arena_free(&arena);
	rank_scratch_free(scratch);
	signals_free(signals);
	kin_free(kin);
	model_free(model);
	free(crosses);
	free(learned);
	free(squares);
	world_free(&w);
	return 0;
}
