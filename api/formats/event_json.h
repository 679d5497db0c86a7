/* Readers' events on the wire. */
#ifndef MYNEWS_FORMATS_EVENT_JSON_H
#define MYNEWS_FORMATS_EVENT_JSON_H

#include "api/formats/decode.h"
#include "engine/base/buf.h"
#include "engine/types.h"

/* Reads one event; all memory is d's arena's. On return d->n_errors == 0 means *out is complete. out->id is set whenever
 * it could be read. Unknown members are ignored. default_user (may be empty) stands in for an absent user_id. */
void event_json_decode(struct decode *d, const json_t *value, struct span default_user, struct event *out);

/* "click", or "custom" without its name. */
const char *event_type_name(enum event_type type);

#endif
