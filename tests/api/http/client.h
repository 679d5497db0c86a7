/* A plain blocking client and a server to talk to. Every wait ends after ten seconds, as a failure. */
#ifndef MYNEWS_TESTS_API_HTTP_CLIENT_H
#define MYNEWS_TESTS_API_HTTP_CLIENT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "api/http/http.h"
#include "engine/base/buf.h"

struct client {
	int fd;
	struct buf in;
	size_t used;
};

struct reply {
	unsigned status;
	char head[4096]; /* with its final empty line, NUL-terminated */
	struct span body; /* until the next client_reply or client_close */
};

void client_open(struct client *c, uint16_t port);
void client_close(struct client *c);
void client_send(struct client *c, struct span bytes);
void client_text(struct client *c, const char *text);
/* A head, and a body unless it is an answer to HEAD or has none by its status. */
void client_reply(struct client *c, struct reply *r, bool to_head);
/* The server has closed, or reset, and left nothing unread. */
void client_expect_end(struct client *c);
/* The value of a field, or NULL. Static memory. */
const char *reply_field(const struct reply *r, const char *name);
/* One request on a new connection that asks to close. */
void exchange_text(uint16_t port, const char *text, struct reply *r, struct buf *body);

/* until(arg) becomes true, within ten seconds. */
void wait_until(bool (*until)(void *arg), void *arg);

#endif
