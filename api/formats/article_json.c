#include "api/formats/article_json.h"

#include <math.h>

#include "engine/base/rfc3339.h"

static void decode_own(struct decode *d, const json_t *v, struct article *a)
{
	double boost = 1;
	int64_t char_count;
	decode_string(d, v, "id", TEXT_NAME, LIMIT_ID_BYTES, &a->id);
	decode_string(d, v, "title", TEXT_HTML_LINE, LIMIT_TITLE_BYTES, &a->title);
	decode_optional(d, v, "url", TEXT_WEB_URL, LIMIT_URL_BYTES, &a->url);
	decode_string(d, v, "summary", TEXT_HTML_PROSE, LIMIT_SUMMARY_BYTES, &a->summary);
	decode_string(d, v, "body", TEXT_HTML_PROSE, LIMIT_BODY_BYTES, &a->body);
	decode_optional(d, v, "source", TEXT_NAME, LIMIT_NAME_BYTES, &a->source);
	decode_optional(d, v, "section", TEXT_NAME, LIMIT_NAME_BYTES, &a->section);
	decode_optional(d, v, "language", TEXT_LANGUAGE, LIMIT_LANGUAGE_BYTES, &a->language);
	decode_optional(d, v, "image", TEXT_WEB_URL, LIMIT_URL_BYTES, &a->image);
	decode_strings(d, v, "topics", TEXT_NAME, LIMIT_NAME_BYTES, LIMIT_TOPICS, &a->topics, &a->n_topics);
	decode_strings(d, v, "places", TEXT_NAME, LIMIT_NAME_BYTES, LIMIT_PLACES, &a->places, &a->n_places);
	decode_strings(d, v, "authors", TEXT_NAME, LIMIT_NAME_BYTES, LIMIT_AUTHORS, &a->authors, &a->n_authors);
	decode_time(d, v, "published_at", &a->published_at_ms);
	decode_time(d, v, "updated_at", &a->updated_at_ms);
	decode_time(d, v, "expires_at", &a->expires_at_ms);
	decode_time(d, v, "embargo_until", &a->embargo_until_ms);
	if (decode_number(d, v, "boost", LIMIT_BOOST_MIN, LIMIT_BOOST_MAX, &boost))
		a->boost = (float)boost;
	int status = decode_choice(d, v, "status", article_statuses);
	if (status >= 0)
		a->status = (enum article_status)status;
	decode_bool(d, v, "premium", &a->premium);
	if (decode_integer(d, v, "char_count", 0, LIMIT_CHAR_COUNT, &char_count))
		a->char_count = (uint32_t)char_count;
	decode_floats(d, v, "embedding", LIMIT_EMBEDDING, &a->embedding, &a->n_embedding);
	decode_require(d, v, "title");
	article_finish(d, a, "title", "id");
	if (a->id.len == 0)
		decode_require(d, v, "id");
}

void article_json_decode(struct decode *d, const json_t *value, enum article_form form, struct article *out)
{
	*out = (struct article){.boost = 1};
	if (!json_is_object(value)) {
		decode_error(d, "", -1, "is not an object");
		return;
	}
	if (form == ARTICLE_FORM_NINJS || (form == ARTICLE_FORM_BY_SHAPE && ninjs_by_shape(value)))
		ninjs_decode(d, value, out);
	else
		decode_own(d, value, out);
}

static void member(struct buf *b, const char *name, struct span value)
{
	if (value.len == 0)
		return;
	buf_printf(b, ",\"%s\":", name);
	buf_put_json_string(b, value);
}

static void list(struct buf *b, const char *name, const struct span *values, size_t n)
{
	if (n == 0)
		return;
	buf_printf(b, ",\"%s\":[", name);
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_put_char(b, ',');
		buf_put_json_string(b, values[i]);
	}
	buf_put_char(b, ']');
}

static void time_member(struct buf *b, const char *name, int64_t ms)
{
	char text[RFC3339_BYTES + 1];
	if (ms == 0)
		return;
	rfc3339_format(ms, text);
	buf_printf(b, ",\"%s\":\"%s\"", name, text);
}

void article_json_encode(struct buf *b, const struct article *a, bool embedding)
{
	buf_put_cstr(b, "{\"id\":");
	buf_put_json_string(b, a->id);
	member(b, "title", a->title);
	member(b, "url", a->url);
	member(b, "summary", a->summary);
	member(b, "body", a->body);
	member(b, "source", a->source);
	member(b, "section", a->section);
	list(b, "topics", a->topics, a->n_topics);
	list(b, "places", a->places, a->n_places);
	list(b, "authors", a->authors, a->n_authors);
	member(b, "language", a->language);
	member(b, "image", a->image);
	time_member(b, "published_at", a->published_at_ms);
	time_member(b, "updated_at", a->updated_at_ms);
	time_member(b, "expires_at", a->expires_at_ms);
	time_member(b, "embargo_until", a->embargo_until_ms);
	if (a->boost != 1) {
		buf_put_cstr(b, ",\"boost\":");
		buf_put_json_double(b, round((double)a->boost * 1e6) / 1e6);
	}
	if (a->status != ARTICLE_USABLE)
		buf_printf(b, ",\"status\":\"%s\"", article_statuses[a->status]);
	if (a->premium)
		buf_put_cstr(b, ",\"premium\":true");
	if (a->char_count)
		buf_printf(b, ",\"char_count\":%u", (unsigned)a->char_count);
	if (embedding && a->n_embedding > 0) {
		buf_put_cstr(b, ",\"embedding\":[");
		for (size_t i = 0; i < a->n_embedding; i++) {
			if (i)
				buf_put_char(b, ',');
			buf_put_json_double(b, (double)a->embedding[i]);
		}
		buf_put_char(b, ']');
	}
	buf_put_char(b, '}');
}
