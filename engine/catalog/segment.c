#include "engine/catalog/segment.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/epoch.h"

int segment_new(struct segment **out, uint64_t number)
{
	struct segment *s = aligned_alloc(_Alignof(struct segment), sizeof(*s));
	if (!s)
		return -ENOMEM;
	memset(s, 0, sizeof(*s));
	s->seen.number = number;
	s->bytes = sizeof(*s);
	*out = s;
	return 0;
}

void segment_free(void *segment)
{
	struct segment *s = segment;
	if (!s)
		return;
	uint32_t count = atomic_load(&s->seen.count);
	for (uint32_t i = 0; i < count; i++)
		free((void *)(uintptr_t)s->seen.card[i]);
	free((void *)(uintptr_t)atomic_load(&s->seen.vectors));
	free((void *)(uintptr_t)atomic_load(&s->seen.dense));
	postings_free((void *)(uintptr_t)atomic_load(&s->seen.postings));
	free(s);
}

int segment_reserve_vector(struct segment *s, struct epoch *e, size_t n)
{
	uint32_t used = catalog_n_entries(&s->seen, atomic_load_explicit(&s->seen.count, memory_order_relaxed));
	if (used + n <= s->vector_capacity)
		return 0;
	uint32_t capacity = s->vector_capacity ? s->vector_capacity : 1024;
	while (capacity < used + n)
		capacity *= 2;
	struct topic_term *grown = malloc(capacity * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	const struct topic_term *old = atomic_load_explicit(&s->seen.vectors, memory_order_relaxed);
	if (used)
		memcpy(grown, old, used * sizeof(*grown));
	s->bytes += (capacity - s->vector_capacity) * sizeof(*grown);
	s->vector_capacity = capacity;
	atomic_store_explicit(&s->seen.vectors, grown, memory_order_release);
	if (old)
		epoch_retire(e, (void *)(uintptr_t)old, free);
	return 0;
}

int segment_reserve_dense(struct segment *s)
{
	if (segment_dense(s))
		return 0;
	struct catalog_dense *d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	atomic_store_explicit(&s->seen.dense, d, memory_order_release);
	s->bytes += sizeof(*d);
	return 0;
}

static void fill_dense(struct segment *s, uint32_t slot, uint8_t space, const int8_t at[CATALOG_DENSE])
{
	struct catalog_dense *d = segment_dense(s);
	if (!d || space == 0)
		return;
	memcpy(d->at[slot], at, CATALOG_DENSE);
	d->space[slot] = space;
}

size_t card_size(const struct catalog_card *card)
{
	return sizeof(*card) + card->id.len + card->json.len + card->brief.len + card->title.len;
}

static float content_norm(const struct catalog_entry *entry)
{
	double square = 0;
	for (size_t i = 0; i < entry->n_vector; i++)
		if (catalog_is_content(entry->vector[i].topic))
			square += (double)entry->vector[i].weight * (double)entry->vector[i].weight;
	return square > 0 ? (float)(TOPIC_TERM_ONE / sqrt(square)) : 0;
}

/* By insertion; of equals the earlier stays first. Returns how many. */
static size_t choose_words(const struct catalog_entry *entry, float norm, struct catalog_words *words)
{
	int16_t weight[CATALOG_WORDS];
	size_t n = 0;
	for (size_t i = 0; i < entry->n_vector; i++) {
		const struct topic_term *t = &entry->vector[i];
		size_t place = n;
		if (topic_namespace_of(t->topic) != TOPIC_TERM)
			continue;
		while (place > 0 && weight[place - 1] < t->weight)
			place--;
		if (place == CATALOG_WORDS)
			continue;
		n += n < CATALOG_WORDS;
		for (size_t k = n - 1; k > place; k--) {
			weight[k] = weight[k - 1];
			words->topic[k] = words->topic[k - 1];
		}
		weight[place] = t->weight;
		words->topic[place] = t->topic;
	}
	for (size_t k = 0; k < n; k++)
		words->share[k] = (float)weight[k] * (norm / TOPIC_TERM_ONE);
	return n;
}

uint32_t segment_append_take(struct segment *s, const struct catalog_entry *entry, int64_t visible_until_ms,
                             const struct catalog_card *card)
{
	struct catalog_segment *c = &s->seen;
	uint32_t slot = atomic_load_explicit(&c->count, memory_order_relaxed), start = catalog_n_entries(c, slot);
	struct catalog_row *row = &c->row[slot];
	c->article[slot] = entry->article;
	atomic_store_explicit(&c->story[slot], entry->story, memory_order_relaxed);
	atomic_store_explicit(&c->flags[slot], 0, memory_order_relaxed);
	c->language[slot] = entry->language;
	c->source[slot] = entry->source;
	c->section[slot] = entry->section;
	c->author[slot] = entry->author;
	c->published_ms[slot] = entry->published_ms;
	if (slot == 0 || entry->published_ms > atomic_load_explicit(&c->newest_ms, memory_order_relaxed))
		atomic_store_explicit(&c->newest_ms, entry->published_ms, memory_order_relaxed);
	c->visible_from_ms[slot] = entry->visible_from_ms;
	c->visible_until_ms[slot] = visible_until_ms;
	c->created_seq[slot] = entry->created_seq;
	atomic_store_explicit(&c->editions[slot], entry->editions, memory_order_relaxed);
	atomic_store_explicit(&row->boost, entry->boost, memory_order_relaxed);
	row->log_chars = entry->log_chars;
	row->content_norm = content_norm(entry);
	row->section = entry->section;
	row->source = entry->source;
	row->premium = entry->premium;
	row->n_words = (uint8_t)choose_words(entry, row->content_norm, &c->words[slot]);
	row->vector_start = start;
	row->n_vector = (uint16_t)entry->n_vector;
	struct topic_term *vectors =
		(struct topic_term *)(uintptr_t)atomic_load_explicit(&c->vectors, memory_order_relaxed);
	if (entry->n_vector)
		memcpy(vectors + start, entry->vector, entry->n_vector * sizeof(*vectors));
	fill_dense(s, slot, entry->dense_space, entry->dense);
	c->card[slot] = card;
	s->n_live++;
	return slot; /* the caller computes what depends on the slot, then releases count */
}
