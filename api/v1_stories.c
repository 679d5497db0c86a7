/* What editors do by hand: stories taken apart and put together, pins and boosts. */
#include <errno.h>

#include "api/api.h"
#include "api/formats/settings_json.h"

static bool number_of(struct span text, uint32_t *out)
{
	uint64_t n = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9' || text.len > 10)
			return false;
		n = n * 10 + (uint64_t)(text.data[i] - '0');
	}
	*out = (uint32_t)n;
	return text.len > 0 && n > 0 && n <= UINT32_MAX;
}

static void not_found(struct http_exchange *x)
{
	api_problem(x, 404, "story_not_found", "no live story has this id");
}

static bool story_id(struct http_exchange *x, uint32_t *out)
{
	if (number_of(http_param(x, "id"), out))
		return true;
	not_found(x);
	return false;
}

static void answer_story(struct http_exchange *x, uint32_t story)
{
	const struct span *cards;
	size_t n;
	int r = engine_story_get(api_worker_of(x)->engine, http_arena(x), story, &cards, &n);
	if (r < 0) {
		api_failed(x, r);
	} else if (r > 0) {
		not_found(x);
	} else {
		struct buf *b = api_out(x);
		buf_printf(b, "{\"id\":\"%u\",\"size\":%zu,\"articles\":[", story, n);
		for (size_t i = 0; i < n; i++) {
			if (i)
				buf_put_char(b, ',');
			buf_put_span(b, cards[i]);
		}
		buf_put_cstr(b, "]}");
		api_reply(x, 200);
	}
}

void v1_story_get(struct http_exchange *x, void *ctx)
{
	uint32_t story;
	if (story_id(x, &story))
		answer_story(x, story);
}

struct story_write {
	struct write write;
	enum story_outcome outcome;
	uint32_t story, from, new_story; /* new_story: 0 when merging */
	const struct span *articles;
};

static void reply_story(struct http_exchange *x, struct write *write)
{
	struct story_write *w = (struct story_write *)write;
	switch (w->outcome) {
	case STORY_DONE:
		answer_story(x, w->new_story ? w->new_story : w->story);
		break;
	case STORY_NOT_FOUND:
		not_found(x);
		break;
	case STORY_UNKNOWN_ARTICLE:
		api_bad_field(x, 422, "unknown_article", "/articles", "names an article that is not in this story");
		break;
	case STORY_FULL:
		api_problem(x, 409, "story_full", "the two have more reports together than a story may have");
		break;
	}
}

void v1_story_split(struct http_exchange *x, void *ctx)
{
	static const char *const members[] = {"articles", NULL};
	struct decode d = {.arena = http_arena(x)};
	struct story_write *w = api_write_new(x, sizeof(*w), reply_story);
	size_t n = 0;
	json_t *body;
	if (!w || !story_id(x, &w->story) || !api_body_json(x, &body))
		return;
	if (json_is_object(body)) {
		decode_only(&d, body, members);
		decode_strings(&d, body, "articles", TEXT_NAME, LIMIT_ID_BYTES, LIMIT_BATCH, &w->articles, &n);
		decode_require(&d, body, "articles");
		if (d.n_errors == 0 && n == 0)
			decode_error(&d, "articles", -1, "is empty");
	} else {
		decode_error(&d, "", -1, "is not an object");
	}
	json_decref(body);
	if (d.n_errors || d.no_memory) {
		api_bad_fields(x, 400, &d);
		return;
	}
	api_write_begin(&w->write);
	api_write_sent(&w->write, engine_story_split(api_worker_of(x)->engine, http_arena(x), w->story, w->articles, n,
	                                             http_now_ms(x), &w->outcome, &w->new_story, api_write_done, w));
}

