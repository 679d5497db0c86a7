/* Any text as a model file: what is accepted has finite weights and caps within their bounds, and trees that score and
 * explain any row with finite numbers that agree. A checksum that is wrong is set right, so that trees are not all lost. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/rank/columns.h"
#include "engine/rank/rank.h"
#include "models/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Parses; where only the checksum is wrong, once more with the right one in its place. */
static int parse(struct span text, struct model **m)
{
	static const char key[] = "\"checksum\":\"";
	struct model_problem problem;
	int r = model_parse(text, &rank_model_names, m, &problem);
	const char *right = r == 1 && strcmp(problem.pointer, "/checksum") == 0 ? strstr(problem.text, "sha256:") : NULL;
	const char *wrong = right ? memmem(text.data, text.len, key, sizeof(key) - 1) : NULL;
	const char *end = wrong ? memchr(wrong + sizeof(key) - 1, '"', (size_t)(text.data + text.len - wrong) - sizeof(key) + 1)
	                        : NULL;
	if (!end)
		return r;
	struct buf fixed = {0};
	buf_put(&fixed, text.data, (size_t)(wrong - text.data));
	buf_put_cstr(&fixed, key);
	buf_put_cstr(&fixed, right);
	buf_put(&fixed, end, (size_t)(text.data + text.len - end));
	r = model_parse(buf_span(&fixed), &rank_model_names, m, &problem);
	buf_free(&fixed);
	return r;
}

static void use_trees(const struct model *m)
{
	float rows[2][2 * N_COLUMNS];
	double scores[2], parts[N_COLUMNS], base;
	for (size_t i = 0; i < 2 * N_COLUMNS; i++) {
		rows[0][i] = 0;
		rows[1][i] = (float)(i % 7) - 3;
	}
	struct model_slate slate = {.n = 2, .n_columns = N_COLUMNS, .inputs = &rows[0][0]};
	if (model_shortlist_score(m, NULL, &slate, scores) != 0)
		abort();
	for (size_t i = 0; i < 2; i++) {
		double sum = 0, size = 1;
		if (model_shortlist_explain(m, NULL, &slate, i, 1, parts, &base) != 0)
			abort();
		for (size_t c = 0; c < N_COLUMNS; c++) {
			sum += parts[c];
			size += fabs(parts[c]);
		}
		if (!isfinite(scores[i]) || !(fabs(base + sum - scores[i]) <= 1e-3 * (size + fabs(base))))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model *m = NULL;
	if (parse((struct span){(const char *)data, size}, &m) != 0)
		return 0;
	for (int f = 0; f < N_FEATURES; f++)
		if (!isfinite(m->weights[f]))
			abort();
	for (size_t i = 0; i < m->n_caps; i++)
		if (m->caps[i].most < 1 || m->caps[i].most >= m->caps[i].window)
			abort();
	if (m->kind == MODEL_GBDT)
		use_trees(m);
	model_free(m);
	return 0;
}
