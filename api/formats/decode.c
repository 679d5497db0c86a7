/* One reader a JSON type. A value is checked while it still is jansson's, then copied. */
#include "api/formats/decode.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/formats/html.h"
#include "api/formats/url.h"
#include "engine/base/rfc3339.h"

#define MILLISECONDS_FROM INT64_C(100000000000) /* as seconds this is the year 5138 */

void decode_error(struct decode *d, const char *name, int index, const char *format, ...)
{
	char detail[256];
	va_list args;
	if (!d->errors) {
		d->errors = arena_calloc(d->arena, DECODE_ERRORS, sizeof(*d->errors));
		if (!d->errors) {
			d->no_memory = true;
			return;
		}
	}
	if (d->n_errors == DECODE_ERRORS)
		return;
	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	struct span text = arena_copy(d->arena, span_of(detail));
	struct span pointer = name[0] == '\0' ? SPAN("")
	                      : index < 0     ? arena_printf(d->arena, "/%s", name)
	                                      : arena_printf(d->arena, "/%s/%d", name, index);
	if (!text.data || !pointer.data) {
		d->no_memory = true;
		return;
	}
	d->errors[d->n_errors++] = (struct field_error){pointer.data, text.data};
}

const json_t *decode_member(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	return json_is_null(value) ? NULL : value;
}

void decode_require(struct decode *d, const json_t *object, const char *name)
{
	for (size_t i = 0; i < d->n_errors; i++)
		if (strcmp(d->errors[i].pointer + (d->errors[i].pointer[0] == '/'), name) == 0)
			return;
	if (!decode_member(object, name))
		decode_error(d, name, -1, "is required");
}

bool decode_utf8_valid(struct span text)
{
	if (text.len == 0)
		return true; /* an empty span may point nowhere */
	const unsigned char *p = (const unsigned char *)text.data, *end = p + text.len;
	while (p < end) {
		unsigned char c = *p;
		size_t n = c < 0x80 ? 1 : c >= 0xc2 && c <= 0xdf ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
		if (n == 0 || (size_t)(end - p) < n)
			return false;
		for (size_t i = 1; i < n; i++)
			if ((p[i] & 0xc0) != 0x80)
				return false;
		if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) || (c == 0xf0 && p[1] < 0x90) ||
		    (c == 0xf4 && p[1] > 0x8f))
			return false;
		p += n;
	}
	return true;
}

/* C0 (but for newline and tab in prose), DEL and C1 (U+0080 to U+009F, C2 80 to C2 9F in UTF-8). */
static bool has_control(struct span text, bool prose)
{
	const unsigned char *p = (const unsigned char *)text.data;
	for (size_t i = 0; i < text.len; i++) {
		if (p[i] < 0x20 && !(prose && (p[i] == '\n' || p[i] == '\t')))
			return true;
		if (p[i] == 0x7f || (p[i] == 0xc2 && i + 1 < text.len && p[i + 1] >= 0x80 && p[i + 1] <= 0x9f))
			return true;
	}
	return false;
}

static bool blank(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] != ' ' && text.data[i] != '\t' && text.data[i] != '\n')
			return false;
	return true;
}

static bool language_tag(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!letter && !(i >= 2 && ((c >= '0' && c <= '9') || (c == '-' && text.data[i - 1] != '-'))))
			return false;
	}
	return text.len >= 2 && text.data[text.len - 1] != '-';
}

const char *decode_check_text(enum decode_text kind, size_t max_bytes, struct span text)
{
	bool prose = kind == TEXT_PROSE || kind == TEXT_HTML_PROSE;
	static _Thread_local char too_long[64];
	if (text.len > max_bytes) {
		snprintf(too_long, sizeof(too_long), "is longer than %zu bytes", max_bytes);
		return too_long;
	}
	if (!decode_utf8_valid(text))
		return "is not valid UTF-8";
	if (has_control(text, prose))
		return "contains a control character";
	if (!prose && blank(text))
		return "is empty";
	if (kind == TEXT_WEB_URL && !url_is_web(text))
		return "is not an http or https address";
	if (kind == TEXT_LANGUAGE && !language_tag(text))
		return "is not a language tag such as \"en\" or \"pt-BR\"";
	return NULL;
}

