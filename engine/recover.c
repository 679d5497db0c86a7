/* A start: the checkpoints' records are loaded, and the log's tail is folded into them. */
#include <errno.h>

#include "engine/base/digest.h"
#include "engine/core.h"

static int read_meta(struct engine *e, struct store_txn *txn, struct engine_problem *problem)
{
	struct span value;
	int r = store_get(txn, TABLE_META, SPAN(META_KEY_FORMAT), &value);
	if (r != 0)
		return r;
	if (value.len != 4 || key_to_u32(value) > FORMAT_VERSION) {
		engine_problem_say(problem, "%s was written by a newer mynews (format %u, this one reads up to %d); use that version", e->dir,
		         value.len == 4 ? key_to_u32(value) : 0, FORMAT_VERSION);
		return 2;
	}
	r = store_get(txn, TABLE_META, SPAN(META_KEY_NUMBERS), &value);
	if (r == 0 && value.len == 20) {
		memcpy(&e->numbers.sequence, value.data, 8);
		memcpy(&e->numbers.next_user, value.data + 8, 8);
		memcpy(&e->numbers.next_article, value.data + 16, 4);
	}
	if (r >= 0)
		r = store_get(txn, TABLE_META, SPAN(META_KEY_SECRET), &value);
	if (r != 0 || value.len != sizeof(e->secret))
		return r < 0 ? r : -EINVAL;
	memcpy(e->secret, value.data, sizeof(e->secret));
	r = store_get(txn, TABLE_META, SPAN(META_KEY_CHECKPOINT), &value);
	if (r == 0 && value.len == 8)
		atomic_store(&e->checkpoint_sequence, key_to_u64(value));
	return r < 0 ? r : 0;
}

/* First open of an empty directory. */
static int write_meta(struct engine *e)
{
	struct store_txn *txn;
	uint8_t format[4];
	int r = digest_random(e->secret, sizeof(e->secret));
	if (r == 0)
		r = store_write_begin(e->store, &txn);
	if (r != 0)
		return r;
	r = store_put(txn, TABLE_META, SPAN(META_KEY_FORMAT), key_u32(format, FORMAT_VERSION));
	if (r == 0)
		r = store_put(txn, TABLE_META, SPAN(META_KEY_SECRET), (struct span){(const char *)e->secret, sizeof(e->secret)});
	if (r == 0)
		r = engine_numbers_put(e, txn);
	if (r == 0)
		return store_write_commit(txn);
	store_write_abort(txn);
	return r;
}

static int load_articles(struct engine *e, struct store_txn *txn, int64_t now_ms, struct map *through)
{
	struct store_cursor *c;
	struct span key, value;
	struct arena arena = {0};
	int64_t live_ms = (int64_t)e->config.live_days * 86400000;
	int r = store_cursor_new(txn, TABLE_ARTICLES, &c);
	if (r < 0)
		return r;
	for (r = store_first(c, &key, &value); r == 0; r = store_next(c, &key, &value)) {
		struct article_record record;
		arena_reset(&arena);
		if (key.len != 4 || article_record_decode(&arena, value, &record)) {
			r = -EINVAL;
			break;
		}
		const struct article *a = &record.article;
		if (a->status != ARTICLE_USABLE || (a->expires_at_ms && a->expires_at_ms <= now_ms) ||
		    (live_ms && a->published_at_ms + live_ms <= now_ms))
			continue;
		uint32_t number = key_to_u32(key);
		r = engine_publish_record(e, number, &record);
		if (r == 0)
			r = stories_put_record(e, number, &record);
		if (r >= 0)
			r = checkpoint_load_counters(e, txn, number, through);
		if (r < 0)
			break;
	}
	store_cursor_free(c);
	arena_free(&arena);
	return r < 0 ? r : 0;
}

static int recount(struct engine *e, uint64_t sequence, const struct log_record *r, struct map *through, int delta)
{
	if (!is_counted_type(r->type) || r->repeat || sequence <= map_get(through, r->article))
		return 0;
	return catalog_count(e->catalog, r->article, r->type == EVENT_CLICK ? CATALOG_CLICKS : CATALOG_SHOWS, r->at_ms,
	                     delta);
}

/* A repeat that an undo lets count, which the checkpoints held as a repeat. */
static int recount_instead(struct engine *e, struct store_txn *txn, uint64_t sequence, struct map *through)
{
	struct log_record record;
	int error = event_log_read(txn, &e->batch_arena, sequence, &record);
	if (error != 0)
		return error < 0 ? error : 0;
	return recount(e, UINT64_MAX, &record, through, 1); /* should it be undone too, the record of that comes behind */
}

/* An example that was stored: learnt, and counted where the counters' checkpoints do not hold it. */
static int replay_example(struct engine *e, struct store_txn *txn, uint64_t sequence, struct map *through)
{
	uint8_t key[8];
	struct span value;
	struct example *example;
	int r = store_get(txn, TABLE_EXAMPLES, key_u64(key, sequence), &value);
	if (r != 0)
		return r < 0 ? r : 0;
	r = example_decode(&e->batch_arena, value, &example);
	if (r != 0)
		return r < 0 ? r : -EINVAL;
	return learning_fold(e, example, sequence, through);
}

