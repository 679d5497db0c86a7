/* What `mynews eval` says at its end: a table for people, one JSON object for programs, a drawing. */
#ifndef MYNEWS_API_EVAL_REPORT_H
#define MYNEWS_API_EVAL_REPORT_H

#include "api/eval_load.h"
#include "api/eval_replay.h"

struct eval_report {
	const struct replay_config *config;
	const struct replay_totals *totals;
	struct span model;     /* its name */
	const char **ablated;  /* [n_ablated] parts left out */
	size_t n_ablated;
	struct eval_rare rare;
	bool per_day;
	double seconds, cpu_s; /* the replay took; of all threads */
};

void eval_print_json(const struct eval_report *r, FILE *out);
void eval_print_table(const struct eval_report *r, FILE *out);
void eval_print_load(const struct eval_load_mark marks[N_EVAL_LOAD_MARKS], bool json, FILE *out);
/* Returns 0, or a negative errno when the file can't be written. */
int eval_write_svg(const struct eval_report *r, const char *path) __attribute__((warn_unused_result));

#endif
