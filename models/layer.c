/* As engine/rank/kernels.c: each loop is written once and compiled for each kind of machine. Sums of products say
 * themselves where a product is not rounded before it is added (fused): the compiler fuses nothing by itself
 * (meson.build), so that a machine without such an instruction, which works it out at length, comes to the same.
 *
 * The layer goes over four rows and up to three vectors of units at a time, whose sums stay in registers while the
 * inputs pass: each weight that is fetched serves four rows, each input 24 units. Where one vector holds all units
 * it is eight rows: as many sums as a machine that takes four cycles for each, two at once, has to have under way.
 * Four vectors are summed up together. */
#include "models/layer.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "models/model.h"

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 8")

enum { ROWS = 4, MANY_ROWS = 8, VECTORS = 3 };

typedef float lanes __attribute__((vector_size(LAYER_LANES * sizeof(float)), aligned(sizeof(float)), may_alias));
typedef int32_t masks __attribute__((vector_size(LAYER_LANES * sizeof(int32_t)), aligned(sizeof(float)), may_alias));

INLINE lanes all(float x)
{
	return (lanes){x, x, x, x, x, x, x, x};
}

INLINE masks all_of(int32_t x)
{
	return (masks){x, x, x, x, x, x, x, x};
}

INLINE lanes fused(lanes x, lanes y, lanes sum)
{
	lanes out;
	UNROLL for (size_t i = 0; i < LAYER_LANES; i++)
		out[i] = fmaf(x[i], y[i], sum[i]);
	return out;
}

INLINE lanes rectified(lanes x)
{
	return (lanes)((masks)(x > 0) & (masks)x);
}

INLINE float sum_of(lanes x)
{
	return ((x[0] + x[1]) + (x[2] + x[3])) + ((x[4] + x[5]) + (x[6] + x[7]));
}

/* Each number with the one beside it: x's first two, y's first two, x's next two and so on. */
INLINE lanes sums_of_pairs(lanes x, lanes y)
{
	return __builtin_shufflevector(x, y, 0, 8, 2, 10, 4, 12, 6, 14) +
	       __builtin_shufflevector(x, y, 1, 9, 3, 11, 5, 13, 7, 15);
}

/* The sums of four vectors, each in the order of sum_of. */
INLINE void sums_of(const lanes x[4], float out[4])
{
	const lanes a = sums_of_pairs(x[0], x[1]), b = sums_of_pairs(x[2], x[3]);
	const lanes sum = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13) +
	                  __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
	UNROLL for (size_t i = 0; i < 4; i++)
		out[i] = sum[i] + sum[i + 4];
}
_Static_assert(ROWS == 4 && MANY_ROWS % 4 == 0, "rows are summed up together");

/* The part of a row of n numbers that fills no whole vector is taken as the end of its last vector, whose other lanes count
 * for nothing; shorter rows are filled up. */
INLINE lanes last_of(const float *x, size_t n)
{
	lanes out = {0};
	if (n >= LAYER_LANES)
		return *(const lanes *)(x + n - LAYER_LANES);
	for (size_t i = 0; i < n; i++)
		out[i] = x[i];
	return out;
}

INLINE lanes last_weights(const float *weights, size_t n)
{
	lanes out = last_of(weights, n);
	for (size_t i = 0; n >= LAYER_LANES && i < LAYER_LANES - n % LAYER_LANES; i++)
		out[i] = 0;
	return out;
}

/* Adds the linear part to the lanes of n_rows rows; 1, ROWS or MANY_ROWS, which is known when this is compiled. */
INLINE void some_linear(const struct layer *l, const float *rows, size_t n_rows, lanes last, lanes sum[MANY_ROWS])
{
	size_t j = 0;
	for (; j + LAYER_LANES <= l->n_inputs; j += LAYER_LANES)
		UNROLL for (size_t r = 0; r < n_rows; r++)
			sum[r] = fused(*(const lanes *)(rows + r * l->n_inputs + j), *(const lanes *)(l->linear + j), sum[r]);
	for (size_t r = 0; j < l->n_inputs && r < n_rows; r++)
		sum[r] = fused(last_of(rows + r * l->n_inputs, l->n_inputs), last, sum[r]);
}

/* n_vectors vectors of units from `unit` on, for n_rows rows: their values, and what they add to the rows' lanes. Both counts
 * are known when this is compiled. */
INLINE void some_units(const struct layer *l, const float *rows, size_t n_rows, size_t unit, size_t n_vectors, float *values,
                       lanes scores[MANY_ROWS])
{
	lanes sum[MANY_ROWS][VECTORS];
	UNROLL for (size_t r = 0; r < n_rows; r++)
		UNROLL for (size_t k = 0; k < n_vectors; k++)
			sum[r][k] = *(const lanes *)(l->bias + unit + k * LAYER_LANES);
	for (size_t u = 0; u < l->n_used; u++) {
		const size_t j = l->used[u];
		const float *weights = l->weights + j * l->width + unit;
		UNROLL for (size_t r = 0; r < n_rows; r++)
			UNROLL for (size_t k = 0; k < n_vectors; k++)
				sum[r][k] = fused(all(rows[r * l->n_inputs + j]), *(const lanes *)(weights + k * LAYER_LANES), sum[r][k]);
	}
	UNROLL for (size_t r = 0; r < n_rows; r++)
		UNROLL for (size_t k = 0; k < n_vectors; k++) {
			if (values)
				*(lanes *)(values + r * l->width + unit + k * LAYER_LANES) = sum[r][k];
			scores[r] = fused(rectified(sum[r][k]), *(const lanes *)(l->out + unit + k * LAYER_LANES), scores[r]);
		}
}

