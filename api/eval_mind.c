/* Behaviours: lines taken apart, and a file's lines in the order of time. */
#include "api/eval_mind.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/eval_columns.h"
#include "api/formats/decode.h"
#include "engine/base/rfc3339.h"

enum { SLATE_IMPRESSION, SLATE_READER, SLATE_TIME, SLATE_HISTORY, SLATE_CANDIDATES, SLATE_COLUMNS };
static const char *const column_names[SLATE_COLUMNS] = {"impression id", "reader", "time", "earlier clicks", "slate"};

/* ---- one line ---- */

/* One or two digits, then `end` (0: the end of the text). */
static bool take_number(struct span *text, char end, int *out)
{
	size_t n = 0;
	*out = 0;
	while (n < text->len && n < 4 && text->data[n] >= '0' && text->data[n] <= '9')
		*out = *out * 10 + (text->data[n++] - '0');
	if (n == 0 || n >= text->len || text->data[n] != end)
		return false;
	*text = (struct span){text->data + n + 1, text->len - n - 1};
	return true;
}

/* "11/9/2019 12:01:13 AM". Returns false when it is no such time. */
static bool parse_time(struct span text, int64_t *out_ms)
{
	int month, day, year, hour, minute, second;
	char iso[32];
	if (!take_number(&text, '/', &month) || !take_number(&text, '/', &day) || !take_number(&text, ' ', &year) ||
	    !take_number(&text, ':', &hour) || !take_number(&text, ':', &minute) || !take_number(&text, ' ', &second))
		return false;
	bool afternoon = span_equal(text, SPAN("PM"));
	if ((!afternoon && !span_equal(text, SPAN("AM"))) || hour < 1 || hour > 12 || year < 1970 || second > 59)
		return false;
	int n = snprintf(iso, sizeof(iso), "%04d-%02d-%02dT%02d:%02d:%02dZ", year, month, day,
	                 hour % 12 + (afternoon ? 12 : 0), minute, second);
	return rfc3339_parse((struct span){iso, (size_t)n}, out_ms) == 0;
}

static size_t count_words(struct span text)
{
	size_t n = 0;
	for (size_t i = 0; i < text.len; i++)
		n += text.data[i] != ' ' && (i == 0 || text.data[i - 1] == ' ');
	return n;
}

/* The word at or behind *at, which moves behind it. */
static struct span next_word(struct span text, size_t *at)
{
	while (*at < text.len && text.data[*at] == ' ')
		++*at;
	size_t start = *at;
	while (*at < text.len && text.data[*at] != ' ')
		++*at;
	return (struct span){text.data + start, *at - start};
}

static int bad_word(struct span word, const char *why, char text[192])
{
	snprintf(text, 192, "has \"%.*s\", which %s", (int)(word.len < 80 ? word.len : 80), word.data, why);
	return 1;
}

static int parse_history(struct arena *arena, struct span column, struct mind_slate *out, char text[192])
{
	struct span *ids = arena_calloc(arena, count_words(column), sizeof(*ids));
	size_t at = 0;
	if (!ids)
		return -ENOMEM;
	for (struct span id = next_word(column, &at); id.len > 0; id = next_word(column, &at)) {
		const char *why = decode_check_text(TEXT_NAME, LIMIT_ID_BYTES, id);
		if (why)
			return bad_word(id, why, text);
		ids[out->n_history++] = id;
	}
	out->history = ids;
	return 0;
}

static int parse_candidates(struct arena *arena, struct span column, struct mind_slate *out, char text[192])
{
	size_t n = count_words(column), at = 0;
	struct span *ids = arena_calloc(arena, n, sizeof(*ids));
	bool *clicked = arena_calloc(arena, n, sizeof(*clicked));
	if (!ids || !clicked)
		return -ENOMEM;
	for (struct span word = next_word(column, &at); word.len > 0; word = next_word(column, &at)) {
		char label = word.data[word.len - 1];
		if (word.len < 3 || word.data[word.len - 2] != '-' || (label != '0' && label != '1'))
			return bad_word(word, "does not end in -0 (shown) or -1 (clicked)", text);
		struct span id = {word.data, word.len - 2};
		const char *why = decode_check_text(TEXT_NAME, LIMIT_ID_BYTES, id);
		if (why)
			return bad_word(word, why, text);
		ids[out->n] = id;
		clicked[out->n++] = label == '1';
	}
	out->ids = ids;
	out->clicked = clicked;
	return 0;
}

