#include "api/formats/settings_json.h"

#include "tests/api/formats/refuse.h"

static void decode_settings(struct decode *d, const json_t *value)
{
	struct user_settings s;
	unsigned fields;
	settings_json_decode(d, value, &s, &fields);
}

static void decode_interests(struct decode *d, const json_t *value)
{
	const struct interest_change *changes;
	size_t n;
	interests_json_decode(d, value, &changes, &n);
}

static void decode_edition(struct decode *d, const json_t *value)
{
	struct edition e;
	edition_json_decode(d, value, &e);
}

static void decode_pin(struct decode *d, const json_t *value)
{
	struct pin p;
	pin_json_decode(d, value, &p);
}

static void refusals(void **state)
{
	static const struct row settings[] = {
		{"{}", NULL}, {"[]", ""}, {"{\"languages\":null,\"edition\":null}", NULL},
		{"{\"language\":[\"en\"]}", "/language"}, {"{\"a/b~c\":1}", "/a~1b~0c"},
		{"{\"languages\":\"en\"}", "/languages"}, {"{\"languages\":[\"en\",\"!\"]}", "/languages/1"},
		{"{\"languages\":[\"en\",\"en\",\"en\",\"en\",\"en\",\"en\",\"en\",\"en\"]}", NULL},
		{"{\"languages\":[\"en\",\"en\",\"en\",\"en\",\"en\",\"en\",\"en\",\"en\",\"en\"]}", "/languages"},
		{"{\"places\":[3]}", "/places/0"}, {"{\"edition\":3}", "/edition"}, {"{\"follows\":{}}", "/follows"},
		{"{\"mutes\":[{\"topic\":\"x\"},{\"source\":\"afp\",\"until\":\"2027-01-01T00:00:00Z\"}]}", NULL},
		{"{\"mutes\":[{}]}", "/mutes/0/topic"}, {"{\"mutes\":[3]}", "/mutes/0"}, {"{\"mutes\":3}", "/mutes"},
		{"{\"mutes\":[{\"topic\":\"x\",\"source\":\"y\"}]}", "/mutes/0/source"},
		{"{\"mutes\":[{\"topic\":\"x\",\"untill\":1}]}", "/mutes/0/untill"},
		{"{\"mutes\":[{\"topic\":\"x\",\"until\":\"x\"}]}", "/mutes/0/until"},
	};
	static const struct row interests[] = {
		{"{\"topics\":[]}", NULL}, {"{}", "/topics"}, {"{\"topics\":3}", "/topics"}, {"{\"topics\":[3]}", "/topics/0"},
		{"{\"topics\":[{\"topic\":\"x\",\"weight\":2}]}", NULL}, {"{\"topics\":[{\"weight\":2}]}", "/topics/0/topic"},
		{"{\"topics\":[{\"topic\":\"x\",\"weight\":16.1}]}", "/topics/0/weight"},
		{"{\"topics\":[{\"topic\":\"x\",\"short_term\":1}]}", "/topics/0/long_term"},
		{"{\"topics\":[{\"topic\":\"x\",\"follow\":1}]}", "/topics/0/follow"},
		{"{\"topics\":[{\"topic\":\"x\",\"more\":1}]}", "/topics/0/more"},
	};
	static const struct row editions[] = {
		{"{}", NULL}, {"{\"title\":\"T\",\"places\":[\"p\"],\"timezone\":\"Africa/Johannesburg\"}", NULL},
		{"{\"title\":3}", "/title"}, {"{\"sections\":[\"\"]}", "/sections/0"}, {"{\"colour\":1}", "/colour"}, {"3", ""},
	};
	static const struct row pins[] = {
		{"{\"position\":1}", NULL}, {"{\"boost\":2}", NULL}, {"{}", "/position"}, {"{\"position\":0}", "/position"},
		{"{\"position\":200}", NULL}, {"{\"position\":201}", "/position"}, {"{\"boost\":0}", "/boost"},
		{"{\"position\":1,\"until\":\"x\"}", "/until"}, {"{\"position\":1,\"extra\":1}", "/extra"},
	};
	check_rows(settings, sizeof(settings) / sizeof(settings[0]), decode_settings);
	check_rows(interests, sizeof(interests) / sizeof(interests[0]), decode_interests);
	check_rows(editions, sizeof(editions) / sizeof(editions[0]), decode_edition);
	check_rows(pins, sizeof(pins) / sizeof(pins[0]), decode_pin);
}

static void round_trip(void **state)
{
	static const char text[] = "{\"languages\":[\"en\"],\"places\":[\"soweto\"],\"edition\":\"jhb\",\"follows\":[\"football\","
	                           "\"section:sport\"],\"mutes\":[{\"source\":\"afp\",\"until\":\"2027-01-01T00:00:00Z\"},"
	                           "{\"topic\":\"x\"}]}";
	static const char expected[] = "{\"languages\":[\"en\"],\"places\":[\"soweto\"],\"edition\":\"jhb\",\"follows\":["
	                               "\"topic:football\",\"section:sport\"],\"mutes\":[{\"source\":\"afp\",\"until\":"
	                               "\"2027-01-01T00:00:00Z\"},{\"topic\":\"topic:x\"}]}";
	struct arena arena = {0};
	struct decode d = {.arena = &arena};
	struct user_settings s;
	struct buf b = {0};
	unsigned fields;
	json_t *value;
	assert_int_equal(json_parse(span_of(text), &value, NULL), 0);
	settings_json_decode(&d, value, &s, &fields);
	json_decref(value);
	assert_int_equal(d.n_errors, 0);
	assert_int_equal(fields, USER_ALL);
	buf_put_char(&b, '{');
	settings_json_encode(&b, &s);
	buf_put(&b, "}", 2);
	assert_string_equal(b.data, expected);
	buf_free(&b);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(refusals), cmocka_unit_test(round_trip)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
