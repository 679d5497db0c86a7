/* Logs of clicks: columns by name, order by time, and what is wrong with a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/eval_clicks.h"

static char path[64];

static void write_file(const char *text)
{
	snprintf(path, sizeof(path), "/tmp/mynews-clicks-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void test_order_and_numbers(void **state)
{
	struct eval_clicks *c;
	struct mind_problem problem;
	/* columns in another order than Globo's; times out of order; two at one time; an empty line */
	write_file("click_timestamp,session_id,user_id,click_article_id\n1506825426030,s,u2,a9\n1506825426020,s,u1,a7\r\n\n"
	           "1506825426030,s,u1,a9\n1,s,u3,a7\n");
	assert_int_equal(eval_clicks_load(path, &c, &problem), 0);
	static const struct {
		int64_t at_ms;
		const char *user, *article;
	} expected[] = {{1, "u3", "a7"}, {1506825426020, "u1", "a7"}, {1506825426030, "u2", "a9"}, {1506825426030, "u1", "a9"}};
	assert_int_equal(c->n_clicks, 4);
	assert_int_equal(c->n_users, 3);
	assert_int_equal(c->n_articles, 2);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(c->clicks[i].at_ms, expected[i].at_ms);
		assert_true(span_equal_cstr(c->users[c->clicks[i].user], expected[i].user));
		assert_true(span_equal_cstr(c->articles[c->clicks[i].article], expected[i].article));
	}
	eval_clicks_free(c);
	unlink(path);
}

/* More ids and clicks than one allocation holds. */
static void test_many(void **state)
{
	enum { N = 5000 };
	struct eval_clicks *c;
	struct mind_problem problem;
	write_file("user_id,click_article_id,click_timestamp\n");
	FILE *f = fopen(path, "a");
	assert_non_null(f);
	for (int i = 0; i < N; i++)
		fprintf(f, "u%d,a%d,%d\n", i % 3000, i % 1500, N - i);
	fclose(f);
	assert_int_equal(eval_clicks_load(path, &c, &problem), 0);
	assert_int_equal(c->n_clicks, N);
	assert_int_equal(c->n_users, 3000);
	assert_int_equal(c->n_articles, 1500);
	for (int i = 0; i < N; i++) {
		char user[16], article[16];
		snprintf(user, sizeof(user), "u%d", (N - 1 - i) % 3000);
		snprintf(article, sizeof(article), "a%d", (N - 1 - i) % 1500);
		assert_int_equal(c->clicks[i].at_ms, i + 1);
		assert_true(span_equal_cstr(c->users[c->clicks[i].user], user));
		assert_true(span_equal_cstr(c->articles[c->clicks[i].article], article));
	}
	eval_clicks_free(c);
	unlink(path);
}

static void test_problems(void **state)
{
	static const char head[] = "user_id,click_article_id,click_timestamp\n";
	static const struct {
		const char *head, *text, *where;
	} table[] = {
		{"", "", "line 0, column 1 (the head) is missing"},
		{"user_id,click_article_id\n", "u,a\n", "line 1, column 1 (click_timestamp) is not a column that the head names"},
		{head, "", "line 1, column 1 (the file) has no click"},
		{head, "u,a,5\nu,a\n", "line 3, column 3 (click_timestamp) is missing"},
		{head, "u\n", "line 2, column 2 (click_article_id) is missing"},
		{head, ",a,5\n", "line 2, column 1 (user_id) is empty"},
		{head, "u,,5\n", "line 2, column 2 (click_article_id) is empty"},
		{head, "u,a,\n", "line 2, column 3 (click_timestamp) is not a time"},
		{head, "u,a,0\n", "is not a time in milliseconds since 1970"},
		{head, "u,a,-5\n", "is not a time"},
		{head, "u,a,5.5\n", "is not a time"},
		{head, "u,a,2017-10-01\n", "is not a time"},
		{head, "u,a,253402300800000\n", "is not a time"},
		{head, "u,a,99999999999999999999\n", "is not a time"},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct eval_clicks *c = NULL;
		struct mind_problem problem = {""};
		char text[256];
		snprintf(text, sizeof(text), "%s%s", table[i].head, table[i].text);
		write_file(text);
		assert_int_equal(eval_clicks_load(path, &c, &problem), 1);
		if (!strstr(problem.text, table[i].where))
			fail_msg("%zu: \"%s\" does not say \"%s\"", i, problem.text, table[i].where);
		unlink(path);
	}
	struct eval_clicks *c = NULL;
	struct mind_problem problem = {""};
	assert_int_equal(eval_clicks_load(path, &c, &problem), 1);
	assert_non_null(strstr(problem.text, "No such file"));
	eval_clicks_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_order_and_numbers), cmocka_unit_test(test_many),
	                                   cmocka_unit_test(test_problems)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
