/* The kind `gbdt`: boosted trees, as XGBoost writes them (its JSON model format, version 1.7 and later) under "trees" of our
 * model file. Included by model.c alone.
 *
 * What decides a score is read and checked; what only describes the training is left alone; what would make the score
 * another than base score plus leaves is refused (another booster, classes, forests with weights, categories). Inputs are
 * known by XGBoost's feature_names: "z_" or "c_" and the column's name.
 *
 * "checksum" is "sha256:" and the digest, in hexadecimal, of these little-endian bytes one after the other: base_score as
 * float32; each feature name with a zero byte behind it; for each tree its left_children, right_children and
 * split_indices as int32, its split_conditions and sum_hessian as float32. However the JSON is spaced it stays. */
#include <float.h>

#include "engine/base/buf.h"
#include "engine/base/digest.h"
#include "models/gbdt.h"

#define CHECKSUM_PREFIX "sha256:"
_Static_assert(MODEL_CHECKSUM_BYTES == sizeof(CHECKSUM_PREFIX) - 1 + 2 * DIGEST_BYTES, "a checksum fits");

/* Which input of a slate each feature of the file is. */
struct gbdt_features {
	size_t n;
	uint16_t input[MODEL_INPUTS_MAX];
	bool allowed[MODEL_COLUMNS_MAX]; /* columns of groups that are not left out */
};

/* A member of an object and its pointer, which is the object's with "/key" behind it. NULL: the object is none, or has no
 * such member. */
static json_t *member(json_t *object, const char *at, const char *key, char pointer[128])
{
	size_t n = strnlen(at, 127);
	memcpy(pointer, at, n);
	pointer[n] = '\0';
	pointer_push(pointer, key);
	return json_object_get(object, key);
}

static int read_array(struct parser *p, json_t *array, const char *pointer, size_t n)
{
	if (!json_is_array(array))
		return refuse(p, pointer, array ? "must be an array" : "is missing");
	if (json_array_size(array) != n)
		return refuse(p, pointer, "must have %zu elements, one a node", n);
	return 0;
}

/* An array of n numbers within [min, max]; whole: with no fraction. out: [n]. */
static int read_numbers_of(struct parser *p, json_t *tree, const char *at, const char *key, bool whole, double min,
                           double max, size_t n, double *out)
{
	char pointer[128], place[160];
	json_t *array = member(tree, at, key, pointer), *value;
	int r = read_array(p, array, pointer, n);
	size_t i;
	if (r)
		return r;
	json_array_foreach(array, i, value) {
		bool fine = whole ? json_is_integer(value) : json_is_number(value);
		out[i] = fine ? json_number_value(value) : 0;
		if (fine && out[i] >= min && out[i] <= max)
			continue;
		snprintf(place, sizeof(place), "%s/%zu", pointer, i);
		return refuse(p, place, "must be a %snumber from %g to %g", whole ? "whole " : "", min, max);
	}
	return 0;
}

/* An array that must be there for nothing: empty, or, of kinds whose 0 is the only one known here, zeros. Absent is as
 * good. */
static int read_nothing(struct parser *p, json_t *object, const char *at, const char *key, bool zeros, const char *why)
{
	char pointer[128];
	json_t *array = member(object, at, key, pointer), *value;
	size_t i;
	if (array && !json_is_array(array))
		return refuse(p, pointer, "must be an array");
	json_array_foreach(array, i, value) {
		if (!(zeros && json_is_integer(value) && json_integer_value(value) == 0))
			return refuse(p, pointer, "%s", why);
	}
	return 0;
}

/* XGBoost writes its parameters as numbers in strings. */
static int read_parameter(struct parser *p, json_t *object, const char *at, const char *key, double min, double max,
                          double *out)
{
	char pointer[128], *end;
	const json_t *value = member(object, at, key, pointer);
	const char *text = json_string_value(value);
	if (!text)
		return refuse(p, pointer, value ? "must be a number in a string" : "is missing");
	double number = strtod(text, &end);
	if (end == text || end != text + json_string_length(value) || !(number >= min && number <= max))
		return refuse(p, pointer, "must be a number in a string, from %g to %g", min, max);
	*out = number;
	return 0;
}

