/* Each feature against its formula worked out by hand, and the limits that keep a score within an int32. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/rank/columns.h"
#include "tests/engine/rank/world.h"

#define HOUR_MS INT64_C(3600000)
#define MINUTE_MS INT64_C(1790000040000)

static struct catalog_segment *segment;
static struct model model;
static struct rank_models models;

static int set_up(void **state)
{
	segment = aligned_alloc(_Alignof(struct catalog_segment), sizeof(*segment));
	if (!segment)
		return -1;
	memset(segment, 0, sizeof(*segment));
	model = (struct model){.kind = MODEL_LINEAR, .n_features = N_FEATURES};
	atomic_store(&models.model[2], &model);
	return 0;
}

static int tear_down(void **state)
{
	free(segment);
	return 0;
}

static double shared_alone(enum feature feature, double weight)
{
	int32_t out;
	memset(model.weights, 0, sizeof(model.weights));
	model.weights[feature] = weight;
	rank_shared(&models, 2, segment, 0, 1, MINUTE_MS, &out);
	return (double)out / RANK_ONE;
}

static void near(double value, double expected)
{
	if (!(fabs(value - expected) < 2e-6))
		fail_msg("%.9f is not %.9f", value, expected);
}

static void fill(int64_t age_ms, float clicks, float shows, float boost)
{
	segment->published_ms[0] = MINUTE_MS - age_ms;
	for (int h = 0; h < N_HALF_LIVES; h++) {
		atomic_store(&segment->row[0].clicks[h], clicks * (float)(h + 1));
		atomic_store(&segment->row[0].shows[h], shows * (float)(h + 1));
	}
	atomic_store(&segment->row[0].boost, boost);
}

static void test_shared(void **state)
{
	fill(12 * HOUR_MS, 3, 50, 2);
	near(shared_alone(FEATURE_FRESH, 1), 0.25);
	near(shared_alone(FEATURE_AGE, 1), 2.564949357);         /* ln 13 */
	near(shared_alone(FEATURE_POPULAR_1H, 1), 1.945910149);  /* ln(1 + 6) */
	near(shared_alone(FEATURE_POPULAR_12H, 1), 2.564949357); /* ln(1 + 12) */
	near(shared_alone(FEATURE_POPULAR_48H, 1), 2.772588722); /* ln(1 + 15) */
	near(shared_alone(FEATURE_CTR, 1), 0.167054085);         /* ln((12 + 1) / (220 x .05)) */
	near(shared_alone(FEATURE_BOOST, 1), 0.693147181);       /* ln 2 */
	near(shared_alone(FEATURE_EXPLORE, 1), 0.063119443);     /* 1 / sqrt 251 */
	near(shared_alone(FEATURE_FRESH, -2.5), -0.625);
	fill(0, 10, 1, 1); /* beyond what was shown, 18 and 36 clicks */
	near(shared_alone(FEATURE_POPULAR_1H, 1), 1.979986);    /* ln(1 + 2 + sqrt 18) */
	near(shared_alone(FEATURE_POPULAR_12H, 1), 2.397895273); /* ln(1 + 4 + 6) */
	fill(12 * HOUR_MS, 3, 50, 2);
	near(shared_alone(FEATURE_TOPIC_SHORT, 5), 0);
}

static void test_shared_at_rest(void **state)
{
	fill(-5 * HOUR_MS, 0, 0, 1); /* published in the future: as new as can be */
	near(shared_alone(FEATURE_FRESH, 1), 1);
	near(shared_alone(FEATURE_AGE, 1), 0);
	near(shared_alone(FEATURE_POPULAR_1H, 1), 0);
	near(shared_alone(FEATURE_CTR, 1), 0);
	near(shared_alone(FEATURE_BOOST, 1), 0);
	near(shared_alone(FEATURE_EXPLORE, 1), 1);
}

static void test_shared_sums_and_slots(void **state)
{
	int32_t out[3] = {1, 1, 1}, first;
	fill(12 * HOUR_MS, 0, 0, 2);
	memset(model.weights, 0, sizeof(model.weights));
	model.weights[FEATURE_FRESH] = 1;
	model.weights[FEATURE_BOOST] = 1;
	segment->published_ms[1] = MINUTE_MS;
	atomic_store(&segment->row[1].boost, 1.0f);
	rank_shared(&models, 2, segment, 0, 2, MINUTE_MS, out);
	near((double)out[0] / RANK_ONE, 0.943147181);
	near((double)out[1] / RANK_ONE, 1);
	assert_int_equal(out[2], 1);
	rank_shared(&models, 2, segment, 1, 1, MINUTE_MS, &first);
	assert_int_equal(first, out[1]);
	rank_shared(&models, 3, segment, 0, 2, MINUTE_MS, out); /* a free slot scores nothing */
	assert_int_equal(out[0], 0);
	assert_int_equal(out[1], 0);
}

/* Whatever counters and weights say, the shared part stays within 64. */
static void test_shared_limit(void **state)
{
	int32_t out;
	fill(100 * 365 * 24 * HOUR_MS, 1e30f, 1e30f, 100);
	for (int sign = -1; sign <= 1; sign += 2) {
		for (int f = 0; f < N_FEATURES; f++)
			model.weights[f] = 1000.0 * sign;
		rank_shared(&models, 2, segment, 0, 1, MINUTE_MS, &out);
		assert_true(abs(out) <= 64 * RANK_ONE);
	}
	fill(0, NAN, NAN, 0); /* ln 0 */
	rank_shared(&models, 2, segment, 0, 1, MINUTE_MS, &out);
	assert_true(abs(out) <= 64 * RANK_ONE);
}

static void test_names(void **state)
{
	assert_string_equal(rank_feature_names[FEATURE_TOPIC_SHORT], "topic_short");
	assert_string_equal(rank_feature_names[FEATURE_POPULAR_12H], "popular_12h");
	assert_string_equal(rank_feature_names[FEATURE_EXPLORE], "explore");
	for (int f = 0; f < N_FEATURES; f++)
		for (int g = 0; g < f; g++)
			assert_string_not_equal(rank_feature_names[f], rank_feature_names[g]);
}

/* The rankings that ship are acceptable, and each is named as its file. */
static void test_shipped_models(void **state)
{
	static const char *const names[] = {"default", "latest-first", "popular"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[512], text[8192];
		struct model *m = NULL;
		struct model_problem problem = {"", ""};
		snprintf(path, sizeof(path), MODELS_DIR "/%s.json", names[i]);
		FILE *file = fopen(path, "r");
		assert_non_null(file);
		size_t n = fread(text, 1, sizeof(text), file);
		fclose(file);
		if (model_parse((struct span){text, n}, &rank_model_names, &m, &problem))
			fail_msg("%s: %s %s", path, problem.pointer, problem.text);
		assert_string_equal(m->name, names[i]);
		for (int f = 0; i > 0 && f < FEATURE_LANGUAGE; f++)
			assert_true(m->weights[f] == 0); /* only the default looks at the reader */
		model_free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_shared, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_shared_at_rest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_shared_sums_and_slots, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_shared_limit, set_up, tear_down),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_shipped_models),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
