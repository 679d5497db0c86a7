/* The catalogue: a published view over segments, maps from article and story numbers, counters, time.
 *
 * Order of publication. A new slot is filled, its `count` released, then the article's place in the map moves to it, then
 * the old slot is marked dead: a reader sees the old text, the new one, or for a moment both (of one story, so a list
 * of stories shows one), never neither. */
#include "engine/catalog/internal.h"

/* ---- making and freeing ---- */

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
		r = view_add_segment(c);
	if (r < 0) {
		catalog_free(c);
		return r;
	}
	view_current(c)->minute_ms = c->minute_ms;
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
	view_free(c);
	if (c->by_story)
		map_each(c->by_story, free_value, NULL);
	if (c->counters)
		map_each(c->counters, free_counters, NULL);
	map_free(c->by_article);
	map_free(c->by_story);
	map_free(c->counters);
	free((void *)(uintptr_t)atomic_load(&c->sources));
	free(c->dirty);
	free(c);
}

/* ---- finding ---- */

uint32_t catalog_moves(const struct catalog *c)
{
	return atomic_load_explicit(&c->n_moves, memory_order_acquire);
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
		            catalog_n_entries(&s->seen, old->n_slots) * (uint64_t)4;
		epoch_retire(c->epoch, (void *)(uintptr_t)old, postings_free);
	}
}

/* moved: its article stands in another slot by now. */
static void kill_slot(struct catalog *c, struct catalog_place place, bool moved)
{
	struct segment *s = segment_of(place.segment);
	if (moved) {
		uint32_t n = atomic_load_explicit(&c->n_moves, memory_order_relaxed) + 1;
		n += n == 0;
		atomic_store_explicit(&s->seen.moved[place.slot], n, memory_order_relaxed);
		atomic_store_explicit(&c->n_moves, n, memory_order_release);
	}
	atomic_fetch_or_explicit(&s->seen.flags[place.slot], SLOT_DEAD, memory_order_release);
	s->n_live--;
}

int catalog_publish(struct catalog *c, const struct catalog_entry *entry)
{
	struct catalog_view *v = view_current(c);
	struct segment *s = segment_of(v->segments[v->n_segments - 1]);
	if (atomic_load_explicit(&s->seen.count, memory_order_relaxed) == SEGMENT_SLOTS) {
		int r = view_add_segment(c);
		if (r < 0)
			return r;
		v = view_current(c);
		s = segment_of(v->segments[v->n_segments - 1]);
	}
	int r = segment_reserve_vector(s, c->epoch, entry->n_vector);
	if (r == 0 && entry->dense_space)
		r = segment_reserve_dense(s);
	if (r < 0)
		return r;
	struct catalog_card *card = card_copy(&entry->card);
	if (!card)
		return -ENOMEM;
	struct catalog_place old = catalog_find(c, entry->article);
	uint32_t old_story = old.segment ? atomic_load_explicit(&old.segment->story[old.slot], memory_order_relaxed) : 0;
	r = members_join(c, entry->story, entry->article);
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
		popularity_show(c, n, (struct catalog_place){&s->seen, slot});
	view_rescore(c, &s->seen, slot);
	atomic_store_explicit(&s->seen.count, slot + 1, memory_order_release);
	c->card_bytes += card_size(card);
	r = map_put(c->by_article, entry->article, s->seen.number * SEGMENT_SLOTS + slot + 1);
	if (r < 0) {
		kill_slot(c, (struct catalog_place){&s->seen, slot}, false);
		if (!old.segment)
			members_leave(c, entry->story, entry->article);
		return r;
	}
	if (old.segment) {
		kill_slot(c, old, true);
		if (old_story != entry->story)
			members_leave(c, old_story, entry->article);
	} else {
		c->n_articles++;
	}
	if ((slot + 1) % (c->loading ? SEGMENT_SLOTS : POSTINGS_EVERY) == 0)
		index_segment(c, s, slot + 1);
	return 0;
}

void catalog_set_loading(struct catalog *c, bool on)
{
	const struct catalog_view *v = catalog_view(c);
	struct segment *last = segment_of(v->segments[v->n_segments - 1]);
	uint32_t n = atomic_load_explicit(&last->seen.count, memory_order_relaxed);
	if (c->loading && !on && n % SEGMENT_SLOTS != 0)
		index_segment(c, last, n);
	c->loading = on;
}

void catalog_withdraw(struct catalog *c, uint32_t article)
{
	struct catalog_place place = catalog_find(c, article);
	if (!place.segment)
		return;
	kill_slot(c, place, false);
	map_remove(c->by_article, article);
	members_leave(c, atomic_load_explicit(&place.segment->story[place.slot], memory_order_relaxed), article);
	popularity_forget(c, article);
	c->n_articles--;
}

void catalog_set_boost(struct catalog *c, uint32_t article, float boost)
{
	struct catalog_place place = catalog_find(c, article);
	if (!place.segment)
		return;
	atomic_store_explicit(&segment_of(place.segment)->seen.row[place.slot].boost, boost, memory_order_relaxed);
	view_rescore(c, place.segment, place.slot);
}

void catalog_set_editions(struct catalog *c, uint32_t article, uint64_t editions)
{
	struct catalog_place place = catalog_find(c, article);
	if (place.segment)
		atomic_store_explicit(&segment_of(place.segment)->seen.editions[place.slot], editions, memory_order_relaxed);
}

void catalog_each(struct catalog *c, void (*fn)(void *ctx, const struct catalog_segment *segment, uint32_t slot), void *ctx)
{
	struct catalog_view *v = view_current(c);
	for (size_t i = 0; i < v->n_segments; i++) {
		const struct catalog_segment *s = v->segments[i];
		uint32_t n = s ? atomic_load_explicit(&s->count, memory_order_relaxed) : 0;
		for (uint32_t slot = 0; slot < n; slot++)
			if (!(atomic_load_explicit(&s->flags[slot], memory_order_relaxed) & SLOT_DEAD))
				fn(ctx, s, slot);
	}
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

/* Moves what is left of the emptiest sealed segment to the active one, when little is left. */
static int compact_one(struct catalog *c)
{
	struct catalog_view *v = view_current(c);
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
			.language = emptiest->language[slot], .premium = emptiest->row[slot].premium,
			.boost = atomic_load(&emptiest->row[slot].boost), .log_chars = emptiest->row[slot].log_chars,
			.editions = atomic_load(&emptiest->editions[slot]),
			.card = *emptiest->card[slot]};
		entry.vector = catalog_vector(emptiest, slot, &entry.n_vector);
		const int8_t *dense = catalog_dense(emptiest, slot, &entry.dense_space);
		if (dense)
			memcpy(entry.dense, dense, CATALOG_DENSE);
		int r = catalog_publish(c, &entry);
		if (r < 0)
			return r;
	}
	return 0;
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
	popularity_refresh(c);
	return view_renew(c);
}

struct catalog_size catalog_size(const struct catalog *c)
{
	struct catalog_view *v = view_current(c);
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
