/* Boosted trees: XGBoost's numbers for a stored model (gbdt/: made once by gbdt_peer_test), random trees beside a walk down
 * each and beside Shapley values from their definition, and what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/rng.h"
#include "models/gbdt.h"
#include "tests/models/gbdt_fixture.h"

enum { INPUTS = 2 * GBDT_FIXTURE_COLUMNS };

/* ---- XGBoost's own numbers ---- */

static struct buf read_file(const char *name)
{
	struct buf out = {0};
	char path[4096], part[4096];
	size_t n;
	snprintf(path, sizeof(path), "%s/%s", GOLDEN_DIR, name);
	FILE *file = fopen(path, "re");
	if (!file)
		fail_msg("%s can't be read", path);
	while ((n = fread(part, 1, sizeof(part), file)) > 0)
		buf_put(&out, part, n);
	fclose(file);
	buf_put_char(&out, '\0');
	assert_false(out.failed);
	out.len--;
	return out;
}

static void test_golden(void **state)
{
	struct buf json = read_file("golden.json"), rows = read_file("golden.tsv");
	struct model *m = gbdt_fixture_parse(buf_span(&json));
	char *at = rows.data;
	size_t n = 0;
	assert_int_equal(m->kind, MODEL_GBDT);
	assert_true(model_has_shortlist(m));
	assert_false(model_learns(m));
	assert_int_equal(model_n_params(m), 0);
	for (; *at; n++) {
		float values[INPUTS + 1 + INPUTS + 1];
		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
			values[i] = strtof(at, &at);
		assert_int_equal(*at++, '\n');
		gbdt_fixture_check_row(m, values, values[INPUTS], values + INPUTS + 1);
	}
	assert_int_equal(n, GBDT_FIXTURE_ROWS);
	model_free(m);
	buf_free(&json);
	buf_free(&rows);
}

/* ---- random trees ---- */

struct node {
	int below, above, input;
	float at, cover;
};
struct tree {
	struct node nodes[GBDT_NODES_MAX + 2];
	int n;
};

static void put_array(struct buf *b, const struct tree *t, const char *key, size_t which)
{
	buf_printf(b, ",\"%s\":[", key);
	for (int i = 0; i < t->n; i++) {
		const struct node *x = &t->nodes[i];
		const int whole[] = {x->below, x->above, x->input};
		const float real[] = {x->at, x->cover};
		if (i)
			buf_put_char(b, ',');
		if (which < 3)
			buf_printf(b, "%d", whole[which]);
		else
			buf_printf(b, "%.9g", (double)real[which - 3]);
	}
	buf_put_char(b, ']');
}

/* XGBoost's JSON of trees[n], with what it must have. */
static void put_trees(struct buf *b, const struct tree *trees, size_t n)
{
	static const char *const keys[] = {"left_children", "right_children", "split_indices", "split_conditions",
	                                   "sum_hessian"};
	buf_put_cstr(b, "{\"learner\":{\"feature_names\":[");
	for (size_t i = 0; i < INPUTS; i++)
		buf_printf(b, "%s\"%s\"", i ? "," : "", gbdt_fixture_inputs[i]);
	buf_printf(b, "],\"learner_model_param\":{\"base_score\":\"2.5E-1\",\"num_class\":\"0\",\"num_feature\":\"%d\"},"
	           "\"objective\":{\"name\":\"rank:pairwise\"},\"gradient_booster\":{\"name\":\"gbtree\",\"model\":{\"trees\":[",
	           INPUTS);
	for (size_t t = 0; t < n; t++) {
		buf_printf(b, "%s{\"id\":%zu", t ? "," : "", t);
		for (size_t k = 0; k < 5; k++)
			put_array(b, &trees[t], keys[k], k);
		buf_put_char(b, '}');
	}
	buf_put_cstr(b, "]}}}}");
}

