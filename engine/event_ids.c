/* The table event_ids: which sequence a client's id got, by the day it came. A view of the log, whose records carry the id's
 * hash: what is newer than the last checkpoint stands in memory, and a start finds it in the log's tail.
 *
 * Nearly every id is new, and would have to be looked for in each of the days that duplicates are refused for. A filter of
 * those days knows most of what is new; after a start it is filled beside the work, and until then all days are asked. */
#include <errno.h>

#include "engine/core.h"

/* A million ids a day make it wrong for four new ids in a hundred. */
enum { FILTER_BYTES = 1 << 24, STEP_LEARNT = 20000 };
_Static_assert((int)ENGINE_DEDUPE_DAYS < (int)DAY_FILTER_DAYS, "the filter covers them");

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

int event_ids_new(struct event_ids *ids, size_t n_max, int64_t now_ms)
{
	uint32_t today = day_of(now_ms);
	event_id_key(ids->next, today > ENGINE_DEDUPE_DAYS ? today - ENGINE_DEDUPE_DAYS : 0, (struct hash128){0, 0});
	int r = behind_new(&ids->behind, TABLE_EVENT_IDS, sizeof(ids->next), 8, n_max);
	return r == 0 ? day_filter_new(&ids->days, FILTER_BYTES, today) : r;
}

void event_ids_free(struct event_ids *ids)
{
	behind_free(ids->behind);
	day_filter_free(ids->days);
}

static int learn_part(struct event_ids *ids, struct store_txn *txn)
{
	struct store_cursor *c;
	struct span key, value;
	struct hash128 hash;
	int r = store_cursor_new(txn, TABLE_EVENT_IDS, &c);
	if (r < 0)
		return r;
	r = store_seek(c, (struct span){(const char *)ids->next, sizeof(ids->next)}, &key, &value);
	for (int i = 0; i < STEP_LEARNT && r == 0; i++) {
		if (key.len != sizeof(ids->next)) {
			r = -EINVAL;
			break;
		}
		memcpy(ids->next, key.data, key.len);
		memcpy(&hash.low, key.data + 4, 8);
		memcpy(&hash.high, key.data + 12, 8);
		day_filter_add(ids->days, key_to_u32(key), hash);
		r = store_next(c, &key, &value);
	}
	store_cursor_free(c);
	return r;
}

void event_ids_learn(struct engine *e)
{
	struct store_txn *txn;
	if (e->ids.known || store_read_new(e->store, &txn) < 0)
		return; /* without it every day is looked at, as after an error below */
	int r = store_read_renew(txn);
	if (r == 0)
		r = learn_part(&e->ids, txn);
	e->ids.known = r == 1;
	store_read_free(txn);
}

int event_ids_find(struct engine *e, struct store_txn *txn, struct hash128 hash, uint32_t today, unsigned n_days,
                   uint64_t *sequence)
{
	uint8_t key[20];
	unsigned may_have = e->ids.known ? day_filter_find(e->ids.days, today, hash) : ~0u;
	*sequence = 0;
	for (unsigned i = 0; i <= n_days && i <= today; i++) {
		if (i < DAY_FILTER_DAYS && !(may_have >> i & 1))
			continue;
		int r = behind_get(e->ids.behind, txn, event_id_key(key, today - i, hash), sequence);
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
	day_filter_add(e->ids.days, day, r->id_hash);
	return behind_put(e->ids.behind, event_id_key(key, day, r->id_hash), sequence);
}

int event_ids_erase(struct engine *e, struct store_txn *txn, const struct log_record *r)
{
	uint8_t key[20];
	if (!has_id(r))
		return 0;
	return behind_put_through(e->ids.behind, txn, event_id_key(key, day_of(r->received_ms), r->id_hash), 0);
}
