/* Which words are kin: words that stand in what the same readers read.
 *
 * A reader's last reads are one document, a bag of words. Words lie in a space of a few directions such that documents
 * are told apart best: the leading left singular vectors of the matrix of documents (latent semantic indexing, Deerwester
 * and others 1990), without the first, which is what all readers have in common. They are found by orthogonal iteration
 * (Golub and Van Loan, Matrix Computations, 8.2.4) a few documents at a time: each new document takes a number of the
 * known ones along. So nothing needs a dictionary, a language or a download; it is enough that people read.
 *
 * Documents are weighed ln(1 + n) ln(1 + D / (1 + d)): n times in this one, in d of D; below KIN_LEAST of them a word says
 * nothing yet. Words share rows of a table by their hash. One document a reader, and readers share a bounded number of
 * places: nobody weighs more by reading more. One writer; workers look at a published copy (struct kin_space). */
#ifndef MYNEWS_ENGINE_LEARN_KIN_H
#define MYNEWS_ENGINE_LEARN_KIN_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/hash.h"
#include "engine/base/span.h"

enum {
	KIN_ROWS = 1 << 14,
	KIN_DIMS = 15,      /* a row is a cache line with the direction that all have in common */
	KIN_WORDS = 8,      /* of an article */
	KIN_READS = 60,     /* of a reader */
	KIN_DOCUMENT_MAX = KIN_READS * KIN_WORDS,
	KIN_DOCUMENTS = 4096,
	KIN_FEWEST = 64,    /* documents before anything is said */
	KIN_LEAST = 3,      /* documents before a word counts */
	KIN_AGAIN = 8,      /* known documents gone through with a new one */
	KIN_PAGE_BYTES = 4096
};

/* What workers look at: immutable. */
struct kin_space {
	uint64_t number; /* of the pass that it came of, from 1 */
	float mean[KIN_DIMS + 1]; /* of the reads of all documents; the last is 0, as in the rows */
	int16_t rows[KIN_ROWS][KIN_DIMS + 1]; /* direction, of length 256 ln(1 + D / (1 + d)), at most 4095; zeros: unknown */
};

static inline uint16_t kin_row(uint32_t word)
{
	return (uint16_t)(hash_mix64(word) >> 50);
}

/* Where an article with these words (at most KIN_WORDS) stands: the weighted sum of its words less the mean, of length 1;
 * zeros when it has no word that is known. The last of out[] is 0. */
void kin_place(const struct kin_space *s, const uint32_t *words, size_t n, float out[KIN_DIMS + 1]);

struct kin;

/* Returns 0 or -ENOMEM. */
int kin_new(struct kin **out) __attribute__((warn_unused_result));
void kin_free(struct kin *k); /* NULL is safe */

/* The rows [n, at most KIN_DOCUMENT_MAX] of the words of a reader's n_reads last reads, instead of what was known of that
 * reader; what another reader left in that place goes. */
void kin_learn(struct kin *k, uint64_t user, const uint16_t *rows, size_t n, size_t n_reads);
void kin_forget(struct kin *k, uint64_t user);

/* As of the last pass that came to its end; NULL before. Until the next kin_learn, kin_load_page or kin_loaded. */
const struct kin_space *kin_space(const struct kin *k);
size_t kin_bytes(void);

/* ---- checkpoints ---- */

size_t kin_n_pages(void);
/* The next changed page's number, its bytes copied out; -1 when none is left. */
int64_t kin_take_page(struct kin *k, uint8_t out[KIN_PAGE_BYTES]);
/* What was taken since the last call could not be saved after all, or was. */
void kin_taken_kept(struct kin *k, bool kept);
/* Into a fresh one. Returns 0, 1 when the bytes are no such page. kin_loaded follows the last. */
int kin_load_page(struct kin *k, uint64_t page, struct span bytes) __attribute__((warn_unused_result));
/* Returns 0, 1 when the pages do not belong together. */
int kin_loaded(struct kin *k) __attribute__((warn_unused_result));

#endif