static struct model *make_model(const struct tree *trees, size_t n)
{
	struct buf json = {0}, file = {0};
	put_trees(&json, trees, n);
	gbdt_fixture_wrap(&file, buf_span(&json));
	struct model *m = gbdt_fixture_parse(buf_span(&file));
	buf_free(&json);
	buf_free(&file);
	return m;
}

/* Splits leaves at random. Numbers come from few, so that paths ask for one input twice, and for what can't be. */
static void grow(struct rng *rng, struct tree *t, unsigned n_splits, int depth_max)
{
	int depth[GBDT_NODES_MAX + 2] = {0};
	t->nodes[0] = (struct node){-1, -1, 0, 0, 64};
	t->n = 1;
	for (unsigned k = 0; k < n_splits && t->n + 2 <= GBDT_NODES_MAX; k++) {
		int i = (int)rng_below(rng, (uint64_t)t->n);
		struct node *x = &t->nodes[i];
		if (x->below >= 0 || depth[i] == depth_max)
			continue;
		float part = (float)(1 + rng_below(rng, 9)) / 10;
		*x = (struct node){t->n, t->n + 1, (int)rng_below(rng, INPUTS), (float)rng_below(rng, 9) / 2 - 2, x->cover};
		t->nodes[t->n] = (struct node){-1, -1, 0, 0, x->cover * part};
		t->nodes[t->n + 1] = (struct node){-1, -1, 0, 0, x->cover * (1 - part)};
		depth[t->n] = depth[t->n + 1] = depth[i] + 1;
		t->n += 2;
	}
	for (int i = 0; i < t->n; i++)
		if (t->nodes[i].below < 0)
			t->nodes[i].at = (float)rng_below(rng, 2001) / 1000 - 1;
}

static float walk_down(const struct tree *t, const float *row)
{
	int i = 0;
	while (t->nodes[i].below >= 0)
		i = row[t->nodes[i].input] < t->nodes[i].at ? t->nodes[i].below : t->nodes[i].above;
	return t->nodes[i].at;
}

static void random_rows(struct rng *rng, float *rows, size_t n)
{
	for (size_t i = 0; i < n * INPUTS; i++)
		rows[i] = (float)rng_below(rng, 25) / 4 - 3;
}

static void check_scores(const struct model *m, const struct tree *trees, size_t n_trees, const float *rows, size_t n)
{
	double *scores = calloc(n + 1, sizeof(*scores));
	assert_non_null(scores);
	scores[n] = 77; /* stays */
	gbdt_score(m->gbdt, rows, INPUTS, n, scores);
	for (size_t i = 0; i < n; i++) {
		float sum = 0.25f;
		for (size_t t = 0; t < n_trees; t++)
			sum += walk_down(&trees[t], rows + i * INPUTS);
		if (scores[i] != (double)sum)
			fail_msg("row %zu of %zu: %.9g, walked %.9g", i, n, scores[i], (double)sum);
	}
	assert_true(scores[n] == 77);
	free(scores);
}

static void test_scores(void **state)
{
	enum { TREES = 20, ROWS = 200 };
	static const size_t counts[] = {0, 1, 2, 63, 64, 65, 128, ROWS};
	static struct tree trees[TREES];
	static float rows[ROWS * INPUTS];
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct rng rng;
		rng_seed(&rng, seed);
		size_t n_trees = 1 + (size_t)rng_below(&rng, TREES);
		for (size_t t = 0; t < n_trees; t++)
			grow(&rng, &trees[t], (unsigned)rng_below(&rng, 300), 1 + (int)rng_below(&rng, GBDT_DEPTH_MAX));
		struct model *m = make_model(trees, n_trees);
		random_rows(&rng, rows, ROWS);
		for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
			check_scores(m, trees, n_trees, rows, counts[i]);
		model_free(m);
	}
}

/* ---- explanations ---- */

/* A tree's mean over the training rows with the inputs in `known` set: algorithm 1 of Lundberg and others 2020. A node's
 * children stand behind it. */
