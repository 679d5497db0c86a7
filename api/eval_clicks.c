/* Clicks are held by number, 24 bytes each, since sessions overlap and the file is not in the order of time. */
#include "api/eval_clicks.h"

#include <errno.h>
#include <stdlib.h>

#include "api/eval_columns.h"
#include "api/formats/decode.h"
#include "engine/base/arena.h"
#include "engine/base/hash.h"
#include "engine/base/map.h"

enum { COLUMNS_MOST = 64 };

enum column { CLICK_USER, CLICK_ARTICLE, CLICK_TIME, N_CLICK_COLUMNS };
static const char *const column_names[N_CLICK_COLUMNS] = {"user_id", "click_article_id", "click_timestamp"};

/* Ids and their numbers. */
struct numbering {
	struct map *numbers; /* hash of the id -> its number and 1 */
	struct span *ids;    /* [n] */
	size_t n, capacity;
};

struct loaded {
	struct eval_clicks face; /* first: what the caller holds */
	struct eval_click *clicks;
	size_t capacity;
	struct numbering users, articles;
	struct arena text;
	size_t at[N_CLICK_COLUMNS]; /* places of the columns */
};

void eval_clicks_free(struct eval_clicks *c)
{
	struct loaded *l = (struct loaded *)c;
	if (!l)
		return;
	map_free(l->users.numbers);
	map_free(l->articles.numbers);
	free(l->users.ids);
	free(l->articles.ids);
	free(l->clicks);
	arena_free(&l->text);
	free(l);
}

/* Room for one more. Returns the array, moved or not; NULL when memory is out. */
static void *with_room(void *array, size_t n, size_t *capacity, size_t size)
{
	if (n < *capacity)
		return array;
	size_t wanted = *capacity ? 2 * *capacity : 1024;
	void *grown = realloc(array, wanted * size);
	if (grown)
		*capacity = wanted;
	return grown;
}

static int number_of(struct loaded *l, struct numbering *of, struct span id, uint32_t *out)
{
	uint64_t key = hash64(id), known = map_get(of->numbers, key);
	if (!known) {
		struct span *ids = with_room(of->ids, of->n, &of->capacity, sizeof(*ids));
		if (!ids)
			return -ENOMEM;
		of->ids = ids;
		ids[of->n] = arena_copy(&l->text, id);
		int r = ids[of->n].data ? map_put(of->numbers, key, of->n + 1) : -ENOMEM;
		if (r < 0)
			return r;
		known = ++of->n;
	}
	*out = (uint32_t)(known - 1);
	return 0;
}

/* Milliseconds since 1970, from 1 to the year 9999. */
static bool parse_ms(struct span text, int64_t *out)
{
	int64_t ms = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9' || i > 14)
			return false;
		ms = ms * 10 + (text.data[i] - '0');
	}
	*out = ms;
	return ms > 0 && ms < INT64_C(253402300800000);
}

static int read_head(struct loaded *l, struct mind_file *f, struct mind_problem *problem)
{
	struct span line, names[COLUMNS_MOST];
	int r = mind_file_next(f, &line, problem);
	if (r != 0)
		return r == 1 ? mind_file_refuse(f, 1, "the head", "is missing", problem) : r == 2 ? 1 : r;
	size_t n = mind_split(line, ',', names, COLUMNS_MOST);
	for (int c = 0; c < N_CLICK_COLUMNS; c++) {
		size_t i = 0;
		while (i < n && i < COLUMNS_MOST && !span_equal_cstr(names[i], column_names[c]))
			i++;
		if (i >= n || i >= COLUMNS_MOST)
			return mind_file_refuse(f, 1, column_names[c], "is not a column that the head names", problem);
		l->at[c] = i;
	}
	return 0;
}

static int read_click(struct loaded *l, struct mind_file *f, struct span line, struct mind_problem *problem)
{
	struct span values[COLUMNS_MOST];
	struct eval_click click = {.line = (uint32_t)f->line};
	size_t n = mind_split(line, ',', values, COLUMNS_MOST);
	for (int c = 0; c < N_CLICK_COLUMNS; c++) {
		const char *why = l->at[c] >= n ? "is missing" : NULL;
		if (!why && c == CLICK_TIME)
			why = parse_ms(values[l->at[c]], &click.at_ms) ? NULL : "is not a time in milliseconds since 1970";
		else if (!why)
			why = decode_check_text(TEXT_NAME, LIMIT_ID_BYTES, values[l->at[c]]);
		if (why)
			return mind_file_refuse(f, (unsigned)l->at[c] + 1, column_names[c], why, problem);
	}
	int r = number_of(l, &l->users, values[l->at[CLICK_USER]], &click.user);
	if (r == 0)
		r = number_of(l, &l->articles, values[l->at[CLICK_ARTICLE]], &click.article);
	if (r < 0)
		return r;
	struct eval_click *clicks = with_room(l->clicks, l->face.n_clicks, &l->capacity, sizeof(*clicks));
	if (!clicks)
		return -ENOMEM;
	l->clicks = clicks;
	clicks[l->face.n_clicks++] = click;
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct eval_click *x = a, *y = b;
	if (x->at_ms != y->at_ms)
		return x->at_ms < y->at_ms ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

int eval_clicks_load(const char *path, struct eval_clicks **out, struct mind_problem *problem)
{
	struct loaded *l = calloc(1, sizeof(*l));
	struct mind_file f = {0};
	struct span line;
	int r = l ? map_new(&l->users.numbers, NULL) : -ENOMEM;
	if (r == 0)
		r = map_new(&l->articles.numbers, NULL);
	if (r == 0)
		r = mind_file_open(&f, path, problem);
	if (r == 0)
		r = read_head(l, &f, problem);
	int end = r;
	while (r == 0 && (end = mind_file_next(&f, &line, problem)) == 0)
		r = read_click(l, &f, line, problem);
	if (r == 0 && end != 1)
		r = end == 2 ? 1 : end;
	if (r == 0 && l->face.n_clicks == 0)
		r = mind_file_refuse(&f, 1, "the file", "has no click", problem);
	mind_file_close(&f);
	if (r != 0) {
		eval_clicks_free(l ? &l->face : NULL);
		return r;
	}
	qsort(l->clicks, l->face.n_clicks, sizeof(*l->clicks), by_time);
	l->face.clicks = l->clicks;
	l->face.users = l->users.ids;
	l->face.articles = l->articles.ids;
	l->face.n_users = l->users.n;
	l->face.n_articles = l->articles.n;
	*out = &l->face;
	return 0;
}
