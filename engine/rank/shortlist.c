/* The columns of a shortlist, measured. What the reader read of late is looked up once a request and turned round into
 * lists by topic, so that one walk over a story's vector meets both the reader's interests and every read that shares a
 * word with it. */
#include "engine/rank/shortlist.h"

#include <assert.h>
#include <math.h>

#include "engine/base/hash.h"
#include "engine/rank/rank_internal.h"

#define NEGATIVE (1u << EVENT_DISLIKE | 1u << EVENT_HIDE)
#define RECENT_HALF_LIFE 8.0f /* reads */

/* One of the reader's last reads that is still live. */
struct read {
	uint32_t article, section, source;
	float share; /* 2^-(reads since / RECENT_HALF_LIFE) */
	float norm;  /* of the content part of its vector */
};

/* A topic that the reader's interests or reads name. */
struct known {
	float short_term, long_term; /* saturated */
	int32_t first; /* of its postings; -1 none */
};

struct posting {
	int32_t next;
	uint32_t read; /* index in reads */
	float weight;
};

struct count {
	uint32_t section;
	float all, recent;
};

struct reading {
	const struct catalog *catalog;
	const struct rank_request *request;
	const struct rank_stage_two *two;
	uint32_t minute;
	size_t n_reads, n_known, n_postings, n_sections, n_sources;
	float recent_total, taste;
	float clicks_all, shows_all, rate; /* overall click-through */
	uint32_t top_section;
	struct numbers index; /* topic -> 1 + known */
	struct read *reads;         /* [HISTORY_READS] newest first */
	struct known *known;        
	struct posting *postings;   /* [HISTORY_READS * LIMIT_VECTOR] */
	struct count sections[HISTORY_READS], sources[HISTORY_READS];
};

static bool is_content(uint32_t topic)
{
	enum topic_namespace ns = topic_namespace_of(topic);
	return ns != TOPIC_SECTION && ns != TOPIC_SOURCE;
}

static float saturated(float interest)
{
	return isinf(interest) ? copysignf(4, interest) : interest / (1 + fabsf(interest) / 4);
}

static struct known *known_topic(struct reading *g, uint32_t topic)
{
	int32_t *at = numbers_put(&g->index, topic);
	if (*at == 0) {
		g->known[g->n_known] = (struct known){.first = -1};
		*at = (int32_t)++g->n_known;
	}
	return &g->known[*at - 1];
}

static void take_interests(struct reading *g)
{
	struct profile_interest interests[PROFILE_TOPICS + PROFILE_AFFINITIES];
	const struct rank_request *q = g->request;
	if (!q->reader.profile)
		return;
	size_t n = profile_read(q->profile_config, q->reader.profile, q->now_ms, interests,
	                        PROFILE_TOPICS + PROFILE_AFFINITIES);
	for (size_t i = 0; i < n; i++) {
		struct known *k = interests[i].topic ? known_topic(g, interests[i].topic) : NULL;
		if (k) {
			k->short_term = saturated(interests[i].short_term);
			k->long_term = saturated(interests[i].long_term);
		}
	}
}

static void add_count(struct count *counts, size_t *n, uint32_t section, float recent)
{
	size_t i = 0;
	if (!section)
		return;
	while (i < *n && counts[i].section != section)
		i++;
	if (i == *n)
		counts[(*n)++] = (struct count){.section = section};
	counts[i].all += 1;
	counts[i].recent += recent;
}

static void take_vector(struct reading *g, const struct catalog_segment *s, uint32_t slot, struct read *read)
{
	size_t n;
	const struct topic_term *vector = catalog_vector(s, slot, &n);
	double square = 0;
	for (size_t i = 0; i < n; i++) {
		float weight = (float)vector[i].weight / TOPIC_TERM_ONE;
		if (!is_content(vector[i].topic) || weight == 0)
			continue;
		struct known *k = known_topic(g, vector[i].topic);
		g->postings[g->n_postings] = (struct posting){.next = k->first, .read = (uint32_t)g->n_reads, .weight = weight};
		k->first = (int32_t)g->n_postings++;
		square += (double)weight * (double)weight;
	}
	read->norm = square > 0 ? (float)(1 / sqrt(square)) : 0;
}