int mind_slate_parse(struct arena *arena, struct span line, struct mind_slate *out, unsigned *column, char text[192])
{
	struct span columns[SLATE_COLUMNS];
	struct mind_slate slate = {0};
	const char *why = NULL;
	size_t n = mind_split(line, '\t', columns, SLATE_COLUMNS);
	if (n != SLATE_COLUMNS) {
		*column = n < SLATE_COLUMNS ? (unsigned)n + 1 : SLATE_COLUMNS;
		snprintf(text, 192, n < SLATE_COLUMNS ? "is missing: a line has five columns with tabs between"
		                                      : "is followed by a tab: a line has five columns");
		return 1;
	}
	slate.impression = columns[SLATE_IMPRESSION];
	slate.reader = columns[SLATE_READER];
	for (unsigned i = SLATE_IMPRESSION; !why && i <= SLATE_READER; i++) {
		*column = i + 1;
		why = decode_check_text(TEXT_NAME, LIMIT_ID_BYTES, columns[i]);
	}
	if (!why && !parse_time(columns[SLATE_TIME], &slate.at_ms)) {
		*column = SLATE_TIME + 1;
		why = "is not a time like 11/9/2019 1:05:09 PM";
	}
	if (why) {
		snprintf(text, 192, "%s", why);
		return 1;
	}
	*column = SLATE_HISTORY + 1;
	int r = parse_history(arena, columns[SLATE_HISTORY], &slate, text);
	if (r == 0) {
		*column = SLATE_CANDIDATES + 1;
		r = parse_candidates(arena, columns[SLATE_CANDIDATES], &slate, text);
	}
	if (r == 0)
		*out = slate;
	return r;
}

/* ---- a file ---- */

struct place {
	int64_t at_ms;
	uint64_t offset; /* in the temporary file */
	uint64_t len;
};

struct mind_log {
	struct mind_file file; /* lines NULL when the copy is read */
	uint64_t n, n_read;
	int64_t first_ms, last_ms;
	bool in_order;
	int copy_fd; /* -1: none */
	struct place *places; /* [n] by time */
	struct buf line;
};

