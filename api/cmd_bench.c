/* mynews bench: an open-loop load generator. Requests leave at a fixed rate whether or not earlier ones have been
 * answered, and a latency counts from the moment a request was meant to leave, so a slow server can't hide by slowing
 * the generator ("coordinated omission", Tene). One thread, one epoll, connections with one request under way each. */
#include "api/commands.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/base/rng.h"

enum { RECEIVE_BYTES = 1 << 16, DRAIN_MS = 5000, HEAD_BYTES = 16384 };

struct connection {
	int fd;          /* -1: closed */
	bool busy;
	int64_t due_ns;  /* when the request under way was meant to leave */
	struct buf out;
	size_t sent;
	char head[HEAD_BYTES];
	size_t n_head;
	int64_t body_left; /* -1: the head is not complete; chunked bodies count as SEARCH_END */
	bool chunked, close_after;
	char tail[5];      /* of a chunked body */
	unsigned status;
};

struct bench {
	struct sockaddr_storage address;
	socklen_t address_len;
	char host[128];
	const char *path; /* {user} stands for a reader's number */
	const char *key;
	double rate;
	unsigned n_users;
	int epoll;
	struct connection *connections;
	unsigned n_connections;
	struct rng rng;
	uint32_t *latency_us; /* [n_done] */
	size_t n_done, n_planned;
	uint64_t n_errors, n_statuses[6], n_bytes;
};

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int dial(struct bench *b, struct connection *c)
{
	int one = 1;
	c->fd = socket(b->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	if (connect(c->fd, (struct sockaddr *)&b->address, b->address_len) < 0) {
		int error = errno;
		close(c->fd);
		c->fd = -1;
		return -error;
	}
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
	return epoll_ctl(b->epoll, EPOLL_CTL_ADD, c->fd, &event) < 0 ? -errno : 0;
}

static void hang_up(struct bench *b, struct connection *c, bool failed)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	b->n_errors += failed && c->busy;
	c->busy = false;
}

