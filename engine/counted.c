/* A reader counts once for an article and event type, however often the event comes: so popularity is a number of readers, and
 * nobody lifts a story by clicking it ten thousand times. The table `counted` says who has counted for what, as long as the
 * event is in the log; the log says of each event whether it was a repeat, so that an undo can let a repeat count instead.
 *
 * The table is a view of the log: what changed after the last checkpoint stands in memory, and a start finds it in the log's
 * tail. What is stored may be ahead of the checkpoint; the tail then says the same of each bit once more. */
#include <errno.h>

#include "engine/core.h"

int counted_new(struct behind **out, size_t n_max)
{
	return behind_new(out, TABLE_COUNTED, 12, 1, n_max);
}

static struct span key_counted(uint8_t out[12], uint64_t user, uint32_t article)
{
	key_u64(out, user);
	key_u32(out + 8, article);
	return (struct span){(const char *)out, 12};
}

static uint8_t bit_of(enum event_type type)
{
	return type == EVENT_CLICK ? 1 : 2;
}

static int read_bits(const struct engine *e, struct store_txn *txn, const struct log_record *r, uint64_t *bits)
{
	uint8_t key[12];
	return behind_get(e->counted, txn, key_counted(key, r->user, r->article), bits);
}

static int set_bit(struct engine *e, const struct log_record *r, uint64_t bits, bool on)
{
	uint8_t key[12];
	uint64_t changed = on ? bits | bit_of(r->type) : bits & ~(uint64_t)bit_of(r->type);
	return behind_put(e->counted, key_counted(key, r->user, r->article), changed);
}

int counted_add(struct engine *e, struct store_txn *txn, const struct log_record *r, bool *repeat)
{
	uint64_t bits;
	int error = read_bits(e, txn, r, &bits);
	if (error < 0)
		return error;
	*repeat = bits & bit_of(r->type);
	return *repeat ? 0 : set_bit(e, r, bits, true);
}

static int clear(struct engine *e, struct store_txn *txn, const struct log_record *r)
{
	uint64_t bits;
	int error = read_bits(e, txn, r, &bits);
	return error < 0 ? error : set_bit(e, r, bits, false);
}

/* Written through: once the record is gone from the log, no start finds out any more that its bit was cleared, be it now or by an
 * undo before. */
int counted_forget(struct engine *e, struct store_txn *txn, const struct log_record *r)
{
	uint8_t key[12];
	uint64_t bits;
	if (r->kind != LOG_EVENT || !is_counted_type(r->type) || r->repeat)
		return 0;
	int error = read_bits(e, txn, r, &bits);
	if (error < 0)
		return error;
	if (!r->undone)
		bits &= ~(uint64_t)bit_of(r->type);
	return behind_put_through(e->counted, txn, key_counted(key, r->user, r->article), bits);
}

int counted_erase(struct engine *e, struct store_txn *txn, const struct log_record *r)
{
	uint8_t key[12];
	if (r->kind != LOG_EVENT || !is_counted_type(r->type))
		return 0;
	return behind_put_through(e->counted, txn, key_counted(key, r->user, r->article), 0);
}

int counted_replay(struct engine *e, struct store_txn *txn, const struct log_record *r)
{
	struct log_record target;
	bool unused;
	if (r->kind == LOG_EVENT && is_counted_type(r->type) && !r->repeat && !r->undone)
		return counted_add(e, txn, r, &unused);
	if (r->kind != LOG_UNDO || r->instead)
		return 0;
	int error = event_log_read(txn, &e->batch_arena, r->target, &target);
	if (error != 0)
		return error < 0 ? error : 0;
	if (target.kind != LOG_EVENT || !is_counted_type(target.type) || target.repeat)
		return 0;
	return clear(e, txn, &target);
}

/* The earliest repeat behind the undone event in its reader's chain. */
static int find_repeat(struct engine *e, struct store_txn *txn, const struct log_record *r, uint64_t sequence,
                       uint64_t chain_head, uint64_t *found)
{
	*found = 0;
	for (uint64_t at = chain_head; at > sequence;) {
		struct log_record other;
		int error = event_log_read(txn, &e->batch_arena, at, &other);
		if (error != 0)
			return error < 0 ? error : 0;
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
	int error = find_repeat(e, txn, r, sequence, chain_head, instead);
	if (error < 0)
		return error;
	if (*instead == 0)
		return clear(e, txn, r);
	error = event_log_read(txn, &e->batch_arena, *instead, &repeat);
	if (error != 0)
		return error < 0 ? error : -EINVAL;
	repeat.repeat = false;
	*at_ms = repeat.at_ms;
	return event_log_rewrite(e, txn, *instead, &repeat);
}