static int read_feature(struct parser *p, const json_t *name, size_t i, struct gbdt_features *out)
{
	const struct model_names *names = p->names;
	struct span text = json_span(name);
	char pointer[64];
	snprintf(pointer, sizeof(pointer), "/trees/learner/feature_names/%zu", i);
	if (!text.data)
		return refuse(p, pointer, "must be a string");
	bool is_z = span_starts_with(text, SPAN("z_"));
	size_t c = 0;
	if (is_z || span_starts_with(text, SPAN("c_")))
		while (c < names->n_columns && !span_equal_cstr((struct span){text.data + 2, text.len - 2}, names->columns[c]))
			c++;
	else
		c = names->n_columns;
	if (c == names->n_columns)
		return refuse(p, pointer, "is none of this build's: z_ or c_ and the name of a column");
	if (!out->allowed[c])
		return refuse(p, pointer, "is of the group %s, which /shortlist/without leaves out", names->groups[c]);
	out->input[out->n] = (uint16_t)(is_z ? c : names->n_columns + c);
	for (size_t k = 0; k < out->n; k++)
		if (out->input[k] == out->input[out->n])
			return refuse(p, pointer, "is there twice");
	out->n++;
	p->model->columns[c] = true;
	return 0;
}

static int read_learner(struct parser *p, json_t *learner, struct gbdt_features *features, double *base_score)
{
	static const char *const objectives[] = {"rank:pairwise", "rank:ndcg", "rank:map", "reg:squarederror"};
	char at[128], pointer[128];
	double ignored, n_features;
	size_t i = 0;
	json_t *names = member(learner, "/trees/learner", "feature_names", pointer), *name;
	if (!json_is_array(names) || json_array_size(names) == 0)
		return refuse(p, pointer, names ? "must be an array of names" : "is missing");
	if (json_array_size(names) > MODEL_INPUTS_MAX)
		return refuse(p, pointer, "may have at most %d names", MODEL_INPUTS_MAX);
	json_array_foreach(names, i, name) {
		int r = read_feature(p, name, i, features);
		if (r)
			return r;
	}
	json_t *param = member(learner, "/trees/learner", "learner_model_param", at);
	int r = read_parameter(p, param, at, "base_score", -WEIGHT_MAX, WEIGHT_MAX, base_score);
	if (!r)
		r = read_parameter(p, param, at, "num_class", 0, 1, &ignored);
	if (!r && json_object_get(param, "num_target"))
		r = read_parameter(p, param, at, "num_target", 0, 1, &ignored);
	if (!r)
		r = read_parameter(p, param, at, "num_feature", (double)features->n, (double)features->n, &n_features);
	if (r)
		return r;
	json_t *objective = member(learner, "/trees/learner", "objective", at);
	const json_t *objective_name = member(objective, at, "name", pointer);
	for (i = 0; i < sizeof(objectives) / sizeof(objectives[0]); i++)
		if (json_is_string(objective_name) && span_equal_cstr(json_span(objective_name), objectives[i]))
			return 0;
	return refuse(p, pointer, "must be an objective whose margin is the score: rank:... or reg:squarederror");
}

/* ---- one tree ---- */

static void digest_numbers(struct buf *bytes, const double *numbers, size_t n, bool whole)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t bits;
		if (whole) {
			bits = (uint32_t)(int32_t)numbers[i];
		} else {
			float number = (float)numbers[i];
			memcpy(&bits, &number, sizeof(bits));
		}
		for (int k = 0; k < 4; k++)
			buf_put_char(bytes, (char)(bits >> (8 * k) & 255));
	}
}

/* What one node's numbers must be beside the others'. */
static int check_node(struct parser *p, const char *at, const struct gbdt_node *nodes, size_t i)
{
	const struct gbdt_node *node = &nodes[i];
	char pointer[160];
	bool split = node->below >= 0;
	if (split != (node->above >= 0)) {
		snprintf(pointer, sizeof(pointer), "%s/right_children/%zu", at, i);
		return refuse(p, pointer, "must be -1 where left_children is, and nowhere else");
	}
	if (!split && fabsf(node->at) > (float)WEIGHT_MAX) {
		snprintf(pointer, sizeof(pointer), "%s/split_conditions/%zu", at, i);
		return refuse(p, pointer, "is a leaf's value: from %g to %g", -WEIGHT_MAX, WEIGHT_MAX);
	}
	snprintf(pointer, sizeof(pointer), "%s/sum_hessian/%zu", at, i);
	if (split && !(node->cover > 0))
		return refuse(p, pointer, "must be above 0 where there are children");
	if (split && fmaxf(nodes[node->below].cover, nodes[node->above].cover) > node->cover * 1.001f)
		return refuse(p, pointer, "must not be below that of a child");
	return 0;
}

