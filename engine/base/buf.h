/* A growable byte buffer with writers for text and JSON. After an allocation fails, `failed` stays set, later writes
 * do nothing, and the owner checks once at the end. */
#ifndef MYNEWS_BASE_BUF_H
#define MYNEWS_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/base/span.h"

/* Zero-initialise to get an empty buffer. */
struct buf {
	char *data;
	size_t len;      /* bytes written */
	size_t capacity; /* bytes allocated */
	bool failed;
};

void buf_free(struct buf *b);
/* Forgets the content and keeps the memory; clears `failed`. */
void buf_clear(struct buf *b);
/* Makes room for n more bytes. Returns 0 or -ENOMEM (and sets `failed`). */
int buf_reserve(struct buf *b, size_t n_bytes);

/* Inline, since a feed is some two thousand of these: with constant text the length and the copy are the compiler's. */
static inline void buf_put(struct buf *b, const void *data, size_t len)
{
	if (len == 0 || ((b->failed || b->capacity - b->len < len) && buf_reserve(b, len) < 0))
		return;
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

static inline void buf_put_span(struct buf *b, struct span s)
{
	buf_put(b, s.data, s.len);
}

static inline void buf_put_cstr(struct buf *b, const char *cstr)
{
	buf_put(b, cstr, strlen(cstr));
}

static inline void buf_put_char(struct buf *b, char c)
{
	buf_put(b, &c, 1);
}

void buf_put_u64(struct buf *b, uint64_t value); /* decimal */
void buf_put_i64(struct buf *b, int64_t value);  /* decimal */
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* JSON string with its quotes. Escapes as RFC 8259 asks, passes UTF-8 through, also escapes '<' so that the text can
 * stand inside an HTML page, and U+2028/2029. The input must be valid UTF-8. */
void buf_put_json_string(struct buf *b, struct span s);
/* The shortest decimal that reads back as the same double; null for NaN and infinities. */
void buf_put_json_double(struct buf *b, double value);

static inline struct span buf_span(const struct buf *b)
{
	return (struct span){b->data, b->len};
}

#endif
