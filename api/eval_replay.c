/* Writes are handed to the engine without waiting; before a slate is scored one wait makes everything before it
 * visible. What a write was handed lives in one of two arenas, used in turn: an arena is used again two slates later,
 * when the wait between has seen its writes done. */
#include "api/eval_replay.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "engine/base/hash.h"
#include "engine/base/map.h"
#include "models/model.h"

/* A slate whose labels are not known yet. */
struct pending {
	struct pending *next;
	int64_t due_ms;
	uint64_t number;
	char feed_id[32];
	size_t len;
	char line[];
};

struct replay {
	struct replay_config config;
	struct eval_writes writes;
	struct map *articles; /* hash of the id -> struct eval_item: known to the engine */
	struct map *readers;  /* hash of the id -> struct eval_reader: known to the engine */
	struct arena kept;    /* articles */
	struct arena arenas[2];
	struct pending *first, **last; /* by time */
	struct rng ties;
	uint64_t n_clicks; /* known */
	struct replay_totals totals;
};

static int say(struct engine_problem *problem, const char *text, struct span id)
{
	snprintf(problem->text, sizeof(problem->text), "%s %.*s", text, (int)id.len, id.data);
	return 1;
}

/* ---- what becomes known before a slate ---- */

/* What stays of an article for the figures beyond accuracy. */
static int keep_item(struct replay *p, const struct article *a)
{
	struct eval_item *item = arena_calloc(&p->kept, 1, sizeof(*item));
	if (!item)
		return -ENOMEM;
	item->section = a->section.len ? hash64(a->section) : 0;
	int r = a->source.len ? eval_beyond_source(&p->totals.beyond, hash64(a->source), &item->source) : 0;
	return r == 0 ? map_put_ptr(p->articles, hash64(a->id), item) : r;
}

static int add_article(struct replay *p, struct arena *arena, struct span id, int64_t known_ms,
                       struct article *articles, size_t *n)
{
	bool found;
	if (map_get(p->articles, hash64(id)))
		return 0;
	int r = mind_news_article(p->config.news, arena, id, &articles[*n], &found);
	if (r == 0)
		r = keep_item(p, &articles[*n]);
	if (r != 0)
		return r;
	articles[(*n)++].published_at_ms = known_ms;
	p->totals.n_articles++;
	p->totals.n_without_row += !found;
	return 0;
}

/* Of the readers' clicks, which the engine is told as well. */
static int know_click(struct replay *p, struct eval_reader *reader, struct span id)
{
	struct eval_item *item = map_get_ptr(p->articles, hash64(id));
	item->n_clicks++;
	p->n_clicks++;
	return eval_reader_add(reader, item);
}

static int new_reader(struct replay *p, struct span id, struct eval_reader **out)
{
	*out = calloc(1, sizeof(**out));
	int r = *out ? map_put_ptr(p->readers, hash64(id), *out) : -ENOMEM;
	if (r < 0)
		free(*out);
	p->totals.n_readers += r == 0;
	return r;
}

static int64_t history_time(const struct replay *p, const struct mind_slate *s, size_t i)
{
	int64_t at_ms = p->config.start_ms - (int64_t)(s->n_history - i) * REPLAY_HISTORY_STEP_MS;
	return at_ms < 1 ? 1 : at_ms;
}

