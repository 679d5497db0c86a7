/* The state is one flat struct of whole pages, so that saving it is copying those that changed.
 *
 * A pass goes over the documents in the order of their places and adds to sums[] what each says, with the directions that
 * the pass before found: sums = X' X words. At its end sums are made orthonormal (Cholesky of their Gram matrix), which
 * gives the next words[], and the space that workers see. The rows of words not met in a pass become 0 and come back as
 * soon as they are met: documents place them. */
#include "engine/learn/kin.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = KIN_DIMS + 1, PER_PAGE = 4 };
enum { CLEAN, CHANGED, TAKEN };
#define LN_2 0.69314718f

struct document {
	uint64_t user; /* 0: none */
	uint16_t n, n_reads;
	uint16_t rows[KIN_DOCUMENT_MAX];
	uint8_t unused[KIN_PAGE_BYTES / PER_PAGE - 12 - 2 * KIN_DOCUMENT_MAX];
};

struct head {
	uint32_t cursor; /* of the pass under way: the next place to look at */
	uint32_t begun;  /* 0: there is no pass yet */
	float mean[WIDTH];
	uint64_t number;
	uint8_t unused[KIN_PAGE_BYTES - 16 - 4 * WIDTH];
};

struct state {
	struct head head;
	float words[KIN_ROWS][WIDTH];
	float sums[KIN_ROWS][WIDTH];
	struct document documents[KIN_DOCUMENTS];
	int16_t rows[KIN_ROWS][WIDTH]; /* of the space */
	float rarity[KIN_ROWS];        /* as of the beginning of the pass */
};
enum {
	N_PAGES = sizeof(struct state) / KIN_PAGE_BYTES,
	PAGE_WORDS = offsetof(struct state, words) / KIN_PAGE_BYTES,
	PAGE_SUMS = offsetof(struct state, sums) / KIN_PAGE_BYTES,
	PAGE_DOCUMENTS = offsetof(struct state, documents) / KIN_PAGE_BYTES,
	PAGE_ROWS = offsetof(struct state, rows) / KIN_PAGE_BYTES,
	PAGE_RARITY = offsetof(struct state, rarity) / KIN_PAGE_BYTES
};
_Static_assert(sizeof(struct head) == KIN_PAGE_BYTES && sizeof(struct document) * PER_PAGE == KIN_PAGE_BYTES &&
                   sizeof(struct state) % KIN_PAGE_BYTES == 0,
               "parts are whole pages");

struct kin {
	struct state *state;
	uint8_t pages[N_PAGES];
	size_t next_page;
	/* Of the documents: */
	size_t n_documents, n_reads;
	uint32_t df[KIN_ROWS], total[KIN_ROWS]; /* documents that hold a word of the row; how often they do */
	uint16_t count[KIN_ROWS]; /* scratch of one document, zeros between */
	struct kin_space space;
};

/* Before anything is learnt: directions at random, the same each time. */
static void scatter(struct state *s)
{
	for (size_t r = 0; r < KIN_ROWS; r++)
		for (size_t d = 0; d < WIDTH; d++)
			s->words[r][d] = (float)(int64_t)(hash_mix64(r * WIDTH + d + 1) >> 40) / (1 << 23) - 1;
}

int kin_new(struct kin **out)
{
	struct kin *k = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	k->state = aligned_alloc(KIN_PAGE_BYTES, sizeof(*k->state));
	if (!k->state) {
		free(k);
		return -ENOMEM;
	}
	memset(k->state, 0, sizeof(*k->state));
	scatter(k->state);
	*out = k;
	return 0;
}

void kin_free(struct kin *k)
{
	if (k)
		free(k->state);
	free(k);
}

size_t kin_bytes(void)
{
	return sizeof(struct kin) + sizeof(struct state) + sizeof(struct kin_space); /* the last as published */
}

static void mark(struct kin *k, size_t first, size_t n)
{
	memset(k->pages + first, CHANGED, n);
}

/* ---- documents ---- */

