/* Loops over arrays against the C library, and each variant against the portable one. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/rng.h"
#include "engine/rank/kernels.h"

static void test_logs(void **state)
{
	struct rng rng;
	rng_seed(&rng, 1);
	const float edges[] = {1, 2, 0.5f, FLT_MIN, FLT_MAX, 0.70710677f, 0.7071068f, 1.4142135f, 1.4142137f, 0.99999994f, 1.0000001f};
	for (int i = 0; i < 2000000; i++) {
		float x = i < 11 ? edges[i] : i % 2 ? (float)exp(rng_double(&rng) * 170 - 85) : 1 + (float)(rng_double(&rng) * 9);
		float y = x;
		kernels_portable.logs(&y, 1);
		double exact = log((double)x);
		if (!(fabs((double)y - exact) <= 2e-7 * fmax(1, fabs(exact))))
			fail_msg("ln %.9g: %.9g is not %.9g", (double)x, (double)y, exact);
	}
}

static void test_moments(void **state)
{
	/* 1, 4, 7 and 10: mean 5.5, mean of squares 41.5. */
	const float x[4][2] = {{1, 3}, {10, 3}, {4, 3}, {7, 3}};
	float mean[2], deviation[2];
	kernels_portable.moments(&x[0][0], 4, 2, 2, mean, deviation);
	assert_true(mean[0] == 5.5f && mean[1] == 3 && deviation[1] == 0);
	assert_true(fabs((double)deviation[0] - 3.354101966) < 1e-6);
	mean[0] = mean[1] = deviation[0] = deviation[1] = -1;
	kernels_portable.moments(&x[0][0], 4, 2, 1, mean, deviation); /* the first column alone */
	assert_true(mean[0] == 5.5f && fabs((double)deviation[0] - 3.354101966) < 1e-6 && mean[1] == -1 && deviation[1] == -1);
	/* A thousand times the same number, which no float sum gets right. */
	float same[1000];
	for (size_t i = 0; i < 1000; i++)
		same[i] = 5.1234567f;
	kernels_portable.moments(same, 1000, 1, 1, mean, deviation);
	assert_true(mean[0] == same[0] && deviation[0] < 1e-6f);
}

static void test_ranks_and_inputs(void **state)
{
	const float x[] = {3, 1, 4, 1, 5, 9, 2, 6};
	const uint16_t which[] = {5, 1, 3, 0, 7}, expected[] = {0, 6, 6, 4, 1};
	uint16_t ranks[5];
	kernels_portable.ranks(x, 8, which, 5, ranks);
	assert_memory_equal(ranks, expected, sizeof(expected));
	const float mean[] = {1, 1, 1, 1, 1, 1, 1, 1}, by[] = {2, 2, 2, -3, 2, 2, 0, -1}, limit = 6;
	const float cut[] = {4, 0, 6, 0, 6, 6, 0, -5};
	float out[8];
	kernels_portable.inputs(x, mean, by, limit, 8, out);
	for (size_t i = 0; i < 8; i++)
		assert_true(out[i] == cut[i]);
	kernels_portable.inputs(x, mean, by, 4.5f, 8, out);
	assert_true(out[7] == -4.5f);
}

/* fmix32 of MurmurHash3: the values of its published code for these keys, worked out apart from ours. */
static void test_mix(void **state)
{
	uint32_t keys[5] = {0, 1, 2, 0xdeadbeef, 1};
	kernels_portable.mix(keys, 4, UINT32_MAX);
	kernels_portable.mix(keys + 4, 1, 0xff);
	assert_int_equal(keys[0], 0);
	assert_int_equal(keys[1], 0x514e28b7u);
	assert_int_equal(keys[2], 0x30f4c306u);
	assert_int_equal(keys[3], 0x0de5c6a9u);
	assert_int_equal(keys[4], 0x514e28b7u & 0xff);
}

