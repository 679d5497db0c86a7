#include "engine/dense.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/learn/pca.h"

_Static_assert((int)CATALOG_DENSE == (int)PCA_DIMS, "the catalogue holds what is fitted");

struct space {
	enum dense_kind kind;
	size_t width; /* 0: none */
	struct pca pca; /* basis NULL: not fitted yet */
	/* The first embeddings, until the last fit: */
	size_t n, capacity;
	float *sample;      /* [n][width], each of length 1 */
	uint32_t *articles; /* [n] */
	bool moved;         /* a fit that the catalogue has not been told of */
};

struct dense {
	struct space spaces[DENSE_SPACES];
	float scratch[LIMIT_EMBEDDING];
};

int dense_new(struct dense **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

static void forget_sample(struct space *s)
{
	free(s->sample);
	free(s->articles);
	s->sample = NULL;
	s->articles = NULL;
	s->n = s->capacity = 0;
}

void dense_free(struct dense *d)
{
	for (size_t i = 0; d && i < DENSE_SPACES; i++) {
		forget_sample(&d->spaces[i]);
		pca_free(&d->spaces[i].pca);
	}
	free(d);
}

size_t dense_bytes(const struct dense *d)
{
	size_t bytes = sizeof(*d);
	for (size_t i = 0; i < DENSE_SPACES; i++) {
		const struct space *s = &d->spaces[i];
		bytes += s->capacity * (s->width * sizeof(float) + sizeof(uint32_t));
		bytes += s->pca.basis ? PCA_DIMS * s->width * sizeof(float) : 0;
	}
	return bytes;
}

static struct space *space_of(struct dense *d, enum dense_kind kind, size_t width)
{
	for (size_t i = 0; i < DENSE_SPACES; i++) {
		struct space *s = &d->spaces[i];
		if (s->width == 0)
			*s = (struct space){.kind = kind, .width = width};
		if (s->kind == kind && s->width == width)
			return s;
	}
	return NULL;
}

/* x of length 1; false when it has none. */
static bool take_length(const float *x, size_t width, float *out)
{
	double square = 0;
	for (size_t i = 0; i < width; i++)
		square += (double)x[i] * (double)x[i];
	if (!(square > 0) || !isfinite(square))
		return false;
	double scale = 1 / sqrt(square);
	for (size_t i = 0; i < width; i++)
		out[i] = (float)((double)x[i] * scale);
	return true;
}

static int keep(struct space *s, uint32_t article, const float *x)
{
	if (s->n == s->capacity) {
		size_t capacity = s->capacity ? DENSE_SAMPLE : DENSE_FIRST;
		float *sample = realloc(s->sample, capacity * s->width * sizeof(*sample));
		s->sample = sample ? sample : s->sample;
		uint32_t *articles = realloc(s->articles, capacity * sizeof(*articles));
		s->articles = articles ? articles : s->articles;
		if (!sample || !articles)
			return -ENOMEM;
		s->capacity = capacity;
	}
	memcpy(s->sample + s->n * s->width, x, s->width * sizeof(*x));
	s->articles[s->n++] = article;
	return 0;
}

static int learn(struct space *s, uint32_t article, const float *x)
{
	struct pca fresh;
	bool complete = s->pca.basis && !s->sample;
	if (complete || s->moved)
		return 0;
	int r = keep(s, article, x);
	if (r < 0 || (s->n != DENSE_FIRST && s->n != DENSE_SAMPLE))
		return r;
	r = pca_fit(&fresh, s->sample, s->n, s->width);
	if (r < 0)
		return r;
	pca_free(&s->pca);
	s->pca = fresh;
	s->moved = true;
	return 0;
}

int dense_place(struct dense *d, uint32_t article, enum dense_kind kind, const float *x, size_t width, uint8_t *space,
                int8_t at[CATALOG_DENSE])
{
	*space = 0;
	struct space *s = width >= 2 && width <= LIMIT_EMBEDDING ? space_of(d, kind, width) : NULL;
	if (!s || !take_length(x, width, d->scratch))
		return 0;
	int r = learn(s, article, d->scratch);
	if (r == 0 && s->pca.basis && pca_place(&s->pca, d->scratch, at))
		*space = (uint8_t)(s - d->spaces + 1);
	return r;
}

static int show(struct space *s, uint8_t number, struct catalog *c)
{
	struct catalog_dense_entry *entries = calloc(s->n, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++) {
		entries[i].article = s->articles[i];
		entries[i].space = pca_place(&s->pca, s->sample + i * s->width, entries[i].at) ? number : 0;
	}
	int r = catalog_set_dense(c, entries, s->n);
	free(entries);
	if (r < 0)
		return r;
	s->moved = false;
	if (s->n == DENSE_SAMPLE)
		forget_sample(s);
	return 0;
}

int dense_show(struct dense *d, struct catalog *c)
{
	int r = 0;
	for (size_t i = 0; i < DENSE_SPACES && r == 0; i++)
		if (d->spaces[i].moved)
			r = show(&d->spaces[i], (uint8_t)(i + 1), c);
	return r;
}
