/* From a reader and the live catalogue to a ranked list: retrieve -> features -> score -> diversify -> explain.
 *
 * The stage-one score is an integer, RANK_ONE to the unit: a sum of quantised feature terms, so that every way of
 * computing it (postings, full scan, any instruction set) gives identical scores, and an explanation's rows sum to it
 * exactly. Ties: newer published_at, then the larger article number. Everything here is deterministic and reads only
 * what it is handed; callers are inside the epoch. */
#ifndef MYNEWS_ENGINE_RANK_RANK_H
#define MYNEWS_ENGINE_RANK_RANK_H

#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/catalog/catalog.h"
#include "engine/profile/profile.h"
#include "models/model.h"

enum { RANK_ONE = 1 << 23 };

/* ---- features: one table, one formula each (features.c) ---- */

enum feature {
	FEATURE_TOPIC_SHORT,   /* sum over topic: and author: of short-term interest x article weight */
	FEATURE_TOPIC_LONG,
	FEATURE_TERM_SHORT,    /* the same over term: */
	FEATURE_TERM_LONG,
	FEATURE_SECTION,       /* long-term section affinity */
	FEATURE_SOURCE,        /* long-term source affinity */
	FEATURE_PLACE,         /* long-term place interest */
	FEATURE_FOLLOW,        /* 1 for each followed topic the article carries */
	FEATURE_HOME,          /* 1 when the article carries one of the reader's declared places */
	FEATURE_EDITION,       /* 1 when it carries one of the edition's places */
	FEATURE_LANGUAGE,      /* 1 when its language is one the reader declared (or the edition's, when none declared) */
	FEATURE_SEEN,          /* ln(1 + times shown to this reader), of its story */
	/* shared by every reader: */
	FEATURE_FRESH,         /* 2^(-age / 6 h) */
	FEATURE_AGE,           /* ln(1 + age in hours) */
	FEATURE_POPULAR_1H,    /* ln(1 + clicks decayed with half-life 1 h) */
	FEATURE_POPULAR_12H,
	FEATURE_POPULAR_48H,
	FEATURE_CTR,           /* ln of smoothed click-through at 12 h over the prior, see features.c */
	FEATURE_BOOST,         /* ln(editor's boost) */
	FEATURE_EXPLORE,       /* 1 / sqrt(1 + shows decayed at 48 h) */
	N_FEATURES
};
extern const char *const rank_feature_names[N_FEATURES]; /* as model files and reasons write them: "topic_short" ... */

/* The shared columns' formula, for catalog_config.shared; ctx is a struct rank_models. */
struct rank_models {
	const struct model *_Atomic model[CATALOG_MODELS]; /* NULL: free; swapped through the epoch */
};
void rank_shared(void *ctx, unsigned model, const struct catalog_segment *segment, uint32_t first, uint32_t n,
                 int64_t minute_ms, int32_t *out);

/* ---- who asks ---- */

struct rank_mute {
	uint32_t topic;
	int64_t until_ms; /* 0: for ever */
};

struct rank_reader {
	const struct profile *profile; /* NULL: nothing known */
	const struct history *history; /* NULL: nothing known */
	const uint32_t *follows, *places; /* [n_follows], [n_places] topic numbers */
	const struct rank_mute *mutes;    /* [n_mutes] */
	const uint8_t *languages;         /* [n_languages] catalogue language numbers */
	size_t n_follows, n_places, n_mutes, n_languages;
};

/* A word that a search asks for: in the title, or one of these topics in the vector. */
struct rank_word {
	struct span text;       /* normalised as titles are */
	const uint32_t *topics; /* [n_topics] */
	size_t n_topics;
};

enum rank_order { RANK_RANKED, RANK_LATEST, RANK_TRENDING /* clicks decayed at 12 h, then newest */ };

struct rank_request {
	struct rank_reader reader;
	enum rank_order order;
	unsigned model_slot; /* shared column and weights */
	const struct model *model;
	const struct profile_config *profile_config;
	int64_t now_ms;
	/* filters: 0 or -1 where not asked for. A topic filter of any namespace. */
	uint32_t topic, section, place, source;
	int language;      /* catalogue number, -1 any */
	int edition;       /* bit number, -1 any */
	const uint32_t *edition_places; /* [n_edition_places] topic numbers, for FEATURE_EDITION */
	size_t n_edition_places;
	const uint8_t *edition_languages;
	size_t n_edition_languages;
	const uint32_t *exclude_articles; /* [n_exclude_articles] */
	size_t n_exclude_articles;
	const uint32_t *exclude_stories; /* [n_exclude_stories] already on earlier pages */
	size_t n_exclude_stories;
	const struct rank_word *words; /* [n_words] each must be found */
	size_t n_words;
	const struct catalog_sources *sources; /* the rare ones, for the model's floor; NULL: no floor */
	uint64_t created_before_seq; /* articles first seen at or after this are left out; UINT64_MAX none */
	bool include_read;           /* do not drop read, hidden and muted stories (lists that are not feeds) */
	bool each_report;            /* every report, not the best of each story */
	bool any_order;              /* the pool in no set order, for who has an order of its own for it */
};

