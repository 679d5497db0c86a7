/* What the .c files of this folder share; nobody else includes it. */
#ifndef MYNEWS_API_HTTP_INTERNAL_H
#define MYNEWS_API_HTTP_INTERNAL_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

#include "api/http/http.h"
#include "api/http/parser.h"
#include "api/http/router.h"
#include "engine/base/buf.h"
#include "engine/base/rng.h"

struct worker;
struct z_stream_s;

/* A letter to a worker, embedded in what it is about, so that sending cannot fail. */
struct mail {
	struct mail *next;
	void (*fn)(struct worker *w, struct mail *m); /* runs on the worker, may free m */
};

struct http_query {
	struct span name, value;
};

struct http_exchange {
	struct conn *conn;
	struct http_parser parser;
	const char *head; /* the head's bytes: in conn->in, or in the arena when the body came later */
	struct span body;
	struct router_match match; /* route NULL: none */
	struct http_query *query;  /* [n_query], arena */
	size_t n_query;
	struct span request_id;
	char request_id_bytes[17];
	int64_t now_ms;
	uint64_t start_us; /* monotonic; 0: no exchange is going on */
	void *user;
	bool suspended, replied, compressible, has_etag, head_ok;
	bool close;  /* the connection ends after the reply */
	bool linger; /* ... and input that nobody reads may be under way */
	uint64_t etag;
	unsigned status;
	const char *content_type;
	struct span reply_body;
	struct buf fields; /* the reply's extra header fields, serialised */
	struct mail mail;  /* of http_resume */
	void (*resume_fn)(struct http_exchange *x, void *arg);
	void *resume_arg;
};

enum conn_state {
	CONN_HEAD,     /* waiting for a head; idle when the buffer is empty */
	CONN_BODY,     /* the head is done, the body is not */
	CONN_HANDLING, /* a handler runs or is suspended */
	CONN_WRITING,  /* the socket did not take the whole reply at once */
	CONN_LINGER,   /* all is sent; input is thrown away until the client closes */
};

struct conn {
	struct worker *w;
	struct conn *prev, *next; /* in the worker's list */
	int fd;                   /* -1: the client is gone, a suspended exchange keeps the rest */
	enum conn_state state;
	bool reading;    /* the read event is added */
	bool head_began; /* the deadline of a head is running */
	struct event read_event, write_event, timer;
	uint64_t deadline_ms; /* monotonic; 0: none */
	uint64_t timer_ms;    /* when the timer will fire; 0: not set; never later than the deadline */
	struct buf in;        /* received; [0, in_start) is used up, yet a running exchange may point there */
	size_t in_start;
	size_t body_len; /* CONN_BODY: in[0, body_len) is body, the framing already cut out */
	struct buf out;  /* the reply's head */
	size_t sent, lingered;
	struct arena arena;
	char peer[INET6_ADDRSTRLEN];
	struct mail mail; /* on its way from the acceptor */
	struct http_exchange x;
};

struct worker {
	struct http_server *server;
	unsigned index;
	pthread_t thread;
	bool started;
	struct event_base *base;
	pthread_mutex_t lock; /* of the next three */
	struct mail *mail_first, **mail_last;
	bool mail_closed;
	int wake_fd; /* eventfd */
	struct event wake_event, drain_timer;
	struct mail drain_mail;
	struct conn *conns; /* all that are not freed */
	_Atomic unsigned n_conns; /* handed over and open */
	void *data;               /* the hooks' */
	bool awake, draining, drain_over;
	struct rng rng;
	struct buf decoded; /* room for undoing and doing gzip */
	struct z_stream_s *inflater, *deflater;
	int64_t date_s;
	char date[30]; /* "Sun, 06 Nov 1994 08:49:37 GMT" */
};

struct http_server {
	struct http_config config;
	struct router *router;
	struct worker *workers; /* [config.n_threads] */
	int listen_fd;
	uint16_t port;
	bool started, stopped;
	struct acceptor *acceptor;
	_Atomic unsigned n_conns;
	_Atomic uint64_t accepted, refused, timeouts, bad_requests;
};

/* worker.c */
void worker_wake(struct worker *w); /* the wake hook, once a round */
bool worker_send(struct worker *w, struct mail *m); /* false: the worker has ended */
uint64_t http_monotonic_us(void);
int64_t http_wall_ms(const struct http_server *s);

/* conn.c */
struct conn *conn_new(struct worker *w, int fd, const struct sockaddr_storage *peer); /* NULL: no memory; fd stays */
void conn_adopt(struct worker *w, struct mail *m); /* the mail of a new connection */
void conn_drop(struct mail *m);                     /* a new connection that no worker will adopt */
void conn_drain(struct conn *c);                   /* close it if idle; c may be gone then */
void conn_cut(struct conn *c);                     /* close it now; freed unless suspended */
void conn_free(struct conn *c);                    /* closed already, or never adopted */

/* exchange.c */
void exchange_reset(struct http_exchange *x);
void exchange_take_request_id(struct http_exchange *x);

/* admission.c */
size_t exchange_body_limit(const struct http_exchange *x); /* of the matched route */
/* Answers what the head alone decides: no such path or method, a malformed target, a body that is too large or oddly
 * coded, no permission. true: it was replied to. */
bool exchange_answer_early(struct http_exchange *x);

/* reply.c: the reply's head into conn->out, the body into x->reply_body as it goes out. 0 or -ENOMEM. */
int reply_build(struct http_exchange *x) __attribute__((warn_unused_result));
const char *http_status_text(unsigned status);
size_t http_date(int64_t now_s, char out[30]);

/* gzip.c */
/* Undoes gzip. Returns 0; 1: not gzip; 2: larger than max_bytes; -ENOMEM. *out lives in the arena. */
int gzip_decode(struct worker *w, struct arena *a, struct span in, size_t max_bytes, struct span *out)
	__attribute__((warn_unused_result));
/* Returns 0; 1: it would not get smaller; -ENOMEM. *out lives in the arena. */
int gzip_encode(struct worker *w, struct arena *a, struct span in, struct span *out) __attribute__((warn_unused_result));
void gzip_free(struct worker *w);

#endif
