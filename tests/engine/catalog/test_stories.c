/* argv[1] is the folder of the sample stories. */
#include <stdlib.h>

#include "engine/base/hash.h"
#include "engine/base/map.h"
#include "engine/base/rng.h"
#include "engine/catalog/stories.h"
#include "tests/engine/text/fixture.h"
#include "tests/engine/text/ndjson.h"

static const char *sample_folder = "tests/sample";

enum { HOUR_MS = 3600000 };

static struct stories *new_stories(int64_t window_ms, unsigned story_max)
{
	struct stories *s;
	struct stories_config config = {.window_ms = window_ms, .story_max = story_max};
	assert_int_equal(stories_new(&s, &config), 0);
	return s;
}

/* A print of these terms, all of one weight; prints with fewer than 8 terms have no say by signature. */
static struct story_print print_of(const uint32_t *terms, uint16_t n)
{
	struct story_print print = {.n_terms = n, .simhash = hash64((struct span){(const char *)terms, n * sizeof(*terms)})};
	for (uint16_t i = 0; i < n; i++) {
		print.terms[i].term = terms[i];
		print.terms[i].weight = (uint16_t)(65535 / sqrt(n));
	}
	return print;
}

static struct stories_report report_of(uint32_t article, const struct story_print *print, int64_t at_ms)
{
	return (struct stories_report){.article = article, .source = article, .language = 1, .published_ms = at_ms, .print = print};
}

static uint32_t join(struct stories *s, const struct stories_report *report)
{
	uint32_t story = stories_match(s, report);
	if (story == 0)
		story = stories_new_number(s, report->article);
	assert_int_equal(stories_put(s, report, story, false), 0);
	return story;
}

static void alike_reports_join(void **state)
{
	static const uint32_t quake[] = {1, 2, 3, 4}, quake_too[] = {1, 2, 3, 9}, match[] = {1, 20, 21, 22};
	struct story_print a = print_of(quake, 4), b = print_of(quake_too, 4), c = print_of(match, 4);
	struct stories *s = new_stories(36 * HOUR_MS, 50);
	struct stories_report first = report_of(10, &a, 0), second = report_of(11, &b, HOUR_MS), third = report_of(12, &c, HOUR_MS);
	assert_int_equal(join(s, &first), 10);
	assert_int_equal(join(s, &second), 10); /* cosine 3/4 */
	assert_int_equal(join(s, &third), 12);  /* cosine 1/4 */
	struct stories_report foreign = report_of(13, &a, 0), late = report_of(14, &a, 36 * HOUR_MS + 2 * HOUR_MS);
	foreign.language = 2;
	assert_int_equal(stories_match(s, &foreign), 0);
	assert_int_equal(stories_match(s, &late), 0);
	late.published_ms = -36 * HOUR_MS - 1;
	assert_int_equal(stories_match(s, &late), 0);
	uint32_t members[4];
	assert_int_equal(stories_members(s, 10, members, 4), 2);
	assert_int_equal(members[0], 10);
	assert_int_equal(members[1], 11);
	assert_int_equal(stories_members(s, 10, members, 0), 2);
	assert_int_equal(stories_members(s, 99, members, 4), 0);
	assert_int_equal(stories_of(s, 99), 0);
	stories_free(s);
}

static void signatures_join_what_terms_do_not(void **state)
{
	static const uint32_t one[] = {1, 2, 3, 4, 5, 6, 7, 8}, other[] = {11, 12, 13, 14, 15, 16, 17, 18};
	struct story_print a = print_of(one, 8), b = print_of(other, 8);
	b.terms[0].term = 1; /* one shared term makes a candidate */
	b.simhash = a.simhash ^ 7;
	struct stories *s = new_stories(36 * HOUR_MS, 50);
	struct stories_report first = report_of(1, &a, 0), second = report_of(2, &b, 0);
	assert_int_equal(join(s, &first), 1);
	assert_int_equal(stories_match(s, &second), 1);
	b.simhash = a.simhash ^ 15;
	assert_int_equal(stories_match(s, &second), 0);
	stories_free(s);
}

