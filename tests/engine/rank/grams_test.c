/* Character n-grams of titles, by hand. Underscores stand for spaces: the grams of "abcd" are _abcd and abcd_. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/rank/grams.h"

static struct grams g;

static void near(float got, double want)
{
	assert_float_equal(got, (float)want, 1e-6f);
}

static void test_counts(void **state)
{
	static const struct {
		const char *title;
		uint32_t n;
	} rows[] = {{"", 0}, {"ab", 0}, {"abc", 1}, {"abcd", 2}, {"a b c d", 5}, {"กข", 0}, {"กขค", 1}, {"น้ำประปา", 6}};
	uint16_t a[GRAMS_MAX], b[GRAMS_MAX];
	char text[GRAMS_MAX + 40];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(grams_of(span_of(rows[i].title), a), rows[i].n);
	/* The same run of characters is the same gram wherever it stands. */
	assert_int_equal(grams_of(SPAN("xx water"), a), 6);
	assert_int_equal(grams_of(SPAN("the water"), b), 7);
	assert_memory_equal(a + 3, b + 4, 3 * sizeof(a[0])); /* _wate, water, ater_ */
	assert_int_not_equal(a[2], b[3]);                    /* x_wat, e_wat */
	/* At the limit, below and above. */
	memset(text, 'a', sizeof(text));
	assert_int_equal(grams_of((struct span){text, GRAMS_MAX + 1}, a), GRAMS_MAX - 1);
	assert_int_equal(grams_of((struct span){text, GRAMS_MAX + 2}, a), GRAMS_MAX);
	assert_int_equal(grams_of((struct span){text, GRAMS_MAX + 30}, a), GRAMS_MAX);
}

static void test_likeness(void **state)
{
	grams_clear(&g);
	grams_close(&g);
	near(grams_likeness(&g, SPAN("abcd")), 0);
	grams_add(&g, SPAN("abcd"));
	grams_close(&g);
	near(grams_likeness(&g, SPAN("abcd")), 1);
	near(grams_likeness(&g, SPAN("abcde")), 0.408248290); /* _abcd of three: 1 / sqrt(2) / sqrt(3) */
	near(grams_likeness(&g, SPAN("zzzz")), 0);
	near(grams_likeness(&g, SPAN("")), 0);
	/* Sums: _abcd 1/sqrt(2) + 1/sqrt(3) = 1.284457051, abcd_ .707106781, abcde and bcde_ .577350269; length 1.678236911 */
	grams_add(&g, SPAN("abcde"));
	grams_close(&g);
	near(grams_likeness(&g, SPAN("abcd")), 0.839121055);
	near(grams_likeness(&g, SPAN("abcde")), 0.839121055);
	grams_clear(&g);
	grams_close(&g);
	near(grams_likeness(&g, SPAN("abcd")), 0);
	for (size_t i = 0; i < GRAMS_MAX + 40; i++) /* nothing was left behind */
		assert_true(g.sum[i] == 0);
}

/* The most that can be added. */
static void test_full(void **state)
{
	char text[GRAMS_MAX * 2];
	uint32_t seed = 1;
	grams_clear(&g);
	for (int read = 0; read < GRAM_READS; read++) {
		for (size_t i = 0; i < sizeof(text); i++)
			text[i] = (char)('a' + (seed = seed * 1664525 + 1013904223) / 171798692);
		grams_add(&g, (struct span){text, sizeof(text)});
	}
	grams_close(&g);
	assert_true(g.n_touched > 10000 && g.norm > 0);
	grams_clear(&g);
	for (size_t i = 0; i < GRAM_BUCKETS; i++)
		assert_true(g.sum[i] == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_counts), cmocka_unit_test(test_likeness),
	                                   cmocka_unit_test(test_full)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
