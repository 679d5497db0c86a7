/* Feeds: a reader's own, their explanations and history, and the lists that are the same for everybody. */
#include "api/routes.h"

#include <errno.h>

#include "engine/base/hash.h"
#include "engine/base/rfc3339.h"

enum { CURSOR_BYTES = 2048, PENDING_TRIES = 3 };

/* ---- what is asked ---- */

void v1_feed_filters(struct http_exchange *x, struct decode *d, struct feed_request *out)
{
	api_query_number(x, d, "limit", 1, LIMIT_FEED, &out->limit);
	api_query_text(x, d, "cursor", CURSOR_BYTES, &out->cursor);
	api_query_text(x, d, "edition", LIMIT_ID_BYTES, &out->edition);
	api_query_text(x, d, "section", LIMIT_NAME_BYTES, &out->section);
	api_query_text(x, d, "topic", LIMIT_TOPIC_BYTES, &out->topic);
	api_query_text(x, d, "place", LIMIT_NAME_BYTES, &out->place);
	api_query_language(x, d, "language", &out->language);
	api_query_text(x, d, "source", LIMIT_NAME_BYTES, &out->source);
}

/* exclude=a,b */
static void read_exclude(struct http_exchange *x, struct decode *d, struct feed_request *out)
{
	struct span rest, *ids;
	if (!http_query(x, "exclude", &rest) || rest.len == 0)
		return;
	out->exclude = ids = arena_calloc(d->arena, LIMIT_EXCLUDE, sizeof(*ids));
	d->no_memory |= !ids;
	while (ids && rest.len > 0) {
		const char *comma = memchr(rest.data, ',', rest.len);
		struct span id = {rest.data, comma ? (size_t)(comma - rest.data) : rest.len};
		rest.data += id.len + (comma != NULL);
		rest.len -= id.len + (comma != NULL);
		if (id.len == 0)
			continue;
		const char *refusal = out->n_exclude == LIMIT_EXCLUDE ? "has more than 200 ids"
		                                                      : decode_check_text(TEXT_NAME, LIMIT_ID_BYTES, id);
		if (refusal) {
			decode_error(d, "exclude", -1, "%s", refusal);
			return;
		}
		ids[out->n_exclude++] = id;
	}
}

static void read_order(struct http_exchange *x, struct decode *d, enum feed_order *out)
{
	struct span order;
	if (!api_query_text(x, d, "order", CURSOR_BYTES, &order))
		return;
	if (span_equal_cstr(order, "latest"))
		*out = FEED_LATEST;
	else if (!span_equal_cstr(order, "ranked"))
		decode_error(d, "order", -1, "is neither ranked nor latest");
}

/* A reader's feed request. false: it has replied. */
static bool read_request(struct http_exchange *x, struct feed_request *out)
{
	struct decode d = {.arena = http_arena(x)};
	*out = (struct feed_request){.order = FEED_RANKED, .limit = 20, .now_ms = http_now_ms(x)};
	if (!api_user(x, &out->user_id))
		return false;
	v1_feed_filters(x, &d, out);
	api_query_text(x, &d, "model", LIMIT_ID_BYTES, &out->model);
	api_query_flag(x, &d, "explain", &out->explain);
	read_order(x, &d, &out->order);
	read_exclude(x, &d, out);
	return !api_refused(x, &d, 400, "invalid_query");
}

/* Their names are no secret, and one that is misspelt is easily seen beside them. */
static void reply_unknown_model(struct http_exchange *x)
{
	const char *names[ENGINE_MODELS];
	struct buf detail = {0};
	size_t n = engine_model_list(api_engine(x), names);
	buf_put_cstr(&detail, "names no known model; known are: ");
	for (size_t i = 0; i < n; i++)
		buf_printf(&detail, "%s%s", i ? ", " : "", names[i]);
	buf_put_char(&detail, '\0');
	api_reply_field(x, 422, "unknown_model", "/model", detail.failed ? "names no known model" : detail.data);
	buf_free(&detail);
}

static void reply_outcome(struct http_exchange *x, int outcome)
{
	if (outcome < 0)
		api_reply_errno(x, outcome);
	else if (outcome == FEED_CURSOR_GONE)
		http_reply_problem(x, 410, "cursor_gone", "this feed is no longer kept; ask for a new one without a cursor", NULL,
		                   0);
	else if (outcome == FEED_CURSOR_BAD)
		api_reply_field(x, 400, "invalid_cursor", "/cursor", "is not a cursor of this reader and these filters");
	else if (outcome == FEED_UNKNOWN_EDITION)
		api_reply_field(x, 422, "unknown_edition", "/edition", "names no known edition");
	else if (outcome == FEED_UNKNOWN_MODEL)
		reply_unknown_model(x);
	else
		api_reply_errno(x, -EAGAIN);
}

/* ---- a reader's feed ---- */

struct feed_state {
	struct feed_request request;
	struct span feed_id; /* of feed/new */
	unsigned n_tries;
};

