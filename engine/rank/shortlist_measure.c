/* The columns of each candidate. What is the same arithmetic for all of them goes over arrays of all; what asks for memory
 * here and there goes candidate by candidate, with what the next ones need on its way. */
#include <errno.h>
#include <math.h>

#include "engine/rank/shortlist_internal.h"

enum { AHEAD = 8 /* candidates */ };

static float load(const _Atomic float *x)
{
	return atomic_load_explicit(x, memory_order_relaxed);
}

static void fetch(const struct rank_item *item)
{
	const struct catalog_segment *s = item->segment;
	if (!s)
		return;
	__builtin_prefetch(&s->clicks[item->slot]);
	__builtin_prefetch(&s->shows[item->slot]);
	__builtin_prefetch(&s->expected[item->slot]);
	__builtin_prefetch(&s->published_ms[item->slot]);
	__builtin_prefetch(&s->boost[item->slot]);
	__builtin_prefetch(&s->section[item->slot]);
	__builtin_prefetch(&s->source[item->slot]);
	__builtin_prefetch(&s->words[item->slot]);
	__builtin_prefetch(&s->vector_start[item->slot]);
}

/* ---- popularity and age: over arrays ---- */

struct counts {
	size_t n; /* candidates */
	float *clicks, *shows, *expected; /* [n][N_HALF_LIVES] */
	float *hours, *boost;             /* [n] hours and one */
};

static int counts_new(struct counts *c, struct arena *arena, size_t n)
{
	const size_t each = n * N_HALF_LIVES;
	c->n = n;
	c->clicks = arena_alloc(arena, (3 * each + 2 * n) * sizeof(float) + 1);
	if (!c->clicks)
		return -ENOMEM;
	c->shows = c->clicks + each;
	c->expected = c->shows + each;
	c->hours = c->expected + each;
	c->boost = c->hours + n;
	return 0;
}

static void take_counts(const struct reading *g, struct counts *c, const struct rank_item *items)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct catalog_segment *s = items[i].segment;
		uint32_t slot = items[i].slot;
		if (i + AHEAD < c->n)
			fetch(&items[i + AHEAD]);
		for (size_t h = 0; h < N_HALF_LIVES; h++) {
			size_t at = i * N_HALF_LIVES + h;
			c->clicks[at] = s ? load(&s->clicks[slot][h]) : 0;
			c->shows[at] = s ? load(&s->shows[slot][h]) : 0;
			c->expected[at] = s ? load(&s->expected[slot][h]) : 0;
		}
		int64_t age_ms = s ? g->request->now_ms - s->published_ms[slot] : 0;
		c->hours[i] = age_ms > 0 ? 1 + (float)((double)age_ms / 3600000) : 1;
		c->boost[i] = s ? load(&s->boost[slot]) : 1;
	}
}

/* In place: ln(1 + clicks), ln(1 + shows); click-through into ctr, lift into expected. Counts are no less than 0. */
static void log_counts(const struct kernels *kernels, struct counts *c, float rate, float *restrict ctr)
{
	enum { PRIOR = 10 };
	float *restrict clicks = c->clicks, *restrict shows = c->shows, *restrict expected = c->expected;
	const float per_rate = 1 / rate;
	for (size_t i = 0; i < c->n * N_HALF_LIVES; i++) {
		float beyond = clicks[i] - shows[i];
		beyond = beyond > 0 ? beyond : 0;
		ctr[i] = (clicks[i] + PRIOR * rate) / ((shows[i] + beyond * per_rate + PRIOR) * rate);
		expected[i] = (clicks[i] + 1) / (expected[i] + 1);
		clicks[i] += 1;
		shows[i] += 1;
	}
	kernels->logs(ctr, c->n * N_HALF_LIVES);
	kernels->logs(clicks, c->n * (3 * N_HALF_LIVES + 2)); /* all of it */
}

static int measure_popularity(const struct reading *g, struct example *e, const struct rank_item *items,
                              struct arena *arena)
{
	struct counts c;
	const size_t bytes = N_HALF_LIVES * sizeof(float);
	float *ctr = arena_alloc(arena, e->n * bytes + 1);
	if (!ctr || counts_new(&c, arena, e->n) < 0)
		return -ENOMEM;
	take_counts(g, &c, items);
	log_counts(g->kernels, &c, g->rate, ctr);
	for (size_t i = 0; i < e->n; i++) {
		float *x = e->columns + i * e->n_columns;
		size_t at = i * N_HALF_LIVES;
		if (!items[i].segment)
			continue;
		memcpy(x + COLUMN_CLICKS, c.clicks + at, bytes);
		memcpy(x + COLUMN_SHOWS, c.shows + at, bytes);
		memcpy(x + COLUMN_CTR, ctr + at, bytes);
		memcpy(x + COLUMN_LIFT, c.expected + at, bytes);
		x[COLUMN_AGE] = c.hours[i];
		x[COLUMN_BOOST] = c.boost[i];
		x[COLUMN_TASTE] = g->taste * x[COLUMN_CTR + 3];
	}
	return 0;
}

