#include <stdlib.h>

#include "engine/base/rng.h"
#include "tests/engine/text/fixture.h"

static void assert_vector_is_sound(const struct text_analysis *found)
{
	double square = 0;
	assert_true(found->n_vector <= LIMIT_VECTOR);
	for (size_t i = 0; i < found->n_vector; i++) {
		struct span topic = found->vector[i].topic;
		float weight = found->vector[i].weight;
		assert_true(weight > 0 && weight <= 1.000001f);
		assert_true(topic.len > 0 && topic.len <= LIMIT_TOPIC_BYTES);
		square += (double)weight * weight;
		for (size_t k = 0; k < i; k++)
			assert_false(span_equal(topic, found->vector[k].topic));
	}
	if (found->n_vector)
		assert_float_equal(square, 1, 1e-4);
	square = 0;
	assert_true(found->print.n_terms <= STORY_PRINT_TERMS);
	for (unsigned i = 0; i < found->print.n_terms; i++) {
		square += (double)found->print.terms[i].weight * found->print.terms[i].weight / (65535.0 * 65535.0);
		if (i > 0)
			assert_true(found->print.terms[i - 1].term < found->print.terms[i].term);
	}
	if (found->print.n_terms)
		assert_float_equal(square, 1, 1e-3);
}

static void declared_topics_are_always_there(void **state)
{
	struct fixture *f = *state;
	struct span topics[] = {SPAN("Vladimir  Putin"), SPAN("vladimir putin"), SPAN("Economy"), SPAN("  ")};
	struct span places[] = {SPAN("Johannesburg")};
	struct span authors[] = {SPAN("Ann Other")};
	struct article a = {
		.title = SPAN("The consignment of the consigned goods"),
		.source = SPAN("Example.COM"),
		.section = SPAN("World"),
		.language = SPAN("en"),
		.topics = topics,
		.n_topics = 4,
		.places = places,
		.n_places = 1,
		.authors = authors,
		.n_authors = 1,
	};
	struct text_analysis found = analyse(f, &a, NULL, 0);
	static const char *const names[] = {"topic:vladimir putin", "topic:economy",   "section:world", "place:johannesburg",
	                                    "author:ann other",     "source:example.com"};
	assert_vector_is_sound(&found);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_span_equal(found.vector[i].topic, names[i]);
	assert_int_equal(found.n_vector, 6 + 2); /* and the stems consign, good */
	assert_true(weight_of(&found, "term:consign") > weight_of(&found, "term:good"));
	/* Shares of the squared length: topics .40, terms .30. */
	assert_float_equal(weight_of(&found, "topic:economy"), sqrt(.40 / 2), 1e-4);
	double terms = pow(weight_of(&found, "term:consign"), 2) + pow(weight_of(&found, "term:good"), 2);
	assert_float_equal(terms, .30, 1e-4);
}

static void everything_declared_fits(void **state)
{
	struct fixture *f = *state;
	struct span names[LIMIT_TOPICS];
	char long_name[LIMIT_TOPICS][LIMIT_ID_BYTES];
	for (size_t i = 0; i < LIMIT_TOPICS; i++) {
		/* U+FDFA becomes 33 bytes: a name at its limit grows elevenfold. */
		for (size_t k = 0; k + 3 <= LIMIT_ID_BYTES; k += 3)
			memcpy(long_name[i] + k, "\xef\xb7\xba", 3);
		long_name[i][0] = (char)('a' + i);
		names[i] = (struct span){long_name[i], LIMIT_ID_BYTES - LIMIT_ID_BYTES % 3};
	}
	struct article a = {
		.title = SPAN("Many different words stand behind this headline today because terms should fill every remaining "
	                  "place that declared names leave while dams rivers bridges tunnels harbours grow"),
		.source = names[0],
		.section = names[1],
		.topics = names,
		.n_topics = LIMIT_TOPICS,
		.places = names,
		.n_places = LIMIT_PLACES,
		.authors = names,
		.n_authors = LIMIT_AUTHORS,
	};
	struct text_analysis found = analyse(f, &a, NULL, 0);
	assert_vector_is_sound(&found);
	assert_int_equal(found.n_vector, 34 + 14);
}

