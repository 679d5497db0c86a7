/* Everything at once: articles come, change and go, editors pin, split and merge, models are swapped, checkpoints are
 * written, feeds are paged, and readers' events are seen by the next question from any other thread. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include <cmocka.h>

#include "engine/base/rng.h"
#include "tests/engine/fixture.h"

enum { FIXED = 30, MOVING = 60, ROUNDS = 400, N_READERS = 2 };

static struct fixture site;
static _Atomic int n_reading;
static _Atomic unsigned n_wrong;

/* ---- readers: each click is seen at once by another worker ---- */

static bool sees_click(struct fixture *f, struct span user, struct span topic, struct span article)
{
	struct feed_request request = {.user_id = user, .limit = 100, .now_ms = f->now_ms};
	const struct interest *interests;
	struct feed feed;
	size_t n = 0;
	bool raised = false, shown = false;
	engine_wake(f->worker);
	bool fine = engine_interests_get(f->worker, &f->arena, user, f->now_ms, &interests, &n) == 0;
	for (size_t i = 0; fine && i < n; i++)
		raised |= span_equal(interests[i].topic, topic) && interests[i].weight > 0;
	fine &= engine_feed(f->worker, &f->arena, &request, &feed) == FEED_OK;
	for (size_t i = 0; fine && i < feed.n_items; i++)
		shown |= span_equal(feed.items[i].article_id, article);
	engine_idle(f->worker);
	return fine && raised && !shown;
}

static void *read_on(void *arg)
{
	unsigned number = (unsigned)(uintptr_t)arg;
	struct fixture writes, reads;
	fixture_join(&writes, &site);
	fixture_join(&reads, &site);
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned a = round % FIXED;
		struct span user = arena_printf(&writes.arena, "reader-%u-%u", number, round / FIXED);
		struct event e = {.id = arena_printf(&writes.arena, "e-%u-%u", number, round), .user_id = user,
		                  .article_id = arena_printf(&writes.arena, "fixed-%u", a), .type = EVENT_CLICK, .dwell_s = -1,
		                  .scroll = -1};
		struct event_result result;
		if (fixture_record(&writes, &e, 1, &result) != 0 || result.outcome != EVENT_ACCEPTED ||
		    !sees_click(&reads, user, arena_printf(&reads.arena, "topic:t%u", a), e.article_id))
			atomic_fetch_add(&n_wrong, 1);
		if (round % 7 == 6)
			atomic_fetch_add(&n_wrong, fixture_undo(&writes, e.id) != UNDO_DONE);
		if (round % FIXED == FIXED - 1 && round % 4 == 1)
			atomic_fetch_add(&n_wrong, fixture_erase(&writes, user) != USER_DONE);
		fixture_forget(&writes);
		fixture_forget(&reads);
	}
	fixture_leave(&writes);
	fixture_leave(&reads);
	atomic_fetch_sub(&n_reading, 1);
	return NULL;
}

/* ---- a pager: no story twice over the pages of a feed ---- */

static bool pages_on(struct fixture *f, struct span user)
{
	struct feed_request request = {.user_id = user, .limit = 9, .now_ms = f->now_ms};
	struct span seen[200];
	size_t n = 0;
	for (int page = 0; page < 10; page++) {
		struct feed feed;
		engine_wake(f->worker);
		int r = engine_feed(f->worker, &f->arena, &request, &feed);
		engine_idle(f->worker);
		if (r == FEED_SLATE_PENDING) {
			fixture_flush(f, false);
			continue;
		}
		if (r != FEED_OK)
			return false;
		for (size_t i = 0; i < feed.n_items; i++) {
			for (size_t k = 0; k < n; k++)
				if (span_equal(seen[k], feed.items[i].article_id))
					return false;
			seen[n] = arena_copy(&f->arena, feed.items[i].article_id);
			n++;
		}
		if (feed.next_cursor.len == 0)
			break;
		request.cursor = arena_copy(&f->arena, feed.next_cursor);
	}
	return n > 0;
}

