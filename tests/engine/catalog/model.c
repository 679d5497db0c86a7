#include "tests/engine/catalog/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *grown(void *list, size_t n, size_t size)
{
	void *p = realloc(list, n * size);
	if (!p)
		abort();
	return p;
}

static void add_segment(struct model *m)
{
	m->n_segments++;
	m->gone = grown(m->gone, m->n_segments, sizeof(*m->gone));
	m->indexed = grown(m->indexed, m->n_segments, sizeof(*m->indexed));
	m->gone[m->n_segments - 1] = false;
	m->indexed[m->n_segments - 1] = 0;
}

void model_new(struct model *m, uint32_t n_articles, uint32_t n_stories, int64_t live_ms, int64_t now_ms)
{
	*m = (struct model){.n_articles = n_articles, .n_stories = n_stories, .live_ms = live_ms};
	m->minute_ms = now_ms / 60000 * 60000;
	m->articles = calloc(n_articles + 1, sizeof(*m->articles));
	if (!m->articles)
		abort();
	add_segment(m);
}

void model_free(struct model *m)
{
	for (uint32_t i = 1; i <= m->n_articles; i++)
		free(m->articles[i].events.list);
	free(m->articles);
	free(m->slots);
	free(m->gone);
	free(m->indexed);
}

/* ---- articles ---- */

static void kill(struct model *m, struct model_article *a, bool moved)
{
	m->slots[a->slot].dead = true;
	if (moved)
		m->slots[a->slot].moved = ++m->n_moves;
}

/* The article of this number stands in the slot after the last. */
static void append(struct model *m, uint32_t article)
{
	struct model_article *a = &m->articles[article];
	if (m->n_slots == m->n_segments * SEGMENT_SLOTS)
		add_segment(m);
	if (m->n_slots == m->slots_capacity) {
		m->slots_capacity = m->slots_capacity * 2 + SEGMENT_SLOTS;
		m->slots = grown(m->slots, m->slots_capacity, sizeof(*m->slots));
	}
	if (a->live)
		kill(m, a, true);
	a->live = true;
	a->slot = m->n_slots++;
	m->slots[a->slot] = (struct model_slot){.article = article};
	uint32_t n = (uint32_t)(a->slot % SEGMENT_SLOTS) + 1;
	if (n % (m->loading ? SEGMENT_SLOTS : 256) == 0)
		m->indexed[m->n_segments - 1] = n;
}

void model_publish(struct model *m, const struct catalog_entry *entry)
{
	struct model_article *a = &m->articles[entry->article];
	const struct catalog_card *c = &entry->card;
	a->entry = *entry;
	for (size_t i = 0; i < entry->n_vector; i++)
		a->vector[i] = entry->vector[i];
	a->entry.vector = a->vector;
	snprintf(a->text, sizeof(a->text), "%.*s%.*s%.*s%.*s", (int)c->id.len, c->id.data, (int)c->json.len, c->json.data,
	         (int)c->brief.len, c->brief.data, (int)c->title.len, c->title.data);
	a->entry.card.id.data = a->text;
	a->entry.card.json.data = a->text + c->id.len;
	a->entry.card.brief.data = a->text + c->id.len + c->json.len;
	a->entry.card.title.data = a->text + c->id.len + c->json.len + c->brief.len;
	a->until_ms = entry->expires_ms ? entry->expires_ms : INT64_MAX;
	if (m->live_ms && entry->published_ms + m->live_ms < a->until_ms)
		a->until_ms = entry->published_ms + m->live_ms;
	append(m, entry->article);
}

void model_set_loading(struct model *m, bool on)
{
	size_t last = m->n_segments - 1, n = m->n_slots - last * SEGMENT_SLOTS;
	if (m->loading && !on && n < SEGMENT_SLOTS && n > 0)
		m->indexed[last] = (uint32_t)n;
	m->loading = on;
}

void model_withdraw(struct model *m, uint32_t article)
{
	struct model_article *a = &m->articles[article];
	if (!a->live)
		return;
	kill(m, a, false);
	a->live = a->must_save = a->may_save = false;
	a->events.n = 0;
}

void model_set_story(struct model *m, uint32_t article, uint32_t story)
{
	if (m->articles[article].live)
		m->articles[article].entry.story = story;
}

size_t model_members(const struct model *m, uint32_t story, uint32_t *out)
{
	size_t n = 0;
	for (uint32_t i = 1; i <= m->n_articles; i++)
		if (m->articles[i].live && m->articles[i].entry.story == story)
			out[n++] = i;
	return n;
}

/* ---- counters ---- */

