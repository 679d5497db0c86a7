/* gzip (RFC 1952) in both directions, with one zlib state a worker in each, made at first use. */
#include "api/http/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

enum { GZIP_WINDOW = 15 + 16, LEVEL = 3, MEMORY_LEVEL = 8, FIRST_BYTES = 16 * 1024 };

static z_stream *inflater(struct worker *w)
{
	if (w->inflater)
		return inflateReset(w->inflater) == Z_OK ? w->inflater : NULL;
	z_stream *z = calloc(1, sizeof(*z));
	if (z && inflateInit2(z, GZIP_WINDOW) != Z_OK) {
		free(z);
		z = NULL;
	}
	return w->inflater = z;
}

static z_stream *deflater(struct worker *w)
{
	if (w->deflater)
		return deflateReset(w->deflater) == Z_OK ? w->deflater : NULL;
	z_stream *z = calloc(1, sizeof(*z));
	if (z && deflateInit2(z, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
		free(z);
		z = NULL;
	}
	return w->deflater = z;
}

void gzip_free(struct worker *w)
{
	if (w->inflater)
		inflateEnd(w->inflater);
	if (w->deflater)
		deflateEnd(w->deflater);
	free(w->inflater);
	free(w->deflater);
	w->inflater = w->deflater = NULL;
	buf_free(&w->decoded);
}

/* zlib never writes through next_in, whose type lacks the const. */
static Bytef *input_of(struct span in)
{
	return (Bytef *)(uintptr_t)in.data;
}

int gzip_decode(struct worker *w, struct arena *a, struct span in, size_t max_bytes, struct span *out)
{
	z_stream *z = inflater(w);
	struct buf *b = &w->decoded;
	if (!z)
		return -ENOMEM;
	if (in.len > UINT32_MAX / 2)
		return 2;
	z->next_in = input_of(in);
	z->avail_in = (uInt)in.len;
	buf_clear(b);
	int rc = 0;
	for (;;) {
		/* one byte over the limit is enough to know */
		size_t room = b->len + FIRST_BYTES;
		if (room > max_bytes + 1 - b->len)
			room = max_bytes + 1 - b->len;
		if (room == 0) {
			rc = 2;
			break;
		}
		if (room > UINT32_MAX / 2)
			room = UINT32_MAX / 2;
		if (buf_reserve(b, room) < 0) {
			rc = -ENOMEM;
			break;
		}
		z->next_out = (Bytef *)b->data + b->len;
		z->avail_out = (uInt)room;
		int zrc = inflate(z, Z_NO_FLUSH);
		b->len += room - z->avail_out;
		if (zrc == Z_STREAM_END && z->avail_in == 0)
			break;
		if (zrc == Z_STREAM_END && inflateReset(z) == Z_OK)
			continue; /* a next member (RFC 1952, 2.2) */
		if (zrc == Z_MEM_ERROR) {
			rc = -ENOMEM;
			break;
		}
		if (zrc != Z_OK || (z->avail_in == 0 && z->avail_out > 0)) {
			rc = 1; /* not gzip, or cut short */
			break;
		}
	}
	if (rc == 0 && b->len > max_bytes)
		rc = 2;
	if (rc == 0) {
		struct span copy = arena_copy(a, buf_span(b));
		if (copy.data)
			*out = copy;
		else
			rc = -ENOMEM;
	}
	if (b->capacity > 1024 * 1024)
		buf_free(b);
	return rc;
}

int gzip_encode(struct worker *w, struct arena *a, struct span in, struct span *out)
{
	z_stream *z = deflater(w);
	if (!z)
		return -ENOMEM;
	if (in.len > UINT32_MAX / 2)
		return 1;
	char *to = arena_alloc(a, in.len); /* as much as is worth having */
	if (!to)
		return -ENOMEM;
	z->next_in = input_of(in);
	z->avail_in = (uInt)in.len;
	z->next_out = (Bytef *)to;
	z->avail_out = (uInt)in.len;
	if (deflate(z, Z_FINISH) != Z_STREAM_END)
		return 1;
	*out = (struct span){to, in.len - z->avail_out};
	return 0;
}
