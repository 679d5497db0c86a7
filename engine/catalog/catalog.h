/* The live articles in memory, as the ranker scans them.
 *
 * One writer (the store's writer thread) changes the catalogue; any number of readers look at it inside the epoch
 * (base/epoch). Articles stand in append-only segments of struct-of-arrays columns; an update is a tombstone and a new
 * slot; a segment whose articles are all dead or expired goes whole. A reader takes one view, which fixes the list of
 * segments, the minute that time-dependent columns were computed for, and the shared score columns; within a segment
 * it sees the slots below `count`, loaded once with acquire. */
#ifndef MYNEWS_ENGINE_CATALOG_CATALOG_H
#define MYNEWS_ENGINE_CATALOG_CATALOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/types.h"

struct epoch;
struct catalog;

enum {
	SEGMENT_SLOTS = 4096,
	CATALOG_MODELS = 8, /* shared score columns that can be live at once */
	N_HALF_LIVES = 5,   /* 15 min, 1 h, 3 h, 12 h, 48 h */
	CATALOG_WORDS = 8,  /* of an article that stage two looks at */
	CATALOG_DENSE = 64  /* numbers of a story's short vector */
};
extern const int64_t catalog_half_lives_ms[N_HALF_LIVES];

enum slot_flag { SLOT_DEAD = 1 };

/* Postings of slots [0, n_slots) of one segment, sorted by topic; immutable once published. */
struct catalog_postings {
	uint32_t n_slots, n_topics, table_mask;
	struct {
		uint32_t topic; /* 0: free */
		uint32_t start, n;
	} *table;          /* [table_mask + 1], open addressing by hash_mix64(topic) */
	uint16_t *slot;    /* [n_entries] ascending within a topic */
	int16_t *weight;   /* [n_entries] */
};

/* What is shown of an article: immutable, freed with its segment. */
struct catalog_card {
	struct span id;   /* the publisher's */
	struct span json;  /* the article object of the contract, complete */
	struct span brief; /* a JSON object of id, title, url, source, published_at: for a story's other reports */
	struct span title; /* normalised, for the q= filter */
};

/* Stories' short vectors, as directions of length 127. Cosines have a meaning within one space only. */
struct catalog_dense {
	uint8_t space[SEGMENT_SLOTS]; /* 0: the story has none */
	int8_t at[SEGMENT_SLOTS][CATALOG_DENSE];
};

/* What ranking reads of an article by itself, side by side: stage two looks at articles that lie all over. Two cache
 * lines. Counts are decayed to the view's minute; their logarithms are the same for all readers, so the writer takes
 * them. */
struct catalog_row {
	/* These change, each by itself. */
	_Atomic float clicks[N_HALF_LIVES], shows[N_HALF_LIVES];
	_Atomic float log_clicks[N_HALF_LIVES], log_shows[N_HALF_LIVES]; /* ln(1 + clicks), ln(1 + shows) */
	_Atomic float lift[N_HALF_LIVES]; /* ln((1 + clicks) / (1 + clicks that its slates would have had at random)) */
	_Atomic float boost;              /* editor's; 1 is neutral */
	/* These do not. */
	float log_chars;          /* ln(1 + characters of the text) */
	float content_norm;       /* 1 / length of its vector without section and source; 0: nothing else is in it */
	uint32_t section, source; /* as in the segment's columns */
	uint32_t vector_start;    /* in the segment's vectors */
	uint16_t n_vector;
	uint8_t n_words;
	bool premium;
} __attribute__((aligned(128)));
_Static_assert(sizeof(struct catalog_row) == 128, "two lines each");

/* Its heaviest terms, heaviest first, as stage two looks at them; 0 behind the last. A cache line. */
struct catalog_words {
	uint32_t topic[CATALOG_WORDS];
	float share[CATALOG_WORDS]; /* weight over the length of its vector without section and source */
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct catalog_words) == 64, "a line each");

/* Whether a topic tells what a story is about. */
static inline bool catalog_is_content(uint32_t topic)
{
	enum topic_namespace ns = topic_namespace_of(topic);
	return ns != TOPIC_SECTION && ns != TOPIC_SOURCE;
}