static void push(struct bench *b, struct connection *c)
{
	while (c->sent < c->out.len) {
		ssize_t n = send(c->fd, c->out.data + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			hang_up(b, c, true);
		if (n < 0)
			return; /* requests are small: a full buffer means that the server does not read, tried again on input */
		c->sent += (size_t)n;
	}
}

static void start_request(struct bench *b, struct connection *c, int64_t due_ns)
{
	const char *hole = strstr(b->path, "{user}");
	if (c->fd < 0 && dial(b, c) < 0) {
		b->n_errors++;
		return;
	}
	buf_clear(&c->out);
	if (hole)
		buf_printf(&c->out, "GET %.*sbench-%u%s HTTP/1.1\r\n", (int)(hole - b->path), b->path,
		           (unsigned)rng_below(&b->rng, b->n_users), hole + 6);
	else
		buf_printf(&c->out, "GET %s HTTP/1.1\r\n", b->path);
	buf_printf(&c->out, "Host: %s\r\n", b->host);
	if (b->key)
		buf_printf(&c->out, "Authorization: Bearer %s\r\n", b->key);
	buf_put_cstr(&c->out, "\r\n");
	c->sent = 0;
	c->n_head = 0;
	c->body_left = -1;
	c->busy = true;
	c->due_ns = due_ns;
	push(b, c);
}

static void finish_request(struct bench *b, struct connection *c)
{
	int64_t us = (now_ns() - c->due_ns) / 1000;
	c->busy = false;
	b->n_statuses[c->status / 100 <= 5 ? c->status / 100 : 0]++;
	if (b->n_done < b->n_planned)
		b->latency_us[b->n_done++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
	if (c->close_after)
		hang_up(b, c, false);
}

/* ---- replies ---- */

static const char *field(const char *head, const char *name)
{
	const char *line = head;
	size_t n = strlen(name);
	while ((line = strstr(line, "\r\n"))) {
		line += 2;
		if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
			line += n + 1;
			return line + strspn(line, " ");
		}
	}
	return NULL;
}

static bool read_head(struct connection *c)
{
	const char *length = field(c->head, "content-length"), *coding = field(c->head, "transfer-encoding");
	const char *connection = field(c->head, "connection");
	if (strncmp(c->head, "HTTP/1.1 ", 9) != 0)
		return false;
	c->status = (unsigned)strtoul(c->head + 9, NULL, 10);
	c->chunked = coding && strncasecmp(coding, "chunked", 7) == 0;
	c->close_after = connection && strncasecmp(connection, "close", 5) == 0;
	c->body_left = length ? strtoll(length, NULL, 10) : 0;
	memset(c->tail, 0, sizeof(c->tail));
	return c->status >= 100;
}

/* Takes bytes of a body; returns whether it ended. A chunked body ends with an empty chunk. */
static bool take_body(struct connection *c, const char *data, size_t n)
{
	if (!c->chunked) {
		c->body_left -= (int64_t)n;
		return c->body_left <= 0;
	}
	for (size_t i = 0; i < n; i++) {
		memmove(c->tail, c->tail + 1, 4);
		c->tail[4] = data[i];
	}
	return memcmp(c->tail, "0\r\n\r\n", 5) == 0;
}

static void receive(struct bench *b, struct connection *c)
{
	static char data[RECEIVE_BYTES];
	while (c->fd >= 0) {
		ssize_t n = recv(c->fd, data, sizeof(data), 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			hang_up(b, c, true);
			return;
		}
		b->n_bytes += (uint64_t)n;
		if (!c->busy) {
			hang_up(b, c, false); /* nobody asked */
			return;
		}
		size_t used = 0;
		if (c->body_left < 0) {
			size_t before = c->n_head, take = sizeof(c->head) - 1 - c->n_head;
			take = take < (size_t)n ? take : (size_t)n;
			memcpy(c->head + c->n_head, data, take);
			c->n_head += take;
			c->head[c->n_head] = '\0';
			char *end = strstr(c->head, "\r\n\r\n");
			if (!end && c->n_head == sizeof(c->head) - 1) {
				hang_up(b, c, true);
				return;
			}
			if (!end)
				continue;
			end[2] = '\0';
			used = (size_t)(end + 4 - c->head) - before;
			if (!read_head(c)) {
				hang_up(b, c, true);
				return;
			}
		}
		if (take_body(c, data + used, (size_t)n - used))
			finish_request(b, c);
	}
}

/* ---- the run ---- */

static struct connection *idle_connection(struct bench *b, unsigned *next)
{
	for (unsigned i = 0; i < b->n_connections; i++) {
		struct connection *c = &b->connections[*next];
		*next = (*next + 1) % b->n_connections;
		if (!c->busy)
			return c;
	}
	return NULL;
}

static void run(struct bench *b)
{
	struct epoll_event events[256];
	int64_t start = now_ns(), drain_until = 0;
	size_t n_sent = 0;
	unsigned next = 0;
	for (;;) {
		int64_t now = now_ns();
		bool busy = false;
		while (n_sent < b->n_planned) {
			int64_t due = start + (int64_t)((double)n_sent / b->rate * 1e9);
			struct connection *c = due <= now ? idle_connection(b, &next) : NULL;
			if (!c)
				break;
			start_request(b, c, due);
			n_sent++;
		}
		for (unsigned i = 0; i < b->n_connections && !busy; i++)
			busy = b->connections[i].busy;
		if (n_sent == b->n_planned && drain_until == 0)
			drain_until = now + (int64_t)DRAIN_MS * 1000000;
		if (n_sent == b->n_planned && (!busy || now > drain_until))
			break;
		/* Sleeping is coarser than the gaps between requests: poll while sending, wait when only draining. */
		int n = epoll_wait(b->epoll, events, 256, n_sent < b->n_planned && b->rate > 500 ? 0 : 1);
		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;
			if (c->busy && c->sent < c->out.len)
				push(b, c);
			receive(b, c);
		}
	}
	for (unsigned i = 0; i < b->n_connections; i++)
		hang_up(b, &b->connections[i], true);
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static double percentile_ms(const struct bench *b, double p)
{
	if (b->n_done == 0)
		return 0;
	size_t i = (size_t)(p * (double)(b->n_done - 1) + 0.5);
	return b->latency_us[i] / 1000.0;
}

static void print_results(const struct bench *b, double seconds, bool json)
{
	double per_s = (double)b->n_done / seconds;
	if (json) {
		printf("{\"requests\":%zu,\"errors\":%llu,\"status_2xx\":%llu,\"status_4xx\":%llu,\"status_5xx\":%llu,"
		       "\"requests_per_s\":%.1f,\"bytes\":%llu,\"p50_ms\":%.3f,\"p90_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f,"
		       "\"max_ms\":%.3f}\n",
		       b->n_done, (unsigned long long)b->n_errors, (unsigned long long)b->n_statuses[2],
		       (unsigned long long)b->n_statuses[4], (unsigned long long)b->n_statuses[5], per_s,
		       (unsigned long long)b->n_bytes, percentile_ms(b, .5), percentile_ms(b, .9), percentile_ms(b, .99),
		       percentile_ms(b, .999), percentile_ms(b, 1));
		return;
	}
	printf("%zu answers, %.1f a second, %llu errors; 2xx %llu, 4xx %llu, 5xx %llu\n", b->n_done, per_s,
	       (unsigned long long)b->n_errors, (unsigned long long)b->n_statuses[2], (unsigned long long)b->n_statuses[4],
	       (unsigned long long)b->n_statuses[5]);
	printf("from the intended start: p50 %.3f ms, p90 %.3f ms, p99 %.3f ms, p99.9 %.3f ms, max %.3f ms\n",
	       percentile_ms(b, .5), percentile_ms(b, .9), percentile_ms(b, .99), percentile_ms(b, .999), percentile_ms(b, 1));
}

/* http://127.0.0.1:PORT or http://[::1]:PORT: numeric, and this machine alone. */
static bool read_url(struct bench *b, const char *url)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&b->address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&b->address;
	unsigned port = 80;
	char host[64], tail[2] = "";
	if (sscanf(url, "http://[%63[0-9a-fA-F:]]:%u%1s", host, &port, tail) >= 1) {
		*v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
		b->address_len = sizeof(*v6);
		snprintf(b->host, sizeof(b->host), "[%s]:%u", host, port);
		return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) && port < 65536 &&
		       (tail[0] == '\0' || tail[0] == '/');
	}
	if (sscanf(url, "http://%63[0-9a-z.]:%u%1s", host, &port, tail) < 1)
		return false;
	if (strcmp(host, "localhost") == 0)
		snprintf(host, sizeof(host), "127.0.0.1");
	*v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	b->address_len = sizeof(*v4);
	snprintf(b->host, sizeof(b->host), "%s:%u", host, port);
	return inet_pton(AF_INET, host, &v4->sin_addr) == 1 && ntohl(v4->sin_addr.s_addr) >> 24 == 127 && port < 65536 &&
	       (tail[0] == '\0' || tail[0] == '/');
}

