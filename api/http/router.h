/* From a method and a path to a route: a tree of path segments. Literal segments win over {parameters}. */
#ifndef MYNEWS_API_HTTP_ROUTER_H
#define MYNEWS_API_HTTP_ROUTER_H

#include "api/http/http.h"

enum { ROUTER_MAX_PARAMS = 8, ROUTER_MAX_SEGMENTS = 16, ROUTER_N_METHODS = HTTP_OPTIONS + 1 };

struct router;

struct router_match {
	const struct http_route *route; /* when found */
	unsigned allow;                 /* bits 1 << method that the path has, HEAD and OPTIONS included */
	unsigned n_params;
	struct span names[ROUTER_MAX_PARAMS];  /* borrowed from the patterns */
	struct span values[ROUTER_MAX_PARAMS]; /* decoded; borrowed from the path or the arena */
};

enum router_outcome { ROUTER_FOUND = 0, ROUTER_NO_PATH, ROUTER_NO_METHOD, ROUTER_MALFORMED };

/* The routes are borrowed and must outlive it. Returns 0, -ENOMEM, or -EINVAL for a pattern that does not start with
 * '/', has too many segments or parameters, an unclosed or empty {}, or takes a method and path already taken. */
int router_new(struct router **out, const struct http_route *routes, size_t n_routes)
	__attribute__((warn_unused_result));
void router_free(struct router *r);
/* The path is split before it is decoded, so that "a%2Fb" stays one segment. Returns an enum router_outcome (the
 * outcomes but FOUND leave only allow defined) or -ENOMEM. */
int router_match(const struct router *r, enum http_method method, struct span path, struct arena *a,
                 struct router_match *out) __attribute__((warn_unused_result));
/* "GET, HEAD, OPTIONS" from the bits. */
struct span router_allow(unsigned allow, struct arena *a);

#endif
