/* ninjs 1.x has headline, body_text, body_html; 2.x lists headlines[], bodies[]; 3.x is 2.x with camelCase names. One
 * pass takes whichever is there. Lists longer than ours are cut, not refused: a wire's tagging is not the sender's to
 * change. What is required or typed wrongly is refused as everywhere. */
#include <string.h>

#include "api/formats/article_json.h"
#include "api/formats/url.h"

bool ninjs_by_shape(const json_t *v)
{
	static const char *const marks[] = {"headline", "headlines", "bodies", "body_text", "body_html", "body_xhtml",
		"versioncreated", "versionCreated", "pubstatus", "pubStatus", "representationtype", "representationType",
		"standard", NULL};
	if (!json_is_string(json_object_get(v, "uri")) || json_object_get(v, "id"))
		return false;
	for (int i = 0; marks[i]; i++)
		if (json_object_get(v, marks[i]))
			return true;
	return false;
}

/* The name under which the first of several spellings is there; the first when none is. */
static const char *spelling(const json_t *v, const char *const *names)
{
	for (int i = 0; names[i]; i++)
		if (decode_member(v, names[i]))
			return names[i];
	return names[0];
}
#define SPELLING(v, ...) spelling(v, (const char *const[]){__VA_ARGS__, NULL})

static bool role_is(const json_t *entry, const char *role)
{
	const json_t *r = json_object_get(entry, "role");
	return json_is_string(r) && strcmp(json_string_value(r), role) == 0;
}

/* From a 2.x list of {role, contenttype, value}: the entry with the best role. */
static void from_roles(struct decode *d, const json_t *v, const char *name, const char *const *roles,
                       enum decode_text kind, size_t max_bytes, struct span *out)
{
	const json_t *list = decode_member(v, name), *best = NULL, *entry;
	size_t i, best_index = 0;
	if (!list)
		return;
	if (!json_is_array(list)) {
		decode_error(d, name, -1, "is not a list");
		return;
	}
	for (int r = 0; !best && roles[r]; r++)
		for (i = 0; !best && i < json_array_size(list); i++)
			if (role_is(json_array_get(list, i), roles[r])) {
				best = json_array_get(list, i);
				best_index = i;
			}
	for (i = 0; !best && i < json_array_size(list); i++) {
		entry = json_array_get(list, i);
		if (json_is_string(json_object_get(entry, "value"))) {
			best = entry;
			best_index = i;
		}
	}
	if (!best)
		return;
	struct decode inner = {.arena = d->arena};
	decode_string(&inner, best, "value", kind, max_bytes, out);
	d->no_memory |= inner.no_memory;
	if (inner.n_errors)
		decode_error(d, name, (int)best_index, "/value %s", inner.errors[0].detail);
}

/* The names of [{name, literal}], as many as fit. */
static void names_of(struct decode *d, const json_t *v, const char *name, size_t n_max, const struct span **out,
                     size_t *n)
{
	const json_t *list = decode_member(v, name);
	if (!list)
		return;
	if (!json_is_array(list)) {
		decode_error(d, name, -1, "is not a list");
		return;
	}
	struct span *spans = arena_calloc(d->arena, *n + n_max + 1, sizeof(*spans));
	if (!spans) {
		d->no_memory = true;
		return;
	}
	size_t n_spans = *n;
	if (n_spans)
		memcpy(spans, *out, n_spans * sizeof(*spans));
	for (size_t i = 0; i < json_array_size(list) && n_spans < n_max; i++) {
		struct decode inner = {.arena = d->arena};
		bool twice = false;
		struct span text;
		if (!decode_string(&inner, json_array_get(list, i), "name", TEXT_NAME, LIMIT_NAME_BYTES, &text))
			continue; /* an entry without a usable name says nothing to us */
		for (size_t j = 0; j < n_spans; j++)
			twice |= span_equal(spans[j], text);
		if (!twice)
			spans[n_spans++] = text;
	}
	*out = spans;
	*n = n_spans;
}

static void first_name(struct decode *d, const json_t *v, const char *name, struct span *out)
{
	const struct span *names = NULL;
	size_t n = 0;
	names_of(d, v, name, 1, &names, &n);
	if (n > 0)
		*out = names[0];
}

/* A rendition that is a picture, of the item or of one of its associations. */
static bool image_of(const json_t *renditions, struct span *out)
{
	const json_t *entry;
	const char *key;
	json_t *value;
	struct span href;
	if (json_is_array(renditions)) {
		for (size_t i = 0; i < json_array_size(renditions); i++) {
			entry = json_array_get(renditions, i);
			const json_t *type = json_object_get(entry, SPELLING(entry, "contenttype", "contentType", "mimetype"));
			if (!json_is_string(json_object_get(entry, "href")) ||
			    (json_is_string(type) && strncmp(json_string_value(type), "image/", 6) != 0))
				continue;
			href = json_span(json_object_get(entry, "href"));
			if (json_is_string(type) && href.len <= LIMIT_URL_BYTES && url_is_web(href)) {
				*out = href;
				return true;
			}
		}
	} else if (json_is_object(renditions)) { /* 1.x: a map by name */
		json_object_foreach((json_t *)(uintptr_t)renditions, key, value) {
			const json_t *type = json_object_get(value, "mimetype"), *h = json_object_get(value, "href");
			if (!json_is_string(h) || !json_is_string(type) || strncmp(json_string_value(type), "image/", 6) != 0)
				continue;
			href = json_span(h);
			if (href.len <= LIMIT_URL_BYTES && url_is_web(href)) {
				*out = href;
				return true;
			}
		}
	}
	return false;
}

