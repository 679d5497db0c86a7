/* The metrics of a slate against values worked out by hand and published ones. d(i) = 1 / log2(i + 1). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "api/eval_metrics.h"

enum { PLACES = 16 };

#define assert_near(got, expected, within) assert_true(fabs((got) - (double)(expected)) <= (within))

struct expected {
	const char *name, *ranking; /* '1' clicked, '0' not, best first */
	double of[N_EVAL_METRICS];
};

/* Measures a ranking that is given to eval_slate in some other order. */
static int measure(const char *ranking, uint64_t seed, double out[N_EVAL_METRICS])
{
	struct arena arena = {0};
	struct rng rng;
	double scores[PLACES];
	bool clicked[PLACES];
	size_t n = strlen(ranking);
	rng_seed(&rng, seed);
	for (size_t i = 0; i < n; i++) {
		size_t at = (i * 5 + seed) % n; /* 5 has no factor in common with the lengths below but 5 itself */
		if (n % 5 == 0)
			at = n - 1 - i;
		scores[at] = -1.5 * (double)i;
		clicked[at] = ranking[i] == '1';
	}
	int r = eval_slate(&arena, &rng, scores, clicked, n, NULL, out);
	arena_free(&arena);
	return r;
}

static void test_by_hand(void **state)
{
	static const struct expected table[] = {
		/* the only click on top */
		{"best", "1000", {1, 1, 1, 1}},
		/* no pair in order; 1/4; d(4) / d(1) = 1 / log2 5 */
		{"worst", "0001", {0, 0.25, 0.43067655807339306, 0.43067655807339306}},
		/* below the click at 2 stand 2 of 3, below the one at 5 none: 2 / 6; (1/2 + 1/5) / 2; (d(2) + d(5)) /
		 * (d(1) + d(2)) = (0.6309297536 + 0.3868528072) / 1.6309297536 */
		{"two of five", "01001", {1.0 / 3, 0.35, 0.6240505200038379, 0.6240505200038379}},
		/* below the clicks stand 7, 5 and 1 of 9: 13 / 27; (1/3 + 1/6 + 1/11) / 3; of the ideal d(1) + d(2) + d(3) =
		 * 2.1309297536 the first five places earn d(3) = 0.5, the first ten d(3) + d(6) = 0.8562071871, the click at 11
		 * nothing */
		{"beyond the cuts", "001001000010", {13.0 / 27, 0.19696969696969696, 0.23463936301137822, 0.40179981797758046}},
		/* more clicks than places count: the ideal is cut as well, (d(2) + ... + d(5)) / (d(1) + ... + d(5)) and
		 * (d(2) + ... + d(8)) / (d(1) + ... + d(7)); MRR (1/2 + ... + 1/8) / 7 */
		{"more clicks than places", "01111111", {0, 0.24540816326530613, 0.6608397947263839, 0.8118374955798289}},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		for (uint64_t seed = 1; seed < 4; seed++) {
			double got[N_EVAL_METRICS];
			assert_int_equal(measure(table[i].ranking, seed, got), EVAL_MEASURED);
			for (int m = 0; m < N_EVAL_METRICS; m++)
				if (fabs(got[m] - table[i].of[m]) > 1e-12)
					fail_msg("%s: %s is %.16g, not %.16g", table[i].name, eval_metric_names[m], got[m], table[i].of[m]);
		}
}

/* The example in scikit-learn's documentation of roc_auc_score, which MIND's evaluation calls: 0.75. */
static void test_documented_auc(void **state)
{
	struct arena arena = {0};
	struct rng rng;
	double got[N_EVAL_METRICS];
	rng_seed(&rng, 1);
	assert_int_equal(eval_slate(&arena, &rng, (double[]){0.1, 0.4, 0.35, 0.8}, (bool[]){false, false, true, true}, 4,
	                            NULL, got), EVAL_MEASURED);
	assert_near(got[EVAL_AUC], 0.75, 1e-15);
	arena_free(&arena);
}

/* The usual example of the mean reciprocal rank (first right answers at 3, 2 and 1): 11/18. And a standard error: of
 * 2 4 4 4 5 5 7 9 the mean is 5, the squares add up to 9 + 1 + 1 + 1 + 0 + 0 + 4 + 16 = 32, the error is
 * sqrt(32 / 7 / 8). */
static void test_means(void **state)
{
	static const char *const rankings[] = {"001", "010", "100"};
	static const double numbers[] = {2, 4, 4, 4, 5, 5, 7, 9};
	struct eval_mean mrr = {0}, m = {0};
	for (int i = 0; i < 3; i++) {
		double got[N_EVAL_METRICS];
		assert_int_equal(measure(rankings[i], 1, got), EVAL_MEASURED);
		eval_mean_add(&mrr, got[EVAL_MRR]);
	}
	assert_near(mrr.mean, 11.0 / 18, 1e-15);
	assert_true(isnan(eval_mean_error(&m)));
	for (int i = 0; i < 8; i++)
		eval_mean_add(&m, numbers[i]);
	assert_int_equal(m.n, 8);
	assert_near(m.mean, 5, 1e-15);
	assert_near(eval_mean_error(&m), 0.7559289460184544, 1e-15);
}

static void test_what_is_not_measured(void **state)
{
	double got[N_EVAL_METRICS] = {-7, -7, -7, -7};
	assert_int_equal(measure("000", 1, got), EVAL_NO_CLICK);
	assert_int_equal(measure("", 1, got), EVAL_NO_CLICK);
	assert_int_equal(measure("1", 1, got), EVAL_ALL_CLICKED);
	assert_int_equal(measure("111", 1, got), EVAL_ALL_CLICKED);
	for (int m = 0; m < N_EVAL_METRICS; m++)
		assert_near(got[m], -7, 0);
}

/* Equal scores stand in every order equally often: the click of four lands on each place in a quarter of 4,000 throws,
 * whose standard deviation is sqrt(4000 x 1/4 x 3/4) = 27.4; five of them are allowed. NaN counts as the
 * lowest score. */
static void test_ties_are_broken_at_random(void **state)
{
	struct arena arena = {0};
	struct rng rng;
	unsigned places[4] = {0};
	double got[N_EVAL_METRICS];
	const uint64_t seed = 20191114;
	print_message("seed %llu\n", (unsigned long long)seed);
	rng_seed(&rng, seed);
	for (int i = 0; i < 4000; i++) {
		arena_reset(&arena);
		assert_int_equal(eval_slate(&arena, &rng, (double[]){2, 2, 2, 2}, (bool[]){true, false, false, false}, 4, NULL,
		                            got),
		                 EVAL_MEASURED);
		places[(int)lround(1 / got[EVAL_MRR]) - 1]++;
	}
	for (int i = 0; i < 4; i++)
		assert_in_range(places[i], 1000 - 137, 1000 + 137);
	assert_int_equal(eval_slate(&arena, &rng, (double[]){NAN, -1e300}, (bool[]){false, true}, 2, NULL, got), EVAL_MEASURED);
	assert_near(got[EVAL_AUC], 1, 0);
	arena_free(&arena);
}

/* The places best first, also of a slate that is not measured. */
static void test_order(void **state)
{
	struct arena arena = {0};
	struct rng rng;
	uint32_t order[5];
	double got[N_EVAL_METRICS];
	rng_seed(&rng, 1);
	assert_int_equal(eval_slate(&arena, &rng, (double[]){0.5, -2, NAN, 7, 1}, (bool[5]){false}, 5, order, got),
	                 EVAL_NO_CLICK);
	assert_memory_equal(order, ((uint32_t[]){3, 4, 0, 1, 2}), sizeof(order));
	assert_int_equal(eval_slate(&arena, &rng, (double[]){1, 2}, (bool[]){true, false}, 2, order, got), EVAL_MEASURED);
	assert_int_equal(order[0], 1);
	assert_int_equal(order[1], 0);
	arena_free(&arena);
}

/* The same seed breaks ties the same way: a printed seed repeats a run. */
static void test_seed_repeats(void **state)
{
	struct arena arena = {0};
	struct rng a, b;
	double x[N_EVAL_METRICS], y[N_EVAL_METRICS];
	rng_seed(&a, 7);
	rng_seed(&b, 7);
	for (int i = 0; i < 100; i++) {
		double scores[6] = {0};
		bool clicked[6] = {false, true, false, true};
		assert_int_equal(eval_slate(&arena, &a, scores, clicked, 6, NULL, x), EVAL_MEASURED);
		assert_int_equal(eval_slate(&arena, &b, scores, clicked, 6, NULL, y), EVAL_MEASURED);
		assert_memory_equal(x, y, sizeof(x));
	}
	arena_free(&arena);
}

/* Each of the 6 places for two labels of four comes up in a sixth of 6,000 shuffles (sd 28.9, five allowed). */
static void test_shuffle(void **state)
{
	struct rng rng;
	unsigned seen[16] = {0};
	rng_seed(&rng, 3);
	for (int i = 0; i < 6000; i++) {
		bool labels[4] = {true, true, false, false};
		eval_shuffle(&rng, labels, 4);
		seen[labels[0] | labels[1] << 1 | labels[2] << 2 | labels[3] << 3]++;
	}
	for (int i = 0; i < 16; i++) {
		if (__builtin_popcount((unsigned)i) == 2)
			assert_in_range(seen[i], 1000 - 145, 1000 + 145);
		else
			assert_int_equal(seen[i], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_hand), cmocka_unit_test(test_documented_auc), cmocka_unit_test(test_means),
		cmocka_unit_test(test_what_is_not_measured), cmocka_unit_test(test_ties_are_broken_at_random),
		cmocka_unit_test(test_order), cmocka_unit_test(test_seed_repeats), cmocka_unit_test(test_shuffle)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
