/* Requests over a real socket. */
#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <zlib.h>

#include "engine/base/json.h"

#define HOST "Host: a\r\n"

static int start(void **state)
{
	struct http_config c = fixture_config();
	c.max_body_bytes = 64 * 1024;
	c.n_threads = 2;
	fixture_start(&c);
	return 0;
}

static int stop(void **state)
{
	fixture_stop();
	return 0;
}

static void expect_body(const struct reply *r, const char *text)
{
	if (!span_equal_cstr(r->body, text))
		fail_msg("%.*s instead of %s", (int)r->body.len, r->body.data, text);
}

static void test_keep_alive(void **state)
{
	struct client c;
	struct reply r;
	client_open(&c, fixture.port);
	for (int i = 0; i < 100; i++) {
		client_text(&c, "GET /hello HTTP/1.1\r\n" HOST "X-Request-Id: abc\r\n\r\n");
		client_reply(&c, &r, false);
		assert_int_equal(r.status, 200);
		expect_body(&r, "hello");
		assert_string_equal(reply_field(&r, "X-Request-Id"), "abc");
		assert_int_equal(strlen(reply_field(&r, "Date")), 29);
		assert_null(reply_field(&r, "Connection"));
	}
	client_text(&c, "GET /hello HTTP/1.1\r\n" HOST "X-Request-Id: a b\r\nConnection: close\r\n\r\n");
	client_reply(&c, &r, false);
	assert_int_equal(strlen(reply_field(&r, "X-Request-Id")), 16);
	assert_string_equal(reply_field(&r, "Connection"), "close");
	client_expect_end(&c);
	client_close(&c);

	client_open(&c, fixture.port);
	client_text(&c, "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /hello HTTP/1.0\r\n\r\n");
	client_reply(&c, &r, false);
	assert_string_equal(reply_field(&r, "Connection"), "keep-alive");
	client_reply(&c, &r, false);
	assert_string_equal(reply_field(&r, "Connection"), "close");
	client_expect_end(&c);
	client_close(&c);
}

static void test_pipeline(void **state)
{
	struct client c;
	struct reply r;
	client_open(&c, fixture.port);
	client_text(&c, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\none"
	                "GET /hold/1 HTTP/1.1\r\n" HOST "\r\n"
	                "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2\r\nth\r\n3\r\nree\r\n0\r\n\r\n"
	                "HEAD /hello HTTP/1.1\r\n" HOST "\r\n"
	                "GET /hello HTTP/1.1\r\n" HOST "\r\n");
	client_reply(&c, &r, false);
	expect_body(&r, "one");
	http_resume(fixture_take_held(1), fixture_answer, NULL);
	client_reply(&c, &r, false);
	expect_body(&r, "held");
	client_reply(&c, &r, false);
	expect_body(&r, "three");
	client_reply(&c, &r, true);
	assert_string_equal(reply_field(&r, "Content-Length"), "5");
	client_reply(&c, &r, false);
	expect_body(&r, "hello");
	client_close(&c);
}

/* Every cut of two requests in two sends gives the same answers. */
static void test_cuts(void **state)
{
	static const char text[] = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\none"
	                           "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nthree\r\n0\r\n\r\n";
	struct client c;
	struct reply r;
	client_open(&c, fixture.port);
	for (size_t cut = 1; cut < sizeof(text) - 1; cut++) {
		client_send(&c, (struct span){text, cut});
		client_send(&c, (struct span){text + cut, sizeof(text) - 1 - cut});
		client_reply(&c, &r, false);
		expect_body(&r, "one");
		client_reply(&c, &r, false);
		expect_body(&r, "three");
	}
	client_close(&c);
}

static void test_what_handlers_see(void **state)
{
	struct reply r;
	struct buf b = {0};
	exchange_text(fixture.port, "GET /show/a%2Fb?x=1+2&y&%C3%A4=%26 HTTP/1.1\r\n" HOST "X-TEST:  t \r\n\r\n", &r, &b);
	expect_body(&r, "a/b|x=1 2|y=|\xc3\xa4=&|t|127.0.0.1");
	buf_free(&b);
}

