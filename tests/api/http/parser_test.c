#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/http/http.h"
#include "api/http/parser.h"
#include "engine/base/buf.h"
#include "engine/base/rng.h"

enum { MAX_HEAD = 16 * 1024 };

/* The outcome of reading one request: its status (0: accepted, 1: not complete), the decoded body, what was used. */
struct outcome {
	unsigned status;
	struct buf body;
	size_t used;
	struct http_parser p;
};

/* Gives the parser the input cut at `cuts` random places (or at one given place). */
static void run(struct span in, size_t max_head, const size_t *cuts, size_t n_cuts, struct outcome *o)
{
	size_t at = 0, given = 0;
	bool in_body = false;
	buf_clear(&o->body);
	o->status = 1;
	http_parser_reset(&o->p, max_head);
	for (size_t k = 0; k <= n_cuts; k++) {
		given = k < n_cuts ? cuts[k] : in.len;
		enum http_step step = HTTP_STEP_MORE;
		if (!in_body) {
			step = http_parser_head(&o->p, in.data, given);
			if (step == HTTP_STEP_DONE) {
				at = o->p.head_len;
				in_body = o->p.has_body;
				step = in_body ? HTTP_STEP_MORE : HTTP_STEP_DONE;
			}
		}
		while (in_body && step == HTTP_STEP_MORE && at < given) {
			size_t consumed = 0;
			struct span piece;
			step = http_parser_body(&o->p, in.data + at, given - at, &consumed, &piece);
			assert_true(consumed > 0 && consumed <= given - at);
			if (step != HTTP_STEP_BAD)
				buf_put_span(&o->body, piece);
			at += consumed;
		}
		if (step == HTTP_STEP_BAD) {
			o->status = o->p.status;
			assert_non_null(o->p.reason);
			return;
		}
		if (step == HTTP_STEP_DONE) {
			o->status = 0;
			o->used = at;
			return;
		}
	}
}

#define HOST "Host: example.org\r\n"

