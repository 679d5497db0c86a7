/* mynews import: a file into a data directory that no server holds.
 *
 * One thread reads and decodes; a few batches are under way in the engine at any time, each with an arena of its own, so
 * memory does not depend on the file's length. Results are counted when a batch's slot is used again. */
#include "api/commands.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "api/config.h"
#include "api/embedded.h"
#include "api/file.h"
#include "api/formats/article_json.h"
#include "api/formats/event_json.h"
#include "api/formats/settings_json.h"

enum { SLOTS = 4, BATCH_ELEMENTS = 1000, BATCH_BYTES = 8 << 20, LINE_BYTES = 4 << 20, REPORTED = 20 };

struct import;
struct slot {
	struct import *import;
	struct arena arena;
	bool busy; /* under import->lock */
	int status;
	size_t n;
	uint64_t line[BATCH_ELEMENTS];
	union {
		struct article articles[BATCH_ELEMENTS];
		struct event events[BATCH_ELEMENTS];
	};
	union {
		struct article_result article_results[BATCH_ELEMENTS];
		struct event_result event_results[BATCH_ELEMENTS];
	};
	bool is_events;
	bool unread; /* results not counted yet */
};

struct import {
	struct engine *engine;
	struct engine_worker *worker;
	pthread_mutex_t lock;
	pthread_cond_t finished;
	struct slot *slots; /* [SLOTS] */
	int64_t now_ms, shift_ms;
	const char *path; /* of the file that is read */
	uint64_t n_lines, n_rejected, n_reported;
	uint64_t articles[5]; /* by enum article_outcome */
	uint64_t events[3];   /* by enum event_outcome */
	int failure; /* the first negative errno of a batch */
	bool terminal;
	int64_t drawn_ms;
};

static int64_t wall_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void clear_bar(struct import *im)
{
	if (im->terminal && im->drawn_ms)
		fputs("\r\033[K", stderr);
}

static void reject(struct import *im, uint64_t line, const char *pointer, const char *detail)
{
	im->n_rejected++;
	if (im->n_reported++ >= REPORTED)
		return;
	clear_bar(im);
	fprintf(stderr, "%s: line %llu: %s%s%s\n", im->path, (unsigned long long)line, pointer, pointer[0] ? " " : "", detail);
	if (im->n_reported == REPORTED)
		fputs("further rejected lines are counted, not shown\n", stderr);
}

static void draw(struct import *im, const struct lines *lines, bool end)
{
	uint64_t at, of;
	int64_t now_ms = wall_ms();
	char bar[31];
	if (!im->terminal || (!end && now_ms - im->drawn_ms < 100))
		return;
	im->drawn_ms = now_ms;
	lines_progress(lines, &at, &of);
	unsigned part = of == 0 || end ? 100 : (unsigned)(at * 100 / of);
	part = part > 100 ? 100 : part;
	for (unsigned i = 0; i < sizeof(bar) - 1; i++)
		bar[i] = i * 100 < part * (sizeof(bar) - 1) ? '#' : '.';
	bar[sizeof(bar) - 1] = '\0';
	fprintf(stderr, "\r[%s] %3u %%  %llu lines%s", bar, part, (unsigned long long)im->n_lines, end ? "\n" : "");
}

/* ---- batches ---- */

static void slot_done(void *ctx, int status)
{
	struct slot *s = ctx;
	pthread_mutex_lock(&s->import->lock);
	s->status = status;
	s->busy = false;
	pthread_cond_broadcast(&s->import->finished);
	pthread_mutex_unlock(&s->import->lock);
}

static void count_results(struct import *im, struct slot *s)
{
	static const char *const reasons[] = {"was refused", "/article_id no article has this id",
		"/at is older than events are kept", "/at is more than five minutes ahead",
		"/user_id this reader is being erased", "/feed_id is not a feed id"};
	if (!s->unread)
		return;
	s->unread = false;
	if (s->status < 0) {
		im->failure = im->failure ? im->failure : s->status;
		return;
	}
	for (size_t i = 0; i < s->n; i++) {
		if (!s->is_events) {
			im->articles[s->article_results[i].outcome]++;
			if (s->article_results[i].outcome == ARTICLE_REJECTED)
				reject(im, s->line[i], "", "is more than can be stored");
		} else {
			im->events[s->event_results[i].outcome]++;
			if (s->event_results[i].outcome == EVENT_REJECTED)
				reject(im, s->line[i], "", reasons[s->event_results[i].rejection]);
		}
	}
}

