/* The writer thread: the only writing transaction, many operations to a commit, one sync a commit.
 *
 * Operations wait in a bounded queue. The thread takes what is there, applies all in one transaction, commits, publishes
 * to memory in order, and then tells each submitter. What nobody waits for is held back a little, so that a commit and
 * its sync serve more than one. When applying or committing fails, nothing of the batch is
 * stored, `abandon` lets the owner put memory back, and every operation of the batch is told the error. */
#ifndef MYNEWS_ENGINE_STORE_WRITER_H
#define MYNEWS_ENGINE_STORE_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/store/store.h"

struct writer;

struct write_op {
	struct write_op *next; /* the writer's own */
	unsigned n_elements;   /* what it counts for in the queue's bound and the batch's */
	/* In the transaction. Sees what earlier operations of the batch wrote. 0 or a negative errno, which fails the batch. */
	int (*apply)(struct write_op *op, struct store_txn *t, void *ctx);
	/* After the commit, in order: make it visible. May be NULL. */
	void (*publish)(struct write_op *op, void *ctx);
	/* Last: status 0 or a negative errno. The operation may be freed in here. */
	void (*done)(struct write_op *op, int status, void *ctx);
	bool patient; /* may wait linger_ms for company; one that is not takes those before it along at once */
};

struct writer_hooks {
	void *ctx; /* passed to operations and hooks */
	/* Around a batch: begin before the first apply; end after every publish (committed) or instead of them (not). */
	void (*batch_begin)(void *ctx);
	/* Last words in the transaction. 0 or negative errno. */
	int (*batch_seal)(struct store_txn *t, void *ctx);
	void (*batch_end)(void *ctx, bool committed);
	/* Between batches, at least every idle_ms and linger_ms: housekeeping in transactions of its own. */
	void (*idle)(void *ctx);
	unsigned idle_ms;
	bool (*pressed)(void *ctx); /* NULL: never. Housekeeping must not wait: it comes after each batch */
};

struct writer_config {
	unsigned queue_elements; /* bound of waiting elements */
	unsigned batch_elements; /* a batch stops growing here */
	unsigned linger_ms;      /* how long a queue of nothing but patient operations, less than a batch, is held back */
	struct writer_hooks hooks;
};

int writer_new(struct writer **out, struct store *s, const struct writer_config *config)
	__attribute__((warn_unused_result));
/* Finishes what is queued, then stops. NULL is safe. */
void writer_free(struct writer *w);

/* Any thread. Returns 0, or -EAGAIN when the queue is full: the operation was not taken. An operation larger than the
 * whole queue is taken when the queue is empty. */
int writer_submit(struct writer *w, struct write_op *op) __attribute__((warn_unused_result));

struct writer_stats {
	uint64_t queued_elements, n_commits, n_elements, n_failures, last_batch_elements, commit_us_total;
	int last_error; /* negative errno of the last failure; 0 none */
};
void writer_stats(struct writer *w, struct writer_stats *out);

#endif
