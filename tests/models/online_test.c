/* The kinds that learn: gradients against differences of the loss worked out apart, steps against hand calculations. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/rng.h"
#include "models/model.h"

enum { COLUMNS = 3, INPUTS = 2 * COLUMNS, HIDDEN = 4, SLOTS = 5, PARAMS_MAX = 128 };

/* A model that learns of COLUMNS columns. */
static struct model model_of(enum model_kind kind)
{
	struct model m = {.kind = kind, .n_columns = COLUMNS, .columns = {true, true, true},
	                  .learn = {.rate = 0.05, .g0 = 10, .hidden_rate = 0.02, .cross_alpha = 0.1, .cross_beta = 1}};
	if (kind == MODEL_MLP)
		m.learn.hidden = HIDDEN;
	return m;
}

/* Where each part stands among the parameters, as models/online.c says. */
struct places {
	size_t n_hidden, width, position, hidden, bias, out, n;
};

static struct places places_of(const struct model *m)
{
	struct places p = {.n_hidden = m->learn.hidden, .position = INPUTS, .hidden = INPUTS + MODEL_POSITIONS};
	p.width = (p.n_hidden + 7) / 8 * 8;
	p.bias = p.hidden + p.width * INPUTS;
	p.out = p.bias + p.width;
	p.n = p.out + p.width;
	return p;
}

/* Of a unit that is none: rows are filled up to whole lanes. */
static bool is_filler(const struct places *p, size_t j)
{
	return j >= p->hidden && (j - p->hidden) % p->width >= p->n_hidden;
}

struct slate {
	struct model_slate s;
	float inputs[SLOTS * INPUTS], crosses[SLOTS], labels[SLOTS];
	uint8_t positions[SLOTS];
};

static void random_slate(struct rng *rng, struct slate *out)
{
	for (size_t i = 0; i < SLOTS * INPUTS; i++)
		out->inputs[i] = (float)(rng_double(rng) * 4 - 2);
	for (size_t i = 0; i < SLOTS; i++) {
		out->crosses[i] = (float)(rng_double(rng) - 0.5);
		out->labels[i] = (float)(rng_below(rng, 3) * 0.5);
		out->positions[i] = (uint8_t)(rng_below(rng, 4) ? rng_below(rng, 256) : i);
	}
	out->labels[rng_below(rng, SLOTS)] = 1;
	out->s = (struct model_slate){.n = SLOTS, .n_columns = COLUMNS, .inputs = out->inputs, .cross_sums = out->crosses,
	                                .weight = 1};
}

/* -sum(share x ln softmax(score + place's bias)), in doubles and from the formulas alone. */
static double loss_of(const struct model *m, const struct slate *slate, const double *params, bool *near_kink)
{
	struct places at = places_of(m);
	double scores[SLOTS], total = 0, labels = 0, loss = 0;
	for (size_t i = 0; i < SLOTS; i++) {
		const float *x = slate->inputs + i * INPUTS;
		size_t place = slate->positions[i] < MODEL_POSITIONS ? slate->positions[i] : MODEL_POSITIONS - 1;
		scores[i] = (double)slate->crosses[i] + (place ? params[at.position + place] : 0);
		for (size_t j = 0; j < INPUTS; j++)
			scores[i] += params[j] * (double)x[j];
		for (size_t k = 0; k < at.n_hidden; k++) {
			double a = params[at.bias + k];
			for (size_t j = 0; j < INPUTS; j++)
				a += params[at.hidden + j * at.width + k] * (double)x[j];
			*near_kink = *near_kink || fabs(a) < 1e-3;
			scores[i] += a > 0 ? params[at.out + k] * a : 0;
		}
		total += exp(scores[i]);
		labels += (double)slate->labels[i];
	}
	for (size_t i = 0; i < SLOTS; i++)
		loss -= (double)slate->labels[i] / labels * (scores[i] - log(total));
	return loss;
}

