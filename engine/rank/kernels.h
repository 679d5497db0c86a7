/* Loops over whole arrays that stage two spends its time in. Each has a variant for AVX2 beside the portable one; both do
 * the same operations in the same order, so results are the same to the bit. */
#ifndef MYNEWS_ENGINE_RANK_KERNELS_H
#define MYNEWS_ENGINE_RANK_KERNELS_H

#include <stddef.h>
#include <stdint.h>

struct kernels {
	/* x[n] = ln x, of positive normal numbers: to within 2e-7 of the exact one, or of that part where it is more than 1. */
	void (*logs)(float *x, size_t n);
	/* Mean and standard deviation (of the whole, not of a sample) of each of the first n_columns columns of
	 * x[n][stride]. n > 0. */
	void (*moments)(const float *x, size_t n, size_t stride, size_t n_columns, float *mean, float *deviation);
	/* How many of x[n] are over x[which[i]], into out[i] of n_which. */
	void (*ranks)(const float *x, size_t n, const uint16_t *which, size_t n_which, uint16_t *out);
	/* out[n] = x - mean times by, cut at limit either way. */
	void (*inputs)(const float *x, const float *mean, const float *by, float limit, size_t n, float *out);
	/* keys[n], each mixed (kernel_mix) and then masked, in place. */
	void (*mix)(uint32_t *keys, size_t n, uint32_t mask);
	/* Dot products of a[KERNEL_WIDTH] with each of b[n][KERNEL_WIDTH], of numbers within +-127, into out[n]. */
	void (*dots)(const int16_t *a, const int16_t *b, size_t n, int32_t *out);
};
enum { KERNEL_WIDTH = 64, KERNEL_LANES = 8 };

/* The finaliser of MurmurHash3 (Appleby): every bit of a key moves every other. */
static inline uint32_t kernel_mix(uint32_t key)
{
	key = (key ^ key >> 16) * 0x85ebca6bu;
	key = (key ^ key >> 13) * 0xc2b2ae35u;
	return key ^ key >> 16;
}

extern const struct kernels kernels_portable;
#if defined(__x86_64__)
extern const struct kernels kernels_avx2;
#endif
/* The fastest that this machine has. */
const struct kernels *kernels_best(void);

#endif