static void a_story_has_a_largest_size(void **state)
{
	static const uint32_t terms[] = {1, 2, 3, 4};
	struct story_print print = print_of(terms, 4);
	struct stories *s = new_stories(36 * HOUR_MS, 3);
	for (uint32_t i = 1; i <= 7; i++) {
		struct stories_report report = report_of(i, &print, 0);
		assert_int_equal(join(s, &report), (i - 1) / 3 * 3 + 1);
	}
	struct stories_report eighth = report_of(8, &print, 0), first = report_of(1, &print, 0);
	assert_int_equal(stories_put(s, &eighth, 1, true), 1);
	assert_int_equal(stories_of(s, 8), 0);
	assert_int_equal(stories_match(s, &first), 1); /* its own place is free for itself */
	assert_int_equal(stories_put(s, &first, 1, false), 0);
	assert_int_equal(stories_members(s, 1, NULL, 0), 3);
	stories_free(s);
}

static void a_correction_moves_a_report(void **state)
{
	static const uint32_t quake[] = {1, 2, 3, 4}, flood[] = {5, 6, 7, 8};
	struct story_print a = print_of(quake, 4), b = print_of(flood, 4);
	struct stories *s = new_stories(36 * HOUR_MS, 50);
	struct stories_report reports[] = {report_of(1, &a, 0), report_of(2, &a, 0), report_of(3, &b, 0)};
	for (size_t i = 0; i < 3; i++)
		join(s, &reports[i]);
	/* Report 1, which started story 1, turns out to be of the flood; its story stays with report 2. */
	struct stories_report corrected = report_of(1, &b, 0);
	assert_int_equal(join(s, &corrected), 3);
	assert_int_equal(stories_of(s, 2), 1);
	/* And then of neither: story 1 is not its own any more. */
	static const uint32_t alone[] = {30, 31, 32, 33};
	struct story_print c = print_of(alone, 4);
	corrected.print = &c;
	assert_int_equal(join(s, &corrected), UINT32_MAX);
	stories_remove(s, 2);
	corrected.print = &a;
	assert_int_equal(join(s, &corrected), 1);
	stories_free(s);
}

static void an_editor_has_the_last_word(void **state)
{
	static const uint32_t quake[] = {1, 2, 3, 4};
	struct story_print a = print_of(quake, 4);
	struct stories *s = new_stories(36 * HOUR_MS, 50);
	struct stories_report first = report_of(1, &a, 0), second = report_of(2, &a, 0), third = report_of(3, &a, 0);
	join(s, &first);
	assert_int_equal(stories_put(s, &second, stories_new_number(s, 2), true), 0);
	assert_int_equal(stories_match(s, &second), 2);
	stories_remove(s, 1);
	assert_int_equal(join(s, &third), 2); /* others may still join it */
	stories_free(s);
}

static void removing_leaves_nothing(void **state)
{
	struct stories *s = new_stories(36 * HOUR_MS, 50);
	for (int round = 0; round < 3; round++) {
		size_t empty_bytes = stories_bytes(s);
		for (uint32_t i = 1; i <= 500; i++) {
			uint32_t terms[] = {i, i + 1000, 5000, 6000};
			struct story_print print = print_of(terms, 4);
			struct stories_report report = report_of(i, &print, 0);
			join(s, &report);
		}
		for (uint32_t i = 1; i <= 500; i++)
			stories_remove(s, i);
		stories_remove(s, 1);
		if (round > 0) /* maps have grown to their size in the first */
			assert_int_equal(stories_bytes(s), empty_bytes);
	}
	stories_free(s);
}

/* ---- beside a naive model ------------------------------------------------------------------------------------ */

enum { MODEL_ARTICLES = 40, MODEL_TERMS = 30, MODEL_MAX = 7 };

struct model {
	struct {
		bool present, fixed;
		uint32_t story;
		struct stories_report report;
		struct story_print print;
	} articles[MODEL_ARTICLES + 1];
};

static bool share_a_term(const struct story_print *a, const struct story_print *b)
{
	for (unsigned i = 0; i < a->n_terms; i++)
		for (unsigned k = 0; k < b->n_terms; k++)
			if (a->terms[i].term == b->terms[k].term)
				return true;
	return false;
}

static double model_likeness(const struct stories_report *a, const struct stories_report *b, double window_ms)
{
	if (a->print->n_terms >= 8 && b->print->n_terms >= 8 && __builtin_popcountll(a->print->simhash ^ b->print->simhash) <= 3)
		return 1;
	double dot = 0;
	int n_shared = 0;
	for (unsigned i = 0; i < a->print->n_terms; i++)
		for (unsigned k = 0; k < b->print->n_terms; k++)
			if (a->print->terms[i].term == b->print->terms[k].term) {
				dot += a->print->terms[i].weight / 65535.0 * (b->print->terms[k].weight / 65535.0);
				n_shared++;
			}
	if (n_shared < 3)
		dot = 0;
	dot -= 0.1 * fabs((double)(a->published_ms - b->published_ms)) / window_ms;
	return a->source && a->source == b->source ? dot - 0.1 : dot;
}