static double mean_given(const struct tree *t, const float *row, unsigned known)
{
	double value[GBDT_NODES_MAX + 2];
	value[0] = 0;
	for (int i = t->n - 1; i >= 0; i--) {
		const struct node *x = &t->nodes[i];
		if (x->below < 0)
			value[i] = (double)x->at;
		else if (known >> x->input & 1)
			value[i] = value[row[x->input] < x->at ? x->below : x->above];
		else
			value[i] = (value[x->below] * (double)t->nodes[x->below].cover +
			            value[x->above] * (double)t->nodes[x->above].cover) / (double)x->cover;
	}
	return value[0];
}

/* Shapley's formula over all sets of inputs. */
static void shapley(const struct tree *t, const float *row, double out[INPUTS])
{
	static double value[1 << INPUTS];
	double weight[INPUTS]; /* |S|! (n - |S| - 1)! / n! */
	weight[0] = 1.0 / INPUTS;
	for (int s = 1; s < INPUTS; s++)
		weight[s] = weight[s - 1] * s / (INPUTS - s);
	for (unsigned known = 0; known < 1u << INPUTS; known++)
		value[known] = mean_given(t, row, known);
	for (unsigned known = 0; known < 1u << INPUTS; known++)
		for (int i = 0; i < INPUTS; i++)
			if (!(known >> i & 1))
				out[i] += weight[__builtin_popcount(known)] * (value[known | 1u << i] - value[known]);
}

static void test_explanations(void **state)
{
	enum { TREES = 3 };
	static struct tree trees[TREES];
	for (uint64_t seed = 1; seed <= 8; seed++) {
		struct rng rng;
		float row[INPUTS];
		double expected[INPUTS] = {0}, mean = 0.25;
		rng_seed(&rng, seed);
		for (int t = 0; t < TREES; t++)
			grow(&rng, &trees[t], 40, (int)seed);
		random_rows(&rng, row, 1);
		for (int t = 0; t < TREES; t++) {
			shapley(&trees[t], row, expected);
			mean += mean_given(&trees[t], row, 0);
		}
		struct model *m = make_model(trees, TREES);
		assert_true(fabs(m->gbdt->expected - mean) < 1e-6);
		double parts[INPUTS] = {0};
		gbdt_explain(m->gbdt, row, parts);
		for (int i = 0; i < INPUTS; i++)
			if (!(fabs(parts[i] - expected[i]) < 2e-6))
				fail_msg("seed %d, input %d: %.9g, by definition %.9g", (int)seed, i, parts[i], expected[i]);
		model_free(m);
	}
}

/* Leaves 1 and 4 behind one split, a quarter of the training rows below it: the mean is 3.25, so the input explains 1 -
 * 3.25 or 4 - 3.25, and all others nothing. A tree that is one leaf explains nothing and raises the mean. */
static void test_stump(void **state)
{
	static const struct tree trees[] = {{.n = 3, .nodes = {{1, 2, 1, 0.5f, 8}, {-1, -1, 0, 1, 2}, {-1, -1, 0, 4, 6}}},
	                                    {.n = 1, .nodes = {{-1, -1, 0, -2, 8}}}};
	struct model *m = make_model(trees, 2);
	const float rows[2][INPUTS] = {{0, 0.25f}, {0, 0.5f}};
	struct model_slate slate = {.n = 2, .n_columns = GBDT_FIXTURE_COLUMNS, .inputs = &rows[0][0]};
	double scores[2], parts[GBDT_FIXTURE_COLUMNS], base;
	assert_int_equal(model_shortlist_score(m, NULL, &slate, scores), 0);
	assert_true(scores[0] == 0.25 + 1 - 2 && scores[1] == 0.25 + 4 - 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(model_shortlist_explain(m, NULL, &slate, i, 1, parts, &base), 0);
		assert_true(fabs(base - (0.25 + 3.25 - 2)) < 1e-6);
		for (size_t c = 0; c < GBDT_FIXTURE_COLUMNS; c++)
			assert_true(fabs(parts[c] - (c != 1 ? 0 : i == 0 ? -2.25 : 0.75)) < 1e-6);
	}
	model_free(m);
}