/* With nothing in AdaGrad's sums a step adds the square of the gradient to them, and goes against its sign. */
static void check_gradient(const struct model *m, struct rng *rng)
{
	struct places at = places_of(m);
	struct slate slate;
	float params[PARAMS_MAX], stepped[PARAMS_MAX], squares[PARAMS_MAX] = {0}, residuals[SLOTS];
	double exact[PARAMS_MAX];
	bool near_kink = false;
	assert_int_equal(model_n_params(m), at.n);
	assert_true(at.n <= PARAMS_MAX);
	random_slate(rng, &slate);
	slate.s.weight = rng_below(rng, 2) ? 1 : 0.25f; /* a lesson that weighs less */
	const double weight = (double)slate.s.weight;
	for (size_t j = 0; j < at.n; j++) {
		params[j] = stepped[j] = is_filler(&at, j) ? 0 : (float)(rng_double(rng) - 0.5);
		exact[j] = (double)params[j];
	}
	double before = loss_of(m, &slate, exact, &near_kink);
	if (near_kink)
		return;
	double loss = model_learn(m, &slate.s, slate.labels, slate.positions, stepped, squares, residuals);
	assert_true(fabs(loss - before) < 1e-5);
	for (size_t j = 0; j < at.n; j++) {
		const double h = 1e-5;
		double keep = exact[j];
		exact[j] = keep + h;
		double up = loss_of(m, &slate, exact, &near_kink);
		exact[j] = keep - h;
		double down = loss_of(m, &slate, exact, &near_kink), expected = weight * (up - down) / (2 * h);
		exact[j] = keep;
		double gradient = sqrt((double)squares[j]) * (stepped[j] > params[j] ? -1 : 1);
		if (fabs(gradient - expected) > 1e-4 + 1e-3 * fabs(expected))
			fail_msg("parameter %zu: gradient %.6f, by differences %.6f", j, gradient, expected);
	}
	/* Residuals, for the crosses: softmax less share, which sum to 0. */
	double sum = 0;
	for (size_t i = 0; i < SLOTS; i++)
		sum += (double)residuals[i];
	assert_true(fabs(sum) < 1e-6);
}

static void test_gradients(void **state)
{
	struct rng rng;
	const struct model linear = model_of(MODEL_ONLINE), hidden = model_of(MODEL_MLP);
	rng_seed(&rng, 20261124);
	for (int i = 0; i < 200; i++) {
		check_gradient(&linear, &rng);
		check_gradient(&hidden, &rng);
	}
}

static void near(double value, double expected)
{
	if (!(fabs(value - expected) < 1e-6))
		fail_msg("%.9f is not %.9f", value, expected);
}

/* Two slots, z 1 and -1, c 2 and -2 of the first column; the first is clicked. Both score 0: p = 1/2, residuals -1/2 and 1/2;
 * the gradient of z is -1/2 x 1 + 1/2 x -1 = -1, of c -2. */
static void test_adagrad_by_hand(void **state)
{
	const struct model m = model_of(MODEL_ONLINE);
	const float inputs[2][INPUTS] = {{1, 0, 0, 2, 0, 0}, {-1, 0, 0, -2, 0, 0}}, labels[2] = {1, 0};
	const uint8_t positions[2] = {1, 40};
	struct model_slate slate = {.n = 2, .n_columns = COLUMNS, .inputs = &inputs[0][0], .weight = 1};
	float params[PARAMS_MAX] = {0}, squares[PARAMS_MAX], residuals[2];
	for (size_t j = 0; j < PARAMS_MAX; j++)
		squares[j] = 10;
	near(model_learn(&m, &slate, labels, positions, params, squares, residuals), 0.693147181); /* ln 2 */
	near((double)residuals[0], -0.5);
	near((double)residuals[1], 0.5);
	near((double)squares[0], 11);                     /* 10 + 1 */
	near((double)params[0], 0.015075567);             /* .05 x 1 / sqrt 11 */
	near((double)squares[COLUMNS], 14);               /* 10 + 4 */
	near((double)params[COLUMNS], 0.026726124);       /* .05 x 2 / sqrt 14 */
	near((double)params[INPUTS + 1], 0.007808688);    /* the top place: .05 x .5 / sqrt 10.25 */
	near((double)params[INPUTS + 31], -0.007808688);  /* the last stands for all below it */
	for (size_t j = 1; j < COLUMNS; j++) {            /* what had no gradient stays */
		assert_true(params[j] == 0 && squares[j] == 10);
		assert_true(params[COLUMNS + j] == 0 && squares[COLUMNS + j] == 10);
	}
	/* Labels 1 and .5 of three slots that score alike: shares 2/3, 1/3, 0. */
	const float three[3][INPUTS] = {{0}}, worth[3] = {1, 0.5f, 0};
	const uint8_t nowhere[3] = {0, 0, 0};
	float left[3], all[PARAMS_MAX] = {0};
	slate = (struct model_slate){.n = 3, .n_columns = COLUMNS, .inputs = &three[0][0], .weight = 1};
	near(model_learn(&m, &slate, worth, nowhere, all, squares, left), 1.098612289); /* ln 3 */
	near((double)left[0], -1.0 / 3);
	near((double)left[1], 0);
	near((double)left[2], 1.0 / 3);
	for (size_t j = 0; j < model_n_params(&m); j++)
		assert_true(all[j] == 0); /* position 0 has no bias */
}

