/* What the files of engine/rank share. Not for outsiders. */
#ifndef MYNEWS_ENGINE_RANK_RANK_INTERNAL_H
#define MYNEWS_ENGINE_RANK_RANK_INTERNAL_H

#include "engine/rank/numbers.h"
#include "engine/rank/rank.h"

/* ---- features.c: from values to integers ---- */

/* Weights of topics are in units of 2^-11, so that weight x article weight (Q12) stands at RANK_ONE = 2^23. */
enum { TOPIC_WEIGHT_ONE = RANK_ONE / TOPIC_TERM_ONE };

/* What one topic of the reader's adds for each unit of article weight, feature by feature; total is their sum. */
struct topic_parts {
	size_t n;
	enum feature feature[2];
	int32_t weight[2]; /* in 1/TOPIC_WEIGHT_ONE */
	int32_t total;
};
struct topic_parts rank_topic_parts(const struct model *m, const struct profile_interest *interest);

/* weight x value of a feature that does not depend on an article's topic weights, at RANK_ONE, within its limit. */
int32_t rank_fixed(const struct model *m, enum feature feature, double value);

/* The shared features of a slot that are not zero, in table order, into out[N_FEATURES]. Returns their number; *sum is
 * what a shared column holds. */
size_t rank_shared_rows(const struct model *m, const struct catalog_segment *segment, uint32_t slot, int64_t minute_ms,
                        struct rank_reason *out, int32_t *sum);
/* Whole seconds since 2020, rounded down. Inline: a scan asks for every slot. */
static inline int32_t rank_latest_score(int64_t published_ms)
{
	const int64_t start_of_2020_ms = INT64_C(1577836800000);
	int64_t seconds = published_ms / 1000 - (published_ms % 1000 < 0) - start_of_2020_ms / 1000;
	return (int32_t)(seconds > INT32_MAX ? INT32_MAX : seconds < INT32_MIN ? INT32_MIN : seconds);
}

int32_t rank_trending_score(float clicks_12h);

/* ---- reader.c: a request made ready ---- */

/* What the topics of an article say about it. */
enum mark {
	MARK_TOPIC = 1,    /* carries the topic filtered on */
	MARK_PLACE = 2,    /* carries the place filtered on */
	MARK_MUTED = 4,    /* carries a muted topic */
	MARK_HOME = 8,     /* carries a place of the reader's */
	MARK_EDITION = 16, /* carries a place of the edition's */
	MARK_COLUMN = 32   /* dropped by language, section, source or edition */
};

struct user_topic {
	uint64_t hash; /* hash_mix64(topic), as a segment's postings are found */
	uint32_t topic;
	int32_t weight; /* for each unit of article weight, in 1/TOPIC_WEIGHT_ONE */
	int32_t fixed;  /* for carrying it at all: FEATURE_FOLLOW */
	uint8_t marks;
};

enum dropped { DROPPED_READ = 1, DROPPED_EXCLUDED = 2 };

/* The postings of one of the topics in a segment. */
struct run {
	const struct user_topic *topic;
	uint32_t first, n;
};

struct user {
	const struct rank_request *request;
	struct user_topic *topics; /* [n_topics] distinct, each with something to say */
	struct run *runs;          /* [topics_capacity] scratch of the scan */
	size_t n_topics, topics_capacity;
	struct numbers topic_index; /* topic -> 1 + index in topics */
	struct numbers seen;        /* story -> FEATURE_SEEN's contribution, where not 0 */
	struct numbers dropped_stories, dropped_articles; /* -> bits of enum dropped */
	size_t n_dropped_stories, n_dropped_articles;
	int32_t seen_max; /* no story gains more than this; at least 0 */
	int32_t home, edition, language; /* contributions */
	uint8_t need, drop; /* a slot passes when (marks & (need | drop)) == need */
	uint8_t languages[256]; /* [n_languages] distinct; those that earn FEATURE_LANGUAGE */
	size_t n_languages;
};

/* Returns 0 or -ENOMEM. */
int rank_user_prepare(struct user *u, const struct catalog *c, const struct rank_request *request)
	__attribute__((warn_unused_result));
void rank_user_free(struct user *u);
/* The topics' part of a slot's score and its marks, by its vector. */
int32_t rank_user_topics(const struct user *u, const struct catalog_segment *segment, uint32_t slot, uint8_t *marks);
/* MARK_COLUMN when a column filter drops the slot, else 0. */
uint8_t rank_user_columns(const struct user *u, const struct catalog_segment *segment, uint32_t slot);

static inline bool rank_user_passes(const struct user *u, uint8_t marks)
{
	return (marks & (u->need | u->drop)) == u->need;
}

/* ---- words.c: whether a slot has every word that the request searches for */
bool rank_has_words(const struct rank_request *q, const struct catalog_segment *segment, uint32_t slot);

/* ---- explain.c: the definition, row by row ---- */

/* Which topics and stories a reader has to do with, interests, follows and places, the edition's too, and what was shown: of
 * each one bit, where its number is hashed. Most others are told from them by that. */
enum { RANK_FILTER_BITS = 4096 };
struct rank_filter {
	uint64_t topics[RANK_FILTER_BITS / 64], stories[RANK_FILTER_BITS / 64];
	struct profile_moment moment; /* of the request */
};
/* The entries of a slot's vector that may have to do with the reader, in their order: all others say nothing of it. Returns
 * how many. */
size_t rank_filter_vector(const struct rank_filter *f, const struct catalog_segment *segment, uint32_t slot,
                          struct topic_term out[LIMIT_VECTOR]);

/* The rows of a slot's score in no set order. Their sum is the score: naive.c takes it as the definition. f: the request's;
 * NULL: everything is looked up, with the same result. */
size_t rank_rows(const struct rank_request *q, const struct rank_filter *f, const struct catalog_segment *segment,
                 uint32_t slot, int64_t minute_ms, struct rank_reason out[RANK_REASONS_MAX]);

/* ---- order of items ---- */

/* Best first: score, then the newer, then the larger article number. */
static inline bool rank_before(int32_t score_a, int64_t published_a, uint32_t article_a, int32_t score_b,
                               int64_t published_b, uint32_t article_b)
{
	if (score_a != score_b)
		return score_a > score_b;
	if (published_a != published_b)
		return published_a > published_b;
	return article_a > article_b;
}

/* ---- scratch memory ---- */

struct pool_scratch;
struct reading;
struct diversify_scratch;

struct rank_scratch {
	struct user user;
	struct pool_scratch *pool;
	struct diversify_scratch *diversify;
	struct reading *reading; /* shortlist_internal.h */
};

int rank_reading_new(struct reading **out) __attribute__((warn_unused_result));
void rank_reading_free(struct reading *g);
int rank_pool_scratch_new(struct pool_scratch **out) __attribute__((warn_unused_result));
void rank_pool_scratch_free(struct pool_scratch *p);
int rank_diversify_scratch_new(struct diversify_scratch **out) __attribute__((warn_unused_result));
void rank_diversify_scratch_free(struct diversify_scratch *d);

#endif
