/* What a ranking is like beyond its accuracy: of the first 5 and the first 10 articles of a slate as the model orders it.
 * A list L of n articles (n is less than the depth where the slate is shorter):
 *
 *   diversity    2 / (n (n - 1)) sum_{i < j} (1 - cos(v_i, v_j)), v the articles' topic vectors (intra-list distance: Ziegler
 *                and others 2005, "Improving recommendation lists through topic diversification"; Smyth and McClave 2001).
 *                Where one of a pair has no text, it is 1 when their sections differ and 0 when not; a pair without
 *                either is left out
 *   novelty      1 / n sum_i -log2 p(i), p(i) = (clicks of i + 1) / (all clicks + articles), of what is known before the
 *                slate (Vargas and Castells 2011, "Rank and relevance in novelty and diversity metrics for recommender
 *                systems": self-information of the popularity; Laplace's smoothing, as most articles have no click yet)
 *   calibration  sum_g p(g) ln(p(g) / q~(g)), q~ = 0.99 q + 0.01 p: how far the list's sections, q, are from those that the
 *                reader read, p; 0 is no distance, ln 100 = 4.61 the most (Steck 2018, "Calibrated recommendations",
 *                equations 2 to 6 with equal weights and his alpha of 0.01)
 *   coverage     articles that stood in such a list, of all that were in a slate (Ge and others 2010, "Beyond accuracy")
 *   rare sources the mean share of a list's places that the rarest sources have: those with the fewest shows in slates that
 *                together have at most 20 % of them, all or none of those with equally many (average percentage of long-tail items, Abdollahpouri and others
 *                2019, "Managing popularity bias in recommender systems with personalized re-ranking", of sources) */
#ifndef MYNEWS_API_EVAL_BEYOND_H
#define MYNEWS_API_EVAL_BEYOND_H

#include "api/eval_metrics.h"

struct map;

enum eval_depth { EVAL_TOP_5, EVAL_TOP_10, N_EVAL_DEPTHS };
enum { EVAL_DEPTH_MOST = 10 };
extern const size_t eval_depths[N_EVAL_DEPTHS];

struct eval_source {
	uint64_t n_shown;             /* places in slates */
	double share[N_EVAL_DEPTHS];  /* sum over lists of its share of the places whose source is known */
};

struct eval_topic {
	uint32_t topic; /* hash of the name */
	float weight;
};

/* An article as it matters here. Zero-initialise. */
struct eval_item {
	const struct eval_topic *topics; /* [n_topics] ascending */
	size_t n_topics;
	bool has_topics;            /* they are filled in */
	bool has_text;              /* some of them come from words or tags */
	uint64_t section;           /* hash of the name; 0 none */
	struct eval_source *source; /* NULL none */
	uint64_t n_clicks;
	bool offered, reached[N_EVAL_DEPTHS];
};

/* Fills in the topics, in the arena, from the engine's [{"topic","weight"}...]. Returns 0, -ENOMEM or -EINVAL. */
int eval_item_topics(struct eval_item *item, struct arena *arena, struct span vector_json)
	__attribute__((warn_unused_result));

/* What a reader is known to have read. Zero-initialise. */
struct eval_reader {
	uint64_t n_reads;
	struct eval_section {
		uint64_t section;
		uint64_t n;
	} *sections; /* [n_sections] */
	size_t n_sections, capacity;
};
/* One more read. Returns 0 or -ENOMEM. */
int eval_reader_add(struct eval_reader *r, const struct eval_item *item) __attribute__((warn_unused_result));
void eval_reader_free(struct eval_reader *r);

/* NaN where it is not defined: fewer than two articles, or nothing known of them; nothing known of the reader. */
double eval_diversity(const struct eval_item *const *list, size_t n);
double eval_calibration(const struct eval_reader *reader, const struct eval_item *const *list, size_t n);
double eval_novelty(const struct eval_item *const *list, size_t n, uint64_t n_clicks, uint64_t n_articles);

/* What lists add up to. Zero-initialise. */
struct eval_beyond {
	struct eval_mean diversity[N_EVAL_DEPTHS], calibration[N_EVAL_DEPTHS], novelty[N_EVAL_DEPTHS];
	uint64_t n_offered, n_reached[N_EVAL_DEPTHS]; /* articles */
	uint64_t n_with_source[N_EVAL_DEPTHS];        /* lists in which a source is known */
	struct map *by_name;                          /* hash of the name -> source */
	struct eval_source **sources;                 /* [n_sources] as they were first heard of */
	size_t n_sources, capacity;
};
void eval_beyond_free(struct eval_beyond *b);
/* The source of that name's hash, which is not 0; it lives as long as b. Returns 0 or -ENOMEM. */
int eval_beyond_source(struct eval_beyond *b, uint64_t name, struct eval_source **out)
	__attribute__((warn_unused_result));
/* A slate, order[n] its places best first. The topics of the first EVAL_DEPTH_MOST must be filled in. n_clicks and n_articles
 * are all that are known. */
void eval_beyond_add(struct eval_beyond *b, struct eval_item *const *slate, const uint32_t *order, size_t n,
                     const struct eval_reader *reader, uint64_t n_clicks, uint64_t n_articles);

struct eval_rare {
	size_t n_sources, n_rare;    /* sources with a show; the rare ones among them */
	double shown;                /* their share of all shows */
	double share[N_EVAL_DEPTHS]; /* NaN where there is no rare source */
};
/* Returns 0 or -ENOMEM. */
int eval_beyond_rare(const struct eval_beyond *b, struct eval_rare *out) __attribute__((warn_unused_result));

#endif