static void test_statuses(void **state)
{
	static const struct {
		const char *text;
		unsigned status;
	} rows[] = {
		{"GET /nowhere HTTP/1.1\r\n" HOST "\r\n", 404},
		{"PUT /hello HTTP/1.1\r\n" HOST "\r\n", 405},
		{"OPTIONS /hello HTTP/1.1\r\n" HOST "\r\n", 204},
		{"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 204},
		{"GET /show/%zz HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /hello?a=1&a=1 HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /hello?a=%00 HTTP/1.1\r\n" HOST "\r\n", 400},
		{"GET /silent HTTP/1.1\r\n" HOST "\r\n", 500},
		{"GET /secret HTTP/1.1\r\n" HOST "\r\n", 401},
		{"GET /secret HTTP/1.1\r\n" HOST "X-Api-Key: key\r\n\r\n", 200},
		{"POST /secret HTTP/1.1\r\n" HOST "Content-Length: 60000\r\n\r\n", 401},
		{"POST /small HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\n0123456789", 200},
		{"POST /small HTTP/1.1\r\n" HOST "Content-Length: 11\r\n\r\n", 413},
		{"POST /small HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nb\r\n01234567890", 413},
		{"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 65537\r\n\r\n", 413},
		{"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
		{"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Encoding: br\r\n\r\nx", 415},
		{"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Encoding: gzip\r\n\r\nx", 400},
		{"GET / HTTP/2.0\r\n", 505},
		{"GET / HTTP/1.1\r\n\r\n", 400},
		{"BREW / HTTP/1.1\r\n" HOST "\r\n", 501},
	};
	struct reply r;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		exchange_text(fixture.port, rows[i].text, &r, NULL);
		if (r.status != rows[i].status)
			fail_msg("%u for %s", r.status, rows[i].text);
	}
	exchange_text(fixture.port, rows[1].text, &r, NULL);
	assert_string_equal(reply_field(&r, "Allow"), "GET, HEAD, OPTIONS");
	exchange_text(fixture.port, rows[2].text, &r, NULL);
	assert_string_equal(reply_field(&r, "Allow"), "GET, HEAD, OPTIONS");
	assert_null(reply_field(&r, "Content-Length"));
}

static void test_large_heads(void **state)
{
	struct buf b = {0};
	struct reply r;
	for (int i = 0; i < 3; i++) {
		buf_clear(&b);
		buf_put_cstr(&b, i == 0 ? "GET /" : "GET / HTTP/1.1\r\n" HOST);
		for (int k = 0; k < (i == 1 ? 65 : 20000); k++)
			buf_put_cstr(&b, i == 0 ? "a" : i == 1 ? "X: y\r\n" : "X: 0123456789\r\n");
		if (i == 0)
			buf_put_cstr(&b, " HTTP/1.1\r\n" HOST);
		buf_put_cstr(&b, "\r\n");
		buf_put_char(&b, '\0');
		exchange_text(fixture.port, b.data, &r, NULL);
		assert_int_equal(r.status, i == 0 ? 414 : 431);
		assert_string_equal(reply_field(&r, "Connection"), "close");
	}
	buf_free(&b);
}

static void test_expect_continue(void **state)
{
	struct client c;
	struct reply r;
	client_open(&c, fixture.port);
	client_text(&c, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n");
	client_reply(&c, &r, false);
	assert_int_equal(r.status, 100);
	client_text(&c, "body");
	client_reply(&c, &r, false);
	expect_body(&r, "body");
	client_text(&c, "POST /small HTTP/1.1\r\n" HOST "Content-Length: 11\r\nExpect: 100-continue\r\n\r\n");
	client_reply(&c, &r, false);
	assert_int_equal(r.status, 413);
	client_expect_end(&c);
	client_close(&c);
}

static void test_problem(void **state)
{
	struct reply r;
	struct buf b = {0};
	exchange_text(fixture.port, "GET /problem HTTP/1.1\r\n" HOST "\r\n", &r, &b);
	assert_int_equal(r.status, 422);
	assert_string_equal(reply_field(&r, "Content-Type"), "application/problem+json");
	json_t *j = NULL;
	assert_int_equal(json_parse(r.body, &j, NULL), 0);
	assert_string_equal(json_string_value(json_object_get(j, "type")), "about:blank");
	assert_string_equal(json_string_value(json_object_get(j, "title")), "Unprocessable Content");
	assert_string_equal(json_string_value(json_object_get(j, "code")), "odd_thing");
	assert_string_equal(json_string_value(json_object_get(j, "detail")), "It is\nodd");
	assert_int_equal(json_integer_value(json_object_get(j, "status")), 422);
	json_t *e = json_array_get(json_object_get(j, "errors"), 1);
	assert_string_equal(json_string_value(json_object_get(e, "pointer")), "/b/0");
	assert_string_equal(json_string_value(json_object_get(e, "detail")), "bad ? byte");
	json_decref(j);
	buf_free(&b);
}

static void pack(struct span in, struct buf *out)
{
	z_stream z = {0};
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(buf_reserve(out, deflateBound(&z, in.len)), 0);
	z.next_in = (Bytef *)(uintptr_t)in.data;
	z.avail_in = (uInt)in.len;
	z.next_out = (Bytef *)out->data + out->len;
	z.avail_out = (uInt)(out->capacity - out->len);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out->len += z.total_out;
	deflateEnd(&z);
}

static void send_packed(struct client *c, struct span packed)
{
	struct buf b = {0};
	buf_printf(&b, "POST /echo HTTP/1.1\r\n" HOST "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", packed.len);
	buf_put_span(&b, packed);
	client_send(c, buf_span(&b));
	buf_free(&b);
}

static void test_gzip_in(void **state)
{
	static char zeros[1024 * 1024];
	struct client c;
	struct reply r;
	struct buf packed = {0};
	client_open(&c, fixture.port);
	for (int i = 0; i < 2; i++) { /* also two members in one body */
		pack(SPAN("packed"), &packed);
		send_packed(&c, buf_span(&packed));
		client_reply(&c, &r, false);
		expect_body(&r, i ? "packedpacked" : "packed");
	}
	buf_clear(&packed);
	pack((struct span){zeros, 64 * 1024}, &packed);
	send_packed(&c, buf_span(&packed));
	client_reply(&c, &r, false);
	assert_int_equal(r.body.len, 64 * 1024);
	/* cut short */
	send_packed(&c, (struct span){packed.data, packed.len - 1});
	client_reply(&c, &r, false);
	assert_int_equal(r.status, 400);
	client_close(&c);
	/* one byte too many, and a bomb */
	for (size_t n = 64 * 1024 + 1; n <= sizeof(zeros); n += sizeof(zeros) - 64 * 1024 - 1) {
		buf_clear(&packed);
		pack((struct span){zeros, n}, &packed);
		client_open(&c, fixture.port);
		send_packed(&c, buf_span(&packed));
		client_reply(&c, &r, false);
		assert_int_equal(r.status, 413);
		client_close(&c);
	}
	buf_free(&packed);
}

static void test_gzip_out(void **state)
{
	static const struct {
		const char *accept;
		bool packed;
	} rows[] = {
		{"gzip", true}, {"br, GZIP;q=0.5", true}, {"*", true}, {"gzip;q=0.001", true}, {"", false},
		{"br", false}, {"gzip;q=0", false}, {"gzip; q=0.000, *", false}, {"*;q=0", false},
	};
	struct client c;
	struct reply r;
	client_open(&c, fixture.port);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf b = {0};
		buf_printf(&b, "GET /big HTTP/1.1\r\n" HOST "Accept-Encoding: %s\r\n\r\n", rows[i].accept);
		client_send(&c, buf_span(&b));
		buf_free(&b);
		client_reply(&c, &r, false);
		assert_string_equal(reply_field(&r, "Vary"), "Accept-Encoding");
		if ((reply_field(&r, "Content-Encoding") != NULL) != rows[i].packed)
			fail_msg("%s", rows[i].accept);
		Bytef out[BIG_BYTES + 1];
		z_stream z = {.next_in = (Bytef *)(uintptr_t)r.body.data, .avail_in = (uInt)r.body.len, .next_out = out,
		              .avail_out = sizeof(out)};
		if (rows[i].packed) {
			assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
			assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
			assert_int_equal(z.total_out, BIG_BYTES);
			inflateEnd(&z);
		} else {
			assert_int_equal(r.body.len, BIG_BYTES);
		}
	}
	assert_string_equal(reply_field(&r, "X-Good"), "yes");
	assert_null(reply_field(&r, "X-Bad"));
	assert_null(reply_field(&r, "X-Evil"));
	client_close(&c);
}

static void test_etag(void **state)
{
	static const struct {
		const char *none_match;
		unsigned status;
	} rows[] = {
		{"\"0000000000001234\"", 304}, {"W/\"0000000000001234\"", 304}, {"\"a,b\", W/\"0000000000001234\"", 304},
		{"*", 304}, {"\"1234\"", 200}, {"", 200}, {"\"0000000000001234", 200},
	};
	struct client c;
	struct reply r;
	client_open(&c, fixture.port);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf b = {0};
		buf_printf(&b, "GET /big HTTP/1.1\r\n" HOST "If-None-Match: %s\r\n\r\n", rows[i].none_match);
		client_send(&c, buf_span(&b));
		buf_free(&b);
		client_reply(&c, &r, false);
		assert_int_equal(r.status, rows[i].status);
		assert_string_equal(reply_field(&r, "ETag"), "W/\"0000000000001234\"");
	}
	client_close(&c);
}

