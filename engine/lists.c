/* The lists that are not feeds: a caller's own, related, explained. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/feed_internal.h"

/* Where a publisher's id stands now. 1: unknown or not live. */
static int find_item(struct engine_worker *w, struct span id, struct rank_item *out)
{
	struct span value;
	int r = store_get(w->txn, TABLE_ARTICLE_IDS, id, &value);
	if (r != 0)
		return r;
	struct catalog_place place = catalog_find(w->engine->catalog, key_to_u32(value));
	*out = (struct rank_item){.article = key_to_u32(value), .segment = place.segment, .slot = place.slot};
	if (!place.segment)
		return 1;
	out->story = atomic_load_explicit(&place.segment->story[place.slot], memory_order_relaxed);
	out->published_ms = place.segment->published_ms[place.slot];
	return 0;
}

static int fill_list(struct engine_worker *w, struct arena *arena, struct query *query, struct rank_item *items,
                     size_t n, bool explain, int64_t now_ms, struct feed *out)
{
	struct feed_item *filled = arena_calloc(arena, n, sizeof(*filled));
	int r = filled ? query_explain_all(w, query, items, n) : -ENOMEM;
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		r = feed_item_fill(w, arena, query, &items[i], explain, &filled[i]);
		if (r < 0)
			return r;
		filled[i].position = (unsigned)i + 1;
		filled[i].propensity = 1;
	}
	*out = (struct feed){.as_of_ms = now_ms, .sequence = atomic_load(&w->engine->sequence),
	                     .model = query->rank.model->name, .model_version = query->rank.model->version,
	                     .items = filled, .n_items = n};
	return FEED_OK;
}

static int by_score(const void *a, const void *b)
{
	const struct rank_item *x = a, *y = b;
	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	if (x->published_ms != y->published_ms)
		return x->published_ms > y->published_ms ? -1 : 1;
	return x->article > y->article ? -1 : x->article < y->article;
}

/* The live ones of a caller's ids, scored: at[i] is the place in the caller's list of items[i]. */
static int score_list(struct engine_worker *w, struct arena *arena, const struct feed_request *request,
                      const struct span *article_ids, size_t n, struct query *query, struct rank_item *items, size_t *at,
                      size_t *n_found)
{
	int r = query_prepare(w, arena, request, query);
	if (r != 0)
		return r;
	query->rank.include_read = true;
	*n_found = 0;
	for (size_t i = 0; i < n; i++) {
		r = find_item(w, article_ids[i], &items[*n_found]);
		if (r < 0)
			return r;
		if (r == 0)
			at[(*n_found)++] = i;
	}
	return rank_score(w->scratch, w->engine->catalog, &query->rank, items, *n_found, NULL);
}

/* Inputs of the example's slots, each to its place in the caller's list. */
static int give_inputs(const struct query *query, struct arena *arena, const size_t *at, float *out)
{
	const struct example *e = query->example;
	uint16_t *which = arena_calloc(arena, e->n, sizeof(*which));
	float *inputs = arena_calloc(arena, e->n * 2 * N_COLUMNS, sizeof(*inputs));
	if (!which || !inputs)
		return -ENOMEM;
	for (size_t i = 0; i < e->n; i++)
		which[i] = (uint16_t)i;
	rank_inputs(query->rank.model, e, which, e->n, inputs);
	for (size_t i = 0; i < e->n; i++)
		memcpy(out + at[i] * 2 * N_COLUMNS, inputs + i * 2 * N_COLUMNS, 2 * N_COLUMNS * sizeof(*out));
	return 0;
}

