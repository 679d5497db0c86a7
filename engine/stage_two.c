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

/* The slot of an article in the query's example; -1 when it was not of the shortlist. */
static ptrdiff_t slot_of(const struct query *query, uint32_t article)
{
	const struct example *e = query->example;
	for (size_t i = 0; e && i < e->n; i++)
		if (e->slots[i].article == article)
			return (ptrdiff_t)i;
	return -1;
}

/* How telling a row is: what the reader did or chose, then what is true of the story, then what goes without saying. What
 * a story has less of than others is told where there is nothing else to tell. */
static int telling(const struct rank_row *row)
{
	const char *group = row->group;
	static const char *const first[] = {"topic_short", "topic_long", "section", "source", "place", "follow", "home", "topics",
	                                    "similarity", "similarity_top", "grams", "kin", "co_read"},
	                  *const last[] = {"base", "crosses", "stage_one", "language", "explore", "head_to_head", "seen",
	                                   "reader", "age", "shows"};
	if (row->stands < 0 && strcmp(group, "age") != 0 && strcmp(group, "premium") != 0)
		return 0;
	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
		if (strcmp(group, first[i]) == 0)
			return 3;
	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++)
		if (strcmp(group, last[i]) == 0)
			return 1;
	return 2;
}

/* A joined group stands where the largest of its rows that raise the story does; rows come largest first. */
static size_t join_groups(struct rank_row *rows, size_t n)
{
	size_t n_groups = 0;
	bool raised[RANK_ROWS_MAX] = {false};
	for (size_t i = 0; i < n; i++) {
		size_t g = 0;
		while (g < n_groups && (strcmp(rows[g].group, rows[i].group) != 0 || rows[g].topic != rows[i].topic))
			g++;
		struct rank_row row = rows[i];
		if (g == n_groups) {
			rows[n_groups] = row;
			rows[n_groups++].code = row.group;
		} else {
			rows[g].contribution += row.contribution;
		}
		if (row.contribution > 0 && !raised[g]) {
			rows[g].stands = row.stands;
			raised[g] = true;
		}
	}
	return n_groups;
}

/* What a reader is told: rows of one group and topic as one, those that raised the story, the most telling first, nothing
 * that adds less than a twentieth of the largest. Moves them to the front and returns how many. */
static size_t choose_groups(struct rank_row *rows, size_t n)
{
	enum { MOST = 3 };
	size_t n_groups = join_groups(rows, n), n_chosen = 0;
	double largest = 0;
	for (size_t g = 0; g < n_groups; g++)
		largest = rows[g].contribution > largest ? rows[g].contribution : largest;
	for (int class = 3; class > 0 || (class == 0 && n_chosen == 0); class--)
		while (n_chosen < MOST) {
			size_t best = n_groups;
			for (size_t g = n_chosen; g < n_groups; g++)
				if (telling(&rows[g]) == class && strcmp(rows[g].group, "base") != 0 &&
				    rows[g].contribution * 20 >= largest && rows[g].contribution > 0 &&
				    (best == n_groups || rows[g].contribution > rows[best].contribution))
					best = g;
			if (best == n_groups)
				break;
			struct rank_row row = rows[best];
			rows[best] = rows[n_chosen];
			rows[n_chosen++] = row;
		}
	return n_chosen;
}

int query_explain(struct engine_worker *w, struct arena *arena, const struct query *query, const struct rank_item *item,
                  bool all, struct feed_item *out)
{
	ptrdiff_t slot = slot_of(query, item->article);
	struct rank_row *rows = arena_alloc(arena, RANK_ROWS_MAX * sizeof(*rows));
	if (slot < 0)
		return 1;
	int n = rows ? rank_shortlist_explain(w->engine->catalog, &query->two, &query->rank, query->example, (size_t)slot, item,
	                                      arena, rows)
	             : -ENOMEM;
	if (n < 0)
		return n;
	size_t n_told = all ? (size_t)n : choose_groups(rows, (size_t)n);
	struct feed_reason *reasons = arena_calloc(arena, n_told, sizeof(*reasons));
	if (!reasons)
		return -ENOMEM;
	for (size_t i = 0; i < n_told; i++)
		reasons[i] = (struct feed_reason){.code = rows[i].code, .group = rows[i].group, .stands = rows[i].stands,
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
		ptrdiff_t slot = slot_of(query, items[i].article);
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
	int r = learning_wait_take(w->engine, pending_slate_new(query->example, which, positions, n_slots, feed, page, due_ms));
	return r == -EAGAIN ? 0 : r; /* the queue is full: this slate teaches nothing */
}
