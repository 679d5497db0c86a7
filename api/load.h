/* A load generator for a server on this machine: what `mynews bench` runs.
 *
 * Open loop: requests leave at a fixed rate whether or not earlier ones have been answered, and a latency counts from the
 * moment a request was meant to leave, so a slow server can't hide by slowing the generator ("coordinated omission",
 * Tene 2013). Closed loop: each connection always has its number of requests under way, which finds the most that a
 * server answers and says little about latency. */
#ifndef MYNEWS_API_LOAD_H
#define MYNEWS_API_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum { LOAD_PIPELINE_MAX = 64, LOAD_BATCH_MAX = 1000 };

struct load_config {
	struct sockaddr_storage address;
	socklen_t address_len;
	const char *host; /* for the Host field */
	const char *path; /* of GET requests; {user} stands for a reader, bench-0.. */
	const char *key;  /* NULL: none */
	double rate;      /* requests a second; 0: closed loop */
	double seconds;
	unsigned n_connections, pipeline; /* requests under way on one connection */
	unsigned n_users, n_articles;     /* bench-0.. and bench-a0.. */
	double skew;          /* of the readers asked for: 0 uniform, 1 as Zipf's law */
	double events_share;  /* of requests that are POST /v1/events */
	unsigned batch;       /* events of such a request */
	uint64_t seed;        /* also of the events' ids: another seed, other events */
};

struct load_result {
	uint32_t *latency_us; /* [n_answers] ascending; load_result_free frees */
	uint32_t *late_us;    /* [n_late] ascending: how late requests left though a connection had room (open loop) */
	size_t n_answers, n_late;
	uint64_t n_lost;      /* requests with no answer: the connection broke, or time was out */
	uint64_t n_statuses[6];
	uint64_t n_events;    /* that the server said it accepted */
	uint64_t n_events_other; /* refused or duplicate */
	uint64_t n_bytes;
	double seconds;       /* from the first request to the last answer */
};

/* Runs; ends by itself at the latest ten seconds after config->seconds. Returns 0 or negative errno (no connection). */
int load_run(const struct load_config *config, struct load_result *out) __attribute__((warn_unused_result));
void load_result_free(struct load_result *r);

#endif
