#include "api/formats/settings_json.h"

#include <string.h>

#include "engine/base/rfc3339.h"

struct span topic_with_namespace(struct arena *arena, struct span topic)
{
	static const char *const namespaces[] = {"topic:", "section:", "place:", "source:", "author:", "term:"};
	for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]); i++)
		if (span_starts_with(topic, span_of(namespaces[i])) && topic.len > strlen(namespaces[i]))
			return topic;
	return arena_printf(arena, "topic:%.*s", (int)topic.len, topic.data);
}

static bool decode_topic(struct decode *d, const json_t *value, const char *name, struct span *out)
{
	struct span topic;
	if (!decode_string(d, value, name, TEXT_NAME, LIMIT_TOPIC_BYTES - 8, &topic))
		return false;
	*out = topic_with_namespace(d->arena, topic);
	d->no_memory |= !out->data;
	return out->data != NULL;
}

/* Refusals of entry `index` of a list, told under the list's name. */
static void adopt(struct decode *d, const struct decode *inner, const char *list, size_t index)
{
	for (size_t i = 0; i < inner->n_errors; i++) {
		struct span path = arena_printf(d->arena, "%s/%zu%s", list, index, inner->errors[i].pointer);
		if (path.data)
			decode_error(d, path.data, -1, "%s", inner->errors[i].detail);
	}
	d->no_memory |= inner->no_memory;
}

static void decode_mutes(struct decode *d, const json_t *value, struct user_settings *out)
{
	static const char *const members[] = {"topic", "source", "until", NULL};
	const json_t *list = decode_member(value, "mutes");
	if (!list)
		return;
	if (!json_is_array(list) || json_array_size(list) > LIMIT_MUTES) {
		decode_error(d, "mutes", -1, json_is_array(list) ? "has more than %d entries" : "is not a list", LIMIT_MUTES);
		return;
	}
	size_t n = json_array_size(list);
	struct user_mute *mutes = arena_calloc(d->arena, n + 1, sizeof(*mutes));
	d->no_memory |= !mutes;
	for (size_t i = 0; mutes && i < n; i++) {
		const json_t *entry = json_array_get(list, i);
		struct decode inner = {.arena = d->arena};
		struct span source;
		if (!json_is_object(entry)) {
			decode_error(d, "mutes", (int)i, "is not an object");
			continue;
		}
		decode_only(&inner, entry, members);
		bool topic = decode_topic(&inner, entry, "topic", &mutes[i].topic);
		if (decode_string(&inner, entry, "source", TEXT_NAME, LIMIT_NAME_BYTES, &source)) {
			if (topic)
				decode_error(&inner, "source", -1, "stands beside topic: give one of them");
			mutes[i].topic = arena_printf(d->arena, "source:%.*s", (int)source.len, source.data);
			d->no_memory |= !mutes[i].topic.data;
		} else if (!topic && inner.n_errors == 0) {
			decode_error(&inner, "topic", -1, "is required, or give a source");
		}
		decode_time(&inner, entry, "until", &mutes[i].until_ms);
		adopt(d, &inner, "mutes", i);
	}
	out->mutes = mutes;
	out->n_mutes = mutes ? n : 0;
}

void settings_json_decode(struct decode *d, const json_t *value, struct user_settings *out, unsigned *fields)
{
	static const char *const members[] = {"languages", "places", "edition", "follows", "mutes", NULL};
	static const unsigned bits[] = {USER_LANGUAGES, USER_PLACES, USER_EDITION, USER_FOLLOWS, USER_MUTES};
	*out = (struct user_settings){0};
	*fields = 0;
	if (!json_is_object(value)) {
		decode_error(d, "", -1, "is not an object");
		return;
	}
	decode_only(d, value, members);
	for (int i = 0; members[i]; i++)
		if (json_object_get(value, members[i]))
			*fields |= bits[i];
	decode_strings(d, value, "languages", TEXT_LANGUAGE, LIMIT_LANGUAGE_BYTES, LIMIT_USER_LANGUAGES, &out->languages,
	               &out->n_languages);
	decode_strings(d, value, "places", TEXT_NAME, LIMIT_NAME_BYTES, LIMIT_USER_PLACES, &out->places, &out->n_places);
	decode_string(d, value, "edition", TEXT_NAME, LIMIT_ID_BYTES, &out->edition);
	const struct span *follows = NULL;
	if (decode_strings(d, value, "follows", TEXT_NAME, LIMIT_TOPIC_BYTES - 8, LIMIT_FOLLOWS, &follows,
	                   &out->n_follows)) {
		struct span *named = arena_calloc(d->arena, out->n_follows + 1, sizeof(*named));
		for (size_t i = 0; named && i < out->n_follows; i++) {
			named[i] = topic_with_namespace(d->arena, follows[i]);
			d->no_memory |= !named[i].data;
		}
		d->no_memory |= !named;
		out->follows = named;
	}
	decode_mutes(d, value, out);
}

