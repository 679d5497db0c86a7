#include "api/formats/event_json.h"

#include "engine/types.h"
#include "tests/api/formats/refuse.h"

static void decode(struct decode *d, const json_t *value)
{
	struct event e;
	event_json_decode(d, value, (struct span){0}, &e);
}

#define E(members) "{\"user_id\":\"u\",\"article_id\":\"a\",\"type\":\"click\"" members "}"

static void refusals(void **state)
{
	static const struct row rows[] = {
		{E(""), NULL}, {E(",\"more\":[1]"), NULL},
		{E(",\"id\":null,\"at\":null,\"feed_id\":null,\"position\":null,\"dwell_s\":null,\"scroll\":null,\"value\":null"), NULL},
		{"[1]", ""}, {"7", ""},
		{"{\"article_id\":\"a\",\"type\":\"click\"}", "/user_id"},
		{"{\"user_id\":\"u\",\"type\":\"click\"}", "/article_id"},
		{"{\"user_id\":\"u\",\"article_id\":\"a\"}", "/type"},
		{"{\"user_id\":1,\"article_id\":\"a\",\"type\":\"click\"}", "/user_id"},
		{"{\"user_id\":\"u\",\"article_id\":{},\"type\":\"click\"}", "/article_id"},
		{"{\"user_id\":\"\",\"article_id\":\"a\",\"type\":\"click\"}", "/user_id"},
		{"{\"user_id\":\"u\",\"article_id\":\"a\",\"type\":\"open\"}", "/type"},
		{"{\"user_id\":\"u\",\"article_id\":\"a\",\"type\":\"Click\"}", "/type"},
		{"{\"user_id\":\"u\",\"article_id\":\"a\",\"type\":\"custom\"}", "/type"},
		{"{\"user_id\":\"u\",\"article_id\":\"a\",\"type\":\"custom:\"}", "/type"},
		{"{\"user_id\":\"u\",\"article_id\":\"a\",\"type\":\"custom:vote\"}", NULL},
		{"{\"user_id\":\"u\",\"article_id\":\"a\",\"type\":3}", "/type"},
		{E(",\"id\":7"), "/id"}, {E(",\"id\":\"\""), "/id"},
		{E(",\"id\":\"e-1\""), "/id"}, {E(",\"id\":\"e-0123456789abcdef\""), "/id"}, {E(",\"id\":\"e-\""), NULL},
		{E(",\"id\":\"e-A\""), NULL}, {E(",\"id\":\"e-1-1\""), NULL}, {E(",\"id\":\"e-00000000000000001\""), NULL},
		{E(",\"at\":\"2026-11-20T12:00:00Z\""), NULL}, {E(",\"at\":1790000000"), NULL}, {E(",\"at\":\"now\""), "/at"},
		{E(",\"at\":-5"), "/at"}, {E(",\"at\":1e12"), "/at"}, {E(",\"at\":\"10000-01-01T00:00:00Z\""), "/at"},
		{E(",\"feed_id\":3"), "/feed_id"},
		{E(",\"position\":1"), NULL}, {E(",\"position\":0"), "/position"}, {E(",\"position\":1.0"), "/position"},
		{E(",\"position\":2147483647"), NULL}, {E(",\"position\":2147483648"), "/position"},
		{E(",\"dwell_s\":0"), NULL}, {E(",\"dwell_s\":86400"), NULL}, {E(",\"dwell_s\":86401"), "/dwell_s"},
		{E(",\"dwell_s\":-0.1"), "/dwell_s"}, {E(",\"dwell_s\":\"3\""), "/dwell_s"},
		{E(",\"scroll\":1"), NULL}, {E(",\"scroll\":1.01"), "/scroll"}, {E(",\"scroll\":-0.01"), "/scroll"},
		{E(",\"value\":-3.5"), NULL}, {E(",\"value\":1e39"), "/value"}, {E(",\"value\":true"), "/value"},
	};
	check_rows(rows, sizeof(rows) / sizeof(rows[0]), decode);
}

static void limits(void **state)
{
	static const char *const heads[][2] = {
		{"{\"user_id\":\"u\",\"article_id\":\"a\",\"type\":\"click\",\"id\":\"", "/id"},
		{"{\"article_id\":\"a\",\"type\":\"click\",\"user_id\":\"", "/user_id"},
		{"{\"user_id\":\"u\",\"type\":\"click\",\"article_id\":\"", "/article_id"},
		{"{\"user_id\":\"u\",\"article_id\":\"a\",\"type\":\"click\",\"feed_id\":\"", "/feed_id"},
		{"{\"user_id\":\"u\",\"article_id\":\"a\",\"type\":\"custom:", "/type"},
	};
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		for (int off = -1; off <= 1; off++) {
			char *json = long_text(heads[i][0], LIMIT_ID_BYTES + (size_t)off, "\"}");
			struct row row = {json, off > 0 ? heads[i][1] : NULL};
			check_rows(&row, 1, decode);
			free(json);
		}
	}
}

static void values(void **state)
{
	struct arena arena = {0};
	struct decode d = {.arena = &arena};
	struct event e;
	json_t *value;
	assert_int_equal(json_parse(SPAN("{\"article_id\":\"a\",\"type\":\"custom:vote\",\"at\":1790000000000,\"position\":3,"
	                                 "\"scroll\":0.5}"), &value, NULL), 0);
	event_json_decode(&d, value, SPAN("reader"), &e);
	json_decref(value);
	assert_int_equal(d.n_errors, 0);
	assert_true(span_equal_cstr(e.user_id, "reader") && span_equal_cstr(e.custom, "vote"));
	assert_int_equal(e.type, EVENT_CUSTOM);
	assert_int_equal(e.at_ms, INT64_C(1790000000000));
	assert_int_equal(e.position, 3);
	assert_true(e.scroll == 0.5f && e.dwell_s < 0 && e.value == 0 && e.id.len == 0);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(refusals), cmocka_unit_test(limits), cmocka_unit_test(values)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
