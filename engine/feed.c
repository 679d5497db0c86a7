/* The feed: who asks, what may be shown, the pool, diversity, pins, reasons, and the slate that keeps it all.
 *
 * A first page freezes the feed: the sequence number and the pool in order. A slate is stored for each page, keyed by feed
 * number and page; the cursor names the next page. A later page reads the slates before it, drops what may not be shown
 * any more, refills from the live catalogue when the pool runs dry (only articles older than the freeze), and goes on
 * diversifying where the page before stopped. Fetching a page again gives its slate again. */
#include <errno.h>

#include "engine/feed_internal.h"

/* Of everything that decides what a feed holds, but for limit, explain and language of reasons. */
static uint64_t request_hash(const struct feed_request *q)
{
	const struct span parts[] = {q->user_id, q->edition, q->section, q->topic, q->place, q->language, q->source,
	                             q->query, q->model};
	uint64_t h = hash_mix64((uint64_t)q->order + (q->each_report ? 17 : 1));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		h = hash_mix64(h * 31 + (parts[i].len ? hash64(parts[i]) : 7));
	for (size_t i = 0; i < q->n_exclude; i++)
		h = hash_mix64(h * 31 + hash64(q->exclude[i]));
	return h;
}

/* ---- a page ---- */

/* Marks pool items that may not be shown any more, and finds where the others stand now. Keeps their frozen scores. */
static int revise_pool(struct page *p)
{
	enum rank_why *why = arena_calloc(p->arena, p->n_pool, sizeof(*why));
	struct rank_item *copy = arena_alloc(p->arena, p->n_pool * sizeof(*copy));
	if (!why || !copy)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_pool; i++) {
		struct catalog_place place = catalog_find(p->w->engine->catalog, p->pool[i].article);
		p->pool[i].segment = place.segment;
		p->pool[i].slot = place.slot;
		if (place.segment) {
			p->pool[i].story = atomic_load_explicit(&place.segment->story[place.slot], memory_order_relaxed);
			p->pool[i].published_ms = place.segment->published_ms[place.slot];
		} else {
			p->taken[i] = true;
		}
		copy[i] = p->pool[i];
	}
	for (size_t i = 0; i < p->n_pool; i++) {
		if (p->taken[i])
			continue;
		int r = rank_score(p->w->scratch, p->w->engine->catalog, &p->query.rank, &copy[i], 1, &why[i]);
		if (r < 0)
			return r;
		if (why[i] != RANK_ELIGIBLE)
			p->taken[i] = true;
	}
	return 0;
}

static size_t put_numbers(uint32_t *out, const struct rank_item *items, size_t n, bool articles)
{
	for (size_t i = 0; i < n; i++)
		out[i] = articles ? items[i].article : items[i].story;
	return n;
}

/* Adds what is left in the catalogue to a pool that runs dry. */
static int refill(struct page *p)
{
	struct rank_request request = p->query.rank;
	bool articles = request.each_report;
	size_t n_left = 0, n_used = 0, n;
	for (size_t i = 0; i < p->n_pool; i++)
		if (!p->taken[i])
			p->pool[n_left++] = p->pool[i];
	size_t n_most = request.n_exclude_articles + p->n_before + p->n_shown + n_left;
	uint32_t *used = arena_alloc(p->arena, n_most * sizeof(*used) + 4);
	if (!used)
		return -ENOMEM;
	for (size_t i = 0; articles && i < request.n_exclude_articles; i++)
		used[n_used++] = request.exclude_articles[i];
	n_used += put_numbers(used + n_used, p->before, p->n_before, articles);
	n_used += put_numbers(used + n_used, p->shown, p->n_shown, articles);
	n_used += put_numbers(used + n_used, p->pool, n_left, articles);
	*(articles ? &request.exclude_articles : &request.exclude_stories) = used;
	*(articles ? &request.n_exclude_articles : &request.n_exclude_stories) = n_used;
	request.any_order = query_has_stage_two(&p->query);
	size_t room = LIMIT_FEED_DEPTH - n_left, want = LIMIT_POOL < room ? LIMIT_POOL : room;
	int r = rank_pool(p->w->scratch, p->w->engine->catalog, &request, want, p->pool + n_left, &n, NULL);
	if (r < 0)
		return r;
	r = query_order(p->w, &p->query, p->pool + n_left, n);
	if (r < 0)
		return r;
	p->n_pool = n_left + n;
	p->exhausted = n < want;
	p->pool_is_new = p->refilled = true;
	if (query_has_stage_two(&p->query))
		rank_sort(p->pool, p->n_pool); /* each part has its model's scores */
	memset(p->taken, 0, p->n_pool * sizeof(*p->taken));
	return 0;
}

static size_t n_untaken(const struct page *p)
{
	size_t n = 0;
	for (size_t i = 0; i < p->n_pool; i++)
		n += !p->taken[i];
	return n;
}

