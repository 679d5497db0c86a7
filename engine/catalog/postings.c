/* Postings of a run of slots: a counting sort by topic into one array, with a small hash table of where each starts. While
 * counting, an entry's `start` holds the topic's rank of first appearance, so that the second pass needs no look-up. */
#include <errno.h>
#include <stdlib.h>

#include "engine/base/hash.h"
#include "engine/catalog/segment.h"

void postings_free(void *postings)
{
	struct catalog_postings *p = postings;
	if (!p)
		return;
	free(p->table);
	free(p->slot);
	free(p->weight);
	free(p);
}

/* The table's entry of a topic, or the free one where it belongs. */
static uint32_t find(const struct catalog_postings *p, uint32_t topic)
{
	uint32_t i = (uint32_t)hash_mix64(topic) & p->table_mask;
	while (p->table[i].topic != 0 && p->table[i].topic != topic)
		i = (i + 1) & p->table_mask;
	return i;
}

static int grow(struct catalog_postings *p)
{
	struct catalog_postings bigger = {.table_mask = p->table_mask * 2 + 1};
	bigger.table = calloc(bigger.table_mask + 1, sizeof(*bigger.table));
	if (!bigger.table)
		return -ENOMEM;
	for (uint32_t i = 0; i <= p->table_mask; i++)
		if (p->table[i].topic)
			bigger.table[find(&bigger, p->table[i].topic)] = p->table[i];
	free(p->table);
	p->table = bigger.table;
	p->table_mask = bigger.table_mask;
	return 0;
}

/* Numbers the topics of the entries by first appearance into rank[n_entries], and counts each. */
static int count_topics(struct catalog_postings *p, const struct topic_term *entries, uint32_t n_entries, uint32_t *rank,
                        uint32_t *count)
{
	for (uint32_t i = 0; i < n_entries; i++) {
		uint32_t at = find(p, entries[i].topic);
		if (p->table[at].topic == 0) {
			if ((p->n_topics + 1) * 2 > p->table_mask + 1) {
				if (grow(p) < 0)
					return -ENOMEM;
				at = find(p, entries[i].topic);
			}
			p->table[at].topic = entries[i].topic;
			p->table[at].start = p->n_topics;
			count[p->n_topics++] = 0;
		}
		rank[i] = p->table[at].start;
		count[rank[i]]++;
	}
	return 0;
}

int postings_build(struct catalog_postings **out, const struct catalog_segment *s, uint32_t n_slots, uint64_t *bytes)
{
	uint32_t n_entries = catalog_n_entries(s, n_slots);
	const struct topic_term *vectors = atomic_load_explicit(&s->vectors, memory_order_relaxed);
	struct catalog_postings *p = calloc(1, sizeof(*p));
	uint32_t *rank = malloc((n_entries + 1) * 2 * sizeof(*rank)), *next; /* of a topic: its count, then where the next goes */
	if (!p || !rank)
		goto out;
	next = rank + n_entries + 1;
	p->n_slots = n_slots;
	p->table_mask = 255;
	p->table = calloc(p->table_mask + 1, sizeof(*p->table));
	p->slot = malloc(n_entries * sizeof(*p->slot) + 1);
	p->weight = malloc(n_entries * sizeof(*p->weight) + 1);
	if (!p->table || !p->slot || !p->weight || count_topics(p, vectors, n_entries, rank, next) < 0)
		goto out;
	uint32_t start = 0;
	for (uint32_t i = 0; i <= p->table_mask; i++) {
		if (p->table[i].topic == 0)
			continue;
		uint32_t *first = &next[p->table[i].start];
		p->table[i].start = start;
		p->table[i].n = *first;
		*first = start;
		start += p->table[i].n;
	}
	for (uint32_t slot = 0; slot < n_slots; slot++) {
		for (uint32_t i = s->row[slot].vector_start; i < catalog_n_entries(s, slot + 1); i++) {
			uint32_t place = next[rank[i]]++;
			p->slot[place] = (uint16_t)slot;
			p->weight[place] = vectors[i].weight;
		}
	}
	*bytes = sizeof(*p) + (p->table_mask + 1) * sizeof(*p->table) + n_entries * (uint64_t)4;
	free(rank);
	*out = p;
	return 0;
out:
	free(rank);
	postings_free(p);
	return -ENOMEM;
}
