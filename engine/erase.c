/* Erasing a reader: a durable mark first, then the chain is walked in bounded transactions, then the rows go.
 *
 * The mark stands in the reader's record (new events answer 409) and under erase/NUMBER in meta with the place where the
 * walk stands, so a restart goes on. Sums that others share (counters) stay. */
#include <errno.h>
#include <stdlib.h>

#include "engine/base/digest.h"
#include "engine/core.h"

enum { STEP_RECORDS = 512 };

struct erase_task {
	struct erase_task *next;
	uint64_t user, at; /* at: sequence of the next record of the chain; 0 the chain is done */
	engine_done_fn done;
	void *done_ctx;
	bool began;
};

static struct span erase_key(uint8_t out[16], uint64_t user)
{
	memcpy(out, META_PREFIX_ERASE, 6);
	key_u64(out + 6, user);
	return (struct span){(const char *)out, 14};
}

static int put_mark(struct store_txn *txn, uint64_t user, uint64_t at)
{
	uint8_t key[16], value[8];
	return store_put(txn, TABLE_META, erase_key(key, user), key_u64(value, at));
}

int erase_begin(struct engine *e, struct store_txn *txn, struct hot *hot, struct erase_task *task)
{
	struct user_record record = hot->pending->settings;
	record.edition = (struct span){NULL, 0};
	record.n_languages = 0;
	record.erasing = true;
	task->user = hot->pending->user;
	task->at = hot->pending->chain_head;
	task->began = true;
	int r = readers_put_settings(e->readers, txn, hot, &record);
	return r < 0 ? r : put_mark(txn, task->user, task->at);
}

struct erase_op {
	struct caller_op caller;
	struct span user_id;
	int64_t now_ms;
	enum user_outcome *outcome;
	struct erase_task *task;
};

static int erase_apply(struct write_op *op, struct store_txn *txn, void *ctx)
{
	struct erase_op *x = (struct erase_op *)op;
	struct engine *e = engine_of(ctx);
	struct hot *hot;
	int r = readers_open(e->readers, txn, x->user_id, false, &e->numbers, x->now_ms, &hot);
	if (r > 0) {
		*x->outcome = r == 1 ? USER_NOT_FOUND : USER_ERASING;
		return 0;
	}
	if (r < 0)
		return r;
	*x->outcome = USER_DONE;
	return erase_begin(e, txn, hot, x->task);
}

/* After the marking commit: the task joins the list, or, when nothing was begun, the caller is told at once. */
static void marked(void *ctx, int status)
{
	struct erase_task *task = ctx;
	if (status < 0 || !task->began) {
		task->done(task->done_ctx, status);
		free(task);
	}
}

static void marked_publish(struct write_op *op, void *ctx)
{
	struct caller_op *c = (struct caller_op *)op;
	struct erase_task *task = c->done_ctx;
	struct engine *e = engine_of(ctx);
	if (!task->began)
		return;
	struct erase_task **end = &e->erasing;
	while (*end)
		end = &(*end)->next;
	*end = task;
}

int erase_submit(struct engine *e, struct caller_op *caller, struct erase_task **slot, engine_done_fn done, void *ctx)
{
	struct erase_task *task = calloc(1, sizeof(*task));
	if (!task)
		return -ENOMEM;
	task->done = done ? done : caller->done;
	task->done_ctx = done ? ctx : caller->done_ctx;
	*slot = task;
	caller->done = marked;
	caller->done_ctx = task;
	caller->op.publish = marked_publish;
	int r = writer_submit(e->writer, &caller->op);
	if (r < 0)
		free(task);
	return r;
}

