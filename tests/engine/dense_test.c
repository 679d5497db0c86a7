/* From embeddings to the catalogue: when a space is fitted, who is told, and what has no place. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/epoch.h"
#include "engine/base/rng.h"
#include "engine/dense.h"
#include "engine/rank/rank.h"

#define NOW_MS INT64_C(1790000040000)

static struct epoch *epoch;
static struct catalog *catalog;
static struct dense *dense;
static struct rank_models models;

static int set_up(void **state)
{
	struct catalog_config config = {.shared = rank_shared, .shared_ctx = &models};
	return epoch_new(&epoch) || catalog_new(&catalog, epoch, &config, NOW_MS) || dense_new(&dense);
}

static int tear_down(void **state)
{
	dense_free(dense);
	dense_free(NULL);
	catalog_free(catalog);
	epoch_free(epoch);
	return 0;
}

/* As the engine publishes. */
static uint8_t publish(uint32_t article, enum dense_kind kind, const float *x, size_t width)
{
	struct catalog_entry e = {.article = article, .story = article, .created_seq = article, .boost = 1,
	                          .published_ms = NOW_MS, .card = {.id = SPAN("id"), .json = SPAN("{}"), .title = SPAN("t")}};
	assert_int_equal(dense_place(dense, article, kind, x, width, &e.dense_space, e.dense), 0);
	assert_int_equal(catalog_publish(catalog, &e), 0);
	assert_int_equal(dense_show(dense, catalog), 0);
	return e.dense_space;
}

static const int8_t *place_of(uint32_t article, uint8_t *space)
{
	struct catalog_place at = catalog_find(catalog, article);
	assert_non_null(at.segment);
	return catalog_dense(at.segment, at.slot, space);
}

/* Three numbers that an article's embedding is made of, and what is the same in all. */
static void embed(uint32_t article, size_t width, float *out)
{
	struct rng rng;
	rng_seed(&rng, article);
	float a = (float)rng_double(&rng) - 0.5f, b = (float)rng_double(&rng) - 0.5f, c = (float)rng_double(&rng) - 0.5f;
	for (size_t i = 0; i < width; i++)
		out[i] = 1 + a * (i % 3 == 0) + b * (i % 3 == 1) + c * (float)(i % 5);
}

static double cosine_of(uint32_t a, uint32_t b)
{
	uint8_t space_a, space_b;
	const int8_t *x = place_of(a, &space_a), *y = place_of(b, &space_b);
	double sum = 0, square_x = 0, square_y = 0;
	assert_true(x && y && space_a == space_b);
	for (size_t d = 0; d < CATALOG_DENSE; d++) {
		sum += x[d] * y[d];
		square_x += x[d] * x[d];
		square_y += y[d] * y[d];
	}
	return sum / sqrt(square_x * square_y);
}

/* The cosine of two embeddings of length 1 less the mean of the first n. */
static double expected_cosine(uint32_t a, uint32_t b, size_t width, uint32_t n)
{
	float x[64], of[2][64] = {{0}};
	double mean[64] = {0}, sum = 0, square[2] = {0}, length;
	for (uint32_t i = 1; i <= n + 2; i++) {
		embed(i <= n ? i : i == n + 1 ? a : b, width, x);
		length = 0;
		for (size_t j = 0; j < width; j++)
			length += (double)x[j] * (double)x[j];
		for (size_t j = 0; j < width; j++) {
			x[j] = (float)((double)x[j] / sqrt(length));
			mean[j] += i <= n ? (double)x[j] / n : 0;
		}
		if (i > n)
			memcpy(of[i - n - 1], x, width * sizeof(float));
	}
	for (size_t j = 0; j < width; j++) {
		double u = (double)of[0][j] - mean[j], v = (double)of[1][j] - mean[j];
		sum += u * v;
		square[0] += u * u;
		square[1] += v * v;
	}
	return sum / sqrt(square[0] * square[1]);
}

static void check_cosines(size_t width, uint32_t n_published, uint32_t n_sample)
{
	for (uint32_t i = 1; i + 7 <= n_published; i += 5) {
		double cosine = cosine_of(i, i + 7), expected = expected_cosine(i, i + 7, width, n_sample);
		if (fabs(cosine - expected) > 0.03)
			fail_msg("%u and %u: %.4f is not %.4f", i, i + 7, cosine, expected);
	}
}

