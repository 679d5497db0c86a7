/* mynews serve. The main thread opens everything, then waits for signals and moves the engine's time once a second:
 * SIGTERM and SIGINT drain and stop, SIGHUP reads the settings and models again. */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "api/api.h"
#include "api/commands.h"
#include "api/models_dir.h"
#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/base/rfc3339.h"

enum { OPTION_DATA, OPTION_LISTEN, OPTION_THREADS, OPTION_CONFIG, OPTION_CLOCK, OPTION_VECTORS, N_OPTIONS };
enum { THREADS_MAX = 64, KEPT_BYTES = 64 << 20, REASON_BYTES = 640 };

struct server {
	struct api api;
	const char *data, *listen, *threads, *config_path, *clock, *vectors;
	unsigned n_threads;
	struct config *config; /* the one in force */
	struct config started; /* as it was at the start */
	uint64_t n_commit_failures; /* as last logged */
};

/* ---- settings ---- */

/* Reads the settings into a new struct and lets the options win. NULL with the reason. */
static struct config *read_config(const struct server *s, char reason[REASON_BYTES])
{
	struct config_problems problems;
	struct config *c = malloc(sizeof(*c));
	if (!c) {
		snprintf(reason, REASON_BYTES, "memory is out");
		return NULL;
	}
	config_defaults(c);
	int r = s->config_path ? config_load(s->config_path, c, &problems) : 0;
	if (r < 0)
		snprintf(reason, REASON_BYTES, "%.200s: %s", s->config_path, strerror(-r));
	else if (r > 0)
		snprintf(reason, REASON_BYTES, "%.200s: %s%s%s (mynews config --check says all)", s->config_path,
		         problems.errors[0].pointer, problems.errors[0].pointer[0] ? " " : "", problems.errors[0].detail);
	if (r != 0) {
		free(c);
		return NULL;
	}
	if (s->listen)
		config_set_listen(c, s->listen);
	return c;
}

/* Without keys nobody but this machine may come in. */
static bool listen_allowed(const struct config *c)
{
	if (c->n_keys > 0 || config_listen_is_loopback(c->listen))
		return true;
	fprintf(stderr, "mynews serve: no key is configured, so only a loopback address such as 127.0.0.1:8080 is served, "
	                "not %s; put keys into --config\n", c->listen);
	return false;
}

/* Each connection is a file, and the usual limit of a shell, 1,024, is far below max_connections. */
static void raise_file_limit(const struct config *c)
{
	enum { OTHER_FILES = 128 };
	struct rlimit limit;
	rlim_t needed = (rlim_t)c->max_connections + OTHER_FILES;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= needed)
		return;
	limit.rlim_cur = limit.rlim_max < needed ? limit.rlim_max : needed;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < needed)
		fprintf(stderr, "mynews serve: may open %llu files, too few for max_connections %lld: connections may have to wait; "
		                "raise the limit (ulimit -n, LimitNOFILE)\n",
		        (unsigned long long)limit.rlim_cur, (long long)c->max_connections);
}

static int open_engine(struct server *s)
{
	struct config *c = s->config;
	struct engine_config e = engine_config_default;
	struct engine_problem problem = {{0}};
	struct arena arena = {0};
	int r = models_dir_load(&arena, c->models_dir, c->default_model, &e.models, &e.n_models, &problem);
	if (r == 0) {
		e.dir = s->data;
		config_engine(c, &e);
		e.vectors = s->vectors ? s->vectors : c->vectors;
		r = engine_open(&s->api.engine, &e, api_now_ms(&s->api), &problem);
	}
	arena_free(&arena);
	if (r != 0)
		fprintf(stderr, "mynews serve: %s\n", r > 0 ? problem.text : strerror(-r));
	return r;
}

static int open_http(struct server *s)
{
	const struct config *c = s->config;
	struct http_config h = http_config_default;
	h.listen = c->listen;
	h.n_threads = s->n_threads;
	h.max_connections = (unsigned)c->max_connections;
	h.max_header_bytes = (size_t)c->max_header_bytes;
	h.max_body_bytes = (size_t)c->max_body_bytes;
	h.idle_timeout_ms = (unsigned)c->idle_timeout_ms;
	h.header_timeout_ms = (unsigned)c->header_timeout_ms;
	h.body_timeout_ms = (unsigned)c->body_timeout_ms;
	h.write_timeout_ms = (unsigned)c->write_timeout_ms;
	h.drain_timeout_ms = (unsigned)c->drain_timeout_ms;
	api_install(&s->api, &h);
	int r = http_server_new(&s->api.http, &h);
	if (r == -EADDRINUSE)
		fprintf(stderr, "mynews serve: %s is in use; stop what runs there or choose another --listen\n", c->listen);
	else if (r == -EINVAL)
		fprintf(stderr, "mynews serve: %s is not an address to listen on; write it as 127.0.0.1:8080\n", c->listen);
	else if (r < 0)
		fprintf(stderr, "mynews serve: can't listen on %s: %s\n", c->listen, strerror(-r));
	return r;
}

