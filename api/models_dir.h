/* The rankings a server offers: the built-in ones, or the *.json files of a folder. */
#ifndef MYNEWS_API_MODELS_DIR_H
#define MYNEWS_API_MODELS_DIR_H

#include "engine/base/arena.h"
#include "engine/engine.h"

/* dir: empty for the built-in models. default_name (empty: the first of them) comes first in *out
 * ([*n]), the others by name. All memory is the
 * arena's. Returns 0; 1 with the problem (no such folder, no model of that name, a *.json that is no regular file);
 * -ENOMEM. */
int models_dir_load(struct arena *arena, const char *dir, const char *default_name, const struct engine_model_text **out,
                    size_t *n, struct engine_problem *problem) __attribute__((warn_unused_result));

#endif
