/* Articles' counters of clicks and shows, which of them are to be saved, and what readers see of them. */
#include "engine/catalog/internal.h"

#include <math.h>

static void store(_Atomic float *at, float value)
{
	atomic_store_explicit(at, value, memory_order_relaxed);
}

void popularity_set_shows(struct catalog_row *row, const float shows[N_HALF_LIVES])
{
	for (int h = 0; h < N_HALF_LIVES; h++) {
		store(&row->shows[h], shows[h]);
		store(&row->log_shows[h], logf(1 + shows[h]));
	}
}

void popularity_set_clicks(struct catalog_row *row, const float clicks[N_HALF_LIVES], const float expected[N_HALF_LIVES])
{
	for (int h = 0; h < N_HALF_LIVES; h++) {
		store(&row->clicks[h], clicks[h]);
		store(&row->log_clicks[h], logf(1 + clicks[h]));
		store(&row->lift[h], logf((1 + clicks[h]) / (1 + expected[h])));
	}
}

static void show_shows(const struct catalog *c, const struct counters *n, struct catalog_row *row)
{
	float shows[N_HALF_LIVES];
	counters_decayed(n, CATALOG_SHOWS, c->minute_ms, shows);
	popularity_set_shows(row, shows);
}

static void show_clicks(const struct catalog *c, const struct counters *n, struct catalog_row *row)
{
	float clicks[N_HALF_LIVES], expected[N_HALF_LIVES];
	counters_decayed(n, CATALOG_CLICKS, c->minute_ms, clicks);
	counters_decayed(n, CATALOG_EXPECTED, c->minute_ms, expected);
	popularity_set_clicks(row, clicks, expected);
}

static struct catalog_row *row_of(struct catalog_place place)
{
	return &segment_of(place.segment)->seen.row[place.slot];
}

void popularity_show(const struct catalog *c, const struct counters *n, struct catalog_place place)
{
	show_shows(c, n, row_of(place));
	show_clicks(c, n, row_of(place));
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
	if (counter == CATALOG_SHOWS)
		show_shows(c, n, row_of(place));
	else
		show_clicks(c, n, row_of(place));
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
		popularity_show(c, n, place);
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
		popularity_show(c, n, place);
}

void popularity_refresh(struct catalog *c)
{
	map_each(c->counters, refresh_counters, c);
}
