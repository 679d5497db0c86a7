/* The growable buffer and its writers of text and JSON. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/buf.h"
#include "engine/base/json.h"
#include "engine/base/rng.h"

#define CHECK(b, text) check((b), SPAN(text))
static void check(struct buf *b, struct span expected)
{
	assert_false(b->failed);
	if (!span_equal(buf_span(b), expected))
		fail_msg("%.*s, not %.*s", (int)b->len, b->data ? b->data : "", (int)expected.len, expected.data);
	buf_clear(b);
}

static void test_put(void **state)
{
	struct buf b = {0};
	CHECK(&b, "");
	buf_put(&b, NULL, 0);
	buf_put_span(&b, (struct span){NULL, 0});
	buf_put_cstr(&b, "");
	CHECK(&b, "");
	buf_put(&b, "a\0b", 3);
	buf_put_char(&b, '\0');
	buf_put_span(&b, SPAN("cd"));
	buf_put_cstr(&b, "ef");
	CHECK(&b, "a\0b\0cdef");
	buf_put_u64(&b, 0);
	buf_put_char(&b, ' ');
	buf_put_u64(&b, UINT64_MAX);
	buf_put_char(&b, ' ');
	buf_put_i64(&b, INT64_MIN);
	buf_put_char(&b, ' ');
	buf_put_i64(&b, INT64_MAX);
	buf_put_char(&b, ' ');
	buf_put_i64(&b, -1);
	CHECK(&b, "0 18446744073709551615 -9223372036854775808 9223372036854775807 -1");
	buf_printf(&b, "%d-%s", 7, "x");
	buf_printf(&b, "%s", "");
	CHECK(&b, "7-x");
	buf_free(&b);
	assert_null(b.data);
	buf_free(&b);
}

/* Random writes beside a plain array. */
static void test_grow(void **state)
{
	enum { N = 300000 };
	static char naive[N + 1000];
	struct rng r;
	uint64_t seed = 99;
	printf("seed %" PRIu64 "\n", seed);
	rng_seed(&r, seed);
	struct buf b = {0};
	for (size_t n = 0; n < N;) {
		char piece[1000];
		size_t len = rng_below(&r, 10) ? rng_below(&r, 20) : rng_below(&r, sizeof(piece));
		for (size_t i = 0; i < len; i++)
			piece[i] = (char)('a' + rng_below(&r, 26));
		memcpy(naive + n, piece, len);
		if (rng_below(&r, 2))
			buf_put(&b, piece, len);
		else
			buf_printf(&b, "%.*s", (int)len, piece);
		n += len;
		assert_int_equal(b.len, n);
		assert_true(b.len <= b.capacity);
	}
	assert_memory_equal(b.data, naive, b.len);
	const char *kept = b.data;
	size_t capacity = b.capacity;
	buf_clear(&b);
	assert_ptr_equal(b.data, kept);
	assert_int_equal(b.capacity, capacity);
	buf_free(&b);
}

static void test_out_of_memory(void **state)
{
	struct buf b = {0};
	buf_put_cstr(&b, "kept");
	assert_int_equal(buf_reserve(&b, SIZE_MAX - 100), -12 /* ENOMEM */);
	assert_true(b.failed);
	buf_put_cstr(&b, "lost");
	buf_printf(&b, "%d", 1);
	assert_int_equal(buf_reserve(&b, 1), -12);
	assert_true(span_equal(buf_span(&b), SPAN("kept")));
	buf_clear(&b);
	assert_false(b.failed);
	buf_put_cstr(&b, "again");
	CHECK(&b, "again");
	buf_free(&b);
}

static void test_json_string(void **state)
{
	const struct {
		struct span in, out;
	} cases[] = {
		{SPAN(""), SPAN("\"\"")},
		{{NULL, 0}, SPAN("\"\"")},
		{SPAN("plain /'&>"), SPAN("\"plain /'&>\"")},
		{SPAN("a\"b\\c"), SPAN("\"a\\\"b\\\\c\"")},
		{SPAN("\n\r\t"), SPAN("\"\\n\\r\\t\"")},
		{SPAN("\x01\x1f\x7f"), SPAN("\"\\u0001\\u001f\x7f\"")},
		{SPAN("a\0b"), SPAN("\"a\\u0000b\"")},
		{SPAN("</script>"), SPAN("\"\\u003c/script>\"")},
		{SPAN("\xc3\xa9\xe0\xb8\x82\xf0\x9f\x98\x80"), SPAN("\"\xc3\xa9\xe0\xb8\x82\xf0\x9f\x98\x80\"")},
		{SPAN("x\xe2\x80\xa8y\xe2\x80\xa9"), SPAN("\"x\\u2028y\\u2029\"")},
		/* NOLINTNEXTLINE(misc-misleading-bidirectional): the neighbours of what is escaped set directions */
		{SPAN("\xe2\x80\xa7\xe2\x80\xaa\xe2\x81\xa8"), SPAN("\"\xe2\x80\xa7\xe2\x80\xaa\xe2\x81\xa8\"")},
		{{"\xe2\x80\xa8", 2}, {"\"\xe2\x80\"", 4}}, /* cut off: reads nothing behind the end */
	};
	struct buf b = {0};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_put_json_string(&b, cases[i].in);
		check(&b, cases[i].out);
	}
	buf_free(&b);
}

