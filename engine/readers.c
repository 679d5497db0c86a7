/* The hot cache of readers.
 *
 * A struct hot is the cache's entry; the struct reader it points at is immutable and replaced whole. A batch works on a
 * copy (pending), made at the reader's first event of the batch, and all copies are published together after the commit.
 * An entry that is newer than its checkpoint is dirty and never evicted; a reader that is not hot is as the store has
 * it, so a worker may read it from there: it must take its snapshot after it missed the cache.
 *
 * The writer finds entries by user number too (undo and replay know only that). Two ids with one 64-bit hash probe on. */
#include <errno.h>
#include <stdlib.h>

#include "engine/core.h"

struct hot_list {
	struct hot *newest, *oldest;
};

struct readers {
	struct map *by_id;     /* hash64(id) and on -> struct hot */
	struct map *by_number; /* user number -> struct hot; writer only */
	struct epoch *epoch;
	const struct profile_config *config;
	struct hot_list clean, dirty; /* the dirty by use, the clean by when they became so */
	struct hot *pending;  /* this batch's */
	struct hot **flushed; /* [n_flushed] written by the checkpoint under way */
	size_t n_flushed, flushed_capacity;
	size_t n_hot, n_dirty, n_max;
	size_t n_old;   /* dirty since before the checkpoint round under way */
	unsigned round; /* counts rounds */
	struct arena arena;
	struct buf buf;
};

enum { PROBES = 8 };

int readers_new(struct readers **out, struct epoch *e, const struct profile_config *config, unsigned n_max)
{
	struct readers *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->epoch = e;
	r->config = config;
	r->n_max = n_max;
	int error = map_new(&r->by_id, e);
	if (error == 0)
		error = map_new(&r->by_number, NULL);
	if (error < 0) {
		map_free(r->by_id);
		free(r);
		return error;
	}
	*out = r;
	return 0;
}

static void free_list(struct hot_list *list)
{
	for (struct hot *hot = list->newest; hot;) {
		struct hot *older = hot->older;
		free(atomic_load(&hot->reader));
		free(hot->pending);
		free(hot);
		hot = older;
	}
}

void readers_free(struct readers *r)
{
	if (!r)
		return;
	free_list(&r->clean);
	free_list(&r->dirty);
	map_free(r->by_id);
	map_free(r->by_number);
	free(r->flushed);
	arena_free(&r->arena);
	buf_free(&r->buf);
	free(r);
}

/* Points the settings' spans at this reader's own bytes. */
static int settle(struct reader *reader)
{
	struct span bytes = {(const char *)reader->settings_bytes, reader->n_settings_bytes};
	reader->id.data = (const char *)reader->settings_bytes + reader->n_settings_bytes;
	return user_record_decode(bytes, &reader->settings) == 0 ? 0 : -EINVAL;
}

static int take_settings(struct reader *reader, struct span record, struct span id)
{
	if (record.len + id.len > sizeof(reader->settings_bytes))
		return -EINVAL;
	memmove(reader->settings_bytes, record.data, record.len);
	memmove(reader->settings_bytes + record.len, id.data, id.len);
	reader->n_settings_bytes = record.len;
	reader->id.len = id.len;
	int r = settle(reader);
	if (r == 0)
		reader->user = reader->settings.number;
	return r;
}

static struct reader *reader_copy(const struct reader *from)
{
	struct reader *copy = malloc(sizeof(*copy));
	if (!copy)
		return NULL;
	*copy = *from;
	if (settle(copy) < 0) {
		free(copy);
		return NULL;
	}
	return copy;
}

int reader_load(struct store_txn *txn, struct span id, struct reader *out)
{
	struct span record, bytes;
	int r = store_get(txn, TABLE_USERS, id, &record);
	if (r != 0)
		return r;
	memset(out, 0, offsetof(struct reader, settings_bytes));
	r = take_settings(out, record, id);
	if (r < 0)
		return r;
	uint8_t key[8];
	r = store_get(txn, TABLE_PROFILES, key_u64(key, out->user), &record);
	if (r < 0)
		return r;
	if (r == 0) {
		struct profile_head head;
		if (profile_head_decode(record, &head, &bytes) || profile_decode(bytes, &out->profile))
			return -EINVAL;
		out->chain_head = head.chain_head;
		out->through = head.through;
	}
	return reader_load_history(txn, TABLE_HISTORIES, out->user, &out->history);
}

