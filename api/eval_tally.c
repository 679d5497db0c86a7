#include "api/eval_tally.h"

#include <errno.h>
#include <stdlib.h>

const uint64_t eval_history_least[N_EVAL_HISTORIES] = {0, 1, 6, 21};

static const int64_t day_ms = INT64_C(86400) * 1000;

/* Room for one more element. Returns 0 or -ENOMEM. */
static int grow(void **array, size_t n, size_t *capacity, size_t size)
{
	if (n < *capacity)
		return 0;
	size_t wanted = *capacity ? 2 * *capacity : 64;
	void *grown = realloc(*array, wanted * size);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*capacity = wanted;
	return 0;
}

static enum eval_history history_of(uint64_t n_reads)
{
	enum eval_history h = N_EVAL_HISTORIES - 1;
	while (n_reads < eval_history_least[h])
		h--;
	return h;
}

int eval_tally_add(struct eval_tally *t, int64_t at_ms, uint64_t n_reads, const double values[N_EVAL_METRICS])
{
	void *days = t->days, *points = t->points;
	int r = grow(&days, t->n_days, &t->days_capacity, sizeof(*t->days));
	t->days = days;
	if (r == 0)
		r = grow(&points, t->n_points, &t->points_capacity, sizeof(*t->points));
	t->points = points;
	if (r < 0)
		return r;
	int64_t start_ms = at_ms - (at_ms % day_ms + day_ms) % day_ms;
	if (t->n_days == 0 || t->days[t->n_days - 1].start_ms != start_ms)
		t->days[t->n_days++] = (struct eval_day){.start_ms = start_ms};
	for (int m = 0; m < N_EVAL_METRICS; m++) {
		eval_mean_add(&t->means[m], values[m]);
		eval_mean_add(&t->days[t->n_days - 1].means[m], values[m]);
	}
	eval_mean_add(&t->auc_by_history[history_of(n_reads)], values[EVAL_AUC]);
	t->points[t->n_points++] = (struct eval_point){at_ms, values[EVAL_AUC]};
	return 0;
}

void eval_tally_free(struct eval_tally *t)
{
	free(t->days);
	free(t->points);
	*t = (struct eval_tally){0};
}
