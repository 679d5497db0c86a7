/* Which sources are rare: those with the fewest shows that together have at most a fifth of all, all or none of those with
 * equally many. Shows are those of live articles at the longest half-life, as whole 1024ths, so that their sum does not hang
 * on the order of adding. */
#include "engine/catalog/internal.h"

enum { SHOW_ONE = 1024, RARE_OF = 5 /* a fifth */ };

struct tally {
	struct map *places; /* source -> its place in rows, from 1 */
	struct row {
		uint32_t source;
		uint64_t shows;
	} *rows;
	size_t n, capacity;
};

static struct row *row_of(struct tally *t, uint32_t source)
{
	size_t place = (size_t)map_get(t->places, source);
	if (place)
		return &t->rows[place - 1];
	if (t->n == t->capacity) {
		size_t capacity = t->capacity ? 2 * t->capacity : 64;
		struct row *rows = realloc(t->rows, capacity * sizeof(*rows));
		if (!rows)
			return NULL;
		t->rows = rows;
		t->capacity = capacity;
	}
	if (map_put(t->places, source, t->n + 1) < 0)
		return NULL;
	t->rows[t->n] = (struct row){.source = source};
	return &t->rows[t->n++];
}

static int add_segment(struct tally *t, const struct catalog_segment *s)
{
	uint32_t n = atomic_load_explicit(&s->count, memory_order_relaxed);
	for (uint32_t slot = 0; slot < n; slot++) {
		if (s->source[slot] == 0 || atomic_load_explicit(&s->flags[slot], memory_order_relaxed) & SLOT_DEAD)
			continue;
		struct row *row = row_of(t, s->source[slot]);
		if (!row)
			return -ENOMEM;
		float shows = atomic_load_explicit(&s->row[slot].shows[N_HALF_LIVES - 1], memory_order_relaxed);
		row->shows += (uint64_t)((double)shows * SHOW_ONE + 0.5);
	}
	return 0;
}

static int by_shows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	return x->shows != y->shows ? (x->shows > y->shows) - (x->shows < y->shows)
	                            : (x->source > y->source) - (x->source < y->source);
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static struct catalog_sources *choose(struct tally *t)
{
	uint64_t all = 0, sum = 0;
	size_t n_rare = 0;
	if (t->n)
		qsort(t->rows, t->n, sizeof(*t->rows), by_shows);
	for (size_t i = 0; i < t->n; i++)
		all += t->rows[i].shows;
	while (all > 0 && n_rare < t->n) {
		size_t end = n_rare;
		for (; end < t->n && t->rows[end].shows == t->rows[n_rare].shows; end++)
			sum += t->rows[end].shows;
		if (sum > all / RARE_OF)
			break;
		n_rare = end;
	}
	struct catalog_sources *out = malloc(sizeof(*out) + n_rare * sizeof(out->rare[0]));
	if (!out)
		return NULL;
	out->n = n_rare;
	for (size_t i = 0; i < n_rare; i++)
		out->rare[i] = t->rows[i].source;
	if (n_rare)
		qsort(out->rare, n_rare, sizeof(out->rare[0]), by_number);
	return out;
}

int catalog_refresh_sources(struct catalog *c)
{
	if (c->sources_ms == c->minute_ms)
		return 0;
	const struct catalog_view *v = view_current(c);
	struct tally t = {0};
	int r = map_new(&t.places, NULL);
	for (size_t i = 0; r == 0 && i < v->n_segments; i++)
		if (v->segments[i])
			r = add_segment(&t, v->segments[i]);
	struct catalog_sources *fresh = r == 0 ? choose(&t) : NULL;
	if (fresh) {
		struct catalog_sources *old = (struct catalog_sources *)(uintptr_t)catalog_sources(c);
		atomic_store_explicit(&c->sources, fresh, memory_order_release);
		if (old)
			epoch_retire(c->epoch, old, free);
		c->sources_ms = c->minute_ms;
	}
	map_free(t.places);
	free(t.rows);
	return fresh ? 0 : r < 0 ? r : -ENOMEM;
}

const struct catalog_sources *catalog_sources(const struct catalog *c)
{
	return atomic_load_explicit(&c->sources, memory_order_acquire);
}

bool catalog_source_is_rare(const struct catalog_sources *s, uint32_t source)
{
	size_t low = 0, high = s ? s->n : 0;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (s->rare[middle] == source)
			return true;
		*(s->rare[middle] < source ? &low : &high) = s->rare[middle] < source ? middle + 1 : middle;
	}
	return false;
}