static struct hot *find_hot(const struct readers *r, struct span id, uint64_t *free_key)
{
	uint64_t key = hash64(id);
	*free_key = 0;
	for (int probe = 0; probe < PROBES; probe++, key++) {
		struct hot *hot = map_get_ptr(r->by_id, key ? key : 1);
		const struct reader *reader = hot ? atomic_load_explicit(&hot->reader, memory_order_acquire) : NULL;
		if (reader && span_equal(reader->id, id))
			return hot;
		if (!hot && !*free_key)
			*free_key = key ? key : 1;
	}
	return NULL;
}

int readers_get(const struct readers *r, struct store_txn *txn, struct span id, struct reader *scratch,
                const struct reader **out)
{
	uint64_t unused;
	struct hot *hot = find_hot(r, id, &unused);
	const struct reader *reader = hot ? atomic_load_explicit(&hot->reader, memory_order_acquire) : NULL;
	if (!reader) {
		int error = store_read_renew(txn); /* after the miss: what was evicted is in this snapshot */
		if (error == 0)
			error = reader_load(txn, id, scratch);
		if (error < 0)
			return error;
		reader = error == 1 ? NULL : scratch;
	}
	*out = reader && reader->settings.erasing ? NULL : reader;
	return 0;
}

/* ---- the writer's side ---- */

static void unlink_hot(struct readers *r, struct hot *hot)
{
	struct hot_list *list = hot->dirty ? &r->dirty : &r->clean;
	*(hot->newer ? &hot->newer->older : &list->newest) = hot->older;
	*(hot->older ? &hot->older->newer : &list->oldest) = hot->newer;
	hot->newer = hot->older = NULL;
}

static void link_newest(struct readers *r, struct hot *hot)
{
	struct hot_list *list = hot->dirty ? &r->dirty : &r->clean;
	hot->newer = NULL;
	hot->older = list->newest;
	*(list->newest ? &list->newest->newer : &list->oldest) = hot;
	list->newest = hot;
}

static void drop_hot(struct readers *r, struct hot *hot)
{
	map_remove(r->by_id, hot->key);
	map_remove(r->by_number, hot->user);
	unlink_hot(r, hot);
	if (hot->dirty) {
		r->n_dirty--;
		r->n_old -= hot->dirty_round != r->round;
	}
	r->n_hot--;
	struct reader *reader = atomic_load_explicit(&hot->reader, memory_order_relaxed);
	if (reader)
		epoch_retire(r->epoch, reader, free);
	free(hot->pending);
	epoch_retire(r->epoch, hot, free);
}

/* A new entry around `reader`, which is taken over, also on failure. published: visible at once (it is as stored). */
static int insert_hot_take(struct readers *r, struct reader *reader, uint64_t key, bool published, struct hot **out)
{
	struct hot *hot = calloc(1, sizeof(*hot));
	int error = -ENOMEM;
	if (!hot || !key)
		goto out;
	hot->key = key;
	hot->user = reader->user;
	if (published)
		atomic_init(&hot->reader, reader);
	else
		hot->pending = reader;
	error = map_put_ptr(r->by_number, hot->user, hot);
	if (error == 0) {
		error = map_put_ptr(r->by_id, key, hot);
		if (error < 0)
			map_remove(r->by_number, hot->user);
	}
	if (error < 0)
		goto out;
	link_newest(r, hot);
	r->n_hot++;
	*out = hot;
	return 0;
out:
	free(hot);
	free(reader);
	return error;
}

static int open_pending(struct readers *r, struct hot *hot)
{
	if (!hot->pending) {
		hot->pending = reader_copy(atomic_load_explicit(&hot->reader, memory_order_relaxed));
		if (!hot->pending)
			return -ENOMEM;
		hot->next_pending = r->pending;
		r->pending = hot;
	}
	return hot->pending->settings.erasing ? 2 : 0;
}

/* A reader created in this batch has no published reader yet: it is known by the one under way. */
static struct hot *find_created(const struct readers *r, struct span id)
{
	uint64_t key = hash64(id);
	for (int probe = 0; probe < PROBES; probe++, key++) {
		struct hot *hot = map_get_ptr(r->by_id, key ? key : 1);
		if (hot && hot->created_in_batch && span_equal(hot->pending->id, id))
			return hot;
	}
	return NULL;
}

static int create(struct readers *r, struct store_txn *txn, struct span id, uint64_t key, struct numbers *numbers,
                  int64_t now_ms, struct hot **out)
{
	uint8_t number_key[8];
	struct reader *reader = calloc(1, sizeof(*reader));
	if (!reader)
		return -ENOMEM;
	struct user_record settings = {.number = numbers->next_user, .created_ms = now_ms};
	buf_clear(&r->buf);
	user_record_encode(&r->buf, &settings);
	int error = r->buf.failed ? -ENOMEM : take_settings(reader, buf_span(&r->buf), id);
	if (error == 0)
		error = store_put(txn, TABLE_USERS, id, buf_span(&r->buf));
	if (error == 0)
		error = store_append(txn, TABLE_USER_IDS, key_u64(number_key, settings.number), id);
	if (error < 0) {
		free(reader);
		return error;
	}
	error = insert_hot_take(r, reader, key, false, out);
	if (error < 0)
		return error;
	numbers->next_user++;
	(*out)->created_in_batch = true;
	(*out)->next_pending = r->pending;
	r->pending = *out;
	return 0;
}

