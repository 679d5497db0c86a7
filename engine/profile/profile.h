/* What is known of a reader: interest in topics, what was read, what was shown, what was saved.
 *
 * Pure functions over plain structs: no store, no clock, no threads. A profile is a fold, in log order, of the reader's
 * events over a base; folding the same events over the same base gives the same bytes, whatever restarts or
 * checkpoints lie between. Weights decay by reference time (forward decay: Cormode, Shkapenyuk, Srivastava and Xu
 * 2009), so nothing is swept and nothing is rounded again at each read. */
#ifndef MYNEWS_ENGINE_PROFILE_PROFILE_H
#define MYNEWS_ENGINE_PROFILE_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/types.h"

enum {
	PROFILE_TOPICS = 100,    /* topic:, place:, author:, term: */
	PROFILE_AFFINITIES = 32, /* source:, section: */
	HISTORY_READS = 100,
	HISTORY_SHOWN = 128,
	HISTORY_SAVED = 100,
	PROFILE_RECORD_BYTES = 2020 /* no record of a reader is longer */
};

struct profile_config {
	float event_weight[N_EVENT_TYPES]; /* what a full event of the type adds; negative teaches dislike */
	float dwell_full_s;                /* a dwell this long counts whole; shorter ones in proportion */
	int64_t short_half_life_ms, long_half_life_ms;
};
/* The weights the product ships with. */
extern const struct profile_config profile_config_default;

struct profile_interest {
	uint32_t topic;
	float short_term, long_term; /* as of the profile's reference times */
};

struct profile {
	int64_t short_reference_ms, long_reference_ms; /* 0 in an empty profile */
	uint32_t n_events;                             /* that taught something */
	uint16_t n_topics, n_affinities;
	struct profile_interest topics[PROFILE_TOPICS];         /* ascending by topic number */
	struct profile_interest affinities[PROFILE_AFFINITIES]; /* ascending by topic number */
};

struct history_read {
	uint32_t article, story;
	uint32_t minute; /* since 1970, of the latest event */
	uint16_t types;  /* bit (1 << enum event_type) for each kind of event seen on it */
};

struct history_shown {
	uint32_t story;
	uint32_t minute; /* last shown */
	uint8_t count;   /* stays at 255 */
};

struct history_saved {
	uint32_t article;
	uint32_t minute;
};

/* Each list oldest first; when full the oldest goes. */
struct history {
	uint16_t n_reads, n_shown, n_saved;
	struct history_read reads[HISTORY_READS];
	struct history_shown shown[HISTORY_SHOWN];
	struct history_saved saved[HISTORY_SAVED];
};

/* An event as the log keeps it: everything the fold needs, so that replay asks nothing of the catalogue. */
struct profile_event {
	enum event_type type;
	uint32_t article, story;
	int64_t at_ms;
	float dwell_s, scroll; /* negative when not given */
	float value;           /* custom events: their weight, clamped to [-4, 4]; 0 when not given */
	const struct topic_term *vector; /* [n_vector]; the article's at the time */
	size_t n_vector;
};

/* Folds one event. Impressions count in shown only; click, read, finish, like, share, save (and dislike, hide: also
 * never offered again) enter reads; save enters saved. */
void profile_apply(const struct profile_config *config, struct profile *p, struct history *h,
                   const struct profile_event *event);

/* The reader's own hand: sets a topic's weights as of at_ms (both 0 removes it). Part of the fold like an event. */
void profile_set_interest(const struct profile_config *config, struct profile *p, uint32_t topic, float short_term,
                          float long_term, int64_t at_ms);

/* All interests decayed to now, strongest (by |long| + |short|) first. Writes at most n, returns how many. */
size_t profile_read(const struct profile_config *config, const struct profile *p, int64_t now_ms,
                    struct profile_interest *out, size_t n);
/* One topic's; zeros when absent. */
struct profile_interest profile_read_topic(const struct profile_config *config, const struct profile *p, uint32_t topic,
                                           int64_t now_ms);

/* True when the reader has read, disliked or hidden this article or story. */
bool history_has_read(const struct history *h, uint32_t article, uint32_t story);
/* NULL when not shown lately. */
const struct history_shown *history_find_shown(const struct history *h, uint32_t story);

/* Merging an anonymous reader into an account: adds the other's decayed weights and lists (newest kept). */
void profile_merge(const struct profile_config *config, struct profile *into, struct history *into_history,
                   const struct profile *from, const struct history *from_history);

/* ---- records: little-endian, versioned by the store's own first byte; each at most PROFILE_RECORD_BYTES ---- */

enum { PROFILE_ENCODED_MAX = 32 + (PROFILE_TOPICS + PROFILE_AFFINITIES) * 12 };
enum { HISTORY_READS_ENCODED_MAX = 8 + HISTORY_READS * 12 + HISTORY_SAVED * 7 };
enum { HISTORY_SHOWN_ENCODED_MAX = 8 + HISTORY_SHOWN * 8 };

/* Each writes into out and returns the number of bytes. Encoding is canonical: equal structs give equal bytes. */
size_t profile_encode(const struct profile *p, uint8_t out[PROFILE_ENCODED_MAX]);
size_t history_encode_reads(const struct history *h, uint8_t out[HISTORY_READS_ENCODED_MAX]);
size_t history_encode_shown(const struct history *h, uint8_t out[HISTORY_SHOWN_ENCODED_MAX]);
/* Each returns 0, or 1 when the bytes are not such a record (out is then unchanged). */
int profile_decode(struct span bytes, struct profile *out) __attribute__((warn_unused_result));
int history_decode_reads(struct span bytes, struct history *out) __attribute__((warn_unused_result));
int history_decode_shown(struct span bytes, struct history *out) __attribute__((warn_unused_result));

#endif
