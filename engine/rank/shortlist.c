/* A shortlist: its columns measured, summed up, scored and brought into the model's order. */
#include "engine/rank/shortlist.h"

#include <assert.h>
#include <errno.h>
#include <math.h>

#include "engine/rank/shortlist_internal.h"

/* ---- the list ---- */

int rank_shortlist_by_ctr(struct example *e, const uint16_t *which, size_t n, struct arena *arena)
{
	float *ctr = arena_alloc(arena, e->n * sizeof(*ctr) + 1);
	uint16_t *ranks = arena_alloc(arena, n * sizeof(*ranks) + 1);
	if (!ctr || !ranks)
		return -ENOMEM;
	for (size_t i = 0; i < e->n; i++)
		ctr[i] = e->columns[i * e->n_columns + COLUMN_CTR + 3];
	kernels_best()->ranks(ctr, e->n, which, n, ranks);
	for (size_t i = 0; i < n; i++)
		e->slots[which[i]].ctr_rank = ranks[i];
	return 0;
}

static int rank_all_by_ctr(const struct model *m, const struct rank_stage_two *two, struct example *e,
                           struct arena *arena)
{
	struct rank_part parts[MODEL_MEMBERS_MAX];
	const size_t n_parts = rank_parts(m, two, parts);
	bool looked_at = false;
	for (size_t k = 0; k < n_parts; k++)
		looked_at = looked_at || parts[k].model->learn.crosses[CROSS_RANK_LENGTH];
	uint16_t *which = looked_at ? arena_alloc(arena, e->n * sizeof(*which) + 1) : NULL;
	if (!looked_at)
		return 0;
	if (!which)
		return -ENOMEM;
	for (size_t i = 0; i < e->n; i++)
		which[i] = (uint16_t)i;
	return rank_shortlist_by_ctr(e, which, e->n, arena);
}

/* Columns are taken up to some one, in whole vectors where there are so many. */
static size_t whole_vectors(size_t n_columns)
{
	const size_t n = (n_columns + KERNEL_LANES - 1) / KERNEL_LANES * KERNEL_LANES;
	return n < N_COLUMNS ? n : N_COLUMNS;
}

/* Behind these a shortlist's columns are 0 for all: what every shortlist has, and what the model asks for, stands
 * before. */
static size_t n_measured(const struct model *m)
{
	size_t n = N_COLUMNS;
	while (n > COLUMN_SOURCE_ALL + 1 && !m->columns[n - 1])
		n--;
	return whole_vectors(n);
}

