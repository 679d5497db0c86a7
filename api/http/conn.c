/* A connection is a loop over exchanges, one at a time: head, body, handler, reply, next head. While an exchange is
 * going on nothing is received, so its spans stay put and a pipelining client is held back by TCP.
 *
 * The read event stays added; it is only taken out when input shows up that nobody may read yet. There is one timer a
 * connection, moved lazily: it may fire before the deadline and is then set again, so that a busy keep-alive
 * connection never touches the timer heap.
 *
 * Functions that can end the connection return a `next`: on WAIT the caller must not touch it any more. */
#include "api/http/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum next { GO_ON, WAIT };

enum {
	RECEIVE_MIN_BYTES = 4 * 1024,
	RECEIVE_FIRST_BYTES = 8 * 1024,
	RECEIVE_MAX_BYTES = 256 * 1024,
	KEEP_BYTES = 64 * 1024, /* buffers beyond this are given back after the exchange */
	LINGER_MS = 2000,
	LINGER_MAX_BYTES = 32 * 1024 * 1024, /* twice the body that is taken unless set otherwise */
};

static void on_read(evutil_socket_t fd, short what, void *arg);
static void on_write(evutil_socket_t fd, short what, void *arg);
static void on_timer(evutil_socket_t fd, short what, void *arg);
static void advance(struct conn *c);

static uint64_t monotonic_ms(void)
{
	return http_monotonic_us() / 1000;
}

/* ---- life ---- */

struct conn *conn_new(struct worker *w, int fd, const struct sockaddr_storage *peer)
{
	struct conn *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->w = w;
	c->fd = fd;
	c->x.conn = c;
	if (peer->ss_family == AF_INET) {
		inet_ntop(AF_INET, &((const struct sockaddr_in *)peer)->sin_addr, c->peer, sizeof(c->peer));
	} else if (peer->ss_family == AF_INET6) {
		const struct in6_addr *a = &((const struct sockaddr_in6 *)peer)->sin6_addr;
		if (IN6_IS_ADDR_V4MAPPED(a))
			inet_ntop(AF_INET, &a->s6_addr[12], c->peer, sizeof(c->peer));
		else
			inet_ntop(AF_INET6, a, c->peer, sizeof(c->peer));
	}
	return c;
}

void conn_free(struct conn *c)
{
	buf_free(&c->in);
	buf_free(&c->out);
	buf_free(&c->x.fields);
	arena_free(&c->arena);
	free(c);
}

static struct conn *conn_of(struct mail *m)
{
	return (struct conn *)(void *)((char *)m - offsetof(struct conn, mail));
}

void conn_drop(struct mail *m)
{
	struct conn *c = conn_of(m);
	close(c->fd);
	atomic_fetch_sub(&c->w->n_conns, 1);
	atomic_fetch_sub(&c->w->server->n_conns, 1);
	conn_free(c);
}

static void unlink_and_free(struct conn *c)
{
	if (c->prev)
		c->prev->next = c->next;
	else
		c->w->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	conn_free(c);
}

/* The hook's last word on the exchange; then the connection is as if there had been none. */
static void exchange_end(struct conn *c)
{
	struct http_exchange *x = &c->x;
	const struct http_config *config = &c->w->server->config;
	if (config->hooks.finished && x->start_us)
		config->hooks.finished(config->ctx, x, x->match.route, x->status, http_monotonic_us() - x->start_us, c->sent);
	exchange_reset(x);
	arena_reset(&c->arena);
	c->sent = 0;
	c->body_len = 0;
}

void conn_cut(struct conn *c)
{
	if (c->fd >= 0) {
		event_del(&c->read_event);
		event_del(&c->write_event);
		event_del(&c->timer);
		close(c->fd);
		c->fd = -1;
		atomic_fetch_sub(&c->w->n_conns, 1);
		atomic_fetch_sub(&c->w->server->n_conns, 1);
	}
	if (c->x.suspended)
		return; /* until it is resumed */
	exchange_end(c);
	unlink_and_free(c);
}

/* A closed socket with unread input resets the connection, and the reset can overtake the reply; so only the sending
 * half is closed first where input may be under way (RFC 9112, 9.6). */
static void linger(struct conn *c);

/* ---- timer ---- */

static void set_timer(struct conn *c, uint64_t at_ms, uint64_t now_ms)
{
	uint64_t wait = at_ms > now_ms ? at_ms - now_ms : 1;
	struct timeval tv = {(time_t)(wait / 1000), (suseconds_t)(wait % 1000 * 1000)};
	event_add(&c->timer, &tv);
	c->timer_ms = at_ms;
}

