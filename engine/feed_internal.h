/* What feeds and lists share: a request made ready for ranking, a page under construction, an item filled in. */
#ifndef MYNEWS_ENGINE_FEED_INTERNAL_H
#define MYNEWS_ENGINE_FEED_INTERNAL_H

#include "engine/core.h"

/* A feed_request with its names looked up. */
struct query {
	struct rank_request rank;
	const struct reader *reader; /* NULL: nothing known */
	uint64_t reader_hash;        /* of the id that asks; 0: none was given */
	struct span edition_key;     /* asked for, else the reader's own; empty none */
	/* stage_two.c, in memory that is the worker's until its next request; example NULL: the model is linear, or nothing
	 * was ranked yet */
	struct rank_stage_two two;
	struct example *example;
	struct rank_filter *filter; /* NULL before query_explain_all */
	struct rank_parts *parts; /* of those that query_explain_all was given; NULL before */
	uint16_t *part_of;        /* [example->n] 1 + the number of a slot's in parts; 0 none */
};

/* Looks everything up. Returns FEED_OK, FEED_UNKNOWN_EDITION, FEED_UNKNOWN_MODEL, or negative errno. A filter by a topic
 * nobody ever wrote of matches nothing, which is no error. */
int query_prepare(struct engine_worker *w, struct arena *arena, const struct feed_request *q, struct query *out)
	__attribute__((warn_unused_result));

/* stage_two.c: whether the model orders shortlists; measures the columns of a shortlist that stage one has scored; and puts
 * it into the model's order with the model's scores. Nothing happens where the model is linear. Return 0 or -ENOMEM. */
bool query_has_stage_two(const struct query *query);
int query_measure(struct engine_worker *w, struct query *query, const struct rank_item *items, size_t n)
	__attribute__((warn_unused_result));
int query_order(struct engine_worker *w, struct query *query, struct rank_item *items, size_t n)
	__attribute__((warn_unused_result));
/* Makes ready to say why of these items: feed_item_fill, and query_explain for those of the shortlist. Returns 0 or
 * -ENOMEM. */
int query_explain_all(struct engine_worker *w, struct query *query, const struct rank_item *items, size_t n)
	__attribute__((warn_unused_result));
/* Reasons of one of them, all or the most telling. Returns 0, 1 when it is not of it, -ENOMEM. */
int query_explain(struct engine_worker *w, struct arena *arena, const struct query *query, const struct rank_item *item,
                  bool all, struct feed_item *out) __attribute__((warn_unused_result));
/* What a reader was shown. */
struct shown {
	const struct rank_item *items; /* [n] */
	const double *scores;          /* [n] in place of the items' own; NULL */
	const bool *pinned;            /* [n] placed by hand; NULL: none */
	size_t n;
	unsigned first_position;       /* of the first item; 0: order unknown */
};
/* It as a slate that is to wait for its reader's events, the caller's: of a linear model's for being watched alone, without
 * columns. NULL when no model brought it into order, or none of the items was of a shortlist. Returns 0 or -ENOMEM. */
int query_waiting(struct engine_worker *w, struct arena *arena, const struct query *query, const struct shown *shown,
                  uint64_t feed, uint16_t page, struct pending_slate **out) __attribute__((warn_unused_result));

/* feed_id.c: the number of a new feed, and how it is written. */
uint64_t feed_number_next(struct engine_worker *w, int64_t now_ms);
void feed_id_format(uint64_t feed, char out[32]);
/* The slate of a feed is not there, but this process made the feed a moment ago: it may still be in the queue. */
bool feed_slate_may_come(const struct engine *e, uint64_t feed, int64_t now_ms);

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
	struct rank_item lead[LIMIT_SLATE_LEAD]; /* what the reader saw before this feed */
	uint32_t lead_articles[LIMIT_SLATE_LEAD];
	size_t n_lead;
	struct rank_item *pool;   /* [n_pool] */
	size_t n_pool;
	bool taken[LIMIT_FEED_DEPTH];
	bool exhausted;   /* nothing eligible is left outside the pool */
	bool refilled;    /* on this page */
	bool pool_is_new; /* drawn on this page, so its slate keeps it */
	struct rank_item shown[LIMIT_FEED];
	bool pinned[LIMIT_FEED];
	int moved[LIMIT_FEED];
	size_t n_shown;
	struct rank_item pins[LIMIT_PINS];
	unsigned pin_positions[LIMIT_PINS];
	size_t n_pins;
};

/* ---- pins.c ---- */

/* Finds the pins of a first page and takes what they show out of its pool. Returns 0 or a negative errno. */
int pins_place(struct page *p) __attribute__((warn_unused_result));
/* The pin for a position: the first in the list whose story is not shown yet. -1 none. */
int pins_at(const struct page *p, size_t position);

/* ---- slate.c ---- */

struct span slate_cursor_make(const struct engine *e, struct arena *arena, uint64_t feed, uint16_t page,
                              uint64_t request_hash, int64_t expires_ms);
/* Returns FEED_OK, FEED_CURSOR_BAD or FEED_CURSOR_GONE. */
int slate_cursor_read(const struct engine *e, struct span text, uint64_t request_hash, int64_t now_ms, uint64_t *feed,
                      uint16_t *page) __attribute__((warn_unused_result));
/* Queues the page's slate, and with it what is to wait for the reader's events; *logged says whether there was room. Returns
 * 0 or -ENOMEM. */
int slate_keep(struct page *p, uint64_t feed, uint16_t page, bool *logged) __attribute__((warn_unused_result));
/* The items of a stored slate, where they stand now (segment NULL when gone). */
void slate_items(struct page *p, const struct slate_record *s, struct rank_item *out);
/* Reads the slates of pages [0, page) into before, lead, pool and taken. Returns FEED_OK, FEED_CURSOR_GONE or negative
 * errno. */
int slate_read_before(struct page *p, uint64_t feed, uint16_t page) __attribute__((warn_unused_result));
/* What the reader saw last by the impressions reported within the half hour, so that caps hold from one feed to the next.
 * What was sent and not seen does not count: asking twice gives the same feed twice. Returns 0 or negative errno. */
int slate_find_lead(struct page *p) __attribute__((warn_unused_result));

#endif
