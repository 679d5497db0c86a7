/* Events in, and their undoing.
 *
 * On the writer: find the article, refuse duplicates, append to the log (the truth), fold into the reader's working copy;
 * after the commit, count. Undo marks the record, appends an undone record and folds the reader's chain again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/core.h"

/* What a slate that still waits is told. */
struct slate_note {
	uint64_t feed; /* 0: nothing */
	uint64_t user, reader; /* number, hash of the id */
	uint32_t article;
	enum event_type type;
};

struct event_item {
	const struct event *event;
	struct event_result *result;
	struct count_change count; /* article 0: none */
	struct slate_note note;
};

struct record_op {
	struct caller_op caller;
	int64_t now_ms;
	size_t n;
	struct event_item items[];
};

static const char made_prefix[] = "e-";

/* An id the engine makes tells the sequence number of its record. */
static void make_id(uint64_t sequence, char out[ENGINE_EVENT_ID_BYTES])
{
	snprintf(out, ENGINE_EVENT_ID_BYTES, "%s%llx", made_prefix, (unsigned long long)sequence);
}

static bool parse_made_id(struct span id, uint64_t *sequence)
{
	char text[ENGINE_EVENT_ID_BYTES], *end, again[ENGINE_EVENT_ID_BYTES];
	if (!span_starts_with(id, SPAN("e-")) || id.len >= sizeof(text) || id.len == 2)
		return false;
	memcpy(text, id.data, id.len);
	text[id.len] = '\0';
	*sequence = strtoull(text + 2, &end, 16);
	make_id(*sequence, again);
	return *end == '\0' && span_equal_cstr(id, again);
}

/* What the log keeps of the article: number, story and (unless shown only) its vector. 1: unknown article. */
static int find_article(struct engine *e, struct store_txn *txn, struct span id, struct log_record *r)
{
	struct span value;
	uint8_t key[4];
	int error = store_get(txn, TABLE_ARTICLE_IDS, id, &value);
	if (error != 0)
		return error;
	r->article = key_to_u32(value);
	struct catalog_place place = catalog_find(e->catalog, r->article);
	if (place.segment) {
		r->story = atomic_load_explicit(&place.segment->story[place.slot], memory_order_relaxed);
		r->vector = catalog_vector(place.segment, place.slot, &r->n_vector);
	} else {
		struct article_record *article = arena_alloc(&e->batch_arena, sizeof(*article));
		error = article ? store_get(txn, TABLE_ARTICLES, key_u32(key, r->article), &value) : -ENOMEM;
		if (error != 0)
			return error < 0 ? error : -EINVAL;
		if (article_record_decode(&e->batch_arena, value, article))
			return -EINVAL;
		r->story = article->story;
		r->vector = article->vector;
		r->n_vector = article->n_vector;
	}
	if (r->type == EVENT_IMPRESSION)
		r->n_vector = 0;
	return 0;
}

static enum event_rejection check_time(const struct engine *e, int64_t at_ms, int64_t now_ms)
{
	if (at_ms > now_ms + ENGINE_FUTURE_MS)
		return EVENT_IN_FUTURE;
	if (e->config.log_days && at_ms < now_ms - (int64_t)e->config.log_days * 86400000)
		return EVENT_TOO_OLD;
	return EVENT_FINE;
}

static int reject(struct event_item *item, enum event_rejection why)
{
	item->result->outcome = EVENT_REJECTED;
	item->result->rejection = why;
	return 0;
}

static enum catalog_counter counter_of(enum event_type type)
{
	return type == EVENT_CLICK ? CATALOG_CLICKS : CATALOG_SHOWS;
}

