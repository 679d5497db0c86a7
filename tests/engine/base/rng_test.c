/* The generator against its authors' numbers, and its helpers against their promises. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "engine/base/rng.h"

/* xoshiro256starstar.c (prng.di.unimi.it) from the state 1, 2, 3, 4. The first three by hand: rotl(2*5, 7)*9 = 11520;
 * s[1] is then 2^3^1 = 0, so 0; s[1] is then 262149 ... */
static void test_reference_outputs(void **state)
{
	static const uint64_t expected[] = {
		UINT64_C(11520), 0, UINT64_C(1509978240), UINT64_C(1215971899390074240),
		UINT64_C(1216172134540287360), UINT64_C(607988272756665600), UINT64_C(16172922978634559625),
		UINT64_C(8476171486693032832), UINT64_C(10595114339597558777), UINT64_C(2904607092377533576)};
	struct rng r = {{1, 2, 3, 4}};
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_true(rng_u64(&r) == expected[i]);
}

/* splitmix64.c from the seed 1234567, as Rosetta Code lists it. */
static void test_seeding(void **state)
{
	struct rng r;
	rng_seed(&r, 1234567);
	assert_true(r.s[0] == UINT64_C(6457827717110365317));
	assert_true(r.s[1] == UINT64_C(3203168211198807973));
	assert_true(r.s[2] == UINT64_C(9817491932198370423));
	assert_true(r.s[3] == UINT64_C(4593380528125082431));
	rng_seed(&r, 0); /* the state may not be all zeros: it would stay so */
	assert_true(r.s[0] | r.s[1] | r.s[2] | r.s[3]);
}

/* Every value of [0, n) comes, none outside, and each about as often: with 60,000 draws a bin of 10 holds 6,000 with a
 * standard deviation of 73.5, so 5,500 to 6,500 is beyond six deviations. */
static void test_below(void **state)
{
	struct rng r;
	uint64_t seed = 7;
	printf("seed %" PRIu64 "\n", seed);
	rng_seed(&r, seed);
	unsigned bins[10] = {0};
	for (int i = 0; i < 60000; i++) {
		uint64_t v = rng_below(&r, 10);
		assert_true(v < 10);
		bins[v]++;
	}
	for (int i = 0; i < 10; i++)
		assert_in_range(bins[i], 5500, 6500);
	for (int i = 0; i < 1000; i++)
		assert_true(rng_below(&r, 1) == 0);
	for (int i = 0; i < 1000; i++)
		assert_true(rng_below(&r, UINT64_MAX) < UINT64_MAX);
}

static void test_double(void **state)
{
	/* The largest and the smallest that 64 bits can give: result = rotl(s1 * 5, 7) * 9. */
	struct rng zero = {{1, 0, 0, 0}};
	assert_true(rng_double(&zero) == 0);
	struct rng r;
	rng_seed(&r, 11);
	double sum = 0;
	for (int i = 0; i < 60000; i++) {
		double v = rng_double(&r);
		assert_true(v >= 0 && v < 1);
		sum += v;
	}
	/* mean 1/2, standard deviation of the mean sqrt(1/12/60000) = 0.00118 */
	assert_true(sum / 60000 > 0.493 && sum / 60000 < 0.507);
	assert_true((double)(UINT64_MAX >> 11) * 0x1.0p-53 < 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reference_outputs),
		cmocka_unit_test(test_seeding),
		cmocka_unit_test(test_below),
		cmocka_unit_test(test_double),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
