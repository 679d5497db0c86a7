/* The figures beyond accuracy against values worked out by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "api/eval_beyond.h"

#define assert_near(got, expected, within) assert_true(fabs((got) - (double)(expected)) <= (within))

enum { CITY = 7, SPORT = 8, ARTS = 9 };

/* a.b = 0.8, and c shares nothing with them; d and e have no text, f has nothing. Lengths other than 1 do not matter. */
static const struct eval_topic of_a[] = {{1, 0.6f}, {2, 0.8f}}, of_b[] = {{2, 2.0f}}, of_c[] = {{3, 1.0f}, {9, 0.5f}};
static struct eval_item a = {.topics = of_a, .n_topics = 2, .has_topics = true, .has_text = true, .section = CITY};
static struct eval_item b = {.topics = of_b, .n_topics = 1, .has_topics = true, .has_text = true, .section = SPORT};
static struct eval_item c = {.topics = of_c, .n_topics = 2, .has_topics = true, .has_text = true};
static struct eval_item d = {.has_topics = true, .section = CITY}, e = {.has_topics = true, .section = SPORT};
static struct eval_item f = {.has_topics = true};

static void test_diversity(void **state)
{
	/* (0.2 + 1 + 1) / 3 */
	assert_near(eval_diversity((const struct eval_item *[]){&a, &b, &c}, 3), 2.2 / 3, 1e-7);
	/* and d: like a by section 0, b 1, c not known: (0.2 + 1 + 1 + 0 + 1) / 5 */
	assert_near(eval_diversity((const struct eval_item *[]){&a, &b, &c, &d}, 4), 0.64, 1e-7);
	/* sections alone: d and d 0, d and e 1 twice */
	assert_near(eval_diversity((const struct eval_item *[]){&d, &e, &d}, 3), 2.0 / 3, 1e-15);
	assert_near(eval_diversity((const struct eval_item *[]){&a, &a}, 2), 0, 1e-7);
	assert_true(isnan(eval_diversity((const struct eval_item *[]){&a}, 1)));
	assert_true(isnan(eval_diversity((const struct eval_item *[]){&a, &f, &f}, 3)));
	assert_true(isnan(eval_diversity(NULL, 0)));
}

/* A reader of three city stories, a sport story and one without a section: p = 3/4, 1/4. */
static void test_calibration(void **state)
{
	struct eval_reader reader = {0}, nobody = {0};
	struct eval_item arts = {.section = ARTS};
	const struct eval_item *const reads[] = {&d, &e, &f, &d, &d};
	for (int i = 0; i < 5; i++)
		assert_int_equal(eval_reader_add(&reader, reads[i]), 0);
	assert_int_equal(reader.n_reads, 5);
	assert_int_equal(reader.n_sections, 2);
	/* q = p */
	assert_near(eval_calibration(&reader, (const struct eval_item *[]){&d, &e, &d, &d}, 4), 0, 1e-15);
	/* q = 1/2, 1/2; q~ = 0.5025, 0.4975; 0.75 ln(0.75 / 0.5025) + 0.25 ln(0.25 / 0.4975) */
	assert_near(eval_calibration(&reader, (const struct eval_item *[]){&d, &e}, 2), 0.128324515, 1e-9);
	/* of what has no section nothing is known */
	assert_near(eval_calibration(&reader, (const struct eval_item *[]){&d, &f, &e}, 3), 0.128324515, 1e-9);
	/* nothing in common: q~ = p / 100 */
	assert_near(eval_calibration(&reader, (const struct eval_item *[]){&arts, &arts}, 2), 4.605170185988091, 1e-12);
	/* half of it in a section that the reader never read: q = 1/2, 0; 0.75 ln(0.75 / 0.5025) + 0.25 ln 100 */
	assert_near(eval_calibration(&reader, (const struct eval_item *[]){&d, &arts}, 2), 1.451650721, 1e-9);
	assert_true(isnan(eval_calibration(&reader, (const struct eval_item *[]){&f}, 1)));
	assert_true(isnan(eval_calibration(&nobody, (const struct eval_item *[]){&d}, 1)));
	eval_reader_free(&reader);
}

/* Six clicks and four articles: p = 4/10, 1/10, 2/10. */
static void test_novelty(void **state)
{
	struct eval_item known = {.n_clicks = 3}, new = {0}, little = {.n_clicks = 1};
	assert_near(eval_novelty((const struct eval_item *[]){&known, &new, &little}, 3, 6, 4),
	            (1.3219280948873623 + 3.3219280948873623 + 2.3219280948873623) / 3, 1e-12);
	assert_near(eval_novelty((const struct eval_item *[]){&new}, 1, 0, 1), 0, 0);
	assert_true(isnan(eval_novelty(NULL, 0, 6, 4)));
}

/* Sources A to D, shown 13, 4, 2 and 1 times: D and C have 3 of 20 shows, with B they would have 7, which is over a fifth. Of
 * two lists of five the second has 1 place of C among 5 and the first 1 of D among the 4 whose source is known: the
 * mean is (1/4 + 1/5) / 2. */