/* McMahan and others 2013, algorithm 1, with alpha .1, beta 1, l1 .5, l2 1. */
static void test_ftrl_by_hand(void **state)
{
	struct model_learn learn = {.cross_alpha = 0.1, .cross_beta = 1, .cross_l1 = 0.5, .cross_l2 = 1};
	struct model_cross c = {0};
	_Atomic float weight = 0;
	model_cross_learn(&learn, 1, &c, &weight);
	near((double)c.n, 1);
	near((double)c.z, 1);                         /* sigma 10, weight 0 */
	near((double)weight, -0.023809524);         /* -(1 - .5) / ((1 + 1) / .1 + 1) */
	model_cross_learn(&learn, -2, &c, &weight);
	near((double)c.n, 5);
	near((double)c.z, -0.705698101);              /* 1 - 2 - 12.36067977 x -.02380952 */
	near((double)weight, 0.006165885);          /* .205698101 / ((1 + 2.23606798) / .1 + 1) */
	model_cross_learn(&learn, 0.5f, &c, &weight);
	near((double)c.n, 5.25);
	near((double)c.z, -0.209102894);              /* -.705698101 + .5 - .55219870 x .006165885 */
	assert_true(weight == 0);                   /* |z| <= l1 */
	learn.cross_l1 = 0;
	model_cross_learn(&learn, 0, &c, &weight);
	near((double)weight, 0.006165885);          /* .209102894 / ((1 + 2.29128785) / .1 + 1) */
}

static void random_params(const struct model *m, struct rng *rng, float *params)
{
	const struct places at = places_of(m);
	for (size_t j = 0; j < at.n; j++)
		params[j] = is_filler(&at, j) ? 0 : (float)(rng_double(rng) * 2 - 1);
}

static void test_explanations_sum_to_scores(void **state)
{
	struct rng rng;
	rng_seed(&rng, 7);
	for (int round = 0; round < 500; round++) {
		const struct model m = model_of(round % 2 ? MODEL_MLP : MODEL_ONLINE);
		struct slate slate;
		float params[PARAMS_MAX];
		double scores[SLOTS], parts[COLUMNS], base;
		random_slate(&rng, &slate);
		random_params(&m, &rng, params);
		if (round % 5 == 0) /* a unit that is hardly moved */
			memset(slate.inputs, 0, INPUTS * sizeof(*slate.inputs));
		assert_int_equal(model_shortlist_score(&m, params, &slate.s, scores), 0);
		for (size_t i = 0; i < SLOTS; i++) {
			assert_int_equal(model_shortlist_explain(&m, params, &slate.s, i, 1, parts, &base), 0);
			double sum = base + (double)slate.crosses[i];
			for (size_t c = 0; c < COLUMNS; c++)
				sum += parts[c];
			if (fabs(sum - scores[i]) > 1e-5)
				fail_msg("round %d, row %zu: rows sum to %.7f, the score is %.7f", round, i, sum, scores[i]);
		}
	}
}

/* After 300 slates a model that leans on its prior for 900 shows 300 / 1200 of what it learnt. A score is linear in what is
 * brought back, so it lies a quarter of the way from the prior's to that of all that was learnt. */
