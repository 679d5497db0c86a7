/* The reader's side of a shortlist: what was read and shown of late, looked up once a request. What the reads say of
 * topics is turned round into one table by topic, so that one walk over a candidate's vector meets interests, the mean of
 * all reads and, where asked for, every read that shares a topic with it.
 *
 * Reads lie all over the catalogue's memory. They are looked up in rounds that each fetch what the next one needs. */
#include "engine/rank/shortlist_internal.h"

#include <math.h>

#define NEGATIVE (1u << EVENT_DISLIKE | 1u << EVENT_HIDE)
#define RECENT_HALF_LIFE 8.0f /* reads */

int rank_reading_new(struct reading **out)
{
	struct reading *g = aligned_alloc(_Alignof(struct reading), sizeof(*g));
	if (!g)
		return -ENOMEM;
	memset(g, 0, sizeof(*g));
	g->kernels = kernels_best();
	*out = g;
	return 0;
}

void rank_reading_free(struct reading *g)
{
	if (!g)
		return;
	numbers_free(&g->stories);
	numbers_free(&g->section_index);
	numbers_free(&g->source_index);
	free(g);
}

static float saturated(float interest)
{
	return isinf(interest) ? copysignf(4, interest) : interest / (1 + fabsf(interest) / 4);
}

static struct wanted wanted_of(const struct model *m)
{
	const bool *on = m->columns; /* by one of each group: groups are left out whole */
	return (struct wanted){.interests = on[COLUMN_TOPIC_LONG], .similar = on[COLUMN_SIMILAR_MEAN],
	                       .similar_top = on[COLUMN_SIMILAR_TOP],
	                       .grams = on[COLUMN_GRAMS], .words = on[COLUMN_WORDS], .kin = on[COLUMN_KIN],
	                       .dense = on[COLUMN_DENSE_TOP], .co_read = on[COLUMN_CO_READ], .head = on[COLUMN_HEAD_3H]};
}

/* ---- topics ---- */

static uint32_t place_topic(struct reading *g, uint32_t topic)
{
	uint32_t at = reading_find(g, topic);
	if (g->topics[at].topic == 0) {
		g->filter[reading_filter(topic)] = 1;
		g->topics[at].topic = topic;
		g->known[at] = (struct known){.first = -1};
	}
	return at;
}

static void take_interests(struct reading *g)
{
	struct profile_interest interests[PROFILE_TOPICS + PROFILE_AFFINITIES];
	const struct rank_request *q = g->request;
	if (!q->reader.profile || !g->wanted.interests)
		return;
	size_t n = profile_read_all(q->profile_config, q->reader.profile, q->now_ms, interests);
	for (size_t i = 0; i < n; i++)
		if (interests[i].topic) {
			struct known *k = &g->known[place_topic(g, interests[i].topic)];
			k->short_term = saturated(interests[i].short_term);
			k->long_term = saturated(interests[i].long_term);
		}
}

static void take_words(struct reading *g, const struct read *read)
{
	const struct catalog_words *words = &read->segment->words[read->slot];
	for (size_t i = 0; i < CATALOG_WORDS && words->topic[i]; i++)
		g->topics[place_topic(g, words->topic[i])].mean += words->share[i] / (float)g->n_reads;
}

static void take_vector(struct reading *g, uint32_t r)
{
	size_t n;
	struct read *read = &g->reads[r];
	const struct topic_term *vector = catalog_vector(read->segment, read->slot, &n);
	read->norm = read->segment->row[read->slot].content_norm;
	for (size_t i = 0; i < n; i++) {
		if (!catalog_is_content(vector[i].topic) || vector[i].weight == 0)
			continue;
		struct known *k = &g->known[place_topic(g, vector[i].topic)];
		g->postings[g->n_postings] =
			(struct posting){.next = k->first, .read = r, .weight = (float)vector[i].weight / TOPIC_TERM_ONE};
		k->first = (int32_t)g->n_postings++;
	}
}

