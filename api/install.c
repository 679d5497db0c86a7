/* How the HTTP server and the handlers are put together. A worker holds one reader of the engine and one of the settings'
 * epoch, both inside only between wake and idle. */
#include <errno.h>
#include <stdlib.h>

#include "api/access.h"
#include "api/api.h"
#include "engine/base/log.h"

static void worker_stop(void *ctx, void *data)
{
	struct api_worker *w = data;
	if (!w)
		return;
	engine_worker_free(w->engine);
	if (w->epoch_reader >= 0)
		epoch_unregister(w->api->epoch, w->epoch_reader);
	buf_free(&w->out);
	buf_free(&w->scratch);
	free(w);
}

static void *worker_start(void *ctx, unsigned worker)
{
	struct api *api = ctx;
	struct api_worker *w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->api = api;
	w->metrics = metrics_worker(api->metrics, worker);
	w->epoch_reader = epoch_register(api->epoch);
	if (w->epoch_reader < 0 || engine_worker_new(api->engine, &w->engine) < 0) {
		worker_stop(api, w);
		return NULL;
	}
	return w;
}

static void worker_wake(void *ctx, void *data)
{
	struct api_worker *w = data;
	if (!w)
		return;
	epoch_enter(w->api->epoch, w->epoch_reader);
	engine_wake(w->engine);
}

static void worker_idle(void *ctx, void *data)
{
	struct api_worker *w = data;
	if (!w)
		return;
	engine_idle(w->engine);
	epoch_leave(w->api->epoch, w->epoch_reader);
}

/* Names the route, not the path: a path holds readers' ids. */
static void log_access(struct http_exchange *x, const struct http_route *route, unsigned status, uint64_t duration_us,
                       size_t bytes_out)
{
	static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
	const struct api_identity *who = api_identity(x);
	struct buf *b = &api_worker(x)->scratch;
	size_t method = (size_t)http_method(x); /* out of the table when the request was not understood so far */
	buf_clear(b);
	buf_put_cstr(b, "\"request_id\":");
	buf_put_json_string(b, http_request_id(x)); /* may be the client's own */
	buf_printf(b, ",\"method\":\"%s\",\"route\":\"%s\",\"status\":%u,\"us\":%llu,\"bytes\":%zu,\"peer\":",
	           method < sizeof(methods) / sizeof(methods[0]) ? methods[method] : "", route ? route->pattern : "", status, (unsigned long long)duration_us, bytes_out);
	buf_put_json_string(b, http_peer(x));
	buf_put_cstr(b, ",\"key\":");
	buf_put_json_string(b, span_of(who->key_name ? who->key_name : who->reader.len ? "(token)" : ""));
	if (!b->failed)
		log_line(http_now_ms(x), LOG_INFO, "request", "%.*s", (int)b->len, b->data);
}

static void finished(void *ctx, struct http_exchange *x, const struct http_route *route, unsigned status,
                     uint64_t duration_us, size_t bytes_out)
{
	struct api *api = ctx;
	struct api_worker *w = http_worker_data(x);
	if (!w)
		return;
	metrics_count(w->metrics, route ? (size_t)(route - api_routes) : api_n_routes, status, duration_us);
	const struct config *c = api_config(api);
	if (c->access_log && c->log_level <= LOG_INFO)
		log_access(x, route, status, duration_us, bytes_out);
}

/* A worker that could not be set up answers nothing but this. */
static bool authorize(void *ctx, struct http_exchange *x, const struct http_route *route)
{
	if (http_worker_data(x))
		return access_authorize(ctx, x, route);
	api_reply_errno(x, -ENOMEM);
	return false;
}

void api_install(struct api *api, struct http_config *config)
{
	config->ctx = api;
	config->now_ms = api_now_ms;
	config->routes = api_routes;
	config->n_routes = api_n_routes;
	config->hooks = (struct http_hooks){.worker_start = worker_start, .worker_stop = worker_stop, .wake = worker_wake,
	                                    .idle = worker_idle, .authorize = authorize, .finished = finished};
}