static void take_reads(struct reading *g)
{
	const struct history *h = g->request->reader.history;
	float share = 1;
	for (size_t i = h ? h->n_reads : 0; i-- > 0;) {
		const struct history_read *r = &h->reads[i];
		struct catalog_place at = catalog_find(g->catalog, r->article);
		if (!at.segment || (r->types & NEGATIVE))
			continue;
		struct read *read = &g->reads[g->n_reads];
		*read = (struct read){.article = r->article, .section = at.segment->section[at.slot],
		                      .source = at.segment->source[at.slot], .share = share};
		take_vector(g, at.segment, at.slot, read);
		add_count(g->sections, &g->n_sections, read->section, share);
		add_count(g->sources, &g->n_sources, read->source, share);
		g->recent_total += share;
		share *= exp2f(-1 / RECENT_HALF_LIFE);
		g->n_reads++;
	}
	float most = 0;
	for (size_t i = 0; i < g->n_sections; i++)
		if (g->sections[i].recent > most) {
			most = g->sections[i].recent;
			g->top_section = g->sections[i].section;
		}
}

static void get(const struct reading *g, enum signal_kind kind, uint64_t a, uint64_t b, float out[SIGNAL_VALUES])
{
	signals_get(g->two->signals, kind, signal_key(kind, a, b), g->minute, out);
}

static int prepare(struct reading *g, struct arena *arena)
{
	float v[SIGNAL_VALUES];
	const struct history *h = g->request->reader.history;
	size_t n_terms = (size_t)(h ? h->n_reads : 0) * LIMIT_VECTOR;
	g->reads = arena_alloc(arena, HISTORY_READS * sizeof(*g->reads));
	g->known = arena_alloc(arena, (PROFILE_TOPICS + PROFILE_AFFINITIES + n_terms) * sizeof(*g->known));
	g->postings = arena_alloc(arena, (n_terms + 1) * sizeof(*g->postings));
	if (!g->reads || !g->known || !g->postings ||
	    numbers_reset(&g->index, PROFILE_TOPICS + PROFILE_AFFINITIES + n_terms) < 0)
		return -ENOMEM;
	take_interests(g);
	take_reads(g);
	get(g, SIGNAL_ALL, 0, 0, v);
	g->rate = (v[0] + 1) / (v[1] + 12);
	if (g->two->user) {
		get(g, SIGNAL_TASTE, g->two->user, 0, v);
		g->taste = v[0] / (v[1] + 5);
	}
	return 0;
}

/* ---- one story ---- */

static float load(const _Atomic float *x)
{
	return atomic_load_explicit(x, memory_order_relaxed);
}

static void measure_popularity(const struct reading *g, const struct catalog_segment *s, uint32_t slot, float *x)
{
	enum { PRIOR = 10 };
	for (int h = 0; h < N_HALF_LIVES; h++) {
		float clicks = load(&s->clicks[slot][h]), shows = load(&s->shows[slot][h]), expected = load(&s->expected[slot][h]);
		float shown = clicks > shows ? shows + (clicks - shows) / g->rate : shows;
		x[COLUMN_CLICKS + h] = log1pf(clicks);
		x[COLUMN_SHOWS + h] = log1pf(shows);
		x[COLUMN_CTR + h] = logf((clicks + PRIOR * g->rate) / ((shown + PRIOR) * g->rate));
		x[COLUMN_LIFT + h] = logf((clicks + 1) / (expected + 1));
	}
	int64_t age_ms = g->request->now_ms - s->published_ms[slot];
	x[COLUMN_AGE] = age_ms > 0 ? log1pf((float)((double)age_ms / 3600000)) : 0;
	x[COLUMN_BOOST] = logf(load(&s->boost[slot]));
	x[COLUMN_PREMIUM] = atomic_load_explicit(&s->flags[slot], memory_order_relaxed) & SLOT_PREMIUM ? 1.0f : 0.0f;
	x[COLUMN_TASTE] = g->taste * x[COLUMN_CTR + 3];
}

