/* Slates: what a page showed, kept under feed number and page, and the cursors that name the next page.
 *
 * A slate is queued before the reply and committed with the next batch, which comes soon: at once when a later page waits
 * for it, else when an event does, else after some milliseconds, so that a sync serves many slates. It names the pool where
 * that was drawn, so that later pages go on from it, and what the reader saw last before the feed, which caps count. A slate
 * that models may learn from begins to wait for its reader's events with the commit that stores it. */
#include <errno.h>
#include <stdlib.h>

#include "engine/base/base64url.h"
#include "engine/base/digest.h"
#include "engine/feed_internal.h"

enum { CURSOR_VERSION = 1, CURSOR_BYTES = 1 + 8 + 2 + 8 + 8, CURSOR_MAC_BYTES = 16 };

/* ---- cursors: version, feed, page, hash of reader and filters, expiry; then a MAC ---- */

static void cursor_mac(const struct engine *e, const uint8_t *bytes, uint8_t out[DIGEST_BYTES])
{
	digest_hmac_sha256((struct span){(const char *)e->secret, sizeof(e->secret)},
	                   (struct span){(const char *)bytes, CURSOR_BYTES}, out);
}

struct span slate_cursor_make(const struct engine *e, struct arena *arena, uint64_t feed, uint16_t page,
                               uint64_t request_hash, int64_t expires_ms)
{
	uint8_t bytes[CURSOR_BYTES + CURSOR_MAC_BYTES], mac[DIGEST_BYTES];
	bytes[0] = CURSOR_VERSION;
	memcpy(bytes + 1, &feed, 8);
	memcpy(bytes + 9, &page, 2);
	memcpy(bytes + 11, &request_hash, 8);
	memcpy(bytes + 19, &expires_ms, 8);
	cursor_mac(e, bytes, mac);
	memcpy(bytes + CURSOR_BYTES, mac, CURSOR_MAC_BYTES);
	char *text = arena_alloc(arena, BASE64URL_BYTES(sizeof(bytes)));
	return text ? (struct span){text, base64url_encode(bytes, sizeof(bytes), text)} : (struct span){NULL, 0};
}

int slate_cursor_read(const struct engine *e, struct span text, uint64_t request_hash, int64_t now_ms, uint64_t *feed,
                       uint16_t *page)
{
	uint8_t bytes[CURSOR_BYTES + CURSOR_MAC_BYTES], mac[DIGEST_BYTES];
	uint64_t hash;
	int64_t expires_ms;
	if (base64url_decode(text, bytes, sizeof(bytes)) != (ptrdiff_t)sizeof(bytes) || bytes[0] != CURSOR_VERSION)
		return FEED_CURSOR_BAD;
	cursor_mac(e, bytes, mac);
	memcpy(feed, bytes + 1, 8);
	memcpy(page, bytes + 9, 2);
	memcpy(&hash, bytes + 11, 8);
	memcpy(&expires_ms, bytes + 19, 8);
	if (!digest_equal(mac, bytes + CURSOR_BYTES, CURSOR_MAC_BYTES) || hash != request_hash)
		return FEED_CURSOR_BAD;
	return expires_ms < now_ms ? FEED_CURSOR_GONE : FEED_OK;
}

/* ---- the slate's way to the store ---- */

struct slate_op {
	struct write_op op;
	uint64_t feed, user;
	uint16_t page;
	int64_t now_ms;
	struct pending_slate *waiting; /* for the reader's events once this is stored; NULL: the model is linear */
	size_t n_bytes;
	char bytes[];
};

static int slate_apply(struct write_op *op, struct store_txn *txn, void *ctx)
{
	struct slate_op *s = (struct slate_op *)op;
	struct engine *e = engine_of(ctx);
	uint8_t key[10];
	struct hot *hot;
	if (s->user) {
		int r = readers_open_number(e->readers, txn, s->user, &hot);
		if (r < 0)
			return r;
		if (r > 0) { /* erased meanwhile: nothing of it is kept, nor does it wait for anything */
			pending_slate_free(s->waiting);
			s->waiting = NULL;
			return 0;
		}
		struct log_record record = {.kind = LOG_SLATE, .received_ms = s->now_ms, .feed = s->feed, .page = s->page};
		r = chain_fold(e, txn, hot, &record);
		if (r < 0)
			return r;
	}
	return store_put(txn, TABLE_SLATES, key_slate(key, s->feed, s->page), (struct span){s->bytes, s->n_bytes});
}

static void slate_publish(struct write_op *op, void *ctx)
{
	struct slate_op *s = (struct slate_op *)op;
	if (s->waiting)
		pending_add_take(engine_of(ctx)->pending, s->waiting);
	s->waiting = NULL;
}

static void slate_done(struct write_op *op, int status, void *ctx)
{
	if (status < 0)
		atomic_fetch_add(&engine_of(ctx)->n_slates_dropped, 1);
	pending_slate_free(((struct slate_op *)op)->waiting);
	free(op);
}

static bool submit_slate_take(struct engine *e, const struct slate_record *record, uint64_t feed, uint16_t page,
                              int64_t now_ms, struct pending_slate *waiting)
{
	struct buf b = {0};
	slate_record_encode(&b, record);
	struct slate_op *s = b.failed ? NULL : malloc(sizeof(*s) + b.len);
	if (s) {
		/* Patient: an event of the slate's comes behind it, and takes it along. */
		s->op = (struct write_op){.n_elements = 1, .apply = slate_apply, .publish = slate_publish, .done = slate_done,
		                          .patient = true};
		s->feed = feed;
		s->page = page;
		s->user = record->user;
		s->now_ms = now_ms;
		s->waiting = waiting;
		s->n_bytes = b.len;
		memcpy(s->bytes, b.data, b.len);
	}
	buf_free(&b);
	if (s && engine_submit_growth(e, &s->op) == 0)
		return true;
	free(s);
	pending_slate_free(waiting);
	atomic_fetch_add(&e->n_slates_dropped, 1);
	return false;
}

