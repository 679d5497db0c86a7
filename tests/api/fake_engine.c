/* State under one mutex; every write changes it when called, and a thread calls done a little later. */
#include "fake_engine.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
enum { MOST = 64 };
struct text { char bytes[200]; };
struct write {
	struct write *next;
	engine_done_fn done;
	void *ctx;
};

struct fake_user {
	struct text id, edition;
	bool erasing;
};

struct fake_token {
	struct text user;
	uint8_t hash[32];
	struct token_info info;
};

struct engine {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t writer;
	struct write *first, **last;
	bool closing;
	struct text articles[MOST], events[MOST], editions[MOST], pins[MOST];
	struct fake_user users[MOST];
	struct fake_token tokens[MOST];
	size_t n_articles, n_events, n_editions, n_pins, n_users, n_tokens;
	char last_request[512];
};

struct engine_worker {
	struct engine *engine;
};

const struct engine_config engine_config_default;
_Atomic int fake_queue_error, fake_commit_error, fake_pending, fake_feed_outcome;
static struct engine *current;

static void *writer_main(void *arg)
{
	struct engine *e = arg;
	pthread_mutex_lock(&e->lock);
	while (!e->closing || e->first) {
		struct write *w = e->first;
		if (!w) {
			pthread_cond_wait(&e->changed, &e->lock);
			continue;
		}
		e->first = w->next;
		if (!e->first)
			e->last = &e->first;
		pthread_mutex_unlock(&e->lock);
		w->done(w->ctx, atomic_load(&fake_commit_error));
		free(w);
		pthread_mutex_lock(&e->lock);
	}
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

/* With the lock held: queues the end of a write and lets go. */
static int finish(struct engine *e, engine_done_fn done, void *ctx)
{
	struct write *w = done ? calloc(1, sizeof(*w)) : NULL;
	if (w) {
		*w = (struct write){NULL, done, ctx};
		*e->last = w;
		e->last = &w->next;
		pthread_cond_signal(&e->changed);
	}
	pthread_mutex_unlock(&e->lock);
	return 0;
}

/* Takes the lock unless the queue is to be full. */
#define BEGIN(e) \
	do { \
		if (atomic_load(&fake_queue_error)) \
			return atomic_load(&fake_queue_error); \
		pthread_mutex_lock(&(e)->lock); \
	} while (0)

static void set(struct text *t, struct span s)
{
	snprintf(t->bytes, sizeof(t->bytes), "%.*s", (int)s.len, s.data ? s.data : "");
}

static struct span get(struct arena *arena, const struct text *t)
{
	return arena_copy(arena, span_of(t->bytes));
}

static int find(const struct text *list, size_t n, struct span id)
{
	for (size_t i = 0; i < n; i++)
		if (span_equal_cstr(id, list[i].bytes))
			return (int)i;
	return -1;
}

static struct fake_user *find_user(struct engine *e, struct span id)
{
	for (size_t i = 0; i < e->n_users && !span_equal_cstr(id, "fleeting"); i++) /* erased by others once it is stored */
		if (span_equal_cstr(id, e->users[i].id.bytes))
			return &e->users[i];
	return NULL;
}

static struct fake_user *make_user(struct engine *e, struct span id)
{
	struct fake_user *u = find_user(e, id);
	if (!u && e->n_users < MOST) {
		u = &e->users[e->n_users++];
		*u = (struct fake_user){0};
		set(&u->id, id);
	}
	return u;
}

int engine_open(struct engine **out, const struct engine_config *config, int64_t now_ms, struct engine_problem *problem)
{
	struct engine *e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	*e = (struct engine){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	e->last = &e->first;
	pthread_create(&e->writer, NULL, writer_main, e);
	*out = current = e;
	return 0;
}

void engine_close(struct engine *e)
{
	if (!e)
		return;
	pthread_mutex_lock(&e->lock);
	e->closing = true;
	pthread_cond_signal(&e->changed);
	pthread_mutex_unlock(&e->lock);
	pthread_join(e->writer, NULL);
	free(e);
}

int engine_worker_new(struct engine *e, struct engine_worker **out)
{
	*out = calloc(1, sizeof(**out));
	if (*out)
		(*out)->engine = e;
	return *out ? 0 : -ENOMEM;
}

void engine_worker_free(struct engine_worker *w) { free(w); }
void engine_wake(struct engine_worker *w) { }
void engine_idle(struct engine_worker *w) { }

int engine_tick(struct engine *e, int64_t now_ms, engine_done_fn done, void *ctx)
{
	return engine_flush(e, false, done, ctx);
}

int engine_flush(struct engine *e, bool checkpoint, engine_done_fn done, void *ctx)
{
	BEGIN(e);
	return finish(e, done, ctx);
}

/* ---- articles and events ---- */

int engine_ingest(struct engine_worker *w, struct arena *arena, const struct article *articles,
                  struct article_result *results, size_t n, int64_t now_ms, engine_done_fn done, void *ctx)
{
	struct engine *e = w->engine;
	BEGIN(e);
	for (size_t i = 0; i < n; i++) {
		bool known = find(e->articles, e->n_articles, articles[i].id) >= 0;
		results[i].outcome = known ? ARTICLE_UNCHANGED : ARTICLE_CREATED;
		if (!known && e->n_articles < MOST)
			set(&e->articles[e->n_articles++], articles[i].id);
	}
	return finish(e, done, ctx);
}

int engine_article_delete(struct engine_worker *w, struct arena *arena, struct span id, int64_t now_ms, bool *found,
                          engine_done_fn done, void *ctx)
{
	struct engine *e = w->engine;
	BEGIN(e);
	int i = find(e->articles, e->n_articles, id);
	*found = i >= 0;
	if (i >= 0)
		e->articles[i] = e->articles[--e->n_articles];
	return finish(e, done, ctx);
}

int engine_article_get(struct engine_worker *w, struct arena *arena, struct span id, struct article_view *out)
{
	pthread_mutex_lock(&w->engine->lock);
	bool known = find(w->engine->articles, w->engine->n_articles, id) >= 0;
	pthread_mutex_unlock(&w->engine->lock);
	*out = (struct article_view){.article = {.id = id, .title = SPAN("A title"), .boost = 1}, .story = 7, .live = true};
	return !known;
}

int engine_record(struct engine_worker *w, struct arena *arena, const struct event *events, struct event_result *results,
                  size_t n, int64_t now_ms, engine_done_fn done, void *ctx)
{
	struct engine *e = w->engine;
	BEGIN(e);
	for (size_t i = 0; i < n; i++) {
		struct fake_user *u = find_user(e, events[i].user_id);
		bool known = find(e->articles, e->n_articles, events[i].article_id) >= 0;
		bool twice = events[i].id.len && find(e->events, e->n_events, events[i].id) >= 0;
		results[i] = (struct event_result){.outcome = EVENT_REJECTED};
		if (!known)
			results[i].rejection = EVENT_UNKNOWN_ARTICLE;
		else if (u && u->erasing)
			results[i].rejection = EVENT_USER_ERASING;
		else if (events[i].at_ms > now_ms + ENGINE_FUTURE_MS)
			results[i].rejection = EVENT_IN_FUTURE;
		else
			results[i].outcome = twice ? EVENT_DUPLICATE : EVENT_ACCEPTED;
		if (results[i].outcome != EVENT_ACCEPTED)
			continue;
		snprintf(results[i].id, sizeof(results[i].id), "e-%zu", e->n_events);
		if (e->n_events < MOST)
			set(&e->events[e->n_events++], events[i].id.len ? events[i].id : span_of(results[i].id));
	}
	return finish(e, done, ctx);
}

int engine_undo(struct engine_worker *w, struct arena *arena, struct span event_id, int64_t now_ms,
                enum undo_outcome *outcome, engine_done_fn done, void *ctx)
{
	struct engine *e = w->engine;
	BEGIN(e);
	*outcome = find(e->events, e->n_events, event_id) >= 0 ? UNDO_DONE : UNDO_NOT_FOUND;
	if (span_equal_cstr(event_id, "old"))
		*outcome = UNDO_TOO_OLD;
	return finish(e, done, ctx);
}

/* ---- feed ---- */

void fake_last_request(char *out, size_t n_bytes)
{
	pthread_mutex_lock(&current->lock);
	snprintf(out, n_bytes, "%s", current->last_request);
	pthread_mutex_unlock(&current->lock);
}

static void fill_feed(struct engine *e, struct arena *arena, const struct feed_request *r, struct feed *out)
{
	static const struct feed_reason reasons[] = {{.code = "topic_long", .topic = {"topic:rain", 10}, .contribution = 0.75},
	                                             {.code = "fresh", .contribution = 0.25}};
	struct feed_item *items = arena_calloc(arena, MOST, sizeof(*items));
	*out = (struct feed){.as_of_ms = r->now_ms, .model = "default", .model_version = "1", .items = items, .logged = true};
	if (r->user_id.len)
		snprintf(out->feed_id, sizeof(out->feed_id), "f-1");
	for (size_t i = 0; items && i < e->n_articles && i < r->limit; i++) {
		struct span id = get(arena, &e->articles[i]);
		items[out->n_items] = (struct feed_item){.position = (unsigned)i + 1, .article_id = id, .score = 1, .propensity = 1,
			.story = (unsigned)i + 1, .story_size = 1, .reasons = reasons, .n_reasons = 2,
			.card = arena_printf(arena, "{\"id\":\"%.*s\",\"title\":\"A title\"}", (int)id.len, id.data)};
		out->n_items++;
	}
	if (e->n_articles > r->limit)
		out->next_cursor = SPAN("next");
}

size_t engine_model_list(struct engine_worker *w, const char *names[ENGINE_MODELS])
{
	names[0] = "default";
	names[1] = "best";
	return 2;
}

int engine_feed(struct engine_worker *w, struct arena *arena, const struct feed_request *r, struct feed *out)
{
	struct engine *e = w->engine;
	if (atomic_load(&fake_pending) > 0) {
		atomic_fetch_sub(&fake_pending, 1);
		return FEED_SLATE_PENDING;
	}
	if (atomic_load(&fake_feed_outcome))
		return atomic_load(&fake_feed_outcome);
	pthread_mutex_lock(&e->lock);
#define S(s) (int)(s).len, (s).data ? (s).data : ""
	snprintf(e->last_request, sizeof(e->last_request), "user=%.*s edition=%.*s section=%.*s topic=%.*s q=%.*s limit=%u order=%d explain=%d "
	         "exclude=%zu model=%.*s", S(r->user_id), S(r->edition), S(r->section), S(r->topic), S(r->query), r->limit, (int)r->order,
	         r->explain, r->n_exclude, S(r->model));
#undef S
	fill_feed(e, arena, r, out);
	pthread_mutex_unlock(&e->lock);
	return FEED_OK;
}

int engine_feed_new(struct engine_worker *w, struct arena *arena, struct span user_id, struct span feed_id,
                    int64_t now_ms, unsigned *n_new)
{
	*n_new = 3;
	return span_equal_cstr(feed_id, "f-1") ? FEED_OK : FEED_CURSOR_GONE;
}

int engine_rank(struct engine_worker *w, struct arena *arena, const struct feed_request *request,
                const struct span *article_ids, size_t n, struct feed *out)
{
	pthread_mutex_lock(&w->engine->lock);
	fill_feed(w->engine, arena, request, out);
	pthread_mutex_unlock(&w->engine->lock);
	return FEED_OK;
}

int engine_related(struct engine_worker *w, struct arena *arena, struct span article_id, unsigned limit, int64_t now_ms,
                   struct feed *out)
{
	struct feed_request r = {.limit = limit, .now_ms = now_ms};
	struct article_view view;
	return engine_rank(w, arena, &r, NULL, 0, out) ? -EIO : engine_article_get(w, arena, article_id, &view);
}

int engine_explain(struct engine_worker *w, struct arena *arena, const struct feed_request *request,
                   struct span article_id, struct explanation *out)
{
	struct article_view view;
	*out = (struct explanation){.why = "expired"};
	return engine_article_get(w, arena, article_id, &view);
}

/* ---- users ---- */

int engine_user_put(struct engine_worker *w, struct arena *arena, struct span user_id, const struct user_settings *settings,
                    unsigned fields, int64_t now_ms, enum user_outcome *outcome, engine_done_fn done, void *ctx)
{
	struct engine *e = w->engine;
	BEGIN(e);
	bool unknown = settings->edition.len && find(e->editions, e->n_editions, settings->edition) < 0;
	struct fake_user *u = make_user(e, user_id);
	*outcome = unknown ? USER_UNKNOWN_EDITION : u->erasing ? USER_ERASING : USER_DONE;
	if (!unknown && (fields & USER_EDITION))
		set(&u->edition, settings->edition);
	return finish(e, done, ctx);
}

int engine_user_get(struct engine_worker *w, struct arena *arena, struct span user_id, int64_t now_ms,
                    struct user_settings *out, int64_t *created_ms)
{
	pthread_mutex_lock(&w->engine->lock);
	struct fake_user *u = find_user(w->engine, user_id);
	*out = (struct user_settings){0};
	if (u)
		out->edition = get(arena, &u->edition);
	*created_ms = 1000;
	int r = !u ? USER_NOT_FOUND : u->erasing ? USER_ERASING : USER_DONE;
	pthread_mutex_unlock(&w->engine->lock);
	return r;
}

int engine_user_erase(struct engine_worker *w, struct arena *arena, struct span user_id, int64_t now_ms,
                      enum user_outcome *outcome, engine_done_fn done, void *ctx)
{
	BEGIN(w->engine);
	struct fake_user *u = find_user(w->engine, user_id);
	*outcome = u ? USER_DONE : USER_NOT_FOUND;
	if (u)
		*u = w->engine->users[--w->engine->n_users];
	return finish(w->engine, done, ctx);
}

int engine_user_merge(struct engine_worker *w, struct arena *arena, struct span user_id, struct span from_id,
                      int64_t now_ms, enum user_outcome *outcome, engine_done_fn done, void *ctx)
{
	BEGIN(w->engine);
	*outcome = find_user(w->engine, from_id) ? USER_DONE : USER_NOT_FOUND;
	make_user(w->engine, user_id);
	return finish(w->engine, done, ctx);
}

int engine_interests_get(struct engine_worker *w, struct arena *arena, struct span user_id, int64_t now_ms,
                         const struct interest **out, size_t *n)
{
	static const struct interest one = {.topic = {"topic:rain", 10}, .weight = 0.5, .follow = true};
	pthread_mutex_lock(&w->engine->lock);
	int r = find_user(w->engine, user_id) ? USER_DONE : USER_NOT_FOUND;
	pthread_mutex_unlock(&w->engine->lock);
	*out = &one;
	*n = 1;
	return r;
}

int engine_interests_patch(struct engine_worker *w, struct arena *arena, struct span user_id,
                           const struct interest_change *changes, size_t n, int64_t now_ms, enum user_outcome *outcome,
                           engine_done_fn done, void *ctx)
{
	BEGIN(w->engine);
	make_user(w->engine, user_id);
	*outcome = USER_DONE;
	return finish(w->engine, done, ctx);
}

int engine_history(struct engine_worker *w, struct arena *arena, struct span user_id, bool saved_only,
                   const struct read_entry **out, size_t *n)
{
	static const struct read_entry entries[] = {{{"a1", 2}, {NULL, 0}, 1000, 1 << EVENT_CLICK | 1 << EVENT_SAVE},
	                                            {{"a2", 2}, {"{\"id\":\"a2\"}", 11}, 2000, 1 << EVENT_READ}};
	*out = entries;
	*n = saved_only ? 1 : 2;
	return 0;
}

int engine_user_export(struct engine_worker *w, struct arena *arena, struct span user_id, int64_t now_ms, struct buf *out)
{
	pthread_mutex_lock(&w->engine->lock);
	int r = find_user(w->engine, user_id) ? USER_DONE : USER_NOT_FOUND;
	pthread_mutex_unlock(&w->engine->lock);
	buf_put_cstr(out, "{\"all\":true}");
	return r;
}

int engine_token_put(struct engine_worker *w, struct arena *arena, struct span user_id, const uint8_t hash[32],
                     const struct token_info *info, int64_t now_ms, enum user_outcome *outcome, engine_done_fn done,
                     void *ctx)
{
	struct engine *e = w->engine;
	BEGIN(e);
	*outcome = find_user(e, user_id) && e->n_tokens < MOST ? USER_DONE : USER_NOT_FOUND;
	if (*outcome == USER_DONE) {
		struct fake_token *t = &e->tokens[e->n_tokens++];
		set(&t->user, user_id);
		memcpy(t->hash, hash, 32);
		t->info = *info;
	}
	return finish(e, done, ctx);
}

int engine_token_delete(struct engine_worker *w, struct arena *arena, struct span user_id, struct span token_id,
                        int64_t now_ms, enum user_outcome *outcome, engine_done_fn done, void *ctx)
{
	struct engine *e = w->engine;
	BEGIN(e);
	*outcome = USER_NOT_FOUND;
	for (size_t i = 0; i < e->n_tokens; i++) {
		if (!span_equal_cstr(user_id, e->tokens[i].user.bytes) || !span_equal_cstr(token_id, e->tokens[i].info.id))
			continue;
		e->tokens[i] = e->tokens[--e->n_tokens];
		*outcome = USER_DONE;
		break;
	}
	return finish(e, done, ctx);
}

int engine_tokens_get(struct engine_worker *w, struct arena *arena, struct span user_id, const struct token_info **out,
                      size_t *n)
{
	struct token_info *list = arena_calloc(arena, MOST, sizeof(*list));
	pthread_mutex_lock(&w->engine->lock);
	*n = 0;
	for (size_t i = 0; i < w->engine->n_tokens; i++)
		if (span_equal_cstr(user_id, w->engine->tokens[i].user.bytes))
			list[(*n)++] = w->engine->tokens[i].info;
	int r = find_user(w->engine, user_id) ? USER_DONE : USER_NOT_FOUND;
	pthread_mutex_unlock(&w->engine->lock);
	*out = list;
	return r;
}

int engine_token_find(struct engine_worker *w, struct arena *arena, const uint8_t hash[32], struct span *user_id,
                      enum token_scope *scope)
{
	int r = 1;
	pthread_mutex_lock(&w->engine->lock);
	for (size_t i = 0; i < w->engine->n_tokens; i++) {
		if (memcmp(w->engine->tokens[i].hash, hash, 32) != 0)
			continue;
		*user_id = get(arena, &w->engine->tokens[i].user);
		*scope = w->engine->tokens[i].info.scope;
		r = 0;
	}
	pthread_mutex_unlock(&w->engine->lock);
	return r;
}

/* ---- editions, pins, stories ---- */

int engine_edition_put(struct engine_worker *w, struct arena *arena, const struct edition *edition, int64_t now_ms,
                       enum edition_outcome *outcome, engine_done_fn done, void *ctx)
{
	struct engine *e = w->engine;
	BEGIN(e);
	bool known = find(e->editions, e->n_editions, edition->key) >= 0;
	*outcome = known ? EDITION_UPDATED : EDITION_CREATED;
	if (!known)
		set(&e->editions[e->n_editions++], edition->key);
	return finish(e, done, ctx);
}

int engine_edition_delete(struct engine_worker *w, struct arena *arena, struct span key, int64_t now_ms,
                          enum edition_outcome *outcome, engine_done_fn done, void *ctx)
{
	struct engine *e = w->engine;
	BEGIN(e);
	int i = find(e->editions, e->n_editions, key);
	*outcome = i < 0 ? EDITION_NOT_FOUND : EDITION_DELETED;
	if (i >= 0)
		e->editions[i] = e->editions[--e->n_editions];
	return finish(e, done, ctx);
}

int engine_editions_get(struct engine_worker *w, struct arena *arena, const struct edition **out, size_t *n)
{
	struct edition *list = arena_calloc(arena, MOST, sizeof(*list));
	pthread_mutex_lock(&w->engine->lock);
	*n = w->engine->n_editions;
	for (size_t i = 0; i < *n; i++)
		list[i].key = get(arena, &w->engine->editions[i]);
	pthread_mutex_unlock(&w->engine->lock);
	*out = list;
	return 0;
}

int engine_pin_put(struct engine_worker *w, struct arena *arena, const struct pin *pin, int64_t now_ms,
                   enum pin_outcome *outcome, engine_done_fn done, void *ctx)
{
	struct engine *e = w->engine;
	BEGIN(e);
	if (find(e->articles, e->n_articles, pin->article_id) < 0)
		*outcome = PIN_UNKNOWN_ARTICLE;
	else if (pin->edition.len && find(e->editions, e->n_editions, pin->edition) < 0)
		*outcome = PIN_UNKNOWN_EDITION;
	else
		*outcome = PIN_DONE;
	if (*outcome == PIN_DONE && find(e->pins, e->n_pins, pin->article_id) < 0)
		set(&e->pins[e->n_pins++], pin->article_id);
	return finish(e, done, ctx);
}

int engine_pin_delete(struct engine_worker *w, struct arena *arena, struct span article_id, int64_t now_ms,
                      enum pin_outcome *outcome, engine_done_fn done, void *ctx)
{
	struct engine *e = w->engine;
	BEGIN(e);
	int i = find(e->pins, e->n_pins, article_id);
	*outcome = i < 0 ? PIN_UNKNOWN_ARTICLE : PIN_DONE;
	if (i >= 0)
		e->pins[i] = e->pins[--e->n_pins];
	return finish(e, done, ctx);
}

int engine_pins_get(struct engine_worker *w, struct arena *arena, const struct pin **out, size_t *n)
{
	struct pin *list = arena_calloc(arena, MOST, sizeof(*list));
	pthread_mutex_lock(&w->engine->lock);
	*n = w->engine->n_pins;
	for (size_t i = 0; i < *n; i++)
		list[i] = (struct pin){.article_id = get(arena, &w->engine->pins[i]), .position = 1};
	pthread_mutex_unlock(&w->engine->lock);
	*out = list;
	return 0;
}

int engine_story_split(struct engine_worker *w, struct arena *arena, uint32_t story, const struct span *article_ids,
                       size_t n, int64_t now_ms, enum story_outcome *outcome, uint32_t *new_story, engine_done_fn done,
                       void *ctx)
{
	BEGIN(w->engine);
	*outcome = story == 7 ? STORY_DONE : STORY_NOT_FOUND;
	*new_story = 7;
	return finish(w->engine, done, ctx);
}

int engine_story_merge(struct engine_worker *w, struct arena *arena, uint32_t story, uint32_t from, int64_t now_ms,
                       enum story_outcome *outcome, engine_done_fn done, void *ctx)
{
	BEGIN(w->engine);
	*outcome = from == 8 ? STORY_DONE : STORY_NOT_FOUND;
	return finish(w->engine, done, ctx);
}

int engine_story_get(struct engine_worker *w, struct arena *arena, uint32_t story, const struct span **cards, size_t *n)
{
	static const struct span card = {"{\"id\":\"a1\"}", 11};
	*cards = &card;
	*n = 1;
	return story != 7;
}

void engine_stats(struct engine *e, struct engine_stats *out)
{
	*out = (struct engine_stats){.n_articles_live = e->n_articles, .queue_capacity = 1000};
}
