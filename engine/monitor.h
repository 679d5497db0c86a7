/* How well live slates were ranked, by the model that ranked them: exponentially weighted over about the last thousand
 * slates. The writer adds; anyone asks. */
#ifndef MYNEWS_ENGINE_MONITOR_H
#define MYNEWS_ENGINE_MONITOR_H

#include "engine/engine.h"
#include "engine/learn/example.h"

struct monitor;

int monitor_new(struct monitor **out) __attribute__((warn_unused_result));
void monitor_free(struct monitor *m); /* NULL is safe */

/* A closed slate: slots `which` [n] are those that count (pending_counted), n 0 when nothing was chosen. */
void monitor_add(struct monitor *m, const struct example *e, const uint16_t *which, size_t n);
/* Models seen, in the order they were first seen. Returns how many, at most ENGINE_MODELS. */
size_t monitor_read(struct monitor *m, struct engine_model_stats out[ENGINE_MODELS]);

/* Area under the ROC curve of scores against marks: the share of pairs of a marked and an unmarked one in which the marked one
 * scores more, ties half. NaN when either is missing. */
double monitor_auc(const double *scores, const bool *marked, size_t n);

#endif
