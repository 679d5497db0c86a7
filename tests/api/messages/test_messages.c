/* Every language says everything, and each reader gets the language asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/messages/language.h"
#include "api/messages/messages.h"
#include "engine/base/json.h"
#include "engine/rank/columns.h"
#include "engine/rank/crosses.h"
#include "engine/rank/rank.h"

static const char *const languages[] = {"en", "af", "fr", "th", "zu"};
enum { N_LANGUAGES = sizeof(languages) / sizeof(languages[0]) };

static const char *const codes[] = {
	"topic_short", "topic_long", "term_short", "term_long",  "section",     "source",      "place", "follow",
	"home",        "edition",    "language",   "seen",       "fresh",       "age",         "popular_1h",
	"popular_12h", "popular_48h", "ctr",       "boost",      "explore",     "pin",         "base"};
enum { N_CODES = sizeof(codes) / sizeof(codes[0]) };
_Static_assert((int)N_CODES == (int)N_FEATURES + 2, "each feature has a sentence, and pin and base");

/* What columns and crosses belong to, whose sentences stand in for theirs. */
static const struct {
	const char *name;
	bool has_topic, has_less;
} groups[] = {
	{"popularity", false, true}, {"age", false, true},          {"editor", false, true},  {"premium", false, true},
	{"length", false, true},
	{"stage_one", false, true},  {"seen", false, true},         {"reader", false, true},  {"section", true, true},
	{"source", true, true},      {"topics", true, true},        {"similarity", false, true}, {"words", false, true},
	{"grams", false, true},
	{"co_read", false, true},    {"head_to_head", false, true}, {"section_next", true, true}, {"crosses", false, false},
	{"shows", false, true},      {"base", false, false}};
enum { N_GROUPS = sizeof(groups) / sizeof(groups[0]), N_GROUPS_OF_FEATURES = 5 /* age, seen, section, source, base */ };

static const char *const outcomes[] = {"eligible", "not_live", "embargoed", "expired",
                                       "read",     "muted",    "filtered",  "excluded"};
enum { N_OUTCOMES = sizeof(outcomes) / sizeof(outcomes[0]) };
_Static_assert((int)N_OUTCOMES == (int)RANK_EXCLUDED + 1, "each outcome has a sentence");

static int setup(void **state)
{
	struct messages *m = NULL;
	if (messages_new(&m))
		return 1;
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	messages_free(*state);
	messages_free(NULL);
	return 0;
}

static void test_languages(void **state)
{
	const struct messages *m = *state;
	assert_int_equal(messages_count(m), N_LANGUAGES);
	for (size_t i = 0; i < N_LANGUAGES; i++) {
		assert_true(span_equal_cstr(messages_tag(messages_at(m, i)), languages[i]));
		assert_true(messages_name(messages_at(m, i)).len > 0);
	}
}

/* ---- the files themselves ---- */

static json_t *load(const char *language)
{
	char path[4096], bytes[65536];
	json_t *root = NULL;
	struct json_problem problem;
	snprintf(path, sizeof(path), "%s/%s.json", MESSAGES_DIR, language);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	size_t n = fread(bytes, 1, sizeof(bytes), f);
	assert_true(n < sizeof(bytes));
	fclose(f);
	if (json_parse((struct span){bytes, n}, &root, &problem))
		fail_msg("%s:%zu: %s", path, problem.line, problem.text);
	return root;
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;
	for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
		n++;
	return n;
}

static void assert_same_placeholders(const char *language, const char *a, const char *b)
{
	static const char *const marks[] = {"{topic}", "{reason}", "{count}", "{", "}"};
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (count(a, marks[i]) != count(b, marks[i]))
			fail_msg("%s: \"%s\" and \"%s\" differ in %s", language, a, b, marks[i]);
}

