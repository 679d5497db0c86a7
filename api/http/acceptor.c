/* Accepting in one thread makes the choice of the worker exact: the count is raised here, before the connection is
 * handed over. A connection too many gets a short 503; its sending half is closed and the rest waits a moment for the
 * client to close, since a reset would take the answer away again. */
#include "api/http/acceptor.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/http/internal.h"

enum { BACKLOG = 1024, ACCEPTS_A_ROUND = 64, MAX_REFUSED = 128, REFUSED_MS = 500, REFUSED_READS = 16, RETRY_MS = 50 };

struct refused {
	struct refused *next, **at;
	struct acceptor *a;
	int fd;
	unsigned reads;
	struct event event;
};

struct acceptor {
	struct http_server *server;
	struct event_base *base;
	struct event listen_event, retry_timer, stop_event;
	int stop_fd; /* eventfd */
	bool started;
	pthread_t thread;
	struct refused *refused;
	unsigned n_refused;
};

/* Returns 0 with what freeaddrinfo takes, or -EINVAL. */
static int resolve(const char *address, struct addrinfo **out)
{
	char host[64];
	const char *colon = strrchr(address, ':');
	size_t n = colon ? (size_t)(colon - address) : 0;
	if (n == 0 || n >= sizeof(host) || !colon[1])
		return -EINVAL;
	bool bracketed = address[0] == '[' && address[n - 1] == ']' && n > 2;
	snprintf(host, sizeof(host), "%.*s", (int)(bracketed ? n - 2 : n), address + bracketed);
	if (!bracketed && strchr(host, ':'))
		return -EINVAL;
	char *end;
	unsigned long number = strtoul(colon + 1, &end, 10);
	if (colon[1] < '0' || colon[1] > '9' || *end || number > UINT16_MAX)
		return -EINVAL;
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM};
	return getaddrinfo(host, colon + 1, &hints, out) == 0 ? 0 : -EINVAL;
}

bool http_is_address(const char *listen)
{
	struct addrinfo *info = NULL;
	if (resolve(listen, &info) < 0)
		return false;
	freeaddrinfo(info);
	return true;
}

int acceptor_listen(const char *address, int *out_fd, uint16_t *port)
{
	struct addrinfo *info = NULL;
	if (resolve(address, &info) < 0)
		return -EINVAL;
	int rc = 0, one = 1, fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_storage bound;
	socklen_t bound_len = sizeof(bound);
	/* Linux passes TCP_NODELAY on to accepted sockets */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
	    bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)&bound, &bound_len) < 0)
		rc = -errno;
	freeaddrinfo(info);
	if (rc < 0) {
		if (fd >= 0)
			close(fd);
		return rc;
	}
	/* NOLINTNEXTLINE(clang-analyzer-core.*): it does not see getsockname write through glibc's transparent union */
	*port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
	                                          : ((struct sockaddr_in *)&bound)->sin_port);
	*out_fd = fd;
	return 0;
}

static void refused_end(struct refused *r)
{
	event_del(&r->event);
	close(r->fd);
	*r->at = r->next;
	if (r->next)
		r->next->at = r->at;
	r->a->n_refused--;
	free(r);
}

static void on_refused(evutil_socket_t fd, short what, void *arg)
{
	struct refused *r = arg;
	char bytes[4096];
	ssize_t n = what & EV_READ ? recv(fd, bytes, sizeof(bytes), 0) : 0;
	bool again = n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
	if (!again || ++r->reads > REFUSED_READS) /* each read starts the half second anew */
		refused_end(r);
}

static void refuse(struct acceptor *a, int fd)
{
	static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Type: "
	                           "application/problem+json\r\nContent-Length: 95\r\nConnection: close\r\n\r\n"
	                           "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,"
	                           "\"code\":\"too_many_connections\"}";
	struct timeval tv = {0, REFUSED_MS * 1000};
	atomic_fetch_add(&a->server->refused, 1);
	ssize_t sent = send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL);
	struct refused *r = sent > 0 && a->n_refused < MAX_REFUSED ? calloc(1, sizeof(*r)) : NULL;
	if (!r) {
		close(fd);
		return;
	}
	shutdown(fd, SHUT_WR);
	*r = (struct refused){.next = a->refused, .at = &a->refused, .a = a, .fd = fd};
	if (a->refused)
		a->refused->at = &r->next;
	a->refused = r;
	a->n_refused++;
	event_assign(&r->event, a->base, fd, EV_READ | EV_PERSIST, on_refused, r);
	if (event_add(&r->event, &tv) < 0)
		refused_end(r);
}

