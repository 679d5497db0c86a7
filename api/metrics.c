/* Each worker counts into its own block with relaxed atomics; a scrape sums the blocks. Histograms follow Prometheus'
 * text format 0.0.4: cumulative buckets, seconds. */
#include <string.h>
#include <math.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/metrics.h"

static const unsigned statuses[] = {200, 201, 204, 304, 400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429, 500, 503};
enum { N_STATUSES = sizeof(statuses) / sizeof(statuses[0]) + 1 }; /* the last is any other */
static const unsigned limits_us[] = {100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000, 5000000};
enum { N_LIMITS = sizeof(limits_us) / sizeof(limits_us[0]) };

struct route_counts {
	_Atomic uint64_t by_status[N_STATUSES];
	_Atomic uint64_t buckets[N_LIMITS + 1]; /* not cumulative; the last is over every limit */
	_Atomic uint64_t sum_us;
	_Atomic uint64_t n_failed; /* answered with 500 or more */
};

struct metrics_worker {
	size_t n_routes;
	struct route_counts *routes; /* [n_routes + 1]; the last counts what no route matched */
};

struct metrics {
	unsigned n_workers;
	size_t n_routes;
	struct metrics_worker *workers; /* [n_workers] */
};

int metrics_new(struct metrics **out, size_t n_routes, unsigned n_workers)
{
	struct metrics *m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->n_routes = n_routes;
	m->workers = calloc(n_workers, sizeof(*m->workers));
	for (; m->workers && m->n_workers < n_workers; m->n_workers++) {
		m->workers[m->n_workers].n_routes = n_routes;
		m->workers[m->n_workers].routes = calloc(n_routes + 1, sizeof(struct route_counts));
		if (!m->workers[m->n_workers].routes)
			break;
	}
	if (m->n_workers < n_workers) {
		metrics_free(m);
		return -ENOMEM;
	}
	*out = m;
	return 0;
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	for (unsigned i = 0; i < m->n_workers; i++)
		free(m->workers[i].routes);
	free(m->workers);
	free(m);
}

struct metrics_worker *metrics_worker(struct metrics *m, unsigned worker)
{
	return &m->workers[worker];
}

/* One thread writes each counter, so a load and a store will do. */
static void add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

void metrics_count(struct metrics_worker *w, size_t route, unsigned status, uint64_t duration_us)
{
	struct route_counts *r = &w->routes[route < w->n_routes ? route : w->n_routes];
	size_t s = 0, b = 0;
	while (s < N_STATUSES - 1 && statuses[s] != status)
		s++;
	while (b < N_LIMITS && duration_us > limits_us[b])
		b++;
	add(&r->by_status[s], 1);
	add(&r->buckets[b], 1);
	add(&r->sum_us, duration_us);
	add(&r->n_failed, status >= 500);
}

static uint64_t sum_of(const struct metrics *m, size_t route, size_t offset)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < m->n_workers; i++) {
		_Atomic uint64_t *counter = (_Atomic uint64_t *)((char *)&m->workers[i].routes[route] + offset);
		sum += atomic_load_explicit(counter, memory_order_relaxed);
	}
	return sum;
}

static void put_route(struct buf *b, const char *name, const struct http_route *route)
{
	static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
	buf_printf(b, "%s{method=\"%s\",route=\"%s\"", name, route ? methods[route->method] : "", route ? route->pattern : "");
}