int rank_shortlist(struct rank_scratch *s, const struct catalog *c, const struct rank_request *request,
                   const struct rank_stage_two *two, const struct rank_item *items, size_t n, struct arena *arena,
                   struct example **out)
{
	struct reading *g = s->reading;
	struct example *e = example_new(arena, n, N_COLUMNS);
	shortlist_fetch(g, items, n);
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
		g->kernels->moments(e->columns, n, N_COLUMNS, n_measured(request->model), e->mean, e->deviation);
	r = rank_all_by_ctr(request->model, two, e, arena);
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

/* Scratch of scoring, of the arena. */
struct scoring {
	struct arena *arena;
	uint16_t *which;  /* [n] */
	uint8_t *beyond;  /* [n] */
	float *sums;      /* [n] */
	double *scores, *some; /* [n] */
};

static int scoring_new(struct scoring *s, struct arena *arena, size_t n)
{
	s->arena = arena;
	s->which = arena_alloc(arena, n * sizeof(*s->which) + 1);
	s->beyond = arena_alloc(arena, n + 1);
	s->sums = arena_alloc(arena, n * sizeof(*s->sums) + 1);
	s->scores = arena_alloc(arena, n * sizeof(*s->scores) + 1);
	s->some = arena_alloc(arena, n * sizeof(*s->some) + 1);
	return s->which && s->beyond && s->sums && s->scores && s->some ? 0 : -ENOMEM;
}

/* Scores of slots which[n] by their inputs, into some[n]. */
static int score_inputs(const struct rank_part *part, const struct example *e, struct scoring *s, size_t n)
{
	float *inputs = arena_alloc(s->arena, n * 2 * N_COLUMNS * sizeof(*inputs) + 1);
	if (!inputs)
		return -ENOMEM;
	rank_inputs(part->model, e, s->which, n, inputs);
	struct model_slate slate = {.n = n, .n_columns = N_COLUMNS, .inputs = inputs};
	return model_shortlist_score(part->model, part->learned ? part->learned->params : NULL, &slate, s->some);
}

/* What makes inputs of a column's distance from its mean. */
struct scales {
	float by_z[N_COLUMNS], by_c[N_COLUMNS], most[N_COLUMNS];
};

static struct model_distances distances_of(const struct model *m, const struct example *e, struct scales *s)
{
	size_t n = 0;
	rank_input_scales(m, e, s->by_z, s->by_c, s->most);
	for (size_t c = 0; c < N_COLUMNS; c++) {
		if (e->deviation[c] == 0) /* the same for all */
			s->by_z[c] = s->by_c[c] = 0;
		n = s->by_z[c] != 0 || s->by_c[c] != 0 ? c + 1 : n;
	}
	return (struct model_distances){.n = e->n, .stride = e->n_columns, .rows = e->columns, .n_columns = whole_vectors(n),
	                                .mean = e->mean, .most = s->most, .by_z = s->by_z, .by_c = s->by_c};
}

/* A kind that learns is linear in its inputs before its units are rectified, and the inputs of a column are its distance
 * from the mean times two numbers: that halves the work, but for slots with an input that is cut, which go by their inputs. */
static int score_distances(const struct rank_part *part, const struct example *e, struct scoring *s)
{
	struct scales scales;
	size_t n = 0;
	const struct model_distances d = distances_of(part->model, e, &scales);
	model_score_distances(part->model, part->learned->params, &d, s->sums, s->beyond);
	for (size_t i = 0; i < e->n; i++)
		s->scores[i] = (double)s->sums[i];
	const bool any = memchr(s->beyond, true, e->n) != NULL; /* seldom */
	for (size_t i = 0; any && i < e->n; i++) {
		s->which[n] = (uint16_t)i;
		n += s->beyond[i];
	}
	int r = n > 0 ? score_inputs(part, e, s, n) : 0;
	for (size_t k = 0; k < n && r == 0; k++)
		s->scores[s->which[k]] = s->some[k];
	return r;
}

/* The parts of slots which[n] by their inputs, into out[n][N_COLUMNS]. */
static int explain_inputs(const struct rank_part *part, const struct example *e, const uint16_t *which, size_t n,
                          struct arena *arena, double *out)
{
	float *inputs = arena_alloc(arena, n * 2 * N_COLUMNS * sizeof(*inputs) + 1);
	double *base = arena_alloc(arena, n * sizeof(*base) + 1);
	if (!inputs || !base)
		return -ENOMEM;
	rank_inputs(part->model, e, which, n, inputs);
	const struct model_slate slate = {.n = n, .n_columns = N_COLUMNS, .inputs = inputs};
	return model_shortlist_explain(part->model, part->learned ? part->learned->params : NULL, &slate, 0, n, out, base);
}

/* As score_distances. */
static int explain_distances(const struct rank_part *part, const struct example *e, const uint16_t *which, size_t n,
                             struct arena *arena, double *out)
{
	uint16_t *cut = arena_alloc(arena, n * sizeof(*cut) + 1), *place = arena_alloc(arena, n * sizeof(*place) + 1);
	uint8_t *beyond = arena_alloc(arena, n + 1);
	struct scales scales;
	size_t n_cut = 0;
	if (!cut || !place || !beyond)
		return -ENOMEM;
	const struct model_distances d = distances_of(part->model, e, &scales);
	model_explain_distances(part->model, part->learned->params, &d, which, n, out, beyond);
	for (size_t i = 0; i < n; i++) {
		cut[n_cut] = which[i];
		place[n_cut] = (uint16_t)i;
		n_cut += beyond[i];
	}
	if (n_cut == 0)
		return 0;
	double *columns = arena_alloc(arena, n_cut * N_COLUMNS * sizeof(*columns));
	int r = columns ? explain_inputs(part, e, cut, n_cut, arena, columns) : -ENOMEM;
	for (size_t k = 0; k < n_cut && r == 0; k++)
		memcpy(out + place[k] * (size_t)N_COLUMNS, columns + k * N_COLUMNS, N_COLUMNS * sizeof(*out));
	return r;
}

int shortlist_explain_part(const struct rank_part *part, const struct example *e, const uint16_t *which, size_t n,
                           struct arena *arena, double *out)
{
	return model_learns(part->model) ? explain_distances(part, e, which, n, arena, out)
	                                 : explain_inputs(part, e, which, n, arena, out);
}

/* Into s->scores. */
static int score_part(const struct rank_part *part, const struct example *e, struct scoring *s)
{
	const struct rank_learned *l = part->learned;
	int r;
	if (model_learns(part->model)) {
		r = score_distances(part, e, s);
	} else {
		for (size_t i = 0; i < e->n; i++)
			s->which[i] = (uint16_t)i;
		r = score_inputs(part, e, s, e->n);
		memcpy(s->scores, s->some, e->n * sizeof(*s->scores));
	}
	if (r < 0 || !l || !l->crosses)
		return r;
	struct crosses crosses;
	rank_crosses_prepare(&crosses, part->model, e, l->cross_mask);
	r = rank_crosses_sum(&crosses, l->crosses, s->arena, s->sums);
	for (size_t i = 0; r == 0 && i < e->n; i++)
		s->scores[i] += (double)(l->cross_part * s->sums[i]);
	return r;
}

int rank_shortlist_score(const struct model *m, const struct rank_stage_two *two, struct example *e,
                         struct arena *arena, double *out)
{
	struct rank_part parts[MODEL_MEMBERS_MAX];
	size_t n_parts = rank_parts(m, two, parts);
	struct scoring s;
	bool still = true;
	int r = scoring_new(&s, arena, e->n);
	if (r < 0)
		return r;
	memset(out, 0, e->n * sizeof(*out));
	for (size_t k = 0; k < n_parts; k++) {
		still = still && is_still(parts[k].learned);
		r = score_part(&parts[k], e, &s);
		if (r < 0)
			return r;
		for (size_t i = 0; i < e->n; i++)
			out[i] += parts[k].weight * s.scores[i];
		still = still && (is_still(parts[k].learned) || !parts[k].learned->crosses);
	}
	memcpy(e->model, m->name, sizeof(e->model));
	e->step = still ? rank_step(m, two) : EXAMPLE_NO_STEP;
	return 0;
}

/* ---- order ---- */

/* What places are brought into order by. */
struct ranked {
	const struct rank_item *items; /* [n] */
	const int32_t *scores;         /* [n] in place of the items' own */
};

static bool is_before(const struct ranked *r, uint16_t a, uint16_t b)
{
	const struct rank_item *x = &r->items[a], *y = &r->items[b];
	return rank_before(r->scores[a], x->published_ms, x->article, r->scores[b], y->published_ms, y->article);
}

/* By merging; other: scratch for half of them. */
static void merge_places(const struct ranked *r, uint32_t *places, size_t n, uint32_t *other)
{
	for (size_t width = 1; width < n; width *= 2)
		for (size_t first = 0; first + width < n; first += 2 * width) {
			const size_t end = first + 2 * width < n ? first + 2 * width : n;
			size_t left = 0, right = first + width;
			memcpy(other, places + first, width * sizeof(*other));
			for (size_t at = first; left < width; at++) {
				const bool from_right = right < end && is_before(r, (uint16_t)places[right], (uint16_t)other[left]);
				places[at] = from_right ? places[right++] : other[left++];
			}
		}
}

/* Places of n, best first, into the lower halves of places[n]; other: scratch of the same size. First by where a
 * score stands between the lowest and the highest, in 14 bits, seven at a time from the lowest (radix sort); then
 * those alike among themselves. */
static void sort_places(const struct ranked *r, size_t n, uint32_t *restrict places, uint32_t *restrict other)
{
	enum { BITS = 7, DIGITS = 1 << BITS, LOW = 16, HIGH = LOW + BITS };
	uint16_t low[DIGITS] = {0}, high[DIGITS] = {0}; /* where the next of a digit goes */
	const int32_t *restrict scores = r->scores;
	int32_t most = INT32_MIN, least = INT32_MAX;
	for (size_t i = 0; i < n; i++) {
		most = scores[i] > most ? scores[i] : most;
		least = scores[i] < least ? scores[i] : least;
	}
	const uint32_t range = n > 0 ? (uint32_t)most - (uint32_t)least : 0;
	const int shift = range >> 2 * BITS ? 32 - 2 * BITS - __builtin_clz(range) : 0;
	for (size_t i = 0; i < n; i++)
		places[i] = ((uint32_t)most - (uint32_t)scores[i]) >> shift << LOW | (uint32_t)i;
	for (size_t i = 0; i < n; i++) {
		low[places[i] >> LOW & (DIGITS - 1)]++;
		high[places[i] >> HIGH]++;
	}
	for (size_t d = 0, n_low = 0, n_high = 0; d < DIGITS; d++) {
		n_low += low[d];
		n_high += high[d];
		low[d] = (uint16_t)(n_low - low[d]);
		high[d] = (uint16_t)(n_high - high[d]);
	}
	for (size_t i = 0; i < n; i++)
		other[low[places[i] >> LOW & (DIGITS - 1)]++] = places[i];
	for (size_t i = 0; i < n; i++)
		places[high[other[i] >> HIGH]++] = other[i];
	for (size_t i = 1, first = 0; i <= n; i++)
		if (i == n || places[i] >> LOW != places[first] >> LOW) {
			if (i - first > 1)
				merge_places(r, places + first, i - first, other);
			first = i;
		}
}

static int32_t score_of(double raw)
{
	const double least = -255, most = 255;
	raw = raw > least ? raw : least;
	raw = raw < most ? raw : most;
	return (int32_t)lrint(raw * RANK_ONE);
}

int rank_shortlist_order(const struct model *m, const struct rank_stage_two *two, struct example *e,
                         struct rank_item *items, size_t n, struct arena *arena)
{
	double *scores = arena_alloc(arena, n * sizeof(*scores) + 1);
	struct rank_item *before = arena_alloc(arena, n * sizeof(*before) + 1);
	int32_t *rounded = arena_alloc(arena, n * sizeof(*rounded) + 1);
	uint32_t *places = arena_alloc(arena, 2 * n * sizeof(*places) + 1);
	if (!scores || !before || !rounded || !places)
		return -ENOMEM;
	int r = rank_shortlist_score(m, two, e, arena, scores);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		rounded[i] = score_of(scores[i]);
	memcpy(before, items, n * sizeof(*before));
	sort_places(&(struct ranked){before, rounded}, n, places, places + n);
	for (size_t i = 0; i < n; i++) {
		const uint16_t place = (uint16_t)places[i];
		items[i] = before[place];
		items[i].score = rounded[place];
		items[i].listed = place;
	}
	return 0;
}
