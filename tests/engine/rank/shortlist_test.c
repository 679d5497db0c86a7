/* A shortlist in the order of what a model has learnt, and why: rows that sum to the score and say what is so. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/rank/shortlist.h"
#include "tests/engine/learn/zeros.h"
#include "tests/engine/rank/world.h"

enum { MASK = 1023, N_MOST = 60 };

static struct world world;
static struct rank_scratch *scratch;
static struct signals *signals;
static struct model model;
static _Atomic float *crosses;
static struct rank_learned *learned;
static _Atomic uint64_t changes;
static struct rank_stage_two two;
static struct arena arena;

static void random_signals(void)
{
	for (int i = 0; i < 3000; i++) {
		const float values[SIGNAL_VALUES] = {(float)(rng_double(&world.rng) * 5), (float)(rng_double(&world.rng) * 5),
		                                     (float)(rng_double(&world.rng) * 5), (float)(rng_double(&world.rng) * 5)};
		enum signal_kind kind = (enum signal_kind)(1 + rng_below(&world.rng, N_SIGNAL_KINDS - 1));
		uint32_t minute = (uint32_t)(world.now_ms / 60000) - (uint32_t)rng_below(&world.rng, 3000);
		uint64_t a = kind == SIGNAL_WORD || kind == SIGNAL_SECTION || kind == SIGNAL_NEXT
		                 ? world_topic(&world, kind == SIGNAL_WORD ? TOPIC_TERM : TOPIC_SECTION)
		                 : rng_below(&world.rng, world.config.n_articles);
		uint64_t b = kind == SIGNAL_NEXT                             ? world_topic(&world, TOPIC_SECTION)
		             : kind == SIGNAL_HEAD || kind == SIGNAL_CO_READ ? a + 1 + rng_below(&world.rng, 50)
		                                                             : 0;
		signals_add(signals, kind, signal_key(kind, a, b), minute, values);
	}
}

/* A model that has learnt nonsense, so that every part of it counts. */
static void random_model(bool with_crosses)
{
	model = world.model; /* stage one's weights */
	model.kind = rng_below(&world.rng, 2) ? MODEL_MLP : MODEL_ONLINE;
	model.n_columns = N_COLUMNS;
	model.n_crosses = N_CROSSES;
	model.learn = (struct model_learn){.hidden = model.kind == MODEL_MLP ? 1 + (unsigned)rng_below(&world.rng, MODEL_HIDDEN_MAX) : 0};
	for (int c = 0; c < N_COLUMNS; c++)
		model.columns[c] = rng_below(&world.rng, 6) > 0;
	for (int k = 0; k < N_CROSSES; k++)
		model.learn.crosses[k] = with_crosses && rng_below(&world.rng, 3) > 0;
	size_t n = model_n_params(&model);
	free(learned);
	learned = calloc(1, sizeof(*learned) + n * sizeof(*learned->params));
	assert_non_null(learned);
	for (size_t i = 0; i < n; i++)
		learned->params[i] = (float)(rng_double(&world.rng) - 0.5) * 0.3f;
	for (size_t i = 0; i <= MASK; i++)
		atomic_store(&crosses[i], (float)(rng_double(&world.rng) - 0.5));
	learned->crosses = with_crosses ? crosses : NULL;
	learned->cross_mask = MASK;
	learned->cross_part = 1;
	learned->changes = &changes;
	learned->step = 17;
	learned->changes_then = 4;
	atomic_store(&changes, 4);
	two = (struct rank_stage_two){.signals = signals, .learned = learned, .user = 7};
}

static int set_up(void **state)
{
	world_new(&world, &(struct world_config){.seed = 20261124, .n_articles = 400, .n_names = 60, .n_stories = 300,
	                                         .vector_most = 20});
	crosses = calloc(MASK + 1, sizeof(*crosses));
	if (!crosses || signals_new(&signals, 8192))
		return -1;
	random_signals();
	return rank_scratch_new(&scratch);
}

static int tear_down(void **state)
{
	rank_scratch_free(scratch);
	signals_free(signals);
	world_free(&world);
	free(crosses);
	free(learned);
	learned = NULL;
	arena_free(&arena);
	return 0;
}

