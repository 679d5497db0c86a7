/* Counters of requests by route: each worker counts its own, a reader sums them. Written as Prometheus text
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). */
#ifndef MYNEWS_API_METRICS_H
#define MYNEWS_API_METRICS_H

#include <stdint.h>

#include "api/http/http.h"
#include "engine/base/buf.h"
#include "engine/engine.h"

struct metrics;
struct metrics_worker;

/* For n_routes routes and n_workers workers. Returns 0 or -ENOMEM. */
int metrics_new(struct metrics **out, size_t n_routes, unsigned n_workers) __attribute__((warn_unused_result));
void metrics_free(struct metrics *m); /* NULL is safe */
/* The counters of one worker, which alone may add to them. */
struct metrics_worker *metrics_worker(struct metrics *m, unsigned worker);
/* route: its place in the table, n_routes when none matched. */
void metrics_count(struct metrics_worker *w, size_t route, unsigned status, uint64_t duration_us);

struct metrics_gauges {
	struct engine_stats engine;
	struct http_counts http;
	uint64_t rss_bytes, uptime_s, n_limited;
};
/* routes: [n_routes], the table the counters are for. Any thread. */
void metrics_write(struct metrics *m, const struct http_route *routes, const struct metrics_gauges *g, struct buf *b);
/* All requests, and those answered with 500 or more. */
void metrics_totals(struct metrics *m, uint64_t *n_requests, uint64_t *n_failed);

/* The memory this process has in RAM; 0 when unknown. */
uint64_t metrics_rss_bytes(void);

#endif