static void *page_on(void *arg)
{
	struct fixture f;
	fixture_join(&f, &site);
	for (unsigned i = 0; atomic_load(&n_reading) > 0; i++) {
		if (!pages_on(&f, arena_printf(&f.arena, "reader-0-%u", i % 4)))
			atomic_fetch_add(&n_wrong, 1);
		fixture_forget(&f);
	}
	fixture_leave(&f);
	return NULL;
}

/* ---- a publisher ---- */

static void publish(struct fixture *f, const char *kind, unsigned number, unsigned wording)
{
	struct span topics[] = {arena_printf(&f->arena, "t%u", number), arena_printf(&f->arena, "w%u", wording)};
	struct article a = {.id = arena_printf(&f->arena, "%s-%u", kind, number),
	                    .title = arena_printf(&f->arena, "%s%u alpha%u beta%u gamma%u delta%u", kind, number, number,
	                                          wording, number, wording),
	                    .source = arena_printf(&f->arena, "paper %u", number % 7), .language = SPAN("en"),
	                    .topics = topics, .n_topics = 2, .boost = 1, .published_at_ms = f->now_ms};
	struct article_result result;
	if (fixture_ingest(f, &a, 1, &result) != 0 || result.outcome == ARTICLE_REJECTED)
		atomic_fetch_add(&n_wrong, 1);
}

static void *publish_on(void *arg)
{
	struct fixture f;
	struct rng rng;
	bool found;
	rng_seed(&rng, 1);
	fixture_join(&f, &site);
	while (atomic_load(&n_reading) > 0) {
		unsigned number = (unsigned)rng_below(&rng, MOVING);
		if (rng_below(&rng, 5))
			publish(&f, "moving", number, (unsigned)rng_below(&rng, 6));
		else if (fixture_delete(&f, arena_printf(&f.arena, "moving-%u", number), &found) != 0)
			atomic_fetch_add(&n_wrong, 1);
		fixture_forget(&f);
	}
	fixture_leave(&f);
	return NULL;
}

/* ---- an editor and the housekeeping ---- */

static void manage(struct fixture *f, unsigned round)
{
	struct span places[] = {SPAN("soweto")}, follows[] = {arena_printf(&f->arena, "topic:t%u", round % 40)};
	struct edition edition = {.key = arena_printf(&f->arena, "city-%u", round % 5), .title = SPAN("A city"),
	                          .places = places, .n_places = 1};
	struct pin pin = {.article_id = arena_printf(&f->arena, "moving-%u", round % MOVING), .position = 1 + round % 3,
	                  .boost = 2};
	fixture_edition_put(f, &edition);
	fixture_pin_put(f, &pin);
	fixture_user_put(f, SPAN("reader-0-0"), &(struct user_settings){.follows = follows, .n_follows = 1}, USER_FOLLOWS);
	fixture_flush(f, round % 3 == 0);
	if (round % 4 == 0)
		fixture_set_models(f);
	fixture_forget(f);
}

static void everything_at_once(void **state)
{
	pthread_t readers[N_READERS], pager, publisher;
	struct fixture desk;
	fixture_new(&site);
	fixture_open(&site);
	for (unsigned i = 0; i < FIXED; i++)
		publish(&site, "fixed", i, 0);
	fixture_join(&desk, &site);
	atomic_store(&n_reading, N_READERS);
	for (unsigned i = 0; i < N_READERS; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_on, (void *)(uintptr_t)i), 0);
	assert_int_equal(pthread_create(&pager, NULL, page_on, NULL), 0);
	assert_int_equal(pthread_create(&publisher, NULL, publish_on, NULL), 0);
	for (unsigned round = 0; atomic_load(&n_reading) > 0; round++) {
		manage(&desk, round);
		fixture_tick(&desk, desk.now_ms + 1500);
	}
	fixture_leave(&desk);
	for (unsigned i = 0; i < N_READERS; i++)
		pthread_join(readers[i], NULL);
	pthread_join(pager, NULL);
	pthread_join(publisher, NULL);
	assert_int_equal(n_wrong, 0);
	fixture_close(&site);
	fixture_check(&site);
	fixture_open(&site);
	fixture_free(&site);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(everything_at_once)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