static void test_a_young_model_leans_on_its_prior(void **state)
{
	struct rng rng;
	rng_seed(&rng, 11);
	for (int round = 0; round < 100; round++) {
		struct model m = model_of(round % 2 ? MODEL_MLP : MODEL_ONLINE);
		struct slate slate;
		float params[PARAMS_MAX], prior[PARAMS_MAX], squares[PARAMS_MAX];
		double of_all[SLOTS], of_prior[SLOTS], scores[SLOTS];
		m.prior[1] = 1.5;
		m.learn.lean = 900;
		near(model_lean_part(&m, 300), 0.25);
		near(model_lean_part(&m, 0), 0);
		random_slate(&rng, &slate);
		slate.s.cross_sums = NULL; /* which the caller weighs */
		model_params_init(&m, 1, prior, squares);
		random_params(&m, &rng, params);
		assert_int_equal(model_shortlist_score(&m, prior, &slate.s, of_prior), 0);
		assert_int_equal(model_shortlist_score(&m, params, &slate.s, of_all), 0);
		model_params_lean(&m, 0.25, params);
		assert_int_equal(model_shortlist_score(&m, params, &slate.s, scores), 0);
		for (size_t i = 0; i < SLOTS; i++) {
			assert_true(fabs(scores[i] - (of_prior[i] + 0.25 * (of_all[i] - of_prior[i]))) < 1e-5);
			near(of_prior[i], 1.5 * (double)slate.inputs[i * INPUTS + COLUMNS + 1]);
		}
		m.learn.lean = 0;
		near(model_lean_part(&m, 0), 1);
	}
}

/* One unit with bias -1, output weight 2 and input weights 3 and 1 (z and c of the first column) and -1 (z of the second), at
 * z 1, c .5 and z 2 of the second: it is moved by 3 + .5 - 2 = 1.5 to .5, and so adds 2 x .5 = 1. The multiplier is
 * .5 / 1.5, so the first column's part is 2 x 3.5 / 3, the second's 2 x -2 / 3, beside linear weights .25 and -.5. */
static void test_explanation_by_hand(void **state)
{
	struct model m = model_of(MODEL_MLP);
	m.learn.hidden = 1;
	struct places at = places_of(&m);
	const float inputs[INPUTS] = {1, 2, 0, 0.5f, 0, 0};
	struct model_slate slate = {.n = 1, .n_columns = COLUMNS, .inputs = inputs};
	float params[PARAMS_MAX] = {0};
	double score, parts[COLUMNS], base;
	params[0] = 0.25f;
	params[1] = -0.5f;
	params[at.hidden + 0 * at.width] = 3;
	params[at.hidden + 1 * at.width] = -1;
	params[at.hidden + COLUMNS * at.width] = 1;
	params[at.bias] = -1;
	params[at.out] = 2;
	assert_int_equal(model_shortlist_score(&m, params, &slate, &score), 0);
	near(score, 0.25); /* .25 - 1 + 1 */
	assert_int_equal(model_shortlist_explain(&m, params, &slate, 0, 1, parts, &base), 0);
	near(base, 0);              /* the unit is at rest at the mean */
	near(parts[0], 2.583333333); /* .25 + 7/3 */
	near(parts[1], -2.333333333); /* -1 - 4/3 */
	near(parts[2], 0);
	params[at.bias] = 1; /* and where it is not: moved from 1 to 2.5, the multiplier 1 */
	assert_int_equal(model_shortlist_explain(&m, params, &slate, 0, 1, parts, &base), 0);
	near(base, 2);
	near(parts[0], 7.25);
	near(parts[1], -5);
}

/* Readers see the top first. Where nothing but the place tells the clicked from the others, the place is what is learnt;
 * scores leave it out. */
static void test_position_bias(void **state)
{
	const struct model m = model_of(MODEL_ONLINE);
	struct rng rng;
	float params[PARAMS_MAX] = {0}, squares[PARAMS_MAX], residuals[SLOTS];
	rng_seed(&rng, 5);
	for (size_t j = 0; j < PARAMS_MAX; j++)
		squares[j] = 1;
	for (int round = 0; round < 2000; round++) { /* the top is clicked, whatever stands there */
		struct slate slate;
		random_slate(&rng, &slate);
		slate.s.cross_sums = NULL;
		for (size_t i = 0; i < SLOTS; i++) {
			slate.positions[i] = (uint8_t)(i + 1);
			slate.labels[i] = i == 0;
		}
		model_learn(&m, &slate.s, slate.labels, slate.positions, params, squares, residuals);
	}
	for (size_t j = 0; j < INPUTS; j++)
		assert_true(fabsf(params[j]) < 0.1f);
	for (size_t place = 2; place <= SLOTS; place++)
		assert_true(params[INPUTS + 1] > params[INPUTS + place] + 1);
	struct slate slate;
	double with[SLOTS], without[SLOTS];
	random_slate(&rng, &slate);
	assert_int_equal(model_shortlist_score(&m, params, &slate.s, with), 0);
	memset(params + INPUTS, 0, MODEL_POSITIONS * sizeof(*params));
	assert_int_equal(model_shortlist_score(&m, params, &slate.s, without), 0);
	for (size_t i = 0; i < SLOTS; i++)
		assert_true(with[i] == without[i]);
}