/* The reader's best by stage one, measured. */
static struct example *some_list(struct world_reader *who, struct rank_item items[N_MOST], size_t *n)
{
	struct example *e = NULL;
	world_make_reader(&world, who);
	who->request.model = &model;
	who->request.order = RANK_RANKED;
	atomic_store(&world.models.model[0], &model);
	assert_int_equal(rank_pool(scratch, world.catalog, &who->request, N_MOST, items, n, NULL), 0);
	if (*n > 0)
		assert_int_equal(rank_shortlist(scratch, world.catalog, &who->request, &two, items, *n, &arena, &e), 0);
	return e;
}

static void test_order(void **state)
{
	size_t n_moved = 0, n_alike = 0;
	for (int round = 0; round < 90; round++) {
		struct world_reader who;
		struct rank_item items[N_MOST], before[N_MOST];
		double scores[N_MOST];
		size_t n;
		arena_reset(&arena);
		random_model(round % 2);
		if (round % 3 == 0) /* one column decides, which is the same for most, and far out for one */
			memset(learned->params, 0, model_n_params(&model) * sizeof(*learned->params));
		learned->params[N_COLUMNS + COLUMN_BOOST] = 0.1f;
		struct example *e = some_list(&who, items, &n);
		if (n == 0)
			continue;
		e->columns[(n / 2) * N_COLUMNS + COLUMN_BOOST] += 7;
		memcpy(before, items, sizeof(items));
		assert_int_equal(rank_shortlist_score(&model, &two, e, &arena, scores), 0);
		assert_string_equal(e->model, model.name); /* whose scores they are */
		assert_true(e->step == 17);
		assert_int_equal(rank_shortlist_order(&model, &two, e, items, n, &arena), 0);
		for (size_t i = 0; i < n; i++) {
			size_t k = 0;
			while (before[k].article != items[i].article)
				assert_true(++k < n);
			n_moved += k != i;
			/* The score is the model's, and it knows its slot. */
			assert_true(fabs((double)items[i].score / RANK_ONE - fmin(fmax(scores[k], -255), 255)) < 1e-6);
			assert_int_equal(items[i].listed, k);
			assert_int_equal(e->slots[k].article, items[i].article);
			assert_true(i == 0 || items[i].score <= items[i - 1].score);
			if (i == 0 || items[i].score != items[i - 1].score)
				continue;
			n_alike++;
			assert_true(items[i].published_ms <= items[i - 1].published_ms);
			assert_true(items[i].published_ms < items[i - 1].published_ms || items[i].article < items[i - 1].article);
		}
	}
	assert_true(n_moved > 500 && n_alike > 200);
}

/* A score taken while crosses change, or after, is of no one step. */
static void test_of_which_step(void **state)
{
	struct world_reader who;
	struct rank_item items[N_MOST];
	double scores[N_MOST];
	size_t n = 0;
	random_model(true);
	struct example *e = NULL;
	while (n == 0)
		e = some_list(&who, items, &n);
	for (uint64_t now = 4; now < 8; now++) {
		atomic_store(&changes, now);
		assert_int_equal(rank_shortlist_score(&model, &two, e, &arena, scores), 0);
		assert_true(e->step == (now == 4 ? 17 : EXAMPLE_NO_STEP));
	}
}

static bool is_column(const char *code, int *column)
{
	for (*column = 0; *column < N_COLUMNS; ++*column)
		if (strcmp(rank_column_names[*column], code) == 0)
			return true;
	return false;
}

static void check_rows(const struct example *e, size_t i, const struct rank_item *item, const struct rank_row *rows, size_t n)
{
	double sum = 0, score = (double)item->score / RANK_ONE;
	for (size_t k = 0; k < n; k++) {
		int column;
		sum += rows[k].contribution;
		assert_true(k == 0 || fabs(rows[k].contribution) <= fabs(rows[k - 1].contribution));
		assert_true(rows[k].contribution != 0 && strcmp(rows[k].code, "other") != 0);
		if (rows[k].stands == 0)
			continue;
		/* Only columns stand anywhere, and where they stand is so. */
		assert_true(is_column(rows[k].code, &column) && model.columns[column]);
		float ahead = e->columns[i * N_COLUMNS + (size_t)column] - e->mean[column];
		assert_true(rows[k].stands > 0 ? ahead > 0 : ahead < 0);
	}
	if (fabs(sum - score) > 1e-6 * fmax(1, fabs(score)))
		fail_msg("rows sum to %.9f, the score is %.9f", sum, score);
}

