/* Boosted trees beside XGBoost's own predictions and contributions: trees of every depth that fits, grown by each of its
 * methods, pruned or not, with its objectives and with a gradient of ours.
 *
 * "gbdt_peer_test write FOLDER" makes what gbdt_test is held to where XGBoost is not installed: FOLDER/xgboost.json, which
 * gbdt/wrap.py turns into golden.json, and FOLDER/golden.tsv. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <xgboost/c_api.h>

#include "engine/base/buf.h"
#include "engine/base/rng.h"
#include "models/gbdt.h"
#include "models/model.h"
#include "tests/models/gbdt_fixture.h"

enum { N_TRAIN = 1500, N_TEST = 150, N_INPUTS = 2 * GBDT_FIXTURE_COLUMNS };

struct recipe {
	const char *method, *objective, *depth, *gamma, *seed;
	int rounds;
	bool own_gradient;
};

static const struct recipe recipes[] = {
	{"hist", "rank:pairwise", "6", "0", "1", 40, true},
	{"hist", "rank:pairwise", "8", "0", "2", 30, false},
	{"exact", "rank:ndcg", "5", "0", "3", 40, false},
	{"exact", "reg:squarederror", "8", "2", "4", 30, false}, /* prunes: nodes of no path */
	{"approx", "reg:squarederror", "3", "0", "5", 60, false},
	{"hist", "reg:squarederror", "1", "0", "6", 20, false},
	{"hist", "reg:squarederror", "6", "1000000", "7", 3, false}, /* single leaves */
};

static void must(int status)
{
	if (status != 0)
		fail_msg("XGBoost: %s", XGBGetLastError());
}

/* Rows between -4 and 4, some of their values whole so that rows fall on the numbers that splits compare with. */
static void fill(struct rng *rng, float *rows, size_t n)
{
	for (size_t i = 0; i < n * N_INPUTS; i++) {
		double x = (double)rng_below(rng, 80000) / 10000 - 4;
		rows[i] = (float)(rng_below(rng, 3) == 0 ? floor(x) : x);
	}
}

static float target(const float *x)
{
	return x[0] * x[1] + 2 * sinf(2 * x[2]) + (x[3] > 0 ? x[4] : -x[5]) + 0.2f * x[N_INPUTS - 1];
}

static BoosterHandle grow(const struct recipe *recipe, const float *rows)
{
	static float labels[N_TRAIN], gradient[N_TRAIN], hessian[N_TRAIN];
	unsigned groups[N_TRAIN / 10];
	DMatrixHandle train;
	BoosterHandle booster;
	for (size_t i = 0; i < N_TRAIN; i++) {
		float y = target(rows + i * N_INPUTS);
		labels[i] = recipe->objective[1] == 'a' ? (float)(y > 2) : y;
		hessian[i] = 0.01f + 0.1f * (float)(i % 7);
	}
	for (size_t i = 0; i < N_TRAIN / 10; i++)
		groups[i] = 10;
	must(XGDMatrixCreateFromMat(rows, N_TRAIN, N_INPUTS, NAN, &train));
	must(XGDMatrixSetFloatInfo(train, "label", labels, N_TRAIN));
	must(XGDMatrixSetUIntInfo(train, "group", groups, N_TRAIN / 10));
	must(XGBoosterCreate(&train, 1, &booster));
	const char *const parameters[][2] = {
		{"tree_method", recipe->method}, {"objective", recipe->objective}, {"max_depth", recipe->depth},
		{"gamma", recipe->gamma}, {"seed", recipe->seed}, {"eta", "0.2"}, {"nthread", "1"}, {"verbosity", "0"}};
	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++)
		must(XGBoosterSetParam(booster, parameters[i][0], parameters[i][1]));
	for (int i = 0; i < recipe->rounds; i++) {
		bst_ulong n;
		const float *margin;
		if (!recipe->own_gradient) {
			must(XGBoosterUpdateOneIter(booster, i, train));
			continue;
		}
		must(XGBoosterPredict(booster, train, 1, 0, 1, &n, &margin));
		for (size_t k = 0; k < N_TRAIN; k++)
			gradient[k] = (margin[k] - labels[k]) * hessian[k];
		must(XGBoosterBoostOneIter(booster, train, gradient, hessian, N_TRAIN));
	}
	const char *names[N_INPUTS];
	for (size_t i = 0; i < N_INPUTS; i++)
		names[i] = gbdt_fixture_inputs[i];
	must(XGBoosterSetStrFeatureInfo(booster, "feature_name", names, N_INPUTS));
	must(XGDMatrixFree(train));
	return booster;
}