static void put_list(struct buf *b, const char *name, const struct span *values, size_t n)
{
	buf_printf(b, "\"%s\":[", name);
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_put_char(b, ',');
		buf_put_json_string(b, values[i]);
	}
	buf_put_char(b, ']');
}

static void put_until(struct buf *b, int64_t until_ms)
{
	char text[RFC3339_BYTES + 1];
	if (until_ms == 0)
		return;
	rfc3339_format(until_ms, text);
	buf_printf(b, ",\"until\":\"%s\"", text);
}

void settings_json_encode(struct buf *b, const struct user_settings *s)
{
	put_list(b, "languages", s->languages, s->n_languages);
	buf_put_char(b, ',');
	put_list(b, "places", s->places, s->n_places);
	buf_put_cstr(b, ",\"edition\":");
	if (s->edition.len)
		buf_put_json_string(b, s->edition);
	else
		buf_put_cstr(b, "null");
	buf_put_char(b, ',');
	put_list(b, "follows", s->follows, s->n_follows);
	buf_put_cstr(b, ",\"mutes\":[");
	for (size_t i = 0; i < s->n_mutes; i++) {
		struct span topic = s->mutes[i].topic, source = SPAN("source:");
		bool is_source = span_starts_with(topic, source);
		buf_put_cstr(b, i ? ",{" : "{");
		buf_put_cstr(b, is_source ? "\"source\":" : "\"topic\":");
		buf_put_json_string(b, is_source ? (struct span){topic.data + source.len, topic.len - source.len} : topic);
		put_until(b, s->mutes[i].until_ms);
		buf_put_char(b, '}');
	}
	buf_put_char(b, ']');
}

static void decode_change(struct decode *d, const json_t *entry, struct interest_change *c)
{
	static const char *const members[] = {"topic", "weight", "short_term", "long_term", "follow", "mute", "until", NULL};
	double weight;
	bool flag;
	*c = (struct interest_change){.follow = -1, .mute = -1};
	if (!json_is_object(entry)) {
		decode_error(d, "", -1, "is not an object");
		return;
	}
	decode_only(d, entry, members);
	decode_topic(d, entry, "topic", &c->topic);
	decode_require(d, entry, "topic");
	bool has_weight = decode_number(d, entry, "weight", -LIMIT_INTEREST_WEIGHT, LIMIT_INTEREST_WEIGHT, &weight);
	if (has_weight) /* the sum of both, as interests are shown */
		c->short_term = c->long_term = weight / 2;
	bool has_short = decode_number(d, entry, "short_term", -LIMIT_INTEREST_WEIGHT, LIMIT_INTEREST_WEIGHT,
	                               &c->short_term);
	bool has_long = decode_number(d, entry, "long_term", -LIMIT_INTEREST_WEIGHT, LIMIT_INTEREST_WEIGHT,
	                              &c->long_term);
	if (has_short != has_long && !has_weight)
		decode_error(d, has_short ? "long_term" : "short_term", -1, "is required beside the other, or give weight");
	c->set_weight = has_weight || has_short || has_long;
	if (decode_bool(d, entry, "follow", &flag))
		c->follow = flag;
	if (decode_bool(d, entry, "mute", &flag))
		c->mute = flag;
	decode_time(d, entry, "until", &c->mute_until_ms);
}

void interests_json_decode(struct decode *d, const json_t *value, const struct interest_change **out, size_t *n)
{
	static const char *const members[] = {"topics", NULL};
	const json_t *list = NULL;
	*n = 0;
	*out = NULL;
	if (!json_is_object(value)) {
		decode_error(d, "", -1, "is not an object");
		return;
	}
	decode_only(d, value, members);
	decode_require(d, value, "topics");
	list = decode_member(value, "topics");
	if (!list)
		return;
	size_t n_list = json_array_size(list);
	if (!json_is_array(list) || n_list > LIMIT_INTEREST_CHANGES) {
		decode_error(d, "topics", -1, json_is_array(list) ? "has more than %d entries" : "is not a list",
		             LIMIT_INTEREST_CHANGES);
		return;
	}
	struct interest_change *changes = arena_calloc(d->arena, n_list + 1, sizeof(*changes));
	d->no_memory |= !changes;
	for (size_t i = 0; changes && i < n_list; i++) {
		struct decode inner = {.arena = d->arena};
		decode_change(&inner, json_array_get(list, i), &changes[i]);
		adopt(d, &inner, "topics", i);
	}
	*out = changes;
	*n = changes ? n_list : 0;
}

