#include "api/eval_metrics.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

const char *const eval_metric_names[N_EVAL_METRICS] = {"auc", "mrr", "ndcg5", "ndcg10"};

struct placed {
	double score;
	uint64_t coin; /* orders equal scores */
	uint32_t at;   /* in the slate */
	bool clicked;
};

static int best_first(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;
	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return x->coin < y->coin ? -1 : x->coin > y->coin;
}

/* The gain of a click is 2^1 - 1 = 1. Places count from 0 here. */
static double discount(size_t place)
{
	return 1 / log2((double)place + 2);
}

static double ndcg(const struct placed *placed, size_t n, size_t n_clicked, size_t k)
{
	double gain = 0, ideal = 0;
	for (size_t i = 0; i < n && i < k; i++)
		gain += placed[i].clicked ? discount(i) : 0;
	for (size_t i = 0; i < n_clicked && i < k; i++)
		ideal += discount(i);
	return gain / ideal;
}

static void measure(const struct placed *placed, size_t n, size_t n_clicked, double out[N_EVAL_METRICS])
{
	size_t passed = 0;
	double pairs = 0, reciprocal = 0;
	for (size_t i = 0; i < n; i++) {
		passed += !placed[i].clicked;
		if (!placed[i].clicked)
			continue;
		pairs += (double)(n - n_clicked - passed);
		reciprocal += 1 / (double)(i + 1);
	}
	out[EVAL_AUC] = pairs / ((double)n_clicked * (double)(n - n_clicked));
	out[EVAL_MRR] = reciprocal / (double)n_clicked;
	out[EVAL_NDCG5] = ndcg(placed, n, n_clicked, 5);
	out[EVAL_NDCG10] = ndcg(placed, n, n_clicked, 10);
}

int eval_slate(struct arena *arena, struct rng *rng, const double *scores, const bool *clicked, size_t n,
               uint32_t *order, double out[N_EVAL_METRICS])
{
	struct placed *placed = arena_calloc(arena, n, sizeof(*placed));
	size_t n_clicked = 0;
	if (!placed)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		placed[i] = (struct placed){isnan(scores[i]) ? -INFINITY : scores[i], rng_u64(rng), (uint32_t)i, clicked[i]};
		n_clicked += clicked[i];
	}
	qsort(placed, n, sizeof(*placed), best_first);
	for (size_t i = 0; order && i < n; i++)
		order[i] = placed[i].at;
	if (n_clicked == 0 || n_clicked == n)
		return n_clicked == 0 ? EVAL_NO_CLICK : EVAL_ALL_CLICKED;
	measure(placed, n, n_clicked, out);
	return EVAL_MEASURED;
}

void eval_mean_add(struct eval_mean *m, double x)
{
	double step = x - m->mean;
	m->n++;
	m->mean += step / (double)m->n;
	m->squares += step * (x - m->mean);
}

double eval_mean_error(const struct eval_mean *m)
{
	return m->n < 2 ? NAN : sqrt(m->squares / (double)(m->n - 1) / (double)m->n);
}

void eval_shuffle(struct rng *rng, bool *labels, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = (size_t)rng_below(rng, i);
		bool other = labels[j];
		labels[j] = labels[i - 1];
		labels[i - 1] = other;
	}
}
