/* A replay's own engine, and writes handed to it without waiting, as many clients at once would. */
#ifndef MYNEWS_API_EVAL_WRITES_H
#define MYNEWS_API_EVAL_WRITES_H

#include <pthread.h>

#include "engine/engine.h"

/* Between checkpoints, in the log's time. That passes thousands of times as fast as a server's: with a server's interval each slate
 * would be followed by a checkpoint. */
enum { EVAL_CHECKPOINT_MS = 3600 * 1000 };

struct eval_writes {
	struct engine *engine;
	struct engine_worker *worker;
	uint64_t n_events;                 /* recorded */
	int64_t waiting_ns, analysing_ns;  /* of the caller's thread */
	struct eval_sent *sent;            /* since the last wait */
	/* shared with the engine's writer: */
	pthread_mutex_t lock;
	pthread_cond_t finished;
	uint64_t n_queued, n_done;
	int failure; /* the first negative errno */
};

/* Opens the engine. Returns 0; 1 with the problem; negative errno. Close it in any case. */
int eval_writes_open(struct eval_writes *w, const struct engine_config *config, int64_t now_ms,
                     struct engine_problem *problem) __attribute__((warn_unused_result));
/* Waits for what is under way, and closes the engine. */
void eval_writes_close(struct eval_writes *w);

/* What is handed over lives in the arena until eval_writes_wait. Each waits only when the engine's queue is full. Returns 0; 1
 * with the problem; negative errno. */
int eval_writes_ingest(struct eval_writes *w, struct arena *arena, const struct article *articles, size_t n,
                       int64_t now_ms, struct engine_problem *problem) __attribute__((warn_unused_result));
int eval_writes_record(struct eval_writes *w, struct arena *arena, const struct event *events, size_t n, int64_t now_ms,
                       struct engine_problem *problem) __attribute__((warn_unused_result));
int eval_writes_tick(struct eval_writes *w, int64_t now_ms) __attribute__((warn_unused_result));

/* Until every write is visible; an event that was refused is a problem. Returns as above. */
int eval_writes_wait(struct eval_writes *w, struct engine_problem *problem) __attribute__((warn_unused_result));

int64_t eval_monotonic_ns(void);
int64_t eval_cpu_ns(void); /* of the process, all its threads */

#endif
