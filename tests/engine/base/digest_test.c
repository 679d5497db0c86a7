/* SHA-256 against FIPS 180-4's examples, HMAC against RFC 4231's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/digest.h"

static void check(const uint8_t out[DIGEST_BYTES], const char *hex)
{
	char text[2 * DIGEST_BYTES + 1];
	for (int i = 0; i < DIGEST_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", out[i]);
	assert_string_equal(text, hex);
}

/* csrc.nist.gov, "Examples with intermediate values", SHA256; the empty message and the million from the NIST byte
 * test vectors and FIPS 180-2 appendix B.3. */
static void test_sha256(void **state)
{
	uint8_t out[DIGEST_BYTES];
	digest_sha256(SPAN("abc"), out);
	check(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	digest_sha256(SPAN("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), out);
	check(out, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	digest_sha256((struct span){NULL, 0}, out);
	check(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	char *million = malloc(1000000);
	assert_non_null(million);
	memset(million, 'a', 1000000);
	digest_sha256((struct span){million, 1000000}, out);
	check(out, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(million);
}

/* RFC 4231 section 4, test cases 1 to 4, 6 and 7 (5 is about truncation). */
static void test_hmac(void **state)
{
	char bytes_0b[20], bytes_aa[131], bytes_dd[50], bytes_cd[50], counting[25];
	memset(bytes_0b, 0x0b, sizeof(bytes_0b));
	memset(bytes_aa, 0xaa, sizeof(bytes_aa));
	memset(bytes_dd, 0xdd, sizeof(bytes_dd));
	memset(bytes_cd, 0xcd, sizeof(bytes_cd));
	for (int i = 0; i < 25; i++)
		counting[i] = (char)(i + 1);
	const struct {
		struct span key, data;
		const char *hex;
	} cases[] = {
		{{bytes_0b, 20}, SPAN("Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{SPAN("Jefe"), SPAN("what do ya want for nothing?"),
		 "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{{bytes_aa, 20}, {bytes_dd, 50}, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
		{{counting, 25}, {bytes_cd, 50}, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
		{{bytes_aa, 131}, SPAN("Test Using Larger Than Block-Size Key - Hash Key First"),
		 "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
		{{bytes_aa, 131},
		 SPAN("This is a test using a larger than block-size key and a larger than block-size data. The key needs to be "
		      "hashed before being used by the HMAC algorithm."),
		 "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t out[DIGEST_BYTES];
		digest_hmac_sha256(cases[i].key, cases[i].data, out);
		check(out, cases[i].hex);
	}
	/* nothing at all: HMAC_SHA256("", "") as Wikipedia's HMAC page gives it */
	uint8_t out[DIGEST_BYTES];
	digest_hmac_sha256((struct span){NULL, 0}, (struct span){NULL, 0}, out);
	check(out, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void test_equal(void **state)
{
	uint8_t a[64] = {0}, b[64] = {0};
	assert_true(digest_equal(a, b, 64));
	for (int i = 0; i < 64; i++) {
		for (int bit = 0; bit < 8; bit++) {
			b[i] = (uint8_t)(1 << bit);
			assert_false(digest_equal(a, b, 64));
			assert_true(digest_equal(a, b, (size_t)i));
		}
		b[i] = 0;
	}
	assert_true(digest_equal(a, b, 0));
}

/* 64 draws of 32 bytes: none alike, and of the 16,384 bits about half are set (standard deviation 64). */
static void test_random(void **state)
{
	uint8_t draws[64][DIGEST_BYTES];
	int set = 0;
	for (int i = 0; i < 64; i++) {
		assert_int_equal(digest_random(draws[i], DIGEST_BYTES), 0);
		for (int k = 0; k < i; k++)
			assert_false(digest_equal(draws[i], draws[k], DIGEST_BYTES));
		for (int k = 0; k < DIGEST_BYTES; k++)
			set += __builtin_popcount(draws[i][k]);
	}
	assert_in_range(set, 8192 - 640, 8192 + 640);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_random),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
