/* An HTTP/1.1 server (RFC 9110, RFC 9112): N worker threads, each with its own event loop, answering from handlers
 * bound to routes. This is the one header that outsiders include; docs of the parts are in the .c files.
 *
 * A handler runs on the worker of its connection and must not block. It answers with exactly one http_reply or
 * http_reply_problem, now or, after http_suspend, in a function handed to http_resume. */
#ifndef MYNEWS_API_HTTP_HTTP_H
#define MYNEWS_API_HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/span.h"

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OPTIONS };

struct http_exchange; /* one request and its reply */
struct http_server;

typedef void (*http_handler_fn)(struct http_exchange *x, void *ctx);

struct http_route {
	enum http_method method; /* a GET route also answers HEAD; OPTIONS is answered unless a route takes it */
	const char *pattern;     /* "/v1/users/{id}/feed": a {name} takes one whole non-empty segment */
	http_handler_fn handler; /* gets http_config.ctx */
	const char *scope;       /* carried for the authorize hook; NULL: public */
	size_t max_body_bytes;   /* 0: the config's */
};

/* Each may be NULL. All but the first two run on the worker's thread between those two. */
struct http_hooks {
	/* On the worker's thread before its first event; what it returns is http_worker_data. */
	void *(*worker_start)(void *ctx, unsigned worker);
	/* On the worker's thread after its last event. */
	void (*worker_stop)(void *ctx, void *worker_data);
	/* After the poll, before the first handler (or posted function) of this round runs. */
	void (*wake)(void *ctx, void *worker_data);
	/* Before blocking in the poll; called once for each wake. */
	void (*idle)(void *ctx, void *worker_data);
	/* A route matched; its body may not be there yet (http_body is empty). false: it has replied. May not suspend. */
	bool (*authorize)(void *ctx, struct http_exchange *x, const struct http_route *route);
	/* The reply was handed to the kernel, or the client was lost. After a malformed head the path is empty. */
	void (*finished)(void *ctx, struct http_exchange *x, const struct http_route *route /* NULL: none matched */,
	                 unsigned status, uint64_t duration_us, size_t bytes_out);
};

struct http_config {
	const char *listen; /* "127.0.0.1:8080", "[::1]:0"; port 0 lets the kernel choose; numeric only */
	unsigned n_threads, max_connections;
	size_t max_header_bytes, max_body_bytes; /* the body limit also holds for the body after gzip */
	unsigned idle_timeout_ms;   /* without a byte of a next request */
	unsigned header_timeout_ms; /* from a head's first byte to its last */
	unsigned body_timeout_ms;   /* from the head's end to the body's */
	unsigned write_timeout_ms;  /* for a whole reply */
	unsigned drain_timeout_ms;  /* how long http_server_stop waits for exchanges in flight */
	int64_t (*now_ms)(void *ctx); /* wall clock, for Date and http_now_ms; NULL: the system's; any thread */
	void *ctx; /* borrowed; given to now_ms, hooks and handlers */
	struct http_hooks hooks;
	const struct http_route *routes; /* borrowed, must outlive the server */
	size_t n_routes;
};

/* 127.0.0.1:8080, one thread, and limits fit for production; start from a copy of it. */
extern const struct http_config http_config_default;

/* Could `listen` stand in a config? */
bool http_is_address(const char *listen);
/* Binds and listens; connections wait in the kernel until the start. Returns 0, -EINVAL (listen address, zero threads
 * or limits, a bad or doubled route pattern), -ENOMEM, or what socket, bind and listen give (-EADDRINUSE, -EACCES,
 * -EADDRNOTAVAIL, -EMFILE...). The caller owns *out. */
int http_server_new(struct http_server **out, const struct http_config *config) __attribute__((warn_unused_result));
/* Starts the threads. Returns 0 or what pthread_create gives (-EAGAIN); then no thread is left running. */
int http_server_start(struct http_server *s) __attribute__((warn_unused_result));
/* Closes the door, closes idle connections, lets exchanges in flight finish for up to drain_timeout_ms, cuts the rest
 * off and joins the threads. Safe to repeat; not from a worker. An exchange that is still suspended then stays
 * allocated until http_server_free; a later http_resume of it is dropped and its function does not run. */
