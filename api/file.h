/* Small helpers over files, for commands. */
#ifndef MYNEWS_API_FILE_H
#define MYNEWS_API_FILE_H

#include "engine/base/buf.h"

/* Files may begin with a UTF-8 byte order mark, which is not part of the text.
 *
 * Appends a whole file (decompressing .gz) to *out. Returns 0 or negative errno; -EFBIG over max_bytes. */
int file_read(const char *path, size_t max_bytes, struct buf *out) __attribute__((warn_unused_result));
/* As file_read, but a file in the narrow sense: 1 for a FIFO, a device, a directory or a socket, none of which is read or
 * waited on. */
int file_read_regular(const char *path, size_t max_bytes, struct buf *out) __attribute__((warn_unused_result));

/* What an error of these means. */
const char *file_strerror(int error);

/* Lines of a file of any size, plain or gzip. */
struct lines;
/* Returns 0 or negative errno. */
int lines_open(const char *path, struct lines **out) __attribute__((warn_unused_result));
void lines_close(struct lines *l); /* NULL is safe */
/* The next line without its end; it lives until the next call. Returns 0; 1 at the end; 2 for a line longer than
 * max_bytes, which is skipped; negative errno. */
int lines_next(struct lines *l, size_t max_bytes, struct span *line) __attribute__((warn_unused_result));
/* Of the file as it lies on the disk: read so far, and in all (0 when that is not known). */
void lines_progress(const struct lines *l, uint64_t *at_bytes, uint64_t *of_bytes);

#endif
