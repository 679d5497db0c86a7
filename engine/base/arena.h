/* Bump allocation for the life of one request (or one batch): many small allocations, one release. */
#ifndef MYNEWS_BASE_ARENA_H
#define MYNEWS_BASE_ARENA_H

#include <stddef.h>

#include "engine/base/span.h"

struct arena_chunk;

/* Zero-initialise to get an empty arena. Not for sharing between threads. */
struct arena {
	struct arena_chunk *head; /* newest chunk first */
	size_t used_bytes;        /* in the newest chunk */
	size_t total_bytes;       /* handed out since the last reset */
};

/* 16-byte aligned, uninitialised memory that lives until arena_reset or arena_free. NULL when memory is out. */
void *arena_alloc(struct arena *a, size_t n_bytes);
/* The same, zeroed; also NULL when n * size overflows. */
void *arena_calloc(struct arena *a, size_t n, size_t size_bytes);
/* Room for n_bytes in one piece: allocations that take no more than that together, each rounded up to 16, take no other
 * memory. For what is kept long; a request's arena needs none. Returns 0 or -ENOMEM. */
int arena_reserve(struct arena *a, size_t n_bytes) __attribute__((warn_unused_result));
/* A copy with a NUL behind it (not counted in len). data is NULL when memory is out. */
struct span arena_copy(struct arena *a, struct span s);
/* printf into the arena; NUL-terminated; data is NULL when memory is out. */
struct span arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Forgets every allocation and keeps one chunk for reuse. */
void arena_reset(struct arena *a);
/* Forgets every allocation and keeps room for as much as this time, in one piece: for work that comes again and again, and
 * has a bound. */
void arena_rewind(struct arena *a);
/* Releases everything; the arena is then empty and usable again. */
void arena_free(struct arena *a);

#endif
