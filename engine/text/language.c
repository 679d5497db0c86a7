/* Which language a text is in. The script decides alone where one language owns it; otherwise libexttextcat's n-gram
 * ranks (Cavnar and Trenkle 1994) answer, cut down to the languages of the script that most letters have, and corrected by
 * the commonest words, which say more than letters do about a headline. Where those are plain the guesser, ten times the
 * cost of everything else, isn't asked. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unicode/uloc.h>
#include <unicode/uscript.h>
#include <unicode/utf8.h>

#include "engine/text/text_internal.h"

#define LANGUAGE_DATA "/usr/share/libexttextcat/"

enum { SAMPLE_LETTERS = 300, GUESSES_MAX = 8, ANSWERS_MAX = GUESSES_MAX + STOP_LISTS_MAX };

static const struct span unknown = {"und", 3};

/* Codes that are another name of the one in use. */
static const struct {
	char from[4], to[3];
} aliases[] = {
	{"iw", "he"},  {"in", "id"},  {"ji", "yi"},  {"sh", "sr"},  {"mo", "ro"},  {"plt", "mg"}, {"quz", "qu"}, {"qxa", "qu"},
	{"gug", "gn"}, {"ktu", "kg"}, {"kng", "kg"}, {"swh", "sw"}, {"swc", "sw"}, {"arb", "ar"}, {"cmn", "zh"}, {"pes", "fa"},
	{"zsm", "ms"}, {"lvs", "lv"}, {"ekk", "et"}, {"khk", "mn"}, {"npi", "ne"}, {"ory", "or"}, {"uzn", "uz"}, {"azj", "az"},
	{"als", "sq"}, {"nob", "nb"}, {"hbs", "sr"}, {"tgl", "tl"}, {"fil", "tl"}, {"pnb", "pa"}, {"ydd", "yi"}, {"gaz", "om"},
	{"sco", "en"},
};

/* Scripts that one language owns, unless the source says another. */
static const struct {
	UScriptCode script;
	const char *language;
} owned[] = {
	{USCRIPT_THAI, "th"},      {USCRIPT_LAO, "lo"},       {USCRIPT_KHMER, "km"},     {USCRIPT_MYANMAR, "my"},
	{USCRIPT_ETHIOPIC, "am"},  {USCRIPT_HANGUL, "ko"},    {USCRIPT_HIRAGANA, "ja"},  {USCRIPT_KATAKANA, "ja"},
	{USCRIPT_HAN, "zh"},       {USCRIPT_HEBREW, "he"},    {USCRIPT_GREEK, "el"},     {USCRIPT_ARMENIAN, "hy"},
	{USCRIPT_GEORGIAN, "ka"},  {USCRIPT_TAMIL, "ta"},     {USCRIPT_TELUGU, "te"},    {USCRIPT_KANNADA, "kn"},
	{USCRIPT_MALAYALAM, "ml"}, {USCRIPT_GUJARATI, "gu"},  {USCRIPT_GURMUKHI, "pa"},  {USCRIPT_SINHALA, "si"},
	{USCRIPT_ORIYA, "or"},     {USCRIPT_BENGALI, "bn"},   {USCRIPT_TIBETAN, "bo"},   {USCRIPT_THAANA, "dv"},
};

/* Languages of the guesser that are not written in Latin letters nor own their script. */
static const struct {
	UScriptCode script;
	const char *languages;
} shared[] = {
	{USCRIPT_CYRILLIC, " ab alt az be bg kk ky mk mn ru rue sr tg tt uk uz ce cv os "},
	{USCRIPT_ARABIC, " ar ckb fa ps sd ug ur ku ks "},
	{USCRIPT_DEVANAGARI, " hi mr ne bho mai sa kok "},
	/* Others that can stand behind an owned script, when expected. */
	{USCRIPT_ETHIOPIC, " am ti om so tig "},
	{USCRIPT_HEBREW, " he yi "},
	{USCRIPT_HAN, " zh ja yue wuu "},
	{USCRIPT_BENGALI, " bn as mni "},
	{USCRIPT_MYANMAR, " my shn ksw mnw "},
	{USCRIPT_GREEK, " el grc "},
	{USCRIPT_TIBETAN, " bo dz "},
	{USCRIPT_THAI, " th tts nod sou "},
};

