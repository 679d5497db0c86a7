/* The arithmetic of the kinds that learn, over arrays. Each loop has a variant for AVX2 beside the portable one; both do the
 * same operations in the same order, so results are the same to the bit. */
#ifndef MYNEWS_MODELS_LAYER_H
#define MYNEWS_MODELS_LAYER_H

#include <stddef.h>
#include <stdint.h>

enum { LAYER_LANES = 8 };

/* Where inputs stand and which of them are looked at. */
struct layer_rows {
	size_t n, n_inputs;
	const float *inputs;  /* [n][n_inputs] */
	const uint8_t *used;  /* [n_used] the inputs that are not 0 everywhere, in rising order */
	size_t n_used;
};

struct layer_kernels {
	/* out[n_rows] += rows[n_rows][n] . x */
	void (*dots)(const float *rows, size_t n_rows, const float *x, size_t n, float *out);
	/* to[n] += by x[n] */
	void (*add)(float *to, const float *x, float by, size_t n);
	/* Of each of x[n][n_inputs] whether it is 0 in every row, into any[n_inputs]: 0 when so. */
	void (*any)(const float *x, size_t n, size_t n_inputs, uint32_t *any);
	/* Every row's values of the units, out[n][width] = inputs . weights + bias, and what they add to its score,
	 * scores[n] = sum_k v_k max(0, value_k). weights[n_used][width], bias[width], v[width]; width: a multiple of LAYER_LANES,
	 * 0 behind the last unit. out NULL: not wanted. */
	void (*forward)(const struct layer_rows *rows, const float *weights, const float *bias, const float *v, size_t width,
	                float *out, float *scores);
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