/* A slot that is free, its last results counted. */
static struct slot *slot_take(struct import *im)
{
	struct slot *s = NULL;
	pthread_mutex_lock(&im->lock);
	while (!s) {
		for (int i = 0; i < SLOTS && !s; i++)
			if (!im->slots[i].busy)
				s = &im->slots[i];
		if (!s)
			pthread_cond_wait(&im->finished, &im->lock);
	}
	pthread_mutex_unlock(&im->lock);
	count_results(im, s);
	arena_reset(&s->arena);
	s->n = 0;
	return s;
}

static void slots_wait(struct import *im)
{
	for (int i = 0; i < SLOTS; i++) {
		pthread_mutex_lock(&im->lock);
		while (im->slots[i].busy)
			pthread_cond_wait(&im->finished, &im->lock);
		pthread_mutex_unlock(&im->lock);
		count_results(im, &im->slots[i]);
	}
}

static void slot_send(struct import *im, struct slot *s, bool is_events)
{
	if (s->n == 0)
		return;
	s->is_events = is_events;
	s->unread = true;
	s->busy = true; /* nobody else has it yet */
	engine_wake(im->worker); /* no more than SLOTS batches wait, and the queue holds more */
	int r = is_events
		? engine_record(im->worker, &s->arena, s->events, s->event_results, s->n, im->now_ms, slot_done, s)
		: engine_ingest(im->worker, &s->arena, s->articles, s->article_results, s->n, im->now_ms, slot_done, s);
	engine_idle(im->worker);
	if (r < 0)
		slot_done(s, r);
}

/* Waits for one asynchronous write of its own. */
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
	w->status = status;
	w->done = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

static int waiter_wait(struct waiter *w, int queued)
{
	if (queued < 0)
		return queued;
	pthread_mutex_lock(&w->lock);
	while (!w->done)
		pthread_cond_wait(&w->wake, &w->lock);
	pthread_mutex_unlock(&w->lock);
	return w->status;
}

/* ---- lines ---- */

static void shift(int64_t *ms, int64_t by_ms)
{
	if (*ms)
		*ms = *ms + by_ms > 1 ? *ms + by_ms : 1;
}

/* Decodes a line into place n of the slot, or counts its refusal. Returns 0 or -ENOMEM. */
static int take_line(struct import *im, struct slot *s, struct span line, bool is_events)
{
	struct decode d = {.arena = &s->arena};
	struct json_problem problem;
	json_t *value;
	int r = json_parse(line, &value, &problem);
	if (r < 0)
		return r;
	if (r == 1) {
		reject(im, im->n_lines, "is not acceptable JSON:", problem.text);
		return 0;
	}
	if (json_is_array(value)) {
		decode_error(&d, "", -1, "is a list; write one object a line");
	} else if (is_events) {
		struct event *e = &s->events[s->n];
		event_json_decode(&d, value, (struct span){0}, e);
		shift(&e->at_ms, im->shift_ms);
	} else {
		struct article *a = &s->articles[s->n];
		article_json_decode(&d, value, ARTICLE_FORM_BY_SHAPE, a);
		shift(&a->published_at_ms, im->shift_ms);
		shift(&a->updated_at_ms, im->shift_ms);
		shift(&a->expires_at_ms, im->shift_ms);
		shift(&a->embargo_until_ms, im->shift_ms);
	}
	json_decref(value);
	if (d.no_memory)
		return -ENOMEM;
	if (d.n_errors)
		reject(im, im->n_lines, d.errors[0].pointer, d.errors[0].detail);
	else
		s->line[s->n++] = im->n_lines;
	return 0;
}

static int import_lines(struct import *im, const char *path, bool is_events)
{
	struct lines *lines;
	struct slot *s = NULL;
	struct span line;
	int r = lines_open(path, &lines);
	if (r < 0)
		return r;
	while (im->failure == 0 && ((r = lines_next(lines, LINE_BYTES, &line)) == 0 || r == 2)) {
		im->n_lines++;
		draw(im, lines, false);
		if (r == 2) {
			reject(im, im->n_lines, "", "is longer than 4 MiB");
			continue;
		}
		if (line.len == 0)
			continue;
		if (!s)
			s = slot_take(im);
		r = take_line(im, s, line, is_events);
		if (r < 0)
			break;
		if (s->n == BATCH_ELEMENTS || s->arena.total_bytes > BATCH_BYTES) {
			slot_send(im, s, is_events);
			s = NULL;
		}
	}
	if (s && r >= 0)
		slot_send(im, s, is_events);
	slots_wait(im);
	draw(im, lines, true);
	lines_close(lines);
	return r < 0 ? r : im->failure;
}

