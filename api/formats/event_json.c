#include "api/formats/event_json.h"

#include <float.h>
#include <string.h>

static const char *const names[N_EVENT_TYPES] = {
	[EVENT_IMPRESSION] = "impression", [EVENT_CLICK] = "click", [EVENT_READ] = "read", [EVENT_FINISH] = "finish",
	[EVENT_LIKE] = "like", [EVENT_DISLIKE] = "dislike", [EVENT_SHARE] = "share", [EVENT_SAVE] = "save",
	[EVENT_HIDE] = "hide", [EVENT_CUSTOM] = "custom"};

const char *event_type_name(enum event_type type)
{
	return names[type];
}

static void decode_type(struct decode *d, const json_t *value, struct event *e)
{
	struct span type, custom = SPAN("custom:");
	if (!decode_string(d, value, "type", TEXT_NAME, LIMIT_ID_BYTES + custom.len, &type))
		return;
	if (span_starts_with(type, custom) && type.len > custom.len) {
		e->type = EVENT_CUSTOM;
		e->custom = (struct span){type.data + custom.len, type.len - custom.len};
		return;
	}
	for (int i = 0; i < EVENT_CUSTOM; i++) {
		if (span_equal_cstr(type, names[i])) {
			e->type = (enum event_type)i;
			return;
		}
	}
	decode_error(d, "type", -1,
	             "is not one of impression, click, read, finish, like, dislike, share, save, hide, custom:NAME");
}

/* e- and hexadecimal digits: what engine_record gives to an event without an id, and what undo takes it back by. */
static bool is_made_id(struct span id)
{
	if (!span_starts_with(id, SPAN("e-")) || id.len == 2 || id.len > 2 + 16)
		return false;
	for (size_t i = 2; i < id.len; i++)
		if (!strchr("0123456789abcdef", id.data[i]))
			return false;
	return true;
}

void event_json_decode(struct decode *d, const json_t *value, struct span default_user, struct event *out)
{
	double number;
	int64_t position;
	*out = (struct event){.dwell_s = -1, .scroll = -1, .user_id = default_user};
	if (!json_is_object(value)) {
		decode_error(d, "", -1, "is not an object");
		return;
	}
	if (decode_string(d, value, "id", TEXT_NAME, LIMIT_ID_BYTES, &out->id) && is_made_id(out->id))
		decode_error(d, "id", -1, "is of the form that is made here for events without one (e- and hexadecimal digits)");
	decode_string(d, value, "user_id", TEXT_NAME, LIMIT_ID_BYTES, &out->user_id);
	decode_string(d, value, "article_id", TEXT_NAME, LIMIT_ID_BYTES, &out->article_id);
	decode_type(d, value, out);
	decode_time(d, value, "at", &out->at_ms);
	decode_string(d, value, "feed_id", TEXT_NAME, LIMIT_ID_BYTES, &out->feed_id);
	if (decode_integer(d, value, "position", 1, INT32_MAX, &position))
		out->position = (int32_t)position;
	if (decode_number(d, value, "dwell_s", 0, 86400, &number))
		out->dwell_s = (float)number;
	if (decode_number(d, value, "scroll", 0, 1, &number))
		out->scroll = (float)number;
	if (decode_number(d, value, "value", -FLT_MAX, FLT_MAX, &number))
		out->value = (float)number;
	if (default_user.len == 0)
		decode_require(d, value, "user_id");
	decode_require(d, value, "article_id");
	decode_require(d, value, "type");
}
