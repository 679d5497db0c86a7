/* Threads: one acceptor hands each connection to the worker that has the fewest; n workers own theirs until the end.
 * Nothing of a connection is shared: other threads reach a worker only through its mailbox, a list under a mutex with
 * an eventfd that is written when the list stops being empty.
 *
 * libevent 2.1 has no hook between the poll and the callbacks, so each callback first calls worker_wake, and only the
 * first of a round gets through to the owner's hook. */
#include "api/http/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/http/acceptor.h"

const struct http_config http_config_default = {
	.listen = "127.0.0.1:8080",
	.n_threads = 1,
	.max_connections = 10000,
	.max_header_bytes = 16 * 1024,
	.max_body_bytes = 8 * 1024 * 1024,
	.idle_timeout_ms = 60000,
	.header_timeout_ms = 10000,
	.body_timeout_ms = 30000,
	.write_timeout_ms = 30000,
	.drain_timeout_ms = 10000,
};

/* ---- mailbox ---- */

static void mail_deliver(struct worker *w)
{
	pthread_mutex_lock(&w->lock);
	struct mail *m = w->mail_first;
	w->mail_first = NULL;
	w->mail_last = &w->mail_first;
	pthread_mutex_unlock(&w->lock);
	while (m) {
		struct mail *next = m->next;
		m->fn(w, m);
		m = next;
	}
}

static void on_mail(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));
	(void)n;
	worker_wake(w);
	mail_deliver(w);
}

struct post {
	struct mail mail; /* first */
	void (*fn)(void *arg);
	void *arg;
};

static void on_post(struct worker *w, struct mail *m)
{
	struct post *p = (struct post *)(void *)m;
	p->fn(p->arg);
	free(p);
}

int http_server_post(struct http_server *s, unsigned worker, void (*fn)(void *arg), void *arg)
{
	if (worker >= s->config.n_threads)
		return -EINVAL;
	struct post *p = malloc(sizeof(*p));
	if (!p)
		return -ENOMEM;
	*p = (struct post){.mail.fn = on_post, .fn = fn, .arg = arg};
	if (!worker_send(&s->workers[worker], &p->mail)) {
		free(p);
		return -ESHUTDOWN;
	}
	return 0;
}

/* ---- workers ---- */

static void on_drain_over(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	worker_wake(w);
	w->drain_over = true;
}

static void on_drain(struct worker *w, struct mail *m)
{
	unsigned ms = w->server->config.drain_timeout_ms;
	struct timeval tv = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};
	w->draining = true;
	if (event_add(&w->drain_timer, &tv) < 0)
		w->drain_over = true;
	for (struct conn *c = w->conns, *next; c; c = next) {
		next = c->next;
		conn_drain(c);
	}
}

static void worker_close_mailbox(struct worker *w)
{
	for (;;) {
		pthread_mutex_lock(&w->lock);
		bool empty = !w->mail_first;
		if (empty)
			w->mail_closed = true;
		pthread_mutex_unlock(&w->lock);
		if (empty)
			break;
		worker_wake(w);
		mail_deliver(w);
	}
	/* what the last letters left behind */
	for (struct conn *c = w->conns, *next; c; c = next) {
		next = c->next;
		conn_cut(c);
	}
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	const struct http_config *config = &w->server->config;
	if (config->hooks.worker_start)
		w->data = config->hooks.worker_start(config->ctx, w->index);
	while (!w->drain_over && !(w->draining && !w->conns)) {
		if (w->awake && config->hooks.idle)
			config->hooks.idle(config->ctx, w->data);
		w->awake = false;
		event_base_loop(w->base, EVLOOP_ONCE);
	}
	for (struct conn *c = w->conns, *next; c; c = next) {
		next = c->next;
		worker_wake(w);
		conn_cut(c);
	}
	worker_close_mailbox(w);
	if (w->awake && config->hooks.idle)
		config->hooks.idle(config->ctx, w->data);
	if (config->hooks.worker_stop)
		config->hooks.worker_stop(config->ctx, w->data);
	return NULL;
}

