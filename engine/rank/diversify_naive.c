/* The diversifier by definition: at each place every similarity afresh by comparing vectors entry by entry, every cap
 * and the floor by counting. For tests. */
#include "engine/rank/diversify.h"

static int32_t dot(const struct rank_item *a, const struct rank_item *b)
{
	if (!a->segment || !b->segment || a->for_caps || b->for_caps)
		return 0;
	size_t n, m;
	const struct topic_term *x = catalog_vector(a->segment, a->slot, &n), *y = catalog_vector(b->segment, b->slot, &m);
	uint32_t sum = 0;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < m; k++)
			if (x[i].topic == y[k].topic)
				sum += (uint32_t)(x[i].weight * y[k].weight);
	return (int32_t)sum;
}

static int32_t value_of(const struct diversify_scale *scale, const struct rank_item *item, const struct placed *placed)
{
	int32_t worst = 0;
	size_t end = placed_count(placed);
	for (size_t i = end > SIMILAR_WINDOW ? end - SIMILAR_WINDOW : 0; i < end; i++) {
		int32_t penalty = diversify_penalty(scale, dot(placed_at(placed, i), item));
		worst = penalty > worst ? penalty : worst;
	}
	return diversify_relevance(scale, item->score) - worst;
}

static bool breaks(const struct model_cap *cap, const struct rank_item *item, const struct placed *placed)
{
	uint32_t number = diversify_dimension(item, cap->dimension);
	size_t end = placed_count(placed);
	int count = 0;
	for (size_t back = 1; back < (size_t)cap->window && back <= end; back++)
		count += diversify_dimension(placed_at(placed, end - back), cap->dimension) == number;
	return number && count >= cap->most;
}

static bool is_void(const struct model_cap *cap, const struct rank_request *q)
{
	uint32_t kind = q->topic >> TOPIC_NAMESPACE_SHIFT;
	if (cap->dimension == MODEL_CAP_SOURCE)
		return q->source || kind == TOPIC_SOURCE;
	if (cap->dimension == MODEL_CAP_SECTION)
		return q->section || kind == TOPIC_SECTION;
	return kind == TOPIC_AUTHOR;
}

static bool is_rare(const struct rank_request *q, const struct rank_item *item)
{
	uint32_t source = diversify_dimension(item, MODEL_CAP_SOURCE);
	for (size_t i = 0; i < q->sources->n; i++)
		if (q->sources->rare[i] == source)
			return true;
	return false;
}

/* Whether a window that holds this place, those before it and then nothing but rare sources would have too few of them. */
static bool breaks_floor(const struct model *m, const struct rank_request *q, const struct rank_item *item,
                         const struct placed *placed)
{
	static const struct model_cap of_source = {.dimension = MODEL_CAP_SOURCE};
	int n_common = 0;
	size_t end = placed_count(placed);
	if (!m->rare_least || !q->sources || is_void(&of_source, q) || is_rare(q, item))
		return false;
	for (size_t back = 1; back < (size_t)m->rare_window && back <= end; back++)
		n_common += !is_rare(q, placed_at(placed, end - back));
	return m->rare_window - (n_common + 1) < m->rare_least;
}

/* How many rules, from the highest priority on, the item keeps: caps, then the floor. */
static size_t rules_kept(const struct model *m, const struct rank_request *q, const struct rank_item *item,
                        const struct placed *placed)
{
	size_t kept = 0;
	while (kept < m->n_caps && (is_void(&m->caps[kept], q) || !breaks(&m->caps[kept], item, placed)))
		kept++;
	return kept < m->n_caps ? kept : kept + !breaks_floor(m, q, item, placed);
}

/* Relaxing rules from the lowest up until something is left is to prefer, before value, who keeps the most of them. */
static size_t pick(const struct model *m, const struct rank_request *q, const struct diversify_scale *scale,
                   const bool *taken, size_t n_pool, const struct placed *placed)
{
	size_t best = n_pool, best_kept = 0;
	int32_t best_value = 0;
	for (size_t i = 0; i < n_pool; i++) {
		const struct rank_item *item = &placed->pool[i];
		if (taken[i] || !item->segment)
			continue;
		size_t kept = rules_kept(m, q, item, placed);
		int32_t value = value_of(scale, item, placed);
		if (best == n_pool || kept > best_kept || (kept == best_kept && value > best_value)) {
			best = i;
			best_kept = kept;
			best_value = value;
		}
	}
	return best;
}

int rank_diversify_naive(const struct model *model, const struct rank_request *request, const struct rank_item *pool,
                         size_t n_pool, bool *taken, const struct rank_item *before, size_t n_before, size_t n,
                         uint16_t *order_out, size_t *n_out)
{
	struct diversify_scale scale = diversify_scale(model, pool, n_pool);
	struct placed placed = {before, n_before, pool, order_out, 0};
	while (placed.n_now < n) {
		size_t item = pick(model, request, &scale, taken, n_pool, &placed);
		if (item == n_pool)
			break;
		taken[item] = true;
		order_out[placed.n_now++] = (uint16_t)item;
	}
	*n_out = placed.n_now;
	return 0;
}