/* Scores by distances from the mean are those by inputs, cut or not. */
static void test_scores_by_inputs(void **state)
{
	size_t n_cut = 0, n_not = 0;
	for (int round = 0; round < 30; round++) {
		struct world_reader who;
		struct rank_item items[N_MOST];
		double scores[N_MOST], plain[N_MOST];
		uint16_t which[N_MOST];
		size_t n;
		arena_reset(&arena);
		random_model(false);
		struct example *e = some_list(&who, items, &n);
		if (n == 0 || !model_learns(&model))
			continue;
		float *inputs = arena_alloc(&arena, n * 2 * N_COLUMNS * sizeof(*inputs));
		for (size_t i = 0; i < n; i++)
			which[i] = (uint16_t)i;
		for (size_t i = 0; i < n; i += 4) /* far out */
			e->columns[i * N_COLUMNS + COLUMN_AGE] += 100;
		if (e->deviation[COLUMN_AGE] == 0)
			e->deviation[COLUMN_AGE] = 1;
		rank_inputs(&model, e, which, n, inputs);
		const struct model_slate slate = {.n = n, .n_columns = N_COLUMNS, .inputs = inputs};
		assert_int_equal(model_shortlist_score(&model, learned->params, &slate, plain), 0);
		assert_int_equal(rank_shortlist_score(&model, &two, e, &arena, scores), 0);
		for (size_t i = 0; i < n; i++) {
			bool cut = fabsf(inputs[(i * 2 + 1) * N_COLUMNS + COLUMN_AGE]) == 8;
			n_cut += cut;
			n_not += !cut;
			if (fabs(scores[i] - plain[i]) > 1e-4 * fmax(1, fabs(plain[i])))
				fail_msg("%.7f is not %.7f", scores[i], plain[i]);
		}
	}
	assert_true(n_cut > 100 && n_not > 300);
}

/* Some gone meanwhile, some far out. */
static void spoil(struct rank_item *items, size_t n, struct example *e)
{
	for (size_t i = 0; i < n; i++) {
		if (e && rng_below(&world.rng, 3) == 0)
			e->columns[i * N_COLUMNS + (rng_below(&world.rng, 2) ? COLUMN_AGE : COLUMN_LENGTH)] += 100;
		if (!e && rng_below(&world.rng, 5) == 0)
			items[i].segment = NULL;
	}
}

/* Parts are a slot's own, whichever others are asked for with it, and each score is what all begin with and its parts: cut
 * inputs or not, stories that are gone, lists of one, models that look at nothing, and sums of two. */
static void test_parts_sum_to_scores(void **state)
{
	size_t n_lists = 0, n_of_one = 0;
	for (int round = 0; round < 200; round++) {
		struct world_reader who;
		struct rank_item items[N_MOST];
		double scores[N_MOST], base = 0;
		uint16_t which[N_MOST];
		struct rank_parts all, one;
		struct example *e;
		size_t n;
		arena_reset(&arena);
		random_model(round % 2);
		if (round % 7 == 0)
			memset(model.columns, 0, sizeof(model.columns));
		struct model sum = {.kind = MODEL_ENSEMBLE, .n_members = 2, .n_columns = N_COLUMNS,
		                    .members = {{.model = &model, .weight = 0.75}, {.model = &model, .weight = -2}}};
		struct rank_stage_two of_sum = two;
		of_sum.learned = NULL;
		of_sum.members[0] = of_sum.members[1] = learned;
		const struct model *m = round % 3 == 0 ? &sum : &model;
		const struct rank_stage_two *by = round % 3 == 0 ? &of_sum : &two;
		some_list(&who, items, &n);
		n = round % 5 == 0 && n > 1 ? 1 : n;
		spoil(items, n, NULL);
		assert_int_equal(rank_shortlist(scratch, world.catalog, &who.request, &two, items, n, &arena, &e), 0);
		spoil(items, n, e);
		assert_int_equal(rank_shortlist_score(m, by, e, &arena, scores), 0);
		for (size_t i = 0; i < n; i++)
			which[i] = (uint16_t)(n - 1 - i);
		who.request.model = m;
		assert_int_equal(rank_shortlist_parts(&who.request, rank_filter_new(&arena, &who.request), by, e, which, n, &arena, &all), 0);
		for (size_t k = 0; k < n; k++) {
			double rest = scores[which[k]];
			assert_int_equal(rank_shortlist_parts(&who.request, rank_filter_new(&arena, &who.request), by, e, &which[k], 1, &arena, &one), 0);
			for (size_t c = 0; c < N_COLUMNS; c++) {
				assert_true(one.columns[c] == all.columns[k * N_COLUMNS + c]);
				rest -= one.columns[c];
			}
			for (size_t c = 0; c < N_CROSSES; c++) {
				assert_true(one.crosses[0][c] == all.crosses[k][c]);
				rest -= one.crosses[0][c];
			}
			base = k == 0 ? rest : base;
			if (fabs(rest - base) > 1e-4 * fmax(1, fabs(scores[which[k]])))
				fail_msg("%.7f is left of one score, %.7f of another", rest, base);
		}
		n_lists += n > 1;
		n_of_one += n == 1;
	}
	assert_true(n_lists > 100 && n_of_one > 20);
}