void v1_story_merge(struct http_exchange *x, void *ctx)
{
	static const char *const members[] = {"from", NULL};
	struct decode d = {.arena = http_arena(x)};
	struct story_write *w = api_write_new(x, sizeof(*w), reply_story);
	struct span from = {0};
	json_t *body;
	if (!w || !story_id(x, &w->story) || !api_body_json(x, &body))
		return;
	if (json_is_object(body)) {
		decode_only(&d, body, members);
		if (decode_string(&d, body, "from", TEXT_NAME, LIMIT_ID_BYTES, &from) && !number_of(from, &w->from))
			decode_error(&d, "from", -1, "is not the id of a story");
		decode_require(&d, body, "from");
		if (d.n_errors == 0 && w->from == w->story)
			decode_error(&d, "from", -1, "is the same story");
	} else {
		decode_error(&d, "", -1, "is not an object");
	}
	json_decref(body);
	if (d.n_errors || d.no_memory) {
		api_bad_fields(x, 400, &d);
		return;
	}
	api_write_begin(&w->write);
	api_write_sent(&w->write, engine_story_merge(api_worker_of(x)->engine, http_arena(x), w->story, w->from,
	                                             http_now_ms(x), &w->outcome, api_write_done, w));
}

/* ---- pins ---- */

void v1_pins_get(struct http_exchange *x, void *ctx)
{
	const struct pin *pins;
	size_t n;
	int r = engine_pins_get(api_worker_of(x)->engine, http_arena(x), &pins, &n);
	if (r < 0) {
		api_failed(x, r);
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
	api_reply(x, 200);
}

struct pin_write {
	struct write write;
	bool deleting;
	struct pin pin;
	enum pin_outcome outcome;
};

static void reply_pin(struct http_exchange *x, struct write *write)
{
	struct pin_write *w = (struct pin_write *)write;
	switch (w->outcome) {
	case PIN_DONE:
		if (w->deleting) {
			api_no_content(x);
		} else {
			pin_json_encode(api_out(x), &w->pin);
			api_reply(x, 200);
		}
		break;
	case PIN_UNKNOWN_ARTICLE:
		if (w->deleting)
			api_problem(x, 404, "pin_not_found", "this article has no pin");
		else
			api_bad_field(x, 422, "unknown_article", "/article_id", "no article has this id");
		break;
	case PIN_UNKNOWN_EDITION:
		api_bad_field(x, 422, "unknown_edition", "/edition", "no edition has this key");
		break;
	case PIN_TOO_MANY:
		api_problem(x, 409, "too_many_pins", "there are 200 pins already; delete one first");
		break;
	}
}

static struct pin_write *pin_write_new(struct http_exchange *x)
{
	struct span id = http_param(x, "article_id");
	const char *bad = decode_check_text(TEXT_NAME, LIMIT_ID_BYTES, id);
	if (bad) {
		api_bad_field(x, 400, "bad_id", "/article_id", bad);
		return NULL;
	}
	struct pin_write *w = api_write_new(x, sizeof(*w), reply_pin);
	if (w)
		w->pin.article_id = id;
	return w;
}

void v1_pin_put(struct http_exchange *x, void *ctx)
{
	struct decode d = {.arena = http_arena(x)};
	struct pin_write *w = pin_write_new(x);
	struct pin pin;
	json_t *body;
	if (!w || !api_body_json(x, &body))
		return;
	pin_json_decode(&d, body, &pin);
	json_decref(body);
	if (pin.article_id.len && !span_equal(pin.article_id, w->pin.article_id))
		decode_error(&d, "article_id", -1, "is not the article of the path");
	if (d.n_errors || d.no_memory) {
		api_bad_fields(x, 400, &d);
		return;
	}
	pin.article_id = w->pin.article_id;
	w->pin = pin;
	api_write_begin(&w->write);
	api_write_sent(&w->write, engine_pin_put(api_worker_of(x)->engine, http_arena(x), &w->pin, http_now_ms(x),
	                                         &w->outcome, api_write_done, w));
}

void v1_pin_delete(struct http_exchange *x, void *ctx)
{
	struct pin_write *w = pin_write_new(x);
	if (!w)
		return;
	w->deleting = true;
	api_write_begin(&w->write);
	api_write_sent(&w->write, engine_pin_delete(api_worker_of(x)->engine, http_arena(x), w->pin.article_id,
	                                            http_now_ms(x), &w->outcome, api_write_done, w));
}
