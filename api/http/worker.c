/* What connections ask of their worker: the time, its mailbox, to be awake. */
#include "api/http/internal.h"

#include <time.h>
#include <unistd.h>

uint64_t http_monotonic_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

int64_t http_wall_ms(const struct http_server *s)
{
	if (s->config.now_ms)
		return s->config.now_ms(s->config.ctx);
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool worker_send(struct worker *w, struct mail *m)
{
	m->next = NULL;
	pthread_mutex_lock(&w->lock);
	bool open = !w->mail_closed, was_empty = !w->mail_first;
	if (open) {
		*w->mail_last = m;
		w->mail_last = &m->next;
	}
	/* under the lock: once the mailbox is closed nobody touches the eventfd */
	if (open && was_empty) {
		uint64_t one = 1;
		ssize_t n = write(w->wake_fd, &one, sizeof(one)); /* only fails when it is readable already */
		(void)n;
	}
	pthread_mutex_unlock(&w->lock);
	return open;
}

void worker_wake(struct worker *w)
{
	const struct http_config *config = &w->server->config;
	if (w->awake)
		return;
	w->awake = true;
	if (config->hooks.wake)
		config->hooks.wake(config->ctx, w->data);
}
