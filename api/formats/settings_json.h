/* Small bodies that people and editors write: a reader's settings and interests, editions, pins. Unknown members are
 * refused, so that a misspelt one is not lost silently. */
#ifndef MYNEWS_FORMATS_SETTINGS_JSON_H
#define MYNEWS_FORMATS_SETTINGS_JSON_H

#include "api/formats/decode.h"
#include "engine/base/buf.h"
#include "engine/engine.h"

/* *fields gets a bit per enum user_field that is there; a member that is null is there and empty. */
void settings_json_decode(struct decode *d, const json_t *value, struct user_settings *out, unsigned *fields);
/* The members alone, without braces: "languages":[...],... */
void settings_json_encode(struct buf *b, const struct user_settings *s);

/* {"topics":[{"topic","weight"|"short_term","long_term","follow","mute","until"}]} */
void interests_json_decode(struct decode *d, const json_t *value, const struct interest_change **out, size_t *n);
void interests_json_encode(struct buf *b, const struct interest *interests, size_t n);

void edition_json_decode(struct decode *d, const json_t *value, struct edition *out);
void edition_json_encode(struct buf *b, const struct edition *e);

void pin_json_decode(struct decode *d, const json_t *value, struct pin *out);
void pin_json_encode(struct buf *b, const struct pin *p);

/* A topic with its namespace in front; bare names get "topic:". data is NULL when memory is out. */
struct span topic_with_namespace(struct arena *arena, struct span topic);

#endif
