/* /v1/users: settings, interests, all that is kept, erasing, joining. */

#include "api/formats/settings_json.h"
#include "api/routes.h"
#include "engine/base/rfc3339.h"

struct user_write {
	struct span user;
	enum user_outcome outcome;
	struct user_settings settings;
	const struct interest_change *changes;
	struct span from;
};

/* What is read back may have been erased between the commit and here; that's a conflict, not an unknown reader. */
static int read_back(int outcome)
{
	return outcome == USER_NOT_FOUND ? USER_ERASING : outcome;
}

static void reply_user(struct http_exchange *x, struct span user, bool written)
{
	struct user_settings settings;
	int64_t created_ms;
	char text[RFC3339_BYTES + 1];
	int r = engine_user_get(api_engine(x), http_arena(x), user, http_now_ms(x), &settings, &created_ms);
	if (r != USER_DONE) {
		api_reply_user_outcome(x, written ? read_back(r) : r);
		return;
	}
	struct buf *b = api_out(x);
	buf_put_cstr(b, "{\"id\":");
	buf_put_json_string(b, user);
	buf_put_char(b, ',');
	settings_json_encode(b, &settings);
	rfc3339_format(created_ms, text);
	buf_printf(b, ",\"created_at\":\"%s\"}", text);
	http_reply_header(x, "Cache-Control", SPAN("private, no-store"));
	api_reply_json(x, 200, b);
}

void v1_users_get(struct http_exchange *x, void *ctx)
{
	struct span user;
	if (api_user(x, &user))
		reply_user(x, user, false);
}

static void settings_finish(struct http_exchange *x, void *state)
{
	struct user_write *s = state;
	if (s->outcome == USER_DONE)
		reply_user(x, s->user, true);
	else
		api_reply_user_outcome(x, (int)s->outcome);
}

static void put_settings(struct http_exchange *x, bool whole)
{
	struct decode d = {.arena = http_arena(x)};
	struct user_write *s = api_alloc(x, 1, sizeof(*s));
	unsigned fields;
	json_t *body;
	if (!s || !api_user(x, &s->user) || !(body = api_body(x)))
		return;
	settings_json_decode(&d, body, &s->settings, &fields);
	json_decref(body);
	if (api_refused(x, &d, 400, "invalid_settings"))
		return;
	struct api_write *w = api_write_begin(x, settings_finish, s);
	if (w)
		api_write_end(w, engine_user_put(api_engine(x), d.arena, s->user, &s->settings, whole ? USER_ALL : fields,
		                                 http_now_ms(x), &s->outcome, api_write_done, w));
}

void v1_users_put(struct http_exchange *x, void *ctx)
{
	put_settings(x, true);
}

void v1_users_patch(struct http_exchange *x, void *ctx)
{
	put_settings(x, false);
}

static void delete_finish(struct http_exchange *x, void *state)
{
	struct user_write *s = state;
	if (s->outcome == USER_DONE)
		api_reply_empty(x);
	else
		api_reply_user_outcome(x, (int)s->outcome);
}

void v1_users_delete(struct http_exchange *x, void *ctx)
{
	struct user_write *s = api_alloc(x, 1, sizeof(*s));
	if (!s || !api_user(x, &s->user))
		return;
	struct api_write *w = api_write_begin(x, delete_finish, s);
	if (w)
		api_write_end(w, engine_user_erase(api_engine(x), http_arena(x), s->user, http_now_ms(x), &s->outcome,
		                                   api_write_done, w));
}

/* ---- interests ---- */

static void reply_interests(struct http_exchange *x, struct span user, bool written)
{
	const struct interest *interests = NULL;
	size_t n = 0;
	int r = engine_interests_get(api_engine(x), http_arena(x), user, http_now_ms(x), &interests, &n);
	if (r != USER_DONE) {
		api_reply_user_outcome(x, written ? read_back(r) : r);
		return;
	}
	struct buf *b = api_out(x);
	interests_json_encode(b, interests, n);
	http_reply_header(x, "Cache-Control", SPAN("private, no-store"));
	api_reply_json(x, 200, b);
}

void v1_users_interests(struct http_exchange *x, void *ctx)
{
	struct span user;
	if (api_user(x, &user))
		reply_interests(x, user, false);
}

static void interests_finish(struct http_exchange *x, void *state)
{
	struct user_write *s = state;
	if (s->outcome == USER_DONE)
		reply_interests(x, s->user, true);
	else
		api_reply_user_outcome(x, (int)s->outcome);
}

void v1_users_interests_patch(struct http_exchange *x, void *ctx)
{
	struct decode d = {.arena = http_arena(x)};
	struct user_write *s = api_alloc(x, 1, sizeof(*s));
	size_t n;
	json_t *body;
	if (!s || !api_user(x, &s->user) || !(body = api_body(x)))
		return;
	interests_json_decode(&d, body, &s->changes, &n);
	json_decref(body);
	if (api_refused(x, &d, 400, "invalid_interests"))
		return;
	struct api_write *w = api_write_begin(x, interests_finish, s);
	if (w)
		api_write_end(w, engine_interests_patch(api_engine(x), d.arena, s->user, s->changes, n, http_now_ms(x),
		                                        &s->outcome, api_write_done, w));
}

/* ---- all of it ---- */

void v1_users_export(struct http_exchange *x, void *ctx)
{
	struct span user;
	if (!api_user(x, &user))
		return;
	struct buf *b = api_out(x);
	int r = engine_user_export(api_engine(x), http_arena(x), user, http_now_ms(x), b);
	if (r != USER_DONE) {
		api_reply_user_outcome(x, r);
		return;
	}
	http_reply_header(x, "Cache-Control", SPAN("private, no-store"));
	api_reply_json(x, 200, b);
}

static void merge_finish(struct http_exchange *x, void *state)
{
	struct user_write *s = state;
	if (s->outcome == USER_DONE)
		reply_user(x, s->user, true);
	else if (s->outcome == USER_NOT_FOUND)
		api_reply_field(x, 422, "unknown_user", "/from", "names no known reader");
	else
		api_reply_user_outcome(x, (int)s->outcome);
}

void v1_users_merge(struct http_exchange *x, void *ctx)
{
	static const char *const members[] = {"from", NULL};
	struct decode d = {.arena = http_arena(x)};
	struct user_write *s = api_alloc(x, 1, sizeof(*s));
	json_t *body;
	if (!s || !api_user(x, &s->user) || !(body = api_body(x)))
		return;
	decode_only(&d, body, members);
	decode_string(&d, body, "from", TEXT_NAME, LIMIT_ID_BYTES, &s->from);
	decode_require(&d, body, "from");
	json_decref(body);
	if (s->from.len && span_equal(s->from, s->user))
		decode_error(&d, "from", -1, "is this reader itself");
	if (api_refused(x, &d, 400, "invalid_body"))
		return;
	struct api_write *w = api_write_begin(x, merge_finish, s);
	if (w)
		api_write_end(w, engine_user_merge(api_engine(x), d.arena, s->user, s->from, http_now_ms(x), &s->outcome,
		                                   api_write_done, w));
}