static void reply_feed(struct http_exchange *x, const struct feed *feed)
{
	struct feed_words words = api_words(x);
	struct buf *b = api_out(x);
	feed_json_encode(b, feed, &words);
	http_reply_header(x, "Cache-Control", SPAN("private, no-store"));
	api_reply_json(x, 200, b);
}

/* A page asked for before the slate of its predecessor is durable: wait for that, look again. */
static void wait_for_slate(struct http_exchange *x, struct feed_state *s, api_finish_fn again)
{
	if (s->n_tries++ == PENDING_TRIES) {
		reply_outcome(x, FEED_SLATE_PENDING);
		return;
	}
	struct api_write *w = api_write_begin(x, again, s);
	if (w)
		api_write_end(w, engine_flush(api_worker(x)->api->engine, false, api_write_done, w));
}

static void answer_feed(struct http_exchange *x, void *state)
{
	struct feed_state *s = state;
	struct feed feed;
	int r = engine_feed(api_engine(x), http_arena(x), &s->request, &feed);
	if (r == FEED_OK)
		reply_feed(x, &feed);
	else if (r == FEED_SLATE_PENDING)
		wait_for_slate(x, s, answer_feed);
	else
		reply_outcome(x, r);
}

void v1_feed_get(struct http_exchange *x, void *ctx)
{
	struct feed_state *s = api_alloc(x, 1, sizeof(*s));
	if (s && read_request(x, &s->request))
		answer_feed(x, s);
}

static void answer_new(struct http_exchange *x, void *state)
{
	struct feed_state *s = state;
	unsigned n_new;
	int r = engine_feed_new(api_engine(x), http_arena(x), s->request.user_id, s->feed_id, http_now_ms(x), &n_new);
	if (r == FEED_SLATE_PENDING) {
		wait_for_slate(x, s, answer_new);
	} else if (r == FEED_CURSOR_BAD) {
		api_reply_field(x, 400, "invalid_feed_id", "/feed_id", "is not a feed of this reader");
	} else if (r != FEED_OK) {
		reply_outcome(x, r);
	} else {
		struct buf *b = api_out(x);
		buf_put_cstr(b, "{\"feed_id\":");
		buf_put_json_string(b, s->feed_id);
		buf_printf(b, ",\"new\":%u}", n_new);
		http_reply_header(x, "Cache-Control", SPAN("private, no-store"));
		api_reply_json(x, 200, b);
	}
}

void v1_feed_new(struct http_exchange *x, void *ctx)
{
	struct decode d = {.arena = http_arena(x)};
	struct feed_state *s = api_alloc(x, 1, sizeof(*s));
	if (!s || !api_user(x, &s->request.user_id))
		return;
	if (!api_query_text(x, &d, "feed_id", LIMIT_ID_BYTES, &s->feed_id) && d.n_errors == 0)
		decode_error(&d, "feed_id", -1, "is required");
	if (!api_refused(x, &d, 400, "invalid_query"))
		answer_new(x, s);
}

/* ---- why ---- */

void v1_feed_explain(struct http_exchange *x, void *ctx)
{
	struct feed_request request;
	struct explanation e;
	struct span article;
	if (!api_path_id(x, "article_id", &article) || !read_request(x, &request))
		return;
	request.explain = true;
	int r = engine_explain(api_engine(x), http_arena(x), &request, article, &e);
	if (r == 1) { /* the one outcome that is not a feed's */
		api_reply_unknown(x, "article");
		return;
	}
	if (r != 0) {
		reply_outcome(x, r);
		return;
	}
	struct feed_words words = api_words(x);
	struct buf *b = api_out(x), *sentence = words.scratch;
	buf_put_cstr(b, "{\"article_id\":");
	buf_put_json_string(b, article);
	buf_put_cstr(b, ",\"why\":");
	buf_put_json_string(b, span_of(e.why));
	buf_clear(sentence);
	messages_outcome(api_language(x), e.why, sentence);
	buf_put_cstr(b, ",\"text\":");
	buf_put_json_string(b, buf_span(sentence));
	buf_put_cstr(b, ",\"rank\":");
	if (e.rank)
		buf_put_u64(b, e.rank);
	else
		buf_put_cstr(b, "null");
	buf_put_cstr(b, ",\"score\":");
	buf_put_json_double(b, e.score);
	buf_put_cstr(b, ",\"item\":");
	if (e.item.card.len)
		feed_json_item(b, &e.item, &words);
	else
		buf_put_cstr(b, "null");
	buf_put_char(b, '}');
	http_reply_header(x, "Cache-Control", SPAN("private, no-store"));
	api_reply_json(x, 200, b);
}

/* ---- what was read ---- */

