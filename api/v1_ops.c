/* What operators and their machines ask. */
#include <errno.h>

#include "api/embedded.h"
#include "api/routes.h"
#include "engine/base/hash.h"
#include "engine/base/rfc3339.h"

void v1_ops_healthz(struct http_exchange *x, void *ctx)
{
	http_reply_header(x, "Cache-Control", SPAN("no-store"));
	http_reply(x, 200, "application/json", SPAN("{\"status\":\"ok\"}"));
}

/* Ready: not about to stop, and able to take writes. */
void v1_ops_readyz(struct http_exchange *x, void *ctx)
{
	struct api *api = ctx;
	struct engine_stats stats;
	engine_stats(api->engine, &stats);
	http_reply_header(x, "Cache-Control", SPAN("no-store"));
	if (atomic_load(&api->draining)) {
		http_reply_header(x, "Retry-After", SPAN("5"));
		http_reply_problem(x, 503, "closing", "the server is closing", NULL, 0);
	} else if (stats.store_nearly_full) {
		http_reply_header(x, "Retry-After", SPAN("30"));
		http_reply_problem(x, 503, "storage_full", "the store is nearly full: raise map_gib, or keep fewer days", NULL, 0);
	} else {
		http_reply(x, 200, "application/json", SPAN("{\"status\":\"ready\"}"));
	}
}

void v1_ops_openapi(struct http_exchange *x, void *ctx)
{
	http_reply_etag(x, hash64(embedded_openapi));
	http_reply_compressible(x);
	http_reply(x, 200, "application/json", embedded_openapi);
}

static uint64_t uptime_s(const struct api *api, struct http_exchange *x)
{
	int64_t ms = http_now_ms(x) - api->started_ms;
	return ms > 0 ? (uint64_t)ms / 1000 : 0;
}

void v1_ops_metrics(struct http_exchange *x, void *ctx)
{
	struct api *api = ctx;
	struct metrics_gauges g = {.rss_bytes = metrics_rss_bytes(), .uptime_s = uptime_s(api, x),
	                           .n_limited = atomic_load(&api->n_limited)};
	engine_stats(api->engine, &g.engine);
	http_server_counts(api->http, &g.http);
	struct buf *b = api_out(x);
	metrics_write(api->metrics, api_routes, &g, b);
	struct span body = b->failed ? (struct span){NULL, 0} : arena_copy(http_arena(x), buf_span(b));
	if (!body.data) {
		api_reply_errno(x, -ENOMEM);
		return;
	}
	http_reply_compressible(x);
	http_reply(x, 200, "text/plain; version=0.0.4; charset=utf-8", body);
}

static void put_learning(struct buf *b, const struct engine_stats *e)
{
	buf_printf(b, ",\"learning\":{\"learnt\":%llu,\"pending\":%llu,\"watched\":%llu,\"pending_bytes\":%llu,\"pending_dropped\":%llu,"
	           "\"bytes\":%llu,\"fallbacks\":%llu,\"models\":[", (unsigned long long)e->n_learnt,
	           (unsigned long long)e->n_pending_slates, (unsigned long long)e->n_watched_slates,
	           (unsigned long long)e->pending_bytes,
	           (unsigned long long)e->n_pending_dropped, (unsigned long long)e->learner_bytes,
	           (unsigned long long)e->n_learner_fallbacks);
	for (size_t i = 0; i < e->n_models; i++) {
		const struct engine_model_stats *m = &e->models[i];
		buf_put_cstr(b, i ? ",{\"model\":" : "{\"model\":");
		buf_put_json_string(b, span_of(m->name));
		buf_printf(b, ",\"slates\":%llu,\"scored\":%llu,\"auc\":", (unsigned long long)m->n_slates,
		           (unsigned long long)m->n_scored);
		buf_put_json_double(b, m->auc);
		buf_put_cstr(b, ",\"click_through\":");
		buf_put_json_double(b, m->click_through);
		buf_put_cstr(b, ",\"calibration\":");
		buf_put_json_double(b, m->calibration);
		buf_put_char(b, '}');
	}
	buf_put_cstr(b, "]}");
}

