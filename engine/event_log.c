/* The log of what readers did, a record a sequence number. */
#include <errno.h>

#include "engine/core.h"

int event_log_read(struct store_txn *txn, struct arena *arena, uint64_t sequence, struct log_record *out)
{
	struct span value;
	uint8_t key[8];
	int error = store_get(txn, TABLE_EVENTS, key_u64(key, sequence), &value);
	return error == 0 && log_record_decode(arena, value, out) ? -EINVAL : error;
}

int event_log_rewrite(struct engine *e, struct store_txn *txn, uint64_t sequence, const struct log_record *r)
{
	uint8_t key[8];
	buf_clear(&e->record);
	log_record_encode(&e->record, r);
	return e->record.failed ? -ENOMEM : store_put(txn, TABLE_EVENTS, key_u64(key, sequence), buf_span(&e->record));
}
