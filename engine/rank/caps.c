/* The scale of values; caps, and the floor of rare sources. Caps: "at most c of one source (section, author) in any w consecutive positions". At each
 * place it is enough to look back over w - 1 places: a number that stands there c times already is blocked. */
#include <assert.h>
#include <math.h>

#include "engine/rank/diversify.h"

struct diversify_scale diversify_scale(const struct model *m, const struct rank_item *pool, size_t n_pool)
{
	struct diversify_scale s = {0};
	int32_t highest = n_pool ? pool[0].score : 0;
	s.lowest = highest;
	for (size_t i = 1; i < n_pool; i++) {
		s.lowest = pool[i].score < s.lowest ? pool[i].score : s.lowest;
		highest = pool[i].score > highest ? pool[i].score : highest;
	}
	s.range = (int64_t)highest - s.lowest;
	s.lambda = (int32_t)lrint(fmin(fmax(m->mmr_lambda, 0), 1) * LAMBDA_ONE);
	s.novelty = LAMBDA_ONE - s.lambda;
	return s;
}

uint32_t diversify_dimension(const struct rank_item *item, int dimension)
{
	if (!item->segment)
		return 0;
	switch ((enum model_cap_dimension)dimension) {
	case MODEL_CAP_SOURCE:
		return item->segment->source[item->slot];
	case MODEL_CAP_SECTION:
		return item->segment->section[item->slot];
	case MODEL_CAP_AUTHOR:
		return item->segment->author[item->slot];
	}
	return 0;
}

/* A request for one source (section, author) is not to be told that it may not fill the page. */
static bool is_void(const struct rank_request *q, int dimension)
{
	enum topic_namespace filtered = q->topic ? topic_namespace_of(q->topic) : N_TOPIC_NAMESPACES;
	switch ((enum model_cap_dimension)dimension) {
	case MODEL_CAP_SOURCE:
		return q->source || filtered == TOPIC_SOURCE;
	case MODEL_CAP_SECTION:
		return q->section || filtered == TOPIC_SECTION;
	case MODEL_CAP_AUTHOR:
		return filtered == TOPIC_AUTHOR;
	}
	return true;
}

bool diversify_is_rare(const struct catalog_sources *sources, const struct rank_item *item)
{
	return catalog_source_is_rare(sources, diversify_dimension(item, MODEL_CAP_SOURCE));
}

struct diversify_rules diversify_rules(const struct model *m, const struct rank_request *request)
{
	struct diversify_rules rules;
	rules.n = 0;
	rules.sources = request->sources;
	rules.rare_least = request->sources && !is_void(request, MODEL_CAP_SOURCE) ? m->rare_least : 0;
	rules.rare_window = m->rare_window;
	rules.owes_rare = false;
	for (size_t i = 0; i < m->n_caps; i++) {
		assert(m->caps[i].window <= CAP_WINDOW);
		if (!is_void(request, m->caps[i].dimension))
			rules.cap[rules.n++] = m->caps[i];
	}
	return rules;
}

static size_t count_of(const uint32_t *numbers, size_t n, uint32_t number)
{
	size_t count = 0;
	for (size_t i = 0; i < n; i++)
		count += numbers[i] == number;
	return count;
}

/* "At least c in any w consecutive positions": the first w - 1 places may be spent on others as long as enough are left. */
static bool owes_rare(const struct diversify_rules *rules, const struct placed *placed)
{
	size_t end = placed_count(placed), most = (size_t)rules->rare_window - 1, look = end < most ? end : most;
	size_t n_rare = 0, n_free = (size_t)rules->rare_window - look;
	if (!rules->rare_least)
		return false;
	for (size_t i = end - look; i < end; i++)
		n_rare += diversify_is_rare(rules->sources, placed_at(placed, i));
	return n_rare + n_free <= (size_t)rules->rare_least;
}

void diversify_apply(struct diversify_rules *rules, const struct placed *placed)
{
	rules->owes_rare = owes_rare(rules, placed);
	for (size_t k = 0; k < rules->n; k++) {
		const struct model_cap *cap = &rules->cap[k];
		uint32_t last[CAP_WINDOW];
		size_t end = placed_count(placed), n = 0;
		for (size_t i = end > (size_t)cap->window - 1 ? end - ((size_t)cap->window - 1) : 0; i < end; i++)
			last[n++] = diversify_dimension(placed_at(placed, i), cap->dimension);
		rules->n_blocked[k] = 0;
		for (size_t i = 0; i < n; i++)
			if (last[i] && count_of(last, i + 1, last[i]) == (size_t)cap->most)
				rules->blocked[k][rules->n_blocked[k]++] = last[i];
	}
}
