/* Fields of records: known bytes, limits, and no read past the end however short the input is. */
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/rng.h"
#include "engine/store/codec.h"

#define CHECK_BYTES(b, literal) do { \
		assert_true(span_equal(buf_span(b), SPAN(literal))); \
		buf_clear(b); \
	} while (0)

static void test_bytes(void **state)
{
	struct buf b = {0};
	put_u8(&b, 0xab);
	CHECK_BYTES(&b, "\xab");
	put_u16(&b, 0x0102);
	CHECK_BYTES(&b, "\x02\x01");
	put_u32(&b, 0x01020304);
	CHECK_BYTES(&b, "\x04\x03\x02\x01");
	put_u64(&b, UINT64_C(0x0102030405060708));
	CHECK_BYTES(&b, "\x08\x07\x06\x05\x04\x03\x02\x01");
	put_i64(&b, -2);
	CHECK_BYTES(&b, "\xfe\xff\xff\xff\xff\xff\xff\xff");
	put_f32(&b, 1.0f); /* IEEE 754: 0x3f800000 */
	CHECK_BYTES(&b, "\x00\x00\x80\x3f");
	put_string(&b, SPAN("ab"));
	CHECK_BYTES(&b, "\x02""ab");
	put_string(&b, (struct span){NULL, 0});
	CHECK_BYTES(&b, "\x00");
	buf_free(&b);
}

/* LEB128: 624485 is the example of the DWARF standard (appendix C) and of Wikipedia. */
static void test_varint(void **state)
{
	static const struct {
		uint64_t value;
		const char *bytes;
		size_t n;
	} cases[] = {
		{0, "\x00", 1}, {2, "\x02", 1}, {127, "\x7f", 1}, {128, "\x80\x01", 2}, {129, "\x81\x01", 2}, {12857, "\xb9\x64", 2},
		{624485, "\xe5\x8e\x26", 3}, {UINT32_MAX, "\xff\xff\xff\xff\x0f", 5},
		{UINT64_MAX, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10},
		{UINT64_C(1) << 63, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 10}};
	struct buf b = {0};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put_varint(&b, cases[i].value);
		assert_int_equal(b.len, cases[i].n);
		assert_memory_equal(b.data, cases[i].bytes, b.len);
		struct byte_reader r = bytes_reader(buf_span(&b));
		assert_true(get_varint(&r) == cases[i].value);
		assert_true(bytes_done(&r));
		for (size_t n = 0; n < b.len; n++) { /* cut off */
			r = bytes_reader((struct span){b.data, n});
			(void)get_varint(&r);
			assert_true(r.failed);
		}
		buf_clear(&b);
	}
	buf_free(&b);
	struct byte_reader r = bytes_reader(SPAN("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")); /* eleven bytes */
	assert_true(get_varint(&r) == 0 && r.failed);
	r = bytes_reader(SPAN("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02")); /* bit 64 */
	assert_true(get_varint(&r) == 0 && r.failed);
}

static void test_failed_stays(void **state)
{
	struct byte_reader r = bytes_reader(SPAN("\x01\x02\x03"));
	assert_int_equal(get_u8(&r), 1);
	assert_true(get_u32(&r) == 0);
	assert_true(r.failed);
	assert_int_equal(get_u8(&r), 0); /* two bytes are left, but nothing is read any more */
	assert_int_equal(get_u16(&r), 0);
	assert_true(get_u64(&r) == 0 && get_i64(&r) == 0 && get_f32(&r) == 0 && get_varint(&r) == 0);
	assert_null(get_bytes(&r, 0).data);
	assert_int_equal(get_string(&r, 10).len, 0);
	assert_false(bytes_done(&r));

	r = bytes_reader((struct span){NULL, 0});
	assert_true(bytes_done(&r));
	assert_int_equal(get_u8(&r), 0);
	assert_true(r.failed);

	r = bytes_reader(SPAN("\x01\x02"));
	assert_int_equal(get_u8(&r), 1);
	assert_false(bytes_done(&r)); /* something is left */
}

