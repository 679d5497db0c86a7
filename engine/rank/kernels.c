/* Each loop is written once and compiled for each kind of machine: the compiler makes vectors of it. None of them has the
 * machine's fused multiply and add, which would round otherwise. */
#include "engine/rank/kernels.h"

#include <math.h>
#include <string.h>

enum { LANES = KERNEL_LANES, MANY_COLUMNS = 5 * LANES, SOME_COLUMNS = 2 * LANES };

#define INLINE static inline __attribute__((always_inline))

/* As logf in the Cephes library (Moshier, Methods and Programs for Mathematical Functions, 1989). */
INLINE float log_of(float x)
{
	const int32_t half_root = 0x3f3504f3; /* sqrt(1/2) */
	int32_t bits, exponent;
	float m;
	memcpy(&bits, &x, sizeof(bits));
	exponent = (bits - half_root) >> 23;
	bits -= (int32_t)((uint32_t)exponent << 23);
	memcpy(&m, &bits, sizeof(m));
	m -= 1; /* x = 2^exponent (1 + m), m from sqrt(1/2) - 1 to sqrt(2) - 1 */
	float square = m * m, e = (float)exponent;
	float p = 7.0376836292e-2f;
	p = p * m - 1.1514610310e-1f;
	p = p * m + 1.1676998740e-1f;
	p = p * m - 1.2420140846e-1f;
	p = p * m + 1.4249322787e-1f;
	p = p * m - 1.6668057665e-1f;
	p = p * m + 2.0000714765e-1f;
	p = p * m - 2.4999993993e-1f;
	p = p * m + 3.3333331174e-1f;
	p = p * m * square - 2.12194440e-4f * e - 0.5f * square;
	return m + p + 0.693359375f * e;
}

INLINE void logs(float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = log_of(x[i]);
}

/* Of a few columns, whose sums stay in registers. Sums are of distances from the first row: a column that is the same
 * for all must come out with no deviation. */
INLINE void moments_of_some(const float *x, size_t n, size_t stride, size_t n_columns, float *restrict mean,
                            float *restrict deviation)
{
	float sum[MANY_COLUMNS] = {0}, square[MANY_COLUMNS] = {0};
	for (size_t i = 1; i < n; i++)
		for (size_t c = 0; c < n_columns; c++)
			sum[c] += x[i * stride + c] - x[c];
	for (size_t c = 0; c < n_columns; c++)
		sum[c] = x[c] + sum[c] / (float)n;
	for (size_t i = 0; i < n; i++)
		for (size_t c = 0; c < n_columns; c++) {
			float d = x[i * stride + c] - sum[c];
			square[c] += d * d;
		}
	for (size_t c = 0; c < n_columns; c++) {
		mean[c] = sum[c];
		deviation[c] = sqrtf(square[c] / (float)n);
	}
}

/* As many at once as there are registers for, then fewer, the last of them together with some that were taken
 * before. */
INLINE void moments(const float *x, size_t n, size_t stride, size_t n_columns, float *mean, float *deviation)
{
	size_t c = 0;
	for (; c + MANY_COLUMNS <= n_columns; c += MANY_COLUMNS)
		moments_of_some(x + c, n, stride, MANY_COLUMNS, mean + c, deviation + c);
	for (; n_columns >= SOME_COLUMNS && c < n_columns; c += SOME_COLUMNS) {
		const size_t first = c + SOME_COLUMNS <= n_columns ? c : n_columns - SOME_COLUMNS;
		moments_of_some(x + first, n, stride, SOME_COLUMNS, mean + first, deviation + first);
	}
	if (n_columns < SOME_COLUMNS)
		moments_of_some(x, n, stride, n_columns, mean, deviation);
}

INLINE void ranks(const float *x, size_t n, const uint16_t *which, size_t n_which, uint16_t *out)
{
	for (size_t i = 0; i < n_which; i++) {
		const float than = x[which[i]];
		int32_t over = 0;
		for (size_t j = 0; j < n; j++)
			over += x[j] > than;
		out[i] = (uint16_t)over;
	}
}

INLINE void inputs(const float *x, const float *mean, const float *by, float limit, size_t n, float *out)
{
	for (size_t i = 0; i < n; i++) {
		float z = (x[i] - mean[i]) * by[i];
		z = z > limit ? limit : z;
		out[i] = z < -limit ? -limit : z;
	}
}

INLINE void mix(uint32_t *keys, size_t n, uint32_t mask)
{
	for (size_t i = 0; i < n; i++)
		keys[i] = kernel_mix(keys[i]) & mask;
}

INLINE void dots(const int16_t *a, const int16_t *b, size_t n, int32_t *out)
{
	for (size_t i = 0; i < n; i++) {
		int32_t sum = 0;
		for (size_t d = 0; d < KERNEL_WIDTH; d++)
			sum += (int32_t)a[d] * b[i * KERNEL_WIDTH + d];
		out[i] = sum;
	}
}

/* NOLINTBEGIN(bugprone-macro-parentheses): an attribute does not stand in parentheses. */
#define VARIANT(name, attribute) \
	attribute static void logs_##name(float *x, size_t n) \
	{ \
		logs(x, n); \
	} \
	attribute static void moments_##name(const float *x, size_t n, size_t stride, size_t n_columns, float *mean, \
	                                     float *deviation) \
	{ \
		moments(x, n, stride, n_columns, mean, deviation); \
	} \
	attribute static void ranks_##name(const float *x, size_t n, const uint16_t *which, size_t n_which, uint16_t *out) \
	{ \
		ranks(x, n, which, n_which, out); \
	} \
	attribute static void inputs_##name(const float *x, const float *mean, const float *by, float limit, size_t n, \
	                                    float *out) \
	{ \
		inputs(x, mean, by, limit, n, out); \
	} \
	attribute static void mix_##name(uint32_t *keys, size_t n, uint32_t mask) \
	{ \
		mix(keys, n, mask); \
	} \
	attribute static void dots_##name(const int16_t *a, const int16_t *b, size_t n, int32_t *out) \
	{ \
		dots(a, b, n, out); \
	} \
	const struct kernels kernels_##name = {logs_##name, moments_##name, ranks_##name, inputs_##name, \
	                                      mix_##name, dots_##name};
/* NOLINTEND(bugprone-macro-parentheses) */

VARIANT(portable, )
#if defined(__x86_64__)
VARIANT(avx2, __attribute__((target("avx2"))))
#endif

const struct kernels *kernels_best(void)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2"))
		return &kernels_avx2;
#endif
	return &kernels_portable;
}
