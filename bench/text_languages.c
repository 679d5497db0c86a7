/* How often the language of an article is guessed right, from the full text and from the title alone.
 *
 *     ninja -C build bench/text_languages && build/bench/text_languages ARTICLES.ndjson[.gz]
 *
 * Each line says its language in iso639_3 or language. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/text/text.h"
#include "tests/engine/text/ndjson.h"

enum { LANGUAGES_MAX = 64, WAYS = 3 };

struct tally {
	char code[36];
	size_t n, right[WAYS];
	struct {
		char code[8];
		size_t n;
	} wrong[WAYS][8];
};

struct totals {
	struct text *text;
	struct tally languages[LANGUAGES_MAX];
	size_t n_languages, n_guesses;
	double us;
};

static double cpu_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static struct tally *find_tally(struct totals *totals, struct span code)
{
	for (size_t i = 0; i < totals->n_languages; i++)
		if (span_equal_cstr(code, totals->languages[i].code))
			return &totals->languages[i];
	if (totals->n_languages == LANGUAGES_MAX)
		abort();
	struct tally *tally = &totals->languages[totals->n_languages++];
	snprintf(tally->code, sizeof(tally->code), "%.*s", (int)code.len, code.data);
	return tally;
}

static void count_wrong(struct tally *tally, int way, struct span guess)
{
	for (size_t i = 0; i < 8; i++) {
		if (tally->wrong[way][i].n == 0)
			snprintf(tally->wrong[way][i].code, sizeof(tally->wrong[way][i].code), "%.*s", (int)guess.len, guess.data);
		if (!span_equal_cstr(guess, tally->wrong[way][i].code))
			continue;
		tally->wrong[way][i].n++;
		return;
	}
}

static void guess(struct totals *totals, struct tally *tally, int way, const struct article *a, struct span truth)
{
	struct arena arena = {0};
	struct text_analysis as_declared, found;
	struct article b = *a;
	struct article declared = {.language = truth};
	struct span expected[] = {truth, {"en", 2}};
	b.language = (struct span){"", 0};
	double before = cpu_us();
	if (text_analyse(totals->text, &arena, &b, expected, way == 2 ? 2 : 0, NULL, 0, &found))
		abort();
	totals->us += cpu_us() - before;
	totals->n_guesses++;
	if (text_analyse(totals->text, &arena, &declared, NULL, 0, NULL, 0, &as_declared))
		abort();
	if (span_equal(found.language, as_declared.language))
		tally->right[way]++;
	else
		count_wrong(tally, way, found.language);
	arena_free(&arena);
}

static int one_article(const struct article *a, json_t *object, void *ctx)
{
	struct totals *totals = ctx;
	json_t *iso = json_object_get(object, "iso639_3");
	struct span truth = json_is_string(iso) ? json_span(iso) : a->language;
	if (truth.len == 0)
		return 0;
	struct tally *tally = find_tally(totals, truth);
	struct article title = {.title = a->title};
	tally->n++;
	guess(totals, tally, 0, a, truth);
	guess(totals, tally, 1, &title, truth);
	guess(totals, tally, 2, &title, truth);
	return 0;
}

static void print_tally(const struct tally *tally)
{
	static const char *const ways[WAYS] = {"full", "title", "title, expected with en"};
	for (int way = 0; way < WAYS; way++) {
		printf("%-8s %-24s %5zu of %5zu  %5.1f %%  ", tally->code, ways[way], tally->right[way], tally->n,
		       100.0 * (double)tally->right[way] / (double)tally->n);
		for (size_t i = 0; i < 8 && tally->wrong[way][i].n; i++)
			printf(" %s:%zu", tally->wrong[way][i].code, tally->wrong[way][i].n);
		printf("\n");
	}
}

int main(int argc, char **argv)
{
	struct totals *totals = calloc(1, sizeof(*totals));
	if (!totals || text_new(&totals->text))
		return 1;
	if (argc < 2 || ndjson_each(argv[1], one_article, totals)) {
		fprintf(stderr, "usage: text_languages ARTICLES.ndjson[.gz]\n");
		return 2;
	}
	for (size_t i = 0; i < totals->n_languages; i++)
		print_tally(&totals->languages[i]);
	printf("%.1f us an analysis with a guess\n", totals->us / (double)totals->n_guesses);
	text_free(totals->text);
	free(totals);
	return 0;
}
