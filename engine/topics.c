/* The topic dictionary: namespaced names and their numbers.
 *
 * A name stands once in memory, in blocks that are never freed while the process runs, so a span of it may be handed
 * anywhere. A topic's record is its name and, when somebody wrote it otherwise ("Vladimir Putin"), a NUL and the label
 * to show. Names are found by a 64-bit hash; numbers index two-level tables of pointers that only grow, so readers
 * need no lock. A number's namespace is in its top bits.
 *
 * A new topic gets the number after the highest that was ever given. Topics that no record names are dropped only where a
 * store is copied as a whole (dirs.c); the copy then keeps, in meta, the highest numbers given, so that a dropped topic's
 * number does not come back: what was learnt stands under hashes of numbers, and nobody can tell of which. Only when a
 * namespace has given all its numbers do the lowest free ones serve again. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "engine/core.h"

enum { VOTES_LOADED = 8 };
enum { CHUNK = 4096, N_CHUNKS = TOPICS_MAX / CHUNK };

struct name {
	uint16_t len, label_len; /* label_len 0: shown as the name is */
	uint8_t votes;           /* the writer's, of terms: for this label, less those against */
	char text[]; /* name, label */
};

struct name_chunk {
	struct name *_Atomic names[CHUNK];
};

struct topics {
	struct map *by_hash; /* hash64 of the name -> number */
	struct name_chunk *_Atomic chunks[N_TOPIC_NAMESPACES][N_CHUNKS];
	uint32_t n[N_TOPIC_NAMESPACES], n_committed[N_TOPIC_NAMESPACES]; /* highest ever given */
	uint32_t free_from[N_TOPIC_NAMESPACES]; /* no number below is free */
	uint32_t *made; /* [n_made] by this batch */
	size_t n_made, made_capacity;
	struct arena names;
	_Atomic uint64_t count, bytes;
};

static const struct span namespaces[N_TOPIC_NAMESPACES] = {
	[TOPIC_TAG] = {"topic:", 6},   [TOPIC_SECTION] = {"section:", 8}, [TOPIC_PLACE] = {"place:", 6},
	[TOPIC_SOURCE] = {"source:", 7}, [TOPIC_AUTHOR] = {"author:", 7},   [TOPIC_TERM] = {"term:", 5}};

enum topic_namespace topics_namespace(struct span name)
{
	for (int i = 1; i < N_TOPIC_NAMESPACES; i++)
		if (span_starts_with(name, namespaces[i]) && name.len > namespaces[i].len)
			return (enum topic_namespace)i;
	return 0;
}

int topics_new(struct topics **out, struct epoch *e)
{
	struct topics *t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	int r = map_new(&t->by_hash, e);
	if (r < 0) {
		free(t);
		return r;
	}
	*out = t;
	return 0;
}

void topics_free(struct topics *t)
{
	if (!t)
		return;
	for (int ns = 0; ns < N_TOPIC_NAMESPACES; ns++)
		for (int i = 0; i < N_CHUNKS; i++)
			free(atomic_load(&t->chunks[ns][i]));
	map_free(t->by_hash);
	arena_free(&t->names);
	free(t->made);
	free(t);
}

uint32_t topics_find(const struct topics *t, struct span name)
{
	return (uint32_t)map_get(t->by_hash, hash64(name));
}

static const struct name *find_name(const struct topics *t, uint32_t topic)
{
	uint32_t ns = topic >> TOPIC_NAMESPACE_SHIFT, n = topic & ((1u << TOPIC_NAMESPACE_SHIFT) - 1);
	if (ns == 0 || ns >= N_TOPIC_NAMESPACES || n >= TOPICS_MAX)
		return NULL;
	struct name_chunk *chunk = atomic_load_explicit(&t->chunks[ns][n / CHUNK], memory_order_acquire);
	return chunk ? atomic_load_explicit(&chunk->names[n % CHUNK], memory_order_acquire) : NULL;
}

struct span topics_name(const struct topics *t, uint32_t topic)
{
	const struct name *name = find_name(t, topic);
	return name ? (struct span){name->text, name->len} : (struct span){NULL, 0};
}

struct span topics_label(const struct topics *t, uint32_t topic)
{
	const struct name *name = find_name(t, topic);
	size_t space = namespaces[topic >> TOPIC_NAMESPACE_SHIFT < N_TOPIC_NAMESPACES ? topic >> TOPIC_NAMESPACE_SHIFT : 0].len;
	if (!name)
		return (struct span){NULL, 0};
	return name->label_len ? (struct span){name->text + name->len, name->label_len}
	                       : (struct span){name->text + space, name->len - space};
}

