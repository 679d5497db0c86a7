/* Checkpoints: the log is the truth, what stands in memory is written out a little later.
 *
 * A round writes every reader and counter that was dirty when it began, a bounded number a transaction, and then notes
 * the sequence at which it began: everything up to there is held by records. Each record also says through which
 * sequence it holds, so a round that was cut short does no harm. A start loads the records and folds the log's tail (recover.c). */
#include <errno.h>

#include "engine/core.h"

enum { STEP_COUNTERS = 512, STEP_VIEW = 4096 };

/* Counters of article n stand under n; the document frequency under 0 (header) and 0 plus block. */
static struct span key_df(uint8_t out[8], uint32_t block)
{
	memset(out, 0, 4);
	key_u32(out + 4, block);
	return (struct span){(const char *)out, 8};
}

/* The articles whose counters a step took. */
struct taken {
	uint32_t article[STEP_COUNTERS];
	size_t n;
};

int checkpoint_counters(struct engine *e, struct store_txn *txn, uint32_t article)
{
	uint8_t key[4];
	buf_clear(&e->record);
	put_u8(&e->record, RECORD_VERSION);
	put_u64(&e->record, e->numbers.sequence);
	catalog_counters_encode(e->catalog, article, &e->record);
	if (e->record.failed)
		return -ENOMEM;
	return store_put(txn, TABLE_COUNTERS, key_u32(key, article), buf_span(&e->record));
}

/* Loads an article's counters; *through gets the sequence they hold through. */
int checkpoint_load_counters(struct engine *e, struct store_txn *txn, uint32_t article, struct map *through)
{
	uint8_t key[4];
	struct span value;
	int r = store_get(txn, TABLE_COUNTERS, key_u32(key, article), &value);
	if (r != 0)
		return r < 0 ? r : 0;
	struct byte_reader b = bytes_reader(value);
	if (get_u8(&b) != RECORD_VERSION)
		return -EINVAL;
	uint64_t sequence = get_u64(&b);
	if (b.failed || catalog_counters_decode(e->catalog, article, (struct span){(const char *)b.at, (size_t)(b.end - b.at)}))
		return -EINVAL;
	return map_put(through, article, sequence);
}

static int put_counters(struct engine *e, struct store_txn *txn, struct taken *taken, bool *more)
{
	for (taken->n = 0; taken->n < STEP_COUNTERS;) {
		uint32_t article = catalog_take_dirty(e->catalog);
		if (article == 0)
			return 0;
		taken->article[taken->n++] = article;
		int r = checkpoint_counters(e, txn, article);
		if (r < 0)
			return r;
	}
	*more = true;
	return 0;
}

static int put_df(struct engine *e, struct store_txn *txn)
{
	uint8_t key[8], bytes[TEXT_DF_BLOCK_BYTES + 1];
	bytes[0] = RECORD_VERSION;
	for (int block; (block = text_df_take_block(e->df, bytes + 1)) >= 0;) {
		int r = store_put(txn, TABLE_COUNTERS, key_df(key, (uint32_t)block + 1),
		                  (struct span){(const char *)bytes, sizeof(bytes)});
		if (r < 0)
			return r;
	}
	text_df_save_header(e->df, bytes + 1);
	return store_put(txn, TABLE_COUNTERS, key_df(key, 0), (struct span){(const char *)bytes, TEXT_DF_HEADER_BYTES + 1});
}

int checkpoint_load_df(struct engine *e, struct store_txn *txn)
{
	uint8_t key[8];
	struct span value;
	int r = store_get(txn, TABLE_COUNTERS, key_df(key, 0), &value);
	if (r != 0)
		return r < 0 ? r : 0;
	if (value.len < 1 || text_df_load_header(e->df, (struct span){value.data + 1, value.len - 1}))
		return -EINVAL;
	for (uint32_t block = 0; block < TEXT_DF_BLOCKS && r >= 0; block++) {
		r = store_get(txn, TABLE_COUNTERS, key_df(key, block + 1), &value);
		if (r == 0 && (value.len < 1 || text_df_load_block(e->df, block, (struct span){value.data + 1, value.len - 1})))
			return -EINVAL;
	}
	return r < 0 ? r : 0;
}

int engine_checkpoint_step(struct engine *e, bool *done)
{
	struct store_txn *txn;
	struct taken taken = {.n = 0};
	size_t n_left = 0, n_ids_left = 0, n_counted_left = 0;
	bool more = false;
	*done = false;
	if (e->round_sequence == 0) {
		e->round_sequence = e->numbers.sequence + 1; /* never 0 */
		if (e->round_sequence == atomic_load(&e->checkpoint_sequence) + 1 && !learner_changed(e->learner)) {
			e->round_sequence = 0; /* nothing was written since */
			*done = true;
			return 0;
		}
		readers_begin_round(e->readers);
		behind_begin_round(e->ids.behind);
		behind_begin_round(e->counted);
	}
	int r = store_write_begin(e->store, &txn);
	if (r < 0)
		return r;
	r = readers_checkpoint(e->readers, txn, CHECKPOINT_READERS, &n_left);
	if (r == 0)
		r = put_counters(e, txn, &taken, &more);
	if (r == 0)
		r = put_df(e, txn);
	if (r == 0)
		r = behind_write(e->ids.behind, txn, STEP_VIEW, &n_ids_left);
	if (r == 0)
		r = behind_write(e->counted, txn, STEP_VIEW, &n_counted_left);
	bool complete = n_left + n_ids_left + n_counted_left == 0 && !more;
	uint8_t value[8];
	if (r == 0 && complete)
		r = learner_save(e->learner, txn);
	if (r == 0 && complete)
		r = store_put(txn, TABLE_META, SPAN(META_KEY_CHECKPOINT), key_u64(value, e->round_sequence - 1));
	if (r < 0)
		store_write_abort(txn);
	else
		r = store_write_commit(txn);
	readers_clean(e->readers, r == 0);
	behind_wrote(e->ids.behind, r == 0);
	behind_wrote(e->counted, r == 0);
	learner_saved(e->learner, r == 0);
	if (r < 0) {
		for (size_t i = 0; i < taken.n; i++)
			catalog_mark_dirty(e->catalog, taken.article[i]);
		text_df_untake(e->df);
		return r;
	}
	if (complete) {
		atomic_store(&e->checkpoint_sequence, e->round_sequence - 1);
		e->round_sequence = 0;
		*done = true;
	}
	return 0;
}