int engine_score(struct engine_worker *w, struct arena *arena, const struct feed_request *request,
                 const struct span *article_ids, size_t n, double *scores, float *inputs, char feed_id[32])
{
	struct query query;
	struct rank_item *items = arena_calloc(arena, n, sizeof(*items));
	size_t *at = arena_calloc(arena, n, sizeof(*at)), n_found;
	int r = items && at ? score_list(w, arena, request, article_ids, n, &query, items, at, &n_found) : -ENOMEM;
	if (r != 0)
		return r;
	for (size_t i = 0; i < n; i++)
		scores[i] = NAN;
	if (feed_id)
		feed_id[0] = '\0';
	if (inputs)
		memset(inputs, 0, n * 2 * N_COLUMNS * sizeof(*inputs));
	if (!query_has_stage_two(&query) || n_found == 0) {
		for (size_t i = 0; i < n_found; i++)
			scores[at[i]] = (double)items[i].score / RANK_ONE;
		return 0;
	}
	double *found = arena_alloc(arena, n_found * sizeof(*found));
	r = found ? query_measure(w, &query, items, n_found) : -ENOMEM;
	if (r == 0)
		r = rank_shortlist_score(query.rank.model, &query.two, query.example, &w->stage_two, found);
	for (size_t i = 0; i < n_found && r == 0; i++)
		scores[at[i]] = found[i];
	if (r == 0 && inputs)
		r = give_inputs(&query, arena, at, inputs);
	if (r == 0 && feed_id) {
		uint64_t feed = feed_number_next(w, request->now_ms);
		struct pending_slate *waiting;
		feed_id_format(feed, feed_id);
		const struct shown shown = {.items = items, .scores = found, .n = n_found};
		r = query_waiting(w, arena, &query, &shown, feed, 0, &waiting);
		if (r == 0 && waiting)
			r = learning_wait_take(w->engine, waiting);
		r = r == -EAGAIN ? 0 : r; /* the queue is full: it teaches nothing */
	}
	return r;
}

int engine_rank(struct engine_worker *w, struct arena *arena, const struct feed_request *request,
                const struct span *article_ids, size_t n, struct feed *out)
{
	struct query query;
	struct rank_item *items = arena_calloc(arena, n, sizeof(*items));
	size_t *at = arena_calloc(arena, n, sizeof(*at)), n_found;
	int r = items && at ? score_list(w, arena, request, article_ids, n, &query, items, at, &n_found) : -ENOMEM;
	if (r != 0)
		return r;
	qsort(items, n_found, sizeof(*items), by_score);
	r = query_order(w, &query, items, n_found);
	return r < 0 ? r : fill_list(w, arena, &query, items, n_found, request->explain, request->now_ms, out);
}

int engine_related(struct engine_worker *w, struct arena *arena, struct span article_id, unsigned limit, int64_t now_ms,
                   struct feed *out)
{
	struct feed_request request = {.limit = limit, .now_ms = now_ms};
	struct query query;
	struct rank_item self;
	int r = query_prepare(w, arena, &request, &query);
	if (r == 0)
		r = find_item(w, article_id, &self);
	if (r != 0)
		return r;
	/* A reader whose only interest is this article's vector, read just now. */
	struct profile *profile = arena_calloc(arena, 1, sizeof(*profile));
	struct history *history = arena_calloc(arena, 1, sizeof(*history));
	size_t n_pool;
	if (!profile || !history)
		return -ENOMEM;
	struct profile_event event = {.type = EVENT_LIKE, .article = self.article, .story = self.story, .at_ms = now_ms,
	                              .dwell_s = -1, .scroll = -1};
	event.vector = catalog_vector(self.segment, self.slot, &event.n_vector);
	profile_apply(&w->engine->profile_config, profile, history, &event);
	query.rank.reader = (struct rank_reader){.profile = profile, .history = history};
	r = rank_pool(w->scratch, w->engine->catalog, &query.rank, limit, w->pool, &n_pool, NULL);
	return r < 0 ? r : fill_list(w, arena, &query, w->pool, n_pool, false, now_ms, out);
}

/* Scores an item by stage two among the best of the pool. *place is where its story stands there, 0 when it does not. */
static int explain_in_pool(struct engine_worker *w, struct arena *arena, struct query *query, size_t n_pool,
                           struct rank_item *item, unsigned *place)
{
	size_t n = n_pool < LIMIT_POOL ? n_pool : LIMIT_POOL;
	struct rank_item *items = arena_alloc(arena, (n + 1) * sizeof(*items));
	bool there = false;
	if (!items)
		return -ENOMEM;
	memcpy(items, w->pool, n * sizeof(*items));
	for (size_t i = 0; i < n; i++)
		there = there || items[i].article == item->article;
	if (!there)
		items[n++] = *item;
	int r = query_order(w, query, items, n);
	for (size_t i = 0; i < n && r == 0; i++) {
		if (items[i].article == item->article)
			item->score = items[i].score;
		if (there && items[i].article == item->article)
			*place = (unsigned)i + 1;
	}
	return r;
}

