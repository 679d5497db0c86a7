/* As engine/rank/kernels.c: each loop is written once and compiled for each kind of machine. None of them has the machine's
 * fused multiply and add, which would round otherwise.
 *
 * The layer goes over four rows and up to three vectors of units at a time, whose sums stay in registers while the inputs
 * pass: each weight that is fetched serves four rows, each input 24 units. */
#include "models/layer.h"

#include <math.h>
#include <string.h>

#include "models/model.h"

#define INLINE static inline __attribute__((always_inline))

enum { ROWS = 4, VECTORS = 3 };

typedef float lanes __attribute__((vector_size(LAYER_LANES * sizeof(float)), aligned(sizeof(float)), may_alias));

INLINE float sum_of(const float x[LAYER_LANES])
{
	return ((x[0] + x[4]) + (x[1] + x[5])) + ((x[2] + x[6]) + (x[3] + x[7]));
}

/* Adds dot products with each of rows[n_rows][n], which is known when this is compiled. */
INLINE void some_dots(const float *rows, size_t n_rows, const float *x, size_t n, float *out)
{
	lanes sum[ROWS] = {{0}};
	size_t i = 0;
	for (; i + LAYER_LANES <= n; i += LAYER_LANES)
		for (size_t r = 0; r < n_rows; r++)
			sum[r] += *(const lanes *)(rows + r * n + i) * *(const lanes *)(x + i);
	for (size_t r = 0; r < n_rows; r++) {
		float tail[LAYER_LANES], *at = tail;
		*(lanes *)at = sum[r];
		for (size_t k = i; k < n; k++)
			tail[k % LAYER_LANES] += rows[r * n + k] * x[k];
		out[r] += sum_of(tail);
	}
}

INLINE void dots(const float *rows, size_t n_rows, const float *x, size_t n, float *out)
{
	size_t r = 0;
	for (; r + ROWS <= n_rows; r += ROWS)
		some_dots(rows + r * n, ROWS, x, n, out + r);
	for (; r < n_rows; r++)
		some_dots(rows + r * n, 1, x, n, out + r);
}

INLINE void add(float *restrict to, const float *restrict x, float by, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] += by * x[i];
}

INLINE void any(const float *x, size_t n, size_t n_inputs, uint32_t *out)
{
	memset(out, 0, n_inputs * sizeof(*out));
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n_inputs; j++) {
			uint32_t bits;
			memcpy(&bits, &x[i * n_inputs + j], sizeof(bits));
			out[j] |= bits;
		}
}

/* values[n_rows][width] from unit on, n_vectors of them; both counts are known when this is compiled. */
INLINE void some_values(const struct layer_rows *rows, size_t row, size_t n_rows, const float *weights, const float *bias,
                        size_t width, size_t n_vectors, float *values)
{
	const float *x = rows->inputs + row * rows->n_inputs;
	lanes sum[ROWS][VECTORS] = {{{0}}};
	for (size_t j = 0; j < rows->n_used; j++, weights += width)
		for (size_t r = 0; r < n_rows; r++)
			for (size_t k = 0; k < n_vectors; k++)
				sum[r][k] += x[r * rows->n_inputs + rows->used[j]] * *(const lanes *)(weights + k * LAYER_LANES);
	for (size_t r = 0; r < n_rows; r++)
		for (size_t k = 0; k < n_vectors; k++)
			*(lanes *)(values + r * width + k * LAYER_LANES) = sum[r][k] + *(const lanes *)(bias + k * LAYER_LANES);
}

/* All units' values of n_rows rows. */
INLINE void values_of(const struct layer_rows *rows, size_t row, size_t n_rows, const float *weights, const float *bias,
                      size_t width, float *values)
{
	size_t unit = 0;
	for (; unit + VECTORS * LAYER_LANES <= width; unit += VECTORS * LAYER_LANES)
		some_values(rows, row, n_rows, weights + unit, bias + unit, width, VECTORS, values + unit);
	for (; unit < width; unit += LAYER_LANES)
		some_values(rows, row, n_rows, weights + unit, bias + unit, width, 1, values + unit);
}

INLINE float rise(const float *values, const float *v, size_t width)
{
	float sum[LAYER_LANES] = {0};
	for (size_t k = 0; k < width; k += LAYER_LANES)
		for (size_t i = 0; i < LAYER_LANES; i++)
			sum[i] += values[k + i] > 0 ? v[k + i] * values[k + i] : 0;
	return sum_of(sum);
}

INLINE void forward(const struct layer_rows *rows, const float *weights, const float *bias, const float *v, size_t width,
                    float *out, float *scores)
{
	float values[ROWS * MODEL_INPUTS_MAX];
	for (size_t row = 0; row < rows->n;) {
		const size_t n = row + ROWS <= rows->n ? ROWS : 1;
		float *to = out ? out + row * width : values;
		if (n == ROWS)
			values_of(rows, row, ROWS, weights, bias, width, to);
		else
			values_of(rows, row, 1, weights, bias, width, to);
		for (size_t r = 0; r < n; r++)
			scores[row + r] = rise(to + r * width, v, width);
		row += n;
	}
}
_Static_assert(MODEL_HIDDEN_MAX <= MODEL_INPUTS_MAX && MODEL_INPUTS_MAX % LAYER_LANES == 0, "a layer's width is at most that");

INLINE void adagrad(float *restrict params, float *restrict squares, const float *restrict gradient, float rate, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		squares[i] += gradient[i] * gradient[i];
		float root = sqrtf(squares[i]);
		params[i] -= root > 0 ? rate * gradient[i] / root : 0;
	}
}

/* NOLINTBEGIN(bugprone-macro-parentheses): an attribute does not stand in parentheses. */
#define VARIANT(name, attribute) \
	attribute static void dots_##name(const float *rows, size_t n_rows, const float *x, size_t n, float *out) \
	{ \
		dots(rows, n_rows, x, n, out); \
	} \
	attribute static void add_##name(float *to, const float *x, float by, size_t n) \
	{ \
		add(to, x, by, n); \
	} \
	attribute static void any_##name(const float *x, size_t n, size_t n_inputs, uint32_t *out) \
	{ \
		any(x, n, n_inputs, out); \
	} \
	attribute static void forward_##name(const struct layer_rows *rows, const float *weights, const float *bias, \
	                                     const float *v, size_t width, float *out, float *scores) \
	{ \
		forward(rows, weights, bias, v, width, out, scores); \
	} \
	attribute static void adagrad_##name(float *params, float *squares, const float *gradient, float rate, size_t n) \
	{ \
		adagrad(params, squares, gradient, rate, n); \
	} \
	const struct layer_kernels layer_##name = {dots_##name, add_##name, any_##name, forward_##name, \
	                                            adagrad_##name};
/* NOLINTEND(bugprone-macro-parentheses) */

VARIANT(portable, )
#if defined(__x86_64__)
VARIANT(avx2, __attribute__((target("avx2"))))
#endif

const struct layer_kernels *layer_best(void)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2"))
		return &layer_avx2;
#endif
	return &layer_portable;
}
