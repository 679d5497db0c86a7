/* zlib's gz layer reads plain files too. */
#include "api/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { CHUNK_BYTES = 1 << 16 };

struct lines {
	gzFile file;
	uint64_t size_bytes;
	struct buf line;
	char chunk[CHUNK_BYTES];
	size_t at, len;
	bool begun; /* a byte order mark can't come any more */
};

static int zlib_error(gzFile file)
{
	int code;
	gzerror(file, &code);
	return code == Z_ERRNO ? -(errno ? errno : EIO) : code == Z_MEM_ERROR ? -ENOMEM : code == Z_OK ? 0 : -EBADMSG;
}

const char *file_strerror(int error)
{
	return error == -EBADMSG ? "the gzip data is damaged or cut short" : strerror(-error);
}

static int lines_take(int fd, const struct stat *st, struct lines **out)
{
	struct lines *l = calloc(1, sizeof(*l));
	gzFile file = l ? gzdopen(fd, "rb") : NULL;
	if (!file) {
		free(l);
		close(fd);
		return -ENOMEM;
	}
	gzbuffer(file, 1 << 18);
	l->file = file;
	l->size_bytes = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;
	*out = l;
	return 0;
}

int lines_open(const char *path, struct lines **out)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = fstat(fd, &st) < 0 ? -errno : S_ISDIR(st.st_mode) ? -EISDIR : 0;
	if (r == 0)
		return lines_take(fd, &st, out);
	close(fd);
	return r;
}

void lines_close(struct lines *l)
{
	if (!l)
		return;
	gzclose(l->file);
	buf_free(&l->line);
	free(l);
}

static int fill(struct lines *l)
{
	int n = gzread(l->file, l->chunk, CHUNK_BYTES);
	if (n < 0)
		return zlib_error(l->file);
	l->at = !l->begun && n >= 3 && memcmp(l->chunk, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	l->begun = true;
	l->len = (size_t)n;
	return n > 0 ? 0 : zlib_error(l->file) < 0 ? zlib_error(l->file) : 1;
}

int lines_next(struct lines *l, size_t max_bytes, struct span *line)
{
	bool too_long = false, any = false;
	buf_clear(&l->line);
	for (;;) {
		if (l->at == l->len) {
			int r = fill(l);
			if (r < 0)
				return r;
			if (r == 1 && !any)
				return 1;
			if (r == 1)
				break;
		}
		any = true;
		const char *start = l->chunk + l->at, *end = memchr(start, '\n', l->len - l->at);
		size_t n = end ? (size_t)(end - start) : l->len - l->at;
		too_long |= l->line.len + n > max_bytes;
		if (!too_long)
			buf_put(&l->line, start, n);
		l->at += n + (end != NULL);
		if (end)
			break;
	}
	if (l->line.failed)
		return -ENOMEM;
	while (l->line.len > 0 && (l->line.data[l->line.len - 1] == '\r' || l->line.data[l->line.len - 1] == ' '))
		l->line.len--;
	*line = buf_span(&l->line);
	return too_long ? 2 : 0;
}

void lines_progress(const struct lines *l, uint64_t *at_bytes, uint64_t *of_bytes)
{
	z_off_t at = gzoffset(l->file);
	*at_bytes = at > 0 ? (uint64_t)at : 0;
	*of_bytes = l->size_bytes;
}

/* The rest of l, which is closed. */
static int read_all(struct lines *l, size_t max_bytes, struct buf *out)
{
	int r;
	while ((r = fill(l)) == 0) {
		if (out->len + l->len - l->at > max_bytes) {
			r = -EFBIG;
			break;
		}
		buf_put(out, l->chunk + l->at, l->len - l->at);
	}
	lines_close(l);
	return r < 0 ? r : out->failed ? -ENOMEM : 0;
}

int file_read(const char *path, size_t max_bytes, struct buf *out)
{
	struct lines *l = NULL;
	int r = lines_open(path, &l);
	return l ? read_all(l, max_bytes, out) : r;
}

int file_read_regular(const char *path, size_t max_bytes, struct buf *out)
{
	struct lines *l = NULL;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO is not waited on */
	if (fd < 0)
		return errno == ENXIO ? 1 : -errno; /* a socket can't be opened */
	int r = fstat(fd, &st) < 0 ? -errno : !S_ISREG(st.st_mode);
	if (r != 0) {
		close(fd);
		return r;
	}
	r = lines_take(fd, &st, &l);
	return l ? read_all(l, max_bytes, out) : r;
}
