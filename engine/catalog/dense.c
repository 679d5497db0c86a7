/* Short vectors of a segment's stories: a block that is there from the first story that has one. Filled slot by slot as
 * stories come; where stories' vectors change, a new block takes the old one's place. */
#include "engine/catalog/internal.h"

static struct catalog_dense *dense_of(const struct segment *s)
{
	return (struct catalog_dense *)(uintptr_t)atomic_load_explicit(&s->seen.dense, memory_order_relaxed);
}

int dense_reserve(struct segment *s)
{
	if (dense_of(s))
		return 0;
	struct catalog_dense *d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	atomic_store_explicit(&s->seen.dense, d, memory_order_release);
	s->bytes += sizeof(*d);
	return 0;
}

void dense_fill(struct segment *s, uint32_t slot, uint8_t space, const int8_t at[CATALOG_DENSE])
{
	struct catalog_dense *d = dense_of(s);
	if (!d || space == 0)
		return;
	memcpy(d->at[slot], at, CATALOG_DENSE);
	d->space[slot] = space;
}

/* A copy of the segment's block with the entries that stand in it changed. */
static int change_segment(struct catalog *c, struct segment *s, const struct catalog_dense_entry *entries, size_t n)
{
	struct catalog_dense *old = dense_of(s), *fresh = malloc(sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	if (old)
		*fresh = *old;
	else
		memset(fresh, 0, sizeof(*fresh));
	for (size_t i = 0; i < n; i++) {
		struct catalog_place at = catalog_find(c, entries[i].article);
		if (at.segment != &s->seen)
			continue;
		fresh->space[at.slot] = entries[i].space;
		memcpy(fresh->at[at.slot], entries[i].at, CATALOG_DENSE);
	}
	atomic_store_explicit(&s->seen.dense, fresh, memory_order_release);
	if (old)
		epoch_retire(c->epoch, old, free);
	else
		s->bytes += sizeof(*fresh);
	return 0;
}

int catalog_set_dense(struct catalog *c, const struct catalog_dense_entry *entries, size_t n)
{
	struct catalog_view *v = view_current(c);
	for (size_t i = 0; i < v->n_segments; i++) {
		bool any = false;
		for (size_t k = 0; v->segments[i] && !any && k < n; k++)
			any = catalog_find(c, entries[k].article).segment == v->segments[i];
		int r = any ? change_segment(c, segment_of(v->segments[i]), entries, n) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}
