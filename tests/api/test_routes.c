/* Every route: a good answer, and each refusal with its status, code and pointer. */
#include <errno.h>
#include <stdio.h>

#include "api_fixture.h"
#include "fake_engine.h"

struct step {
	const char *request, *body;
	unsigned status;
	const char *part; /* of the answer */
};

static void run(const struct step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fix_expect(steps[i].request, "", steps[i].body, steps[i].status, steps[i].part);
}
#define RUN(steps) run(steps, sizeof(steps) / sizeof((steps)[0]))

static int start(void **state)
{
	fix_start(NULL);
	return 0;
}

static int stop(void **state)
{
	atomic_store(&fake_queue_error, 0);
	atomic_store(&fake_commit_error, 0);
	atomic_store(&fake_feed_outcome, 0);
	fix_stop();
	return 0;
}

static void articles(void **state)
{
	static const struct step steps[] = {
		{"POST /v1/articles", "{\"id\":\"a1\",\"title\":\"Rain\"}", 200,
		 "{\"accepted\":1,\"rejected\":0,\"results\":[{\"id\":\"a1\",\"status\":\"created\"}]}"},
		{"POST /v1/articles", "{\"id\":\"a1\",\"title\":\"Rain\"}", 200, "\"status\":\"unchanged\""},
		{"POST /v1/articles", "{\"url\":\"https://example.com/x\",\"title\":\"Rain\"}", 200, "\"id\":\"u-"},
		{"POST /v1/articles", "[{\"id\":\"a2\",\"title\":\"Sun\"},{\"id\":\"a3\"},7]", 200, "\"accepted\":1,\"rejected\":2"},
		{"POST /v1/articles", "[{\"id\":\"a3\"}]", 200,
		 "{\"id\":\"a3\",\"status\":\"rejected\",\"errors\":[{\"pointer\":\"/title\""},
		{"POST /v1/articles", "{\"id\":\"a3\"}", 400, "{\"pointer\":\"/title\""},
		{"POST /v1/articles", "{\"id\":\"a3\",\"title\":\"x\",\"boost\":\"1\"}", 400, "\"code\":\"invalid_article\""},
		{"POST /v1/articles", "{", 400, "\"code\":\"not_json\""},
		{"POST /v1/articles", "", 400, "\"code\":\"not_json\""},
		{"POST /v1/articles", "7", 400, "\"code\":\"invalid_body\""},
		{"POST /v1/articles", "[]", 200, "{\"accepted\":0,\"rejected\":0,\"results\":[]}"},
		{"GET /v1/articles/a1", NULL, 200, "\"live\":true,\"story\":{\"id\":\"7\"},\"vector\":[]}"},
		{"HEAD /v1/articles/a1", NULL, 200, NULL},
		{"GET /v1/articles/nope", NULL, 404, "\"code\":\"not_found\""},
		{"GET /v1/articles/%01", NULL, 400, "\"pointer\":\"/id\""},
		{"GET /v1/articles?q=rain&section=world&limit=2", NULL, 200, "\"next_cursor\":\"next\""},
		{"GET /v1/articles?limit=0", NULL, 400, "\"pointer\":\"/limit\""},
		{"GET /v1/articles?limit=201", NULL, 400, "\"pointer\":\"/limit\""},
		{"GET /v1/articles?limit=x", NULL, 400, "\"pointer\":\"/limit\""},
		{"GET /v1/articles?q=%ff", NULL, 400, NULL},
		{"GET /v1/articles/a1/related?limit=1", NULL, 200, "\"items\":[{\"position\":1"},
		{"GET /v1/articles/nope/related", NULL, 404, NULL},
		{"PATCH /v1/articles/a1", "{}", 405, NULL},
		{"DELETE /v1/articles/a1", NULL, 204, NULL},
		{"DELETE /v1/articles/a1", NULL, 404, NULL},
	};
	RUN(steps);
	fix_expect("POST /v1/articles", "Content-Type: application/x-ndjson\r\n", "{\"id\":\"b1\",\"title\":\"x\"}\nnope\n", 200,
	           "\"accepted\":1,\"rejected\":1");
	fix_expect("POST /v1/articles", "Content-Type: application/vnd.iptc.ninjs+json; v=2\r\n",
	           "{\"uri\":\"n1\",\"headline\":\"x\"}", 200, "\"id\":\"n1\"");
	fix_expect("POST /v1/articles", "Content-Type: text/plain\r\n", "{}", 415, "\"code\":\"unsupported_media_type\"");
}

