/* What the files that measure a shortlist share. Not for others. */
#ifndef MYNEWS_ENGINE_RANK_SHORTLIST_INTERNAL_H
#define MYNEWS_ENGINE_RANK_SHORTLIST_INTERNAL_H

#include "engine/rank/grams.h"
#include "engine/rank/kernels.h"
#include "engine/rank/rank_internal.h"
#include "engine/rank/shortlist.h"

enum {
	TOPICS = 1 << 14, /* room for topics of the reader's interests and reads, twice what there can be */
	PLACES_MAX = HISTORY_READS + LIMIT_FEED_DEPTH, /* sections, or sources, of reads and candidates */
	FILTER = 1 << 13
};

/* One of the reader's last reads that is still live. */
struct read {
	const struct catalog_segment *segment;
	uint32_t slot, article;
	float share; /* 2^-(reads since / half-life) */
	float norm;  /* of the content part of its vector, inverted */
};

/* A topic that the reader's interests or reads name, in a table with open addressing. */
struct topic_mean {
	uint32_t topic; /* 0: free */
	float mean;     /* of its weight in the reads' vectors, each of length 1 */
};
_Static_assert(2 * (PROFILE_TOPICS + PROFILE_AFFINITIES + HISTORY_READS * LIMIT_VECTOR) <= TOPICS, "at most half full");

/* What models that look at interests, or at the best of the reads, want to know of it besides. */
struct known {
	float short_term, long_term; /* saturated */
	int32_t first; /* of its postings; -1 none */
};

struct posting {
	int32_t next;
	uint32_t read; /* index in reads */
	float weight;
};

/* What the reader saw and read of a story. */
struct exposure {
	uint32_t minute; /* when it was last shown */
	uint16_t n_shown, n_reads;
};

/* A section or a source: how often the reader read it, and what its columns are, once measured. */
struct of_name {
	uint32_t name;
	float all, recent; /* reads */
	bool asked; /* a candidate's */
	float columns[3];
};

/* Where articles stand by who reads their words, kept between requests: an article's place is the hash of its slot. */
enum { STOOD = 8192 };
struct stood {
	uint64_t number;          /* of the space */
	uint64_t article[STOOD];  /* segment number and slot, plus 1; 0: free */
	float at[STOOD][KIN_DIMS + 1] __attribute__((aligned(64)));
};
static inline uint64_t reading_article(const struct catalog_segment *s, uint32_t slot)
{
	return s->number * SEGMENT_SLOTS + slot + 1;
}
static inline size_t reading_stood(uint64_t article)
{
	return article * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (STOOD - 1);
}

/* Which groups of columns the model looks at. */
struct wanted {
	bool interests, similar, similar_top, grams, words, kin, dense, co_read, head;
};

enum { DENSE_READS = 20, DENSE_SPACES_MAX = 8 };

/* Short vectors of the reads of one space. */
struct dense_reads {
	size_t n; /* of the last DENSE_READS */
	bool any;
	float mean[CATALOG_DENSE]; /* of all of them, of length 1 */
	int16_t at[DENSE_READS][CATALOG_DENSE];
};

/* The reader's side of a shortlist. A thread's, made ready anew for each request. */
struct reading {
	const struct kernels *kernels;
	const struct catalog *catalog;
	const struct rank_request *request;
	const struct rank_stage_two *two;
	uint32_t minute;
	struct wanted wanted;
	size_t n_reads, n_postings, n_exposures, n_sections, n_sources;
	float recent_total, taste;
	float rate;    /* overall click-through */
	float clicks;  /* all of SIGNAL_SECTION */
	float kin[KIN_DIMS + 1]; /* mean of where the reads stand */
	struct dense_reads dense[DENSE_SPACES_MAX]; /* [n_dense], by space less one */
	size_t n_dense;
	uint32_t top_section;
	struct numbers stories, section_index, source_index; /* -> 1 + index below */
	uint32_t topics_mask; /* of the part of the next two that is in use */
	struct topic_mean topics[TOPICS];
	struct known known[TOPICS]; /* of the topic in the same place */
	uint8_t filter[FILTER]; /* of topics: 0 says that it is not known, else 1 */
	struct read reads[HISTORY_READS]; /* newest first */
	struct exposure exposures[HISTORY_SHOWN + HISTORY_READS];
	struct of_name sections[PLACES_MAX], sources[PLACES_MAX];
	struct posting postings[HISTORY_READS * LIMIT_VECTOR];
	struct stood stood;
	struct grams grams;        /* of the reads' titles */
};

