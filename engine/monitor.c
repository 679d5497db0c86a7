#include "engine/monitor.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define KEPT 0.999 /* of what there was, with each slate */

struct watched {
	struct engine_model_stats stats;
	double auc, auc_weight, clicks, shows, predicted, observed;
};

struct monitor {
	pthread_mutex_t lock;
	size_t n;
	struct watched models[ENGINE_MODELS];
};

int monitor_new(struct monitor **out)
{
	struct monitor *m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	pthread_mutex_init(&m->lock, NULL);
	*out = m;
	return 0;
}

void monitor_free(struct monitor *m)
{
	if (!m)
		return;
	pthread_mutex_destroy(&m->lock);
	free(m);
}

double monitor_auc(const double *scores, const bool *marked, size_t n)
{
	double won = 0, pairs = 0;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; marked[i] && j < n; j++)
			if (!marked[j]) {
				pairs++;
				won += scores[i] > scores[j] ? 1 : scores[i] < scores[j] ? 0 : 0.5;
			}
	return pairs > 0 ? won / pairs : NAN;
}

static struct watched *find(struct monitor *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->models[i].stats.name, name) == 0)
			return &m->models[i];
	if (m->n == ENGINE_MODELS)
		return NULL;
	struct watched *w = &m->models[m->n++];
	memcpy(w->stats.name, name, strnlen(name, sizeof(w->stats.name) - 1));
	return w;
}

static bool was_chosen(const struct example_slot *s)
{
	return s->events & ~(1u << EVENT_IMPRESSION | 1u << EVENT_DISLIKE | 1u << EVENT_HIDE);
}

/* Slots below the last impression were not seen: click-through is over impressions, as reported. */
static void add_click_through(struct watched *w, const struct example *e)
{
	unsigned n_shown = 0, n_clicked = 0;
	for (size_t i = 0; i < e->n; i++) {
		n_shown += e->slots[i].events >> EVENT_IMPRESSION & 1;
		n_clicked += (e->slots[i].events & (1u << EVENT_IMPRESSION)) && was_chosen(&e->slots[i]);
	}
	w->clicks = w->clicks * KEPT + n_clicked;
	w->shows = w->shows * KEPT + n_shown;
}

/* What softmax promised the highest scored slot, and whether that was chosen. */
static void add_calibration(struct watched *w, const double *scores, const bool *chosen, size_t n)
{
	double total = 0, n_chosen = 0;
	size_t best = 0;
	assert(n > 0);
	for (size_t i = 1; i < n; i++)
		best = scores[i] > scores[best] ? i : best;
	for (size_t i = 0; i < n; i++) {
		total += exp(scores[i] - scores[best]);
		n_chosen += chosen[i];
	}
	w->predicted = w->predicted * KEPT + 1 / total;
	w->observed = w->observed * KEPT + (chosen[best] ? 1 / n_chosen : 0);
}

void monitor_add(struct monitor *m, const struct example *e, const uint16_t *which, size_t n)
{
	double scores[EXAMPLE_SLOTS_MAX];
	bool chosen[EXAMPLE_SLOTS_MAX];
	for (size_t i = 0; i < n; i++) {
		scores[i] = e->slots[which[i]].score;
		chosen[i] = was_chosen(&e->slots[which[i]]);
	}
	double auc = monitor_auc(scores, chosen, n);
	pthread_mutex_lock(&m->lock);
	struct watched *w = find(m, e->model);
	if (w) {
		w->stats.n_slates++;
		add_click_through(w, e);
	}
	if (w && !isnan(auc)) {
		w->stats.n_scored++;
		w->auc = w->auc * KEPT + auc;
		w->auc_weight = w->auc_weight * KEPT + 1;
		if (e->n_columns > 0) /* a linear model's scores promise nothing */
			add_calibration(w, scores, chosen, n);
	}
	pthread_mutex_unlock(&m->lock);
}

size_t monitor_read(struct monitor *m, struct engine_model_stats out[ENGINE_MODELS])
{
	pthread_mutex_lock(&m->lock);
	for (size_t i = 0; i < m->n; i++) {
		const struct watched *w = &m->models[i];
		out[i] = w->stats;
		out[i].auc = w->auc_weight > 0 ? w->auc / w->auc_weight : NAN;
		out[i].click_through = w->shows > 0 ? w->clicks / w->shows : NAN;
		out[i].calibration = w->observed > 0 ? w->predicted / w->observed : NAN;
	}
	size_t n = m->n;
	pthread_mutex_unlock(&m->lock);
	return n;
}