static int pick_from_pool(struct page *p, size_t n)
{
	size_t n_picked = 0;
	uint16_t *order = arena_alloc(p->arena, (n + 1) * sizeof(*order));
	uint16_t *n_left_before = arena_alloc(p->arena, p->n_pool * sizeof(*n_left_before));
	size_t n_placed = p->n_lead + p->n_before + p->n_shown;
	struct rank_item *placed = arena_alloc(p->arena, (n_placed + 1) * sizeof(*placed));
	if (!order || !n_left_before || !placed)
		return -ENOMEM;
	memcpy(placed, p->lead, p->n_lead * sizeof(*placed));
	if (p->n_before)
		memcpy(placed + p->n_lead, p->before, p->n_before * sizeof(*placed));
	memcpy(placed + p->n_lead + p->n_before, p->shown, p->n_shown * sizeof(*placed));
	if (p->query.rank.order == RANK_RANKED) {
		int r = rank_diversify(p->w->scratch, p->query.rank.model, &p->query.rank, p->pool, p->n_pool, p->taken, placed,
		                       n_placed, n, order, &n_picked);
		if (r < 0)
			return r;
	} else {
		for (size_t i = 0; i < p->n_pool && n_picked < n; i++)
			if (!p->taken[i]) {
				p->taken[i] = true;
				order[n_picked++] = (uint16_t)i;
			}
	}
	/* How far diversity moved each: its place by score, among what is left and what was picked with it and after it. */
	uint16_t n_left = 0;
	for (size_t i = 0; i < p->n_pool; i++) {
		n_left_before[i] = n_left;
		n_left += !p->taken[i];
	}
	for (size_t k = 0; k < n_picked; k++) {
		size_t by_score = n_left_before[order[k]];
		for (size_t j = k; j < n_picked; j++)
			by_score += order[j] < order[k];
		p->moved[p->n_shown] = (int)by_score;
		p->shown[p->n_shown++] = p->pool[order[k]];
	}
	return 0;
}

static int fill_page(struct page *p)
{
	while (p->n_shown < p->n_wanted) {
		int pin = pins_at(p, p->n_before + p->n_shown + 1);
		if (pin >= 0) {
			p->pinned[p->n_shown] = true;
			p->moved[p->n_shown] = 0;
			p->shown[p->n_shown++] = p->pins[pin];
			continue;
		}
		size_t run = 1;
		while (p->n_shown + run < p->n_wanted && pins_at(p, p->n_before + p->n_shown + run + 1) < 0)
			run++;
		if (!p->exhausted && n_untaken(p) < run) {
			int r = refill(p);
			if (r < 0)
				return r;
		}
		size_t before = p->n_shown;
		int r = pick_from_pool(p, run);
		if (r < 0)
			return r;
		if (p->n_shown == before)
			break;
	}
	return 0;
}

/* ---- from a page to what the caller gets ---- */

static int finish(struct page *p, const struct feed_request *q, uint64_t feed, uint16_t page, bool logged,
                  struct feed *out)
{
	struct feed_item *items = arena_calloc(p->arena, p->n_shown, sizeof(*items));
	int r = items ? query_explain_all(p->w, &p->query, p->shown, p->n_shown) : -ENOMEM;
	if (r < 0)
		return r;
	for (size_t i = 0; i < p->n_shown; i++) {
		r = feed_item_fill(p->w, p->arena, &p->query, &p->shown[i], q->explain, &items[i]);
		if (r < 0)
			return r;
		items[i].position = (unsigned)(p->n_before + i + 1);
		items[i].propensity = 1;
		items[i].pinned = p->pinned[i];
		items[i].moved_by = p->moved[i];
	}
	*out = (struct feed){.as_of_ms = p->created_ms, .sequence = p->sequence, .model = p->query.rank.model->name,
	                     .model_version = p->query.rank.model->version, .items = items, .n_items = p->n_shown,
	                     .logged = logged};
	feed_id_format(feed, out->feed_id);
	size_t depth = p->n_before + p->n_shown;
	bool more = p->exhausted ? n_untaken(p) > 0 : true;
	if (logged && more && depth < LIMIT_FEED_DEPTH && p->n_shown > 0)
		out->next_cursor = slate_cursor_make(p->w->engine, p->arena, feed, (uint16_t)(page + 1), p->request_hash,
		                               p->created_ms + ENGINE_CURSOR_MS);
	atomic_fetch_add_explicit(&p->w->engine->n_feeds, 1, memory_order_relaxed);
	return FEED_OK;
}

/* What is shown was measured on an earlier page, or before a refill: once more, among what it might have been, for learning
 * and for reasons. */