static void test_half_closed(void **state)
{
	struct client c;
	struct reply r;
	for (int i = 0; i < 2; i++) {
		client_open(&c, fixture.port);
		client_text(&c, i ? "GET /hold/2 HTTP/1.1\r\n" HOST "\r\n" : "GET /hello HTTP/1.1\r\n" HOST "\r\n");
		assert_int_equal(shutdown(c.fd, SHUT_WR), 0);
		if (i)
			http_resume(fixture_take_held(2), fixture_answer, NULL);
		client_reply(&c, &r, false);
		expect_body(&r, i ? "held" : "hello");
		client_expect_end(&c);
		client_close(&c);
	}
}

static void *resume_all(void *arg)
{
	for (int i = 0; i < 200; i++)
		http_resume(fixture_take_held((unsigned)i & 1), fixture_answer, NULL);
	return NULL;
}

static void test_resume_from_a_thread(void **state)
{
	struct client c[2];
	struct reply r;
	pthread_t t;
	client_open(&c[0], fixture.port);
	client_open(&c[1], fixture.port);
	assert_int_equal(pthread_create(&t, NULL, resume_all, NULL), 0);
	for (int i = 0; i < 100; i++) {
		client_text(&c[0], "GET /hold/0 HTTP/1.1\r\n" HOST "\r\n");
		client_text(&c[1], "GET /hold/1 HTTP/1.1\r\n" HOST "\r\n");
		for (int k = 0; k < 2; k++) {
			client_reply(&c[k], &r, false);
			expect_body(&r, "held");
		}
	}
	pthread_join(t, NULL);
	client_close(&c[0]);
	client_close(&c[1]);
}

