/* Who may do what. Routes carry one of the scopes below. */
#ifndef MYNEWS_API_ACCESS_H
#define MYNEWS_API_ACCESS_H

#include "api/api.h"

/* What a route asks for. A reader's token reaches only routes of that reader, under its own id or "me". */
#define ACCESS_READ "read"
#define ACCESS_WRITE "write"
#define ACCESS_ADMIN "admin"
#define ACCESS_FEED "feed"                 /* read, or either token */
#define ACCESS_READER_READ "reader:read"   /* read, or a reader token */
#define ACCESS_READER_WRITE "reader:write" /* write, or a reader token */
#define ACCESS_EVENTS "events"             /* write, or a reader token for its own events */

/* The http_hooks.authorize of the server: limits rates, finds out who asks, and refuses with 401, 403 or 429. */
bool access_authorize(void *api, struct http_exchange *x, const struct http_route *route);

/* Is the text made like a reader's token? */
#define ACCESS_TOKEN_READER "mnr_"
#define ACCESS_TOKEN_FEED "mnf_"
enum { ACCESS_SECRET_BYTES = 32 };
/* Makes a token of 256 random bits and its hash. Returns 0 or -EIO or -ENOMEM. */
int access_token_make(struct arena *arena, enum token_scope scope, struct span *token, uint8_t hash[DIGEST_BYTES])
	__attribute__((warn_unused_result));

#endif