/* Rows that say the same of the same topic as one, the plain way. */
static size_t join(const struct rank_row *rows, size_t n, struct rank_row *joined)
{
	size_t n_joined = 0;
	for (size_t i = 0; i < n; i++) {
		double sum = 0, most = 0;
		int stands = 0;
		bool first = true;
		for (size_t k = 0; k < n; k++) {
			if (rows[k].told != rows[i].told || rows[k].topic != rows[i].topic)
				continue;
			first = first && k >= i;
			sum += rows[k].contribution;
			stands = rows[k].contribution > most ? rows[k].stands : stands;
			most = fmax(most, rows[k].contribution);
		}
		if (first)
			joined[n_joined++] = (struct rank_row){.code = rank_told_names[rows[i].told], .told = rows[i].told,
			                                       .topic = rows[i].topic, .stands = stands, .contribution = sum};
	}
	return n_joined;
}

/* What is told is of the joined rows, as they are; of those that are not told none is both as telling and larger. */
static void check_told(const struct rank_row *rows, size_t n, const struct rank_row *told, size_t n_told)
{
	struct rank_row joined[RANK_ROWS_MAX] = {0};
	bool is_told[RANK_ROWS_MAX] = {false};
	const size_t n_joined = join(rows, n, joined);
	double largest = 0;
	size_t n_large = 0;
	for (size_t i = 0; i < n_joined; i++)
		largest = fmax(largest, joined[i].contribution);
	assert_true(n_told <= RANK_TOLD_MOST);
	for (size_t k = 0; k < n_told; k++) {
		size_t i = 0;
		while (i < n_joined && (joined[i].told != told[k].told || joined[i].topic != told[k].topic))
			i++;
		assert_true(i < n_joined && !is_told[i]);
		is_told[i] = true;
		assert_string_equal(told[k].code, joined[i].code);
		assert_true(fabs(told[k].contribution - joined[i].contribution) < 1e-9 && told[k].stands == joined[i].stands);
		assert_true(told[k].told != RANK_TOLD_BASE && told[k].contribution > largest / 20 - 1e-9);
	}
	for (size_t i = 0; i < n_joined; i++)
		n_large += joined[i].told != RANK_TOLD_BASE && joined[i].contribution > 0 && joined[i].contribution > largest / 20;
	assert_true(n_told > 0 || n_large == 0);
	for (size_t i = 0; i < n_joined; i++)
		for (size_t k = 0; k < n_told && !is_told[i]; k++)
			assert_true(joined[i].told != told[k].told || joined[i].told == RANK_TOLD_BASE ||
			            (joined[i].stands < 0) != (told[k].stands < 0) ||
			            joined[i].contribution <= told[k].contribution + 1e-9);
}

static int rows_of(const struct rank_request *q, const struct example *e, size_t i, const struct rank_item *item,
                   struct rank_row rows[RANK_ROWS_MAX])
{
	struct rank_parts parts;
	const uint16_t which[2] = {(uint16_t)((i + 1) % e->n), (uint16_t)i};
	assert_int_equal(rank_shortlist_parts(q, rank_filter_new(&arena, q), &two, e, which, 2, &arena, &parts), 0);
	struct rank_row told[RANK_TOLD_MOST] = {0};
	size_t n = rank_shortlist_explain(world.catalog, q, e, i, item, &parts, 1, rows);
	check_told(rows, n, told, rank_shortlist_tell(world.catalog, q, e, i, item, &parts, 1, told));
	return (int)n;
}