/* ---- one candidate ---- */

static void measure_exposure(const struct reading *g, uint32_t story, float *x)
{
	int32_t at = numbers_get(&g->stories, story);
	if (at == 0)
		return;
	const struct exposure *e = &g->exposures[at - 1];
	if (e->n_shown) {
		x[COLUMN_SEEN] = log1pf(e->n_shown);
		x[COLUMN_SEEN_AGO] = log1pf(g->minute > e->minute ? (float)(g->minute - e->minute) : 0);
	}
	if (e->n_reads)
		x[COLUMN_STORY_READ] = log1pf(e->n_reads);
}

static void measure_section(const struct reading *g, uint32_t section, struct of_name *of)
{
	float v[SIGNAL_VALUES];
	reading_get(g, SIGNAL_SECTION, section, 0, v);
	float p = (v[0] + 1) / (g->clicks + 20);
	of->columns[0] = logf((of->all + 10 * p) / ((float)g->n_reads + 10) / p);
	of->columns[1] = logf((of->recent + 4 * p) / (g->recent_total + 4) / p);
	reading_get(g, SIGNAL_NEXT, g->top_section, section, v);
	of->columns[2] = logf((v[0] + 2) / (v[1] + 2));
	of->measured = true;
}

static void measure_names(struct reading *g, uint32_t section, uint32_t source, float *x)
{
	struct of_name *of = reading_name(&g->section_index, g->sections, &g->n_sections, section);
	if (of) {
		if (!of->measured)
			measure_section(g, section, of);
		memcpy(x + COLUMN_SECTION_ALL, of->columns, sizeof(of->columns));
	}
	of = reading_name(&g->source_index, g->sources, &g->n_sources, source);
	if (of) {
		if (!of->measured)
			of->columns[0] = logf((of->all + 1) / ((float)g->n_reads / 10 + 1));
		of->measured = true;
		x[COLUMN_SOURCE_ALL] = of->columns[0];
	}
}
_Static_assert(COLUMN_SECTION_RECENT == COLUMN_SECTION_ALL + 1 && COLUMN_SECTION_NEXT == COLUMN_SECTION_ALL + 2,
               "copied as one");

static void add_interest(const struct known *k, enum topic_namespace ns, float weight, float *x)
{
	if (ns == TOPIC_TERM) {
		x[COLUMN_TERM_SHORT] += k->short_term * weight;
		x[COLUMN_TERM_LONG] += k->long_term * weight;
	} else if (ns == TOPIC_TAG || ns == TOPIC_AUTHOR) {
		x[COLUMN_TOPIC_SHORT] += k->short_term * weight;
		x[COLUMN_TOPIC_LONG] += k->long_term * weight;
	} else if (ns == TOPIC_PLACE) {
		x[COLUMN_PLACE] += k->long_term * weight;
	}
}

/* The five best of the cosines with each read. */
static void measure_best(const struct reading *g, const float with[HISTORY_READS], float norm, float *x)
{
	float five[5] = {0};
	for (size_t r = 0; r < g->n_reads; r++) {
		float cosine = with[r] * norm * g->reads[r].norm;
		for (int k = 0; k < 5 && cosine > 0; k++)
			if (cosine > five[k]) {
				float less = five[k];
				five[k] = cosine;
				cosine = less;
			}
	}
	x[COLUMN_SIMILAR_BEST] = five[0];
	x[COLUMN_SIMILAR_TOP] = (five[0] + five[1] + five[2] + five[3] + five[4]) / 5;
}

/* The entries of a vector whose topics may be known, into at[], and its content's length squared. Without a branch: which
 * those are is anyone's guess. */
static size_t find_known(const struct reading *g, const struct topic_term *vector, size_t n, uint8_t at[LIMIT_VECTOR],
                         int64_t *square)
{
	size_t n_found = 0;
	for (size_t i = 0; i < n; i++) {
		const int32_t w = vector[i].weight;
		*square += reading_is_content(vector[i].topic) ? w * w : 0;
		at[n_found] = (uint8_t)i;
		n_found += reading_may_know(g, vector[i].topic);
	}
	return n_found;
}

