/* What every handler shares: the server's state, who asks, reading a body, answering, and waiting for a write. */
#ifndef MYNEWS_API_API_H
#define MYNEWS_API_API_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/config.h"
#include "api/formats/decode.h"
#include "api/formats/feed_json.h"
#include "api/http/http.h"
#include "api/messages/messages.h"
#include "api/metrics.h"
#include "api/ratelimit.h"
#include "engine/base/epoch.h"
#include "engine/engine.h"

struct api {
	struct engine *engine;
	struct http_server *http;
	struct messages *messages;
	struct metrics *metrics;
	struct ratelimit *limits;
	struct epoch *epoch;              /* of config */
	struct config *_Atomic config;    /* replaced whole on SIGHUP */
	bool manual_clock;
	_Atomic int64_t manual_now_ms;    /* with manual_clock */
	_Atomic uint64_t n_limited;
	atomic_bool draining;
	int64_t started_ms;
};

/* The routes of the contract; handlers get a struct api. */
extern const struct http_route api_routes[];
extern const size_t api_n_routes;
/* install.c: for http_config, fills hooks, clock, routes and ctx. */
void api_install(struct api *api, struct http_config *config);
/* The time by the server's clock. ctx: a struct api. */
int64_t api_now_ms(void *ctx);

struct api_worker {
	struct api *api;
	struct engine_worker *engine;
	int epoch_reader;
	struct buf out, scratch;
	struct metrics_worker *metrics;
};
static inline struct api_worker *api_worker(struct http_exchange *x)
{
	return http_worker_data(x);
}

static inline struct engine_worker *api_engine(struct http_exchange *x)
{
	return api_worker(x)->engine;
}

/* The settings in force; not to be kept beyond the handler. */
const struct config *api_config(const struct api *api);

/* ---- who asks (access.c) ---- */

struct api_identity {
	unsigned scopes;       /* of an application, enum config_scope */
	struct span reader;    /* of a token: whose; empty for an application */
	enum token_scope token;
	const char *key_name;  /* for the log; never the key */
};
/* Never NULL in a handler. */
const struct api_identity *api_identity(struct http_exchange *x);
/* The reader a route's {id} names, "me" being the token's own. false: it has replied. */
bool api_user(struct http_exchange *x, struct span *out);
/* An id from the path. false: it has replied with 400. */
bool api_path_id(struct http_exchange *x, const char *name, struct span *out);

/* ---- reading ---- */

/* The body as one JSON object whose media type is JSON (or none). NULL: it has replied. The caller json_decref's. */
json_t *api_body(struct http_exchange *x);
/* "application/json" of the Content-Type field, in lower case and without parameters; empty when there is none. */
struct span api_media_type(struct http_exchange *x);

/* Query members, refused under "/name". An empty value counts as absent. */
bool api_query_text(struct http_exchange *x, struct decode *d, const char *name, size_t max_bytes, struct span *out);
bool api_query_language(struct http_exchange *x, struct decode *d, const char *name, struct span *out);
bool api_query_number(struct http_exchange *x, struct decode *d, const char *name, unsigned min, unsigned max,
                      unsigned *out);
bool api_query_flag(struct http_exchange *x, struct decode *d, const char *name, bool *out);
/* lang= or Accept-Language. */
const struct messages_language *api_language(struct http_exchange *x);

/* ---- answering ---- */

/* An empty buffer of the worker's for the reply under way. */
struct buf *api_out(struct http_exchange *x);
/* Answers with what stands in the buffer, as JSON; 500 when its memory ran out. */
void api_reply_json(struct http_exchange *x, unsigned status, struct buf *b);
void api_reply_empty(struct http_exchange *x); /* 204 */
/* Has d refused something (or run out of memory)? Then it has replied. */
bool api_refused(struct http_exchange *x, struct decode *d, unsigned status, const char *code);
/* One refused field. */
void api_reply_field(struct http_exchange *x, unsigned status, const char *code, const char *pointer,
                     const char *detail);
/* For a negative errno of the engine's: 503 with Retry-After, or 500. */
void api_reply_errno(struct http_exchange *x, int error);
/* For outcomes a handler says with a word each. */
void api_reply_unknown(struct http_exchange *x, const char *what); /* 404 "no such ..." */
/* USER_NOT_FOUND, USER_ERASING, USER_UNKNOWN_EDITION. */
void api_reply_user_outcome(struct http_exchange *x, int outcome);
/* How reasons are put in words for this request. */
struct feed_words api_words(struct http_exchange *x);
struct feed_words api_related_words(struct http_exchange *x); /* of what is related to an article */

/* {"errors":[...]} entries of a rejected element: [{"pointer","detail"}]. */
void api_put_errors(struct buf *b, const struct field_error *errors, size_t n);

/* ---- writes ---- */

/* A write under way. Between begin and end a handler calls one engine function with api_write_done and the write; at
 * the end it may not touch the exchange any more. finish runs on the worker when the write is durable. */
struct api_write;
typedef void (*api_finish_fn)(struct http_exchange *x, void *state);
/* NULL: it has replied. */
struct api_write *api_write_begin(struct http_exchange *x, api_finish_fn finish, void *state);
void api_write_done(void *write, int status); /* an engine_done_fn */
/* queued: what the engine's function returned. */
void api_write_end(struct api_write *w, int queued);

/* Zeroed memory of the exchange. NULL: it has replied. */
void *api_alloc(struct http_exchange *x, size_t n, size_t size_bytes);

#endif
