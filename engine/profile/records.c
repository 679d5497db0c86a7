/* The bytes of profiles and histories. Numbers are little-endian; minutes take 24 bits, counted since 2020-01-01T00:00Z.
 *
 *     profile  i64 short reference ms, i64 long reference ms, u32 events, u16 topics, u16 affinities,
 *              then the topics and the affinities, each u32 topic, f32 short, f32 long
 *     reads    u16 reads, u16 saved, then reads {u32 article, u32 story, u24 minute, u8 types from click on}
 *              and saved {u32 article, u24 minute}
 *     shown    u16 shown, then {u32 story, u24 minute, u8 count} */
#include <math.h>

#include "engine/base/hash.h"
#include "engine/base/rfc3339.h"
#include "engine/profile/history.h"
#include "engine/profile/interests.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "fields are copied as they stand in memory");
/* With the record's version and, before a profile, its chain head and sequence number. */
_Static_assert(PROFILE_ENCODED_MAX + 17 <= PROFILE_RECORD_BYTES, "a profile record must fit");
_Static_assert(HISTORY_READS_ENCODED_MAX + 1 <= PROFILE_RECORD_BYTES, "reads and saved must fit");
_Static_assert(HISTORY_SHOWN_ENCODED_MAX + 1 <= PROFILE_RECORD_BYTES, "shown must fit");
_Static_assert(EVENT_CLICK == 1 && EVENT_HIDE == 8, "the types of a read fit eight bits");

struct writer {
	uint8_t *at;
};

static void put(struct writer *w, const void *bytes, size_t n)
{
	memcpy(w->at, bytes, n);
	w->at += n;
}

static void put_minute(struct writer *w, uint32_t minute)
{
	uint32_t since = minute < HISTORY_MINUTE_FIRST  ? 0
	                 : minute > HISTORY_MINUTE_LAST ? HISTORY_MINUTE_LAST - HISTORY_MINUTE_FIRST
	                                                : minute - HISTORY_MINUTE_FIRST;
	put(w, &since, 3);
}

/* After a read past the end `failed` stays set and every read gives zero. */
struct cursor {
	const uint8_t *at, *end;
	bool failed;
};

static struct cursor cursor_of(struct span bytes)
{
	const uint8_t *p = (const uint8_t *)bytes.data;
	return (struct cursor){p, p ? p + bytes.len : p, false};
}

static void get(struct cursor *c, void *out, size_t n)
{
	if (c->failed || (size_t)(c->end - c->at) < n) {
		c->failed = true;
		memset(out, 0, n);
		return;
	}
	memcpy(out, c->at, n);
	c->at += n;
}

static uint32_t get_minute(struct cursor *c)
{
	uint32_t since = 0;
	get(c, &since, 3);
	return since + HISTORY_MINUTE_FIRST;
}

static bool is_done(const struct cursor *c)
{
	return !c->failed && c->at == c->end;
}

static void put_interests(struct writer *w, const struct profile_interest *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		put(w, &list[i].topic, 4);
		put(w, &list[i].short_term, 4);
		put(w, &list[i].long_term, 4);
	}
}

static bool is_weight(float stored)
{
	return fabsf(stored) <= DECAY_STORED_MAX; /* false for NaN */
}

static void get_interests(struct cursor *c, struct profile_interest *list, size_t n, bool affinities)
{
	uint32_t last = 0;
	for (size_t i = 0; i < n && !c->failed; i++) {
		struct profile_interest *e = &list[i];
		get(c, &e->topic, 4);
		get(c, &e->short_term, 4);
		get(c, &e->long_term, 4);
		if (e->topic <= last || !interests_is_topic(e->topic) || interests_is_affinity(e->topic) != affinities ||
		    !is_weight(e->short_term) || !is_weight(e->long_term) || (e->short_term == 0 && e->long_term == 0))
			c->failed = true;
		last = e->topic;
	}
}

static bool is_reference(int64_t ms)
{
	return ms >= 0 && ms <= RFC3339_MAX_MS;
}

size_t profile_encode(const struct profile *p, uint8_t out[PROFILE_ENCODED_MAX])
{
	struct writer w = {out};
	put(&w, &p->short_reference_ms, 8);
	put(&w, &p->long_reference_ms, 8);
	put(&w, &p->n_events, 4);
	put(&w, &p->n_topics, 2);
	put(&w, &p->n_affinities, 2);
	put_interests(&w, p->topics, p->n_topics);
	put_interests(&w, p->affinities, p->n_affinities);
	return (size_t)(w.at - out);
}

int profile_decode(struct span bytes, struct profile *out)
{
	struct cursor c = cursor_of(bytes);
	struct profile p;
	memset(&p, 0, sizeof(p));
	get(&c, &p.short_reference_ms, 8);
	get(&c, &p.long_reference_ms, 8);
	get(&c, &p.n_events, 4);
	get(&c, &p.n_topics, 2);
	get(&c, &p.n_affinities, 2);
	if (p.n_topics > PROFILE_TOPICS || p.n_affinities > PROFILE_AFFINITIES || !is_reference(p.short_reference_ms) ||
	    !is_reference(p.long_reference_ms))
		return 1;
	get_interests(&c, p.topics, p.n_topics, false);
	get_interests(&c, p.affinities, p.n_affinities, true);
	if (!is_done(&c))
		return 1;
	*out = p;
	return 0;
}

