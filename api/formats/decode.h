/* Strict reading of JSON members into plain structs: each refusal is kept as a JSON pointer and a sentence, and reading
 * goes on, so one answer names every bad field. Everything read is copied into the arena: nothing points into the tree. */
#ifndef MYNEWS_FORMATS_DECODE_H
#define MYNEWS_FORMATS_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/json.h"
#include "engine/base/span.h"

/* One refused field. Both strings are NUL-terminated and live in the arena or in static memory. */
struct field_error {
	const char *pointer; /* RFC 6901, "" is the element itself */
	const char *detail;
};

enum { DECODE_ERRORS = 16 }; /* more are dropped */

struct decode {
	struct arena *arena;
	struct field_error *errors; /* [n_errors], NULL until the first */
	size_t n_errors;
	bool no_memory; /* the owner checks once at the end */
};

enum decode_text {
	TEXT_NAME,  /* no control characters at all, not empty */
	TEXT_PROSE, /* newline and tab are fine, may be empty */
	TEXT_HTML_LINE,  /* markup is taken out, white space becomes one space; not empty */
	TEXT_HTML_PROSE, /* markup is taken out; otherwise as prose */
	TEXT_WEB_URL,    /* http or https with a host */
	TEXT_LANGUAGE    /* letters, digits and '-' as in BCP 47 */
};

/* Adds a refusal: pointer is `/name` or `/name/index` (index < 0: none). */
void decode_error(struct decode *d, const char *name, int index, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Each of these reads the member `name` of `object` and returns whether it is there and good. A member that is null is
 * absent; an absent one leaves *out alone. A bad one adds a refusal and leaves *out alone. */
bool decode_string(struct decode *d, const json_t *object, const char *name, enum decode_text kind, size_t max_bytes,
                   struct span *out);
/* The same, and an empty text is absent too: publishers send many. */
bool decode_optional(struct decode *d, const json_t *object, const char *name, enum decode_text kind, size_t max_bytes,
                     struct span *out);
/* Milliseconds since 1970, at least 1: RFC 3339 text, or whole seconds, or (from 1e11) whole milliseconds. */
bool decode_time(struct decode *d, const json_t *object, const char *name, int64_t *out_ms);
bool decode_number(struct decode *d, const json_t *object, const char *name, double min, double max, double *out);
bool decode_integer(struct decode *d, const json_t *object, const char *name, int64_t min, int64_t max, int64_t *out);
bool decode_bool(struct decode *d, const json_t *object, const char *name, bool *out);
/* A list of at most n_max strings. */
bool decode_strings(struct decode *d, const json_t *object, const char *name, enum decode_text kind, size_t max_bytes,
                    size_t n_max, const struct span **out, size_t *n);
/* A list of at most n_max finite numbers. */
bool decode_floats(struct decode *d, const json_t *object, const char *name, size_t n_max, const float **out, size_t *n);
/* The place of the member's text in choices (NULL-terminated), or -1 with nothing or a refusal. */
int decode_choice(struct decode *d, const json_t *object, const char *name, const char *const *choices);

/* Refuses members that are not in names (NULL-terminated). */
void decode_only(struct decode *d, const json_t *object, const char *const *names);
/* The member, NULL when absent or null. */
const json_t *decode_member(const json_t *object, const char *name);
/* Says that a required member is missing, unless a refusal of it stands already. */
void decode_require(struct decode *d, const json_t *object, const char *name);

/* The text rules by themselves, for strings from elsewhere (a query, a path). Returns NULL when fine, else a sentence. */
const char *decode_check_text(enum decode_text kind, size_t max_bytes, struct span text);
/* Valid UTF-8 (RFC 3629)? */
bool decode_utf8_valid(struct span text);

#endif
