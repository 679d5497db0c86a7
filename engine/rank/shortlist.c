/* A shortlist: its columns measured, summed up, scored and brought into the model's order. */
#include "engine/rank/shortlist.h"

#include <assert.h>
#include <errno.h>
#include <math.h>

#include "engine/rank/shortlist_internal.h"

/* ---- the list ---- */

/* How many of the list have a higher click-through. */
static int rank_by_ctr(const struct kernels *kernels, struct example *e, struct arena *arena)
{
	float *ctr = arena_alloc(arena, e->n * sizeof(*ctr) + 1);
	uint16_t *ranks = arena_alloc(arena, e->n * sizeof(*ranks) + 1);
	if (!ctr || !ranks)
		return -ENOMEM;
	for (size_t i = 0; i < e->n; i++)
		ctr[i] = e->columns[i * e->n_columns + COLUMN_CTR + 3];
	kernels->ranks(ctr, e->n, ranks);
	for (size_t i = 0; i < e->n; i++)
		e->slots[i].ctr_rank = ranks[i];
	return 0;
}

int rank_shortlist(struct rank_scratch *s, const struct catalog *c, const struct rank_request *request,
                   const struct rank_stage_two *two, const struct rank_item *items, size_t n, struct arena *arena,
                   struct example **out)
{
	struct reading *g = s->reading;
	struct example *e = example_new(arena, n, N_COLUMNS);
	int r = e ? reading_prepare(g, c, request, two, n) : -ENOMEM;
	if (r < 0)
		return r;
	e->user = two->user;
	e->at_ms = request->now_ms;
	e->top_section = g->top_section;
	e->n_listed = (uint16_t)n;
	for (size_t i = 0; i < g->n_reads && i < EXAMPLE_RECENT; i++)
		e->recent[e->n_recent++] = g->reads[i].article;
	reading_document(g, e);
	r = shortlist_measure(g, e, items, arena);
	if (r < 0)
		return r;
	if (n > 0)
		g->kernels->moments(e->columns, n, N_COLUMNS, e->mean, e->deviation);
	r = rank_by_ctr(g->kernels, e, arena);
	if (r == 0)
		*out = e;
	return r;
}

/* ---- scores ---- */

size_t rank_parts(const struct model *m, const struct rank_stage_two *two, struct rank_part out[MODEL_MEMBERS_MAX])
{
	if (m->kind != MODEL_ENSEMBLE) {
		out[0] = (struct rank_part){m, two->learned, 1};
		return 1;
	}
	for (size_t i = 0; i < m->n_members; i++)
		out[i] = (struct rank_part){m->members[i].model, two->members[i], m->members[i].weight};
	return m->n_members;
}

uint64_t rank_step(const struct model *m, const struct rank_stage_two *two)
{
	struct rank_part parts[MODEL_MEMBERS_MAX];
	size_t n = rank_parts(m, two, parts);
	const struct rank_learned *first = NULL;
	for (size_t k = 0; k < n; k++) {
		if (first && parts[k].learned && parts[k].learned->step != first->step)
			return EXAMPLE_NO_STEP;
		first = first ? first : parts[k].learned;
	}
	return first ? first->step : 0;
}

/* Whether nothing was learnt since it was published, nor is being learnt. */
static bool is_still(const struct rank_learned *l)
{
	return !l || atomic_load_explicit(l->changes, memory_order_acquire) == l->changes_then;
}

/* Sums of the crosses' weights into sums[n]. They lie all over a large table: those of stories to come are on their way while
 * one is added up. */
static void sum_crosses(const struct rank_part *part, const struct example *e, float *sums)
{
	enum { AHEAD = 8 };
	const struct rank_learned *l = part->learned;
	uint32_t at[AHEAD][CROSS_SLOTS_MAX];
	size_t n[AHEAD];
	for (size_t i = 0; i < e->n + AHEAD; i++) {
		size_t place = i % AHEAD;
		uint8_t kind[CROSS_SLOTS_MAX];
		if (i >= AHEAD) {
			float sum = 0;
			for (size_t k = 0; k < n[place]; k++)
				sum += atomic_load_explicit(&l->crosses[at[place][k]], memory_order_acquire);
			sums[i - AHEAD] = sum;
		}
		n[place] = i < e->n ? rank_crosses(part->model, e, i, l->cross_mask, at[place], kind) : 0;
		for (size_t k = 0; k < n[place]; k++)
			__builtin_prefetch(&l->crosses[at[place][k]]);
	}
}