/* One walk over the vector: interests, and similarity to what was read. */
static void measure_content(const struct reading *g, const struct catalog_segment *s, uint32_t slot, float *x)
{
	float with[HISTORY_READS], mean = 0;
	uint8_t at[LIMIT_VECTOR];
	int64_t square = 0;
	size_t n;
	const struct topic_term *vector = catalog_vector(s, slot, &n);
	if (g->wanted.similar_top)
		memset(with, 0, g->n_reads * sizeof(*with));
	n = find_known(g, vector, n < LIMIT_VECTOR ? n : LIMIT_VECTOR, at, &square);
	for (size_t i = 0; i < n; i++) {
		const struct topic_term *term = &vector[at[i]];
		const struct known *k = reading_known(g, term->topic);
		if (!k)
			continue;
		float weight = (float)term->weight / TOPIC_TERM_ONE;
		mean += k->mean * weight;
		if (g->wanted.interests)
			add_interest(k, topic_namespace_of(term->topic), weight, x);
		for (int32_t p = k->first; p >= 0; p = g->postings[p].next)
			with[g->postings[p].read] += weight * g->postings[p].weight;
	}
	float norm = square > 0 ? (float)(TOPIC_TERM_ONE / sqrt((double)square)) : 0;
	if (g->wanted.similar)
		x[COLUMN_SIMILAR_MEAN] = mean * norm;
	if (g->wanted.similar_top)
		measure_best(g, with, norm, x);
}

static void measure_words(const struct reading *g, const struct example_slot *slot, float *x)
{
	float v[SIGNAL_VALUES], sum = 0;
	for (size_t i = 0; i < slot->n_words; i++) {
		reading_get(g, SIGNAL_WORD, slot->words[i], 0, v);
		sum += logf((v[0] + 2) / (v[1] + 2));
	}
	x[COLUMN_WORDS] = slot->n_words ? sum / (float)slot->n_words : 0;
}

static void measure_kin(struct reading *g, const struct catalog_segment *s, uint32_t slot, float *x)
{
	const float *at = reading_stands(g, s, slot);
	float sum[4] = {0};
	for (size_t d = 0; d <= KIN_DIMS; d += 4)
		for (size_t k = 0; k < 4; k++)
			sum[k] += at[d + k] * g->kin[d + k];
	x[COLUMN_KIN] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
}
_Static_assert((KIN_DIMS + 1) % 4 == 0, "four at once");

/* Short vectors have length 127. */
static void measure_dense(const struct reading *g, const struct catalog_segment *s, uint32_t slot, float *x)
{
	uint8_t space;
	int16_t wide[CATALOG_DENSE];
	int32_t dots[DENSE_READS], five[5] = {0};
	float mean = 0;
	const int8_t *at = catalog_dense(s, slot, &space);
	if (!at || space > g->n_dense || !g->dense[space - 1].any)
		return;
	const struct dense_reads *of = &g->dense[space - 1];
	reading_widen(at, wide);
	for (size_t d = 0; d < CATALOG_DENSE; d++)
		mean += (float)at[d] * of->mean[d];
	g->kernels->dots(wide, &of->at[0][0], of->n, dots);
	for (size_t r = 0; r < of->n; r++)
		for (int32_t k = 0, dot = dots[r]; k < 5 && dot > 0; k++)
			if (dot > five[k]) {
				int32_t less = five[k];
				five[k] = dot;
				dot = less;
			}
	x[COLUMN_DENSE_TOP] = (float)(five[0] + five[1] + five[2] + five[3] + five[4]) / (5 * 127 * 127);
	x[COLUMN_DENSE_MEAN] = mean / 127;
}

static void measure_co_reading(const struct reading *g, uint32_t article, float *x)
{
	float v[SIGNAL_VALUES], n[SIGNAL_VALUES], other[SIGNAL_VALUES], sum = 0;
	reading_get(g, SIGNAL_READ, article, 0, n);
	if (n[0] == 0)
		return;
	for (size_t i = 0; i < g->n_reads && i < EXAMPLE_RECENT; i++) {
		bool swapped;
		uint64_t key = signal_pair_key(SIGNAL_CO_READ, article, g->reads[i].article, &swapped);
		signals_get(g->two->signals, SIGNAL_CO_READ, key, g->minute, v);
		if (v[0] == 0)
			continue;
		reading_get(g, SIGNAL_READ, g->reads[i].article, 0, other);
		sum += v[0] / sqrtf((n[0] + 5) * (other[0] + 5));
	}
	x[COLUMN_CO_READ] = sum;
}