static void measure_exposure(const struct reading *g, uint32_t story, float *x)
{
	const struct history *h = g->request->reader.history;
	for (size_t i = h ? h->n_shown : 0; story && i-- > 0;)
		if (h->shown[i].story == story) {
			x[COLUMN_SEEN] = log1pf(h->shown[i].count);
			x[COLUMN_SEEN_AGO] = log1pf(g->minute > h->shown[i].minute ? (float)(g->minute - h->shown[i].minute) : 0);
			break;
		}
	unsigned n = 0;
	for (size_t i = h ? h->n_reads : 0; story && i-- > 0;)
		n += h->reads[i].story == story;
	x[COLUMN_STORY_READ] = log1pf((float)n);
}

static const struct count *count_of(const struct count *counts, size_t n, uint32_t section)
{
	static const struct count none = {0};
	for (size_t i = 0; i < n; i++)
		if (counts[i].section == section)
			return &counts[i];
	return &none;
}

static void measure_sections(const struct reading *g, const struct catalog_segment *s, uint32_t slot, float *x)
{
	float v[SIGNAL_VALUES], all[SIGNAL_VALUES];
	uint32_t section = s->section[slot], source = s->source[slot];
	if (section) {
		const struct count *n = count_of(g->sections, g->n_sections, section);
		get(g, SIGNAL_SECTION, section, 0, v);
		get(g, SIGNAL_SECTION, 0, 0, all);
		float p = (v[0] + 1) / (all[0] + 20);
		x[COLUMN_SECTION_ALL] = logf((n->all + 10 * p) / ((float)g->n_reads + 10) / p);
		x[COLUMN_SECTION_RECENT] = logf((n->recent + 4 * p) / (g->recent_total + 4) / p);
		get(g, SIGNAL_NEXT, g->top_section, section, v);
		x[COLUMN_SECTION_NEXT] = logf((v[0] + 2) / (v[1] + 2));
	}
	if (source)
		x[COLUMN_SOURCE_ALL] = logf((count_of(g->sources, g->n_sources, source)->all + 1) / ((float)g->n_reads / 10 + 1));
}

/* One walk over the vector: interests, similarity to each read, the heaviest words. */
static void measure_content(const struct reading *g, const struct catalog_segment *s, uint32_t slot, float *x,
                            struct example_slot *out)
{
	float with[HISTORY_READS] = {0}, five[5] = {0}, total = 0;
	int16_t heaviest[EXAMPLE_WORDS];
	double square = 0;
	size_t n;
	assert(out->n_words == 0);
	const struct topic_term *vector = catalog_vector(s, slot, &n);
	for (size_t i = 0; i < n; i++) {
		float weight = (float)vector[i].weight / TOPIC_TERM_ONE;
		enum topic_namespace ns = topic_namespace_of(vector[i].topic);
		int32_t at = numbers_get(&g->index, vector[i].topic);
		if (at) {
			const struct known *k = &g->known[at - 1];
			if (ns == TOPIC_TERM) {
				x[COLUMN_TERM_SHORT] += k->short_term * weight;
				x[COLUMN_TERM_LONG] += k->long_term * weight;
			} else if (ns == TOPIC_TAG || ns == TOPIC_AUTHOR) {
				x[COLUMN_TOPIC_SHORT] += k->short_term * weight;
				x[COLUMN_TOPIC_LONG] += k->long_term * weight;
			} else if (ns == TOPIC_PLACE) {
				x[COLUMN_PLACE] += k->long_term * weight;
			}
			for (int32_t p = k->first; p >= 0; p = g->postings[p].next)
				with[g->postings[p].read] += weight * g->postings[p].weight;
		}
		if (ns == TOPIC_TERM) { /* insertion into the heaviest */
			int16_t w = vector[i].weight;
			size_t place = out->n_words < EXAMPLE_WORDS ? out->n_words : EXAMPLE_WORDS;
			while (place > 0 && heaviest[place - 1] < w)
				place--;
			if (place < EXAMPLE_WORDS) {
				size_t last = out->n_words < EXAMPLE_WORDS ? out->n_words++ : EXAMPLE_WORDS - 1;
				for (size_t k = last; k > place; k--) {
					heaviest[k] = heaviest[k - 1];
					out->words[k] = out->words[k - 1];
				}
				heaviest[place] = w;
				out->words[place] = vector[i].topic;
			}
		}
		if (is_content(vector[i].topic))
			square += (double)weight * (double)weight;
	}
	float norm = square > 0 ? (float)(1 / sqrt(square)) : 0;
	for (size_t r = 0; r < g->n_reads; r++) {
		float cosine = with[r] * norm * g->reads[r].norm;
		total += cosine;
		for (int k = 0; k < 5 && cosine > 0; k++)
			if (cosine > five[k]) {
				float less = five[k];
				five[k] = cosine;
				cosine = less;
			}
	}
	x[COLUMN_SIMILAR_BEST] = five[0];
	x[COLUMN_SIMILAR_TOP] = (five[0] + five[1] + five[2] + five[3] + five[4]) / 5;
	x[COLUMN_SIMILAR_MEAN] = g->n_reads ? total / (float)g->n_reads : 0;
}