/* What XGBoost says of rows[N_TEST]. */
static void predict(BoosterHandle booster, const float *rows, float margins[N_TEST],
                    float contributions[N_TEST][N_INPUTS + 1])
{
	DMatrixHandle test;
	bst_ulong n;
	const float *out;
	must(XGDMatrixCreateFromMat(rows, N_TEST, N_INPUTS, NAN, &test));
	must(XGBoosterPredict(booster, test, 1, 0, 0, &n, &out));
	assert_int_equal(n, N_TEST);
	memcpy(margins, out, N_TEST * sizeof(*margins));
	must(XGBoosterPredict(booster, test, 4, 0, 0, &n, &out));
	assert_int_equal(n, N_TEST * (N_INPUTS + 1));
	memcpy(contributions, out, N_TEST * sizeof(*contributions));
	must(XGDMatrixFree(test));
}

static struct span save(BoosterHandle booster)
{
	const char *text;
	bst_ulong len;
	must(XGBoosterSaveModelToBuffer(booster, "{\"format\":\"json\"}", &len, &text));
	return (struct span){text, len};
}

static float train_rows[N_TRAIN * N_INPUTS], test_rows[N_TEST * N_INPUTS], margins[N_TEST],
	contributions[N_TEST][N_INPUTS + 1];

static void test_recipe(const struct recipe *recipe)
{
	struct rng rng;
	struct buf text = {0};
	rng_seed(&rng, strtoull(recipe->seed, NULL, 10));
	fill(&rng, train_rows, N_TRAIN);
	fill(&rng, test_rows, N_TEST);
	BoosterHandle booster = grow(recipe, train_rows);
	gbdt_fixture_wrap(&text, save(booster));
	struct model *m = gbdt_fixture_parse(buf_span(&text));
	predict(booster, test_rows, margins, contributions);
	for (size_t i = 0; i < N_TEST; i++)
		gbdt_fixture_check_row(m, test_rows + i * N_INPUTS, margins[i], contributions[i]);
	model_free(m);
	buf_free(&text);
	must(XGBoosterFree(booster));
}

static void test_all(void **state)
{
	for (size_t i = 0; i < sizeof(recipes) / sizeof(recipes[0]); i++)
		test_recipe(&recipes[i]);
}

static int write_golden(const char *folder)
{
	static const struct recipe small = {"hist", "rank:pairwise", "4", "0", "11", 12, true};
	struct rng rng;
	char path[4096];
	rng_seed(&rng, 11);
	fill(&rng, train_rows, N_TRAIN);
	fill(&rng, test_rows, N_TEST);
	BoosterHandle booster = grow(&small, train_rows);
	predict(booster, test_rows, margins, contributions);
	struct span text = save(booster);
	snprintf(path, sizeof(path), "%s/xgboost.json", folder);
	FILE *file = fopen(path, "we");
	int failed = !file || fwrite(text.data, 1, text.len, file) != text.len;
	failed |= file && fclose(file) != 0;
	snprintf(path, sizeof(path), "%s/golden.tsv", folder);
	file = fopen(path, "we");
	for (size_t i = 0; file && i < GBDT_FIXTURE_ROWS; i++) {
		for (size_t k = 0; k < N_INPUTS; k++)
			fprintf(file, "%.9g\t", (double)test_rows[i * N_INPUTS + k]);
		fprintf(file, "%.9g", (double)margins[i]);
		for (size_t k = 0; k <= N_INPUTS; k++)
			fprintf(file, "\t%.9g", (double)contributions[i][k]);
		fputc('\n', file);
	}
	failed |= !file || fclose(file) != 0;
	XGBoosterFree(booster);
	return failed;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};
	if (argc == 3 && strcmp(argv[1], "write") == 0)
		return write_golden(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
