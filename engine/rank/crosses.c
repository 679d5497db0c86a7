/* Crosses: where the weight of a pair of facts stands in a model's hashed table. */
#include <math.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/rank/columns.h"

/* A quarter of a unit of ln is one step, cut at 20 steps either way. */
static uint64_t ctr_step(float ctr)
{
	float steps = ctr * 4 + 32;
	return (uint64_t)(steps < 12 ? 12 : steps > 52 ? 52 : steps);
}

/* Twice the binary logarithm, rounded down. */
static uint64_t length_step(uint64_t n)
{
	return n < 4 ? n : 63 - (uint64_t)__builtin_clzll(n * n);
}

void rank_crosses_prepare(struct crosses *c, const struct model *m, const struct example *e, uint32_t mask)
{
	c->example = e;
	c->mask = mask;
	memcpy(c->on, m->learn.crosses, sizeof(c->on));
	c->hour = (uint64_t)(e->at_ms / 3600000) % 24;
	c->length_step = length_step(e->n_listed);
	memset(c->sections, 0, sizeof(c->sections));
}

static inline uint32_t slot_of(uint32_t mask, enum cross kind, uint64_t a, uint64_t b)
{
	const uint64_t of_kind = ((uint64_t)kind + 1) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(hash_mix64((a << 32 | b) + of_kind) >> 32) & mask;
}

/* Where a section's two slots are in c. */
static inline size_t find_section(struct crosses *c, uint32_t section)
{
	const size_t at = section % CROSS_SECTIONS;
	if (c->sections[at] != section) {
		c->sections[at] = section;
		c->top_at[at] = slot_of(c->mask, CROSS_SECTION_TOP, section, c->example->top_section);
		c->hour_at[at] = slot_of(c->mask, CROSS_SECTION_HOUR, section, c->hour);
	}
	return at;
}

struct slots {
	uint32_t *out;
	uint8_t *kind;                /* NULL: not asked for */
	const _Atomic float *weights; /* that are to be on their way from memory; NULL: none are */
	size_t n;
};

static inline void put(struct slots *l, enum cross kind, uint32_t at)
{
	if (l->kind)
		l->kind[l->n] = (uint8_t)kind;
	if (l->weights)
		__builtin_prefetch(&l->weights[at]);
	l->out[l->n++] = at;
}

static inline __attribute__((always_inline)) void find_slots(struct crosses *c, size_t slot, struct slots *l)
{
	const struct example_slot *s = &c->example->slots[slot];
	const float *x = c->example->columns + slot * c->example->n_columns;
	const uint32_t mask = c->mask;
	if (c->on[CROSS_STORY])
		put(l, CROSS_STORY, slot_of(mask, CROSS_STORY, s->article, 0));
	if (s->section) {
		const size_t at = find_section(c, s->section);
		if (c->on[CROSS_SECTION_TOP])
			put(l, CROSS_SECTION_TOP, c->top_at[at]);
		if (c->on[CROSS_SECTION_HOUR])
			put(l, CROSS_SECTION_HOUR, c->hour_at[at]);
	}
	if (c->on[CROSS_RANK_LENGTH])
		put(l, CROSS_RANK_LENGTH, slot_of(mask, CROSS_RANK_LENGTH, s->ctr_rank < 20 ? s->ctr_rank : 20, c->length_step));
	if (c->on[CROSS_CTR_SHOWS]) {
		const uint64_t n_shows = (uint64_t)lrintf(2 * x[COLUMN_SEEN]);
		put(l, CROSS_CTR_SHOWS, slot_of(mask, CROSS_CTR_SHOWS, ctr_step(x[COLUMN_CTR + 3]), n_shows));
	}
	const size_t n_words = !c->on[CROSS_WORD] ? 0 : s->n_words < CROSS_WORDS ? s->n_words : CROSS_WORDS;
	for (size_t i = 0; i < n_words; i++)
		put(l, CROSS_WORD, slot_of(mask, CROSS_WORD, s->words[i], 0));
}

size_t rank_crosses(struct crosses *c, size_t slot, uint32_t out[CROSS_SLOTS_MAX], uint8_t kind[CROSS_SLOTS_MAX])
{
	struct slots l = {0};
	l.out = out;
	l.kind = kind;
	find_slots(c, slot, &l);
	return l.n;
}

enum { AT_ONCE = 16 };

/* Slots of some stories. */
struct some {
	uint32_t at[AT_ONCE][CROSS_SLOTS_MAX];
	size_t n[AT_ONCE];
};

static void find_some(struct crosses *c, const _Atomic float *weights, size_t first, struct some *out)
{
	for (size_t i = 0; i < AT_ONCE && first + i < c->example->n; i++) {
		struct slots l = {.out = out->at[i], .weights = weights};
		find_slots(c, first + i, &l);
		out->n[i] = l.n;
	}
}

/* The weights lie all over a large table: those of the stories to come are on their way while some are added up. */
void rank_crosses_sum(struct crosses *c, const _Atomic float *weights, float *sums)
{
	struct some some[2];
	find_some(c, weights, 0, &some[0]);
	for (size_t first = 0; first < c->example->n; first += AT_ONCE) {
		const struct some *now = &some[first / AT_ONCE % 2];
		find_some(c, weights, first + AT_ONCE, &some[(first / AT_ONCE + 1) % 2]);
		for (size_t i = 0; i < AT_ONCE && first + i < c->example->n; i++) {
			float sum = 0;
			for (size_t k = 0; k < now->n[i]; k++)
				sum += atomic_load_explicit(&weights[now->at[i][k]], memory_order_acquire);
			sums[first + i] = sum;
		}
	}
}