/* The same keys in the same shape all the way down, each text there and not padded. */
static void assert_same_shape(const char *language, const json_t *a, const json_t *b)
{
	assert_int_equal(json_typeof(a), json_typeof(b));
	if (json_is_string(a)) {
		const char *text = json_string_value(b);
		assert_true(text[0] != 0 && text[0] != ' ' && text[strlen(text) - 1] != ' ' && !strstr(text, "  "));
		assert_same_placeholders(language, json_string_value(a), text);
		return;
	}
	assert_true(json_is_object(a));
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)a, key, value) {
		if (!json_object_get(b, key))
			fail_msg("%s lacks %s", language, key);
		assert_same_shape(language, value, json_object_get(b, key));
	}
	if (json_object_size(a) != json_object_size(b))
		fail_msg("%s has keys that English lacks", language);
}

static void test_files_agree(void **state)
{
	json_t *english = load("en");
	assert_int_equal(json_object_size(json_object_get(english, "reasons")), N_CODES + N_GROUPS - N_GROUPS_OF_FEATURES);
	assert_int_equal(json_object_size(json_object_get(english, "outcomes")), N_OUTCOMES);
	for (size_t i = 0; i < N_LANGUAGES; i++) {
		json_t *root = load(languages[i]);
		assert_same_shape(languages[i], english, root);
		json_decref(root);
	}
	json_decref(english);
}

/* ---- sentences ---- */

static struct span say(const struct messages_language *l, struct messages_cause cause, struct buf *out)
{
	buf_clear(out);
	messages_reason(l, &cause, out);
	assert_false(out->failed);
	return buf_span(out);
}

/* A sentence, not the code; all its marks filled; the topic in it or not. */
static void assert_sentence(const struct messages_language *l, struct messages_cause cause, bool has_topic)
{
	struct buf b = {0}, other = {0};
	cause.topic = SPAN("topic:Gauteng");
	struct span text = say(l, cause, &b);
	assert_true(text.len > 0 && !span_equal_cstr(text, cause.code));
	assert_null(memchr(text.data, '{', text.len));
	assert_int_equal(memmem(text.data, text.len, "Gauteng", 7) != NULL, has_topic);
	assert_null(memmem(text.data, text.len, "topic:", 6));
	cause.topic = (struct span){NULL, 0};
	assert_int_equal(span_equal(text, say(l, cause, &other)), !has_topic);
	buf_free(&b);
	buf_free(&other);
}

static size_t group_of(const char *name)
{
	for (size_t i = 0; i < N_GROUPS; i++)
		if (strcmp(groups[i].name, name) == 0)
			return i;
	fail_msg("the group %s has no sentence", name);
	return 0;
}

static bool names_feature(const char *code)
{
	for (int f = 0; f < N_FEATURES; f++)
		if (strcmp(rank_feature_names[f], code) == 0)
			return true;
	return false;
}

static void test_every_group(void **state)
{
	struct buf more = {0}, less = {0};
	for (size_t i = 0; i < N_LANGUAGES; i++) {
		const struct messages_language *l = messages_at(*state, i);
		for (size_t g = 0; g < N_GROUPS; g++) {
			struct messages_cause c = {.code = groups[g].name, .group = groups[g].name};
			for (int lowers = 0; lowers <= 1; lowers++)
				for (int stands = 0; stands <= 1; stands++) {
					c.lowers = lowers;
					c.stands = stands;
					assert_sentence(l, c, groups[g].has_topic);
				}
			c.stands = -1;
			if (groups[g].has_less)
				assert_sentence(l, c, false);
		}
		/* Columns: with sentences of their own where features have the same name, else those of what they are told with. */
		for (int column = 0; column < N_COLUMNS; column++) {
			struct messages_cause c = {.code = rank_column_names[column], .group = rank_told_names[rank_column_told[column]], .stands = 1};
			struct messages_cause group = c;
			size_t g = group_of(c.group);
			group.code = c.group;
			if (!names_feature(c.code) && strcmp(c.code, "section_next") != 0)
				assert_true(span_equal(say(l, c, &more), say(l, group, &less)));
			assert_sentence(l, c, groups[g].has_topic);
			c.stands = -1; /* what stands below its list says something else, and the same either way */
			assert_false(span_equal(say(l, c, &more), say(l, (struct messages_cause){c.code, c.group, {0}, false, 1}, &less)));
			assert_sentence(l, c, false);
			c.lowers = true;
			assert_true(span_equal(say(l, c, &less), buf_span(&more)));
		}
		for (int k = 0; k < N_CROSSES; k++) {
			char code[64];
			snprintf(code, sizeof(code), "cross_%s", rank_cross_names[k]);
			assert_sentence(l, (struct messages_cause){.code = code, .group = "crosses"}, false);
			assert_sentence(l, (struct messages_cause){.code = code, .group = "crosses", .lowers = true}, false);
		}
	}
	buf_free(&more);
	buf_free(&less);
}

