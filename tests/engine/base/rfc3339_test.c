/* Times in and out: RFC 3339's own examples, the edges of what is held, and every shape that is no time. Expected
 * milliseconds are those of Python's calendar.timegm. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "engine/base/rfc3339.h"
#include "engine/base/rng.h"

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {
		/* RFC 3339 section 5.8 */
		{"1985-04-12T23:20:50.52Z", INT64_C(482196050520)},
		{"1996-12-19T16:39:57-08:00", INT64_C(851042397000)},
		{"1996-12-20T00:39:57Z", INT64_C(851042397000)},
		{"1990-12-31T23:59:60Z", INT64_C(662687999000)}, /* leap seconds: the second before */
		{"1990-12-31T15:59:60-08:00", INT64_C(662687999000)},
		/* edges */
		{"1970-01-01T00:00:00Z", 0},
		{"1970-01-01T00:00:00.001Z", 1},
		{"1970-01-01T01:00:00+01:00", 0},
		{"1969-12-31T23:00:00-01:00", 0},
		{"9999-12-31T23:59:59.999Z", RFC3339_MAX_MS},
		{"9999-12-31T23:59:59.9999999Z", RFC3339_MAX_MS}, /* cut, not rounded */
		{"9999-12-31T22:59:59.999-01:00", RFC3339_MAX_MS},
		{"2000-02-29T00:00:00Z", INT64_C(951782400000)},
		{"2024-02-29T12:34:56.789Z", INT64_C(1709210096789)},
		{"2100-03-01T00:00:00Z", INT64_C(4107542400000)},
		{"2001-09-09T01:46:40Z", INT64_C(1000000000000)},
		{"2038-01-19T03:14:08Z", INT64_C(2147483648000)},
		/* section 5.6: letters in either case; 4.3: an unknown local offset */
		{"2001-09-09t01:46:40z", INT64_C(1000000000000)},
		{"2001-09-09T01:46:40-00:00", INT64_C(1000000000000)},
		{"2001-09-10T01:45:40+23:59", INT64_C(1000000000000)},
		{"2001-09-08T01:47:40-23:59", INT64_C(1000000000000)},
		{"2001-09-09T01:46:40.0Z", INT64_C(1000000000000)},
		{"2001-09-09T01:46:40.1239Z", INT64_C(1000000000123)},
		{"2001-09-09T01:46:40.000000000000000000000001Z", INT64_C(1000000000000)},
		{"2001-09-09T01:46:40.05+00:00", INT64_C(1000000000050)},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ms = -1;
		if (rfc3339_parse(span_of(cases[i].text), &ms) != 0 || ms != cases[i].ms)
			fail_msg("%s: %" PRId64, cases[i].text, ms);
	}
}

