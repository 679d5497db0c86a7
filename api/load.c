/* One thread, one epoll that is polled rather than waited for, since sleeping is coarser than the gaps between requests.
 *
 * A connection keeps the requests under way in a ring, in the order of their answers. What is written in one turn leaves
 * in one send. Answers are parsed in the receive buffer; only a head (and the start of an events answer, where the
 * counts stand) that is cut short is kept for the next turn. Replies must have a Content-Length, as this server's have. */
#include "api/load.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/base/rng.h"

enum { RECEIVE_BYTES = 1 << 18, HEAD_BYTES = 16384, COUNTS_BYTES = 64, DRAIN_S = 10, TURN_MAX = 256 };

struct sent {
	int64_t due_ns; /* when it was meant to leave */
	bool events;
};

struct connection {
	int fd; /* -1: closed */
	bool wants_out;
	struct sent ring[LOAD_PIPELINE_MAX];
	unsigned first, n; /* under way: ring[first, first + n) */
	struct buf out;
	size_t written;
	char kept[HEAD_BYTES + COUNTS_BYTES];
	size_t n_kept;
	uint64_t body_left;
	bool close_after;
};

struct load {
	const struct load_config *config;
	struct load_result *r;
	size_t latency_capacity, late_capacity;
	int epoll;
	struct connection *connections;
	unsigned next;
	uint64_t n_under_way, n_sent, n_event_ids;
	struct rng rng;
	struct buf body; /* of a batch of events */
	bool waited;     /* requests are late because every connection was full */
	char received[RECEIVE_BYTES];
	bool no_memory;
};

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void note(struct load *l, uint32_t **values, size_t *n, size_t *capacity, int64_t ns)
{
	if (*n == *capacity) {
		size_t bigger = *capacity ? *capacity * 2 : 1 << 16;
		uint32_t *grown = realloc(*values, bigger * sizeof(*grown));
		if (!grown) {
			l->no_memory = true;
			return;
		}
		*values = grown;
		*capacity = bigger;
	}
	int64_t us = ns < 0 ? 0 : ns / 1000;
	(*values)[(*n)++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

/* ---- connections ---- */

static int dial(struct load *l, struct connection *c)
{
	int one = 1;
	c->fd = socket(l->config->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
	if (connect(c->fd, (const struct sockaddr *)&l->config->address, l->config->address_len) < 0 ||
	    epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &event) < 0) {
		int error = errno;
		close(c->fd);
		c->fd = -1;
		return -error;
	}
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	c->wants_out = false;
	return 0;
}

static void hang_up(struct load *l, struct connection *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	l->r->n_lost += c->n;
	l->n_under_way -= c->n;
	c->first = c->n = 0;
	c->n_kept = c->written = 0;
	c->body_left = 0;
	c->close_after = false;
	buf_clear(&c->out);
}

static void push(struct load *l, struct connection *c)
{
	while (c->fd >= 0 && c->written < c->out.len) {
		ssize_t n = send(c->fd, c->out.data + c->written, c->out.len - c->written, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			hang_up(l, c);
			return;
		}
		if (n < 0)
			break;
		c->written += (size_t)n;
	}
	bool wants = c->written < c->out.len;
	if (!wants) {
		buf_clear(&c->out);
		c->written = 0;
	}
	if (c->fd >= 0 && wants != c->wants_out) {
		struct epoll_event event = {.events = EPOLLIN | (wants ? EPOLLOUT : 0), .data.ptr = c};
		epoll_ctl(l->epoll, EPOLL_CTL_MOD, c->fd, &event);
		c->wants_out = wants;
	}
}

/* ---- requests ---- */

/* The reader of a request: uniform, or a bounded Pareto by inversion, which is Zipf's law made continuous. */
static unsigned pick_user(struct load *l)
{
	double n = l->config->n_users, s = l->config->skew, u = rng_double(&l->rng), x;
	if (s == 0)
		return (unsigned)rng_below(&l->rng, l->config->n_users);
	if (fabs(s - 1) < 1e-9)
		x = exp(u * log(n + 1));
	else
		x = pow((pow(n + 1, 1 - s) - 1) * u + 1, 1 / (1 - s));
	return x - 1 < n ? (unsigned)(x - 1) : l->config->n_users - 1;
}

static void put_common(const struct load *l, struct buf *b)
{
	buf_put_cstr(b, " HTTP/1.1\r\nHost: ");
	buf_put_cstr(b, l->config->host);
	if (l->config->key) {
		buf_put_cstr(b, "\r\nAuthorization: Bearer ");
		buf_put_cstr(b, l->config->key);
	}
	buf_put_cstr(b, "\r\n");
}

static void put_get(struct load *l, struct buf *b)
{
	const char *path = l->config->path, *hole = strstr(path, "{user}");
	buf_put_cstr(b, "GET ");
	if (hole) {
		buf_put(b, path, (size_t)(hole - path));
		buf_put_cstr(b, "bench-");
		buf_put_u64(b, pick_user(l));
		path = hole + strlen("{user}");
	}
	buf_put_cstr(b, path);
	put_common(l, b);
	buf_put_cstr(b, "\r\n");
}

/* A batch of events, each with an id of its own. */
static void put_events(struct load *l, struct buf *b)
{
	static const char *const types[] = {"impression", "impression", "impression", "click", "read", "finish", "like", "save"};
	struct buf *text = &l->body;
	buf_clear(text);
	for (unsigned i = 0; i < l->config->batch; i++) {
		buf_put_cstr(text, i ? ",{\"id\":\"b" : l->config->batch > 1 ? "[{\"id\":\"b" : "{\"id\":\"b");
		buf_put_u64(text, l->config->seed);
		buf_put_char(text, '-');
		buf_put_u64(text, l->n_event_ids++);
		buf_put_cstr(text, "\",\"user_id\":\"bench-");
		buf_put_u64(text, pick_user(l));
		buf_put_cstr(text, "\",\"article_id\":\"bench-a");
		buf_put_u64(text, rng_below(&l->rng, l->config->n_articles));
		buf_put_cstr(text, "\",\"type\":\"");
		buf_put_cstr(text, types[rng_below(&l->rng, sizeof(types) / sizeof(types[0]))]);
		buf_put_cstr(text, "\"}");
	}
	if (l->config->batch > 1)
		buf_put_char(text, ']');
	buf_put_cstr(b, "POST /v1/events");
	put_common(l, b);
	buf_put_cstr(b, "Content-Type: application/json\r\nContent-Length: ");
	buf_put_u64(b, text->len);
	buf_put_cstr(b, "\r\n\r\n");
	buf_put_span(b, buf_span(text));
	l->no_memory |= text->failed;
}

static void start_request(struct load *l, struct connection *c, int64_t due_ns)
{
	double share = l->config->events_share;
	bool events = share > 0 && (share >= 1 || rng_double(&l->rng) < share);
	l->n_sent++;
	if (c->fd < 0 && dial(l, c) < 0) {
		l->r->n_lost++;
		return;
	}
	if (events)
		put_events(l, &c->out);
	else
		put_get(l, &c->out);
	l->no_memory |= c->out.failed;
	c->ring[(c->first + c->n++) % LOAD_PIPELINE_MAX] = (struct sent){due_ns, events};
	l->n_under_way++;
}

/* ---- answers ---- */

/* The value of a header field, in a head that ends in an empty line; NULL when it is not there. */
static const char *field(const char *head, size_t len, const char *name)
{
	size_t n = strlen(name);
	const char *end = head + len, *line = head;
	while ((line = memchr(line, '\n', (size_t)(end - line))) && (size_t)(end - ++line) > n)
		if (line[n] == ':' && strncasecmp(line, name, n) == 0)
			return line + n + 1 + strspn(line + n + 1, " ");
	return NULL;
}

static uint64_t count_of(const char *text, size_t len, const char *name)
{
	const char *at = memmem(text, len, name, strlen(name));
	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static void count_events(struct load *l, unsigned status, const char *body, size_t len)
{
	char text[COUNTS_BYTES + 1];
	uint64_t n_accepted = 0;
	memcpy(text, body, len < COUNTS_BYTES ? len : COUNTS_BYTES);
	text[len < COUNTS_BYTES ? len : COUNTS_BYTES] = '\0';
	if (status == 200)
		n_accepted = count_of(text, strlen(text), "\"accepted\":");
	l->r->n_events += n_accepted;
	l->r->n_events_other += l->config->batch > n_accepted ? l->config->batch - n_accepted : 0;
}

/* Takes one answer's head and, of events, the counts. Returns the bytes taken, 0 when more must come, -1 when it is none. */
static ptrdiff_t take_head(struct load *l, struct connection *c, const char *at, size_t n)
{
	const char *end = memmem(at, n, "\r\n\r\n", 4);
	if (!end)
		return n < HEAD_BYTES ? 0 : -1;
	size_t head = (size_t)(end - at) + 4;
	const char *length = field(at, head, "content-length"), *connection = field(at, head, "connection");
	unsigned status = head > 12 && memcmp(at, "HTTP/1.1 ", 9) == 0 ? (unsigned)strtoul(at + 9, NULL, 10) : 0;
	bool empty = status == 204 || status == 304;
	if (status < 200 || status > 599 || c->n == 0 || head > HEAD_BYTES || (!length && !empty))
		return -1;
	uint64_t body = empty ? 0 : strtoull(length, NULL, 10);
	struct sent sent = c->ring[c->first];
	size_t counts = sent.events && body < COUNTS_BYTES ? body : sent.events ? COUNTS_BYTES : 0;
	if (n - head < counts)
		return 0;
	if (sent.events)
		count_events(l, status, at + head, counts);
	c->body_left = body;
	c->close_after = connection && strncasecmp(connection, "close", 5) == 0;
	l->r->n_statuses[status / 100]++;
	return (ptrdiff_t)head;
}

static void finish_request(struct load *l, struct connection *c, int64_t now)
{
	note(l, &l->r->latency_us, &l->r->n_answers, &l->latency_capacity, now - c->ring[c->first].due_ns);
	c->first = (c->first + 1) % LOAD_PIPELINE_MAX;
	c->n--;
	l->n_under_way--;
	if (c->close_after)
		hang_up(l, c);
}

static void receive(struct load *l, struct connection *c)
{
	memcpy(l->received, c->kept, c->n_kept);
	ssize_t got = recv(c->fd, l->received + c->n_kept, sizeof(l->received) - c->n_kept, 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		hang_up(l, c);
		return;
	}
	int64_t now = now_ns();
	const char *at = l->received;
	size_t n = c->n_kept + (size_t)got;
	l->r->n_bytes += (uint64_t)got;
	c->n_kept = 0;
	bool in_body = c->body_left > 0;
	while (n > 0 && c->fd >= 0) {
		if (!in_body) {
			ptrdiff_t head = take_head(l, c, at, n);
			if (head < 0) {
				hang_up(l, c);
				return;
			}
			if (head == 0) {
				memcpy(c->kept, at, n);
				c->n_kept = n;
				return;
			}
			at += head;
			n -= (size_t)head;
		}
		size_t body = c->body_left < n ? (size_t)c->body_left : n;
		at += body;
		n -= body;
		c->body_left -= body;
		in_body = c->body_left > 0;
		if (!in_body)
			finish_request(l, c, now);
	}
}

/* ---- the run ---- */

/* The next connection with the fewest requests under way, or NULL when all have their full number. */
static struct connection *with_room(struct load *l)
{
	const struct load_config *f = l->config;
	struct connection *best = NULL;
	if (l->n_under_way >= (uint64_t)f->n_connections * f->pipeline)
		return NULL;
	for (unsigned i = 0; i < f->n_connections && (!best || best->n > 0); i++) {
		struct connection *c = &l->connections[l->next];
		l->next = l->next + 1 == f->n_connections ? 0 : l->next + 1;
		if (c->n < f->pipeline && (!best || c->n < best->n))
			best = c;
	}
	return best;
}

static void send_due(struct load *l, int64_t start, size_t n_planned)
{
	for (unsigned i = 0; i < TURN_MAX && l->n_sent < n_planned; i++) {
		int64_t due = start + (int64_t)((double)l->n_sent / l->config->rate * 1e9), now = now_ns();
		struct connection *c = due <= now ? with_room(l) : NULL;
		l->waited = due <= now && (l->waited || !c);
		if (!c)
			break;
		start_request(l, c, due);
		push(l, c);
		if (!l->waited)
			note(l, &l->r->late_us, &l->r->n_late, &l->late_capacity, now - due);
	}
}

static void keep_full(struct load *l)
{
	int64_t now = now_ns();
	for (unsigned i = 0; i < l->config->n_connections; i++) {
		struct connection *c = &l->connections[i];
		bool started = c->n < l->config->pipeline;
		while (c->n < l->config->pipeline) {
			unsigned before = c->n;
			start_request(l, c, now);
			if (c->n == before)
				break;
		}
		if (started)
			push(l, c);
	}
}

static void loop(struct load *l)
{
	struct epoll_event events[TURN_MAX];
	const struct load_config *f = l->config;
	int64_t start = now_ns(), stop = start + (int64_t)(f->seconds * 1e9), last = start;
	size_t n_planned = (size_t)(f->rate * f->seconds + 0.5);
	for (;;) {
		int64_t now = now_ns();
		bool sending = f->rate > 0 ? l->n_sent < n_planned : now < stop;
		if ((!sending && l->n_under_way == 0) || now > stop + (int64_t)DRAIN_S * 1000000000 || l->no_memory)
			break;
		if (sending && f->rate > 0)
			send_due(l, start, n_planned);
		else if (sending)
			keep_full(l);
		int n = epoll_wait(l->epoll, events, TURN_MAX, sending && f->rate > 0 ? 0 : 1);
		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;
			if (events[i].events & EPOLLOUT)
				push(l, c);
			if (c->fd >= 0 && (events[i].events & ~(uint32_t)EPOLLOUT))
				receive(l, c);
		}
		if (n > 0)
			last = now_ns();
	}
	l->r->seconds = (double)(last - start) / 1e9;
	l->r->n_lost += f->rate > 0 ? n_planned - l->n_sent : 0;
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

int load_run(const struct load_config *config, struct load_result *out)
{
	struct load *l = calloc(1, sizeof(*l));
	struct load_result result = {0};
	int r = l ? 0 : -ENOMEM;
	if (!l)
		return r;
	l->config = config;
	l->r = &result;
	rng_seed(&l->rng, config->seed);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->connections = calloc(config->n_connections, sizeof(*l->connections));
	if (!l->connections)
		r = -ENOMEM;
	else if (l->epoll < 0)
		r = -errno;
	for (unsigned i = 0; l->connections && i < config->n_connections; i++)
		l->connections[i].fd = -1;
	for (unsigned i = 0; r == 0 && i < config->n_connections; i++)
		r = dial(l, &l->connections[i]);
	if (r == 0)
		loop(l);
	for (unsigned i = 0; l->connections && i < config->n_connections; i++) {
		hang_up(l, &l->connections[i]);
		buf_free(&l->connections[i].out);
	}
	if (l->no_memory)
		r = -ENOMEM;
	if (l->epoll >= 0)
		close(l->epoll);
	buf_free(&l->body);
	free(l->connections);
	free(l);
	if (r < 0) {
		load_result_free(&result);
		return r;
	}
	if (result.n_answers)
		qsort(result.latency_us, result.n_answers, sizeof(*result.latency_us), by_size);
	if (result.n_late)
		qsort(result.late_us, result.n_late, sizeof(*result.late_us), by_size);
	*out = result;
	return 0;
}

void load_result_free(struct load_result *r)
{
	free(r->latency_us);
	free(r->late_us);
	*r = (struct load_result){0};
}
