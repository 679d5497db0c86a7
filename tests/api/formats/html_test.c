#include "api/formats/html.h"

#include "tests/api/formats/refuse.h"

static void texts(void **state)
{
	static const char *const rows[][2] = {
		{"", ""},
		{"plain", "plain"},
		{"AT&T <3", "AT&T <3"},
		{"a < b and c > d", "a < b and c > d"},
		{"Q&A; then", "Q&A; then"}, /* no such entity: stays */
		{"Tom &amp; Jerry", "Tom & Jerry"},
		{"5 &lt; 6 &gt; 4", "5 < 6 > 4"},
		{"&lt;b&gt;not bold&lt;/b&gt;", "<b>not bold</b>"},
		{"caf&eacute; &#8220;x&#8221; &#x2014;", "caf\xc3\xa9 \xe2\x80\x9cx\xe2\x80\x9d \xe2\x80\x94"},
		{"It&#146;s", "It\xe2\x80\x99s"}, /* windows-1252, as browsers read it */
		{"<b>bold</b>ly", "boldly"},
		{"<p>one</p><p>two</p>", "one two"},
		{"one<br>two<br/>three", "one two three"},
		{"<ul><li>a</li><li>b</li></ul>", "a b"},
		{"  <i> spaced \n\t out </i>  ", "spaced out"},
		{"x&nbsp;&nbsp;y", "x y"},
		{"a<script>alert('x')</script>b", "a b"},
		{"a<style>p { color: red }</style>b", "a b"},
		{"<script>unclosed", ""},
		{"<!-- comment -->seen", "seen"},
		{"<a href=\"javascript:x\" title='t'>link</a>", "link"},
		{"<p>unclosed <b>tags", "unclosed tags"},
		{"</div></div>stray", "stray"},
		{"<", "<"}, {"<<", "<<"}, {"&", "&"}, {"&#", "&#"},
		{"\xe0\xb9\x84\xe0\xb8\x97\xe0\xb8\xa2 <b>\xe0\xb9\x84\xe0\xb8\x97\xe0\xb8\xa2</b>",
		 "\xe0\xb9\x84\xe0\xb8\x97\xe0\xb8\xa2 \xe0\xb9\x84\xe0\xb8\x97\xe0\xb8\xa2"},
		{"\xf0\x9f\x98\x80<br>\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80 \xf0\x9f\x98\x80"},
		{"<meta charset=\"iso-8859-1\">caf\xc3\xa9", "caf\xc3\xa9"},
		{"line\r\nline", "line\nline"},
		{"one\ntwo", "one\ntwo"},
	};
	struct arena arena = {0};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span text = html_to_text(&arena, span_of(rows[i][0]));
		assert_non_null(text.data);
		if (!span_equal_cstr(text, rows[i][1]))
			fail_msg("%s: got '%.*s', not '%s'", rows[i][0], (int)text.len, text.data, rows[i][1]);
	}
	arena_free(&arena);
}

/* Deep nesting and long texts cost no stack and lose no text. */
static void large(void **state)
{
	enum { N = 20000 };
	struct arena arena = {0};
	char *text = malloc(N * 3 + 4);
	assert_non_null(text);
	for (int i = 0; i < N; i++)
		memcpy(text + 3 * i, "<b>", 3);
	memcpy(text + 3 * N, "end", 4);
	struct span out = html_to_text(&arena, (struct span){text, 3 * N + 3});
	assert_non_null(out.data);
	assert_true(out.len <= 3);
	memset(text, 'y', 3 * N);
	memcpy(text, "<i>", 3);
	out = html_to_text(&arena, (struct span){text, 3 * N});
	assert_int_equal(out.len, 3 * N - 3);
	free(text);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(texts), cmocka_unit_test(large)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