static const struct sample {
	const char *text;
	unsigned status; /* 0: accepted */
	const char *body;
} samples[] = {
	{"GET / HTTP/1.1\r\n" HOST "\r\n", 0, ""},
	{"\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 0, ""},
	{"\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
	{"GET / HTTP/1.0\r\n\r\n", 0, ""},
	{"GET / HTTP/1.9\r\n" HOST "\r\n", 0, ""},
	{"GET http://example.org/a?b=c HTTP/1.1\r\n" HOST "\r\n", 0, ""},
	{"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 0, ""},
	{"GET * HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
	{"GET /a HTTP/1.1\r\nHost:\r\nX: \t \r\n\r\n", 0, ""},
	{"GET /a HTTP/1.1\r\nHost: [::1]:80\r\nx:a\tb\xc3\xa4 \r\n\r\n", 0, ""},
	{"POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 0, "abc"},
	{"POST / HTTP/1.1\r\n" HOST "content-length:  0003 \r\n\r\nabcd", 0, "abc"},
	{"POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 0, ""},
	{"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0aB\r\n0123456789"
	 "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
	 "0123456789012345678901234567890123456789012345678901234567890\r\n0\r\n\r\n", 0,
	 "abc0123456789"
	 "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
	 "0123456789012345678901234567890123456789012345678901234567890"},
	{"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2;a=\"b\"\r\nok\r\n0;x\r\nT: u\r\nV: w\r\n\r\n", 0,
	 "ok"},
	{"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, ""},
	/* lines */
	{"GET / HTTP/1.1\n" HOST "\r\n", 400, NULL},
	{"\nGET / HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
	{"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400, NULL},
	{"GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n", 400, NULL},
	{"GET / HTTP/1.1\r\n" HOST "X: a\r\r\n\r\n", 400, NULL},
	{"GET / HTTP/1.1\r\n" HOST "\n", 400, NULL},
	/* the request line */
	{" GET / HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
	{"GET  / HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
	{"GET /  HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
	{"GET / HTTP/1.1 \r\n" HOST "\r\n", 400, NULL},
	{"GET\t/ HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
	{"GET /\r\n\r\n", 400, NULL},
	{"GET\r\n\r\n", 400, NULL},
	{"GET / http/1.1\r\n" HOST "\r\n", 400, NULL},
	{"GET / HTTP/1.10\r\n" HOST "\r\n", 400, NULL},
	{"GET / HTTP/2.0\r\n" HOST "\r\n", 505, NULL},
	{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, NULL},
	{"G(T / HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
	{"get / HTTP/1.1\r\n" HOST "\r\n", 501, NULL},
	{"BREW / HTTP/1.1\r\n" HOST "\r\n", 501, NULL},
	{"CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n", 501, NULL},
	{"GET a HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
	{"GET /a#b HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
	{"GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
	{"GET /a\x7f HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
	{"GET http:///a HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
	/* fields */
	{"GET / HTTP/1.1\r\n\r\n", 400, NULL},
	{"GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400, NULL},
	{"GET / HTTP/1.0\r\n" HOST HOST "\r\n", 400, NULL},
	{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, NULL},
	{"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400, NULL},
	{"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, NULL},
	{"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, NULL},
	{"GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 400, NULL},
	{"GET / HTTP/1.1\r\n" HOST "X: a\r\n\tb\r\n\r\n", 400, NULL},
	{"GET / HTTP/1.1\r\n" HOST ": a\r\n\r\n", 400, NULL},
	{"GET / HTTP/1.1\r\n" HOST "X\r\n\r\n", 400, NULL},
	{"GET / HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n", 400, NULL},
	{"GET / HTTP/1.1\r\n" HOST "X: a\x7f\r\n\r\n", 400, NULL},
	{"GET / HTTP/1.1\r\n" HOST "Expect: magic\r\n\r\n", 417, NULL},
	/* which bytes are the body (smuggling) */
	{"POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, NULL},
	{"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400, NULL},
	{"POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400, NULL},
	{"POST / HTTP/1.1\r\n" HOST "Content-Length: 3, 3\r\n\r\nabc", 400, NULL},
	{"POST / HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\nabc", 400, NULL},
	{"POST / HTTP/1.1\r\n" HOST "Content-Length: -3\r\n\r\nabc", 400, NULL},
	{"POST / HTTP/1.1\r\n" HOST "Content-Length: 1 2\r\n\r\nabc", 400, NULL},
	{"POST / HTTP/1.1\r\n" HOST "Content-Length: 0x3\r\n\r\nabc", 400, NULL},
	{"POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\nabc", 400, NULL},
	{"POST / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551619\r\n\r\nabc", 400, NULL},
	{"POST / HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775808\r\n\r\nabc", 400, NULL},
	{"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400, NULL},
	{"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, NULL},
	{"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n0\r\n\r\n", 400, NULL},
	{"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, NULL},
	{"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501, NULL},
	{"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n", 501, NULL},
	{"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \x0b" "chunked\r\n\r\n0\r\n\r\n", 400, NULL},
	{"POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, NULL},
	/* chunks */
#define CHUNKED "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
	{CHUNKED "\r\nabc\r\n0\r\n\r\n", 400, NULL},
	{CHUNKED "3 \r\nabc\r\n0\r\n\r\n", 400, NULL},
	{CHUNKED "0x3\r\nabc\r\n0\r\n\r\n", 400, NULL},
	{CHUNKED "-3\r\nabc\r\n0\r\n\r\n", 400, NULL},
	{CHUNKED "3\nabc\r\n0\r\n\r\n", 400, NULL},
	{CHUNKED "3\r\nabcd\r\n0\r\n\r\n", 400, NULL},
	{CHUNKED "3\r\nabc\n0\r\n\r\n", 400, NULL},
	{CHUNKED "3\r\nabc0\r\n\r\n", 400, NULL},
	{CHUNKED "3;\x01\r\nabc\r\n0\r\n\r\n", 400, NULL},
	{CHUNKED "10000000000000000\r\nabc", 400, NULL},
	{CHUNKED "fffffffffffffffff\r\nabc", 400, NULL},
	{CHUNKED "0\r\n\n", 400, NULL},
	{CHUNKED "0\r\n folded\r\n\r\n", 400, NULL},
	{CHUNKED "0\r\nT: a\rb\r\n\r\n", 400, NULL},
};

enum { N_SAMPLES = sizeof(samples) / sizeof(samples[0]) };

static void check(const struct sample *s, const struct outcome *o)
{
	if (o->status != s->status)
		fail_msg("%u (%s) instead of %u for: %s", o->status, o->p.reason ? o->p.reason : "", s->status, s->text);
	if (s->status == 0) {
		assert_int_equal(o->body.len, strlen(s->body));
		if (o->body.len)
			assert_memory_equal(o->body.data, s->body, o->body.len);
	}
}

static void test_samples(void **state)
{
	struct outcome o = {0};
	for (size_t i = 0; i < N_SAMPLES; i++) {
		run(span_of(samples[i].text), MAX_HEAD, NULL, 0, &o);
		check(&samples[i], &o);
	}
	buf_free(&o.body);
}

static void test_nul_bytes(void **state)
{
	const struct span bad[] = {
		SPAN("GET /a\0b HTTP/1.1\r\n" HOST "\r\n"), SPAN("GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n"),
		SPAN("GET / HTTP/1.1\r\n" HOST "X\0: b\r\n\r\n"), SPAN("G\0T / HTTP/1.1\r\n" HOST "\r\n"),
		SPAN("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\0\r\n\r\nabc"), SPAN("GET / HTTP/1.1\r\nHost: a\0\r\n\r\n"),
	};
	struct outcome o = {0};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		run(bad[i], MAX_HEAD, NULL, 0, &o);
		assert_int_equal(o.status, 400);
	}
	buf_free(&o.body);
}

/* Every sample, cut at each byte, at every byte, and at random places, ends the same way. */
static void test_cuts(void **state)
{
	struct outcome o = {0};
	struct rng r;
	size_t cuts[1024];
	uint64_t seed = (uint64_t)(uintptr_t)&o ^ 0x5eed;
	print_message("seed %llu\n", (unsigned long long)seed);
	rng_seed(&r, seed);
	for (size_t i = 0; i < N_SAMPLES; i++) {
		struct span in = span_of(samples[i].text);
		assert_true(in.len < 1024);
		for (size_t cut = 0; cut <= in.len; cut++) {
			run(in, MAX_HEAD, &cut, 1, &o);
			check(&samples[i], &o);
		}
		for (size_t k = 0; k < in.len; k++)
			cuts[k] = k;
		run(in, MAX_HEAD, cuts, in.len, &o);
		check(&samples[i], &o);
		for (int round = 0; round < 50; round++) {
			size_t n = 0;
			for (size_t k = 0; k < in.len; k++)
				if (rng_below(&r, 8) == 0)
					cuts[n++] = k;
			run(in, MAX_HEAD, cuts, n, &o);
			check(&samples[i], &o);
		}
	}
	buf_free(&o.body);
}

/* Changed samples: whatever comes out must not depend on the cuts. */
static void test_cuts_of_garbage(void **state)
{
	struct outcome a = {0}, b = {0};
	struct rng r;
	char text[1024];
	static const char spice[] = "\r\n\0 \t:;,%0aF\x7f\x80/?";
	uint64_t seed = (uint64_t)(uintptr_t)&a;
	print_message("seed %llu\n", (unsigned long long)seed);
	rng_seed(&r, seed);
	for (int round = 0; round < 20000; round++) {
		struct span in = span_of(samples[rng_below(&r, N_SAMPLES)].text);
		memcpy(text, in.data, in.len);
		for (uint64_t k = 1 + rng_below(&r, 3); k; k--)
			text[rng_below(&r, in.len)] = spice[rng_below(&r, sizeof(spice) - 1)];
		in.data = text;
		size_t max_head = 64 + rng_below(&r, 128), cut = rng_below(&r, in.len + 1);
		run(in, max_head, NULL, 0, &a);
		run(in, max_head, &cut, 1, &b);
		if (a.status != b.status)
			fail_msg("round %d: %u, cut at %zu %u", round, a.status, cut, b.status);
		assert_int_equal(a.body.len, b.body.len);
		if (a.status == 0)
			assert_int_equal(a.used, b.used);
	}
	buf_free(&a.body);
	buf_free(&b.body);
}

static unsigned status_of(const struct buf *b, size_t max_head)
{
	struct outcome o = {0};
	run(buf_span(b), max_head, NULL, 0, &o);
	buf_free(&o.body);
	return o.status;
}

static void test_limits(void **state)
{
	struct buf b = {0};
	for (int fields = 60; fields <= 66; fields++) {
		buf_clear(&b);
		buf_put_cstr(&b, "GET / HTTP/1.1\r\n" HOST);
		for (int i = 1; i < fields; i++)
			buf_printf(&b, "X-%d: y\r\n", i);
		buf_put_cstr(&b, "\r\n");
		assert_int_equal(status_of(&b, MAX_HEAD), fields <= HTTP_MAX_FIELDS ? 0 : 431);
		assert_int_equal(status_of(&b, b.len), fields <= HTTP_MAX_FIELDS ? 0 : 431);
		assert_int_equal(status_of(&b, b.len - 1), 431);
	}
	for (size_t n = HTTP_MAX_TARGET_BYTES - 2; n <= HTTP_MAX_TARGET_BYTES + 100; n++) {
		buf_clear(&b);
		buf_put_cstr(&b, "GET /");
		for (size_t i = 1; i < n; i++)
			buf_put_char(&b, 'a');
		assert_int_equal(status_of(&b, MAX_HEAD), n <= HTTP_MAX_TARGET_BYTES + 40 ? 1 : 414);
		buf_put_cstr(&b, " HTTP/1.1\r\n" HOST "\r\n");
		assert_int_equal(status_of(&b, MAX_HEAD), n <= HTTP_MAX_TARGET_BYTES ? 0 : 414);
	}
	for (int i = 0; i < 2; i++) { /* extensions, then a trailer, without end */
		buf_clear(&b);
		buf_put_cstr(&b, i ? CHUNKED "0\r\n" : CHUNKED "1;");
		for (int k = 0; k < 10000; k++)
			buf_put_cstr(&b, i ? "a: b\r\n" : "x");
		assert_int_equal(status_of(&b, MAX_HEAD), i ? 431 : 400);
	}
	buf_free(&b);
}

static void test_meaning(void **state)
{
	static const struct {
		const char *text;
		bool keep_alive, expect;
	} rows[] = {
		{"GET / HTTP/1.1\r\n" HOST "\r\n", true, false},
		{"GET / HTTP/1.1\r\n" HOST "Connection: foo, Close\r\n\r\n", false, false},
		{"GET / HTTP/1.0\r\n\r\n", false, false},
		{"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true, false},
		{"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false, false},
		{"GET / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\n\r\n", true, true},
		{"GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", false, false},
	};
	struct outcome o = {0};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		run(span_of(rows[i].text), MAX_HEAD, NULL, 0, &o);
		assert_int_equal(o.status, 0);
		assert_int_equal(o.p.keep_alive, rows[i].keep_alive);
		assert_int_equal(o.p.expect_continue, rows[i].expect);
	}
	const char *text = "PATCH http://h/p/q?a=b&c HTTP/1.1\r\nHost: h\r\nAccept:  x y \r\n\r\nGET";
	run(span_of(text), MAX_HEAD, NULL, 0, &o);
	assert_int_equal(o.status, 0);
	assert_int_equal(o.p.method, HTTP_PATCH);
	assert_memory_equal(text + o.p.path, "/p/q", 4);
	assert_int_equal(o.p.path_len, 4);
	assert_memory_equal(text + o.p.query, "a=b&c", 5);
	assert_int_equal(o.p.query_len, 5);
	assert_memory_equal(text + o.p.fields[1].value, "x y", 3);
	assert_int_equal(o.p.fields[1].value_len, 3);
	assert_int_equal(o.used, strlen(text) - 3);
	buf_free(&o.body);
}

static void test_percent(void **state)
{
	static const struct {
		const char *in, *path, *query; /* NULL: refused */
	} rows[] = {
		{"a%2Fb", "a/b", "a/b"}, {"a+b", "a+b", "a b"}, {"%c3%A4", "\xc3\xa4", "\xc3\xa4"}, {"", "", ""},
		{"%f0%9f%98%80", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"}, {"%2", NULL, NULL}, {"%", NULL, NULL},
		{"%g0", NULL, NULL}, {"%0g", NULL, NULL}, {"a%00", NULL, NULL}, {"%ff", NULL, NULL}, {"%c3", NULL, NULL},
		{"%c0%af", NULL, NULL}, {"%ed%a0%80", NULL, NULL}, {"%f4%90%80%80", NULL, NULL}, {"%e0%80%80", NULL, NULL},
		{"%C3%A4%", NULL, NULL}, {"%%41", NULL, NULL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int plus = 0; plus < 2; plus++) {
			char out[64];
			size_t len = 0;
			const char *want = plus ? rows[i].query : rows[i].path;
			int rc = http_percent_decode(span_of(rows[i].in), plus, out, &len);
			assert_int_equal(rc, want ? 0 : 1);
			if (want)
				assert_true(span_equal((struct span){out, len}, span_of(want)));
		}
	assert_true(http_list_has(SPAN("a, GZIP;q=1 ,b"), "gzip"));
	assert_false(http_list_has(SPAN("a, xgzip"), "gzip"));
	assert_false(http_list_has((struct span){NULL, 0}, "gzip"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples), cmocka_unit_test(test_nul_bytes), cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_cuts_of_garbage), cmocka_unit_test(test_limits), cmocka_unit_test(test_meaning),
		cmocka_unit_test(test_percent),
	};
	return cmocka_run_group_tests_name("http parser", tests, NULL, NULL);
}