/* How like a story is to a report by the rule in the header, and how like it must be; negative when it can't join. */
static double model_story_likeness(const struct model *m, const struct stories_report *report, uint32_t story,
                                   int64_t window_ms, double *needed)
{
	double best = 0, sum = 0;
	unsigned n = 0, n_members = 0;
	bool candidate = false;
	for (uint32_t i = 1; i <= MODEL_ARTICLES; i++) {
		if (!m->articles[i].present || m->articles[i].story != story || i == report->article)
			continue;
		n_members++;
		const struct stories_report *other = &m->articles[i].report;
		if (other->language != report->language || llabs(other->published_ms - report->published_ms) > window_ms)
			continue;
		double like = model_likeness(report, other, (double)window_ms);
		candidate |= share_a_term(report->print, other->print);
		best = fmax(best, like);
		sum += like;
		n++;
	}
	*needed = n_members > 4 ? 0.31 + 0.045 * log2(n_members / 4.0) : 0.31;
	return !candidate || n_members >= MODEL_MAX ? -1 : 0.3 * best + 0.7 * sum / n;
}

/* Whether the answer is right, leaving room for rounding at the threshold and between equals. */
static bool model_agrees(const struct model *m, const struct stories_report *report, uint32_t answer, int64_t window_ms)
{
	double best = -1, given = -1;
	for (uint32_t i = 1; i <= MODEL_ARTICLES; i++) {
		if (!m->articles[i].present)
			continue;
		double needed, like = model_story_likeness(m, report, m->articles[i].story, window_ms, &needed);
		if (like >= needed + 1e-4)
			best = fmax(best, like);
		if (m->articles[i].story == answer && like >= needed - 1e-4)
			given = like;
	}
	return answer ? given >= 0 && given >= best - 1e-4 : best < 0;
}

static void random_report(struct rng *rng, struct model *m, uint32_t article)
{
	struct story_print *print = &m->articles[article].print;
	uint32_t first = (uint32_t)rng_below(rng, 4) * 5 + 1;
	*print = (struct story_print){.simhash = rng_u64(rng) >> rng_below(rng, 60)};
	double square = 0;
	uint16_t weights[STORY_PRINT_TERMS];
	for (uint32_t term = first; term < first + 14; term++) {
		if (rng_below(rng, 3) == 0 || print->n_terms == 12)
			continue;
		weights[print->n_terms] = (uint16_t)(1 + rng_below(rng, 4));
		square += weights[print->n_terms] * weights[print->n_terms];
		print->terms[print->n_terms++].term = term;
	}
	for (unsigned i = 0; i < print->n_terms; i++)
		print->terms[i].weight = (uint16_t)lrint(65535 * weights[i] / sqrt(square));
	m->articles[article].report = (struct stories_report){.article = article,
	                                                      .source = (uint32_t)rng_below(rng, 5),
	                                                      .language = 1 + (uint32_t)(rng_below(rng, 8) == 0),
	                                                      .published_ms = (int64_t)rng_below(rng, 72) * HOUR_MS,
	                                                      .print = print};
}

static void check_members(const struct stories *s, const struct model *m, uint32_t story)
{
	uint32_t want[MODEL_ARTICLES], got[MODEL_ARTICLES];
	size_t n = 0;
	for (uint32_t i = 1; i <= MODEL_ARTICLES; i++)
		if (m->articles[i].present && m->articles[i].story == story)
			want[n++] = i;
	assert_int_equal(stories_members(s, story, got, MODEL_ARTICLES), n);
	if (n)
		assert_memory_equal(got, want, n * sizeof(want[0]));
}

static void place(struct stories *s, struct model *m, struct rng *rng, uint32_t article, int64_t window_ms)
{
	struct model before = *m;
	for (uint32_t i = 1; i <= MODEL_ARTICLES; i++)
		before.articles[i].report.print = &before.articles[i].print;
	random_report(rng, m, article);
	const struct stories_report *report = &m->articles[article].report;
	uint32_t story = stories_match(s, report);
	bool fixed = rng_below(rng, 20) == 0;
	if (m->articles[article].present && m->articles[article].fixed)
		assert_int_equal(story, m->articles[article].story);
	else
		assert_true(model_agrees(&before, report, story, window_ms));
	if (story == 0 || rng_below(rng, 20) == 0)
		story = stories_new_number(s, article);
	assert_int_equal(stories_put(s, report, story, fixed), 0);
	m->articles[article].present = true;
	m->articles[article].fixed = fixed;
	m->articles[article].story = story;
}