static void test_fits(void **state)
{
	enum { WIDTH = 30 };
	float x[WIDTH];
	uint8_t space;
	for (uint32_t i = 1; i <= 600; i++) {
		embed(i, WIDTH, x);
		for (size_t k = 0; k < WIDTH; k++)
			x[k] *= (float)i; /* lengths do not matter */
		assert_int_equal(publish(i, DENSE_OWN, x, WIDTH), i >= DENSE_FIRST);
		if (i == DENSE_FIRST - 1)
			assert_null(place_of(1, &space)); /* too few to say */
		if (i == DENSE_FIRST || i == DENSE_SAMPLE - 1)
			check_cosines(WIDTH, i, DENSE_FIRST);
		if (i == DENSE_SAMPLE || i == 600)
			check_cosines(WIDTH, i, DENSE_SAMPLE);
	}
	assert_non_null(place_of(600, &space));
	assert_int_equal(space, 1);
	/* An article that changes, and one that goes without. */
	embed(7, WIDTH, x);
	assert_int_equal(publish(600, DENSE_OWN, x, WIDTH), 1);
	assert_true(cosine_of(600, 7) > 0.999);
	memset(x, 0, sizeof(x));
	assert_int_equal(publish(599, DENSE_OWN, x, WIDTH), 0);
	assert_null(place_of(599, &space));
}

/* Each kind and width is apart, numbered as they come; a fifth is not looked at. */
static void test_spaces(void **state)
{
	float x[64];
	uint8_t space;
	const struct {
		enum dense_kind kind;
		size_t width;
	} of[] = {{DENSE_OWN, 20}, {DENSE_WORDS, 20}, {DENSE_OWN, 33}, {DENSE_OWN, 3}, {DENSE_OWN, 21}};
	for (uint32_t i = 0; i < 5 * DENSE_FIRST; i++) {
		embed(i + 1, of[i % 5].width, x);
		publish(i + 1, of[i % 5].kind, x, of[i % 5].width);
	}
	for (uint32_t i = 0; i < 5 * DENSE_FIRST; i++) {
		place_of(i + 1, &space);
		assert_int_equal(space, i % 5 < DENSE_SPACES ? i % 5 + 1 : 0);
	}
	assert_int_equal(publish(1002, DENSE_OWN, x, 1), 0);
	assert_int_equal(publish(1003, DENSE_OWN, NULL, 0), 0);
	const float bad[] = {INFINITY, 1, 1};
	assert_int_equal(publish(1004, DENSE_OWN, bad, 3), 0);
	assert_true(dense_bytes(dense) > 4 * DENSE_FIRST * 3 * sizeof(float));
}

/* Short vectors go along when a segment is compacted, and over several segments when a fit changes them. */
static void test_segments(void **state)
{
	float x[12];
	uint8_t space;
	for (uint32_t i = 1; i < SEGMENT_SLOTS; i++) {
		float none[] = {0, 0};
		publish(100000 + i, DENSE_OWN, none, 2);
	}
	for (uint32_t i = 1; i <= DENSE_FIRST; i++) {
		embed(i, 12, x);
		publish(i, DENSE_OWN, x, 12);
	}
	assert_ptr_not_equal(catalog_find(catalog, 1).segment, catalog_find(catalog, 2).segment);
	check_cosines(12, DENSE_FIRST, DENSE_FIRST);
	place_of(1, &space);
	assert_int_equal(space, 2);
	int8_t before[CATALOG_DENSE];
	memcpy(before, place_of(1, &space), sizeof(before));
	for (uint32_t i = 1; i < SEGMENT_SLOTS; i++)
		catalog_withdraw(catalog, 100000 + i);
	const struct catalog_segment *old = catalog_find(catalog, 1).segment;
	assert_int_equal(catalog_tick(catalog, NOW_MS + 60000, NULL, NULL), 0);
	assert_ptr_not_equal(catalog_find(catalog, 1).segment, old);
	assert_memory_equal(place_of(1, &space), before, sizeof(before));
	assert_int_equal(space, 2);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {CASE(test_fits), CASE(test_spaces), CASE(test_segments)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
