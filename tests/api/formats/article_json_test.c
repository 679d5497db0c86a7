#include "api/formats/article_json.h"

#include "tests/api/formats/refuse.h"

static void decode(struct decode *d, const json_t *value)
{
	struct article a;
	article_json_decode(d, value, ARTICLE_FORM_OWN, &a);
}

#define A(members) "{\"id\":\"a\",\"title\":\"T\"" members "}"

static void refusals(void **state)
{
	static const struct row rows[] = {
		{A(""), NULL},
		{A(",\"unknown\":{\"x\":1}"), NULL},
		{A(",\"url\":null,\"topics\":null,\"boost\":null,\"status\":null,\"premium\":null"), NULL},
		{"[]", ""}, {"3", ""}, {"\"x\"", ""}, {"null", ""},
		{"{\"title\":\"T\"}", "/id"},
		{"{\"title\":\"T\",\"url\":\"https://example.org/a\"}", NULL},
		{"{\"id\":\"a\"}", "/title"},
		{"{\"id\":\"a\",\"title\":null}", "/title"},
		{"{\"id\":\"a\",\"title\":\"\"}", "/title"},
		{"{\"id\":\"a\",\"title\":\"  \"}", "/title"},
		{"{\"id\":\"a\",\"title\":\"<b></b>\"}", "/title"},
		{"{\"id\":\"a\",\"title\":7}", "/title"},
		{"{\"id\":7,\"title\":\"T\"}", "/id"},
		{"{\"id\":\"\",\"title\":\"T\"}", "/id"},
		{"{\"id\":\"a\\nb\",\"title\":\"T\"}", "/id"},
		{"{\"id\":\"a\\u0085b\",\"title\":\"T\"}", "/id"},
		{"{\"id\":\"a\",\"title\":\"T\\u0001\"}", "/title"},
		{"{\"id\":\"a\",\"title\":\"T\\u007f\"}", "/title"},
		{A(",\"summary\":\"a\\nb\\tc\""), NULL},
		{A(",\"summary\":\"\""), NULL},
		{A(",\"summary\":\"a\\r\\nb\""), NULL},
		{A(",\"summary\":\"a\\rb\""), "/summary"},
		{A(",\"summary\":[]"), "/summary"},
		{A(",\"body\":false"), "/body"},
		{A(",\"url\":\"javascript:alert(1)\""), "/url"},
		{A(",\"url\":\"https://\""), "/url"},
		{A(",\"url\":\"https://a b\""), "/url"},
		{A(",\"image\":\"data:image/png;base64,x\""), "/image"},
		{A(",\"language\":\"e\""), "/language"},
		{A(",\"language\":\"en-\""), "/language"},
		{A(",\"language\":\"en_US\""), "/language"},
		{A(",\"language\":\"pt-BR\""), NULL},
		{A(",\"topics\":\"x\""), "/topics"},
		{A(",\"topics\":[\"x\",3]"), "/topics/1"},
		{A(",\"topics\":[\"x\",null]"), "/topics/1"},
		{A(",\"topics\":[\"\"]"), "/topics/0"},
		{A(",\"places\":[{}]"), "/places/0"},
		{A(",\"authors\":{}"), "/authors"},
		{A(",\"published_at\":\"2026-11-20T12:00:00Z\""), NULL},
		{A(",\"published_at\":\"2026-11-20T12:00:00.5+02:00\""), NULL},
		{A(",\"published_at\":\"2026-11-20\""), "/published_at"},
		{A(",\"published_at\":\"2026-13-20T12:00:00Z\""), "/published_at"},
		{A(",\"published_at\":\"9999-12-31T23:59:59Z\""), NULL},
		{A(",\"published_at\":\"10000-01-01T00:00:00Z\""), "/published_at"},
		{A(",\"published_at\":1790000000"), NULL},
		{A(",\"published_at\":1790000000000"), NULL},
		{A(",\"published_at\":253402300799999"), NULL},
		{A(",\"published_at\":253402300800000"), "/published_at"},
		{A(",\"published_at\":-1"), "/published_at"},
		{A(",\"published_at\":1.5"), "/published_at"},
		{A(",\"published_at\":true"), "/published_at"},
		{A(",\"expires_at\":\"soon\""), "/expires_at"},
		{A(",\"updated_at\":{}"), "/updated_at"},
		{A(",\"embargo_until\":[]"), "/embargo_until"},
		{A(",\"boost\":0.01"), NULL}, {A(",\"boost\":100"), NULL},
		{A(",\"boost\":0.009"), "/boost"}, {A(",\"boost\":100.1"), "/boost"}, {A(",\"boost\":-1"), "/boost"},
		{A(",\"boost\":1e300"), "/boost"}, {A(",\"boost\":\"2\""), "/boost"},
		{A(",\"status\":\"withheld\""), NULL}, {A(",\"status\":\"Usable\""), "/status"}, {A(",\"status\":1"), "/status"},
		{A(",\"premium\":true"), NULL}, {A(",\"premium\":1"), "/premium"},
		{A(",\"char_count\":0"), NULL}, {A(",\"char_count\":100000000"), NULL}, {A(",\"char_count\":null"), NULL},
		{A(",\"char_count\":-1"), "/char_count"}, {A(",\"char_count\":100000001"), "/char_count"},
		{A(",\"char_count\":1.5"), "/char_count"}, {A(",\"char_count\":\"9\""), "/char_count"},
		{A(",\"embedding\":[1,-2.5,3e-3]"), NULL}, {A(",\"embedding\":[]"), NULL},
		{A(",\"embedding\":[1,\"2\"]"), "/embedding/1"}, {A(",\"embedding\":[1e39]"), "/embedding/0"},
		{A(",\"embedding\":{}"), "/embedding"},
	};
	check_rows(rows, sizeof(rows) / sizeof(rows[0]), decode);
}