static int read_nodes(struct parser *p, json_t *tree, const char *at, const struct gbdt_features *features, size_t n,
                      struct gbdt_node *nodes, struct buf *bytes)
{
	static const struct {
		const char *key;
		bool whole;
	} arrays[] = {{"left_children", true}, {"right_children", true}, {"split_indices", true},
	              {"split_conditions", false}, {"sum_hessian", false}};
	double numbers[5][GBDT_NODES_MAX];
	/* Of a leaf, and of a node that pruning took out, the feature says nothing. */
	const double last[5] = {(double)n - 1, (double)n - 1, INT32_MAX, (double)FLT_MAX, (double)FLT_MAX},
	             first[5] = {-1, -1, 0, -(double)FLT_MAX, 0};
	int r = 0;
	for (size_t k = 0; k < 5; k++) {
		r = read_numbers_of(p, tree, at, arrays[k].key, arrays[k].whole, first[k], last[k], n, numbers[k]);
		if (r)
			return r;
		digest_numbers(bytes, numbers[k], n, arrays[k].whole);
	}
	for (size_t i = 0; i < n; i++) {
		size_t feature = numbers[0][i] < 0 ? 0 : (size_t)numbers[2][i];
		char pointer[160];
		snprintf(pointer, sizeof(pointer), "%s/split_indices/%zu", at, i);
		if (feature >= features->n)
			return refuse(p, pointer, "there are %zu features, counted from 0", features->n);
		nodes[i] = (struct gbdt_node){(int32_t)numbers[0][i], (int32_t)numbers[1][i], features->input[feature],
		                              (float)numbers[3][i], (float)numbers[4][i]};
	}
	for (size_t i = 0; i < n && !r; i++)
		r = check_node(p, at, nodes, i);
	return r;
}

static int read_tree(struct parser *p, json_t *tree, const char *at, const struct gbdt_features *features,
                     struct gbdt_tree *out, struct buf *bytes)
{
	char pointer[128], param_at[128];
	double deleted = 0;
	const json_t *left = member(tree, at, "left_children", pointer);
	size_t n = json_array_size(left);
	if (!json_is_array(left))
		return refuse(p, pointer, left ? "must be an array" : "is missing");
	if (n < 1 || n > GBDT_NODES_MAX)
		return refuse(p, pointer, "a tree may have 1 to %d nodes", GBDT_NODES_MAX);
	out->nodes = calloc(n, sizeof(*out->nodes));
	if (!out->nodes)
		return -ENOMEM;
	out->n_nodes = n;
	int r = read_nodes(p, tree, at, features, n, out->nodes, bytes);
	if (!r)
		r = read_nothing(p, tree, at, "split_type", true, "splits by category are not known here");
	if (!r)
		r = read_nothing(p, tree, at, "categories_nodes", false, "splits by category are not known here");
	json_t *param = member(tree, at, "tree_param", param_at);
	if (!r && json_object_get(param, "num_deleted"))
		r = read_parameter(p, param, param_at, "num_deleted", 0, (double)n - 1, &deleted);
	out->n_deleted = (size_t)deleted;
	return r;
}

/* ---- the file ---- */

static int explain_fault(struct parser *p, const struct gbdt_where *where)
{
	char at[128];
	snprintf(at, sizeof(at), "/trees/learner/gradient_booster/model/trees/%zu", where->tree);
	switch (where->fault) {
	case GBDT_LOOP:
		return refuse(p, at, "node %zu is the child of two, or above itself", where->node);
	case GBDT_DEEP:
		return refuse(p, at, "node %zu has more than %d splits above it", where->node, GBDT_DEPTH_MAX);
	default:
		return refuse(p, at, "has nodes that are no node's child and that num_deleted does not count");
	}
}

static int read_trees(struct parser *p, json_t *model, const char *at, const struct gbdt_features *features,
                      struct gbdt_trees *out, struct buf *bytes)
{
	char pointer[128], place[160];
	json_t *trees = member(model, at, "trees", pointer);
	int r = read_nothing(p, model, at, "tree_info", true, "trees of several classes are not known here");
	for (size_t i = 0; i < out->n_trees && !r; i++) {
		snprintf(place, sizeof(place), "%s/%zu", pointer, i);
		r = read_tree(p, json_array_get(trees, i), place, features, &out->trees[i], bytes);
	}
	return r;
}

