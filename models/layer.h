/* The arithmetic of the kinds that learn, over arrays. Each loop has a variant for AVX2 beside the portable one; both do the
 * same operations in the same order, fused multiplications among them, so results are the same to the bit. */
#ifndef MYNEWS_MODELS_LAYER_H
#define MYNEWS_MODELS_LAYER_H

#include <stddef.h>
#include <stdint.h>

enum { LAYER_LANES = 8 };

/* One layer of rectified units with a linear part beside it:
 *     value_k(x) = bias_k + sum_j weights_jk x_j
 *     score(x)   = sum_k out_k max(0, value_k(x)) + sum_j linear_j x_j */
struct layer {
	size_t n_inputs;
	size_t width;         /* units, filled up to whole lanes by some with all weights 0; 0: none */
	const float *linear;  /* [n_inputs] */
	const float *weights; /* [n_inputs][width] */
	const float *bias, *out; /* [width] */
	const uint8_t *used;  /* [n_used] inputs that may be other than 0, in rising order; units look at no others */
	size_t n_used;
};

/* Rows that inputs are measured in: an input is a row's number less their mean. */
struct layer_rows {
	const float *x;           /* [n][stride] */
	size_t stride;            /* at least the layer's n_inputs */
	const float *mean, *most; /* [n_inputs] */
};

static inline size_t layer_width(size_t n_units)
{
	return (n_units + LAYER_LANES - 1) / LAYER_LANES * LAYER_LANES;
}

struct layer_kernels {
	/* Scores of rows[n][n_inputs] into scores[n], and the units' values into values[n][width]; NULL: not wanted. */
	void (*forward)(const struct layer *l, const float *rows, size_t n, float *values, float *scores);
	/* out[n][n_inputs] = x - mean; whether any of a row's is further than most either way, into beyond[n]. */
	void (*distances)(const struct layer_rows *rows, size_t n, size_t n_inputs, float *out, uint8_t *beyond);
	/* The same forward of a layer without units, by itself: scores and beyond as by distances and forward. */
	void (*linear)(const struct layer *l, const struct layer_rows *rows, size_t n, float *scores, uint8_t *beyond);
	/* What a unit's rise is by each unit of what moved it from its bias, times what the unit counts, in place of the units'
	 * values[width]. Where it hardly moves, the rise is the gradient's. */
	void (*multipliers)(const struct layer *l, float *values);
	/* What each input counts for per unit of its own, with units that count `by`: gains[n_inputs] = linear_j + sum_k
	 * weights_jk by_k, by[width]; 0 of inputs that are not used. */
	void (*backward)(const struct layer *l, const float *by, float *gains);
	/* to[n] += by x[n] */
	void (*add)(float *to, const float *x, float by, size_t n);
	/* to[j][width] += x_j by[width] for each used input j of to[n_inputs][width]. */
	void (*add_outer)(const struct layer *l, const float *x, const float *by, float *to);
	/* Of each of x[n][n_inputs] whether it is 0 in every row, into any[n_inputs]: 0 when so. */
	void (*any)(const float *x, size_t n, size_t n_inputs, uint32_t *any);
	/* AdaGrad's step for each of params[n]; a gradient of 0 changes nothing. */
	void (*adagrad)(float *params, float *squares, const float *gradient, float rate, size_t n);
};

extern const struct layer_kernels layer_portable;
#if defined(__x86_64__)
extern const struct layer_kernels layer_avx2;
#endif
/* The fastest that this machine has. */
const struct layer_kernels *layer_best(void);

#endif