/* What an undo takes out of counters whose checkpoint holds what is undone, and not the undo. Profiles have checkpoints of
 * their own, earlier or later. */
static int recount_undo(struct engine *e, struct store_txn *txn, uint64_t sequence, const struct log_record *r,
                        struct map *through)
{
	struct log_record target;
	int error = event_log_read(txn, &e->batch_arena, r->target, &target);
	if (error != 0)
		return error < 0 ? error : 0;
	uint64_t held = map_get(through, target.article);
	if (target.kind == LOG_EVENT && r->target <= held && sequence > held)
		error = recount(e, UINT64_MAX, &target, through, -1);
	if (error == 0 && r->instead && r->instead <= held && sequence > held)
		error = recount_instead(e, txn, r->instead, through);
	return error;
}

/* One record of the log's tail, folded into what the checkpoints hold. */
static int replay(struct engine *e, struct store_txn *txn, uint64_t sequence, const struct log_record *r,
                  struct map *through)
{
	struct hot *hot;
	int error = event_ids_add(e, r, sequence);
	if (error == 0)
		error = counted_replay(e, txn, r);
	if (error == 0 && r->kind == LOG_EVENT && !r->undone)
		error = recount(e, sequence, r, through, 1);
	if (error == 0 && r->kind == LOG_UNDO)
		error = recount_undo(e, txn, sequence, r, through);
	if (error == 0 && r->kind == LOG_LEARN)
		error = replay_example(e, txn, sequence, through);
	if (error < 0)
		return error;
	error = readers_open_number(e->readers, txn, r->user, &hot);
	if (error != 0) /* being erased */
		return error < 0 ? error : 0;
	if (sequence <= hot->pending->through)
		return 0;
	hot->pending->chain_head = sequence;
	hot->pending->through = sequence;
	if (r->kind != LOG_UNDO) {
		readers_fold(&e->profile_config, hot->pending, r);
		return 0;
	}
	return readers_refold(e->readers, txn, hot); /* the profile held what is undone */
}

static int replay_tail(struct engine *e, struct store_txn *txn, struct map *through)
{
	struct store_cursor *c;
	struct span key, value;
	uint8_t start[8];
	size_t n = 0;
	int r = store_cursor_new(txn, TABLE_EVENTS, &c);
	if (r < 0)
		return r;
	for (r = store_seek(c, key_u64(start, atomic_load(&e->checkpoint_sequence) + 1), &key, &value); r == 0;
	     r = store_next(c, &key, &value)) {
		struct log_record record;
		if (n++ % 1024 == 0)
			arena_reset(&e->batch_arena);
		if (log_record_decode(&e->batch_arena, value, &record)) {
			r = -EINVAL;
			break;
		}
		r = replay(e, txn, key_to_u64(key), &record, through);
		if (r < 0)
			break;
	}
	store_cursor_free(c);
	readers_commit(e->readers);
	engine_views_end(e, true);
	return r < 0 ? r : learner_publish(e->learner);
}

static int find_last_feed(struct engine *e, struct store_txn *txn)
{
	struct store_cursor *c;
	struct span key, value;
	int r = store_cursor_new(txn, TABLE_SLATES, &c);
	if (r < 0)
		return r;
	r = store_last(c, &key, &value);
	if (r == 0)
		atomic_store(&e->last_feed, key_to_u64(key) >> 7);
	store_cursor_free(c);
	return r < 0 ? r : 0;
}

int engine_recover(struct engine *e, int64_t now_ms, struct engine_problem *problem)
{
	struct store_txn *txn = NULL;
	struct map *through = NULL;
	int r = store_read_new(e->store, &txn);
	if (r == 0)
		r = store_read_renew(txn);
	if (r == 0)
		r = read_meta(e, txn, problem);
	if (r == 1) {
		r = write_meta(e);
		if (r == 0)
			r = store_read_renew(txn);
	} else if (r == 2) {
		store_read_free(txn);
		return 1;
	}
	if (r == 0)
		r = map_new(&through, NULL);
	if (r == 0)
		r = topics_load(e->topics, txn);
	if (r == 0)
		r = checkpoint_load_df(e, txn);
	if (r == 0)
		r = editions_load(e, txn);
	if (r == 0)
		r = pins_load(e, txn);
	catalog_set_loading(e->catalog, true);
	if (r == 0)
		r = load_articles(e, txn, now_ms, through);
	catalog_set_loading(e->catalog, false);
	if (r == 0)
		r = catalog_tick(e->catalog, now_ms, NULL, NULL);
	if (r == 0)
		r = learner_load(e->learner, txn);
	if (r == 0)
		r = engine_erase_recover(e, txn);
	if (r == 0)
		r = replay_tail(e, txn, through);
	if (r == 0)
		r = find_last_feed(e, txn);
	map_free(through);
	if (txn)
		store_read_free(txn);
	atomic_store(&e->sequence, e->numbers.sequence);
	if (r == -EINVAL) {
		engine_problem_say(problem, "%s holds a damaged record; run: mynews check --data %s", e->dir,
		         e->dir);
		return 1;
	}
	return r;
}