static bool read_number(const char *name, const char *text, double least, double most, double *out)
{
	char *end;
	if (!text)
		return true;
	double value = strtod(text, &end);
	if (*end == '\0' && value >= least && value <= most) {
		*out = value;
		return true;
	}
	fprintf(stderr, "mynews bench: %s takes a number from %g to %g\n", name, least, most);
	return false;
}

int cmd_bench(int argc, char **argv)
{
	enum { URL, RATE, SECONDS, CONNECTIONS, USERS, PATH, KEY, JSON };
	struct option_value o[] = {{.name = "--url"}, {.name = "--rate"}, {.name = "--seconds"}, {.name = "--connections"},
	                           {.name = "--users"}, {.name = "--path"}, {.name = "--key"},
	                           {.name = "--json", .is_flag = true}, {0}};
	struct bench b = {.path = "/v1/users/{user}/feed?limit=20"};
	double rate = 100, seconds = 10, connections = 50, users = 1000;
	int r = options_parse("bench", argc, argv, o);
	if (r != 0)
		return r;
	if (!read_number("--rate", o[RATE].value, 0.1, 1e6, &rate) ||
	    !read_number("--seconds", o[SECONDS].value, 0.1, 86400, &seconds) ||
	    !read_number("--connections", o[CONNECTIONS].value, 1, 10000, &connections) ||
	    !read_number("--users", o[USERS].value, 1, 1e9, &users))
		return EXIT_USAGE;
	if (!read_url(&b, o[URL].value ? o[URL].value : "http://127.0.0.1:8080")) {
		fputs("mynews bench: --url takes http://127.0.0.1:PORT, this machine only\n", stderr);
		return EXIT_USAGE;
	}
	if (o[PATH].value)
		b.path = o[PATH].value;
	if (b.path[0] != '/' || strpbrk(b.path, " \r\n")) {
		fputs("mynews bench: --path starts with / and has no blanks\n", stderr);
		return EXIT_USAGE;
	}
	b.key = o[KEY].value;
	b.rate = rate;
	b.n_users = (unsigned)users;
	b.n_connections = (unsigned)connections;
	b.n_planned = (size_t)(rate * seconds + 0.5);
	b.epoll = epoll_create1(EPOLL_CLOEXEC);
	b.latency_us = calloc(b.n_planned + 1, sizeof(*b.latency_us));
	b.connections = calloc(b.n_connections, sizeof(*b.connections));
	rng_seed(&b.rng, 1);
	r = b.epoll < 0 ? -errno : !b.latency_us || !b.connections ? -ENOMEM : 0;
	for (unsigned i = 0; b.connections && i < b.n_connections; i++)
		b.connections[i].fd = -1;
	for (unsigned i = 0; r == 0 && i < b.n_connections; i++)
		r = dial(&b, &b.connections[i]);
	if (r == 0) {
		int64_t start = now_ns();
		run(&b);
		double took_s = (double)(now_ns() - start) / 1e9;
		qsort(b.latency_us, b.n_done, sizeof(*b.latency_us), by_size);
		print_results(&b, took_s, o[JSON].value != NULL);
	} else {
		fprintf(stderr, "mynews bench: can't reach %s: %s\n", b.host, strerror(-r));
	}
	for (unsigned i = 0; b.connections && i < b.n_connections; i++) {
		if (b.connections[i].fd >= 0)
			close(b.connections[i].fd);
		buf_free(&b.connections[i].out);
	}
	if (b.epoll >= 0)
		close(b.epoll);
	free(b.connections);
	free(b.latency_us);
	return r == 0 && b.n_done > 0 && b.n_errors == 0 ? EXIT_FINE : EXIT_FAILED;
}
