/* The catalogue: a published view over segments, maps from article and story numbers, counters, time.
 *
 * Order of publication. A new slot is filled, its `count` released, then the article's place in the map moves to it, then
 * the old slot is marked dead: a reader sees the old text, the new one, or for a moment both (of one story, so a list
 * of stories shows one), never neither. Views are replaced when a segment is added or dropped and at each minute, when
 * every shared column is computed anew; in between the writer stores changed scores in place. */
#include "engine/catalog/catalog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/epoch.h"
#include "engine/base/map.h"
#include "engine/catalog/segment.h"

enum { LANGUAGES_MAX = 255, LANGUAGE_BYTES = LIMIT_LANGUAGE_BYTES + 1 };

struct language {
	uint8_t len;
	char text[LANGUAGE_BYTES];
};

struct catalog {
	struct epoch *epoch;
	struct catalog_config config;
	struct catalog_view *_Atomic view;
	struct map *by_article; /* article -> segment number * SEGMENT_SLOTS + slot + 1 */
	struct map *by_story;   /* story -> struct catalog_members */
	struct map *counters;   /* article -> struct counters; writer only */
	bool model_on[CATALOG_MODELS];
	int64_t minute_ms;
	uint32_t *dirty; /* [n_dirty] articles whose counters changed */
	size_t n_dirty, dirty_capacity;
	uint64_t n_articles, card_bytes, counter_bytes;
	_Atomic unsigned n_languages;
	struct language languages[LANGUAGES_MAX];
};

static int64_t minute_of(int64_t now_ms)
{
	return now_ms - now_ms % 60000;
}

/* ---- views ---- */

/* A view over n segments, its arrays behind it in one block; pointers are copied from `from` where it has them. */
static struct catalog_view *view_new(const struct catalog_view *from, size_t n)
{
	struct catalog_view *v = calloc(1, sizeof(*v) + n * (1 + CATALOG_MODELS) * sizeof(void *));
	if (!v)
		return NULL;
	void **arrays = (void **)(v + 1);
	v->segments = (struct catalog_segment **)arrays;
	v->n_segments = n;
	if (from) {
		v->minute_ms = from->minute_ms;
		v->first_number = from->first_number;
		memcpy(v->segments, from->segments, (from->n_segments < n ? from->n_segments : n) * sizeof(void *));
	}
	for (unsigned m = 0; m < CATALOG_MODELS; m++) {
		v->shared[m] = (_Atomic int32_t **)(arrays + n * (m + 1));
		if (from && from->shared[m])
			memcpy(v->shared[m], from->shared[m], (from->n_segments < n ? from->n_segments : n) * sizeof(void *));
	}
	return v;
}

static void switch_view(struct catalog *c, struct catalog_view *v)
{
	struct catalog_view *old = atomic_load_explicit(&c->view, memory_order_relaxed);
	for (unsigned m = 0; m < CATALOG_MODELS; m++)
		if (!c->model_on[m])
			v->shared[m] = NULL;
	atomic_store_explicit(&c->view, v, memory_order_release);
	if (old)
		epoch_retire(c->epoch, old, free);
}

static struct catalog_view *current(const struct catalog *c)
{
	return atomic_load_explicit(&c->view, memory_order_relaxed);
}

const struct catalog_view *catalog_view(const struct catalog *c)
{
	return atomic_load_explicit(&c->view, memory_order_acquire);
}

static _Atomic int32_t *column_new(struct catalog *c, unsigned model, const struct catalog_segment *s)
{
	_Atomic int32_t *column = aligned_alloc(64, SEGMENT_SLOTS * sizeof(*column));
	if (!column)
		return NULL;
	int32_t scores[SEGMENT_SLOTS];
	uint32_t n = atomic_load_explicit(&s->count, memory_order_relaxed);
	c->config.shared(c->config.shared_ctx, model, s, 0, n, c->minute_ms, scores);
	for (uint32_t i = 0; i < SEGMENT_SLOTS; i++)
		atomic_init(&column[i], i < n ? scores[i] : 0);
	return column;
}

static void free_column(void *column)
{
	free(column);
}

