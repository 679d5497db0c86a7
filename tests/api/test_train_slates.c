/* Slates to train from: the loss and its derivatives beside differences, figures by hand, and what is kept. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/train_slates.h"
#include "engine/base/rng.h"

static void near(double a, double b, double tolerance)
{
	if (!(fabs(a - b) <= tolerance))
		fail_msg("%.9g is not %.9g", a, b);
}

/* A slate of n rows whose inputs are number, number + 1, ... */
static void add(struct train_slates *s, size_t n, unsigned clicked, float number)
{
	float inputs[64];
	bool labels[16];
	for (size_t i = 0; i < n; i++)
		labels[i] = clicked >> i & 1;
	for (size_t i = 0; i < n * s->n_inputs; i++)
		inputs[i] = number + (float)i;
	assert_int_equal(train_slates_add(s, inputs, labels, n), 0);
}

static void test_what_is_kept(void **state)
{
	struct train_slates s = {.n_inputs = 2};
	add(&s, 3, 0, 100); /* no click */
	add(&s, 3, 7, 200); /* nothing but clicks */
	assert_int_equal(s.n_slates, 0);
	assert_int_equal(s.n_rows, 0);
	add(&s, 4, 5, 10);
	add(&s, 2, 2, 20);
	assert_int_equal(s.n_slates, 2);
	assert_int_equal(s.n_rows, 6);
	assert_true(s.first[0] == 0 && s.first[1] == 4 && s.first[2] == 6);
	const float shares[6] = {0.5f, 0, 0.5f, 0, 0, 1};
	for (size_t i = 0; i < 6; i++) {
		assert_true(s.shares[i] == shares[i]);
		assert_true(s.inputs[2 * i] == (i < 4 ? 10 + 2 * (float)i : 20 + 2 * (float)(i - 4)));
	}
	train_slates_free(&s);
}

static void test_many(void **state)
{
	struct train_slates s = {.n_inputs = 3};
	for (int i = 0; i < 3000; i++)
		add(&s, 5, 1u << (i % 5), (float)i);
	assert_int_equal(s.n_slates, 3000);
	assert_int_equal(s.first[3000], 15000);
	for (size_t i = 0; i < 15000; i++) {
		size_t slate = i / 5, row = i % 5;
		assert_true(s.inputs[3 * i + 1] == (float)slate + (float)(3 * row + 1));
		assert_true(s.shares[i] == (i % 5 == i / 5 % 5));
	}
	train_slates_free(&s);
}

static void test_compact(void **state)
{
	struct train_slates s = {.n_inputs = 4};
	const float inputs[4][4] = {{1, 5, 2, 0}, {1, 6, 2, 0}, {1, 5, 2, 0}, {1, 5, 2, -1}};
	const bool clicked[] = {true, false};
	uint16_t kept[4];
	assert_int_equal(train_slates_add(&s, inputs[0], clicked, 2), 0);
	assert_int_equal(train_slates_add(&s, inputs[2], clicked, 2), 0);
	assert_int_equal(train_slates_compact(&s, kept), 2);
	assert_true(kept[0] == 1 && kept[1] == 3);
	const float expected[] = {5, 0, 6, 0, 5, 0, 5, -1};
	for (size_t i = 0; i < 8; i++)
		assert_true(s.inputs[i] == expected[i]);
	assert_int_equal(s.n_inputs, 2);
	train_slates_free(&s);
}

/* Scores ln 1, ln 2, ln 5: p = 1/8, 2/8, 5/8; the second clicked. */
static void test_by_hand(void **state)
{
	struct train_slates s = {.n_inputs = 1};
	float gradient[3], hessian[3];
	add(&s, 2, 1, 0); /* another before it */
	add(&s, 3, 2, 0);
	const float scores[] = {0, logf(2), logf(5)};
	train_gradient(&s, 1, 1, scores, gradient, hessian);
	near((double)gradient[0], 0.125, 1e-6);
	near((double)gradient[1], 0.25 - 1, 1e-6);
	near((double)gradient[2], 0.625, 1e-6);
	near((double)hessian[0], 0.125 * 0.875, 1e-6);
	near((double)hessian[1], 0.25 * 0.75, 1e-6);
	near((double)hessian[2], 0.625 * 0.375, 1e-6);
	struct train_fit fit = train_measure(&s, 1, 1, scores);
	near(fit.loss, log(4), 1e-6);
	near(fit.auc, 0.5, 0); /* before the first, behind the third */
	/* Both slates: of the first, equal scores count half, and its loss is ln 2. */
	const float both[] = {3, 3, 0, logf(2), logf(5)};
	fit = train_measure(&s, 0, 2, both);
	near(fit.loss, (log(2) + log(4)) / 2, 1e-6);
	near(fit.auc, 0.5, 0);
	/* Scores far apart do not overflow, and no second derivative is 0. */
	const float far[] = {-500, 500, -500};
	train_gradient(&s, 1, 1, far, gradient, hessian);
	near((double)gradient[1], 0, 1e-6);
	for (size_t i = 0; i < 3; i++)
		assert_true(hessian[i] >= 1e-6f && isfinite(gradient[i]));
	near(train_measure(&s, 1, 1, far).auc, 1, 0);
	train_slates_free(&s);
}

static void test_gradient_beside_differences(void **state)
{
	struct rng rng;
	struct train_slates s = {.n_inputs = 1};
	float scores[40], gradient[40], hessian[40];
	const float step = 0.01f;
	rng_seed(&rng, 5);
	for (int i = 0; i < 5; i++)
		add(&s, 8, 1 + (unsigned)rng_below(&rng, 254), 0);
	for (size_t i = 0; i < 40; i++)
		scores[i] = (float)rng_below(&rng, 4000) / 1000 - 2;
	train_gradient(&s, 0, 5, scores, gradient, hessian);
	for (size_t i = 0; i < 40; i++) {
		float at = scores[i];
		double here = train_measure(&s, 0, 5, scores).loss * 5;
		scores[i] = at + step;
		double above = train_measure(&s, 0, 5, scores).loss * 5;
		scores[i] = at - step;
		double below = train_measure(&s, 0, 5, scores).loss * 5;
		scores[i] = at;
		near((double)gradient[i], (above - below) / (2 * (double)step), 1e-4);
		near((double)hessian[i], (above + below - 2 * here) / ((double)step * (double)step), 1e-2);
	}
	train_slates_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_kept), cmocka_unit_test(test_many), cmocka_unit_test(test_compact),
		cmocka_unit_test(test_by_hand), cmocka_unit_test(test_gradient_beside_differences),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