int readers_open(struct readers *r, struct store_txn *txn, struct span id, bool create_it, struct numbers *numbers,
                 int64_t now_ms, struct hot **out)
{
	uint64_t free_key;
	struct hot *hot = find_hot(r, id, &free_key);
	if (!hot)
		hot = find_created(r, id);
	if (!hot) {
		struct reader *reader = calloc(1, sizeof(*reader));
		if (!reader)
			return -ENOMEM;
		int error = reader_load(txn, id, reader);
		if (error != 0)
			free(reader);
		if (error == 1 && create_it)
			return create(r, txn, id, free_key, numbers, now_ms, out);
		if (error != 0)
			return error;
		error = insert_hot_take(r, reader, free_key, true, &hot);
		if (error < 0)
			return error;
	}
	int error = open_pending(r, hot);
	if (error == 0)
		*out = hot;
	return error;
}

int readers_open_number(struct readers *r, struct store_txn *txn, uint64_t user, struct hot **out)
{
	struct hot *hot = map_get_ptr(r->by_number, user);
	if (hot) {
		int error = open_pending(r, hot);
		if (error == 0)
			*out = hot;
		return error;
	}
	uint8_t key[8];
	struct span id;
	int error = store_get(txn, TABLE_USER_IDS, key_u64(key, user), &id);
	return error != 0 ? error : readers_open(r, txn, id, false, NULL, 0, out);
}

int readers_put_settings(struct readers *r, struct store_txn *txn, struct hot *hot, const struct user_record *settings)
{
	char id_bytes[LIMIT_ID_BYTES];
	struct span id = {id_bytes, hot->pending->id.len};
	memcpy(id_bytes, hot->pending->id.data, id.len);
	buf_clear(&r->buf);
	user_record_encode(&r->buf, settings);
	if (r->buf.failed)
		return -ENOMEM;
	int error = store_put(txn, TABLE_USERS, id, buf_span(&r->buf));
	return error < 0 ? error : take_settings(hot->pending, buf_span(&r->buf), id);
}

void readers_fold(const struct profile_config *config, struct reader *reader, const struct log_record *record)
{
	if (record->kind == LOG_EVENT && !record->undone) {
		struct profile_event event = {
			.type = record->type, .article = record->article, .story = record->story, .at_ms = record->at_ms,
			.dwell_s = record->dwell_s, .scroll = record->scroll, .value = record->value,
			.vector = record->vector, .n_vector = record->n_vector};
		profile_apply(config, &reader->profile, &reader->history, &event);
	} else if (record->kind == LOG_INTEREST) {
		profile_set_interest(config, &reader->profile, record->topic, record->short_term, record->long_term,
		                     record->at_ms);
	} else if (record->kind == LOG_MERGE) {
		struct profile from;
		struct history from_history;
		memset(&from, 0, sizeof(from));
		memset(&from_history, 0, sizeof(from_history));
		if (profile_decode(record->merged_profile, &from) == 0 &&
		    history_decode_reads(record->merged_reads, &from_history) == 0 &&
		    history_decode_shown(record->merged_shown, &from_history) == 0)
			profile_merge(config, &reader->profile, &reader->history, &from, &from_history);
	}
}

int readers_refold(struct readers *r, struct store_txn *txn, struct hot *hot)
{
	struct reader *reader = hot->pending;
	size_t n = 0, capacity = 0;
	uint64_t *chain = NULL; /* [n] newest first */
	struct log_record record;
	reader->lead.known = false;
	int error = reader_load_base(txn, reader->user, &reader->profile, &reader->history);
	for (uint64_t at = reader->chain_head; error == 0 && at;) {
		arena_reset(&r->arena);
		error = event_log_read(txn, &r->arena, at, &record);
		if (error != 0)
			break; /* 1: trimmed, the base stands for it */
		if (n == capacity) {
			capacity = capacity ? capacity * 2 : 64;
			uint64_t *grown = realloc(chain, capacity * sizeof(*chain));
			if (!grown) {
				error = -ENOMEM;
				break;
			}
			chain = grown;
		}
		chain[n++] = at;
		at = record.previous;
	}
	if (error == 1)
		error = 0;
	while (error == 0 && n > 0) {
		arena_reset(&r->arena);
		error = event_log_read(txn, &r->arena, chain[--n], &record);
		if (error == 0)
			readers_fold(r->config, reader, &record);
	}
	free(chain);
	return error > 0 ? -EINVAL : error;
}

