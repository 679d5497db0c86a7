/* Views: which segments there are, the minute they stand at, the columns of shared scores. Replaced when a segment is
 * added or dropped and at each minute, when every column is computed anew; in between the writer stores changed scores
 * in place. */
#include "engine/catalog/internal.h"

/* A view over n segments, its arrays behind it in one block; pointers are copied from `from` where it has them. */
static struct catalog_view *view_new(const struct catalog_view *from, size_t n)
{
	struct catalog_view *v = calloc(1, sizeof(*v) + n * (1 + CATALOG_MODELS) * sizeof(void *));
	if (!v)
		return NULL;
	void **arrays = (void **)(v + 1);
	v->segments = (struct catalog_segment **)arrays;
	v->n_segments = n;
	if (from) {
		v->minute_ms = from->minute_ms;
		v->first_number = from->first_number;
		memcpy(v->segments, from->segments, (from->n_segments < n ? from->n_segments : n) * sizeof(void *));
	}
	for (unsigned m = 0; m < CATALOG_MODELS; m++) {
		v->shared[m] = (_Atomic int32_t **)(arrays + n * (m + 1));
		if (from && from->shared[m])
			memcpy(v->shared[m], from->shared[m], (from->n_segments < n ? from->n_segments : n) * sizeof(void *));
	}
	return v;
}

/* From here on readers find v. The caller retires the view before, and what v has not of it: no sooner, since who comes in
 * between would find what is about to be freed. */
static void switch_view(struct catalog *c, struct catalog_view *v)
{
	for (unsigned m = 0; m < CATALOG_MODELS; m++)
		if (!c->model_on[m])
			v->shared[m] = NULL;
	atomic_store_explicit(&c->view, v, memory_order_release);
}

static void retire_column(struct catalog *c, _Atomic int32_t *column)
{
	if (column)
		epoch_retire(c->epoch, (void *)(uintptr_t)column, free);
}

const struct catalog_view *catalog_view(const struct catalog *c)
{
	return atomic_load_explicit(&c->view, memory_order_acquire);
}

static _Atomic int32_t *column_new(struct catalog *c, unsigned model, const struct catalog_segment *s)
{
	_Atomic int32_t *column = aligned_alloc(64, SEGMENT_SLOTS * sizeof(*column));
	if (!column)
		return NULL;
	int32_t scores[SEGMENT_SLOTS];
	uint32_t n = atomic_load_explicit(&s->count, memory_order_relaxed);
	c->config.shared(c->config.shared_ctx, model, s, 0, n, c->minute_ms, scores);
	for (uint32_t i = 0; i < SEGMENT_SLOTS; i++)
		atomic_init(&column[i], i < n ? scores[i] : 0);
	return column;
}

static void free_column(_Atomic int32_t *column)
{
	free((void *)(uintptr_t)column);
}

void view_rescore(struct catalog *c, const struct catalog_segment *s, uint32_t slot)
{
	struct catalog_view *v = view_current(c);
	for (unsigned m = 0; m < CATALOG_MODELS; m++) {
		int32_t score;
		if (!c->model_on[m])
			continue;
		c->config.shared(c->config.shared_ctx, m, s, slot, 1, c->minute_ms, &score);
		atomic_store_explicit(&v->shared[m][s->number - v->first_number][slot], score, memory_order_relaxed);
	}
}

int catalog_set_model(struct catalog *c, unsigned model, bool on)
{
	struct catalog_view *old = view_current(c), *v = view_new(old, old->n_segments);
	if (!v)
		return -ENOMEM;
	for (size_t i = 0; on && i < v->n_segments; i++) {
		v->shared[model][i] = v->segments[i] ? column_new(c, model, v->segments[i]) : NULL;
		if (v->segments[i] && !v->shared[model][i]) {
			while (i-- > 0)
				free_column(v->shared[model][i]);
			free(v);
			return -ENOMEM;
		}
	}
	bool was_on = c->model_on[model];
	c->model_on[model] = on;
	switch_view(c, v);
	for (size_t i = 0; was_on && i < old->n_segments; i++)
		retire_column(c, old->shared[model][i]);
	epoch_retire(c->epoch, old, free);
	return 0;
}

