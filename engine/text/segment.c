/* Words and their stems. ICU's word rules find the words (its dictionaries those of Thai, Lao, Khmer, Burmese, Chinese
 * and Japanese), Snowball their stems; a small cache by word and language holds recent stems, because news repeats
 * itself and a stem costs more than a look. */
#include <errno.h>
#include <unicode/uchar.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>

#include "engine/base/hash.h"
#include "engine/text/text_internal.h"

static const struct {
	const char *language, *stemmer;
} stemmers[] = {
	{"ar", "arabic"},     {"ca", "catalan"},   {"da", "danish"},     {"de", "german"},     {"el", "greek"},
	{"en", "english"},    {"es", "spanish"},   {"eu", "basque"},     {"fi", "finnish"},    {"fr", "french"},
	{"ga", "irish"},      {"hi", "hindi"},     {"hu", "hungarian"},  {"hy", "armenian"},   {"id", "indonesian"},
	{"it", "italian"},    {"lt", "lithuanian"}, {"nb", "norwegian"}, {"ne", "nepali"},     {"nl", "dutch"},
	{"nn", "norwegian"},  {"no", "norwegian"}, {"pt", "portuguese"}, {"ro", "romanian"},   {"ru", "russian"},
	{"sr", "serbian"},    {"sv", "swedish"},   {"ta", "tamil"},      {"tr", "turkish"},    {"yi", "yiddish"},
};

static struct sb_stemmer *find_stemmer(struct text *t, const char *name)
{
	for (size_t i = 0; i < t->n_stemmers; i++)
		if (strcmp(t->stemmers[i].name, name) == 0)
			return t->stemmers[i].stemmer;
	if (t->n_stemmers == STEMMERS_MAX)
		return NULL;
	struct sb_stemmer *stemmer = sb_stemmer_new(name, NULL);
	if (!stemmer)
		return NULL;
	t->stemmers[t->n_stemmers].name = name;
	t->stemmers[t->n_stemmers++].stemmer = stemmer;
	return stemmer;
}

void text_find_language(struct text *t, struct span language, struct text_language *out)
{
	*out = (struct text_language){.seed = text_language_seed(language)};
	out->turkic = span_equal_cstr(language, "tr") || span_equal_cstr(language, "az");
	for (size_t i = 0; i < sizeof(stemmers) / sizeof(stemmers[0]); i++)
		if (span_equal_cstr(language, stemmers[i].language))
			out->stemmer = find_stemmer(t, stemmers[i].stemmer);
}

void text_forget_terms(struct text *t)
{
	memset(t->term_table, 0, TERM_TABLE * sizeof(*t->term_table));
	t->n_terms = 0;
	buf_clear(&t->names);
}

enum capital { CAPITAL_NONE, CAPITAL_NAME, CAPITAL_UNKNOWN };

struct word {
	char utf8[TERM_BYTES];
	size_t len;
	size_t n_characters;
	bool letters, ideograph;
	enum capital capital;
	size_t at, n_units; /* where it stands in the text before folding, when that is aligned */
};

static void read_word(const UChar *s, int32_t n, struct word *out)
{
	*out = (struct word){.len = 0};
	for (int32_t i = 0; i < n;) {
		UChar32 c;
		if (s[i] < 0x80) {
			c = s[i++];
			out->letters |= c >= 'a' && c <= 'z';
		} else {
			U16_NEXT(s, i, n, c);
			out->letters |= !u_isdigit(c);
		}
		if (out->len + U8_LENGTH(c) > TERM_BYTES)
			return;
		U8_APPEND_UNSAFE(out->utf8, out->len, c);
		out->n_characters++;
	}
}

/* Fills the cache entry for a word: its stem, or that it is a stop word. */
static void stem_word(struct text *t, const struct text_language *language, const struct word *word, uint64_t key,
                      struct stem_entry *entry, struct span *stem)
{
	entry->key = 0;
	entry->stop = text_is_stop_word(t, key);
	*stem = (struct span){word->utf8, word->len};
	if (language->stemmer && word->letters && !entry->stop) {
		const sb_symbol *symbols = sb_stemmer_stem(language->stemmer, (const sb_symbol *)word->utf8, (int)word->len);
		int n = symbols ? sb_stemmer_length(language->stemmer) : 0;
		if (n > 0 && n <= TERM_BYTES)
			*stem = (struct span){(const char *)symbols, (size_t)n};
	}
	if (stem->len <= STEM_CACHE_BYTES) {
		entry->key = key;
		entry->len = (uint8_t)stem->len;
		memcpy(entry->stem, stem->data, stem->len);
	}
}

static void count_capital(struct term *term, enum capital capital)
{
	term->n_names += capital == CAPITAL_NAME && term->n_names < UINT16_MAX;
	term->n_plain += capital == CAPITAL_NONE && term->n_plain < UINT16_MAX;
}