void v1_ops_stats(struct http_exchange *x, void *ctx)
{
	struct api *api = ctx;
	struct engine_stats e;
	struct http_counts http;
	uint64_t n_requests, n_failed;
	char now[RFC3339_BYTES + 1];
	engine_stats(api->engine, &e);
	http_server_counts(api->http, &http);
	metrics_totals(api->metrics, &n_requests, &n_failed);
	rfc3339_format(http_now_ms(x), now);
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{"uptime_s", uptime_s(api, x)}, {"rss_bytes", metrics_rss_bytes()}, {"requests", n_requests},
		{"requests_failed", n_failed}, {"connections", http.connections}, {"sequence", e.sequence},
		{"articles_live", e.n_articles_live}, {"stories_live", e.n_stories_live}, {"segments", e.n_segments},
		{"users", e.n_users}, {"readers_cached", e.n_readers_cached}, {"readers_dirty", e.n_readers_dirty},
		{"topics", e.n_topics}, {"catalog_bytes", e.catalog_bytes}, {"readers_bytes", e.readers_bytes},
		{"topics_bytes", e.topics_bytes}, {"stories_bytes", e.stories_bytes}, {"store_used_bytes", e.store_used_bytes},
		{"store_map_bytes", e.store_map_bytes}, {"queue_elements", e.queue_elements},
		{"queue_capacity", e.queue_capacity}, {"commits", e.n_commits}, {"elements", e.n_elements},
		{"last_batch_elements", e.last_batch_elements}, {"commit_us_total", e.commit_us_total},
		{"commit_failures", e.n_commit_failures}, {"checkpoint_sequence", e.checkpoint_sequence},
		{"feeds", e.n_feeds}, {"slates_dropped", e.n_slates_dropped},
	};
	struct buf *b = api_out(x);
	buf_printf(b, "{\"now\":\"%s\",\"store_nearly_full\":%s", now, e.store_nearly_full ? "true" : "false");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		buf_printf(b, ",\"%s\":%llu", rows[i].name, (unsigned long long)rows[i].value);
	put_learning(b, &e);
	buf_put_char(b, '}');
	http_reply_header(x, "Cache-Control", SPAN("no-store"));
	api_reply_json(x, 200, b);
}

/* ---- the manual clock ---- */

static void clock_finish(struct http_exchange *x, void *state)
{
	const int64_t *now_ms = state;
	char text[RFC3339_BYTES + 1];
	rfc3339_format(*now_ms, text);
	struct buf *b = api_out(x);
	buf_printf(b, "{\"now\":\"%s\"}", text);
	api_reply_json(x, 200, b);
}

static bool from_loopback(struct http_exchange *x)
{
	struct config_network v4, v6;
	return config_network_parse(SPAN("127.0.0.0/8"), &v4) == 0 && config_network_parse(SPAN("::1"), &v6) == 0 &&
	       (config_network_contains(&v4, http_peer(x)) || config_network_contains(&v6, http_peer(x)));
}

/* {"now": time} or {"advance_s": seconds}; the clock only goes forward, as everything behind it assumes. */
void v1_ops_clock(struct http_exchange *x, void *ctx)
{
	static const char *const members[] = {"now", "advance_s", NULL};
	struct api *api = ctx;
	struct decode d = {.arena = http_arena(x)};
	int64_t *now_ms = api_alloc(x, 1, sizeof(*now_ms)), advance_s = 0;
	json_t *body;
	if (!now_ms)
		return;
	if (!api->manual_clock) {
		http_reply_problem(x, 409, "clock_not_manual", "start the server with --clock manual", NULL, 0);
		return;
	}
	if (!from_loopback(x)) {
		http_reply_problem(x, 403, "loopback_only", "the clock is set from this machine only", NULL, 0);
		return;
	}
	if (!(body = api_body(x)))
		return;
	decode_only(&d, body, members);
	bool set = decode_time(&d, body, "now", now_ms);
	bool advance = decode_integer(&d, body, "advance_s", 0, 10LL * 366 * 86400, &advance_s);
	json_decref(body);
	if (set == advance && d.n_errors == 0)
		decode_error(&d, "now", -1, set ? "stands beside advance_s: give one of them" : "is required, or give advance_s");
	if (api_refused(x, &d, 400, "invalid_body"))
		return;
	int64_t old = atomic_load(&api->manual_now_ms);
	if (advance)
		*now_ms = old + advance_s * 1000;
	if (*now_ms < old || *now_ms > RFC3339_MAX_MS) {
		http_reply_problem(x, 409, "clock_backwards", "the clock only goes forward, up to the year 9999", NULL, 0);
		return;
	}
	atomic_store(&api->manual_now_ms, *now_ms);
	struct api_write *w = api_write_begin(x, clock_finish, now_ms);
	if (w)
		api_write_end(w, engine_tick(api->engine, *now_ms, api_write_done, w));
}
