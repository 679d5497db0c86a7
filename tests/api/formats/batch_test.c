#include "api/formats/batch.h"

#include "tests/api/formats/refuse.h"

static void forms(void **state)
{
	static const struct {
		const char *body;
		bool lines;
		int outcome;
		enum batch_form form;
		size_t n;
	} rows[] = {
		{"{\"a\":1}", false, BATCH_OK, BATCH_ONE, 1},
		{"[]", false, BATCH_OK, BATCH_ARRAY, 0},
		{"[{},{},3]", false, BATCH_OK, BATCH_ARRAY, 3},
		{"[{},{},{},{},{}]", false, BATCH_TOO_MANY, 0, 0},
		{"", false, BATCH_NOT_JSON, 0, 0},
		{"   ", false, BATCH_NOT_JSON, 0, 0},
		{"{\"a\":1", false, BATCH_NOT_JSON, 0, 0},
		{"{\"a\":1}x", false, BATCH_NOT_JSON, 0, 0},
		{"{\"a\":1,\"a\":2}", false, BATCH_NOT_JSON, 0, 0},
		{"{\"a\":\"\\u0000\"}", false, BATCH_OK, BATCH_ONE, 1},
		{"{\"a\":\"\\ud800\"}", false, BATCH_NOT_JSON, 0, 0},
		{"{\"a\":\"\xff\"}", false, BATCH_NOT_JSON, 0, 0},
		{"{\"a\":\"\xc0\xaf\"}", false, BATCH_NOT_JSON, 0, 0},
		{"{\"a\":1e999}", false, BATCH_NOT_JSON, 0, 0},
		{"{\"a\":99999999999999999999}", false, BATCH_NOT_JSON, 0, 0},
		{"{\"a\":NaN}", false, BATCH_NOT_JSON, 0, 0},
		{"7", false, BATCH_WRONG_SHAPE, 0, 0},
		{"\"x\"", false, BATCH_WRONG_SHAPE, 0, 0},
		{"null", false, BATCH_WRONG_SHAPE, 0, 0},
		{"{}\n{}\n", true, BATCH_OK, BATCH_LINES, 2},
		{"\n\r\n {} \r\nnot json\n\n{}", true, BATCH_OK, BATCH_LINES, 3},
		{"", true, BATCH_OK, BATCH_LINES, 0},
		{"1\n2\n3\n4\n5", true, BATCH_TOO_MANY, 0, 0},
		{"1\n2\n3\n4\n", true, BATCH_OK, BATCH_LINES, 4},
	};
	struct arena arena = {0};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct json_problem problem;
		struct batch b;
		int r = batch_open(&arena, span_of(rows[i].body), rows[i].lines, 4, &b, &problem);
		if (r != rows[i].outcome)
			fail_msg("%s: %d, not %d", rows[i].body, r, rows[i].outcome);
		if (r != BATCH_OK)
			continue;
		assert_int_equal(b.form, rows[i].form);
		assert_int_equal(b.n, rows[i].n);
		batch_close(&b);
	}
	arena_free(&arena);
}

static void a_bad_line_is_alone(void **state)
{
	struct arena arena = {0};
	struct batch b;
	json_t *value;
	struct json_problem problem;
	assert_int_equal(batch_open(&arena, SPAN("{\"a\":1}\nnope\n{\"a\":3}"), true, 10, &b, &problem), BATCH_OK);
	assert_int_equal(batch_element(&b, 0, &value, &problem), 0);
	json_decref(value);
	assert_int_equal(batch_element(&b, 1, &value, &problem), 1);
	assert_int_equal(batch_element(&b, 2, &value, &problem), 0);
	assert_int_equal(json_integer_value(json_object_get(value, "a")), 3);
	json_decref(value);
	batch_close(&b);
	arena_free(&arena);
}

/* The deepest allowed nesting parses, one level more does not. */
static void depth(void **state)
{
	struct arena arena = {0};
	for (int n = JSON_DEPTH_MAX - 1; n <= JSON_DEPTH_MAX + 1; n++) {
		char text[2 * JSON_DEPTH_MAX + 8];
		struct json_problem problem;
		struct batch b;
		memset(text, '[', (size_t)n);
		memset(text + n, ']', (size_t)n);
		int r = batch_open(&arena, (struct span){text, 2 * (size_t)n}, false, 10, &b, &problem);
		assert_int_equal(r, n > JSON_DEPTH_MAX ? BATCH_NOT_JSON : BATCH_OK);
		if (r == BATCH_OK)
			batch_close(&b);
	}
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(forms), cmocka_unit_test(a_bad_line_is_alone),
	                                   cmocka_unit_test(depth)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