/* Checks one text and copies it; NULL is success. */
static const char *take_text(struct decode *d, const json_t *value, enum decode_text kind, size_t max_bytes,
                             struct span *out)
{
	if (!json_is_string(value))
		return "is not a string";
	struct span text = json_span(value);
	bool html = kind == TEXT_HTML_LINE || kind == TEXT_HTML_PROSE;
	if (html && text.len && memchr(text.data, '\0', text.len))
		return "contains a control character";
	struct span plain = html ? html_to_text(d->arena, text) : text;
	if (html && !plain.data) {
		d->no_memory = true;
		return "could not be read";
	}
	const char *refusal = decode_check_text(kind, max_bytes, plain);
	if (refusal)
		return refusal;
	*out = html ? plain : arena_copy(d->arena, text);
	if (!out->data)
		d->no_memory = true;
	return NULL;
}

bool decode_string(struct decode *d, const json_t *object, const char *name, enum decode_text kind, size_t max_bytes,
                   struct span *out)
{
	const json_t *value = decode_member(object, name);
	if (!value)
		return false;
	struct span text;
	const char *refusal = take_text(d, value, kind, max_bytes, &text);
	if (refusal) {
		decode_error(d, name, -1, "%s", refusal);
		return false;
	}
	*out = text;
	return true;
}

bool decode_optional(struct decode *d, const json_t *object, const char *name, enum decode_text kind, size_t max_bytes,
                     struct span *out)
{
	const json_t *value = decode_member(object, name);
	return value && !(json_is_string(value) && blank(json_span(value))) &&
	       decode_string(d, object, name, kind, max_bytes, out);
}

bool decode_time(struct decode *d, const json_t *object, const char *name, int64_t *out_ms)
{
	const json_t *value = decode_member(object, name);
	int64_t ms = -1;
	if (!value)
		return false;
	if (json_is_integer(value)) {
		int64_t number = json_integer_value(value);
		ms = number < 0 || number > RFC3339_MAX_MS ? -1 : number < MILLISECONDS_FROM ? number * 1000 : number;
	} else if (json_is_string(value)) {
		if (rfc3339_parse(json_span(value), &ms) != 0)
			ms = -1;
	}
	if (ms < 0) {
		decode_error(d, name, -1,
		             "is not a time from 1970 to 9999: RFC 3339 text, or whole seconds or milliseconds since 1970");
		return false;
	}
	*out_ms = ms > 0 ? ms : 1; /* 0 stands for "not given" */
	return true;
}

bool decode_number(struct decode *d, const json_t *object, const char *name, double min, double max, double *out)
{
	const json_t *value = decode_member(object, name);
	if (!value)
		return false;
	if (!json_is_number(value)) {
		decode_error(d, name, -1, "is not a number");
		return false;
	}
	double number = json_number_value(value);
	if (!(number >= min && number <= max)) {
		decode_error(d, name, -1, "is not between %g and %g", min, max);
		return false;
	}
	*out = number;
	return true;
}

bool decode_integer(struct decode *d, const json_t *object, const char *name, int64_t min, int64_t max, int64_t *out)
{
	const json_t *value = decode_member(object, name);
	if (!value)
		return false;
	if (!json_is_integer(value)) {
		decode_error(d, name, -1, "is not a whole number");
		return false;
	}
	int64_t number = json_integer_value(value);
	if (number < min || number > max) {
		decode_error(d, name, -1, "is not between %lld and %lld", (long long)min, (long long)max);
		return false;
	}
	*out = number;
	return true;
}

bool decode_bool(struct decode *d, const json_t *object, const char *name, bool *out)
{
	const json_t *value = decode_member(object, name);
	if (!value)
		return false;
	if (!json_is_boolean(value)) {
		decode_error(d, name, -1, "is not true or false");
		return false;
	}
	*out = json_is_true(value);
	return true;
}