static void batch_limit(void **state)
{
	for (int n = LIMIT_BATCH; n <= LIMIT_BATCH + 1; n++) {
		struct buf b = {0};
		for (int i = 0; i < n; i++)
			buf_put_cstr(&b, i ? ",{}" : "[{}");
		buf_put_cstr(&b, "]");
		buf_put_char(&b, '\0');
		fix_expect("POST /v1/articles", "", b.data, n > LIMIT_BATCH ? 413 : 200,
		           n > LIMIT_BATCH ? "\"code\":\"too_many_elements\"" : "\"accepted\":0,\"rejected\":1000");
		buf_free(&b);
	}
}

static void events(void **state)
{
	static const struct step steps[] = {
		{"POST /v1/articles", "{\"id\":\"a1\",\"title\":\"Rain\"}", 200, NULL},
		{"POST /v1/events", "{\"id\":\"e1\",\"user_id\":\"u\",\"article_id\":\"a1\",\"type\":\"click\"}", 200,
		 "{\"accepted\":1,\"duplicates\":0,\"rejected\":0,\"results\":[{\"id\":\"e1\",\"status\":\"accepted\"}]}"},
		{"POST /v1/events", "{\"id\":\"e1\",\"user_id\":\"u\",\"article_id\":\"a1\",\"type\":\"click\"}", 200,
		 "\"duplicates\":1"},
		{"POST /v1/events", "{\"user_id\":\"u\",\"article_id\":\"a1\",\"type\":\"custom:x\"}", 200, "\"id\":\"e-1\""},
		{"POST /v1/events", "{\"user_id\":\"u\",\"article_id\":\"zz\",\"type\":\"click\"}", 422, "\"code\":\"unknown_article\""},
		{"POST /v1/events", "{\"user_id\":\"u\",\"article_id\":\"a1\",\"type\":\"klick\"}", 400, "\"pointer\":\"/type\""},
		{"POST /v1/events", "{\"user_id\":\"u\",\"article_id\":\"a1\",\"type\":\"click\",\"at\":\"9999-01-01T00:00:00Z\"}", 400,
		 "\"code\":\"event_in_future\""},
		{"POST /v1/events", "{\"article_id\":\"a1\",\"type\":\"click\"}", 400, "\"pointer\":\"/user_id\""},
		{"POST /v1/events", "[{\"user_id\":\"u\",\"article_id\":\"zz\",\"type\":\"click\"},{\"user_id\":\"u\",\"article_id\":\"a1\","
		 "\"type\":\"read\",\"dwell_s\":3}]", 200, "\"status\":\"rejected\",\"errors\":[{\"pointer\":\"/article_id\""},
		{"POST /v1/events", "nope", 400, "\"code\":\"not_json\""},
		{"DELETE /v1/events/e1", NULL, 204, NULL},
		{"DELETE /v1/events/nope", NULL, 404, NULL},
		{"DELETE /v1/events/old", NULL, 409, "\"code\":\"event_too_old\""},
	};
	RUN(steps);
}