static void take_topics(struct reading *g)
{
	const struct wanted *w = &g->wanted;
	size_t n = w->interests ? PROFILE_TOPICS + PROFILE_AFFINITIES : 0;
	for (size_t r = 0; r < g->n_reads && (w->similar || w->similar_top); r++)
		n += w->similar_top ? g->reads[r].segment->row[g->reads[r].slot].n_vector : CATALOG_WORDS;
	g->topics_mask = 15;
	while (g->topics_mask < 2 * n)
		g->topics_mask = 2 * g->topics_mask + 1;
	memset(g->topics, 0, (g->topics_mask + 1) * sizeof(*g->topics));
	memset(g->filter, 0, sizeof(g->filter));
	g->n_postings = 0;
	take_interests(g);
	for (uint32_t r = 0; r < g->n_reads; r++) {
		if (w->similar)
			take_words(g, &g->reads[r]);
		if (w->similar_top)
			take_vector(g, r);
	}
}

/* ---- stories ---- */

static struct exposure *exposure_of(struct reading *g, uint32_t story)
{
	int32_t *at = numbers_put(&g->stories, story);
	if (*at == 0) {
		g->exposures[g->n_exposures] = (struct exposure){0};
		*at = (int32_t)++g->n_exposures;
	}
	return &g->exposures[*at - 1];
}

static int take_exposures(struct reading *g)
{
	const struct history *h = g->request->reader.history;
	int r = numbers_reset(&g->stories, h ? h->n_shown + h->n_reads : 0u);
	g->n_exposures = 0;
	if (!h || r < 0)
		return r;
	for (size_t i = 0; i < h->n_shown; i++) /* of a story that stands there twice the later entry */
		if (h->shown[i].story) {
			struct exposure *e = exposure_of(g, h->shown[i].story);
			e->n_shown = h->shown[i].count;
			e->minute = h->shown[i].minute;
		}
	for (size_t i = 0; i < h->n_reads; i++)
		if (h->reads[i].story)
			exposure_of(g, h->reads[i].story)->n_reads++;
	return 0;
}

/* ---- reads ---- */

static void find_reads(struct reading *g)
{
	const struct history *h = g->request->reader.history;
	float share = 1;
	g->n_reads = 0;
	for (size_t i = h ? h->n_reads : 0; i-- > 0;) {
		const struct history_read *r = &h->reads[i];
		if (r->types & NEGATIVE)
			continue;
		struct catalog_place at = catalog_find(g->catalog, r->article);
		if (!at.segment)
			continue;
		g->reads[g->n_reads++] =
			(struct read){.segment = at.segment, .slot = at.slot, .article = r->article, .share = share};
		share *= exp2f(-1 / RECENT_HALF_LIFE);
		__builtin_prefetch((const char *)(&at.segment->row[at.slot] + 1) - 1); /* what does not change */
		__builtin_prefetch(&at.segment->words[at.slot]);
	}
}

static void fetch_dense(const struct reading *g)
{
	for (size_t r = 0; g->wanted.dense && r < g->n_reads; r++) {
		uint8_t space;
		const int8_t *at = catalog_dense(g->reads[r].segment, g->reads[r].slot, &space);
		if (at)
			__builtin_prefetch(at);
	}
}

static void fetch_vectors(const struct reading *g)
{
	for (size_t r = 0; g->wanted.similar_top && r < g->n_reads; r++) {
		size_t n;
		const struct topic_term *vector = catalog_vector(g->reads[r].segment, g->reads[r].slot, &n);
		for (size_t i = 0; i < n; i += 64 / sizeof(*vector))
			__builtin_prefetch(&vector[i]);
	}
}

/* Names of topics are kept in arrays of their own as they come up, first by reads, then by candidates. */
static int count_names(struct reading *g, size_t n)
{
	float most = 0;
	int r = numbers_reset(&g->section_index, g->n_reads + n);
	if (r == 0)
		r = numbers_reset(&g->source_index, g->n_reads + n);
	if (r < 0)
		return r;
	g->n_sections = g->n_sources = 0;
	g->recent_total = 0;
	g->top_section = 0;
	for (size_t i = 0; i < g->n_reads; i++) {
		const struct read *read = &g->reads[i];
		const struct catalog_row *row = &read->segment->row[read->slot];
		struct of_name *section = reading_name(&g->section_index, g->sections, &g->n_sections, row->section),
		               *source = reading_name(&g->source_index, g->sources, &g->n_sources, row->source);
		g->recent_total += read->share;
		if (section) {
			section->all += 1;
			section->recent += read->share;
		}
		if (source)
			source->all += 1;
	}
	for (size_t i = 0; i < g->n_sections; i++) /* of equals the one read last, which stands first */
		if (g->sections[i].recent > most) {
			most = g->sections[i].recent;
			g->top_section = g->sections[i].name;
		}
	return 0;
}