static void random_operations_match_a_naive_model(void **state)
{
	const int64_t window_ms = 36 * HOUR_MS;
	static struct model m;
	struct rng rng;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct stories *s = new_stories(window_ms, MODEL_MAX);
		print_message("seed %llu\n", (unsigned long long)seed);
		rng_seed(&rng, seed);
		m = (struct model){0};
		for (int step = 0; step < 600; step++) {
			uint32_t article = 1 + (uint32_t)rng_below(&rng, MODEL_ARTICLES);
			uint32_t before = m.articles[article].present ? m.articles[article].story : 0;
			if (rng_below(&rng, 4) == 0) {
				stories_remove(s, article);
				m.articles[article].present = false;
			} else {
				place(s, &m, &rng, article, window_ms);
			}
			check_members(s, &m, before);
			for (uint32_t i = 1; i <= MODEL_ARTICLES; i++) {
				assert_int_equal(stories_of(s, i), m.articles[i].present ? m.articles[i].story : 0);
				if (m.articles[i].present)
					check_members(s, &m, m.articles[i].story);
			}
		}
		stories_free(s);
	}
}

/* ---- the sample, end to end ---------------------------------------------------------------------------------- */

enum { SAMPLE_MAX = 4096 };

struct sample {
	struct fixture *f;
	struct stories *stories;
	struct text_df *df;
	struct map *numbers; /* hash of id -> article number */
	uint32_t n;
	uint64_t gold[SAMPLE_MAX + 1]; /* hash of the story's name; 0 none */
};

static int join_article(const struct article *a, json_t *object, void *ctx)
{
	struct sample *sample = ctx;
	struct arena arena = {0};
	struct text_analysis found;
	uint32_t number = (uint32_t)map_get(sample->numbers, hash64(a->id));
	bool known = number != 0;
	int64_t at_ms = a->updated_at_ms ? a->updated_at_ms : a->published_at_ms;
	if (!known) {
		number = ++sample->n;
		assert_true(number <= SAMPLE_MAX);
		assert_int_equal(map_put(sample->numbers, hash64(a->id), number), 0);
	}
	assert_int_equal(text_analyse(sample->f->text, &arena, a, NULL, 0, sample->df, at_ms, &found), 0);
	struct stories_report report = {.article = number,
	                                .source = (uint32_t)hash64(a->source),
	                                .language = (uint32_t)hash64(found.language),
	                                .published_ms = a->published_at_ms,
	                                .print = &found.print};
	join(sample->stories, &report);
	if (!known)
		text_df_add(sample->df, found.terms, found.n_terms, at_ms);
	arena_free(&arena);
	return 0;
}

static const char *sample_path(struct sample *sample, const char *name)
{
	return arena_printf(&sample->f->arena, "%s/%s", sample_folder, name).data;
}

/* Compares with lines of story, tab, article id. Returns F1 over pairs. */
static double compare_with_gold(struct sample *sample, const char *name)
{
	char line[512];
	size_t both = 0, ours = 0, gold = 0, n_lines = 0;
	FILE *file = fopen(sample_path(sample, name), "r");
	assert_non_null(file);
	memset(sample->gold, 0, sizeof(sample->gold));
	while (fgets(line, sizeof(line), file)) {
		char *tab = strchr(line, '\t');
		struct span id = {tab ? tab + 1 : NULL, tab ? strcspn(tab + 1, "\t\r\n") : 0};
		uint64_t number = tab ? map_get(sample->numbers, hash64(id)) : 0;
		if (number)
			sample->gold[number] = hash64((struct span){line, (size_t)(tab - line)});
		n_lines += number != 0;
	}
	fclose(file);
	assert_int_equal(n_lines, sample->n); /* every article has a gold story */
	for (uint32_t i = 1; i <= sample->n; i++)
		for (uint32_t k = 1; k < i; k++) {
			bool same_gold = sample->gold[i] == sample->gold[k];
			bool same = stories_of(sample->stories, i) == stories_of(sample->stories, k);
			both += same && same_gold;
			ours += same;
			gold += same_gold;
		}
	double precision = ours ? (double)both / (double)ours : 0, recall = gold ? (double)both / (double)gold : 0;
	double f1 = both ? 2 * precision * recall / (precision + recall) : 0;
	print_message("%s: precision %.3f, recall %.3f, F1 %.3f over %u articles\n", name, precision, recall, f1, sample->n);
	return f1;
}