/* inputs: [n][2 * N_COLUMNS], sums: [n], scratch both. */
static int score_part(const struct rank_part *part, const struct example *e, const uint16_t *which, float *inputs,
                      float *sums, double *out)
{
	const struct rank_learned *l = part->learned;
	rank_inputs(part->model, e, which, e->n, inputs);
	if (l && l->crosses)
		sum_crosses(part, e, sums);
	struct model_slate slate = {.n = e->n, .n_columns = N_COLUMNS, .inputs = inputs,
	                            .cross_sums = l && l->crosses ? sums : NULL};
	return model_shortlist_score(part->model, l ? l->params : NULL, &slate, out);
}

int rank_shortlist_score(const struct model *m, const struct rank_stage_two *two, struct example *e,
                         struct arena *arena, double *out)
{
	struct rank_part parts[MODEL_MEMBERS_MAX];
	size_t n_parts = rank_parts(m, two, parts);
	uint16_t *which = arena_alloc(arena, e->n * sizeof(*which) + 1);
	float *inputs = arena_alloc(arena, e->n * 2 * N_COLUMNS * sizeof(*inputs) + 1);
	float *sums = arena_alloc(arena, e->n * sizeof(*sums) + 1);
	double *scores = arena_alloc(arena, e->n * sizeof(*scores) + 1);
	bool still = true;
	if (!which || !inputs || !sums || !scores)
		return -ENOMEM;
	for (size_t i = 0; i < e->n; i++) {
		which[i] = (uint16_t)i;
		out[i] = 0;
	}
	for (size_t k = 0; k < n_parts; k++) {
		still = still && is_still(parts[k].learned);
		int r = score_part(&parts[k], e, which, inputs, sums, scores);
		if (r < 0)
			return r;
		for (size_t i = 0; i < e->n; i++)
			out[i] += parts[k].weight * scores[i];
		still = still && (is_still(parts[k].learned) || !parts[k].learned->crosses);
	}
	memcpy(e->model, m->name, sizeof(e->model));
	e->step = still ? rank_step(m, two) : EXAMPLE_NO_STEP;
	return 0;
}

static bool item_before(const struct rank_item *a, const struct rank_item *b)
{
	return rank_before(a->score, a->published_ms, a->article, b->score, b->published_ms, b->article);
}

/* Smaller for a higher score. */
static uint32_t falling(int32_t score)
{
	return ~((uint32_t)score ^ 0x80000000u);
}

/* Places of items[n], best first, into order[n]; other: scratch of the same size. By score, byte by byte from the lowest (radix
 * sort); those of one score then among themselves. */
static void sort_places(const struct rank_item *items, size_t n, uint16_t *order, uint16_t *other)
{
	uint16_t start[4][257] = {{0}};
	for (size_t i = 0; i < n; i++) {
		order[i] = (uint16_t)i;
		for (unsigned byte = 0; byte < 4; byte++)
			start[byte][(falling(items[i].score) >> 8 * byte & 255) + 1]++;
	}
	for (unsigned byte = 0; byte < 4; byte++) {
		for (size_t b = 0; b < 256; b++)
			start[byte][b + 1] = (uint16_t)(start[byte][b + 1] + start[byte][b]);
		for (size_t i = 0; i < n; i++)
			other[start[byte][falling(items[order[i]].score) >> 8 * byte & 255]++] = order[i];
		uint16_t *sorted = other;
		other = order;
		order = sorted;
	}
	for (size_t i = 1; i < n; i++) {
		uint16_t place = order[i];
		size_t k = i;
		for (; k > 0 && item_before(&items[place], &items[order[k - 1]]); k--)
			order[k] = order[k - 1];
		order[k] = place;
	}
}

int rank_shortlist_order(const struct model *m, const struct rank_stage_two *two, struct example *e,
                         struct rank_item *items, size_t n, struct arena *arena)
{
	double *scores = arena_alloc(arena, n * sizeof(*scores) + 1);
	struct rank_item *before = arena_alloc(arena, n * sizeof(*before) + 1);
	uint16_t *order = arena_alloc(arena, 2 * n * sizeof(*order) + 1);
	struct example_slot *slots = arena_alloc(arena, n * sizeof(*slots) + 1);
	float *columns = arena_alloc(arena, n * e->n_columns * sizeof(*columns) + 1);
	if (!scores || !before || !order || !slots || !columns)
		return -ENOMEM;
	int r = rank_shortlist_score(m, two, e, arena, scores);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		items[i].score = (int32_t)lrint(fmin(fmax(scores[i], -255), 255) * RANK_ONE);
	sort_places(items, n, order, order + n);
	memcpy(before, items, n * sizeof(*items));
	for (size_t i = 0; i < n; i++) {
		items[i] = before[order[i]];
		slots[i] = e->slots[order[i]];
		memcpy(columns + i * e->n_columns, e->columns + order[i] * e->n_columns, e->n_columns * sizeof(*columns));
	}
	e->slots = slots;
	e->columns = columns;
	return 0;
}
