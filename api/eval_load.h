/* A log of clicks through the real engine, for how fast it takes events and what that costs in memory. An article is known by
 * its id alone, from its first click on. Events are handed over in order, a hundred at a time, and nothing waits for one of
 * them; nothing is synced to disk. */
#ifndef MYNEWS_API_EVAL_LOAD_H
#define MYNEWS_API_EVAL_LOAD_H

#include "api/eval_clicks.h"
#include "api/eval_writes.h"

/* How it stands at a moment. */
struct eval_load_mark {
	uint64_t n_events, n_readers, n_articles; /* so far */
	double cpu_s;   /* of the process since the start, all its threads */
	double seconds; /* on the clock */
	uint64_t resident_bytes;  /* all that is resident; of that the store's pages, which the kernel takes back when it likes: */
	uint64_t file_bytes;
	uint64_t store_bytes;     /* on disk */
};

enum { EVAL_LOAD_START, EVAL_LOAD_10, EVAL_LOAD_50, EVAL_LOAD_100, N_EVAL_LOAD_MARKS };
extern const unsigned eval_load_percent[N_EVAL_LOAD_MARKS]; /* 0, 10, 50, 100 */

struct eval_load {
	const char *dir; /* for the engine's directory; the caller removes it */
	const struct engine_model_text *models; /* [n_models]; the first is used, the others are for it to name */
	size_t n_models;
	const struct eval_clicks *clicks;
	/* Called now and then; true stops. */
	bool (*progress)(void *ctx, uint64_t n_events);
	void *ctx;
};

/* Returns 0; 1 with the problem; 2 stopped; negative errno. Each mark is taken when all events before it are visible. */
int eval_load_run(const struct eval_load *load, struct eval_load_mark marks[N_EVAL_LOAD_MARKS],
                  struct engine_problem *problem) __attribute__((warn_unused_result));

#endif
