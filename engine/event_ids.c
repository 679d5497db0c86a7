/* The table event_ids: which sequence a client's id got, by the day it came. A view of the log, whose records carry the id's
 * hash: what is newer than the last checkpoint stands in memory, and a start finds it in the log's tail. */
#include <errno.h>

#include "engine/core.h"

static struct span event_id_key(uint8_t out[20], uint32_t day, struct hash128 hash)
{
	key_u32(out, day);
	memcpy(out + 4, &hash.low, 8);
	memcpy(out + 12, &hash.high, 8);
	return (struct span){(const char *)out, 20};
}

static bool has_id(const struct log_record *r)
{
	return r->kind == LOG_EVENT && (r->id_hash.low || r->id_hash.high);
}

int event_ids_load(struct engine *e, struct store_txn *txn)
{
	struct store_cursor *c;
	struct span key, value;
	int r = store_cursor_new(txn, TABLE_EVENT_IDS, &c);
	if (r < 0)
		return r;
	r = store_first(c, &key, &value);
	e->first_id_day = r == 0 ? key_to_u32(key) : UINT32_MAX;
	store_cursor_free(c);
	return r < 0 ? r : 0;
}

int event_ids_find(const struct engine *e, struct store_txn *txn, struct hash128 hash, uint32_t today, unsigned n_days,
                   uint64_t *sequence)
{
	uint8_t key[20];
	*sequence = 0;
	for (unsigned i = 0; i <= n_days && i <= today && today - i >= e->first_id_day; i++) {
		int r = behind_get(e->event_ids, txn, event_id_key(key, today - i, hash), sequence);
		if (r < 0 || *sequence)
			return r;
	}
	return 0;
}

int event_ids_add(struct engine *e, const struct log_record *r, uint64_t sequence)
{
	uint8_t key[20];
	uint32_t day = day_of(r->received_ms);
	if (!has_id(r))
		return 0;
	if (day < e->first_id_day)
		e->first_id_day = day;
	return behind_put(e->event_ids, event_id_key(key, day, r->id_hash), sequence);
}

int event_ids_erase(struct engine *e, struct store_txn *txn, const struct log_record *r)
{
	uint8_t key[20];
	if (!has_id(r))
		return 0;
	return behind_put_through(e->event_ids, txn, event_id_key(key, day_of(r->received_ms), r->id_hash), 0);
}
