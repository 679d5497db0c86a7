#include "api/eval_columns.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { LINE_BYTES = 16 << 20 };

static int refuse_file(const struct mind_file *f, int error, struct mind_problem *problem)
{
	char where[48] = "";
	if (f->line)
		snprintf(where, sizeof(where), "line %llu ", (unsigned long long)f->line + 1);
	snprintf(problem->text, sizeof(problem->text), "%.300s: %scan't be read: %s", f->path, where,
	         error == -EBADMSG ? "the gzip data is damaged or cut short" : strerror(-error));
	return 1;
}

int mind_file_open(struct mind_file *f, const char *path, struct mind_problem *problem)
{
	*f = (struct mind_file){.path = path};
	int r = lines_open(path, &f->lines);
	return r == 0 || r == -ENOMEM ? r : refuse_file(f, r, problem);
}

void mind_file_close(struct mind_file *f)
{
	lines_close(f->lines);
	f->lines = NULL;
}

int mind_file_next(struct mind_file *f, struct span *line, struct mind_problem *problem)
{
	for (;;) {
		int r = lines_next(f->lines, LINE_BYTES, line);
		if (r == -ENOMEM || r == 1)
			return r;
		if (r < 0)
			return refuse_file(f, r, problem) + 1;
		f->line++;
		if (r == 2)
			return mind_file_refuse(f, 1, "the line", "is longer than 16 MiB", problem) + 1;
		if (line->len > 0)
			return 0;
	}
}

int mind_file_refuse(const struct mind_file *f, unsigned column, const char *name, const char *text,
                     struct mind_problem *problem)
{
	snprintf(problem->text, sizeof(problem->text), "%.250s: line %llu, column %u (%s) %.180s", f->path,
	         (unsigned long long)f->line, column, name, text);
	return 1;
}

size_t mind_split(struct span text, char by, struct span *out, size_t n_max)
{
	size_t n = 0, at = 0;
	for (;;) {
		const char *end = at < text.len ? memchr(text.data + at, by, text.len - at) : NULL;
		size_t len = end ? (size_t)(end - text.data) - at : text.len - at;
		if (n < n_max)
			out[n] = (struct span){text.data + at, len};
		n++;
		if (!end)
			return n;
		at += len + 1;
	}
}