/* Computes the shared score of one slot for every model and stores it in place. */
static void rescore(struct catalog *c, const struct catalog_segment *s, uint32_t slot)
{
	struct catalog_view *v = current(c);
	for (unsigned m = 0; m < CATALOG_MODELS; m++) {
		int32_t score;
		if (!c->model_on[m])
			continue;
		c->config.shared(c->config.shared_ctx, m, s, slot, 1, c->minute_ms, &score);
		atomic_store_explicit(&v->shared[m][s->number - v->first_number][slot], score, memory_order_relaxed);
	}
}

int catalog_set_model(struct catalog *c, unsigned model, bool on)
{
	struct catalog_view *old = current(c), *v = view_new(old, old->n_segments);
	if (!v)
		return -ENOMEM;
	for (size_t i = 0; on && i < v->n_segments; i++) {
		v->shared[model][i] = v->segments[i] ? column_new(c, model, v->segments[i]) : NULL;
		if (v->segments[i] && !v->shared[model][i]) {
			while (i-- > 0)
				free_column(v->shared[model][i]);
			free(v);
			return -ENOMEM;
		}
	}
	bool was_on = c->model_on[model];
	c->model_on[model] = on;
	_Atomic int32_t **columns = old->shared[model]; /* inside `old`, which is retired first but freed later */
	for (size_t i = 0; was_on && i < old->n_segments; i++)
		if (columns[i])
			epoch_retire(c->epoch, (void *)(uintptr_t)columns[i], free_column);
	switch_view(c, v);
	return 0;
}

/* ---- making and freeing ---- */

static int add_segment(struct catalog *c)
{
	struct catalog_view *old = current(c), *v = view_new(old, old ? old->n_segments + 1 : 1);
	struct segment *s = NULL;
	if (!v)
		return -ENOMEM;
	size_t last = v->n_segments - 1;
	if (segment_new(&s, v->first_number + last) < 0)
		goto out;
	v->segments[last] = &s->seen;
	for (unsigned m = 0; m < CATALOG_MODELS; m++) {
		if (!c->model_on[m])
			continue;
		v->shared[m][last] = column_new(c, m, &s->seen);
		if (!v->shared[m][last]) {
			while (m-- > 0)
				if (c->model_on[m])
					free_column(v->shared[m][last]);
			goto out;
		}
	}
	switch_view(c, v);
	return 0;
out:
	segment_free(s);
	free(v);
	return -ENOMEM;
}

int catalog_new(struct catalog **out, struct epoch *e, const struct catalog_config *config, int64_t now_ms)
{
	struct catalog *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->epoch = e;
	c->config = *config;
	c->minute_ms = minute_of(now_ms);
	c->languages[0] = (struct language){.len = 3, .text = "und"};
	atomic_init(&c->n_languages, 1);
	int r = map_new(&c->by_article, e);
	if (r == 0)
		r = map_new(&c->by_story, e);
	if (r == 0)
		r = map_new(&c->counters, NULL);
	if (r == 0)
		r = add_segment(c);
	if (r < 0) {
		catalog_free(c);
		return r;
	}
	current(c)->minute_ms = c->minute_ms;
	*out = c;
	return 0;
}

static void free_value(uint64_t key, uint64_t value, void *ctx)
{
	free((void *)(uintptr_t)value);
}

static void free_counters(uint64_t key, uint64_t value, void *ctx)
{
	counters_free((struct counters *)(uintptr_t)value);
}

void catalog_free(struct catalog *c)
{
	if (!c)
		return;
	struct catalog_view *v = current(c);
	for (size_t i = 0; v && i < v->n_segments; i++) {
		for (unsigned m = 0; m < CATALOG_MODELS; m++)
			if (v->shared[m])
				free_column(v->shared[m][i]);
		if (v->segments[i])
			segment_free(segment_of(v->segments[i]));
	}
	free(v);
	if (c->by_story)
		map_each(c->by_story, free_value, NULL);
	if (c->counters)
		map_each(c->counters, free_counters, NULL);
	map_free(c->by_article);
	map_free(c->by_story);
	map_free(c->counters);
	free(c->dirty);
	free(c);
}

/* ---- finding ---- */

