/* A page's pins over a pool that was drawn a moment before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/feed_internal.h"
#include "tests/engine/fixture.h"

enum { N_ARTICLES = 6 };
static const char *const titles[N_ARTICLES] = {
	"Reservoir empties overnight", "Orchestra plays in the taxi rank", "Goalkeeper saves three penalties",
	"Bakers strike over flour", "Observatory finds a comet", "Ferry timetable changes"};

static struct article article_of(struct fixture *f, unsigned i, const char *title)
{
	return (struct article){.id = arena_printf(&f->arena, "article-%u", i), .title = span_of(title), .boost = 1,
	                        .source = arena_printf(&f->arena, "paper %u", i), .published_at_ms = f->now_ms - 60000};
}

static void publish(struct fixture *f, unsigned i, const char *title)
{
	struct article a = article_of(f, i, title);
	struct article_result result;
	assert_int_equal(fixture_ingest(f, &a, 1, &result), 0);
}

/* A first page with its pool drawn, as engine_feed has it before pins are placed. */
static struct page *page_with_pool(struct fixture *f)
{
	struct feed_request request = {.limit = 5, .now_ms = f->now_ms};
	struct page *p = arena_calloc(&f->arena, 1, sizeof(*p));
	p->w = f->worker;
	p->arena = &f->arena;
	p->pool = f->worker->pool;
	p->n_wanted = request.limit;
	engine_wake(f->worker);
	assert_int_equal(query_prepare(f->worker, &f->arena, &request, &p->query), 0);
	assert_int_equal(rank_pool(f->worker->scratch, f->engine->catalog, &p->query.rank, LIMIT_POOL, p->pool, &p->n_pool,
	                           NULL), 0);
	assert_int_equal(p->n_pool, N_ARTICLES);
	return p;
}

static struct page *page_with_pin(struct fixture *f, const struct pin *pin)
{
	fixture_new(f);
	fixture_open(f);
	for (unsigned i = 0; i < N_ARTICLES; i++)
		publish(f, i, titles[i]);
	assert_int_equal(fixture_pin_put(f, pin), PIN_DONE);
	return page_with_pool(f);
}

static size_t n_taken(const struct page *p, uint32_t *article)
{
	size_t n = 0;
	for (size_t i = 0; i < p->n_pool; i++)
		if (p->taken[i]) {
			*article = p->pool[i].article;
			n++;
		}
	return n;
}

/* The pool has the pinned article under the story that it told when the pool was drawn. It has been published anew with
 * other words, so it tells another; still it is the same article, and must not stand twice on the page. */
static void test_published_anew(void **state)
{
	struct fixture f;
	struct pin pin = {.article_id = SPAN("article-2"), .position = 1};
	uint32_t taken = 0;
	struct page *p = page_with_pin(&f, &pin);
	for (size_t i = 0; i < p->n_pool; i++)
		p->pool[i].story += 1000; /* drawn when every article told another story */
	assert_int_equal(pins_place(p), 0);
	assert_int_equal(p->n_pins, 1);
	assert_int_equal(n_taken(p, &taken), 1);
	assert_int_equal(taken, p->pins[0].article);
	assert_int_equal(pins_at(p, 1), 0);
	assert_int_equal(pins_at(p, 2), -1);
	engine_idle(f.worker);
	fixture_free(&f);
}

/* Another report of the pinned story is taken out with it, and nothing else. */
static void test_story_of_the_pin(void **state)
{
	struct fixture f;
	struct pin pin = {.article_id = SPAN("article-4"), .position = 3};
	uint32_t taken = 0;
	struct page *p = page_with_pin(&f, &pin);
	assert_int_equal(pins_place(p), 0);
	uint32_t pinned = p->pins[0].article;
	assert_int_equal(n_taken(p, &taken), 1);
	assert_int_equal(taken, pinned);
	memset(p->taken, 0, sizeof(p->taken));
	p->n_pins = 0;
	for (size_t i = 0; i < p->n_pool; i++)
		if (p->pool[i].article == pinned)
			p->pool[i].article = 1000; /* the story's best report was another when the pool was drawn */
	assert_int_equal(pins_place(p), 0);
	assert_int_equal(n_taken(p, &taken), 1);
	assert_int_equal(taken, 1000);
	engine_idle(f.worker);
	fixture_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_published_anew), cmocka_unit_test(test_story_of_the_pin)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
