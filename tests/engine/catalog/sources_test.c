/* Which sources are rare, by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/epoch.h"
#include "engine/catalog/catalog.h"

enum { MINUTE_MS = 60000, N_SOURCES = 5 };
static const int64_t start_ms = INT64_C(1790000040000); /* a whole minute */

struct scene {
	struct epoch *epoch;
	struct catalog *catalog;
	int64_t now_ms;
	uint32_t n_articles;
};

static void no_scores(void *ctx, unsigned model, const struct catalog_segment *segment, uint32_t first, uint32_t n,
                      int64_t minute_ms, int32_t *out)
{
	for (uint32_t i = 0; i < n; i++)
		out[i] = 0;
}

static void begin(struct scene *s)
{
	struct catalog_config config = {.shared = no_scores};
	*s = (struct scene){.now_ms = start_ms};
	assert_int_equal(epoch_new(&s->epoch), 0);
	assert_int_equal(catalog_new(&s->catalog, s->epoch, &config, s->now_ms), 0);
}

static void end(struct scene *s)
{
	catalog_free(s->catalog);
	epoch_free(s->epoch);
}

/* An article of the source that was shown n times just now. */
static uint32_t shown(struct scene *s, uint32_t source, unsigned n)
{
	uint32_t article = ++s->n_articles;
	struct catalog_entry e = {.article = article, .story = article, .created_seq = article, .published_ms = s->now_ms,
	                          .source = source, .boost = 1, .card = {.id = SPAN("a"), .json = SPAN("{}")}};
	assert_int_equal(catalog_publish(s->catalog, &e), 0);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(catalog_count(s->catalog, article, CATALOG_SHOWS, s->now_ms, 1), 0);
	return article;
}

/* As digits: 1 for each source that is rare. */
static unsigned rare(struct scene *s)
{
	unsigned out = 0;
	s->now_ms += MINUTE_MS;
	assert_int_equal(catalog_tick(s->catalog, s->now_ms, NULL, NULL), 0);
	assert_int_equal(catalog_refresh_sources(s->catalog), 0);
	for (uint32_t source = 1; source <= N_SOURCES; source++)
		out = out * 10 + catalog_source_is_rare(catalog_sources(s->catalog), source);
	return out;
}

static void test_a_fifth(void **state)
{
	struct scene s;
	begin(&s);
	assert_null(catalog_sources(s.catalog)); /* never looked */
	assert_false(catalog_source_is_rare(NULL, 1));
	assert_int_equal(rare(&s), 0);
	shown(&s, 3, 0);
	shown(&s, 5, 0);
	assert_int_equal(rare(&s), 0); /* nothing was shown of anybody */
	shown(&s, 1, 30);
	shown(&s, 1, 30);
	shown(&s, 2, 10);
	shown(&s, 4, 8); /* of 78 a fifth is 15.6: nobody's 0 and 8 are within it, 10 more are not */
	assert_int_equal(rare(&s), 111);
	end(&s);
}

static void test_ties(void **state)
{
	struct scene s;
	begin(&s);
	shown(&s, 1, 80);
	shown(&s, 2, 10);
	shown(&s, 3, 10); /* 20 of 100: just a fifth */
	assert_int_equal(rare(&s), 1100);
	shown(&s, 2, 1);
	shown(&s, 3, 1); /* 22 of 102: both or none */
	assert_int_equal(rare(&s), 0);
	end(&s);
}

/* What is withdrawn no longer counts; nor what has no source. Once a minute is enough. */
static void test_gone(void **state)
{
	struct scene s;
	begin(&s);
	shown(&s, 1, 50);
	uint32_t article = shown(&s, 2, 50);
	shown(&s, 2, 5);
	shown(&s, 0, 1);
	assert_int_equal(rare(&s), 0);
	catalog_withdraw(s.catalog, article);
	const struct catalog_sources *before = catalog_sources(s.catalog);
	assert_int_equal(catalog_refresh_sources(s.catalog), 0);
	assert_ptr_equal(catalog_sources(s.catalog), before);
	assert_int_equal(rare(&s), 1000);
	assert_false(catalog_source_is_rare(catalog_sources(s.catalog), 0));
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_fifth), cmocka_unit_test(test_ties),
	                                   cmocka_unit_test(test_gone)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
