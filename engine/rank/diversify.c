/* Greedy maximal marginal relevance (Carbonell and Goldstein 1998) in integers, with caps.
 *
 *     value(i) = lambda relevance(i) - (1 - lambda) max similarity(i, j) over the last SIMILAR_WINDOW items placed
 *
 * relevance is the score between the pool's lowest (0) and highest (VALUE_ONE); similarity is the dot product of the
 * articles' vectors, which have length 1, from 0 to VALUE_ONE. Only the last items count, so that a page continues
 * the same way wherever the pages were cut.
 *
 * The pool's vectors are turned over once: lists of (item, weight) by topic. Placing an item walks the lists of its
 * topics and so gets its penalty on every other item of the pool at once: a row. The maximum over the last rows costs
 * three passes a place, however long the window is (van Herk 1992; Gil and Werman 1993): rows come in blocks of the
 * window's length, and a window is the end of one block (its maxima from the back are worked out when it is complete)
 * and the beginning of the next (whose running maximum is kept). */
#include <assert.h>

#include "engine/rank/diversify.h"

enum { ENTRIES = LIMIT_FEED_DEPTH * LIMIT_VECTOR, MET_BITS = 14, MET = 1 << MET_BITS };

struct posting {
	uint16_t item;
	int16_t weight;
};

struct diversify_scratch {
	uint8_t met[MET];                     /* how often a topic of this hash stands in a vector; 2 for more */
	struct numbers topics;                /* topic -> 1 + its number among the topics met twice */
	uint32_t list[ENTRIES + 1];           /* topic's number -> start of its list in postings */
	struct posting postings[ENTRIES];
	uint32_t topic[ENTRIES + 1];            /* of the entries of such topics in the pool's vectors, item by item */
	int16_t weight[ENTRIES + 1];
	uint32_t first[LIMIT_FEED_DEPTH + 1]; /* item -> its entries */
	int32_t relevance[LIMIT_FEED_DEPTH];  /* times lambda */
	int32_t row[SIMILAR_WINDOW][LIMIT_FEED_DEPTH];  /* the block under way: penalties, times 1 - lambda */
	int32_t last[SIMILAR_WINDOW][LIMIT_FEED_DEPTH]; /* the block before: [k] is the maximum of its rows from k on */
	int32_t running[LIMIT_FEED_DEPTH];              /* maximum of the block under way */
	int32_t value[LIMIT_FEED_DEPTH];
};

struct pass {
	struct diversify_scratch *d;
	struct diversify_scale scale;
	const struct rank_item *pool;
	size_t n_pool;
	size_t n_rows;  /* in the block under way; less than SIMILAR_WINDOW */
	bool any_last;  /* a block was completed */
	struct diversify_caps caps;
	struct placed placed;
};

int rank_diversify_scratch_new(struct diversify_scratch **out)
{
	struct diversify_scratch *d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	*out = d;
	return 0;
}

void rank_diversify_scratch_free(struct diversify_scratch *d)
{
	if (!d)
		return;
	numbers_free(&d->topics);
	free(d);
}

static const struct topic_term *item_vector(const struct rank_item *item, size_t *n)
{
	*n = 0;
	if (!item->segment || item->for_caps)
		return NULL;
	const struct topic_term *vector = catalog_vector(item->segment, item->slot, n);
	assert(*n <= LIMIT_VECTOR);
	return vector;
}

static uint8_t *met(struct diversify_scratch *d, uint32_t topic)
{
	return &d->met[(topic * UINT32_C(0x9e3779b1)) >> (32 - MET_BITS)];
}

/* Vectors stand far apart: asks for all of them before any is read. */
static void prefetch_vectors(const struct rank_item *items, size_t n_items)
{
	enum { LINE = 64 / sizeof(struct topic_term) };
	size_t n;
	for (size_t i = 0; i < n_items; i++) {
		const struct topic_term *vector = item_vector(&items[i], &n);
		for (size_t k = 0; k < n; k += LINE)
			__builtin_prefetch(vector + k);
	}
}

