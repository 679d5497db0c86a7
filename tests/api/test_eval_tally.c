/* Days, history lengths and the drawing, against what was put in. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/eval_tally.h"

#define assert_near(got, expected, within) assert_true(fabs((got) - (double)(expected)) <= (within))

static const int64_t noon_ms = INT64_C(1573819200000); /* 2019-11-15T12:00:00Z, by date -d @1573819200 */
static const int64_t hour_ms = 3600 * 1000;

static void add(struct eval_tally *t, int64_t at_ms, uint64_t n_reads, double auc)
{
	assert_int_equal(eval_tally_add(t, at_ms, n_reads, (double[N_EVAL_METRICS]){auc, auc / 2, auc / 4, auc / 8}), 0);
}

static void test_days(void **state)
{
	struct eval_tally t = {0};
	add(&t, noon_ms, 0, 0.5);
	add(&t, noon_ms + 12 * hour_ms - 1, 0, 0.75); /* the last millisecond of that day */
	add(&t, noon_ms + 12 * hour_ms, 0, 1);        /* midnight is the next day's */
	add(&t, noon_ms + 100 * hour_ms, 0, 0.25);    /* days without a slate are left out */
	assert_int_equal(t.n_days, 3);
	assert_int_equal(t.days[0].start_ms, noon_ms - 12 * hour_ms);
	assert_int_equal(t.days[1].start_ms, noon_ms + 12 * hour_ms);
	assert_int_equal(t.days[2].start_ms, noon_ms + 84 * hour_ms);
	assert_int_equal(t.days[0].means[EVAL_AUC].n, 2);
	assert_near(t.days[0].means[EVAL_AUC].mean, 0.625, 1e-15);
	/* deviations of an eighth each: sqrt(2 / 64 / 1 / 2) */
	assert_near(eval_mean_error(&t.days[0].means[EVAL_AUC]), 0.125, 1e-15);
	assert_near(t.days[0].means[EVAL_NDCG10].mean, 0.625 / 8, 1e-15);
	assert_near(t.days[2].means[EVAL_MRR].mean, 0.125, 1e-15);
	assert_near(t.means[EVAL_AUC].mean, 0.625, 1e-15);
	eval_tally_free(&t);
}

/* Also before 1970: days begin at 00:00 there too. */
static void test_days_before_1970(void **state)
{
	struct eval_tally t = {0};
	add(&t, -1, 0, 0.5);
	add(&t, 0, 0, 0.5);
	assert_int_equal(t.n_days, 2);
	assert_int_equal(t.days[0].start_ms, -86400000);
	assert_int_equal(t.days[1].start_ms, 0);
	eval_tally_free(&t);
}

static void test_histories(void **state)
{
	static const struct {
		uint64_t n_reads;
		enum eval_history expected;
	} table[] = {{0, EVAL_READS_0}, {1, EVAL_READS_1}, {5, EVAL_READS_1}, {6, EVAL_READS_6}, {20, EVAL_READS_6},
	             {21, EVAL_READS_21}, {100000, EVAL_READS_21}};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct eval_tally t = {0};
		add(&t, noon_ms, table[i].n_reads, 0.75);
		for (int h = 0; h < N_EVAL_HISTORIES; h++)
			assert_int_equal(t.auc_by_history[h].n, h == (int)table[i].expected);
		assert_near(t.auc_by_history[table[i].expected].mean, 0.75, 0);
		eval_tally_free(&t);
	}
}

/* The n-th pair of numbers behind `tag`. */
static void point_of(const char *svg, const char *tag, int n, double *x, double *y)
{
	char *at = strstr(svg, tag);
	assert_non_null(at);
	at = strstr(at, "points=\"") + strlen("points=\"");
	for (int i = 0; i <= n; i++) {
		*x = strtod(at, &at);
		assert_int_equal(*at, ',');
		*y = strtod(at + 1, &at);
	}
}

/* 200 slates, an hour apart, are four runs of 50. In each, half of the slates lie 0.1 above and half 0.1 below 0.6, 0.65,
 * 0.7, 0.65: the standard error of each is sqrt(50 x 0.01 / 49 / 50) = 0.0142857. The band goes from 0.5857 to 0.7143,
 * which is over six steps of 0.02, so that 0.55 to 0.75 is drawn, from y = 360 up to 64: 0.6 is at 360 - 296 / 4 = 286,
 * 0.65 at 212, 0.7 at 138, and the error is 296 x 0.0142857 / 0.2 = 21.1 high. The runs lie evenly between x = 74 and
 * x = 836. */
static void test_drawing(void **state)
{
	static const double means[] = {0.6, 0.65, 0.7, 0.65}, heights[] = {286, 212, 138, 212};
	static const double across[] = {74, 328, 582, 836};
	struct eval_tally t = {0};
	struct buf out = {0};
	double x, y;
	for (int i = 0; i < 200; i++)
		add(&t, noon_ms + i * hour_ms, 0, means[i / 50] + (i % 2 ? 0.1 : -0.1));
	eval_svg(&t, SPAN("model a<b & \"c\""), &out);
	buf_put_char(&out, '\0');
	assert_false(out.failed);
	for (int i = 0; i < 4; i++) {
		point_of(out.data, "<polyline", i, &x, &y);
		assert_near(x, across[i], 0.051);
		assert_near(y, heights[i], 0.051);
		point_of(out.data, "<polygon", i, &x, &y);
		assert_near(x, across[i], 0.051);
		assert_near(y, heights[i] - 21.143, 0.051);
		point_of(out.data, "<polygon", 7 - i, &x, &y);
		assert_near(x, across[i], 0.051);
		assert_near(y, heights[i] + 21.143, 0.051);
	}
	assert_non_null(strstr(out.data, ">0.55<"));
	assert_non_null(strstr(out.data, ">0.75<"));
	assert_null(strstr(out.data, ">0.80<"));
	assert_non_null(strstr(out.data, ">17 Nov 2019<"));
	assert_non_null(strstr(out.data, "model a&#60;b &#38; \"c\""));
	/* all: the mean is 0.65 */
	assert_non_null(strstr(out.data, "<line class=\"all\" x1=\"74.0\" y1=\"212.0\" x2=\"836.0\" y2=\"212.0\"/>"));
	buf_free(&out);
	eval_tally_free(&t);
}

/* No slate, one slate, slates of one moment: still a drawing with numbers in it. */
static void test_small_drawings(void **state)
{
	for (int n = 0; n < 4; n++) {
		struct eval_tally t = {0};
		struct buf out = {0};
		for (int i = 0; i < n; i++)
			add(&t, noon_ms, 0, 0.5);
		eval_svg(&t, SPAN("few"), &out);
		buf_put_char(&out, '\0');
		assert_false(out.failed);
		assert_null(strstr(out.data, "nan"));
		assert_null(strstr(out.data, "inf"));
		assert_non_null(strstr(out.data, "</svg>"));
		assert_int_equal(n > 0, strstr(out.data, "<polyline") != NULL);
		buf_free(&out);
		eval_tally_free(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_days), cmocka_unit_test(test_days_before_1970), cmocka_unit_test(test_histories),
		cmocka_unit_test(test_drawing), cmocka_unit_test(test_small_drawings)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
