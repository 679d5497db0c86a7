/* Write-behind in front of a table whose records come in an order that is not its keys': what is new stands in memory and
 * is written in rounds, sorted, so that a page of the table takes many records at once. Whoever uses it keeps the truth
 * elsewhere and can put again all that no finished round holds.
 *
 * Keys have one length, values are numbers; 0 stands for no record. What is put is seen by behind_get at once, and is
 * kept by behind_commit or taken back by behind_abandon. Rounds begin and write between the two. One thread. */
#ifndef MYNEWS_STORE_BEHIND_H
#define MYNEWS_STORE_BEHIND_H

#include "engine/store/store.h"

enum { BEHIND_KEY_MAX = 20 };

struct behind;

/* Keys of key_bytes, values stored big-endian in value_bytes (1 to 8); pressed from n_max puts on. Returns 0 or -ENOMEM. */
int behind_new(struct behind **out, enum store_table table, unsigned key_bytes, unsigned value_bytes, size_t n_max)
	__attribute__((warn_unused_result));
void behind_free(struct behind *b); /* NULL is safe */

/* The newest value, from memory or the table; 0 when there is none. Returns 0, -EINVAL for a damaged record, other negative
 * errno. */
int behind_get(const struct behind *b, struct store_txn *t, struct span key, uint64_t *value)
	__attribute__((warn_unused_result));
/* Into memory only. Returns 0 or -ENOMEM. */
int behind_put(struct behind *b, struct span key, uint64_t value) __attribute__((warn_unused_result));
/* Into the table at once, for what could not be put again, and into memory where that knows the key. */
int behind_put_through(struct behind *b, struct store_txn *t, struct span key, uint64_t value)
	__attribute__((warn_unused_result));
void behind_commit(struct behind *b);
void behind_abandon(struct behind *b);

/* A round takes what was committed when it begins (the one before has to be at its end). Each step writes up to n records,
 * as they are by then; behind_wrote after the commit, or its failure, ends the step. *left says how many remain. */
void behind_begin_round(struct behind *b);
int behind_write(struct behind *b, struct store_txn *t, size_t n, size_t *left) __attribute__((warn_unused_result));
void behind_wrote(struct behind *b, bool committed);
/* So much is new that a round must not wait. */
bool behind_pressed(const struct behind *b);

#endif
