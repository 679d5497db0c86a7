/* Explanations on a fixture worked out by hand, the why codes, and scores at the ends of the scale. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/epoch.h"
#include "tests/engine/rank/world.h"

#define NOW_MS INT64_C(1790000040000)
#define HOUR_MS INT64_C(3600000)
#define TOPIC(space, n) ((uint32_t)(space) << TOPIC_NAMESPACE_SHIFT | (n))

static struct epoch *epoch;
static struct catalog *catalog;
static struct rank_scratch *scratch;
static struct rank_models models;
static struct model model;
static struct profile profile;
static struct history history;
static struct rank_request request;

static int set_up(void **state)
{
	model = (struct model){.kind = MODEL_LINEAR, .n_features = N_FEATURES};
	profile = (struct profile){.short_reference_ms = NOW_MS, .long_reference_ms = NOW_MS};
	history = (struct history){0};
	atomic_store(&models.model[0], &model);
	request = (struct rank_request){.model = &model, .profile_config = &profile_config_default, .now_ms = NOW_MS,
	                                .language = -1, .edition = -1, .created_before_seq = UINT64_MAX,
	                                .reader = {.profile = &profile, .history = &history}};
	struct catalog_config config = {.shared = rank_shared, .shared_ctx = &models};
	if (epoch_new(&epoch) || catalog_new(&catalog, epoch, &config, NOW_MS) || catalog_set_model(catalog, 0, true))
		return -1;
	return rank_scratch_new(&scratch);
}

static int tear_down(void **state)
{
	rank_scratch_free(scratch);
	catalog_free(catalog);
	epoch_free(epoch);
	return 0;
}

static struct catalog_entry entry(uint32_t article, uint32_t story)
{
	return (struct catalog_entry){.article = article, .story = story, .created_seq = article, .boost = 1,
	                              .published_ms = NOW_MS - 6 * HOUR_MS,
	                              .card = {.id = SPAN("id"), .json = SPAN("{}"), .title = SPAN("t")}};
}

static struct rank_item item_of(uint32_t article)
{
	struct catalog_place at = catalog_find(catalog, article);
	return (struct rank_item){.article = article, .segment = at.segment, .slot = at.slot};
}

static void test_by_hand(void **state)
{
	const uint32_t tag = TOPIC(TOPIC_TAG, 7), term = TOPIC(TOPIC_TERM, 9), section = TOPIC(TOPIC_SECTION, 3),
	               source = TOPIC(TOPIC_SOURCE, 4), place = TOPIC(TOPIC_PLACE, 5), author = TOPIC(TOPIC_AUTHOR, 6);
	const struct topic_term vector[] = {{tag, 2048},   {term, 1024},  {section, 1000},
	                                    {source, 512}, {place, 2000}, {author, 300}};
	struct catalog_entry e = entry(1, 11);
	e.vector = vector;
	e.n_vector = 6;
	e.language = 2;
	e.section = section;
	e.source = source;
	model.weights[FEATURE_TOPIC_SHORT] = 0.9;
	model.weights[FEATURE_TOPIC_LONG] = 0.5;
	model.weights[FEATURE_TERM_LONG] = -1;
	model.weights[FEATURE_SECTION] = 2;
	model.weights[FEATURE_SOURCE] = 0.25;
	model.weights[FEATURE_PLACE] = 1;
	model.weights[FEATURE_FOLLOW] = 0.75;
	model.weights[FEATURE_HOME] = 0.5;
	model.weights[FEATURE_EDITION] = 0.25;
	model.weights[FEATURE_LANGUAGE] = 1.5;
	model.weights[FEATURE_SEEN] = -0.5;
	model.weights[FEATURE_FRESH] = 1;
	assert_int_equal(catalog_publish(catalog, &e), 0);
	profile.n_topics = 4;
	profile.topics[0] = (struct profile_interest){tag, 2, 4};     /* sat 1.333.., 2 */
	profile.topics[1] = (struct profile_interest){place, 9, 1};   /* long alone: sat 0.8 */
	profile.topics[2] = (struct profile_interest){author, -4, 0}; /* sat -2 */
	profile.topics[3] = (struct profile_interest){term, 3, 12};   /* short has no weight; sat 3 */
	profile.n_affinities = 2;
	profile.affinities[0] = (struct profile_interest){section, 5, 4}; /* sat 2 */
	profile.affinities[1] = (struct profile_interest){source, 0, -1}; /* sat -0.8 */
	history.n_shown = 1;
	history.shown[0] = (struct history_shown){11, 1, 3};
	const uint32_t follows[] = {tag, section, TOPIC(TOPIC_TAG, 99)}, places[] = {TOPIC(TOPIC_PLACE, 1), place};
	const uint8_t languages[] = {1, 2}, edition_languages[] = {3};
	request.reader.follows = follows;
	request.reader.n_follows = 3;
	request.reader.places = places;
	request.reader.n_places = 2;
	request.reader.languages = languages;
	request.reader.n_languages = 2;
	request.edition_languages = edition_languages;
	request.n_edition_languages = 1;
	request.edition_places = places + 1;
	request.n_edition_places = 1;

	/* weight x sat at 2^-11, rounded, times the article's weight at 2^-12 */
	const struct rank_reason expected[] = {
		{FEATURE_LANGUAGE, 0, 12582912},         /* 1.5 */
		{FEATURE_FOLLOW, tag, 6291456},          /* .75 */
		{FEATURE_FOLLOW, section, 6291456},
		{FEATURE_SECTION, section, 8192 * 1000}, /* 2 x 2 */
		{FEATURE_TERM_LONG, term, -6144 * 1024}, /* -1 x 3 */
		{FEATURE_SEEN, 0, -5814540},             /* -.5 x ln 4 */
		{FEATURE_TOPIC_SHORT, tag, 2458 * 2048}, /* .9 x 1.333.. */
		{FEATURE_HOME, place, 4194304},
		{FEATURE_TOPIC_LONG, tag, 2048 * 2048},  /* .5 x 2 */
		{FEATURE_FRESH, 0, 4194304},             /* 2^-1 */
		{FEATURE_PLACE, place, 1638 * 2000},     /* .8 */
		{FEATURE_EDITION, place, 2097152},
		{FEATURE_TOPIC_SHORT, author, -3686 * 300}, /* .9 x -2 */
		{FEATURE_SOURCE, source, -410 * 512},       /* .25 x -.8 */
	};
	const size_t n_expected = sizeof(expected) / sizeof(expected[0]);
	struct rank_reason rows[RANK_REASONS_MAX];
	struct rank_item item = item_of(1);
	assert_int_equal(rank_score(scratch, catalog, &request, &item, 1, NULL), 0);
	size_t n = rank_explain(NULL, catalog, &request, &item, rows);
	int64_t sum = 0;
	assert_int_equal(n, n_expected);
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;
		while (k < n_expected && !(expected[k].feature == rows[i].feature && expected[k].topic == rows[i].topic))
			k++;
		if (k == n_expected || expected[k].contribution != rows[i].contribution)
			fail_msg("%s of %x: %d, not %d", rank_feature_names[rows[i].feature], rows[i].topic, rows[i].contribution,
			         k == n_expected ? 0 : expected[k].contribution);
		assert_true(i == 0 || abs(rows[i].contribution) <= abs(rows[i - 1].contribution));
		sum += rows[i].contribution;
	}
	assert_int_equal(sum, item.score);
	request.reader.n_languages = 0; /* then the edition's count, which this article's is not */
	assert_int_equal(rank_score(scratch, catalog, &request, &item, 1, NULL), 0);
	assert_int_equal(item.score, sum - 12582912);
}