/* What needs an escape is found wherever it stands: text is looked at in blocks. */
static void test_json_string_positions(void **state)
{
	enum { N = 50 };
	struct buf b = {0};
	for (size_t n = 1; n <= N; n++)
		for (size_t at = 0; at < n; at++) {
			char text[N];
			memset(text, 'a', n);
			text[at] = '<';
			buf_put_json_string(&b, (struct span){text, n});
			assert_int_equal(b.len, n + 2 + strlen("\\u003c") - 1);
			assert_memory_equal(b.data + 1 + at, "\\u003c", 6);
			for (size_t i = 0; i < b.len; i++)
				if (i <= at || i >= at + 7)
					assert_int_equal(b.data[i], i == 0 || i == b.len - 1 ? '"' : 'a');
			buf_clear(&b);
		}
	buf_free(&b);
}

/* Whatever is written, a parser reads back: every character but NUL, which the parser here refuses. */
static void test_json_string_reads_back(void **state)
{
	struct buf text = {0}, json = {0};
	for (uint32_t c = 1; c < 0x110000; c += c < 0x3000 ? 1 : 251) {
		if (c >= 0xd800 && c < 0xe000)
			continue;
		if (c < 0x80) {
			buf_put_char(&text, (char)c);
		} else if (c < 0x800) {
			buf_put_char(&text, (char)(0xc0 | c >> 6));
			buf_put_char(&text, (char)(0x80 | (c & 63)));
		} else {
			if (c < 0x10000) {
				buf_put_char(&text, (char)(0xe0 | c >> 12));
			} else {
				buf_put_char(&text, (char)(0xf0 | c >> 18));
				buf_put_char(&text, (char)(0x80 | (c >> 12 & 63)));
			}
			buf_put_char(&text, (char)(0x80 | (c >> 6 & 63)));
			buf_put_char(&text, (char)(0x80 | (c & 63)));
		}
	}
	buf_put_json_string(&json, buf_span(&text));
	json_t *value = NULL;
	assert_int_equal(json_parse(buf_span(&json), &value, NULL), 0);
	assert_true(span_equal(json_span(value), buf_span(&text)));
	json_decref(value);
	buf_free(&text);
	buf_free(&json);
}

static void test_json_double(void **state)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {
		{0, "0"}, {-0.0, "-0"}, {1, "1"}, {-1.5, "-1.5"}, {0.1, "0.1"}, {0.3, "0.3"}, {0.1 + 0.2, "0.30000000000000004"},
		{1.0 / 3, "0.3333333333333333"}, {100, "100"}, {1e21, "1e+21"}, {DBL_MAX, "1.7976931348623157e+308"},
		{DBL_MIN, "2.2250738585072014e-308"}, {0x1p-1074, "5e-324"}, {-0x3p-1074, "-1.5e-323"},
		{9007199254740993.0, "9007199254740992"}, {NAN, "null"}, {INFINITY, "null"}, {-INFINITY, "null"},
	};
	struct buf b = {0};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_put_json_double(&b, cases[i].value);
		check(&b, span_of(cases[i].text));
	}
	struct rng r;
	uint64_t seed = 754;
	printf("seed %" PRIu64 "\n", seed);
	rng_seed(&r, seed);
	for (int i = 0; i < 100000; i++) {
		double value, back;
		uint64_t bits = rng_u64(&r);
		memcpy(&value, &bits, 8);
		if (!isfinite(value))
			continue;
		buf_put_json_double(&b, value);
		buf_put_char(&b, '\0');
		back = strtod(b.data, NULL);
		assert_memory_equal(&back, &value, 8);
		buf_clear(&b);
	}
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_grow),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_json_string), cmocka_unit_test(test_json_string_positions),
		cmocka_unit_test(test_json_string_reads_back),
		cmocka_unit_test(test_json_double),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