static void limits(void **state)
{
	static const struct {
		const char *head, *pointer;
		size_t limit;
	} texts[] = {
		{"{\"title\":\"T\",\"id\":\"", "/id", LIMIT_ID_BYTES},
		{"{\"id\":\"a\",\"title\":\"", "/title", LIMIT_TITLE_BYTES},
		{"{\"id\":\"a\",\"title\":\"T\",\"summary\":\"", "/summary", LIMIT_SUMMARY_BYTES},
		{"{\"id\":\"a\",\"title\":\"T\",\"body\":\"", "/body", LIMIT_BODY_BYTES},
		{"{\"id\":\"a\",\"title\":\"T\",\"source\":\"", "/source", LIMIT_NAME_BYTES},
		{"{\"id\":\"a\",\"title\":\"T\",\"section\":\"", "/section", LIMIT_NAME_BYTES},
		{"{\"id\":\"a\",\"title\":\"T\",\"language\":\"", "/language", LIMIT_LANGUAGE_BYTES},
		{"{\"id\":\"a\",\"title\":\"T\",\"url\":\"https://e/", "/url", LIMIT_URL_BYTES - 10},
		{"{\"id\":\"a\",\"title\":\"T\",\"image\":\"https://e/", "/image", LIMIT_URL_BYTES - 10},
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (int off = -1; off <= 1; off++) {
			char *json = long_text(texts[i].head, texts[i].limit + (size_t)off, "\"}");
			struct row row = {json, off > 0 ? texts[i].pointer : NULL};
			check_rows(&row, 1, decode);
			free(json);
		}
	}
	static const struct {
		const char *name, *value;
		size_t limit;
	} lists[] = {{"topics", "\"x\"", LIMIT_TOPICS}, {"places", "\"x\"", LIMIT_PLACES},
	             {"authors", "\"x\"", LIMIT_AUTHORS}, {"embedding", "0.5", LIMIT_EMBEDDING}};
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (size_t n = lists[i].limit - 1; n <= lists[i].limit + 1; n++) {
			struct buf b = {0};
			char pointer[32];
			buf_printf(&b, "{\"id\":\"a\",\"title\":\"T\",\"%s\":[", lists[i].name);
			for (size_t j = 0; j < n; j++)
				buf_printf(&b, "%s%s", j ? "," : "", lists[i].value);
			buf_put(&b, "]}", 3);
			snprintf(pointer, sizeof(pointer), "/%s", lists[i].name);
			struct row row = {b.data, n > lists[i].limit ? pointer : NULL};
			check_rows(&row, 1, decode);
			buf_free(&b);
		}
	}
}

static void values(void **state)
{
	struct arena arena = {0};
	struct decode d = {.arena = &arena};
	struct article a;
	json_t *value;
	assert_int_equal(json_parse(SPAN("{\"title\":\"Fish &amp; <b>chips</b>\",\"url\":\"HTTP://Example.org:80/x/?utm_source=q\","
	                                 "\"topics\":[\"food\",\"Essen\"],\"published_at\":1790000000,\"updated_at\":"
	                                 "\"2026-11-20T14:00:00+02:00\",\"boost\":2,\"status\":\"canceled\",\"premium\":true,"
	                                 "\"char_count\":4321,\"embedding\":[0.5,-1]}"), &value, NULL), 0);
	article_json_decode(&d, value, ARTICLE_FORM_BY_SHAPE, &a);
	json_decref(value);
	assert_int_equal(d.n_errors, 0);
	assert_true(span_equal_cstr(a.title, "Fish & chips"));
	assert_int_equal(a.id.len, 34);
	assert_memory_equal(a.id.data, "u-", 2);
	assert_int_equal(a.n_topics, 2);
	assert_int_equal(a.published_at_ms, INT64_C(1790000000000));
	assert_int_equal(a.updated_at_ms, INT64_C(1795176000000));
	assert_int_equal(a.status, ARTICLE_CANCELED);
	assert_true(a.premium && a.boost == 2 && a.n_embedding == 2 && a.embedding[1] == -1);

	assert_int_equal(a.char_count, 4321);

	/* What is written reads back the same. */
	struct buf b = {0};
	struct article again;
	article_json_encode(&b, &a, true);
	assert_int_equal(json_parse(buf_span(&b), &value, NULL), 0);
	article_json_decode(&d, value, ARTICLE_FORM_OWN, &again);
	json_decref(value);
	assert_int_equal(d.n_errors, 0);
	assert_true(span_equal(a.id, again.id) && span_equal(a.title, again.title) && span_equal(a.url, again.url));
	assert_true(a.updated_at_ms == again.updated_at_ms && again.boost == 2 && again.status == a.status);
	assert_int_equal(again.n_embedding, 2);
	assert_int_equal(again.char_count, 4321);
	buf_free(&b);

	/* A body is counted, in characters without markup: "น้ำ" are three. */
	assert_int_equal(json_parse(SPAN("{\"id\":\"a\",\"title\":\"t\",\"body\":\"<b>น้ำ</b> is\",\"char_count\":9}"),
	                            &value, NULL), 0);
	article_json_decode(&d, value, ARTICLE_FORM_OWN, &again);
	json_decref(value);
	assert_int_equal(d.n_errors, 0);
	assert_int_equal(again.char_count, 3 + 3);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(refusals), cmocka_unit_test(limits), cmocka_unit_test(values)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