/* Reads XGBoost's object into *out and the bytes its checksum is taken of. */
static int read_booster(struct parser *p, json_t *file, struct gbdt_trees **out, struct buf *bytes)
{
	char at[128], pointer[128], learner_at[128];
	struct gbdt_features features = {0};
	double base_score;
	memcpy(features.allowed, p->model->columns, sizeof(features.allowed));
	memset(p->model->columns, 0, sizeof(p->model->columns));
	json_t *learner = member(file, "/trees", "learner", learner_at);
	json_t *booster = member(learner, learner_at, "gradient_booster", at);
	const json_t *name = member(booster, at, "name", pointer);
	if (!json_is_object(file))
		return refuse(p, "/trees", file ? "must be the object that XGBoost saves" : "is missing");
	if (!json_is_string(name) || !span_equal_cstr(json_span(name), "gbtree"))
		return refuse(p, pointer, "must be \"gbtree\"");
	int r = read_learner(p, learner, &features, &base_score);
	if (r)
		return r;
	digest_numbers(bytes, &base_score, 1, false);
	json_t *names = json_object_get(learner, "feature_names"), *feature;
	size_t i;
	json_array_foreach(names, i, feature)
		buf_put(bytes, json_string_value(feature), json_string_length(feature) + 1);
	char model_at[128];
	json_t *model = member(booster, at, "model", model_at);
	const json_t *trees = member(model, model_at, "trees", pointer);
	if (!json_is_array(trees))
		return refuse(p, pointer, trees ? "must be an array" : "is missing");
	if (json_array_size(trees) < 1 || json_array_size(trees) > GBDT_TREES_MAX)
		return refuse(p, pointer, "there may be 1 to %d trees", GBDT_TREES_MAX);
	*out = gbdt_trees_new(json_array_size(trees));
	if (!*out)
		return -ENOMEM;
	(*out)->base_score = base_score;
	return read_trees(p, model, model_at, &features, *out, bytes);
}

static int write_checksum(const struct buf *bytes, char out[MODEL_CHECKSUM_BYTES + 1])
{
	uint8_t digest[DIGEST_BYTES];
	if (bytes->failed)
		return -ENOMEM;
	digest_sha256(buf_span(bytes), digest);
	memcpy(out, CHECKSUM_PREFIX, sizeof(CHECKSUM_PREFIX));
	for (size_t i = 0; i < DIGEST_BYTES; i++)
		snprintf(out + strlen(CHECKSUM_PREFIX) + 2 * i, 3, "%02x", digest[i]);
	return 0;
}

static int check_checksum(struct parser *p, const json_t *checksum, const struct buf *bytes)
{
	char right[MODEL_CHECKSUM_BYTES + 1];
	int r = write_checksum(bytes, right);
	if (r < 0 || (json_is_string(checksum) && span_equal_cstr(json_span(checksum), right)))
		return r;
	return refuse(p, "/checksum", "%s; that of the trees is %s", checksum ? "is another" : "is missing", right);
}

static int gbdt_parse(struct parser *p, json_t *trees, const json_t *checksum)
{
	struct gbdt_trees *read = NULL;
	struct gbdt_where where;
	struct buf bytes = {0};
	int r = read_booster(p, trees, &read, &bytes);
	if (!r)
		r = gbdt_new(read, &p->model->gbdt, &where) == 1 ? explain_fault(p, &where) : p->model->gbdt ? 0 : -ENOMEM;
	if (!r)
		r = check_checksum(p, checksum, &bytes);
	gbdt_trees_free(read);
	buf_free(&bytes);
	return r;
}

int model_trees_checksum(struct span json, const struct model_names *names, char out[MODEL_CHECKSUM_BYTES + 1],
                         struct model_problem *problem)
{
	json_t *trees = NULL;
	struct json_problem syntax;
	struct gbdt_trees *read = NULL;
	struct buf bytes = {0};
	struct model *m = calloc(1, sizeof(*m));
	struct parser p = {names, m, problem};
	int r = m ? json_parse(json, &trees, &syntax) : -ENOMEM;
	if (r == 1)
		r = refuse(&p, "/trees", "line %zu: %.120s", syntax.line, syntax.text);
	for (size_t c = 0; m && c < MODEL_COLUMNS_MAX; c++)
		m->columns[c] = true; /* none is left out */
	if (r == 0)
		r = read_booster(&p, trees, &read, &bytes);
	if (r == 0)
		r = write_checksum(&bytes, out);
	gbdt_trees_free(read);
	buf_free(&bytes);
	json_decref(trees);
	free(m);
	return r;
}

/* ---- scoring ---- */

static void gbdt_explain_columns(const struct model *m, const struct model_slate *s, size_t row, double *out, double *base)
{
	double by_input[MODEL_INPUTS_MAX] = {0};
	gbdt_explain(m->gbdt, s->inputs + row * 2 * m->n_columns, by_input);
	for (size_t c = 0; c < m->n_columns; c++)
		out[c] = by_input[c] + by_input[m->n_columns + c];
	*base = m->gbdt->expected;
}
