/* Orthogonal iteration (Golub and Van Loan, 8.2.4) on the smaller of X X' and X' X. A few directions more than are wanted go
 * along, and it stops after a set number of rounds: components whose eigenvalues lie close together may come out mixed,
 * which no cosine sees. */
#include "engine/learn/pca.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"

enum { MORE = 8, DIRECTIONS = PCA_DIMS + MORE, ROUNDS = 16 };

static float dot(const float *restrict a, const float *restrict b, size_t n)
{
	float sum[16] = {0}, total = 0;
	size_t i = 0;
	for (; i + 16 <= n; i += 16)
		for (size_t k = 0; k < 16; k++)
			sum[k] += a[i + k] * b[i + k];
	for (; i < n; i++)
		sum[i % 16] += a[i] * b[i];
	for (size_t k = 0; k < 16; k++)
		total += sum[k];
	return total;
}

static void add(float *restrict a, float by, const float *restrict b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		a[i] += by * b[i];
}

/* Rows q[n][m] made orthonormal, each by what those before it leave (Gram and Schmidt, twice over). A row of which nothing is
 * left becomes 0. */
static void orthonormalise(float *q, size_t n, size_t m)
{
	for (size_t k = 0; k < n; k++) {
		float *row = q + k * m, before = sqrtf(dot(row, row, m));
		for (int twice = 0; twice < 2; twice++)
			for (size_t j = 0; j < k; j++)
				add(row, -dot(row, q + j * m, m), q + j * m, m);
		float length = sqrtf(dot(row, row, m));
		float scale = length > 1e-5f * before ? 1 / length : 0;
		for (size_t i = 0; i < m; i++)
			row[i] *= scale;
	}
}

/* The leading eigenvectors of a[m][m], symmetric, into q[DIRECTIONS][m]; z: scratch of the same size. */
static void iterate(const float *a, size_t m, float *q, float *z)
{
	for (size_t i = 0; i < DIRECTIONS * m; i++)
		q[i] = (float)(int64_t)(hash_mix64(i + 1) >> 40) / (1 << 23) - 1;
	for (int round = 0; round < ROUNDS; round++) {
		orthonormalise(q, DIRECTIONS, m);
		for (size_t k = 0; k < DIRECTIONS; k++)
			for (size_t i = 0; i < m; i++)
				z[k * m + i] = dot(a + i * m, q + k * m, m);
		memcpy(q, z, DIRECTIONS * m * sizeof(*q));
	}
	orthonormalise(q, DIRECTIONS, m);
}

/* X X' of rows x[n][width] when n is the smaller, else X' X. */
static void multiply(const float *x, size_t n, size_t width, bool by_rows, float *a)
{
	if (by_rows) {
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j <= i; j++)
				a[i * n + j] = a[j * n + i] = dot(x + i * width, x + j * width, width);
		return;
	}
	memset(a, 0, width * width * sizeof(*a));
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < width; j++)
			add(a + j * width, x[i * width + j], x + i * width, width);
}

/* From eigenvectors of a[m][m] to components of length 1. Those whose eigenvalue is nothing beside the vectors' own lengths
 * are rounding: 0. */
static void take_basis(struct pca *p, const float *x, size_t n, const float *q, const float *a, size_t m, float least)
{
	for (size_t k = 0; k < PCA_DIMS; k++) {
		float *row = p->basis + k * p->width, value = 0;
		for (size_t i = 0; i < m; i++)
			value += q[k * m + i] * dot(a + i * m, q + k * m, m);
		if (!(value > least))
			continue;
		if (m != p->width)
			for (size_t i = 0; i < n; i++)
				add(row, q[k * m + i], x + i * p->width, p->width);
		else
			memcpy(row, q + k * m, m * sizeof(*row));
	}
	orthonormalise(p->basis, PCA_DIMS, p->width);
}

static void take_offsets(struct pca *p, const float *mean)
{
	for (size_t k = 0; k < PCA_DIMS; k++)
		p->offset[k] = dot(p->basis + k * p->width, mean, p->width);
}

int pca_fit(struct pca *p, const float *x, size_t n, size_t width)
{
	const bool by_rows = n < width;
	const size_t m = by_rows ? n : width;
	int r = -ENOMEM;
	float *centred = malloc(n * width * sizeof(*centred)), *mean = calloc(width, sizeof(*mean)),
	      *a = malloc(m * m * sizeof(*a)), *q = malloc(2 * DIRECTIONS * m * sizeof(*q)),
	      *basis = calloc(PCA_DIMS * width, sizeof(*basis));
	if (!centred || !mean || !a || !q || !basis)
		goto out;
	for (size_t i = 0; i < n; i++)
		add(mean, 1 / (float)n, x + i * width, width);
	memcpy(centred, x, n * width * sizeof(*centred));
	for (size_t i = 0; i < n; i++)
		add(centred + i * width, -1, mean, width);
	multiply(centred, n, width, by_rows, a);
	iterate(a, m, q, q + DIRECTIONS * m);
	*p = (struct pca){.width = width, .basis = basis};
	take_basis(p, centred, n, q, a, m, 1e-9f * dot(x, x, n * width));
	take_offsets(p, mean);
	basis = NULL;
	r = 0;
out:
	free(centred);
	free(mean);
	free(a);
	free(q);
	free(basis);
	return r;
}

void pca_free(struct pca *p)
{
	free(p->basis);
	*p = (struct pca){0};
}

bool pca_place(const struct pca *p, const float *x, int8_t out[PCA_DIMS])
{
	float y[PCA_DIMS], square = 0;
	for (size_t k = 0; k < PCA_DIMS; k++) {
		y[k] = dot(p->basis + k * p->width, x, p->width) - p->offset[k];
		square += y[k] * y[k];
	}
	bool somewhere = square > 0 && isfinite(square);
	for (size_t k = 0; k < PCA_DIMS; k++)
		out[k] = (int8_t)(somewhere ? lrintf(127 * y[k] / sqrtf(square)) : 0);
	return somewhere;
}
