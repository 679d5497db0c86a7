/* Stage two of a request: models that are more than linear put a pool in their own order, say why, and let the slate that
 * comes of it wait for its reader's events. */
#include <errno.h>
#include <string.h>

#include "engine/feed_internal.h"

void stage_two_pick(const struct learner *l, const struct model *m, unsigned slot, struct rank_stage_two *out)
{
	out->learned = learner_learned(l, slot);
	for (size_t i = 0; i < m->n_members; i++)
		out->members[i] = learner_learned(l, m->members[i].slot);
}

bool query_has_stage_two(const struct query *query)
{
	return query->rank.order == RANK_RANKED && model_has_shortlist(query->rank.model);
}

int query_measure(struct engine_worker *w, struct query *query, const struct rank_item *items, size_t n)
{
	if (!query_has_stage_two(query) || n == 0)
		return 0;
	query->two.signals = learner_signals(w->engine->learner);
	query->two.space = learner_space(w->engine->learner);
	query->two.user = query->reader ? query->reader->user : 0;
	return rank_shortlist(w->scratch, w->engine->catalog, &query->rank, &query->two, items, n, &w->stage_two,
	                      &query->example);
}

int query_order(struct engine_worker *w, struct query *query, struct rank_item *items, size_t n)
{
	int r = query_measure(w, query, items, n);
	if (r < 0 || !query->example || n == 0)
		return r;
	return rank_shortlist_order(query->rank.model, &query->two, query->example, items, n, &w->stage_two);
}

/* The slot of an item in the query's example; -1 when it was not of the shortlist. */
static ptrdiff_t slot_of(const struct query *query, const struct rank_item *item)
{
	const struct example *e = query->example;
	if (e && item->listed < e->n && e->slots[item->listed].article == item->article)
		return item->listed;
	for (size_t i = 0; e && i < e->n; i++)
		if (e->slots[i].article == item->article)
			return (ptrdiff_t)i;
	return -1;
}

int query_explain_all(struct engine_worker *w, struct query *query, const struct rank_item *items, size_t n)
{
	struct arena *arena = &w->stage_two;
	size_t n_slots = 0;
	if (query->rank.order != RANK_RANKED || n == 0)
		return 0;
	query->filter = rank_filter_new(arena, &query->rank);
	if (!query->filter)
		return -ENOMEM;
	if (!query->example)
		return 0;
	uint16_t *which = arena_alloc(arena, n * sizeof(*which));
	query->parts = arena_alloc(arena, sizeof(*query->parts));
	query->part_of = arena_calloc(arena, query->example->n, sizeof(*query->part_of));
	if (!which || !query->parts || !query->part_of)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		ptrdiff_t slot = slot_of(query, &items[i]);
		if (slot < 0)
			continue;
		which[n_slots++] = (uint16_t)slot;
		query->part_of[slot] = (uint16_t)n_slots;
	}
	return rank_shortlist_parts(&query->rank, query->filter, &query->two, query->example, which, n_slots, arena, query->parts);
}

int query_explain(struct engine_worker *w, struct arena *arena, const struct query *query, const struct rank_item *item,
                  bool all, struct feed_item *out)
{
	ptrdiff_t slot = query->parts ? slot_of(query, item) : -1;
	if (slot < 0 || query->part_of[slot] == 0)
		return 1;
	struct rank_row rows[RANK_ROWS_MAX];
	const size_t i = (size_t)slot, k = query->part_of[slot] - 1u;
	size_t n;
	if (all) {
		n = rank_shortlist_explain(w->engine->catalog, &query->rank, query->example, i, item, query->parts, k, rows);
		rank_rows_sort(rows, n);
	} else {
		n = rank_shortlist_tell(w->engine->catalog, &query->rank, query->example, i, item, query->parts, k, rows);
	}
	struct feed_reason *reasons = arena_alloc(arena, n * sizeof(*reasons));
	if (!reasons)
		return -ENOMEM;
	for (size_t r = 0; r < n; r++)
		reasons[r] = (struct feed_reason){.code = rows[r].code, .group = rank_told_names[rows[r].told], .stands = rows[r].stands,
		                                  .topic = topics_name(w->engine->topics, rows[r].topic),
		                                  .label = topics_label(w->engine->topics, rows[r].topic),
		                                  .contribution = rows[r].contribution};
	out->reasons = reasons;
	out->n_reasons = n;
	return 0;
}

/* Of a linear model's slate: what is watched, and nothing to learn from. */
static struct example *bare_example(const struct query *query, struct arena *arena, const struct rank_item *items, size_t n)
{
	struct example *e = example_new(arena, n, 0);
	if (!e)
		return NULL;
	e->user = query->reader ? query->reader->user : 0;
	e->at_ms = query->rank.now_ms;
	e->step = EXAMPLE_NO_STEP;
	for (size_t i = 0; i < n; i++)
		e->slots[i] = (struct example_slot){.article = items[i].article};
	return e;
}

int query_waiting(struct engine_worker *w, struct arena *arena, const struct query *query, const struct shown *shown,
                  uint64_t feed, uint16_t page, struct pending_slate **out)
{
	enum { POSITION_MAX = 255 };
	const size_t n = shown->n;
	const bool bare = !query_has_stage_two(query);
	size_t n_slots = 0;
	*out = NULL;
	if (query->rank.order != RANK_RANKED)
		return 0;
	uint16_t *which = arena_calloc(arena, n, sizeof(*which));
	uint8_t *positions = arena_calloc(arena, n, 1);
	struct example *e = bare ? bare_example(query, arena, shown->items, n) : query->example;
	if (!which || !positions || (bare && !e))
		return -ENOMEM;
	for (size_t i = 0; e && i < n; i++) {
		const struct rank_item *item = &shown->items[i];
		ptrdiff_t slot = bare ? (ptrdiff_t)i : slot_of(query, item);
		unsigned position = shown->first_position ? shown->first_position + (unsigned)i : 0;
		if (slot < 0 || (shown->pinned && shown->pinned[i]))
			continue;
		which[n_slots] = (uint16_t)slot;
		e->slots[slot].score = shown->scores ? shown->scores[i] : (double)item->score / RANK_ONE;
		positions[n_slots++] = (uint8_t)(position < POSITION_MAX ? position : POSITION_MAX);
	}
	if (n_slots == 0)
		return 0;
	memcpy(e->model, query->rank.model->name, sizeof(e->model));
	int r = bare || !learner_asks_rank(w->engine->learner) ? 0 : rank_shortlist_by_ctr(e, which, n_slots, arena);
	if (r < 0)
		return r;
	int64_t due_ms = query->rank.now_ms + learning_delay_ms(w->engine, query->rank.model);
	struct pending_slate *slate = pending_slate_new(e, which, positions, n_slots, feed, page, due_ms);
	if (!slate)
		return -ENOMEM;
	slate->reader = query->reader_hash;
	*out = slate;
	return 0;
}