/* How the word is written behind its stem: a name with its capital, any other word folded. */
static int add_label(struct text *t, struct term *term, struct span stem, const struct word *word)
{
	size_t before = t->names.len;
	if (word->capital == CAPITAL_NAME) {
		if (text_u16_to_utf8(t->raw.data + word->at, word->n_units, &t->names))
			return -ENOMEM;
	} else if (!span_equal(stem, (struct span){word->utf8, word->len})) {
		buf_put(&t->names, word->utf8, word->len);
	}
	term->label_len = (uint16_t)(t->names.len - before);
	return t->names.failed ? -ENOMEM : 0;
}

static int add_term(struct text *t, struct span stem, const struct word *word, enum text_field field)
{
	uint32_t hash = (uint32_t)hash64(stem);
	hash += hash == 0;
	size_t i = hash & (TERM_TABLE - 1);
	for (; t->term_table[i]; i = (i + 1) & (TERM_TABLE - 1)) {
		struct term *term = &t->terms[t->term_table[i] - 1];
		if (term->hash != hash)
			continue;
		term->n[field] += term->n[field] < UINT16_MAX;
		count_capital(term, word->capital);
		return 0;
	}
	if (t->n_terms == TERMS_MAX)
		return 0;
	struct term *term = &t->terms[t->n_terms++];
	t->term_table[i] = (uint16_t)t->n_terms;
	*term = (struct term){.hash = hash,
	                      .name = (uint32_t)t->names.len,
	                      .name_len = (uint16_t)stem.len,
	                      .number = !word->letters,
	                      .short_word = word->n_characters < 2 && !word->ideograph};
	term->n[field] = 1;
	count_capital(term, word->capital);
	buf_put_span(&t->names, stem);
	return add_label(t, term, stem, word);
}

/* Whether most words of a text begin with a capital, as English headlines do: then a capital says nothing. */
static bool is_title_case(const struct text *t, size_t start, size_t len)
{
	unsigned n_words = 0, n_capitals = 0;
	for (size_t i = start; i < start + len; i++) {
		if (!u_isalpha(t->raw.data[i]) || (i > start && t->raw.data[i - 1] != ' '))
			continue;
		n_words++;
		n_capitals += u_isupper(t->raw.data[i]) != 0;
	}
	return n_capitals * 10 > n_words * 6;
}

static bool ends_sentence(UChar c)
{
	return c == '.' || c == '!' || c == '?' || c == ':';
}

/* Whether the capital of the word at i may be there because a sentence begins: nothing but spaces and quotation marks lies
 * between. */
static bool begins_sentence(const UChar *raw, size_t start, size_t i)
{
	while (i > start && !ends_sentence(raw[i - 1]) && !u_isalnum(raw[i - 1]) && raw[i - 1] != ',' && raw[i - 1] != ';')
		i--;
	return i == start || ends_sentence(raw[i - 1]);
}

static int collect_word(struct text *t, const struct text_language *language, enum text_field field, const UChar *s,
                        int32_t n, bool ideograph, enum capital capital)
{
	struct word word;
	read_word(s, n, &word);
	word.ideograph = ideograph;
	word.capital = capital;
	word.at = (size_t)(s - t->folded.data);
	word.n_units = (size_t)n < TERM_BYTES / 3 ? (size_t)n : TERM_BYTES / 3;
	if (word.len == 0)
		return 0;
	uint64_t key = hash64((struct span){word.utf8, word.len}) ^ language->seed;
	struct stem_entry *entry = &t->stems[key & (STEM_CACHE - 1)];
	struct span stem = {entry->stem, entry->len};
	if (entry->key != key || key == 0)
		stem_word(t, language, &word, key, entry, &stem);
	return entry->stop ? 0 : add_term(t, stem, &word, field);
}

int text_collect_terms(struct text *t, const struct text_language *language, enum text_field field, size_t start, size_t len)
{
	UErrorCode status = U_ZERO_ERROR;
	const UChar *s = t->folded.data + start;
	if (len == 0)
		return 0;
	ubrk_setText(t->words, s, (int32_t)len, &status);
	if (U_FAILURE(status))
		return -ENOMEM;
	bool capitals = t->aligned && !is_title_case(t, start, len);
	int32_t from = ubrk_first(t->words);
	for (int32_t to = ubrk_next(t->words); to != UBRK_DONE; from = to, to = ubrk_next(t->words)) {
		int32_t kind = ubrk_getRuleStatus(t->words);
		if (kind < UBRK_WORD_NONE_LIMIT)
			continue;
		enum capital capital = CAPITAL_UNKNOWN;
		if (capitals && kind >= UBRK_WORD_LETTER && kind < UBRK_WORD_LETTER_LIMIT) {
			size_t at = start + (size_t)from;
			if (!u_isupper(t->raw.data[at]))
				capital = CAPITAL_NONE;
			else if (!begins_sentence(t->raw.data, start, at))
				capital = CAPITAL_NAME;
		}
		if (collect_word(t, language, field, s + from, to - from, kind >= UBRK_WORD_KANA, capital))
			return -ENOMEM;
	}
	return 0;
}