static int record_one(struct engine *e, struct store_txn *txn, struct event_item *item, int64_t now_ms)
{
	const struct event *event = item->event;
	struct log_record r = {.kind = LOG_EVENT, .received_ms = now_ms, .type = event->type,
	                       .at_ms = event->at_ms ? event->at_ms : now_ms, .dwell_s = event->dwell_s,
	                       .scroll = event->scroll, .value = event->value, .position = event->position,
	                       .custom = event->custom};
	struct hot *hot;
	uint64_t sequence;
	*item->result = (struct event_result){.outcome = EVENT_ACCEPTED};
	item->count.article = 0;
	item->note.feed = 0;
	enum event_rejection bad_time = check_time(e, r.at_ms, now_ms);
	if (bad_time)
		return reject(item, bad_time);
	if (event->feed_id.len && feed_id_parse(event->feed_id, &r.feed) != 0)
		return reject(item, EVENT_BAD_FEED_ID);
	if (event->id.len) {
		r.id_hash = hash128(event->id);
		int error = event_ids_find(e, txn, r.id_hash, day_of(now_ms), ENGINE_DEDUPE_DAYS, &sequence);
		if (error < 0)
			return error;
		if (sequence) {
			item->result->outcome = EVENT_DUPLICATE;
			return 0;
		}
	}
	int error = find_article(e, txn, event->article_id, &r);
	if (error == 1)
		return reject(item, EVENT_UNKNOWN_ARTICLE);
	if (error < 0)
		return error;
	error = readers_open(e->readers, txn, event->user_id, true, &e->numbers, now_ms, &hot);
	if (error == 2)
		return reject(item, EVENT_USER_ERASING);
	if (error < 0)
		return error;
	r.user = hot->pending->user;
	error = is_counted_type(r.type) ? counted_add(e, txn, &r, &r.repeat) : 0;
	if (error == 0)
		error = chain_append(e, txn, hot, &r, &sequence);
	if (error == 0)
		error = event_ids_add(e, &r, sequence);
	if (error != 0)
		return error;
	if (!event->id.len)
		make_id(sequence, item->result->id);
	readers_fold(&e->profile_config, hot->pending, &r);
	item->note = (struct slate_note){r.feed, r.user, hash64(event->user_id), r.article, r.type};
	if (is_counted_type(r.type) && !r.repeat)
		item->count = (struct count_change){r.article, r.at_ms, counter_of(r.type), 1};
	return 0;
}

static int record_apply(struct write_op *op, struct store_txn *txn, void *ctx)
{
	struct record_op *in = (struct record_op *)op;
	int error = 0;
	for (size_t i = 0; i < in->n && error == 0; i++)
		error = record_one(engine_of(ctx), txn, &in->items[i], in->now_ms);
	return error;
}

static void count(struct engine *e, const struct count_change *change)
{
	if (change->article &&
	    catalog_count(e->catalog, change->article, change->counter, change->at_ms, change->delta) < 0)
		__builtin_trap(); /* durable but not in memory: only a restart can mend that */
}

static void note(struct engine *e, const struct slate_note *n, bool undo)
{
	if (n->feed)
		pending_note(e->pending, n->feed, n->user, n->reader, n->article, n->type, undo);
}

static void record_publish(struct write_op *op, void *ctx)
{
	struct record_op *in = (struct record_op *)op;
	for (size_t i = 0; i < in->n; i++) {
		count(engine_of(ctx), &in->items[i].count);
		note(engine_of(ctx), &in->items[i].note, false);
	}
}

int engine_record(struct engine_worker *w, struct arena *arena, const struct event *events, struct event_result *results,
                  size_t n, int64_t now_ms, engine_done_fn done, void *ctx)
{
	struct record_op *in = arena_calloc(arena, 1, sizeof(*in) + n * sizeof(in->items[0]));
	if (!in)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		in->items[i].event = &events[i];
		in->items[i].result = &results[i];
	}
	in->caller = (struct caller_op){.op = {.n_elements = (unsigned)n, .apply = record_apply,
	                                       .publish = record_publish, .done = caller_op_done},
	                                .done = done, .done_ctx = ctx};
	in->now_ms = now_ms;
	in->n = n;
	return engine_submit_growth(w->engine, &in->caller.op);
}

