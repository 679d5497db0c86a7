#include "engine/card.h"

#include "engine/base/rfc3339.h"

static void member(struct buf *b, const char *name, struct span value)
{
	if (value.len == 0)
		return;
	buf_printf(b, ",\"%s\":", name);
	buf_put_json_string(b, value);
}

static void time_member(struct buf *b, const char *name, int64_t ms)
{
	char text[RFC3339_BYTES + 1];
	if (ms == 0)
		return;
	rfc3339_format(ms, text);
	buf_printf(b, ",\"%s\":\"%s\"", name, text);
}

static void list_member(struct buf *b, const char *name, const struct span *list, size_t n)
{
	if (n == 0)
		return;
	buf_printf(b, ",\"%s\":[", name);
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_put_char(b, ',');
		buf_put_json_string(b, list[i]);
	}
	buf_put_char(b, ']');
}

static void common(struct buf *b, const struct article_record *r)
{
	const struct article *a = &r->article;
	buf_put_cstr(b, "{\"id\":");
	buf_put_json_string(b, a->id);
	member(b, "title", a->title);
	member(b, "url", a->url);
	member(b, "source", a->source);
	member(b, "language", r->language);
	time_member(b, "published_at", a->published_at_ms);
}

void card_write(struct buf *b, const struct article_record *r)
{
	const struct article *a = &r->article;
	common(b, r);
	member(b, "summary", a->summary);
	member(b, "section", a->section);
	list_member(b, "topics", a->topics, a->n_topics);
	list_member(b, "places", a->places, a->n_places);
	list_member(b, "authors", a->authors, a->n_authors);
	member(b, "image", a->image);
	time_member(b, "updated_at", a->updated_at_ms);
	time_member(b, "expires_at", a->expires_at_ms);
	if (a->premium)
		buf_put_cstr(b, ",\"premium\":true");
	buf_put_char(b, '}');
}

void card_write_brief(struct buf *b, const struct article_record *r)
{
	common(b, r);
	buf_put_char(b, '}');
}
