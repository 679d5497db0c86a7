/* A naive catalogue beside which engine/catalog is held: every slot ever filled in one array, counters as lists of what
 * was counted, everything found by looking at all of it. It follows the contract of catalog.h and these rules of the
 * catalogue, which readers do not see but which say where an article stands:
 *
 * - A new or replaced article stands in the slot after the last; the number of its segment is slot / SEGMENT_SLOTS.
 * - At a new minute the emptiest segment before the last that has fewer than a quarter of its slots alive, the first of
 *   equals, is emptied into the last: its articles move in the order of their slots. Then segments before the last that
 *   hold nothing are gone.
 * - The last segment gets postings whenever 256 more slots are filled; while loading, when it is full or loading ends.
 * - What is counted stands in the quarter hour of its time, which is as old as the start of its 8th minute. */
#ifndef MYNEWS_TESTS_ENGINE_CATALOG_MODEL_H
#define MYNEWS_TESTS_ENGINE_CATALOG_MODEL_H

#include "engine/catalog/catalog.h"

enum { QUARTER_MS = 15 * 60000, MODEL_TEXT = 160 };

struct model_event {
	int64_t quarter; /* time / 15 min */
	enum catalog_counter counter;
};

struct model_events {
	struct model_event *list; /* [n] in the order they were counted */
	size_t n, capacity;
};

struct model_article {
	bool live;
	struct catalog_entry entry; /* as it is now: story, boost and editions may have been set since */
	struct topic_term vector[LIMIT_VECTOR];
	char text[MODEL_TEXT]; /* what the card's spans point to */
	int64_t until_ms;
	size_t slot;
	struct model_events events;
	bool must_save; /* changed since it was taken */
	bool may_save;  /* was named to the catalogue's list since it was taken */
};

struct model_slot {
	uint32_t article;
	bool dead;
	uint32_t moved; /* the move that put the article elsewhere; 0 it is gone, or here */
};

struct model {
	uint32_t n_articles, n_stories; /* numbers 1 to n */
	int64_t live_ms, minute_ms;
	struct model_article *articles; /* [n_articles + 1] */
	struct model_slot *slots;       /* [n_slots] all that were ever filled */
	size_t n_slots, slots_capacity;
	size_t n_segments; /* ever made */
	bool *gone;        /* [n_segments] */
	uint32_t *indexed; /* [n_segments] slots that have postings */
	bool loading, model_on[CATALOG_MODELS];
	uint32_t n_moves;
};

void model_new(struct model *m, uint32_t n_articles, uint32_t n_stories, int64_t live_ms, int64_t now_ms);
void model_free(struct model *m);

/* The writer's calls. */
void model_publish(struct model *m, const struct catalog_entry *entry);
void model_set_loading(struct model *m, bool on);
void model_withdraw(struct model *m, uint32_t article);
void model_set_story(struct model *m, uint32_t article, uint32_t story);
void model_count(struct model *m, uint32_t article, enum catalog_counter counter, int64_t at_ms, int delta);
void model_mark_dirty(struct model *m, uint32_t article);
/* Returns how many articles expired and writes them, in no particular order. */
size_t model_tick(struct model *m, int64_t now_ms, uint32_t *expired);

/* A counter of an article as of the model's minute, by the definition: sum of 2^-(age / half-life). n_quarters gets how many
 * quarter hours took part. */
void model_decayed(const struct model *m, uint32_t article, enum catalog_counter counter, double out[N_HALF_LIVES],
                   size_t *n_quarters);
/* Copies what is still kept; the caller frees out->list. */
void model_events_copy(const struct model *m, const struct model_events *from, struct model_events *out);
/* Members of a story, ascending. Returns how many. */
size_t model_members(const struct model *m, uint32_t story, uint32_t *out);
bool model_keeps(const struct model *m, int64_t quarter);

#endif
