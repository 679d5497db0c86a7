/* Joins a file of articles into stories in order of publication, as the engine would as they arrive.
 *
 *     ninja -C build bench/story_joining && build/bench/story_joining ARTICLES.ndjson[.gz] [GOLD.tsv]
 *
 * Prints how many stories of each size there are, the largest with their titles and, with a gold grouping (story, tab,
 * article id, as in tests/sample/stories.tsv), pairwise precision, recall and F1. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/base/hash.h"
#include "engine/base/map.h"
#include "engine/catalog/stories.h"
#include "tests/engine/text/ndjson.h"

enum { SHOWN_STORIES = 50, SHOWN_TITLES = 6, HOUR_MS = 3600000 };

struct row {
	uint32_t number, gold;
	struct span id, title, summary, body, source, section, language;
	struct span topics[LIMIT_TOPICS], places[LIMIT_PLACES];
	size_t n_topics, n_places;
	int64_t published_ms;
};

struct rows {
	struct arena arena;
	struct row *rows;
	size_t n, capacity;
};

static int keep_row(const struct article *a, json_t *object, void *ctx)
{
	struct rows *all = ctx;
	if (all->n == all->capacity) {
		all->capacity = all->capacity ? all->capacity * 2 : 1024;
		all->rows = realloc(all->rows, all->capacity * sizeof(*all->rows));
		if (!all->rows)
			abort();
	}
	struct row *row = &all->rows[all->n++];
	struct arena *arena = &all->arena;
	*row = (struct row){.number = (uint32_t)all->n,
	                    .id = arena_copy(arena, a->id),
	                    .title = arena_copy(arena, a->title),
	                    .summary = arena_copy(arena, a->summary),
	                    .body = arena_copy(arena, a->body),
	                    .source = arena_copy(arena, a->source),
	                    .section = arena_copy(arena, a->section),
	                    .language = arena_copy(arena, a->language),
	                    .published_ms = a->published_at_ms};
	for (; row->n_topics < a->n_topics; row->n_topics++)
		row->topics[row->n_topics] = arena_copy(arena, a->topics[row->n_topics]);
	for (; row->n_places < a->n_places; row->n_places++)
		row->places[row->n_places] = arena_copy(arena, a->places[row->n_places]);
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	if (x->published_ms != y->published_ms)
		return x->published_ms < y->published_ms ? -1 : 1;
	return x->number < y->number ? -1 : 1;
}

static void number_in_order(struct rows *all)
{
	qsort(all->rows, all->n, sizeof(*all->rows), by_time);
	for (size_t i = 0; i < all->n; i++)
		all->rows[i].number = (uint32_t)i + 1;
}

static void join_row(struct text *text, struct text_df *df, struct stories *stories, const struct row *row)
{
	struct arena arena = {0};
	struct text_analysis found;
	struct article a = {.id = row->id,
	                    .title = row->title,
	                    .summary = row->summary,
	                    .body = row->body,
	                    .source = row->source,
	                    .section = row->section,
	                    .language = row->language,
	                    .topics = row->topics,
	                    .n_topics = row->n_topics,
	                    .places = row->places,
	                    .n_places = row->n_places};
	if (text_analyse(text, &arena, &a, NULL, 0, df, row->published_ms, &found))
		abort();
	struct stories_report report = {.article = row->number,
	                                .source = (uint32_t)hash64(row->source),
	                                .language = (uint32_t)hash64(found.language),
	                                .published_ms = row->published_ms,
	                                .print = &found.print};
	uint32_t story = stories_match(stories, &report);
	if (stories_put(stories, &report, story ? story : row->number, false))
		abort();
	text_df_add(df, found.terms, found.n_terms, row->published_ms);
	arena_free(&arena);
}

static void read_gold(const char *path, struct rows *all)
{
	char line[512];
	FILE *f = fopen(path, "r");
	if (!f)
		return;
	struct map *by_id;
	if (map_new(&by_id, NULL))
		abort();
	for (size_t i = 0; i < all->n; i++)
		if (map_put(by_id, hash64(all->rows[i].id), i + 1))
			abort();
	while (fgets(line, sizeof(line), f)) {
		char *tab = strchr(line, '\t');
		size_t row = tab ? map_get(by_id, hash64((struct span){tab + 1, strcspn(tab + 1, "\t\r\n")})) : 0;
		if (row)
			all->rows[row - 1].gold = (uint32_t)hash64((struct span){line, (size_t)(tab - line)});
	}
	map_free(by_id);
	fclose(f);
}

static void print_f1(const struct stories *stories, const struct rows *all)
{
	size_t both = 0, ours = 0, gold = 0;
	for (size_t i = 0; i < all->n; i++)
		for (size_t j = 0; j < i; j++) {
			bool same_gold = all->rows[i].gold && all->rows[i].gold == all->rows[j].gold;
			bool same = stories_of(stories, all->rows[i].number) == stories_of(stories, all->rows[j].number);
			both += same && same_gold;
			ours += same;
			gold += same_gold;
		}
	double precision = ours ? (double)both / (double)ours : 0, recall = gold ? (double)both / (double)gold : 0;
	printf("pairs: %zu joined, %zu gold, %zu in both; precision %.3f recall %.3f F1 %.3f\n", ours, gold, both, precision,
	       recall, both ? 2 * precision * recall / (precision + recall) : 0);
}

struct size_of_story {
	uint32_t story;
	size_t n;
};

static int larger_first(const void *a, const void *b)
{
	const struct size_of_story *x = a, *y = b;
	if (x->n != y->n)
		return x->n < y->n ? 1 : -1;
	return x->story < y->story ? -1 : 1;
}

static void print_stories(const struct stories *stories, const struct rows *all)
{
	struct size_of_story *sizes = calloc(all->n, sizeof(*sizes));
	size_t n = 0, at_least[4] = {0};
	uint32_t members[1024];
	if (!sizes)
		abort();
	for (uint32_t i = 1; i <= all->n; i++) {
		size_t n_members = stories_members(stories, i, NULL, 0);
		if (n_members == 0)
			continue;
		sizes[n++] = (struct size_of_story){i, n_members};
		at_least[0] += n_members >= 2;
		at_least[1] += n_members >= 3;
		at_least[2] += n_members >= 5;
		at_least[3] += n_members >= 10;
	}
	qsort(sizes, n, sizeof(*sizes), larger_first);
	printf("%zu articles, %zu stories; of 2 or more %zu, 3 or more %zu, 5 or more %zu, 10 or more %zu\n", all->n, n, at_least[0],
	       at_least[1], at_least[2], at_least[3]);
	for (size_t i = 0; i < n && i < SHOWN_STORIES && sizes[i].n > 1; i++) {
		size_t n_members = stories_members(stories, sizes[i].story, members, 1024);
		size_t step = n_members > SHOWN_TITLES ? n_members / SHOWN_TITLES : 1;
		printf("\n%zu reports\n", n_members);
		for (size_t m = 0; m < n_members; m += step) {
			const struct row *row = &all->rows[members[m] - 1];
			printf("    %.*s [%.*s]\n", (int)row->title.len, row->title.data, (int)row->source.len, row->source.data);
		}
	}
	free(sizes);
}

static double cpu_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

int main(int argc, char **argv)
{
	struct rows all = {0};
	struct text *text;
	struct text_df *df;
	struct stories *stories;
	struct stories_config config = {.window_ms = INT64_C(36) * HOUR_MS, .story_max = 50};
	if (argc < 2 || ndjson_each(argv[1], keep_row, &all)) {
		fprintf(stderr, "usage: story_joining ARTICLES.ndjson[.gz] [GOLD.tsv]\n");
		return 2;
	}
	if (text_new(&text) || text_df_new(&df) || stories_new(&stories, &config))
		return 1;
	number_in_order(&all);
	if (argc > 2)
		read_gold(argv[2], &all);
	double before = cpu_us();
	for (size_t i = 0; i < all.n; i++)
		join_row(text, df, stories, &all.rows[i]);
	printf("%.1f us an article, %.1f MB of stories\n", (cpu_us() - before) / (double)all.n, (double)stories_bytes(stories) / 1e6);
	if (argc > 2)
		print_f1(stories, &all);
	print_stories(stories, &all);
	stories_free(stories);
	text_df_free(df);
	text_free(text);
	arena_free(&all.arena);
	free(all.rows);
	return 0;
}