/* Sets the name and label of a number, new or known. What was there stays in memory: others may hold it. */
static int add(struct topics *t, uint32_t topic, struct span text, struct span label, uint8_t votes)
{
	uint32_t ns = topic >> TOPIC_NAMESPACE_SHIFT, n = topic & ((1u << TOPIC_NAMESPACE_SHIFT) - 1);
	if (n >= TOPICS_MAX)
		return -ENOSPC;
	struct name_chunk *chunk = atomic_load_explicit(&t->chunks[ns][n / CHUNK], memory_order_relaxed);
	if (!chunk) {
		chunk = calloc(1, sizeof(*chunk));
		if (!chunk)
			return -ENOMEM;
		atomic_store_explicit(&t->chunks[ns][n / CHUNK], chunk, memory_order_release);
		atomic_fetch_add_explicit(&t->bytes, sizeof(*chunk), memory_order_relaxed);
	}
	struct name *name = arena_alloc(&t->names, sizeof(*name) + text.len + label.len);
	if (!name)
		return -ENOMEM;
	name->len = (uint16_t)text.len;
	name->label_len = (uint16_t)label.len;
	name->votes = votes;
	memcpy(name->text, text.data, text.len);
	if (label.len)
		memcpy(name->text + text.len, label.data, label.len);
	int r = map_put(t->by_hash, hash64(text), topic);
	if (r < 0)
		return r;
	bool known = atomic_load_explicit(&chunk->names[n % CHUNK], memory_order_relaxed) != NULL;
	atomic_store_explicit(&chunk->names[n % CHUNK], name, memory_order_release);
	if (n > t->n[ns])
		t->n[ns] = n;
	atomic_fetch_add_explicit(&t->count, !known, memory_order_relaxed);
	atomic_fetch_add_explicit(&t->bytes, sizeof(*name) + text.len + label.len + 32, memory_order_relaxed);
	return 0;
}

void topics_split(struct span record, struct span *name, struct span *label)
{
	const char *nul = memchr(record.data, '\0', record.len);
	size_t len = nul ? (size_t)(nul - record.data) : record.len;
	*name = (struct span){record.data, len};
	*label = nul ? (struct span){nul + 1, record.len - len - 1} : (struct span){NULL, 0};
}

static int put(struct topics *t, struct store_txn *txn, uint32_t topic, struct span name, struct span label)
{
	char record[LIMIT_TOPIC_BYTES + 1 + LIMIT_NAME_BYTES];
	uint8_t key[4];
	size_t n = name.len;
	assert(n > 0);
	memcpy(record, name.data, n);
	if (label.len) {
		record[n++] = '\0';
		memcpy(record + n, label.data, label.len);
		n += label.len;
	}
	int r = store_put(txn, TABLE_TOPICS, key_u32(key, topic), (struct span){record, n});
	return r < 0 ? r : add(t, topic, name, label, 1);
}

int topics_given_read(struct store_txn *txn, uint32_t given[N_TOPIC_NAMESPACES])
{
	struct span value;
	int r = store_get(txn, TABLE_META, SPAN(META_KEY_TOPICS), &value);
	memset(given, 0, N_TOPIC_NAMESPACES * sizeof(*given));
	if (r != 0)
		return r < 0 ? r : 0;
	struct byte_reader b = bytes_reader(value);
	bool sound = get_u8(&b) == RECORD_VERSION;
	for (int ns = 1; ns < N_TOPIC_NAMESPACES; ns++) {
		given[ns] = get_u32(&b);
		sound = sound && given[ns] < TOPICS_MAX;
	}
	return sound && bytes_done(&b) ? 0 : -EINVAL;
}

int topics_given_write(struct store_txn *txn, const uint32_t given[N_TOPIC_NAMESPACES])
{
	uint8_t bytes[1 + (N_TOPIC_NAMESPACES - 1) * 4] = {RECORD_VERSION};
	memcpy(bytes + 1, given + 1, sizeof(bytes) - 1);
	return store_put(txn, TABLE_META, SPAN(META_KEY_TOPICS), (struct span){(const char *)bytes, sizeof(bytes)});
}

int topics_load(struct topics *t, struct store_txn *txn)
{
	struct store_cursor *c;
	struct span key, value;
	int r = topics_given_read(txn, t->n);
	if (r == 0)
		r = store_cursor_new(txn, TABLE_TOPICS, &c);
	if (r != 0)
		return r;
	for (r = store_first(c, &key, &value); r == 0; r = store_next(c, &key, &value)) {
		uint32_t topic = key_to_u32(key), ns = topic >> TOPIC_NAMESPACE_SHIFT;
		struct span name, label;
		topics_split(value, &name, &label);
		if (key.len != 4 || ns == 0 || ns >= N_TOPIC_NAMESPACES || name.len <= namespaces[ns].len ||
		    name.len > LIMIT_TOPIC_BYTES || label.len > LIMIT_NAME_BYTES) {
			r = -EINVAL;
			break;
		}
		r = add(t, topic, name, label, VOTES_LOADED);
		if (r < 0)
			break;
	}
	store_cursor_free(c);
	topics_commit(t);
	return r < 0 ? r : 0;
}

