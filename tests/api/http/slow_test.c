/* What the server does about slow clients, many clients, and its own end. */
#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define HOST "Host: a\r\n"

static struct http_counts counts(void)
{
	struct http_counts c;
	http_server_counts(fixture.server, &c);
	return c;
}

static void test_slow_head_and_body(void **state)
{
	static const char *const texts[] = {"GET /hel", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nabc"};
	struct http_config config = fixture_config();
	struct client c;
	struct reply r;
	config.header_timeout_ms = config.body_timeout_ms = 50;
	fixture_start(&config);
	for (uint64_t i = 0; i < 2; i++) {
		client_open(&c, fixture.port);
		client_text(&c, texts[i]);
		client_reply(&c, &r, false);
		assert_int_equal(r.status, 408);
		client_expect_end(&c);
		client_close(&c);
		assert_int_equal(counts().timeouts, i + 1);
	}
	fixture_stop();
}

static void test_idle(void **state)
{
	struct http_config config = fixture_config();
	struct client c;
	struct reply r;
	config.idle_timeout_ms = 50;
	fixture_start(&config);
	client_open(&c, fixture.port);
	client_expect_end(&c);
	client_close(&c);
	client_open(&c, fixture.port);
	client_text(&c, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
	client_reply(&c, &r, false);
	client_expect_end(&c);
	client_close(&c);
	assert_int_equal(counts().timeouts, 0);
	fixture_stop();
}

static bool one_timeout(void *arg)
{
	return counts().timeouts == 1;
}

static void test_slow_reader(void **state)
{
	struct http_config config = fixture_config();
	struct client c;
	struct reply r;
	config.write_timeout_ms = 100;
	fixture_start(&config);
	client_open(&c, fixture.port);
	client_text(&c, "GET /huge HTTP/1.1\r\n" HOST "\r\n");
	wait_until(one_timeout, NULL);
	wait_until(fixture_no_connections, NULL);
	client_close(&c);
	fixture_stop();

	config.write_timeout_ms = 10000; /* a reader that keeps reading gets it all, and its next reply */
	fixture_start(&config);
	client_open(&c, fixture.port);
	client_text(&c, "GET /huge HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n");
	client_reply(&c, &r, false);
	assert_int_equal(r.body.len, HUGE_BYTES);
	client_reply(&c, &r, false);
	assert_int_equal(r.body.len, 5);
	client_close(&c);
	fixture_stop();
}

static void test_spread(void **state)
{
	struct http_config config = fixture_config();
	struct client c[8];
	struct reply r;
	int seen[4] = {0};
	config.n_threads = 4;
	fixture_start(&config);
	for (int i = 0; i < 8; i++)
		client_open(&c[i], fixture.port);
	for (int i = 0; i < 8; i++) {
		client_text(&c[i], "GET /worker HTTP/1.1\r\n" HOST "\r\n");
		client_reply(&c[i], &r, false);
		seen[r.body.data[0] - '0']++;
	}
	for (int i = 0; i < 4; i++)
		assert_int_equal(seen[i], 2);
	assert_int_equal(counts().connections, 8);
	for (int i = 0; i < 8; i++)
		client_close(&c[i]);
	wait_until(fixture_no_connections, NULL);
	fixture_stop();
}

static void test_max_connections(void **state)
{
	struct http_config config = fixture_config();
	struct client c[3];
	struct reply r;
	config.max_connections = 2;
	fixture_start(&config);
	for (int i = 0; i < 3; i++)
		client_open(&c[i], fixture.port);
	client_reply(&c[2], &r, false);
	assert_int_equal(r.status, 503);
	assert_string_equal(reply_field(&r, "Retry-After"), "1");
	assert_int_equal(r.body.data[r.body.len - 1], '}');
	client_expect_end(&c[2]);
	for (int i = 0; i < 2; i++) {
		client_text(&c[i], "GET /hello HTTP/1.1\r\n" HOST "\r\n");
		client_reply(&c[i], &r, false);
		assert_int_equal(r.status, 200);
	}
	assert_int_equal(counts().refused, 1);
	assert_int_equal(counts().accepted, 2);
	for (int i = 0; i < 3; i++)
		client_close(&c[i]);
	wait_until(fixture_no_connections, NULL);
	exchange_text(fixture.port, "GET /hello HTTP/1.1\r\n" HOST "\r\n", &r, NULL);
	assert_int_equal(r.status, 200);
	fixture_stop();
}

static void *stop_server(void *arg)
{
	http_server_stop(fixture.server);
	return NULL;
}

static void test_drain(void **state)
{
	struct http_config config = fixture_config();
	struct client idle, busy;
	struct reply r;
	pthread_t t;
	config.n_threads = 2;
	fixture_start(&config);
	client_open(&idle, fixture.port);
	client_text(&idle, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
	client_reply(&idle, &r, false);
	client_open(&busy, fixture.port);
	client_text(&busy, "GET /hold/0 HTTP/1.1\r\n" HOST "\r\n");
	struct http_exchange *x = fixture_take_held(0);
	assert_int_equal(pthread_create(&t, NULL, stop_server, NULL), 0);
	client_expect_end(&idle); /* so the drain has begun */
	http_resume(x, fixture_answer, NULL);
	client_reply(&busy, &r, false);
	assert_int_equal(r.status, 200);
	client_expect_end(&busy);
	client_close(&busy);
	client_close(&idle);
	pthread_join(t, NULL);
	assert_int_equal(http_server_post(fixture.server, 0, free, NULL), -ESHUTDOWN);
	fixture_stop();
}

static void test_drain_deadline(void **state)
{
	struct http_config config = fixture_config();
	struct client c;
	config.drain_timeout_ms = 50;
	fixture_start(&config);
	client_open(&c, fixture.port);
	client_text(&c, "GET /hold/0 HTTP/1.1\r\n" HOST "\r\n");
	struct http_exchange *x = fixture_take_held(0);
	http_server_stop(fixture.server);
	client_expect_end(&c);
	http_resume(x, fixture_answer, NULL); /* too late, and harmless */
	assert_int_equal(fixture.resumed, 0);
	client_close(&c);
	fixture_stop();
}

static void test_new_refuses(void **state)
{
	static const char *const bad[] = {"", "127.0.0.1", ":80", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000",
	                                  "localhost:0", "::1:0", "[::1:0", "127.0.0.1:-1", "[]:0"};
	struct http_config config = fixture_config();
	struct http_server *s = NULL;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		config.listen = bad[i];
		assert_int_equal(http_server_new(&s, &config), -EINVAL);
	}
	config = fixture_config();
	config.n_threads = 0;
	assert_int_equal(http_server_new(&s, &config), -EINVAL);
	assert_null(s);
	config = fixture_config();
	fixture_start(&config);
	char listen[32];
	snprintf(listen, sizeof(listen), "127.0.0.1:%u", fixture.port);
	config.listen = listen;
	assert_int_equal(http_server_new(&s, &config), -EADDRINUSE);
	fixture_stop();
	config = fixture_config(); /* never started */
	assert_int_equal(http_server_new(&s, &config), 0);
	assert_int_equal(http_server_post(s, 0, free, NULL), 0);
	http_server_free(s);
	http_server_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slow_head_and_body), cmocka_unit_test(test_idle), cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_spread), cmocka_unit_test(test_max_connections), cmocka_unit_test(test_drain),
		cmocka_unit_test(test_drain_deadline), cmocka_unit_test(test_new_refuses),
	};
	return cmocka_run_group_tests_name("http slow", tests, NULL, NULL);
}