static void measure_words(const struct reading *g, const struct example_slot *slot, float *x)
{
	float v[SIGNAL_VALUES], sum = 0;
	for (size_t i = 0; i < slot->n_words; i++) {
		get(g, SIGNAL_WORD, slot->words[i], 0, v);
		sum += logf((v[0] + 2) / (v[1] + 2));
	}
	x[COLUMN_WORDS] = slot->n_words ? sum / (float)slot->n_words : 0;
}

static void measure_co_reading(const struct reading *g, uint32_t article, float *x)
{
	float v[SIGNAL_VALUES], n[SIGNAL_VALUES], other[SIGNAL_VALUES], sum = 0;
	get(g, SIGNAL_READ, article, 0, n);
	if (n[0] == 0)
		return;
	for (size_t i = 0; i < g->n_reads && i < EXAMPLE_RECENT; i++) {
		bool swapped;
		uint64_t key = signal_pair_key(SIGNAL_CO_READ, article, g->reads[i].article, &swapped);
		signals_get(g->two->signals, SIGNAL_CO_READ, key, g->minute, v);
		if (v[0] == 0)
			continue;
		get(g, SIGNAL_READ, g->reads[i].article, 0, other);
		sum += v[0] / sqrtf((n[0] + 5) * (other[0] + 5));
	}
	x[COLUMN_CO_READ] = sum;
}

/* Head to head with every other of the list: quadratic, which is why a model has to ask for it. */
static void measure_head(const struct reading *g, const struct example *e, size_t slot, float *x)
{
	float v[SIGNAL_VALUES], sum_3h = 0, sum_12h = 0;
	uint32_t own = e->slots[slot].article;
	get(g, SIGNAL_HEAD_TOTAL, own, 0, v);
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

/* ---- the list ---- */

static void summarise(struct example *e)
{
	for (size_t c = 0; c < e->n_columns; c++) {
		double sum = 0, square = 0;
		for (size_t i = 0; i < e->n; i++)
			sum += (double)e->columns[i * e->n_columns + c];
		double mean = sum / (double)e->n;
		for (size_t i = 0; i < e->n; i++) {
			double d = (double)e->columns[i * e->n_columns + c] - mean;
			square += d * d;
		}
		e->mean[c] = (float)mean;
		e->deviation[c] = (float)sqrt(square / (double)e->n);
	}
}

struct by_ctr {
	float ctr;
	uint32_t slot;
};

static int higher_first(const void *a, const void *b)
{
	const struct by_ctr *x = a, *y = b;
	return x->ctr != y->ctr ? (x->ctr < y->ctr ? 1 : -1) : 0;
}

static int rank_by_ctr(struct example *e, struct arena *arena)
{
	struct by_ctr *order = arena_alloc(arena, e->n * sizeof(*order) + 1);
	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < e->n; i++)
		order[i] = (struct by_ctr){e->columns[i * e->n_columns + COLUMN_CTR + 3], (uint32_t)i};
	qsort(order, e->n, sizeof(*order), higher_first);
	for (size_t i = 0, rank = 0; i < e->n; i++) {
		rank = i > 0 && order[i].ctr == order[i - 1].ctr ? rank : i;
		e->slots[order[i].slot].ctr_rank = (uint16_t)rank;
	}
	return 0;
}

