/* Retention: the log's oldest days fold into each reader's base and go; slates and event ids go by age. A bounded amount
 * of work each call; the next call goes on. */
#include <errno.h>
#include <stdlib.h>

#include "engine/core.h"

enum { SWEEP_RECORDS = 2000 };

/* Folds one record that is about to go into its reader's base. */
static int fold_into_base(struct engine *e, struct store_txn *txn, const struct log_record *record)
{
	uint8_t key[8];
	struct span id;
	struct reader *reader;
	int r = store_get(txn, TABLE_USER_IDS, key_u64(key, record->user), &id);
	if (r != 0)
		return r < 0 ? r : 0; /* erased */
	reader = calloc(1, sizeof(*reader));
	if (!reader)
		return -ENOMEM;
	r = reader_load_base(txn, record->user, &reader->profile, &reader->history);
	if (r == 0) {
		readers_fold(&e->profile_config, reader, record);
		r = reader_store_base(txn, record->user, &reader->profile, &reader->history);
	}
	free(reader);
	return r;
}

/* Trims the log before `before_ms` and below the checkpoint. */
static int trim_log(struct engine *e, struct store_txn *txn, int64_t before_ms)
{
	uint64_t checkpoint = atomic_load(&e->checkpoint_sequence);
	struct span key, value;
	for (int i = 0; i < SWEEP_RECORDS; i++) {
		struct store_cursor *c;
		struct log_record record;
		uint8_t copy[8];
		int r = store_cursor_new(txn, TABLE_EVENTS, &c);
		if (r < 0)
			return r;
		r = store_first(c, &key, &value);
		if (r == 0)
			memcpy(copy, key.data, 8);
		arena_reset(&e->batch_arena);
		struct span bytes = r == 0 ? arena_copy(&e->batch_arena, value) : (struct span){NULL, 0};
		store_cursor_free(c);
		if (r != 0)
			return r < 0 ? r : 0;
		if (!bytes.data)
			return -ENOMEM;
		if (log_record_decode(&e->batch_arena, bytes, &record))
			return -EINVAL;
		struct span at = {(const char *)copy, 8};
		if (record.received_ms >= before_ms || key_to_u64(at) > checkpoint)
			return 0;
		r = fold_into_base(e, txn, &record);
		if (r == 0)
			r = counted_forget(e, txn, &record);
		if (r == 0 && record.kind == LOG_LEARN)
			r = store_delete(txn, TABLE_EXAMPLES, at);
		if (r >= 0)
			r = store_delete(txn, TABLE_EVENTS, at);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Deletes records from the front of a table while the number at the front of their key is below `below`. */
static int trim_front(struct store_txn *txn, enum store_table table, uint64_t below, bool wide)
{
	struct store_cursor *c;
	struct span key, value;
	int r = store_cursor_new(txn, table, &c);
	if (r < 0)
		return r;
	r = store_first(c, &key, &value);
	for (int i = 0; r == 0 && i < SWEEP_RECORDS; i++) {
		if ((wide ? key_to_u64(key) : key_to_u32(key)) >= below)
			break;
		r = store_cursor_delete(c);
		if (r == 0)
			r = store_next(c, &key, &value);
	}
	store_cursor_free(c);
	return r < 0 ? r : 0;
}

int engine_sweep(struct engine *e, int64_t now_ms)
{
	struct store_txn *txn;
	int r = store_write_begin(e->store, &txn);
	if (r < 0)
		return r;
	if (e->config.log_days)
		r = trim_log(e, txn, now_ms - (int64_t)e->config.log_days * 86400000);
	if (r == 0 && e->config.slate_days) {
		int64_t before_ms = now_ms - (int64_t)e->config.slate_days * 86400000;
		r = trim_front(txn, TABLE_SLATES, before_ms > 0 ? (uint64_t)before_ms << 17 : 0, true);
	}
	uint32_t today = day_of(now_ms);
	if (r == 0 && today > ENGINE_UNDO_DAYS + 1)
		r = trim_front(txn, TABLE_EVENT_IDS, today - ENGINE_UNDO_DAYS - 1, false);
	if (r < 0)
		store_write_abort(txn);
	else
		r = store_write_commit(txn);
	engine_views_end(e, r == 0);
	return r;
}
