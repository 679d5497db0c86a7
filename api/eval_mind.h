/* MIND's layout (https://github.com/msnews/msnews.github.io/blob/master/assets/doc/introduction.md): two files of
 * tab-separated lines without a head, each plain or gzip.
 *
 *     news       id, category, subcategory, title, abstract, url, title entities, abstract entities; and, which is ours, a
 *                ninth that names the publisher, a tenth with the characters of the text and an eleventh that is 1 behind a
 *                pay wall, where there are such
 *     behaviors  impression id, reader, time "M/D/YYYY h:mm:ss AM" (UTC), earlier clicks "N1 N2", slate "N3-0 N4-1"
 *
 * Behaviours are read in the order of time, whatever the file's own order: one pass checks every line and finds whether
 * they are in order; if not, a copy of them goes to a temporary file and 24 bytes a line are kept in memory. */
#ifndef MYNEWS_API_EVAL_MIND_H
#define MYNEWS_API_EVAL_MIND_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/types.h"

struct arena;

/* What is wrong with a file: one line that names the file and, where there is one, line and column. */
struct mind_problem {
	char text[512];
};

struct mind_slate {
	struct span impression, reader;
	int64_t at_ms;
	const struct span *history; /* [n_history] ids of earlier clicks, oldest first */
	const struct span *ids;     /* [n] candidates, in the slate's order */
	bool *clicked;              /* [n] */
	size_t n_history, n;
};

/* One line of behaviours. Spans point into the line, lists lie in the arena. Returns 0; 1 with the text set and *column
 * (from 1); -ENOMEM. */
int mind_slate_parse(struct arena *arena, struct span line, struct mind_slate *out, unsigned *column, char text[192])
	__attribute__((warn_unused_result));

/* ---- news: held in memory as text, since articles are asked for in any order ---- */

struct mind_news;
/* path NULL: no rows. Returns 0; 1 with the problem; -ENOMEM. */
int mind_news_load(const char *path, struct mind_news **out, struct mind_problem *problem)
	__attribute__((warn_unused_result));
void mind_news_free(struct mind_news *n); /* NULL is safe */
size_t mind_news_count(const struct mind_news *n);
/* Fills *out with what the row of `id` says: title, summary, url, category as section, subcategory and the names of the
 * entities as topics, source; or with the id alone when there is no row (*found false). Text over the limits is cut. Everything
 * lives as long as the arena and the news. Returns 0 or -ENOMEM. */
int mind_news_article(const struct mind_news *n, struct arena *arena, struct span id, struct article *out, bool *found)
	__attribute__((warn_unused_result));

/* ---- behaviours ---- */

struct mind_log;
/* Checks the whole file. `dir` is for the temporary file. Returns 0; 1 with the problem; -ENOMEM. */
int mind_log_open(const char *path, const char *dir, struct mind_log **out, struct mind_problem *problem)
	__attribute__((warn_unused_result));
void mind_log_close(struct mind_log *l); /* NULL is safe */
uint64_t mind_log_count(const struct mind_log *l);
/* Times of the first and the last slate; 0 when there is none. */
int64_t mind_log_first_ms(const struct mind_log *l);
int64_t mind_log_last_ms(const struct mind_log *l);
/* The next slate's line, by time, of equal times in the file's order; it lives until the next call. Returns 0; 1 at the
 * end; 2 with the problem; -ENOMEM. */
int mind_log_next(struct mind_log *l, struct span *line, struct mind_problem *problem)
	__attribute__((warn_unused_result));

#endif
