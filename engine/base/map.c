#include "engine/base/map.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "engine/base/epoch.h"
#include "engine/base/hash.h"

/* Open addressing, linear probing, power-of-two table. A key once placed keeps its slot until the table is rebuilt;
 * a removed key keeps its slot with value 0. The value is stored before the key, so a reader that finds the key
 * finds a value. Growing builds a new table, publishes it, and retires the old one through the epoch. */

struct entry {
	_Atomic uint64_t key;   /* 0: free */
	_Atomic uint64_t value; /* 0: removed */
};

struct table {
	size_t mask;
	struct entry entries[];
};

struct map {
	struct table *_Atomic table;
	struct epoch *epoch;
	size_t n_slots_used; /* keys placed, removed ones too */
	size_t n_live;
};

static struct table *table_new(size_t n_entries)
{
	struct table *t = calloc(1, sizeof(*t) + n_entries * sizeof(struct entry));
	if (t)
		t->mask = n_entries - 1;
	return t;
}

int map_new(struct map **out, struct epoch *e)
{
	struct map *m = calloc(1, sizeof(*m));
	struct table *t = table_new(16);
	if (!m || !t) {
		free(m);
		free(t);
		return -ENOMEM;
	}
	atomic_init(&m->table, t);
	m->epoch = e;
	*out = m;
	return 0;
}

void map_free(struct map *m)
{
	if (!m)
		return;
	free(atomic_load(&m->table));
	free(m);
}

static struct entry *find(struct table *t, uint64_t key)
{
	for (size_t i = hash_mix64(key) & t->mask;; i = (i + 1) & t->mask) {
		uint64_t seen = atomic_load_explicit(&t->entries[i].key, memory_order_acquire);
		if (seen == key || seen == 0)
			return &t->entries[i];
	}
}

uint64_t map_get(const struct map *m, uint64_t key)
{
	struct table *t = atomic_load_explicit(&m->table, memory_order_acquire);
	struct entry *e = find(t, key);
	if (atomic_load_explicit(&e->key, memory_order_acquire) != key)
		return 0;
	return atomic_load_explicit(&e->value, memory_order_acquire);
}

static void place(struct table *t, uint64_t key, uint64_t value)
{
	struct entry *e = find(t, key);
	atomic_store_explicit(&e->value, value, memory_order_release);
	atomic_store_explicit(&e->key, key, memory_order_release);
}

static int rebuild(struct map *m)
{
	struct table *old = atomic_load_explicit(&m->table, memory_order_relaxed);
	size_t n_entries = 16;
	while (n_entries < (m->n_live + 1) * 4)
		n_entries *= 2;
	struct table *grown = table_new(n_entries);
	if (!grown)
		return -ENOMEM;
	for (size_t i = 0; i <= old->mask; i++) {
		uint64_t key = atomic_load_explicit(&old->entries[i].key, memory_order_relaxed);
		uint64_t value = atomic_load_explicit(&old->entries[i].value, memory_order_relaxed);
		if (key && value)
			place(grown, key, value);
	}
	m->n_slots_used = m->n_live;
	atomic_store_explicit(&m->table, grown, memory_order_release);
	if (m->epoch)
		epoch_retire(m->epoch, old, free);
	else
		free(old);
	return 0;
}

int map_put(struct map *m, uint64_t key, uint64_t value)
{
	if (value == 0) {
		map_remove(m, key);
		return 0;
	}
	struct table *t = atomic_load_explicit(&m->table, memory_order_relaxed);
	struct entry *e = find(t, key);
	if (atomic_load_explicit(&e->key, memory_order_relaxed) == key) {
		if (atomic_load_explicit(&e->value, memory_order_relaxed) == 0)
			m->n_live++;
		atomic_store_explicit(&e->value, value, memory_order_release);
		return 0;
	}
	if ((m->n_slots_used + 1) * 2 > t->mask + 1) {
		int r = rebuild(m);
		if (r < 0)
			return r;
		t = atomic_load_explicit(&m->table, memory_order_relaxed);
	}
	place(t, key, value);
	m->n_slots_used++;
	m->n_live++;
	return 0;
}

void map_remove(struct map *m, uint64_t key)
{
	struct entry *e = find(atomic_load_explicit(&m->table, memory_order_relaxed), key);
	if (atomic_load_explicit(&e->key, memory_order_relaxed) != key ||
	    atomic_load_explicit(&e->value, memory_order_relaxed) == 0)
		return;
	atomic_store_explicit(&e->value, 0, memory_order_release);
	m->n_live--;
}

size_t map_count(const struct map *m)
{
	return m->n_live;
}

size_t map_bytes(const struct map *m)
{
	struct table *t = atomic_load_explicit(&m->table, memory_order_acquire);
	return sizeof(*m) + sizeof(*t) + (t->mask + 1) * sizeof(struct entry);
}

void map_each(struct map *m, void (*fn)(uint64_t key, uint64_t value, void *ctx), void *ctx)
{
	struct table *t = atomic_load_explicit(&m->table, memory_order_relaxed);
	for (size_t i = 0; i <= t->mask; i++) {
		uint64_t key = atomic_load_explicit(&t->entries[i].key, memory_order_relaxed);
		uint64_t value = atomic_load_explicit(&t->entries[i].value, memory_order_relaxed);
		if (key && value)
			fn(key, value, ctx);
	}
}
