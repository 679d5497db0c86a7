/* Editions: a city's grid. */
#include <errno.h>

#include "api/api.h"
#include "api/formats/settings_json.h"

static bool edition_key(struct http_exchange *x, struct span *out)
{
	*out = http_param(x, "key");
	const char *bad = decode_check_text(TEXT_NAME, LIMIT_ID_BYTES, *out);
	if (bad)
		api_bad_field(x, 400, "bad_id", "/key", bad);
	return !bad;
}

static void not_found(struct http_exchange *x)
{
	api_problem(x, 404, "edition_not_found", "no edition has this key");
}

void v1_editions_get(struct http_exchange *x, void *ctx)
{
	const struct edition *editions;
	size_t n;
	int r = engine_editions_get(api_worker_of(x)->engine, http_arena(x), &editions, &n);
	if (r < 0) {
		api_failed(x, r);
		return;
	}
	struct buf *b = api_out(x);
	buf_put_cstr(b, "{\"editions\":[");
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_put_char(b, ',');
		edition_json_encode(b, &editions[i]);
	}
	buf_put_cstr(b, "]}");
	api_reply(x, 200);
}

void v1_edition_get(struct http_exchange *x, void *ctx)
{
	const struct edition *editions;
	struct span key;
	size_t n;
	if (!edition_key(x, &key))
		return;
	int r = engine_editions_get(api_worker_of(x)->engine, http_arena(x), &editions, &n);
	if (r < 0) {
		api_failed(x, r);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (span_equal(editions[i].key, key)) {
			edition_json_encode(api_out(x), &editions[i]);
			api_reply(x, 200);
			return;
		}
	}
	not_found(x);
}

struct edition_write {
	struct write write;
	struct edition edition;
	enum edition_outcome outcome;
};

static void reply_edition(struct http_exchange *x, struct write *write)
{
	struct edition_write *w = (struct edition_write *)write;
	switch (w->outcome) {
	case EDITION_CREATED:
	case EDITION_UPDATED:
		edition_json_encode(api_out(x), &w->edition);
		api_reply(x, w->outcome == EDITION_CREATED ? 201 : 200);
		break;
	case EDITION_DELETED:
		api_no_content(x);
		break;
	case EDITION_NOT_FOUND:
		not_found(x);
		break;
	case EDITION_TOO_MANY:
		api_problem(x, 409, "too_many_editions", "there are 64 editions already; delete one first");
		break;
	}
}

void v1_edition_put(struct http_exchange *x, void *ctx)
{
	struct decode d = {.arena = http_arena(x)};
	struct edition_write *w;
	struct span key;
	json_t *body;
	if (!edition_key(x, &key) || !(w = api_write_new(x, sizeof(*w), reply_edition)) || !api_body_json(x, &body))
		return;
	edition_json_decode(&d, body, &w->edition);
	json_decref(body);
	if (w->edition.key.len && !span_equal(w->edition.key, key))
		decode_error(&d, "key", -1, "is not the key of the path");
	if (d.n_errors || d.no_memory) {
		api_bad_fields(x, 400, &d);
		return;
	}
	w->edition.key = key;
	api_write_begin(&w->write);
	api_write_sent(&w->write, engine_edition_put(api_worker_of(x)->engine, http_arena(x), &w->edition, http_now_ms(x),
	                                             &w->outcome, api_write_done, w));
}

void v1_edition_delete(struct http_exchange *x, void *ctx)
{
	struct edition_write *w;
	struct span key;
	if (!edition_key(x, &key) || !(w = api_write_new(x, sizeof(*w), reply_edition)))
		return;
	api_write_begin(&w->write);
	api_write_sent(&w->write, engine_edition_delete(api_worker_of(x)->engine, http_arena(x), key, http_now_ms(x),
	                                                &w->outcome, api_write_done, w));
}
