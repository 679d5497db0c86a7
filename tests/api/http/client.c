#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_S = 10 };

void client_open(struct client *c, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval tv = {PATIENCE_S, 0};
	*c = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	assert_true(c->fd >= 0);
	assert_int_equal(setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	assert_int_equal(connect(c->fd, (struct sockaddr *)&a, sizeof(a)), 0);
}

void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	buf_free(&c->in);
	c->fd = -1;
}

void client_send(struct client *c, struct span bytes)
{
	while (bytes.len) {
		ssize_t n = send(c->fd, bytes.data, bytes.len, MSG_NOSIGNAL);
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return; /* the server has answered early and closed */
		assert_true(n > 0);
		bytes = (struct span){bytes.data + n, bytes.len - (size_t)n};
	}
}

void client_text(struct client *c, const char *text)
{
	client_send(c, span_of(text));
}

static bool receive(struct client *c)
{
	assert_int_equal(buf_reserve(&c->in, 64 * 1024), 0);
	ssize_t n = recv(c->fd, c->in.data + c->in.len, 64 * 1024, 0);
	if (n > 0)
		c->in.len += (size_t)n;
	else if (n < 0 && errno != ECONNRESET)
		fail_msg("recv: %s", strerror(errno));
	return n > 0;
}

const char *reply_field(const struct reply *r, const char *name)
{
	static char value[512];
	char key[128];
	snprintf(key, sizeof(key), "\r\n%s: ", name);
	const char *at = strcasestr(r->head, key);
	if (!at)
		return NULL;
	at += strlen(key);
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, "\r"), at);
	return value;
}

void client_reply(struct client *c, struct reply *r, bool to_head)
{
	char *end = NULL;
	for (;;) {
		size_t n = c->in.len - c->used;
		end = n ? memmem(c->in.data + c->used, n, "\r\n\r\n", 4) : NULL;
		if (end)
			break;
		if (!receive(c))
			fail_msg("the server closed within a head");
	}
	size_t head = (size_t)(end - c->in.data) + 4 - c->used;
	assert_true(head < sizeof(r->head));
	memcpy(r->head, c->in.data + c->used, head);
	r->head[head] = '\0';
	assert_memory_equal(r->head, "HTTP/1.1 ", 9);
	char *behind;
	r->status = (unsigned)strtoul(r->head + 9, &behind, 10);
	assert_true(behind == r->head + 12 && *behind == ' ');
	c->used += head;
	const char *length = reply_field(r, "Content-Length");
	bool none = to_head || r->status < 200 || r->status == 204 || r->status == 304;
	assert_true(none || length);
	size_t n = none ? 0 : strtoul(length, NULL, 10);
	while (c->in.len - c->used < n)
		if (!receive(c))
			fail_msg("the server closed within a body");
	r->body = (struct span){c->in.data + c->used, n};
	c->used += n;
}

void client_expect_end(struct client *c)
{
	assert_int_equal(c->in.len, c->used);
	assert_false(receive(c));
}

void exchange_text(uint16_t port, const char *text, struct reply *r, struct buf *body)
{
	struct client c;
	client_open(&c, port);
	client_text(&c, text);
	client_reply(&c, r, strncmp(text, "HEAD", 4) == 0);
	if (body) {
		buf_clear(body);
		buf_put_span(body, r->body);
		r->body = buf_span(body);
	}
	client_close(&c);
}

void wait_until(bool (*until)(void *arg), void *arg)
{
	struct timespec from, now;
	clock_gettime(CLOCK_MONOTONIC, &from);
	while (!until(arg)) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec - from.tv_sec > PATIENCE_S)
			fail_msg("waited in vain");
		sched_yield();
	}
}