static void test_sources_and_coverage(void **state)
{
	struct eval_beyond all = {0};
	struct eval_reader reader = {0};
	struct eval_rare rare;
	struct eval_source *source[4], *again;
	struct eval_item items[21] = {{0}}, *slate[21];
	uint32_t order[21];
	static const int of[21] = {0, 0, 0, 3, -1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 1, 1, 1, 0, 0, 0};
	for (int s = 0; s < 4; s++)
		assert_int_equal(eval_beyond_source(&all, (uint64_t)s + 100, &source[s]), 0);
	assert_int_equal(eval_beyond_source(&all, 102, &again), 0);
	assert_ptr_equal(again, source[2]);
	for (int i = 0; i < 21; i++) {
		items[i].has_topics = true;
		items[i].source = of[i] < 0 ? NULL : source[of[i]];
		slate[i] = &items[i];
		order[i] = (uint32_t)i;
	}
	eval_beyond_add(&all, slate, order, 6, &reader, 0, 21); /* items 0 to 5: the list is 0 to 4 */
	for (int i = 0; i < 15; i++)
		order[i] = (uint32_t)(14 - i); /* the last of the slate come first: items 20 to 16, then 15 to 11 */
	order[4] = 7;                     /* but for item 13, of C, in place of 16 */
	order[7] = 10;
	eval_beyond_add(&all, slate + 6, order, 15, &reader, 0, 21);
	assert_int_equal(eval_beyond_rare(&all, &rare), 0);
	assert_int_equal(rare.n_sources, 4);
	assert_int_equal(rare.n_rare, 2);
	assert_near(rare.shown, 0.15, 1e-15);
	assert_near(rare.share[EVAL_TOP_5], (0.25 + 0.2) / 2, 1e-15);
	/* the first list is 0 to 5, one of D among five known; of the second ten, 11 to 20, two are of C */
	assert_near(rare.share[EVAL_TOP_10], (0.2 + 0.2) / 2, 1e-15);
	assert_int_equal(all.n_offered, 21);
	assert_int_equal(all.n_reached[EVAL_TOP_5], 10);
	assert_int_equal(all.n_reached[EVAL_TOP_10], 16);
	eval_beyond_add(&all, slate + 6, order, 15, &reader, 0, 21); /* the same again reaches nothing new */
	assert_int_equal(all.n_offered, 21);
	assert_int_equal(all.n_reached[EVAL_TOP_10], 16);
	eval_beyond_free(&all);
}

/* Of five shows the two sources with one each have two fifths, and neither is rarer than the other; of eleven they have
 * less than a fifth, and both are. */
static void test_equally_rare_sources(void **state)
{
	static const int of[11] = {0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2};
	for (size_t n = 5; n <= 11; n += 6) {
		struct eval_beyond all = {0};
		struct eval_reader reader = {0};
		struct eval_rare rare;
		struct eval_item items[11] = {{0}}, *slate[11];
		uint32_t order[11];
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(eval_beyond_source(&all, (uint64_t)of[i] + 1, &items[i].source), 0);
			slate[i] = &items[i];
			order[i] = (uint32_t)i;
		}
		eval_beyond_add(&all, slate, order, n, &reader, 0, 11);
		assert_int_equal(eval_beyond_rare(&all, &rare), 0);
		assert_int_equal(rare.n_rare, n == 5 ? 0 : 2);
		if (n == 11)
			assert_near(rare.share[EVAL_TOP_5], 0.4, 1e-15);
		eval_beyond_free(&all);
	}
}

/* One source has all shows, or none is known: there are no rare ones. */
static void test_no_rare_sources(void **state)
{
	struct eval_beyond all = {0};
	struct eval_reader reader = {0};
	struct eval_rare rare;
	struct eval_item item = {.has_topics = true}, *slate[] = {&item};
	eval_beyond_add(&all, slate, (uint32_t[]){0}, 1, &reader, 0, 1);
	assert_int_equal(eval_beyond_rare(&all, &rare), 0);
	assert_int_equal(rare.n_sources, 0);
	assert_true(isnan(rare.share[EVAL_TOP_10]));
	assert_int_equal(eval_beyond_source(&all, 1, &item.source), 0);
	eval_beyond_add(&all, slate, (uint32_t[]){0}, 1, &reader, 0, 1);
	assert_int_equal(eval_beyond_rare(&all, &rare), 0);
	assert_int_equal(rare.n_sources, 1);
	assert_int_equal(rare.n_rare, 0);
	assert_true(isnan(rare.share[EVAL_TOP_5]) && isnan(rare.shown));
	eval_beyond_free(&all);
}

static void test_topics(void **state)
{
	struct arena arena = {0};
	struct eval_item x = {0}, y = {0}, z = {0};
	assert_int_equal(eval_item_topics(&x, &arena, SPAN("[{\"topic\":\"topic:water\",\"weight\":0.6},{\"topic\":\"section:city\","
	                                                   "\"weight\":0.8}]")), 0);
	assert_int_equal(eval_item_topics(&y, &arena, SPAN("[{\"topic\":\"section:city\",\"weight\":1.0},"
	                                                   "{\"topic\":\"term:pump\",\"weight\":0}]")), 0);
	assert_int_equal(eval_item_topics(&z, &arena, SPAN("[{\"topic\":\"section:city\",\"weight\":1}]")), 0);
	assert_true(x.has_topics && x.has_text && y.has_text && z.has_topics && !z.has_text);
	assert_near(eval_diversity((const struct eval_item *[]){&x, &y}, 2), 0.2, 1e-7);
	assert_int_equal(eval_item_topics(&z, &arena, SPAN("[]")), 0);
	assert_int_equal(z.n_topics, 0);
	assert_int_equal(eval_item_topics(&z, &arena, SPAN("[{\"topic\":1}]")), -22);
	assert_int_equal(eval_item_topics(&z, &arena, SPAN("[")), -22);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_diversity), cmocka_unit_test(test_calibration), cmocka_unit_test(test_novelty),
		cmocka_unit_test(test_sources_and_coverage),
		cmocka_unit_test(test_equally_rare_sources), cmocka_unit_test(test_no_rare_sources), cmocka_unit_test(test_topics)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