/* by: 1 to count a document, -1 to count it no more. */
static void count(struct kin *k, const struct document *d, int by)
{
	for (size_t i = 0; i < d->n; i++) {
		k->total[d->rows[i]] += (uint32_t)by;
		if (k->count[d->rows[i]]++ == 0)
			k->df[d->rows[i]] += (uint32_t)by;
	}
	for (size_t i = 0; i < d->n; i++)
		k->count[d->rows[i]] = 0;
	k->n_documents += (size_t)by;
	k->n_reads += (size_t)by * d->n_reads;
}

static struct document *document_of(struct kin *k, uint64_t user)
{
	return &k->state->documents[hash_mix64(user) % KIN_DOCUMENTS];
}

static void clear(struct kin *k, struct document *d)
{
	if (d->user == 0)
		return;
	count(k, d, -1);
	memset(d, 0, sizeof(*d));
	mark(k, PAGE_DOCUMENTS + (size_t)(d - k->state->documents) / PER_PAGE, 1);
}

static void put(struct kin *k, uint64_t user, const uint16_t *rows, size_t n, size_t n_reads)
{
	struct document *d = document_of(k, user);
	clear(k, d);
	if (n == 0)
		return;
	d->user = user;
	d->n = (uint16_t)(n < KIN_DOCUMENT_MAX ? n : KIN_DOCUMENT_MAX);
	d->n_reads = (uint16_t)(n_reads < KIN_READS ? n_reads : KIN_READS);
	for (size_t i = 0; i < d->n; i++)
		d->rows[i] = rows[i] % KIN_ROWS;
	count(k, d, 1);
	mark(k, PAGE_DOCUMENTS + (size_t)(d - k->state->documents) / PER_PAGE, 1);
}

void kin_forget(struct kin *k, uint64_t user)
{
	struct document *d = document_of(k, user);
	if (user && d->user == user)
		clear(k, d);
}

/* ---- a pass ---- */

static void take_rarities(struct kin *k)
{
	for (size_t r = 0; r < KIN_ROWS; r++)
		k->state->rarity[r] =
			k->df[r] < KIN_LEAST ? 0 : logf(1 + (float)k->n_documents / (1 + (float)k->df[r]));
	mark(k, PAGE_RARITY, N_PAGES - PAGE_RARITY);
}

/* sums += x (x' words) / |x|^2 for one document x. */
static void add_document(struct kin *k, const struct document *d)
{
	uint16_t rows[KIN_DOCUMENT_MAX];
	float x[KIN_DOCUMENT_MAX], at[WIDTH] = {0}, square = 0;
	size_t n = 0, n_kept = 0;
	struct state *s = k->state;
	for (size_t i = 0; i < d->n; i++)
		if (k->count[d->rows[i]]++ == 0)
			rows[n++] = d->rows[i];
	for (size_t i = 0; i < n; i++) {
		const uint16_t row = rows[i], times = k->count[row];
		k->count[row] = 0;
		if (s->rarity[row] == 0)
			continue;
		const float weight = s->rarity[row] * (times == 1 ? LN_2 : log1pf((float)times));
		rows[n_kept] = row;
		x[n_kept++] = weight;
		square += weight * weight;
		for (size_t j = 0; j < WIDTH; j++)
			at[j] += weight * s->words[row][j];
	}
	for (size_t i = 0; i < n_kept; i++) {
		const float part = x[i] / square;
		for (size_t j = 0; j < WIDTH; j++)
			s->sums[rows[i]][j] += part * at[j];
		mark(k, PAGE_SUMS + rows[i] * sizeof(s->sums[0]) / KIN_PAGE_BYTES, 1);
	}
}

/* The lower triangle L of sums' sums = L L'. Directions that are nothing but rounding get a pivot of 0. */
static void factor_sums(const struct state *s, double lower[WIDTH][WIDTH])
{
	double gram[WIDTH][WIDTH] = {{0}};
	for (size_t r = 0; r < KIN_ROWS; r++)
		for (size_t i = 0; i < WIDTH; i++)
			for (size_t j = 0; j <= i; j++)
				gram[i][j] += (double)s->sums[r][i] * (double)s->sums[r][j];
	for (size_t i = 0; i < WIDTH; i++)
		for (size_t j = 0; j <= i; j++) {
			double left = gram[i][j];
			for (size_t k = 0; k < j; k++)
				left -= lower[i][k] * lower[j][k];
			if (i == j)
				lower[i][i] = left > 1e-9 * gram[i][i] ? sqrt(left) : 0;
			else
				lower[i][j] = lower[j][j] > 0 ? left / lower[j][j] : 0;
		}
}