INLINE void some_rows(const struct layer *l, const float *rows, size_t n_rows, lanes last, float *values, float *scores)
{
	lanes sum[MANY_ROWS];
	size_t unit = 0;
	UNROLL for (size_t r = 0; r < n_rows; r++)
		sum[r] = all(0);
	for (; n_rows < MANY_ROWS && unit + VECTORS * LAYER_LANES <= l->width; unit += VECTORS * LAYER_LANES)
		some_units(l, rows, n_rows, unit, VECTORS, values, sum);
	if (n_rows < MANY_ROWS && unit + 2 * LAYER_LANES == l->width)
		some_units(l, rows, n_rows, unit, 2, values, sum);
	else if (unit < l->width)
		some_units(l, rows, n_rows, unit, 1, values, sum);
	some_linear(l, rows, n_rows, last, sum); /* last: its lanes would fill the registers that units' sums want */
	if (n_rows == 1)
		scores[0] = sum_of(sum[0]);
	for (size_t r = 0; r + 4 <= n_rows; r += 4)
		sums_of(sum + r, scores + r);
}

INLINE void forward(const struct layer *l, const float *rows, size_t n, float *values, float *scores)
{
	const lanes last = last_weights(l->linear, l->n_inputs);
	size_t row = 0;
	for (; l->width <= LAYER_LANES && row + MANY_ROWS <= n; row += MANY_ROWS)
		some_rows(l, rows + row * l->n_inputs, MANY_ROWS, last, values ? values + row * l->width : NULL, scores + row);
	for (; row + ROWS <= n; row += ROWS)
		some_rows(l, rows + row * l->n_inputs, ROWS, last, values ? values + row * l->width : NULL, scores + row);
	for (; row < n; row++)
		some_rows(l, rows + row * l->n_inputs, 1, last, values ? values + row * l->width : NULL, scores + row);
}

INLINE lanes size_of(lanes x)
{
	return (lanes)((masks)x & all_of(INT32_MAX));
}

INLINE bool is_any(masks x)
{
	uint64_t pairs[LAYER_LANES / 2];
	memcpy(pairs, &x, sizeof(pairs));
	return ((pairs[0] | pairs[1]) | (pairs[2] | pairs[3])) != 0;
}

INLINE void distances(const struct layer_rows *rows, size_t n, size_t n_inputs, float *out, uint8_t *beyond)
{
	const float *x = rows->x;
	for (size_t i = 0; i < n; i++, x += rows->stride, out += n_inputs) {
		masks over = {0};
		bool any = false;
		size_t j = 0;
		for (; j + LAYER_LANES <= n_inputs; j += LAYER_LANES) {
			const lanes d = *(const lanes *)(x + j) - *(const lanes *)(rows->mean + j);
			*(lanes *)(out + j) = d;
			over |= (masks)(size_of(d) > *(const lanes *)(rows->most + j));
		}
		for (; j < n_inputs; j++) {
			out[j] = x[j] - rows->mean[j];
			any = any || fabsf(out[j]) > rows->most[j];
		}
		beyond[i] = any || is_any(over);
	}
}

/* n_rows rows: 1 or ROWS, which is known when this is compiled. In the order of some_linear. */
INLINE void some_distances(const struct layer *l, const struct layer_rows *rows, const float *x, size_t n_rows, lanes last,
                           float *scores, uint8_t *beyond)
{
	const size_t n = l->n_inputs;
	lanes sum[ROWS];
	masks over[ROWS], any = {0};
	size_t j = 0;
	UNROLL for (size_t r = 0; r < n_rows; r++) {
		sum[r] = all(0);
		over[r] = (masks){0};
	}
	for (; j + LAYER_LANES <= n; j += LAYER_LANES)
		UNROLL for (size_t r = 0; r < n_rows; r++) {
			const lanes d = *(const lanes *)(x + r * rows->stride + j) - *(const lanes *)(rows->mean + j);
			over[r] |= (masks)(size_of(d) > *(const lanes *)(rows->most + j));
			sum[r] = fused(d, *(const lanes *)(l->linear + j), sum[r]);
		}
	if (j < n)
		UNROLL for (size_t r = 0; r < n_rows; r++) {
			const lanes d = last_of(x + r * rows->stride, n) - last_of(rows->mean, n);
			over[r] |= (masks)(size_of(d) > last_of(rows->most, n));
			sum[r] = fused(d, last, sum[r]);
		}
	UNROLL for (size_t r = 0; r < n_rows; r++)
		any |= over[r];
	memset(beyond, 0, n_rows);
	for (size_t r = 0; is_any(any) && r < n_rows; r++)
		beyond[r] = is_any(over[r]);
	if (n_rows == 1)
		scores[0] = sum_of(sum[0]);
	else
		sums_of(sum, scores);
}

