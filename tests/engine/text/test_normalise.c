#include "tests/engine/text/fixture.h"

static void one_spelling(void **state)
{
	struct fixture *f = *state;
	/* Unicode NormalizationTest.txt, column 4 (NFKC), and CaseFolding.txt (C + F). */
	static const char *const cases[][2] = {
		{"Vladimir  Putin", "vladimir putin"},
		{" \t\n\xc2\xa0\xe2\x80\x83South\xe3\x80\x80""Africa \n", "south africa"},
		{"\xef\xac\x81nance", "finance"},                           /* U+FB01 */
		{"\xe2\x91\xa0", "1"},                                      /* U+2460 */
		{"\xe2\x84\xab", "\xc3\xa5"},                               /* U+212B */
		{"A\xcc\x8a", "\xc3\xa5"},                                  /* A, U+030A */
		{"\xe1\xba\x9b\xcc\xa3", "\xe1\xb9\xa9"},                   /* U+1E9B U+0323 */
		{"\xef\xbd\xb6\xef\xbe\x9e", "\xe3\x82\xac"},               /* U+FF76 U+FF9E */
		{"\xe3\x8c\x80", "\xe3\x82\xa2\xe3\x83\x91\xe3\x83\xbc\xe3\x83\x88"}, /* U+3300 */
		{"Stra\xc3\x9f""e", "strasse"},
		{"\xce\xa3\xce\xaf\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x82", "\xcf\x83\xce\xaf\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x83"},
		{"\xc4\xb0stanbul", "i\xcc\x87stanbul"},                    /* dotted capital I */
		{"\xc4\xb1r\xc4\xb1s", "\xc4\xb1r\xc4\xb1s"},               /* dotless i stays */
		{"co\xc2\xadoperate", "cooperate"},                         /* soft hyphen */
		{"\xe0\xb8\x99\xe0\xb8\xb3", "\xe0\xb8\x99\xe0\xb9\x8d\xe0\xb8\xb2"}, /* Thai sara am, U+0E33 */
		{"topic:Press Freedom", "topic:press freedom"},
		{"", ""},
		{" \r\n ", ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_span_equal(text_normalise(f->text, &f->arena, span_of(cases[i][0])), cases[i][1]);
}

static void sara_am_has_one_spelling(void **state)
{
	struct fixture *f = *state;
	static const char *const water[] = {
		"\xe0\xb8\x99\xe0\xb9\x89\xe0\xb8\xb3",                         /* no nu, mai tho, sara am */
		"\xe0\xb8\x99\xe0\xb9\x89\xe0\xb9\x8d\xe0\xb8\xb2",             /* mai tho, nikhahit, sara aa */
		"\xe0\xb8\x99\xe0\xb9\x8d\xe0\xb9\x89\xe0\xb8\xb2",             /* nikhahit, mai tho, sara aa */
	};
	for (size_t i = 0; i < 3; i++)
		assert_span_equal(text_normalise(f->text, &f->arena, span_of(water[i])), water[1]);
}

static void twice_is_once(void **state)
{
	struct fixture *f = *state;
	static const char *const texts[] = {"\xef\xb7\xba X\xc3\x89", "\xc4\xb0I\xc4\xb1", "\xe0\xb8\x99\xe0\xb9\x89\xe0\xb8\xb3 A", "\xf0\x9f\x98\x80 B"};
	for (size_t i = 0; i < 4; i++) {
		struct span once = text_normalise(f->text, &f->arena, span_of(texts[i]));
		struct span twice = text_normalise(f->text, &f->arena, once);
		assert_true(span_equal(once, twice));
	}
}

static void invalid_bytes_become_replacement_characters(void **state)
{
	struct fixture *f = *state;
	/* Unicode 15, table 3-8: a truncated sequence is one U+FFFD, each stray byte one. */
	assert_span_equal(text_normalise(f->text, &f->arena, SPAN("a\xf0\x9f\x98" "B\xff\xfe")),
	                  "a\xef\xbf\xbd" "b\xef\xbf\xbd\xef\xbf\xbd");
	struct span nul = text_normalise(f->text, &f->arena, (struct span){"A\0B", 3});
	assert_int_equal(nul.len, 3);
	assert_memory_equal(nul.data, "a\0b", 3);
	assert_span_equal(text_normalise(f->text, &f->arena, (struct span){NULL, 0}), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_spelling, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sara_am_has_one_spelling, set_up, tear_down),
		cmocka_unit_test_setup_teardown(twice_is_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(invalid_bytes_become_replacement_characters, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