static void measure(const struct reading *g, struct example *e, const struct rank_item *items)
{
	const struct model *m = g->request->model;
	for (size_t i = 0; i < e->n; i++) {
		const struct catalog_segment *s = items[i].segment;
		uint32_t slot = items[i].slot;
		float *x = e->columns + i * e->n_columns;
		struct example_slot *out = &e->slots[i];
		out->article = items[i].article;
		if (!s)
			continue;
		out->section = s->section[slot];
		x[COLUMN_STAGE_ONE] = (float)items[i].score / RANK_ONE;
		measure_popularity(g, s, slot, x);
		measure_exposure(g, items[i].story, x);
		measure_sections(g, s, slot, x);
		measure_content(g, s, slot, x, out);
		measure_words(g, out, x);
		if (m->columns[COLUMN_CO_READ])
			measure_co_reading(g, out->article, x);
	}
	for (size_t i = 0; i < e->n && m->columns[COLUMN_HEAD_3H] && e->n > 1; i++)
		measure_head(g, e, i, e->columns + i * e->n_columns);
}

int rank_shortlist(struct rank_scratch *s, const struct catalog *c, const struct rank_request *request,
                   const struct rank_stage_two *two, const struct rank_item *items, size_t n, struct arena *arena,
                   struct example **out)
{
	struct reading *g = arena_calloc(arena, 1, sizeof(*g));
	struct example *e = example_new(arena, n, N_COLUMNS);
	if (!g || !e)
		return -ENOMEM;
	g->catalog = c;
	g->request = request;
	g->two = two;
	g->minute = (uint32_t)(request->now_ms / 60000);
	g->index = s->shortlist_index;
	int r = prepare(g, arena);
	s->shortlist_index = g->index;
	if (r < 0)
		return r;
	e->user = two->user;
	e->at_ms = request->now_ms;
	e->top_section = g->top_section;
	e->n_listed = (uint16_t)n;
	for (size_t i = 0; i < g->n_reads && i < EXAMPLE_RECENT; i++)
		e->recent[e->n_recent++] = g->reads[i].article;
	measure(g, e, items);
	summarise(e);
	r = rank_by_ctr(e, arena);
	if (r == 0)
		*out = e;
	return r;
}

/* ---- scores ---- */

size_t rank_parts(const struct model *m, const struct rank_stage_two *two, struct rank_part out[MODEL_MEMBERS_MAX])
{
	if (m->kind != MODEL_ENSEMBLE) {
		out[0] = (struct rank_part){m, two->learned, 1};
		return 1;
	}
	for (size_t i = 0; i < m->n_members; i++)
		out[i] = (struct rank_part){m->members[i].model, two->members[i], m->members[i].weight};
	return m->n_members;
}

uint64_t rank_step(const struct model *m, const struct rank_stage_two *two)
{
	struct rank_part parts[MODEL_MEMBERS_MAX];
	size_t n = rank_parts(m, two, parts);
	const struct rank_learned *first = NULL;
	for (size_t k = 0; k < n; k++) {
		if (first && parts[k].learned && parts[k].learned->step != first->step)
			return EXAMPLE_NO_STEP;
		first = first ? first : parts[k].learned;
	}
	return first ? first->step : 0;
}

/* Whether nothing was learnt since it was published, nor is being learnt. */
static bool is_still(const struct rank_learned *l)
{
	return !l || atomic_load_explicit(l->changes, memory_order_acquire) == l->changes_then;
}

