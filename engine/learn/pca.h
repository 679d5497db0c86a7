/* Vectors of any width brought to a few numbers: the principal components of a sample (Pearson 1901; Jolliffe, Principal
 * Component Analysis, 2002). What all vectors have in common goes with the mean, which does cosines much good (Mu and
 * Viswanath, All-but-the-Top, 2018). */
#ifndef MYNEWS_ENGINE_LEARN_PCA_H
#define MYNEWS_ENGINE_LEARN_PCA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PCA_DIMS = 64 };

struct pca {
	size_t width;
	float *basis;            /* [PCA_DIMS][width] of length 1, at right angles; zeros where the sample has no more */
	float offset[PCA_DIMS];  /* basis times the mean */
};

/* The leading components of x[n][width], n at least 2. Takes some tenths of a second for 512 vectors. Returns 0 or -ENOMEM
 * (nothing is left behind). */
int pca_fit(struct pca *p, const float *x, size_t n, size_t width) __attribute__((warn_unused_result));
void pca_free(struct pca *p); /* a zeroed one is safe */

/* Where x[width] lies, as a direction of length 127. Returns false, and zeros, when it lies at the mean. */
bool pca_place(const struct pca *p, const float *x, int8_t out[PCA_DIMS]);

#endif
