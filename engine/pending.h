/* Slates that wait for what their readers do. The writer's own: a slate comes in with the commit that logged it, events are
 * noted as their commits are published, and when its time has come a slate is closed: what counts of it is stored as an
 * example and learnt. Memory is bounded: those due first go first, untaught. */
#ifndef MYNEWS_ENGINE_PENDING_H
#define MYNEWS_ENGINE_PENDING_H

#include <stdbool.h>

#include "engine/learn/example.h"

struct pending;

/* One slate; its example and times lie behind it in the same memory. */
struct pending_slate {
	struct pending_slate *next_of_feed;
	struct example *example;
	uint8_t *times; /* [n][N_EVENT_TYPES] how often each slot's events came, less those taken back */
	int64_t due_ms;
	uint64_t number; /* in order of coming */
	uint64_t reader; /* hash of the id that asked for it, known by then or not; 0: nobody's */
	size_t bytes;
	bool watched;
};

/* Copies the slots `which` [n] of an example (at most EXAMPLE_SLOTS_MAX are taken); positions[n] from 1, 0 unknown. Any
 * thread. NULL when memory is out. */
struct pending_slate *pending_slate_new(const struct example *e, const uint16_t *which, const uint8_t *positions, size_t n,
                                        uint64_t feed, uint16_t page, int64_t due_ms);
void pending_slate_free(struct pending_slate *s); /* NULL is safe */

/* Returns 0 or -ENOMEM. */
int pending_new(struct pending **out, size_t max_bytes) __attribute__((warn_unused_result));
void pending_free(struct pending *p);

/* Takes a slate over. One without columns, which teaches nothing and is watched alone, is let go, and not counted as dropped,
 * where it would be more than half of the memory that is in use then. */
void pending_add_take(struct pending *p, struct pending_slate *s);
/* What another slate of a reader's weighs as a lesson on this day, and counts it: the first PENDING_WHOLE weigh 1, the k-th
 * PENDING_WHOLE / k, those behind PENDING_READER_DAY nothing. So no reader teaches everyone alone. */
enum { PENDING_WHOLE = 2, PENDING_READER_DAY = 24 };
float pending_weight(struct pending *p, uint64_t user, int64_t now_ms);
/* An event, or its taking back (undo), of a reader on an article of a feed. reader: hash of its id, 0 where that is not at hand.
 * Another reader's feed hears nothing of it; a slate of nobody's becomes the first reader's. */
void pending_note(struct pending *p, uint64_t feed, uint64_t user, uint64_t reader, uint32_t article, enum event_type type,
                  bool undo);
/* The slate due first, if it is due by then, else NULL; it stays. pending_pop takes out the one due first, NULL none, for the
 * caller to free. */
const struct pending_slate *pending_due(const struct pending *p, int64_t now_ms);
struct pending_slate *pending_pop(struct pending *p);

/* What counts of a slate: slots with an impression where any was reported, else slots at or above the last that was acted
 * on. Writes their indices into which[EXAMPLE_SLOTS_MAX] and returns how many; 0 when it teaches nothing: nothing was
 * chosen, or there was nothing to choose from. */
size_t pending_counted(const struct example *e, uint16_t *which);

struct pending_totals {
	uint64_t n, n_bare; /* with columns and without */
	uint64_t bytes, n_dropped;
};
void pending_totals(const struct pending *p, struct pending_totals *out);

#endif