struct rank_item {
	uint32_t article, story;
	/* RANKED: RANK_ONE to the unit. LATEST: seconds since 2020. TRENDING: log2(1 + clicks), linear between powers of two,
	 * RANK_ONE to the unit. */
	int32_t score;
	int64_t published_ms;
	const struct catalog_segment *segment;
	uint32_t slot;
	uint16_t listed; /* its slot in the shortlist's example that gave the score; only a hint */
	bool for_caps; /* of an item placed before: it counts for caps and is similar to nothing */
};

/* ---- stage one: the exact pool ---- */

/* One thread's scratch memory. Returns 0 or -ENOMEM. */
struct rank_scratch;
int rank_scratch_new(struct rank_scratch **out) __attribute__((warn_unused_result));
void rank_scratch_free(struct rank_scratch *s);

/* The best n (at most LIMIT_FEED_DEPTH) distinct stories over every live article the filters allow, best first unless
 * any_order; of each story its best report (or every report, when asked for). Writes *n_out and, when n_eligible is not NULL, how many articles passed the filters (which
 * costs as much again: every slot's times must be looked at). Equal to rank_pool_naive on any input. Returns 0 or
 * -ENOMEM. */
int rank_pool(struct rank_scratch *s, const struct catalog *c, const struct rank_request *request, size_t n,
              struct rank_item *out, size_t *n_out, uint64_t *n_eligible) __attribute__((warn_unused_result));
/* The same by a full scan of every slot that computes each term from the definition: for tests. */
int rank_pool_naive(const struct catalog *c, const struct rank_request *request, size_t n, struct rank_item *out,
                    size_t *n_out) __attribute__((warn_unused_result));

/* Scores given articles (POST /v1/rank, explain): fills score of items whose article, segment and slot are set. Articles
 * the filters drop keep their score and are marked in why[] (enum rank_why; may be NULL). */
enum rank_why {
	RANK_ELIGIBLE,
	RANK_NOT_LIVE,
	RANK_EMBARGOED,
	RANK_EXPIRED,
	RANK_READ,
	RANK_MUTED,
	RANK_FILTERED,
	RANK_EXCLUDED
};
int rank_score(struct rank_scratch *s, const struct catalog *c, const struct rank_request *request,
               struct rank_item *items, size_t n, enum rank_why *why) __attribute__((warn_unused_result));

/* Best first. */
void rank_sort(struct rank_item *items, size_t n);

/* ---- diversify ---- */

/* Continues a page over a frozen pool: picks up to n items out of pool[n_pool] (best first), given the items placed
 * before (for caps' windows and similarity; the last ones count). Greedy maximal marginal relevance (Carbonell and
 * Goldstein 1998) over the integer scores scaled to the pool's range, caps as hard limits relaxed lowest priority
 * first when nothing else is left; a cap is void for a dimension the request filters on. The floor of rare sources comes last: it gives way first, and where the pool
 * has no more of them. taken[n_pool] marks items
 * used; order_out[k] is the pool index at place k. n_pool is at most LIMIT_FEED_DEPTH. Items of the pool without a
 * segment (no longer live) are passed over; items before without one are like nothing and count for no cap. The result
 * is the same wherever pages are cut, as long as `before` has the last 10 items or the longest window of a cap or the floor less one,
 * whichever is more. Returns 0 or -ENOMEM. */
int rank_diversify(struct rank_scratch *s, const struct model *model, const struct rank_request *request,
                   const struct rank_item *pool, size_t n_pool, bool *taken, const struct rank_item *before,
                   size_t n_before, size_t n, uint16_t *order_out, size_t *n_out) __attribute__((warn_unused_result));
/* The same, plainly, for tests. */
int rank_diversify_naive(const struct model *model, const struct rank_request *request, const struct rank_item *pool,
                         size_t n_pool, bool *taken, const struct rank_item *before, size_t n_before, size_t n,
                         uint16_t *order_out, size_t *n_out) __attribute__((warn_unused_result));

/* ---- explain ---- */

/* One row: a feature's part of an item's score. For topic features there is a row for each topic. */
struct rank_reason {
	enum feature feature;
	uint32_t topic;       /* 0 when the feature has none */
	int32_t contribution; /* RANK_ONE to the unit; all rows of an item sum to its score */
};
enum { RANK_REASONS_MAX = N_FEATURES + 4 * LIMIT_VECTOR };
/* What a reader has to do with, of a request's, in the arena: who asks for many stories spares looking up the rest. NULL:
 * memory is out. */
struct rank_filter;
struct rank_filter *rank_filter_new(struct arena *arena, const struct rank_request *request);
/* Largest absolute contribution first. item->score must come from rank_pool or rank_score for this request: should a
 * counter or the minute have moved since, the difference is in the row of the most lively shared feature, so that the
 * rows still sum to item->score. f: the request's, or NULL, with the same rows. Returns the number of rows written; 0 when
 * the item is not live. */
size_t rank_explain(const struct rank_filter *f, const struct catalog *c, const struct rank_request *request,
                    const struct rank_item *item, struct rank_reason out[RANK_REASONS_MAX]);

#endif
