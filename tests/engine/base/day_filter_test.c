#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/day_filter.h"
#include "engine/base/rng.h"

static struct hash128 hash_of(uint64_t n)
{
	return hash128((struct span){(const char *)&n, sizeof(n)});
}

enum { N_BYTES = 1 << 16 };

/* Beside a list of what was added on which day: whatever is of the eight days is found, through gaps of every length. */
static void test_forgets_nothing_of_eight_days(void **state)
{
	enum { N_DAYS = 400, A_DAY = 30 };
	static uint32_t days[N_DAYS * A_DAY];
	struct day_filter *f;
	struct rng rng;
	size_t n = 0;
	uint32_t today = 3;
	rng_seed(&rng, 1);
	assert_int_equal(day_filter_new(&f, N_BYTES, 3), 0);
	for (int turn = 0; turn < N_DAYS; turn++) {
		for (int i = 0; i < A_DAY; i++, n++) {
			days[n] = today - (uint32_t)rng_below(&rng, today < 8 ? today : 8);
			day_filter_add(f, days[n], hash_of(n));
		}
		for (size_t i = n > 2000 ? n - 2000 : 0; i < n; i++)
			if (today - days[i] < 8)
				assert_true(day_filter_find(f, today, hash_of(i)) >> (today - days[i]) & 1);
		today += rng_below(&rng, 3) ? 1 : (uint32_t)rng_below(&rng, 12);
	}
	day_filter_free(f);
}

/* The formula of the header: 3 places of 65,536 and 8,000 hashes give (1 - exp(-24000 / 65536))^3 = .02873 a day. */
static void test_takes_few_for_seen(void **state)
{
	enum { A_DAY = 8000, ASKED = 200000 };
	struct day_filter *f;
	unsigned n_seen[8] = {0};
	assert_int_equal(day_filter_new(&f, N_BYTES, 90), 0);
	for (uint32_t day = 100; day < 120; day++)
		for (uint64_t i = 0; i < A_DAY; i++)
			day_filter_add(f, day, hash_of(day * A_DAY + i));
	for (uint64_t i = 0; i < ASKED; i++)
		for (unsigned back = 0, found = day_filter_find(f, 119, hash_of(UINT64_C(1) << 40 | i)); back < 8; back++)
			n_seen[back] += found >> back & 1;
	for (unsigned back = 0; back < 8; back++) /* the places taken vary a little with the day: by 1.5 % of the rate, 4 sigma */
		assert_true(fabs((double)n_seen[back] / ASKED - .02873) < .003);
	day_filter_free(f);
}

static void test_days(void **state)
{
	struct day_filter *f;
	assert_int_equal(day_filter_new(&f, N_BYTES, 20), 0);
	assert_int_equal(day_filter_find(f, 20, hash_of(1)), 0);
	assert_int_equal(day_filter_find(f, 19, hash_of(1)), 0xff); /* it may have been there before the filter */
	day_filter_add(f, 20, hash_of(1));
	day_filter_add(f, 18, hash_of(1));
	assert_int_equal(day_filter_find(f, 20, hash_of(1)), 1 << 0 | 1 << 2);
	assert_int_equal(day_filter_find(f, 22, hash_of(1)), 1 << 2 | 1 << 4);
	assert_int_equal(day_filter_find(f, 21, hash_of(1)), 0xff); /* the last day is 22 by now */
	assert_int_equal(day_filter_find(f, 26, hash_of(1)), 1 << 6);
	assert_int_equal(day_filter_find(f, 27, hash_of(1)), 1 << 7);
	assert_int_equal(day_filter_find(f, 28, hash_of(1)), 0);
	day_filter_add(f, 1000, hash_of(2));
	assert_int_equal(day_filter_find(f, 1000, hash_of(2)), 1);
	assert_int_equal(day_filter_find(f, 1000, hash_of(1)), 0);
	day_filter_free(f);
	day_filter_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forgets_nothing_of_eight_days),
		cmocka_unit_test(test_takes_few_for_seen),
		cmocka_unit_test(test_days),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