/* The newest time a line names, for --rebase. Lines that can't be read count for nothing; the import itself says so. */
static int newest_time(const char *path, bool is_events, int64_t *newest_ms)
{
	struct arena arena = {0};
	struct lines *lines;
	struct span line;
	json_t *value;
	int r = lines_open(path, &lines);
	if (r < 0)
		return r;
	*newest_ms = 0;
	while ((r = lines_next(lines, LINE_BYTES, &line)) == 0 || r == 2) {
		int64_t at_ms = 0, updated_ms = 0;
		if (r == 2 || line.len == 0 || json_parse(line, &value, NULL) != 0)
			continue;
		struct decode d = {.arena = &arena};
		if (is_events) {
			decode_time(&d, value, "at", &at_ms);
		} else {
			struct article a;
			article_json_decode(&d, value, ARTICLE_FORM_BY_SHAPE, &a);
			at_ms = a.published_at_ms;
			updated_ms = a.updated_at_ms;
		}
		json_decref(value);
		arena_reset(&arena);
		*newest_ms = at_ms > *newest_ms ? at_ms : *newest_ms;
		*newest_ms = updated_ms > *newest_ms ? updated_ms : *newest_ms;
	}
	arena_free(&arena);
	lines_close(lines);
	return r < 0 ? r : 0;
}

/* ---- whole files ---- */

/* The file as a list; each entry counts as a line. Returns 0 with a reference, 1 after a line on stderr, or errno. */
static int read_list(const char *path, json_t **out)
{
	struct buf text = {0};
	struct json_problem problem;
	int r = file_read(path, 64 << 20, &text);
	if (r == 0) {
		r = json_parse(buf_span(&text), out, &problem);
		if (r == 1)
			fprintf(stderr, "mynews import: %s: line %zu: %s\n", path, problem.line, problem.text);
	}
	buf_free(&text);
	if (r == 0 && !json_is_array(*out)) {
		fprintf(stderr, "mynews import: %s: is not a JSON list\n", path);
		json_decref(*out);
		r = 1;
	}
	return r;
}

static int import_editions(struct import *im, const char *path, uint64_t *n_done)
{
	struct arena arena = {0};
	json_t *list;
	int r = read_list(path, &list);
	if (r != 0)
		return r;
	for (size_t i = 0; i < json_array_size(list) && r == 0; i++) {
		struct decode d = {.arena = &arena};
		struct waiter waiter = WAITER;
		enum edition_outcome outcome = EDITION_CREATED;
		struct edition edition;
		edition_json_decode(&d, json_array_get(list, i), &edition);
		if (d.n_errors == 0)
			decode_require(&d, json_array_get(list, i), "key");
		im->n_lines++;
		if (d.n_errors) {
			reject(im, im->n_lines, d.errors[0].pointer, d.errors[0].detail);
			continue;
		}
		engine_wake(im->worker);
		r = engine_edition_put(im->worker, &arena, &edition, im->now_ms, &outcome, waiter_done, &waiter);
		engine_idle(im->worker);
		r = waiter_wait(&waiter, r);
		if (r == 0 && outcome == EDITION_TOO_MANY)
			reject(im, im->n_lines, "", "there are 64 editions already");
		else if (r == 0)
			++*n_done;
		arena_reset(&arena);
	}
	json_decref(list);
	arena_free(&arena);
	return r;
}