static void test_every_code(void **state)
{
	const struct messages *m = *state;
	struct buf b = {0};
	for (int f = 0; f < N_FEATURES; f++) /* the list above is the table's */
		assert_string_equal(rank_feature_names[f], codes[f]);
	for (size_t i = 0; i < N_LANGUAGES; i++) {
		const struct messages_language *l = messages_at(m, i);
		for (size_t k = 0; k < N_CODES; k++)
			for (int lowers = 0; lowers <= 1; lowers++)
				assert_sentence(l, (struct messages_cause){.code = codes[k], .lowers = lowers}, k <= 9); /* to edition */
		for (size_t k = 0; k < N_OUTCOMES; k++) {
			buf_clear(&b);
			messages_outcome(l, outcomes[k], &b);
			assert_true(b.len > 0 && !span_equal_cstr(buf_span(&b), outcomes[k]));
		}
	}
	buf_free(&b);
}

static const struct {
	const char *language, *code;
	bool lowers;
	const char *topic, *text;
	const char *group;
	int stands;
} sentences[] = {
	{"en", "topic_short", false, "topic:vladimir putin", "You have been reading about vladimir putin lately"},
	{"en", "topic_short", true, "vladimir putin", "You have turned away from vladimir putin lately"},
	{"en", "follow", false, "place:johannesburg", "You follow johannesburg"},
	{"en", "follow", true, "source:afp", "You follow afp (this places it lower)"},
	{"en", "follow", true, "{reason}{topic}", "You follow {reason}{topic} (this places it lower)"},
	{"en", "topic_long", false, "topic:", "You read about this subject"},
	{"en", "topic_long", false, "a: b", "You read about a: b"},
	{"en", "seen", true, "", "Shown to you before"},
	{"en", "no_such_code", true, "x", "no_such_code"},
	{"en", "", false, "x", ""},
	{"af", "home", false, "place:Soweto", "Uit Soweto, ’n plek wat jy gekies het"},
	{"fr", "fresh", false, "", "Nouveau"},
	{"th", "follow", false, "topic:กรุงเทพ", "คุณติดตาม “กรุงเทพ”"},
	{"zu", "no_such_code", false, "", "no_such_code"},
	{"en", "similar_top", false, "", "Like stories you read", "similarity", 1},
	{"en", "similar_top", false, "", "Unlike what you usually read", "similarity", -1},
	{"en", "similar_top", true, "", "Unlike what you usually read", "similarity", -1},
	{"en", "similar_top", true, "", "Like stories you read (this places it lower)", "similarity", 1},
	{"en", "co_read", false, "", "Read by readers of what you read", "co_read", 1},
	{"en", "seen", true, "", "Shown to you before", "seen", 1},
	{"en", "seen_ago", false, "", "Shown to you less than other stories", "seen", -1},
	{"en", "premium", false, "", "Free to read", "premium", -1},
	{"en", "age", false, "", "Newer than other stories here", "age", -1},
	{"en", "section_all", false, "section:sport", "You read the section sport", "section", 1},
	/* Above the list's mean and counted against: the reader reads it, and seldom likes nothing. */
	{"en", "section_all", true, "section:sport", "You read the section sport (this places it lower)", "section", 1},
	{"en", "section", true, "section:sport", "You seldom like the section sport", "section", 0},
	{"en", "topic_short", false, "topic:tennis", "You have been reading about tennis lately", "topics", 1},
	{"en", "topic_short", false, "topic:tennis", "You read more about other subjects", "topics", -1},
	{"en", "boost", false, "", "Not among the editors’ choices", "editor", -1},
	{"en", "cross_word", true, "", "Readers pass over stories like this one", "crosses", 0},
	{"en", "no_such_code", true, "x", "no_such_code", "no_such_group", -1},
	{"en", "fresh", false, "x", "New", "no_such_group", -1},
	{"fr", "clicks_15m", false, "", "Apprécié des lecteurs", "popularity", 1},
};

