/* What check.c and dirs.c share. Not for others. */
#ifndef MYNEWS_ENGINE_DIRS_INTERNAL_H
#define MYNEWS_ENGINE_DIRS_INTERNAL_H

#include "engine/core.h"

/* Says what could not be done with a directory. Returns 1. */
int dirs_fail(struct engine_problem *problem, const char *what, const char *dir, int error);
/* Returns 0, or 1 with the problem. */
int dirs_open(const char *dir, bool read_only, struct store **out, struct engine_problem *problem)
	__attribute__((warn_unused_result));
/* Calls fn for each record of a table in order, renewing the snapshot now and then so that a live server can reuse pages; the
 * arena is fn's until the next record. fn returning nonzero stops and is returned. -EINVAL: pages are damaged; without order
 * a walk may not end. */
int dirs_each_record(struct store_txn *txn, enum store_table table,
                     int (*fn)(void *ctx, struct arena *arena, struct span key, struct span value), void *ctx)
	__attribute__((warn_unused_result));

#endif
