/* Writes are handed to the engine without waiting; before a slate is scored one wait makes everything before it
 * visible. What a write was handed lives in one of two arenas, used in turn: an arena is used again two slates later,
 * when the wait between has seen its writes done. */
#include "api/eval_replay.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "engine/base/hash.h"
#include "engine/base/map.h"

/* A slate whose labels are not known yet. */
struct pending {
	struct pending *next;
	int64_t due_ms;
	uint64_t number;
	char feed_id[32];
	size_t len;
	char line[];
};

/* Events under way, to see that none was refused. */
struct sent {
	struct sent *next;
	const struct event_result *results;
	size_t n;
};

struct replay {
	struct replay_config config;
	struct engine *engine;
	struct engine_worker *worker;
	struct map *articles; /* hash of the id -> 1: known to the engine */
	struct map *readers;  /* hash of the id -> 1 and one for each read the engine knows of */
	struct arena arenas[2];
	struct pending *first, **last; /* by time */
	struct sent *sent;
	struct rng ties;
	struct replay_totals totals;
	/* shared with the engine's writer: */
	pthread_mutex_t lock;
	pthread_cond_t finished;
	uint64_t n_queued, n_done;
	int failure; /* the first negative errno */
};

static int64_t monotonic_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int say(struct engine_problem *problem, const char *text, struct span id)
{
	snprintf(problem->text, sizeof(problem->text), "%s %.*s", text, (int)id.len, id.data);
	return 1;
}

/* ---- writes ---- */

static void write_done(void *ctx, int status)
{
	struct replay *p = ctx;
	pthread_mutex_lock(&p->lock);
	p->n_done++;
	p->failure = p->failure ? p->failure : status;
	pthread_cond_signal(&p->finished);
	pthread_mutex_unlock(&p->lock);
}

/* Until every write is visible. */
static int wait_all(struct replay *p, struct engine_problem *problem)
{
	int64_t start_ns = monotonic_ns();
	pthread_mutex_lock(&p->lock);
	while (p->n_done < p->n_queued)
		pthread_cond_wait(&p->finished, &p->lock);
	int r = p->failure;
	pthread_mutex_unlock(&p->lock);
	p->totals.waiting_ns += monotonic_ns() - start_ns;
	for (const struct sent *s = p->sent; s && r == 0; s = s->next)
		for (size_t i = 0; i < s->n && r == 0; i++)
			if (s->results[i].outcome != EVENT_ACCEPTED)
				r = say(problem, "the engine refused an event", SPAN(""));
	p->sent = NULL;
	return r;
}

/* Before a write is handed over: its `done` may run before the call returns. */
static void count_queued(struct replay *p, int by)
{
	pthread_mutex_lock(&p->lock);
	p->n_queued += (uint64_t)(int64_t)by;
	pthread_mutex_unlock(&p->lock);
}

static int record(struct replay *p, struct arena *arena, const struct event *events, size_t n, int64_t now_ms,
                  struct engine_problem *problem)
{
	struct event_result *results = arena_calloc(arena, n, sizeof(*results));
	struct sent *sent = arena_alloc(arena, sizeof(*sent));
	int r = results && sent ? -EAGAIN : -ENOMEM;
	while (r == -EAGAIN) {
		count_queued(p, 1);
		engine_wake(p->worker);
		r = engine_record(p->worker, arena, events, results, n, now_ms, write_done, p);
		engine_idle(p->worker);
		if (r < 0)
			count_queued(p, -1);
		if (r == -EAGAIN && wait_all(p, problem) != 0)
			return -EIO;
	}
	if (r < 0)
		return r;
	*sent = (struct sent){p->sent, results, n};
	p->sent = sent;
	p->totals.n_events += n;
	return 0;
}

