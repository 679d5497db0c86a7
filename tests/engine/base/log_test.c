/* The log: one parsable JSON line a call whatever the fields hold, levels, and lines that do not fit. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/buf.h"
#include "engine/base/json.h"
#include "engine/base/log.h"

/* Everything logged since the last call. The file is read from its start and emptied. */
static struct span logged(int fd)
{
	static char text[1 << 20];
	ssize_t n = pread(fd, text, sizeof(text), 0);
	assert_true(n >= 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	return (struct span){text, (size_t)n};
}

static int open_log(enum log_level level)
{
	char path[] = "/tmp/mynews-log-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(fcntl(fd, F_SETFL, O_APPEND), 0);
	log_setup(fd, level);
	return fd;
}

static json_t *one_line(struct span text)
{
	json_t *line = NULL;
	assert_true(text.len > 0 && text.data[text.len - 1] == '\n');
	assert_null(memchr(text.data, '\n', text.len - 1));
	assert_int_equal(json_parse(text, &line, NULL), 0);
	return line;
}

static void test_fields(void **state)
{
	int fd = open_log(LOG_INFO);
	log_line(INT64_C(482196050520), LOG_INFO, "listening", "\"port\":%d", 8080);
	assert_true(span_equal(logged(fd), SPAN("{\"time\":\"1985-04-12T23:20:50.520Z\",\"level\":\"info\","
	                                        "\"event\":\"listening\",\"port\":8080}\n")));
	log_line(0, LOG_ERROR, "stopping", NULL);
	assert_true(span_equal(logged(fd), SPAN("{\"time\":\"1970-01-01T00:00:00Z\",\"level\":\"error\","
	                                        "\"event\":\"stopping\"}\n")));
	close(fd);
}

static void test_levels(void **state)
{
	static const char *const names[] = {"debug", "info", "warn", "error"};
	for (int least = LOG_DEBUG; least <= LOG_ERROR; least++) {
		int fd = open_log((enum log_level)least);
		for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
			log_line(0, (enum log_level)level, "e", NULL);
			struct span text = logged(fd);
			assert_int_equal(text.len > 0, level >= least);
			if (text.len == 0)
				continue;
			json_t *line = one_line(text);
			assert_true(span_equal(json_span(json_object_get(line, "level")), span_of(names[level])));
			json_decref(line);
		}
		close(fd);
	}
}

/* A field escaped by buf_put_json_string, the way the access log is written, cannot end its string or its line. */
static void test_escaping(void **state)
{
	static const char *const nasty[] = {
		"\",\"level\":\"error", "a\nb", "\r\n{\"event\":\"forged\"}\n", "\\", "\\\"", "%s%n%d", "\x1b[31m", "\x01\x1f",
		"<script>", "\xe2\x80\xa8", "\xe0\xb8\x82\xf0\x9f\x98\x80"};
	int fd = open_log(LOG_INFO);
	for (size_t i = 0; i < sizeof(nasty) / sizeof(nasty[0]); i++) {
		struct buf b = {0};
		buf_put_cstr(&b, "\"request_id\":");
		buf_put_json_string(&b, span_of(nasty[i]));
		log_line(0, LOG_INFO, "request", "%.*s", (int)b.len, b.data);
		json_t *line = one_line(logged(fd));
		assert_int_equal(json_object_size(line), 4);
		assert_true(span_equal(json_span(json_object_get(line, "request_id")), span_of(nasty[i])));
		assert_true(span_equal(json_span(json_object_get(line, "event")), SPAN("request")));
		json_decref(line);
		buf_free(&b);
	}
	close(fd);
}

/* Around the line's room the fields are there whole or not at all, and the line is a line either way. */
static void test_long_fields(void **state)
{
	static char field[6000];
	int fd = open_log(LOG_INFO), n_whole = 0, n_left_out = 0;
	memset(field, 'x', sizeof(field));
	for (int n = 3900; n < 4200; n++) {
		log_line(0, LOG_WARN, "long", "\"field\":\"%.*s\"", n, field);
		struct span text = logged(fd);
		assert_true(text.len <= 4096);
		json_t *line = one_line(text), *kept = json_object_get(line, "field");
		if (kept) {
			assert_int_equal(json_string_length(kept), n);
			assert_int_equal(n_left_out, 0); /* a longer one does not fit where a shorter one did not */
			n_whole++;
		} else {
			n_left_out++;
		}
		json_decref(line);
	}
	assert_true(n_whole > 0 && n_left_out > 0);
	log_line(0, LOG_WARN, "long", "\"field\":\"%.*s\"", (int)sizeof(field), field);
	json_decref(one_line(logged(fd)));
	close(fd);
}

/* An event's name that fills the line is dropped; nothing is written over the stack. */
static void test_long_event(void **state)
{
	static char name[8000];
	int fd = open_log(LOG_INFO);
	memset(name, 'e', sizeof(name) - 1);
	log_line(0, LOG_WARN, name, "\"a\":1");
	assert_int_equal(logged(fd).len, 0);
	for (int n = 3990; n < 4096; n++) {
		name[n] = '\0';
		log_line(0, LOG_WARN, name, "\"a\":1");
		name[n] = 'e';
		struct span text = logged(fd);
		if (text.len)
			json_decref(one_line(text));
	}
	close(fd);
}

enum { N_LINES = 200, N_THREADS = 4 };

static void *log_many(void *arg)
{
	char name[2] = {(char)('a' + *(int *)arg), '\0'};
	for (int i = 0; i < N_LINES; i++)
		log_line(0, LOG_INFO, "many", "\"thread\":\"%s\",\"i\":%d,\"pad\":\"%0*d\"", name, i, 10 + i, 0);
	return NULL;
}

/* Each line is one write: lines of several threads never mix, and each thread's stand in order. */
static void test_threads(void **state)
{
	int fd = open_log(LOG_INFO), numbers[N_THREADS], next[N_THREADS] = {0};
	pthread_t threads[N_THREADS];
	for (int i = 0; i < N_THREADS; i++) {
		numbers[i] = i;
		assert_int_equal(pthread_create(&threads[i], NULL, log_many, &numbers[i]), 0);
	}
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	struct span text = logged(fd);
	size_t n_lines = 0;
	while (text.len) {
		const char *end = memchr(text.data, '\n', text.len);
		assert_non_null(end);
		size_t len = (size_t)(end - text.data) + 1;
		json_t *line = one_line((struct span){text.data, len});
		int thread = json_string_value(json_object_get(line, "thread"))[0] - 'a';
		assert_int_equal(json_integer_value(json_object_get(line, "i")), next[thread]++);
		json_decref(line);
		text = (struct span){text.data + len, text.len - len};
		n_lines++;
	}
	assert_int_equal(n_lines, N_LINES * N_THREADS);
	close(fd);
}

static int quiet(void **state)
{
	log_setup(2, LOG_INFO);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),      cmocka_unit_test(test_levels),
		cmocka_unit_test(test_escaping),    cmocka_unit_test(test_long_fields),
		cmocka_unit_test(test_long_event),  cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, quiet);
}