static void meet_topics(struct diversify_scratch *d, const struct rank_item *items, size_t n_items)
{
	size_t n;
	for (size_t i = 0; i < n_items; i++) {
		const struct topic_term *vector = item_vector(&items[i], &n);
		for (size_t k = 0; k < n; k++) {
			uint8_t *times = met(d, vector[k].topic);
			*times = *times < 2 ? *times + 1 : 2;
		}
	}
}

/* Copies the entries of topics that were met twice: the others, most of them, make nothing similar to anything. */
static void copy_entries(struct diversify_scratch *d, const struct rank_item *pool, size_t n_pool)
{
	uint32_t at = 0;
	size_t n;
	for (size_t i = 0; i < n_pool; i++) {
		const struct topic_term *vector = item_vector(&pool[i], &n);
		d->first[i] = at;
		for (size_t k = 0; k < n; k++) {
			d->topic[at] = vector[k].topic;
			d->weight[at] = vector[k].weight;
			at += *met(d, vector[k].topic) == 2;
		}
	}
	d->first[n_pool] = at;
}

/* Gives the copied topics numbers, and counts each in list[number + 1]. Returns how many there are. */
static uint32_t number_topics(struct diversify_scratch *d, uint32_t n_entries)
{
	uint32_t n_topics = 0;
	d->list[0] = 0;
	for (uint32_t at = 0; at < n_entries; at++) {
		int32_t *number = numbers_put(&d->topics, d->topic[at]);
		if (!*number) {
			*number = (int32_t)++n_topics;
			d->list[n_topics] = 0;
		}
		d->list[*number]++;
		d->topic[at] = (uint32_t)*number - 1;
	}
	return n_topics;
}

/* Turns the pool's vectors over, by counting. last: those whose similarity to the pool will be asked for. */
static int build_lists(struct diversify_scratch *d, const struct rank_item *pool, size_t n_pool,
                       const struct rank_item *last, size_t n_last)
{
	memset(d->met, 0, sizeof(d->met));
	prefetch_vectors(pool, n_pool);
	meet_topics(d, pool, n_pool);
	meet_topics(d, last, n_last);
	copy_entries(d, pool, n_pool);
	int r = numbers_reset(&d->topics, d->first[n_pool]);
	if (r)
		return r;
	uint32_t n_topics = number_topics(d, d->first[n_pool]);
	for (uint32_t t = 0; t < n_topics; t++)
		d->list[t + 1] += d->list[t];
	/* Filling from the back leaves each list's end at its start. */
	for (size_t i = n_pool; i-- > 0;)
		for (uint32_t at = d->first[i]; at < d->first[i + 1]; at++)
			d->postings[--d->list[d->topic[at] + 1]] = (struct posting){(uint16_t)i, d->weight[at]};
	for (uint32_t t = 0; t < n_topics; t++)
		d->list[t] = d->list[t + 1];
	d->list[n_topics] = d->first[n_pool];
	return 0;
}

static void walk_list(const struct diversify_scratch *d, uint32_t topic, int16_t weight, uint32_t *dots)
{
	for (uint32_t at = d->list[topic]; at < d->list[topic + 1]; at++)
		dots[d->postings[at].item] += (uint32_t)(d->postings[at].weight * weight);
}

static void raise(int32_t *restrict to, const int32_t *restrict by, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = by[i] > to[i] ? by[i] : to[i];
}

static int32_t *new_row(const struct pass *p)
{
	return memset(p->d->row[p->n_rows], 0, p->n_pool * sizeof(int32_t));
}

/* The new row holds dot products: makes them penalties and counts them in. */
static void finish_row(struct pass *p)
{
	struct diversify_scratch *d = p->d;
	int32_t *row = d->row[p->n_rows];
	for (size_t i = 0; i < p->n_pool; i++)
		row[i] = diversify_penalty(&p->scale, row[i]);
	if (++p->n_rows < SIMILAR_WINDOW) {
		raise(d->running, row, p->n_pool);
		return;
	}
	for (size_t k = SIMILAR_WINDOW; k-- > 0;) {
		memcpy(d->last[k], d->row[k], p->n_pool * sizeof(*row));
		if (k + 1 < SIMILAR_WINDOW)
			raise(d->last[k], d->last[k + 1], p->n_pool);
	}
	memset(d->running, 0, p->n_pool * sizeof(*row));
	p->n_rows = 0;
	p->any_last = true;
}

