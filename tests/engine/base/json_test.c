/* What the strict parser takes and refuses. Cases follow RFC 8259; depth and duplicates are this project's own rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "engine/base/buf.h"
#include "engine/base/json.h"

static void test_accept(void **state)
{
	static const char *const cases[] = {
		"{}", "[]", "null", "true", "false", "0", "-0", "1.5e3", "\"\"", " \t\r\n{} \t\r\n", "[1,[2,{\"a\":[]}]]",
		"{\"a\":1,\"b\":1}", "{\"a\":{\"a\":{\"a\":1}}}", "[{\"a\":1},{\"a\":1}]", "{\"\":1}", "9223372036854775807",
		"\"\\u00e9\\n\\/\\ud83d\\ude00\"", "\"\xe0\xb8\x82\xf0\x9f\x98\x80\"", "\"{[{[{[{[{[{[{[{[{[{[{[{[{[{[{[{[{[{[\""};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *value = NULL;
		struct json_problem problem;
		if (json_parse(span_of(cases[i]), &value, &problem) != 0)
			fail_msg("refused: %s: %s", cases[i], problem.text);
		assert_non_null(value);
		json_decref(value);
	}
}

static void test_values(void **state)
{
	json_t *value = NULL;
	assert_int_equal(json_parse(SPAN("{\"s\":\"a\\u0041\\ud83d\\ude00\",\"i\":-9223372036854775808,\"r\":0.1}"), &value, NULL), 0);
	assert_true(span_equal(json_span(json_object_get(value, "s")), SPAN("aA\xf0\x9f\x98\x80")));
	assert_true(json_integer_value(json_object_get(value, "i")) == INT64_MIN);
	assert_true(json_real_value(json_object_get(value, "r")) == 0.1);
	json_decref(value);
	assert_int_equal(json_parse(SPAN("\"a\\u0000b\""), &value, NULL), 0);
	assert_true(span_equal(json_span(value), (struct span){"a\0b", 3}));
	json_decref(value);
}

static void test_refuse(void **state)
{
	const struct {
		struct span text;
	} cases[] = {
		{{"", 0}}, {{NULL, 0}}, {SPAN(" ")}, {SPAN("{")}, {SPAN("[")}, {SPAN("[1,]")}, {SPAN("{\"a\":1,}")}, {SPAN("{a:1}")},
		{SPAN("{'a':1}")}, {SPAN("[1] 2")}, {SPAN("{}{}")}, {SPAN("[1]x")}, {SPAN("[1]\0")}, {SPAN("nul")}, {SPAN("True")},
		{SPAN("NaN")}, {SPAN("Infinity")}, {SPAN("01")}, {SPAN("+1")}, {SPAN(".5")}, {SPAN("1.")}, {SPAN("1e")}, {SPAN("0x10")},
		{SPAN("1e400")}, {SPAN("9223372036854775808")}, {SPAN("\"a")}, {SPAN("\"\n\"")}, {SPAN("\"\\x41\"")},
		{SPAN("\"\\u12\"")}, {SPAN("// a\n{}")}, {SPAN("\xef\xbb\xbf{}")},
		/* NUL in a key, or unescaped */
		{SPAN("{\"a\\u0000b\":1}")}, {SPAN("\"a\0b\"")},
		/* not UTF-8: a stray byte, overlong, a surrogate, beyond U+10FFFF, cut off; a lone surrogate as an escape */
		{SPAN("\"\xff\"")}, {SPAN("\"\xc0\xaf\"")}, {SPAN("\"\xed\xa0\x80\"")}, {SPAN("\"\xf4\x90\x80\x80\"")},
		{SPAN("\"\xe2\x82\"")}, {SPAN("\"\\ud800\"")}, {SPAN("\"\\udc00\\ud800\"")}, {SPAN("{\"\xff\":1}")},
		/* duplicate keys, at any depth and however they are spelt */
		{SPAN("{\"a\":1,\"a\":1}")}, {SPAN("{\"a\":1,\"b\":2,\"a\":3}")}, {SPAN("[{\"x\":{\"a\":1,\"a\":2}}]")},
		{SPAN("{\"a\":1,\"\\u0061\":2}")}, {SPAN("{\"\":1,\"\":2}")}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *value = NULL;
		struct json_problem problem = {.text = ""};
		if (json_parse(cases[i].text, &value, &problem) != 1)
			fail_msg("case %zu taken: %.*s", i, (int)cases[i].text.len, cases[i].text.data);
		assert_null(value);
		assert_true(problem.text[0] != '\0');
		assert_true(problem.line >= 1 && problem.column >= 1);
		assert_int_equal(json_parse(cases[i].text, &value, NULL), 1); /* nobody has to ask why */
	}
}

static int parse_nested(int depth, const char *open, const char *close, const char *inside)
{
	struct buf b = {0};
	json_t *value = NULL;
	struct json_problem problem = {.text = ""};
	for (int i = 0; i < depth; i++)
		buf_put_cstr(&b, open);
	buf_put_cstr(&b, inside);
	for (int i = 0; i < depth; i++)
		buf_put_cstr(&b, close);
	assert_false(b.failed);
	int r = json_parse(buf_span(&b), &value, &problem);
	if (r == 0)
		json_decref(value);
	else
		assert_string_equal(problem.text, "nested deeper than 32 levels");
	buf_free(&b);
	return r;
}

static void test_depth(void **state)
{
	assert_int_equal(parse_nested(31, "[", "]", "1"), 0);
	assert_int_equal(parse_nested(32, "[", "]", "1"), 0);
	assert_int_equal(parse_nested(33, "[", "]", "1"), 1);
	assert_int_equal(parse_nested(32, "{\"k\":", "}", "null"), 0);
	assert_int_equal(parse_nested(33, "{\"k\":", "}", "null"), 1);
	assert_int_equal(parse_nested(16, "[{\"k\":", "}]", "\"]]]]}}}}\""), 0); /* 16 of each are 32 */
	assert_int_equal(parse_nested(16, "[{\"k\":", "}]", "[]"), 1);
	assert_int_equal(parse_nested(32, "[", "]", "\"\\\"[[[[\\\\\""), 0); /* brackets and escapes in a string */
	assert_int_equal(parse_nested(1000000, "[", "]", ""), 1);
	/* wide is not deep */
	assert_int_equal(parse_nested(1, "[", "]", "[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],"
	                                           "[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]"), 0);
}

static void test_position(void **state)
{
	json_t *value = NULL;
	struct json_problem problem;
	assert_int_equal(json_parse(SPAN("{\n \"a\": 1,\n \"b\": oops\n}"), &value, &problem), 1);
	assert_int_equal(problem.line, 3);
	assert_int_equal(problem.column, 10); /* jansson counts the column behind the token: ` "b": oops` is 10 wide */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accept),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_refuse),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_position),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
