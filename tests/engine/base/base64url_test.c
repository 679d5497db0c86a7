/* RFC 4648's vectors, every length, and one text for one value only. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "engine/base/base64url.h"
#include "engine/base/rng.h"

/* Section 10, the padding left off (section 3.2 allows it); the last ones are the digits that differ from plain base64
 * (section 5): 0xfb 0xff 0xbf is all 62 and 63. */
static const struct {
	struct span bytes;
	const char *text;
} vectors[] = {
	{{"", 0}, ""},
	{{"f", 1}, "Zg"},
	{{"fo", 2}, "Zm8"},
	{{"foo", 3}, "Zm9v"},
	{{"foob", 4}, "Zm9vYg"},
	{{"fooba", 5}, "Zm9vYmE"},
	{{"foobar", 6}, "Zm9vYmFy"},
	{{"\xfb\xef\xbe", 3}, "----"},
	{{"\xff\xff\xff", 3}, "____"},
	{{"\xfb\xff\xbf", 3}, "-_-_"},
	{{"\x00\x00\x00", 3}, "AAAA"},
	{{"\x14\xfb\x9c\x03\xd9\x7e", 6}, "FPucA9l-"}, /* RFC 3548 section 7, with '-' for '+' */
};
enum { N_VECTORS = sizeof(vectors) / sizeof(vectors[0]) };

static void test_vectors(void **state)
{
	for (size_t i = 0; i < N_VECTORS; i++) {
		char text[16];
		uint8_t bytes[16];
		size_t n = vectors[i].bytes.len;
		assert_int_equal(base64url_encode((const uint8_t *)vectors[i].bytes.data, n, text), strlen(vectors[i].text));
		assert_int_equal(BASE64URL_BYTES(n), strlen(vectors[i].text));
		assert_memory_equal(text, vectors[i].text, strlen(vectors[i].text));
		assert_int_equal(base64url_decode(span_of(vectors[i].text), bytes, n), n); /* exactly the room it needs */
		assert_memory_equal(bytes, vectors[i].bytes.data, n);
		if (n)
			assert_int_equal(base64url_decode(span_of(vectors[i].text), bytes, n - 1), -1);
	}
}

static void test_refuse(void **state)
{
	static const char *const cases[] = {
		"A", "Zm9vY", "Zg==", "Zm8=", "Zg=", "Zm9v=", "=", "Zm9v\n", " Zm9v", "Zm 9v", "Zm+v", "Zm/v", "Zm9.", "Zm9\x80",
		/* bits behind the last byte */
		"Zh", "Zv", "Zm9", "Zm-", "A_", "AAB"};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[16];
		if (base64url_decode(span_of(cases[i]), bytes, sizeof(bytes)) != -1)
			fail_msg("taken: %s", cases[i]);
	}
	uint8_t byte;
	assert_int_equal(base64url_decode(SPAN("Zg\0"), &byte, 1), -1);
	assert_int_equal(base64url_decode((struct span){NULL, 0}, &byte, 1), 0);
}

/* Each byte value as a digit: 64 of them are digits. */
static void test_alphabet(void **state)
{
	int n = 0;
	for (int c = 0; c < 256; c++) {
		char text[4] = {(char)c, 'A', 'A', 'A'};
		uint8_t bytes[3];
		n += base64url_decode((struct span){text, 4}, bytes, 3) == 3;
	}
	assert_int_equal(n, 64);
}

/* Of the 4,096 texts of two digits exactly 256 are values. */
static void test_canonical(void **state)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	bool seen[256] = {0};
	int n = 0;
	for (int i = 0; i < 64; i++) {
		for (int k = 0; k < 64; k++) {
			char text[2] = {digits[i], digits[k]};
			uint8_t byte;
			if (base64url_decode((struct span){text, 2}, &byte, 1) != 1)
				continue;
			assert_false(seen[byte]);
			seen[byte] = true;
			n++;
		}
	}
	assert_int_equal(n, 256);
}

static void test_round_trip(void **state)
{
	struct rng r;
	uint64_t seed = 4648;
	printf("seed %" PRIu64 "\n", seed);
	rng_seed(&r, seed);
	for (size_t n = 0; n < 300; n++) {
		uint8_t bytes[300], back[300];
		char text[BASE64URL_BYTES(300) + 1];
		for (size_t i = 0; i < n; i++)
			bytes[i] = (uint8_t)rng_u64(&r);
		text[BASE64URL_BYTES(n)] = '!';
		assert_int_equal(base64url_encode(bytes, n, text), BASE64URL_BYTES(n));
		assert_int_equal(text[BASE64URL_BYTES(n)], '!');
		assert_int_equal(base64url_decode((struct span){text, BASE64URL_BYTES(n)}, back, n), n);
		assert_memory_equal(bytes, back, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_refuse),
		cmocka_unit_test(test_alphabet),
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
