/* /v1/users/{id}/tokens: a reader's own credentials. The secret is in the answer to POST and nowhere else. */
#include <errno.h>

#include "api/access.h"
#include "api/routes.h"
#include "engine/base/base64url.h"
#include "engine/base/rfc3339.h"

static const char *const scopes[] = {[TOKEN_FEED] = "feed", [TOKEN_READER] = "reader", NULL};

struct token_write {
	struct span user, secret, id;
	struct token_info info;
	enum user_outcome outcome;
	const struct token_info *all; /* [n_all] still to go */
	size_t n_all;
};

/* Without the closing brace. */
static void put_token(struct buf *b, const struct token_info *t)
{
	char text[RFC3339_BYTES + 1];
	rfc3339_format(t->created_ms, text);
	buf_put_cstr(b, "{\"id\":");
	buf_put_json_string(b, span_of(t->id));
	buf_printf(b, ",\"scope\":\"%s\",\"created_at\":\"%s\"", scopes[t->scope], text);
}

static void post_finish(struct http_exchange *x, void *state)
{
	struct token_write *s = state;
	if (s->outcome != USER_DONE) {
		api_reply_user_outcome(x, (int)s->outcome);
		return;
	}
	struct buf *b = api_out(x);
	put_token(b, &s->info);
	buf_put_cstr(b, ",\"token\":");
	buf_put_json_string(b, s->secret);
	buf_put_char(b, '}');
	http_reply_header(x, "Cache-Control", SPAN("no-store"));
	api_reply_json(x, 201, b);
}

/* Fills the token's id, secret and times. Returns 0 or negative errno. */
static int make_token(struct http_exchange *x, enum token_scope scope, struct token_write *s, uint8_t hash[DIGEST_BYTES])
{
	enum { ID_BYTES = 12 };
	uint8_t random[ID_BYTES];
	_Static_assert(BASE64URL_BYTES(ID_BYTES) < sizeof(s->info.id), "a token's id fits");
	int r = digest_random(random, sizeof(random));
	if (r < 0)
		return r;
	s->info = (struct token_info){.scope = scope, .created_ms = http_now_ms(x)};
	base64url_encode(random, sizeof(random), s->info.id);
	return access_token_make(http_arena(x), scope, &s->secret, hash);
}

void v1_tokens_post(struct http_exchange *x, void *ctx)
{
	static const char *const members[] = {"scope", NULL};
	struct decode d = {.arena = http_arena(x)};
	struct token_write *s = api_alloc(x, 1, sizeof(*s));
	uint8_t *hash = s ? api_alloc(x, 1, DIGEST_BYTES) : NULL; /* the writer reads it later */
	json_t *body;
	if (!hash || !api_user(x, &s->user) || !(body = api_body(x)))
		return;
	decode_only(&d, body, members);
	int scope = decode_choice(&d, body, "scope", scopes);
	decode_require(&d, body, "scope");
	json_decref(body);
	if (api_refused(x, &d, 400, "invalid_body"))
		return;
	int r = make_token(x, (enum token_scope)scope, s, hash);
	if (r < 0) {
		api_reply_errno(x, r);
		return;
	}
	struct api_write *w = api_write_begin(x, post_finish, s);
	if (w)
		api_write_end(w, engine_token_put(api_engine(x), d.arena, s->user, hash, &s->info, http_now_ms(x), &s->outcome,
		                                  api_write_done, w));
}

void v1_tokens_list(struct http_exchange *x, void *ctx)
{
	const struct token_info *tokens = NULL;
	struct span user;
	size_t n = 0;
	if (!api_user(x, &user))
		return;
	int r = engine_tokens_get(api_engine(x), http_arena(x), user, &tokens, &n);
	if (r != USER_DONE) {
		api_reply_user_outcome(x, r);
		return;
	}
	struct buf *b = api_out(x);
	buf_put_cstr(b, "{\"tokens\":[");
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_put_char(b, ',');
		put_token(b, &tokens[i]);
		buf_put_char(b, '}');
	}
	buf_put_cstr(b, "]}");
	http_reply_header(x, "Cache-Control", SPAN("private, no-store"));
	api_reply_json(x, 200, b);
}

static void delete_finish(struct http_exchange *x, void *state)
{
	struct token_write *s = state;
	if (s->outcome == USER_DONE)
		api_reply_empty(x);
	else if (s->outcome == USER_NOT_FOUND)
		api_reply_unknown(x, "token");
	else
		api_reply_user_outcome(x, (int)s->outcome);
}

void v1_tokens_delete(struct http_exchange *x, void *ctx)
{
	struct token_write *s = api_alloc(x, 1, sizeof(*s));
	if (!s || !api_user(x, &s->user) || !api_path_id(x, "token_id", &s->id))
		return;
	struct api_write *w = api_write_begin(x, delete_finish, s);
	if (w)
		api_write_end(w, engine_token_delete(api_engine(x), http_arena(x), s->user, s->id, http_now_ms(x), &s->outcome,
		                                     api_write_done, w));
}

/* One after another; a token that went meanwhile is as good as deleted. */
static void delete_next(struct http_exchange *x, void *state)
{
	struct token_write *s = state;
	if (s->outcome == USER_ERASING) {
		api_reply_user_outcome(x, (int)s->outcome);
		return;
	}
	if (s->n_all == 0) {
		api_reply_empty(x);
		return;
	}
	s->id = span_of(s->all[--s->n_all].id);
	struct api_write *w = api_write_begin(x, delete_next, s);
	if (w)
		api_write_end(w, engine_token_delete(api_engine(x), http_arena(x), s->user, s->id, http_now_ms(x), &s->outcome,
		                                     api_write_done, w));
}

void v1_tokens_delete_all(struct http_exchange *x, void *ctx)
{
	struct token_write *s = api_alloc(x, 1, sizeof(*s));
	const struct token_info *tokens = NULL;
	if (!s || !api_user(x, &s->user))
		return;
	int r = engine_tokens_get(api_engine(x), http_arena(x), s->user, &tokens, &s->n_all);
	if (r != USER_DONE) {
		api_reply_user_outcome(x, r);
		return;
	}
	/* What the engine handed out ends with this round of the loop. */
	struct token_info *copy = api_alloc(x, s->n_all + 1, sizeof(*copy));
	if (!copy)
		return;
	if (s->n_all)
		memcpy(copy, tokens, s->n_all * sizeof(*copy));
	s->all = copy;
	delete_next(x, s);
}