static void set_deadline(struct conn *c, unsigned in_ms)
{
	uint64_t now = monotonic_ms();
	c->deadline_ms = now + in_ms;
	if (c->timer_ms == 0 || c->deadline_ms < c->timer_ms)
		set_timer(c, c->deadline_ms, now);
}

static void linger(struct conn *c)
{
	shutdown(c->fd, SHUT_WR);
	c->state = CONN_LINGER;
	c->lingered = 0;
	set_deadline(c, LINGER_MS);
	if (!c->reading && event_add(&c->read_event, NULL) == 0)
		c->reading = true;
}

/* ---- sending ---- */

static enum next reply_sent(struct conn *c)
{
	bool close_now = c->x.close, wait_for_client = c->x.linger;
	exchange_end(c);
	if (close_now) {
		if (wait_for_client || c->w->draining)
			linger(c);
		else
			conn_cut(c);
		return WAIT;
	}
	c->state = CONN_HEAD;
	c->head_began = false;
	set_deadline(c, c->w->server->config.idle_timeout_ms);
	if (!c->reading && event_add(&c->read_event, NULL) == 0)
		c->reading = true;
	return GO_ON;
}

/* As much as the socket takes. */
static enum next send_more(struct conn *c)
{
	size_t head = c->out.len, total = head + c->x.reply_body.len;
	while (c->sent < total) {
		struct iovec iov[2];
		struct msghdr m = {.msg_iov = iov};
		if (c->sent < head)
			iov[m.msg_iovlen++] = (struct iovec){c->out.data + c->sent, head - c->sent};
		size_t skip = c->sent > head ? c->sent - head : 0;
		if (c->x.reply_body.len > skip)
			/* the kernel only reads it */
			iov[m.msg_iovlen++] = (struct iovec){(void *)(uintptr_t)(c->x.reply_body.data + skip),
			                                     c->x.reply_body.len - skip};
		ssize_t n = sendmsg(c->fd, &m, MSG_NOSIGNAL);
		if (n >= 0) {
			c->sent += (size_t)n;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			if (c->state != CONN_WRITING) {
				c->state = CONN_WRITING;
				set_deadline(c, c->w->server->config.write_timeout_ms);
				event_add(&c->write_event, NULL);
			}
			return WAIT;
		} else if (errno != EINTR) {
			conn_cut(c);
			return WAIT;
		}
	}
	if (c->state == CONN_WRITING)
		event_del(&c->write_event);
	return reply_sent(c);
}

static enum next send_reply(struct conn *c)
{
	c->deadline_ms = 0;
	if (reply_build(&c->x) < 0) {
		conn_cut(c);
		return WAIT;
	}
	return send_more(c);
}

/* Refuses what no handler has seen. The rest of the input is not trusted, or not wanted. */
static enum next refuse(struct conn *c, unsigned status, const char *code, const char *detail)
{
	atomic_fetch_add(&c->w->server->bad_requests, 1);
	c->x.replied = false;
	http_reply_problem(&c->x, status, code, detail, NULL, 0);
	c->x.close = c->x.linger = true;
	return send_reply(c);
}

/* ---- exchanges ---- */

static enum next after_handler(struct conn *c)
{
	struct http_exchange *x = &c->x;
	if (x->suspended) {
		c->state = CONN_HANDLING;
		return WAIT;
	}
	if (c->fd < 0) {
		exchange_end(c);
		unlink_and_free(c);
		return WAIT;
	}
	if (!x->replied)
		http_reply_problem(x, 500, "no_reply", "The handler did not answer", NULL, 0);
	return send_reply(c);
}

static enum next run_handler(struct conn *c)
{
	struct http_exchange *x = &c->x;
	c->state = CONN_HANDLING;
	c->deadline_ms = 0;
	struct span coding = http_header(x, "content-encoding");
	if (coding.len && x->body.len && !http_equal_nocase(coding, "identity")) {
		int rc = gzip_decode(c->w, &c->arena, x->body, exchange_body_limit(x), &x->body);
		if (rc < 0)
			return refuse(c, 503, "out_of_memory", "There is no memory for the body");
		if (rc == 2)
			return refuse(c, 413, "body_too_large", "The decoded body is too large");
		if (rc == 1)
			return refuse(c, 400, "bad_gzip", "The body is not gzip");
	}
	x->match.route->handler(x, c->w->server->config.ctx);
	return after_handler(c);
}

