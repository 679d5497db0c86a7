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

int query_measure(struct engine_worker *w, struct arena *arena, struct query *query, const struct rank_item *items,
                  size_t n)
{
	if (!query_has_stage_two(query) || n == 0)
		return 0;
	query->two.signals = learner_signals(w->engine->learner);
	query->two.space = learner_space(w->engine->learner);
	query->two.user = query->reader ? query->reader->user : 0;
	return rank_shortlist(w->scratch, w->engine->catalog, &query->rank, &query->two, items, n, arena, &query->example);
}

int query_order(struct engine_worker *w, struct arena *arena, struct query *query, struct rank_item *items, size_t n)
{
	int r = query_measure(w, arena, query, items, n);
	if (r < 0 || !query->example || n == 0)
		return r;
	return rank_shortlist_order(query->rank.model, &query->two, query->example, items, n, arena);
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

/* How telling a row is: what the reader did or chose, then what is true of the story, then what goes without saying. What
 * a story has less of than others is told where there is nothing else to tell. */
static int telling(const struct rank_row *row)
{
	static const struct {
		uint8_t own, plain;
	} of[N_RANK_TOLD] = {
		[RANK_TOLD_TOPIC_SHORT] = {.own = 1}, [RANK_TOLD_TOPIC_LONG] = {.own = 1}, [RANK_TOLD_SECTION] = {.own = 1},
		[RANK_TOLD_SOURCE] = {.own = 1}, [RANK_TOLD_PLACE] = {.own = 1}, [RANK_TOLD_FOLLOW] = {.own = 1},
		[RANK_TOLD_HOME] = {.own = 1}, [RANK_TOLD_TOPICS] = {.own = 1}, [RANK_TOLD_SIMILARITY] = {.own = 1},
		[RANK_TOLD_CO_READ] = {.own = 1}, [RANK_TOLD_GRAMS] = {.own = 1},
		[RANK_TOLD_BASE] = {.plain = 1}, [RANK_TOLD_CROSSES] = {.plain = 1},
		[RANK_TOLD_STAGE_ONE] = {.plain = 1}, [RANK_TOLD_LANGUAGE] = {.plain = 1}, [RANK_TOLD_EXPLORE] = {.plain = 1},
		[RANK_TOLD_HEAD_TO_HEAD] = {.plain = 1}, [RANK_TOLD_SEEN] = {.plain = 1}, [RANK_TOLD_READER] = {.plain = 1},
		[RANK_TOLD_AGE] = {.plain = 1}, [RANK_TOLD_SHOWS] = {.plain = 1}};
	if (row->stands < 0 && row->told != RANK_TOLD_AGE && row->told != RANK_TOLD_PREMIUM)
		return 0;
	return 2 + of[row->told].own - of[row->told].plain;
}

/* What a reader is told of joined rows: those that raised the story, the most telling first, nothing that adds less than a
 * twentieth of the largest. Moves them to the front and returns how many. */
static size_t choose_rows(struct rank_row *rows, size_t n)
{
	enum { MOST = 3 };
	struct rank_row chosen[MOST];
	size_t n_chosen = 0;
	double largest = 0;
	for (size_t i = 0; i < n; i++)
		largest = rows[i].contribution > largest ? rows[i].contribution : largest;
	for (size_t i = 0; i < n; i++) {
		const struct rank_row *row = &rows[i];
		if (row->told == RANK_TOLD_BASE || row->contribution <= 0 || row->contribution * 20 < largest)
			continue;
		size_t k = n_chosen;
		for (; k > 0; k--) {
			int more = telling(row) - telling(&chosen[k - 1]);
			if (more < 0 || (more == 0 && row->contribution <= chosen[k - 1].contribution))
				break;
			if (k < MOST)
				chosen[k] = chosen[k - 1];
		}
		if (k < MOST)
			chosen[k] = *row;
		n_chosen += n_chosen < MOST;
	}
	while (n_chosen > 1 && telling(&chosen[0]) > 0 && telling(&chosen[n_chosen - 1]) == 0)
		n_chosen--;
	memcpy(rows, chosen, n_chosen * sizeof(*rows));
	return n_chosen;
}

int query_explain_all(struct arena *arena, struct query *query, const struct rank_item *items, size_t n)
{
	size_t n_slots = 0;
	if (!query->example || n == 0)
		return 0;
	uint16_t *which = arena_alloc(arena, n * sizeof(*which));
	struct rank_parts *parts = arena_alloc(arena, n * sizeof(*parts));
	query->parts = arena_calloc(arena, query->example->n, sizeof(*query->parts));
	if (!which || !parts || !query->parts)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		ptrdiff_t slot = slot_of(query, &items[i]);
		if (slot < 0)
			continue;
		query->parts[slot] = &parts[n_slots];
		which[n_slots++] = (uint16_t)slot;
	}
	return rank_shortlist_parts(query->rank.model, &query->two, query->example, which, n_slots, arena, parts);
}

int query_explain(struct engine_worker *w, struct arena *arena, const struct query *query, const struct rank_item *item,
                  bool all, struct feed_item *out)
{
	ptrdiff_t slot = query->parts ? slot_of(query, item) : -1;
	if (slot < 0 || !query->parts[slot])
		return 1;
	struct rank_row rows[RANK_ROWS_MAX];
	size_t n_told = rank_shortlist_explain(w->engine->catalog, &query->rank, query->example, (size_t)slot, item,
	                                       query->parts[slot], !all, rows);
	if (all)
		rank_rows_sort(rows, n_told);
	else
		n_told = choose_rows(rows, n_told);
	struct feed_reason *reasons = arena_calloc(arena, n_told, sizeof(*reasons));
	if (!reasons)
		return -ENOMEM;
	for (size_t i = 0; i < n_told; i++)
		reasons[i] = (struct feed_reason){.code = rows[i].code, .group = rank_told_names[rows[i].told], .stands = rows[i].stands,
		                                  .topic = topics_name(w->engine->topics, rows[i].topic),
		                                  .label = topics_label(w->engine->topics, rows[i].topic),
		                                  .contribution = rows[i].contribution};
	out->reasons = reasons;
	out->n_reasons = n_told;
	return 0;
}

int query_wait(struct engine_worker *w, struct arena *arena, const struct query *query, const struct rank_item *items,
               const double *scores, size_t n, unsigned first_position, uint64_t feed, uint16_t page)
{
	enum { POSITION_MAX = 255 };
	uint16_t *which = arena_calloc(arena, n, sizeof(*which));
	uint8_t *positions = arena_calloc(arena, n, 1);
	size_t n_slots = 0;
	if (!which || !positions)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		ptrdiff_t slot = slot_of(query, &items[i]);
		unsigned position = first_position ? first_position + (unsigned)i : 0;
		if (slot < 0)
			continue;
		which[n_slots] = (uint16_t)slot;
		query->example->slots[slot].score = scores ? scores[i] : (double)items[i].score / RANK_ONE;
		positions[n_slots++] = (uint8_t)(position < POSITION_MAX ? position : POSITION_MAX);
	}
	if (n_slots == 0)
		return 0;
	int64_t due_ms = query->rank.now_ms + learning_delay_ms(w->engine, query->rank.model);
	struct pending_slate *slate = pending_slate_new(query->example, which, positions, n_slots, feed, page, due_ms);
	if (slate)
		slate->reader = query->reader_hash;
	int r = learning_wait_take(w->engine, slate);
	return r == -EAGAIN ? 0 : r; /* the queue is full: this slate teaches nothing */
}
