/* Articles' counters of clicks and shows, which of them are to be saved, and what readers see of them. */
#include "engine/catalog/internal.h"

void popularity_show(struct catalog *c, const struct counters *n, const struct catalog_segment *s, uint32_t slot)
{
	struct catalog_segment *seen = &segment_of(s)->seen;
	_Atomic float *const columns[N_CATALOG_COUNTERS] = {seen->counts[slot].clicks, seen->counts[slot].shows, seen->counts[slot].expected};
	for (int k = 0; k < N_CATALOG_COUNTERS; k++) {
		float decayed[N_HALF_LIVES];
		counters_decayed(n, (enum catalog_counter)k, c->minute_ms, decayed);
		for (int h = 0; h < N_HALF_LIVES; h++)
			atomic_store_explicit(&columns[k][h], decayed[h], memory_order_relaxed);
	}
}
void popularity_forget(struct catalog *c, uint32_t article)
{
	struct counters *n = map_get_ptr(c->counters, article);
	if (!n)
		return;
	c->counter_bytes -= sizeof(*n) + n->capacity * sizeof(*n->buckets);
	map_remove(c->counters, article);
	counters_free(n);
}
void catalog_mark_dirty(struct catalog *c, uint32_t article)
{
	struct counters *n = map_get_ptr(c->counters, article);
	if (!n || n->dirty)
		return;
	if (c->n_dirty == c->dirty_capacity) {
		size_t capacity = c->dirty_capacity ? c->dirty_capacity * 2 : 256;
		uint32_t *grown = realloc(c->dirty, capacity * sizeof(*grown));
		if (!grown)
			return; /* saved later, when it changes again; until then the log has it */
		c->dirty = grown;
		c->dirty_capacity = capacity;
	}
	c->dirty[c->n_dirty++] = article;
	n->dirty = true;
}

uint32_t catalog_take_dirty(struct catalog *c)
{
	while (c->n_dirty > 0) {
		uint32_t article = c->dirty[--c->n_dirty];
		struct counters *n = map_get_ptr(c->counters, article);
		if (!n || !n->dirty)
			continue;
		n->dirty = false;
		return article;
	}
	return 0;
}

static struct counters *counters_of(struct catalog *c, uint32_t article)
{
	struct counters *n = map_get_ptr(c->counters, article);
	if (n)
		return n;
	n = calloc(1, sizeof(*n));
	if (!n || map_put_ptr(c->counters, article, n) < 0) {
		free(n);
		return NULL;
	}
	n->article = article;
	c->counter_bytes += sizeof(*n);
	return n;
}

int catalog_count(struct catalog *c, uint32_t article, enum catalog_counter counter, int64_t at_ms, int delta)
{
	struct catalog_place place = catalog_find(c, article);
	if (!place.segment)
		return 0;
	struct counters *n = counters_of(c, article);
	if (!n)
		return -ENOMEM;
	size_t before = n->capacity;
	int r = counters_add(n, counter, at_ms, delta, c->minute_ms);
	c->counter_bytes += (n->capacity - before) * sizeof(*n->buckets);
	if (r < 0)
		return r;
	catalog_mark_dirty(c, article);
	popularity_show(c, n, place.segment, place.slot);
	view_rescore(c, place.segment, place.slot);
	return 0;
}

void catalog_counters_encode(struct catalog *c, uint32_t article, struct buf *out)
{
	static const struct counters none;
	struct counters *n = map_get_ptr(c->counters, article);
	if (n)
		counters_prune(n, c->minute_ms);
	counters_encode(n ? n : &none, out);
}

int catalog_counters_decode(struct catalog *c, uint32_t article, struct span bytes)
{
	struct counters *n = counters_of(c, article);
	if (!n)
		return -ENOMEM;
	size_t before = n->capacity;
	int r = counters_decode(n, bytes);
	c->counter_bytes += (n->capacity - before) * sizeof(*n->buckets);
	if (r != 0)
		return r;
	struct catalog_place place = catalog_find(c, article);
	if (place.segment) {
		popularity_show(c, n, place.segment, place.slot);
		view_rescore(c, place.segment, place.slot);
	}
	return 0;
}
static void refresh_counters(uint64_t article, uint64_t value, void *ctx)
{
	struct catalog *c = ctx;
	struct counters *n = (struct counters *)(uintptr_t)value;
	struct catalog_place place = catalog_find(c, (uint32_t)article);
	counters_prune(n, c->minute_ms);
	if (place.segment)
		popularity_show(c, n, place.segment, place.slot);
}
void popularity_refresh(struct catalog *c)
{
	map_each(c->counters, refresh_counters, c);
}
