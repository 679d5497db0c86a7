#include "fixture.h"

#include <stdlib.h>

struct fixture fixture;

static char huge[HUGE_BYTES];

static void hello(struct http_exchange *x, void *ctx)
{
	http_reply(x, 200, "text/plain", SPAN("hello"));
}

static void echo(struct http_exchange *x, void *ctx)
{
	http_reply(x, 200, "text/plain", http_body(x));
}

static void show(struct http_exchange *x, void *ctx)
{
	struct buf b = {0};
	struct span name, value;
	buf_put_span(&b, http_param(x, "id"));
	for (size_t i = 0; http_query_at(x, i, &name, &value); i++) {
		buf_put_char(&b, '|');
		buf_put_span(&b, name);
		buf_put_char(&b, '=');
		buf_put_span(&b, value);
	}
	buf_put_char(&b, '|');
	buf_put_span(&b, http_header(x, "x-test"));
	buf_put_char(&b, '|');
	buf_put_span(&b, http_peer(x));
	http_reply(x, 200, "text/plain", arena_copy(http_arena(x), buf_span(&b)));
	buf_free(&b);
}

static void which(struct http_exchange *x, void *ctx)
{
	http_reply(x, 200, "text/plain", arena_printf(http_arena(x), "%u", http_worker(x)));
}

static void big(struct http_exchange *x, void *ctx)
{
	char *p = arena_alloc(http_arena(x), BIG_BYTES);
	memset(p, 'b', BIG_BYTES);
	http_reply_compressible(x);
	http_reply_etag(x, 0x1234);
	http_reply_header(x, "X-Good", SPAN("yes"));
	http_reply_header(x, "X-Bad", SPAN("a\r\nX-Evil: b"));
	http_reply(x, 200, "text/plain", (struct span){p, BIG_BYTES});
}

static void huge_reply(struct http_exchange *x, void *ctx)
{
	http_reply(x, 200, "application/octet-stream", (struct span){huge, HUGE_BYTES});
}

static void silent(struct http_exchange *x, void *ctx)
{
}

static void problem(struct http_exchange *x, void *ctx)
{
	const struct http_field_error e[] = {{"/a", "is \"odd\""}, {"/b/0", "bad \xff byte"}};
	http_reply_problem(x, 422, "odd_thing", "It is\nodd", e, 2);
}

static void hold(struct http_exchange *x, void *ctx)
{
	struct span id = http_param(x, "id");
	http_suspend(x);
	atomic_store(&fixture.held[id.data[0] & 3], x);
}

void fixture_answer(struct http_exchange *x, void *arg)
{
	atomic_fetch_add(&fixture.resumed, 1);
	http_reply(x, 200, "text/plain", SPAN("held"));
}

struct http_exchange *fixture_take_held(unsigned i)
{
	struct http_exchange *x;
	while (!(x = atomic_exchange(&fixture.held[i], NULL)))
		;
	return x;
}

bool fixture_no_connections(void *arg)
{
	struct http_counts c;
	http_server_counts(fixture.server, &c);
	return c.connections == 0;
}

static const struct http_route routes[] = {
	{HTTP_GET, "/hello", hello},
	{HTTP_POST, "/echo", echo},
	{HTTP_POST, "/small", echo, NULL, 10},
	{HTTP_GET, "/show/{id}", show},
	{HTTP_GET, "/worker", which},
	{HTTP_GET, "/big", big},
	{HTTP_GET, "/huge", huge_reply},
	{HTTP_GET, "/silent", silent},
	{HTTP_GET, "/problem", problem},
	{HTTP_GET, "/hold/{id}", hold},
	{HTTP_GET, "/secret", hello, "admin"},
	{HTTP_POST, "/secret", echo, "admin"},
};

static void *on_start(void *ctx, unsigned worker)
{
	atomic_fetch_add(&fixture.starts, 1);
	return malloc(1);
}

static void on_stop(void *ctx, void *data)
{
	atomic_fetch_add(&fixture.stops, 1);
	free(data);
}

static void on_wake(void *ctx, void *data)
{
	atomic_fetch_add(&fixture.wakes, 1);
}

static void on_idle(void *ctx, void *data)
{
	atomic_fetch_add(&fixture.idles, 1);
}

static bool authorize(void *ctx, struct http_exchange *x, const struct http_route *route)
{
	if (!route->scope || span_equal_cstr(http_header(x, "x-api-key"), "key"))
		return true;
	http_reply_header(x, "WWW-Authenticate", SPAN("Bearer"));
	http_reply_problem(x, 401, "no_key", NULL, NULL, 0);
	return false;
}

static void on_finished(void *ctx, struct http_exchange *x, const struct http_route *route, unsigned status,
                        uint64_t duration_us, size_t bytes_out)
{
	atomic_store(&fixture.last_status, (int)status);
	atomic_fetch_add(&fixture.finished, 1);
}

struct http_config fixture_config(void)
{
	struct http_config c = http_config_default;
	c.listen = "127.0.0.1:0";
	c.routes = routes;
	c.n_routes = sizeof(routes) / sizeof(routes[0]);
	c.hooks = (struct http_hooks){on_start, on_stop, on_wake, on_idle, authorize, on_finished};
	return c;
}

void fixture_start(const struct http_config *config)
{
	memset(&fixture, 0, sizeof(fixture));
	assert_int_equal(http_server_new(&fixture.server, config), 0);
	assert_int_equal(http_server_start(fixture.server), 0);
	fixture.port = http_server_port(fixture.server);
	assert_true(fixture.port > 0);
}

void fixture_stop(void)
{
	http_server_stop(fixture.server);
	assert_int_equal(fixture.starts, fixture.stops);
	assert_int_equal(fixture.wakes, fixture.idles);
	http_server_free(fixture.server);
	fixture.server = NULL;
}
