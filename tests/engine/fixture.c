#include "tests/engine/fixture.h"

#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool done;
	int status;
};
#define WAITER {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER}

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

/* Wakes the worker, makes the call, waits for its end. */
#define WAIT(f, call)                          \
	__extension__({                            \
		struct waiter waiter = WAITER;         \
		engine_wake((f)->worker);              \
		int submitted = (call);                \
		engine_idle((f)->worker);              \
		wait_for(&waiter, submitted);          \
	})

void fixture_new(struct fixture *f)
{
	*f = (struct fixture){.config = engine_config_default, .now_ms = INT64_C(1790000000000)};
	snprintf(f->dir, sizeof(f->dir), "/tmp/mynews-engine-XXXXXX");
	if (!mkdtemp(f->dir))
		fail_msg("mkdtemp: %s", strerror(errno));
	f->config.dir = f->dir;
	f->config.nosync = true; /* what the disk does is tested elsewhere */
}

static struct engine_model_text read_model(void)
{
	static char text[64 * 1024];
	FILE *file = fopen(MODELS_DIR "/default.json", "rb");
	assert_non_null(file);
	size_t n = fread(text, 1, sizeof(text), file);
	fclose(file);
	return (struct engine_model_text){SPAN("default"), {text, n}};
}

void fixture_open(struct fixture *f)
{
	struct engine_problem problem;
	struct engine_model_text model = read_model();
	f->config.models = &model;
	f->config.n_models = 1;
	int r = engine_open(&f->engine, &f->config, f->now_ms, &problem);
	if (r != 0)
		fail_msg("engine_open: %s", r == 1 ? problem.text : strerror(-r));
	assert_int_equal(engine_worker_new(f->engine, &f->worker), 0);
}

void fixture_join(struct fixture *out, const struct fixture *of)
{
	*out = (struct fixture){.engine = of->engine, .now_ms = of->now_ms};
	assert_int_equal(engine_worker_new(out->engine, &out->worker), 0);
}

void fixture_leave(struct fixture *f)
{
	engine_worker_free(f->worker);
	arena_free(&f->arena);
}

void fixture_close(struct fixture *f)
{
	engine_worker_free(f->worker);
	engine_close(f->engine);
	f->worker = NULL;
	f->engine = NULL;
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *at)
{
	return remove(path);
}