void interests_json_encode(struct buf *b, const struct interest *interests, size_t n)
{
	buf_put_cstr(b, "{\"topics\":[");
	for (size_t i = 0; i < n; i++) {
		buf_put_cstr(b, i ? ",{\"topic\":" : "{\"topic\":");
		buf_put_json_string(b, interests[i].topic);
		buf_put_cstr(b, ",\"weight\":");
		buf_put_json_double(b, interests[i].weight);
		buf_put_cstr(b, ",\"short_term\":");
		buf_put_json_double(b, interests[i].short_term);
		buf_put_cstr(b, ",\"long_term\":");
		buf_put_json_double(b, interests[i].long_term);
		buf_printf(b, ",\"follow\":%s,\"mute\":%s", interests[i].follow ? "true" : "false",
		           interests[i].mute ? "true" : "false");
		put_until(b, interests[i].mute ? interests[i].mute_until_ms : 0);
		buf_put_char(b, '}');
	}
	buf_put_cstr(b, "]}");
}

void edition_json_decode(struct decode *d, const json_t *value, struct edition *out)
{
	static const char *const members[] = {"key", "title", "languages", "places", "sections", "sources", "timezone", NULL};
	*out = (struct edition){0};
	if (!json_is_object(value)) {
		decode_error(d, "", -1, "is not an object");
		return;
	}
	decode_only(d, value, members);
	decode_string(d, value, "key", TEXT_NAME, LIMIT_ID_BYTES, &out->key);
	decode_string(d, value, "title", TEXT_NAME, LIMIT_NAME_BYTES, &out->title);
	decode_string(d, value, "timezone", TEXT_NAME, LIMIT_ID_BYTES, &out->timezone);
	decode_strings(d, value, "languages", TEXT_LANGUAGE, LIMIT_LANGUAGE_BYTES, LIMIT_EDITION_LIST, &out->languages,
	               &out->n_languages);
	decode_strings(d, value, "places", TEXT_NAME, LIMIT_NAME_BYTES, LIMIT_EDITION_LIST, &out->places, &out->n_places);
	decode_strings(d, value, "sections", TEXT_NAME, LIMIT_NAME_BYTES, LIMIT_EDITION_LIST, &out->sections,
	               &out->n_sections);
	decode_strings(d, value, "sources", TEXT_NAME, LIMIT_NAME_BYTES, LIMIT_EDITION_LIST, &out->sources, &out->n_sources);
}

void edition_json_encode(struct buf *b, const struct edition *e)
{
	buf_put_cstr(b, "{\"key\":");
	buf_put_json_string(b, e->key);
	buf_put_cstr(b, ",\"title\":");
	buf_put_json_string(b, e->title);
	buf_put_char(b, ',');
	put_list(b, "languages", e->languages, e->n_languages);
	buf_put_char(b, ',');
	put_list(b, "places", e->places, e->n_places);
	buf_put_char(b, ',');
	put_list(b, "sections", e->sections, e->n_sections);
	buf_put_char(b, ',');
	put_list(b, "sources", e->sources, e->n_sources);
	buf_put_cstr(b, ",\"timezone\":");
	buf_put_json_string(b, e->timezone);
	buf_put_char(b, '}');
}

void pin_json_decode(struct decode *d, const json_t *value, struct pin *out)
{
	static const char *const members[] = {"article_id", "position", "edition", "until", "boost", NULL};
	int64_t position = 0;
	double boost = 0;
	*out = (struct pin){0};
	if (!json_is_object(value)) {
		decode_error(d, "", -1, "is not an object");
		return;
	}
	decode_only(d, value, members);
	decode_string(d, value, "article_id", TEXT_NAME, LIMIT_ID_BYTES, &out->article_id);
	bool pinned = decode_integer(d, value, "position", 1, LIMIT_FEED, &position);
	bool boosted = decode_number(d, value, "boost", LIMIT_BOOST_MIN, LIMIT_BOOST_MAX, &boost);
	decode_string(d, value, "edition", TEXT_NAME, LIMIT_ID_BYTES, &out->edition);
	decode_time(d, value, "until", &out->until_ms);
	if (!pinned && !boosted && d->n_errors == 0)
		decode_error(d, "position", -1, "is required, or give a boost");
	out->position = (unsigned)position;
	out->boost = (float)boost;
}

void pin_json_encode(struct buf *b, const struct pin *p)
{
	buf_put_cstr(b, "{\"article_id\":");
	buf_put_json_string(b, p->article_id);
	if (p->position)
		buf_printf(b, ",\"position\":%u", p->position);
	if (p->edition.len) {
		buf_put_cstr(b, ",\"edition\":");
		buf_put_json_string(b, p->edition);
	}
	put_until(b, p->until_ms);
	if (p->boost > 0) {
		buf_put_cstr(b, ",\"boost\":");
		buf_put_json_double(b, (double)(int64_t)((double)p->boost * 1e6 + 0.5) / 1e6);
	}
	buf_put_char(b, '}');
}