static bool is_set(void *arg)
{
	return atomic_load((_Atomic int *)arg) != 0;
}

static void test_client_gone_while_suspended(void **state)
{
	struct client c;
	struct linger now = {1, 0}; /* close sends a reset */
	wait_until(fixture_no_connections, NULL);
	for (int i = 0; i < 2; i++) {
		client_open(&c, fixture.port);
		client_text(&c, "GET /hold/3 HTTP/1.1\r\n" HOST "\r\n");
		struct http_exchange *x = fixture_take_held(3);
		if (i == 0)
			assert_int_equal(setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
		client_close(&c);
		if (i == 0) /* a reset is noticed at once, a mere close when the reply is sent */
			wait_until(fixture_no_connections, NULL);
		atomic_store(&fixture.resumed, 0);
		atomic_store(&fixture.finished, 0);
		http_resume(x, fixture_answer, NULL);
		wait_until(is_set, &fixture.resumed);
		wait_until(is_set, &fixture.finished);
		wait_until(fixture_no_connections, NULL);
	}
}

static void post_fn(void *arg)
{
	atomic_store((_Atomic int *)arg, 1);
}

static void test_post(void **state)
{
	_Atomic int done = 0;
	assert_int_equal(http_server_post(fixture.server, 1, post_fn, &done), 0);
	wait_until(is_set, &done);
	assert_int_equal(http_server_post(fixture.server, 2, post_fn, &done), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keep_alive), cmocka_unit_test(test_pipeline), cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_what_handlers_see), cmocka_unit_test(test_statuses), cmocka_unit_test(test_large_heads),
		cmocka_unit_test(test_expect_continue), cmocka_unit_test(test_problem), cmocka_unit_test(test_gzip_in),
		cmocka_unit_test(test_gzip_out), cmocka_unit_test(test_etag), cmocka_unit_test(test_half_closed),
		cmocka_unit_test(test_resume_from_a_thread), cmocka_unit_test(test_client_gone_while_suspended),
		cmocka_unit_test(test_post),
	};
	return cmocka_run_group_tests_name("http live", tests, start, stop);
}
