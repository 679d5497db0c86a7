/* The news file: rows kept as text in one arena, found by a hash of their id. A row is taken apart when its article is
 * asked for, which happens once an article. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/eval_columns.h"
#include "api/formats/decode.h"
#include "engine/base/hash.h"
#include "engine/base/map.h"

enum news_column {
	NEWS_ID,
	NEWS_CATEGORY,
	NEWS_SUBCATEGORY,
	NEWS_TITLE,
	NEWS_ABSTRACT,
	NEWS_URL,
	NEWS_TITLE_ENTITIES,
	NEWS_ABSTRACT_ENTITIES,
	NEWS_SOURCE, /* ours from here on: MIND has eight columns */
	NEWS_CHAR_COUNT,
	NEWS_PREMIUM,
	NEWS_COLUMNS
};
static const char *const column_names[NEWS_COLUMNS] = {"id", "category", "subcategory", "title", "abstract", "url",
                                                       "title entities", "abstract entities", "source", "char_count",
                                                       "premium"};

struct mind_news {
	struct map *rows; /* hash of the id -> struct span * of the line, in the arena */
	struct arena text;
};

void mind_news_free(struct mind_news *n)
{
	if (!n)
		return;
	map_free(n->rows);
	arena_free(&n->text);
	free(n);
}

size_t mind_news_count(const struct mind_news *n)
{
	return map_count(n->rows);
}

/* The list of entities in a column; NULL when it is empty. Returns 0; 1 with text set; -ENOMEM. */
static int parse_entities(struct span column, json_t **out, char text[192])
{
	struct json_problem problem;
	*out = NULL;
	if (column.len == 0 || span_equal(column, SPAN("[]")))
		return 0;
	int r = json_parse(column, out, &problem);
	if (r == 1)
		snprintf(text, 192, "is not JSON: %.160s", problem.text);
	if (r == 0 && !json_is_array(*out)) {
		json_decref(*out);
		snprintf(text, 192, "is not a JSON list");
		r = 1;
	}
	if (r != 0)
		*out = NULL;
	return r;
}

/* A whole number from 0 to max, 0 where the column is empty or missing; -1 when it is anything else. */
static int64_t column_number(struct span column, int64_t max)
{
	int64_t n = 0;
	for (size_t i = 0; i < column.len; i++) {
		if (column.data[i] < '0' || column.data[i] > '9')
			return -1;
		n = n * 10 + (column.data[i] - '0');
		if (n > max)
			return -1;
	}
	return n;
}

/* What is wrong with the text of a column that is not JSON; NULL: nothing. */
static const char *check_column(enum news_column column, struct span text)
{
	switch (column) {
	case NEWS_ID: return decode_check_text(TEXT_NAME, LIMIT_ID_BYTES, text);
	case NEWS_CHAR_COUNT: return column_number(text, LIMIT_CHAR_COUNT) < 0 ? "must be a whole number up to 100000000" : NULL;
	case NEWS_PREMIUM: return column_number(text, 1) < 0 ? "must be 0 or 1" : NULL;
	default: return decode_utf8_valid(text) ? NULL : "is not valid UTF-8";
	}
}

/* Returns 0; 1 with text and column set; -ENOMEM. */
static int check_row(const struct span columns[NEWS_COLUMNS], size_t n, enum news_column *column, char text[192])
{
	const char *why;
	if (n <= NEWS_TITLE) {
		*column = (enum news_column)n;
		snprintf(text, 192, "is missing: a row needs id, category, subcategory and title with tabs between");
		return 1;
	}
	for (size_t i = 0; i < n && i < NEWS_COLUMNS; i++) {
		json_t *list = NULL;
		*column = (enum news_column)i;
		why = check_column(*column, columns[i]);
		if (why) {
			snprintf(text, 192, "%s", why);
			return 1;
		}
		int r = i == NEWS_TITLE_ENTITIES || i == NEWS_ABSTRACT_ENTITIES ? parse_entities(columns[i], &list, text) : 0;
		if (r != 0)
			return r;
		json_decref(list);
	}
	return 0;
}

/* Files put together from several days repeat rows: the first stands. */
static int add_row(struct mind_news *n, struct span line, struct span id)
{
	uint64_t key = hash64(id);
	if (map_get(n->rows, key))
		return 0;
	struct span *row = arena_alloc(&n->text, sizeof(*row));
	if (!row)
		return -ENOMEM;
	*row = arena_copy(&n->text, line);
	return row->data ? map_put_ptr(n->rows, key, row) : -ENOMEM;
}

