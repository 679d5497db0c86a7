/* Any text as a model file: what is accepted has finite weights and caps within their bounds. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/rank/columns.h"
#include "engine/rank/rank.h"
#include "models/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model_problem problem;
	struct model *m;
	if (model_parse((struct span){(const char *)data, size}, &rank_model_names, &m, &problem) != 0)
		return 0;
	for (int f = 0; f < N_FEATURES; f++)
		if (!isfinite(m->weights[f]))
			abort();
	for (size_t i = 0; i < m->n_caps; i++)
		if (m->caps[i].most < 1 || m->caps[i].most >= m->caps[i].window)
			abort();
	model_free(m);
	return 0;
}