static uint32_t story_of(const struct sample *sample, const char *id)
{
	return stories_of(sample->stories, (uint32_t)map_get(sample->numbers, hash64(span_of(id))));
}

/* The report that a correction turns into one of another event: first it stands with the others, then alone. */
static void check_split(const struct sample *sample, bool corrected)
{
	static const char *const others[] = {"jhb-substation-1-citywire", "jhb-substation-2-reefherald",
	                                     "jhb-substation-3-southernpress"};
	uint32_t turned = story_of(sample, "jhb-substation-4-highvelddispatch"), story = story_of(sample, others[0]);
	assert_true(turned != 0 && story != 0);
	for (size_t i = 1; i < 3; i++)
		assert_int_equal(story_of(sample, others[i]), story);
	if (!corrected) {
		assert_int_equal(turned, story);
		return;
	}
	assert_int_not_equal(turned, story);
	assert_int_equal(stories_members(sample->stories, turned, NULL, 0), 1);
}

static void sample_stories_come_together(void **state)
{
	static struct sample sample;
	sample = (struct sample){.f = *state, .stories = new_stories(36 * HOUR_MS, 50)};
	FILE *there = fopen(sample_path(&sample, "stories.ndjson"), "r");
	if (!there) {
		stories_free(sample.stories);
		print_message("no sample in %s\n", sample_folder);
		skip();
	}
	fclose(there);
	assert_int_equal(text_df_new(&sample.df), 0);
	assert_int_equal(map_new(&sample.numbers, NULL), 0);
	assert_int_equal(ndjson_each(sample_path(&sample, "stories.ndjson"), join_article, &sample), 0);
	assert_true(compare_with_gold(&sample, "stories.tsv") >= 0.85);
	check_split(&sample, false);
	assert_int_equal(ndjson_each(sample_path(&sample, "corrections.ndjson"), join_article, &sample), 0);
	assert_true(compare_with_gold(&sample, "stories.after.tsv") >= 0.85);
	check_split(&sample, true);
	map_free(sample.numbers);
	text_df_free(sample.df);
	stories_free(sample.stories);
}

/* Short reports of one city are not one event, however few others there are to compare with: each line is a story alone,
 * but the last, which tells of the first one's cable car again. */
static void titles_of_one_city_stay_apart(void **state)
{
	static const char *const titles[] = {
		"Cape Town cable car closed by wind", "Cape Town to host chess championship in March", "Water is back in Soweto",
		"Pupils in Soweto sell their school's spare sunshine", "Soweto clinic's evening hours halve diabetes waiting list",
		"Wind keeps Cape Town cable car closed for a second day"};
	enum { N = sizeof(titles) / sizeof(titles[0]) };
	struct fixture *f = *state;
	struct stories *s = new_stories(36 * HOUR_MS, 50);
	for (uint32_t i = 0; i < N; i++) {
		struct text_analysis found;
		struct article a = {.title = span_of(titles[i]), .language = SPAN("en")};
		assert_int_equal(text_analyse(f->text, &f->arena, &a, NULL, 0, NULL, i * HOUR_MS, &found), 0);
		struct stories_report report = report_of(i + 1, &found.print, i * HOUR_MS);
		assert_int_equal(join(s, &report), i + 1 < N ? i + 1 : 1);
	}
	stories_free(s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alike_reports_join),
		cmocka_unit_test_setup_teardown(titles_of_one_city_stay_apart, set_up, tear_down),
		cmocka_unit_test(signatures_join_what_terms_do_not),
		cmocka_unit_test(a_story_has_a_largest_size),
		cmocka_unit_test(a_correction_moves_a_report),
		cmocka_unit_test(an_editor_has_the_last_word),
		cmocka_unit_test(removing_leaves_nothing),
		cmocka_unit_test(random_operations_match_a_naive_model),
		cmocka_unit_test_setup_teardown(sample_stories_come_together, set_up, tear_down),
	};
	if (argc > 1)
		sample_folder = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
