/* /v1/articles: publishers push, editors look things up. */
#include <errno.h>

#include "api/formats/article_json.h"
#include "api/formats/batch.h"
#include "api/routes.h"

struct ingest {
	enum batch_form form;
	size_t n; /* elements of the request */
	struct span *ids;              /* [n] */
	struct decode *decodes;        /* [n]; n_errors 0: good */
	struct article *articles;      /* [n_good] */
	struct article_result *results; /* [n_good], in the order of the good elements */
	size_t n_good;
};

static const char *const outcome_names[] = {
	[ARTICLE_CREATED] = "created", [ARTICLE_UPDATED] = "updated", [ARTICLE_UNCHANGED] = "unchanged",
	[ARTICLE_STALE] = "stale", [ARTICLE_REJECTED] = "rejected"};

static void put_result(struct buf *b, const struct ingest *in, size_t i, enum article_outcome outcome)
{
	static const struct field_error refused = {"", "was refused by the engine"};
	buf_put_cstr(b, i ? ",{\"id\":" : "{\"id\":");
	if (in->ids[i].len)
		buf_put_json_string(b, in->ids[i]);
	else
		buf_put_cstr(b, "null");
	buf_printf(b, ",\"status\":\"%s\"", outcome_names[outcome]);
	if (in->decodes[i].n_errors) {
		buf_put_char(b, ',');
		api_put_errors(b, in->decodes[i].errors, in->decodes[i].n_errors);
	} else if (outcome == ARTICLE_REJECTED) {
		buf_put_char(b, ',');
		api_put_errors(b, &refused, 1);
	}
	buf_put_char(b, '}');
}

static void ingest_finish(struct http_exchange *x, void *state)
{
	struct ingest *in = state;
	struct buf *b = api_out(x);
	size_t n_rejected = in->n - in->n_good;
	for (size_t g = 0; g < in->n_good; g++)
		n_rejected += in->results[g].outcome == ARTICLE_REJECTED;
	buf_printf(b, "{\"accepted\":%zu,\"rejected\":%zu,\"results\":[", in->n - n_rejected, n_rejected);
	for (size_t i = 0, g = 0; i < in->n; i++)
		put_result(b, in, i, in->decodes[i].n_errors ? ARTICLE_REJECTED : in->results[g++].outcome);
	buf_put_cstr(b, "]}");
	api_reply_json(x, 200, b);
}

/* Decodes each element by itself. Returns 0 or -ENOMEM. */
static int decode_all(struct http_exchange *x, const struct batch *batch, enum article_form form, struct ingest *in)
{
	for (size_t i = 0; i < in->n; i++) {
		struct decode *d = &in->decodes[i];
		struct json_problem problem;
		json_t *value;
		d->arena = http_arena(x);
		int r = batch_element(batch, i, &value, &problem);
		if (r < 0)
			return r;
		if (r == 1) {
			decode_error(d, "", -1, "is not JSON: %s (column %zu)", problem.text, problem.column);
			continue;
		}
		struct article *a = &in->articles[in->n_good];
		article_json_decode(d, value, form, a);
		json_decref(value);
		if (d->no_memory)
			return -ENOMEM;
		in->ids[i] = a->id;
		if (a->published_at_ms == 0)
			a->published_at_ms = http_now_ms(x);
		in->n_good += d->n_errors == 0;
	}
	return 0;
}

/* The shape of the body by its media type. false: it has replied. */
static bool batch_form_of(struct http_exchange *x, bool *lines, enum article_form *form)
{
	struct span type = api_media_type(x);
	*lines = span_equal_cstr(type, "application/x-ndjson") || span_equal_cstr(type, "application/ndjson");
	*form = span_equal_cstr(type, "application/vnd.iptc.ninjs+json") ? ARTICLE_FORM_NINJS : ARTICLE_FORM_BY_SHAPE;
	if (type.len == 0 || *lines || *form == ARTICLE_FORM_NINJS || span_equal_cstr(type, "application/json"))
		return true;
	http_reply_problem(x, 415, "unsupported_media_type",
	                   "send application/json, application/x-ndjson or application/vnd.iptc.ninjs+json", NULL, 0);
	return false;
}