int view_add_segment(struct catalog *c)
{
	struct catalog_view *old = view_current(c), *v = view_new(old, old ? old->n_segments + 1 : 1);
	struct segment *s = NULL;
	if (!v)
		return -ENOMEM;
	size_t last = v->n_segments - 1;
	if (segment_new(&s, v->first_number + last) < 0)
		goto out;
	v->segments[last] = &s->seen;
	for (unsigned m = 0; m < CATALOG_MODELS; m++) {
		if (!c->model_on[m])
			continue;
		v->shared[m][last] = column_new(c, m, &s->seen);
		if (!v->shared[m][last]) {
			while (m-- > 0)
				if (c->model_on[m])
					free_column(v->shared[m][last]);
			goto out;
		}
	}
	switch_view(c, v);
	if (old)
		epoch_retire(c->epoch, old, free);
	return 0;
out:
	segment_free(s);
	free(v);
	return -ENOMEM;
}

static void retire_segment(struct catalog *c, struct catalog_segment *s)
{
	for (uint32_t slot = 0; slot < atomic_load(&s->count); slot++)
		c->card_bytes -= card_size(s->card[slot]);
	epoch_retire(c->epoch, segment_of(s), segment_free);
}

int view_renew(struct catalog *c)
{
	struct catalog_view *old = view_current(c);
	size_t first = 0;
	while (first + 1 < old->n_segments && (!old->segments[first] || segment_of(old->segments[first])->n_live == 0))
		first++;
	struct catalog_view *v = view_new(NULL, old->n_segments - first);
	if (!v)
		return -ENOMEM;
	v->minute_ms = c->minute_ms;
	v->first_number = old->first_number + first;
	for (size_t i = 0; i < v->n_segments; i++) {
		struct catalog_segment *s = old->segments[first + i];
		if (!s || (segment_of(s)->n_live == 0 && i + 1 < v->n_segments))
			continue;
		v->segments[i] = s;
		for (unsigned m = 0; m < CATALOG_MODELS; m++) {
			if (!c->model_on[m])
				continue;
			v->shared[m][i] = column_new(c, m, s);
			if (!v->shared[m][i])
				goto out;
		}
	}
	switch_view(c, v);
	for (size_t i = 0; i < old->n_segments; i++) {
		for (unsigned m = 0; m < CATALOG_MODELS; m++)
			if (old->shared[m])
				retire_column(c, old->shared[m][i]);
		if (old->segments[i] && (i < first || !v->segments[i - first]))
			retire_segment(c, old->segments[i]);
	}
	epoch_retire(c->epoch, old, free);
	return 0;
out:
	for (size_t i = 0; i < v->n_segments; i++)
		for (unsigned m = 0; m < CATALOG_MODELS; m++)
			free_column(v->shared[m][i]);
	free(v);
	return -ENOMEM;
}

void view_free(struct catalog *c)
{
	struct catalog_view *v = view_current(c);
	for (size_t i = 0; v && i < v->n_segments; i++) {
		for (unsigned m = 0; m < CATALOG_MODELS; m++)
			if (v->shared[m])
				free_column(v->shared[m][i]);
		if (v->segments[i])
			segment_free(segment_of(v->segments[i]));
	}
	free(v);
}

/* ---- where an article is ---- */

static struct catalog_place place_at(const struct catalog_view *v, uint64_t location)
{
	struct catalog_place none = {NULL, 0};
	if (location == 0)
		return none;
	uint64_t number = (location - 1) / SEGMENT_SLOTS;
	uint32_t slot = (uint32_t)((location - 1) % SEGMENT_SLOTS);
	if (number < v->first_number || number >= v->first_number + v->n_segments)
		return none;
	const struct catalog_segment *s = v->segments[number - v->first_number];
	if (!s || slot >= atomic_load_explicit(&s->count, memory_order_acquire) ||
	    (atomic_load_explicit(&s->flags[slot], memory_order_acquire) & SLOT_DEAD))
		return none;
	return (struct catalog_place){s, slot};
}

struct catalog_place catalog_find(const struct catalog *c, uint32_t article)
{
	/* The place first: a view loaded after it has the segment it names. An article that moved between the two looks is
	 * found where it is now. */
	for (uint64_t location = map_get(c->by_article, article);;) {
		struct catalog_place place = place_at(catalog_view(c), location);
		uint64_t again = place.segment ? location : map_get(c->by_article, article);
		if (again == location)
			return place;
		location = again;
	}
}
