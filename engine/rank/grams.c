#include "engine/rank/grams.h"

#include <assert.h>
#include <math.h>

#define BASE UINT64_C(0x9e3779b97f4a7c15) /* odd */
#define BASE_4 (BASE * BASE * BASE * BASE)

/* The character at *at, which moves on. Text is valid UTF-8. */
static uint32_t next_character(struct span text, size_t *at)
{
	unsigned char first = (unsigned char)text.data[(*at)++];
	uint32_t c = first < 0x80 ? first : first < 0xe0 ? first & 0x1f : first < 0xf0 ? first & 0x0f : first & 0x07;
	while (*at < text.len && ((unsigned char)text.data[*at] & 0xc0) == 0x80)
		c = c << 6 | ((unsigned char)text.data[(*at)++] & 0x3f);
	return c;
}

uint32_t grams_of(struct span title, uint16_t *out)
{
	uint32_t window[GRAM] = {0}, n_seen = 0, n = 0; /* the last characters, as a ring */
	uint64_t hash = 0;                                /* polynomial in them */
	size_t at = 0;
	for (bool last = false; !last && n < GRAMS_MAX; n_seen++) {
		last = n_seen > 0 && at >= title.len;
		uint32_t c = n_seen == 0 || last ? ' ' : next_character(title, &at);
		uint32_t *place = &window[n_seen % GRAM];
		hash = (hash - *place * BASE_4) * BASE + c;
		*place = c;
		if (n_seen + 1 >= GRAM)
			out[n++] = (uint16_t)((hash * BASE) >> 48);
	}
	return n;
}

void grams_clear(struct grams *g)
{
	for (uint32_t i = 0; i < g->n_touched; i++)
		g->sum[g->touched[i]] = 0;
	g->n_touched = 0;
	g->norm = 0;
}

void grams_add(struct grams *g, struct span title)
{
	uint16_t at[GRAMS_MAX];
	uint32_t n = grams_of(title, at);
	assert(g->n_touched + n <= GRAM_READS * GRAMS_MAX);
	for (uint32_t i = 0; i < n; i++) {
		if (g->sum[at[i]] == 0)
			g->touched[g->n_touched++] = at[i];
		g->sum[at[i]] += 1 / sqrtf((float)n);
	}
}

void grams_close(struct grams *g)
{
	float square = 0;
	for (uint32_t i = 0; i < g->n_touched; i++)
		square += g->sum[g->touched[i]] * g->sum[g->touched[i]];
	g->norm = square > 0 ? 1 / sqrtf(square) : 0;
}

float grams_likeness(const struct grams *g, struct span title)
{
	uint16_t at[GRAMS_MAX];
	uint32_t n = g->norm > 0 ? grams_of(title, at) : 0;
	float sum = 0;
	for (uint32_t i = 0; i < n; i++)
		sum += g->sum[at[i]];
	return n ? sum * g->norm / sqrtf((float)n) : 0;
}