/* words = sums L'^-1: the same directions, orthonormal, each new one of what the ones before it leave. */
static void solve_words(struct state *s, double lower[WIDTH][WIDTH])
{
	for (size_t r = 0; r < KIN_ROWS; r++)
		for (size_t i = 0; i < WIDTH; i++) {
			double left = (double)s->sums[r][i];
			for (size_t k = 0; k < i; k++)
				left -= lower[i][k] * (double)s->words[r][k];
			s->words[r][i] = lower[i][i] > 0 ? (float)(left / lower[i][i]) : 0;
		}
}

/* Each row's direction without the first, and the mean of all reads. A row that lies in the first is left with rounding. */
static void make_space(struct kin *k)
{
	struct kin_space *out = &k->space;
	struct state *s = k->state;
	double mean[WIDTH] = {0};
	for (size_t r = 0; r < KIN_ROWS; r++) {
		double first = (double)s->words[r][0], square = 0;
		for (size_t d = 1; d < WIDTH; d++)
			square += (double)s->words[r][d] * (double)s->words[r][d];
		double scale = square > 1e-8 * first * first ? fmin(256 * (double)s->rarity[r], 4095) / sqrt(square) : 0;
		for (size_t d = 0; d < KIN_DIMS; d++) {
			out->rows[r][d] = (int16_t)lrint((double)s->words[r][d + 1] * scale);
			mean[d] += (double)k->total[r] * out->rows[r][d];
		}
	}
	for (size_t d = 0; d < KIN_DIMS; d++)
		out->mean[d] = (float)(k->n_reads > 0 ? mean[d] / (double)k->n_reads : 0);
	out->number = ++s->head.number;
	memcpy(s->head.mean, out->mean, sizeof(out->mean));
	memcpy(s->rows, out->rows, sizeof(s->rows));
}

static void end_pass(struct kin *k)
{
	struct state *s = k->state;
	double lower[WIDTH][WIDTH] = {{0}};
	factor_sums(s, lower);
	if (lower[0][0] > 0) { /* else nothing was met: no word stands in documents enough */
		solve_words(s, lower);
		make_space(k);
		mark(k, PAGE_WORDS, PAGE_SUMS - PAGE_WORDS);
		mark(k, PAGE_ROWS, PAGE_RARITY - PAGE_ROWS);
	}
	memset(s->sums, 0, sizeof(s->sums));
	mark(k, PAGE_SUMS, PAGE_DOCUMENTS - PAGE_SUMS);
	s->head.cursor = 0;
	take_rarities(k);
}

static void go_on(struct kin *k)
{
	struct state *s = k->state;
	for (size_t n = 0; n < KIN_AGAIN;) {
		const struct document *d = &s->documents[s->head.cursor++];
		if (d->user) {
			add_document(k, d);
			n++;
		}
		if (s->head.cursor == KIN_DOCUMENTS) {
			end_pass(k);
			break; /* the rest of a turn is not worth a second pass where documents are few */
		}
	}
	mark(k, 0, 1);
}

void kin_learn(struct kin *k, uint64_t user, const uint16_t *rows, size_t n, size_t n_reads)
{
	if (user == 0)
		return;
	put(k, user, rows, n, n_reads);
	if (!k->state->head.begun && k->n_documents >= KIN_FEWEST) {
		k->state->head.begun = 1;
		take_rarities(k);
	}
	if (k->state->head.begun)
		go_on(k);
}

const struct kin_space *kin_space(const struct kin *k)
{
	return k->space.number ? &k->space : NULL;
}

