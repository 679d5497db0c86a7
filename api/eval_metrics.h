/* What a ranking of one slate is worth, as MIND's own evaluation defines it (evaluate.py beside the MIND leaderboard;
 * Wu et al. 2020, "MIND: A Large-scale Dataset for News Recommendation"), and means of it with standard errors.
 *
 * A ranking is a strict order there, so articles of one score are put in a random order first. With y_i the label (1
 * clicked, 0 not) of the article at place i of K, best first, and m clicks in all:
 *
 *     AUC      the share of (clicked, not clicked) pairs in which the clicked one stands first
 *     MRR      1/m sum_i y_i / i
 *     nDCG@k   sum_{i <= k} (2^y_i - 1) / log2(i + 1), over the same sum with the clicked ones on top */
#ifndef MYNEWS_API_EVAL_METRICS_H
#define MYNEWS_API_EVAL_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/rng.h"

enum eval_metric { EVAL_AUC, EVAL_MRR, EVAL_NDCG5, EVAL_NDCG10, N_EVAL_METRICS };
extern const char *const eval_metric_names[N_EVAL_METRICS]; /* as --json writes them: "auc" ... */

enum eval_outcome {
	EVAL_MEASURED,
	EVAL_NO_CLICK,   /* nothing to find: no metric is defined */
	EVAL_ALL_CLICKED /* no pair to put in order: AUC is not defined */
};
/* scores, clicked: [n]. Scores of NaN stand last. `arena` is scratch. Returns an eval_outcome, out[N_EVAL_METRICS]
 * only set when measured, order[n] (NULL: not wanted) the places in the slate, best first; or -ENOMEM. */
int eval_slate(struct arena *arena, struct rng *rng, const double *scores, const bool *clicked, size_t n,
               uint32_t *order, double out[N_EVAL_METRICS]) __attribute__((warn_unused_result));

/* Mean and spread of numbers as they come (Welford 1962). Zero-initialise. */
struct eval_mean {
	uint64_t n;
	double mean, squares; /* squares: sum of (x - mean)^2 */
};
void eval_mean_add(struct eval_mean *m, double x);
/* The standard error of the mean, sqrt(sum (x - mean)^2 / (n - 1) / n); NaN below two numbers. */
double eval_mean_error(const struct eval_mean *m);

/* Fisher and Yates. */
void eval_shuffle(struct rng *rng, bool *labels, size_t n);

#endif
