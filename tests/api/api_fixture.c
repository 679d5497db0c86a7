#include "api_fixture.h"

#include <stdio.h>
#include <stdlib.h>

struct api_fixture fix;

void fix_start(const char *config)
{
	struct config_problems problems;
	struct engine_problem problem;
	struct http_config h = http_config_default;
	fix = (struct api_fixture){0};
	config_defaults(&fix.config);
	fix.config.access_log = false;
	if (config && config_parse(span_of(config), &fix.config, &problems) != 0)
		fail_msg("%s %s", problems.errors[0].pointer, problems.errors[0].detail);
	atomic_store(&fix.api.config, &fix.config);
	assert_int_equal(messages_new(&fix.api.messages), 0);
	assert_int_equal(metrics_new(&fix.api.metrics, api_n_routes, 2), 0);
	assert_int_equal(ratelimit_new(&fix.api.limits), 0);
	assert_int_equal(epoch_new(&fix.api.epoch), 0);
	assert_int_equal(engine_open(&fix.api.engine, &engine_config_default, 0, &problem), 0);
	h.listen = "127.0.0.1:0";
	h.n_threads = 2;
	api_install(&fix.api, &h);
	assert_int_equal(http_server_new(&fix.api.http, &h), 0);
	assert_int_equal(http_server_start(fix.api.http), 0);
	fix.port = http_server_port(fix.api.http);
}

void fix_stop(void)
{
	http_server_stop(fix.api.http);
	engine_close(fix.api.engine);
	http_server_free(fix.api.http);
	epoch_free(fix.api.epoch);
	ratelimit_free(fix.api.limits);
	metrics_free(fix.api.metrics);
	messages_free(fix.api.messages);
	buf_free(&fix.body);
}

unsigned fix_ask(const char *method_and_path, const char *headers, const char *body)
{
	struct buf text = {0};
	buf_printf(&text, "%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s", method_and_path, headers);
	if (body && !strcasestr(headers, "content-type:"))
		buf_put_cstr(&text, "Content-Type: application/json\r\n");
	if (body)
		buf_printf(&text, "Content-Length: %zu\r\n", strlen(body));
	buf_printf(&text, "\r\n%s", body ? body : "");
	buf_put_char(&text, '\0');
	assert_false(text.failed);
	exchange_text(fix.port, text.data, &fix.reply, &fix.body);
	buf_free(&text);
	return fix.reply.status;
}

void fix_expect(const char *method_and_path, const char *headers, const char *body, unsigned status, const char *part)
{
	unsigned got = fix_ask(method_and_path, headers, body);
	const char *at = !part || (fix.body.len && memmem(fix.body.data, fix.body.len, part, strlen(part))) ? "" : part;
	if (got != status || at[0])
		fail_msg("%s %s\n-> %u, not %u with %s:\n%.*s", method_and_path, body ? body : "", got, status, part ? part : "-",
		         (int)fix.body.len, fix.body.data ? fix.body.data : "");
	/* Whatever is said is JSON, but for the metrics. */
	const char *type = reply_field(&fix.reply, "Content-Type");
	if (!fix.body.len || !type || !strstr(type, "json"))
		return;
	json_t *root;
	struct json_problem problem;
	if (json_parse(buf_span(&fix.body), &root, &problem) != 0)
		fail_msg("%s answers with what is not JSON: %s:\n%.*s", method_and_path, problem.text, (int)fix.body.len,
		         fix.body.data);
	json_decref(root);
}

const char *fix_member(const char *name)
{
	static char value[256];
	json_t *root;
	assert_int_equal(json_parse(buf_span(&fix.body), &root, NULL), 0);
	const char *text = json_string_value(json_object_get(root, name));
	assert_non_null(text);
	snprintf(value, sizeof(value), "%s", text);
	json_decref(root);
	return value;
}
