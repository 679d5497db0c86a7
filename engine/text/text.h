/* From an article's words to what ranking and story joining need: language, sparse topic vector, story print.
 *
 * The one folder that includes ICU, libstemmer and libexttextcat. No clock, no I/O but loading the language data. */
#ifndef MYNEWS_ENGINE_TEXT_H
#define MYNEWS_ENGINE_TEXT_H

#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/types.h"

/* ---- document frequency -------------------------------------------------------------------------------------- */

/* How many recent articles a term stood in: a fixed table of hashed counters that decay with a half-life of 30 days
 * of the articles' own time of arrival. One thread adds, any thread reads. */
struct text_df;

enum {
	TEXT_DF_BLOCKS = 1024, /* the table's pieces, for saving only what changed */
	TEXT_DF_BLOCK_BYTES = 1024,
	TEXT_DF_HEADER_BYTES = 32
};

int text_df_new(struct text_df **out) __attribute__((warn_unused_result)); /* 0 or -ENOMEM */
void text_df_free(struct text_df *df);
/* Counts one article with these distinct term hashes. One thread only. */
void text_df_add(struct text_df *df, const uint32_t *terms, size_t n_terms, int64_t now_ms);
/* Saving: the header (total and reference time) and each block that changed since it was last taken. take_block returns
 * the number of a changed block after writing its bytes, or -1 when none is left. */
void text_df_save_header(const struct text_df *df, uint8_t out[TEXT_DF_HEADER_BYTES]);
int text_df_take_block(struct text_df *df, uint8_t out[TEXT_DF_BLOCK_BYTES]);
/* What was taken could not be saved after all: every block counts as changed. */
void text_df_untake(struct text_df *df);
/* Loading into a fresh table. Returns 0, or 1 when the bytes are not acceptable (NaN, negative, wrong size). */
int text_df_load_header(struct text_df *df, struct span bytes) __attribute__((warn_unused_result));
int text_df_load_block(struct text_df *df, unsigned block, struct span bytes) __attribute__((warn_unused_result));

/* ---- analysis ------------------------------------------------------------------------------------------------ */

enum { STORY_PRINT_TERMS = 32 };

/* What two reports of one event share. Plain data, stored with the article. */
struct story_print {
	uint64_t simhash; /* Charikar 2002, over weighted terms of title and lead */
	uint16_t n_terms;
	struct {
		uint32_t term;   /* hash of the stem */
		uint16_t weight; /* 65535 times the weight; weights have Euclidean length 1 */
	} terms[STORY_PRINT_TERMS]; /* ascending by term */
};

struct text_analysis {
	struct span language;              /* ISO 639-1 where there is one, else 639-3; "und" when unknown */
	const struct topic_weight *vector; /* [n_vector], at most LIMIT_VECTOR, distinct topics, declared ones first */
	size_t n_vector;
	struct story_print print;
	const uint32_t *terms; /* [n_terms] for text_df_add: words, declared names, and one key that counts the language */
	size_t n_terms;
};

/* One thread's analyser: break iterators, stemmers and language models are not for sharing. */
struct text;

/* Returns 0, -ENOMEM, or -ENOENT when the language data is missing. */
int text_new(struct text **out) __attribute__((warn_unused_result));
void text_free(struct text *t);

/* Analyses one article. `expected` lists languages its source or edition declares (may be empty): used to choose among
 * the guesser's answers. The declared article language wins over any guess. Results live in `arena`; the names in
 * the vector are normalised (NFKC, case folded, white space squeezed) and namespaced. Returns 0 or -ENOMEM. */
int text_analyse(struct text *t, struct arena *arena, const struct article *a, const struct span *expected,
                 size_t n_expected, const struct text_df *df, int64_t now_ms, struct text_analysis *out)
	__attribute__((warn_unused_result));

/* The language of free text, "und" when unknown; at most n of the guesser's answers, best first. Returns how many. */
size_t text_guess_languages(struct text *t, struct span utf8, struct span *out, size_t n);

/* NFKC, case folded, white space squeezed and trimmed: how two spellings of a topic become one. In the arena; data is
 * NULL when memory is out. Also used on `namespace:name` strings that clients send. */
struct span text_normalise(struct text *t, struct arena *arena, struct span utf8);

/* The distinct words of a search, in order, as stems of `language`, its stop words left out; with an empty language, as
 * they are written, folded. Writes at most n, in the arena, and returns how many; 0 also when memory is out. */
size_t text_terms(struct text *t, struct arena *arena, struct span utf8, struct span language, struct span *out, size_t n);

/* ---- word vectors from a file ---------------------------------------------------------------------------------- */

/* Immutable once loaded. */
struct word_vectors;

enum { TEXT_PROBLEM_BYTES = 256 };
#define WORD_VECTORS_BYTES ((size_t)512 << 20) /* the most they take; the rarer words are left out */

/* Reads a file in the text format of fastText or GloVe: a word and its numbers a line, the more frequent words first. A first
 * line of two whole numbers tells how many words come, and no fewer may. Of words that differ in case the first counts.
 * Returns 0; 1 with a problem that names the line; -ENOMEM. */
int word_vectors_load(struct word_vectors **out, struct text *t, const char *path, char problem[TEXT_PROBLEM_BYTES])
	__attribute__((warn_unused_result));
void word_vectors_free(struct word_vectors *v); /* NULL is safe */
size_t word_vectors_width(const struct word_vectors *v);
size_t word_vectors_count(const struct word_vectors *v);
/* The sum of a text's words, each times a / (a + p), a = .001 and p the word's frequency by its place in the file (smooth
 * inverse frequency: Arora, Liang and Ma 2017), into out[width]: zeros when no word is known. What all texts have in common
 * is for the caller to take away. Returns 0 or -ENOMEM. */
int word_vectors_place(const struct word_vectors *v, struct text *t, const struct span *texts, size_t n, float *out)
	__attribute__((warn_unused_result));

/* "2 hours ago" in `language` (BCP 47), by ICU; appended to out. */
void text_relative_time(struct text *t, struct span language, int64_t then_ms, int64_t now_ms, struct buf *out);

#endif
