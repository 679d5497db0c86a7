/* What the diversifier and its naive twin share: the scale of values, and what caps say. */
#ifndef MYNEWS_ENGINE_RANK_DIVERSIFY_H
#define MYNEWS_ENGINE_RANK_DIVERSIFY_H

#include "engine/rank/rank_internal.h"

enum {
	SIMILAR_WINDOW = 10,  /* items placed that similarity looks back on */
	VALUE_ONE = 1 << 20,  /* relevance or similarity of 1 */
	LAMBDA_ONE = 1 << 10, /* so that every value stays within 2^30 */
	DOT_ONE = TOPIC_TERM_ONE * TOPIC_TERM_ONE,
	CAP_WINDOW = 128 /* no cap looks back further */
};

struct diversify_scale {
	int32_t lowest;
	int64_t range;           /* highest - lowest */
	int32_t lambda, novelty; /* of LAMBDA_ONE; they add up to it */
};
struct diversify_scale diversify_scale(const struct model *m, const struct rank_item *pool, size_t n_pool);

static inline int32_t diversify_relevance(const struct diversify_scale *s, int32_t score)
{
	int64_t above = (int64_t)score - s->lowest;
	return s->range ? (int32_t)(above * VALUE_ONE / s->range) * s->lambda : 0;
}

/* dot: of two vectors of length TOPIC_TERM_ONE. */
static inline int32_t diversify_penalty(const struct diversify_scale *s, int32_t dot)
{
	int32_t similarity = dot / (DOT_ONE / VALUE_ONE);
	similarity = similarity < 0 ? 0 : similarity > VALUE_ONE ? VALUE_ONE : similarity;
	return similarity * s->novelty;
}

/* What stands above the next place: items of before, then those placed now. */
struct placed {
	const struct rank_item *before; /* [n_before] */
	size_t n_before;
	const struct rank_item *pool;
	const uint16_t *now; /* [n_now] into pool */
	size_t n_now;
};

static inline size_t placed_count(const struct placed *p)
{
	return p->n_before + p->n_now;
}

static inline const struct rank_item *placed_at(const struct placed *p, size_t i)
{
	return i < p->n_before ? &p->before[i] : &p->pool[p->now[i - p->n_before]];
}

/* The topic number that a cap of this dimension counts; 0 when the article has none or is no longer live. */
uint32_t diversify_dimension(const struct rank_item *item, int dimension);

/* The rules that this request leaves in force, highest priority first: caps, then the floor of rare sources. */
struct diversify_rules {
	size_t n; /* caps */
	struct model_cap cap[MODEL_CAPS_MAX];
	size_t n_blocked[MODEL_CAPS_MAX];
	uint32_t blocked[MODEL_CAPS_MAX][CAP_WINDOW]; /* numbers that have had their share */
	int rare_least, rare_window;                  /* least 0: no floor */
	const struct catalog_sources *sources;
	bool owes_rare; /* the next place is for a rare source */
};
bool diversify_is_rare(const struct catalog_sources *sources, const struct rank_item *item);
struct diversify_rules diversify_rules(const struct model *m, const struct rank_request *request);
/* Works out what the rules say of the next place. */
void diversify_apply(struct diversify_rules *rules, const struct placed *placed);

/* Whether the first n_rules rules let the item have the next place. */
static inline bool diversify_allows(const struct diversify_rules *rules, size_t n_rules, const struct rank_item *item)
{
	if (n_rules > rules->n && !diversify_is_rare(rules->sources, item))
		return false;
	for (size_t k = 0; k < rules->n && k < n_rules; k++) {
		uint32_t number = diversify_dimension(item, rules->cap[k].dimension);
		for (size_t i = 0; number && i < rules->n_blocked[k]; i++)
			if (rules->blocked[k][i] == number)
				return false;
	}
	return true;
}

#endif
