/* Bytes in and out of records: little-endian fields behind a bounds check on every read, big-endian numbers in keys. */
#ifndef MYNEWS_ENGINE_STORE_CODEC_H
#define MYNEWS_ENGINE_STORE_CODEC_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/span.h"

/* A reading position. After a read past the end `failed` stays set and every read gives zero: check once at the end. */
struct byte_reader {
	const uint8_t *at, *end;
	bool failed;
};

static inline struct byte_reader bytes_reader(struct span s)
{
	const uint8_t *p = (const uint8_t *)s.data;
	return (struct byte_reader){p, p + s.len, false};
}

static inline bool bytes_take(struct byte_reader *r, void *out, size_t n)
{
	if (r->failed || (size_t)(r->end - r->at) < n) {
		r->failed = true;
		memset(out, 0, n);
		return false;
	}
	memcpy(out, r->at, n);
	r->at += n;
	return true;
}

static inline uint8_t get_u8(struct byte_reader *r)
{
	uint8_t v;
	bytes_take(r, &v, 1);
	return v;
}

static inline uint16_t get_u16(struct byte_reader *r)
{
	uint16_t v;
	bytes_take(r, &v, 2);
	return v;
}

static inline uint32_t get_u32(struct byte_reader *r)
{
	uint32_t v;
	bytes_take(r, &v, 4);
	return v;
}

static inline uint64_t get_u64(struct byte_reader *r)
{
	uint64_t v;
	bytes_take(r, &v, 8);
	return v;
}

static inline int64_t get_i64(struct byte_reader *r)
{
	return (int64_t)get_u64(r);
}

static inline float get_f32(struct byte_reader *r)
{
	float v;
	bytes_take(r, &v, 4);
	return v;
}

/* LEB128, at most 10 bytes and 64 bits. */
static inline uint64_t get_varint(struct byte_reader *r)
{
	uint64_t v = 0;
	for (int shift = 0; shift < 64; shift += 7) {
		uint8_t b = get_u8(r);
		v |= (uint64_t)(b & 0x7f) << shift;
		if (shift == 63 && b > 1)
			break;
		if (!(b & 0x80))
			return r->failed ? 0 : v;
	}
	r->failed = true;
	return 0;
}

static inline struct span get_bytes(struct byte_reader *r, size_t n)
{
	if (r->failed || (size_t)(r->end - r->at) < n) {
		r->failed = true;
		return (struct span){NULL, 0};
	}
	struct span s = {(const char *)r->at, n};
	r->at += n;
	return s;
}

/* A string with its length before it; longer than `max` fails. */
static inline struct span get_string(struct byte_reader *r, size_t max)
{
	uint64_t n = get_varint(r);
	if (n > max) {
		r->failed = true;
		return (struct span){NULL, 0};
	}
	return get_bytes(r, (size_t)n);
}

static inline bool bytes_done(const struct byte_reader *r)
{
	return !r->failed && r->at == r->end;
}

static inline void put_u8(struct buf *b, uint8_t v)
{
	buf_put(b, &v, 1);
}

static inline void put_u16(struct buf *b, uint16_t v)
{
	buf_put(b, &v, 2);
}

static inline void put_u32(struct buf *b, uint32_t v)
{
	buf_put(b, &v, 4);
}

static inline void put_u64(struct buf *b, uint64_t v)
{
	buf_put(b, &v, 8);
}

static inline void put_i64(struct buf *b, int64_t v)
{
	put_u64(b, (uint64_t)v);
}

static inline void put_f32(struct buf *b, float v)
{
	buf_put(b, &v, 4);
}

static inline void put_varint(struct buf *b, uint64_t v)
{
	uint8_t bytes[10];
	size_t n = 0;
	do {
		bytes[n] = (uint8_t)(v & 0x7f);
		v >>= 7;
		bytes[n++] |= v ? 0x80 : 0;
	} while (v);
	buf_put(b, bytes, n);
}

static inline void put_string(struct buf *b, struct span s)
{
	put_varint(b, s.len);
	buf_put_span(b, s);
}

/* Keys: the caller gives the room, the span points into it. */
static inline struct span key_u32(uint8_t out[4], uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(out, &v, 4);
	return (struct span){(const char *)out, 4};
}

static inline struct span key_u64(uint8_t out[8], uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(out, &v, 8);
	return (struct span){(const char *)out, 8};
}

static inline uint32_t key_to_u32(struct span key)
{
	uint32_t v = 0;
	if (key.len >= 4)
		memcpy(&v, key.data, 4);
	return __builtin_bswap32(v);
}

static inline uint64_t key_to_u64(struct span key)
{
	uint64_t v = 0;
	if (key.len >= 8)
		memcpy(&v, key.data, 8);
	return __builtin_bswap64(v);
}

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "records are little-endian: add byte swaps here"
#endif

#endif
