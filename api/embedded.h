/* Files that the build carries into the program (embed.py). */
#ifndef MYNEWS_API_EMBEDDED_H
#define MYNEWS_API_EMBEDDED_H

#include "engine/engine.h"

extern const struct engine_model_text embedded_models[]; /* the default first */
extern const size_t embedded_n_models;
extern const struct span embedded_openapi;

#endif
