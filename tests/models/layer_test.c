/* The arithmetic of a layer against its formulas in doubles, and each variant against the portable one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/rng.h"
#include "models/layer.h"
#include "models/model.h"

enum { ROWS_MAX = 37 };

struct sample {
	size_t n, n_units;
	float rows[ROWS_MAX * MODEL_INPUTS_MAX], linear[MODEL_INPUTS_MAX];
	float weights[MODEL_INPUTS_MAX * MODEL_HIDDEN_MAX], bias[MODEL_HIDDEN_MAX], out[MODEL_HIDDEN_MAX];
	uint8_t used[MODEL_INPUTS_MAX];
	struct layer layer;
};

static float random_number(struct rng *rng)
{
	return (float)(rng_double(rng) * 4 - 2);
}

static void random_sample(struct rng *rng, struct sample *s)
{
	memset(s, 0, sizeof(*s));
	s->n = 1 + rng_below(rng, ROWS_MAX);
	s->n_units = rng_below(rng, MODEL_HIDDEN_MAX + 1);
	s->layer = (struct layer){.n_inputs = 1 + rng_below(rng, MODEL_INPUTS_MAX), .width = layer_width(s->n_units),
	                          .linear = s->linear, .weights = s->weights, .bias = s->bias, .out = s->out, .used = s->used};
	struct layer *l = &s->layer;
	for (size_t j = 0; j < l->n_inputs; j++) {
		bool used = rng_below(rng, 3) > 0;
		for (size_t i = 0; used && i < s->n; i++)
			s->rows[i * l->n_inputs + j] = rng_below(rng, 4) ? random_number(rng) : 0;
		for (size_t k = 0; k < s->n_units; k++)
			s->weights[j * l->width + k] = random_number(rng);
		s->linear[j] = random_number(rng);
		s->used[l->n_used] = (uint8_t)j;
		l->n_used += used;
	}
	for (size_t k = 0; k < s->n_units; k++) {
		s->bias[k] = random_number(rng);
		s->out[k] = random_number(rng);
	}
}

static void test_forward(void **state)
{
	static struct sample s;
	static float values[ROWS_MAX * MODEL_HIDDEN_MAX], scores[ROWS_MAX], alone[ROWS_MAX];
	struct rng rng;
	rng_seed(&rng, 3);
	for (int round = 0; round < 200; round++) {
		random_sample(&rng, &s);
		layer_portable.forward(&s.layer, s.rows, s.n, values, scores);
		layer_portable.forward(&s.layer, s.rows, s.n, NULL, alone);
		assert_memory_equal(scores, alone, s.n * sizeof(*scores));
		for (size_t i = 0; i < s.n; i++) {
			const float *x = s.rows + i * s.layer.n_inputs;
			double score = 0;
			for (size_t j = 0; j < s.layer.n_inputs; j++)
				score += (double)s.linear[j] * (double)x[j];
			for (size_t k = 0; k < s.n_units; k++) {
				double value = (double)s.bias[k];
				for (size_t j = 0; j < s.layer.n_inputs; j++)
					value += (double)x[j] * (double)s.weights[j * s.layer.width + k];
				assert_true(fabs((double)values[i * s.layer.width + k] - value) < 1e-4);
				score += value > 0 ? (double)s.out[k] * value : 0;
			}
			assert_true(fabs((double)scores[i] - score) < 1e-3);
		}
	}
}

/* A row's score is its own: alone, or among others with inputs that it has not. */
static void test_rows_alone(void **state)
{
	static struct sample s;
	static float together[ROWS_MAX], alone[1];
	struct rng rng;
	rng_seed(&rng, 4);
	for (int round = 0; round < 50; round++) {
		random_sample(&rng, &s);
		layer_best()->forward(&s.layer, s.rows, s.n, NULL, together);
		for (size_t i = 0; i < s.n; i++) {
			layer_best()->forward(&s.layer, s.rows + i * s.layer.n_inputs, 1, NULL, alone);
			assert_true(alone[0] == together[i]);
		}
	}
}

