#include "engine/catalog/segment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/epoch.h"

int segment_new(struct segment **out, uint64_t number)
{
	size_t bytes = (sizeof(struct segment) + 63) / 64 * 64;
	struct segment *s = aligned_alloc(64, bytes);
	if (!s)
		return -ENOMEM;
	memset(s, 0, bytes);
	s->seen.number = number;
	s->bytes = bytes;
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
	uint32_t used = s->seen.vector_start[atomic_load_explicit(&s->seen.count, memory_order_relaxed)];
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

/* By insertion; of equals the earlier stays first. */
static void choose_words(const struct catalog_entry *entry, uint32_t words[CATALOG_WORDS])
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
			words[k] = words[k - 1];
		}
		weight[place] = t->weight;
		words[place] = t->topic;
	}
}

uint32_t segment_append_take(struct segment *s, const struct catalog_entry *entry, int64_t visible_until_ms,
                             const struct catalog_card *card)
{
	struct catalog_segment *c = &s->seen;
	uint32_t slot = atomic_load_explicit(&c->count, memory_order_relaxed), start = c->vector_start[slot];
	c->article[slot] = entry->article;
	atomic_store_explicit(&c->story[slot], entry->story, memory_order_relaxed);
	atomic_store_explicit(&c->flags[slot], entry->premium ? SLOT_PREMIUM : 0, memory_order_relaxed);
	c->language[slot] = entry->language;
	c->log_chars[slot] = entry->log_chars;
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
	atomic_store_explicit(&c->boost[slot], entry->boost, memory_order_relaxed);
	struct topic_term *vectors =
		(struct topic_term *)(uintptr_t)atomic_load_explicit(&c->vectors, memory_order_relaxed);
	if (entry->n_vector)
		memcpy(vectors + start, entry->vector, entry->n_vector * sizeof(*vectors));
	c->vector_start[slot + 1] = start + (uint32_t)entry->n_vector;
	choose_words(entry, c->words[slot]);
	dense_fill(s, slot, entry->dense_space, entry->dense);
	c->card[slot] = card;
	s->n_live++;
	return slot; /* the caller computes what depends on the slot, then releases count */
}
