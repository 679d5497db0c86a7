/* Where stories' short vectors change, a new block takes the place of a segment's old one. */
#include "engine/catalog/internal.h"

/* A copy of the segment's block with the entries that stand in it changed. */
static int change_segment(struct catalog *c, struct segment *s, const struct catalog_dense_entry *entries, size_t n)
{
	struct catalog_dense *old = segment_dense(s), *fresh = malloc(sizeof(*fresh));
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
