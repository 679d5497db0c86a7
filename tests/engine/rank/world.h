/* Small random worlds for the ranker's tests and benchmark: a catalogue, models, readers and requests, all from one
 * seed. Numbers are few and times coarse, so that ties, crowded stories and double causes happen all the time. */
#ifndef MYNEWS_TESTS_ENGINE_RANK_WORLD_H
#define MYNEWS_TESTS_ENGINE_RANK_WORLD_H

#include "engine/base/rng.h"
#include "engine/rank/rank.h"

enum {
	WORLD_LISTS = 16 /* longest list of a request */
};

struct world_config {
	uint64_t seed;
	uint32_t n_articles;  /* numbers 1 to n */
	uint32_t n_names;     /* of each namespace of topics */
	uint32_t n_sections;  /* 0: as many as other names */
	uint32_t n_stories;   /* 0: each article its own */
	uint32_t vector_most; /* entries */
	bool plain;           /* no updates, withdrawals, embargoes or counters: for the benchmark */
};

struct world {
	struct world_config config;
	struct rng rng;
	struct epoch *epoch;
	struct catalog *catalog;
	struct rank_models models;
	struct model model; /* in slot 0 */
	int64_t now_ms;
	uint64_t seq;
};

void world_new(struct world *w, const struct world_config *config);
void world_free(struct world *w);
/* One random change: an update, a withdrawal, a move to another story, a click, a minute passing. */
void world_disturb(struct world *w);

/* A topic of the namespace, the low names far more often. */
uint32_t world_topic(struct world *w, enum topic_namespace space);

/* A reader and a request with memory of their own. */
/* Publishes an article anew, with other text. */
void world_publish(struct world *w, uint32_t article);

struct world_reader {
	struct profile profile;
	struct history history;
	uint32_t follows[WORLD_LISTS], places[WORLD_LISTS], edition_places[WORLD_LISTS];
	uint32_t exclude_articles[WORLD_LISTS], exclude_stories[WORLD_LISTS];
	struct rank_word words[2];
	uint32_t word_topics[2];
	struct rank_mute mutes[WORLD_LISTS];
	uint8_t languages[WORLD_LISTS], edition_languages[WORLD_LISTS];
	struct rank_request request;
};
void world_make_reader(struct world *w, struct world_reader *r);
/* The same without filters, for a reader of n_topics. */
void world_make_plain_reader(struct world *w, struct world_reader *r, size_t n_topics);

void world_random_model(struct world *w, struct model *m);

#endif
