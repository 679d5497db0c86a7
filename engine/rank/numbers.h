/* A small map from nonzero u32 to nonzero int32 that lives for one request: open addressing, linear probing, at most half
 * full. Its memory is kept between requests. */
#ifndef MYNEWS_ENGINE_RANK_NUMBERS_H
#define MYNEWS_ENGINE_RANK_NUMBERS_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct number {
	uint32_t key; /* 0: free */
	int32_t value;
};

/* Zero-initialise; numbers_reset before first use. */
struct numbers {
	struct number *table; /* [mask + 1] */
	uint32_t mask;
	uint32_t capacity; /* allocated entries */
};

/* Empties the map and makes room for n keys. Returns 0 or -ENOMEM. */
static inline __attribute__((warn_unused_result)) int numbers_reset(struct numbers *m, size_t n)
{
	uint32_t size = 16;
	while (size < 2 * n)
		size *= 2;
	if (size > m->capacity) {
		struct number *table = malloc(size * sizeof(*table));
		if (!table)
			return -ENOMEM;
		free(m->table);
		m->table = table;
		m->capacity = size;
	}
	m->mask = size - 1;
	memset(m->table, 0, size * sizeof(*m->table));
	return 0;
}

static inline void numbers_free(struct numbers *m)
{
	free(m->table);
	*m = (struct numbers){0};
}

/* The entry that holds the key, or the free one where it would stand. */
static inline struct number *numbers_find(const struct numbers *m, uint32_t key)
{
	/* Fibonacci hashing (Knuth 6.4); the low half of the product's high bits is well spread. */
	uint32_t i = (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & m->mask;
	while (m->table[i].key && m->table[i].key != key)
		i = (i + 1) & m->mask;
	return &m->table[i];
}

/* The value, 0 when absent. Key 0 is absent always. */
static inline int32_t numbers_get(const struct numbers *m, uint32_t key)
{
	return key ? numbers_find(m, key)->value : 0;
}

/* The value to set, 0 when the key is new. The key must not be 0, and the map must have room. */
static inline int32_t *numbers_put(struct numbers *m, uint32_t key)
{
	struct number *e = numbers_find(m, key);
	e->key = key;
	return &e->value;
}

#endif
