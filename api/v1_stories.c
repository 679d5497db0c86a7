/* /v1/stories: the reports of one event; editors take stories apart and put them together. */
#include "api/routes.h"

struct story_write {
	enum story_outcome outcome;
	uint32_t story, from;
	uint32_t new_story; /* of a split */
	const struct span *articles;
};

static bool number_of(struct span text, uint32_t *out)
{
	uint64_t n = 0;
	if (text.len == 0 || text.len > 10)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(text.data[i] - '0');
	}
	*out = (uint32_t)n;
	return n > 0 && n <= UINT32_MAX;
}

/* The story of the path. false: it has replied. */
static bool story_id(struct http_exchange *x, uint32_t *out)
{
	bool good = number_of(http_param(x, "id"), out);
	if (!good)
		api_reply_unknown(x, "story");
	return good;
}

static void reply_story(struct http_exchange *x, uint32_t story)
{
	const struct span *cards;
	size_t n;
	int r = engine_story_get(api_engine(x), http_arena(x), story, &cards, &n);
	if (r < 0) {
		api_reply_errno(x, r);
		return;
	}
	if (r > 0) {
		api_reply_unknown(x, "story");
		return;
	}
	struct buf *b = api_out(x);
	buf_printf(b, "{\"id\":\"%u\",\"size\":%zu,\"articles\":[", story, n);
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_put_char(b, ',');
		buf_put_span(b, cards[i]);
	}
	buf_put_cstr(b, "]}");
	api_reply_json(x, 200, b);
}

void v1_stories_get(struct http_exchange *x, void *ctx)
{
	uint32_t story;
	if (story_id(x, &story))
		reply_story(x, story);
}

static void finish(struct http_exchange *x, void *state)
{
	struct story_write *s = state;
	switch (s->outcome) {
	case STORY_DONE:
		reply_story(x, s->new_story ? s->new_story : s->story);
		break;
	case STORY_NOT_FOUND:
		if (s->from)
			api_reply_field(x, 422, "unknown_story", "/from", "or the story of the path is not a live story");
		else
			api_reply_unknown(x, "story");
		break;
	case STORY_UNKNOWN_ARTICLE:
		api_reply_field(x, 422, "unknown_article", "/articles", "names an article that is not in this story");
		break;
	case STORY_FULL:
		http_reply_problem(x, 409, "story_full", "together they have more reports than a story may have", NULL, 0);
		break;
	}
}

void v1_stories_split(struct http_exchange *x, void *ctx)
{
	static const char *const members[] = {"articles", NULL};
	struct decode d = {.arena = http_arena(x)};
	struct story_write *s = api_alloc(x, 1, sizeof(*s));
	size_t n = 0;
	json_t *body;
	if (!s || !story_id(x, &s->story) || !(body = api_body(x)))
		return;
	decode_only(&d, body, members);
	decode_require(&d, body, "articles");
	if (decode_strings(&d, body, "articles", TEXT_NAME, LIMIT_ID_BYTES, LIMIT_BATCH, &s->articles, &n) && n == 0)
		decode_error(&d, "articles", -1, "is empty");
	json_decref(body);
	if (api_refused(x, &d, 400, "invalid_body"))
		return;
	struct api_write *w = api_write_begin(x, finish, s);
	if (w)
		api_write_end(w, engine_story_split(api_engine(x), d.arena, s->story, s->articles, n, http_now_ms(x),
		                                    &s->outcome, &s->new_story, api_write_done, w));
}

void v1_stories_merge(struct http_exchange *x, void *ctx)
{
	static const char *const members[] = {"from", NULL};
	struct decode d = {.arena = http_arena(x)};
	struct story_write *s = api_alloc(x, 1, sizeof(*s));
	struct span from;
	json_t *body;
	if (!s || !story_id(x, &s->story) || !(body = api_body(x)))
		return;
	decode_only(&d, body, members);
	decode_require(&d, body, "from");
	if (decode_string(&d, body, "from", TEXT_NAME, LIMIT_ID_BYTES, &from) && !number_of(from, &s->from))
		decode_error(&d, "from", -1, "is not the id of a story");
	json_decref(body);
	if (s->from == s->story && d.n_errors == 0)
		decode_error(&d, "from", -1, "is this story itself");
	if (api_refused(x, &d, 400, "invalid_body"))
		return;
	struct api_write *w = api_write_begin(x, finish, s);
	if (w)
		api_write_end(w, engine_story_merge(api_engine(x), d.arena, s->story, s->from, http_now_ms(x), &s->outcome,
		                                    api_write_done, w));
}
