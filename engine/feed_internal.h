/* What feed.c and lists.c share: a request made ready for ranking, a page under construction, an item filled in. */
#ifndef MYNEWS_ENGINE_FEED_INTERNAL_H
#define MYNEWS_ENGINE_FEED_INTERNAL_H

#include "engine/core.h"

/* A feed_request with its names looked up. */
struct query {
	struct rank_request rank;
	const struct reader *reader; /* NULL: nothing known */
	struct span edition_key;     /* asked for, else the reader's own; empty none */
};

/* Looks everything up. Returns FEED_OK, FEED_UNKNOWN_EDITION, FEED_UNKNOWN_MODEL, or negative errno. A filter by a topic
 * nobody ever wrote of matches nothing, which is no error. */
int query_prepare(struct engine_worker *w, struct arena *arena, const struct feed_request *q, struct query *out)
	__attribute__((warn_unused_result));

/* search.c: the words of q= made ready. Returns 0 or -ENOMEM. */
int search_prepare(struct engine_worker *w, struct arena *arena, struct span query, struct rank_request *out)
	__attribute__((warn_unused_result));

/* Card, score, story and reasons of an item. Position, propensity and moves are the caller's. */
int feed_item_fill(struct engine_worker *w, struct arena *arena, const struct query *query, const struct rank_item *item,
                   bool explain, struct feed_item *out) __attribute__((warn_unused_result));

struct page {
	struct engine_worker *w;
	struct arena *arena;
	struct query query;
	uint64_t request_hash, sequence;
	int64_t created_ms;
	size_t n_wanted;
	struct rank_item *before; /* [n_before] on earlier pages */
	size_t n_before;
	struct rank_item *pool;   /* [n_pool] */
	size_t n_pool;
	bool taken[LIMIT_FEED_DEPTH];
	bool exhausted;   /* nothing eligible is left outside the pool */
	bool pool_is_new; /* drawn on this page, so its slate keeps it */
	struct rank_item shown[LIMIT_FEED];
	bool pinned[LIMIT_FEED];
	int moved[LIMIT_FEED];
	size_t n_shown;
	struct rank_item pins[LIMIT_PINS];
	unsigned pin_positions[LIMIT_PINS];
	size_t n_pins;
};

#endif