/* Cuts the framing out of what has come of the body: in[0, body_len) is body, behind it lies only what is unread. */
static enum next take_body(struct conn *c)
{
	struct http_exchange *x = &c->x;
	enum http_step step = HTTP_STEP_MORE;
	size_t at = c->in_start, limit = exchange_body_limit(x);
	while (step == HTTP_STEP_MORE && at < c->in.len) {
		size_t consumed;
		struct span piece;
		step = http_parser_body(&x->parser, c->in.data + at, c->in.len - at, &consumed, &piece);
		if (step == HTTP_STEP_BAD)
			return refuse(c, x->parser.status, "malformed_body", x->parser.reason);
		if (piece.len > limit - c->body_len)
			return refuse(c, 413, "body_too_large", "The body is too large");
		if (piece.len)
			memmove(c->in.data + c->body_len, piece.data, piece.len);
		c->body_len += piece.len;
		at += consumed;
	}
	if (step == HTTP_STEP_MORE) {
		c->in.len = c->in_start = c->body_len;
		return WAIT;
	}
	c->in_start = at;
	x->body = (struct span){c->in.data, c->body_len};
	return run_handler(c);
}

static enum next expect_body(struct conn *c)
{
	struct http_exchange *x = &c->x;
	c->state = CONN_BODY;
	c->body_len = 0;
	set_deadline(c, c->w->server->config.body_timeout_ms);
	if (x->parser.expect_continue && c->in_start == c->in.len) {
		static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
		/* every earlier reply has left, so there is room for it */
		if (send(c->fd, text, sizeof(text) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(text) - 1) {
			conn_cut(c);
			return WAIT;
		}
	}
	return take_body(c);
}

/* The head is complete at in[in_start]. */
static enum next begin_exchange(struct conn *c)
{
	struct http_exchange *x = &c->x;
	const struct http_parser *p = &x->parser;
	x->head = c->in.data + c->in_start;
	x->head_ok = true;
	c->in_start += p->head_len;
	size_t there = c->in.len - c->in_start;
	bool whole = !p->has_body || (!p->chunked && there >= p->content_length);
	if (!whole) { /* receiving will move the buffer: the head must not be in it */
		struct span copy = arena_copy(&c->arena, (struct span){x->head, p->head_len});
		if (!copy.data) {
			conn_cut(c);
			return WAIT;
		}
		x->head = copy.data;
	}
	exchange_take_request_id(x);
	if (exchange_answer_early(x)) {
		/* what was not read as a body must not be read as a request */
		if (whole)
			c->in_start += p->content_length;
		else
			x->close = x->linger = true;
		return send_reply(c);
	}
	if (!whole)
		return expect_body(c);
	x->body = (struct span){c->in.data + c->in_start, (size_t)p->content_length};
	c->in_start += p->content_length;
	return run_handler(c);
}

static void start_exchange(struct conn *c)
{
	c->x.start_us = http_monotonic_us();
	c->x.now_ms = http_wall_ms(c->w->server);
}

/* Nothing of a next request is here: give back what is large, forget what is used up. */
static void make_room(struct conn *c)
{
	size_t left = c->in.len - c->in_start;
	if (left == 0 && c->in.capacity > KEEP_BYTES)
		buf_free(&c->in);
	else if (left && c->in_start)
		memmove(c->in.data, c->in.data + c->in_start, left);
	c->in.len = left;
	c->in_start = 0;
	if (c->out.capacity > KEEP_BYTES)
		buf_free(&c->out);
}

static enum next take_head(struct conn *c)
{
	struct http_parser *p = &c->x.parser;
	size_t len = c->in.len - c->in_start;
	if (len == 0) {
		make_room(c);
		if (c->w->draining)
			conn_cut(c);
		return WAIT;
	}
	switch (http_parser_head(p, c->in.data + c->in_start, len)) {
	case HTTP_STEP_DONE:
		start_exchange(c);
		return begin_exchange(c);
	case HTTP_STEP_BAD:
		start_exchange(c);
		exchange_take_request_id(&c->x);
		return refuse(c, p->status, "malformed_request", p->reason);
	default:
		make_room(c);
		if (!c->head_began) {
			c->head_began = true;
			set_deadline(c, c->w->server->config.header_timeout_ms);
		}
		return WAIT;
	}
}

static void advance(struct conn *c)
{
	enum next next = GO_ON;
	while (next == GO_ON)
		next = c->state == CONN_BODY ? take_body(c) : take_head(c);
}

/* ---- events ---- */

static void pause_reading(struct conn *c)
{
	event_del(&c->read_event);
	c->reading = false;
}

/* Input, its end, or an error came up while an exchange is going on. The end of input is no reason to stop: a client
 * may close its half and wait for the reply. An error is. */
static void look_ahead(struct conn *c)
{
	char byte;
	pause_reading(c);
	if (recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		conn_cut(c);
}

static void throw_away(struct conn *c)
{
	char bytes[16 * 1024];
	ssize_t n = recv(c->fd, bytes, sizeof(bytes), 0);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n > 0)
		c->lingered += (size_t)n;
	if (n <= 0 || c->lingered > LINGER_MAX_BYTES)
		conn_cut(c);
}

/* false: nothing came, or the connection is no more. */
static bool receive(struct conn *c, bool cut_if_empty)
{
	size_t want = c->in.capacity ? RECEIVE_MIN_BYTES : RECEIVE_FIRST_BYTES;
	if (c->state == CONN_BODY && !c->x.parser.chunked && c->x.parser.left > want)
		want = c->x.parser.left < RECEIVE_MAX_BYTES ? (size_t)c->x.parser.left : RECEIVE_MAX_BYTES;
	if (buf_reserve(&c->in, want) < 0) {
		conn_cut(c);
		return false;
	}
	ssize_t n = recv(c->fd, c->in.data + c->in.len, c->in.capacity - c->in.len, 0);
	if (n > 0) {
		c->in.len += (size_t)n;
		return true;
	}
	if (n == 0 || cut_if_empty || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
		conn_cut(c);
	return false;
}

static void on_read(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	worker_wake(c->w);
	if (c->state == CONN_HANDLING || c->state == CONN_WRITING)
		look_ahead(c);
	else if (c->state == CONN_LINGER)
		throw_away(c);
	else if (receive(c, false))
		advance(c);
}

static void on_write(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	worker_wake(c->w);
	if (send_more(c) == GO_ON)
		advance(c);
}

static void cut_off(struct conn *c)
{
	if (c->state == CONN_LINGER || (c->state == CONN_HEAD && !c->head_began)) {
		conn_cut(c);
		return;
	}
	atomic_fetch_add(&c->w->server->timeouts, 1);
	if (c->state == CONN_WRITING) {
		conn_cut(c);
		return;
	}
	if (c->state == CONN_HEAD) {
		start_exchange(c);
		exchange_take_request_id(&c->x);
	}
	http_reply_problem(&c->x, 408, "too_slow", "The request did not come in time", NULL, 0);
	c->x.close = c->x.linger = true;
	if (send_reply(c) == GO_ON)
		advance(c);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	uint64_t now = monotonic_ms();
	worker_wake(c->w);
	c->timer_ms = 0;
	if (c->deadline_ms == 0)
		return;
	if (now < c->deadline_ms)
		set_timer(c, c->deadline_ms, now);
	else
		cut_off(c);
}

void conn_adopt(struct worker *w, struct mail *m)
{
	struct conn *c = conn_of(m);
	c->next = w->conns;
	if (w->conns)
		w->conns->prev = c;
	w->conns = c;
	event_assign(&c->read_event, w->base, c->fd, EV_READ | EV_PERSIST, on_read, c);
	event_assign(&c->write_event, w->base, c->fd, EV_WRITE | EV_PERSIST, on_write, c);
	evtimer_assign(&c->timer, w->base, on_timer, c);
	exchange_reset(&c->x);
	c->state = CONN_HEAD;
	if (event_add(&c->read_event, NULL) < 0) {
		conn_cut(c);
		return;
	}
	c->reading = true;
	set_deadline(c, w->server->config.idle_timeout_ms);
	if (receive(c, false)) /* often the request is here already */
		advance(c);
}

void conn_drain(struct conn *c)
{
	/* a request that is already in the socket is still answered */
	if (c->state == CONN_HEAD && c->in.len == c->in_start && receive(c, true))
		advance(c);
}

/* ---- suspended exchanges ---- */

static void on_resume(struct worker *w, struct mail *m)
{
	struct http_exchange *x = (struct http_exchange *)(void *)((char *)m - offsetof(struct http_exchange, mail));
	x->suspended = false;
	x->resume_fn(x, x->resume_arg);
	struct conn *c = x->conn;
	if (after_handler(c) == GO_ON)
		advance(c);
}

void http_suspend(struct http_exchange *x)
{
	x->suspended = true;
}

void http_resume(struct http_exchange *x, void (*fn)(struct http_exchange *x, void *arg), void *arg)
{
	x->resume_fn = fn;
	x->resume_arg = arg;
	x->mail.fn = on_resume;
	worker_send(x->conn->w, &x->mail);
}
