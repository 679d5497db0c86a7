/* The only door to durable state. Says nothing of what stands behind it (LMDB in this process, engine/store/lmdb.c).
 *
 * Tables of byte-string keys and values in key order; reading transactions that see one commit; one writing transaction
 * at a time. Keys that are numbers are written big-endian (codec.h), so their order is numeric. A span that store_get or
 * a cursor gives lives until the transaction ends or, inside a writing transaction, until the next write. */
#ifndef MYNEWS_ENGINE_STORE_STORE_H
#define MYNEWS_ENGINE_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/span.h"

struct store;
struct store_txn;
struct store_cursor;

enum store_table {
	TABLE_META,        /* name -> value: format version, counters of numbers, secret, tokens, erasures, pins */
	TABLE_ARTICLES,    /* article number -> record without body */
	TABLE_BODIES,      /* article number -> body text */
	TABLE_ARTICLE_IDS, /* publisher's id -> article number */
	TABLE_TOPICS,      /* topic number -> namespaced name */
	TABLE_TOPIC_IDS,   /* namespaced name -> topic number */
	TABLE_USERS,       /* user id -> number and settings */
	TABLE_USER_IDS,     /* user number -> user id */
	TABLE_PROFILES,    /* user number -> profile, chain head, sequence it holds through */
	TABLE_HISTORIES,   /* user number, part -> history */
	TABLE_BASES,       /* user number -> what stood before the retained log */
	TABLE_EVENTS,      /* sequence -> log record */
	TABLE_EVENT_IDS,   /* day, hash of the client's id -> sequence */
	TABLE_COUNTED,     /* user number, article number -> event types that this reader has counted for there */
	TABLE_SLATES,      /* feed number, page -> slate */
	TABLE_EDITIONS,    /* key -> edition */
	TABLE_EXAMPLES,    /* sequence -> what a slate teaches */
	TABLE_LEARNT,      /* what was learnt: signals, models' numbers, in pages */
	TABLE_COUNTERS,    /* article number -> popularity buckets; document frequency */
	N_TABLES
};
extern const char *const store_table_names[N_TABLES];

enum { STORE_KEY_MAX = 511 };

struct store_options {
	size_t map_bytes;     /* the largest the store can grow */
	bool read_only;       /* beside a live server; writes nothing */
	bool nosync;          /* commits are not forced to disk */
	unsigned readers_max; /* reading transactions at once, over all processes */
};

/* Opens or creates the store in a directory. Returns 0; -ENOENT (read_only and nothing there), -EACCES, -EINVAL (not a
 * store or a damaged one), other negative errno. Takes no lock on the directory: see store_lock. */
int store_open(struct store **out, const char *dir, const struct store_options *options)
	__attribute__((warn_unused_result));
void store_close(struct store *s); /* NULL is safe; all transactions must have ended */

/* Exclusive lock on DIR/lock for serve, import, restore, compact. *fd is closed to unlock. Returns 0, 1 when another
 * process holds it, negative errno. Creates the directory when `create`. */
int store_lock(const char *dir, bool create, int *fd) __attribute__((warn_unused_result));

/* Reading. A transaction is reused: renew makes it see the newest commit, reset lets pages go while idle. One thread at a
 * time uses it, not always the same. begin leaves it reset: renew before the first read. */
int store_read_new(struct store *s, struct store_txn **out) __attribute__((warn_unused_result));
int store_read_renew(struct store_txn *t) __attribute__((warn_unused_result));
void store_read_reset(struct store_txn *t);
void store_read_free(struct store_txn *t);

/* Writing: one at a time, begin to commit or abort on one thread. commit returns 0 when durable (unless nosync), else a
 * negative errno and nothing of the transaction is there; either way the transaction has ended. */
int store_write_begin(struct store *s, struct store_txn **out) __attribute__((warn_unused_result));
int store_write_commit(struct store_txn *t) __attribute__((warn_unused_result));
void store_write_abort(struct store_txn *t);

/* A failed commit can leave the store refusing everything with -EIO until it is opened anew. This does it, from the
 * writing thread outside of a transaction, when no reading transaction is active; store_write_begin tries it too. Returns
 * 0 when the store is sound, -EIO while readers are active or the disk still fails, other negative errno. */
int store_mend(struct store *s) __attribute__((warn_unused_result));

/* Returns 0, 1 not found, negative errno. */
int store_get(struct store_txn *t, enum store_table table, struct span key, struct span *value)
	__attribute__((warn_unused_result));
/* Sets or replaces. -ENOSPC when the store or the disk is full. */
int store_put(struct store_txn *t, enum store_table table, struct span key, struct span value)
	__attribute__((warn_unused_result));
/* The same for a key larger than every key of the table: cheaper, packs pages full. */
int store_append(struct store_txn *t, enum store_table table, struct span key, struct span value)
	__attribute__((warn_unused_result));
/* Returns 0, 1 not found, negative errno. */
int store_delete(struct store_txn *t, enum store_table table, struct span key) __attribute__((warn_unused_result));

/* Cursors: each move returns 0, 1 at the end, negative errno. Closed before the transaction ends. */
int store_cursor_new(struct store_txn *t, enum store_table table, struct store_cursor **out)
	__attribute__((warn_unused_result));
void store_cursor_free(struct store_cursor *c);
int store_seek(struct store_cursor *c, struct span at_or_after, struct span *key, struct span *value)
	__attribute__((warn_unused_result));
int store_first(struct store_cursor *c, struct span *key, struct span *value) __attribute__((warn_unused_result));
int store_next(struct store_cursor *c, struct span *key, struct span *value) __attribute__((warn_unused_result));
int store_last(struct store_cursor *c, struct span *key, struct span *value) __attribute__((warn_unused_result));
/* Deletes the record the cursor stands on; store_next then gives the one behind it. */
int store_cursor_delete(struct store_cursor *c) __attribute__((warn_unused_result));

int store_count(struct store_txn *t, enum store_table table, uint64_t *n) __attribute__((warn_unused_result));

struct store_size {
	uint64_t used_bytes, map_bytes;
};
void store_size(struct store *s, struct store_size *out);
/* Frees the slots of readers whose process died. */
int store_clear_stale_readers(struct store *s) __attribute__((warn_unused_result));
/* A consistent copy beside a live writer. `to` is an empty or missing directory (-EEXIST where a store is in
 * it); what fails leaves no file in it. */
int store_copy(struct store *s, const char *to) __attribute__((warn_unused_result));
/* Moves the file of a closed store from one directory to another, an existing one on the same file system. */
int store_move(const char *from, const char *to) __attribute__((warn_unused_result));
/* Removes the files of a closed store, and its directory where nothing else is in it. */
void store_remove(const char *dir);

#endif
