#include "engine/base/buf.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){0};
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

int buf_reserve(struct buf *b, size_t n_bytes)
{
	if (b->failed)
		return -ENOMEM;
	if (b->capacity - b->len >= n_bytes)
		return 0;
	size_t want = b->capacity ? b->capacity : 256;
	while (want - b->len < n_bytes) {
		if (want > SIZE_MAX / 4) {
			b->failed = true;
			return -ENOMEM;
		}
		want *= 2;
	}
	char *data = realloc(b->data, want);
	if (!data) {
		b->failed = true;
		return -ENOMEM;
	}
	b->data = data;
	b->capacity = want;
	return 0;
}

void buf_put_u64(struct buf *b, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	buf_put(b, digits + at, sizeof(digits) - at);
}

void buf_put_i64(struct buf *b, int64_t value)
{
	if (value < 0) {
		buf_put_char(b, '-');
		buf_put_u64(b, -(uint64_t)value);
	} else {
		buf_put_u64(b, (uint64_t)value);
	}
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0 || buf_reserve(b, (size_t)len + 1) < 0)
		return;
	va_start(args, format);
	vsnprintf(b->data + b->len, (size_t)len + 1, format, args);
	va_end(args);
	b->len += (size_t)len;
}

/* Does not stand for itself inside a JSON string. 0xE2 may begin U+2028 or U+2029. */
static bool is_special(unsigned char c)
{
	return (c < 0x20) | (c == '"') | (c == '\\') | (c == '<') | (c == 0xE2);
}

/* How many bytes stand for themselves, from the first on. Blocks without a branch inside, so that they vectorise. */
static size_t plain_run(struct span s)
{
	enum { BLOCK = 16 };
	size_t n = 0;
	for (; s.len - n >= BLOCK; n += BLOCK) {
		unsigned char found = 0;
		for (size_t i = 0; i < BLOCK; i++)
			found |= is_special((unsigned char)s.data[n + i]);
		if (found)
			break;
	}
	while (n < s.len && !is_special((unsigned char)s.data[n]))
		n++;
	return n;
}

/* Puts the escape for what begins s, which is_special. Returns how many bytes of s that was. */
static size_t put_escape(struct buf *b, struct span s)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char c = (unsigned char)s.data[0];
	const char *escape = NULL;
	switch (c) {
	case '"': escape = "\\\""; break;
	case '\\': escape = "\\\\"; break;
	case '\n': escape = "\\n"; break;
	case '\r': escape = "\\r"; break;
	case '\t': escape = "\\t"; break;
	case '<': escape = "\\u003c"; break;
	default: break;
	}
	if (escape) {
		buf_put_cstr(b, escape);
		return 1;
	}
	if (c == 0xE2) {
		bool separator = s.len > 2 && (unsigned char)s.data[1] == 0x80 && ((unsigned char)s.data[2] & 0xFE) == 0xA8;
		if (!separator) {
			buf_put_char(b, s.data[0]);
			return 1;
		}
		buf_put_cstr(b, (unsigned char)s.data[2] == 0xA8 ? "\\u2028" : "\\u2029");
		return 3;
	}
	const char text[] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
	buf_put(b, text, sizeof(text));
	return 1;
}

void buf_put_json_string(struct buf *b, struct span s)
{
	if (buf_reserve(b, s.len + 2) < 0) /* enough where nothing is escaped */
		return;
	buf_put_char(b, '"');
	while (s.len > 0) {
		size_t n = plain_run(s);
		buf_put(b, s.data, n);
		if (n < s.len)
			n += put_escape(b, (struct span){s.data + n, s.len - n});
		s = (struct span){s.data + n, s.len - n};
	}
	buf_put_char(b, '"');
}

void buf_put_json_double(struct buf *b, double value)
{
	if (!isfinite(value)) {
		buf_put_cstr(b, "null");
		return;
	}
	if (value > -1e15 && value < 1e15 && value == (double)(int64_t)value && (value != 0 || !signbit(value))) {
		buf_put_i64(b, (int64_t)value); /* what %.15g prints, much sooner */
		return;
	}
	char text[32];
	/* %g leaves out trailing zeros, so 15 digits find every shorter decimal too; a subnormal holds fewer than 15. */
	for (int precision = fabs(value) < DBL_MIN ? 1 : 15; precision <= 17; precision++) {
		snprintf(text, sizeof(text), "%.*g", precision, value);
		if (strtod(text, NULL) == value)
			break;
	}
	buf_put_cstr(b, text);
}