/* How many models the configuration names: the guesser does not say. */
static int count_models(void)
{
	char line[256];
	int n = 0;
	FILE *f = fopen(LANGUAGE_DATA "fpdb.conf", "r");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		n += line[0] != '#' && line[strspn(line, " \t\r\n")] != '\0';
	fclose(f);
	return n;
}

int text_load_language_models(struct text *t)
{
	t->n_candidates = count_models();
	t->textcat = special_textcat_Init(LANGUAGE_DATA "fpdb.conf", LANGUAGE_DATA);
	if (!t->textcat)
		return -ENOENT;
	t->candidates = textcat_GetClassifyFullOutput(t->textcat);
	return t->candidates ? 0 : -ENOMEM;
}

static const char *alias_of(const char *code)
{
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strcmp(aliases[i].from, code) == 0)
			return aliases[i].to;
	return NULL;
}

/* Reads the primary subtag (two or three letters). Returns its length, 0 when there is none. */
static size_t primary_subtag(struct span tag, char code[4])
{
	size_t n = 0;
	for (; n < tag.len && tag.data[n] != '-' && tag.data[n] != '_'; n++) {
		char c = (char)(tag.data[n] | 0x20);
		if (n == 3 || c < 'a' || c > 'z')
			return 0;
		code[n] = c;
	}
	code[n] = '\0';
	return n < 2 ? 0 : n;
}

/* Writes the code in use for a tag. Returns its length; 0 when the tag says nothing. */
static size_t canonical_code(struct span tag, char code[4])
{
	size_t n = primary_subtag(tag, code);
	if (n == 0 || strcmp(code, "und") == 0 || strcmp(code, "mul") == 0 || strcmp(code, "zxx") == 0)
		return 0;
	const char *alias = alias_of(code);
	if (alias) {
		memcpy(code, alias, sizeof(aliases[0].to));
	} else if (n == 3) {
		char two[8] = "";
		UErrorCode status = U_ZERO_ERROR;
		if (uloc_getLanguage(code, two, sizeof(two), &status) == 2 && U_SUCCESS(status))
			memcpy(code, two, 3);
	}
	return strlen(code);
}

struct span text_declared_language(struct arena *arena, struct span tag)
{
	char code[4];
	size_t n = canonical_code(tag, code);
	if (n == 0)
		return (struct span){"", 0};
	struct span copy = arena_copy(arena, (struct span){code, n});
	return copy.data ? copy : (struct span){NULL, 1};
}

static bool listed(const char *languages, const char *code)
{
	char padded[8];
	snprintf(padded, sizeof(padded), " %s ", code);
	return strstr(languages, padded) != NULL;
}

static const char *owner_of(UScriptCode script)
{
	for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++)
		if (owned[i].script == script)
			return owned[i].language;
	return NULL;
}

static bool is_written_in(const char *code, UScriptCode script)
{
	const char *owner = owner_of(script);
	if (owner && strcmp(owner, code) == 0)
		return true;
	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
		if (shared[i].script == script)
			return listed(shared[i].languages, code);
	if (script != USCRIPT_LATIN)
		return false;
	/* Latin: every language that is not named above, and those that use two scripts. */
	if (listed(" sr az uz tt om so ku ", code))
		return true;
	for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++)
		if (strcmp(owned[i].language, code) == 0)
			return false;
	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
		if (listed(shared[i].languages, code))
			return false;
	return true;
}

