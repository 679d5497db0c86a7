/* The columns of each candidate: a round over all of them for each kind of columns that is wanted. What the usual rounds look
 * at is asked for before the first (shortlist_fetch), whole vectors some candidates ahead. */
#include <errno.h>
#include <math.h>

#include "engine/rank/shortlist_internal.h"

enum { AHEAD = 8 /* candidates */ };

typedef float four __attribute__((vector_size(4 * sizeof(float)), aligned(sizeof(float)), may_alias));

static float load(const _Atomic float *x)
{
	return atomic_load_explicit(x, memory_order_relaxed);
}

void shortlist_fetch(const struct reading *g, const struct rank_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct catalog_segment *s = items[i].segment;
		if (!s)
			continue;
		const char *row = (const char *)&s->row[items[i].slot];
		const size_t place = reading_stood(reading_article(s, items[i].slot));
		__builtin_prefetch(row);
		__builtin_prefetch(row + sizeof(struct catalog_row) / 2);
		__builtin_prefetch(&s->words[items[i].slot]);
		__builtin_prefetch(&g->stood.article[place]);
		__builtin_prefetch(g->stood.at[place]);
	}
}

/* ---- what the writer has no logarithm of: over arrays ---- */

struct to_log {
	float *shows;         /* [n][N_HALF_LIVES] */
	float *ctr;           /* [n][N_HALF_LIVES] of clicks, then of click-through */
	float *hours, *boost; /* [n] hours and one */
};

static int to_log_new(struct to_log *l, struct arena *arena, size_t n)
{
	l->shows = arena_alloc(arena, (2 * N_HALF_LIVES + 2) * n * sizeof(float) + 1);
	if (!l->shows)
		return -ENOMEM;
	l->ctr = l->shows + N_HALF_LIVES * n;
	l->hours = l->ctr + N_HALF_LIVES * n;
	l->boost = l->hours + n;
	return 0;
}

/* The writer changes each by itself, and each is old or new. Plain loads, as of stage one's columns (pool.c): relaxed ones
 * are made one by one. */
static __attribute__((no_sanitize("thread"))) void copy_counts(const _Atomic float from[N_HALF_LIVES],
                                                               float to[N_HALF_LIVES])
{
	const float *counts = (const float *)(uintptr_t)from;
	*(four *)to = *(const four *)counts;
	to[4] = counts[4];
}
_Static_assert(N_HALF_LIVES == 5, "all of them");

static void take_to_log(const struct reading *g, const struct rank_item *item, const struct to_log *l, size_t i)
{
	const struct catalog_row *row = &item->segment->row[item->slot];
	int64_t age_ms = g->request->now_ms - item->published_ms;
	copy_counts(row->shows, l->shows + i * N_HALF_LIVES);
	copy_counts(row->clicks, l->ctr + i * N_HALF_LIVES);
	l->hours[i] = 1 + (age_ms > 0 ? (float)age_ms * (1.0f / 3600000) : 0);
	l->boost[i] = load(&row->boost);
}

static void take_nothing(const struct to_log *l, size_t i)
{
	memset(l->shows + i * N_HALF_LIVES, 0, N_HALF_LIVES * sizeof(float));
	memset(l->ctr + i * N_HALF_LIVES, 0, N_HALF_LIVES * sizeof(float));
	l->hours[i] = l->boost[i] = 1;
}

/* In place. Click-through over g, the overall one, to which it is drawn: (clicks + 10 g) / (shows + 10) / g, where clicks
 * beyond shows are taken for shown at that rate. */
static void take_logs(const struct kernels *kernels, const struct to_log *l, size_t n, float rate)
{
	const float *restrict shows = l->shows, prior = 10 * rate;
	float *restrict ctr = l->ctr;
	for (size_t i = 0; i < N_HALF_LIVES * n; i++) {
		float beyond = ctr[i] - shows[i];
		beyond = beyond > 0 ? beyond : 0;
		ctr[i] = (ctr[i] + prior) / (shows[i] * rate + beyond + prior);
	}
	kernels->logs(ctr, (N_HALF_LIVES + 2) * n); /* all three */
}

/* Every live candidate has the columns before this one. */
enum { FIRST_OF_SOME = COLUMN_SEEN };
_Static_assert(COLUMN_AGE == COLUMN_POPULARITY + 4 * N_HALF_LIVES && FIRST_OF_SOME == COLUMN_AGE + 5,
               "popularity, age, boost, premium, length and the stage-one score");

