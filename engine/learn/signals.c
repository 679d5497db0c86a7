/* A set-associative table: a key's bucket is eight neighbouring entries. A reader copies the values and looks at the key
 * again behind them; the writer who gives an entry to another key first takes the old key away, so what was read under an
 * unchanged key belongs to it. Loads and stores are acquire and release where that order is needed. */
#include "engine/learn/signals.h"

#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { WAYS = 8, PAGE_ENTRIES = SIGNALS_PAGE_BYTES / 32 };

struct entry {
	_Atomic uint64_t key; /* 0: free */
	_Atomic float value[SIGNAL_VALUES];
	_Atomic uint32_t minute; /* of the values */
	uint32_t kind;
};
_Static_assert(sizeof(struct entry) == 32, "pages hold whole entries");

enum { CLEAN, CHANGED, TAKEN };

struct signals {
	uint64_t mask; /* buckets - 1 */
	size_t n_pages, next_page;
	uint8_t *pages;      /* [n_pages] */
	struct entry *entries; /* [(mask + 1) * WAYS] */
};

#define DAY 1440.0f
/* Minutes. What has no short life of its own fades over a month, so that the table keeps to what is about. */
static const float half_lives[N_SIGNAL_KINDS][SIGNAL_VALUES] = {
	[SIGNAL_HEAD] = {180, 180, 720, 720},
	[SIGNAL_HEAD_TOTAL] = {180, 180, 720, 720},
	[SIGNAL_CO_READ] = {30 * DAY, 30 * DAY, 30 * DAY, 30 * DAY},
	[SIGNAL_READ] = {30 * DAY, 30 * DAY, 30 * DAY, 30 * DAY},
	[SIGNAL_WORD] = {30 * DAY, 30 * DAY, 30 * DAY, 30 * DAY},
	[SIGNAL_SECTION] = {30 * DAY, 30 * DAY, 30 * DAY, 30 * DAY},
	[SIGNAL_NEXT] = {30 * DAY, 30 * DAY, 30 * DAY, 30 * DAY},
	[SIGNAL_TASTE] = {90 * DAY, 90 * DAY, 90 * DAY, 90 * DAY},
	[SIGNAL_ALL] = {720, 720, 720, 720},
};

int signals_new(struct signals **out, size_t capacity)
{
	size_t n = PAGE_ENTRIES;
	struct signals *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	while (n < capacity)
		n *= 2;
	s->mask = n / WAYS - 1;
	s->n_pages = n / PAGE_ENTRIES;
	s->entries = aligned_alloc(SIGNALS_PAGE_BYTES, n * sizeof(*s->entries));
	s->pages = calloc(s->n_pages, 1);
	if (!s->entries || !s->pages) {
		signals_free(s);
		return -ENOMEM;
	}
	memset(s->entries, 0, n * sizeof(*s->entries));
	*out = s;
	return 0;
}

void signals_free(struct signals *s)
{
	if (!s)
		return;
	free(s->entries);
	free(s->pages);
	free(s);
}

static struct entry *bucket_of(const struct signals *s, uint64_t key)
{
	return &s->entries[(key >> 20 & s->mask) * WAYS];
}

void signals_prefetch(const struct signals *s, uint64_t key)
{
	const struct entry *bucket = bucket_of(s, key);
	for (int i = 0; i < WAYS; i += 2)
		__builtin_prefetch(&bucket[i]);
}

static struct entry *find(const struct signals *s, uint64_t key)
{
	struct entry *bucket = bucket_of(s, key);
	for (int i = 0; i < WAYS; i++)
		if (atomic_load_explicit(&bucket[i].key, memory_order_acquire) == key)
			return &bucket[i];
	return NULL;
}

static float decay(float minutes, float half_life)
{
	return minutes > 0 ? exp2f(-minutes / half_life) : 1;
}

static void decays(enum signal_kind kind, float minutes, float out[SIGNAL_VALUES])
{
	const float *h = half_lives[kind];
	out[0] = decay(minutes, h[0]);
	for (int i = 1; i < SIGNAL_VALUES; i++)
		out[i] = h[i] == h[i - 1] ? out[i - 1] : decay(minutes, h[i]);
}

void signals_get(const struct signals *s, enum signal_kind kind, uint64_t key, uint32_t minute, float out[SIGNAL_VALUES])
{
	struct entry *e = find(s, key);
	float by[SIGNAL_VALUES];
	memset(out, 0, SIGNAL_VALUES * sizeof(*out));
	if (!e)
		return;
	uint32_t at = atomic_load_explicit(&e->minute, memory_order_acquire);
	for (int i = 0; i < SIGNAL_VALUES; i++)
		out[i] = atomic_load_explicit(&e->value[i], memory_order_acquire);
	if (atomic_load_explicit(&e->key, memory_order_relaxed) != key) {
		memset(out, 0, SIGNAL_VALUES * sizeof(*out));
		return;
	}
	if (minute <= at)
		return;
	decays(kind, (float)(minute - at), by);
	for (int i = 0; i < SIGNAL_VALUES; i++)
		out[i] *= by[i];
}

