/* Stored things as they are: articles, and all that is kept of a reader. */
#include <errno.h>

#include "engine/base/rfc3339.h"
#include "engine/core.h"

static int view_of(struct engine_worker *w, struct arena *arena, uint32_t number, struct article_view *out)
{
	uint8_t key[4];
	struct span value;
	struct article_record *r = arena_alloc(arena, sizeof(*r));
	if (!r)
		return -ENOMEM;
	int error = store_get(w->txn, TABLE_ARTICLES, key_u32(key, number), &value);
	if (error != 0)
		return error;
	struct span copy = arena_copy(arena, value); /* nothing points into the store after its transaction */
	if (!copy.data)
		return -ENOMEM;
	if (article_record_decode(arena, copy, r))
		return -EINVAL;
	struct buf b = {0};
	buf_put_char(&b, '[');
	for (size_t i = 0; i < r->n_vector; i++) {
		buf_put_cstr(&b, i ? ",{\"topic\":" : "{\"topic\":");
		buf_put_json_string(&b, topics_name(w->engine->topics, r->vector[i].topic));
		buf_printf(&b, ",\"weight\":%.4f}", (double)r->vector[i].weight / TOPIC_TERM_ONE);
	}
	buf_put_char(&b, ']');
	*out = (struct article_view){.article = r->article, .number = number, .story = r->story,
	                             .vector_json = arena_copy(arena, buf_span(&b)),
	                             .live = catalog_find(w->engine->catalog, number).segment != NULL};
	bool failed = b.failed;
	buf_free(&b);
	if (failed || !out->vector_json.data)
		return -ENOMEM;
	out->article.language = r->language.len ? r->language : r->article.language;
	error = store_get(w->txn, TABLE_BODIES, key_u32(key, number), &value);
	if (error == 0)
		out->article.body = arena_copy(arena, value);
	return error < 0 ? error : 0;
}

int engine_article_get(struct engine_worker *w, struct arena *arena, struct span id, struct article_view *out)
{
	struct span value;
	int r = store_read_renew(w->txn);
	if (r == 0)
		r = store_get(w->txn, TABLE_ARTICLE_IDS, id, &value);
	return r != 0 ? r : view_of(w, arena, key_to_u32(value), out);
}

/* ---- everything kept about a reader ---- */

static const char *const type_names[N_EVENT_TYPES] = {"impression", "click", "read", "finish", "like",
                                                      "dislike", "share", "save", "hide", "custom"};

static void put_time(struct buf *b, const char *name, int64_t ms)
{
	char text[RFC3339_BYTES + 1];
	rfc3339_format(ms, text);
	buf_printf(b, "\"%s\":\"%s\"", name, text);
}

static void put_article_id(struct engine_worker *w, struct arena *arena, struct buf *b, uint32_t article)
{
	uint8_t key[4];
	struct span value;
	struct article_record record;
	if (store_get(w->txn, TABLE_ARTICLES, key_u32(key, article), &value) == 0 &&
	    article_record_decode(arena, value, &record) == 0)
		buf_put_json_string(b, record.article.id);
	else
		buf_put_cstr(b, "null");
}

static void put_record(struct engine_worker *w, struct arena *arena, struct buf *b, uint64_t sequence,
                       const struct log_record *r)
{
	static const char *const kinds[] = {[LOG_EVENT] = "event", [LOG_INTEREST] = "interest", [LOG_SLATE] = "slate",
	                                    [LOG_UNDO] = "undo", [LOG_MERGE] = "merge", [LOG_LEARN] = "learn"};
	buf_printf(b, "{\"sequence\":%llu,\"kind\":\"%s\",", (unsigned long long)sequence, kinds[r->kind]);
	put_time(b, "received_at", r->received_ms);
	if (r->kind == LOG_EVENT) {
		buf_printf(b, ",\"type\":\"%s\",", type_names[r->type]);
		if (r->custom.len) {
			buf_put_cstr(b, "\"custom\":");
			buf_put_json_string(b, r->custom);
			buf_put_char(b, ',');
		}
		put_time(b, "at", r->at_ms);
		buf_put_cstr(b, ",\"article_id\":");
		put_article_id(w, arena, b, r->article);
		if (r->dwell_s >= 0)
			buf_printf(b, ",\"dwell_s\":%g", (double)r->dwell_s);
		if (r->scroll >= 0)
			buf_printf(b, ",\"scroll\":%g", (double)r->scroll);
		if (r->value != 0)
			buf_printf(b, ",\"value\":%g", (double)r->value);
		if (r->position)
			buf_printf(b, ",\"position\":%d", r->position);
		if (r->undone)
			buf_put_cstr(b, ",\"undone\":true");
	}
	if (r->kind == LOG_INTEREST) {
		buf_put_cstr(b, ",\"topic\":");
		buf_put_json_string(b, topics_name(w->engine->topics, r->topic));
		buf_printf(b, ",\"short_term\":%g,\"long_term\":%g", (double)r->short_term, (double)r->long_term);
	}
	if (r->feed)
		buf_printf(b, ",\"feed_id\":\"f-%016llx\"", (unsigned long long)r->feed);
	if (r->kind == LOG_SLATE) {
		uint8_t key[10];
		struct span value;
		struct slate_record slate;
		buf_printf(b, ",\"page\":%u,\"articles\":[", r->page);
		if (store_get(w->txn, TABLE_SLATES, key_slate(key, r->feed, r->page), &value) == 0 &&
		    slate_record_decode(arena, value, &slate) == 0)
			for (size_t i = 0; i < slate.n_items; i++) {
				if (i)
					buf_put_char(b, ',');
				put_article_id(w, arena, b, slate.items[i].article);
			}
		buf_put_char(b, ']');
	}
	if (r->kind == LOG_UNDO)
		buf_printf(b, ",\"undone_sequence\":%llu", (unsigned long long)r->target);
	buf_put_char(b, '}');
}

