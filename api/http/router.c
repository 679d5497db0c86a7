/* One node stands for one segment in one context; its children are a short list of literals and at most one parameter.
 * A path walks down with backtracking: /users/me beats /users/{id}, yet /users/me/feed may still be the latter's.
 * The walk also gathers which methods the path would allow. Depth and fan-out are fixed by the patterns. */
#include "api/http/router.h"

#include <errno.h>
#include <stdlib.h>

#include "api/http/parser.h"

struct node {
	struct span literal;       /* borrowed from the pattern */
	struct node *next;         /* sibling */
	struct node *literals;     /* first child */
	struct node *parameter;    /* the child for {name} */
	const struct http_route *routes[ROUTER_N_METHODS];
};

struct router {
	struct node root;
};

static void nodes_free(struct node *n)
{
	while (n) {
		struct node *next = n->next;
		nodes_free(n->literals);
		nodes_free(n->parameter);
		free(n);
		n = next;
	}
}

void router_free(struct router *r)
{
	if (!r)
		return;
	nodes_free(r->root.literals);
	nodes_free(r->root.parameter);
	free(r);
}

/* Cuts "/segment" off the front; false at the end. */
static bool next_segment(struct span *rest, struct span *segment)
{
	if (rest->len == 0)
		return false;
	const char *from = rest->data + 1, *slash = rest->len > 1 ? memchr(from, '/', rest->len - 1) : NULL;
	size_t n = slash ? (size_t)(slash - from) : rest->len - 1;
	*segment = (struct span){from, n};
	*rest = (struct span){from + n, rest->len - 1 - n};
	return true;
}

static struct node *child(struct node *n, struct span segment, bool parameter)
{
	struct node **at = parameter ? &n->parameter : &n->literals;
	while (*at && !parameter && !span_equal((*at)->literal, segment))
		at = &(*at)->next;
	if (!*at) {
		*at = calloc(1, sizeof(**at));
		if (*at)
			(*at)->literal = segment;
	}
	return *at;
}

static int add(struct router *r, const struct http_route *route)
{
	struct span rest = span_of(route->pattern), segment;
	struct node *n = &r->root;
	unsigned n_segments = 0, n_params = 0;
	if (rest.len == 0 || rest.data[0] != '/' || !route->handler || (unsigned)route->method > HTTP_OPTIONS)
		return -EINVAL;
	while (next_segment(&rest, &segment)) {
		bool parameter = segment.len > 0 && segment.data[0] == '{';
		if (parameter && (segment.len < 3 || segment.data[segment.len - 1] != '}'))
			return -EINVAL;
		n_params += parameter;
		if (++n_segments > ROUTER_MAX_SEGMENTS || n_params > ROUTER_MAX_PARAMS)
			return -EINVAL;
		n = child(n, segment, parameter);
		if (!n)
			return -ENOMEM;
	}
	if (n->routes[route->method])
		return -EINVAL;
	n->routes[route->method] = route;
	return 0;
}

int router_new(struct router **out, const struct http_route *routes, size_t n_routes)
{
	struct router *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	for (size_t i = 0; i < n_routes; i++) {
		int rc = add(r, &routes[i]);
		if (rc < 0) {
			router_free(r);
			return rc;
		}
	}
	*out = r;
	return 0;
}

struct walk {
	const struct span *segments;
	unsigned n_segments;
	enum http_method method;
	struct router_match *out;
};

static const struct http_route *terminal(const struct node *n, struct walk *w)
{
	for (unsigned m = 0; m < ROUTER_N_METHODS; m++)
		if (n->routes[m])
			w->out->allow |= 1u << m;
	const struct http_route *route = n->routes[w->method];
	return !route && w->method == HTTP_HEAD ? n->routes[HTTP_GET] : route;
}

static const struct http_route *descend(const struct node *n, struct walk *w, unsigned i, unsigned n_params)
{
	const struct http_route *route = NULL;
	if (i == w->n_segments) {
		w->out->n_params = n_params;
		return terminal(n, w);
	}
	for (const struct node *c = n->literals; c && !route; c = c->next)
		if (span_equal(c->literal, w->segments[i]))
			route = descend(c, w, i + 1, n_params);
	if (!route && n->parameter && w->segments[i].len) {
		w->out->values[n_params] = w->segments[i];
		route = descend(n->parameter, w, i + 1, n_params + 1);
	}
	return route;
}

static void name_params(struct router_match *m)
{
	struct span rest = span_of(m->route->pattern), segment;
	unsigned i = 0;
	while (next_segment(&rest, &segment))
		if (segment.len && segment.data[0] == '{')
			m->names[i++] = (struct span){segment.data + 1, segment.len - 2};
}

int router_match(const struct router *r, enum http_method method, struct span path, struct arena *a,
                 struct router_match *out)
{
	struct span segments[ROUTER_MAX_SEGMENTS], segment;
	unsigned n = 0;
	bool too_deep = false;
	out->route = NULL;
	out->allow = 0;
	if (path.len == 0 || path.data[0] != '/')
		return ROUTER_NO_PATH;
	while (next_segment(&path, &segment)) {
		if (segment.len && memchr(segment.data, '%', segment.len)) {
			char *decoded = arena_alloc(a, segment.len);
			size_t len;
			if (!decoded)
				return -ENOMEM;
			if (http_percent_decode(segment, false, decoded, &len) != 0)
				return ROUTER_MALFORMED;
			segment = (struct span){decoded, len};
		}
		if (n == ROUTER_MAX_SEGMENTS)
			too_deep = true; /* the rest is still checked for malformed bytes */
		else
			segments[n++] = segment;
	}
	if (too_deep)
		return ROUTER_NO_PATH;
	struct walk w = {segments, n, method, out};
	out->route = descend(&r->root, &w, 0, 0);
	if (out->allow == 0)
		return ROUTER_NO_PATH;
	if (out->allow & 1u << HTTP_GET)
		out->allow |= 1u << HTTP_HEAD;
	out->allow |= 1u << HTTP_OPTIONS;
	if (!out->route)
		return ROUTER_NO_METHOD;
	name_params(out);
	return ROUTER_FOUND;
}

struct span router_allow(unsigned allow, struct arena *a)
{
	static const char *const names[ROUTER_N_METHODS] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
	char text[64];
	size_t len = 0;
	for (unsigned m = 0; m < ROUTER_N_METHODS; m++)
		if (allow & 1u << m) {
			if (len) {
				memcpy(text + len, ", ", 2);
				len += 2;
			}
			memcpy(text + len, names[m], strlen(names[m]));
			len += strlen(names[m]);
		}
	return arena_copy(a, (struct span){text, len});
}
