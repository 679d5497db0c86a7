/* What a replay's metrics add up to: over all, by day, by how much was known of the reader, and in the order of time. */
#ifndef MYNEWS_API_EVAL_TALLY_H
#define MYNEWS_API_EVAL_TALLY_H

#include "api/eval_metrics.h"
#include "engine/base/buf.h"

struct eval_day {
	int64_t start_ms; /* 00:00 UTC */
	struct eval_mean means[N_EVAL_METRICS];
};

/* By the reader's reads that were known when the slate was scored. */
enum eval_history { EVAL_READS_0, EVAL_READS_1, EVAL_READS_6, EVAL_READS_21, N_EVAL_HISTORIES };
extern const uint64_t eval_history_least[N_EVAL_HISTORIES]; /* reads; the next one's least is beyond its most */

struct eval_point {
	int64_t at_ms;
	double auc;
};

/* Zero-initialise. */
struct eval_tally {
	struct eval_mean means[N_EVAL_METRICS];
	struct eval_mean auc_by_history[N_EVAL_HISTORIES];
	struct eval_day *days;     /* [n_days] ascending, those with a slate */
	struct eval_point *points; /* [n_points] a slate each */
	size_t n_days, n_points;
	size_t days_capacity, points_capacity;
};

/* Slates come in the order of time. Returns 0 or -ENOMEM (nothing is added). */
int eval_tally_add(struct eval_tally *t, int64_t at_ms, uint64_t n_reads, const double values[N_EVAL_METRICS])
	__attribute__((warn_unused_result));
void eval_tally_free(struct eval_tally *t);

/* A drawing of AUC over time as SVG 1.1: a line through the means of runs of consecutive slates, at the mean of their
 * times, a band of one standard error to each side, and the mean over all. With no slate there are axes alone. */
void eval_svg(const struct eval_tally *t, struct span title, struct buf *out);

#endif