static void words_become_stems(void **state)
{
	struct fixture *f = *state;
	/* snowballstem.org, the sample vocabulary on each language's page. */
	static const char *const cases[][3] = {
		{"en", "consignment", "consign"},        {"en", "Knightly", "knight"},      {"en", "consolations", "consol"},
		{"fr", "continuellement", "continuel"},  {"fr", "continuait", "continu"},   {"de", "aufeinander", "aufeinand"},
		{"es", "chicharrones", "chicharron"},    {"pt", "boataria", "boat"},        {"it", "abbandonata", "abbandon"},
		{"ru", "важнейшими", "важн"},            {"sv", "jaktkarlens", "jaktkarl"}, {"nl", "lichamelijkheden", "licham"},
		{"sw", "serikali", "serikali"},          {"th", "รัฐบาล", "รัฐบาล"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct article a = {.title = span_of(cases[i][1]), .language = span_of(cases[i][0])};
		struct text_analysis found = analyse(f, &a, NULL, 0);
		char topic[128];
		snprintf(topic, sizeof(topic), "term:%s", cases[i][2]);
		assert_int_equal(found.n_vector, 1);
		assert_span_equal(found.vector[0].topic, topic);
	}
}

static void thai_has_words(void **state)
{
	struct fixture *f = *state;
	/* "The government announces cabinet measures to help farmers": words of ICU's thaidict.txt, no spaces between. */
	struct article a = {.title = SPAN("รัฐบาลประกาศมาตรการช่วยเหลือเกษตรกร"), .language = SPAN("th")};
	static const char *const words[] = {"term:รัฐบาล", "term:ประกาศ", "term:มาตรการ", "term:เกษตรกร"};
	struct text_analysis found = analyse(f, &a, NULL, 0);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_true(weight_of(&found, words[i]) > 0);
	/* Sara am: "น้ำ" (water) is a word in each of its spellings. */
	struct article flood = {.title = SPAN("น้ำท่วมกรุงเทพ"), .language = SPAN("th")};
	struct article spelt = {.title = SPAN("นํ้าท่วมกรุงเทพ"), .language = SPAN("th")};
	struct text_analysis one = analyse(f, &flood, NULL, 0), two = analyse(f, &spelt, NULL, 0);
	assert_true(weight_of(&one, "term:น้ำ") > 0);
	assert_true(weight_of(&two, "term:น้ำ") > 0);
}

static void turkish_has_two_letters_i(void **state)
{
	struct fixture *f = *state;
	struct article upper = {.title = SPAN("IRMAK İZMİR"), .language = SPAN("tr")};
	struct article lower = {.title = SPAN("ırmak izmir"), .language = SPAN("tr")};
	struct text_analysis one = analyse(f, &upper, NULL, 0), two = analyse(f, &lower, NULL, 0);
	assert_int_equal(one.n_vector, 2);
	for (size_t i = 0; i < 2; i++)
		assert_true(span_equal(one.vector[i].topic, two.vector[i].topic));
}

static void titles_weigh_more_than_bodies(void **state)
{
	struct fixture *f = *state;
	struct article a = {.title = SPAN("alpha"), .summary = SPAN("beta"), .body = SPAN("gamma"), .language = SPAN("sw")};
	struct text_analysis found = analyse(f, &a, NULL, 0);
	/* 1 + ln tf with tf 3, 1.5 and 1. */
	assert_float_equal(weight_of(&found, "term:beta") / weight_of(&found, "term:gamma"), 1 + log(1.5), 1e-5);
	assert_float_equal(weight_of(&found, "term:alpha") / weight_of(&found, "term:gamma"), 1 + log(3), 1e-5);
}

static void the_name_of_the_source_is_no_term(void **state)
{
	struct fixture *f = *state;
	struct {
		const char *title, *term;
		bool kept;
	} cases[] = {
		{"Dam bursts in northern valley - Daily Courier", "term:courier", false},
		{"Dam bursts in northern valley | Daily Courier", "term:courier", false},
		{"Dam bursts in northern valley \xe2\x80\x93 Courier", "term:courier", false},
		{"Dam bursts - Courier", "term:courier", true},
		{"Dam bursts in well-known Courier valley", "term:courier", true},
		{"Lions of the north 3 - Courier 1", "term:courier", true},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct article a = {.title = span_of(cases[i].title), .language = SPAN("en")};
		struct text_analysis found = analyse(f, &a, NULL, 0);
		assert_int_equal(weight_of(&found, cases[i].term) > 0, cases[i].kept);
	}
}

static void search_terms_are_stems(void **state)
{
	struct fixture *f = *state;
	struct span query[8], title[8];
	size_t n = text_terms(f->text, &f->arena, SPAN("the consignments of WHEAT"), SPAN("en-GB"), query, 8);
	assert_int_equal(n, 2);
	assert_int_equal(text_terms(f->text, &f->arena, SPAN("Wheat consigned"), SPAN("en"), title, 8), 2);
	assert_true(span_equal(query[0], title[1]));
	assert_true(span_equal(query[1], title[0]));
	assert_int_equal(text_terms(f->text, &f->arena, SPAN("the Consignments"), SPAN(""), query, 8), 2);
	assert_true(span_equal_cstr(query[1], "consignments"));
	assert_int_equal(text_terms(f->text, &f->arena, SPAN("wheat wheat rye oats"), SPAN("en"), query, 2), 2);
	assert_int_equal(text_terms(f->text, &f->arena, SPAN("..."), SPAN(""), query, 8), 0);
}

/* Whatever bytes come, the result is sound. */
static void any_bytes_are_survived(void **state)
{
	struct fixture *f = *state;
	static const char *const pieces[] = {"the ", "รัฐบาล", "\xff", "\xf0\x9f\x98\x80", " - ", "\xef\xb7\xba", "İ", "市場", "-", "\xe0\xb8",
	                                     "a\xcc\x81", "3.14 ", "\n", "\xed\xa0\x80", "\xc2\xad", "don\xe2\x80\x99t "};
	struct rng rng;
	uint64_t seed = 20261124;
	print_message("seed %llu\n", (unsigned long long)seed);
	rng_seed(&rng, seed);
	for (int round = 0; round < 300; round++) {
		struct buf text = {0};
		struct span fields[3];
		static const size_t limits[] = {LIMIT_TITLE_BYTES, LIMIT_SUMMARY_BYTES, LIMIT_BODY_BYTES};
		for (size_t i = 0; i < 3; i++) {
			text.len = 0;
			size_t want = rng_below(&rng, (round % 50 == 0 ? limits[i] : 400) + 1);
			while (text.len < want)
				buf_put_cstr(&text, pieces[rng_below(&rng, sizeof(pieces) / sizeof(pieces[0]))]);
			fields[i] = arena_copy(&f->arena, (struct span){text.data, want});
		}
		buf_free(&text);
		struct article a = {.title = fields[0], .summary = fields[1], .body = fields[2], .source = SPAN("s")};
		struct text_analysis found = analyse(f, &a, NULL, 0);
		assert_vector_is_sound(&found);
		arena_reset(&f->arena);
	}
}

static void nothing_gives_nothing(void **state)
{
	struct fixture *f = *state;
	struct article empty = {.status = ARTICLE_USABLE}, emoji = {.title = SPAN("\xf0\x9f\x98\x80\xf0\x9f\x8e\x89")};
	struct text_analysis found = analyse(f, &empty, NULL, 0);
	assert_int_equal(found.n_vector, 0);
	assert_int_equal(found.print.n_terms, 0);
	assert_vector_is_sound(&found);
	found = analyse(f, &emoji, NULL, 0);
	assert_vector_is_sound(&found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(declared_topics_are_always_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(everything_declared_fits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(words_become_stems, set_up, tear_down),
		cmocka_unit_test_setup_teardown(thai_has_words, set_up, tear_down),
		cmocka_unit_test_setup_teardown(turkish_has_two_letters_i, set_up, tear_down),
		cmocka_unit_test_setup_teardown(titles_weigh_more_than_bodies, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_name_of_the_source_is_no_term, set_up, tear_down),
		cmocka_unit_test_setup_teardown(search_terms_are_stems, set_up, tear_down),
		cmocka_unit_test_setup_teardown(any_bytes_are_survived, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_gives_nothing, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