static void take_image(struct decode *d, const json_t *v, struct span *out)
{
	const json_t *associations = json_object_get(v, "associations");
	const char *key;
	json_t *value;
	struct span found = {0};
	bool is = image_of(json_object_get(v, "renditions"), &found);
	for (size_t i = 0; !is && i < json_array_size(associations); i++)
		is = image_of(json_object_get(json_array_get(associations, i), "renditions"), &found);
	if (!is && json_is_object(associations)) {
		json_object_foreach((json_t *)(uintptr_t)associations, key, value) {
			if (!is)
				is = image_of(json_object_get(value, "renditions"), &found);
		}
	}
	if (!is)
		return;
	*out = arena_copy(d->arena, found);
	d->no_memory |= !out->data;
}

static void take_texts(struct decode *d, const json_t *v, struct article *a)
{
	static const char *const headline_roles[] = {"main", "headline", NULL};
	static const char *const body_roles[] = {"text", "main", "html", "xhtml", NULL};
	static const char *const description_roles[] = {"text", "summary", "abstract", "caption", "main", NULL};
	from_roles(d, v, "headlines", headline_roles, TEXT_HTML_LINE, LIMIT_TITLE_BYTES, &a->title);
	if (a->title.len == 0)
		decode_string(d, v, SPELLING(v, "headline", "title", "name"), TEXT_HTML_LINE, LIMIT_TITLE_BYTES, &a->title);
	from_roles(d, v, "bodies", body_roles, TEXT_HTML_PROSE, LIMIT_BODY_BYTES, &a->body);
	if (a->body.len == 0)
		decode_string(d, v, SPELLING(v, "body_text", "body_html", "body_xhtml"), TEXT_HTML_PROSE, LIMIT_BODY_BYTES,
		              &a->body);
	from_roles(d, v, "descriptions", description_roles, TEXT_HTML_PROSE, LIMIT_SUMMARY_BYTES, &a->summary);
	if (a->summary.len == 0)
		decode_string(d, v, SPELLING(v, "description_text", "description_html", "description_caption"),
		              TEXT_HTML_PROSE, LIMIT_SUMMARY_BYTES, &a->summary);
}

/* The item's uri is its id; one that is too long for an id stands as its hash. */
static void take_identity(struct decode *d, const json_t *v, struct article *a)
{
	struct span uri = {0};
	if (!decode_string(d, v, "uri", TEXT_NAME, LIMIT_URL_BYTES, &uri)) {
		decode_require(d, v, "uri");
		return;
	}
	a->id = uri.len <= LIMIT_ID_BYTES ? uri : url_made_id(d->arena, uri);
	d->no_memory |= !a->id.data;
	const json_t *url = decode_member(v, "url");
	if (url)
		decode_optional(d, v, "url", TEXT_WEB_URL, LIMIT_URL_BYTES, &a->url);
	else if (url_is_web(uri))
		a->url = uri;
}

void ninjs_decode(struct decode *d, const json_t *v, struct article *a)
{
	int64_t char_count;
	take_identity(d, v, a);
	take_texts(d, v, a);
	decode_optional(d, v, "language", TEXT_LANGUAGE, LIMIT_LANGUAGE_BYTES, &a->language);
	names_of(d, v, SPELLING(v, "subjects", "subject"), LIMIT_TOPICS, &a->topics, &a->n_topics);
	names_of(d, v, SPELLING(v, "people", "person"), LIMIT_TOPICS, &a->topics, &a->n_topics);
	names_of(d, v, SPELLING(v, "organisations", "organisation"), LIMIT_TOPICS, &a->topics, &a->n_topics);
	names_of(d, v, SPELLING(v, "events", "event"), LIMIT_TOPICS, &a->topics, &a->n_topics);
	names_of(d, v, SPELLING(v, "places", "place"), LIMIT_PLACES, &a->places, &a->n_places);
	first_name(d, v, SPELLING(v, "genres", "genre"), &a->section);
	first_name(d, v, SPELLING(v, "infosources", "infoSources", "infosource"), &a->source);
	if (a->source.len == 0)
		decode_optional(d, v, SPELLING(v, "copyrightholder", "copyrightHolder"), TEXT_NAME, LIMIT_NAME_BYTES, &a->source);

	struct span *by = arena_calloc(d->arena, 1, sizeof(*by));
	d->no_memory |= !by;
	if (by && decode_string(d, v, SPELLING(v, "by", "byline"), TEXT_HTML_LINE, LIMIT_NAME_BYTES, by)) {
		a->authors = by;
		a->n_authors = 1;
	}
	decode_time(d, v, SPELLING(v, "firstcreated", "firstCreated", "contentcreated", "contentCreated",
	                           "versioncreated", "versionCreated"), &a->published_at_ms);
	decode_time(d, v, SPELLING(v, "versioncreated", "versionCreated"), &a->updated_at_ms);
	if (decode_integer(d, v, "charcount", 0, LIMIT_CHAR_COUNT, &char_count))
		a->char_count = (uint32_t)char_count;
	decode_time(d, v, "expires", &a->expires_at_ms);
	decode_time(d, v, "embargoed", &a->embargo_until_ms);
	int status = decode_choice(d, v, SPELLING(v, "pubstatus", "pubStatus"), article_statuses);
	if (status >= 0)
		a->status = (enum article_status)status;
	take_image(d, v, &a->image);
	article_finish(d, a, SPELLING(v, "headlines", "headline"), "uri");
}