/* A score that was taken before a click still has rows that sum to it. */
static void test_moved_counters(void **state)
{
	struct catalog_entry e = entry(1, 1);
	struct rank_reason rows[RANK_REASONS_MAX];
	static const enum feature features[] = {FEATURE_POPULAR_1H, FEATURE_EXPLORE, FEATURE_FRESH};
	assert_int_equal(catalog_publish(catalog, &e), 0);
	for (size_t i = 0; i < 3; i++) {
		memset(model.weights, 0, sizeof(model.weights));
		model.weights[features[i]] = 1;
		struct rank_item item = item_of(1);
		item.score = 12345;
		size_t n = rank_explain(NULL, catalog, &request, &item, rows);
		assert_int_equal(n, 1);
		assert_int_equal(rows[0].feature, features[i]);
		assert_int_equal(rows[0].contribution, 12345);
	}
	request.order = RANK_LATEST;
	struct rank_item item = item_of(1);
	item.score = 99;
	assert_int_equal(rank_explain(NULL, catalog, &request, &item, rows), 1);
	assert_int_equal(rows[0].contribution, 99);
	item.segment = NULL;
	assert_int_equal(rank_explain(NULL, catalog, &request, &item, rows), 0);
}

static void test_orders(void **state)
{
	struct catalog_entry e = entry(1, 1);
	e.published_ms = INT64_C(1577836800000) + 90000; /* 2020-01-01T00:01:30Z */
	assert_int_equal(catalog_publish(catalog, &e), 0);
	e = entry(2, 2);
	e.published_ms = INT64_C(1577836800000) - 1; /* the second before */
	assert_int_equal(catalog_publish(catalog, &e), 0);
	e = entry(3, 3);
	e.published_ms = INT64_C(253402300799999);
	assert_int_equal(catalog_publish(catalog, &e), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(catalog_count(catalog, 1, CATALOG_CLICKS, NOW_MS, 1), 0);
	struct rank_item items[3];
	for (uint32_t i = 0; i < 3; i++)
		items[i] = item_of(i + 1);
	request.order = RANK_LATEST;
	assert_int_equal(rank_score(scratch, catalog, &request, items, 3, NULL), 0);
	assert_int_equal(items[0].score, 90);
	assert_int_equal(items[1].score, -1);
	assert_int_equal(items[2].score, INT32_MAX);
	request.order = RANK_TRENDING;
	assert_int_equal(rank_score(scratch, catalog, &request, items, 3, NULL), 0);
	assert_true(abs(items[0].score - 2 * RANK_ONE) < RANK_ONE / 50); /* log2(1 + 3), hardly decayed */
	assert_int_equal(items[1].score, 0);
}

static void test_why(void **state)
{
	const uint32_t muted = TOPIC(TOPIC_TAG, 1), wanted = TOPIC(TOPIC_SECTION, 2);
	const struct topic_term vector[] = {{muted, 4096}};
	const uint32_t exclude_articles[] = {6, 2}, exclude_stories[] = {57};
	const struct rank_mute mutes[] = {{muted, 0}};
	struct rank_item items[12];
	enum rank_why why[12];
	for (uint32_t i = 1; i < 12; i++) {
		struct catalog_entry e = entry(i, 50 + i);
		e.section = i == 5 ? 0 : wanted;
		e.visible_from_ms = i == 1 ? NOW_MS + 1 : NOW_MS;
		e.expires_ms = i == 2 ? NOW_MS : NOW_MS + 1;
		e.vector = vector;
		e.n_vector = i == 4;
		e.story = i == 11 ? 53 : e.story; /* another report of story 53 */
		assert_int_equal(catalog_publish(catalog, &e), 0);
	}
	history.n_reads = 2;
	history.reads[0] = (struct history_read){3, 900, 1, 1};  /* was in story 900 then, is in 53 now */
	history.reads[1] = (struct history_read){400, 60, 1, 1}; /* not live; its story has article 10 */
	request.section = wanted;
	request.reader.mutes = mutes;
	request.reader.n_mutes = 1;
	request.exclude_articles = exclude_articles;
	request.n_exclude_articles = 2;
	request.exclude_stories = exclude_stories;
	request.n_exclude_stories = 1;
	request.created_before_seq = 9;
	for (uint32_t i = 0; i < 12; i++)
		items[i] = item_of(i);
	const struct rank_item dead = item_of(8);
	catalog_withdraw(catalog, 8);
	items[8] = dead;
	assert_int_equal(rank_score(scratch, catalog, &request, items, 12, why), 0);
	const enum rank_why expected[12] = {RANK_NOT_LIVE, RANK_EMBARGOED, RANK_EXPIRED,  RANK_READ,
	                                    RANK_MUTED,    RANK_FILTERED,  RANK_EXCLUDED, RANK_EXCLUDED,
	                                    RANK_NOT_LIVE, RANK_FILTERED,  RANK_READ,     RANK_READ};
	for (int i = 0; i < 12; i++)
		if (why[i] != expected[i])
			fail_msg("article %d: %d, not %d", i, why[i], expected[i]);
	request.include_read = true;
	request.created_before_seq = UINT64_MAX;
	assert_int_equal(rank_score(scratch, catalog, &request, items, 12, why), 0);
	assert_int_equal(why[3], RANK_ELIGIBLE);
	assert_int_equal(why[4], RANK_ELIGIBLE);
	assert_int_equal(why[9], RANK_ELIGIBLE);
	assert_int_equal(why[10], RANK_ELIGIBLE);
	assert_int_equal(why[11], RANK_ELIGIBLE);
}

/* Every weight, interest, counter and list at its worst, on the vector with the largest sum of weights: the sum of the
 * rows in 64 bits is the 32-bit score. */
static void test_extremes(void **state)
{
	struct topic_term vector[LIMIT_VECTOR];
	uint32_t topics[LIMIT_VECTOR];
	struct rank_reason rows[RANK_REASONS_MAX];
	static struct rank_item pool[LIMIT_POOL];
	const uint8_t language = 0;
	for (uint32_t i = 0; i < LIMIT_VECTOR; i++) {
		topics[i] = i < 30 ? TOPIC(TOPIC_TAG, i + 1) : TOPIC(TOPIC_PLACE, i + 1);
		vector[i] = (struct topic_term){topics[i], 591}; /* 4096 / sqrt 48 = 591.2 */
		profile.topics[i] = (struct profile_interest){topics[i], 0, 0};
	}
	profile.n_topics = LIMIT_VECTOR;
	struct catalog_entry e = entry(1, 1);
	e.vector = vector;
	e.n_vector = LIMIT_VECTOR;
	e.boost = LIMIT_BOOST_MAX;
	assert_int_equal(catalog_publish(catalog, &e), 0);
	history.n_shown = 1;
	history.shown[0] = (struct history_shown){1, 1, 255};
	request.reader.follows = request.reader.places = request.edition_places = topics;
	request.reader.n_follows = request.reader.n_places = request.n_edition_places = LIMIT_VECTOR;
	request.reader.languages = &language;
	request.reader.n_languages = 1;
	for (int sign = -1; sign <= 1; sign += 2) {
		for (int f = 0; f < N_FEATURES; f++)
			model.weights[f] = 1000.0 * sign;
		for (uint32_t i = 0; i < LIMIT_VECTOR; i++)
			profile.topics[i].short_term = profile.topics[i].long_term = 3e38f;
		assert_int_equal(catalog_set_model(catalog, 0, false), 0);
		assert_int_equal(catalog_set_model(catalog, 0, true), 0);
		struct rank_item item = item_of(1);
		int64_t sum = 0;
		size_t n_pool;
		assert_int_equal(rank_score(scratch, catalog, &request, &item, 1, NULL), 0);
		size_t n = rank_explain(NULL, catalog, &request, &item, rows);
		for (size_t i = 0; i < n; i++)
			sum += rows[i].contribution;
		assert_int_equal(sum, item.score);
		assert_true(llabs(sum) > 200LL * RANK_ONE && llabs(sum) < 252LL * RANK_ONE);
		assert_true(sum * sign > 0);
		assert_int_equal(rank_pool(scratch, catalog, &request, LIMIT_POOL, pool, &n_pool, NULL), 0);
		assert_int_equal(n_pool, 1);
		assert_int_equal(pool[0].score, sum);
	}
	profile.topics[0].short_term = NAN;
	profile.topics[1].short_term = INFINITY;
	struct rank_item item = item_of(1);
	assert_int_equal(rank_score(scratch, catalog, &request, &item, 1, NULL), 0);
	assert_true(abs(item.score) < 252 * RANK_ONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_by_hand, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_moved_counters, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_orders, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_why, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_extremes, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