int engine_user_erase(struct engine_worker *w, struct arena *arena, struct span user_id, int64_t now_ms,
                      enum user_outcome *outcome, engine_done_fn done, void *ctx)
{
	struct erase_op *x = arena_calloc(arena, 1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	x->caller = (struct caller_op){.op = {.n_elements = 1, .apply = erase_apply, .done = caller_op_done},
	                               .done = done, .done_ctx = ctx};
	x->user_id = user_id;
	x->now_ms = now_ms;
	x->outcome = outcome;
	return erase_submit(w->engine, &x->caller, &x->task, NULL, NULL);
}

/* ---- the walk ---- */

/* Deletes one record of the chain and what hangs on it. *previous 0: the end. */
static int erase_record(struct engine *e, struct store_txn *txn, uint64_t at, uint64_t *previous)
{
	uint8_t key[16];
	struct log_record record;
	*previous = 0;
	int r = event_log_read(txn, &e->batch_arena, at, &record);
	if (r != 0)
		return r < 0 ? r : 0; /* trimmed: so is all before it */
	*previous = record.previous;
	r = store_delete(txn, TABLE_EVENTS, key_u64(key, at));
	/* What it added to sums stays, also where only the log had it so far. */
	if (r >= 0 && record.kind == LOG_EVENT && is_counted_type(record.type) && catalog_find(e->catalog, record.article).segment)
		r = checkpoint_counters(e, txn, record.article);
	if (r >= 0)
		r = event_ids_erase(e, txn, &record);
	if (r >= 0)
		r = counted_erase(e, txn, &record);
	if (r >= 0 && record.kind == LOG_LEARN)
		r = store_delete(txn, TABLE_EXAMPLES, key_u64(key, at));
	if (r >= 0 && record.kind == LOG_SLATE)
		r = store_delete(txn, TABLE_SLATES, key_slate(key, record.feed, record.page));
	return r < 0 ? r : 0;
}

/* Deletes every record whose key begins so and, where a value is a SHA-256, the record that stands under other_prefix and
 * that. Each deletion moves what cursors stand on, so each begins with a cursor of its own. */
static int delete_prefix(struct store_txn *txn, enum store_table table, struct span prefix, struct span other_prefix)
{
	for (;;) {
		struct store_cursor *c;
		struct span key, value;
		uint8_t other[64];
		int r = store_cursor_new(txn, table, &c);
		if (r < 0)
			return r;
		r = store_seek(c, prefix, &key, &value);
		if (r != 0 || !span_starts_with(key, prefix)) {
			store_cursor_free(c);
			return r < 0 ? r : 0;
		}
		bool has_other = other_prefix.len && value.len == DIGEST_BYTES;
		if (has_other) {
			memcpy(other, other_prefix.data, other_prefix.len);
			memcpy(other + other_prefix.len, value.data, DIGEST_BYTES);
		}
		r = store_cursor_delete(c);
		store_cursor_free(c);
		if (r == 0 && has_other)
			r = store_delete(txn, table, (struct span){(const char *)other, other_prefix.len + DIGEST_BYTES});
		if (r < 0)
			return r;
	}
}

static int erase_rows(struct store_txn *txn, uint64_t user)
{
	uint8_t key[16], tokens[16];
	struct span id;
	int r = store_get(txn, TABLE_USER_IDS, key_u64(key, user), &id);
	if (r < 0)
		return r;
	char copy[STORE_KEY_MAX];
	struct span id_copy = {copy, r == 0 ? id.len : 0};
	if (r == 0)
		memcpy(copy, id.data, id.len);
	memcpy(tokens, META_PREFIX_USER_TOKEN, 7);
	key_u64(tokens + 7, user);
	r = delete_prefix(txn, TABLE_META, (struct span){(const char *)tokens, 15}, SPAN(META_PREFIX_TOKEN));
	if (r >= 0 && id_copy.len)
		r = store_delete(txn, TABLE_USERS, id_copy);
	if (r >= 0)
		r = store_delete(txn, TABLE_USER_IDS, key_u64(key, user));
	if (r >= 0)
		r = store_delete(txn, TABLE_PROFILES, key_u64(key, user));
	if (r >= 0)
		r = delete_prefix(txn, TABLE_HISTORIES, key_u64(key, user), (struct span){NULL, 0});
	if (r >= 0)
		r = delete_prefix(txn, TABLE_BASES, key_u64(key, user), (struct span){NULL, 0});
	if (r >= 0)
		r = store_delete(txn, TABLE_META, erase_key(key, user));
	return r < 0 ? r : 0;
}

int engine_erase_step(struct engine *e)
{
	struct erase_task *task = e->erasing;
	struct store_txn *txn;
	uint64_t at = task->at;
	int r = store_write_begin(e->store, &txn);
	if (r < 0)
		return r;
	arena_reset(&e->batch_arena);
	for (int i = 0; i < STEP_RECORDS && at && r == 0; i++)
		r = erase_record(e, txn, at, &at);
	if (r == 0)
		r = at ? put_mark(txn, task->user, at) : erase_rows(txn, task->user);
	if (r < 0)
		store_write_abort(txn);
	else
		r = store_write_commit(txn);
	engine_views_end(e, r == 0);
	if (r < 0)
		return r;
	task->at = at;
	if (at == 0) {
		learner_forget(e->learner, task->user);
		readers_forget(e->readers, task->user);
		e->erasing = task->next;
		if (task->done)
			task->done(task->done_ctx, 0);
		free(task);
	}
	return 0;
}

void engine_erase_forget(struct engine *e)
{
	struct erase_task *task = e->erasing;
	e->erasing = task->next;
	if (task->done)
		task->done(task->done_ctx, 0); /* marked durably: the next start goes on */
	free(task);
}

int engine_erase_recover(struct engine *e, struct store_txn *txn)
{
	struct store_cursor *c;
	struct span key, value, prefix = SPAN(META_PREFIX_ERASE);
	int r = store_cursor_new(txn, TABLE_META, &c);
	if (r < 0)
		return r;
	for (r = store_seek(c, prefix, &key, &value); r == 0 && span_starts_with(key, prefix) && key.len == 14;
	     r = store_next(c, &key, &value)) {
		struct erase_task *task = calloc(1, sizeof(*task));
		if (!task) {
			r = -ENOMEM;
			break;
		}
		task->user = key_to_u64((struct span){key.data + 6, 8});
		task->at = key_to_u64(value);
		task->next = e->erasing;
		e->erasing = task;
	}
	store_cursor_free(c);
	return r < 0 ? r : 0;
}
