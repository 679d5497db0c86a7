/* The best n distinct stories out of a stream of reports. */
#ifndef MYNEWS_ENGINE_RANK_BEST_H
#define MYNEWS_ENGINE_RANK_BEST_H

#include "engine/rank/rank_internal.h"

struct candidate {
	int64_t published_ms;
	int32_t score;
	uint32_t article, story;
	uint32_t where; /* the view's segment * SEGMENT_SLOTS + slot */
	uint32_t key;   /* of candidates with the same key the best stays; 0: of its own */
};

enum { BEST_CAPACITY = 2 * LIMIT_FEED_DEPTH + 512 };

struct best {
	size_t want;           /* n; at most LIMIT_FEED_DEPTH, at least 1 */
	size_t n;              /* candidates held; a story may have several until best_settle */
	bool full;             /* `worst` is set: whatever does not come before it is out for good */
	struct candidate worst;
	struct candidate held[BEST_CAPACITY];
	/* Scratch. */
	struct numbers stories; /* by key */
	uint64_t order[BEST_CAPACITY];
	struct candidate other[BEST_CAPACITY];
};

static inline bool candidate_before(const struct candidate *a, const struct candidate *b)
{
	return rank_before(a->score, a->published_ms, a->article, b->score, b->published_ms, b->article);
}

/* How many more best_add may take before best_settle must run; the more, the fewer settlements. */
static inline size_t best_room(const struct best *b)
{
	size_t most = 2 * b->want + 256;
	return b->n < most ? most - b->n : 0;
}

static inline void best_add(struct best *b, const struct candidate *c)
{
	if (!b->full || candidate_before(c, &b->worst))
		b->held[b->n++] = *c;
}

/* Keeps the best report of each story and the best `want` stories, in no set order; there is room afterwards. Returns 0
 * or -ENOMEM. */
int best_settle(struct best *b) __attribute__((warn_unused_result));
/* The same, and sorted best first. */
int best_finish(struct best *b) __attribute__((warn_unused_result));

#endif
