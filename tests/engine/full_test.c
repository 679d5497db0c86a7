/* A store that runs full: growing writes are refused before the map's end, what is stored stays readable, what takes
 * away still works, and room that was freed is used again. */
#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/engine.h"

enum { MAP_BYTES = 24 << 20, BATCH = 20, BODY_BYTES = 8000 };

static const int64_t now_ms = INT64_C(1790000000000);
static const char model_json[] =
	"{\"name\":\"m\",\"version\":\"1\",\"kind\":\"linear\",\"weights\":{\"fresh\":1}}";

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool done;
	int status;
};

static void waiter_done(void *ctx, int status)
{
	struct waiter *w = ctx;
	pthread_mutex_lock(&w->lock);
	w->done = true;
	w->status = status;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

static int wait_for(struct waiter *w, int submitted)
{
	if (submitted < 0)
		return submitted;
	pthread_mutex_lock(&w->lock);
	while (!w->done)
		pthread_cond_wait(&w->wake, &w->lock);
	pthread_mutex_unlock(&w->lock);
	return w->status;
}

#define WAITER {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER}

static int ingest(struct engine_worker *w, unsigned first)
{
	struct waiter waiter = WAITER;
	struct arena arena = {0};
	static char body[BODY_BYTES];
	struct article articles[BATCH];
	struct article_result results[BATCH];
	memset(body, 'x', sizeof(body));
	for (unsigned i = 0; i < BATCH; i++) {
		struct span id = arena_printf(&arena, "a%u", first + i);
		struct span title = arena_printf(&arena, "title%u word%u other%u", first + i, first + i, first + i);
		articles[i] = (struct article){.id = id, .title = title, .body = {body, sizeof(body)}, .boost = 1,
		                               .language = SPAN("en"), .published_at_ms = now_ms};
	}
	engine_wake(w);
	int r = engine_ingest(w, &arena, articles, results, BATCH, now_ms, waiter_done, &waiter);
	engine_idle(w);
	r = wait_for(&waiter, r);
	arena_free(&arena);
	return r;
}

static int take_out(struct engine_worker *w, unsigned number)
{
	struct waiter waiter = WAITER;
	struct arena arena = {0};
	bool found = false;
	struct span id = arena_printf(&arena, "a%u", number);
	engine_wake(w);
	int r = engine_article_delete(w, &arena, id, now_ms, &found, waiter_done, &waiter);
	engine_idle(w);
	r = wait_for(&waiter, r);
	arena_free(&arena);
	assert_true(r < 0 || found);
	return r;
}

static bool is_stored(struct engine_worker *w, unsigned number)
{
	struct arena arena = {0};
	struct article_view view;
	engine_wake(w);
	int r = engine_article_get(w, &arena, arena_printf(&arena, "a%u", number), &view);
	bool whole = r == 0 && view.article.body.len == BODY_BYTES;
	engine_idle(w);
	arena_free(&arena);
	assert_true(r >= 0);
	return whole;
}

static void wait_until_full(struct engine *e, bool full)
{
	struct engine_stats stats;
	for (int tries = 0; tries < 3000; tries++) {
		engine_stats(e, &stats);
		if (stats.store_nearly_full == full)
			return;
		usleep(10000);
	}
	fail_msg("the store did not %s", full ? "fill" : "empty");
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *at)
{
	return remove(path);
}

static void full_store_refuses_and_recovers(void **state)
{
	char dir[] = "/tmp/mynews-full-XXXXXX";
	struct engine_model_text model = {SPAN("m"), span_of(model_json)};
	struct engine_config config = engine_config_default;
	struct engine_problem problem;
	struct engine *e;
	struct engine_worker *w;
	unsigned n = 0;
	int r;
	assert_non_null(mkdtemp(dir));
	config.dir = dir;
	config.map_bytes = MAP_BYTES;
	config.models = &model;
	config.n_models = 1;
	r = engine_open(&e, &config, now_ms, &problem);
	if (r != 0)
		fail_msg("%s", problem.text);
	assert_int_equal(engine_worker_new(e, &w), 0);
	while ((r = ingest(w, n)) == 0)
		n += BATCH;
	assert_int_equal(r, -ENOSPC);
	assert_true(n > 100);
	wait_until_full(e, true);
	assert_int_equal(ingest(w, n), -ENOSPC);
	assert_false(is_stored(w, n));
	for (unsigned i = 0; i < n; i++)
		assert_true(is_stored(w, i));
	for (unsigned i = 0; i < n / 2; i++)
		assert_int_equal(take_out(w, i), 0);
	wait_until_full(e, false);
	assert_int_equal(ingest(w, n), 0);
	engine_worker_free(w);
	engine_close(e);

	assert_int_equal(engine_open(&e, &config, now_ms, &problem), 0);
	assert_int_equal(engine_worker_new(e, &w), 0);
	for (unsigned i = 0; i < n + BATCH; i++)
		assert_int_equal(is_stored(w, i), i >= n / 2);
	engine_worker_free(w);
	engine_close(e);
	assert_int_equal(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(full_store_refuses_and_recovers)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
