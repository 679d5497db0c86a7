/* What the files of engine/text share. Not for outsiders. */
#ifndef MYNEWS_ENGINE_TEXT_INTERNAL_H
#define MYNEWS_ENGINE_TEXT_INTERNAL_H

#include <libexttextcat/textcat.h>
#include <libstemmer.h>
#include <unicode/ubrk.h>
#include <unicode/unorm2.h>
#include <unicode/ureldatefmt.h>

#include "engine/text/text.h"

enum {
	TERMS_MAX = 1024,      /* distinct terms of one article; later ones are left out */
	TERM_TABLE = 4096,     /* slots of the table that finds them; a power of two, at least twice TERMS_MAX */
	TERM_BYTES = 96,       /* a word longer than this is cut */
	BODY_UNITS = 2000,     /* UTF-16 units of the body that count for terms */
	STEM_CACHE = 4096,     /* a power of two */
	STEM_CACHE_BYTES = 22, /* longer stems are not cached */
	STEMMERS_MAX = 32,
	STOP_LISTS_MAX = 32,
	RELATIVE_CACHE = 8,
	SAMPLE_BYTES = 1500 /* of text are enough to guess a language */
};

enum text_field { FIELD_TITLE, FIELD_SUMMARY, FIELD_BODY, N_FIELDS };

/* Growable UTF-16. */
struct u16 {
	UChar *data;
	size_t len, capacity; /* units */
};

/* A distinct stemmed word of the text in hand. */
struct term {
	uint32_t hash; /* of the stem; never 0 */
	uint32_t name; /* offset into text.names */
	uint16_t name_len, label_len; /* the label follows the name; 0: the word is written as its stem */
	uint16_t n[N_FIELDS]; /* occurrences */
	uint16_t n_names;     /* occurrences with a capital where the text did not ask for one */
	uint16_t n_plain;     /* occurrences without a capital in scripts that have them */
	bool number;          /* no letter in it */
	bool short_word;      /* one character that is not an ideograph */
};

struct stem_entry {
	uint64_t key; /* 0: free */
	uint8_t len;
	bool stop;
	char stem[STEM_CACHE_BYTES];
};

/* How words of one language are treated. */
struct text_language {
	uint64_t seed;              /* tells its words from those of other languages */
	struct sb_stemmer *stemmer; /* NULL: words stay as they are */
	bool turkic;                /* dotted and dotless i are two letters */
};

struct text {
	const UNormalizer2 *nfkc_casefold; /* ICU's own; never freed */
	UBreakIterator *words;
	void *textcat;
	candidate_t *candidates; /* [n_candidates] one per language model */
	int n_candidates;
	struct {
		const char *name;
		struct sb_stemmer *stemmer;
	} stemmers[STEMMERS_MAX];
	size_t n_stemmers;
	uint64_t *stop_words; /* [stop_mask + 1] open addressing; 0 free */
	size_t stop_mask;
	uint64_t list_seeds[STOP_LISTS_MAX]; /* of the languages that have a list */
	struct stem_entry *stems; /* [STEM_CACHE] direct mapped */

	struct u16 raw, folded; /* scratch; raw is the text before folding */
	bool aligned;           /* folded[i] comes from raw[i]: where it does not, capitals are not known */
	struct buf sample;      /* scratch */
	struct term *terms;     /* [TERMS_MAX] in order of first appearance */
	size_t n_terms;
	uint16_t *term_table; /* [TERM_TABLE] index + 1 of terms; 0 free */
	struct buf names;

	struct {
		char locale[LIMIT_LANGUAGE_BYTES + 1];
		URelativeDateTimeFormatter *formatter;
	} relative[RELATIVE_CACHE];
	size_t next_relative;
};

/* normalise.c */
enum fold_flag { FOLD_TURKIC = 1, FOLD_FOR_WORDS = 2 };
/* Appends the folded text to out: NFKC_Casefold (Unicode 3.13, definition R5); invalid bytes become U+FFFD. FOR_WORDS
 * also puts together what the word dictionaries expect to be one character, straightens apostrophes, and leaves raw and
 * aligned behind. Returns 0 or -ENOMEM. */
