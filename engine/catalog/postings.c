/* Postings of a run of slots: a counting sort by topic into one array, with a small hash table of where each starts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

int postings_build(struct catalog_postings **out, const struct catalog_segment *s, uint32_t n_slots, uint64_t *bytes)
{
	uint32_t n_entries = s->vector_start[n_slots];
	const struct topic_term *vectors = atomic_load_explicit(&s->vectors, memory_order_relaxed);
	struct catalog_postings *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->n_slots = n_slots;
	p->table_mask = 255;
	p->table = calloc(p->table_mask + 1, sizeof(*p->table));
	p->slot = malloc(n_entries * sizeof(*p->slot) + 1);
	p->weight = malloc(n_entries * sizeof(*p->weight) + 1);
	if (!p->table || !p->slot || !p->weight)
		goto out;
	for (uint32_t i = 0; i < n_entries; i++) {
		uint32_t at = find(p, vectors[i].topic);
		if (p->table[at].topic == 0) {
			if ((p->n_topics + 1) * 2 > p->table_mask + 1) {
				if (grow(p) < 0)
					goto out;
				at = find(p, vectors[i].topic);
			}
			p->table[at].topic = vectors[i].topic;
			p->n_topics++;
		}
		p->table[at].n++;
	}
	uint32_t start = 0;
	for (uint32_t i = 0; i <= p->table_mask; i++) {
		p->table[i].start = start;
		start += p->table[i].n;
		p->table[i].n = 0;
	}
	for (uint32_t slot = 0; slot < n_slots; slot++) {
		for (uint32_t i = s->vector_start[slot]; i < s->vector_start[slot + 1]; i++) {
			uint32_t at = find(p, vectors[i].topic);
			uint32_t place = p->table[at].start + p->table[at].n++;
			p->slot[place] = (uint16_t)slot;
			p->weight[place] = vectors[i].weight;
		}
	}
	*bytes = sizeof(*p) + (p->table_mask + 1) * sizeof(*p->table) + n_entries * (uint64_t)4;
	*out = p;
	return 0;
out:
	postings_free(p);
	return -ENOMEM;
}
