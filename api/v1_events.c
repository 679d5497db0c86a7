/* /v1/events: what readers did. */
#include <errno.h>

#include "api/formats/batch.h"
#include "api/formats/event_json.h"
#include "api/routes.h"

struct record {
	enum batch_form form;
	size_t n;
	struct span *ids;             /* [n] as sent */
	struct decode *decodes;       /* [n] */
	struct event *events;         /* [n_good] */
	struct event_result *results; /* [n_good] */
	size_t n_good;
};

/* How the engine's refusals read, and the status when the event came alone. */
static const struct {
	struct field_error error;
	unsigned status;
	const char *code;
} rejections[] = {
	[EVENT_FINE] = {{"", "was refused"}, 400, "invalid_event"},
	[EVENT_UNKNOWN_ARTICLE] = {{"/article_id", "names no known article"}, 422, "unknown_article"},
	[EVENT_TOO_OLD] = {{"/at", "is older than events are kept"}, 400, "event_too_old"},
	[EVENT_IN_FUTURE] = {{"/at", "is more than five minutes ahead"}, 400, "event_in_future"},
	[EVENT_USER_ERASING] = {{"/user_id", "is being erased"}, 409, "user_erasing"},
	[EVENT_BAD_FEED_ID] = {{"/feed_id", "is not a feed id"}, 422, "unknown_feed"},
};

static void put_result(struct buf *b, const struct record *in, size_t i, const struct event_result *result)
{
	static const char *const names[] = {
		[EVENT_ACCEPTED] = "accepted", [EVENT_DUPLICATE] = "duplicate", [EVENT_REJECTED] = "rejected"};
	struct span id = in->ids[i].len ? in->ids[i] : result ? span_of(result->id) : (struct span){NULL, 0};
	buf_put_cstr(b, i ? ",{\"id\":" : "{\"id\":");
	if (id.len)
		buf_put_json_string(b, id);
	else
		buf_put_cstr(b, "null");
	buf_printf(b, ",\"status\":\"%s\"", names[result ? result->outcome : EVENT_REJECTED]);
	if (!result || result->outcome == EVENT_REJECTED) {
		buf_put_char(b, ',');
		if (result)
			api_put_errors(b, &rejections[result->rejection].error, 1);
		else
			api_put_errors(b, in->decodes[i].errors, in->decodes[i].n_errors);
	}
	buf_put_char(b, '}');
}

static void record_finish(struct http_exchange *x, void *state)
{
	struct record *in = state;
	size_t n_accepted = 0, n_duplicates = 0;
	if (in->form == BATCH_ONE && in->results[0].outcome == EVENT_REJECTED) {
		enum event_rejection why = in->results[0].rejection;
		api_reply_field(x, rejections[why].status, rejections[why].code, rejections[why].error.pointer,
		                rejections[why].error.detail);
		return;
	}
	for (size_t g = 0; g < in->n_good; g++) {
		n_accepted += in->results[g].outcome == EVENT_ACCEPTED;
		n_duplicates += in->results[g].outcome == EVENT_DUPLICATE;
	}
	struct buf *b = api_out(x);
	buf_printf(b, "{\"accepted\":%zu,\"duplicates\":%zu,\"rejected\":%zu,\"results\":[", n_accepted, n_duplicates,
	           in->n - n_accepted - n_duplicates);
	for (size_t i = 0, g = 0; i < in->n; i++)
		put_result(b, in, i, in->decodes[i].n_errors ? NULL : &in->results[g++]);
	buf_put_cstr(b, "]}");
	api_reply_json(x, 200, b);
}

static int decode_all(struct http_exchange *x, const struct batch *batch, struct record *in)
{
	struct span reader = api_identity(x)->reader;
	for (size_t i = 0; i < in->n; i++) {
		struct decode *d = &in->decodes[i];
		struct json_problem problem;
		json_t *value;
		d->arena = http_arena(x);
		int r = batch_element(batch, i, &value, &problem);
		if (r < 0)
			return r;
		if (r == 1) {
			decode_error(d, "", -1, "is not JSON: %s (column %zu)", problem.text, problem.column);
			continue;
		}
		struct event *e = &in->events[in->n_good];
		event_json_decode(d, value, reader, e);
		json_decref(value);
		in->ids[i] = e->id;
		if (reader.len && span_equal_cstr(e->user_id, "me"))
			e->user_id = reader;
		else if (reader.len && !span_equal(e->user_id, reader))
			decode_error(d, "user_id", -1, "is not the reader of this token");
		else if (span_equal_cstr(e->user_id, "me"))
			decode_error(d, "user_id", -1, "\"me\" needs a reader's token");
		if (d->no_memory)
			return -ENOMEM;
		in->n_good += d->n_errors == 0;
	}
	return 0;
}

void v1_events_post(struct http_exchange *x, void *ctx)
{
	struct span type = api_media_type(x);
	bool lines = span_equal_cstr(type, "application/x-ndjson") || span_equal_cstr(type, "application/ndjson");
	if (type.len && !lines && !span_equal_cstr(type, "application/json")) {
		http_reply_problem(x, 415, "unsupported_media_type", "send application/json or application/x-ndjson", NULL, 0);
		return;
	}
	struct batch batch;
	struct arena *a = http_arena(x);
	struct record *in = api_alloc(x, 1, sizeof(*in));
	if (!in || !v1_batch_open(x, lines, &batch))
		return;
	*in = (struct record){.form = batch.form, .n = batch.n};
	in->ids = arena_calloc(a, in->n + 1, sizeof(*in->ids));
	in->decodes = arena_calloc(a, in->n + 1, sizeof(*in->decodes));
	in->events = arena_calloc(a, in->n + 1, sizeof(*in->events));
	in->results = arena_calloc(a, in->n + 1, sizeof(*in->results));
	bool memory = in->ids && in->decodes && in->events && in->results;
	int r = memory ? decode_all(x, &batch, in) : -ENOMEM;
	batch_close(&batch);
	if (r < 0) {
		api_reply_errno(x, r);
		return;
	}
	if (in->form == BATCH_ONE && api_refused(x, &in->decodes[0], 400, "invalid_event"))
		return;
	if (in->n_good == 0) {
		record_finish(x, in);
		return;
	}
	struct api_write *w = api_write_begin(x, record_finish, in);
	if (w)
		api_write_end(w, engine_record(api_engine(x), a, in->events, in->results, in->n_good, http_now_ms(x),
		                               api_write_done, w));
}

static void undo_finish(struct http_exchange *x, void *state)
{
	const enum undo_outcome *outcome = state;
	if (*outcome == UNDO_DONE || *outcome == UNDO_ALREADY)
		api_reply_empty(x);
	else if (*outcome == UNDO_TOO_OLD)
		http_reply_problem(x, 409, "event_too_old", "an event can be undone for 30 days", NULL, 0);
	else
		api_reply_unknown(x, "event");
}

void v1_events_delete(struct http_exchange *x, void *ctx)
{
	struct span id;
	enum undo_outcome *outcome = api_alloc(x, 1, sizeof(*outcome));
	if (!outcome || !api_path_id(x, "id", &id))
		return;
	struct api_write *w = api_write_begin(x, undo_finish, outcome);
	if (w)
		api_write_end(w, engine_undo(api_engine(x), http_arena(x), id, http_now_ms(x), outcome, api_write_done, w));
}
