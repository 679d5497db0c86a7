/* Likeness of titles by character n-grams, for languages without stems and words that only look alike: the centroid of the
 * reader's last reads against a candidate. A title is normalised text (text_normalise) with a space at both ends; each run of
 * GRAM characters in it is an occurrence of a gram, hashed to one of GRAM_BUCKETS; every occurrence weighs 1 / sqrt(number of
 * occurrences), so that a title without repeats has length 1 (Damashek 1995, "Gauging similarity with n-grams", Science 267). */
#ifndef MYNEWS_ENGINE_RANK_GRAMS_H
#define MYNEWS_ENGINE_RANK_GRAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/span.h"

enum {
	GRAM = 5, /* characters */
	GRAM_BUCKETS = 1 << 16,
	GRAMS_MAX = 160, /* of a title; what comes behind is passed over */
	GRAM_READS = 100
};

/* A thread's. Zero is empty. */
struct grams {
	float sum[GRAM_BUCKETS];
	uint16_t touched[GRAM_READS * GRAMS_MAX]; /* [n_touched] buckets that are not 0 */
	uint32_t n_touched;
	float norm; /* 1 / length of sum; 0 when it is empty */
};

/* The grams of a title into out[GRAMS_MAX]. Returns how many; 0 for a title of fewer than GRAM - 2 characters. */
uint32_t grams_of(struct span title, uint16_t *out);
void grams_clear(struct grams *g);
/* Adds a read's title; at most GRAM_READS between two clearings. */
void grams_add(struct grams *g, struct span title);
/* After the last grams_add. */
void grams_close(struct grams *g);
/* Cosine of a title with the centroid, 0 to 1; 0 where either has none. */
float grams_likeness(const struct grams *g, struct span title);

#endif