/* ---- where things stand ---- */

void reading_place_anew(struct reading *g, const struct catalog_segment *s, uint32_t slot, size_t place)
{
	g->stood.article[place] = reading_article(s, slot);
	kin_place(g->two->space, s->words[slot].topic, s->row[slot].n_words, g->stood.at[place]);
}

/* Nothing stands where it stood in another space. */
static void take_space(struct reading *g)
{
	const struct kin_space *space = g->two->space;
	if (!space || g->stood.number == space->number)
		return;
	memset(g->stood.article, 0, sizeof(g->stood.article));
	g->stood.number = space->number;
}

static void take_kin(struct reading *g)
{
	memset(g->kin, 0, sizeof(g->kin));
	for (size_t r = 0; g->wanted.kin && g->two->space && r < g->n_reads; r++) {
		const float *at = reading_stands(g, g->reads[r].segment, g->reads[r].slot);
		for (size_t d = 0; d <= KIN_DIMS; d++)
			g->kin[d] += at[d] / (float)g->n_reads;
	}
}

static void take_dense(struct reading *g)
{
	for (size_t i = 0; i < g->n_dense; i++)
		g->dense[i] = (struct dense_reads){0};
	g->n_dense = 0;
	for (size_t r = 0; g->wanted.dense && r < g->n_reads; r++) {
		uint8_t space;
		const int8_t *at = catalog_dense(g->reads[r].segment, g->reads[r].slot, &space);
		if (!at || space > DENSE_SPACES_MAX)
			continue;
		struct dense_reads *of = &g->dense[space - 1];
		g->n_dense = space > g->n_dense ? space : g->n_dense;
		of->any = true;
		for (size_t d = 0; d < CATALOG_DENSE; d++)
			of->mean[d] += (float)at[d];
		if (r < DENSE_READS)
			reading_widen(at, of->at[of->n++]);
	}
	for (size_t i = 0; i < g->n_dense; i++) {
		float square = 0;
		for (size_t d = 0; d < CATALOG_DENSE; d++)
			square += g->dense[i].mean[d] * g->dense[i].mean[d];
		float scale = square > 0 ? 1 / sqrtf(square) : 0;
		for (size_t d = 0; d < CATALOG_DENSE; d++)
			g->dense[i].mean[d] *= scale;
	}
}

static void take_grams(struct reading *g)
{
	if (!g->wanted.grams)
		return;
	grams_clear(&g->grams);
	for (size_t r = 0; r < g->n_reads; r++)
		grams_add(&g->grams, g->reads[r].segment->card[g->reads[r].slot]->title);
	grams_close(&g->grams);
}

void reading_document(const struct reading *g, struct example *e)
{
	e->n_reads = (uint8_t)(g->n_reads < KIN_READS ? g->n_reads : KIN_READS);
	e->n_read_rows = 0;
	for (size_t r = 0; r < e->n_reads; r++) {
		const struct read *read = &g->reads[r];
		size_t n = read->segment->row[read->slot].n_words;
		for (size_t i = 0; i < n; i++)
			e->read_rows[e->n_read_rows++] = kin_row(read->segment->words[read->slot].topic[i]);
	}
}

int reading_prepare(struct reading *g, const struct catalog *c, const struct rank_request *request,
                    const struct rank_stage_two *two, size_t n)
{
	float v[SIGNAL_VALUES];
	g->catalog = c;
	g->request = request;
	g->two = two;
	g->minute = (uint32_t)(request->now_ms / 60000);
	g->wanted = wanted_of(request->model);
	find_reads(g);
	fetch_vectors(g);
	fetch_dense(g);
	int r = take_exposures(g);
	if (r == 0)
		r = count_names(g, n);
	if (r < 0)
		return r;
	take_topics(g);
	take_space(g);
	take_kin(g);
	take_dense(g);
	take_grams(g);
	reading_get(g, SIGNAL_ALL, 0, 0, v);
	g->rate = (v[0] + 1) / (v[1] + 12);
	reading_get(g, SIGNAL_SECTION, 0, 0, v);
	g->clicks = v[0];
	g->taste = 0;
	if (two->user) {
		reading_get(g, SIGNAL_TASTE, two->user, 0, v);
		g->taste = v[0] / (v[1] + 5);
	}
	return 0;
}