static void answer_history(struct http_exchange *x, bool saved_only)
{
	struct decode d = {.arena = http_arena(x)};
	const struct read_entry *entries = NULL;
	unsigned limit = LIMIT_FEED;
	struct span user;
	size_t n = 0;
	if (!api_user(x, &user))
		return;
	api_query_number(x, &d, "limit", 1, LIMIT_FEED, &limit);
	if (api_refused(x, &d, 400, "invalid_query"))
		return;
	int r = engine_history(api_engine(x), http_arena(x), user, saved_only, &entries, &n);
	if (r < 0 || r == USER_ERASING) {
		api_reply_user_outcome(x, r);
		return;
	}
	if (r == USER_NOT_FOUND)
		n = 0; /* an unknown reader has read nothing */
	struct buf *b = api_out(x);
	history_json_encode(b, entries, n < limit ? n : limit);
	http_reply_header(x, "Cache-Control", SPAN("private, no-store"));
	api_reply_json(x, 200, b);
}

void v1_feed_saved(struct http_exchange *x, void *ctx)
{
	answer_history(x, true);
}

void v1_feed_history(struct http_exchange *x, void *ctx)
{
	answer_history(x, false);
}

/* ---- a caller's own list ---- */

void v1_feed_rank(struct http_exchange *x, void *ctx)
{
	static const char *const members[] = {"user_id", "articles", "model", "edition", "explain", NULL};
	struct decode d = {.arena = http_arena(x)};
	struct feed_request request = {.order = FEED_RANKED, .limit = LIMIT_FEED, .now_ms = http_now_ms(x)};
	const struct span *ids = NULL;
	struct feed feed;
	size_t n = 0;
	json_t *body = api_body(x);
	if (!body)
		return;
	decode_only(&d, body, members);
	decode_string(&d, body, "user_id", TEXT_NAME, LIMIT_ID_BYTES, &request.user_id);
	decode_strings(&d, body, "articles", TEXT_NAME, LIMIT_ID_BYTES, LIMIT_FEED_DEPTH, &ids, &n);
	decode_string(&d, body, "model", TEXT_NAME, LIMIT_ID_BYTES, &request.model);
	decode_string(&d, body, "edition", TEXT_NAME, LIMIT_ID_BYTES, &request.edition);
	decode_bool(&d, body, "explain", &request.explain);
	decode_require(&d, body, "user_id");
	decode_require(&d, body, "articles");
	json_decref(body);
	if (api_refused(x, &d, 400, "invalid_body"))
		return;
	int r = engine_rank(api_engine(x), http_arena(x), &request, ids, n, &feed);
	if (r == FEED_OK)
		reply_feed(x, &feed);
	else
		reply_outcome(x, r);
}

/* ---- lists that are the same for everybody ---- */

/* The tag leaves as_of out: it moves with every request. */
void v1_feed_reply_list(struct http_exchange *x, const struct feed *feed, bool related)
{
	struct feed_words words = related ? api_related_words(x) : api_words(x);
	char as_of[RFC3339_BYTES + 1];
	struct buf *b = api_out(x);
	buf_put_cstr(b, "{\"items\":");
	feed_json_items(b, feed->items, feed->n_items, &words);
	uint64_t etag = b->failed ? 0 : hash64(buf_span(b));
	rfc3339_format(feed->as_of_ms, as_of);
	buf_printf(b, ",\"as_of\":\"%s\"", as_of);
	if (!related) {
		buf_put_cstr(b, ",\"next_cursor\":");
		feed_json_cursor(b, feed->next_cursor);
	}
	buf_put_char(b, '}');
	http_reply_etag(x, etag);
	http_reply_header(x, "Cache-Control", SPAN("max-age=10"));
	http_reply_header(x, "Vary", SPAN("Accept-Language, Authorization, X-API-Key"));
	api_reply_json(x, 200, b);
}

static void answer_list(struct http_exchange *x, void *state)
{
	struct feed_state *s = state;
	struct feed feed;
	int r = engine_feed(api_engine(x), http_arena(x), &s->request, &feed);
	if (r == FEED_OK)
		v1_feed_reply_list(x, &feed, false);
	else if (r == FEED_SLATE_PENDING)
		wait_for_slate(x, s, answer_list);
	else
		reply_outcome(x, r);
}

void v1_feed_list(struct http_exchange *x, const struct feed_request *base, bool search)
{
	struct decode d = {.arena = http_arena(x)};
	struct feed_state *s = api_alloc(x, 1, sizeof(*s));
	if (!s)
		return;
	s->request = *base;
	s->request.limit = 20;
	s->request.now_ms = http_now_ms(x);
	v1_feed_filters(x, &d, &s->request);
	if (search)
		api_query_text(x, &d, "q", LIMIT_ID_BYTES * 4, &s->request.query);
	if (!api_refused(x, &d, 400, "invalid_query"))
		answer_list(x, s);
}

void v1_feed_trending(struct http_exchange *x, void *ctx)
{
	v1_feed_list(x, &(struct feed_request){.order = FEED_TRENDING}, false);
}

void v1_feed_latest(struct http_exchange *x, void *ctx)
{
	v1_feed_list(x, &(struct feed_request){.order = FEED_LATEST}, false);
}