/* One reader: settings, then the events in order, all with the time of the import unless they name one. */
static int import_reader(struct import *im, struct arena *arena, const json_t *entry, uint64_t *n_done)
{
	struct decode d = {.arena = arena};
	struct user_settings settings;
	enum user_outcome outcome = USER_DONE;
	struct waiter waiter = WAITER;
	struct span user = {0};
	unsigned fields = 0;
	int r = 0;
	if (!json_is_object(entry)) {
		reject(im, im->n_lines, "", "is not an object");
		return 0;
	}
	decode_string(&d, entry, "user_id", TEXT_NAME, LIMIT_ID_BYTES, &user);
	decode_require(&d, entry, "user_id");
	const json_t *given = decode_member(entry, "settings"), *events = decode_member(entry, "events");
	if (given)
		settings_json_decode(&d, given, &settings, &fields);
	if (events && !json_is_array(events))
		decode_error(&d, "events", -1, "is not a list");
	if (d.n_errors) {
		reject(im, im->n_lines, d.errors[0].pointer, d.errors[0].detail);
		return 0;
	}
	if (given) {
		engine_wake(im->worker);
		r = engine_user_put(im->worker, arena, user, &settings, fields, im->now_ms, &outcome, waiter_done, &waiter);
		engine_idle(im->worker);
		r = waiter_wait(&waiter, r);
		if (r == 0 && outcome != USER_DONE) {
			reject(im, im->n_lines, "/settings", outcome == USER_UNKNOWN_EDITION ? "names an edition that is not there"
			                                                                   : "the reader is being erased");
			return 0;
		}
	}
	for (size_t i = 0; r == 0 && i < json_array_size(events);) {
		struct slot *s = slot_take(im);
		for (; i < json_array_size(events) && s->n < BATCH_ELEMENTS; i++) {
			struct decode inner = {.arena = &s->arena};
			event_json_decode(&inner, json_array_get(events, i), user, &s->events[s->n]);
			if (inner.n_errors)
				reject(im, im->n_lines, inner.errors[0].pointer, inner.errors[0].detail);
			else
				s->line[s->n++] = im->n_lines;
		}
		slot_send(im, s, true);
		slots_wait(im); /* in order */
		r = im->failure;
	}
	++*n_done;
	return r;
}

static int import_readers(struct import *im, const char *path, uint64_t *n_done)
{
	struct arena arena = {0};
	json_t *list;
	int r = read_list(path, &list);
	if (r != 0)
		return r;
	for (size_t i = 0; i < json_array_size(list) && r == 0; i++) {
		im->n_lines++;
		r = import_reader(im, &arena, json_array_get(list, i), n_done);
		arena_reset(&arena);
	}
	json_decref(list);
	arena_free(&arena);
	return r;
}

/* ---- the command ---- */

/* The days kept and how stories form should be the server's. */
static int read_settings(const char *path, struct engine_config *out)
{
	struct config_problems problems;
	struct config *settings = malloc(sizeof(*settings));
	int r = settings ? config_load(path, settings, &problems) : -ENOMEM;
	if (r == 0)
		config_engine(settings, out);
	else
		fprintf(stderr, "mynews import: %s: %s%s%s\n", path, r > 0 ? problems.errors[0].pointer : "",
		        r > 0 && problems.errors[0].pointer[0] ? " " : "", r > 0 ? problems.errors[0].detail : strerror(-r));
	free(settings);
	return r;
}

static int open_engine(struct import *im, const char *dir, const char *settings)
{
	struct engine_config config = engine_config_default;
	struct engine_problem problem;
	int r = settings ? read_settings(settings, &config) : 0;
	if (r != 0)
		return r;
	config.dir = dir;
	config.models = embedded_models;
	config.n_models = embedded_n_models;
	r = engine_open(&im->engine, &config, im->now_ms, &problem);
	if (r != 0) {
		fprintf(stderr, "mynews import: %s\n", r == 1 ? problem.text : strerror(-r));
		return r;
	}
	r = engine_worker_new(im->engine, &im->worker);
	if (r < 0)
		fprintf(stderr, "mynews import: %s\n", strerror(-r));
	return r;
}

static void summary(const struct import *im, const char *what, uint64_t n_done, uint64_t n_articles, uint64_t n_events)
{
	printf("%s: ", what);
	if (n_articles)
		printf("%llu created, %llu updated, %llu unchanged, %llu stale",
		       (unsigned long long)im->articles[ARTICLE_CREATED], (unsigned long long)im->articles[ARTICLE_UPDATED],
		       (unsigned long long)im->articles[ARTICLE_UNCHANGED], (unsigned long long)im->articles[ARTICLE_STALE]);
	else
		printf("%llu taken", (unsigned long long)n_done);
	if (n_events)
		printf(", %llu events accepted, %llu duplicates", (unsigned long long)im->events[EVENT_ACCEPTED],
		       (unsigned long long)im->events[EVENT_DUPLICATE]);
	printf(", %llu rejected\n", (unsigned long long)im->n_rejected);
}

enum { DATA, EDITIONS, ARTICLES, READERS, EVENTS, REBASE, CONFIG, N_OPTIONS }; /* files in the order they are read */