/* Head to head with every other of the list: quadratic, which is why a model has to ask for it. */
static void measure_head(const struct reading *g, const struct example *e, size_t slot, float *x)
{
	float v[SIGNAL_VALUES], sum_3h = 0, sum_12h = 0;
	uint32_t own = e->slots[slot].article;
	reading_get(g, SIGNAL_HEAD_TOTAL, own, 0, v);
	x[COLUMN_HEAD_TOTAL_3H] = logf((v[0] + 1) / (v[1] + 1));
	x[COLUMN_HEAD_TOTAL_12H] = logf((v[2] + 1) / (v[3] + 1));
	if (v[2] == 0 && v[3] == 0)
		return;
	for (size_t j = 0; j < e->n; j++) {
		bool swapped;
		if (j == slot)
			continue;
		uint64_t key = signal_pair_key(SIGNAL_HEAD, own, e->slots[j].article, &swapped);
		signals_get(g->two->signals, SIGNAL_HEAD, key, g->minute, v);
		if (v[2] == 0 && v[3] == 0)
			continue;
		float lead_3h = logf((v[0] + 0.5f) / (v[1] + 0.5f)), lead_12h = logf((v[2] + 0.5f) / (v[3] + 0.5f));
		sum_3h += swapped ? -lead_3h : lead_3h;
		sum_12h += swapped ? -lead_12h : lead_12h;
	}
	x[COLUMN_HEAD_3H] = sum_3h / (float)(e->n - 1);
	x[COLUMN_HEAD_12H] = sum_12h / (float)(e->n - 1);
}

static void measure_one(struct reading *g, const struct rank_item *item, struct example_slot *out, float *x)
{
	const struct catalog_segment *s = item->segment;
	const struct wanted *w = &g->wanted;
	out->section = s->section[item->slot];
	out->n_words = (uint8_t)catalog_n_words(s, item->slot);
	memcpy(out->words, s->words[item->slot], sizeof(out->words));
	x[COLUMN_STAGE_ONE] = (float)item->score / RANK_ONE;
	x[COLUMN_LENGTH] = s->log_chars[item->slot];
	x[COLUMN_PREMIUM] = (atomic_load_explicit(&s->flags[item->slot], memory_order_relaxed) & SLOT_PREMIUM) != 0;
	measure_exposure(g, item->story, x);
	measure_names(g, out->section, s->source[item->slot], x);
	if (w->interests || w->similar || w->similar_top)
		measure_content(g, s, item->slot, x);
	if (w->words)
		measure_words(g, out, x);
	if (w->kin && g->two->space)
		measure_kin(g, s, item->slot, x);
	if (w->grams)
		x[COLUMN_GRAMS] = grams_likeness(&g->grams, s->card[item->slot]->title);
	if (w->dense)
		measure_dense(g, s, item->slot, x);
	if (w->co_read)
		measure_co_reading(g, out->article, x);
}
_Static_assert((int)CATALOG_DENSE == (int)KERNEL_WIDTH, "dots are of whole vectors");
_Static_assert((int)EXAMPLE_WORDS == (int)CATALOG_WORDS && (int)KIN_WORDS == (int)CATALOG_WORDS, "the same words");

static void fetch_vector(const struct rank_item *item)
{
	size_t n;
	if (!item->segment)
		return;
	const struct topic_term *vector = catalog_vector(item->segment, item->slot, &n);
	for (size_t i = 0; i < n; i += 64 / sizeof(*vector))
		__builtin_prefetch(&vector[i]);
}

int shortlist_measure(struct reading *g, struct example *e, const struct rank_item *items, struct arena *arena)
{
	int r = measure_popularity(g, e, items, arena);
	if (r < 0)
		return r;
	for (size_t i = 0; i < e->n; i++) {
		if (i + AHEAD < e->n)
			fetch_vector(&items[i + AHEAD]);
		e->slots[i].article = items[i].article;
		if (items[i].segment)
			measure_one(g, &items[i], &e->slots[i], e->columns + i * e->n_columns);
	}
	for (size_t i = 0; g->wanted.head && i < e->n && e->n > 1; i++)
		measure_head(g, e, i, e->columns + i * e->n_columns);
	return 0;
}
