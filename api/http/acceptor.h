/* The one place that accepts connections, on a thread of its own. */
#ifndef MYNEWS_API_HTTP_ACCEPTOR_H
#define MYNEWS_API_HTTP_ACCEPTOR_H

#include <stdint.h>

struct acceptor;
struct http_server;

/* Binds and listens on "host:port". Returns 0, -EINVAL for what is not a numeric address, or socket's, bind's and
 * listen's errors. The caller owns *fd. */
int acceptor_listen(const char *address, int *fd, uint16_t *port) __attribute__((warn_unused_result));
/* The server owns it. s->listen_fd is borrowed. Returns 0, -ENOMEM, or eventfd's errors. */
int acceptor_new(struct acceptor **out, struct http_server *s) __attribute__((warn_unused_result));
int acceptor_start(struct acceptor *a) __attribute__((warn_unused_result));
void acceptor_stop(struct acceptor *a); /* joins; safe to repeat, and without a start */
void acceptor_free(struct acceptor *a);

#endif