static void feeds(void **state)
{
	char last[512];
	static const struct step steps[] = {
		{"POST /v1/articles", "{\"id\":\"a1\",\"title\":\"Rain\"}", 200, NULL},
		{"GET /v1/users/u/feed", NULL, 200, "{\"feed_id\":\"f-1\",\"as_of\":\""},
		{"GET /v1/users/u/feed", NULL, 200, "\"experiments\":[],\"items\":[{\"position\":1,\"article\":{\"id\":\"a1\""},
		{"GET /v1/users/u/feed?lang=fr", NULL, 200, "\"code\":\"topic_long\",\"text\":\""},
		{"GET /v1/users/me/feed", NULL, 401, "\"code\":\"reader_required\""},
		{"GET /v1/users/u/feed?explain=2", NULL, 400, "\"pointer\":\"/explain\""},
		{"GET /v1/users/u/feed?order=best", NULL, 400, "\"pointer\":\"/order\""},
		{"GET /v1/users/u/feed/new?feed_id=f-1", NULL, 200, "{\"feed_id\":\"f-1\",\"new\":3}"},
		{"GET /v1/users/u/feed/new?feed_id=f-2", NULL, 410, NULL},
		{"GET /v1/users/u/feed/new", NULL, 400, "\"pointer\":\"/feed_id\""},
		{"GET /v1/users/u/explain/a1", NULL, 200, "\"why\":\"expired\",\"text\":\""},
		{"GET /v1/users/u/explain/zz", NULL, 404, NULL},
		{"GET /v1/users/u/saved", NULL, 200, "\"types\":[\"click\",\"save\"]"},
		{"GET /v1/users/u/history?limit=1", NULL, 200, "{\"items\":[{\"article\":{\"id\":\"a1\"}"},
		{"POST /v1/rank", "{\"user_id\":\"u\",\"articles\":[\"a1\"]}", 200, "\"items\":["},
		{"POST /v1/rank", "{\"user_id\":\"u\",\"articles\":[\"a1\"],\"typo\":1}", 400, "\"pointer\":\"/typo\""},
		{"POST /v1/rank", "{\"articles\":[\"a1\"]}", 400, "\"pointer\":\"/user_id\""},
		{"POST /v1/rank", "{\"user_id\":\"u\",\"articles\":[1]}", 400, "\"pointer\":\"/articles/0\""},
		{"GET /v1/trending", NULL, 200, "\"items\":["},
		{"GET /v1/latest?limit=5", NULL, 200, "\"next_cursor\":null"},
	};
	RUN(steps);
	fix_expect("GET /v1/users/u/feed?limit=7&edition=cpt&section=w&topic=t&order=latest&explain=1&exclude=a,b,,c"
	           "&model=m", "", NULL, 200, NULL);
	fake_last_request(last, sizeof(last));
	assert_string_equal(last, "user=u edition=cpt section=w topic=t q= limit=7 order=1 explain=1 exclude=3 model=m");

	fix_expect("GET /v1/latest", "", NULL, 200, NULL);
	char header[128];
	snprintf(header, sizeof(header), "If-None-Match: %s\r\n", reply_field(&fix.reply, "ETag"));
	assert_int_equal(fix_ask("GET /v1/latest", header, NULL), 304);

	static const struct {
		int outcome;
		unsigned status;
	} outcomes[] = {{FEED_CURSOR_GONE, 410}, {FEED_CURSOR_BAD, 400}, {FEED_UNKNOWN_EDITION, 422},
	                {FEED_UNKNOWN_MODEL, 422}, {FEED_SLATE_PENDING, 503}, {-EIO, 503}, {-EPROTO, 500}};
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
		atomic_store(&fake_feed_outcome, outcomes[i].outcome);
		fix_expect("GET /v1/users/u/feed", "", NULL, outcomes[i].status, "\"code\":");
	}
	atomic_store(&fake_feed_outcome, FEED_UNKNOWN_MODEL);
	fix_expect("GET /v1/users/u/feed?model=m", "", NULL, 422,
	           "{\"pointer\":\"/model\",\"detail\":\"names no known model; known are: default, best\"}");
	atomic_store(&fake_feed_outcome, 0);
	atomic_store(&fake_pending, 2);
	fix_expect("GET /v1/users/u/feed", "", NULL, 200, "\"items\":["); /* waited for the slate twice */
	assert_int_equal(atomic_load(&fake_pending), 0);
}

