/* Two generations: the young takes what is put, the old is what the round under way writes. Each is an array in the order
 * of arrival, a key anew for each put, and an index of the newest of each key. So taking back is cutting the array off. A
 * round sorts the array it takes by key. */
#include "engine/store/behind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"

struct entry {
	uint8_t key[BEHIND_KEY_MAX]; /* zeros behind its end */
	uint32_t arrival;
	uint64_t value;
};

struct generation {
	struct entry *entries; /* [n] */
	uint32_t *slots;       /* [n_slots], a power of two: place among the entries and 1; 0 free */
	size_t n, capacity, n_slots;
};

struct behind {
	enum store_table table;
	unsigned key_bytes, value_bytes;
	size_t n_max;
	struct generation young, old;
	size_t n_committed;          /* of the young */
	size_t n_written, n_writing; /* of the old: durably; with the step under way */
};

enum { ENTRIES_LEAST = 64 };

int behind_new(struct behind **out, enum store_table table, unsigned key_bytes, unsigned value_bytes, size_t n_max)
{
	struct behind *b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->table = table;
	b->key_bytes = key_bytes;
	b->value_bytes = value_bytes;
	b->n_max = n_max;
	*out = b;
	return 0;
}

static void empty(struct generation *g)
{
	free(g->entries);
	free(g->slots);
	*g = (struct generation){.n = 0};
}

void behind_free(struct behind *b)
{
	if (!b)
		return;
	empty(&b->young);
	empty(&b->old);
	free(b);
}

/* ---- a generation ---- */

/* Where the key's newest stands, or would. */
static uint32_t *find_slot(const struct generation *g, const uint8_t key[BEHIND_KEY_MAX])
{
	size_t mask = g->n_slots - 1, i = hash64((struct span){(const char *)key, BEHIND_KEY_MAX}) & mask;
	while (g->slots[i] && memcmp(g->entries[g->slots[i] - 1].key, key, BEHIND_KEY_MAX) != 0)
		i = (i + 1) & mask;
	return &g->slots[i];
}

static const struct entry *find(const struct generation *g, const uint8_t key[BEHIND_KEY_MAX])
{
	uint32_t at = g->n ? *find_slot(g, key) : 0;
	return at ? &g->entries[at - 1] : NULL;
}

static void index_all(struct generation *g)
{
	memset(g->slots, 0, g->n_slots * sizeof(*g->slots));
	for (size_t i = 0; i < g->n; i++)
		*find_slot(g, g->entries[i].key) = (uint32_t)i + 1; /* of one key the later comes later */
}

/* Twice the room, and an index of which at most half is used. */
static int grow(struct generation *g)
{
	size_t capacity = g->capacity ? 2 * g->capacity : ENTRIES_LEAST;
	struct entry *entries = capacity < UINT32_MAX ? realloc(g->entries, capacity * sizeof(*entries)) : NULL;
	if (!entries)
		return -ENOMEM;
	g->entries = entries;
	uint32_t *slots = malloc(2 * capacity * sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(g->slots);
	g->slots = slots;
	g->n_slots = 2 * capacity;
	g->capacity = capacity;
	index_all(g);
	return 0;
}

static int by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = memcmp(x->key, y->key, BEHIND_KEY_MAX);
	return order ? order : (x->arrival > y->arrival) - (x->arrival < y->arrival);
}

/* ---- the table ---- */

static int read_table(const struct behind *b, struct store_txn *t, struct span key, uint64_t *value)
{
	struct span stored;
	uint64_t number = 0;
	int r = store_get(t, b->table, key, &stored);
	if (r == 0 && stored.len != b->value_bytes)
		return -EINVAL;
	for (unsigned i = 0; r == 0 && i < b->value_bytes; i++)
		number = number << 8 | (uint8_t)stored.data[i];
	if (r >= 0)
		*value = number;
	return r < 0 ? r : 0;
}

static int write_table(const struct behind *b, struct store_txn *t, struct span key, uint64_t value)
{
	uint8_t bytes[8];
	for (unsigned i = 0; i < b->value_bytes; i++)
		bytes[i] = (uint8_t)(value >> 8 * (b->value_bytes - 1 - i));
	int r = value ? store_put(t, b->table, key, (struct span){(const char *)bytes, b->value_bytes})
	              : store_delete(t, b->table, key);
	return r < 0 ? r : 0;
}

/* ---- reading and putting ---- */

static void fill_key(uint8_t out[BEHIND_KEY_MAX], struct span key)
{
	memset(out, 0, BEHIND_KEY_MAX);
	memcpy(out, key.data, key.len);
}

static const struct entry *find_new(const struct behind *b, struct span key)
{
	uint8_t padded[BEHIND_KEY_MAX];
	fill_key(padded, key);
	const struct entry *e = find(&b->young, padded);
	return e ? e : find(&b->old, padded);
}

int behind_get(const struct behind *b, struct store_txn *t, struct span key, uint64_t *value)
{
	const struct entry *e = find_new(b, key);
	if (!e)
		return read_table(b, t, key, value);
	*value = e->value;
	return 0;
}

int behind_put(struct behind *b, struct span key, uint64_t value)
{
	struct generation *g = &b->young;
	int r = g->entries && g->n < g->capacity ? 0 : grow(g);
	if (r < 0)
		return r;
	struct entry *e = &g->entries[g->n];
	fill_key(e->key, key);
	e->arrival = (uint32_t)g->n;
	e->value = value;
	*find_slot(g, e->key) = (uint32_t)++g->n;
	return 0;
}

int behind_put_through(struct behind *b, struct store_txn *t, struct span key, uint64_t value)
{
	int r = write_table(b, t, key, value);
	return r == 0 && find_new(b, key) ? behind_put(b, key, value) : r;
}

void behind_commit(struct behind *b)
{
	b->n_committed = b->young.n;
}

void behind_abandon(struct behind *b)
{
	if (b->young.n == b->n_committed)
		return;
	b->young.n = b->n_committed;
	index_all(&b->young);
}

/* ---- rounds ---- */

void behind_begin_round(struct behind *b)
{
	if (b->young.n == 0)
		return;
	b->old = b->young;
	b->young = (struct generation){.n = 0};
	b->n_committed = b->n_written = b->n_writing = 0;
	qsort(b->old.entries, b->old.n, sizeof(*b->old.entries), by_key);
	index_all(&b->old);
}

int behind_write(struct behind *b, struct store_txn *t, size_t n, size_t *left)
{
	int r = 0;
	size_t i = b->n_written;
	for (; i < b->old.n && n > 0 && r == 0; i++) {
		const struct entry *e = &b->old.entries[i];
		if (i + 1 < b->old.n && memcmp(e->key, e[1].key, BEHIND_KEY_MAX) == 0)
			continue; /* put again since */
		const struct entry *newer = find(&b->young, e->key);
		r = write_table(b, t, (struct span){(const char *)e->key, b->key_bytes}, newer ? newer->value : e->value);
		n--;
	}
	b->n_writing = i;
	*left = b->old.n - i;
	return r;
}

void behind_wrote(struct behind *b, bool committed)
{
	if (committed)
		b->n_written = b->n_writing;
	if (b->old.n && b->n_written == b->old.n) {
		empty(&b->old);
		b->n_written = 0;
	}
	b->n_writing = b->n_written;
}

bool behind_pressed(const struct behind *b)
{
	return b->young.n >= b->n_max;
}