int engine_explain(struct engine_worker *w, struct arena *arena, const struct feed_request *request,
                   struct span article_id, struct explanation *out)
{
	static const char *const names[] = {
		[RANK_ELIGIBLE] = "eligible", [RANK_NOT_LIVE] = "not_live", [RANK_EMBARGOED] = "embargoed",
		[RANK_EXPIRED] = "expired", [RANK_READ] = "read", [RANK_MUTED] = "muted", [RANK_FILTERED] = "filtered",
		[RANK_EXCLUDED] = "excluded"};
	struct query query;
	struct rank_item item;
	struct span value;
	enum rank_why why;
	size_t n_pool = 0;
	int r = query_prepare(w, arena, request, &query);
	if (r != 0)
		return r;
	*out = (struct explanation){.why = names[RANK_NOT_LIVE]};
	r = find_item(w, article_id, &item);
	if (r == 1)
		return store_get(w->txn, TABLE_ARTICLE_IDS, article_id, &value);
	if (r == 0)
		r = rank_score(w->scratch, w->engine->catalog, &query.rank, &item, 1, &why);
	if (r != 0)
		return r;
	if (why == RANK_ELIGIBLE || query_has_stage_two(&query)) /* stage two measures a story against others */
		r = rank_pool(w->scratch, w->engine->catalog, &query.rank, LIMIT_FEED_DEPTH, w->pool, &n_pool, NULL);
	if (r == 0 && why != RANK_ELIGIBLE) {
		query.rank.include_read = true; /* what it would score */
		r = rank_score(w->scratch, w->engine->catalog, &query.rank, &item, 1, NULL);
	}
	if (r < 0)
		return r;
	for (size_t i = 0; i < n_pool && why == RANK_ELIGIBLE && out->rank == 0; i++)
		if (w->pool[i].story == item.story)
			out->rank = (unsigned)i + 1;
	if (query_has_stage_two(&query))
		r = explain_in_pool(w, arena, &query, n_pool, &item, &out->rank);
	if (r == 0)
		r = query_explain_all(w, &query, &item, 1);
	if (r < 0)
		return r;
	out->why = names[why];
	out->score = (double)item.score / RANK_ONE;
	return feed_item_fill(w, arena, &query, &item, true, &out->item);
}

int engine_feed_new(struct engine_worker *w, struct arena *arena, struct span user_id, struct span feed_id,
                    int64_t now_ms, unsigned *n_new)
{
	struct feed_request request = {.user_id = user_id, .limit = 1, .now_ms = now_ms};
	struct query query;
	struct slate_record slate;
	struct span value;
	uint8_t key[10];
	uint64_t feed;
	size_t n;
	if (feed_id_parse(feed_id, &feed) != 0)
		return FEED_CURSOR_GONE;
	int r = query_prepare(w, arena, &request, &query);
	if (r == 0)
		r = store_get(w->txn, TABLE_SLATES, key_slate(key, feed, 0), &value);
	if (r == 1 && feed_slate_may_come(w->engine, feed, request.now_ms))
		return FEED_SLATE_PENDING;
	if (r != 0)
		return r < 0 ? r : FEED_CURSOR_GONE;
	if (slate_record_decode(arena, value, &slate))
		return -EINVAL;
	if (slate.user && slate.user != (query.reader ? query.reader->user : 0))
		return FEED_CURSOR_GONE; /* nobody's: made before anything was known of the reader */
	r = rank_pool(w->scratch, w->engine->catalog, &query.rank, LIMIT_FEED_DEPTH, w->pool, &n, NULL);
	if (r < 0)
		return r;
	*n_new = 0;
	for (size_t i = 0; i < n; i++)
		*n_new += w->pool[i].segment->created_seq[w->pool[i].slot] > slate.sequence;
	return FEED_OK;
}