void http_server_stop(struct http_server *s);
/* Stops if need be and releases all. Nobody may resume an exchange or post any more. NULL is safe. */
void http_server_free(struct http_server *s);
uint16_t http_server_port(const struct http_server *s);

struct http_counts {
	uint64_t connections;  /* open now */
	uint64_t accepted;     /* ever, the refused not included */
	uint64_t refused;      /* over max_connections */
	uint64_t timeouts;     /* clients cut off for a slow head, body or reading of the reply */
	uint64_t bad_requests; /* heads or bodies refused before a handler saw them */
};
/* Any thread, any time between new and free. */
void http_server_counts(struct http_server *s, struct http_counts *out);

/* fn(arg) runs on that worker's thread. Any thread. Returns 0, -EINVAL (no such worker), -ESHUTDOWN (it has stopped;
 * fn will not run), -ENOMEM. Posted before the start, it runs at the start. */
int http_server_post(struct http_server *s, unsigned worker, void (*fn)(void *arg), void *arg)
	__attribute__((warn_unused_result));

/* ---- Inside a handler. Every span handed out lives as long as the exchange: until the finished hook returns. ---- */

/* Memory that dies with the exchange. */
struct arena *http_arena(struct http_exchange *x);
void *http_worker_data(struct http_exchange *x);
unsigned http_worker(struct http_exchange *x);
enum http_method http_method(struct http_exchange *x);
/* The path as it came, not decoded, without the query. */
struct span http_path(struct http_exchange *x);
/* A decoded path parameter (valid UTF-8 without NUL); empty if the route has none of that name. */
struct span http_param(struct http_exchange *x, const char *name);
/* A decoded query value; false when there is none of that name. "?a" and "?a=" both give an empty value. */
bool http_query(struct http_exchange *x, const char *name, struct span *out);
size_t http_query_count(struct http_exchange *x);
bool http_query_at(struct http_exchange *x, size_t i, struct span *name, struct span *value);
/* The first field of that name, without surrounding blanks; empty if there is none. May hold bytes over 127. */
struct span http_header(struct http_exchange *x, const char *lower_case_name);
/* The whole body, transfer and content coding undone. */
struct span http_body(struct http_exchange *x);
struct span http_request_id(struct http_exchange *x);
struct span http_peer(struct http_exchange *x); /* "127.0.0.1" */
int64_t http_now_ms(struct http_exchange *x);   /* when the head was complete, by the config's clock */
/* One pointer of the handler's own; NULL at first. */
void http_set(struct http_exchange *x, void *p);
void *http_get(struct http_exchange *x);

/* Answers. body: arena or static memory that lives as long as the exchange. It is sent after the handler returns.
 * content_type may be NULL. A second reply to one exchange is ignored. status is 200 to 599. */
void http_reply(struct http_exchange *x, unsigned status, const char *content_type, struct span body);
/* Before http_reply. A field with a control character is dropped. Not for Content-Length, Connection and the like. */
void http_reply_header(struct http_exchange *x, const char *name, struct span value);
/* Before http_reply: the body may be gzipped if the client likes and it has 1 KB or more. */
void http_reply_compressible(struct http_exchange *x);
/* Before http_reply: a weak ETag; a 200 to GET or HEAD becomes 304 when If-None-Match has it. */
void http_reply_etag(struct http_exchange *x, uint64_t etag);

struct http_field_error {
	const char *pointer; /* JSON Pointer, RFC 6901 */
	const char *detail;
};
/* Answers with application/problem+json (RFC 9457). code: stable, snake_case. detail may be NULL, errors too when n is
 * 0. Everything is copied; bytes that are not UTF-8 come out as '?'. */
void http_reply_problem(struct http_exchange *x, unsigned status, const char *code, const char *detail,
                        const struct http_field_error *errors, size_t n);

/* The handler will return without a reply. Call it before another thread can see x. */
void http_suspend(struct http_exchange *x);
/* Once for each http_suspend, from any thread: fn(x, arg) runs on x's worker, also when the client is gone (its reply
 * is then dropped). It replies or suspends again. */
void http_resume(struct http_exchange *x, void (*fn)(struct http_exchange *x, void *arg), void *arg);

#endif