/* The list itself, when it is one and not too long. */
static const json_t *list_member(struct decode *d, const json_t *object, const char *name, size_t n_max)
{
	const json_t *value = decode_member(object, name);
	if (!value)
		return NULL;
	if (!json_is_array(value)) {
		decode_error(d, name, -1, "is not a list");
		return NULL;
	}
	if (json_array_size(value) > n_max) {
		decode_error(d, name, -1, "has more than %zu entries", n_max);
		return NULL;
	}
	return value;
}

bool decode_strings(struct decode *d, const json_t *object, const char *name, enum decode_text kind, size_t max_bytes,
                    size_t n_max, const struct span **out, size_t *n)
{
	const json_t *list = list_member(d, object, name, n_max);
	if (!list)
		return false;
	size_t n_list = json_array_size(list);
	struct span *spans = arena_calloc(d->arena, n_list + 1, sizeof(*spans));
	bool good = spans != NULL;
	if (!spans)
		d->no_memory = true;
	for (size_t i = 0; spans && i < n_list; i++) {
		const char *refusal = take_text(d, json_array_get(list, i), kind, max_bytes, &spans[i]);
		if (!refusal)
			continue;
		decode_error(d, name, (int)i, "%s", refusal);
		good = false;
	}
	if (good) {
		*out = spans;
		*n = n_list;
	}
	return good;
}

bool decode_floats(struct decode *d, const json_t *object, const char *name, size_t n_max, const float **out, size_t *n)
{
	const json_t *list = list_member(d, object, name, n_max);
	if (!list)
		return false;
	size_t n_list = json_array_size(list);
	float *floats = arena_calloc(d->arena, n_list + 1, sizeof(*floats));
	if (!floats)
		d->no_memory = true;
	for (size_t i = 0; floats && i < n_list; i++) {
		const json_t *value = json_array_get(list, i);
		floats[i] = (float)json_number_value(value);
		if (json_is_number(value) && isfinite(floats[i]))
			continue;
		decode_error(d, name, (int)i, json_is_number(value) ? "is out of range" : "is not a number");
		return false;
	}
	if (floats) {
		*out = floats;
		*n = n_list;
	}
	return floats != NULL;
}

int decode_choice(struct decode *d, const json_t *object, const char *name, const char *const *choices)
{
	const json_t *value = decode_member(object, name);
	char list[200];
	size_t used = 0;
	if (!value)
		return -1;
	for (int i = 0; json_is_string(value) && choices[i]; i++)
		if (span_equal_cstr(json_span(value), choices[i]))
			return i;
	list[0] = '\0';
	for (int i = 0; choices[i] && used < sizeof(list); i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, i ? ", %s" : "%s", choices[i]);
	decode_error(d, name, -1, "is not one of %s", list);
	return -1;
}

void decode_only(struct decode *d, const json_t *object, const char *const *names)
{
	const char *key;
	json_t *value;
	/* jansson's iteration macro asks for a mutable object but does not change it. */
	json_object_foreach((json_t *)(uintptr_t)object, key, value) {
		bool known = false;
		for (int i = 0; names[i] && !known; i++)
			known = strcmp(names[i], key) == 0;
		if (known)
			continue;
		char pointer[100];
		size_t used = 0;
		for (const char *c = key; *c && used < sizeof(pointer) - 3; c++) { /* RFC 6901: ~ is ~0 and / is ~1 */
			if (*c == '~' || *c == '/') {
				pointer[used++] = '~';
				pointer[used++] = *c == '~' ? '0' : '1';
			} else {
				pointer[used++] = *c;
			}
		}
		while (used > 0 && !decode_utf8_valid((struct span){pointer, used}))
			used--; /* a long key was cut inside a character */
		pointer[used] = '\0';
		decode_error(d, pointer, -1, "is not known here");
	}
}