void kin_place(const struct kin_space *s, const uint32_t *words, size_t n, float out[KIN_DIMS + 1])
{
	int16_t sum[WIDTH] = {0}; /* of at most KIN_WORDS rows within 4095 */
	float square = 0;
	bool any = false;
	for (size_t i = 0; i < n; i++) {
		const int16_t *row = s->rows[kin_row(words[i])];
		for (size_t d = 0; d < WIDTH; d++)
			sum[d] = (int16_t)(sum[d] + row[d]);
	}
	for (size_t d = 0; d < WIDTH; d++) {
		any |= sum[d] != 0;
		out[d] = (float)sum[d] - s->mean[d];
		square += out[d] * out[d];
	}
	float scale = any && square > 0 ? 1 / sqrtf(square) : 0;
	for (size_t d = 0; d < WIDTH; d++)
		out[d] *= scale;
}

/* ---- checkpoints ---- */

size_t kin_n_pages(void)
{
	return N_PAGES;
}

int64_t kin_take_page(struct kin *k, uint8_t out[KIN_PAGE_BYTES])
{
	for (; k->next_page < N_PAGES; k->next_page++)
		if (k->pages[k->next_page] == CHANGED) {
			k->pages[k->next_page] = TAKEN;
			memcpy(out, (const uint8_t *)k->state + k->next_page * KIN_PAGE_BYTES, KIN_PAGE_BYTES);
			return (int64_t)k->next_page++;
		}
	return -1;
}

void kin_taken_kept(struct kin *k, bool kept)
{
	for (size_t i = 0; i < N_PAGES; i++)
		if (k->pages[i] == TAKEN)
			k->pages[i] = kept ? CLEAN : CHANGED;
	k->next_page = 0;
}

int kin_load_page(struct kin *k, uint64_t page, struct span bytes)
{
	if (page >= N_PAGES || bytes.len != KIN_PAGE_BYTES)
		return 1;
	memcpy((uint8_t *)k->state + page * KIN_PAGE_BYTES, bytes.data, KIN_PAGE_BYTES);
	return 0;
}

static bool is_zero(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i])
			return false;
	return true;
}

static bool is_sound(struct kin *k, const struct document *d)
{
	bool sound = d->n <= KIN_DOCUMENT_MAX && d->n_reads <= KIN_READS && (d->user == 0) == (d->n == 0) &&
	             (d->user == 0 || d == document_of(k, d->user)) && is_zero(d->unused, sizeof(d->unused));
	for (size_t w = 0; sound && w < d->n; w++)
		sound = d->rows[w] < KIN_ROWS;
	return sound;
}

static bool within(double x, double limit)
{
	return x >= -limit && x <= limit; /* not when x is no number */
}

/* Directions have length 1, and a document adds no more than that. */
static bool rows_are_sound(const struct state *s)
{
	bool sound = true;
	for (size_t r = 0; r < KIN_ROWS && sound; r++) {
		sound = s->rarity[r] >= 0 && s->rarity[r] < 10;
		for (size_t d = 0; sound && d < WIDTH; d++)
			sound = within((double)s->words[r][d], 1.01) && within((double)s->sums[r][d], KIN_DOCUMENTS) &&
			        within(s->rows[r][d], 4095);
	}
	return sound;
}

int kin_loaded(struct kin *k)
{
	struct state *s = k->state;
	bool sound = s->head.cursor < KIN_DOCUMENTS && s->head.begun <= 1 &&
	             is_zero(s->head.unused, sizeof(s->head.unused)) && rows_are_sound(s);
	for (size_t d = 0; d < WIDTH; d++)
		sound = sound && within((double)s->head.mean[d], 4095.0 * KIN_DOCUMENT_MAX);
	for (size_t i = 0; i < KIN_DOCUMENTS && sound; i++)
		sound = is_sound(k, &s->documents[i]);
	if (!sound)
		return 1;
	for (size_t i = 0; i < KIN_DOCUMENTS; i++)
		if (s->documents[i].user)
			count(k, &s->documents[i], 1);
	k->space.number = s->head.number;
	memcpy(k->space.mean, s->head.mean, sizeof(s->head.mean));
	memcpy(k->space.rows, s->rows, sizeof(s->rows));
	return 0;
}