/* ---- pages ---- */

int slate_keep(struct page *p, uint64_t feed, uint16_t page, bool *logged)
{
	struct slate_item *items = arena_calloc(p->arena, p->n_shown, sizeof(*items));
	struct slate_pool_item *pool = arena_calloc(p->arena, p->n_pool, sizeof(*pool));
	struct pending_slate *waiting;
	if (!items || !pool)
		return -ENOMEM;
	const struct shown shown = {.items = p->shown, .pinned = p->pinned, .n = p->n_shown,
	                            .first_position = (unsigned)p->n_before + 1};
	int r = query_waiting(p->w, p->arena, &p->query, &shown, feed, page, &waiting);
	if (r < 0)
		return r;
	for (size_t i = 0; i < p->n_shown; i++)
		items[i] = (struct slate_item){p->shown[i].article, p->shown[i].story, p->shown[i].score, 1.0f, p->pinned[i]};
	for (size_t i = 0; p->pool_is_new && i < p->n_pool; i++)
		pool[i] = (struct slate_pool_item){p->pool[i].article, p->pool[i].score};
	struct slate_record record = {
		.user = p->query.reader ? p->query.reader->user : 0, .created_ms = p->created_ms, .sequence = p->sequence,
		.request_hash = p->request_hash, .first_position = (uint32_t)p->n_before + 1,
		.model = span_of(p->query.rank.model->name), .model_version = span_of(p->query.rank.model->version),
		.items = items, .n_items = p->n_shown, .pool = pool, .n_pool = p->pool_is_new ? p->n_pool : 0,
		.lead = p->lead_articles, .n_lead = page == 0 ? p->n_lead : 0, .exhausted = p->exhausted};
	*logged = submit_slate_take(p->w->engine, &record, feed, page, p->query.rank.now_ms, waiting);
	return 0;
}

/* The items of a stored slate, where they stand now (segment NULL when gone). */
void slate_items(struct page *p, const struct slate_record *s, struct rank_item *out)
{
	for (size_t i = 0; i < s->n_items; i++) {
		struct catalog_place place = catalog_find(p->w->engine->catalog, s->items[i].article);
		out[i] = (struct rank_item){.article = s->items[i].article, .story = s->items[i].story,
		                            .score = s->items[i].score, .segment = place.segment, .slot = place.slot};
		if (place.segment)
			out[i].published_ms = place.segment->published_ms[place.slot];
	}
}

static void take_lead(struct page *p, const uint32_t *articles, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct catalog_place place = catalog_find(p->w->engine->catalog, articles[i]);
		p->lead_articles[i] = articles[i];
		p->lead[i] = (struct rank_item){.article = articles[i], .segment = place.segment, .slot = place.slot,
		                                .for_caps = true};
	}
	p->n_lead = n;
}

/* Reads the slates of pages [0, page) into before, pool and taken. */
int slate_read_before(struct page *p, uint64_t feed, uint16_t page)
{
	struct span value;
	uint8_t key[10];
	p->before = arena_alloc(p->arena, LIMIT_FEED_DEPTH * sizeof(*p->before));
	if (!p->before)
		return -ENOMEM;
	for (uint16_t i = 0; i < page; i++) {
		struct slate_record s;
		int r = store_get(p->w->txn, TABLE_SLATES, key_slate(key, feed, i), &value);
		if (r != 0)
			return r < 0 ? r : FEED_CURSOR_GONE;
		if (slate_record_decode(p->arena, value, &s))
			return -EINVAL;
		if (s.n_pool || i == 0) {
			p->n_pool = s.n_pool;
			for (size_t j = 0; j < s.n_pool; j++)
				p->pool[j] = (struct rank_item){.article = s.pool[j].article, .score = s.pool[j].score};
			memset(p->taken, 0, s.n_pool * sizeof(*p->taken));
		}
		p->exhausted = s.exhausted;
		if (i == 0) {
			p->created_ms = s.created_ms;
			p->sequence = s.sequence;
			take_lead(p, s.lead, s.n_lead);
		}
		if (p->n_before + s.n_items > LIMIT_FEED_DEPTH)
			return FEED_CURSOR_GONE;
		slate_items(p, &s, p->before + p->n_before);
		p->n_before += s.n_items;
	}
	for (size_t i = 0; i < p->n_pool; i++)
		for (size_t j = 0; j < p->n_before && !p->taken[i]; j++)
			p->taken[i] = p->before[j].article == p->pool[i].article;
	return 0;
}

int slate_find_lead(struct page *p)
{
	const struct model *m = p->query.rank.model;
	struct lead_entry entries[LIMIT_SLATE_LEAD];
	uint32_t articles[LIMIT_SLATE_LEAD]; /* oldest first */
	size_t most = m->rare_least ? (size_t)m->rare_window - 1 : 0, n;
	for (size_t i = 0; i < m->n_caps; i++)
		most = (size_t)m->caps[i].window - 1 > most ? (size_t)m->caps[i].window - 1 : most;
	if (most == 0 || !p->query.reader || p->query.rank.order != RANK_RANKED)
		return 0;
	int r = lead_find(p->query.reader, p->w->txn, p->arena, p->query.rank.now_ms, most, entries, &n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		articles[i] = entries[n - 1 - i].article;
	take_lead(p, articles, n);
	return 0;
}
