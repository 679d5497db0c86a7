/* A server with handlers for the tests, in the test's own process. */
#ifndef MYNEWS_TESTS_API_HTTP_FIXTURE_H
#define MYNEWS_TESTS_API_HTTP_FIXTURE_H

#include <stdatomic.h>

#include "client.h"

enum { HUGE_BYTES = 16 * 1024 * 1024, BIG_BYTES = 6000 };

struct fixture {
	struct http_server *server;
	uint16_t port;
	struct http_exchange *_Atomic held[4]; /* suspended by GET /hold/{0..3} */
	_Atomic int finished, last_status, wakes, idles, starts, stops, resumed;
};

extern struct fixture fixture;

/* A config whose port is free, with the test's routes and hooks. */
struct http_config fixture_config(void);
void fixture_start(const struct http_config *config);
void fixture_stop(void); /* stops and frees */

/* Waits until the exchange is suspended and takes it. */
struct http_exchange *fixture_take_held(unsigned i);
/* Answers it with "held". */
void fixture_answer(struct http_exchange *x, void *arg);
bool fixture_no_connections(void *arg);

#endif
