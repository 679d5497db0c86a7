/* What slates teach about pairs and words: which of two stories was chosen where both stood, which are read by the same
 * readers, how often a word or a section is clicked against what was expected.
 *
 * One bounded table of counters under 64-bit keys, four to a key, each decaying with a half-life of its kind (lazily, by
 * the minute of the last change). Buckets of eight; where a bucket is full the counter that has weighed least makes room.
 * One writer adds; any thread reads without locks: a value may be a moment old, and is never another key's.
 *
 * The table is checkpointed in pages; taken pages are those changed since they were last taken. */
#ifndef MYNEWS_ENGINE_LEARN_SIGNALS_H
#define MYNEWS_ENGINE_LEARN_SIGNALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/hash.h"
#include "engine/base/span.h"

enum signal_kind {
	SIGNAL_HEAD = 1,   /* of articles a < b: a chosen over b, b over a (half-life 3 h), the same two (12 h) */
	SIGNAL_HEAD_TOTAL, /* of an article: chosen over others, others over it (3 h), the same two (12 h) */
	SIGNAL_CO_READ,    /* of articles a < b: clicked by the same readers */
	SIGNAL_READ,       /* of an article: clicks that taught SIGNAL_CO_READ */
	SIGNAL_WORD,       /* of a topic number: clicks, expected clicks */
	SIGNAL_SECTION,    /* of a section: clicks, expected clicks */
	SIGNAL_NEXT,       /* of a reader's first section and a story's: clicks, expected clicks */
	SIGNAL_TASTE,      /* of a reader: sum of what was popular of the clicked, clicks */
	SIGNAL_ALL,        /* everything: clicks, shows (12 h) */
	N_SIGNAL_KINDS
};
enum { SIGNAL_VALUES = 4 };

/* Where a counter stands. Never 0. */
static inline uint64_t signal_key(enum signal_kind kind, uint64_t a, uint64_t b)
{
	return hash_mix64(hash_mix64(a * N_SIGNAL_KINDS + kind) + b) | 1;
}
/* Of a pair without order: *swapped says that b came first. */
static inline uint64_t signal_pair_key(enum signal_kind kind, uint32_t a, uint32_t b, bool *swapped)
{
	*swapped = a > b;
	return *swapped ? signal_key(kind, b, a) : signal_key(kind, a, b);
}

struct signals;
enum { SIGNALS_PAGE_BYTES = 4096 };

/* capacity: counters, rounded up to a power of two, 32 bytes each. Returns 0 or -ENOMEM. */
int signals_new(struct signals **out, size_t capacity) __attribute__((warn_unused_result));
void signals_free(struct signals *s); /* NULL is safe */

/* Values decayed to the minute; zeros when absent. Any thread. */
void signals_get(const struct signals *s, enum signal_kind kind, uint64_t key, uint32_t minute, float out[SIGNAL_VALUES]);
void signals_prefetch(const struct signals *s, uint64_t key);

/* Writer. Adds to the values decayed to the minute (or, when that is older than the last change, what is left of it). */
void signals_add(struct signals *s, enum signal_kind kind, uint64_t key, uint32_t minute, const float add[SIGNAL_VALUES]);
/* Writer. Forgets one counter. */
void signals_remove(struct signals *s, uint64_t key);

/* ---- checkpoints: writer only ---- */

size_t signals_n_pages(const struct signals *s);
/* The next changed page's number, its bytes copied out; -1 when none is left. */
int64_t signals_take_page(struct signals *s, uint8_t out[SIGNALS_PAGE_BYTES]);
/* What was taken since the last call to signals_taken_kept could not be saved after all, or was. */
void signals_taken_kept(struct signals *s, bool kept);
/* Returns 0, 1 when the bytes are no such page. */
int signals_load_page(struct signals *s, uint64_t page, struct span bytes) __attribute__((warn_unused_result));
size_t signals_bytes(const struct signals *s);

#endif