static void put_requests(const struct metrics *m, const struct http_route *routes, struct buf *b)
{
	buf_put_cstr(b, "# HELP mynews_http_requests_total Requests answered.\n# TYPE mynews_http_requests_total counter\n");
	for (size_t r = 0; r <= m->n_routes; r++) {
		for (size_t s = 0; s < N_STATUSES; s++) {
			uint64_t n = sum_of(m, r, offsetof(struct route_counts, by_status) + s * sizeof(uint64_t));
			if (n == 0)
				continue;
			put_route(b, "mynews_http_requests_total", r < m->n_routes ? &routes[r] : NULL);
			if (s < N_STATUSES - 1)
				buf_printf(b, ",status=\"%u\"} %llu\n", statuses[s], (unsigned long long)n);
			else
				buf_printf(b, ",status=\"other\"} %llu\n", (unsigned long long)n);
		}
	}
	buf_put_cstr(b, "# HELP mynews_http_request_seconds From a complete head to the reply handed to the kernel.\n"
	                "# TYPE mynews_http_request_seconds histogram\n");
	for (size_t r = 0; r <= m->n_routes; r++) {
		uint64_t counts[N_LIMITS + 1], total = 0, sum = 0;
		for (size_t i = 0; i <= N_LIMITS; i++)
			total += counts[i] = sum_of(m, r, offsetof(struct route_counts, buckets) + i * sizeof(uint64_t));
		if (total == 0)
			continue;
		for (size_t i = 0; i <= N_LIMITS; i++) {
			sum += counts[i];
			put_route(b, "mynews_http_request_seconds_bucket", r < m->n_routes ? &routes[r] : NULL);
			if (i < N_LIMITS)
				buf_printf(b, ",le=\"%g\"} %llu\n", limits_us[i] / 1e6, (unsigned long long)sum);
			else
				buf_printf(b, ",le=\"+Inf\"} %llu\n", (unsigned long long)sum);
		}
		put_route(b, "mynews_http_request_seconds_sum", r < m->n_routes ? &routes[r] : NULL);
		buf_printf(b, "} %g\n", (double)sum_of(m, r, offsetof(struct route_counts, sum_us)) / 1e6);
		put_route(b, "mynews_http_request_seconds_count", r < m->n_routes ? &routes[r] : NULL);
		buf_printf(b, "} %llu\n", (unsigned long long)total);
	}
}