static void test_refuse(void **state)
{
	static const char *const cases[] = {
		"", "2001", "2001-09-09", "2001-09-09T01:46Z", "2001-09-09T01:46:40", "2001-09-09 01:46:40Z",
		"2001-09-09T01:46:40 Z", " 2001-09-09T01:46:40Z", "2001-09-09T01:46:40Z ", "2001-09-09T01:46:40ZZ",
		"2001-9-09T01:46:40Z", "01-09-09T01:46:40Z", "12001-09-09T01:46:40Z", "+2001-09-09T01:46:40Z",
		"2001/09/09T01:46:40Z", "2001-09-09T01-46-40Z", "20010909T014640Z", "2001-09-09T1:46:40Z",
		"2001-00-09T01:46:40Z", "2001-13-09T01:46:40Z", "2001-09-00T01:46:40Z", "2001-09-31T01:46:40Z",
		"2001-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2024-02-30T00:00:00Z", "2001-09-09T24:00:00Z",
		"2001-09-09T01:60:00Z", "2001-09-09T01:00:61Z", "2001-09-09T01:46:40.Z", "2001-09-09T01:46:40,5Z",
		"2001-09-09T01:46:40+", "2001-09-09T01:46:40+01", "2001-09-09T01:46:40+0100", "2001-09-09T01:46:40+01:0",
		"2001-09-09T01:46:40+24:00", "2001-09-09T01:46:40+01:60", "2001-09-09T01:46:40Z+01:00",
		"2001-09-09T01:46:40\u221201:00", "2001-W36-7T00:00:00Z", "2001-252T00:00:00Z",
		/* a time, but not one that is held */
		"1937-01-01T12:00:27.87+00:20", /* the last example of section 5.8 */
		"1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00+00:01", "0000-01-01T00:00:00Z", "0000-02-29T00:00:00Z",
		"9999-12-31T23:59:59-00:01",
		/* section 5.7 and appendix D: a leap second ends a UTC day, never another minute */
		"2001-09-09T12:00:60Z", "1990-12-31T23:59:60-08:00", "1990-12-31T15:59:60Z"};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ms = -7;
		if (rfc3339_parse(span_of(cases[i]), &ms) != 1)
			fail_msg("taken: %s", cases[i]);
		assert_true(ms == -7);
	}
	int64_t ms;
	assert_int_equal(rfc3339_parse(SPAN("2001-09-09T01:46:40\0Z"), &ms), 1);
	assert_int_equal(rfc3339_parse((struct span){NULL, 0}, &ms), 1);
}

static void test_every_cut(void **state)
{
	static const char text[] = "2001-09-09T01:46:40.123+02:00";
	int64_t ms;
	for (size_t n = 0; n < sizeof(text) - 1; n++)
		assert_int_equal(rfc3339_parse((struct span){text, n}, &ms), 1);
	assert_int_equal(rfc3339_parse(SPAN("2001-09-09T01:46:40.123+02:00"), &ms), 0);
	assert_true(ms == INT64_C(999992800123));
}

static void test_format(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
		{0, "1970-01-01T00:00:00Z"},
		{1, "1970-01-01T00:00:00.001Z"},
		{INT64_C(482196050520), "1985-04-12T23:20:50.520Z"},
		{INT64_C(851042397000), "1996-12-20T00:39:57Z"},
		{INT64_C(951782400000), "2000-02-29T00:00:00Z"},
		{INT64_C(4107542399999), "2100-02-28T23:59:59.999Z"},
		{RFC3339_MAX_MS, "9999-12-31T23:59:59.999Z"},
		{RFC3339_MAX_MS + 1, "9999-12-31T23:59:59.999Z"},
		{INT64_MAX, "9999-12-31T23:59:59.999Z"},
		{-1, "1970-01-01T00:00:00Z"},
		{INT64_MIN, "1970-01-01T00:00:00Z"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[RFC3339_BYTES + 1];
		memset(out, '!', sizeof(out));
		assert_int_equal(rfc3339_format(cases[i].ms, out), strlen(cases[i].text));
		assert_string_equal(out, cases[i].text);
	}
}

static void test_round_trip(void **state)
{
	struct rng r;
	uint64_t seed = 3339;
	printf("seed %" PRIu64 "\n", seed);
	rng_seed(&r, seed);
	for (int i = 0; i < 200000; i++) {
		int64_t ms = (int64_t)rng_below(&r, (uint64_t)RFC3339_MAX_MS + 1), back = -1;
		char out[RFC3339_BYTES + 1];
		size_t len = rfc3339_format(ms, out);
		assert_int_equal(rfc3339_parse((struct span){out, len}, &back), 0);
		assert_true(back == ms);
	}
	for (int64_t day = 0; day < 146097; day++) { /* every day of the calendar's 400 years */
		char out[RFC3339_BYTES + 1];
		int64_t back = -1;
		size_t len = rfc3339_format(day * 86400000, out);
		assert_int_equal(rfc3339_parse((struct span){out, len}, &back), 0);
		assert_true(back == day * 86400000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_refuse),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
