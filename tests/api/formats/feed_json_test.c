#include "api/formats/feed_json.h"

#include "engine/base/json.h"
#include "tests/api/formats/refuse.h"

static void words_text(struct buf *out, const struct feed_reason *reason, struct span topic, const void *language)
{
	buf_printf(out, "<%s of %s, %d> \"%.*s\" %s", reason->code, reason->group ? reason->group : "none", reason->stands,
	           (int)topic.len, topic.data, (const char *)language);
}

static void whole(void **state)
{
	const struct span others[] = {SPAN("{\"id\":\"b\"}"), SPAN("{\"id\":\"c\"}")};
	const struct feed_reason reasons[] = {
		{.code = "topic_long", .topic = SPAN("topic:x"), .label = SPAN("X"), .contribution = 0.5},
		{.code = "clicks_1h", .group = "popularity", .stands = -1, .contribution = -0.25},
		{.code = "topic_short", .group = "topics", .stands = 1, .topic = SPAN("author:ann"), .contribution = 0.125}};
	const struct feed_item items[] = {
		{.position = 1, .card = SPAN("{\"id\":\"a\"}"), .score = 1.5, .propensity = 1, .moved_by = 2, .story = 7,
		 .story_size = 3, .others = others, .n_others = 2, .reasons = reasons, .n_reasons = 3},
		{.position = 2, .card = SPAN("{\"id\":\"d\"}"), .story = 8, .story_size = 1, .pinned = true}};
	const struct feed feed = {.feed_id = "f1", .as_of_ms = 1790000000000, .model = "default", .model_version = "1",
	                          .items = items, .n_items = 2, .next_cursor = SPAN("next"), .logged = true};
	struct buf b = {0}, scratch = {0};
	json_t *v;
	feed_json_encode(&b, &feed, &(struct feed_words){words_text, "en", &scratch});
	assert_false(b.failed);
	assert_int_equal(json_parse(buf_span(&b), &v, NULL), 0);
	json_t *first = json_array_get(json_object_get(v, "items"), 0);
	json_t *reason = json_array_get(json_object_get(first, "reasons"), 0);
	json_t *second = json_array_get(json_object_get(first, "reasons"), 1);
	json_t *author = json_array_get(json_object_get(first, "reasons"), 2);
	assert_string_equal(json_string_value(json_object_get(v, "feed_id")), "f1");
	assert_string_equal(json_string_value(json_object_get(v, "next_cursor")), "next");
	assert_int_equal(json_array_size(json_object_get(v, "experiments")), 0);
	assert_null(json_object_get(v, "logged"));
	assert_int_equal(json_array_size(json_object_get(v, "items")), 2);
	assert_string_equal(json_string_value(json_object_get(json_object_get(first, "article"), "id")), "a");
	assert_string_equal(json_string_value(json_object_get(json_object_get(first, "story"), "id")), "7");
	assert_int_equal(json_array_size(json_object_get(json_object_get(first, "story"), "others")), 2);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(first, "moved"), "from")), 3);
	assert_string_equal(json_string_value(json_object_get(reason, "text")), "<topic_long of none, 0> \"X\" en");
	assert_string_equal(json_string_value(json_object_get(second, "text")), "<clicks_1h of popularity, -1> \"\" en");
	assert_null(json_object_get(second, "topic"));
	/* An author reads as a source does; the code stays. */
	assert_string_equal(json_string_value(json_object_get(author, "text")), "<source of source, 1> \"author:ann\" en");
	assert_string_equal(json_string_value(json_object_get(author, "code")), "topic_short");
	assert_true(json_is_true(json_object_get(json_array_get(json_object_get(v, "items"), 1), "pinned")));
	json_decref(v);
	buf_free(&b);
	buf_free(&scratch);
}

static void empty(void **state)
{
	const struct feed feed = {.model = "default", .as_of_ms = 0};
	struct buf b = {0}, scratch = {0};
	feed_json_encode(&b, &feed, &(struct feed_words){words_text, "en", &scratch});
	buf_put(&b, "", 1);
	assert_string_equal(b.data, "{\"feed_id\":null,\"as_of\":\"1970-01-01T00:00:00Z\",\"model\":\"default\","
	                            "\"experiments\":[],\"items\":[],\"next_cursor\":null}");
	buf_free(&b);
	buf_free(&scratch);
}

static void history(void **state)
{
	const struct read_entry entries[] = {
		{SPAN("a"), SPAN("{\"id\":\"a\",\"title\":\"T\"}"), 1790000000000, 1u << EVENT_CLICK | 1u << EVENT_SAVE},
		{SPAN("b"), {0}, 1790000000000, 0}};
	struct buf b = {0};
	json_t *v;
	history_json_encode(&b, entries, 2);
	assert_int_equal(json_parse(buf_span(&b), &v, NULL), 0);
	json_t *items = json_object_get(v, "items");
	assert_int_equal(json_array_size(json_object_get(json_array_get(items, 0), "types")), 2);
	assert_string_equal(json_string_value(json_object_get(json_object_get(json_array_get(items, 1), "article"), "id")), "b");
	json_decref(v);
	buf_free(&b);
}

/* Rounded by hand to six places. */
static void scores(void **state)
{
	const struct {
		double score;
		const char *text;
	} cases[] = {{0, "0"}, {1, "1"}, {-3, "-3"}, {1.5, "1.5"}, {-0.25, "-0.25"}, {12.3456789, "12.345679"}, {0.0000004, "0"},
	             {-0.0000004, "0"}, {0.000001, "0.000001"}, {-7.0000099, "-7.00001"}, {0.9999996, "1"}, {99.05, "99.05"},
	             {123456789.25, "123456789.25"}, {2e12, "2000000000000"}};
	struct buf b = {0}, scratch = {0};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char expected[64];
		struct feed_item item = {.position = 1, .card = SPAN("{}"), .score = cases[i].score, .propensity = 0.00005};
		buf_clear(&b);
		feed_json_item(&b, &item, &(struct feed_words){words_text, "en", &scratch});
		buf_put_char(&b, '\0');
		snprintf(expected, sizeof(expected), ",\"score\":%s,\"propensity\":5e-05,", cases[i].text);
		assert_non_null(strstr(b.data, expected));
	}
	buf_free(&b);
	buf_free(&scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(whole), cmocka_unit_test(scores), cmocka_unit_test(empty), cmocka_unit_test(history)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
