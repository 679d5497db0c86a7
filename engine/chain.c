/* A reader's chain: each of its records in the log names the one before it. */
#include <errno.h>

#include "engine/core.h"

int chain_append(struct engine *e, struct store_txn *txn, struct hot *hot, struct log_record *r, uint64_t *sequence)
{
	uint8_t key[8];
	struct reader *reader = hot->pending;
	*sequence = ++e->numbers.sequence;
	r->user = reader->user;
	r->previous = reader->chain_head;
	buf_clear(&e->record);
	log_record_encode(&e->record, r);
	if (e->record.failed)
		return -ENOMEM;
	int error = 0;
	if (r->kind == LOG_SLATE && !reader->lead.known) /* its feeds are asked for, and need it */
		error = lead_look_up(&reader->lead, txn, &e->batch_arena, reader->chain_head, r->received_ms);
	if (error == 0)
		error = store_append(txn, TABLE_EVENTS, key_u64(key, *sequence), buf_span(&e->record));
	if (error < 0)
		return error;
	lead_append(&reader->lead, r);
	reader->chain_head = *sequence;
	reader->through = *sequence;
	return 0;
}

int chain_fold(struct engine *e, struct store_txn *txn, struct hot *hot, struct log_record *r)
{
	uint64_t sequence;
	int error = chain_append(e, txn, hot, r, &sequence);
	if (error == 0)
		readers_fold(&e->profile_config, hot->pending, r);
	return error;
}