static struct catalog_place place_at(const struct catalog_view *v, uint64_t location)
{
	struct catalog_place none = {NULL, 0};
	if (location == 0)
		return none;
	uint64_t number = (location - 1) / SEGMENT_SLOTS;
	uint32_t slot = (uint32_t)((location - 1) % SEGMENT_SLOTS);
	if (number < v->first_number || number >= v->first_number + v->n_segments)
		return none;
	const struct catalog_segment *s = v->segments[number - v->first_number];
	if (!s || slot >= atomic_load_explicit(&s->count, memory_order_acquire) ||
	    (atomic_load_explicit(&s->flags[slot], memory_order_acquire) & SLOT_DEAD))
		return none;
	return (struct catalog_place){s, slot};
}

struct catalog_place catalog_find(const struct catalog *c, uint32_t article)
{
	/* The place first: a view loaded after it has the segment it names. */
	uint64_t location = map_get(c->by_article, article);
	return place_at(catalog_view(c), location);
}

const struct catalog_members *catalog_story(const struct catalog *c, uint32_t story)
{
	return map_get_ptr(c->by_story, story);
}

uint8_t catalog_find_language(const struct catalog *c, struct span language)
{
	unsigned n = atomic_load_explicit(&c->n_languages, memory_order_acquire);
	for (unsigned i = 0; i < n; i++)
		if (span_equal((struct span){c->languages[i].text, c->languages[i].len}, language))
			return (uint8_t)i;
	return 255;
}

uint8_t catalog_language(struct catalog *c, struct span language)
{
	uint8_t found = catalog_find_language(c, language);
	if (found != 255)
		return found;
	unsigned n = atomic_load_explicit(&c->n_languages, memory_order_relaxed);
	if (n == LANGUAGES_MAX || language.len == 0 || language.len > LIMIT_LANGUAGE_BYTES)
		return 0;
	c->languages[n].len = (uint8_t)language.len;
	memcpy(c->languages[n].text, language.data, language.len);
	atomic_store_explicit(&c->n_languages, n + 1, memory_order_release);
	return (uint8_t)n;
}

struct span catalog_language_name(const struct catalog *c, uint8_t language)
{
	unsigned n = atomic_load_explicit(&c->n_languages, memory_order_acquire);
	const struct language *l = &c->languages[language < n ? language : 0];
	return (struct span){l->text, l->len};
}

/* ---- stories ---- */

static struct catalog_members *members_with(const struct catalog_members *old, uint32_t article)
{
	uint32_t n = old ? old->n : 0, at = 0;
	struct catalog_members *m = malloc(sizeof(*m) + (n + 1) * sizeof(m->article[0]));
	if (!m)
		return NULL;
	while (at < n && old->article[at] < article)
		at++;
	if (n)
		memcpy(m->article, old->article, at * sizeof(m->article[0]));
	m->article[at] = article;
	if (n > at)
		memcpy(m->article + at + 1, old->article + at, (n - at) * sizeof(m->article[0]));
	m->n = n + 1;
	return m;
}

static int join(struct catalog *c, uint32_t story, uint32_t article)
{
	struct catalog_members *old = map_get_ptr(c->by_story, story);
	for (uint32_t i = 0; old && i < old->n; i++)
		if (old->article[i] == article)
			return 0;
	struct catalog_members *m = members_with(old, article);
	if (!m || map_put_ptr(c->by_story, story, m) < 0) {
		free(m);
		return -ENOMEM;
	}
	if (old)
		epoch_retire(c->epoch, old, free);
	return 0;
}

/* Without memory for the smaller list the old one stays, naming an article that is no longer found. */
static void leave(struct catalog *c, uint32_t story, uint32_t article)
{
	struct catalog_members *old = map_get_ptr(c->by_story, story), *m = NULL;
	if (!old)
		return;
	if (old->n > 1) {
		m = malloc(sizeof(*m) + (old->n - 1) * sizeof(m->article[0]));
		if (!m)
			return;
		m->n = 0;
		for (uint32_t i = 0; i < old->n; i++)
			if (old->article[i] != article && m->n < old->n - 1)
				m->article[m->n++] = old->article[i];
		if (map_put_ptr(c->by_story, story, m) < 0) {
			free(m);
			return;
		}
	} else if (old->article[0] == article) {
		map_remove(c->by_story, story);
	} else {
		return;
	}
	epoch_retire(c->epoch, old, free);
}