static int worker_init(struct worker *w, struct http_server *s, unsigned index)
{
	uint64_t seed;
	w->server = s;
	w->index = index;
	w->mail_last = &w->mail_first;
	w->wake_fd = -1;
	pthread_mutex_init(&w->lock, NULL);
	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		return -errno;
	rng_seed(&w->rng, seed);
	struct event_config *c = event_config_new();
	if (!c)
		return -ENOMEM;
	event_config_set_flag(c, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
	w->base = event_base_new_with_config(c);
	event_config_free(c);
	if (!w->base)
		return -ENOMEM;
	w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->wake_fd < 0)
		return -errno;
	event_assign(&w->wake_event, w->base, w->wake_fd, EV_READ | EV_PERSIST, on_mail, w);
	evtimer_assign(&w->drain_timer, w->base, on_drain_over, w);
	return event_add(&w->wake_event, NULL) < 0 ? -ENOMEM : 0;
}

static void worker_fini(struct worker *w)
{
	if (!w->server)
		return;
	/* letters that came before a start that never was, and exchanges nobody resumed */
	while (w->mail_first) {
		struct mail *m = w->mail_first;
		w->mail_first = m->next;
		if (m->fn == on_post)
			free(m);
		else if (m->fn == conn_adopt)
			conn_drop(m);
	}
	for (struct conn *c = w->conns, *next; c; c = next) {
		next = c->next;
		conn_free(c);
	}
	if (w->wake_fd >= 0) {
		event_del(&w->wake_event);
		event_del(&w->drain_timer);
		close(w->wake_fd);
	}
	if (w->base)
		event_base_free(w->base);
	gzip_free(w);
	pthread_mutex_destroy(&w->lock);
}

/* ---- server ---- */

int http_server_new(struct http_server **out, const struct http_config *config)
{
	const struct http_config *g = config;
	if (!g->listen || !g->n_threads || !g->max_connections || g->max_header_bytes < 64 || !g->max_body_bytes ||
	    g->max_body_bytes > SIZE_MAX / 4 || !g->idle_timeout_ms || !g->header_timeout_ms || !g->body_timeout_ms ||
	    !g->write_timeout_ms)
		return -EINVAL;
	struct http_server *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->config = *config;
	s->listen_fd = -1;
	int rc = -ENOMEM;
	s->workers = calloc(config->n_threads, sizeof(*s->workers));
	if (!s->workers)
		goto out;
	rc = router_new(&s->router, config->routes, config->n_routes);
	for (unsigned i = 0; rc == 0 && i < config->n_threads; i++)
		rc = worker_init(&s->workers[i], s, i);
	if (rc == 0)
		rc = acceptor_listen(config->listen, &s->listen_fd, &s->port);
	if (rc == 0)
		rc = acceptor_new(&s->acceptor, s);
	if (rc == 0)
		*out = s;
out:
	if (rc < 0)
		http_server_free(s);
	return rc;
}

int http_server_start(struct http_server *s)
{
	int rc = 0;
	if (s->started || s->stopped)
		return -EINVAL;
	s->started = true;
	for (unsigned i = 0; rc == 0 && i < s->config.n_threads; i++) {
		rc = -pthread_create(&s->workers[i].thread, NULL, worker_main, &s->workers[i]);
		s->workers[i].started = rc == 0;
	}
	if (rc == 0)
		rc = acceptor_start(s->acceptor);
	if (rc < 0)
		http_server_stop(s);
	return rc;
}

void http_server_stop(struct http_server *s)
{
	if (s->stopped)
		return;
	s->stopped = true;
	acceptor_stop(s->acceptor);
	if (s->listen_fd >= 0)
		close(s->listen_fd);
	s->listen_fd = -1;
	for (unsigned i = 0; i < s->config.n_threads; i++)
		if (s->workers[i].started) {
			s->workers[i].drain_mail.fn = on_drain;
			worker_send(&s->workers[i], &s->workers[i].drain_mail);
		}
	for (unsigned i = 0; i < s->config.n_threads; i++)
		if (s->workers[i].started)
			pthread_join(s->workers[i].thread, NULL);
}

void http_server_free(struct http_server *s)
{
	if (!s)
		return;
	if (s->workers)
		http_server_stop(s);
	acceptor_free(s->acceptor);
	for (unsigned i = 0; s->workers && i < s->config.n_threads; i++)
		worker_fini(&s->workers[i]);
	if (s->listen_fd >= 0)
		close(s->listen_fd);
	router_free(s->router);
	free(s->workers);
	free(s);
}

uint16_t http_server_port(const struct http_server *s)
{
	return s->port;
}

void http_server_counts(struct http_server *s, struct http_counts *out)
{
	out->connections = atomic_load(&s->n_conns);
	out->accepted = atomic_load(&s->accepted);
	out->refused = atomic_load(&s->refused);
	out->timeouts = atomic_load(&s->timeouts);
	out->bad_requests = atomic_load(&s->bad_requests);
}