static void test_distances(void **state)
{
	const float x[2][9] = {{1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 2, 3, 4, 5, 6, 7, 8, -9}}, mean[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
	const float most[9] = {0, 1, 2, 3, 4, 5, 6, 7, 9}, less[9] = {0, 1, 2, 2.5f, 4, 5, 6, 7, 9};
	struct layer_rows rows = {.x = &x[0][0], .stride = 9, .mean = mean, .most = most};
	float out[2][9] = {{0}};
	uint8_t beyond[2];
	layer_portable.distances(&rows, 2, 9, &out[0][0], beyond);
	for (size_t i = 0; i < 9; i++)
		assert_true(out[0][i] == (float)i && out[1][i] == (i < 8 ? (float)i : -10));
	assert_true(beyond[0] == 0 && beyond[1] == 1); /* at most is not beyond */
	layer_portable.distances(&rows, 2, 8, &out[0][0], beyond); /* the last column left out */
	assert_true(out[0][7] == 7 && out[0][8] == 0 && beyond[0] == 0 && beyond[1] == 0);
	rows.most = less;
	layer_portable.distances(&rows, 2, 8, &out[0][0], beyond);
	assert_true(beyond[0] == 1 && beyond[1] == 1);
}

/* A layer without units over rows with a stride, a mean and a limit of their own: linear is distances, then forward. */
static void test_linear(void **state)
{
	enum { SPARE = 3 };
	static struct sample s;
	static float x[ROWS_MAX * (MODEL_INPUTS_MAX + SPARE)], out[ROWS_MAX * MODEL_INPUTS_MAX];
	float mean[MODEL_INPUTS_MAX], most[MODEL_INPUTS_MAX], scores[2][ROWS_MAX];
	uint8_t beyond[2][ROWS_MAX];
	size_t n_beyond = 0, n_within = 0;
	struct rng rng;
	rng_seed(&rng, 8);
	for (int round = 0; round < 300; round++) {
		random_sample(&rng, &s);
		s.layer.width = 0;
		const size_t n_inputs = s.layer.n_inputs;
		const struct layer_rows rows = {.x = x, .stride = n_inputs + rng_below(&rng, SPARE + 1), .mean = mean, .most = most};
		for (size_t j = 0; j < n_inputs; j++) {
			mean[j] = random_number(&rng);
			most[j] = rng_below(&rng, 40) ? 5 : 2;
		}
		for (size_t i = 0; i < s.n * rows.stride; i++)
			x[i] = random_number(&rng);
		for (int k = 0; k < 2; k++) {
			const struct layer_kernels *kernels = k ? layer_best() : &layer_portable;
			kernels->linear(&s.layer, &rows, s.n, scores[0], beyond[0]);
			kernels->distances(&rows, s.n, n_inputs, out, beyond[1]);
			kernels->forward(&s.layer, out, s.n, NULL, scores[1]);
			assert_memory_equal(scores[0], scores[1], s.n * sizeof(scores[0][0]));
			assert_memory_equal(beyond[0], beyond[1], s.n);
		}
		for (size_t i = 0; i < s.n; i++)
			n_beyond += beyond[0][i] != 0;
		n_within += s.n;
	}
	assert_true(n_beyond > 100 && n_within - n_beyond > 100);
}

/* Units that stay below 0, that stay above, that cross it and that do not move. */
static void test_multipliers(void **state)
{
	static struct sample s;
	float values[MODEL_HIDDEN_MAX] = {0}, out[MODEL_HIDDEN_MAX];
	size_t n_still = 0, n_moved = 0;
	struct rng rng;
	rng_seed(&rng, 7);
	for (int round = 0; round < 100; round++) {
		random_sample(&rng, &s);
		for (size_t k = 0; k < s.layer.width; k++)
			values[k] = rng_below(&rng, 3) ? random_number(&rng) : s.bias[k];
		memcpy(out, values, sizeof(out));
		layer_portable.multipliers(&s.layer, out);
		for (size_t k = 0; k < s.layer.width; k++) {
			const double a = (double)values[k], b = (double)s.bias[k];
			const double slope = a != b ? (fmax(a, 0) - fmax(b, 0)) / (a - b) : b > 0;
			assert_true(fabs((double)out[k] - (double)s.out[k] * slope) < 1e-4);
			n_still += a == b && b > 0;
			n_moved += a != b && (a > 0) != (b > 0);
		}
	}
	assert_true(n_still > 100 && n_moved > 100);
}

static void test_backward(void **state)
{
	static struct sample s;
	static float by[MODEL_HIDDEN_MAX], gains[MODEL_INPUTS_MAX], sums[MODEL_INPUTS_MAX * MODEL_HIDDEN_MAX];
	struct rng rng;
	rng_seed(&rng, 6);
	for (int round = 0; round < 100; round++) {
		random_sample(&rng, &s);
		const size_t width = s.layer.width;
		for (size_t k = 0; k < width; k++)
			by[k] = k < s.n_units ? random_number(&rng) : 0;
		layer_portable.backward(&s.layer, by, gains);
		memset(sums, 0, sizeof(sums));
		layer_portable.add_outer(&s.layer, s.rows, by, sums);
		for (size_t j = 0, u = 0; j < s.layer.n_inputs; j++) {
			bool used = u < s.layer.n_used && s.used[u] == j;
			double gain = used ? (double)s.linear[j] : 0;
			for (size_t k = 0; k < s.n_units; k++) {
				gain += used ? (double)s.weights[j * width + k] * (double)by[k] : 0;
				assert_true(fabs((double)sums[j * width + k] - (double)(s.rows[j] * by[k])) < 1e-6);
			}
			assert_true(fabs((double)gains[j] - gain) < 1e-4);
			u += used;
		}
	}
}

/* Two inputs and one unit: rows (1, 2) and (-1, .5), linear 2 and -1, weights 3 and -1, bias -1, worth 2. Values 3 - 2 - 1 = 0
 * and -3 - .5 - 1 = -4.5: neither rises. With bias 1: 2 and -2.5. */
static void test_by_hand(void **state)
{
	const float rows[2][2] = {{1, 2}, {-1, 0.5f}}, linear[2] = {2, -1}, by[8] = {2};
	const float weights[2][8] = {{3}, {-1}}, out[8] = {2};
	const uint8_t used[2] = {0, 1};
	float bias[8] = {-1}, values[16], scores[2], gains[2], sums[16] = {1};
	const struct layer l = {.n_inputs = 2, .width = 8, .linear = linear, .weights = &weights[0][0], .bias = bias, .out = out,
	                        .used = used, .n_used = 2};
	layer_portable.forward(&l, &rows[0][0], 2, values, scores);
	assert_true(values[0] == 0 && values[8] == -4.5f && scores[0] == 0 && scores[1] == -2.5f);
	bias[0] = 1;
	layer_portable.forward(&l, &rows[0][0], 2, values, scores);
	assert_true(values[0] == 2 && values[8] == -2.5f && scores[0] == 4 && scores[1] == -2.5f);
	layer_portable.multipliers(&l, values); /* from 1 to 2 by 1, from 1 to 0 by -3.5, each worth 2 */
	layer_portable.multipliers(&l, values + 8);
	assert_true(values[0] == 2 && fabsf(values[8] - 4 / 7.0f) < 1e-6f);
	layer_portable.backward(&l, by, gains); /* 2 + 3 x 2; -1 - 1 x 2 */
	assert_true(gains[0] == 8 && gains[1] == -3);
	layer_portable.add_outer(&l, rows[1], by, sums); /* -1 x 2 on 1; .5 x 2 on 0 */
	assert_true(sums[0] == -1 && sums[8] == 1 && sums[1] == 0);
	float to[2] = {1, 2}, squares[3] = {4, 0, 0}, params[3] = {1, 1, 1};
	const float gradient[3] = {0, 2, 0};
	layer_portable.add(to, linear, 0.5f, 2);
	assert_true(to[0] == 2 && to[1] == 1.5f);
	uint32_t any[3];
	const float zeros[2][3] = {{0, 0, 0}, {0, 1e-30f, 0}};
	layer_portable.any(&zeros[0][0], 2, 3, any);
	assert_true(!any[0] && any[1] && !any[2]);
	layer_portable.adagrad(params, squares, gradient, 0.25f, 3); /* squares 4, 4, 0; a step of .25 x 2 / 2 */
	assert_true(params[0] == 1 && params[1] == 0.75f && params[2] == 1);
	assert_true(squares[0] == 4 && squares[1] == 4 && squares[2] == 0);
}

static void compare(const struct layer_kernels *k, const struct layer_kernels *other)
{
	static struct sample s;
	static float a[MODEL_INPUTS_MAX * MODEL_HIDDEN_MAX], b[MODEL_INPUTS_MAX * MODEL_HIDDEN_MAX];
	static float squares[2][MODEL_INPUTS_MAX];
	float scores[2][ROWS_MAX] = {{0}};
	uint32_t any[2][MODEL_INPUTS_MAX];
	struct rng rng;
	rng_seed(&rng, 5);
	for (int round = 0; round < 100; round++) {
		random_sample(&rng, &s);
		const struct layer *l = &s.layer;
		const size_t bytes = l->n_inputs * sizeof(float);
		k->forward(l, s.rows, s.n, a, scores[0]);
		other->forward(l, s.rows, s.n, b, scores[1]);
		assert_memory_equal(a, b, s.n * l->width * sizeof(*a));
		assert_memory_equal(scores[0], scores[1], s.n * sizeof(scores[0][0]));
		for (size_t i = 0; i < s.n; i++) {
			k->multipliers(l, a + i * l->width);
			other->multipliers(l, b + i * l->width);
		}
		assert_memory_equal(a, b, s.n * l->width * sizeof(*a));
		k->backward(l, s.bias, a);
		other->backward(l, s.bias, b);
		assert_memory_equal(a, b, bytes);
		k->add_outer(l, s.rows, s.bias, memcpy(a, s.weights, sizeof(a)));
		other->add_outer(l, s.rows, s.bias, memcpy(b, s.weights, sizeof(b)));
		assert_memory_equal(a, b, sizeof(a));
		k->any(s.rows, s.n, l->n_inputs, any[0]);
		other->any(s.rows, s.n, l->n_inputs, any[1]);
		assert_memory_equal(any[0], any[1], l->n_inputs * sizeof(any[0][0]));
		k->add(a, s.rows, 0.3f, l->n_inputs);
		other->add(b, s.rows, 0.3f, l->n_inputs);
		for (size_t j = 0; j < l->n_inputs; j++)
			squares[0][j] = squares[1][j] = (float)rng_below(&rng, 3);
		k->adagrad(a, squares[0], s.rows, 0.03f, l->n_inputs);
		other->adagrad(b, squares[1], s.rows, 0.03f, l->n_inputs);
		assert_memory_equal(a, b, bytes);
		assert_memory_equal(squares[0], squares[1], bytes);
	}
}

static void test_variants(void **state)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
		compare(&layer_avx2, &layer_portable);
		assert_ptr_equal(layer_best(), &layer_avx2);
		return;
	}
#endif
	compare(layer_best(), &layer_portable);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_forward), cmocka_unit_test(test_rows_alone),
	                                   cmocka_unit_test(test_distances), cmocka_unit_test(test_linear),
	                                   cmocka_unit_test(test_multipliers), cmocka_unit_test(test_backward),
	                                   cmocka_unit_test(test_by_hand), cmocka_unit_test(test_variants)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
