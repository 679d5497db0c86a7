/* Greedy maximal marginal relevance (Carbonell and Goldstein 1998) in integers, with caps and a floor.
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
 * and the beginning of the next (whose running maximum is kept).
 *
 * Similarity only takes away, so relevance is the most that an item's value can be, and of a pool of 200 few can come
 * up on a page of 20. So only the first of the pool are looked at, its columns; when the best of those falls below the
 * best relevance behind them, or none of them is allowed, more are, and what was worked out is worked out again for
 * all. */
#include <assert.h>

#include "engine/rank/diversify.h"

enum { ENTRIES = LIMIT_FEED_DEPTH * LIMIT_VECTOR, MET_BITS = 14, MET = 1 << MET_BITS };
/* On generated news a page of 20 needs 32 columns in the median, 51 for one reader in ten, 114 at most. */
enum { SPARE_COLUMNS = 24 };

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
	const bool *taken; /* [n_pool] */
	size_t n_pool;
	size_t n_columns; /* pool[0, n_columns) are looked at */
	int32_t beyond;   /* the best relevance behind them; INT32_MIN when nothing is there to be taken */
	size_t n_rows;  /* in the block under way; less than SIMILAR_WINDOW */
	bool any_last;  /* a block was completed */
	struct diversify_rules rules;
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

/* Turns the columns' vectors over, by counting. Their similarity to what was placed at `first` and after will be asked
 * for. */
static int build_lists(const struct pass *p, size_t first)
{
	struct diversify_scratch *d = p->d;
	size_t n = p->n_columns;
	memset(d->met, 0, sizeof(d->met));
	prefetch_vectors(p->pool, n);
	meet_topics(d, p->pool, n);
	for (size_t i = first; i < placed_count(&p->placed); i++)
		meet_topics(d, placed_at(&p->placed, i), 1);
	copy_entries(d, p->pool, n);
	int r = numbers_reset(&d->topics, d->first[n]);
	if (r)
		return r;
	uint32_t n_topics = number_topics(d, d->first[n]);
	for (uint32_t t = 0; t < n_topics; t++)
		d->list[t + 1] += d->list[t];
	/* Filling from the back leaves each list's end at its start. */
	for (size_t i = n; i-- > 0;)
		for (uint32_t at = d->first[i]; at < d->first[i + 1]; at++)
			d->postings[--d->list[d->topic[at] + 1]] = (struct posting){(uint16_t)i, d->weight[at]};
	for (uint32_t t = 0; t < n_topics; t++)
		d->list[t] = d->list[t + 1];
	d->list[n_topics] = d->first[n];
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
	return memset(p->d->row[p->n_rows], 0, p->n_columns * sizeof(int32_t));
}

/* The new row holds dot products: makes them penalties and counts them in. */
static void finish_row(struct pass *p)
{
	struct diversify_scratch *d = p->d;
	int32_t *row = d->row[p->n_rows];
	for (size_t i = 0; i < p->n_columns; i++)
		row[i] = diversify_penalty(&p->scale, row[i]);
	if (++p->n_rows < SIMILAR_WINDOW) {
		raise(d->running, row, p->n_columns);
		return;
	}
	for (size_t k = SIMILAR_WINDOW; k-- > 0;) {
		memcpy(d->last[k], d->row[k], p->n_columns * sizeof(*row));
		if (k + 1 < SIMILAR_WINDOW)
			raise(d->last[k], d->last[k + 1], p->n_columns);
	}
	memset(d->running, 0, p->n_columns * sizeof(*row));
	p->n_rows = 0;
	p->any_last = true;
}

/* An item placed earlier: its vector need not be among the columns', so its topics are looked up. */
static void push_placed(struct pass *p, const struct rank_item *item)
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
	for (size_t i = 0; i < p->n_columns; i++)
		value[i] = relevance[i] - (running[i] > last[i] ? running[i] : last[i]);
}

/* The best untaken column that the first n_rules rules allow; n_pool when there is none. */
static size_t best_allowed(const struct pass *p, size_t n_rules)
{
	size_t best = p->n_pool;
	int32_t best_value = INT32_MIN;
	for (size_t i = 0; i < p->n_columns; i++) {
		if (p->d->value[i] <= best_value || p->taken[i] || !p->pool[i].segment)
			continue;
		if (!diversify_allows(&p->rules, n_rules, &p->pool[i]))
			continue;
		best = i;
		best_value = p->d->value[i];
	}
	return best;
}

/* Works everything out for the columns there are now. */
static int begin(struct pass *p)
{
	struct diversify_scratch *d = p->d;
	size_t end = placed_count(&p->placed), first = end > SIMILAR_WINDOW ? end - SIMILAR_WINDOW : 0;
	p->n_rows = 0;
	p->any_last = false;
	p->beyond = INT32_MIN;
	for (size_t i = 0; i < p->n_columns; i++)
		d->relevance[i] = diversify_relevance(&p->scale, p->pool[i].score);
	for (size_t i = p->n_columns; i < p->n_pool; i++) {
		int32_t relevance = diversify_relevance(&p->scale, p->pool[i].score);
		if (relevance > p->beyond && !p->taken[i] && p->pool[i].segment)
			p->beyond = relevance;
	}
	memset(d->running, 0, p->n_columns * sizeof(d->running[0]));
	if (p->scale.novelty == 0)
		return 0;
	int r = build_lists(p, first);
	if (r)
		return r;
	for (size_t i = first; i < end; i++)
		push_placed(p, placed_at(&p->placed, i));
	return 0;
}

/* Looks at the first n_more untaken items of the pool that are not looked at yet, and at the taken ones among them. */
static int widen(struct pass *p, size_t n_more)
{
	for (; p->n_columns < p->n_pool && n_more > 0; p->n_columns++)
		n_more -= !p->taken[p->n_columns];
	return begin(p);
}

/* The item for the next place, with as many rules kept as can be; n_pool when none is left. */
static int pick(struct pass *p, size_t *out)
{
	diversify_apply(&p->rules, &p->placed);
	compute_values(p);
	for (size_t n_rules = p->rules.n + p->rules.owes_rare + 1; n_rules-- > 0;) {
		size_t best = best_allowed(p, n_rules);
		while (p->beyond > (best < p->n_pool ? p->d->value[best] : INT32_MIN)) {
			int r = widen(p, 3 * p->n_columns);
			if (r)
				return r;
			compute_values(p);
			best = best_allowed(p, n_rules);
		}
		if (best < p->n_pool) {
			*out = best;
			return 0;
		}
	}
	*out = p->n_pool;
	return 0;
}

int rank_diversify(struct rank_scratch *s, const struct model *model, const struct rank_request *request,
                   const struct rank_item *pool, size_t n_pool, bool *taken, const struct rank_item *before,
                   size_t n_before, size_t n, uint16_t *order_out, size_t *n_out)
{
	assert(n_pool <= LIMIT_FEED_DEPTH);
	struct pass p = {.d = s->diversify, .scale = diversify_scale(model, pool, n_pool), .pool = pool, .taken = taken,
	                 .n_pool = n_pool, .rules = diversify_rules(model, request),
	                 .placed = {before, n_before, pool, order_out, 0}};
	int r = widen(&p, 2 * n + SPARE_COLUMNS);
	if (r)
		return r;
	while (p.placed.n_now < n) {
		size_t item;
		r = pick(&p, &item);
		if (r)
			return r;
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