static void mark(struct signals *s, const struct entry *e)
{
	s->pages[(size_t)(e - s->entries) / PAGE_ENTRIES] = CHANGED;
}

/* What an entry still weighs: its largest value by now. */
static float weight_of(const struct entry *e, uint32_t minute)
{
	float by[SIGNAL_VALUES], most = 0;
	uint32_t at = atomic_load_explicit(&e->minute, memory_order_relaxed);
	decays((enum signal_kind)e->kind, minute > at ? (float)(minute - at) : 0, by);
	for (int i = 0; i < SIGNAL_VALUES; i++)
		most = fmaxf(most, fabsf(atomic_load_explicit(&e->value[i], memory_order_relaxed)) * by[i]);
	return most;
}

static struct entry *make_room(const struct signals *s, enum signal_kind kind, uint64_t key, uint32_t minute)
{
	struct entry *bucket = bucket_of(s, key), *least = NULL;
	float least_weight = INFINITY;
	for (int i = 0; i < WAYS; i++) {
		if (!atomic_load_explicit(&bucket[i].key, memory_order_relaxed)) {
			least = &bucket[i];
			break;
		}
		float weight = weight_of(&bucket[i], minute);
		if (weight < least_weight) {
			least_weight = weight;
			least = &bucket[i];
		}
	}
	atomic_store_explicit(&least->key, 0, memory_order_relaxed);
	for (int i = 0; i < SIGNAL_VALUES; i++)
		atomic_store_explicit(&least->value[i], 0, memory_order_release);
	atomic_store_explicit(&least->minute, minute, memory_order_release);
	least->kind = kind;
	atomic_store_explicit(&least->key, key, memory_order_release);
	return least;
}

void signals_add(struct signals *s, enum signal_kind kind, uint64_t key, uint32_t minute, const float add[SIGNAL_VALUES])
{
	struct entry *e = find(s, key);
	float old[SIGNAL_VALUES], fresh[SIGNAL_VALUES];
	if (!e)
		e = make_room(s, kind, key, minute);
	uint32_t at = atomic_load_explicit(&e->minute, memory_order_relaxed), now = minute > at ? minute : at;
	decays(kind, (float)(now - at), old);
	decays(kind, (float)(now - minute), fresh);
	for (int i = 0; i < SIGNAL_VALUES; i++)
		atomic_store_explicit(&e->value[i],
		                      atomic_load_explicit(&e->value[i], memory_order_relaxed) * old[i] + add[i] * fresh[i],
		                      memory_order_release);
	atomic_store_explicit(&e->minute, now, memory_order_release);
	mark(s, e);
}

void signals_remove(struct signals *s, uint64_t key)
{
	struct entry *e = find(s, key);
	if (!e)
		return;
	atomic_store_explicit(&e->key, 0, memory_order_relaxed);
	for (int i = 0; i < SIGNAL_VALUES; i++)
		atomic_store_explicit(&e->value[i], 0, memory_order_release);
	mark(s, e);
}

/* ---- checkpoints ---- */

size_t signals_n_pages(const struct signals *s)
{
	return s->n_pages;
}

size_t signals_bytes(const struct signals *s)
{
	return sizeof(*s) + s->n_pages * (SIGNALS_PAGE_BYTES + 1);
}

int64_t signals_take_page(struct signals *s, uint8_t out[SIGNALS_PAGE_BYTES])
{
	for (; s->next_page < s->n_pages; s->next_page++)
		if (s->pages[s->next_page] == CHANGED) {
			s->pages[s->next_page] = TAKEN;
			memcpy(out, (const uint8_t *)s->entries + s->next_page * SIGNALS_PAGE_BYTES, SIGNALS_PAGE_BYTES);
			return (int64_t)s->next_page++;
		}
	return -1;
}

void signals_taken_kept(struct signals *s, bool kept)
{
	for (size_t i = 0; i < s->n_pages; i++)
		if (s->pages[i] == TAKEN)
			s->pages[i] = kept ? CLEAN : CHANGED;
	s->next_page = 0;
}

int signals_load_page(struct signals *s, uint64_t page, struct span bytes)
{
	if (page >= s->n_pages || bytes.len != SIGNALS_PAGE_BYTES)
		return 1;
	struct entry *first = &s->entries[page * PAGE_ENTRIES];
	memcpy((void *)first, bytes.data, SIGNALS_PAGE_BYTES);
	for (size_t i = 0; i < PAGE_ENTRIES; i++) {
		bool sound = first[i].kind > 0 && first[i].kind < N_SIGNAL_KINDS &&
		             bucket_of(s, first[i].key) <= &first[i] && &first[i] < bucket_of(s, first[i].key) + WAYS;
		for (int k = 0; k < SIGNAL_VALUES; k++)
			sound = sound && isfinite(first[i].value[k]);
		if (first[i].key && !sound) {
			memset((void *)first, 0, SIGNALS_PAGE_BYTES);
			return 1;
		}
	}
	return 0;
}
