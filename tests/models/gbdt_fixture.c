#include "tests/models/gbdt_fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "models/gbdt.h"

#define COLUMNS(X) X(clicks) X(age) X(seen) X(taste) X(words) X(boost)

static const char *const columns[] = {
#define NAME(name) #name,
	COLUMNS(NAME)
};
static const char *const groups[] = {"popularity", "age", "seen", "reader", "words", "editor"};

const char *const gbdt_fixture_inputs[2 * GBDT_FIXTURE_COLUMNS] = {
#define Z(name) "z_" #name,
#define C(name) "c_" #name,
	COLUMNS(Z) COLUMNS(C)
};

const struct model_names gbdt_fixture_names = {.columns = columns, .groups = groups, .n_columns = GBDT_FIXTURE_COLUMNS};

void gbdt_fixture_wrap(struct buf *out, struct span trees)
{
	static const char head[] = "{\"name\":\"trees\",\"version\":\"1\",\"kind\":\"gbdt\",\"weights\":{},\"trees\":";
	struct model *m = NULL;
	struct model_problem problem;
	buf_put_cstr(out, head);
	buf_put_span(out, trees);
	buf_put_char(out, '}');
	int r = model_parse(buf_span(out), &gbdt_fixture_names, &m, &problem);
	if (r != 1 || strcmp(problem.pointer, "/checksum") != 0)
		fail_msg("without a checksum: returned %d, pointer %s, %s", r, problem.pointer, problem.text);
	const char *checksum = strstr(problem.text, "sha256:");
	assert_non_null(checksum);
	out->len--;
	buf_printf(out, ",\"checksum\":\"%s\"}", checksum);
}

struct model *gbdt_fixture_parse(struct span text)
{
	struct model *m = NULL;
	struct model_problem problem = {"", ""};
	int r = model_parse(text, &gbdt_fixture_names, &m, &problem);
	if (r != 0)
		fail_msg("returned %d: %s %s", r, problem.pointer, problem.text);
	return m;
}

static void near(const char *what, double ours, double theirs, double tolerance)
{
	if (!(fabs(ours - theirs) <= tolerance * fmax(1, fabs(theirs))))
		fail_msg("%s: %.9g, XGBoost has %.9g", what, ours, theirs);
}

void gbdt_fixture_check_row(const struct model *m, const float *row, float margin, const float *contributions)
{
	enum { INPUTS = 2 * GBDT_FIXTURE_COLUMNS };
	double columns_sum = 0, parts[GBDT_FIXTURE_COLUMNS], base, score;
	struct model_slate slate = {.n = 1, .n_columns = GBDT_FIXTURE_COLUMNS, .inputs = row};
	double by_input[INPUTS] = {0};
	gbdt_explain(m->gbdt, row, by_input);
	for (size_t i = 0; i < INPUTS; i++)
		near(gbdt_fixture_inputs[i], by_input[i], (double)contributions[i], 1e-5);
	assert_int_equal(model_shortlist_score(m, NULL, &slate, &score), 0);
	near("score", score, (double)margin, 1e-6);
	assert_int_equal(model_shortlist_explain(m, NULL, &slate, 0, 1, parts, &base), 0);
	near("base", base, (double)contributions[INPUTS], 1e-5);
	for (size_t c = 0; c < GBDT_FIXTURE_COLUMNS; c++) {
		near(columns[c], parts[c], (double)contributions[c] + (double)contributions[GBDT_FIXTURE_COLUMNS + c], 1e-5);
		columns_sum += parts[c];
	}
	near("sum of the parts", base + columns_sum, score, 1e-5);
}