static struct worker *least_busy(struct http_server *s)
{
	struct worker *best = &s->workers[0];
	for (unsigned i = 1; i < s->config.n_threads; i++)
		if (atomic_load(&s->workers[i].n_conns) < atomic_load(&best->n_conns))
			best = &s->workers[i];
	return best;
}

static void hand_over(struct http_server *s, int fd, const struct sockaddr_storage *peer)
{
	struct worker *w = least_busy(s);
	struct conn *c = conn_new(w, fd, peer);
	if (!c) {
		close(fd);
		return;
	}
	atomic_fetch_add(&s->n_conns, 1);
	atomic_fetch_add(&s->accepted, 1);
	atomic_fetch_add(&w->n_conns, 1);
	c->mail.fn = conn_adopt;
	worker_send(w, &c->mail);
}

static void on_listen(evutil_socket_t fd, short what, void *arg)
{
	struct acceptor *a = arg;
	struct http_server *s = a->server;
	for (int i = 0; i < ACCEPTS_A_ROUND; i++) {
		struct sockaddr_storage peer = {0};
		socklen_t len = sizeof(peer);
		int client = accept4(fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (client >= 0) {
			if (atomic_load(&s->n_conns) >= s->config.max_connections)
				refuse(a, client);
			else
				hand_over(s, client, &peer);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			/* the connection stays in the backlog and would wake us without end */
			struct timeval tv = {0, RETRY_MS * 1000};
			event_del(&a->listen_event);
			event_add(&a->retry_timer, &tv);
			return;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return;
		} /* else that one client failed: ECONNABORTED and the like */
	}
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct acceptor *a = arg;
	event_add(&a->listen_event, NULL);
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
	struct acceptor *a = arg;
	event_base_loopbreak(a->base);
}

static void *acceptor_main(void *arg)
{
	struct acceptor *a = arg;
	event_base_dispatch(a->base);
	return NULL;
}

int acceptor_new(struct acceptor **out, struct http_server *s)
{
	int rc = -ENOMEM;
	struct acceptor *a = calloc(1, sizeof(*a));
	struct event_config *c = event_config_new();
	if (a)
		a->stop_fd = -1;
	if (!a || !c)
		goto out;
	a->server = s;
	a->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	rc = -errno;
	if (a->stop_fd < 0)
		goto out;
	rc = -ENOMEM;
	event_config_set_flag(c, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
	a->base = event_base_new_with_config(c);
	if (!a->base)
		goto out;
	event_assign(&a->listen_event, a->base, s->listen_fd, EV_READ | EV_PERSIST, on_listen, a);
	evtimer_assign(&a->retry_timer, a->base, on_retry, a);
	event_assign(&a->stop_event, a->base, a->stop_fd, EV_READ | EV_PERSIST, on_stop, a);
	if (event_add(&a->listen_event, NULL) < 0 || event_add(&a->stop_event, NULL) < 0)
		goto out;
	*out = a;
	a = NULL;
	rc = 0;
out:
	if (c)
		event_config_free(c);
	acceptor_free(a);
	return rc;
}

int acceptor_start(struct acceptor *a)
{
	int rc = -pthread_create(&a->thread, NULL, acceptor_main, a);
	a->started = rc == 0;
	return rc;
}

void acceptor_stop(struct acceptor *a)
{
	if (!a)
		return;
	if (a->started) {
		uint64_t one = 1;
		ssize_t n = write(a->stop_fd, &one, sizeof(one));
		(void)n;
		pthread_join(a->thread, NULL);
		a->started = false;
	}
	for (struct refused *r = a->refused, *next; r; r = next) {
		next = r->next;
		refused_end(r);
	}
}

void acceptor_free(struct acceptor *a)
{
	if (!a)
		return;
	acceptor_stop(a);
	if (a->base)
		event_base_free(a->base);
	if (a->stop_fd >= 0)
		close(a->stop_fd);
	free(a);
}