/* ---- what is refused ---- */

#define NAMES "\"feature_names\":[\"z_age\",\"c_age\"]"
#define PARAM "\"learner_model_param\":{\"base_score\":\"0\",\"num_class\":\"0\",\"num_feature\":\"2\"}"
#define CHILDREN "\"left_children\":[1,-1,3,-1,-1],\"right_children\":[2,-1,4,-1,-1]"
#define INDICES "\"split_indices\":[0,0,1,0,0]"
#define CONDITIONS "\"split_conditions\":[0.5,1,-0.5,2,3]"
#define HESSIAN "\"sum_hessian\":[4,1,3,2,1]"
#define OBJECTIVE "\"objective\":{\"name\":\"rank:pairwise\"}"
static const char tiny[] = "{\"learner\":{" NAMES "," PARAM "," OBJECTIVE ",\"gradient_booster\":{\"name\":\"gbtree\","
	"\"model\":{\"tree_info\":[0],\"trees\":[{" CHILDREN "," INDICES "," CONDITIONS "," HESSIAN "}]}}}}";

/* The file around `tiny` once `from` has become `to` in it. */
static void put_changed(struct buf *file, const char *from, const char *to)
{
	struct buf json = {0};
	buf_put_cstr(&json, "{\"name\":\"t\",\"version\":\"1\",\"kind\":\"gbdt\",\"weights\":{},\"trees\":");
	buf_put_cstr(&json, tiny);
	/* the digest of `tiny` by Python's hashlib and struct */
	buf_put_cstr(&json, ",\"checksum\":\"sha256:70a57d42abd9802fc9d03c555e2d7035bfb38339fccf6bb7aed25c0c800a114d\"}");
	buf_put_char(&json, '\0');
	const char *at = json.failed ? NULL : strstr(json.data, from);
	if (!at) {
		fail_msg("%s is not in the file", from);
		return;
	}
	buf_put(file, json.data, (size_t)(at - json.data));
	buf_put_cstr(file, to);
	buf_put_cstr(file, at + strlen(from));
	buf_free(&json);
}

static int parse_changed(const char *from, const char *to, struct model **m, struct model_problem *problem)
{
	struct buf file = {0};
	put_changed(&file, from, to);
	int r = model_parse(buf_span(&file), &gbdt_fixture_names, m, problem);
	buf_free(&file);
	return r;
}

