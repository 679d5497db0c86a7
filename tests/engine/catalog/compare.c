#include "tests/engine/catalog/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"

static uint64_t mix(uint64_t sum, uint64_t value)
{
	return hash_mix64(sum ^ value);
}

static uint64_t bits_of(float value)
{
	uint32_t bits;
	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

void shared_score(void *ctx, unsigned model, const struct catalog_segment *s, uint32_t first, uint32_t n, int64_t minute_ms,
                  int32_t *out)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t slot = first + i;
		uint64_t sum = mix(model, (uint64_t)minute_ms);
		size_t n_vector;
		catalog_vector(s, slot, &n_vector);
		sum = mix(mix(mix(sum, s->article[slot]), (uint64_t)s->published_ms[slot]), n_vector);
		sum = mix(mix(sum, s->source[slot]), bits_of(s->row[slot].boost));
		for (int h = 0; h < N_HALF_LIVES; h++)
			sum = mix(mix(sum, bits_of(s->row[slot].clicks[h])), bits_of(s->row[slot].shows[h]));
		out[i] = (int32_t)(uint32_t)sum;
	}
}

/* ---- one article ---- */

/* A sum of n products of a count below 2^24 with a factor rounded to a float is off by at most n + 2 roundings of 2^-24
 * of it; factors below the least float are 0. */
static void compare_decayed(struct comparison *c, uint32_t article, enum catalog_counter counter,
                            const _Atomic float got[N_HALF_LIVES])
{
	double want[N_HALF_LIVES];
	size_t n;
	model_decayed(c->model, article, counter, want, &n);
	for (int h = 0; h < N_HALF_LIVES; h++)
		if (!(fabs((double)got[h] - want[h]) <= want[h] * (double)(n + 2) * 0x1p-24 + 1e-35))
			fail_msg("article %u, counter %d, half-life %d: %.9g, by the definition %.9g", article, counter, h,
			         (double)got[h], want[h]);
}

static void near(double got, double want, const char *what)
{
	if (!(fabs(got - want) < 1e-6 * fmax(1, fabs(want))))
		fail_msg("%s: %.9g, by the definition %.9g", what, got, want);
}

static void compare_counts(struct comparison *c, uint32_t article, const struct catalog_row *row)
{
	double clicks[N_HALF_LIVES], shows[N_HALF_LIVES], expected[N_HALF_LIVES];
	size_t n;
	compare_decayed(c, article, CATALOG_CLICKS, row->clicks);
	compare_decayed(c, article, CATALOG_SHOWS, row->shows);
	model_decayed(c->model, article, CATALOG_CLICKS, clicks, &n);
	model_decayed(c->model, article, CATALOG_SHOWS, shows, &n);
	model_decayed(c->model, article, CATALOG_EXPECTED, expected, &n);
	for (int h = 0; h < N_HALF_LIVES; h++) {
		near((double)row->log_clicks[h], log1p(clicks[h]), "ln(1 + clicks)");
		near((double)row->log_shows[h], log1p(shows[h]), "ln(1 + shows)");
		near((double)row->lift[h], log1p(clicks[h]) - log1p(expected[h] / CATALOG_EXPECTED_ONE), "lift");
	}
}

static void compare_columns(const struct model_article *a, const struct catalog_segment *s, uint32_t slot)
{
	const struct catalog_entry *e = &a->entry;
	assert_int_equal(s->article[slot], e->article);
	assert_int_equal(s->story[slot], e->story);
	assert_int_equal(s->flags[slot], 0);
	assert_int_equal(s->row[slot].premium, e->premium);
	assert_float_equal(s->row[slot].log_chars, e->log_chars, 0);
	assert_int_equal(s->moved[slot], 0);
	assert_int_equal(s->language[slot], e->language);
	assert_int_equal(s->source[slot], e->source);
	assert_int_equal(s->section[slot], e->section);
	assert_true(s->row[slot].source == e->source && s->row[slot].section == e->section);
	assert_int_equal(s->author[slot], e->author);
	assert_int_equal(s->published_ms[slot], e->published_ms);
	assert_int_equal(s->visible_from_ms[slot], e->visible_from_ms);
	assert_int_equal(s->visible_until_ms[slot], a->until_ms);
	assert_int_equal(s->created_seq[slot], e->created_seq);
	assert_true(s->editions[slot] == e->editions);
	assert_true(bits_of(s->row[slot].boost) == bits_of(e->boost));
	size_t n;
	const struct topic_term *vector = catalog_vector(s, slot, &n);
	assert_int_equal(n, e->n_vector);
	for (size_t i = 0; i < n; i++)
		assert_true(vector[i].topic == e->vector[i].topic && vector[i].weight == e->vector[i].weight);
	const struct catalog_card *got = s->card[slot], *want = &e->card;
	assert_true(span_equal(got->id, want->id) && span_equal(got->json, want->json));
	assert_true(span_equal(got->brief, want->brief) && span_equal(got->title, want->title));
}