static void test_sentences(void **state)
{
	struct buf b = {0};
	for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++) {
		const struct messages_language *l = messages_pick_language(*state, span_of(sentences[i].language));
		buf_clear(&b);
		messages_reason(l, &(struct messages_cause){sentences[i].code, sentences[i].group, span_of(sentences[i].topic),
		                                            sentences[i].lowers, sentences[i].stands}, &b);
		if (!span_equal_cstr(buf_span(&b), sentences[i].text))
			fail_msg("\"%.*s\" is not \"%s\"", (int)b.len, b.data, sentences[i].text);
	}
	buf_free(&b);
}

static void test_related(void **state)
{
	static const char *const topical[] = {"topic_short", "topic_long", "term_short", "term_long", "section", "source", "place"};
	struct buf b = {0}, other = {0};
	for (size_t i = 0; i < N_LANGUAGES; i++) {
		const struct messages_language *l = messages_at(*state, i);
		for (size_t k = 0; k < sizeof(topical) / sizeof(topical[0]); k++) {
			buf_clear(&b);
			buf_clear(&other);
			const struct messages_cause cause = {.code = topical[k], .topic = SPAN("place:Gauteng")};
			messages_related(l, &cause, &b);
			messages_reason(l, &cause, &other);
			assert_false(span_equal(buf_span(&b), buf_span(&other))); /* that one speaks of a reader */
			assert_non_null(memmem(b.data, b.len, "Gauteng", 7));
		}
		buf_clear(&b);
		buf_clear(&other);
		messages_related(l, &(struct messages_cause){.code = "fresh"}, &b);
		messages_reason(l, &(struct messages_cause){.code = "fresh"}, &other);
		assert_true(span_equal(buf_span(&b), buf_span(&other)));
	}
	buf_free(&b);
	buf_free(&other);
}

static void test_words(void **state)
{
	struct buf b = {0};
	const struct messages_language *en = messages_at(*state, 0);
	assert_true(span_equal_cstr(messages_word(en, "new_stories"), "New stories: {count}"));
	assert_true(span_equal_cstr(messages_word(en, "no such"), "no such"));
	messages_outcome(en, "no such", &b);
	assert_true(span_equal_cstr(buf_span(&b), "no such"));
	for (size_t i = 0; i < N_LANGUAGES; i++) {
		json_t *root = NULL, *file = load(languages[i]);
		buf_clear(&b);
		messages_put_words(messages_at(*state, i), &b);
		assert_int_equal(json_parse(buf_span(&b), &root, NULL), 0);
		assert_true(json_equal(root, json_object_get(file, "words")));
		json_decref(root);
		json_decref(file);
	}
	buf_free(&b);
}

/* ---- Accept-Language ---- */

