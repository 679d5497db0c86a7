/* What the readers of MIND's two files share. */
#ifndef MYNEWS_API_EVAL_COLUMNS_H
#define MYNEWS_API_EVAL_COLUMNS_H

#include "api/eval_mind.h"
#include "api/file.h"

/* A file under way, for problems that name where they are. */
struct mind_file {
	const char *path;
	struct lines *lines;
	uint64_t line; /* the number of the last one read; 0 before the first */
};

/* Returns 0; 1 with the problem; -ENOMEM. */
int mind_file_open(struct mind_file *f, const char *path, struct mind_problem *problem)
	__attribute__((warn_unused_result));
void mind_file_close(struct mind_file *f);
/* The next line that is not empty; it lives until the next call. Returns 0; 1 at the end; 2 with the problem;
 * -ENOMEM. */
int mind_file_next(struct mind_file *f, struct span *line, struct mind_problem *problem)
	__attribute__((warn_unused_result));
/* "FILE: line 3, column 2 (name) TEXT". Returns 1. */
int mind_file_refuse(const struct mind_file *f, unsigned column, const char *name, const char *text,
                     struct mind_problem *problem);

/* Divides at each `by`. Returns how many parts there are; the first n_max are in out. */
size_t mind_split(struct span text, char by, struct span *out, size_t n_max);

#endif
