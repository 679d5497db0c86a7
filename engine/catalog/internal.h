/* What the files of engine/catalog share of the catalogue itself. Not for outsiders. */
#ifndef MYNEWS_ENGINE_CATALOG_INTERNAL_H
#define MYNEWS_ENGINE_CATALOG_INTERNAL_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/epoch.h"
#include "engine/base/map.h"
#include "engine/catalog/segment.h"

enum { LANGUAGES_MAX = 255, LANGUAGE_BYTES = LIMIT_LANGUAGE_BYTES + 1 };

struct language {
	uint8_t len;
	char text[LANGUAGE_BYTES];
};

struct catalog {
	struct epoch *epoch;
	struct catalog_config config;
	struct catalog_view *_Atomic view;
	struct map *by_article; /* article -> segment number * SEGMENT_SLOTS + slot + 1 */
	struct map *by_story;   /* story -> struct catalog_members */
	struct map *counters;   /* article -> struct counters; writer only */
	bool model_on[CATALOG_MODELS];
	bool loading; /* no postings before a segment is full */
	int64_t minute_ms;
	const struct catalog_sources *_Atomic sources; /* as of sources_ms, a minute; NULL: never asked for */
	int64_t sources_ms;
	_Atomic uint32_t n_moves; /* never 0 once an article has moved */
	uint32_t *dirty; /* [n_dirty] articles whose counters changed */
	size_t n_dirty, dirty_capacity;
	uint64_t n_articles, card_bytes, counter_bytes;
	_Atomic unsigned n_languages;
	struct language languages[LANGUAGES_MAX];
};

static inline int64_t minute_of(int64_t now_ms)
{
	return now_ms - now_ms % 60000;
}

/* view.c */
static inline struct catalog_view *view_current(const struct catalog *c)
{
	return atomic_load_explicit(&c->view, memory_order_relaxed);
}
/* A new last segment, empty, in a new view. Returns 0 or -ENOMEM. */
int view_add_segment(struct catalog *c) __attribute__((warn_unused_result));
/* Computes the shared score of one slot for every model and stores it in place. */
void view_rescore(struct catalog *c, const struct catalog_segment *s, uint32_t slot);
/* A new view for a new minute: fresh columns, without segments that hold nothing any more. Returns 0 or -ENOMEM. */
int view_renew(struct catalog *c) __attribute__((warn_unused_result));
void view_free(struct catalog *c);

/* members.c: article in and out of a story's list. Without memory for the smaller list the old one stays, naming an
 * article that is no longer found. */
int members_join(struct catalog *c, uint32_t story, uint32_t article) __attribute__((warn_unused_result));
void members_leave(struct catalog *c, uint32_t story, uint32_t article);

/* popularity.c */
void popularity_show(const struct catalog *c, const struct counters *n, struct catalog_place place);
/* Counts of a row and what is made of them. */
void popularity_set_shows(struct catalog_row *row, const float shows[N_HALF_LIVES]);
void popularity_set_clicks(struct catalog_row *row, const float clicks[N_HALF_LIVES], const float expected[N_HALF_LIVES]);
void popularity_forget(struct catalog *c, uint32_t article);
/* For a new minute: every article's counters pruned and shown anew. */
void popularity_refresh(struct catalog *c);

#endif