/* Returns 0, 1 when nothing of the file could be taken, or negative errno. */
static int import_file(struct import *im, int kind, const char *what, const char *path)
{
	struct waiter waiter = WAITER;
	uint64_t n_done = 0;
	im->path = path;
	im->n_lines = im->n_rejected = im->n_reported = 0;
	memset(im->articles, 0, sizeof(im->articles));
	memset(im->events, 0, sizeof(im->events));
	int r = kind == EDITIONS  ? import_editions(im, path, &n_done)
	        : kind == READERS ? import_readers(im, path, &n_done)
	                          : import_lines(im, path, kind == EVENTS);
	if (r == 0)
		r = im->failure = waiter_wait(&waiter, engine_flush(im->engine, true, waiter_done, &waiter));
	if (r < 0)
		fprintf(stderr, "mynews import: %s: %s; what was committed before stays\n", im->failure ? "storing" : path,
		        file_strerror(r));
	uint64_t n_articles = 0, n_events = im->events[EVENT_ACCEPTED] + im->events[EVENT_DUPLICATE];
	for (int outcome = 0; outcome < ARTICLE_REJECTED; outcome++)
		n_articles += im->articles[outcome];
	n_done += kind == EVENTS ? n_events : 0;
	summary(im, what, n_done, n_articles, n_events);
	return r == 0 && im->n_rejected > 0 && n_done + n_articles == 0 ? 1 : r;
}

static int check_arguments(const struct option_value *o)
{
	unsigned n_files = 0;
	for (int kind = EDITIONS; kind <= EVENTS; kind++)
		n_files += o[kind].value != NULL;
	if (!o[DATA].value || n_files == 0) {
		fputs("mynews import: give --data DIR and one or more of --editions, --articles, --readers, --events FILE\n", stderr);
		return EXIT_USAGE;
	}
	if (o[REBASE].value && strcmp(o[REBASE].value, "now") != 0) {
		fputs("mynews import: --rebase takes now\n", stderr);
		return EXIT_USAGE;
	}
	for (int kind = EDITIONS; kind <= EVENTS; kind++)
		if (o[kind].value && access(o[kind].value, R_OK) != 0) {
			fprintf(stderr, "mynews import: can't read %s: %s\n", o[kind].value, strerror(errno));
			return EXIT_FAILED;
		}
	return EXIT_FINE;
}

/* The newest of the articles' times becomes now, or of the events' when no articles come along. */
static int find_shift(struct import *im, const struct option_value *o)
{
	int kind = o[ARTICLES].value ? ARTICLES : EVENTS;
	int64_t newest_ms = 0;
	int r = o[REBASE].value && o[kind].value ? newest_time(o[kind].value, kind == EVENTS, &newest_ms) : 0;
	if (r < 0)
		fprintf(stderr, "mynews import: %s: %s\n", o[kind].value, file_strerror(r));
	im->shift_ms = newest_ms ? im->now_ms - newest_ms : 0;
	return r;
}

int cmd_import(int argc, char **argv)
{
	struct option_value o[N_OPTIONS + 1] = {{.name = "--data"}, {.name = "--editions"}, {.name = "--articles"},
	                                        {.name = "--readers"}, {.name = "--events"}, {.name = "--rebase"},
	                                        {.name = "--config"}, {0}};
	struct import im = {.lock = PTHREAD_MUTEX_INITIALIZER, .finished = PTHREAD_COND_INITIALIZER, .now_ms = wall_ms(),
	                    .terminal = isatty(STDERR_FILENO)};
	int r = options_parse("import", argc, argv, o);
	if (r == 0)
		r = check_arguments(o);
	if (r != 0)
		return r;
	im.slots = calloc(SLOTS, sizeof(*im.slots));
	for (int i = 0; im.slots && i < SLOTS; i++)
		im.slots[i].import = &im;
	r = im.slots ? find_shift(&im, o) : -ENOMEM;
	if (r == 0)
		r = open_engine(&im, o[DATA].value, o[CONFIG].value);
	for (int kind = EDITIONS; kind <= EVENTS && r == 0; kind++)
		if (o[kind].value)
			r = import_file(&im, kind, o[kind].name + 2, o[kind].value);
	engine_worker_free(im.worker);
	engine_close(im.engine);
	for (int i = 0; im.slots && i < SLOTS; i++)
		arena_free(&im.slots[i].arena);
	free(im.slots);
	return r == 0 ? EXIT_FINE : EXIT_FAILED;
}
