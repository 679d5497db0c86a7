#include "tests/engine/text/ndjson.h"

#include <errno.h>
#include <zlib.h>

#include "engine/base/buf.h"
#include "engine/base/rfc3339.h"

static struct span text_of(json_t *object, const char *name)
{
	json_t *value = json_object_get(object, name);
	return json_is_string(value) ? json_span(value) : (struct span){"", 0};
}

static size_t list_of(json_t *object, const char *name, struct span *out, size_t max)
{
	json_t *list = json_object_get(object, name);
	size_t n = 0;
	for (size_t i = 0; i < json_array_size(list) && n < max; i++)
		if (json_is_string(json_array_get(list, i)))
			out[n++] = json_span(json_array_get(list, i));
	return n;
}

static int64_t time_of(json_t *object, const char *name)
{
	int64_t ms;
	return rfc3339_parse(text_of(object, name), &ms) ? 0 : ms;
}

static int one_line(struct span line, int (*row)(const struct article *, json_t *, void *), void *ctx)
{
	struct span topics[LIMIT_TOPICS], places[LIMIT_PLACES], authors[LIMIT_AUTHORS];
	json_t *object;
	if (json_parse(line, &object, NULL))
		return -EINVAL;
	struct article a = {
		.id = text_of(object, "id"),
		.title = text_of(object, "title"),
		.summary = text_of(object, "summary"),
		.body = text_of(object, "body"),
		.source = text_of(object, "source"),
		.section = text_of(object, "section"),
		.language = text_of(object, "language"),
		.topics = topics,
		.places = places,
		.authors = authors,
		.n_topics = list_of(object, "topics", topics, LIMIT_TOPICS),
		.n_places = list_of(object, "places", places, LIMIT_PLACES),
		.n_authors = list_of(object, "authors", authors, LIMIT_AUTHORS),
		.published_at_ms = time_of(object, "published_at"),
		.updated_at_ms = time_of(object, "updated_at"),
		.boost = 1,
	};
	int answer = row(&a, object, ctx);
	json_decref(object);
	return answer;
}

int ndjson_each(const char *path, int (*row)(const struct article *, json_t *, void *), void *ctx)
{
	gzFile f = gzopen(path, "rb");
	struct buf line = {0};
	char piece[65536];
	int answer = 0;
	if (!f)
		return -ENOENT;
	while (answer == 0 && gzgets(f, piece, sizeof(piece))) {
		buf_put_cstr(&line, piece);
		if (line.len == 0 || (line.data[line.len - 1] != '\n' && !gzeof(f)))
			continue;
		answer = line.len > 1 ? one_line(buf_span(&line), row, ctx) : 0;
		buf_clear(&line);
	}
	gzclose(f);
	buf_free(&line);
	return answer;
}
