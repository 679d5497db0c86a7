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

struct layer {
	size_t n_units, width;
	float inputs[ROWS_MAX * MODEL_INPUTS_MAX];
	uint8_t used[MODEL_INPUTS_MAX];
	float weights[MODEL_INPUTS_MAX * MODEL_HIDDEN_MAX], bias[MODEL_HIDDEN_MAX], v[MODEL_HIDDEN_MAX];
	struct layer_rows rows;
};

static float random_number(struct rng *rng)
{
	return (float)(rng_double(rng) * 4 - 2);
}

static void random_layer(struct rng *rng, struct layer *l)
{
	memset(l, 0, sizeof(*l));
	l->n_units = 1 + rng_below(rng, MODEL_HIDDEN_MAX);
	l->width = (l->n_units + LAYER_LANES - 1) / LAYER_LANES * LAYER_LANES;
	l->rows = (struct layer_rows){.n = 1 + rng_below(rng, ROWS_MAX), .n_inputs = 1 + rng_below(rng, MODEL_INPUTS_MAX),
	                              .inputs = l->inputs, .used = l->used};
	for (size_t j = 0; j < l->rows.n_inputs; j++) {
		bool used = rng_below(rng, 3) > 0;
		for (size_t i = 0; used && i < l->rows.n; i++)
			l->inputs[i * l->rows.n_inputs + j] = rng_below(rng, 4) ? random_number(rng) : 0;
		for (size_t k = 0; used && k < l->n_units; k++)
			l->weights[l->rows.n_used * l->width + k] = random_number(rng);
		l->used[l->rows.n_used] = (uint8_t)j;
		l->rows.n_used += used;
	}
	for (size_t k = 0; k < l->n_units; k++) {
		l->bias[k] = random_number(rng);
		l->v[k] = random_number(rng);
	}
}

static void test_forward(void **state)
{
	static struct layer l;
	static float values[ROWS_MAX * MODEL_HIDDEN_MAX], scores[ROWS_MAX], alone[ROWS_MAX];
	struct rng rng;
	rng_seed(&rng, 3);
	for (int round = 0; round < 200; round++) {
		random_layer(&rng, &l);
		layer_portable.forward(&l.rows, l.weights, l.bias, l.v, l.width, values, scores);
		layer_portable.forward(&l.rows, l.weights, l.bias, l.v, l.width, NULL, alone);
		assert_memory_equal(scores, alone, l.rows.n * sizeof(*scores));
		for (size_t i = 0; i < l.rows.n; i++) {
			double score = 0;
			for (size_t k = 0; k < l.n_units; k++) {
				double value = (double)l.bias[k];
				for (size_t u = 0; u < l.rows.n_used; u++)
					value += (double)l.inputs[i * l.rows.n_inputs + l.used[u]] * (double)l.weights[u * l.width + k];
				assert_true(fabs((double)values[i * l.width + k] - value) < 1e-4);
				score += value > 0 ? (double)l.v[k] * value : 0;
			}
			assert_true(fabs((double)scores[i] - score) < 1e-3);
		}
	}
}

/* A row's score is its own: alone, or among others with inputs that it has not. */
static void test_rows_alone(void **state)
{
	static struct layer l;
	static float together[ROWS_MAX], alone[1];
	struct rng rng;
	rng_seed(&rng, 4);
	for (int round = 0; round < 50; round++) {
		random_layer(&rng, &l);
		layer_best()->forward(&l.rows, l.weights, l.bias, l.v, l.width, NULL, together);
		for (size_t i = 0; i < l.rows.n; i++) {
			struct layer_rows one = l.rows;
			one.n = 1;
			one.inputs = l.inputs + i * one.n_inputs;
			layer_best()->forward(&one, l.weights, l.bias, l.v, l.width, NULL, alone);
			assert_true(alone[0] == together[i]);
		}
	}
}

static void test_by_hand(void **state)
{
	float out[2] = {1, 2}, squares[3] = {4, 0, 0}, params[3] = {1, 1, 1};
	const float rows[2][3] = {{1, 2, 3}, {-1, 0, 0.5f}}, x[3] = {2, 1, -1}, gradient[3] = {0, 2, 0};
	layer_portable.dots(&rows[0][0], 2, x, 3, out);
	assert_true(out[0] == 2 && out[1] == -0.5f); /* 1 + 2 + 2 - 3; 2 - 2 - .5 */
	layer_portable.add(out, x, 0.5f, 2);
	assert_true(out[0] == 3 && out[1] == 0);
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
	static struct layer l;
	static float a[ROWS_MAX * MODEL_HIDDEN_MAX], b[ROWS_MAX * MODEL_HIDDEN_MAX], squares[2][MODEL_INPUTS_MAX];
	float scores[2][ROWS_MAX] = {{0}};
	uint32_t any[2][MODEL_INPUTS_MAX];
	struct rng rng;
	rng_seed(&rng, 5);
	for (int round = 0; round < 100; round++) {
		random_layer(&rng, &l);
		const size_t n = l.rows.n, n_inputs = l.rows.n_inputs, bytes = n_inputs * sizeof(float);
		k->forward(&l.rows, l.weights, l.bias, l.v, l.width, a, scores[0]);
		other->forward(&l.rows, l.weights, l.bias, l.v, l.width, b, scores[1]);
		assert_memory_equal(a, b, n * l.width * sizeof(*a));
		k->dots(l.inputs, n, l.weights, n_inputs, scores[0]);
		other->dots(l.inputs, n, l.weights, n_inputs, scores[1]);
		assert_memory_equal(scores[0], scores[1], n * sizeof(scores[0][0]));
		k->any(l.inputs, n, n_inputs, any[0]);
		other->any(l.inputs, n, n_inputs, any[1]);
		assert_memory_equal(any[0], any[1], n_inputs * sizeof(any[0][0]));
		memcpy(a, l.weights, bytes);
		memcpy(b, l.weights, bytes);
		k->add(a, l.inputs, 0.3f, n_inputs);
		other->add(b, l.inputs, 0.3f, n_inputs);
		for (size_t j = 0; j < n_inputs; j++)
			squares[0][j] = squares[1][j] = (float)rng_below(&rng, 3);
		k->adagrad(a, squares[0], l.inputs, 0.03f, n_inputs);
		other->adagrad(b, squares[1], l.inputs, 0.03f, n_inputs);
		assert_memory_equal(a, b, bytes);
		assert_memory_equal(squares[0], squares[1], bytes);
	}
}

static void test_variants(void **state)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2")) {
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
	                                   cmocka_unit_test(test_by_hand), cmocka_unit_test(test_variants)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
