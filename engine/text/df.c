/* Document frequency by a count-min sketch with two probes and conservative update (Estan and Varghese 2002), decayed
 * forward (Cormode et al. 2009): a count added at time t weighs 2^((t - t0) / half-life), so that nothing is touched as
 * time passes; a reader divides by the weight of its own now. Past REBASE_LIMIT half-lives the one writer moves t0 and
 * scales every counter. A reader then may see both scales for a moment, and some weights are off for one article:
 * this happens once in three years.
 *
 * Counters are floats behind relaxed atomics: each stands alone, nothing is published through them. */
#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "engine/base/hash.h"
#include "engine/text/text_internal.h"

enum { CELLS_PER_BLOCK = TEXT_DF_BLOCK_BYTES / 4, N_CELLS = TEXT_DF_BLOCKS * CELLS_PER_BLOCK, REBASE_LIMIT = 40 };

static const double half_life_ms = 30.0 * 24 * 3600 * 1000;

struct text_df {
	_Atomic int64_t t0_ms; /* 0 until the first article */
	_Atomic double total;  /* articles, in weights of t0 */
	uint64_t changed[TEXT_DF_BLOCKS / 64]; /* the writer's: bit per block */
	_Atomic float cell[N_CELLS];
};

_Static_assert((N_CELLS & (N_CELLS - 1)) == 0, "probes are masked");

/* Before anything is counted a term is as rare as one in this many articles. */
static const double prior_articles = 1000;

int text_df_new(struct text_df **out)
{
	struct text_df *df = calloc(1, sizeof(*df));
	if (!df)
		return -ENOMEM;
	*out = df;
	return 0;
}

void text_df_free(struct text_df *df)
{
	free(df);
}

static double weight_at(int64_t t0_ms, int64_t now_ms)
{
	return exp2(((double)now_ms - (double)t0_ms) / half_life_ms);
}

static void probes(uint32_t key, uint32_t cells[2])
{
	uint64_t h = hash_mix64(key + UINT64_C(0x9e3779b97f4a7c15));
	cells[0] = (uint32_t)h & (N_CELLS - 1);
	cells[1] = (uint32_t)(h >> 32) & (N_CELLS - 1);
}

static float cell_load(const struct text_df *df, uint32_t i)
{
	return atomic_load_explicit(&df->cell[i], memory_order_relaxed);
}

static void cell_store(struct text_df *df, uint32_t i, float value)
{
	atomic_store_explicit(&df->cell[i], value, memory_order_relaxed);
	uint32_t block = i / CELLS_PER_BLOCK;
	df->changed[block / 64] |= UINT64_C(1) << (block % 64);
}

static void rebase(struct text_df *df, int64_t t0_ms, int64_t now_ms)
{
	double factor = 1 / weight_at(t0_ms, now_ms);
	for (uint32_t i = 0; i < N_CELLS; i++) {
		float value = cell_load(df, i);
		if (value != 0)
			cell_store(df, i, (float)(value * factor));
	}
	double total = atomic_load_explicit(&df->total, memory_order_relaxed);
	atomic_store_explicit(&df->total, total * factor, memory_order_relaxed);
	atomic_store_explicit(&df->t0_ms, now_ms, memory_order_relaxed);
}

void text_df_add(struct text_df *df, const uint32_t *terms, size_t n_terms, int64_t now_ms)
{
	int64_t t0_ms = atomic_load_explicit(&df->t0_ms, memory_order_relaxed);
	if (t0_ms == 0) {
		t0_ms = now_ms > 0 ? now_ms : 1;
		atomic_store_explicit(&df->t0_ms, t0_ms, memory_order_relaxed);
	}
	if ((double)now_ms - (double)t0_ms > REBASE_LIMIT * half_life_ms) {
		rebase(df, t0_ms, now_ms);
		t0_ms = now_ms;
	}
	double weight = weight_at(t0_ms, now_ms);
	double total = atomic_load_explicit(&df->total, memory_order_relaxed);
	atomic_store_explicit(&df->total, total + weight, memory_order_relaxed);
	for (size_t i = 0; i < n_terms; i++) {
		uint32_t at[2];
		probes(terms[i], at);
		float a = cell_load(df, at[0]), b = cell_load(df, at[1]);
		float next = (float)(fminf(a, b) + weight);
		if (a < next)
			cell_store(df, at[0], next);
		if (b < next)
			cell_store(df, at[1], next);
	}
}