/* ---- undo ---- */

struct undo_op {
	struct caller_op caller;
	struct span id;
	int64_t now_ms;
	enum undo_outcome *outcome;
	struct count_change count, instead;
	uint64_t dropped; /* sequence of the example that held it */
	struct slate_note note;
};

static int undo_apply(struct write_op *op, struct store_txn *txn, void *ctx)
{
	struct undo_op *u = (struct undo_op *)op;
	struct engine *e = engine_of(ctx);
	struct log_record r;
	struct hot *hot;
	uint64_t sequence = 0;
	*u->outcome = UNDO_NOT_FOUND;
	u->count.article = u->instead.article = 0;
	u->note.feed = 0;
	u->dropped = 0;
	int error = event_ids_find(e, txn, hash128(u->id), day_of(u->now_ms), ENGINE_UNDO_DAYS + 1, &sequence);
	if (error < 0)
		return error;
	bool made = sequence == 0 && parse_made_id(u->id, &sequence);
	if (sequence == 0)
		return 0;
	error = event_log_read(txn, &e->batch_arena, sequence, &r);
	if (error != 0)
		return error < 0 ? error : 0;
	if (r.kind != LOG_EVENT || (made && (r.id_hash.low || r.id_hash.high)))
		return 0;
	if (r.undone || u->now_ms - r.received_ms > (int64_t)ENGINE_UNDO_DAYS * 86400000) {
		*u->outcome = r.undone ? UNDO_ALREADY : UNDO_TOO_OLD;
		return 0;
	}
	error = readers_open_number(e->readers, txn, r.user, &hot);
	if (error != 0) /* erased, or being so */
		return error < 0 ? error : 0;
	r.undone = true;
	error = event_log_rewrite(e, txn, sequence, &r);
	struct log_record undone = {.kind = LOG_UNDO, .received_ms = u->now_ms, .target = sequence};
	uint64_t undo_sequence;
	int64_t instead_ms = 0;
	bool counted = is_counted_type(r.type) && !r.repeat;
	if (error == 0 && counted)
		error = counted_undo(e, txn, &r, sequence, hot->pending->chain_head, &undone.instead, &instead_ms);
	if (error == 0)
		error = learning_drop(e, txn, &r, sequence, hot->pending->chain_head, &u->dropped);
	if (error == 0)
		error = chain_append(e, txn, hot, &undone, &undo_sequence);
	if (error == 0)
		error = readers_refold(e->readers, txn, hot);
	if (error < 0)
		return error;
	if (counted)
		u->count = (struct count_change){r.article, r.at_ms, counter_of(r.type), -1};
	if (undone.instead)
		u->instead = (struct count_change){r.article, instead_ms, counter_of(r.type), 1};
	u->note = (struct slate_note){r.feed, r.user, 0, r.article, r.type}; /* slates count how often an event came */
	*u->outcome = UNDO_DONE;
	return 0;
}

static void undo_publish(struct write_op *op, void *ctx)
{
	count(engine_of(ctx), &((struct undo_op *)op)->count);
	count(engine_of(ctx), &((struct undo_op *)op)->instead);
	note(engine_of(ctx), &((struct undo_op *)op)->note, true);
	learner_drop(engine_of(ctx)->learner, ((struct undo_op *)op)->dropped);
}

int engine_undo(struct engine_worker *w, struct arena *arena, struct span event_id, int64_t now_ms,
                enum undo_outcome *outcome, engine_done_fn done, void *ctx)
{
	struct undo_op *u = arena_calloc(arena, 1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	u->caller = (struct caller_op){.op = {.n_elements = 1, .apply = undo_apply, .publish = undo_publish,
	                                      .done = caller_op_done},
	                               .done = done, .done_ctx = ctx};
	u->id = event_id;
	u->now_ms = now_ms;
	u->outcome = outcome;
	return writer_submit(w->engine->writer, &u->caller.op);
}