INLINE void linear(const struct layer *l, const struct layer_rows *rows, size_t n, float *scores, uint8_t *beyond)
{
	const lanes last = last_weights(l->linear, l->n_inputs);
	size_t row = 0;
	for (; row + ROWS <= n; row += ROWS)
		some_distances(l, rows, rows->x + row * rows->stride, ROWS, last, scores + row, beyond + row);
	for (; row < n; row++)
		some_distances(l, rows, rows->x + row * rows->stride, 1, last, scores + row, beyond + row);
}

INLINE void multipliers(const struct layer *l, float *values)
{
	const lanes least = all(1e-9f);
	for (size_t k = 0; k < l->width; k += LAYER_LANES) {
		const lanes a = *(const lanes *)(values + k), b = *(const lanes *)(l->bias + k), moved = a - b;
		const masks moves = (masks)(moved > least) | (masks)(moved < -least);
		const lanes rise = (rectified(a) - rectified(b)) / moved;
		const masks slope = (moves & (masks)rise) | (~moves & (masks)(b > 0) & (masks)all(1));
		*(lanes *)(values + k) = *(const lanes *)(l->out + k) * (lanes)slope;
	}
}

INLINE lanes times_of(const struct layer *l, size_t input, const float *by)
{
	lanes sum = all(0);
	for (size_t k = 0; k < l->width; k += LAYER_LANES)
		sum = fused(*(const lanes *)(l->weights + input * l->width + k), *(const lanes *)(by + k), sum);
	return sum;
}

INLINE void backward(const struct layer *l, const float *by, float *gains)
{
	size_t u = 0;
	memset(gains, 0, l->n_inputs * sizeof(*gains));
	for (; u + 4 <= l->n_used; u += 4) {
		lanes sum[4];
		float out[4];
		UNROLL for (size_t i = 0; i < 4; i++)
			sum[i] = times_of(l, l->used[u + i], by);
		sums_of(sum, out);
		UNROLL for (size_t i = 0; i < 4; i++)
			gains[l->used[u + i]] = l->linear[l->used[u + i]] + out[i];
	}
	for (; u < l->n_used; u++)
		gains[l->used[u]] = l->linear[l->used[u]] + sum_of(times_of(l, l->used[u], by));
}

INLINE void add(float *restrict to, const float *restrict x, float by, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] += by * x[i];
}

INLINE void add_outer(const struct layer *l, const float *x, const float *by, float *to)
{
	for (size_t u = 0; u < l->n_used; u++) {
		const size_t j = l->used[u];
		for (size_t k = 0; k < l->width; k += LAYER_LANES) {
			lanes *sum = (lanes *)(to + j * l->width + k);
			*sum = fused(all(x[j]), *(const lanes *)(by + k), *sum);
		}
	}
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
	attribute static void forward_##name(const struct layer *l, const float *rows, size_t n, float *values, float *scores) \
	{ \
		forward(l, rows, n, values, scores); \
	} \
	attribute static void distances_##name(const struct layer_rows *rows, size_t n, size_t n_inputs, float *out, \
	                                       uint8_t *beyond) \
	{ \
		distances(rows, n, n_inputs, out, beyond); \
	} \
	attribute static void linear_##name(const struct layer *l, const struct layer_rows *rows, size_t n, float *scores, \
	                                    uint8_t *beyond) \
	{ \
		linear(l, rows, n, scores, beyond); \
	} \
	attribute static void multipliers_##name(const struct layer *l, float *values) \
	{ \
		multipliers(l, values); \
	} \
	attribute static void backward_##name(const struct layer *l, const float *by, float *gains) \
	{ \
		backward(l, by, gains); \
	} \
	attribute static void add_##name(float *to, const float *x, float by, size_t n) \
	{ \
		add(to, x, by, n); \
	} \
	attribute static void add_outer_##name(const struct layer *l, const float *x, const float *by, float *to) \
	{ \
		add_outer(l, x, by, to); \
	} \
	attribute static void any_##name(const float *x, size_t n, size_t n_inputs, uint32_t *out) \
	{ \
		any(x, n, n_inputs, out); \
	} \
	attribute static void adagrad_##name(float *params, float *squares, const float *gradient, float rate, size_t n) \
	{ \
		adagrad(params, squares, gradient, rate, n); \
	} \
	const struct layer_kernels layer_##name = {forward_##name, distances_##name, linear_##name, multipliers_##name, backward_##name, add_##name, \
	                                            add_outer_##name, any_##name, adagrad_##name};
/* NOLINTEND(bugprone-macro-parentheses) */

VARIANT(portable, )
#if defined(__x86_64__)
VARIANT(avx2, __attribute__((target("avx2,fma"))))
#endif

const struct layer_kernels *layer_best(void)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		return &layer_avx2;
#endif
	return &layer_portable;
}
