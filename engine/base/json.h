/* Strict JSON in, by jansson: the only place that includes it. Everyone above includes this header and uses jansson's
 * json_t through it. Output is written with base/buf: no reply is built as a tree. */
#ifndef MYNEWS_BASE_JSON_H
#define MYNEWS_BASE_JSON_H

#include <jansson.h>

#include "engine/base/span.h"

enum { JSON_DEPTH_MAX = 32 };

struct json_problem {
	char text[160]; /* what is wrong, a sentence without a final stop */
	size_t line, column;
};

/* Parses one JSON value that fills the whole input. Refuses duplicate keys, invalid UTF-8, NUL in keys (in a
 * string it is for the caller to refuse: use json_span), nesting over JSON_DEPTH_MAX, and anything behind the value. Returns 0 and a new reference the caller json_decref's; 1 when
 * the text is not acceptable (problem filled if not NULL); -ENOMEM. */
int json_parse(struct span text, json_t **out, struct json_problem *problem) __attribute__((warn_unused_result));

/* A string node's bytes, borrowed from the node. */
static inline struct span json_span(const json_t *string)
{
	return (struct span){json_string_value(string), json_string_length(string)};
}

#endif
