#include "api/eval_writes.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

/* Events under way, to see that none was refused. */
struct eval_sent {
	struct eval_sent *next;
	const struct event *events;
	const struct event_result *results;
	size_t n;
};

static int64_t clock_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t eval_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int64_t eval_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static void write_done(void *ctx, int status)
{
	struct eval_writes *w = ctx;
	pthread_mutex_lock(&w->lock);
	w->n_done++;
	w->failure = w->failure ? w->failure : status;
	pthread_cond_signal(&w->finished);
	pthread_mutex_unlock(&w->lock);
}

int eval_writes_wait(struct eval_writes *w, struct engine_problem *problem)
{
	int64_t start_ns = eval_monotonic_ns();
	pthread_mutex_lock(&w->lock);
	while (w->n_done < w->n_queued)
		pthread_cond_wait(&w->finished, &w->lock);
	int r = w->failure;
	pthread_mutex_unlock(&w->lock);
	w->waiting_ns += eval_monotonic_ns() - start_ns;
	for (const struct eval_sent *s = w->sent; s && r == 0; s = s->next)
		for (size_t i = 0; i < s->n && r == 0; i++)
			if (s->results[i].outcome != EVENT_ACCEPTED) {
				struct span id = s->events[i].article_id;
				snprintf(problem->text, sizeof(problem->text), "the engine refused an event (%d) of article %.*s",
				         (int)s->results[i].rejection, (int)id.len, id.data);
				r = 1;
			}
	w->sent = NULL;
	return r;
}

/* Before a write is handed over: its `done` may run before the call returns. */
static void count_queued(struct eval_writes *w, int by)
{
	pthread_mutex_lock(&w->lock);
	w->n_queued += (uint64_t)(int64_t)by;
	pthread_mutex_unlock(&w->lock);
}

/* After a full queue has been waited for: the events it held are looked at by then. */
static int again(struct eval_writes *w, struct engine_problem *problem)
{
	int r = eval_writes_wait(w, problem);
	return r == 0 ? -EAGAIN : r;
}

int eval_writes_record(struct eval_writes *w, struct arena *arena, const struct event *events, size_t n, int64_t now_ms,
                       struct engine_problem *problem)
{
	struct event_result *results = arena_calloc(arena, n, sizeof(*results));
	struct eval_sent *sent = arena_alloc(arena, sizeof(*sent));
	int r = results && sent ? -EAGAIN : -ENOMEM;
	while (r == -EAGAIN) {
		count_queued(w, 1);
		engine_wake(w->worker);
		r = engine_record(w->worker, arena, events, results, n, now_ms, write_done, w);
		engine_idle(w->worker);
		if (r < 0)
			count_queued(w, -1);
		if (r == -EAGAIN)
			r = again(w, problem);
	}
	if (r != 0)
		return r;
	*sent = (struct eval_sent){w->sent, events, results, n};
	w->sent = sent;
	w->n_events += n;
	return 0;
}

int eval_writes_ingest(struct eval_writes *w, struct arena *arena, const struct article *articles, size_t n,
                       int64_t now_ms, struct engine_problem *problem)
{
	struct article_result *results = arena_calloc(arena, n, sizeof(*results));
	int r = results ? -EAGAIN : -ENOMEM;
	int64_t start_ns = eval_monotonic_ns(), waited_ns = w->waiting_ns;
	while (r == -EAGAIN) {
		count_queued(w, 1);
		engine_wake(w->worker);
		r = engine_ingest(w->worker, arena, articles, results, n, now_ms, write_done, w);
		engine_idle(w->worker);
		if (r < 0)
			count_queued(w, -1);
		if (r == -EAGAIN)
			r = again(w, problem);
	}
	w->analysing_ns += eval_monotonic_ns() - start_ns - (w->waiting_ns - waited_ns);
	return r;
}

int eval_writes_tick(struct eval_writes *w, int64_t now_ms)
{
	count_queued(w, 1);
	int r = engine_tick(w->engine, now_ms, write_done, w);
	if (r < 0)
		count_queued(w, -1);
	return r == -EAGAIN ? 0 : r; /* the next one moves the time as far */
}

int eval_writes_open(struct eval_writes *w, const struct engine_config *config, int64_t now_ms,
                     struct engine_problem *problem)
{
	*w = (struct eval_writes){0};
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->finished, NULL);
	int r = engine_open(&w->engine, config, now_ms, problem);
	return r == 0 ? engine_worker_new(w->engine, &w->worker) : r;
}

void eval_writes_close(struct eval_writes *w)
{
	struct engine_problem ignored;
	if (eval_writes_wait(w, &ignored) != 0)
		w->failure = 0; /* the caller has heard of it, or has its figures */
	engine_worker_free(w->worker);
	engine_close(w->engine);
	pthread_cond_destroy(&w->finished);
	pthread_mutex_destroy(&w->lock);
}