static void users(void **state)
{
	static const struct step steps[] = {
		{"GET /v1/users/u", NULL, 404, NULL},
		{"PUT /v1/users/u", "{\"languages\":[\"en\"]}", 200, "{\"id\":\"u\",\"languages\":[]"},
		{"PATCH /v1/users/u", "{\"typo\":1}", 400, "\"pointer\":\"/typo\""},
		{"PATCH /v1/users/u", "{\"edition\":\"nope\"}", 422, "\"code\":\"unknown_edition\""},
		{"PATCH /v1/users/u", "[]", 400, NULL},
		{"PATCH /v1/users/u", "", 400, "\"code\":\"not_json\""},
		{"GET /v1/users/u", NULL, 200, "\"created_at\":\"1970-01-01T00:00:01Z\""},
		{"GET /v1/users/u/interests", NULL, 200, "{\"topics\":[{\"topic\":\"topic:rain\",\"weight\":0.5"},
		{"PATCH /v1/users/u/interests", "{\"topics\":[{\"topic\":\"rain\",\"mute\":true}]}", 200, "\"topics\""},
		{"PATCH /v1/users/u/interests", "{\"topics\":[{\"topic\":7}]}", 400, "\"pointer\":\"/topics/0/topic\""},
		{"GET /v1/users/u/export", NULL, 200, "{\"all\":true}"},
		{"GET /v1/users/nobody/export", NULL, 404, NULL},
		{"PUT /v1/users/fleeting", "{}", 409, "\"code\":\"user_erasing\""},
		{"PATCH /v1/users/fleeting/interests", "{\"topics\":[]}", 409, "\"code\":\"user_erasing\""},
		{"GET /v1/users/fleeting", NULL, 404, NULL},
		{"POST /v1/users/v/merge", "{\"from\":\"u\"}", 200, "\"id\":\"v\""},
		{"POST /v1/users/v/merge", "{\"from\":\"w\"}", 422, "\"pointer\":\"/from\""},
		{"POST /v1/users/v/merge", "{\"from\":\"v\"}", 400, "\"pointer\":\"/from\""},
		{"POST /v1/users/v/merge", "{}", 400, "\"pointer\":\"/from\""},
		{"POST /v1/users/u/tokens", "{\"scope\":\"all\"}", 400, "\"pointer\":\"/scope\""},
		{"POST /v1/users/nobody/tokens", "{\"scope\":\"feed\"}", 404, NULL},
		{"POST /v1/users/u/tokens", "{\"scope\":\"feed\"}", 201, "\"token\":\"mnf_"},
		{"POST /v1/users/u/tokens", "{\"scope\":\"reader\"}", 201, "\"token\":\"mnr_"},
		{"GET /v1/users/u/tokens", NULL, 200, "\"scope\":\"reader\""},
		{"DELETE /v1/users/u/tokens/nope", NULL, 404, NULL},
		{"DELETE /v1/users/u/tokens", NULL, 204, NULL},
		{"GET /v1/users/u/tokens", NULL, 200, "{\"tokens\":[]}"},
		{"DELETE /v1/users/u", NULL, 204, NULL},
		{"DELETE /v1/users/u", NULL, 404, NULL},
	};
	RUN(steps);
}

static void editors(void **state)
{
	static const struct step steps[] = {
		{"PUT /v1/editions/cpt", "{\"title\":\"Cape Town\",\"places\":[\"cape town\"]}", 201, "\"key\":\"cpt\""},
		{"PUT /v1/editions/cpt", "{\"key\":\"cpt\"}", 200, NULL},
		{"PUT /v1/editions/cpt", "{\"key\":\"jnb\"}", 400, "\"pointer\":\"/key\""},
		{"PUT /v1/editions/cpt", "{\"places\":\"x\"}", 400, "\"pointer\":\"/places\""},
		{"GET /v1/editions", NULL, 200, "{\"editions\":[{\"key\":\"cpt\""},
		{"GET /v1/editions/cpt", NULL, 200, "{\"key\":\"cpt\""},
		{"GET /v1/editions/nope", NULL, 404, NULL},
		{"POST /v1/articles", "{\"id\":\"a1\",\"title\":\"Rain\"}", 200, NULL},
		{"PUT /v1/pins/a1", "{\"position\":1,\"edition\":\"cpt\"}", 200, "{\"article_id\":\"a1\",\"position\":1"},
		{"PUT /v1/pins/a1", "{\"position\":0}", 400, "\"pointer\":\"/position\""},
		{"PUT /v1/pins/a1", "{}", 400, "\"pointer\":\"/position\""},
		{"PUT /v1/pins/a1", "{\"boost\":2,\"edition\":\"nope\"}", 422, "\"pointer\":\"/edition\""},
		{"PUT /v1/pins/zz", "{\"position\":1}", 422, "\"pointer\":\"/article_id\""},
		{"GET /v1/pins", NULL, 200, "{\"pins\":[{\"article_id\":\"a1\""},
		{"DELETE /v1/pins/a1", NULL, 204, NULL},
		{"DELETE /v1/pins/a1", NULL, 404, NULL},
		{"GET /v1/stories/7", NULL, 200, "{\"id\":\"7\",\"size\":1,\"articles\":[{\"id\":\"a1\"}]}"},
		{"GET /v1/stories/9", NULL, 404, NULL},
		{"GET /v1/stories/x", NULL, 404, NULL},
		{"POST /v1/stories/7/split", "{\"articles\":[\"a1\"]}", 200, "\"id\":\"7\""},
		{"POST /v1/stories/7/split", "{\"articles\":[]}", 400, "\"pointer\":\"/articles\""},
		{"POST /v1/stories/9/split", "{\"articles\":[\"a1\"]}", 404, NULL},
		{"POST /v1/stories/7/merge", "{\"from\":\"8\"}", 200, NULL},
		{"POST /v1/stories/7/merge", "{\"from\":\"9\"}", 422, "\"pointer\":\"/from\""},
		{"POST /v1/stories/7/merge", "{\"from\":\"7\"}", 400, "\"pointer\":\"/from\""},
		{"POST /v1/stories/7/merge", "{\"from\":7}", 400, "\"pointer\":\"/from\""},
		{"DELETE /v1/editions/cpt", NULL, 204, NULL},
		{"DELETE /v1/editions/cpt", NULL, 404, NULL},
	};
	RUN(steps);
}

