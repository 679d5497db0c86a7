/* The settings file: what is taken, what is refused and where, and networks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/config.h"
#include "engine/base/log.h"

#define HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" /* of nothing (FIPS 180-4) */
#define OTHER_HASH "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" /* of "abc" */

static void good(void **state)
{
	static struct config c;
	struct config_problems p;
	config_defaults(&c);
	assert_string_equal(c.listen, "127.0.0.1:8080");
	assert_int_equal(c.log_level, LOG_INFO);
	assert_int_equal(config_parse(SPAN("{\"listen\":\"[::1]:9\",\"threads\":3,\"access_log\":false,\"log_level\":\"error\","
	                                   "\"keys\":[{\"name\":\"k\",\"sha256\":\"" HASH "\",\"scopes\":[\"read\",\"admin\"]}],"
	                                   "\"trusted_proxies\":[\"10.0.0.0/8\"],\"log_days\":0}"), &c, &p), 0);
	assert_string_equal(c.listen, "[::1]:9");
	assert_int_equal(c.threads, 3);
	assert_false(c.access_log);
	assert_int_equal(c.log_level, LOG_ERROR);
	assert_int_equal(c.n_keys, 1);
	assert_int_equal(c.keys[0].scopes, SCOPE_READ | SCOPE_ADMIN);
	assert_int_equal(c.keys[0].sha256[0], 0xe3);
	assert_int_equal(c.n_proxies, 1);
	assert_int_equal(c.max_connections, 10000); /* not named: its default */
	assert_int_equal(config_parse(SPAN("{\"listen\":\"localhost:65535\"}"), &c, &p), 0);
	assert_string_equal(c.listen, "127.0.0.1:65535");
}

static void some_settings_wait_for_a_start(void **state)
{
	static struct config running, fresh;
	struct config_problems p;
	const char *names[CONFIG_SETTINGS_MAX];
	config_defaults(&running);
	assert_int_equal(config_waiting(&running, &running, names), 0);
	assert_int_equal(config_parse(SPAN("{\"listen\":\"127.0.0.1:1\",\"live_days\":3,\"log_level\":\"warn\",\"access_log\":false,"
	                                   "\"key_rate\":3,\"models_dir\":\"/m\",\"default_model\":\"d\"}"), &fresh, &p), 0);
	assert_int_equal(config_waiting(&running, &fresh, names), 2);
	assert_string_equal(names[0], "listen");
	assert_string_equal(names[1], "live_days");
}

static void refused(void **state)
{
	static const struct {
		const char *text, *pointer;
	} cases[] = {
		{"", ""}, {"{", ""}, {"[]", ""}, {"7", ""}, {"{\"threads\":1,\"threads\":2}", ""},
		{"{\"threds\":1}", "/threds"}, {"{\"a/b~c\":1}", "/a~1b~0c"},
		{"{\"threads\":\"1\"}", "/threads"}, {"{\"threads\":65}", "/threads"}, {"{\"threads\":-1}", "/threads"},
		{"{\"threads\":1.5}", "/threads"}, {"{\"access_log\":1}", "/access_log"}, {"{\"listen\":\"\"}", "/listen"},
		{"{\"listen\":7}", "/listen"}, {"{\"log_level\":\"loud\"}", "/log_level"}, {"{\"log_days\":29}", "/log_days"},
		{"{\"trusted_proxies\":[\"10.0.0.0/33\"]}", "/trusted_proxies/0"},
		{"{\"trusted_proxies\":\"x\"}", "/trusted_proxies"}, {"{\"keys\":{}}", "/keys"}, {"{\"keys\":[1]}", "/keys/0"},
		{"{\"keys\":[{\"sha256\":\"" HASH "\",\"scopes\":[]}]}", "/keys/0/name"},
		{"{\"keys\":[{\"name\":\"k\",\"sha256\":\"12\",\"scopes\":[]}]}", "/keys/0/sha256"},
		{"{\"keys\":[{\"name\":\"k\",\"sha256\":\"" HASH "\",\"scopes\":[\"all\"]}]}", "/keys/0/scopes/0"},
		{"{\"keys\":[{\"name\":\"k\",\"sha256\":\"" HASH "\",\"scopes\":[],\"key\":\"x\"}]}", "/keys/0/key"},
		{"{\"keys\":[{\"name\":\"k\",\"sha256\":\"" HASH "\",\"scopes\":[]}]}", "/keys/0/scopes"},
		{"{\"keys\":[{\"name\":\"k\",\"sha256\":\"" HASH "\",\"scopes\":[\"read\"]},{\"name\":\"k\",\"sha256\":\"" OTHER_HASH
		 "\",\"scopes\":[\"read\"]}]}", "/keys/1/name"},
		{"{\"keys\":[{\"name\":\"k\",\"sha256\":\"" HASH "\",\"scopes\":[\"read\"]},{\"name\":\"l\",\"sha256\":\"" HASH
		 "\",\"scopes\":[\"read\"]}]}", "/keys/1/sha256"},
		{"{\"listen\":\"127.0.0.1\"}", "/listen"}, {"{\"listen\":\":8080\"}", "/listen"},
		{"{\"listen\":\"127.0.0.1:65536\"}", "/listen"}, {"{\"listen\":\"example.org:80\"}", "/listen"},
	};
	static struct config c;
	config_defaults(&c);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config_problems p;
		int r = config_parse(span_of(cases[i].text), &c, &p);
		if (r != 1 || p.n == 0 || strcmp(p.errors[0].pointer, cases[i].pointer) != 0)
			fail_msg("%s -> %d %s", cases[i].text, r, p.n ? p.errors[0].pointer : "-");
	}
	assert_string_equal(c.listen, "127.0.0.1:8080"); /* unchanged */
}

static void networks(void **state)
{
	static const struct {
		const char *network, *address;
		bool inside;
	} cases[] = {
		{"127.0.0.0/8", "127.9.9.9", true}, {"127.0.0.0/8", "128.0.0.1", false}, {"10.1.2.3", "10.1.2.3", true},
		{"10.1.2.3", "10.1.2.4", false}, {"10.0.0.0/9", "10.127.0.1", true}, {"10.0.0.0/9", "10.128.0.1", false},
		{"0.0.0.0/0", "1.2.3.4", true}, {"0.0.0.0/0", "2001:db8::1", false}, {"::/0", "1.2.3.4", true},
		{"2001:db8::/32", "2001:db8:1::1", true}, {"2001:db8::/32", "2001:db9::1", false}, {"::1", "::1", true},
		{"10.0.0.0/8", "::ffff:10.1.1.1", true}, {"10.0.0.0/8", "junk", false},
	};
	struct config_network n;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(config_network_parse(span_of(cases[i].network), &n), 0);
		if (config_network_contains(&n, span_of(cases[i].address)) != cases[i].inside)
			fail_msg("%s %s", cases[i].network, cases[i].address);
	}
	static const char *const bad[] = {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/1x", "::/129", "ten", "10.0.0/8"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(config_network_parse(span_of(bad[i]), &n), 1);
	static const struct {
		const char *listen;
		bool loopback;
	} addresses[] = {{"127.0.0.1:8080", true}, {"127.1.2.3:1", true}, {"[::1]:8080", true}, {"0.0.0.0:8080", false},
	                 {"[::]:8080", false}, {"192.0.2.1:80", false}, {"localhost:80", false}, {"", false}};
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		assert_int_equal(config_listen_is_loopback(addresses[i].listen), addresses[i].loopback);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(good), cmocka_unit_test(refused),
	                                   cmocka_unit_test(some_settings_wait_for_a_start), cmocka_unit_test(networks)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
