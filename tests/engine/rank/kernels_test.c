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
	kernels_portable.moments(&x[0][0], 4, 2, mean, deviation);
	assert_true(mean[0] == 5.5f && mean[1] == 3 && deviation[1] == 0);
	assert_true(fabs((double)deviation[0] - 3.354101966) < 1e-6);
	/* A thousand times the same number, which no float sum gets right. */
	float same[1000];
	for (size_t i = 0; i < 1000; i++)
		same[i] = 5.1234567f;
	kernels_portable.moments(same, 1000, 1, mean, deviation);
	assert_true(mean[0] == same[0] && deviation[0] < 1e-6f);
}

static void test_ranks_and_inputs(void **state)
{
	const float x[] = {3, 1, 4, 1, 5, 9, 2, 6};
	const uint16_t expected[] = {4, 6, 3, 6, 2, 0, 5, 1};
	uint16_t ranks[8];
	kernels_portable.ranks(x, 8, ranks);
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

static void compare(const struct kernels *k, const struct kernels *other)
{
	enum { N = 300, COLUMNS = 70 };
	static float x[N * COLUMNS], a[N * COLUMNS], b[N * COLUMNS], mean[2][COLUMNS], deviation[2][COLUMNS];
	uint16_t ranks[2][N];
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
		k->moments(x, n, columns, mean[0], deviation[0]);
		other->moments(x, n, columns, mean[1], deviation[1]);
		assert_memory_equal(mean[0], mean[1], columns * sizeof(float));
		assert_memory_equal(deviation[0], deviation[1], columns * sizeof(float));
		k->ranks(x, n, ranks[0]);
		other->ranks(x, n, ranks[1]);
		assert_memory_equal(ranks[0], ranks[1], n * sizeof(uint16_t));
		k->inputs(x, mean[0], deviation[0], 6, columns, a);
		other->inputs(x, mean[0], deviation[0], 6, columns, b);
		assert_memory_equal(a, b, columns * sizeof(float));
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
	                                   cmocka_unit_test(test_ranks_and_inputs), cmocka_unit_test(test_variants)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