void fixture_live_and_die(struct fixture *f, void (*part)(struct fixture *f, void *ctx), void *ctx)
{
	int64_t *now_ms = mmap(NULL, sizeof(*now_ms), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(now_ms, MAP_FAILED);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		fixture_open(f);
		part(f, ctx);
		*now_ms = f->now_ms;
		kill(getpid(), SIGKILL);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	f->now_ms = *now_ms;
	munmap(now_ms, sizeof(*now_ms));
}

void fixture_free(struct fixture *f)
{
	fixture_close(f);
	arena_free(&f->arena);
	assert_int_equal(nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

void fixture_forget(struct fixture *f)
{
	arena_reset(&f->arena);
}

void fixture_tick(struct fixture *f, int64_t now_ms)
{
	f->now_ms = now_ms;
	assert_int_equal(WAIT(f, engine_tick(f->engine, now_ms, waiter_done, &waiter)), 0);
}

void fixture_flush(struct fixture *f, bool checkpoint)
{
	assert_int_equal(WAIT(f, engine_flush(f->engine, checkpoint, waiter_done, &waiter)), 0);
}

int fixture_ingest(struct fixture *f, const struct article *articles, size_t n, struct article_result *results)
{
	return WAIT(f, engine_ingest(f->worker, &f->arena, articles, results, n, f->now_ms, waiter_done, &waiter));
}

int fixture_record(struct fixture *f, const struct event *events, size_t n, struct event_result *results)
{
	return WAIT(f, engine_record(f->worker, &f->arena, events, results, n, f->now_ms, waiter_done, &waiter));
}

int fixture_delete(struct fixture *f, struct span id, bool *found)
{
	return WAIT(f, engine_article_delete(f->worker, &f->arena, id, f->now_ms, found, waiter_done, &waiter));
}

enum undo_outcome fixture_undo(struct fixture *f, struct span event_id)
{
	enum undo_outcome outcome;
	assert_int_equal(WAIT(f, engine_undo(f->worker, &f->arena, event_id, f->now_ms, &outcome, waiter_done, &waiter)), 0);
	return outcome;
}

enum user_outcome fixture_user_put(struct fixture *f, struct span user, const struct user_settings *settings,
                                   unsigned fields)
{
	enum user_outcome outcome;
	assert_int_equal(WAIT(f, engine_user_put(f->worker, &f->arena, user, settings, fields, f->now_ms, &outcome,
	                                         waiter_done, &waiter)), 0);
	return outcome;
}

enum user_outcome fixture_erase(struct fixture *f, struct span user)
{
	enum user_outcome outcome;
	assert_int_equal(WAIT(f, engine_user_erase(f->worker, &f->arena, user, f->now_ms, &outcome, waiter_done, &waiter)), 0);
	return outcome;
}

enum user_outcome fixture_merge(struct fixture *f, struct span user, struct span from)
{
	enum user_outcome outcome;
	assert_int_equal(WAIT(f, engine_user_merge(f->worker, &f->arena, user, from, f->now_ms, &outcome, waiter_done,
	                                           &waiter)), 0);
	return outcome;
}

enum user_outcome fixture_interests_patch(struct fixture *f, struct span user, const struct interest_change *changes,
                                          size_t n)
{
	enum user_outcome outcome;
	assert_int_equal(WAIT(f, engine_interests_patch(f->worker, &f->arena, user, changes, n, f->now_ms, &outcome,
	                                                waiter_done, &waiter)), 0);
	return outcome;
}

enum edition_outcome fixture_edition_put(struct fixture *f, const struct edition *edition)
{
	enum edition_outcome outcome;
	assert_int_equal(WAIT(f, engine_edition_put(f->worker, &f->arena, edition, f->now_ms, &outcome, waiter_done, &waiter)),
	                 0);
	return outcome;
}

enum pin_outcome fixture_pin_put(struct fixture *f, const struct pin *pin)
{
	enum pin_outcome outcome;
	assert_int_equal(WAIT(f, engine_pin_put(f->worker, &f->arena, pin, f->now_ms, &outcome, waiter_done, &waiter)), 0);
	return outcome;
}

void fixture_set_models(struct fixture *f)
{
	struct engine_problem problem;
	struct engine_model_text model = read_model();
	assert_int_equal(engine_set_models(f->engine, &model, 1, &problem), 0);
}

/* ---- pictures ---- */

static void put_feed(struct buf *b, const struct feed *feed)
{
	for (size_t i = 0; i < feed->n_items; i++) {
		const struct feed_item *item = &feed->items[i];
		buf_printf(b, "%u %.*s score %a story %u of %u\n", item->position, (int)item->article_id.len, item->article_id.data,
		           item->score, item->story, item->story_size);
		for (size_t k = 0; k < item->n_reasons; k++)
			buf_printf(b, "  %s %.*s %a\n", item->reasons[k].code, (int)item->reasons[k].topic.len,
			           item->reasons[k].topic.data, item->reasons[k].contribution);
	}
}

static void put_interests(struct fixture *f, struct span user, struct buf *b)
{
	const struct interest *interests;
	size_t n = 0;
	int r = engine_interests_get(f->worker, &f->arena, user, f->now_ms, &interests, &n);
	assert_true(r == 0 || r == USER_NOT_FOUND);
	for (size_t i = 0; r == 0 && i < n; i++)
		buf_printf(b, "%.*s %a %a %a %d %d\n", (int)interests[i].topic.len, interests[i].topic.data, interests[i].weight,
		           interests[i].short_term, interests[i].long_term, interests[i].follow, interests[i].mute);
}

static void put_history(struct fixture *f, struct span user, struct buf *b)
{
	const struct read_entry *reads;
	size_t n = 0;
	int r = engine_history(f->worker, &f->arena, user, false, &reads, &n);
	assert_true(r == 0 || r == USER_NOT_FOUND);
	for (size_t i = 0; r == 0 && i < n; i++)
		buf_printf(b, "read %.*s at %lld types %x\n", (int)reads[i].article_id.len, reads[i].article_id.data,
		           (long long)reads[i].at_ms, reads[i].types);
}

static struct span keep(struct fixture *f, struct buf *b)
{
	struct span text = arena_copy(&f->arena, buf_span(b));
	assert_false(b->failed);
	buf_free(b);
	return text;
}

struct span fixture_picture(struct fixture *f, struct span user)
{
	struct feed_request request = {.user_id = user, .limit = LIMIT_FEED, .explain = true, .now_ms = f->now_ms};
	struct buf b = {0};
	struct feed feed;
	engine_wake(f->worker);
	put_interests(f, user, &b);
	put_history(f, user, &b);
	assert_int_equal(engine_feed(f->worker, &f->arena, &request, &feed), FEED_OK);
	put_feed(&b, &feed);
	engine_idle(f->worker);
	return keep(f, &b);
}

struct span fixture_trending(struct fixture *f)
{
	struct feed_request request = {.order = FEED_TRENDING, .limit = LIMIT_FEED, .now_ms = f->now_ms};
	struct buf b = {0};
	struct feed feed;
	engine_wake(f->worker);
	assert_int_equal(engine_feed(f->worker, &f->arena, &request, &feed), FEED_OK);
	put_feed(&b, &feed);
	engine_idle(f->worker);
	return keep(f, &b);
}

static struct span next_line(struct span *text)
{
	const char *end = memchr(text->data, '\n', text->len);
	size_t n = end ? (size_t)(end - text->data) : text->len;
	struct span line = {text->data, n};
	*text = (struct span){text->data + n + (end != NULL), text->len - n - (end != NULL)};
	return line;
}

void fixture_same(struct span a, struct span b, const char *what)
{
	int n = 0;
	while ((a.len || b.len) && n < 5) {
		struct span x = next_line(&a), y = next_line(&b);
		if (!span_equal(x, y) && ++n)
			print_error("%s: \"%.*s\", not \"%.*s\"\n", what, (int)x.len, x.data, (int)y.len, y.data);
	}
	assert_int_equal(n, 0);
}

static void report(void *ctx, const char *finding)
{
	fprintf(stderr, "check: %s\n", finding);
}

void fixture_check(struct fixture *f)
{
	struct engine_problem problem = {{0}};
	int r = engine_check_dir(f->dir, report, NULL, &problem);
	if (r != 0)
		fail_msg("check: %s", r == 1 ? problem.text : strerror(-r));
}
