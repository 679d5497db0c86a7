#include "api/formats/url.h"

#include "tests/api/formats/refuse.h"

static void web(void **state)
{
	static const struct {
		const char *url;
		bool is;
	} rows[] = {
		{"http://a", true}, {"https://example.org/x?y#z", true}, {"HTTPS://EXAMPLE.ORG", true},
		{"https://user:pw@example.org/", true}, {"https://[::1]:8080/", true}, {"https://b\xc3\xbc" "cher.example/", true},
		{"", false}, {"https://", false}, {"https:///x", false}, {"https://?x", false}, {"https://:80/", false},
		{"https://user@/", false}, {"ftp://a", false}, {"javascript:alert(1)", false}, {"//a/b", false}, {"/x", false},
		{"https://a b/", false}, {"https://a/<x>", false}, {"https://a/\"x", false}, {"https://a/\n", false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (url_is_web(span_of(rows[i].url)) != rows[i].is)
			fail_msg("%s", rows[i].url);
}

static void canonical(void **state)
{
	static const char *const rows[][2] = {
		{"https://example.org/a", "https://example.org/a"},
		{"http://Example.ORG/a", "https://example.org/a"},
		{"HTTP://example.org:80/a/", "https://example.org/a"},
		{"https://example.org:443/a#top", "https://example.org/a"},
		{"http://example.org:8080/a", "https://example.org:8080/a"},
		{"https://example.org:/a", "https://example.org/a"},
		{"https://example.org", "https://example.org"},
		{"https://example.org/", "https://example.org"},
		{"https://example.org/?id=7", "https://example.org?id=7"},
		{"https://me:pw@example.org/a", "https://example.org/a"},
		{"https://example.org/A/b", "https://example.org/A/b"},
		{"https://example.org/a?utm_source=x&id=7&utm_medium=y", "https://example.org/a?id=7"},
		{"https://example.org/a?id=7&fbclid=abc&page=2&gclid=z", "https://example.org/a?id=7&page=2"},
		{"https://example.org/a?fbclid=abc", "https://example.org/a"},
		{"https://example.org/a?", "https://example.org/a"},
		{"https://example.org/a?b&&c=1", "https://example.org/a?b&c=1"},
		{"https://example.org/a/amp/", "https://example.org/a"},
		{"https://example.org/a/amp.html", "https://example.org/a"},
		{"https://example.org/a.amp.html", "https://example.org/a.html"},
		{"https://amp.example.org/a", "https://example.org/a"},
		{"https://example.org/a?amp=1", "https://example.org/a"},
		{"https://example.org/vamp", "https://example.org/vamp"},
	};
	struct arena arena = {0};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span text = url_canonical(&arena, span_of(rows[i][0]));
		if (!span_equal_cstr(text, rows[i][1]))
			fail_msg("%s: got %.*s, not %s", rows[i][0], (int)text.len, text.data, rows[i][1]);
		struct span id = url_made_id(&arena, text);
		assert_int_equal(id.len, 34);
		assert_true(span_starts_with(id, SPAN("u-")));
	}
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(web), cmocka_unit_test(canonical)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