/* An item placed before: its vector is not among the pool's, so its topics are looked up. */
static void push_stranger(struct pass *p, const struct rank_item *item)
{
	size_t n;
	const struct topic_term *vector = item_vector(item, &n);
	int32_t *row = new_row(p);
	for (size_t k = 0; k < n; k++) {
		int32_t number = numbers_get(&p->d->topics, vector[k].topic);
		if (number)
			walk_list(p->d, (uint32_t)number - 1, vector[k].weight, (uint32_t *)row);
	}
	finish_row(p);
}

static void push_item(struct pass *p, size_t item)
{
	int32_t *row = new_row(p);
	for (uint32_t at = p->d->first[item]; at < p->d->first[item + 1]; at++)
		walk_list(p->d, p->d->topic[at], p->d->weight[at], (uint32_t *)row);
	finish_row(p);
}

static void compute_values(const struct pass *p)
{
	const int32_t *restrict relevance = p->d->relevance;
	const int32_t *restrict running = p->d->running;
	/* Without a block before, the running maximum twice. */
	const int32_t *restrict last = p->any_last ? p->d->last[p->n_rows] : running;
	int32_t *restrict value = p->d->value;
	for (size_t i = 0; i < p->n_pool; i++)
		value[i] = relevance[i] - (running[i] > last[i] ? running[i] : last[i]);
}

/* The best untaken item that the first n_caps caps allow; n_pool when there is none. */
static size_t best_allowed(const struct pass *p, const bool *taken, size_t n_caps)
{
	size_t best = p->n_pool;
	int32_t best_value = INT32_MIN;
	for (size_t i = 0; i < p->n_pool; i++) {
		if (p->d->value[i] <= best_value || taken[i] || !p->pool[i].segment)
			continue;
		if (!diversify_allows(&p->caps, n_caps, &p->pool[i]))
			continue;
		best = i;
		best_value = p->d->value[i];
	}
	return best;
}

static size_t pick(struct pass *p, const bool *taken)
{
	compute_values(p);
	diversify_block(&p->caps, &p->placed);
	for (size_t n_caps = p->caps.n + 1; n_caps-- > 0;) {
		size_t best = best_allowed(p, taken, n_caps);
		if (best < p->n_pool)
			return best;
	}
	return p->n_pool;
}

static int begin(struct pass *p, const struct rank_item *before, size_t n_before)
{
	bool similar = p->scale.novelty > 0;
	for (size_t i = 0; i < p->n_pool; i++)
		p->d->relevance[i] = diversify_relevance(&p->scale, p->pool[i].score);
	memset(p->d->running, 0, p->n_pool * sizeof(p->d->running[0]));
	if (!similar)
		return 0;
	size_t n_last = n_before < SIMILAR_WINDOW ? n_before : SIMILAR_WINDOW;
	const struct rank_item *last = n_last ? before + n_before - n_last : NULL;
	int r = build_lists(p->d, p->pool, p->n_pool, last, n_last);
	if (r)
		return r;
	for (size_t i = 0; i < n_last; i++)
		push_stranger(p, &last[i]);
	return 0;
}

int rank_diversify(struct rank_scratch *s, const struct model *model, const struct rank_request *request,
                   const struct rank_item *pool, size_t n_pool, bool *taken, const struct rank_item *before,
                   size_t n_before, size_t n, uint16_t *order_out, size_t *n_out)
{
	assert(n_pool <= LIMIT_FEED_DEPTH);
	struct pass p = {.d = s->diversify, .scale = diversify_scale(model, pool, n_pool), .pool = pool, .n_pool = n_pool,
	                 .caps = diversify_caps(model, request), .placed = {before, n_before, pool, order_out, 0}};
	int r = begin(&p, before, n_before);
	if (r)
		return r;
	while (p.placed.n_now < n) {
		size_t item = pick(&p, taken);
		if (item == n_pool)
			break;
		taken[item] = true;
		order_out[p.placed.n_now++] = (uint16_t)item;
		if (p.scale.novelty > 0 && p.placed.n_now < n)
			push_item(&p, item);
	}
	*n_out = p.placed.n_now;
	return 0;
}
