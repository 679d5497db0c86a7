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

/* Whether nothing was learnt since *changes was read (any even number). */
static bool unchanged(const struct rank_learned *l, uint64_t changes)
{
	return !l || !l->crosses || (!(changes & 1) && atomic_load_explicit(l->changes, memory_order_acquire) == changes);
}

int rank_shortlist_score(const struct model *m, const struct rank_stage_two *two, struct example *e,
                         struct arena *arena, double *out)
{
	uint16_t *which = arena_alloc(arena, e->n * sizeof(*which) + 1);
	float *inputs = arena_alloc(arena, e->n * 2 * N_COLUMNS * sizeof(*inputs) + 1);
	float *sums = arena_calloc(arena, e->n + 1, sizeof(*sums));
	if (!which || !inputs || !sums)
		return -ENOMEM;
	for (size_t i = 0; i < e->n; i++)
		which[i] = (uint16_t)i;
	rank_inputs(m, e, which, e->n, inputs);
	const struct rank_learned *l = two->learned;
	uint64_t changes = l ? atomic_load_explicit(l->changes, memory_order_acquire) : 0;
	for (size_t i = 0; l && l->crosses && i < e->n; i++) {
		uint32_t at[CROSS_SLOTS_MAX];
		uint8_t kind[CROSS_SLOTS_MAX];
		size_t n = rank_crosses(m, e, i, l->cross_mask, at, kind);
		for (size_t k = 0; k < n; k++)
			sums[i] += atomic_load_explicit(&l->crosses[at[k]].weight, memory_order_acquire);
	}
	memcpy(e->model, m->name, sizeof(e->model));
	e->step = !l ? 0 : unchanged(l, changes) && changes == l->changes_then ? l->step : EXAMPLE_NO_STEP;
	struct model_slate slate = {.n = e->n, .n_columns = N_COLUMNS, .inputs = inputs,
	                            .cross_sums = l && l->crosses ? sums : NULL};
	return model_shortlist_score(m, l ? l->params : NULL, &slate, out);
}

struct placed_item {
	struct rank_item item;
	uint32_t from;
};

static int best_first(const void *a, const void *b)
{
	const struct rank_item *x = &((const struct placed_item *)a)->item, *y = &((const struct placed_item *)b)->item;
	if (rank_before(x->score, x->published_ms, x->article, y->score, y->published_ms, y->article))
		return -1;
	return rank_before(y->score, y->published_ms, y->article, x->score, x->published_ms, x->article);
}

int rank_shortlist_order(const struct model *m, const struct rank_stage_two *two, struct example *e,
                         struct rank_item *items, size_t n, struct arena *arena)
{
	double *scores = arena_alloc(arena, n * sizeof(*scores) + 1);
	struct placed_item *placed = arena_alloc(arena, n * sizeof(*placed) + 1);
	struct example_slot *slots = arena_alloc(arena, n * sizeof(*slots) + 1);
	float *columns = arena_alloc(arena, n * e->n_columns * sizeof(*columns) + 1);
	if (!scores || !placed || !slots || !columns)
		return -ENOMEM;
	int r = rank_shortlist_score(m, two, e, arena, scores);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		items[i].score = (int32_t)lrint(fmin(fmax(scores[i], -255), 255) * RANK_ONE);
		placed[i] = (struct placed_item){items[i], (uint32_t)i};
	}
	qsort(placed, n, sizeof(*placed), best_first);
	for (size_t i = 0; i < n; i++) {
		items[i] = placed[i].item;
		slots[i] = e->slots[placed[i].from];
		memcpy(columns + i * e->n_columns, e->columns + placed[i].from * e->n_columns, e->n_columns * sizeof(*columns));
	}
	e->slots = slots;
	e->columns = columns;
	return 0;
}