static void test_rows_sum_to_scores(void **state)
{
	size_t n_checked = 0;
	for (int round = 0; round < 60; round++) {
		struct world_reader who;
		struct rank_item items[N_MOST];
		struct rank_row rows[RANK_ROWS_MAX];
		size_t n;
		arena_reset(&arena);
		random_model(round % 2);
		struct example *e = some_list(&who, items, &n);
		if (n == 0)
			continue;
		assert_int_equal(rank_shortlist_order(&model, &two, e, items, n, &arena), 0);
		for (size_t i = 0; i < n; i += 3) {
			int n_rows = rows_of(&who.request, e, items[i].listed, &items[i], rows);
			assert_true(n_rows >= 0 && n_rows <= RANK_ROWS_MAX);
			rank_rows_sort(rows, (size_t)n_rows);
			check_rows(e, items[i].listed, &items[i], rows, (size_t)n_rows);
			items[i].score += RANK_ONE / 3; /* a score of an earlier page: its rows sum to that, by the base */
			double base = 0, other = 0;
			for (int k = 0; k < n_rows; k++)
				base += strcmp(rows[k].code, "base") == 0 ? rows[k].contribution : 0;
			n_rows = rows_of(&who.request, e, items[i].listed, &items[i], rows);
			rank_rows_sort(rows, (size_t)n_rows);
			check_rows(e, items[i].listed, &items[i], rows, (size_t)n_rows);
			for (int k = 0; k < n_rows; k++)
				other += strcmp(rows[k].code, "base") == 0 ? rows[k].contribution : 0;
			assert_true(fabs(other - base - 1.0 / 3) < 1e-6);
			n_checked++;
		}
	}
	assert_true(n_checked > 300);
}

/* Two stories alike but for one of them being behind a pay wall, and a model that only looks at that and at stage one. */
static void test_what_stands_where(void **state)
{
	struct rank_row rows[RANK_ROWS_MAX];
	struct rank_request q = {.model = &model, .profile_config = &profile_config_default, .now_ms = world.now_ms,
	                         .language = -1, .edition = -1, .created_before_seq = UINT64_MAX};
	struct example *e = example_of_zeros(&arena, 2, N_COLUMNS);
	struct rank_item items[2] = {{.article = 1}, {.article = 2}};
	random_model(false);
	model.kind = MODEL_ONLINE;
	model.learn.hidden = 0;
	for (int c = 0; c < N_COLUMNS; c++)
		model.columns[c] = true;
	memset(learned->params, 0, model_n_params(&model) * sizeof(*learned->params));
	learned->params[N_COLUMNS + COLUMN_PREMIUM] = -1; /* c: distance over .5 */
	learned->params[N_COLUMNS + COLUMN_SECTION_NEXT] = 1;
	learned->params[N_COLUMNS + COLUMN_SHOWS] = 0.5f;
	for (size_t i = 0; i < 2; i++) {
		uint32_t article = 1;
		while (!catalog_find(world.catalog, article).segment || article == items[0].article)
			article++;
		struct catalog_place at = catalog_find(world.catalog, article);
		items[i] = (struct rank_item){.article = article, .segment = at.segment, .slot = at.slot};
		e->slots[i].article = article;
		e->columns[i * N_COLUMNS + COLUMN_PREMIUM] = i == 0;
		e->columns[i * N_COLUMNS + COLUMN_SECTION_NEXT] = i ? 0.125f : -0.125f; /* c: over .5 */
		e->columns[i * N_COLUMNS + COLUMN_SHOWS] = i ? 3 : 1;
	}
	e->mean[COLUMN_PREMIUM] = 0.5f;
	e->mean[COLUMN_SHOWS] = 2;
	e->deviation[COLUMN_PREMIUM] = 0.5f;
	e->deviation[COLUMN_SECTION_NEXT] = 0.125f;
	e->deviation[COLUMN_SHOWS] = 1;
	items[0].score = (int32_t)(-1.75 * RANK_ONE); /* -1 - .25 - .5 */
	items[1].score = (int32_t)(1.75 * RANK_ONE);
	for (size_t i = 0; i < 2; i++) {
		const int sign = i ? 1 : -1;
		assert_int_equal(rows_of(&q, e, i, &items[i], rows), 3);
		rank_rows_sort(rows, 3);
		assert_string_equal(rows[0].code, "premium");
		assert_int_equal(rows[0].told, RANK_TOLD_PREMIUM);
		assert_true(rows[0].contribution == sign && rows[0].stands == -sign);
		assert_string_equal(rows[1].code, "shows_15m");
		assert_int_equal(rows[1].told, RANK_TOLD_SHOWS); /* not "popularity": it is not that */
		assert_true(rows[1].contribution == sign * 0.5 && rows[1].stands == sign);
		assert_string_equal(rows[2].code, "section_next");
		assert_int_equal(rows[2].told, RANK_TOLD_SECTION_NEXT);
		assert_true(rows[2].contribution == sign * 0.25 && rows[2].stands == sign);
		assert_int_equal(rows[2].topic, items[i].segment->section[items[i].slot]);
	}
}