struct catalog_segment {
	uint64_t number; /* segments are numbered from 0 in order of creation */
	_Atomic uint32_t count; /* slots filled; load with acquire */
	_Atomic(const struct catalog_postings *) postings; /* covers slots [0, n_slots); the tail has none yet; may be NULL */
	uint32_t article[SEGMENT_SLOTS];
	_Atomic uint32_t story[SEGMENT_SLOTS];
	_Atomic uint8_t flags[SEGMENT_SLOTS];
	_Atomic uint32_t moved[SEGMENT_SLOTS]; /* of a dead slot: the move that put the article elsewhere; 0 it is gone */
	uint8_t language[SEGMENT_SLOTS]; /* see catalog_language */
	uint32_t source[SEGMENT_SLOTS], section[SEGMENT_SLOTS], author[SEGMENT_SLOTS]; /* topic numbers; 0 none; first author */
	int64_t published_ms[SEGMENT_SLOTS];
	_Atomic int64_t newest_ms; /* the latest of those; never less than that of a slot that is seen */
	int64_t visible_from_ms[SEGMENT_SLOTS];           /* embargo */
	int64_t visible_until_ms[SEGMENT_SLOTS];          /* expiry and live_days; INT64_MAX for ever */
	uint64_t created_seq[SEGMENT_SLOTS];              /* when the article number first appeared */
	_Atomic uint64_t editions[SEGMENT_SLOTS];         /* bit per edition it belongs to */
	struct catalog_row row[SEGMENT_SLOTS];
	const struct topic_term *_Atomic vectors; /* of slot after slot; grows by copy */
	const struct catalog_dense *_Atomic dense; /* load with acquire; NULL: no story of the segment has a vector */
	struct catalog_words words[SEGMENT_SLOTS];
	const struct catalog_card *card[SEGMENT_SLOTS];
};

struct catalog_view {
	int64_t minute_ms; /* the start of the minute that columns stand at */
	size_t n_segments;
	uint64_t first_number;             /* segments[i]->number == first_number + i, gaps are NULL */
	struct catalog_segment **segments; /* [n_segments] */
	/* shared[model][segment]: int32 column of SEGMENT_SLOTS stage-one scores that are the same for every reader; NULL
	 * when that model slot is free. Written in place (relaxed) when counters change. */
	_Atomic int32_t **shared[CATALOG_MODELS];
};

/* Computes the shared stage-one score of slots [first, first + n) of a segment for one model, as of minute_ms. */
typedef void (*catalog_shared_fn)(void *ctx, unsigned model, const struct catalog_segment *segment, uint32_t first,
                                  uint32_t n, int64_t minute_ms, int32_t *out);

struct catalog_config {
	int64_t live_ms; /* articles older than this by published_at leave; 0 keeps all */
	catalog_shared_fn shared;
	void *shared_ctx;
};

int catalog_new(struct catalog **out, struct epoch *e, const struct catalog_config *config, int64_t now_ms)
	__attribute__((warn_unused_result));
void catalog_free(struct catalog *c);

/* ---- readers, inside the epoch ---- */

const struct catalog_view *catalog_view(const struct catalog *c);

/* How many times an article has moved to another slot. A scan that takes this before its view finds every article that
 * was live all the while: a slot that died by a later move counts as alive (catalog_slot_alive). */
uint32_t catalog_moves(const struct catalog *c);

struct catalog_place {
	const struct catalog_segment *segment; /* NULL: not live */
	uint32_t slot;
};
/* Where an article stands now. Dead slots are not found; expired or embargoed ones are (the caller checks). */
struct catalog_place catalog_find(const struct catalog *c, uint32_t article);

/* The members of a story, ascending; immutable; NULL when none is live. */
struct catalog_members {
	uint32_t n;
	uint32_t article[];
};
const struct catalog_members *catalog_story(const struct catalog *c, uint32_t story);

/* Small numbers for languages: 0 is "und", the same string always gets the same number within a process. At most 255;
 * later ones are 0. catalog_language may be called by the writer only, the others by anyone. */
uint8_t catalog_language(struct catalog *c, struct span language);
uint8_t catalog_find_language(const struct catalog *c, struct span language); /* 255 when never seen */
struct span catalog_language_name(const struct catalog *c, uint8_t language);

/* The sources that readers are shown least (sources.c), as of the last refresh; NULL before the first. */
struct catalog_sources {
	size_t n;
	uint32_t rare[]; /* [n] ascending */
};
const struct catalog_sources *catalog_sources(const struct catalog *c);
/* false where sources is NULL. */
bool catalog_source_is_rare(const struct catalog_sources *sources, uint32_t source);

static inline bool catalog_slot_alive(const struct catalog_segment *s, uint32_t slot, uint32_t moves)
{
	if (!(atomic_load_explicit(&s->flags[slot], memory_order_acquire) & SLOT_DEAD))
		return true;
	uint32_t moved = atomic_load_explicit(&s->moved[slot], memory_order_relaxed);
	return moved && (int32_t)(moved - moves) > 0;
}

static inline bool catalog_slot_in_time(const struct catalog_segment *s, uint32_t slot, int64_t now_ms)
{
	return s->visible_from_ms[slot] <= now_ms && now_ms < s->visible_until_ms[slot];
}

/* A story's short vector and its space; NULL when it has none. */
static inline const int8_t *catalog_dense(const struct catalog_segment *s, uint32_t slot, uint8_t *space)
{
	const struct catalog_dense *d = atomic_load_explicit(&s->dense, memory_order_acquire);
	*space = d ? d->space[slot] : 0;
	return *space ? d->at[slot] : NULL;
}

