/* Ranking models: parse bytes, score rows, free. Pure: no I/O, no clock, no threads. */
#ifndef MYNEWS_MODELS_MODEL_H
#define MYNEWS_MODELS_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/span.h"

enum { MODEL_NAME_BYTES = 64, MODEL_FEATURES_MAX = 64, MODEL_CAPS_MAX = 4 };

enum model_kind { MODEL_LINEAR };

/* "at most `most` of one source (or section) in any `window` consecutive positions" */
struct model_cap {
	int dimension; /* enum model_cap_dimension */
	int most, window;
};
enum model_cap_dimension { MODEL_CAP_SOURCE, MODEL_CAP_SECTION, MODEL_CAP_AUTHOR };

struct model {
	char name[MODEL_NAME_BYTES + 1];
	char version[MODEL_NAME_BYTES + 1];
	enum model_kind kind;
	size_t n_features;
	double weights[MODEL_FEATURES_MAX]; /* [n_features], in the order of the caller's feature names; 0 when absent */
	/* diversity */
	double mmr_lambda; /* 1: relevance alone; 0: novelty alone */
	size_t n_caps;
	struct model_cap caps[MODEL_CAPS_MAX]; /* highest priority first */
	double explore; /* e of SEMANTICS' propensity; 0 logs propensity 1 */
};

struct model_problem {
	char pointer[128]; /* JSON pointer to the field */
	char text[160];
};

/* Parses and checks a model file. feature_names: [n_features] the names weights may have. Returns 0 and a model the
 * caller frees with model_free; 1 with problem filled when the text is not an acceptable model; -ENOMEM. */
int model_parse(struct span json, const char *const *feature_names, size_t n_features, struct model **out,
                struct model_problem *problem) __attribute__((warn_unused_result));
void model_free(struct model *m); /* NULL is safe */

/* w . x over rows[n_rows][n_features] into out[n_rows]. */
void model_score(const struct model *m, const float *rows, size_t n_rows, double *out);

#endif
