/* Where the weights of crosses stand in the table. Of a whole list the keys are written down first and hashed together, in
 * vectors. */
#include "engine/rank/crosses.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "engine/rank/columns.h"
#include "engine/rank/kernels.h"

const char *const rank_cross_names[N_CROSSES] = {
	[CROSS_STORY] = "story", [CROSS_SECTION_TOP] = "section_top", [CROSS_SECTION_HOUR] = "section_hour",
	[CROSS_RANK_LENGTH] = "rank_length", [CROSS_CTR_SHOWS] = "ctr_shows", [CROSS_WORD] = "word"};

/* A quarter of a unit of ln is one step, cut at 20 steps either way. */
static uint32_t ctr_step(float ctr)
{
	float steps = ctr * 4 + 32;
	return (uint32_t)(steps < 12 ? 12 : steps > 52 ? 52 : steps);
}

/* Twice the binary logarithm, rounded down. */
static uint32_t length_step(uint64_t n)
{
	return (uint32_t)(n < 4 ? n : 63 - (uint64_t)__builtin_clzll(n * n));
}

/* What is hashed: one fact, and a fact of which another was hashed before. */
static uint32_t key_of(enum cross kind, uint32_t fact)
{
	return fact + ((uint32_t)kind + 1) * 0x9e3779b1u;
}

static uint32_t key_of_pair(enum cross kind, uint32_t fact, uint32_t other)
{
	return kernel_mix(key_of(kind, fact)) + other;
}

void rank_crosses_prepare(struct crosses *c, const struct model *m, const struct example *e, uint32_t mask)
{
	c->example = e;
	c->mask = mask;
	memcpy(c->on, m->learn.crosses, sizeof(c->on));
	c->hour = (uint32_t)((uint64_t)(e->at_ms / 3600000) % 24);
	c->length_step = length_step(e->n_listed);
}

struct keys {
	uint32_t *out;
	uint8_t *kind; /* NULL: not asked for */
	size_t n;
};

static inline void put(struct keys *l, enum cross kind, uint32_t key)
{
	if (l->kind)
		l->kind[l->n] = (uint8_t)kind;
	l->out[l->n++] = key;
}

static inline void put_section(const struct crosses *c, uint32_t section, struct keys *l)
{
	if (section && c->on[CROSS_SECTION_TOP])
		put(l, CROSS_SECTION_TOP, key_of_pair(CROSS_SECTION_TOP, section, c->example->top_section));
	if (section && c->on[CROSS_SECTION_HOUR])
		put(l, CROSS_SECTION_HOUR, key_of_pair(CROSS_SECTION_HOUR, section, c->hour));
}

static size_t n_words_of(const struct crosses *c, size_t slot)
{
	const size_t n = c->example->slots[slot].n_words;
	return n < CROSS_WORDS ? n : CROSS_WORDS;
}

/* All that a story does not share with its section: as many for each, with CROSS_WORDS words at the end whether it
 * has as many or not. */
static inline __attribute__((always_inline)) void put_story(const struct crosses *c, size_t slot, struct keys *l)
{
	const struct example_slot *s = &c->example->slots[slot];
	const float *x = c->example->columns + slot * c->example->n_columns;
	if (c->on[CROSS_STORY])
		put(l, CROSS_STORY, key_of(CROSS_STORY, s->article));
	if (c->on[CROSS_RANK_LENGTH])
		put(l, CROSS_RANK_LENGTH, key_of_pair(CROSS_RANK_LENGTH, s->ctr_rank < 20 ? s->ctr_rank : 20, c->length_step));
	if (c->on[CROSS_CTR_SHOWS]) {
		const uint32_t n_shows = (uint32_t)lrintf(2 * x[COLUMN_SEEN]);
		put(l, CROSS_CTR_SHOWS, key_of_pair(CROSS_CTR_SHOWS, ctr_step(x[COLUMN_CTR + 3]), n_shows));
	}
	for (size_t i = 0; c->on[CROSS_WORD] && i < CROSS_WORDS; i++)
		put(l, CROSS_WORD, key_of(CROSS_WORD, s->words[i]));
}

size_t rank_crosses(const struct crosses *c, size_t slot, uint32_t out[CROSS_SLOTS_MAX], uint8_t kind[CROSS_SLOTS_MAX])
{
	struct keys l = {.out = out};
	l.kind = kind;
	put_section(c, c->example->slots[slot].section, &l);
	put_story(c, slot, &l);
	l.n -= c->on[CROSS_WORD] ? CROSS_WORDS - n_words_of(c, slot) : 0;
	kernels_best()->mix(out, l.n, c->mask);
	return l.n;
}

static float weight_at(const _Atomic float *weights, uint32_t at)
{
	return atomic_load_explicit(&weights[at], memory_order_acquire);
}

/* The sum of a section's two weights, which is looked up once where no other section comes to the same place. */
struct section_sums {
	uint32_t section[CROSS_SECTIONS]; /* 0: free */
	float sum[CROSS_SECTIONS];
};

static inline float sum_section(const struct crosses *c, const _Atomic float *weights, uint32_t section,
                                struct section_sums *of)
{
	const size_t place = section % CROSS_SECTIONS;
	if (section == 0)
		return 0;
	if (of->section[place] != section) {
		uint32_t at[2];
		struct keys l = {.out = at};
		put_section(c, section, &l);
		of->section[place] = section;
		of->sum[place] = 0;
		for (size_t k = 0; k < l.n; k++)
			of->sum[place] += weight_at(weights, kernel_mix(at[k]) & c->mask);
	}
	return of->sum[place];
}

/* The weights lie all over a large table: those of the stories to come are on their way while some are added up.
 * Without a branch for words that are not there: which stories have fewer is anyone's guess. */
int rank_crosses_sum(const struct crosses *c, const _Atomic float *weights, struct arena *arena, float *sums)
{
	enum { AHEAD = 48 /* keys */ };
	static const float counts[CROSS_WORDS + 1][CROSS_WORDS] = {{0}, {1}, {1, 1}, {1, 1, 1}, {1, 1, 1, 1}};
	const bool words = c->on[CROSS_WORD];
	const size_t n = c->example->n;
	struct section_sums sections;
	uint32_t *keys = arena_alloc(arena, (n * CROSS_SLOTS_MAX + AHEAD) * sizeof(*keys));
	struct keys l = {.out = keys};
	if (!keys)
		return -ENOMEM;
	memset(sections.section, 0, sizeof(sections.section));
	for (size_t i = 0; i < n; i++)
		put_story(c, i, &l);
	memset(keys + l.n, 0, AHEAD * sizeof(*keys));
	kernels_best()->mix(keys, l.n, c->mask);
	for (size_t k = 0; k < AHEAD; k++)
		__builtin_prefetch(&weights[keys[k]]);
	const size_t n_others = n > 0 ? l.n / n - (words ? CROSS_WORDS : 0) : 0;
	for (size_t i = 0; i < n; i++) {
		float sum = sum_section(c, weights, c->example->slots[i].section, &sections);
		for (size_t k = 0; k < n_others; k++, keys++) {
			__builtin_prefetch(&weights[keys[AHEAD]]);
			sum += weight_at(weights, *keys);
		}
		const float *count = words ? counts[n_words_of(c, i)] : NULL;
		for (size_t k = 0; words && k < CROSS_WORDS; k++, keys++) {
			__builtin_prefetch(&weights[keys[AHEAD]]);
			sum += weight_at(weights, *keys) * count[k];
		}
		sums[i] = sum;
	}
	return 0;
}
_Static_assert(CROSS_WORDS == 4, "counts of each");