int catalog_set_story(struct catalog *c, uint32_t article, uint32_t story)
{
	struct catalog_place place = catalog_find(c, article);
	if (!place.segment)
		return 0;
	struct segment *s = segment_of(place.segment);
	uint32_t old = atomic_load_explicit(&s->seen.story[place.slot], memory_order_relaxed);
	if (old == story)
		return 0;
	int r = join(c, story, article);
	if (r < 0)
		return r;
	atomic_store_explicit(&s->seen.story[place.slot], story, memory_order_release);
	leave(c, old, article);
	return 0;
}

/* ---- publishing ---- */

static struct catalog_card *card_copy(const struct catalog_card *from)
{
	const struct span *in[] = {&from->id, &from->json, &from->brief, &from->title};
	size_t total = 0;
	for (int i = 0; i < 4; i++)
		total += in[i]->len;
	struct catalog_card *card = malloc(sizeof(*card) + total);
	if (!card)
		return NULL;
	struct span *out[] = {&card->id, &card->json, &card->brief, &card->title};
	char *at = (char *)(card + 1);
	for (int i = 0; i < 4; i++) {
		if (in[i]->len)
			memcpy(at, in[i]->data, in[i]->len);
		*out[i] = (struct span){at, in[i]->len};
		at += in[i]->len;
	}
	return card;
}

static size_t card_size(const struct catalog_card *card)
{
	return sizeof(*card) + card->id.len + card->json.len + card->brief.len + card->title.len;
}

static void show_counters(struct catalog *c, const struct counters *n, const struct catalog_segment *s, uint32_t slot)
{
	struct catalog_segment *seen = &segment_of(s)->seen;
	float clicks[N_HALF_LIVES], shows[N_HALF_LIVES];
	counters_decayed(n, CATALOG_CLICKS, c->minute_ms, clicks);
	counters_decayed(n, CATALOG_SHOWS, c->minute_ms, shows);
	for (int h = 0; h < N_HALF_LIVES; h++) {
		atomic_store_explicit(&seen->clicks[slot][h], clicks[h], memory_order_relaxed);
		atomic_store_explicit(&seen->shows[slot][h], shows[h], memory_order_relaxed);
	}
}

/* New postings for the filled part; failing for want of memory leaves a longer tail. */
static void index_segment(struct catalog *c, struct segment *s, uint32_t n)
{
	struct catalog_postings *fresh;
	uint64_t bytes;
	if (postings_build(&fresh, &s->seen, n, &bytes) < 0)
		return;
	const struct catalog_postings *old = atomic_load_explicit(&s->seen.postings, memory_order_relaxed);
	atomic_store_explicit(&s->seen.postings, fresh, memory_order_release);
	s->bytes += bytes;
	if (old) {
		s->bytes -= sizeof(*old) + (old->table_mask + 1) * sizeof(*old->table) +
		            s->seen.vector_start[old->n_slots] * (uint64_t)4;
		epoch_retire(c->epoch, (void *)(uintptr_t)old, postings_free);
	}
}

static void kill_slot(struct catalog *c, struct catalog_place place)
{
	struct segment *s = segment_of(place.segment);
	atomic_fetch_or_explicit(&s->seen.flags[place.slot], SLOT_DEAD, memory_order_release);
	s->n_live--;
}

