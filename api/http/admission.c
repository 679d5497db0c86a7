/* What a request's head alone decides, before its body is waited for. */
#include "api/http/internal.h"

#include <errno.h>
#include <stdio.h>

enum { MAX_QUERY = 64 };

static int decode(struct arena *a, struct span in, struct span *out)
{
	if (in.len == 0 || (!memchr(in.data, '%', in.len) && !memchr(in.data, '+', in.len))) {
		*out = in; /* a target is ASCII */
		return 0;
	}
	char *p = arena_alloc(a, in.len);
	if (!p)
		return -ENOMEM;
	size_t len;
	if (http_percent_decode(in, true, p, &len) != 0)
		return 1;
	*out = (struct span){p, len};
	return 0;
}

static int refuse_query(struct http_exchange *x, const char *detail)
{
	http_reply_problem(x, 400, "malformed_query", detail, NULL, 0);
	return 1;
}

static int refuse_twice(struct http_exchange *x, struct span name)
{
	char pointer[64], detail[96];
	snprintf(pointer, sizeof(pointer), "/%.*s", (int)(name.len < 60 ? name.len : 60), name.data);
	snprintf(detail, sizeof(detail), "%s is there twice", pointer);
	http_reply_problem(x, 400, "malformed_query", detail, &(struct http_field_error){pointer, "is there twice"}, 1);
	return 1;
}

/* Returns 0, 1 once it has been refused, or -ENOMEM. */
static int add_pair(struct http_exchange *x, struct span pair)
{
	const char *equals = memchr(pair.data, '=', pair.len);
	size_t name_len = equals ? (size_t)(equals - pair.data) : pair.len;
	struct http_query q;
	int rc = decode(&x->conn->arena, (struct span){pair.data, name_len}, &q.name);
	if (rc == 0)
		rc = decode(&x->conn->arena,
		            equals ? (struct span){equals + 1, pair.len - name_len - 1} : (struct span){pair.data, 0}, &q.value);
	if (rc != 0)
		return rc < 0 ? rc : refuse_query(x, "The query is not percent-encoded UTF-8");
	for (size_t i = 0; i < x->n_query; i++)
		if (span_equal(x->query[i].name, q.name))
			return refuse_twice(x, q.name);
	if (x->n_query == MAX_QUERY)
		return refuse_query(x, "The query has too many names");
	x->query[x->n_query++] = q;
	return 0;
}

static int parse_query(struct http_exchange *x)
{
	const char *at = x->head + x->parser.query, *end = at + x->parser.query_len;
	if (at == end)
		return 0;
	size_t n = 1;
	for (const char *p = at; p < end; p++)
		n += *p == '&';
	x->query = arena_alloc(&x->conn->arena, (n < MAX_QUERY ? n : MAX_QUERY) * sizeof(*x->query));
	if (!x->query)
		return -ENOMEM;
	while (at < end) {
		const char *amp = memchr(at, '&', (size_t)(end - at));
		const char *stop = amp ? amp : end;
		if (stop > at) { /* "a=1&&b=2" has no pair between the two */
			int rc = add_pair(x, (struct span){at, (size_t)(stop - at)});
			if (rc != 0)
				return rc;
		}
		at = stop + 1;
	}
	return 0;
}

size_t exchange_body_limit(const struct http_exchange *x)
{
	size_t own = x->match.route->max_body_bytes;
	return own ? own : x->conn->w->server->config.max_body_bytes;
}

bool exchange_answer_early(struct http_exchange *x)
{
	struct conn *c = x->conn;
	struct http_server *s = c->w->server;
	struct span path = http_path(x);
	int found;
	if (path.len == 1 && path.data[0] == '*') {
		x->match.allow = (1u << ROUTER_N_METHODS) - 1;
		found = ROUTER_NO_METHOD;
	} else {
		found = router_match(s->router, http_method(x), path, &c->arena, &x->match);
	}
	if (found == ROUTER_NO_METHOD) {
		struct span allow = router_allow(x->match.allow, &c->arena);
		http_reply_header(x, "Allow", allow);
		if (http_method(x) == HTTP_OPTIONS)
			http_reply(x, 204, NULL, (struct span){NULL, 0});
		else
			http_reply_problem(x, 405, "method_not_allowed", "The path does not take this method", NULL, 0);
		return true;
	}
	if (found == ROUTER_NO_PATH) {
		http_reply_problem(x, 404, "no_such_path", "There is nothing at this path", NULL, 0);
		return true;
	}
	int query = found == ROUTER_FOUND ? parse_query(x) : 0;
	if (found < 0 || query < 0) {
		http_reply_problem(x, 503, "out_of_memory", "There is no memory for the request", NULL, 0);
		return true;
	}
	if (found == ROUTER_MALFORMED || query > 0) {
		atomic_fetch_add(&s->bad_requests, 1);
		if (query == 0)
			http_reply_problem(x, 400, "malformed_path", "The path is not percent-encoded UTF-8", NULL, 0);
		return true;
	}
	if (x->parser.content_length > exchange_body_limit(x)) {
		atomic_fetch_add(&s->bad_requests, 1);
		http_reply_problem(x, 413, "body_too_large", "The body is too large", NULL, 0);
		return true;
	}
	struct span coding = http_header(x, "content-encoding");
	if (coding.len && !http_equal_nocase(coding, "gzip") && !http_equal_nocase(coding, "x-gzip") &&
	    !http_equal_nocase(coding, "identity")) {
		atomic_fetch_add(&s->bad_requests, 1);
		http_reply_header(x, "Accept-Encoding", SPAN("gzip"));
		http_reply_problem(x, 415, "unknown_content_coding", "The only content coding known here is gzip", NULL, 0);
		return true;
	}
	const struct http_config *config = &s->config;
	if (config->hooks.authorize && !config->hooks.authorize(config->ctx, x, x->match.route)) {
		if (!x->replied)
			http_reply_problem(x, 403, "forbidden", NULL, NULL, 0);
		return true;
	}
	return false;
}