static void put_strings(struct buf *b, const char *name, const struct span *list, size_t n)
{
	buf_printf(b, ",\"%s\":[", name);
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_put_char(b, ',');
		buf_put_json_string(b, list[i]);
	}
	buf_put_char(b, ']');
}

static int put_settings(struct engine_worker *w, struct arena *arena, struct span user_id, int64_t now_ms, struct buf *b)
{
	struct user_settings s;
	int64_t created_ms;
	int r = engine_user_get(w, arena, user_id, now_ms, &s, &created_ms);
	if (r != USER_DONE)
		return r;
	buf_put_cstr(b, "{\"user_id\":");
	buf_put_json_string(b, user_id);
	buf_put_char(b, ',');
	put_time(b, "created_at", created_ms);
	buf_put_cstr(b, ",\"settings\":{\"edition\":");
	buf_put_json_string(b, s.edition);
	put_strings(b, "languages", s.languages, s.n_languages);
	put_strings(b, "places", s.places, s.n_places);
	put_strings(b, "follows", s.follows, s.n_follows);
	buf_put_cstr(b, ",\"mutes\":[");
	for (size_t i = 0; i < s.n_mutes; i++) {
		buf_put_cstr(b, i ? ",{\"topic\":" : "{\"topic\":");
		buf_put_json_string(b, s.mutes[i].topic);
		if (s.mutes[i].until_ms) {
			buf_put_char(b, ',');
			put_time(b, "until", s.mutes[i].until_ms);
		}
		buf_put_char(b, '}');
	}
	buf_put_cstr(b, "]}");
	return 0;
}

static int put_interests(struct engine_worker *w, struct arena *arena, struct span user_id, int64_t now_ms, struct buf *b)
{
	const struct interest *list;
	size_t n;
	int r = engine_interests_get(w, arena, user_id, now_ms, &list, &n);
	if (r != USER_DONE)
		return r;
	buf_put_cstr(b, ",\"interests\":[");
	for (size_t i = 0; i < n; i++) {
		buf_put_cstr(b, i ? ",{\"topic\":" : "{\"topic\":");
		buf_put_json_string(b, list[i].topic);
		buf_printf(b, ",\"short_term\":%g,\"long_term\":%g}", list[i].short_term, list[i].long_term);
	}
	buf_put_char(b, ']');
	return 0;
}

int engine_user_export(struct engine_worker *w, struct arena *arena, struct span user_id, int64_t now_ms, struct buf *out)
{
	const struct reader *reader;
	const struct token_info *tokens;
	size_t n_tokens;
	int r = store_read_renew(w->txn);
	if (r == 0)
		r = readers_get(w->engine->readers, w->txn, user_id, w->reader, &reader);
	if (r != 0 || !reader)
		return r != 0 ? r : USER_NOT_FOUND;
	uint64_t head = reader->chain_head;
	r = put_settings(w, arena, user_id, now_ms, out);
	if (r == 0)
		r = put_interests(w, arena, user_id, now_ms, out);
	if (r == 0)
		r = engine_tokens_get(w, arena, user_id, &tokens, &n_tokens);
	if (r != USER_DONE)
		return r;
	buf_put_cstr(out, ",\"tokens\":[");
	for (size_t i = 0; i < n_tokens; i++)
		buf_printf(out, "%s{\"id\":\"%s\",\"scope\":\"%s\"}", i ? "," : "", tokens[i].id,
		           tokens[i].scope == TOKEN_READER ? "reader" : "feed");
	buf_put_cstr(out, "],\"log\":[");
	struct arena scratch = {0};
	bool first = true;
	r = store_read_renew(w->txn);
	for (uint64_t at = head; r == 0 && at;) {
		struct log_record record;
		arena_reset(&scratch);
		r = event_log_read(w->txn, &scratch, at, &record);
		if (r != 0)
			break; /* 1: trimmed */
		if (!first)
			buf_put_char(out, ',');
		first = false;
		put_record(w, &scratch, out, at, &record);
		at = record.previous;
	}
	arena_free(&scratch);
	buf_put_cstr(out, "]}");
	if (r < 0)
		return r;
	return out->failed ? -ENOMEM : USER_DONE;
}