static int load_rows(struct mind_news *n, struct mind_file *f, struct mind_problem *problem)
{
	struct span line, columns[NEWS_COLUMNS];
	enum news_column column;
	char text[192];
	int r;
	while ((r = mind_file_next(f, &line, problem)) == 0) {
		r = check_row(columns, mind_split(line, '\t', columns, NEWS_COLUMNS), &column, text);
		if (r == 1)
			return mind_file_refuse(f, (unsigned)column + 1, column_names[column], text, problem);
		if (r == 0)
			r = add_row(n, line, columns[NEWS_ID]);
		if (r < 0)
			return r;
	}
	return r == 2 ? 1 : r == 1 ? 0 : r;
}

int mind_news_load(const char *path, struct mind_news **out, struct mind_problem *problem)
{
	struct mind_news *n = calloc(1, sizeof(*n));
	struct mind_file f = {0};
	int r = n ? map_new(&n->rows, NULL) : -ENOMEM;
	if (r == 0 && path) {
		r = mind_file_open(&f, path, problem);
		if (r == 0)
			r = load_rows(n, &f, problem);
		mind_file_close(&f);
	}
	if (r == 0)
		*out = n;
	else
		mind_news_free(n);
	return r;
}

/* ---- an article of a row ---- */

/* At most max_bytes, cut between characters. */
static struct span cut(struct span text, size_t max_bytes)
{
	if (text.len <= max_bytes)
		return text;
	while (max_bytes > 0 && ((unsigned char)text.data[max_bytes] & 0xc0) == 0x80)
		max_bytes--;
	return (struct span){text.data, max_bytes};
}

static bool is_name(struct span text)
{
	return decode_check_text(TEXT_NAME, LIMIT_ID_BYTES, text) == NULL;
}

static int add_topic(struct arena *arena, struct span name, struct span topics[LIMIT_TOPICS], size_t *n)
{
	if (*n == LIMIT_TOPICS || !is_name(name))
		return 0;
	for (size_t i = 0; i < *n; i++)
		if (span_equal(topics[i], name))
			return 0;
	topics[*n] = arena_copy(arena, name);
	return topics[(*n)++].data ? 0 : -ENOMEM;
}

/* The names ("Label") of the things a text mentions. */
static int add_entities(struct arena *arena, struct span column, struct span topics[LIMIT_TOPICS], size_t *n)
{
	char text[192];
	json_t *list;
	int r = parse_entities(column, &list, text);
	for (size_t i = 0; r == 0 && list && i < json_array_size(list); i++) {
		const json_t *label = json_object_get(json_array_get(list, i), "Label");
		if (json_is_string(label))
			r = add_topic(arena, json_span(label), topics, n);
	}
	if (r == 0)
		json_decref(list);
	return r;
}

int mind_news_article(const struct mind_news *n, struct arena *arena, struct span id, struct article *out, bool *found)
{
	struct span columns[NEWS_COLUMNS] = {{0}};
	const struct span *row = map_get_ptr(n->rows, hash64(id));
	*out = (struct article){.id = id, .boost = 1};
	*found = row && mind_split(*row, '\t', columns, NEWS_COLUMNS) > NEWS_TITLE && span_equal(columns[NEWS_ID], id);
	if (!*found)
		return 0;
	struct span *topics = arena_calloc(arena, LIMIT_TOPICS, sizeof(*topics));
	if (!topics)
		return -ENOMEM;
	out->title = cut(columns[NEWS_TITLE], LIMIT_TITLE_BYTES);
	out->summary = cut(columns[NEWS_ABSTRACT], LIMIT_SUMMARY_BYTES);
	out->topics = topics;
	if (is_name(columns[NEWS_CATEGORY]))
		out->section = columns[NEWS_CATEGORY];
	if (is_name(columns[NEWS_SOURCE]))
		out->source = columns[NEWS_SOURCE];
	out->char_count = (uint32_t)column_number(columns[NEWS_CHAR_COUNT], LIMIT_CHAR_COUNT);
	out->premium = column_number(columns[NEWS_PREMIUM], 1) == 1;
	if (decode_check_text(TEXT_WEB_URL, LIMIT_URL_BYTES, columns[NEWS_URL]) == NULL)
		out->url = columns[NEWS_URL];
	int r = add_topic(arena, columns[NEWS_SUBCATEGORY], topics, &out->n_topics);
	if (r == 0)
		r = add_entities(arena, columns[NEWS_TITLE_ENTITIES], topics, &out->n_topics);
	if (r == 0)
		r = add_entities(arena, columns[NEWS_ABSTRACT_ENTITIES], topics, &out->n_topics);
	return r < 0 ? r : 0;
}