static void operations(void **state)
{
	static const struct step steps[] = {
		{"GET /healthz", NULL, 200, "{\"status\":\"ok\"}"},
		{"GET /readyz", NULL, 200, "{\"status\":\"ready\"}"},
		{"GET /openapi.json", NULL, 200, "\"openapi\""},
		{"GET /v1/stats", NULL, 200, "\"articles_live\":0"},
		{"GET /nothing", NULL, 404, NULL},
		{"GET /metrics", NULL, 200, "mynews_http_requests_total{method=\"GET\",route=\"/healthz\",status=\"200\"} 1\n"},
		{"GET /metrics", NULL, 200, "mynews_http_requests_total{method=\"\",route=\"\",status=\"404\"} 1\n"},
		{"GET /metrics", NULL, 200, "mynews_write_queue_capacity 1000\n"},
		{"POST /v1/admin/clock", "{\"now\":1}", 409, "\"code\":\"clock_not_manual\""},
	};
	RUN(steps);
	atomic_store(&fix.api.draining, true);
	fix_expect("GET /readyz", "", NULL, 503, "\"code\":\"closing\"");
}

static void manual_clock(void **state)
{
	atomic_store(&fix.api.manual_now_ms, INT64_C(1000000000000));
	fix.api.manual_clock = true;
	static const struct step steps[] = {
		{"POST /v1/admin/clock", "{\"now\":\"2026-11-20T12:00:00Z\"}", 200, "{\"now\":\"2026-11-20T12:00:00Z\"}"},
		{"POST /v1/admin/clock", "{\"advance_s\":60}", 200, "{\"now\":\"2026-11-20T12:01:00Z\"}"},
		{"POST /v1/admin/clock", "{\"now\":\"2026-11-20T12:00:00Z\"}", 409, "\"code\":\"clock_backwards\""},
		{"POST /v1/admin/clock", "{}", 400, "\"pointer\":\"/now\""},
		{"POST /v1/admin/clock", "{\"now\":\"x\"}", 400, "\"pointer\":\"/now\""},
		{"GET /v1/stats", NULL, 200, "{\"now\":\"2026-11-20T12:01:00Z\""},
	};
	RUN(steps);
}

static void failing_store(void **state)
{
	static const struct {
		int error;
		const char *code;
	} errors[] = {{-EAGAIN, "\"code\":\"overloaded\""}, {-ENOSPC, "\"code\":\"storage_full\""},
	              {-EIO, "\"code\":\"store_failed\""}, {-ENOMEM, "\"code\":\"out_of_memory\""}};
	for (size_t i = 0; i < 2 * sizeof(errors) / sizeof(errors[0]); i++) {
		_Atomic int *which = i % 2 ? &fake_queue_error : &fake_commit_error;
		atomic_store(which, errors[i / 2].error);
		fix_expect("POST /v1/articles", "", "{\"id\":\"a1\",\"title\":\"x\"}", 503, errors[i / 2].code);
		assert_non_null(reply_field(&fix.reply, "Retry-After"));
		atomic_store(which, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(articles, start, stop), cmocka_unit_test_setup_teardown(batch_limit, start, stop),
		cmocka_unit_test_setup_teardown(events, start, stop), cmocka_unit_test_setup_teardown(feeds, start, stop),
		cmocka_unit_test_setup_teardown(users, start, stop), cmocka_unit_test_setup_teardown(editors, start, stop),
		cmocka_unit_test_setup_teardown(operations, start, stop),
		cmocka_unit_test_setup_teardown(manual_clock, start, stop),
		cmocka_unit_test_setup_teardown(failing_store, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
