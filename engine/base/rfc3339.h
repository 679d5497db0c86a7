/* Times on the wire: RFC 3339 in UTC out, RFC 3339 with any offset in. Years 1970 to 9999. */
#ifndef MYNEWS_BASE_RFC3339_H
#define MYNEWS_BASE_RFC3339_H

#include <stdint.h>

#include "engine/base/span.h"

enum { RFC3339_BYTES = 24 }; /* "2026-11-20T12:00:00.000Z" */
#define RFC3339_MAX_MS INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

/* Milliseconds since 1970. Returns 0; 1 when the text is not a valid time or lies before 1970 or after 9999. Fractions
 * beyond milliseconds are cut off; a leap second, which only the last minute of a UTC day can have, reads as the second
 * before. */
int rfc3339_parse(struct span text, int64_t *out_ms) __attribute__((warn_unused_result));
/* Writes at most RFC3339_BYTES + 1 with NUL: no fraction when it is zero. Returns the length. ms is clamped to the
 * representable years. */
size_t rfc3339_format(int64_t ms, char out[RFC3339_BYTES + 1]);

#endif