static int ingest(struct replay *p, struct arena *arena, const struct article *articles, size_t n, int64_t now_ms,
                  struct engine_problem *problem)
{
	struct article_result *results = arena_calloc(arena, n, sizeof(*results));
	int r = results ? -EAGAIN : -ENOMEM;
	int64_t start_ns = monotonic_ns(), waited_ns = p->totals.waiting_ns;
	while (r == -EAGAIN) {
		count_queued(p, 1);
		engine_wake(p->worker);
		r = engine_ingest(p->worker, arena, articles, results, n, now_ms, write_done, p);
		engine_idle(p->worker);
		if (r < 0)
			count_queued(p, -1);
		if (r == -EAGAIN && wait_all(p, problem) != 0)
			return -EIO;
	}
	p->totals.analysing_ns += monotonic_ns() - start_ns - (p->totals.waiting_ns - waited_ns);
	return r;
}

static int tick(struct replay *p, int64_t now_ms)
{
	count_queued(p, 1);
	int r = engine_tick(p->engine, now_ms, write_done, p);
	if (r < 0)
		count_queued(p, -1);
	return r == -EAGAIN ? 0 : r; /* never: the queue holds more than one slate */
}

/* ---- what becomes known before a slate ---- */

static int add_article(struct replay *p, struct arena *arena, struct span id, int64_t known_ms,
                       struct article *articles, size_t *n)
{
	bool found;
	uint64_t key = hash64(id);
	if (map_get(p->articles, key))
		return 0;
	int r = map_put(p->articles, key, 1);
	if (r == 0)
		r = mind_news_article(p->config.news, arena, id, &articles[*n], &found);
	if (r != 0)
		return r;
	articles[(*n)++].published_at_ms = known_ms;
	p->totals.n_articles++;
	p->totals.n_without_row += !found;
	return 0;
}

static int64_t history_time(const struct replay *p, const struct mind_slate *s, size_t i)
{
	int64_t at_ms = p->config.start_ms - (int64_t)(s->n_history - i) * REPLAY_HISTORY_STEP_MS;
	return at_ms < 1 ? 1 : at_ms;
}

static int introduce(struct replay *p, struct arena *arena, const struct mind_slate *s, struct engine_problem *problem)
{
	bool is_new = map_get(p->readers, hash64(s->reader)) == 0;
	size_t n_history = is_new ? s->n_history : 0, n = 0;
	struct article *articles = arena_calloc(arena, n_history + s->n, sizeof(*articles));
	struct event *events = arena_calloc(arena, n_history, sizeof(*events));
	int r = articles && events ? 0 : -ENOMEM;
	for (size_t i = 0; i < n_history && r == 0; i++) {
		events[i] = (struct event){.user_id = s->reader, .article_id = s->history[i], .type = EVENT_CLICK,
		                           .at_ms = history_time(p, s, i), .dwell_s = -1, .scroll = -1};
		r = add_article(p, arena, s->history[i], events[i].at_ms, articles, &n);
	}
	for (size_t i = 0; i < s->n && r == 0; i++)
		r = add_article(p, arena, s->ids[i], s->at_ms, articles, &n);
	if (r == 0 && n > 0)
		r = ingest(p, arena, articles, n, s->at_ms, problem);
	if (r == 0 && n_history > 0)
		r = record(p, arena, events, n_history, s->at_ms, problem);
	if (r == 0 && is_new) {
		r = map_put(p->readers, hash64(s->reader), 1 + n_history);
		p->totals.n_readers++;
	}
	return r;
}

/* ---- labels ---- */

/* Labels as this replay takes them: the same each time a slate is looked at. */
static void set_labels(const struct replay *p, uint64_t number, struct mind_slate *s)
{
	struct rng rng;
	if (!p->config.permute)
		return;
	rng_seed(&rng, hash_mix64(p->config.seed) ^ number);
	eval_shuffle(&rng, s->clicked, s->n);
}