static void compare_shared(struct comparison *c, const struct catalog_segment *s, uint32_t slot)
{
	const struct catalog_view *v = catalog_view(c->catalog);
	assert_int_equal(v->minute_ms, c->model->minute_ms);
	for (unsigned m = 0; m < CATALOG_MODELS; m++) {
		int32_t want;
		if (!c->model->model_on[m]) {
			assert_null(v->shared[m]);
			continue;
		}
		shared_score(NULL, m, s, slot, 1, v->minute_ms, &want);
		assert_int_equal(v->shared[m][s->number - v->first_number][slot], want);
	}
}

void compare_article(struct comparison *c, uint32_t article)
{
	const struct model_article *a = &c->model->articles[article];
	struct catalog_place place = catalog_find(c->catalog, article);
	if (!a->live) {
		assert_null(place.segment);
		return;
	}
	assert_non_null(place.segment);
	assert_int_equal(place.segment->number * SEGMENT_SLOTS + place.slot, a->slot);
	assert_true(place.slot < place.segment->count);
	assert_true(catalog_slot_alive(place.segment, place.slot, catalog_moves(c->catalog)));
	compare_columns(a, place.segment, place.slot);
	compare_counts(c, article, &place.segment->row[place.slot]);
	compare_shared(c, place.segment, place.slot);
}

void compare_story(struct comparison *c, uint32_t story)
{
	uint32_t *want = malloc((c->model->n_articles + 1) * sizeof(*want));
	assert_non_null(want);
	size_t n = model_members(c->model, story, want);
	const struct catalog_members *got = catalog_story(c->catalog, story);
	assert_int_equal(got ? got->n : 0, n);
	if (n)
		assert_memory_equal(got->article, want, n * sizeof(*want));
	else
		assert_null(got);
	free(want);
}

/* ---- counters ---- */

struct quarter {
	uint32_t quarter, n[N_CATALOG_COUNTERS];
};

static int by_quarter(const void *a, const void *b)
{
	const struct quarter *x = a, *y = b;
	return (x->quarter > y->quarter) - (x->quarter < y->quarter);
}

void compare_counters_record(struct comparison *c, uint32_t article)
{
	const struct model_events *e = &c->model->articles[article].events;
	struct quarter *want = calloc(e->n + 1, sizeof(*want));
	struct buf got = {0};
	size_t n = 0;
	assert_non_null(want);
	for (size_t i = 0; i < e->n; i++) {
		size_t k = 0;
		if (!model_keeps(c->model, e->list[i].quarter))
			continue;
		while (k < n && want[k].quarter != e->list[i].quarter)
			k++;
		n += k == n;
		want[k].quarter = (uint32_t)e->list[i].quarter;
		want[k].n[e->list[i].counter]++;
	}
	qsort(want, n, sizeof(*want), by_quarter);
	catalog_counters_encode(c->catalog, article, &got);
	assert_false(got.failed);
	assert_int_equal(got.len, 2 + n * sizeof(*want));
	uint16_t n_got;
	memcpy(&n_got, got.data, 2);
	assert_int_equal(n_got, n);
	if (n)
		assert_memory_equal((const char *)got.data + 2, want, n * sizeof(*want));
	buf_free(&got);
	free(want);
}

void compare_dirty(struct comparison *c)
{
	struct model *m = c->model;
	for (uint32_t article; (article = catalog_take_dirty(c->catalog)) != 0;) {
		assert_in_range(article, 1, m->n_articles);
		assert_true(m->articles[article].may_save);
		m->articles[article].may_save = m->articles[article].must_save = false;
		compare_counters_record(c, article);
	}
	for (uint32_t i = 1; i <= m->n_articles; i++) {
		assert_false(m->articles[i].must_save);
		m->articles[i].may_save = false;
	}
}

/* ---- all ---- */

struct visit {
	struct comparison *comparison;
	uint8_t *seen; /* [n_articles + 1] */
	size_t n;
};

static void visit_slot(void *ctx, const struct catalog_segment *s, uint32_t slot)
{
	struct visit *v = ctx;
	const struct model *m = v->comparison->model;
	uint32_t article = s->article[slot];
	assert_in_range(article, 1, m->n_articles);
	assert_true(m->articles[article].live && m->articles[article].slot == s->number * SEGMENT_SLOTS + slot);
	assert_false(v->seen[article]);
	v->seen[article] = 1;
	v->n++;
}