/* 96 hours back from the minute, and the whole quarter that this moment lies in. */
bool model_keeps(const struct model *m, int64_t quarter)
{
	return quarter >= (m->minute_ms - INT64_C(96) * 3600000) / QUARTER_MS;
}

static void events_add(struct model_events *e, struct model_event event)
{
	if (e->n == e->capacity) {
		e->capacity = e->capacity * 2 + 16;
		e->list = grown(e->list, e->capacity, sizeof(*e->list));
	}
	e->list[e->n++] = event;
}

void model_count(struct model *m, uint32_t article, enum catalog_counter counter, int64_t at_ms, int delta)
{
	struct model_article *a = &m->articles[article];
	struct model_events *e = &a->events;
	int64_t quarter = at_ms / QUARTER_MS;
	if (!a->live)
		return;
	a->may_save = true;
	if (!model_keeps(m, quarter))
		return;
	if (delta > 0) {
		events_add(e, (struct model_event){quarter, counter});
		a->must_save = true;
		return;
	}
	for (size_t i = 0; i < e->n; i++) {
		if (e->list[i].quarter != quarter || e->list[i].counter != counter)
			continue;
		e->list[i] = e->list[--e->n];
		a->must_save = true;
		return;
	}
}

void model_mark_dirty(struct model *m, uint32_t article)
{
	struct model_article *a = &m->articles[article];
	a->may_save |= a->live;
	a->must_save |= a->live && a->events.n > 0;
}

void model_events_copy(const struct model *m, const struct model_events *from, struct model_events *out)
{
	*out = (struct model_events){0};
	for (size_t i = 0; i < from->n; i++)
		if (model_keeps(m, from->list[i].quarter))
			events_add(out, from->list[i]);
}

void model_decayed(const struct model *m, uint32_t article, enum catalog_counter counter, double out[N_HALF_LIVES],
                   size_t *n_quarters)
{
	static const double half_lives_min[N_HALF_LIVES] = {15, 60, 3 * 60, 12 * 60, 48 * 60};
	const struct model_events *e = &m->articles[article].events;
	memset(out, 0, N_HALF_LIVES * sizeof(*out));
	*n_quarters = 0;
	for (size_t i = 0; i < e->n; i++) {
		double age_min = (double)m->minute_ms / 60000 - ((double)e->list[i].quarter * 15 + 7);
		if (!model_keeps(m, e->list[i].quarter) || e->list[i].counter != counter)
			continue;
		for (int h = 0; h < N_HALF_LIVES; h++)
			out[h] += exp2(-fmax(age_min, 0) / half_lives_min[h]);
		size_t k = 0;
		while (k < i && (e->list[k].quarter != e->list[i].quarter || e->list[k].counter != counter))
			k++;
		*n_quarters += k == i;
	}
}

/* ---- time ---- */

static uint32_t n_alive(const struct model *m, size_t segment)
{
	uint32_t n = 0;
	for (size_t i = segment * SEGMENT_SLOTS; i < m->n_slots && i < (segment + 1) * SEGMENT_SLOTS; i++)
		n += !m->slots[i].dead;
	return n;
}

static void move_the_emptiest(struct model *m)
{
	size_t emptiest = 0;
	uint32_t fewest = SEGMENT_SLOTS / 4;
	for (size_t k = 0; k + 1 < m->n_segments; k++) {
		uint32_t n = n_alive(m, k);
		if (n == 0 || n >= fewest)
			continue;
		fewest = n;
		emptiest = k;
	}
	for (size_t i = 0; fewest < SEGMENT_SLOTS / 4 && i < SEGMENT_SLOTS; i++)
		if (!m->slots[emptiest * SEGMENT_SLOTS + i].dead)
			append(m, m->slots[emptiest * SEGMENT_SLOTS + i].article);
}

size_t model_tick(struct model *m, int64_t now_ms, uint32_t *expired)
{
	size_t n = 0;
	if (now_ms / 60000 * 60000 == m->minute_ms)
		return 0;
	m->minute_ms = now_ms / 60000 * 60000;
	for (uint32_t i = 1; i <= m->n_articles; i++) {
		if (!m->articles[i].live || m->articles[i].until_ms > now_ms)
			continue;
		expired[n++] = i;
		model_withdraw(m, i);
	}
	move_the_emptiest(m);
	for (size_t k = 0; k + 1 < m->n_segments; k++)
		m->gone[k] = n_alive(m, k) == 0;
	for (uint32_t i = 1; i <= m->n_articles; i++) {
		struct model_events *e = &m->articles[i].events;
		size_t kept = 0;
		for (size_t j = 0; j < e->n; j++)
			if (model_keeps(m, e->list[j].quarter))
				e->list[kept++] = e->list[j];
		e->n = kept;
	}
	return n;
}