void readers_commit(struct readers *r)
{
	struct hot *hot = r->pending;
	while (hot) {
		struct hot *next = hot->next_pending;
		struct reader *old = atomic_load_explicit(&hot->reader, memory_order_relaxed);
		/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): where padding alone differs it is written once more */
		hot->history_changed |= !old || memcmp(&old->history, &hot->pending->history, sizeof(old->history)) != 0;
		atomic_store_explicit(&hot->reader, hot->pending, memory_order_release);
		if (old)
			epoch_retire(r->epoch, old, free);
		hot->pending = NULL;
		hot->next_pending = NULL;
		hot->created_in_batch = false;
		unlink_hot(r, hot);
		if (!hot->dirty) {
			hot->dirty = true;
			hot->dirty_round = r->round;
			r->n_dirty++;
		}
		link_newest(r, hot);
		hot = next;
	}
	r->pending = NULL;
}

void readers_abandon(struct readers *r)
{
	struct hot *hot = r->pending;
	while (hot) {
		struct hot *next = hot->next_pending;
		if (hot->created_in_batch) {
			drop_hot(r, hot);
		} else {
			free(hot->pending);
			hot->pending = NULL;
			hot->next_pending = NULL;
		}
		hot = next;
	}
	r->pending = NULL;
}

void readers_forget(struct readers *r, uint64_t user)
{
	struct hot *hot = map_get_ptr(r->by_number, user);
	if (hot)
		drop_hot(r, hot);
}

static int flush(struct readers *r, struct store_txn *txn, const struct hot *hot)
{
	const struct reader *reader = atomic_load_explicit(&hot->reader, memory_order_relaxed);
	uint8_t key[8], bytes[PROFILE_ENCODED_MAX];
	struct profile_head head = {reader->chain_head, reader->through};
	buf_clear(&r->buf);
	profile_head_encode(&r->buf, &head);
	buf_put(&r->buf, bytes, profile_encode(&reader->profile, bytes));
	if (r->buf.failed)
		return -ENOMEM;
	int error = store_put(txn, TABLE_PROFILES, key_u64(key, reader->user), buf_span(&r->buf));
	if (error == 0 && hot->history_changed)
		error = reader_put_part(txn, TABLE_HISTORIES, reader->user, PART_READS, NULL, &reader->history);
	if (error == 0 && hot->history_changed)
		error = reader_put_part(txn, TABLE_HISTORIES, reader->user, PART_SHOWN, NULL, &reader->history);
	return error;
}

void readers_begin_round(struct readers *r)
{
	r->round++;
	r->n_old = r->n_dirty;
}

int readers_checkpoint(struct readers *r, struct store_txn *txn, size_t n, size_t *n_left)
{
	int error = 0;
	if (r->flushed_capacity < n) {
		struct hot **grown = realloc(r->flushed, n * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		r->flushed = grown;
		r->flushed_capacity = n;
	}
	r->n_flushed = 0;
	/* From the oldest: those are the ones that memory wants back. */
	for (struct hot *hot = r->dirty.oldest; hot && r->n_flushed < n && error == 0; hot = hot->newer) {
		if (hot->dirty_round == r->round)
			continue;
		error = flush(r, txn, hot);
		r->flushed[r->n_flushed++] = hot;
	}
	*n_left = r->n_old - r->n_flushed;
	return error;
}

void readers_clean(struct readers *r, bool committed)
{
	for (size_t i = 0; committed && i < r->n_flushed; i++) {
		struct hot *hot = r->flushed[i];
		unlink_hot(r, hot);
		hot->dirty = false;
		hot->history_changed = false;
		link_newest(r, hot);
		r->n_dirty--;
		r->n_old--;
	}
	r->n_flushed = 0;
}

void readers_evict(struct readers *r)
{
	for (struct hot *hot = r->clean.oldest; hot && r->n_hot > r->n_max;) {
		struct hot *newer = hot->newer;
		if (!hot->pending)
			drop_hot(r, hot);
		hot = newer;
	}
}

bool readers_pressed(const struct readers *r)
{
	return r->n_hot > r->n_max;
}

void readers_stats(const struct readers *r, uint64_t *n_hot, uint64_t *n_dirty, uint64_t *bytes)
{
	*n_hot = r->n_hot;
	*n_dirty = r->n_dirty;
	*bytes = r->n_hot * (sizeof(struct hot) + sizeof(struct reader)) + map_bytes(r->by_id) + map_bytes(r->by_number);
}
