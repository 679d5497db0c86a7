/* /v1/pins: places and boosts that editors give by hand. */
#include "api/formats/settings_json.h"
#include "api/routes.h"

struct pin_write {
	struct pin pin;
	enum pin_outcome outcome;
	bool deletes;
};

void v1_pins_list(struct http_exchange *x, void *ctx)
{
	const struct pin *pins;
	size_t n;
	int r = engine_pins_get(api_engine(x), http_arena(x), &pins, &n);
	if (r < 0) {
		api_reply_errno(x, r);
		return;
	}
	struct buf *b = api_out(x);
	buf_put_cstr(b, "{\"pins\":[");
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_put_char(b, ',');
		pin_json_encode(b, &pins[i]);
	}
	buf_put_cstr(b, "]}");
	api_reply_json(x, 200, b);
}

static void finish(struct http_exchange *x, void *state)
{
	struct pin_write *s = state;
	struct buf *b;
	switch (s->outcome) {
	case PIN_DONE:
		if (s->deletes) {
			api_reply_empty(x);
			break;
		}
		b = api_out(x);
		pin_json_encode(b, &s->pin);
		api_reply_json(x, 200, b);
		break;
	case PIN_UNKNOWN_ARTICLE:
		if (s->deletes)
			api_reply_unknown(x, "pin");
		else
			api_reply_field(x, 422, "unknown_article", "/article_id", "names no known article");
		break;
	case PIN_UNKNOWN_EDITION:
		api_reply_field(x, 422, "unknown_edition", "/edition", "names no known edition");
		break;
	case PIN_TOO_MANY:
		http_reply_problem(x, 409, "too_many_pins", "there are 200 pins already; delete one first", NULL, 0);
		break;
	}
}

void v1_pins_put(struct http_exchange *x, void *ctx)
{
	struct decode d = {.arena = http_arena(x)};
	struct pin_write *s = api_alloc(x, 1, sizeof(*s));
	struct span id;
	json_t *body;
	if (!s || !api_path_id(x, "article_id", &id) || !(body = api_body(x)))
		return;
	pin_json_decode(&d, body, &s->pin);
	json_decref(body);
	if (s->pin.article_id.len && !span_equal(s->pin.article_id, id))
		decode_error(&d, "article_id", -1, "is not the article of the path");
	if (api_refused(x, &d, 400, "invalid_pin"))
		return;
	s->pin.article_id = id;
	struct api_write *w = api_write_begin(x, finish, s);
	if (w)
		api_write_end(w, engine_pin_put(api_engine(x), d.arena, &s->pin, http_now_ms(x), &s->outcome, api_write_done, w));
}

void v1_pins_delete(struct http_exchange *x, void *ctx)
{
	struct pin_write *s = api_alloc(x, 1, sizeof(*s));
	if (!s || !api_path_id(x, "article_id", &s->pin.article_id))
		return;
	s->deletes = true;
	struct api_write *w = api_write_begin(x, finish, s);
	if (w)
		api_write_end(w, engine_pin_delete(api_engine(x), http_arena(x), s->pin.article_id, http_now_ms(x), &s->outcome,
		                                   api_write_done, w));
}
