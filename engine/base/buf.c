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

void buf_put(struct buf *b, const void *data, size_t len)
{
	if (len == 0 || buf_reserve(b, len) < 0)
		return;
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

void buf_put_span(struct buf *b, struct span s)
{
	buf_put(b, s.data, s.len);
}

void buf_put_cstr(struct buf *b, const char *cstr)
{
	buf_put(b, cstr, strlen(cstr));
}

void buf_put_char(struct buf *b, char c)
{
	buf_put(b, &c, 1);
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

/* What stands for byte c inside a JSON string; NULL when c stands for itself. */
static const char *json_escape(unsigned char c, char scratch[8])
{
	switch (c) {
	case '"': return "\\\"";
	case '\\': return "\\\\";
	case '\n': return "\\n";
	case '\r': return "\\r";
	case '\t': return "\\t";
	case '<': return "\\u003c";
	default: break;
	}
	if (c >= 0x20)
		return NULL;
	snprintf(scratch, 8, "\\u%04x", c);
	return scratch;
}

void buf_put_json_string(struct buf *b, struct span s)
{
	char scratch[8];
	size_t start = 0;
	buf_put_char(b, '"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];
		const char *escape = NULL;
		size_t n_input = 1;
		if (c == 0xE2 && i + 2 < s.len && (unsigned char)s.data[i + 1] == 0x80 &&
		    ((unsigned char)s.data[i + 2] & 0xFE) == 0xA8) {
			escape = (unsigned char)s.data[i + 2] == 0xA8 ? "\\u2028" : "\\u2029";
			n_input = 3;
		} else {
			escape = json_escape(c, scratch);
		}
		if (!escape)
			continue;
		buf_put(b, s.data + start, i - start);
		buf_put_cstr(b, escape);
		i += n_input - 1;
		start = i + 1;
	}
	if (s.len > start)
		buf_put(b, s.data + start, s.len - start);
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