/* Every entry of the postings is an entry of its slot's vector, and there are as many. */
static void compare_postings(const struct catalog_segment *s, const struct catalog_postings *p)
{
	size_t n_entries = 0, n_topics = 0;
	for (uint32_t at = 0; at <= p->table_mask; at++) {
		uint32_t topic = p->table[at].topic, start = p->table[at].start;
		n_topics += topic != 0;
		for (uint32_t i = start; topic && i < start + p->table[at].n; i++) {
			size_t n, k = 0;
			const struct topic_term *vector = catalog_vector(s, p->slot[i], &n);
			assert_true(p->slot[i] < p->n_slots && (i == start || p->slot[i - 1] < p->slot[i]));
			while (k < n && vector[k].topic != topic)
				k++;
			assert_true(k < n && vector[k].weight == p->weight[i]);
			n_entries++;
		}
		/* A look-up comes to it: nothing free lies between where the topic belongs and where it is. */
		for (uint32_t i = (uint32_t)hash_mix64(topic) & p->table_mask; topic && i != at; i = (i + 1) & p->table_mask)
			assert_true(p->table[i].topic != 0 && p->table[i].topic != topic);
	}
	assert_int_equal(n_entries, catalog_n_entries(s, p->n_slots));
	assert_int_equal(n_topics, p->n_topics);
}

static void compare_segment(struct comparison *c, const struct catalog_segment *s)
{
	struct model *m = c->model;
	size_t first = (size_t)s->number * SEGMENT_SLOTS, n = m->n_slots - first;
	if (n > SEGMENT_SLOTS)
		n = SEGMENT_SLOTS;
	assert_int_equal(s->count, n);
	for (uint32_t slot = 0; slot < n; slot++) {
		const struct model_slot *want = &m->slots[first + slot];
		assert_int_equal(s->article[slot], want->article);
		assert_int_equal(s->flags[slot] & SLOT_DEAD, want->dead ? SLOT_DEAD : 0);
		assert_int_equal(s->moved[slot], want->moved);
	}
	const struct catalog_postings *p = s->postings;
	assert_int_equal(p ? p->n_slots : 0, m->indexed[s->number]);
	if (p && p->n_slots != c->postings_seen[s->number])
		compare_postings(s, p);
	c->postings_seen[s->number] = p ? p->n_slots : 0;
}

static uint64_t bytes_of_cards(const struct catalog_segment *s)
{
	uint64_t n = 0;
	for (uint32_t slot = 0; slot < s->count; slot++) {
		const struct catalog_card *card = s->card[slot];
		n += sizeof(*card) + card->id.len + card->json.len + card->brief.len + card->title.len;
	}
	return n;
}

/* Segments are there until they are gone; the list starts at the first that is. */
static void compare_segments(struct comparison *c)
{
	const struct model *m = c->model;
	const struct catalog_view *v = catalog_view(c->catalog);
	struct catalog_size size = catalog_size(c->catalog);
	size_t first = 0, n_segments = 0;
	uint64_t bytes = 0;
	while (m->gone[first])
		first++;
	assert_int_equal(v->first_number, first);
	assert_int_equal(v->n_segments, m->n_segments - first);
	c->postings_seen = realloc(c->postings_seen, m->n_segments * sizeof(*c->postings_seen));
	while (c->n_postings_seen < m->n_segments)
		c->postings_seen[c->n_postings_seen++] = 0;
	for (size_t k = first; k < m->n_segments; k++) {
		const struct catalog_segment *s = v->segments[k - first];
		assert_int_equal(s == NULL, m->gone[k]);
		if (!s)
			continue;
		assert_int_equal(s->number, k);
		compare_segment(c, s);
		bytes += sizeof(*s) + bytes_of_cards(s) + catalog_n_entries(s, s->count) * sizeof(struct topic_term);
		n_segments++;
	}
	assert_int_equal(size.n_segments, n_segments);
	/* What is surely in use; and less than that and what postings, columns, room to grow, maps and counters can need. */
	uint64_t rest = n_segments * UINT64_C(1500000) + m->n_articles * UINT64_C(2048);
	for (uint32_t i = 1; i <= m->n_articles; i++)
		rest += m->articles[i].events.capacity * sizeof(struct quarter);
	assert_true(size.bytes >= bytes && size.bytes < bytes + rest);
}

void compare_all(struct comparison *c)
{
	const struct model *m = c->model;
	struct visit v = {c, calloc(m->n_articles + 1, 1), 0};
	size_t n_live = 0, n_stories = 0;
	uint8_t *story_seen = calloc(m->n_stories + 1, 1);
	assert_true(v.seen && story_seen);
	assert_int_equal(catalog_moves(c->catalog), m->n_moves);
	compare_segments(c);
	catalog_each(c->catalog, visit_slot, &v);
	for (uint32_t i = 1; i <= m->n_articles; i++) {
		compare_article(c, i);
		n_live += m->articles[i].live;
		if (!m->articles[i].live || story_seen[m->articles[i].entry.story])
			continue;
		story_seen[m->articles[i].entry.story] = 1;
		n_stories++;
	}
	for (uint32_t story = 1; story <= m->n_stories; story++) {
		const struct catalog_members *members = catalog_story(c->catalog, story);
		assert_int_equal(members != NULL, story_seen[story]);
		if (members)
			compare_story(c, story);
	}
	struct catalog_size size = catalog_size(c->catalog);
	assert_int_equal(v.n, n_live);
	assert_int_equal(size.n_articles, n_live);
	assert_int_equal(size.n_stories, n_stories);
	free(story_seen);
	free(v.seen);
}
