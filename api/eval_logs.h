/* What `mynews eval` and `mynews train` share: logged slates out of files through a replay, in a temporary directory, with
 * progress on a terminal, until a signal stops it. What goes wrong is one line on stderr; the functions then return 1. */
#ifndef MYNEWS_API_EVAL_LOGS_H
#define MYNEWS_API_EVAL_LOGS_H

#include <signal.h>

#include "api/eval_replay.h"

struct eval_logs {
	/* the caller's: */
	const char *command;      /* in front of complaints */
	const char *news_path;    /* may be NULL */
	const char **paths;       /* [n_files] warm-up files, then the behaviours */
	size_t n_files;
	struct replay_config config; /* dir, news and start are set here */
	/* what there is */
	struct arena arena;
	char dir[4096];           /* "": not made */
	struct mind_news *news;
	struct mind_log **logs;   /* [n_files] */
	struct replay *replay;
	uint64_t n_planned;
	int64_t start_ns, end_ns, cpu_ns, drawn_ns; /* cpu_ns: of all threads */
	bool terminal;
};

/* SIGINT, SIGTERM and SIGHUP set eval_stopped from now on. */
extern volatile sig_atomic_t eval_stopped;
void eval_catch_signals(void);

int eval_complain(const char *command, const char *text);
int eval_complain_errno(const char *command, const char *what, int error);

/* A whole number from 0 to max. */
bool eval_parse_number(const char *text, uint64_t max, uint64_t *out);
/* A built-in model by its name (NULL: the default), else a file. */
int eval_find_model(const char *command, const char *name, struct arena *arena, struct engine_model_text *out);

int eval_logs_make_dir(struct eval_logs *l) __attribute__((warn_unused_result));
/* Checks the files and their order. */
int eval_logs_open(struct eval_logs *l) __attribute__((warn_unused_result));
/* Replays all of them; the last one's slates are measured. */
int eval_logs_run(struct eval_logs *l) __attribute__((warn_unused_result));
/* Where it stands, on a terminal: `text` says more. */
void eval_logs_draw(struct eval_logs *l, uint64_t n, const char *of, const char *text, bool end);
void eval_logs_close(struct eval_logs *l);

#endif