static const struct {
	const char *preference, *language; /* NULL: the default */
} preferences[] = {
	{"", NULL},
	{"en", "en"},
	{"th", "th"},
	{"TH", "th"},
	{"th-TH", "th"},
	{"th-Thai-TH-u-nu-thai", "th"},
	{"zu-ZA,en;q=0.5", "zu"},
	{"en;q=0.5,zu", "zu"},
	{"af,zu", "af"},
	{"zu,af", "zu"},
	{"af;q=0.5,zu;q=0.5", "af"},
	{"af;q=0.123,zu;q=0.124", "zu"},
	{"fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", "fr"},
	{"de, en;q=0.3, th;q=0.7", "th"},
	{"de-DE,de;q=0.9", NULL},
	{"*", NULL},
	{"*,th;q=0.5", "th"},
	{"th;q=0", NULL},
	{"th;q=0.000, fr;q=0.001", "fr"},
	{"th;q=1.000", "th"},
	{"th ; q=1", "th"},
	{"\tth\t;\tq=0.9 ,\t fr ; q=0.95", "fr"},
	{"th;Q=0.4, fr;q=0.3", "th"},
	{",,th,,", "th"},
	{" , ", NULL},
	/* not well-formed: passed over */
	{"th;q=1.001,fr;q=0.1", "fr"},
	{"th;q=2,fr;q=0.1", "fr"},
	{"th;q=0.1234,fr;q=0.1", "fr"},
	{"th;q=.5,fr;q=0.1", "fr"},
	{"th;q=0,5", NULL},
	{"th;q=-1,fr;q=0.1", "fr"},
	{"th;q=,fr;q=0.1", "fr"},
	{"th;q,fr;q=0.1", "fr"},
	{"th;,fr;q=0.1", "fr"},
	{"th;x=1,fr;q=0.1", "fr"},
	{"th;q=1;q=1,fr;q=0.1", "fr"},
	{"th_TH,fr;q=0.1", "fr"},
	{"t1,fr;q=0.1", "fr"},
	{"-th,fr;q=0.1", "fr"},
	{"th-,fr;q=0.1", "fr"},
	{"th--TH,fr;q=0.1", "fr"},
	{"th-abcdefghi,fr;q=0.1", "fr"},
	{"thai,fr;q=0.1", "fr"}, /* four letters are no "th" */
	{"t,fr;q=0.1", "fr"},
	{"\xe0\xb8\xad,fr;q=0.1", "fr"},
	{"x-th", NULL},
	{"i-af", NULL},
};

static void test_preferences(void **state)
{
	for (size_t i = 0; i < sizeof(preferences) / sizeof(preferences[0]); i++) {
		/* From memory of exactly that size, so that a read past the end is seen. */
		size_t len = strlen(preferences[i].preference);
		char *copy = malloc(len ? len : 1);
		assert_non_null(copy);
		memcpy(copy, preferences[i].preference, len);
		struct span tag = messages_tag(messages_pick_language(*state, (struct span){copy, len}));
		const char *want = preferences[i].language ? preferences[i].language : "en";
		if (!span_equal_cstr(tag, want))
			fail_msg("\"%s\" chose %.*s, not %s", preferences[i].preference, (int)tag.len, tag.data, want);
		free(copy);
	}
	assert_true(span_equal_cstr(messages_tag(messages_pick_language(*state, (struct span){NULL, 0})), "en"));
}

/* Subtags are taken off from the end, and the examples of RFC 4647 section 3.4 come out as printed there. */
static void test_lookup(void **state)
{
	const struct span tags[] = {SPAN("zh"), SPAN("zh-Hant"), SPAN("zh-Hant-CN"), SPAN("en-GB"), SPAN("pt-BR")};
	static const struct {
		const char *preference;
		size_t chosen;
	} table[] = {
		{"zh-Hant-CN-x-private1-private2", 2}, {"zh-Hant-TW", 1}, {"zh-Hans", 0}, {"ZH-HANT", 1},
		{"zh-x-CN", 0},                        {"en", 5},         {"en-GB-x-a", 3}, {"pt", 5},
		{"pt,zh;q=0.1", 0},                    {"fr-FR, zh-Hant", 1},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(language_choose(span_of(table[i].preference), tags, 5), table[i].chosen);
	assert_int_equal(language_choose(SPAN("en"), tags, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_languages),   cmocka_unit_test(test_files_agree), cmocka_unit_test(test_every_code),
		cmocka_unit_test(test_every_group), cmocka_unit_test(test_related),
		cmocka_unit_test(test_sentences),   cmocka_unit_test(test_words),       cmocka_unit_test(test_preferences),
		cmocka_unit_test(test_lookup),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
