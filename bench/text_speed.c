/* What the analysis of one article costs a thread, over the articles of a file again and again.
 *
 *     ninja -C build bench/text_speed && build/bench/text_speed ARTICLES.ndjson[.gz] [LANGUAGE]
 *
 * Title and the first 300 characters of the summary (or body), the language as declared or as given. */
#include <stdio.h>
#include <time.h>

#include "engine/text/text.h"
#include "tests/engine/text/ndjson.h"

enum { ARTICLES_MAX = 2000, ROUNDS = 10, LEAD_BYTES = 300 };

struct set {
	struct arena arena;
	struct article articles[ARTICLES_MAX];
	size_t n;
	struct span language;
};

static struct span lead_of(struct span text, size_t n_characters)
{
	size_t i = 0;
	for (size_t n = 0; i < text.len; i++)
		if (((unsigned char)text.data[i] & 0xc0) != 0x80 && n++ == n_characters)
			break;
	return (struct span){text.data, i};
}

static int keep(const struct article *a, json_t *object, void *ctx)
{
	struct set *set = ctx;
	if (set->n == ARTICLES_MAX)
		return 1;
	struct span lead = lead_of(a->summary.len ? a->summary : a->body, LEAD_BYTES);
	set->articles[set->n++] = (struct article){.title = arena_copy(&set->arena, a->title),
	                                           .summary = arena_copy(&set->arena, lead),
	                                           .source = arena_copy(&set->arena, a->source),
	                                           .section = arena_copy(&set->arena, a->section),
	                                           .language = set->language.len ? set->language
	                                                                         : arena_copy(&set->arena, a->language)};
	return 0;
}

static double cpu_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

int main(int argc, char **argv)
{
	static struct set set;
	struct text *text;
	struct text_df *df;
	size_t n_bytes = 0, n_vector = 0;
	double us = 0;
	if (text_new(&text) || text_df_new(&df))
		return 1;
	set.language = span_of(argc > 2 ? argv[2] : "");
	if (argc < 2 || ndjson_each(argv[1], keep, &set) < 0) {
		fprintf(stderr, "usage: text_speed ARTICLES.ndjson[.gz] [LANGUAGE]\n");
		return 2;
	}
	for (int round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < set.n; i++) {
			struct arena arena = {0};
			struct text_analysis found;
			double before = cpu_us();
			if (text_analyse(text, &arena, &set.articles[i], NULL, 0, df, 1 + round, &found))
				return 1;
			us += cpu_us() - before;
			n_bytes += set.articles[i].title.len + set.articles[i].summary.len;
			n_vector += found.n_vector;
			if (round == 0)
				text_df_add(df, found.terms, found.n_terms, 1);
			arena_free(&arena);
		}
	size_t n = set.n * ROUNDS;
	if (n == 0)
		return 1;
	printf("%zu analyses, %.0f bytes and %.1f vector entries each: %.1f us\n", n, (double)n_bytes / (double)n,
	       (double)n_vector / (double)n, us / (double)n);
	text_df_free(df);
	text_free(text);
	arena_free(&set.arena);
	return 0;
}