/* Ends of the range, and one number that is not 0 at each place in turn. */
static void test_dots(void **state)
{
	static int16_t a[KERNEL_WIDTH], b[KERNEL_WIDTH + 1][KERNEL_WIDTH];
	int32_t out[KERNEL_WIDTH + 1];
	for (size_t d = 0; d < KERNEL_WIDTH; d++) {
		a[d] = d % 2 ? -127 : 127;
		b[d][d] = (int16_t)(d + 1);
		b[KERNEL_WIDTH][d] = d % 2 ? 127 : -127;
	}
	kernels_portable.dots(a, &b[0][0], KERNEL_WIDTH + 1, out);
	for (size_t d = 0; d < KERNEL_WIDTH; d++)
		assert_int_equal(out[d], (d % 2 ? -127 : 127) * (int)(d + 1));
	assert_int_equal(out[KERNEL_WIDTH], -64 * 127 * 127);
	kernels_portable.dots(a, &b[0][0], 0, out);
}

static void compare(const struct kernels *k, const struct kernels *other)
{
	enum { N = 300, COLUMNS = 70 };
	static float x[N * COLUMNS], a[N * COLUMNS], b[N * COLUMNS], mean[2][COLUMNS], deviation[2][COLUMNS];
	uint16_t ranks[2][N], which[N];
	struct rng rng;
	rng_seed(&rng, 7);
	for (int round = 0; round < 60; round++) {
		size_t n = 1 + rng_below(&rng, N), columns = 1 + rng_below(&rng, COLUMNS);
		for (size_t i = 0; i < n * columns; i++)
			x[i] = rng_below(&rng, 4) ? (float)(rng_double(&rng) * 50) + 1e-3f : (float)(1 + rng_below(&rng, 4));
		memcpy(a, x, sizeof(a));
		memcpy(b, x, sizeof(b));
		k->logs(a, n * columns);
		other->logs(b, n * columns);
		assert_memory_equal(a, b, sizeof(a));
		k->moments(x, n, columns, columns, mean[0], deviation[0]);
		for (size_t first = columns; first-- > 0;) { /* each of them, whichever are taken besides */
			other->moments(x, n, columns, first + 1, mean[1], deviation[1]);
			assert_memory_equal(mean[0], mean[1], (first + 1) * sizeof(float));
			assert_memory_equal(deviation[0], deviation[1], (first + 1) * sizeof(float));
		}
		for (size_t i = 0; i < n; i++)
			which[i] = (uint16_t)rng_below(&rng, n);
		k->ranks(x, n, which, n, ranks[0]);
		other->ranks(x, n, which, n, ranks[1]);
		assert_memory_equal(ranks[0], ranks[1], n * sizeof(uint16_t));
		k->inputs(x, mean[0], deviation[0], 6, columns, a);
		other->inputs(x, mean[0], deviation[0], 6, columns, b);
		assert_memory_equal(a, b, columns * sizeof(float));
		memcpy(a, x, sizeof(a));
		memcpy(b, x, sizeof(b));
		k->mix((uint32_t *)(void *)a, n * columns, (1u << 18) - 1);
		other->mix((uint32_t *)(void *)b, n * columns, (1u << 18) - 1);
		assert_memory_equal(a, b, sizeof(a));
		int16_t one[KERNEL_WIDTH], many[20][KERNEL_WIDTH];
		int32_t dots[2][20];
		for (size_t d = 0; d < KERNEL_WIDTH; d++) {
			one[d] = (int16_t)((int)rng_below(&rng, 255) - 127);
			for (size_t i = 0; i < 20; i++)
				many[i][d] = (int16_t)((int)rng_below(&rng, 255) - 127);
		}
		k->dots(one, &many[0][0], 20, dots[0]);
		other->dots(one, &many[0][0], 20, dots[1]);
		assert_memory_equal(dots[0], dots[1], sizeof(dots[0]));
	}
}

static void test_variants(void **state)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2")) {
		compare(&kernels_avx2, &kernels_portable);
		assert_ptr_equal(kernels_best(), &kernels_avx2);
		return;
	}
#endif
	compare(kernels_best(), &kernels_portable);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_logs), cmocka_unit_test(test_moments),
	                                   cmocka_unit_test(test_ranks_and_inputs), cmocka_unit_test(test_dots),
	                                   cmocka_unit_test(test_mix),
	                                   cmocka_unit_test(test_variants)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