/* The script of most letters; kana anywhere make Han Japanese. USCRIPT_COMMON when there are no letters. */
static UScriptCode main_script(struct span utf8)
{
	struct {
		UScriptCode script;
		unsigned n;
	} seen[8] = {{USCRIPT_COMMON, 0}};
	size_t n_seen = 0, best = 0;
	unsigned n_letters = 0, n_kana = 0;
	for (int32_t i = 0, len = (int32_t)utf8.len; i < len && n_letters < SAMPLE_LETTERS;) {
		UChar32 c;
		UErrorCode status = U_ZERO_ERROR;
		UScriptCode script = USCRIPT_LATIN;
		U8_NEXT(utf8.data, i, len, c);
		if (c >= 0 && c < 0x80) {
			if ((c | 0x20) < 'a' || (c | 0x20) > 'z')
				continue;
		} else {
			script = c < 0 ? USCRIPT_COMMON : uscript_getScript(c, &status);
			if (script <= USCRIPT_INHERITED)
				continue;
		}
		n_letters++;
		n_kana += script == USCRIPT_HIRAGANA || script == USCRIPT_KATAKANA;
		size_t s = 0;
		while (s < n_seen && seen[s].script != script)
			s++;
		if (s == n_seen && n_seen < 8) {
			seen[n_seen].n = 0;
			seen[n_seen++].script = script;
		}
		if (s < n_seen)
			seen[s].n++;
	}
	for (size_t s = 1; s < n_seen; s++)
		if (seen[s].n > seen[best].n)
			best = s;
	if (seen[best].script == USCRIPT_HAN && n_kana * 10 > n_letters)
		return USCRIPT_HIRAGANA;
	return seen[best].script;
}

static int compare_candidates(const void *a, const void *b)
{
	const candidate_t *x = a, *y = b;
	return (x->score > y->score) - (x->score < y->score);
}

struct answer {
	struct span code;
	float cost; /* the lower the likelier */
};

/* What an answer costs that only common words speak for, and what a text of nothing but common words earns: measured on
 * news in nine languages, full texts and headlines. */
static const float cost_of_words_alone = 0.06f, worth_of_words = 0.4f;
static const float plain_share = 0.25f, sure_share = 0.15f;
enum { PLAIN_WORDS = 8 };

static size_t add_answer(struct answer *answers, size_t n, struct span code, float cost)
{
	for (size_t i = 0; i < n; i++)
		if (span_equal(answers[i].code, code))
			return n;
	if (n < ANSWERS_MAX)
		answers[n++] = (struct answer){code, cost};
	return n;
}

/* The guesser's answers in this script; `sure` when it took few languages for possible. */
static size_t ask_guesser(struct text *t, struct span valid, UScriptCode script, struct answer *answers, bool *sure)
{
	int n = textcat_ClassifyFull(t->textcat, valid.data, valid.len, t->candidates);
	size_t n_answers = 0;
	*sure = n > 0;
	if (n == TEXTCAT_RESULT_SHORT)
		return 0;
	if (n <= 0) {
		/* Too many close answers: the array then holds all of them with their distances. */
		n = t->n_candidates;
		qsort(t->candidates, (size_t)n, sizeof(*t->candidates), compare_candidates);
	}
	for (int i = 0; i < n && n_answers < GUESSES_MAX; i++) {
		const char *name = t->candidates[i].name; /* "sw--utf8", "zh-CN-utf8" */
		char code[4] = "";
		size_t len = strcspn(name, "-");
		if (len > 3)
			continue;
		memcpy(code, name, len);
		const char *alias = alias_of(code);
		float cost = (float)t->candidates[i].score / (float)t->candidates[0].score - 1;
		if (is_written_in(alias ? alias : code, script))
			n_answers = add_answer(answers, n_answers, alias ? span_of(alias) : (struct span){name, len}, cost);
	}
	return n_answers;
}

static int compare_answers(const void *a, const void *b)
{
	const struct answer *x = a, *y = b;
	return (x->cost > y->cost) - (x->cost < y->cost);
}

/* The language whose common words make up much of the text, and at least twice as much as any other's. */
static const char *plain_language(const struct stop_count *counts, size_t n_counts, unsigned n_words)
{
	unsigned best = 0, second = 0;
	const char *language = NULL;
	for (size_t i = 0; i < n_counts; i++) {
		if (counts[i].n > best) {
			second = best;
			best = counts[i].n;
			language = counts[i].language;
		} else if (counts[i].n > second) {
			second = counts[i].n;
		}
	}
	return n_words >= PLAIN_WORDS && (float)best >= plain_share * (float)n_words && best >= 2 * second ? language : NULL;
}