/* Stage one's rows, as they come where every topic is looked up, stand among these, each times what a unit is worth. */
static void check_own_rows(const struct rank_request *q, struct rank_item item, double worth, const struct rank_row *rows,
                           size_t n)
{
	struct rank_reason own[RANK_REASONS_MAX];
	assert_int_equal(rank_score(scratch, world.catalog, q, &item, 1, NULL), 0);
	const size_t n_own = rank_explain(NULL, world.catalog, q, &item, own);
	for (size_t i = 0; i < n_own; i++) {
		size_t k = 0;
		while (k < n && (strcmp(rows[k].code, rank_feature_names[own[i].feature]) != 0 || rows[k].topic != own[i].topic))
			k++;
		assert_true(k < n);
		const double part = worth * own[i].contribution / RANK_ONE;
		assert_true(fabs(rows[k].contribution - part) <= 1e-3 * fmax(1e-3, fabs(part)));
	}
	assert_true(n <= n_own + 1 && n >= n_own); /* and the base */
}

/* Where more of stage one's score counts for a story, the score's own rows say why; where less does, one row says so. */
static void test_stage_one_in_its_rows(void **state)
{
	struct rank_row rows[RANK_ROWS_MAX];
	size_t n_own = 0, n_one = 0;
	for (int round = 0; round < 20; round++) {
		struct world_reader who;
		struct rank_item items[N_MOST];
		size_t n;
		arena_reset(&arena);
		random_model(false);
		model.kind = MODEL_ONLINE;
		model.learn.hidden = 0;
		model.columns[COLUMN_STAGE_ONE] = true;
		memset(learned->params, 0, model_n_params(&model) * sizeof(*learned->params));
		const float worth = round % 2 ? -2 : 2;
		learned->params[N_COLUMNS + COLUMN_STAGE_ONE] = worth;
		struct example *e = some_list(&who, items, &n);
		if (n < 2)
			continue;
		assert_int_equal(rank_shortlist_order(&model, &two, e, items, n, &arena), 0);
		for (size_t i = 0; i < n; i++) {
			int n_rows = rows_of(&who.request, e, items[i].listed, &items[i], rows);
			double ahead = (double)(e->columns[items[i].listed * N_COLUMNS + COLUMN_STAGE_ONE] - e->mean[COLUMN_STAGE_ONE]);
			if (fabs(ahead) < 1e-3 || fabs(ahead) > 8)
				continue;
			rank_rows_sort(rows, (size_t)n_rows);
			check_rows(e, items[i].listed, &items[i], rows, (size_t)n_rows);
			if (worth > 0)
				check_own_rows(&who.request, items[i], (double)worth, rows, (size_t)n_rows);
			for (int k = 0; k < n_rows; k++) {
				bool one = strcmp(rows[k].code, "stage_one") == 0;
				assert_true(!one || worth < 0);
				n_one += one;
				n_own += !one && strcmp(rows[k].code, "base") != 0;
				if (worth < 0)
					assert_true(one || strcmp(rows[k].code, "base") == 0);
			}
		}
	}
	assert_true(n_own > 100 && n_one > 100);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_order), CASE(test_of_which_step), CASE(test_parts_sum_to_scores), CASE(test_rows_sum_to_scores),
		CASE(test_scores_by_inputs), CASE(test_what_stands_where), CASE(test_stage_one_in_its_rows)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