static int hold_back(struct replay *p, struct span line, uint64_t number, int64_t at_ms, const char *feed_id)
{
	struct pending *held = malloc(sizeof(*held) + line.len);
	if (!held)
		return -ENOMEM;
	*held = (struct pending){.due_ms = at_ms + p->config.label_delay_ms, .number = number, .len = line.len};
	memcpy(held->line, line.data, line.len);
	memcpy(held->feed_id, feed_id, sizeof(held->feed_id));
	*p->last = held;
	p->last = &held->next;
	return 0;
}

static size_t n_clicks(const struct mind_slate *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		n += s->clicked[i];
	return n;
}

/* Everything shown, then what was clicked of it. */
static int record_slate(struct replay *p, struct arena *arena, const struct mind_slate *s, struct span feed_id,
                        int64_t now_ms, struct engine_problem *problem)
{
	struct event *events = arena_calloc(arena, 2 * s->n, sizeof(*events));
	size_t n = 0;
	if (!events)
		return -ENOMEM;
	uint64_t reader = hash64(s->reader);
	int r = map_put(p->readers, reader, map_get(p->readers, reader) + n_clicks(s));
	if (r < 0)
		return r;
	for (int clicks = 0; clicks < 2; clicks++)
		for (size_t i = 0; i < s->n; i++)
			if (!clicks || s->clicked[i])
				events[n++] = (struct event){.user_id = s->reader, .article_id = s->ids[i], .at_ms = s->at_ms,
				                             .feed_id = feed_id, .type = clicks ? EVENT_CLICK : EVENT_IMPRESSION, .dwell_s = -1,
				                             .scroll = -1};
	return n ? record(p, arena, events, n, now_ms, problem) : 0;
}

static int record_due(struct replay *p, struct arena *arena, int64_t now_ms, struct engine_problem *problem)
{
	while (p->first && p->first->due_ms <= now_ms) {
		struct pending *held = p->first;
		struct mind_slate slate;
		unsigned column;
		char text[192];
		struct span line = arena_copy(arena, (struct span){held->line, held->len});
		int r = line.data ? mind_slate_parse(arena, line, &slate, &column, text) : -ENOMEM;
		if (r != 0)
			return r < 0 ? r : -EINVAL; /* it was parsed before */
		set_labels(p, held->number, &slate);
		struct span feed_id = arena_copy(arena, span_of(held->feed_id));
		r = record_slate(p, arena, &slate, feed_id, held->due_ms, problem);
		if (r != 0)
			return r;
		p->first = held->next;
		if (!p->first)
			p->last = &p->first;
		free(held);
	}
	return 0;
}

/* ---- scoring ---- */

static void write_scores(const struct replay *p, const struct mind_slate *s, const double *scores)
{
	struct buf b = {0};
	buf_put_span(&b, s->impression);
	buf_put_char(&b, '\t');
	for (size_t i = 0; i < s->n; i++) {
		if (i)
			buf_put_char(&b, ' ');
		buf_put_span(&b, s->ids[i]);
		buf_put_char(&b, ':');
		buf_put_json_double(&b, scores[i]);
	}
	buf_put_char(&b, '\n');
	fwrite(b.data, 1, b.failed ? 0 : b.len, p->config.scores);
	buf_free(&b);
}