#define TREE "/trees/learner/gradient_booster/model/trees/0"
static const struct {
	const char *from, *to, *pointer;
} bad[] = {
	{"sha256:", "sha1:", "/checksum"},
	{"\"checksum\":\"sha256:70a57d42abd9802fc9d03c555e2d7035bfb38339fccf6bb7aed25c0c800a114d\"", "\"about\":\"\"", "/checksum"},
	{"[0.5,1,-0.5,2,3]", "[0.5,1,-0.5,2,4]", "/checksum"},
	{"[0.5,1,-0.5,2,3]", "[0.5000001,1,-0.5,2,3]", "/checksum"},
	{HESSIAN, "\"sum_hessian\":[4,1,3,1,1]", "/checksum"},
	{"\"z_age\",\"c_age\"", "\"z_age\",\"c_seen\"", "/checksum"},
	{"\"base_score\":\"0\"", "\"base_score\":\"1E-1\"", "/checksum"},
	{"\"kind\":\"gbdt\"", "\"kind\":\"online\"", "/trees"},
	{"\"trees\":{", "\"shortlist\":{\"without\":[\"age\"]},\"trees\":{", "/trees/learner/feature_names/0"},
	{"\"trees\":{", "\"shortlist\":{\"prior\":{\"age\":1}},\"trees\":{", "/shortlist/prior"},
	{"\"trees\":{", "\"learn\":{\"rate\":1},\"trees\":{", "/learn/rate"},
	{"\"trees\":{", "\"members\":[],\"trees\":{", "/members"},
	{"\"learner\":", "\"teacher\":", "/trees/learner/gradient_booster/name"},
	{"\"gbtree\"", "\"dart\"", "/trees/learner/gradient_booster/name"},
	{"\"feature_names\":[", "\"names\":[", "/trees/learner/feature_names"},
	{NAMES, "\"feature_names\":[]", "/trees/learner/feature_names"},
	{NAMES, "\"feature_names\":{\"z_age\":1}", "/trees/learner/feature_names"},
	{"\"c_age\"", "\"c_agee\"", "/trees/learner/feature_names/1"},
	{"\"c_age\"", "\"age\"", "/trees/learner/feature_names/1"},
	{"\"c_age\"", "\"c_\"", "/trees/learner/feature_names/1"},
	{"\"c_age\"", "\"\"", "/trees/learner/feature_names/1"},
	{"\"c_age\"", "\"z_age\"", "/trees/learner/feature_names/1"},
	{"\"c_age\"", "7", "/trees/learner/feature_names/1"},
	{"\"c_age\"", "\"c_age\",\"z_seen\"", "/trees/learner/learner_model_param/num_feature"},
	{"\"num_feature\":\"2\"", "\"num_feature\":2", "/trees/learner/learner_model_param/num_feature"},
	{"\"base_score\":\"0\"", "\"base_score\":\"nan\"", "/trees/learner/learner_model_param/base_score"},
	{"\"base_score\":\"0\"", "\"base_score\":\"1e4\"", "/trees/learner/learner_model_param/base_score"},
	{"\"base_score\":\"0\"", "\"base_score\":\"0x\"", "/trees/learner/learner_model_param/base_score"},
	{"\"base_score\":\"0\"", "\"base_score\":\"\"", "/trees/learner/learner_model_param/base_score"},
	{"\"base_score\":\"0\",", "", "/trees/learner/learner_model_param/base_score"},
	{"\"num_class\":\"0\"", "\"num_class\":\"3\"", "/trees/learner/learner_model_param/num_class"},
	{"\"num_class\":\"0\"", "\"num_class\":\"0\",\"num_target\":\"2\"", "/trees/learner/learner_model_param/num_target"},
	{"\"rank:pairwise\"", "\"binary:logistic\"", "/trees/learner/objective/name"},
	{OBJECTIVE, "\"objective\":3", "/trees/learner/objective/name"},
	{"\"tree_info\":[0]", "\"tree_info\":[1]", "/trees/learner/gradient_booster/model/tree_info"},
	{"\"trees\":[{", "\"trees\":[],\"tree\":[{", "/trees/learner/gradient_booster/model/trees"},
	{"\"trees\":[{", "\"tree\":[{", "/trees/learner/gradient_booster/model/trees"},
	{"\"trees\":[{", "\"trees\":[0,{", "/trees/learner/gradient_booster/model/trees/0/left_children"},
	{CHILDREN, "\"left_children\":[],\"right_children\":[]", TREE "/left_children"},
	{"\"right_children\":[2,-1,4,-1,-1]", "\"right_children\":[2,-1,4,-1]", TREE "/right_children"},
	{"\"right_children\":[2,-1,4,-1,-1]", "\"right_children\":[2,-1,5,-1,-1]", TREE "/right_children/2"},
	{"\"right_children\":[2,-1,4,-1,-1]", "\"right_children\":[2,-1,-2,-1,-1]", TREE "/right_children/2"},
	{"\"right_children\":[2,-1,4,-1,-1]", "\"right_children\":[2,-1,4.0,-1,-1]", TREE "/right_children/2"},
	{"\"right_children\":[2,-1,4,-1,-1]", "\"right_children\":[2,-1,-1,-1,-1]", TREE "/right_children/2"},
	{"\"right_children\":[2,-1,4,-1,-1]", "\"right_children\":[2,4,4,-1,-1]", TREE "/right_children/1"},
	{"[2,-1,4,-1,-1]," INDICES "," CONDITIONS "," HESSIAN,
	 "[2,-1,0,-1,-1]," INDICES "," CONDITIONS ",\"sum_hessian\":[4,1,4,2,1]", TREE}, /* a loop */
	{"\"right_children\":[2,-1,4,-1,-1]", "\"right_children\":[2,-1,3,-1,-1]", TREE}, /* two parents */
	{CHILDREN, "\"left_children\":[3,-1,-1,-1,-1],\"right_children\":[4,-1,-1,-1,-1]", TREE}, /* orphans */
	{INDICES, "\"split_indices\":[0,0,2,0,0]", TREE "/split_indices/2"},
	{INDICES, "\"split_indices\":[0,0,-1,0,0]", TREE "/split_indices/2"},
	{CONDITIONS, "\"split_conditions\":[0.5,1,1e39,2,3]", TREE "/split_conditions/2"},
	{CONDITIONS, "\"split_conditions\":[0.5,1,\"0\",2,3]", TREE "/split_conditions/2"},
	{CONDITIONS, "\"split_conditions\":[0.5,1,-0.5,1001,3]", TREE "/split_conditions/3"},
	{CONDITIONS ",", "", TREE "/split_conditions"},
	{HESSIAN, "\"sum_hessian\":[4,1,0,2,1]", TREE "/sum_hessian/2"},
	{HESSIAN, "\"sum_hessian\":[4,1,3,2,-1]", TREE "/sum_hessian/4"},
	{HESSIAN, "\"sum_hessian\":[2,1,3,2,1]", TREE "/sum_hessian/0"},
	{HESSIAN, "\"sum_hessian\":7", TREE "/sum_hessian"},
	{HESSIAN, HESSIAN ",\"split_type\":[1,0,0,0,0]", TREE "/split_type"},
	{HESSIAN, HESSIAN ",\"categories_nodes\":[0]", TREE "/categories_nodes"},
	{HESSIAN, HESSIAN ",\"tree_param\":{\"num_deleted\":\"2\"}", TREE},
	{HESSIAN, HESSIAN ",\"tree_param\":{\"num_deleted\":\"5\"}", TREE "/tree_param/num_deleted"},
};