int text_fold(struct text *t, struct span utf8, unsigned flags, struct u16 *out) __attribute__((warn_unused_result));
int u16_reserve(struct u16 *s, size_t n_units) __attribute__((warn_unused_result));
/* The longest prefix of at most n bytes that does not end inside a character. */
struct span utf8_cut(struct span utf8, size_t n_bytes);
/* Replaces what is not valid UTF-8 by U+FFFD, appending to out. Returns 0 or -ENOMEM. */
int text_make_valid(struct text *t, struct span utf8, struct buf *out) __attribute__((warn_unused_result));
int text_u16_to_utf8(const UChar *s, size_t n, struct buf *out) __attribute__((warn_unused_result)); /* appends */
/* A topic's name: namespace (with its colon) and the normalised name, at most LIMIT_TOPIC_BYTES; len is 0 when nothing is
 * left of the name, data NULL when memory is out. */
struct span text_topic_name(struct text *t, struct arena *arena, const char *space, struct span name);

/* segment.c */
void text_find_language(struct text *t, struct span language, struct text_language *out);
/* Adds the words of folded[start, start + len) to the terms. Returns 0 or -ENOMEM. */
int text_collect_terms(struct text *t, const struct text_language *language, enum text_field field, size_t start,
                       size_t len) __attribute__((warn_unused_result));
void text_forget_terms(struct text *t);
static inline struct span term_name(const struct text *t, const struct term *term)
{
	return (struct span){t->names.data + term->name, term->name_len};
}

static inline struct span term_label(const struct text *t, const struct term *term)
{
	return (struct span){t->names.data + term->name + term->name_len, term->label_len};
}

/* stopwords.c */
int text_load_stop_words(struct text *t) __attribute__((warn_unused_result));
uint64_t text_language_seed(struct span language);
bool text_is_stop_word(const struct text *t, uint64_t key);
struct stop_count {
	const char *language;
	unsigned n;
};
/* How many of the first words are stop words, for each language that has any. Returns how many languages. */
size_t text_count_stop_words(struct text *t, struct span valid, struct stop_count *out, size_t max, unsigned *n_words);

/* language.c */
int text_load_language_models(struct text *t) __attribute__((warn_unused_result));
/* The declared tag as ISO 639; static or in the arena; len 0 when it says nothing. data NULL and len 1 when memory is out. */
struct span text_declared_language(struct arena *arena, struct span tag);
/* By the text itself; the same kinds of result, "und" when unknown. */
struct span text_choose_language(struct text *t, struct arena *arena, const struct article *a, const struct span *expected,
                                 size_t n_expected);

/* df.c */
/* The decayed number of articles with this key, as of now; 0 when df is NULL. Any thread. */
double text_df_total(const struct text_df *df, int64_t now_ms); /* articles of all languages */
double text_df_count(const struct text_df *df, uint32_t key, int64_t now_ms);

/* vector.c, print.c: the inverse document frequency of terms is computed once for both. */
struct term_weights {
	const struct text_df *df;
	int64_t now_ms;
	uint64_t language_seed;
	double n_articles;      /* of this language */
	float idf[TERMS_MAX];   /* [n_terms] */
	float count[TERMS_MAX]; /* [n_terms] articles with the term */
	uint32_t key[TERMS_MAX]; /* [n_terms] of the document frequency table */
};
/* ln(1 + (n + TEXT_PRIOR_ARTICLES) / (df + 1)): before anything is counted every term looks rare, and the difference grows as
 * articles come. Sparck Jones 1972, with a prior. */
double text_idf(double n_articles, double n_with_term);
uint32_t text_df_key(uint64_t language_seed, uint32_t term_hash);
int text_build_vector(struct text *t, struct arena *arena, const struct article *a, const struct term_weights *w,
                      struct text_analysis *out) __attribute__((warn_unused_result));
void text_build_print(const struct text *t, const struct term_weights *w, struct story_print *out);

#endif
