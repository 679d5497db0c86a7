/* A reply is put together in the worker's buffer and copied into the exchange, which outlives the handler. */
#include "api/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/ascii.h"

int64_t api_now_ms(void *ctx)
{
	struct api *api = ctx;
	struct timespec t;
	if (api->manual_clock)
		return atomic_load(&api->manual_now_ms);
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

const struct config *api_config(const struct api *api)
{
	return atomic_load_explicit(&api->config, memory_order_acquire);
}

/* ---- reading ---- */

struct span api_media_type(struct http_exchange *x)
{
	struct span field = http_header(x, "content-type");
	size_t n = 0;
	while (n < field.len && field.data[n] != ';' && field.data[n] != ' ')
		n++;
	char *lower = arena_alloc(http_arena(x), n + 1);
	if (!lower)
		return (struct span){NULL, 0};
	for (size_t i = 0; i < n; i++)
		lower[i] = ascii_lower(field.data[i]);
	lower[n] = '\0';
	return (struct span){lower, n};
}

static void reply_not_json(struct http_exchange *x, const struct json_problem *problem)
{
	struct span detail = arena_printf(http_arena(x), "the body is not JSON: %s (line %zu, column %zu)", problem->text,
	                                  problem->line, problem->column);
	http_reply_problem(x, 400, "not_json", detail.data, NULL, 0);
}

json_t *api_body(struct http_exchange *x)
{
	struct span type = api_media_type(x);
	struct json_problem problem;
	json_t *root;
	if (type.len > 0 && !span_equal_cstr(type, "application/json") &&
	    !span_equal_cstr(type, "application/merge-patch+json")) {
		http_reply_problem(x, 415, "unsupported_media_type", "send application/json", NULL, 0);
		return NULL;
	}
	int r = json_parse(http_body(x), &root, &problem);
	if (r < 0)
		api_reply_errno(x, r);
	else if (r > 0)
		reply_not_json(x, &problem);
	else if (!json_is_object(root))
		api_reply_field(x, 400, "invalid_body", "", "is not an object");
	else
		return root;
	if (r == 0)
		json_decref(root);
	return NULL;
}

static bool query_text(struct http_exchange *x, struct decode *d, const char *name, enum decode_text kind,
                       size_t max_bytes, struct span *out)
{
	struct span value;
	if (!http_query(x, name, &value) || value.len == 0)
		return false;
	const char *refusal = decode_check_text(kind, max_bytes, value);
	if (refusal) {
		decode_error(d, name, -1, "%s", refusal);
		return false;
	}
	*out = value;
	return true;
}

bool api_query_text(struct http_exchange *x, struct decode *d, const char *name, size_t max_bytes, struct span *out)
{
	return query_text(x, d, name, TEXT_NAME, max_bytes, out);
}

bool api_query_language(struct http_exchange *x, struct decode *d, const char *name, struct span *out)
{
	return query_text(x, d, name, TEXT_LANGUAGE, LIMIT_LANGUAGE_BYTES, out);
}

bool api_query_number(struct http_exchange *x, struct decode *d, const char *name, unsigned min, unsigned max,
                      unsigned *out)
{
	struct span value;
	unsigned number = 0;
	if (!http_query(x, name, &value) || value.len == 0)
		return false;
	bool good = value.len <= 9;
	for (size_t i = 0; good && i < value.len; i++) {
		good = value.data[i] >= '0' && value.data[i] <= '9';
		number = number * 10 + (unsigned)(value.data[i] - '0');
	}
	if (!good || number < min || number > max) {
		decode_error(d, name, -1, "is not a whole number from %u to %u", min, max);
		return false;
	}
	*out = number;
	return true;
}

bool api_query_flag(struct http_exchange *x, struct decode *d, const char *name, bool *out)
{
	struct span value;
	if (!http_query(x, name, &value) || value.len == 0)
		return false;
	bool on = span_equal_cstr(value, "1") || span_equal_cstr(value, "true");
	if (!on && !span_equal_cstr(value, "0") && !span_equal_cstr(value, "false")) {
		decode_error(d, name, -1, "is neither 1 nor 0");
		return false;
	}
	*out = on;
	return true;
}

const struct messages_language *api_language(struct http_exchange *x)
{
	struct span wanted;
	if (!http_query(x, "lang", &wanted) || wanted.len == 0)
		wanted = http_header(x, "accept-language");
	return messages_pick_language(api_worker(x)->api->messages, wanted);
}

void *api_alloc(struct http_exchange *x, size_t n, size_t size_bytes)
{
	void *p = arena_calloc(http_arena(x), n, size_bytes);
	if (!p)
		api_reply_errno(x, -ENOMEM);
	return p;
}

/* ---- answering ---- */

struct buf *api_out(struct http_exchange *x)
{
	struct buf *b = &api_worker(x)->out;
	buf_clear(b);
	return b;
}

void api_reply_json(struct http_exchange *x, unsigned status, struct buf *b)
{
	enum { KEEP_BYTES = 1 << 20 };
	struct span body = b->failed ? (struct span){NULL, 0} : arena_copy(http_arena(x), buf_span(b));
	if (b->capacity > KEEP_BYTES)
		buf_free(b);
	if (!body.data) {
		api_reply_errno(x, -ENOMEM);
		return;
	}
	http_reply_compressible(x);
	http_reply(x, status, "application/json", body);
}

void api_reply_empty(struct http_exchange *x)
{
	http_reply(x, 204, NULL, (struct span){NULL, 0});
}

void api_reply_field(struct http_exchange *x, unsigned status, const char *code, const char *pointer,
                     const char *detail)
{
	struct http_field_error error = {pointer, detail};
	struct span text = arena_printf(http_arena(x), "%s %s", pointer[0] ? pointer : "the body", detail);
	http_reply_problem(x, status, code, text.data ? text.data : detail, &error, 1);
}

bool api_refused(struct http_exchange *x, struct decode *d, unsigned status, const char *code)
{
	struct http_field_error errors[DECODE_ERRORS];
	if (d->no_memory) {
		api_reply_errno(x, -ENOMEM);
		return true;
	}
	if (d->n_errors == 0)
		return false;
	for (size_t i = 0; i < d->n_errors; i++)
		errors[i] = (struct http_field_error){d->errors[i].pointer, d->errors[i].detail};
	struct span detail = arena_printf(http_arena(x), "%s %s", errors[0].pointer[0] ? errors[0].pointer : "the body",
	                                  errors[0].detail);
	http_reply_problem(x, status, code, detail.data, errors, d->n_errors);
	return true;
}

void api_reply_errno(struct http_exchange *x, int error)
{
	static const struct {
		int error;
		const char *code, *detail;
		const char *retry_s;
	} known[] = {
		{-EAGAIN, "overloaded", "the writer's queue is full; try again", "1"},
		{-ENOSPC, "storage_full", "the store is full; nothing of this was stored", "30"},
		{-EIO, "store_failed", "the store could not be written; nothing of this was stored", "5"},
		{-ENOMEM, "out_of_memory", "memory is out; try again", "1"},
		{-ESHUTDOWN, "closing", "the server is closing; try again", "1"},
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].error != error)
			continue;
		http_reply_header(x, "Retry-After", span_of(known[i].retry_s));
		http_reply_problem(x, 503, known[i].code, known[i].detail, NULL, 0);
		return;
	}
	http_reply_problem(x, 500, "internal", strerror(-error), NULL, 0);
}

