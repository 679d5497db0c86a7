#include "api/eval_load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BATCH = 100, BATCHES_A_WAIT = 64 };

const unsigned eval_load_percent[N_EVAL_LOAD_MARKS] = {0, 10, 50, 100};

struct run {
	const struct eval_load *load;
	struct eval_writes writes;
	struct arena arena;  /* of what is under way; reset after a wait */
	bool *known_user, *known_article; /* [n_users], [n_articles] */
	uint64_t n_readers, n_articles;
	int64_t start_ns, start_cpu_ns;
	unsigned n_batches; /* since the last wait */
};

/* Bytes of memory that are resident, and of them those of files (proc(5), statm, in pages). 0 where there is no such
 * file. */
static void resident(uint64_t *all, uint64_t *of_files)
{
	char line[128] = "", *at = line;
	uint64_t pages[3]; /* of the address space, resident, of files */
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	FILE *f = fopen("/proc/self/statm", "re");
	if (f && !fgets(line, sizeof(line), f))
		line[0] = '\0';
	if (f)
		fclose(f);
	for (int i = 0; i < 3; i++)
		pages[i] = strtoull(at, &at, 10);
	*all = pages[1] * page;
	*of_files = pages[2] * page;
}

static int wait_for_all(struct run *r, struct engine_problem *problem)
{
	int error = eval_writes_wait(&r->writes, problem);
	if (error == 0)
		arena_reset(&r->arena);
	r->n_batches = 0;
	return error;
}

static void mark(const struct run *r, uint64_t n_events, struct eval_load_mark *out)
{
	struct engine_stats stats;
	engine_stats(r->writes.engine, &stats);
	*out = (struct eval_load_mark){.n_events = n_events, .n_readers = r->n_readers, .n_articles = r->n_articles,
	                               .cpu_s = (double)(eval_cpu_ns() - r->start_cpu_ns) / 1e9,
	                               .seconds = (double)(eval_monotonic_ns() - r->start_ns) / 1e9,
	                               .store_bytes = stats.store_used_bytes};
	resident(&out->resident_bytes, &out->file_bytes);
}

/* clicks[n], all of them with the time of the last as the engine's. */
static int hand_over(struct run *r, const struct eval_click *clicks, size_t n, struct engine_problem *problem)
{
	const struct eval_clicks *all = r->load->clicks;
	struct event *events = arena_calloc(&r->arena, n, sizeof(*events));
	struct article *articles = arena_calloc(&r->arena, n, sizeof(*articles));
	int64_t now_ms = clicks[n - 1].at_ms;
	size_t n_new = 0;
	if (!events || !articles)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct eval_click *c = &clicks[i];
		events[i] = (struct event){.user_id = all->users[c->user], .article_id = all->articles[c->article],
		                           .type = EVENT_CLICK, .at_ms = c->at_ms, .dwell_s = -1, .scroll = -1};
		if (!r->known_article[c->article])
			articles[n_new++] = (struct article){.id = all->articles[c->article], .boost = 1, .published_at_ms = c->at_ms};
		r->n_readers += !r->known_user[c->user];
		r->known_user[c->user] = r->known_article[c->article] = true;
	}
	r->n_articles += n_new;
	int error = n_new ? eval_writes_ingest(&r->writes, &r->arena, articles, n_new, now_ms, problem) : 0;
	if (error == 0)
		error = eval_writes_record(&r->writes, &r->arena, events, n, now_ms, problem);
	if (error == 0 && ++r->n_batches == BATCHES_A_WAIT) {
		error = eval_writes_tick(&r->writes, now_ms);
		if (error == 0)
			error = wait_for_all(r, problem);
	}
	return error;
}

static int replay(struct run *r, struct eval_load_mark marks[N_EVAL_LOAD_MARKS], struct engine_problem *problem)
{
	const struct eval_clicks *all = r->load->clicks;
	int error = 0;
	size_t at = 0;
	mark(r, 0, &marks[EVAL_LOAD_START]);
	for (int m = EVAL_LOAD_10; m < N_EVAL_LOAD_MARKS && error == 0; m++) {
		size_t end = all->n_clicks * eval_load_percent[m] / 100;
		while (at < end && error == 0) {
			size_t n = end - at < BATCH ? end - at : BATCH;
			error = hand_over(r, &all->clicks[at], n, problem);
			at += n;
			if (error == 0 && r->load->progress(r->load->ctx, at))
				error = 2;
		}
		if (error == 0)
			error = wait_for_all(r, problem);
		mark(r, at, &marks[m]);
	}
	return error;
}

int eval_load_run(const struct eval_load *load, struct eval_load_mark marks[N_EVAL_LOAD_MARKS],
                  struct engine_problem *problem)
{
	struct engine_config config = engine_config_default;
	struct run r = {.load = load};
	config.dir = load->dir;
	config.nosync = true;
	config.checkpoint_interval_ms = EVAL_CHECKPOINT_MS;
	config.models = load->models;
	config.n_models = load->n_models;
	r.known_user = calloc(load->clicks->n_users, sizeof(bool));
	r.known_article = calloc(load->clicks->n_articles, sizeof(bool));
	int error = eval_writes_open(&r.writes, &config, load->clicks->clicks[0].at_ms, problem);
	if (error == 0 && (!r.known_user || !r.known_article))
		error = -ENOMEM;
	r.start_ns = eval_monotonic_ns();
	r.start_cpu_ns = eval_cpu_ns();
	if (error == 0)
		error = replay(&r, marks, problem);
	eval_writes_close(&r.writes);
	arena_free(&r.arena);
	free(r.known_user);
	free(r.known_article);
	return error;
}