/* Whether there is room to note one more topic that this batch makes. */
static int reserve_made(struct topics *t)
{
	if (t->n_made < t->made_capacity)
		return 0;
	size_t capacity = t->made_capacity ? t->made_capacity * 2 : 64;
	uint32_t *grown = realloc(t->made, capacity * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	t->made = grown;
	t->made_capacity = capacity;
	return 0;
}

/* A number that no topic has; TOPICS_MAX when all are in use. */
static uint32_t free_number(struct topics *t, uint32_t ns)
{
	if (t->n[ns] + 1 < TOPICS_MAX)
		return t->n[ns] + 1;
	uint32_t n = t->free_from[ns] ? t->free_from[ns] : 1;
	while (n < TOPICS_MAX && find_name(t, ns << TOPIC_NAMESPACE_SHIFT | n))
		n++;
	t->free_from[ns] = n;
	return n;
}

static int make(struct topics *t, struct store_txn *txn, struct span name, struct span label, uint32_t *out)
{
	uint32_t ns = topics_namespace(name);
	uint8_t key[4];
	if (ns == 0 || name.len > LIMIT_TOPIC_BYTES)
		return -EINVAL;
	uint32_t n = free_number(t, ns), topic = ns << TOPIC_NAMESPACE_SHIFT | n;
	if (n == TOPICS_MAX)
		return -ENOSPC;
	int r = reserve_made(t);
	if (r == 0)
		r = store_put(txn, TABLE_TOPIC_IDS, name, key_u32(key, topic));
	if (r == 0)
		r = put(t, txn, topic, name, label);
	if (r < 0)
		return r;
	t->made[t->n_made++] = topic;
	*out = topic;
	return 0;
}

/* As a label is shown; capitals are no difference. */
static bool is_shown_alike(const struct name *name, struct span label)
{
	size_t space = namespaces[TOPIC_TERM].len;
	struct span stem = {name->text + space, name->len - space}, shown = {name->text + name->len, name->label_len};
	shown = shown.len ? shown : stem;
	label = label.len ? label : stem;
	return shown.len == label.len && strncasecmp(shown.data, label.data, label.len) == 0;
}

/* A stem is written in many ways: "Messi" and "messy" have one. It is shown as most articles write it, by the majority vote
 * of Boyer and Moore (1981), which keeps one candidate and one number. Votes are not stored: what a start finds has VOTES_LOADED. */
static int vote(struct topics *t, struct store_txn *txn, uint32_t topic, struct span label)
{
	struct name *name = (struct name *)(uintptr_t)find_name(t, topic);
	if (is_shown_alike(name, label)) {
		name->votes += name->votes < UINT8_MAX;
		return 0;
	}
	if (name->votes > 0) {
		name->votes--;
		return 0;
	}
	return put(t, txn, topic, topics_name(t, topic), label);
}

int topics_resolve(struct topics *t, struct store_txn *txn, struct span name, struct span label, uint32_t *out)
{
	uint32_t topic = topics_find(t, name);
	int r = 0;
	if (label.len > LIMIT_NAME_BYTES || (label.len && memchr(label.data, '\0', label.len)))
		label.len = 0;
	if (topic == 0)
		return make(t, txn, name, label, out);
	if (topic >> TOPIC_NAMESPACE_SHIFT == TOPIC_TERM && label.data)
		r = vote(t, txn, topic, label);
	else if (label.len && find_name(t, topic)->label_len == 0)
		r = put(t, txn, topic, topics_name(t, topic), label); /* first known by its name alone */
	if (r == 0)
		*out = topic;
	return r;
}

void topics_commit(struct topics *t)
{
	memcpy(t->n_committed, t->n, sizeof(t->n));
	t->n_made = 0;
}

void topics_abandon(struct topics *t)
{
	while (t->n_made > 0) {
		uint32_t topic = t->made[--t->n_made], ns = topic >> TOPIC_NAMESPACE_SHIFT,
		         n = topic & ((1u << TOPIC_NAMESPACE_SHIFT) - 1);
		map_remove(t->by_hash, hash64(topics_name(t, topic)));
		atomic_store(&atomic_load(&t->chunks[ns][n / CHUNK])->names[n % CHUNK], NULL);
		atomic_fetch_sub_explicit(&t->count, 1, memory_order_relaxed);
		if (n < t->free_from[ns])
			t->free_from[ns] = n;
	}
	memcpy(t->n, t->n_committed, sizeof(t->n));
}

uint64_t topics_count(const struct topics *t)
{
	return atomic_load_explicit(&t->count, memory_order_relaxed);
}

uint64_t topics_bytes(const struct topics *t)
{
	return atomic_load_explicit(&t->bytes, memory_order_relaxed) + map_bytes(t->by_hash);
}