/* Scores a slate, which then waits for its events under feed_id, and measures it when asked. */
static int score_slate(struct replay *p, struct arena *arena, const struct mind_slate *s, bool measure,
                       char feed_id[32], struct engine_problem *problem)
{
	struct feed_request request = {.user_id = s->reader, .limit = 1, .now_ms = s->at_ms};
	double *scores = arena_calloc(arena, s->n, sizeof(*scores)), values[N_EVAL_METRICS];
	int64_t start_ns = monotonic_ns();
	if (!scores)
		return -ENOMEM;
	engine_wake(p->worker);
	int r = engine_score(p->worker, arena, &request, s->ids, s->n, scores, feed_id);
	engine_idle(p->worker);
	p->totals.scoring_ns += monotonic_ns() - start_ns;
	if (r != 0)
		return r < 0 ? r : say(problem, "the engine could not score slate", s->impression);
	for (size_t i = 0; i < s->n; i++)
		if (isnan(scores[i]))
			return say(problem, "the engine has no score for article", s->ids[i]);
	if (!measure)
		return 0;
	if (p->config.scores)
		write_scores(p, s, scores);
	r = eval_slate(arena, &p->ties, scores, s->clicked, s->n, NULL, values);
	if (r < 0)
		return r;
	p->totals.n_scored += r == EVAL_MEASURED;
	p->totals.n_no_click += r == EVAL_NO_CLICK;
	p->totals.n_all_clicked += r == EVAL_ALL_CLICKED;
	if (r != EVAL_MEASURED)
		return 0;
	return eval_tally_add(&p->totals.tally, s->at_ms, map_get(p->readers, hash64(s->reader)) - 1, values);
}

int replay_slate(struct replay *p, struct span line, bool measure, struct engine_problem *problem)
{
	uint64_t number = p->totals.n_slates++;
	struct arena *arena = &p->arenas[number & 1];
	struct mind_slate slate;
	unsigned column;
	char text[192], feed_id[32];
	arena_reset(arena);
	int r = mind_slate_parse(arena, line, &slate, &column, text);
	if (r == 1)
		return say(problem, "a file changed while it was read: column of a slate", span_of(text));
	if (r < 0)
		return r;
	set_labels(p, number, &slate);
	r = record_due(p, arena, slate.at_ms, problem);
	if (r == 0)
		r = introduce(p, arena, &slate, problem);
	if (r == 0)
		r = tick(p, slate.at_ms);
	int waited = wait_all(p, problem); /* always: what was handed over stands in the arena */
	r = r ? r : waited;
	if (r == 0)
		r = score_slate(p, arena, &slate, measure, feed_id, problem);
	p->totals.n_learnt_only += !measure;
	if (r == 0)
		r = hold_back(p, line, number, slate.at_ms, feed_id);
	return r == 0 ? record_due(p, arena, slate.at_ms, problem) : r;
}

/* ---- opening and closing ---- */

int replay_open(const struct replay_config *config, struct replay **out, struct engine_problem *problem)
{
	struct engine_config engine = engine_config_default;
	struct replay *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->config = *config;
	p->last = &p->first;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->finished, NULL);
	rng_seed(&p->ties, config->seed);
	engine.dir = config->dir;
	engine.nosync = true;
	engine.live_days = 0; /* every article of a slate is scored, however old */
	engine.log_days = 0;
	engine.learn_delay_ms = config->label_delay_ms; /* when the events come the slate is complete */
	engine.models = config->model;
	engine.n_models = 1;
	int r = map_new(&p->articles, NULL);
	if (r == 0)
		r = map_new(&p->readers, NULL);
	if (r == 0)
		r = engine_open(&p->engine, &engine, config->start_ms, problem);
	if (r == 0)
		r = engine_worker_new(p->engine, &p->worker);
	if (r == 0)
		*out = p;
	else
		replay_close(p);
	return r;
}

const struct replay_totals *replay_totals(const struct replay *p)
{
	return &p->totals;
}

void replay_close(struct replay *p)
{
	struct engine_problem ignored;
	if (!p)
		return;
	if (wait_all(p, &ignored) != 0)
		p->failure = 0; /* the caller has heard of it, or has its figures */
	engine_worker_free(p->worker);
	engine_close(p->engine);
	while (p->first) {
		struct pending *next = p->first->next;
		free(p->first);
		p->first = next;
	}
	eval_tally_free(&p->totals.tally);
	map_free(p->articles);
	map_free(p->readers);
	arena_free(&p->arenas[0]);
	arena_free(&p->arenas[1]);
	pthread_cond_destroy(&p->finished);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