static void test_bad(void **state)
{
	struct model *m = NULL;
	struct model_problem problem = {"", ""};
	if (parse_changed("\"t\"", "\"u\"", &m, &problem) != 0) /* what the checksum does not cover */
		fail_msg("%s %s", problem.pointer, problem.text);
	assert_true(m->columns[1] && !m->columns[0] && !m->columns[2]);
	model_free(m);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		m = NULL;
		problem = (struct model_problem){"unset", ""};
		int r = parse_changed(bad[i].from, bad[i].to, &m, &problem);
		if (r != 1 || m || strcmp(problem.pointer, bad[i].pointer) != 0 || !problem.text[0])
			fail_msg("%s: returned %d, pointer \"%s\" for \"%s\", text \"%s\"", bad[i].to, r, problem.pointer,
			         bad[i].pointer, problem.text);
	}
}

/* The checksum of trees alone, by Python again; and what is not trees. */
static void test_checksum(void **state)
{
	char checksum[MODEL_CHECKSUM_BYTES + 1];
	struct model_problem problem;
	assert_int_equal(model_trees_checksum(span_of(tiny), &gbdt_fixture_names, checksum, &problem), 0);
	assert_string_equal(checksum, "sha256:70a57d42abd9802fc9d03c555e2d7035bfb38339fccf6bb7aed25c0c800a114d");
	assert_int_equal(model_trees_checksum(SPAN("{\"learner\":"), &gbdt_fixture_names, checksum, &problem), 1);
	assert_string_equal(problem.pointer, "/trees");
	assert_int_equal(model_trees_checksum(SPAN("{\"learner\":{}}"), &gbdt_fixture_names, checksum, &problem), 1);
	assert_string_equal(problem.pointer, "/trees/learner/gradient_booster/name");
}