/* ---- running ---- */

/* What has changed and is not taken up is named, lest someone waits for it. */
static void log_reloaded(struct server *s, size_t n_models)
{
	const char *names[CONFIG_SETTINGS_MAX];
	char waiting[1024] = "";
	size_t n = config_waiting(&s->started, s->config, names), len = 0;
	for (size_t i = 0; i < n && len < sizeof(waiting); i++)
		len += (size_t)snprintf(waiting + len, sizeof(waiting) - len, "%s\"%s\"", i ? "," : "", names[i]);
	log_line(api_now_ms(&s->api), n ? LOG_WARN : LOG_INFO, "reloaded", "\"keys\":%zu,\"models\":%zu,\"after_restart\":[%s]",
	         s->config->n_keys, n_models, waiting);
}

/* Names of files stand in a reason as they are on the disk, or cut: where that is no UTF-8, it is told in ASCII. */
static void log_refused(struct server *s, char *reason)
{
	struct buf quoted = {0};
	json_t *valid = json_string(reason);
	for (char *c = reason; !valid && *c; c++)
		if (*c & 0x80)
			*c = '?';
	json_decref(valid);
	buf_put_json_string(&quoted, span_of(reason));
	log_line(api_now_ms(&s->api), LOG_WARN, "reload_refused", "\"reason\":%.*s", quoted.failed ? 4 : (int)quoted.len,
	         quoted.failed ? "null" : quoted.data);
	buf_free(&quoted);
}

/* Models for the settings, into the engine. Returns 0, or 1 with the reason. */
static int reload_models(struct server *s, const struct config *c, size_t *n, char reason[REASON_BYTES])
{
	struct engine_problem problem;
	struct arena arena = {0};
	const struct engine_model_text *models;
	int r = models_dir_load(&arena, c->models_dir, c->default_model, &models, n, &problem);
	if (r == 0)
		r = engine_set_models(s->api.engine, models, *n, &problem);
	arena_free(&arena);
	if (r != 0)
		snprintf(reason, REASON_BYTES, "%s", r > 0 ? problem.text : strerror(-r));
	return r != 0;
}

/* All of it or nothing. */
static void reload(struct server *s)
{
	char reason[REASON_BYTES];
	size_t n;
	struct config *fresh = read_config(s, reason);
	int r = fresh ? 0 : 1;
	if (r == 0 && fresh->n_keys == 0 && s->config->n_keys > 0) { /* a proxy may stand before it */
		snprintf(reason, REASON_BYTES, "the last key can't go while the server runs");
		r = 1;
	}
	if (r == 0)
		r = reload_models(s, fresh, &n, reason);
	if (r != 0) {
		log_refused(s, reason);
		free(fresh);
		return;
	}
	struct config *old = s->config;
	s->config = fresh;
	atomic_store_explicit(&s->api.config, fresh, memory_order_release);
	epoch_retire(s->api.epoch, old, free);
	log_reloaded(s, n);
}

static void tick(struct server *s)
{
	(void)epoch_reclaim(s->api.epoch);
	if (s->api.manual_clock)
		return;
	int r = engine_tick(s->api.engine, api_now_ms(&s->api), NULL, NULL);
	if (r < 0 && r != -EAGAIN)
		log_line(api_now_ms(&s->api), LOG_ERROR, "tick", "\"error\":\"%s\"", strerror(-r));
}

/* Clients are told by 503; this is for whoever has to make room or change the disk. */
static void log_commit_failures(struct server *s)
{
	struct engine_stats stats;
	engine_stats(s->api.engine, &stats);
	if (stats.n_commit_failures > s->n_commit_failures)
		log_line(api_now_ms(&s->api), LOG_ERROR, "commits_failed", "\"n\":%llu,\"error\":\"%s\"",
		         (unsigned long long)(stats.n_commit_failures - s->n_commit_failures), strerror(-stats.last_commit_error));
	s->n_commit_failures = stats.n_commit_failures;
}

/* Until a signal says to stop. */
static void run(struct server *s, const sigset_t *signals)
{
	const struct timespec second = {.tv_sec = 1};
	struct timespec last, now;
	clock_gettime(CLOCK_MONOTONIC, &last);
	for (;;) {
		int signal = sigtimedwait(signals, NULL, &second);
		if (signal == SIGTERM || signal == SIGINT)
			return;
		if (signal == SIGHUP)
			reload(s);
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec != last.tv_sec) {
			tick(s);
			log_commit_failures(s);
		}
		last = now;
	}
}

