/* The texts of models around training: the one whose stage two says what is looked at while slates are replayed, and the
 * one that comes of it. */
#ifndef MYNEWS_API_TRAIN_MODEL_H
#define MYNEWS_API_TRAIN_MODEL_H

#include "engine/base/buf.h"
#include "engine/engine.h"

/* Appends a model that has the stage one of `base`, a model's file, and learns over the shortlist, without the groups that
 * base or without[n] leave out. Returns 0; 1 when base is no JSON object; -ENOMEM. */
int train_model_template(struct span base, const char *const *without, size_t n, struct buf *out)
	__attribute__((warn_unused_result));

/* Appends the file of a model of that name with base's stage one, diversity and exploration, and the trees, XGBoost's JSON, as
 * stage two. Its version is the beginning of its checksum. Returns 0; 1 with the problem; -ENOMEM. */
int train_model_result(struct span base, const char *name, const char *about, struct span trees, struct buf *out,
                       struct engine_problem *problem) __attribute__((warn_unused_result));

#endif
