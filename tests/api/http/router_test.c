#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>

#include <cmocka.h>

#include "api/http/router.h"

static void nothing(struct http_exchange *x, void *ctx)
{
}

static const struct http_route routes[] = {
	{HTTP_GET, "/", nothing},
	{HTTP_GET, "/v1/articles/{id}", nothing},
	{HTTP_DELETE, "/v1/articles/{id}", nothing},
	{HTTP_POST, "/v1/articles", nothing},
	{HTTP_GET, "/v1/users/{id}/feed", nothing},
	{HTTP_GET, "/v1/users/me", nothing},
	{HTTP_DELETE, "/v1/users/{user}", nothing},
	{HTTP_GET, "/v1/{a}/{b}/{c}/x", nothing},
};

static void test_matches(void **state)
{
	static const struct {
		enum http_method method;
		const char *path;
		int outcome, route;
		const char *first; /* the first parameter */
		const char *allow;
	} rows[] = {
		{HTTP_GET, "/", ROUTER_FOUND, 0, NULL, "GET, HEAD, OPTIONS"},
		{HTTP_HEAD, "/", ROUTER_FOUND, 0, NULL, "GET, HEAD, OPTIONS"},
		{HTTP_GET, "/v1/articles/a%2Fb", ROUTER_FOUND, 1, "a/b", "GET, HEAD, DELETE, OPTIONS"},
		{HTTP_GET, "/v1/%61rticles/x+y", ROUTER_FOUND, 1, "x+y", "GET, HEAD, DELETE, OPTIONS"},
		{HTTP_DELETE, "/v1/articles/%C3%A4", ROUTER_FOUND, 2, "\xc3\xa4", "GET, HEAD, DELETE, OPTIONS"},
		{HTTP_PUT, "/v1/articles/1", ROUTER_NO_METHOD, 0, NULL, "GET, HEAD, DELETE, OPTIONS"},
		{HTTP_OPTIONS, "/v1/articles", ROUTER_NO_METHOD, 0, NULL, "POST, OPTIONS"},
		{HTTP_GET, "/v1/users/me", ROUTER_FOUND, 5, NULL, "GET, HEAD, OPTIONS"},
		{HTTP_DELETE, "/v1/users/me", ROUTER_FOUND, 6, "me", "GET, HEAD, DELETE, OPTIONS"},
		{HTTP_GET, "/v1/users/me/feed", ROUTER_FOUND, 4, "me", "GET, HEAD, OPTIONS"},
		{HTTP_GET, "/v1/users/me/z/x", ROUTER_FOUND, 7, "users", "GET, HEAD, OPTIONS"},
		{HTTP_GET, "/v1/articles/", ROUTER_NO_PATH, 0, NULL, NULL},
		{HTTP_GET, "/v1//articles/1", ROUTER_NO_PATH, 0, NULL, NULL},
		{HTTP_GET, "/v1/articles/1/", ROUTER_NO_PATH, 0, NULL, NULL},
		{HTTP_GET, "/v1", ROUTER_NO_PATH, 0, NULL, NULL},
		{HTTP_GET, "/V1/articles/1", ROUTER_NO_PATH, 0, NULL, NULL},
		{HTTP_GET, "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18", ROUTER_NO_PATH, 0, NULL, NULL},
		{HTTP_GET, "*", ROUTER_NO_PATH, 0, NULL, NULL},
		{HTTP_GET, "/v1/articles/%", ROUTER_MALFORMED, 0, NULL, NULL},
		{HTTP_GET, "/v1/articles/%00", ROUTER_MALFORMED, 0, NULL, NULL},
		{HTTP_GET, "/v1/articles/%ff", ROUTER_MALFORMED, 0, NULL, NULL},
		{HTTP_GET, "/nowhere/%zz", ROUTER_MALFORMED, 0, NULL, NULL},
	};
	struct router *r;
	struct arena a = {0};
	assert_int_equal(router_new(&r, routes, sizeof(routes) / sizeof(routes[0])), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct router_match m;
		int rc = router_match(r, rows[i].method, span_of(rows[i].path), &a, &m);
		if (rc != rows[i].outcome)
			fail_msg("%s: %d", rows[i].path, rc);
		if (rc == ROUTER_FOUND) {
			assert_ptr_equal(m.route, &routes[rows[i].route]);
			assert_int_equal(m.n_params > 0, rows[i].first != NULL);
			if (rows[i].first)
				assert_true(span_equal_cstr(m.values[0], rows[i].first));
		}
		if (rows[i].allow && !span_equal_cstr(router_allow(m.allow, &a), rows[i].allow))
			fail_msg("%s: %s", rows[i].path, router_allow(m.allow, &a).data);
		arena_reset(&a);
	}
	struct router_match m;
	assert_int_equal(router_match(r, HTTP_GET, SPAN("/v1/1/2/3/x"), &a, &m), ROUTER_FOUND);
	assert_int_equal(m.n_params, 3);
	assert_true(span_equal_cstr(m.names[2], "c") && span_equal_cstr(m.values[2], "3"));
	arena_free(&a);
	router_free(r);
}

static void test_bad_patterns(void **state)
{
	static const struct http_route bad[][2] = {
		{{HTTP_GET, "", nothing}, {HTTP_GET, "/a", nothing}},
		{{HTTP_GET, "a", nothing}, {HTTP_GET, "/a", nothing}},
		{{HTTP_GET, "/{}", nothing}, {HTTP_GET, "/a", nothing}},
		{{HTTP_GET, "/{a", nothing}, {HTTP_GET, "/a", nothing}},
		{{HTTP_GET, "/a", nothing}, {HTTP_GET, "/a", nothing}},
		{{HTTP_GET, "/{a}", nothing}, {HTTP_GET, "/{b}", nothing}},
		{{HTTP_GET, "/a", NULL}, {HTTP_GET, "/b", nothing}},
		{{HTTP_GET, "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}", nothing}, {HTTP_GET, "/b", nothing}},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct router *r;
		assert_int_equal(router_new(&r, bad[i], 2), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_matches), cmocka_unit_test(test_bad_patterns)};
	return cmocka_run_group_tests_name("http router", tests, NULL, NULL);
}