/* Before anything is learnt a model is its prior, however many units stand beside it. */
static void test_beginning(void **state)
{
	struct model m = model_of(MODEL_MLP);
	float params[PARAMS_MAX], squares[PARAMS_MAX], again[PARAMS_MAX], other[PARAMS_MAX];
	struct rng rng;
	struct slate slate;
	double scores[SLOTS];
	m.prior[1] = 0.75;
	model_params_init(&m, 1, params, squares);
	rng_seed(&rng, 3);
	random_slate(&rng, &slate);
	assert_int_equal(model_shortlist_score(&m, params, &slate.s, scores), 0);
	for (size_t i = 0; i < SLOTS; i++)
		near(scores[i], 0.75 * (double)slate.inputs[i * INPUTS + COLUMNS + 1] + (double)slate.crosses[i]);
	for (size_t j = 0; j < model_n_params(&m); j++)
		assert_true(squares[j] == 10);
	model_params_init(&m, 1, again, squares);
	model_params_init(&m, 2, other, squares);
	assert_memory_equal(params, again, model_n_params(&m) * sizeof(*params));
	assert_memory_not_equal(params, other, model_n_params(&m) * sizeof(*params));
	/* Glorot and Bengio 2010: uniform within sqrt(6 / (inputs + units)); here with the output beside the inputs. */
	struct places at = places_of(&m);
	for (size_t j = at.hidden; j < at.bias; j++)
		assert_true(fabsf(params[j]) <= sqrtf(6.0f / (INPUTS + HIDDEN + 1)) && (params[j] == 0) == is_filler(&at, j));
	struct model plain = {.kind = MODEL_LINEAR};
	assert_int_equal(model_n_params(&plain), 0);
}

/* What tells the clicked from the rest is found, by either kind; what only a corner tells, by units alone. */
static double mean_loss(const struct model *m, bool corner)
{
	float params[PARAMS_MAX], squares[PARAMS_MAX], residuals[SLOTS];
	struct rng rng;
	double loss = 0;
	model_params_init(m, 1, params, squares);
	rng_seed(&rng, 11);
	for (int round = 0; round < 6000; round++) {
		struct slate slate;
		size_t best = 0;
		random_slate(&rng, &slate);
		slate.s.cross_sums = NULL;
		memset(slate.positions, 0, sizeof(slate.positions));
		for (size_t i = 0; i < SLOTS; i++) {
			const float *x = slate.inputs + i * INPUTS, *y = slate.inputs + best * INPUTS;
			float a = corner ? fabsf(x[0]) : x[0], b = corner ? fabsf(y[0]) : y[0];
			best = a > b ? i : best;
		}
		for (size_t i = 0; i < SLOTS; i++)
			slate.labels[i] = i == best;
		double l = model_learn(m, &slate.s, slate.labels, slate.positions, params, squares, residuals);
		loss += round >= 5000 ? l / 1000 : 0;
	}
	return loss;
}

static void test_learns(void **state)
{
	struct model linear = model_of(MODEL_ONLINE), hidden = model_of(MODEL_MLP);
	linear.learn.rate = hidden.learn.rate = hidden.learn.hidden_rate = 0.1;
	linear.learn.g0 = hidden.learn.g0 = 1;
	const double by_chance = log(SLOTS);
	assert_true(mean_loss(&linear, false) < 0.5 * by_chance);
	assert_true(mean_loss(&hidden, false) < 0.5 * by_chance);
	assert_true(mean_loss(&linear, true) > 0.9 * by_chance);
	assert_true(mean_loss(&hidden, true) < 0.6 * by_chance);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gradients),
		cmocka_unit_test(test_adagrad_by_hand),
		cmocka_unit_test(test_ftrl_by_hand),
		cmocka_unit_test(test_explanations_sum_to_scores),
		cmocka_unit_test(test_a_young_model_leans_on_its_prior),
		cmocka_unit_test(test_explanation_by_hand),
		cmocka_unit_test(test_position_bias),
		cmocka_unit_test(test_beginning),
		cmocka_unit_test(test_learns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