/* inputs: [n][2 * N_COLUMNS], sums: [n], scratch both. */
static int score_part(const struct rank_part *part, const struct example *e, const uint16_t *which, float *inputs,
                      float *sums, double *out)
{
	const struct rank_learned *l = part->learned;
	rank_inputs(part->model, e, which, e->n, inputs);
	for (size_t i = 0; l && l->crosses && i < e->n; i++) {
		uint32_t at[CROSS_SLOTS_MAX];
		uint8_t kind[CROSS_SLOTS_MAX];
		size_t n = rank_crosses(part->model, e, i, l->cross_mask, at, kind);
		sums[i] = 0;
		for (size_t k = 0; k < n; k++)
			sums[i] += atomic_load_explicit(&l->crosses[at[k]].weight, memory_order_acquire);
	}
	struct model_slate slate = {.n = e->n, .n_columns = N_COLUMNS, .inputs = inputs,
	                            .cross_sums = l && l->crosses ? sums : NULL};
	return model_shortlist_score(part->model, l ? l->params : NULL, &slate, out);
}

int rank_shortlist_score(const struct model *m, const struct rank_stage_two *two, struct example *e,
                         struct arena *arena, double *out)
{
	struct rank_part parts[MODEL_MEMBERS_MAX];
	size_t n_parts = rank_parts(m, two, parts);
	uint16_t *which = arena_alloc(arena, e->n * sizeof(*which) + 1);
	float *inputs = arena_alloc(arena, e->n * 2 * N_COLUMNS * sizeof(*inputs) + 1);
	float *sums = arena_alloc(arena, e->n * sizeof(*sums) + 1);
	double *scores = arena_alloc(arena, e->n * sizeof(*scores) + 1);
	bool still = true;
	if (!which || !inputs || !sums || !scores)
		return -ENOMEM;
	for (size_t i = 0; i < e->n; i++) {
		which[i] = (uint16_t)i;
		out[i] = 0;
	}
	for (size_t k = 0; k < n_parts; k++) {
		still = still && is_still(parts[k].learned);
		int r = score_part(&parts[k], e, which, inputs, sums, scores);
		if (r < 0)
			return r;
		for (size_t i = 0; i < e->n; i++)
			out[i] += parts[k].weight * scores[i];
		still = still && (is_still(parts[k].learned) || !parts[k].learned->crosses);
	}
	memcpy(e->model, m->name, sizeof(e->model));
	e->step = still ? rank_step(m, two) : EXAMPLE_NO_STEP;
	return 0;
}

struct placed_item {
	struct rank_item item;
	uint32_t from;
};

static int best_first(const void *a, const void *b)
{
	const struct rank_item *x = &((const struct placed_item *)a)->item, *y = &((const struct placed_item *)b)->item;
	if (rank_before(x->score, x->published_ms, x->article, y->score, y->published_ms, y->article))
		return -1;
	return rank_before(y->score, y->published_ms, y->article, x->score, x->published_ms, x->article);
}

int rank_shortlist_order(const struct model *m, const struct rank_stage_two *two, struct example *e,
                         struct rank_item *items, size_t n, struct arena *arena)
{
	double *scores = arena_alloc(arena, n * sizeof(*scores) + 1);
	struct placed_item *placed = arena_alloc(arena, n * sizeof(*placed) + 1);
	struct example_slot *slots = arena_alloc(arena, n * sizeof(*slots) + 1);
	float *columns = arena_alloc(arena, n * e->n_columns * sizeof(*columns) + 1);
	if (!scores || !placed || !slots || !columns)
		return -ENOMEM;
	int r = rank_shortlist_score(m, two, e, arena, scores);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		items[i].score = (int32_t)lrint(fmin(fmax(scores[i], -255), 255) * RANK_ONE);
		placed[i] = (struct placed_item){items[i], (uint32_t)i};
	}
	qsort(placed, n, sizeof(*placed), best_first);
	for (size_t i = 0; i < n; i++) {
		items[i] = placed[i].item;
		slots[i] = e->slots[placed[i].from];
		memcpy(columns + i * e->n_columns, e->columns + placed[i].from * e->n_columns, e->n_columns * sizeof(*columns));
	}
	e->slots = slots;
	e->columns = columns;
	return 0;
}
