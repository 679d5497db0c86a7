/* A reader's profile and history as records: on their way to the store and back. */
#include <errno.h>

#include "engine/core.h"

struct span key_user_part(uint8_t out[9], uint64_t user, uint8_t part)
{
	key_u64(out, user);
	out[8] = part;
	return (struct span){(const char *)out, 9};
}

/* A part's bytes behind its version byte; 1 not there. */
static int load_part(struct store_txn *txn, enum store_table table, uint64_t user, uint8_t part, struct span *out)
{
	uint8_t key[9];
	struct span value;
	int r = store_get(txn, table, key_user_part(key, user, part), &value);
	if (r != 0)
		return r;
	if (value.len < 1 || value.data[0] != RECORD_VERSION)
		return -EINVAL;
	*out = (struct span){value.data + 1, value.len - 1};
	return 0;
}

int reader_load_history(struct store_txn *txn, enum store_table table, uint64_t user, struct history *h)
{
	struct span bytes;
	int r = load_part(txn, table, user, PART_READS, &bytes);
	if (r == 0)
		r = history_decode_reads(bytes, h) ? -EINVAL : 0;
	if (r < 0)
		return r;
	r = load_part(txn, table, user, PART_SHOWN, &bytes);
	if (r == 0)
		r = history_decode_shown(bytes, h) ? -EINVAL : 0;
	return r < 0 ? r : 0;
}

int reader_load_base(struct store_txn *txn, uint64_t user, struct profile *p, struct history *h)
{
	struct span bytes;
	memset(p, 0, sizeof(*p));
	memset(h, 0, sizeof(*h));
	int r = load_part(txn, TABLE_BASES, user, PART_PROFILE, &bytes);
	if (r == 0)
		r = profile_decode(bytes, p) ? -EINVAL : 0;
	return r < 0 ? r : reader_load_history(txn, TABLE_BASES, user, h);
}

int reader_put_part(struct store_txn *txn, enum store_table table, uint64_t user, uint8_t part, const struct profile *p,
                    const struct history *h)
{
	uint8_t key[9], bytes[PROFILE_RECORD_BYTES];
	bytes[0] = RECORD_VERSION;
	size_t n = part == PART_PROFILE ? profile_encode(p, bytes + 1)
	           : part == PART_READS ? history_encode_reads(h, bytes + 1)
	                                : history_encode_shown(h, bytes + 1);
	return store_put(txn, table, key_user_part(key, user, part), (struct span){(const char *)bytes, n + 1});
}

int reader_store_base(struct store_txn *txn, uint64_t user, const struct profile *p, const struct history *h)
{
	int error = 0;
	for (uint8_t part = PART_PROFILE; error == 0 && part <= PART_SHOWN; part++)
		error = reader_put_part(txn, TABLE_BASES, user, part, p, h);
	return error;
}
