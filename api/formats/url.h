/* Addresses: what counts as one, and when two name the same page. */
#ifndef MYNEWS_FORMATS_URL_H
#define MYNEWS_FORMATS_URL_H

#include <stdbool.h>

#include "engine/base/arena.h"
#include "engine/base/span.h"

/* An absolute http or https address with a host and no white space? */
bool url_is_web(struct span url);
/* The form by which two addresses of one page are equal: scheme and host in lower case, http as https, without default
 * port, user, fragment, tracking parameters (utm_*, fbclid, gclid, ...), amp marks and trailing slash. The rest of the
 * query keeps its order. `url` must be url_is_web. data is NULL when memory is out. */
struct span url_canonical(struct arena *arena, struct span url);
/* "u-" and 32 hex digits of the 128-bit hash of the text. data is NULL when memory is out. */
struct span url_made_id(struct arena *arena, struct span canonical);

#endif
