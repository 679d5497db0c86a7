/* What the records hold, and their bytes. Every record starts with a version byte; decoding checks every bound, count
 * and number, and refuses trailing bytes. Spans in decoded structs point into the bytes that were decoded.
 *
 * encode functions append to a buf (check `failed` once); decode functions return 0, or 1 when the bytes are not such a
 * record. */
#ifndef MYNEWS_ENGINE_STORE_RECORDS_H
#define MYNEWS_ENGINE_STORE_RECORDS_H

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/base/hash.h"
#include "engine/types.h"

enum { RECORD_VERSION = 1 };

/* ---- articles ---- */

enum { PRINT_TERMS_MAX = 32 };

struct article_record {
	struct article article; /* body is kept apart */
	uint32_t story;
	bool story_fixed;      /* an editor placed it: a correction does not move it */
	uint32_t revision;     /* counts changes of content */
	uint64_t created_seq;  /* sequence when first stored */
	uint64_t content_hash; /* of everything the publisher sent: equal means unchanged */
	struct span language;  /* found by analysis, not only declared */
	const struct topic_term *vector; /* [n_vector] */
	size_t n_vector;
	uint64_t simhash;
	uint16_t n_print;
	struct print_term {
		uint32_t term;
		uint16_t weight;
	} print[PRINT_TERMS_MAX];
};
void article_record_encode(struct buf *b, const struct article_record *r);
int article_record_decode(struct arena *arena, struct span bytes, struct article_record *out)
	__attribute__((warn_unused_result));

/* ---- the log ---- */

enum log_kind { LOG_EVENT = 1, LOG_INTEREST, LOG_SLATE, LOG_UNDO, LOG_MERGE, LOG_LEARN };

struct log_record {
	enum log_kind kind;
	bool undone;      /* folded no more */
	bool repeat;      /* this reader had counted for this article and type before: counted no more */
	uint64_t user;    /* user number */
	uint64_t previous; /* sequence of this reader's record before; 0 none */
	int64_t received_ms;
	/* LOG_EVENT */
	enum event_type type;
	uint32_t article, story;
	int64_t at_ms;
	float dwell_s, scroll, value;
	int32_t position;
	uint64_t feed;          /* feed number; 0 none */
	struct hash128 id_hash; /* of the client's id; both 0: the engine made the id of the sequence */
	struct span custom;
	const struct topic_term *vector; /* [n_vector]; empty for impressions */
	size_t n_vector;
	/* LOG_INTEREST: topic and new weights; at_ms above */
	uint32_t topic;
	float short_term, long_term;
	/* LOG_SLATE, LOG_LEARN: feed above, and */
	uint16_t page;
	/* LOG_UNDO */
	uint64_t target;
	uint64_t instead; /* the repeat that counts now in the target's place; 0 none */
	/* LOG_MERGE: encoded profile, reads and shown of the reader that was joined */
	struct span merged_profile, merged_reads, merged_shown;
};
void log_record_encode(struct buf *b, const struct log_record *r);
int log_record_decode(struct arena *arena, struct span bytes, struct log_record *out) __attribute__((warn_unused_result));

/* ---- readers ---- */

struct user_record {
	uint64_t number;
	int64_t created_ms;
	bool erasing;
	struct span edition;
	struct span languages[LIMIT_USER_LANGUAGES];
	uint32_t places[LIMIT_USER_PLACES], follows[LIMIT_FOLLOWS];
	struct user_mute_record {
		uint32_t topic;
		int64_t until_ms;
	} mutes[LIMIT_MUTES];
	size_t n_languages, n_places, n_follows, n_mutes;
};
void user_record_encode(struct buf *b, const struct user_record *r);
int user_record_decode(struct span bytes, struct user_record *out) __attribute__((warn_unused_result));

/* The head of a profile record; the profile's own bytes follow. */
struct profile_head {
	uint64_t chain_head; /* newest record of the reader's chain */
	uint64_t through;    /* log records up to here are folded in */
};
void profile_head_encode(struct buf *b, const struct profile_head *h);
int profile_head_decode(struct span bytes, struct profile_head *out, struct span *rest)
	__attribute__((warn_unused_result));

/* ---- slates ---- */

struct slate_item {
	uint32_t article, story;
	int32_t score;
	float propensity;
	bool pinned;
};
struct slate_pool_item {
	uint32_t article;
	int32_t score;
};
enum { LIMIT_SLATE_LEAD = 100 };

struct slate_record {
	uint64_t user; /* 0: a reader with no record */
	int64_t created_ms;
	uint64_t sequence;     /* what the feed saw */
	uint64_t request_hash; /* of reader and filters */
	uint32_t first_position;
	struct span model, model_version;
	const struct slate_item *items;     /* [n_items] */
	const struct slate_pool_item *pool; /* [n_pool]; only where the pool was drawn: first page or refill */
	const uint32_t *lead; /* [n_lead] articles that the reader saw last before this feed; first page only */
	size_t n_items, n_pool, n_lead;
	bool exhausted; /* the pool holds every eligible story that was left */
};
void slate_record_encode(struct buf *b, const struct slate_record *r);
int slate_record_decode(struct arena *arena, struct span bytes, struct slate_record *out)
	__attribute__((warn_unused_result));

/* ---- editions and pins ---- */

struct edition_record {
	unsigned bit; /* below LIMIT_EDITIONS */
	struct span title, timezone;
	struct span languages[LIMIT_EDITION_LIST];
	uint32_t places[LIMIT_EDITION_LIST], sections[LIMIT_EDITION_LIST], sources[LIMIT_EDITION_LIST];
	size_t n_languages, n_places, n_sections, n_sources;
};
void edition_record_encode(struct buf *b, const struct edition_record *r);
int edition_record_decode(struct span bytes, struct edition_record *out) __attribute__((warn_unused_result));

struct pin_record {
	uint32_t article;
	uint16_t position;
	int64_t until_ms;
	float boost;
	struct span edition;
};
void pin_record_encode(struct buf *b, const struct pin_record *r);
int pin_record_decode(struct span bytes, struct pin_record *out) __attribute__((warn_unused_result));

#endif