/* How many entries the vectors of slots [0, n) have. */
static inline uint32_t catalog_n_entries(const struct catalog_segment *s, uint32_t n)
{
	return n ? s->row[n - 1].vector_start + s->row[n - 1].n_vector : 0;
}

static inline const struct topic_term *catalog_vector(const struct catalog_segment *s, uint32_t slot, size_t *n)
{
	*n = s->row[slot].n_vector;
	return atomic_load_explicit(&s->vectors, memory_order_acquire) + s->row[slot].vector_start;
}

/* ---- the writer ---- */

struct catalog_entry {
	uint32_t article, story;
	uint64_t created_seq;
	int64_t published_ms, visible_from_ms, expires_ms; /* expires_ms 0: none */
	uint32_t source, section, author;
	uint8_t language;
	bool premium;
	float boost, log_chars;
	uint64_t editions;
	const struct topic_term *vector; /* [n_vector]; copied */
	size_t n_vector;
	uint8_t dense_space; /* 0: none */
	int8_t dense[CATALOG_DENSE];
	struct catalog_card card; /* spans copied */
};

/* Adds or replaces an article; counters stay with the article number. Returns 0 or -ENOMEM (nothing changed). */
int catalog_publish(struct catalog *c, const struct catalog_entry *entry) __attribute__((warn_unused_result));
/* Between on and off much is published and nothing read, as at a start: postings are built once a segment. */
void catalog_set_loading(struct catalog *c, bool on);
/* The article is live no more (deleted, withheld). Its counters go. */
void catalog_withdraw(struct catalog *c, uint32_t article);
int catalog_set_story(struct catalog *c, uint32_t article, uint32_t story) __attribute__((warn_unused_result));
void catalog_set_boost(struct catalog *c, uint32_t article, float boost);
void catalog_set_editions(struct catalog *c, uint32_t article, uint64_t editions);
struct catalog_dense_entry {
	uint32_t article;
	uint8_t space; /* 0: none */
	int8_t at[CATALOG_DENSE];
};
/* Changes short vectors; articles that are not live are passed over. Returns 0 or -ENOMEM (some are changed). */
int catalog_set_dense(struct catalog *c, const struct catalog_dense_entry *entries, size_t n)
	__attribute__((warn_unused_result));
/* Calls fn for every live article: rebuilding edition bits, checks, exports. */
void catalog_each(struct catalog *c, void (*fn)(void *ctx, const struct catalog_segment *segment, uint32_t slot),
                  void *ctx);

/* Turns a model's shared column on (computing it) or off. Returns 0 or -ENOMEM. */
int catalog_set_model(struct catalog *c, unsigned model, bool on) __attribute__((warn_unused_result));

/* CATALOG_EXPECTED counts in units of 1 / CATALOG_EXPECTED_ONE. */
enum catalog_counter { CATALOG_CLICKS, CATALOG_SHOWS, CATALOG_EXPECTED, N_CATALOG_COUNTERS };
enum { CATALOG_EXPECTED_ONE = 1024 };
/* Adds delta (+1, or -1 to undo) to the counter's quarter-hour bucket of at_ms: integers, so that undo is exact. Buckets
 * older than 96 h before the catalogue's minute are ignored and pruned. Unknown articles are ignored. */
int catalog_count(struct catalog *c, uint32_t article, enum catalog_counter counter, int64_t at_ms, int delta)
	__attribute__((warn_unused_result));
/* The counters of an article as a record, canonical as of the catalogue's minute; and back. decode returns 0, 1 when the
 * bytes are not acceptable, -ENOMEM. */
void catalog_counters_encode(struct catalog *c, uint32_t article, struct buf *out);
int catalog_counters_decode(struct catalog *c, uint32_t article, struct span bytes) __attribute__((warn_unused_result));
/* An article whose counters changed since it was last taken; 0 when none. */
uint32_t catalog_take_dirty(struct catalog *c);
/* It could not be saved after all. */
void catalog_mark_dirty(struct catalog *c, uint32_t article);

/* Moves to now: when a new minute has begun, recomputes decayed counters and shared columns and publishes a new view,
 * and drops segments with nothing left. Articles that expired are reported through `expired` (may be NULL), once. */
int catalog_tick(struct catalog *c, int64_t now_ms, void (*expired)(void *ctx, uint32_t article), void *ctx)
	__attribute__((warn_unused_result));

/* Finds anew which sources are rare, once a minute: a walk over all slots. Returns 0 or -ENOMEM. */
int catalog_refresh_sources(struct catalog *c) __attribute__((warn_unused_result));

struct catalog_size {
	uint64_t n_articles, n_stories, n_segments, bytes;
};
struct catalog_size catalog_size(const struct catalog *c);

#endif