bool v1_batch_open(struct http_exchange *x, bool lines, struct batch *batch)
{
	struct json_problem problem;
	int r = batch_open(http_arena(x), http_body(x), lines, LIMIT_BATCH, batch, &problem);
	if (r == BATCH_OK)
		return true;
	if (r < 0) {
		api_reply_errno(x, r);
	} else if (r == BATCH_NOT_JSON) {
		struct span detail = arena_printf(http_arena(x), "the body is not JSON: %s (line %zu, column %zu)", problem.text,
		                                  problem.line, problem.column);
		http_reply_problem(x, 400, "not_json", detail.data, NULL, 0);
	} else if (r == BATCH_WRONG_SHAPE) {
		api_reply_field(x, 400, "invalid_body", "", "is neither an object nor a list of objects");
	} else {
		struct span detail = arena_printf(http_arena(x), "a request holds at most %d elements", LIMIT_BATCH);
		http_reply_problem(x, 413, "too_many_elements", detail.data, NULL, 0);
	}
	return false;
}

void v1_articles_post(struct http_exchange *x, void *ctx)
{
	struct batch batch;
	enum article_form form;
	bool lines;
	struct ingest *in = api_alloc(x, 1, sizeof(*in));
	if (!in || !batch_form_of(x, &lines, &form) || !v1_batch_open(x, lines, &batch))
		return;
	*in = (struct ingest){.form = batch.form, .n = batch.n};
	struct arena *a = http_arena(x);
	in->ids = arena_calloc(a, in->n + 1, sizeof(*in->ids));
	in->decodes = arena_calloc(a, in->n + 1, sizeof(*in->decodes));
	in->articles = arena_calloc(a, in->n + 1, sizeof(*in->articles));
	in->results = arena_calloc(a, in->n + 1, sizeof(*in->results));
	bool memory = in->ids && in->decodes && in->articles && in->results;
	int r = memory ? decode_all(x, &batch, form, in) : -ENOMEM;
	batch_close(&batch);
	if (r < 0) {
		api_reply_errno(x, r);
		return;
	}
	if (in->form == BATCH_ONE && api_refused(x, &in->decodes[0], 400, "invalid_article"))
		return;
	if (in->n_good == 0) {
		ingest_finish(x, in);
		return;
	}
	struct api_write *w = api_write_begin(x, ingest_finish, in);
	if (w)
		api_write_end(w, engine_ingest(api_engine(x), a, in->articles, in->results, in->n_good, http_now_ms(x),
		                               api_write_done, w));
}

void v1_articles_get(struct http_exchange *x, void *ctx)
{
	struct span id;
	struct article_view view;
	if (!api_path_id(x, "id", &id))
		return;
	int r = engine_article_get(api_engine(x), http_arena(x), id, &view);
	if (r != 0) {
		if (r < 0)
			api_reply_errno(x, r);
		else
			api_reply_unknown(x, "article");
		return;
	}
	struct buf *b = api_out(x);
	article_json_encode(b, &view.article, true);
	if (!b->failed && b->len > 0)
		b->len--; /* the closing brace: more members follow */
	buf_printf(b, ",\"live\":%s,\"story\":{\"id\":\"%u\"},\"vector\":", view.live ? "true" : "false", view.story);
	if (view.vector_json.len)
		buf_put_span(b, view.vector_json);
	else
		buf_put_cstr(b, "[]");
	buf_put_char(b, '}');
	api_reply_json(x, 200, b);
}

static void delete_finish(struct http_exchange *x, void *state)
{
	const bool *found = state;
	if (*found)
		api_reply_empty(x);
	else
		api_reply_unknown(x, "article");
}

void v1_articles_delete(struct http_exchange *x, void *ctx)
{
	struct span id;
	bool *found = api_alloc(x, 1, sizeof(*found));
	if (!found || !api_path_id(x, "id", &id))
		return;
	struct api_write *w = api_write_begin(x, delete_finish, found);
	if (w)
		api_write_end(w, engine_article_delete(api_engine(x), http_arena(x), id, http_now_ms(x), found, api_write_done,
		                                       w));
}

void v1_articles_list(struct http_exchange *x, void *ctx)
{
	v1_feed_list(x, &(struct feed_request){.order = FEED_LATEST, .each_report = true}, true);
}

void v1_articles_related(struct http_exchange *x, void *ctx)
{
	struct decode d = {.arena = http_arena(x)};
	unsigned limit = 10;
	struct feed feed;
	struct span id;
	if (!api_path_id(x, "id", &id))
		return;
	api_query_number(x, &d, "limit", 1, LIMIT_FEED, &limit);
	if (api_refused(x, &d, 400, "invalid_query"))
		return;
	int r = engine_related(api_engine(x), d.arena, id, limit, http_now_ms(x), &feed);
	if (r == 0)
		v1_feed_reply_list(x, &feed, true);
	else if (r < 0)
		api_reply_errno(x, r);
	else
		api_reply_unknown(x, "article");
}
