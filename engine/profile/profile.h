/* What is known of a reader: interest in topics, what was read, what was shown, what was saved.
 *
 * Pure functions over plain structs: no store, no clock, no threads. A profile is a fold, in log order, of the reader's
 * events over a base; folding the same events over the same base gives the same bytes, whatever restarts or
 * checkpoints lie between, on any machine. Weights decay by reference time (forward decay: Cormode, Shkapenyuk,
 * Srivastava and Xu 2009), so nothing is swept and nothing is rounded again at each read. */
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
	PROFILE_INTEREST_MAX = 1024, /* what profile_set_interest can set */
	PROFILE_RECORD_BYTES = 2020  /* no record of a reader is longer */
};

/* An event adds to the short and the long term of each topic of its article
 *
 *     event_weight[type] x part x (article weight / TOPIC_TERM_ONE)      where part is, of
 *
 *     read           attention: max(dwell_s / dwell_full_s, scroll) of those given, within [0.1, 1]; 0.5 when neither is
 *     click, finish  1
 *     custom         value, within [-4, 4]
 *     the others     1
 *
 * and, for click, read and finish alike, 0.1 when dwell_s is given and under 5: the reader bounced. */
struct profile_config {
	float event_weight[N_EVENT_TYPES]; /* finite; negative teaches dislike; 0 teaches nothing */
	float dwell_full_s;                /* above 0: a dwell this long counts whole; shorter ones in proportion */
	int64_t short_half_life_ms, long_half_life_ms; /* above 0 */
};
/* What the product ships with: impression 0, click 1, read 2, finish 2.5, like 3, dislike -3, share 3, save 2.5, hide -2,
 * custom 1; a dwell of 60 s is whole; half-lives of 1 and 30 days. */
extern const struct profile_config profile_config_default;

struct profile_interest {
	uint32_t topic;
	float short_term, long_term; /* as of the profile's reference times */
};

struct profile {
	int64_t short_reference_ms, long_reference_ms; /* 0 in an empty profile */
	uint32_t n_events;                             /* that taught something; stays at its largest */
	uint16_t n_topics, n_affinities;
	struct profile_interest topics[PROFILE_TOPICS];         /* ascending by topic number */
	struct profile_interest affinities[PROFILE_AFFINITIES]; /* ascending by topic number */
};

struct history_read {
	uint32_t article, story;
	uint32_t minute; /* since 1970, of the latest event; all minutes here lie within 2020-01-01 and 2051-11-24 */
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

/* Each list in the order of the log, oldest first: what is touched again moves to the end, and what its entry then says
 * is added up (types OR-ed, counts summed, the latest minute). When full the first goes. */
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
	float dwell_s, scroll; /* negative (or NaN) when not given */
	float value;           /* custom events: their weight, clamped to [-4, 4]; 0 when not given */
	const struct topic_term *vector; /* [n_vector]; the article's at the time; LIMIT_VECTOR of them are looked at */
	size_t n_vector;
};

/* Folds one event. Impressions count in shown only; click, read, finish, like, share, save (and dislike, hide: also
 * never offered again) enter reads; save enters saved; custom events only teach. An event may be older than those
 * folded before it: it adds what is left of it. A full list keeps its strongest: of its entries and the newcomer, the
 * one with the smallest |short| + |long| as of the event's time (as of the references when the event is older) goes, of
 * equals the one with the larger topic number; the article's other topics that stand in the list are taught first.
 * Topics of no known namespace are passed over. */
void profile_apply(const struct profile_config *config, struct profile *p, struct history *h,
                   const struct profile_event *event);

/* The reader's own hand: sets a topic's weights as of at_ms (both 0 removes it), within +-PROFILE_INTEREST_MAX. When the
 * list is full its weakest entry makes room. Part of the fold like an event. */
void profile_set_interest(const struct profile_config *config, struct profile *p, uint32_t topic, float short_term,
                          float long_term, int64_t at_ms);

/* All interests decayed to now, strongest (by |long| + |short|) first, of equals the smaller topic number. Writes at most
 * n, returns how many. */
size_t profile_read(const struct profile_config *config, const struct profile *p, int64_t now_ms,
                    struct profile_interest *out, size_t n);
/* The same, all of them, by ascending topic number, which costs a tenth. */
size_t profile_read_all(const struct profile_config *config, const struct profile *p, int64_t now_ms,
                        struct profile_interest out[PROFILE_TOPICS + PROFILE_AFFINITIES]);
/* What stored weights are multiplied by to be as of a moment. */
struct profile_moment {
	float short_now, long_now;
};
struct profile_moment profile_moment_of(const struct profile_config *config, const struct profile *p, int64_t now_ms);
/* One topic's as of then; zeros when absent. */
struct profile_interest profile_read_topic(const struct profile *p, uint32_t topic, struct profile_moment now);

/* True when the reader has read, disliked or hidden this article or story. */
bool history_has_read(const struct history *h, uint32_t article, uint32_t story);
/* NULL when not shown lately. */
const struct history_shown *history_find_shown(const struct history *h, uint32_t story);

/* Merging an anonymous reader into an account: adds the other's decayed weights by the rules of profile_apply, and joins
 * the lists by minute (of the same minute ours first), newest kept, entries of the same article or story added
 * up as above. */
void profile_merge(const struct profile_config *config, struct profile *into, struct history *into_history,
                   const struct profile *from, const struct history *from_history);

/* ---- records: little-endian, versioned by the store's own first byte; each at most PROFILE_RECORD_BYTES ---- */

enum { PROFILE_ENCODED_MAX = 32 + (PROFILE_TOPICS + PROFILE_AFFINITIES) * 12 };
enum { HISTORY_READS_ENCODED_MAX = 8 + HISTORY_READS * 12 + HISTORY_SAVED * 7 };
enum { HISTORY_SHOWN_ENCODED_MAX = 8 + HISTORY_SHOWN * 8 };

/* Each writes into out and returns the number of bytes. Encoding is canonical: equal structs give equal bytes, and only
 * such bytes are decoded. Layouts are in records.c. */
size_t profile_encode(const struct profile *p, uint8_t out[PROFILE_ENCODED_MAX]);
size_t history_encode_reads(const struct history *h, uint8_t out[HISTORY_READS_ENCODED_MAX]);
size_t history_encode_shown(const struct history *h, uint8_t out[HISTORY_SHOWN_ENCODED_MAX]);
/* Each returns 0, or 1 when the bytes are not such a record: cut short, followed by more, counts over the limits, topics
 * out of order, in the wrong list or of no namespace, weights or times out of range, an article or story twice. out is
 * then unchanged; on success history_decode_* set their own lists and leave the others. */
int profile_decode(struct span bytes, struct profile *out) __attribute__((warn_unused_result));
int history_decode_reads(struct span bytes, struct history *out) __attribute__((warn_unused_result));
int history_decode_shown(struct span bytes, struct history *out) __attribute__((warn_unused_result));

#endif