static int measure_page(struct page *p)
{
	size_t n = p->n_shown;
	if (!query_has_stage_two(&p->query))
		return 0;
	struct rank_item *items = arena_alloc(p->arena, (p->n_shown + p->n_pool + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	memcpy(items, p->shown, n * sizeof(*items));
	for (size_t i = 0; i < p->n_pool && n < LIMIT_POOL; i++)
		if (!p->taken[i])
			items[n++] = p->pool[i];
	/* Their stage-one scores of now. */
	int r = rank_score(p->w->scratch, p->w->engine->catalog, &p->query.rank, items, n, NULL);
	if (r == 0)
		r = query_measure(p->w, &p->query, items, n);
	if (r == 0 && p->query.example)
		p->query.example->step = EXAMPLE_NO_STEP;
	return r;
}

static int first_page(struct page *p, const struct feed_request *q, struct feed *out)
{
	bool logged;
	p->created_ms = q->now_ms;
	p->sequence = atomic_load_explicit(&p->w->engine->sequence, memory_order_acquire);
	p->query.rank.created_before_seq = p->sequence + 1;
	struct rank_request request = p->query.rank;
	request.any_order = query_has_stage_two(&p->query);
	size_t n;
	int r = rank_pool(p->w->scratch, p->w->engine->catalog, &request, LIMIT_POOL, p->pool, &n, NULL);
	if (r < 0)
		return r;
	r = query_order(p->w, &p->query, p->pool, n);
	if (r < 0)
		return r;
	p->n_pool = n;
	p->exhausted = n < LIMIT_POOL;
	p->pool_is_new = true;
	r = slate_find_lead(p);
	if (r == 0 && p->query.rank.order == RANK_RANKED)
		r = pins_place(p);
	if (r == 0)
		r = fill_page(p);
	uint64_t feed = feed_number_next(p->w, q->now_ms);
	if (r == 0 && p->refilled)
		r = measure_page(p);
	if (r == 0)
		r = slate_keep(p, feed, 0, &logged);
	return r != 0 ? r : finish(p, q, feed, 0, logged, out);
}

/* The same cursor again: the same slate, less what may not be shown any more. */
static int replay_page(struct page *p, const struct slate_record *s)
{
	struct rank_item *items = arena_alloc(p->arena, (s->n_items + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	slate_items(p, s, items);
	for (size_t i = 0; i < s->n_items; i++) {
		enum rank_why why;
		struct rank_item probe = items[i];
		if (!probe.segment)
			continue;
		int r = rank_score(p->w->scratch, p->w->engine->catalog, &p->query.rank, &probe, 1, &why);
		if (r < 0)
			return r;
		if (why != RANK_ELIGIBLE)
			continue;
		p->pinned[p->n_shown] = s->items[i].pinned;
		p->shown[p->n_shown++] = items[i];
	}
	return 0;
}

static int later_page(struct page *p, const struct feed_request *q, struct feed *out)
{
	uint64_t feed;
	uint16_t page;
	uint8_t key[10];
	struct span value;
	struct slate_record stored;
	bool logged = true;
	int r = slate_cursor_read(p->w->engine, q->cursor, p->request_hash, q->now_ms, &feed, &page);
	if (r != FEED_OK)
		return r;
	r = store_read_renew(p->w->txn);
	if (r == 0)
		r = slate_read_before(p, feed, page);
	if (r == FEED_CURSOR_GONE && feed_slate_may_come(p->w->engine, feed, q->now_ms))
		return FEED_SLATE_PENDING;
	if (r != 0)
		return r;
	p->query.rank.created_before_seq = p->sequence + 1;
	size_t room = LIMIT_FEED_DEPTH - p->n_before;
	p->n_wanted = p->n_wanted < room ? p->n_wanted : room;
	r = revise_pool(p);
	if (r < 0)
		return r;
	r = store_get(p->w->txn, TABLE_SLATES, key_slate(key, feed, page), &value);
	if (r == 0) {
		if (slate_record_decode(p->arena, value, &stored))
			return -EINVAL;
		r = replay_page(p, &stored);
		p->exhausted = stored.exhausted;
		if (r >= 0)
			r = measure_page(p);
	} else if (r == 1) {
		r = fill_page(p);
		if (r == 0)
			r = measure_page(p);
		if (r == 0)
			r = slate_keep(p, feed, page, &logged);
	}
	return r < 0 ? r : finish(p, q, feed, page, logged, out);
}

int engine_feed(struct engine_worker *w, struct arena *arena, const struct feed_request *request, struct feed *out)
{
	struct page *p = arena_calloc(arena, 1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->w = w;
	p->arena = arena;
	p->pool = w->pool;
	p->n_wanted = request->limit;
	p->request_hash = request_hash(request);
	int r = query_prepare(w, arena, request, &p->query);
	if (r != 0)
		return r;
	return request->cursor.len ? later_page(p, request, out) : first_page(p, request, out);
}
