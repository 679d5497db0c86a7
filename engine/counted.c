/* A reader counts once for an article and event type, however often the event comes: so popularity is a number of readers, and
 * nobody lifts a story by clicking it ten thousand times. The table `counted` says who has counted for what, as long as the
 * event is in the log; the log says of each event whether it was a repeat, so that an undo can let a repeat count instead. */
#include <errno.h>

#include "engine/core.h"

struct span key_counted(uint8_t out[12], uint64_t user, uint32_t article)
{
	key_u64(out, user);
	key_u32(out + 8, article);
	return (struct span){(const char *)out, 12};
}

static uint8_t bit_of(enum event_type type)
{
	return type == EVENT_CLICK ? 1 : 2;
}

/* Returns 0 or a negative errno; *bits is 0 where nothing stands. */
static int read_bits(struct store_txn *txn, const struct log_record *r, uint8_t *bits)
{
	uint8_t key[12];
	struct span value;
	int error = store_get(txn, TABLE_COUNTED, key_counted(key, r->user, r->article), &value);
	*bits = error == 0 && value.len == 1 ? (uint8_t)value.data[0] : 0;
	return error < 0 ? error : 0;
}

static int write_bits(struct store_txn *txn, const struct log_record *r, uint8_t bits)
{
	uint8_t key[12];
	struct span at = key_counted(key, r->user, r->article);
	int error = bits ? store_put(txn, TABLE_COUNTED, at, (struct span){(const char *)&bits, 1})
	                 : store_delete(txn, TABLE_COUNTED, at);
	return error < 0 ? error : 0;
}

int counted_add(struct store_txn *txn, const struct log_record *r, bool *repeat)
{
	uint8_t bits;
	int error = read_bits(txn, r, &bits);
	if (error < 0)
		return error;
	*repeat = bits & bit_of(r->type);
	return *repeat ? 0 : write_bits(txn, r, bits | bit_of(r->type));
}

int counted_forget(struct store_txn *txn, const struct log_record *r)
{
	uint8_t bits;
	if (r->kind != LOG_EVENT || !is_counted_type(r->type) || r->repeat || r->undone)
		return 0;
	int error = read_bits(txn, r, &bits);
	return error < 0 || !bits ? error : write_bits(txn, r, bits & (uint8_t)~bit_of(r->type));
}

/* The earliest repeat behind the undone event in its reader's chain. */
static int find_repeat(struct engine *e, struct store_txn *txn, const struct log_record *r, uint64_t sequence,
                       uint64_t chain_head, uint64_t *found)
{
	*found = 0;
	for (uint64_t at = chain_head; at > sequence;) {
		struct log_record other;
		struct span value;
		uint8_t key[8];
		int error = store_get(txn, TABLE_EVENTS, key_u64(key, at), &value);
		if (error != 0)
			return error < 0 ? error : 0;
		if (log_record_decode(&e->batch_arena, value, &other))
			return -EINVAL;
		if (other.kind == LOG_EVENT && !other.undone && other.article == r->article && other.type == r->type)
			*found = at;
		at = other.previous;
	}
	return 0;
}

int counted_undo(struct engine *e, struct store_txn *txn, const struct log_record *r, uint64_t sequence,
                 uint64_t chain_head, uint64_t *instead, int64_t *at_ms)
{
	struct log_record repeat;
	struct span value;
	uint8_t key[8], bits;
	int error = find_repeat(e, txn, r, sequence, chain_head, instead);
	if (error < 0)
		return error;
	if (*instead == 0) {
		error = read_bits(txn, r, &bits);
		return error < 0 ? error : write_bits(txn, r, bits & (uint8_t)~bit_of(r->type));
	}
	error = store_get(txn, TABLE_EVENTS, key_u64(key, *instead), &value);
	if (error != 0)
		return error < 0 ? error : -EINVAL;
	if (log_record_decode(&e->batch_arena, value, &repeat))
		return -EINVAL;
	repeat.repeat = false;
	*at_ms = repeat.at_ms;
	buf_clear(&e->record);
	log_record_encode(&e->record, &repeat);
	return e->record.failed ? -ENOMEM : store_put(txn, TABLE_EVENTS, key_u64(key, *instead), buf_span(&e->record));
}