static void test_string_bounds(void **state)
{
	struct byte_reader r = bytes_reader(SPAN("\x03" "abc"));
	assert_true(span_equal(get_string(&r, 3), SPAN("abc")));
	assert_true(bytes_done(&r));
	r = bytes_reader(SPAN("\x03" "abc"));
	assert_int_equal(get_string(&r, 2).len, 0);
	assert_true(r.failed);
	r = bytes_reader(SPAN("\x04" "abc"));
	assert_int_equal(get_string(&r, 100).len, 0);
	assert_true(r.failed);
	/* a length near 2^64 must not wrap around the end */
	r = bytes_reader(SPAN("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" "abc"));
	assert_int_equal(get_string(&r, SIZE_MAX).len, 0);
	assert_true(r.failed);
	r = bytes_reader(SPAN("abc"));
	assert_null(get_bytes(&r, SIZE_MAX).data);
	assert_true(r.failed);
}

/* Keys sort as their numbers do, bytes compared as LMDB compares them. */
static void test_keys(void **state)
{
	uint8_t a[8], b[8];
	assert_true(span_equal(key_u32(a, 0x01020304), SPAN("\x01\x02\x03\x04")));
	assert_true(span_equal(key_u64(a, UINT64_C(0x0102030405060708)), SPAN("\x01\x02\x03\x04\x05\x06\x07\x08")));
	struct rng r;
	uint64_t seed = 31;
	printf("seed %" PRIu64 "\n", seed);
	rng_seed(&r, seed);
	for (int i = 0; i < 20000; i++) {
		uint64_t x = rng_u64(&r) >> rng_below(&r, 64), y = rng_u64(&r) >> rng_below(&r, 64);
		int order = memcmp(key_u64(a, x).data, key_u64(b, y).data, 8);
		assert_int_equal((order > 0) - (order < 0), (x > y) - (x < y));
		assert_true(key_to_u64((struct span){(char *)a, 8}) == x);
		uint32_t small = (uint32_t)x, other = (uint32_t)y;
		order = memcmp(key_u32(a, small).data, key_u32(b, other).data, 4);
		assert_int_equal((order > 0) - (order < 0), (small > other) - (small < other));
		assert_true(key_to_u32((struct span){(char *)b, 4}) == other);
	}
	assert_true(key_to_u32(SPAN("\x01\x02\x03")) == 0);
	assert_true(key_to_u64(SPAN("\x01\x02\x03\x04\x05\x06\x07")) == 0);
	assert_true(key_to_u64((struct span){NULL, 0}) == 0);
}

/* Random fields: written, read back, and read again from each shorter piece in memory of exactly that size. */
static void test_random_fields(void **state)
{
	struct rng r;
	uint64_t seed = 77;
	printf("seed %" PRIu64 "\n", seed);
	for (int round = 0; round < 300; round++) {
		enum { N_FIELDS = 20 };
		struct {
			unsigned kind;
			uint64_t value;
		} fields[N_FIELDS];
		static const char text[] = "the quick brown fox jumps over the lazy dog";
		struct buf b = {0};
		rng_seed(&r, seed + (uint64_t)round);
		for (int i = 0; i < N_FIELDS; i++) {
			uint64_t v = rng_u64(&r) >> rng_below(&r, 64);
			fields[i].kind = (unsigned)rng_below(&r, 6);
			switch (fields[i].kind) {
			case 0: put_u8(&b, (uint8_t)(v &= 0xff)); break;
			case 1: put_u16(&b, (uint16_t)(v &= 0xffff)); break;
			case 2: put_u32(&b, (uint32_t)(v &= UINT32_MAX)); break;
			case 3: put_u64(&b, v); break;
			case 4: put_varint(&b, v); break;
			default: put_string(&b, (struct span){text, v %= sizeof(text)}); break;
			}
			fields[i].value = v;
		}
		for (size_t n = b.len + 1; n-- > 0;) {
			char *exact = malloc(n ? n : 1);
			memcpy(exact, b.data, n);
			struct byte_reader reader = bytes_reader((struct span){exact, n});
			for (int i = 0; i < N_FIELDS; i++) {
				uint64_t v;
				switch (fields[i].kind) {
				case 0: v = get_u8(&reader); break;
				case 1: v = get_u16(&reader); break;
				case 2: v = get_u32(&reader); break;
				case 3: v = get_u64(&reader); break;
				case 4: v = get_varint(&reader); break;
				default: v = get_string(&reader, sizeof(text)).len; break;
				}
				assert_true(v == (reader.failed ? 0 : fields[i].value));
			}
			assert_int_equal(bytes_done(&reader), n == b.len);
			free(exact);
		}
		buf_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_varint),
		cmocka_unit_test(test_failed_stays),
		cmocka_unit_test(test_string_bounds),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_random_fields),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