static void measure_shared(const struct reading *g, const struct rank_item *item, const struct to_log *l, size_t i,
                           float *x)
{
	const struct catalog_row *row = &item->segment->row[item->slot];
	copy_counts(row->log_clicks, x + COLUMN_CLICKS);
	copy_counts(row->log_shows, x + COLUMN_SHOWS);
	memcpy(x + COLUMN_CTR, l->ctr + i * N_HALF_LIVES, N_HALF_LIVES * sizeof(*x));
	copy_counts(row->lift, x + COLUMN_LIFT);
	x[COLUMN_AGE] = l->hours[i];
	x[COLUMN_BOOST] = l->boost[i];
	x[COLUMN_PREMIUM] = row->premium;
	x[COLUMN_LENGTH] = row->log_chars;
	x[COLUMN_STAGE_ONE] = (float)item->score / RANK_ONE;
	x[COLUMN_TASTE] = g->taste * x[COLUMN_CTR + 3];
}

/* ---- what the reader did ---- */

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

static void measure_section(const struct reading *g, struct of_name *of)
{
	float v[SIGNAL_VALUES];
	reading_get(g, SIGNAL_SECTION, of->name, 0, v);
	float p = (v[0] + 1) / (g->clicks + 20);
	of->columns[0] = logf((of->all + 10 * p) / ((float)g->n_reads + 10) / p);
	of->columns[1] = logf((of->recent + 4 * p) / (g->recent_total + 4) / p);
	reading_get(g, SIGNAL_NEXT, g->top_section, of->name, v);
	of->columns[2] = logf((v[0] + 2) / (v[1] + 2));
}

/* The section and the source of a candidate, NULL for none. */
struct names {
	struct of_name *section, *source;
};

/* What a section's columns are made of is on its way from then on. */
static struct names ask_names(struct reading *g, const struct catalog_row *row)
{
	struct names n = {reading_name(&g->section_index, g->sections, &g->n_sections, row->section),
	                  reading_name(&g->source_index, g->sources, &g->n_sources, row->source)};
	if (n.section && !n.section->asked) {
		signals_prefetch(g->two->signals, signal_key(SIGNAL_SECTION, n.section->name, 0));
		signals_prefetch(g->two->signals, signal_key(SIGNAL_NEXT, g->top_section, n.section->name));
		n.section->asked = true;
	}
	if (n.source)
		n.source->asked = true;
	return n;
}

static void measure_asked(struct reading *g)
{
	const float none = logf(1 / ((float)g->n_reads / 10 + 1)); /* of most sources nothing was read */
	for (size_t i = 0; i < g->n_sections; i++)
		if (g->sections[i].asked)
			measure_section(g, &g->sections[i]);
	for (size_t i = 0; i < g->n_sources; i++)
		if (g->sources[i].asked)
			g->sources[i].columns[0] = g->sources[i].all > 0 ? logf(g->sources[i].all + 1) + none : none;
}

