/* /v1/editions: a city's grid. */
#include "api/formats/settings_json.h"
#include "api/routes.h"

struct edition_write {
	struct edition edition;
	enum edition_outcome outcome;
};

/* All of them, in force now. false: it has replied. */
static bool load(struct http_exchange *x, const struct edition **out, size_t *n)
{
	int r = engine_editions_get(api_engine(x), http_arena(x), out, n);
	if (r < 0)
		api_reply_errno(x, r);
	return r == 0;
}

void v1_editions_list(struct http_exchange *x, void *ctx)
{
	const struct edition *editions;
	size_t n;
	if (!load(x, &editions, &n))
		return;
	struct buf *b = api_out(x);
	buf_put_cstr(b, "{\"editions\":[");
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_put_char(b, ',');
		edition_json_encode(b, &editions[i]);
	}
	buf_put_cstr(b, "]}");
	api_reply_json(x, 200, b);
}

static void reply_edition(struct http_exchange *x, struct span key, unsigned status)
{
	const struct edition *editions;
	size_t n;
	if (!load(x, &editions, &n))
		return;
	for (size_t i = 0; i < n; i++) {
		if (!span_equal(editions[i].key, key))
			continue;
		struct buf *b = api_out(x);
		edition_json_encode(b, &editions[i]);
		api_reply_json(x, status, b);
		return;
	}
	api_reply_unknown(x, "edition");
}

void v1_editions_get(struct http_exchange *x, void *ctx)
{
	struct span key;
	if (api_path_id(x, "key", &key))
		reply_edition(x, key, 200);
}

static void finish(struct http_exchange *x, void *state)
{
	struct edition_write *s = state;
	switch (s->outcome) {
	case EDITION_CREATED:
		reply_edition(x, s->edition.key, 201);
		break;
	case EDITION_UPDATED:
		reply_edition(x, s->edition.key, 200);
		break;
	case EDITION_DELETED:
		api_reply_empty(x);
		break;
	case EDITION_NOT_FOUND:
		api_reply_unknown(x, "edition");
		break;
	case EDITION_TOO_MANY:
		http_reply_problem(x, 409, "too_many_editions", "there are 64 editions already; delete one first", NULL, 0);
		break;
	}
}

void v1_editions_put(struct http_exchange *x, void *ctx)
{
	struct decode d = {.arena = http_arena(x)};
	struct edition_write *s = api_alloc(x, 1, sizeof(*s));
	struct span key;
	json_t *body;
	if (!s || !api_path_id(x, "key", &key) || !(body = api_body(x)))
		return;
	edition_json_decode(&d, body, &s->edition);
	json_decref(body);
	if (s->edition.key.len && !span_equal(s->edition.key, key))
		decode_error(&d, "key", -1, "is not the key of the path");
	if (api_refused(x, &d, 400, "invalid_edition"))
		return;
	s->edition.key = key;
	struct api_write *w = api_write_begin(x, finish, s);
	if (w)
		api_write_end(w, engine_edition_put(api_engine(x), d.arena, &s->edition, http_now_ms(x), &s->outcome,
		                                    api_write_done, w));
}

void v1_editions_delete(struct http_exchange *x, void *ctx)
{
	struct edition_write *s = api_alloc(x, 1, sizeof(*s));
	if (!s || !api_path_id(x, "key", &s->edition.key))
		return;
	struct api_write *w = api_write_begin(x, finish, s);
	if (w)
		api_write_end(w, engine_edition_delete(api_engine(x), http_arena(x), s->edition.key, http_now_ms(x),
		                                       &s->outcome, api_write_done, w));
}
