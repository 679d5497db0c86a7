/* Comparison of borrowed bytes, empty ones among them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/base/span.h"

static void test_of(void **state)
{
	assert_int_equal(span_of(NULL).len, 0);
	assert_null(span_of(NULL).data);
	assert_int_equal(span_of("").len, 0);
	assert_int_equal(span_of("news").len, 4);
	assert_int_equal(SPAN("a\0b").len, 3);
}

static void test_equal(void **state)
{
	const struct {
		struct span a, b;
		bool equal, starts;
	} cases[] = {
		{{NULL, 0}, {NULL, 0}, true, true},
		{{NULL, 0}, {"", 0}, true, true},
		{{"ab", 0}, {"cd", 0}, true, true},
		{{"ab", 2}, {"ab", 2}, true, true},
		{{"ab", 2}, {"ac", 2}, false, false},
		{{"ab", 2}, {"abc", 3}, false, false},
		{{"abc", 3}, {"ab", 2}, false, true},
		{{"abc", 3}, {NULL, 0}, false, true},
		{{"a\0b", 3}, {"a\0c", 3}, false, false},
		{{"a\0b", 3}, {"a\0", 2}, false, true},
		{{"\xff", 1}, {"\x7f", 1}, false, false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(span_equal(cases[i].a, cases[i].b), cases[i].equal);
		assert_int_equal(span_equal(cases[i].b, cases[i].a), cases[i].equal);
		assert_int_equal(span_starts_with(cases[i].a, cases[i].b), cases[i].starts);
	}
}

static void test_equal_cstr(void **state)
{
	assert_true(span_equal_cstr(SPAN("click"), "click"));
	assert_false(span_equal_cstr(SPAN("click"), "clic"));
	assert_false(span_equal_cstr(SPAN("click\0"), "click"));
	const char *volatile null = NULL; /* a constant would be warned of where the compiler sees through span_equal */
	assert_true(span_equal_cstr((struct span){NULL, 0}, ""));
	assert_true(span_equal_cstr((struct span){NULL, 0}, null));
	assert_false(span_equal_cstr(SPAN("x"), null));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_equal_cstr),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
