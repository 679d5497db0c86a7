/* Stories' embeddings, whatever their width, as short vectors of the catalogue's: the publisher's own, or the mean of the
 * words' vectors where a file of those is configured and the publisher has given none.
 *
 * Embeddings of one kind and width are a space. What a space's short vectors mean is fitted to its first stories: at
 * DENSE_FIRST of them, once more at DENSE_SAMPLE, then never again. Nothing of it is stored: a start reads the articles in
 * the order of their numbers and fits anew. Belongs to the writer. */
#ifndef MYNEWS_ENGINE_DENSE_H
#define MYNEWS_ENGINE_DENSE_H

#include "engine/catalog/catalog.h"

enum {
	DENSE_FIRST = 64,
	DENSE_SAMPLE = 512,
	DENSE_SPACES = 4 /* embeddings of any further width are kept with their article, and not looked at */
};

enum dense_kind { DENSE_OWN, DENSE_WORDS };

struct dense;

/* Returns 0 or -ENOMEM. */
int dense_new(struct dense **out) __attribute__((warn_unused_result));
void dense_free(struct dense *d); /* NULL is safe */

/* Where an article's embedding x[width] lies by now: *space 0 when there is no telling yet. Returns 0 or -ENOMEM. */
int dense_place(struct dense *d, uint32_t article, enum dense_kind kind, const float *x, size_t width, uint8_t *space,
                int8_t at[CATALOG_DENSE]) __attribute__((warn_unused_result));
/* After an article was published: where a fit moved others, the catalogue is told. Returns 0 or -ENOMEM. */
int dense_show(struct dense *d, struct catalog *c) __attribute__((warn_unused_result));
size_t dense_bytes(const struct dense *d);

#endif
