/* What operators ask. */
#include <errno.h>

#include "api/api.h"
#include "api/formats/decode.h"
#include "engine/base/hash.h"
#include "engine/base/rfc3339.h"

void v1_healthz(struct http_exchange *x, void *ctx)
{
	http_reply(x, 200, "application/json", SPAN("{\"status\":\"ok\"}"));
}

/* Ready: started, not about to stop, and able to take writes. */
void v1_readyz(struct http_exchange *x, void *ctx)
{
	struct api *api = ctx;
	struct engine_stats stats;
	engine_stats(api->engine, &stats);
	if (atomic_load(&api->draining)) {
		http_reply_header(x, "Retry-After", SPAN("5"));
		api_problem(x, 503, "stopping", "the server is stopping");
	} else if (stats.store_nearly_full) {
		http_reply_header(x, "Retry-After", SPAN("60"));
		api_problem(x, 503, "storage_full", "the store is nearly full: raise map_gib, or lower live_days or log_days");
	} else {
		http_reply(x, 200, "application/json", SPAN("{\"status\":\"ready\"}"));
	}
}

void v1_metrics(struct http_exchange *x, void *ctx)
{
	struct api *api = ctx;
	metrics_write(api->metrics, api, api_out(x));
	struct span body = api_keep(x);
	if (!body.data)
		return;
	http_reply_compressible(x);
	http_reply(x, 200, "text/plain; version=0.0.4; charset=utf-8", body);
}

void v1_openapi(struct http_exchange *x, void *ctx)
{
	http_reply_etag(x, hash64(embedded_openapi));
	http_reply_compressible(x);
	http_reply(x, 200, "application/json", embedded_openapi);
}

void v1_stats(struct http_exchange *x, void *ctx)
{
	struct api *api = ctx;
	struct engine_stats s;
	char now[RFC3339_BYTES + 1];
	engine_stats(api->engine, &s);
	rfc3339_format(http_now_ms(x), now);
	struct buf *b = api_out(x);
	buf_printf(b, "{\"now\":\"%s\"", now);
#define MEMBER(name) buf_printf(b, ",\"" #name "\":%llu", (unsigned long long)s.name)
	MEMBER(sequence);
	MEMBER(n_articles_live);
	MEMBER(n_stories_live);
	MEMBER(n_segments);
	MEMBER(n_users);
	MEMBER(n_readers_cached);
	MEMBER(n_readers_dirty);
	MEMBER(n_topics);
	MEMBER(catalog_bytes);
	MEMBER(readers_bytes);
	MEMBER(topics_bytes);
	MEMBER(stories_bytes);
	MEMBER(store_used_bytes);
	MEMBER(store_map_bytes);
	MEMBER(queue_elements);
	MEMBER(queue_capacity);
	MEMBER(n_commits);
	MEMBER(n_elements);
	MEMBER(last_batch_elements);
	MEMBER(commit_us_total);
	MEMBER(n_commit_failures);
	MEMBER(checkpoint_sequence);
	MEMBER(n_slates_dropped);
	MEMBER(n_feeds);
#undef MEMBER
	buf_printf(b, ",\"store_nearly_full\":%s}", s.store_nearly_full ? "true" : "false");
	api_reply(x, 200);
}

/* ---- the manual clock ---- */

struct clock_write {
	struct write write;
	int64_t now_ms;
};

static void reply_clock(struct http_exchange *x, struct write *write)
{
	char now[RFC3339_BYTES + 1];
	rfc3339_format(((struct clock_write *)write)->now_ms, now);
	buf_printf(api_out(x), "{\"now\":\"%s\"}", now);
	api_reply(x, 200);
}

void v1_clock(struct http_exchange *x, void *ctx)
{
	static const char *const members[] = {"now", NULL};
	struct api *api = ctx;
	struct decode d = {.arena = http_arena(x)};
	struct clock_write *w;
	struct span peer = http_peer(x);
	json_t *body;
	if (!api->manual_clock) {
		api_problem(x, 404, "no_manual_clock", "the server was not started with --clock manual");
		return;
	}
	struct span text = arena_printf(http_arena(x), "%.*s", (int)peer.len, peer.data);
	if (!text.data || !config_is_loopback(text.data)) {
		api_problem(x, 403, "forbidden", "the clock is set from this machine only");
		return;
	}
	if (!(w = api_write_new(x, sizeof(*w), reply_clock)) || !api_body_json(x, &body))
		return;
	if (json_is_object(body)) {
		decode_only(&d, body, members);
		decode_time(&d, body, "now", &w->now_ms);
		decode_require(&d, body, "now");
	} else {
		decode_error(&d, "", -1, "is not an object");
	}
	json_decref(body);
	if (d.n_errors || d.no_memory) {
		api_bad_fields(x, 400, &d);
		return;
	}
	atomic_store(&api->clock_ms, w->now_ms);
	api_write_begin(&w->write);
	api_write_sent(&w->write, engine_tick(api->engine, w->now_ms, api_write_done, w));
}