static int introduce(struct replay *p, struct arena *arena, const struct mind_slate *s, struct engine_problem *problem)
{
	struct eval_reader *reader = map_get_ptr(p->readers, hash64(s->reader));
	size_t n_history = reader ? 0 : s->n_history, n = 0;
	struct article *articles = arena_calloc(arena, n_history + s->n, sizeof(*articles));
	struct event *events = arena_calloc(arena, n_history, sizeof(*events));
	int r = articles && events ? 0 : -ENOMEM;
	if (r == 0 && !reader)
		r = new_reader(p, s->reader, &reader);
	for (size_t i = 0; i < n_history && r == 0; i++) {
		events[i] = (struct event){.user_id = s->reader, .article_id = s->history[i], .type = EVENT_CLICK,
		                           .at_ms = history_time(p, s, i), .dwell_s = -1, .scroll = -1};
		r = add_article(p, arena, s->history[i], events[i].at_ms, articles, &n);
		if (r == 0)
			r = know_click(p, reader, s->history[i]);
	}
	for (size_t i = 0; i < s->n && r == 0; i++)
		r = add_article(p, arena, s->ids[i], s->at_ms, articles, &n);
	if (r == 0 && n > 0)
		r = eval_writes_ingest(&p->writes, arena, articles, n, s->at_ms, problem);
	if (r == 0 && n_history > 0)
		r = eval_writes_record(&p->writes, arena, events, n_history, s->at_ms, problem);
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

/* Everything shown, then what was clicked of it. */
static int record_slate(struct replay *p, struct arena *arena, const struct mind_slate *s, struct span feed_id,
                        int64_t now_ms, struct engine_problem *problem)
{
	struct event *events = arena_calloc(arena, 2 * s->n, sizeof(*events));
	size_t n = 0;
	if (!events)
		return -ENOMEM;
	struct eval_reader *reader = map_get_ptr(p->readers, hash64(s->reader));
	int r = 0;
	for (size_t i = 0; i < s->n && r == 0; i++)
		r = s->clicked[i] ? know_click(p, reader, s->ids[i]) : 0;
	if (r < 0)
		return r;
	for (int clicks = 0; clicks < 2; clicks++)
		for (size_t i = 0; i < s->n; i++)
			if (!clicks || s->clicked[i])
				events[n++] = (struct event){.user_id = s->reader, .article_id = s->ids[i], .at_ms = s->at_ms,
				                             .feed_id = feed_id, .type = clicks ? EVENT_CLICK : EVENT_IMPRESSION, .dwell_s = -1,
				                             .scroll = -1};
	return n ? eval_writes_record(&p->writes, arena, events, n, now_ms, problem) : 0;
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

/* Takes a measured slate into the figures beyond accuracy. */
static int look_beyond(struct replay *p, struct arena *arena, const struct mind_slate *s, const uint32_t *order)
{
	struct eval_item **slate = arena_calloc(arena, s->n, sizeof(struct eval_item *));
	int r = slate ? 0 : -ENOMEM;
	for (size_t i = 0; i < s->n && r == 0; i++)
		slate[i] = map_get_ptr(p->articles, hash64(s->ids[i]));
	engine_wake(p->writes.worker);
	for (size_t i = 0; i < s->n && i < EVAL_DEPTH_MOST && r == 0; i++) {
		struct article_view view;
		if (slate[order[i]]->has_topics)
			continue;
		r = engine_article_get(p->writes.worker, arena, s->ids[order[i]], &view);
		r = r == 0 ? eval_item_topics(slate[order[i]], &p->kept, view.vector_json) : r == 1 ? -EINVAL : r;
	}
	engine_idle(p->writes.worker);
	if (r == 0)
		eval_beyond_add(&p->totals.beyond, slate, order, s->n, map_get_ptr(p->readers, hash64(s->reader)), p->n_clicks,
		                p->totals.n_articles);
	return r;
}

static int measure_slate(struct replay *p, struct arena *arena, const struct mind_slate *s, const double *scores)
{
	double values[N_EVAL_METRICS];
	uint32_t *order = arena_calloc(arena, s->n, sizeof(*order));
	if (!order)
		return -ENOMEM;
	if (p->config.scores)
		write_scores(p, s, scores);
	int r = eval_slate(arena, &p->ties, scores, s->clicked, s->n, order, values);
	if (r < 0)
		return r;
	p->totals.n_scored += r == EVAL_MEASURED;
	p->totals.n_no_click += r == EVAL_NO_CLICK;
	p->totals.n_all_clicked += r == EVAL_ALL_CLICKED;
	if (r != EVAL_MEASURED)
		return 0;
	const struct eval_reader *reader = map_get_ptr(p->readers, hash64(s->reader));
	r = eval_tally_add(&p->totals.tally, s->at_ms, reader->n_reads, values);
	return r == 0 ? look_beyond(p, arena, s, order) : r;
}

/* Scores a slate, which then waits for its events under feed_id, and measures it when asked. */
static int score_slate(struct replay *p, struct arena *arena, const struct mind_slate *s, bool measure,
                       char feed_id[32], struct engine_problem *problem)
{
	struct feed_request request = {.user_id = s->reader, .limit = 1, .now_ms = s->at_ms};
	double *scores = arena_calloc(arena, s->n, sizeof(*scores));
	float *inputs = NULL;
	bool take = measure && p->config.take;
	int64_t start_ns = eval_monotonic_ns();
	if (take)
		inputs = arena_calloc(arena, s->n * 2 * engine_model_names()->n_columns, sizeof(*inputs));
	if (!scores || (take && !inputs))
		return -ENOMEM;
	engine_wake(p->writes.worker);
	int r = engine_score(p->writes.worker, arena, &request, s->ids, s->n, scores, inputs, feed_id);
	engine_idle(p->writes.worker);
	p->totals.scoring_ns += eval_monotonic_ns() - start_ns;
	if (r != 0)
		return r < 0 ? r : say(problem, "the engine could not score slate", s->impression);
	for (size_t i = 0; i < s->n; i++)
		if (isnan(scores[i]))
			return say(problem, "the engine has no score for article", s->ids[i]);
	r = measure ? measure_slate(p, arena, s, scores) : 0;
	return r == 0 && take ? p->config.take(p->config.take_ctx, s, inputs) : r;
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
		r = eval_writes_tick(&p->writes, slate.at_ms);
	int waited = eval_writes_wait(&p->writes, problem); /* always: what was handed over stands in the arena */
	r = r ? r : waited;
	if (r == 0)
		r = score_slate(p, arena, &slate, measure, feed_id, problem);
	p->totals.n_learnt_only += !measure;
	if (r == 0)
		r = hold_back(p, line, number, slate.at_ms, feed_id);
	if (r == 0)
		r = record_due(p, arena, slate.at_ms, problem);
	p->totals.n_events = p->writes.n_events;
	p->totals.waiting_ns = p->writes.waiting_ns;
	p->totals.analysing_ns = p->writes.analysing_ns;
	return r;
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
	rng_seed(&p->ties, config->seed);
	engine.dir = config->dir;
	engine.nosync = true;
	engine.live_days = 0; /* every article of a slate is scored, however old */
	engine.log_days = 0;
	engine.checkpoint_interval_ms = EVAL_CHECKPOINT_MS;
	engine.learn_delay_ms = config->label_delay_ms; /* when the events come the slate is complete */
	engine.models = config->models;
	engine.n_models = config->n_models;
	int r = eval_writes_open(&p->writes, &engine, config->start_ms, problem);
	if (r == 0)
		r = map_new(&p->articles, NULL);
	if (r == 0)
		r = map_new(&p->readers, NULL);
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

static void free_reader(uint64_t key, uint64_t value, void *ctx)
{
	struct eval_reader *reader = (struct eval_reader *)(uintptr_t)value;
	eval_reader_free(reader);
	free(reader);
}

void replay_close(struct replay *p)
{
	if (!p)
		return;
	eval_writes_close(&p->writes);
	while (p->first) {
		struct pending *next = p->first->next;
		free(p->first);
		p->first = next;
	}
	eval_tally_free(&p->totals.tally);
	eval_beyond_free(&p->totals.beyond);
	if (p->readers)
		map_each(p->readers, free_reader, NULL);
	map_free(p->articles);
	map_free(p->readers);
	arena_free(&p->kept);
	arena_free(&p->arenas[0]);
	arena_free(&p->arenas[1]);
	free(p);
}
