/* Keys, tokens, strangers' pages and rates. The keys are "reading", "writing", "ruling"; only their digests are set. */
#include <stdio.h>

#include "api_fixture.h"

#define KEYS \
	"\"keys\":[{\"name\":\"r\",\"sha256\":\"%s\",\"scopes\":[\"read\"]}," \
	"{\"name\":\"w\",\"sha256\":\"%s\",\"scopes\":[\"write\"]}," \
	"{\"name\":\"a\",\"sha256\":\"%s\",\"scopes\":[\"admin\"]}]"
#define READING "X-API-Key: reading\r\n"
#define WRITING "Authorization: Bearer writing\r\n"
#define RULING "authorization: bearer  ruling\r\n"

static const char *hex_of(const char *key, char out[2 * DIGEST_BYTES + 1])
{
	uint8_t hash[DIGEST_BYTES];
	digest_sha256(span_of(key), hash);
	for (int i = 0; i < DIGEST_BYTES; i++)
		snprintf(out + 2 * i, 3, "%02x", hash[i]);
	return out;
}

static void start_with(const char *more)
{
	char config[1024], r[2 * DIGEST_BYTES + 1], w[2 * DIGEST_BYTES + 1], a[2 * DIGEST_BYTES + 1];
	int n = snprintf(config, sizeof(config), "{\"access_log\":false%s," KEYS "}", more, hex_of("reading", r),
	                 hex_of("writing", w), hex_of("ruling", a));
	assert_true(n > 0 && (size_t)n < sizeof(config));
	fix_start(config);
}

static void keys(void **state)
{
	start_with("");
	fix_expect("GET /healthz", "", NULL, 200, NULL);
	fix_expect("GET /openapi.json", "", NULL, 200, NULL);
	fix_expect("GET /v1/latest", "", NULL, 401, "\"code\":\"key_required\"");
	assert_non_null(reply_field(&fix.reply, "WWW-Authenticate"));
	fix_expect("GET /v1/latest", "X-API-Key: guess\r\n", NULL, 401, "\"code\":\"unknown_key\"");
	fix_expect("GET /v1/latest", READING, NULL, 200, NULL);
	fix_expect("GET /v1/latest", WRITING, NULL, 403, "\"code\":\"forbidden\"");
	fix_expect("POST /v1/articles", READING, "{\"id\":\"a1\",\"title\":\"x\"}", 403, NULL);
	fix_expect("POST /v1/articles", WRITING, "{\"id\":\"a1\",\"title\":\"x\"}", 200, NULL);
	fix_expect("PUT /v1/editions/cpt", WRITING, "{}", 403, NULL);
	fix_expect("PUT /v1/editions/cpt", RULING, "{}", 201, NULL);
	fix_expect("GET /v1/users/me/feed", READING, NULL, 401, "\"code\":\"reader_required\"");
	/* With keys, whoever has one may come from anywhere. */
	fix_expect("GET /v1/latest", READING "Origin: https://news.example.co.za\r\n", NULL, 200, NULL);
	fix_stop();
}

static void tokens(void **state)
{
	char reader[300], feed[300];
	start_with("");
	fix_expect("POST /v1/articles", WRITING, "{\"id\":\"a1\",\"title\":\"x\"}", 200, NULL);
	fix_expect("PUT /v1/users/u", WRITING, "{}", 200, NULL);
	fix_expect("PUT /v1/users/v", WRITING, "{}", 200, NULL);
	fix_expect("POST /v1/users/u/tokens", WRITING, "{\"scope\":\"reader\"}", 201, NULL);
	snprintf(reader, sizeof(reader), "Authorization: Bearer %s\r\n", fix_member("token"));
	fix_expect("POST /v1/users/u/tokens", WRITING, "{\"scope\":\"feed\"}", 201, NULL);
	snprintf(feed, sizeof(feed), "Authorization: Bearer %s\r\n", fix_member("token"));

	static const struct {
		const char *request, *body;
		unsigned reader, feed; /* status by either token */
	} cases[] = {
		{"GET /v1/users/u/feed", NULL, 200, 200},
		{"GET /v1/users/me/feed", NULL, 200, 200},
		{"GET /v1/users/v/feed", NULL, 403, 403},
		{"GET /v1/users/u", NULL, 200, 403},
		{"GET /v1/users/me", NULL, 200, 403},
		{"GET /v1/users/v", NULL, 403, 403},
		{"PATCH /v1/users/me", "{}", 200, 403},
		{"GET /v1/users/me/export", NULL, 200, 403},
		{"POST /v1/users/me/merge", "{\"from\":\"v\"}", 403, 403},
		{"GET /v1/latest", NULL, 403, 403},
		{"POST /v1/rank", "{\"user_id\":\"v\",\"articles\":[]}", 403, 403},
		{"POST /v1/articles", "{}", 403, 403},
		{"DELETE /v1/events/e", NULL, 403, 403},
		{"PUT /v1/pins/a1", "{\"position\":1}", 403, 403},
		{"GET /metrics", NULL, 403, 403},
		{"POST /v1/events", "{\"article_id\":\"a1\",\"type\":\"click\"}", 200, 403},
		{"POST /v1/events", "{\"user_id\":\"u\",\"article_id\":\"a1\",\"type\":\"click\"}", 200, 403},
		{"POST /v1/events", "{\"user_id\":\"me\",\"article_id\":\"a1\",\"type\":\"click\"}", 200, 403},
		{"POST /v1/events", "{\"user_id\":\"v\",\"article_id\":\"a1\",\"type\":\"click\"}", 400, 403},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fix_expect(cases[i].request, reader, cases[i].body, cases[i].reader, NULL);
		fix_expect(cases[i].request, feed, cases[i].body, cases[i].feed, NULL);
	}
	fix_expect("POST /v1/events", reader, "[{\"user_id\":\"v\",\"article_id\":\"a1\",\"type\":\"click\"}]", 200,
	           "\"rejected\":1,\"results\":[{\"id\":null,\"status\":\"rejected\",\"errors\":[{\"pointer\":\"/user_id\"");
	fix_expect("DELETE /v1/users/me/tokens", reader, NULL, 204, NULL);
	fix_expect("GET /v1/users/me", reader, NULL, 401, "\"code\":\"unknown_key\"");
	fix_stop();
}