/* shortlist_reads.c. n: candidates. Returns 0 or -ENOMEM. */
int reading_prepare(struct reading *g, const struct catalog *c, const struct rank_request *request,
                    const struct rank_stage_two *two, size_t n) __attribute__((warn_unused_result));
/* The reader's document, for learning. */
void reading_document(const struct reading *g, struct example *e);
/* Where an article stands by the space there is, looked up anew, into the place that is its. */
void reading_place_anew(struct reading *g, const struct catalog_segment *s, uint32_t slot, size_t place);
/* Where it stands; until the next call. */
static inline const float *reading_stands(struct reading *g, const struct catalog_segment *s, uint32_t slot)
{
	const uint64_t article = reading_article(s, slot);
	const size_t place = reading_stood(article);
	if (g->stood.article[place] != article)
		reading_place_anew(g, s, slot, place);
	return g->stood.at[place];
}

/* Fibonacci hashing (Knuth 6.4): where a topic is in the filter, and whence it is looked for in the table. */
static inline uint32_t reading_filter(uint32_t topic)
{
	return topic * 2654435769u >> 19;
}
_Static_assert(FILTER == 1 << (32 - 19), "one for each");

static inline uint32_t reading_hash(uint32_t topic)
{
	return (uint32_t)(topic * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

/* Where a topic stands in the table, or the free place where it would. */
static inline uint32_t reading_find(const struct reading *g, uint32_t topic)
{
	uint32_t at = reading_hash(topic) & g->topics_mask;
	while (g->topics[at].topic && g->topics[at].topic != topic)
		at = (at + 1) & g->topics_mask;
	return at;
}

/* The entry of a section or source; NULL for none. The index has room. */
static inline struct of_name *reading_name(struct numbers *index, struct of_name *names, size_t *n, uint32_t name)
{
	if (name == 0)
		return NULL;
	int32_t *at = numbers_put(index, name);
	if (*at == 0) {
		names[*n] = (struct of_name){.name = name};
		*at = (int32_t)++*n;
	}
	return &names[*at - 1];
}

static inline void reading_widen(const int8_t at[CATALOG_DENSE], int16_t out[CATALOG_DENSE])
{
	for (size_t d = 0; d < CATALOG_DENSE; d++)
		out[d] = (int16_t)at[d]; /* NOLINT(bugprone-signed-char-misuse,cert-str34-c): a number, no character */
}

static inline void reading_get(const struct reading *g, enum signal_kind kind, uint64_t a, uint64_t b,
                               float out[SIGNAL_VALUES])
{
	signals_get(g->two->signals, kind, signal_key(kind, a, b), g->minute, out);
}

/* shortlist.c: each column's part of the scores of slots which[n], the way each was scored, into out[n][N_COLUMNS]. Returns
 * 0 or -ENOMEM. */
int shortlist_explain_part(const struct rank_part *part, const struct example *e, const uint16_t *which, size_t n,
                           struct arena *arena, double *out) __attribute__((warn_unused_result));

/* shortlist_measure.c: asks for what the columns of every candidate are made of, which comes while the reader's side is made
 * ready. */
void shortlist_fetch(const struct reading *g, const struct rank_item *items, size_t n);
/* Every column of every slot. Returns 0 or -ENOMEM. */
int shortlist_measure(struct reading *g, struct example *e, const struct rank_item *items, struct arena *arena)
	__attribute__((warn_unused_result));

#endif
