/* Hashes stand on disk, so they are held to xxHash's own sanity table (xsum_sanity_check.c, seed 0). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/base/hash.h"

enum { N_SANITY = 2367 };
static char sanity[N_SANITY];

/* The buffer of that table: the top bytes of PRIME32 * PRIME64^i. */
static int fill_sanity(void **state)
{
	uint64_t generator = 2654435761u;
	for (size_t i = 0; i < N_SANITY; i++) {
		sanity[i] = (char)(generator >> 56);
		generator *= UINT64_C(11400714785074694797);
	}
	return 0;
}

static void test_hash64(void **state)
{
	static const struct {
		size_t len;
		uint64_t hash;
	} cases[] = {
		{0, UINT64_C(0x2D06800538D394C2)}, {1, UINT64_C(0xC44BDFF4074EECDB)}, {6, UINT64_C(0x27B56A84CD2D7325)},
		{12, UINT64_C(0xA713DAF0DFBB77E7)}, {24, UINT64_C(0xA3FE70BF9D3510EB)}, {48, UINT64_C(0x397DA259ECBA1F11)},
		{80, UINT64_C(0xBCDEFBBB2C47C90A)}, {195, UINT64_C(0xCD94217EE362EC3A)}, {403, UINT64_C(0xCDEB804D65C6DEA4)},
		{512, UINT64_C(0x617E49599013CB6B)}, {2048, UINT64_C(0xDD59E2C3A5F038E0)},
		{2240, UINT64_C(0x6E73A90539CF2948)}, {2367, UINT64_C(0xCB37AEB9E5D361ED)}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_true(hash64((struct span){sanity, cases[i].len}) == cases[i].hash);
	assert_true(hash64((struct span){NULL, 0}) == UINT64_C(0x2D06800538D394C2));
	assert_true(hash64(SPAN("abc")) == UINT64_C(0x78AF5F94892F3950));
}

static void test_hash128(void **state)
{
	static const struct {
		size_t len;
		uint64_t low, high;
	} cases[] = {
		{0, UINT64_C(0x6001C324468D497F), UINT64_C(0x99AA06D3014798D8)},
		{1, UINT64_C(0xC44BDFF4074EECDB), UINT64_C(0xA6CD5E9392000F6A)},
		{3, UINT64_C(0x54247382A8D6B94D), UINT64_C(0x20EFC49FF02422EA)},
		{8, UINT64_C(0x64C69CAB4BB21DC5), UINT64_C(0x47A7F080D82BB456)},
		{16, UINT64_C(0x562980258A998629), UINT64_C(0xC68C368ECF8A9C05)},
		{128, UINT64_C(0xEBB15E34A7FB5AB1), UINT64_C(0x39992220E045260A)},
		{240, UINT64_C(0x5C9AAE94C8EBE5A0), UINT64_C(0xAA4202DAA2769DC8)},
		{512, UINT64_C(0x617E49599013CB6B), UINT64_C(0x18D2D110DCC9BCA1)}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hash128 h = hash128((struct span){sanity, cases[i].len});
		assert_true(h.low == cases[i].low && h.high == cases[i].high);
	}
}

/* splitmix64's output for seed s is the finaliser over s + 0x9e3779b97f4a7c15: seed 1234567 gives the number below. */
static void test_mix(void **state)
{
	assert_true(hash_mix64(UINT64_C(1234567) + UINT64_C(0x9e3779b97f4a7c15)) == UINT64_C(6457827717110365317));
	assert_true(hash_mix64(0) == 0);
	for (uint64_t i = 0; i < 1000; i++) /* a bijection: neighbours never meet */
		for (uint64_t k = i + 1; k < 1000; k++)
			assert_true(hash_mix64(i) != hash_mix64(k));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hash64),
		cmocka_unit_test(test_hash128),
		cmocka_unit_test(test_mix),
	};
	return cmocka_run_group_tests(tests, fill_sanity, NULL);
}
