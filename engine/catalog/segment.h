/* The writer's view of a segment, its postings and an article's counters: inside engine/catalog only. */
#ifndef MYNEWS_ENGINE_CATALOG_SEGMENT_H
#define MYNEWS_ENGINE_CATALOG_SEGMENT_H

#include "engine/catalog/catalog.h"

enum { POSTINGS_EVERY = 256 }; /* new slots between two rebuilds of the active segment's postings */

/* What readers see comes first; the rest is the writer's. */
struct segment {
	struct catalog_segment seen;
	uint32_t vector_capacity; /* entries */
	uint32_t n_live;
	uint64_t bytes; /* all memory of the segment */
};

static inline struct segment *segment_of(const struct catalog_segment *s)
{
	return (struct segment *)(uintptr_t)s;
}

int segment_new(struct segment **out, uint64_t number) __attribute__((warn_unused_result));
void segment_free(void *segment);
/* Makes room for n more vector entries; the array before goes through the epoch. */
int segment_reserve_vector(struct segment *s, struct epoch *e, size_t n) __attribute__((warn_unused_result));
/* Room for short vectors. Returns 0 or -ENOMEM. */
int segment_reserve_dense(struct segment *s) __attribute__((warn_unused_result));
/* NULL: no slot has one. */
static inline struct catalog_dense *segment_dense(const struct segment *s)
{
	return (struct catalog_dense *)(uintptr_t)atomic_load_explicit(&s->seen.dense, memory_order_relaxed);
}
/* Fills the next slot, which becomes visible when the caller releases `count`. The card is taken over. Room was
 * reserved. Returns the slot. */
uint32_t segment_append_take(struct segment *s, const struct catalog_entry *entry, int64_t visible_until_ms,
                             const struct catalog_card *card);

/* What a card takes of memory. */
size_t card_size(const struct catalog_card *card);

/* Postings of slots [0, n_slots). Returns 0 or -ENOMEM. */
int postings_build(struct catalog_postings **out, const struct catalog_segment *s, uint32_t n_slots, uint64_t *bytes)
	__attribute__((warn_unused_result));
void postings_free(void *postings);

/* ---- counters of one article: integers in quarter-hour buckets, ascending ---- */

enum { BUCKET_MINUTES = 15, COUNTER_HOURS = 96, COUNTER_BUCKETS_MAX = COUNTER_HOURS * 60 / BUCKET_MINUTES + 2 };

struct counters {
	uint32_t article;
	uint16_t n, capacity;
	bool dirty;
	struct counter_bucket {
		uint32_t bucket; /* at_ms / 15 min */
		uint32_t n[N_CATALOG_COUNTERS];
	} *buckets;
};

/* Adds delta. Returns 0 or -ENOMEM. Times before the kept hours change nothing; nor do times ahead, when all
 * COUNTER_BUCKETS_MAX buckets are in use. */
int counters_add(struct counters *c, enum catalog_counter counter, int64_t at_ms, int delta, int64_t minute_ms)
	__attribute__((warn_unused_result));
void counters_prune(struct counters *c, int64_t minute_ms);
/* sum over kept buckets of n x 2^-(age / half-life), age from the bucket's middle (the start of its 8th minute) to
 * minute_ms, at least 0. */
void counters_decayed(const struct counters *c, enum catalog_counter counter, int64_t minute_ms,
                      float out[N_HALF_LIVES]);
void counters_encode(const struct counters *c, struct buf *out);
/* Returns 0, 1 not acceptable, -ENOMEM. */
int counters_decode(struct counters *c, struct span bytes) __attribute__((warn_unused_result));
void counters_free(struct counters *c);

#endif
