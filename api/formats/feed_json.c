#include "api/formats/feed_json.h"

#include <math.h>

#include "api/formats/event_json.h"
#include "engine/base/rfc3339.h"

static void put_time(struct buf *b, int64_t ms)
{
	char text[RFC3339_BYTES + 1];
	size_t n = rfc3339_format(ms, text);
	buf_put_char(b, '"');
	buf_put(b, text, n);
	buf_put_char(b, '"');
}

/* A score or a part of one to the millionth. All its digits would take three rounds of printf and strtod a number and say
 * no more: parts are summed to 1e-4. */
static void put_score(struct buf *b, double value)
{
	char digits[8] = ".";
	if (!(fabs(value) < 1e9)) {
		buf_put_json_double(b, value);
		return;
	}
	int64_t millionths = llround(value * 1e6);
	uint64_t size = millionths < 0 ? -(uint64_t)millionths : (uint64_t)millionths;
	uint32_t rest = (uint32_t)(size % 1000000);
	if (millionths < 0)
		buf_put_char(b, '-');
	buf_put_u64(b, size / 1000000);
	size_t n = 7;
	for (size_t i = 6; i > 0; i--, rest /= 10)
		digits[i] = (char)('0' + rest % 10);
	while (n > 1 && digits[n - 1] == '0')
		n--;
	if (n > 1)
		buf_put(b, digits, n);
}

static void put_reasons(struct buf *b, const struct feed_item *item, const struct feed_words *words)
{
	buf_put_cstr(b, ",\"reasons\":[");
	for (size_t i = 0; i < item->n_reasons; i++) {
		const struct feed_reason *r = &item->reasons[i];
		buf_put_cstr(b, i ? ",{\"code\":" : "{\"code\":");
		buf_put_json_string(b, span_of(r->code));
		buf_clear(words->scratch);
		struct feed_reason told = *r;
		if (span_starts_with(r->topic, SPAN("author:")))
			told.code = told.group = "source"; /* interest in an author reads as interest in a source does */
		words->text(words->scratch, &told, r->label.len ? r->label : r->topic, words->language);
		buf_put_cstr(b, ",\"text\":");
		buf_put_json_string(b, buf_span(words->scratch));
		if (r->topic.len) {
			buf_put_cstr(b, ",\"topic\":");
			buf_put_json_string(b, r->topic);
		}
		buf_put_cstr(b, ",\"contribution\":");
		put_score(b, r->contribution);
		buf_put_char(b, '}');
	}
	buf_put_char(b, ']');
}

void feed_json_item(struct buf *b, const struct feed_item *item, const struct feed_words *words)
{
	buf_put_cstr(b, "{\"position\":");
	buf_put_u64(b, item->position);
	buf_put_cstr(b, ",\"article\":");
	buf_put_span(b, item->card);
	buf_put_cstr(b, ",\"score\":");
	put_score(b, item->score);
	buf_put_cstr(b, ",\"propensity\":");
	buf_put_json_double(b, item->propensity);
	/* A string: clients treat story numbers as names. */
	buf_put_cstr(b, ",\"story\":{\"id\":\"");
	buf_put_u64(b, item->story);
	buf_put_cstr(b, "\",\"size\":");
	buf_put_u64(b, item->story_size);
	buf_put_cstr(b, ",\"others\":[");
	for (size_t i = 0; i < item->n_others; i++) {
		if (i)
			buf_put_char(b, ',');
		buf_put_span(b, item->others[i]);
	}
	buf_put_cstr(b, "]}");
	put_reasons(b, item, words);
	if (item->moved_by) {
		buf_put_cstr(b, ",\"moved\":{\"by\":");
		buf_put_i64(b, item->moved_by);
		buf_put_cstr(b, ",\"from\":");
		buf_put_i64(b, (int64_t)item->position + item->moved_by);
		buf_put_char(b, '}');
	}
	if (item->pinned)
		buf_put_cstr(b, ",\"pinned\":true");
	buf_put_char(b, '}');
}

void feed_json_items(struct buf *b, const struct feed_item *items, size_t n, const struct feed_words *words)
{
	buf_put_char(b, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_put_char(b, ',');
		feed_json_item(b, &items[i], words);
	}
	buf_put_char(b, ']');
}

void feed_json_cards(struct buf *b, const struct feed_item *items, size_t n)
{
	buf_put_char(b, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_put_char(b, ',');
		buf_put_span(b, items[i].card);
	}
	buf_put_char(b, ']');
}

void feed_json_cursor(struct buf *b, struct span cursor)
{
	if (cursor.len)
		buf_put_json_string(b, cursor);
	else
		buf_put_cstr(b, "null");
}

void feed_json_encode(struct buf *b, const struct feed *feed, const struct feed_words *words)
{
	buf_put_cstr(b, "{\"feed_id\":");
	feed_json_cursor(b, span_of(feed->feed_id));
	buf_put_cstr(b, ",\"as_of\":");
	put_time(b, feed->as_of_ms);
	buf_put_cstr(b, ",\"model\":");
	buf_put_json_string(b, span_of(feed->model));
	if (feed->model_version && feed->model_version[0]) {
		buf_put_cstr(b, ",\"model_version\":");
		buf_put_json_string(b, span_of(feed->model_version));
	}
	if (feed->feed_id[0] && !feed->logged)
		buf_put_cstr(b, ",\"logged\":false");
	buf_put_cstr(b, ",\"experiments\":[],\"items\":");
	feed_json_items(b, feed->items, feed->n_items, words);
	buf_put_cstr(b, ",\"next_cursor\":");
	feed_json_cursor(b, feed->next_cursor);
	buf_put_char(b, '}');
}

void history_json_encode(struct buf *b, const struct read_entry *entries, size_t n)
{
	buf_put_cstr(b, "{\"items\":[");
	for (size_t i = 0; i < n; i++) {
		bool first = true;
		buf_put_cstr(b, i ? ",{\"article\":" : "{\"article\":");
		if (entries[i].card.len) {
			buf_put_span(b, entries[i].card);
		} else {
			buf_put_cstr(b, "{\"id\":");
			buf_put_json_string(b, entries[i].article_id);
			buf_put_char(b, '}');
		}
		buf_put_cstr(b, ",\"at\":");
		put_time(b, entries[i].at_ms);
		buf_put_cstr(b, ",\"types\":[");
		for (int type = 0; type < N_EVENT_TYPES; type++) {
			if (!(entries[i].types >> type & 1))
				continue;
			buf_printf(b, first ? "\"%s\"" : ",\"%s\"", event_type_name((enum event_type)type));
			first = false;
		}
		buf_put_cstr(b, "]}");
	}
	buf_put_cstr(b, "]}");
}