static void measure_names(const struct names *n, float *x)
{
	if (n->section)
		memcpy(x + COLUMN_SECTION_ALL, n->section->columns, sizeof(n->section->columns));
	if (n->source)
		x[COLUMN_SOURCE_ALL] = n->source->columns[0];
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

/* The entries of a vector whose topics may be known, into at[]. Without a branch: which those are is anyone's guess. */
static size_t find_known(const struct reading *g, const struct topic_term *vector, size_t n, uint8_t at[LIMIT_VECTOR])
{
	size_t n_found = 0;
	for (size_t i = 0; i < n; i++) {
		at[n_found] = (uint8_t)i;
		n_found += g->filter[reading_filter(vector[i].topic)];
	}
	return n_found;
}

/* Words behind the last are 0, which no reader knows. */
static float mean_cosine(const struct reading *g, const struct catalog_words *words)
{
	uint8_t at[CATALOG_WORDS];
	float mean = 0;
	size_t n = 0;
	for (size_t i = 0; i < CATALOG_WORDS; i++) {
		at[n] = (uint8_t)i;
		n += g->filter[reading_filter(words->topic[i])];
	}
	for (size_t i = 0; i < n; i++)
		mean += g->topics[reading_find(g, words->topic[at[i]])].mean * words->share[at[i]];
	return mean;
}

static void measure_similar(const struct reading *g, struct example *e, const struct rank_item *items)
{
	for (size_t i = 0; i < e->n; i++)
		if (items[i].segment)
			e->columns[i * e->n_columns + COLUMN_SIMILAR_MEAN] = mean_cosine(g, &items[i].segment->words[items[i].slot]);
}

static void measure_known(const struct reading *g, const struct topic_term *vector, const uint8_t *at, size_t n,
                          float norm, float *x)
{
	float with[HISTORY_READS];
	if (g->wanted.similar_top)
		memset(with, 0, g->n_reads * sizeof(*with));
	for (size_t i = 0; i < n; i++) {
		const struct topic_term *term = &vector[at[i]];
		uint32_t place = reading_find(g, term->topic);
		if (g->topics[place].topic == 0)
			continue;
		const struct known *k = &g->known[place];
		float weight = (float)term->weight / TOPIC_TERM_ONE;
		if (g->wanted.interests)
			add_interest(k, topic_namespace_of(term->topic), weight, x);
		for (int32_t p = k->first; p >= 0; p = g->postings[p].next)
			with[g->postings[p].read] += weight * g->postings[p].weight;
	}
	if (g->wanted.similar_top)
		measure_best(g, with, norm, x);
}

static void fetch_vector(const struct rank_item *item)
{
	size_t n;
	const struct topic_term *vector = item->segment ? catalog_vector(item->segment, item->slot, &n) : NULL;
	for (size_t i = 0; vector && i < n; i += 64 / sizeof(*vector))
		__builtin_prefetch(&vector[i]);
}

/* Interests, and the best of the reads. */
static void measure_content(const struct reading *g, struct example *e, const struct rank_item *items)
{
	uint8_t at[LIMIT_VECTOR] = {0};
	for (size_t i = 0; i < e->n; i++) {
		size_t n;
		if (i + AHEAD < e->n)
			fetch_vector(&items[i + AHEAD]);
		if (!items[i].segment)
			continue;
		const struct topic_term *vector = catalog_vector(items[i].segment, items[i].slot, &n);
		n = find_known(g, vector, n < LIMIT_VECTOR ? n : LIMIT_VECTOR, at);
		measure_known(g, vector, at, n, items[i].segment->row[items[i].slot].content_norm, e->columns + i * e->n_columns);
	}
}

static void measure_words(const struct reading *g, struct example *e)
{
	for (size_t i = 0; i < e->n; i++) {
		const struct example_slot *slot = &e->slots[i];
		float v[SIGNAL_VALUES], sum = 0;
		for (size_t k = 0; k < slot->n_words; k++) {
			reading_get(g, SIGNAL_WORD, slot->words[k], 0, v);
			sum += logf((v[0] + 2) / (v[1] + 2));
		}
		e->columns[i * e->n_columns + COLUMN_WORDS] = slot->n_words ? sum / (float)slot->n_words : 0;
	}
}

static void measure_kin(struct reading *g, struct example *e, const struct rank_item *items)
{
	const four *reads = (const four *)g->kin;
	for (size_t i = 0; i < e->n; i++) {
		if (!items[i].segment)
			continue;
		const four *at = (const four *)reading_stands(g, items[i].segment, items[i].slot);
		four sum = at[0] * reads[0] + at[1] * reads[1] + (at[2] * reads[2] + at[3] * reads[3]);
		e->columns[i * e->n_columns + COLUMN_KIN] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
	}
}
_Static_assert(KIN_DIMS + 1 == 4 * sizeof(four) / sizeof(float), "all of them");

static void measure_grams(struct reading *g, struct example *e, const struct rank_item *items)
{
	for (size_t i = 0; i < e->n; i++)
		if (items[i].segment)
			e->columns[i * e->n_columns + COLUMN_GRAMS] =
				grams_likeness(&g->grams, items[i].segment->card[items[i].slot]->title);
}

/* Short vectors have length 127. */
static void measure_dense_of(const struct reading *g, const struct catalog_segment *s, uint32_t slot, float *x)
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

static void measure_dense(const struct reading *g, struct example *e, const struct rank_item *items)
{
	for (size_t i = 0; i < e->n && g->n_dense > 0; i++)
		if (items[i].segment)
			measure_dense_of(g, items[i].segment, items[i].slot, e->columns + i * e->n_columns);
}

static float co_reading(const struct reading *g, uint32_t article)
{
	float v[SIGNAL_VALUES], n[SIGNAL_VALUES], other[SIGNAL_VALUES], sum = 0;
	reading_get(g, SIGNAL_READ, article, 0, n);
	if (n[0] == 0)
		return 0;
	for (size_t i = 0; i < g->n_reads && i < EXAMPLE_RECENT; i++) {
		bool swapped;
		uint64_t key = signal_pair_key(SIGNAL_CO_READ, article, g->reads[i].article, &swapped);
		signals_get(g->two->signals, SIGNAL_CO_READ, key, g->minute, v);
		if (v[0] == 0)
			continue;
		reading_get(g, SIGNAL_READ, g->reads[i].article, 0, other);
		sum += v[0] / sqrtf((n[0] + 5) * (other[0] + 5));
	}
	return sum;
}

static void measure_co_reading(const struct reading *g, struct example *e, const struct rank_item *items)
{
	for (size_t i = 0; i < e->n; i++)
		if (items[i].segment)
			e->columns[i * e->n_columns + COLUMN_CO_READ] = co_reading(g, e->slots[i].article);
}

/* Head to head with every other of the list: quadratic, which is why a model has to ask for it. */
static void measure_head_of(const struct reading *g, const struct example *e, size_t slot, float *x)
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

static void measure_head(const struct reading *g, struct example *e)
{
	for (size_t i = 0; i < e->n && e->n > 1; i++)
		measure_head_of(g, e, i, e->columns + i * e->n_columns);
}
_Static_assert((int)CATALOG_DENSE == (int)KERNEL_WIDTH, "dots are of whole vectors");
_Static_assert((int)EXAMPLE_WORDS == (int)CATALOG_WORDS && (int)KIN_WORDS == (int)CATALOG_WORDS, "the same words");

/* ---- all of them ---- */

/* Zeros from FIRST_OF_SOME on: four at a time, which is less than starting a memset takes. */
static void clear_some(float *x)
{
	for (size_t c = FIRST_OF_SOME; c < N_COLUMNS; c += 4)
		*(four *)(x + (c + 4 <= N_COLUMNS ? c : N_COLUMNS - 4)) = (four){0};
}

/* What asks for nothing further away than the rows. */
static void take_rows(struct reading *g, const struct rank_item *items, size_t n, const struct to_log *logs,
                      struct names *names)
{
	for (size_t i = 0; i < n; i++) {
		if (!items[i].segment) {
			take_nothing(logs, i);
			continue;
		}
		names[i] = ask_names(g, &items[i].segment->row[items[i].slot]);
		take_to_log(g, &items[i], logs, i);
	}
}

/* What every candidate has, and what the reader did with its story, section and source. */
static void measure_rows(const struct reading *g, struct example *e, const struct rank_item *items,
                         const struct to_log *logs, const struct names *names)
{
	for (size_t i = 0; i < e->n; i++) {
		const struct rank_item *item = &items[i];
		float *x = e->columns + i * e->n_columns;
		clear_some(x);
		e->slots[i] = (struct example_slot){.article = item->article};
		if (!item->segment) {
			memset(x, 0, FIRST_OF_SOME * sizeof(*x));
			continue;
		}
		const struct catalog_row *row = &item->segment->row[item->slot];
		e->slots[i].section = row->section;
		e->slots[i].n_words = row->n_words;
		memcpy(e->slots[i].words, item->segment->words[item->slot].topic, sizeof(e->slots[i].words));
		measure_shared(g, item, logs, i, x);
		measure_exposure(g, item->story, x);
		measure_names(&names[i], x);
	}
}

int shortlist_measure(struct reading *g, struct example *e, const struct rank_item *items, struct arena *arena)
{
	const struct wanted *w = &g->wanted;
	struct to_log logs;
	struct names *names = arena_alloc(arena, e->n * sizeof(*names) + 1);
	if (!names || to_log_new(&logs, arena, e->n) < 0)
		return -ENOMEM;
	take_rows(g, items, e->n, &logs, names);
	measure_asked(g);
	take_logs(g->kernels, &logs, e->n, g->rate);
	measure_rows(g, e, items, &logs, names);
	if (w->similar)
		measure_similar(g, e, items);
	if (w->interests || w->similar_top)
		measure_content(g, e, items);
	if (w->words)
		measure_words(g, e);
	if (w->kin && g->two->space)
		measure_kin(g, e, items);
	if (w->grams)
		measure_grams(g, e, items);
	if (w->dense)
		measure_dense(g, e, items);
	if (w->co_read)
		measure_co_reading(g, e, items);
	if (w->head)
		measure_head(g, e);
	return 0;
}