int catalog_publish(struct catalog *c, const struct catalog_entry *entry)
{
	struct catalog_view *v = current(c);
	struct segment *s = segment_of(v->segments[v->n_segments - 1]);
	if (atomic_load_explicit(&s->seen.count, memory_order_relaxed) == SEGMENT_SLOTS) {
		int r = add_segment(c);
		if (r < 0)
			return r;
		v = current(c);
		s = segment_of(v->segments[v->n_segments - 1]);
	}
	int r = segment_reserve_vector(s, c->epoch, entry->n_vector);
	if (r < 0)
		return r;
	struct catalog_card *card = card_copy(&entry->card);
	if (!card)
		return -ENOMEM;
	struct catalog_place old = catalog_find(c, entry->article);
	uint32_t old_story = old.segment ? atomic_load_explicit(&old.segment->story[old.slot], memory_order_relaxed) : 0;
	r = join(c, entry->story, entry->article);
	if (r < 0) {
		free(card);
		return r;
	}
	int64_t until = entry->expires_ms ? entry->expires_ms : INT64_MAX;
	if (c->config.live_ms && entry->published_ms + c->config.live_ms < until)
		until = entry->published_ms + c->config.live_ms;
	uint32_t slot = segment_append_take(s, entry, until, card);
	const struct counters *n = map_get_ptr(c->counters, entry->article);
	if (n)
		show_counters(c, n, &s->seen, slot);
	rescore(c, &s->seen, slot);
	atomic_store_explicit(&s->seen.count, slot + 1, memory_order_release);
	c->card_bytes += card_size(card);
	r = map_put(c->by_article, entry->article, s->seen.number * SEGMENT_SLOTS + slot + 1);
	if (r < 0) {
		kill_slot(c, (struct catalog_place){&s->seen, slot});
		if (!old.segment)
			leave(c, entry->story, entry->article);
		return r;
	}
	if (old.segment) {
		kill_slot(c, old);
		if (old_story != entry->story)
			leave(c, old_story, entry->article);
	} else {
		c->n_articles++;
	}
	if ((slot + 1) % POSTINGS_EVERY == 0)
		index_segment(c, s, slot + 1);
	return 0;
}

static void forget_counters(struct catalog *c, uint32_t article)
{
	struct counters *n = map_get_ptr(c->counters, article);
	if (!n)
		return;
	c->counter_bytes -= sizeof(*n) + n->capacity * sizeof(*n->buckets);
	map_remove(c->counters, article);
	counters_free(n);
}

void catalog_withdraw(struct catalog *c, uint32_t article)
{
	struct catalog_place place = catalog_find(c, article);
	if (!place.segment)
		return;
	kill_slot(c, place);
	map_remove(c->by_article, article);
	leave(c, atomic_load_explicit(&place.segment->story[place.slot], memory_order_relaxed), article);
	forget_counters(c, article);
	c->n_articles--;
}

void catalog_set_boost(struct catalog *c, uint32_t article, float boost)
{
	struct catalog_place place = catalog_find(c, article);
	if (!place.segment)
		return;
	atomic_store_explicit(&segment_of(place.segment)->seen.boost[place.slot], boost, memory_order_relaxed);
	rescore(c, place.segment, place.slot);
}

void catalog_set_editions(struct catalog *c, uint32_t article, uint64_t editions)
{
	struct catalog_place place = catalog_find(c, article);
	if (place.segment)
		atomic_store_explicit(&segment_of(place.segment)->seen.editions[place.slot], editions, memory_order_relaxed);
}

void catalog_each(struct catalog *c, void (*fn)(void *ctx, const struct catalog_segment *segment, uint32_t slot), void *ctx)
{
	struct catalog_view *v = current(c);
	for (size_t i = 0; i < v->n_segments; i++) {
		const struct catalog_segment *s = v->segments[i];
		uint32_t n = s ? atomic_load_explicit(&s->count, memory_order_relaxed) : 0;
		for (uint32_t slot = 0; slot < n; slot++)
			if (!(atomic_load_explicit(&s->flags[slot], memory_order_relaxed) & SLOT_DEAD))
				fn(ctx, s, slot);
	}
}

/* ---- counters ---- */

void catalog_mark_dirty(struct catalog *c, uint32_t article)
{
	struct counters *n = map_get_ptr(c->counters, article);
	if (!n || n->dirty)
		return;
	if (c->n_dirty == c->dirty_capacity) {
		size_t capacity = c->dirty_capacity ? c->dirty_capacity * 2 : 256;
		uint32_t *grown = realloc(c->dirty, capacity * sizeof(*grown));
		if (!grown)
			return; /* saved later, when it changes again; until then the log has it */
		c->dirty = grown;
		c->dirty_capacity = capacity;
	}
	c->dirty[c->n_dirty++] = article;
	n->dirty = true;
}