/* Without keys this machine may do all, but a page of another site may not use its browser. */
static void strangers(void **state)
{
	static const struct {
		const char *headers;
		unsigned status;
	} cases[] = {
		{"", 200},
		{"Origin: http://localhost\r\n", 200},
		{"Origin: http://evil.com\r\n", 403},
		{"Origin: null\r\n", 403},
		{"Origin: http://localhost:9\r\n", 403},
		{"X-API-Key: whatever\r\n", 200},
		{"X-API-Key: mnr_whatever\r\n", 401},
	};
	fix_start(NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		fix_expect("GET /v1/latest", cases[i].headers, NULL, cases[i].status, NULL);
	static const struct {
		const char *host;
		unsigned status;
	} hosts[] = {{"127.0.0.1:8080", 200}, {"[::1]:8080", 200}, {"news", 200}, {"evil.com", 403}, {"evil.com:8080", 403},
	             {"a.localhost", 200}, {"example.com", 200}, {"notexample.com", 403}};
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		char text[200];
		snprintf(text, sizeof(text), "GET /v1/latest HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", hosts[i].host);
		exchange_text(fix.port, text, &fix.reply, &fix.body);
		if (fix.reply.status != hosts[i].status)
			fail_msg("Host %s -> %u", hosts[i].host, fix.reply.status);
	}
	fix_stop();
}

/* One request at once, the next after a long time: the second of each is refused. */
static void rates(void **state)
{
	start_with(",\"key_rate\":1,\"key_burst\":1");
	fix_expect("GET /v1/latest", READING, NULL, 200, NULL);
	fix_expect("GET /v1/latest", READING, NULL, 429, "\"code\":\"rate_limited\"");
	assert_string_equal(reply_field(&fix.reply, "Retry-After"), "1");
	fix_expect("POST /v1/articles", WRITING, "[]", 200, NULL); /* another key */
	fix_expect("GET /healthz", "", NULL, 200, NULL);
	fix_stop();

	start_with(",\"reader_rate\":1,\"reader_burst\":1");
	fix_expect("GET /v1/users/u/feed", READING, NULL, 200, NULL);
	fix_expect("GET /v1/users/u/feed", READING, NULL, 429, NULL);
	fix_expect("GET /v1/users/v/feed", READING, NULL, 200, NULL);
	fix_expect("GET /v1/latest", READING, NULL, 200, NULL);
	fix_stop();

	start_with(",\"address_rate\":1,\"address_burst\":1,\"trusted_proxies\":[\"127.0.0.1\",\"10.0.0.0/8\"]");
	fix_expect("GET /v1/latest", READING "X-Forwarded-For: 192.0.2.1\r\n", NULL, 200, NULL);
	fix_expect("GET /v1/latest", READING "X-Forwarded-For: 192.0.2.9, 192.0.2.1 , 10.1.2.3\r\n", NULL, 429, NULL);
	fix_expect("GET /v1/latest", READING "X-Forwarded-For: 192.0.2.1, 192.0.2.2\r\n", NULL, 200, NULL);
	fix_stop();

	start_with(",\"address_rate\":1,\"address_burst\":1"); /* nobody is trusted: the header counts for nothing */
	fix_expect("GET /v1/latest", READING "X-Forwarded-For: 192.0.2.1\r\n", NULL, 200, NULL);
	fix_expect("GET /v1/latest", READING "X-Forwarded-For: 192.0.2.2\r\n", NULL, 429, NULL);
	fix_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(keys), cmocka_unit_test(tokens), cmocka_unit_test(strangers),
	                                   cmocka_unit_test(rates)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