void api_reply_unknown(struct http_exchange *x, const char *what)
{
	struct span detail = arena_printf(http_arena(x), "there is no such %s", what);
	http_reply_problem(x, 404, "not_found", detail.data, NULL, 0);
}

void api_reply_user_outcome(struct http_exchange *x, int outcome)
{
	if (outcome < 0)
		api_reply_errno(x, outcome);
	else if (outcome == USER_ERASING)
		http_reply_problem(x, 409, "user_erasing", "this reader is being erased; try again when that is done", NULL, 0);
	else if (outcome == USER_TOO_MANY_TOKENS)
		http_reply_problem(x, 409, "too_many_tokens", "this reader has 16 tokens; take one away first", NULL, 0);
	else if (outcome == USER_UNKNOWN_EDITION)
		api_reply_field(x, 422, "unknown_edition", "/edition", "names no known edition");
	else
		api_reply_unknown(x, "reader");
}

static struct messages_cause cause_of(const struct feed_reason *r, struct span topic)
{
	return (struct messages_cause){
		.code = r->code, .group = r->group, .topic = topic, .lowers = r->contribution < 0, .stands = r->stands};
}

static void reason_text(struct buf *out, const struct feed_reason *r, struct span topic, const void *language)
{
	const struct messages_cause cause = cause_of(r, topic);
	messages_reason(language, &cause, out);
}

static void related_text(struct buf *out, const struct feed_reason *r, struct span topic, const void *language)
{
	const struct messages_cause cause = cause_of(r, topic);
	messages_related(language, &cause, out);
}

struct feed_words api_related_words(struct http_exchange *x)
{
	return (struct feed_words){.text = related_text, .language = api_language(x), .scratch = &api_worker(x)->scratch};
}

struct feed_words api_words(struct http_exchange *x)
{
	return (struct feed_words){.text = reason_text, .language = api_language(x), .scratch = &api_worker(x)->scratch};
}

void api_put_errors(struct buf *b, const struct field_error *errors, size_t n)
{
	buf_put_cstr(b, "\"errors\":[");
	for (size_t i = 0; i < n; i++) {
		buf_put_cstr(b, i ? ",{\"pointer\":" : "{\"pointer\":");
		buf_put_json_string(b, span_of(errors[i].pointer));
		buf_put_cstr(b, ",\"detail\":");
		buf_put_json_string(b, span_of(errors[i].detail));
		buf_put_char(b, '}');
	}
	buf_put_char(b, ']');
}

/* ---- writes ---- */

struct api_write {
	struct http_exchange *x;
	api_finish_fn finish;
	void *state;
	int status;
};

static void resumed(struct http_exchange *x, void *arg)
{
	struct api_write *w = arg;
	if (w->status < 0)
		api_reply_errno(x, w->status);
	else
		w->finish(x, w->state);
}

struct api_write *api_write_begin(struct http_exchange *x, api_finish_fn finish, void *state)
{
	struct api_write *w = api_alloc(x, 1, sizeof(*w));
	if (!w)
		return NULL;
	*w = (struct api_write){.x = x, .finish = finish, .state = state};
	http_suspend(x);
	return w;
}

void api_write_done(void *write, int status)
{
	struct api_write *w = write;
	w->status = status;
	http_resume(w->x, resumed, w);
}

void api_write_end(struct api_write *w, int queued)
{
	if (queued != 0)
		api_write_done(w, queued);
}