uint32_t catalog_take_dirty(struct catalog *c)
{
	while (c->n_dirty > 0) {
		uint32_t article = c->dirty[--c->n_dirty];
		struct counters *n = map_get_ptr(c->counters, article);
		if (!n || !n->dirty)
			continue;
		n->dirty = false;
		return article;
	}
	return 0;
}

static struct counters *counters_of(struct catalog *c, uint32_t article)
{
	struct counters *n = map_get_ptr(c->counters, article);
	if (n)
		return n;
	n = calloc(1, sizeof(*n));
	if (!n || map_put_ptr(c->counters, article, n) < 0) {
		free(n);
		return NULL;
	}
	n->article = article;
	c->counter_bytes += sizeof(*n);
	return n;
}

int catalog_count(struct catalog *c, uint32_t article, enum catalog_counter counter, int64_t at_ms, int delta)
{
	struct catalog_place place = catalog_find(c, article);
	if (!place.segment)
		return 0;
	struct counters *n = counters_of(c, article);
	if (!n)
		return -ENOMEM;
	size_t before = n->capacity;
	int r = counters_add(n, counter, at_ms, delta, c->minute_ms);
	c->counter_bytes += (n->capacity - before) * sizeof(*n->buckets);
	if (r < 0)
		return r;
	catalog_mark_dirty(c, article);
	show_counters(c, n, place.segment, place.slot);
	rescore(c, place.segment, place.slot);
	return 0;
}

void catalog_counters_encode(struct catalog *c, uint32_t article, struct buf *out)
{
	static const struct counters none;
	struct counters *n = map_get_ptr(c->counters, article);
	if (n)
		counters_prune(n, c->minute_ms);
	counters_encode(n ? n : &none, out);
}

int catalog_counters_decode(struct catalog *c, uint32_t article, struct span bytes)
{
	struct counters *n = counters_of(c, article);
	if (!n)
		return -ENOMEM;
	size_t before = n->capacity;
	int r = counters_decode(n, bytes);
	c->counter_bytes += (n->capacity - before) * sizeof(*n->buckets);
	if (r != 0)
		return r;
	struct catalog_place place = catalog_find(c, article);
	if (place.segment) {
		show_counters(c, n, place.segment, place.slot);
		rescore(c, place.segment, place.slot);
	}
	return 0;
}

/* ---- time ---- */

struct expiry {
	struct catalog *catalog;
	int64_t now_ms;
	void (*expired)(void *ctx, uint32_t article);
	void *ctx;
};

static void expire_slot(void *ctx, const struct catalog_segment *s, uint32_t slot)
{
	struct expiry *x = ctx;
	if (s->visible_until_ms[slot] > x->now_ms)
		return;
	uint32_t article = s->article[slot];
	catalog_withdraw(x->catalog, article);
	if (x->expired)
		x->expired(x->ctx, article);
}

static void refresh_counters(uint64_t article, uint64_t value, void *ctx)
{
	struct catalog *c = ctx;
	struct counters *n = (struct counters *)(uintptr_t)value;
	struct catalog_place place = catalog_find(c, (uint32_t)article);
	counters_prune(n, c->minute_ms);
	if (place.segment)
		show_counters(c, n, place.segment, place.slot);
}

/* Moves what is left of the emptiest sealed segment to the active one, when little is left. */
static int compact_one(struct catalog *c)
{
	struct catalog_view *v = current(c);
	const struct catalog_segment *emptiest = NULL;
	for (size_t i = 0; i + 1 < v->n_segments; i++) {
		const struct catalog_segment *s = v->segments[i];
		if (s && segment_of(s)->n_live > 0 && segment_of(s)->n_live < SEGMENT_SLOTS / 4 &&
		    (!emptiest || segment_of(s)->n_live < segment_of(emptiest)->n_live))
			emptiest = s;
	}
	for (uint32_t slot = 0; emptiest && slot < SEGMENT_SLOTS; slot++) {
		if (atomic_load_explicit(&emptiest->flags[slot], memory_order_relaxed) & SLOT_DEAD)
			continue;
		struct catalog_entry entry = {
			.article = emptiest->article[slot], .story = atomic_load(&emptiest->story[slot]),
			.created_seq = emptiest->created_seq[slot], .published_ms = emptiest->published_ms[slot],
			.visible_from_ms = emptiest->visible_from_ms[slot],
			.expires_ms = emptiest->visible_until_ms[slot] == INT64_MAX ? 0 : emptiest->visible_until_ms[slot],
			.source = emptiest->source[slot], .section = emptiest->section[slot], .author = emptiest->author[slot],
			.language = emptiest->language[slot], .premium = atomic_load(&emptiest->flags[slot]) & SLOT_PREMIUM,
			.boost = atomic_load(&emptiest->boost[slot]), .editions = atomic_load(&emptiest->editions[slot]),
			.card = *emptiest->card[slot]};
		entry.vector = catalog_vector(emptiest, slot, &entry.n_vector);
		int r = catalog_publish(c, &entry);
		if (r < 0)
			return r;
	}
	return 0;
}