double text_df_total(const struct text_df *df, int64_t now_ms)
{
	if (!df)
		return 0;
	int64_t t0_ms = atomic_load_explicit(&df->t0_ms, memory_order_relaxed);
	double total = atomic_load_explicit(&df->total, memory_order_relaxed) / weight_at(t0_ms, now_ms);
	return t0_ms && isfinite(total) ? total : 0;
}

double text_df_count(const struct text_df *df, uint32_t key, int64_t now_ms)
{
	if (!df)
		return 0;
	int64_t t0_ms = atomic_load_explicit(&df->t0_ms, memory_order_relaxed);
	if (t0_ms == 0)
		return 0;
	uint32_t at[2];
	probes(key, at);
	double count = fminf(cell_load(df, at[0]), cell_load(df, at[1])) / weight_at(t0_ms, now_ms);
	return isfinite(count) ? count : 0;
}

/* The header is int64 t0_ms, double total, 16 zero bytes; a block is its floats. All little-endian. */
void text_df_save_header(const struct text_df *df, uint8_t out[TEXT_DF_HEADER_BYTES])
{
	int64_t t0_ms = atomic_load_explicit(&df->t0_ms, memory_order_relaxed);
	double total = atomic_load_explicit(&df->total, memory_order_relaxed);
	memset(out, 0, TEXT_DF_HEADER_BYTES);
	memcpy(out, &t0_ms, 8);
	memcpy(out + 8, &total, 8);
}

int text_df_take_block(struct text_df *df, uint8_t out[TEXT_DF_BLOCK_BYTES])
{
	for (unsigned word = 0; word < TEXT_DF_BLOCKS / 64; word++) {
		if (df->changed[word] == 0)
			continue;
		unsigned bit = (unsigned)__builtin_ctzll(df->changed[word]);
		uint32_t block = word * 64 + bit;
		for (uint32_t i = 0; i < CELLS_PER_BLOCK; i++) {
			float value = cell_load(df, block * CELLS_PER_BLOCK + i);
			memcpy(out + i * 4, &value, 4);
		}
		df->changed[word] &= df->changed[word] - 1;
		return (int)block;
	}
	return -1;
}

void text_df_untake(struct text_df *df)
{
	memset(df->changed, 0xff, sizeof(df->changed));
}

int text_df_load_header(struct text_df *df, struct span bytes)
{
	int64_t t0_ms;
	double total;
	if (bytes.len != TEXT_DF_HEADER_BYTES)
		return 1;
	memcpy(&t0_ms, bytes.data, 8);
	memcpy(&total, bytes.data + 8, 8);
	if (!isfinite(total) || total < 0 || t0_ms < 0)
		return 1;
	atomic_store_explicit(&df->t0_ms, t0_ms, memory_order_relaxed);
	atomic_store_explicit(&df->total, total, memory_order_relaxed);
	return 0;
}

int text_df_load_block(struct text_df *df, unsigned block, struct span bytes)
{
	float values[CELLS_PER_BLOCK];
	if (block >= TEXT_DF_BLOCKS || bytes.len != TEXT_DF_BLOCK_BYTES)
		return 1;
	memcpy(values, bytes.data, sizeof(values));
	for (uint32_t i = 0; i < CELLS_PER_BLOCK; i++)
		if (!isfinite(values[i]) || values[i] < 0)
			return 1;
	for (uint32_t i = 0; i < CELLS_PER_BLOCK; i++)
		atomic_store_explicit(&df->cell[block * CELLS_PER_BLOCK + i], values[i], memory_order_relaxed);
	return 0;
}

/* ---- what a term is counted under, and what it weighs ---- */

uint32_t text_df_key(uint64_t language_seed, uint32_t term_hash)
{
	return (uint32_t)(hash_mix64(language_seed + term_hash) >> 32);
}

double text_idf(double n_articles, double n_with_term)
{
	return log(1 + (n_articles + prior_articles) / (n_with_term + 1));
}