uint64_t metrics_rss_bytes(void)
{
	char line[128] = "", *second;
	FILE *f = fopen("/proc/self/statm", "re");
	if (!f)
		return 0;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	second = strchr(line, ' ');
	return second ? strtoull(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static void put(struct buf *b, const char *name, const char *type, const char *help, double value)
{
	buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n%s %.15g\n", name, help, name, type, name, value);
}

void metrics_totals(struct metrics *m, uint64_t *n_requests, uint64_t *n_failed)
{
	*n_requests = *n_failed = 0;
	for (size_t r = 0; r <= m->n_routes; r++) {
		*n_failed += sum_of(m, r, offsetof(struct route_counts, n_failed));
		for (size_t i = 0; i <= N_LIMITS; i++)
			*n_requests += sum_of(m, r, offsetof(struct route_counts, buckets) + i * sizeof(uint64_t));
	}
}

/* One line a model, where there is something to say. */
static void put_models(struct buf *b, const struct engine_stats *s, const char *name, const char *help, size_t at)
{
	buf_printf(b, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
	for (size_t i = 0; i < s->n_models; i++) {
		double value;
		memcpy(&value, (const char *)&s->models[i] + at, sizeof(value));
		if (!isnan(value))
			buf_printf(b, "%s{model=\"%s\"} %.9g\n", name, s->models[i].name, value);
	}
}

static void put_learning(struct buf *b, const struct engine_stats *s)
{
	put(b, "mynews_learnt_slates_total", "counter", "Slates learnt from.", (double)s->n_learnt);
	put(b, "mynews_pending_slates", "gauge", "Slates that wait for their readers' events, to be learnt from.",
	    (double)s->n_pending_slates);
	put(b, "mynews_watched_slates", "gauge", "Slates of linear models that wait for their readers' events, to be watched.",
	    (double)s->n_watched_slates);
	put(b, "mynews_pending_slates_dropped_total", "counter", "Slates that taught nothing because memory for waiting was full.",
	    (double)s->n_pending_dropped);
	put(b, "mynews_learner_bytes", "gauge", "Memory of what was learnt.", (double)s->learner_bytes);
	put(b, "mynews_learner_fallbacks_total", "counter", "Times a model went wrong and was put back to its last checkpoint.",
	    (double)s->n_learner_fallbacks);
	put_models(b, s, "mynews_model_auc", "Of live slates, scores against what was chosen, over about a thousand slates.",
	           offsetof(struct engine_model_stats, auc));
	put_models(b, s, "mynews_model_click_through", "Chosen of what was shown, over about a thousand slates.",
	           offsetof(struct engine_model_stats, click_through));
	put_models(b, s, "mynews_model_calibration",
	           "How often the first of a slate should have been chosen, over how often it was; 1 is right.",
	           offsetof(struct engine_model_stats, calibration));
}

void metrics_write(struct metrics *m, const struct http_route *routes, const struct metrics_gauges *g, struct buf *b)
{
	const struct engine_stats s = g->engine;
	const struct http_counts h = g->http;
	put_requests(m, routes, b);
#define COUNTER(name, help, value) put(b, name, "counter", help, (double)(value))
#define GAUGE(name, help, value) put(b, name, "gauge", help, (double)(value))
	GAUGE("mynews_http_connections", "Connections open now.", h.connections);
	COUNTER("mynews_http_connections_total", "Connections accepted.", h.accepted);
	COUNTER("mynews_http_connections_refused_total", "Connections over max_connections.", h.refused);
	COUNTER("mynews_http_timeouts_total", "Clients cut off for being slow.", h.timeouts);
	COUNTER("mynews_http_bad_requests_total", "Requests refused before a handler saw them.", h.bad_requests);
	COUNTER("mynews_http_rate_limited_total", "Requests over a rate limit.", g->n_limited);
	GAUGE("mynews_write_queue_elements", "Elements waiting for the writer.", s.queue_elements);
	GAUGE("mynews_write_queue_capacity", "Elements that may wait.", s.queue_capacity);
	GAUGE("mynews_write_last_batch_elements", "Elements of the latest commit.", s.last_batch_elements);
	COUNTER("mynews_write_elements_total", "Elements committed.", s.n_elements);
	COUNTER("mynews_commits_total", "Commits.", s.n_commits);
	COUNTER("mynews_commit_failures_total", "Commits that failed; nothing of them was stored.", s.n_commit_failures);
	COUNTER("mynews_commit_seconds_total", "Time spent committing.", (double)s.commit_us_total / 1e6);
	GAUGE("mynews_log_sequence", "Number of the latest write.", s.sequence);
	GAUGE("mynews_checkpoint_lag", "Writes that a restart would replay.",
	      s.sequence > s.checkpoint_sequence ? s.sequence - s.checkpoint_sequence : 0);
	GAUGE("mynews_articles_live", "Articles that feeds draw from.", s.n_articles_live);
	GAUGE("mynews_stories_live", "Stories that feeds draw from.", s.n_stories_live);
	GAUGE("mynews_segments", "Segments of the catalogue.", s.n_segments);
	GAUGE("mynews_topics", "Topics known.", s.n_topics);
	GAUGE("mynews_users", "Readers known.", s.n_users);
	GAUGE("mynews_readers_cached", "Readers in memory.", s.n_readers_cached);
	GAUGE("mynews_readers_dirty", "Readers in memory that no checkpoint has yet.", s.n_readers_dirty);
	COUNTER("mynews_feeds_total", "Feeds made.", s.n_feeds);
	COUNTER("mynews_slates_dropped_total", "Feeds served without being logged.", s.n_slates_dropped);
	put_learning(b, &s);
	GAUGE("mynews_catalog_bytes", "Memory of the catalogue.", s.catalog_bytes);
	GAUGE("mynews_readers_bytes", "Memory of readers.", s.readers_bytes);
	GAUGE("mynews_store_used_bytes", "Bytes used in the store.", s.store_used_bytes);
	GAUGE("mynews_store_map_bytes", "Bytes the store may grow to.", s.store_map_bytes);
	GAUGE("mynews_store_nearly_full", "1 when the store is nearly full and writes are refused.", s.store_nearly_full);
	GAUGE("process_resident_memory_bytes", "Resident memory.", g->rss_bytes);
	GAUGE("mynews_uptime_seconds", "Since the server started.", g->uptime_s);
#undef COUNTER
#undef GAUGE
}