static int by_time(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	if (x->at_ms != y->at_ms)
		return x->at_ms < y->at_ms ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* One pass: is every line good, and how do the times lie? Leaves the file open where it ended. */
static int check_lines(struct mind_log *l, struct mind_problem *problem)
{
	struct arena arena = {0};
	struct span line;
	int64_t before_ms = INT64_MIN;
	int r;
	l->in_order = true;
	while ((r = mind_file_next(&l->file, &line, problem)) == 0) {
		struct mind_slate slate;
		char text[192];
		unsigned column;
		arena_reset(&arena);
		r = mind_slate_parse(&arena, line, &slate, &column, text);
		if (r == 1)
			mind_file_refuse(&l->file, column, column_names[column - 1], text, problem);
		if (r != 0)
			goto out;
		l->in_order &= slate.at_ms >= before_ms;
		before_ms = slate.at_ms;
		l->first_ms = l->n == 0 || slate.at_ms < l->first_ms ? slate.at_ms : l->first_ms;
		l->last_ms = l->n == 0 || slate.at_ms > l->last_ms ? slate.at_ms : l->last_ms;
		l->n++;
	}
	r = r == 2 ? 1 : r == 1 ? 0 : r;
out:
	arena_free(&arena);
	return r;
}

static int refuse_copy(const struct mind_log *l, const char *dir, int error, struct mind_problem *problem)
{
	snprintf(problem->text, sizeof(problem->text),
	         "%.200s: is not in the order of time, and a copy in %.100s that would be failed: %s; set TMPDIR to a "
	         "folder with room", l->file.path, dir, strerror(error));
	return 1;
}

/* A copy of the lines in a file without a name, and where each lies, by time. */
static int copy_lines(struct mind_log *l, const char *dir, struct mind_problem *problem)
{
	struct arena arena = {0};
	struct span line;
	char path[4096], text[192];
	uint64_t offset = 0, n = 0;
	unsigned column;
	snprintf(path, sizeof(path), "%s/behaviors.XXXXXX", dir);
	l->places = calloc(l->n, sizeof(*l->places));
	if (!l->places)
		return -ENOMEM;
	l->copy_fd = mkstemp(path);
	if (l->copy_fd < 0)
		return refuse_copy(l, dir, errno, problem);
	unlink(path);
	FILE *copy = fdopen(dup(l->copy_fd), "w");
	if (!copy)
		return refuse_copy(l, dir, errno, problem);
	int r = 0;
	while (n < l->n && (r = mind_file_next(&l->file, &line, problem)) == 0) {
		struct mind_slate slate;
		arena_reset(&arena);
		r = mind_slate_parse(&arena, line, &slate, &column, text);
		if (r == 1)
			r = mind_file_refuse(&l->file, column, column_names[column - 1], text, problem) + 1;
		if (r != 0)
			break;
		l->places[n++] = (struct place){slate.at_ms, offset, line.len};
		offset += line.len;
		if (fwrite(line.data, 1, line.len, copy) != line.len)
			break;
	}
	int error = ferror(copy) ? errno : 0;
	if (fclose(copy) != 0 && !error)
		error = errno;
	arena_free(&arena);
	if (error)
		return refuse_copy(l, dir, error, problem);
	l->n = n;
	qsort(l->places, n, sizeof(*l->places), by_time);
	return r == 2 ? 1 : r == 1 ? 0 : r;
}

int mind_log_open(const char *path, const char *dir, struct mind_log **out, struct mind_problem *problem)
{
	struct mind_log *l = calloc(1, sizeof(*l));
	struct stat st;
	if (!l)
		return -ENOMEM;
	l->copy_fd = -1;
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
		snprintf(problem->text, sizeof(problem->text), "%.300s: is read more than once, so it must be a file", path);
		mind_log_close(l);
		return 1;
	}
	int r = mind_file_open(&l->file, path, problem);
	if (r == 0)
		r = check_lines(l, problem);
	mind_file_close(&l->file);
	if (r == 0)
		r = mind_file_open(&l->file, path, problem);
	if (r == 0 && !l->in_order) {
		r = copy_lines(l, dir, problem);
		mind_file_close(&l->file);
	}
	if (r == 0)
		*out = l;
	else
		mind_log_close(l);
	return r;
}

void mind_log_close(struct mind_log *l)
{
	if (!l)
		return;
	mind_file_close(&l->file);
	if (l->copy_fd >= 0)
		close(l->copy_fd);
	free(l->places);
	buf_free(&l->line);
	free(l);
}

uint64_t mind_log_count(const struct mind_log *l)
{
	return l->n;
}

int64_t mind_log_first_ms(const struct mind_log *l)
{
	return l->first_ms;
}

int64_t mind_log_last_ms(const struct mind_log *l)
{
	return l->last_ms;
}

int mind_log_next(struct mind_log *l, struct span *line, struct mind_problem *problem)
{
	if (l->file.lines)
		return mind_file_next(&l->file, line, problem);
	if (l->n_read == l->n)
		return 1;
	const struct place *p = &l->places[l->n_read++];
	buf_clear(&l->line);
	if (buf_reserve(&l->line, p->len) < 0)
		return -ENOMEM;
	ssize_t n = pread(l->copy_fd, l->line.data, p->len, (off_t)p->offset);
	if (n != (ssize_t)p->len) {
		snprintf(problem->text, sizeof(problem->text), "%.300s: its copy can't be read: %s", l->file.path,
		         n < 0 ? strerror(errno) : "it is cut short");
		return 2;
	}
	l->line.len = p->len;
	*line = buf_span(&l->line);
	return 0;
}