static void retire_segment(struct catalog *c, struct catalog_segment *s)
{
	for (uint32_t slot = 0; slot < atomic_load(&s->count); slot++)
		c->card_bytes -= card_size(s->card[slot]);
	epoch_retire(c->epoch, segment_of(s), segment_free);
}

/* A new view for the new minute: fresh columns, without segments that hold nothing any more. */
static int renew_view(struct catalog *c)
{
	struct catalog_view *old = current(c);
	size_t first = 0;
	while (first + 1 < old->n_segments && (!old->segments[first] || segment_of(old->segments[first])->n_live == 0))
		first++;
	struct catalog_view *v = view_new(NULL, old->n_segments - first);
	if (!v)
		return -ENOMEM;
	v->minute_ms = c->minute_ms;
	v->first_number = old->first_number + first;
	for (size_t i = 0; i < v->n_segments; i++) {
		struct catalog_segment *s = old->segments[first + i];
		if (!s || (segment_of(s)->n_live == 0 && i + 1 < v->n_segments))
			continue;
		v->segments[i] = s;
		for (unsigned m = 0; m < CATALOG_MODELS; m++) {
			if (!c->model_on[m])
				continue;
			v->shared[m][i] = column_new(c, m, s);
			if (!v->shared[m][i])
				goto out;
		}
	}
	for (size_t i = 0; i < old->n_segments; i++) {
		for (unsigned m = 0; m < CATALOG_MODELS; m++)
			if (old->shared[m] && old->shared[m][i])
				epoch_retire(c->epoch, (void *)(uintptr_t)old->shared[m][i], free_column);
		if (old->segments[i] && (i < first || !v->segments[i - first]))
			retire_segment(c, old->segments[i]);
	}
	switch_view(c, v);
	return 0;
out:
	for (size_t i = 0; i < v->n_segments; i++)
		for (unsigned m = 0; m < CATALOG_MODELS; m++)
			free_column((void *)(uintptr_t)v->shared[m][i]);
	free(v);
	return -ENOMEM;
}

int catalog_tick(struct catalog *c, int64_t now_ms, void (*expired)(void *ctx, uint32_t article), void *ctx)
{
	if (minute_of(now_ms) == c->minute_ms)
		return 0;
	struct expiry x = {c, now_ms, expired, ctx};
	c->minute_ms = minute_of(now_ms);
	catalog_each(c, expire_slot, &x);
	int r = compact_one(c);
	if (r < 0)
		return r;
	map_each(c->counters, refresh_counters, c);
	return renew_view(c);
}

struct catalog_size catalog_size(const struct catalog *c)
{
	struct catalog_view *v = current(c);
	struct catalog_size size = {.n_articles = c->n_articles, .n_stories = map_count(c->by_story)};
	size.bytes = c->card_bytes + c->counter_bytes + map_bytes(c->by_article) + map_bytes(c->by_story) +
	             map_bytes(c->counters) + map_count(c->by_story) * (sizeof(struct catalog_members) + 16) +
	             c->dirty_capacity * sizeof(*c->dirty);
	for (size_t i = 0; i < v->n_segments; i++) {
		if (!v->segments[i])
			continue;
		size.n_segments++;
		size.bytes += segment_of(v->segments[i])->bytes;
		for (unsigned m = 0; m < CATALOG_MODELS; m++)
			if (v->shared[m])
				size.bytes += SEGMENT_SLOTS * sizeof(int32_t);
	}
	return size;
}