static int serve(struct server *s)
{
	char reason[REASON_BYTES];
	sigset_t signals;
	int r = EXIT_FAILED;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before any thread starts */
	signal(SIGPIPE, SIG_IGN);

	s->config = read_config(s, reason);
	if (!s->config)
		fprintf(stderr, "mynews serve: %s\n", reason);
	if (!s->config || !listen_allowed(s->config))
		goto out;
	s->started = *s->config;
	raise_file_limit(s->config);
	if (s->n_threads == 0)
		s->n_threads = (unsigned)s->config->threads;
	if (s->n_threads == 0) {
		long n = sysconf(_SC_NPROCESSORS_ONLN);
		s->n_threads = n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : (unsigned)n;
	}
	log_setup(STDERR_FILENO, LOG_DEBUG); /* what is below log_level isn't written in the first place */
	atomic_store(&s->api.config, s->config);
	if (messages_new(&s->api.messages) < 0 || metrics_new(&s->api.metrics, api_n_routes, s->n_threads) < 0 ||
	    ratelimit_new(&s->api.limits) < 0 || epoch_new(&s->api.epoch) < 0) {
		fprintf(stderr, "mynews serve: memory is out\n");
		goto out;
	}
	/* Listening first: a second server on the port should say so before it touches the data. */
	if (open_http(s) != 0 || open_engine(s) != 0)
		goto out;
	s->api.started_ms = api_now_ms(&s->api);
	int started = http_server_start(s->api.http);
	if (started < 0) {
		fprintf(stderr, "mynews serve: can't start its threads: %s\n", strerror(-started));
		goto out;
	}
	printf("mynews: serving %s on port %u\n", s->data, (unsigned)http_server_port(s->api.http));
	fflush(stdout);
	run(s, &signals);
	atomic_store(&s->api.draining, true);
	log_line(api_now_ms(&s->api), LOG_INFO, "stopping", NULL);
	r = EXIT_FINE;
out:
	if (s->api.http)
		http_server_stop(s->api.http);
	engine_close(s->api.engine); /* writes still queued answer exchanges that are still allocated */
	http_server_free(s->api.http);
	epoch_free(s->api.epoch);
	ratelimit_free(s->api.limits);
	metrics_free(s->api.metrics);
	messages_free(s->api.messages);
	free(s->config);
	return r;
}

/* "manual" starts at the system's time, "manual:TIME" at that time. */
static bool set_clock(struct server *s)
{
	int64_t now_ms = api_now_ms(&s->api);
	struct span clock = span_of(s->clock), manual = SPAN("manual:");
	if (!s->clock)
		return true;
	if (span_starts_with(clock, manual)) {
		if (rfc3339_parse((struct span){clock.data + manual.len, clock.len - manual.len}, &now_ms) != 0)
			return false;
	} else if (!span_equal_cstr(clock, "manual")) {
		return false;
	}
	s->api.manual_clock = true;
	atomic_store(&s->api.manual_now_ms, now_ms);
	return true;
}

int cmd_serve(int argc, char **argv)
{
	struct option_value options[N_OPTIONS + 1] = {
		[OPTION_DATA] = {.name = "--data"}, [OPTION_LISTEN] = {.name = "--listen"},
		[OPTION_THREADS] = {.name = "--threads"}, [OPTION_CONFIG] = {.name = "--config"},
		[OPTION_CLOCK] = {.name = "--clock"}, [OPTION_VECTORS] = {.name = "--vectors"}};
	if (options_parse("serve", argc, argv, options))
		return EXIT_USAGE;
	static struct server s;
	s.data = options[OPTION_DATA].value;
	s.listen = options[OPTION_LISTEN].value;
	s.config_path = options[OPTION_CONFIG].value;
	s.clock = options[OPTION_CLOCK].value;
	s.vectors = options[OPTION_VECTORS].value;
	if (!s.data) {
		fprintf(stderr, "mynews serve: say where the data is: --data DIR\n");
		return EXIT_USAGE;
	}
	if (s.listen && strlen(s.listen) > CONFIG_NAME_BYTES) {
		fprintf(stderr, "mynews serve: --listen takes an address such as 127.0.0.1:8080\n");
		return EXIT_USAGE;
	}
	if (options[OPTION_THREADS].value) {
		char *end;
		long n = strtol(options[OPTION_THREADS].value, &end, 10);
		if (*end || n < 1 || n > THREADS_MAX) {
			fprintf(stderr, "mynews serve: --threads takes a number from 1 to %d\n", THREADS_MAX);
			return EXIT_USAGE;
		}
		s.n_threads = (unsigned)n;
	}
	if (!set_clock(&s)) {
		fprintf(stderr, "mynews serve: --clock takes manual or manual:2026-11-20T12:00:00Z\n");
		return EXIT_USAGE;
	}
	/* Slates wait for their readers' events by the megabyte: memory that they free is soon asked for again, and is not given
	 * back to the system each time. */
	(void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
	return serve(&s);
}