/* Guesser and common words together; best first. */
static size_t weigh_answers(struct text *t, struct span valid, UScriptCode script, struct span *out, size_t max, bool *sure)
{
	struct answer answers[ANSWERS_MAX];
	struct stop_count counts[STOP_LISTS_MAX];
	unsigned n_words;
	float best_share = 0;
	size_t n_counts = text_count_stop_words(t, valid, counts, STOP_LISTS_MAX, &n_words);
	const char *plain = plain_language(counts, n_counts, n_words);
	*sure = true;
	if (plain && is_written_in(plain, script)) {
		out[0] = span_of(plain);
		return 1;
	}
	size_t n = ask_guesser(t, valid, script, answers, sure);
	for (size_t i = 0; i < n_counts; i++) {
		float share = (float)counts[i].n / (float)n_words;
		if (!is_written_in(counts[i].language, script))
			continue;
		n = add_answer(answers, n, span_of(counts[i].language), cost_of_words_alone);
		for (size_t k = 0; k < n; k++)
			if (span_equal_cstr(answers[k].code, counts[i].language))
				answers[k].cost -= worth_of_words * share;
		best_share = share > best_share ? share : best_share;
	}
	qsort(answers, n, sizeof(answers[0]), compare_answers);
	*sure = *sure || best_share >= sure_share;
	n = n < max ? n : max;
	for (size_t i = 0; i < n; i++)
		out[i] = answers[i].code;
	return n;
}

/* All answers for one text: the script's owner alone, or the guesser's. */
static size_t answers_for(struct text *t, struct span valid, UScriptCode *script, struct span *out, size_t max, bool *sure)
{
	*script = main_script(valid);
	*sure = true;
	if (*script == USCRIPT_COMMON || max == 0)
		return 0;
	const char *owner = owner_of(*script);
	if (!owner)
		return weigh_answers(t, valid, *script, out, max, sure);
	out[0] = span_of(owner);
	return 1;
}

size_t text_guess_languages(struct text *t, struct span utf8, struct span *out, size_t n)
{
	UScriptCode script;
	bool sure;
	buf_clear(&t->sample);
	if (n == 0)
		return 0;
	size_t n_out = 0;
	if (text_make_valid(t, utf8_cut(utf8, SAMPLE_BYTES), &t->sample) == 0)
		n_out = answers_for(t, buf_span(&t->sample), &script, out, n, &sure);
	if (n_out == 0)
		out[n_out++] = unknown;
	return n_out;
}

static int take_sample(struct text *t, const struct article *a)
{
	const struct span fields[] = {a->title, a->summary, a->body};
	buf_clear(&t->sample);
	for (size_t i = 0; i < 3 && t->sample.len < SAMPLE_BYTES; i++) {
		if (text_make_valid(t, utf8_cut(fields[i], SAMPLE_BYTES - t->sample.len), &t->sample))
			return -ENOMEM;
		buf_put_char(&t->sample, '\n');
	}
	return t->sample.failed ? -ENOMEM : 0;
}

/* The first answer that is expected; len 0 when none is. */
static struct span choose_expected(const struct span *answers, size_t n_answers, const struct span *expected,
                                   size_t n_expected)
{
	for (size_t i = 0; i < n_answers; i++)
		for (size_t e = 0; e < n_expected; e++) {
			char code[4];
			if (canonical_code(expected[e], code) && span_equal_cstr(answers[i], code))
				return answers[i];
		}
	return (struct span){NULL, 0};
}

struct span text_choose_language(struct text *t, struct arena *arena, const struct article *a, const struct span *expected,
                                 size_t n_expected)
{
	struct span answers[ANSWERS_MAX];
	UScriptCode script;
	bool sure;
	if (take_sample(t, a))
		return (struct span){NULL, 1};
	size_t n = answers_for(t, buf_span(&t->sample), &script, answers, ANSWERS_MAX, &sure);
	struct span chosen = choose_expected(answers, n, expected, n_expected);
	if (chosen.len)
		return chosen;
	/* The guesser does not know every language, and every script's owner has neighbours. */
	if (script != USCRIPT_COMMON && (owner_of(script) || n == 0))
		for (size_t e = 0; e < n_expected; e++) {
			char code[4];
			if (canonical_code(expected[e], code) && is_written_in(code, script))
				return text_declared_language(arena, expected[e]);
		}
	return n > 0 && sure ? answers[0] : unknown;
}
