/* A borrowed run of bytes: no terminator, no ownership. The owner is named wherever a span is handed over. */
#ifndef MYNEWS_BASE_SPAN_H
#define MYNEWS_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
	const char *data; /* may be NULL when len is 0 */
	size_t len;       /* bytes */
};

/* A span of a string literal. */
#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})

static inline struct span span_of(const char *cstr)
{
	return (struct span){cstr, cstr ? strlen(cstr) : 0};
}

static inline bool span_equal(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool span_equal_cstr(struct span a, const char *cstr)
{
	return span_equal(a, span_of(cstr));
}

static inline bool span_starts_with(struct span a, struct span prefix)
{
	return a.len >= prefix.len && (prefix.len == 0 || memcmp(a.data, prefix.data, prefix.len) == 0);
}

#endif
