/* A world of a few stories for tests of columns by hand. */
#ifndef MYNEWS_TESTS_ENGINE_RANK_COLUMNS_FIXTURE_H
#define MYNEWS_TESTS_ENGINE_RANK_COLUMNS_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/epoch.h"
#include "engine/catalog/internal.h"
#include "engine/rank/shortlist.h"

#define NOW_MS INT64_C(1790000040000) /* a whole minute */
#define MINUTE ((uint32_t)(NOW_MS / 60000))
#define HOUR_MS INT64_C(3600000)
#define TOPIC(space, n) ((uint32_t)(space) << TOPIC_NAMESPACE_SHIFT | (n))
enum { USER = 42 };
static const uint32_t sport = TOPIC(TOPIC_SECTION, 1), city = TOPIC(TOPIC_SECTION, 2), paper = TOPIC(TOPIC_SOURCE, 1),
                      agency = TOPIC(TOPIC_SOURCE, 2), tag = TOPIC(TOPIC_TAG, 7), term = TOPIC(TOPIC_TERM, 9),
                      rare = TOPIC(TOPIC_TERM, 10), place = TOPIC(TOPIC_PLACE, 5), author = TOPIC(TOPIC_AUTHOR, 6);

static struct epoch *epoch;
static struct catalog *catalog;
static struct rank_scratch *scratch;
static struct signals *signals;
static struct rank_models models;
static struct model model;
static struct profile profile;
static struct history history;
static struct rank_request request;
static struct rank_stage_two two;
static struct arena arena;

static inline int set_up(void **state)
{
	model = (struct model){.kind = MODEL_ONLINE, .n_features = N_FEATURES, .n_columns = N_COLUMNS, .n_crosses = N_CROSSES};
	for (int c = 0; c < N_COLUMNS; c++)
		model.columns[c] = true;
	for (int k = 0; k < N_CROSSES; k++)
		model.learn.crosses[k] = true;
	profile = (struct profile){.short_reference_ms = NOW_MS, .long_reference_ms = NOW_MS};
	history = (struct history){0};
	atomic_store(&models.model[0], &model);
	request = (struct rank_request){.model = &model, .profile_config = &profile_config_default, .now_ms = NOW_MS,
	                                .language = -1, .edition = -1, .created_before_seq = UINT64_MAX,
	                                .reader = {.profile = &profile, .history = &history}};
	struct catalog_config config = {.shared = rank_shared, .shared_ctx = &models};
	if (epoch_new(&epoch) || catalog_new(&catalog, epoch, &config, NOW_MS) || catalog_set_model(catalog, 0, true) ||
	    signals_new(&signals, 4096))
		return -1;
	two = (struct rank_stage_two){.signals = signals, .user = USER};
	return rank_scratch_new(&scratch);
}

static inline int tear_down(void **state)
{
	rank_scratch_free(scratch);
	signals_free(signals);
	catalog_free(catalog);
	epoch_free(epoch);
	arena_free(&arena);
	return 0;
}

/* ---- a world of a few stories ---- */

static inline struct catalog_entry entry(uint32_t article, uint32_t section, uint32_t source)
{
	return (struct catalog_entry){.article = article, .story = 100 + article, .created_seq = article, .boost = 1,
	                              .published_ms = NOW_MS - 6 * HOUR_MS, .section = section, .source = source,
	                              .card = {.id = SPAN("id"), .json = SPAN("{}"), .title = SPAN("t")}};
}

static inline void publish(struct catalog_entry e)
{
	assert_int_equal(catalog_publish(catalog, &e), 0);
}

static inline struct rank_item item_of(uint32_t article)
{
	struct catalog_place at = catalog_find(catalog, article);
	struct rank_item item = {.article = article, .segment = at.segment, .slot = at.slot};
	if (at.segment) {
		item.story = atomic_load(&at.segment->story[at.slot]);
		item.published_ms = at.segment->published_ms[at.slot];
	}
	return item;
}

/* Counters as they stand now: h + 1 times as many for the h-th half-life. */
static inline void count(uint32_t article, float clicks, float shows, float expected)
{
	struct catalog_place at = catalog_find(catalog, article);
	struct catalog_row *row = &segment_of(at.segment)->seen.row[at.slot];
	float c[N_HALF_LIVES], s[N_HALF_LIVES], e[N_HALF_LIVES];
	for (int h = 0; h < N_HALF_LIVES; h++) {
		c[h] = clicks * (float)(h + 1);
		s[h] = shows * (float)(h + 1);
		e[h] = expected * (float)(h + 1);
	}
	popularity_set_shows(row, s);
	popularity_set_clicks(row, c, e);
}

static inline void signal(enum signal_kind kind, uint64_t a, uint64_t b, float x, float y, float z, float w)
{
	const float values[SIGNAL_VALUES] = {x, y, z, w};
	signals_add(signals, kind, signal_key(kind, a, b), MINUTE, values);
}

static inline struct example *measure(const uint32_t *articles, size_t n)
{
	struct rank_item *items = arena_alloc(&arena, n * sizeof(*items));
	struct example *e = NULL;
	for (size_t i = 0; i < n; i++) {
		items[i] = item_of(articles[i]);
		items[i].score = (int32_t)(1.5 * RANK_ONE) - (int32_t)i * RANK_ONE;
	}
	assert_int_equal(rank_shortlist(scratch, catalog, &request, &two, items, n, &arena, &e), 0);
	assert_int_equal(e->n, n);
	assert_int_equal(e->n_columns, N_COLUMNS);
	return e;
}

static inline void near(double value, double expected, const char *what)
{
	if (!(fabs(value - expected) < 2e-6 * fmax(1, fabs(expected))))
		fail_msg("%s: %.9f is not %.9f", what, value, expected);
}

static inline void is(const struct example *e, size_t slot, int column, double expected)
{
	near((double)e->columns[slot * N_COLUMNS + (size_t)column], expected, rank_column_names[column]);
}

static inline void read_article(uint32_t article, uint32_t story, uint16_t types)
{
	history.reads[history.n_reads++] = (struct history_read){article, story, MINUTE, types};
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