/* ---- limits ---- */

static void refused(const struct tree *trees, size_t n, const char *pointer)
{
	struct buf file = {0};
	struct model *m = NULL;
	struct model_problem problem = {"", ""};
	buf_put_cstr(&file, "{\"name\":\"t\",\"version\":\"1\",\"kind\":\"gbdt\",\"weights\":{},\"trees\":");
	put_trees(&file, trees, n);
	buf_put_char(&file, '}');
	assert_int_equal(model_parse(buf_span(&file), &gbdt_fixture_names, &m, &problem), 1);
	assert_string_equal(problem.pointer, pointer);
	buf_free(&file);
}

/* Every node to `depth`. */
static void fill_complete(struct tree *t, int depth)
{
	t->n = (2 << depth) - 1;
	for (int i = 0; i < t->n; i++)
		t->nodes[i] = i < t->n / 2 ? (struct node){2 * i + 1, 2 * i + 2, i % INPUTS, (float)(i % 5) - 2, 100}
		                           : (struct node){-1, -1, 0, (float)i / 256, 50};
}

static void test_limits(void **state)
{
	enum { MANY = GBDT_TREES_MAX + 1 };
	struct tree *trees = calloc(MANY, sizeof(*trees));
	assert_non_null(trees);
	for (int t = 0; t < MANY; t++)
		trees[t] = (struct tree){.n = 1, .nodes = {{-1, -1, 0, 1, 1}}};
	struct model *m = make_model(trees, GBDT_TREES_MAX);
	assert_int_equal(m->gbdt->n_trees, GBDT_TREES_MAX);
	assert_true(m->gbdt->expected == 0.25 + GBDT_TREES_MAX);
	model_free(m);
	refused(trees, MANY, "/trees/learner/gradient_booster/model/trees");

	/* A path of depth 8 and of 9. */
	trees[0] = (struct tree){0};
	for (int i = 0; i < 9; i++) {
		trees[0].nodes[2 * i] = (struct node){2 * i + 1, 2 * i + 2, i, 0, 100};
		trees[0].nodes[2 * i + 1] = (struct node){-1, -1, 0, 1, 50};
		trees[0].nodes[2 * i + 2] = (struct node){-1, -1, 0, 2, 50};
	}
	trees[0].n = 17;
	trees[0].nodes[16] = (struct node){-1, -1, 0, 2, 50};
	m = make_model(trees, 1);
	assert_int_equal(m->gbdt->shapes[0].depth, GBDT_DEPTH_MAX);
	model_free(m);
	trees[0].nodes[16] = (struct node){17, 18, 8, 0, 100};
	trees[0].n = 19;
	refused(trees, 1, "/trees/learner/gradient_booster/model/trees/0");

	/* As many nodes as fit, and one more. */
	const float rows[3][INPUTS] = {{0}, {-3, 1, 2, -2, 0.5f}, {3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3}};
	fill_complete(&trees[0], GBDT_DEPTH_MAX);
	assert_int_equal(trees[0].n, GBDT_NODES_MAX);
	m = make_model(trees, 1);
	check_scores(m, trees, 1, &rows[0][0], 3);
	model_free(m);
	trees[0].n = GBDT_NODES_MAX + 1;
	refused(trees, 1, "/trees/learner/gradient_booster/model/trees/0/left_children");
	free(trees);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden), cmocka_unit_test(test_scores), cmocka_unit_test(test_explanations),
		cmocka_unit_test(test_stump),  cmocka_unit_test(test_bad),    cmocka_unit_test(test_limits),
		cmocka_unit_test(test_checksum),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