size_t history_encode_reads(const struct history *h, uint8_t out[HISTORY_READS_ENCODED_MAX])
{
	struct writer w = {out};
	put(&w, &h->n_reads, 2);
	put(&w, &h->n_saved, 2);
	for (size_t i = 0; i < h->n_reads; i++) {
		uint8_t types = (uint8_t)(h->reads[i].types >> EVENT_CLICK);
		put(&w, &h->reads[i].article, 4);
		put(&w, &h->reads[i].story, 4);
		put_minute(&w, h->reads[i].minute);
		put(&w, &types, 1);
	}
	for (size_t i = 0; i < h->n_saved; i++) {
		put(&w, &h->saved[i].article, 4);
		put_minute(&w, h->saved[i].minute);
	}
	return (size_t)(w.at - out);
}

/* The numbers met so far in one list. */
struct numbers {
	uint32_t slots[256]; /* by the number's hash, then the next free */
	bool taken[256];
};

/* False when it was there. */
static bool add_number(struct numbers *n, uint32_t number)
{
	uint8_t i = (uint8_t)(hash_mix64(number) >> 8);
	for (; n->taken[i]; i++)
		if (n->slots[i] == number)
			return false;
	n->taken[i] = true;
	n->slots[i] = number;
	return true;
}

_Static_assert(HISTORY_READS <= 128 && HISTORY_SAVED <= 128 && HISTORY_SHOWN <= 128, "half of the slots stay free");

/* No article twice, each with a kind of event. */
static bool reads_hold(const struct history *h)
{
	struct numbers met = {0};
	for (size_t i = 0; i < h->n_reads; i++)
		if (h->reads[i].types == 0 || !add_number(&met, h->reads[i].article))
			return false;
	return true;
}

static bool saved_hold(const struct history *h)
{
	struct numbers met = {0};
	for (size_t i = 0; i < h->n_saved; i++)
		if (!add_number(&met, h->saved[i].article))
			return false;
	return true;
}

int history_decode_reads(struct span bytes, struct history *out)
{
	struct cursor c = cursor_of(bytes);
	struct history h;
	memset(&h, 0, sizeof(h));
	get(&c, &h.n_reads, 2);
	get(&c, &h.n_saved, 2);
	if (h.n_reads > HISTORY_READS || h.n_saved > HISTORY_SAVED)
		return 1;
	for (size_t i = 0; i < h.n_reads; i++) {
		uint8_t types;
		get(&c, &h.reads[i].article, 4);
		get(&c, &h.reads[i].story, 4);
		h.reads[i].minute = get_minute(&c);
		get(&c, &types, 1);
		h.reads[i].types = (uint16_t)(types << EVENT_CLICK);
	}
	for (size_t i = 0; i < h.n_saved; i++) {
		get(&c, &h.saved[i].article, 4);
		h.saved[i].minute = get_minute(&c);
	}
	if (!is_done(&c) || !reads_hold(&h) || !saved_hold(&h))
		return 1;
	out->n_reads = h.n_reads;
	out->n_saved = h.n_saved;
	memcpy(out->reads, h.reads, sizeof(h.reads));
	memcpy(out->saved, h.saved, sizeof(h.saved));
	return 0;
}

size_t history_encode_shown(const struct history *h, uint8_t out[HISTORY_SHOWN_ENCODED_MAX])
{
	struct writer w = {out};
	put(&w, &h->n_shown, 2);
	for (size_t i = 0; i < h->n_shown; i++) {
		put(&w, &h->shown[i].story, 4);
		put_minute(&w, h->shown[i].minute);
		put(&w, &h->shown[i].count, 1);
	}
	return (size_t)(w.at - out);
}

static bool shown_hold(const struct history *h)
{
	struct numbers met = {0};
	for (size_t i = 0; i < h->n_shown; i++)
		if (h->shown[i].count == 0 || !add_number(&met, h->shown[i].story))
			return false;
	return true;
}

int history_decode_shown(struct span bytes, struct history *out)
{
	struct cursor c = cursor_of(bytes);
	struct history h;
	memset(&h, 0, sizeof(h));
	get(&c, &h.n_shown, 2);
	if (h.n_shown > HISTORY_SHOWN)
		return 1;
	for (size_t i = 0; i < h.n_shown; i++) {
		get(&c, &h.shown[i].story, 4);
		h.shown[i].minute = get_minute(&c);
		get(&c, &h.shown[i].count, 1);
	}
	if (!is_done(&c) || !shown_hold(&h))
		return 1;
	out->n_shown = h.n_shown;
	memcpy(out->shown, h.shown, sizeof(h.shown));
	return 0;
}
