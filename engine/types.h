/* The plain structs that cross the engine's face, and the limits every door checks. No behaviour here. */
#ifndef MYNEWS_ENGINE_TYPES_H
#define MYNEWS_ENGINE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/span.h"

/* Sizes in bytes, counts in items. Each is documented in the README and tested at, below and above. */
enum {
	LIMIT_ID_BYTES = 128, /* every id */
	LIMIT_NAME_BYTES = 256, /* names of topics, places, authors, sources, sections: 85 Thai letters */
	LIMIT_TITLE_BYTES = 1000,
	LIMIT_SUMMARY_BYTES = 8 * 1000,
	LIMIT_BODY_BYTES = 256 * 1000,
	LIMIT_URL_BYTES = 2048,
	LIMIT_LANGUAGE_BYTES = 35, /* BCP 47, RFC 5646 section 4.4.1 */
	LIMIT_TOPICS = 16,         /* an article; topics, then places and authors */
	LIMIT_PLACES = 8,
	LIMIT_AUTHORS = 8,
	LIMIT_EMBEDDING = 4096,  /* numbers */
	LIMIT_VECTOR = 48,       /* entries of an article's topic vector */
	LIMIT_FOLLOWS = 64,      /* a reader */
	LIMIT_MUTES = 64,        /* a reader */
	LIMIT_USER_LANGUAGES = 8,
	LIMIT_USER_PLACES = 8,
	LIMIT_TOKENS = 16,
	LIMIT_EDITIONS = 64,
	LIMIT_EDITION_LIST = 64, /* places, sections or sources of an edition */
	LIMIT_EXCLUDE = 200,     /* article ids in a feed's exclude= */
	LIMIT_FEED = 200,        /* items a page */
	LIMIT_FEED_DEPTH = 1000, /* items over all pages of a feed */
	LIMIT_POOL = 200,        /* distinct stories that stage one hands on */
	LIMIT_BATCH = 1000,      /* elements of one request */
	LIMIT_TOPIC_BYTES = LIMIT_NAME_BYTES + 16 /* with its namespace: "place:johannesburg" */
};

#define LIMIT_CHAR_COUNT 100000000
#define LIMIT_BOOST_MIN 0.01f
#define LIMIT_BOOST_MAX 100.0f

enum article_status { ARTICLE_USABLE, ARTICLE_WITHHELD, ARTICLE_CANCELED };

/* What a publisher sends. Text is plain UTF-8 (HTML already removed). A time of 0 means not given. Memory belongs to the
 * caller. */
struct article {
	struct span id, title, url, summary, body, source, section, language, image;
	const struct span *topics, *places, *authors; /* [n_topics], [n_places], [n_authors]; without namespace */
	size_t n_topics, n_places, n_authors;
	int64_t published_at_ms, updated_at_ms, expires_at_ms, embargo_until_ms;
	float boost; /* 1 leaves the score alone */
	enum article_status status;
	bool premium;
	uint32_t char_count; /* characters of the whole text; 0: not known */
	const float *embedding; /* [n_embedding], the publisher's own; NULL when absent */
	size_t n_embedding;
};

/* One entry of a topic vector before topics have numbers: namespaced name and weight; an article's weights have
 * Euclidean length 1. */
struct topic_weight {
	struct span topic; /* "topic:vladimir putin", "section:world", "term:putin" */
	struct span label; /* as it is written, "Vladimir Putin"; empty: as in the name */
	float weight;
};

/* Topics have numbers; the namespace is the top four bits, so no table is asked for it. 0 is no topic. */
enum topic_namespace {
	TOPIC_TAG = 1, /* "topic:" */
	TOPIC_SECTION,
	TOPIC_PLACE,
	TOPIC_SOURCE,
	TOPIC_AUTHOR,
	TOPIC_TERM,
	N_TOPIC_NAMESPACES
};
enum { TOPIC_NAMESPACE_SHIFT = 28 };

static inline enum topic_namespace topic_namespace_of(uint32_t topic)
{
	return (enum topic_namespace)(topic >> TOPIC_NAMESPACE_SHIFT);
}

/* One entry of a stored topic vector: fixed point, TOPIC_TERM_ONE is 1.0. */
struct topic_term {
	uint32_t topic;
	int16_t weight;
};
enum { TOPIC_TERM_ONE = 4096 };

enum event_type {
	EVENT_IMPRESSION,
	EVENT_CLICK,
	EVENT_READ,
	EVENT_FINISH,
	EVENT_LIKE,
	EVENT_DISLIKE,
	EVENT_SHARE,
	EVENT_SAVE,
	EVENT_HIDE,
	EVENT_CUSTOM,
	N_EVENT_TYPES
};

/* What an app reports. Memory belongs to the caller. */
struct event {
	struct span id; /* empty: the engine makes one */
	struct span user_id, article_id;
	struct span feed_id; /* empty when not given */
	struct span custom;  /* the NAME of custom:NAME */
	enum event_type type;
	int64_t at_ms;    /* 0: now */
	int32_t position; /* 1 is the top; 0 when not given */
	float dwell_s;    /* negative when not given */
	float scroll;     /* 0 to 1; negative when not given */
	float value;      /* 0 when not given */
};

#endif
