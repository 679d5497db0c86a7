/* A model file is one JSON object an editor can read; see default.json. Parsing is strict: a name this build does not
 * know is a mistake the editor should hear of, not a weight silently lost. The first problem found is reported, with a
 * pointer (RFC 6901) to where it stands. Each kind of model is a file of its own, included here and nowhere else. */
#include "models/model.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/json.h"
#include "models/layer.h"

/* Limits of what a file may say; a weight beyond this is a slip of the keyboard. */
#define WEIGHT_MAX 1000.0
enum { CAP_WINDOW_MAX = 100 };

struct parser {
	const struct model_names *names;
	struct model *model;
	struct model_problem *problem;
};

static int refuse(struct parser *p, const char *pointer, const char *format, ...)
	__attribute__((format(printf, 3, 4), warn_unused_result));

static int refuse(struct parser *p, const char *pointer, const char *format, ...)
{
	va_list args;
	snprintf(p->problem->pointer, sizeof(p->problem->pointer), "%s", pointer);
	va_start(args, format);
	vsnprintf(p->problem->text, sizeof(p->problem->text), format, args);
	va_end(args);
	return 1;
}

/* Appends "/key" with the escapes of RFC 6901; what does not fit is cut. */
static void pointer_push(char pointer[128], const char *key)
{
	size_t n = strlen(pointer);
	if (n < 126)
		pointer[n++] = '/';
	for (; *key && n < 125; key++) {
		if (*key == '~' || *key == '/') {
			pointer[n++] = '~';
			pointer[n++] = *key == '~' ? '0' : '1';
		} else {
			pointer[n++] = *key;
		}
	}
	pointer[n] = '\0';
}

/* Every member of `object` must be one of names[]; `at` is the object's own pointer. */
static int check_members(struct parser *p, json_t *object, const char *at, const char *const *names, size_t n)
{
	const char *key;
	json_t *value;
	json_object_foreach(object, key, value) {
		size_t i = 0;
		while (i < n && strcmp(names[i], key) != 0)
			i++;
		if (i == n) {
			char pointer[128];
			snprintf(pointer, sizeof(pointer), "%s", at);
			pointer_push(pointer, key);
			return refuse(p, pointer, "no such field");
		}
	}
	return 0;
}

/* A number within [min, max]; comparisons are written so that a NaN fails. */
static int read_number(struct parser *p, const json_t *value, const char *pointer, double min, double max, double *out)
{
	if (!json_is_number(value))
		return refuse(p, pointer, "must be a number");
	double number = json_number_value(value);
	if (!(number >= min && number <= max))
		return refuse(p, pointer, "must be from %g to %g", min, max);
	*out = number;
	return 0;
}

static int read_integer(struct parser *p, const json_t *value, const char *pointer, int min, int max, int *out)
{
	if (!json_is_integer(value) || json_integer_value(value) < min || json_integer_value(value) > max)
		return refuse(p, pointer, "must be a whole number from %d to %d", min, max);
	*out = (int)json_integer_value(value);
	return 0;
}

/* Names stand in addresses and file names: ASCII letters, digits, '.', '_' and '-'. */
static int read_name(struct parser *p, const json_t *value, const char *pointer, char out[MODEL_NAME_BYTES + 1])
{
	if (!value)
		return refuse(p, pointer, "is missing");
	if (!json_is_string(value))
		return refuse(p, pointer, "must be a string");
	struct span s = json_span(value);
	if (s.len == 0 || s.len > MODEL_NAME_BYTES)
		return refuse(p, pointer, "must have 1 to %d bytes", MODEL_NAME_BYTES);
	for (size_t i = 0; i < s.len; i++) {
		char c = s.data[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
		      c == '-'))
			return refuse(p, pointer, "may have letters, digits, '.', '_' and '-' only");
	}
	memcpy(out, s.data, s.len);
	out[s.len] = '\0';
	return 0;
}

/* NOLINTBEGIN(bugprone-suspicious-include): kinds are read and scored in the terms of this file */
#include "models/linear.c"
#include "models/online.c"
#include "models/gbdt.c"
#include "models/ensemble.c"
#include "models/parse_learn.c"
/* NOLINTEND(bugprone-suspicious-include) */

static int parse_cap(struct parser *p, json_t *cap, size_t index)
{
	static const char *const members[] = {"of", "most", "window"};
	static const char *const dimensions[] = {
		[MODEL_CAP_SOURCE] = "source", [MODEL_CAP_SECTION] = "section", [MODEL_CAP_AUTHOR] = "author"};
	struct model_cap *out = &p->model->caps[index];
	char at[128], pointer[160];
	snprintf(at, sizeof(at), "/diversity/caps/%zu", index);
	if (!json_is_object(cap))
		return refuse(p, at, "must be an object");
	int r = check_members(p, cap, at, members, 3);
	if (r)
		return r;
	const json_t *of = json_object_get(cap, "of");
	int dimension = 0;
	while (dimension < 3 && !(json_is_string(of) && span_equal_cstr(json_span(of), dimensions[dimension])))
		dimension++;
	snprintf(pointer, sizeof(pointer), "%s/of", at);
	if (dimension == 3)
		return refuse(p, pointer, "must be \"source\", \"section\" or \"author\"");
	out->dimension = dimension;
	snprintf(pointer, sizeof(pointer), "%s/window", at);
	r = read_integer(p, json_object_get(cap, "window"), pointer, 2, CAP_WINDOW_MAX, &out->window);
	if (r)
		return r;
	snprintf(pointer, sizeof(pointer), "%s/most", at);
	return read_integer(p, json_object_get(cap, "most"), pointer, 1, out->window - 1, &out->most);
}

static int parse_rare_sources(struct parser *p, json_t *floor)
{
	static const char *const members[] = {"least", "window"};
	struct model *m = p->model;
	if (!floor)
		return 0;
	if (!json_is_object(floor))
		return refuse(p, "/diversity/rare_sources", "must be an object");
	int r = check_members(p, floor, "/diversity/rare_sources", members, 2);
	if (r == 0)
		r = read_integer(p, json_object_get(floor, "window"), "/diversity/rare_sources/window", 2, CAP_WINDOW_MAX,
		                 &m->rare_window);
	return r ? r : read_integer(p, json_object_get(floor, "least"), "/diversity/rare_sources/least", 1, m->rare_window - 1,
	                            &m->rare_least);
}

static int parse_diversity(struct parser *p, json_t *diversity)
{
	static const char *const members[] = {"mmr_lambda", "caps", "rare_sources"};
	p->model->mmr_lambda = 1;
	if (!diversity)
		return 0;
	if (!json_is_object(diversity))
		return refuse(p, "/diversity", "must be an object");
	int r = check_members(p, diversity, "/diversity", members, 3);
	if (r == 0)
		r = parse_rare_sources(p, json_object_get(diversity, "rare_sources"));
	if (r)
		return r;
	const json_t *lambda = json_object_get(diversity, "mmr_lambda");
	if (lambda) {
		r = read_number(p, lambda, "/diversity/mmr_lambda", 0, 1, &p->model->mmr_lambda);
		if (r)
			return r;
	}
	json_t *caps = json_object_get(diversity, "caps"), *cap;
	if (!caps)
		return 0;
	if (!json_is_array(caps))
		return refuse(p, "/diversity/caps", "must be an array");
	if (json_array_size(caps) > MODEL_CAPS_MAX)
		return refuse(p, "/diversity/caps", "may have at most %d caps", MODEL_CAPS_MAX);
	size_t i;
	json_array_foreach(caps, i, cap) {
		r = parse_cap(p, cap, i);
		if (r)
			return r;
	}
	p->model->n_caps = json_array_size(caps);
	return 0;
}

/* What one kind alone has. */
static int parse_parts(struct parser *p, json_t *file)
{
	json_t *trees = json_object_get(file, "trees"), *members = json_object_get(file, "members");
	const json_t *checksum = json_object_get(file, "checksum");
	if (p->model->kind != MODEL_GBDT && (trees || checksum))
		return refuse(p, trees ? "/trees" : "/checksum", "is of the kind \"gbdt\" alone");
	if (p->model->kind != MODEL_ENSEMBLE && members)
		return refuse(p, "/members", "is of the kind \"ensemble\" alone");
	if (p->model->kind == MODEL_GBDT)
		return gbdt_parse(p, trees, checksum);
	return p->model->kind == MODEL_ENSEMBLE ? ensemble_parse(p, members) : 0;
}

static int parse_file(struct parser *p, json_t *file)
{
	static const char *const members[] = {"name", "version", "kind", "about", "weights", "shortlist", "learn", "checksum",
	                                      "trees", "members", "diversity", "explore"};
	static const char *const kinds[] = {[MODEL_LINEAR] = "linear", [MODEL_ONLINE] = "online", [MODEL_MLP] = "mlp",
	                                    [MODEL_GBDT] = "gbdt", [MODEL_ENSEMBLE] = "ensemble"};
	enum { N_KINDS = MODEL_ENSEMBLE + 1 };
	struct model *m = p->model;
	if (!json_is_object(file))
		return refuse(p, "", "must be an object");
	int r = check_members(p, file, "", members, sizeof(members) / sizeof(members[0]));
	if (!r)
		r = read_name(p, json_object_get(file, "name"), "/name", m->name);
	if (!r)
		r = read_name(p, json_object_get(file, "version"), "/version", m->version);
	if (r)
		return r;
	const json_t *kind = json_object_get(file, "kind"), *about = json_object_get(file, "about"),
	             *explore = json_object_get(file, "explore");
	int k = 0;
	while (k < N_KINDS && !(json_is_string(kind) && span_equal_cstr(json_span(kind), kinds[k])))
		k++;
	if (k == N_KINDS)
		return refuse(p, "/kind", "must be \"linear\", \"online\", \"mlp\", \"gbdt\" or \"ensemble\"");
	m->kind = (enum model_kind)k;
	if (about && !json_is_string(about))
		return refuse(p, "/about", "must be a string");
	r = linear_parse(p, json_object_get(file, "weights"));
	if (!r)
		r = parse_shortlist(p, json_object_get(file, "shortlist"));
	if (!r)
		r = parse_learn(p, json_object_get(file, "learn"));
	if (!r)
		r = parse_parts(p, file);
	if (!r)
		r = parse_diversity(p, json_object_get(file, "diversity"));
	if (!r && explore)
		r = read_number(p, explore, "/explore", 0, 1, &m->explore);
	return r;
}

int model_parse(struct span json, const struct model_names *names, struct model **out, struct model_problem *problem)
{
	json_t *file = NULL;
	struct json_problem syntax;
	struct model *m = NULL;
	struct parser p = {names, NULL, problem};
	int r = json_parse(json, &file, &syntax);
	if (r == 1)
		return refuse(&p, "", "line %zu: %.120s", syntax.line, syntax.text);
	if (r)
		return r;
	if (names->n_features > MODEL_FEATURES_MAX || names->n_columns > MODEL_COLUMNS_MAX ||
	    names->n_crosses > MODEL_CROSSES_MAX) {
		r = refuse(&p, "", "this build has more features than a model can hold");
		goto out;
	}
	m = calloc(1, sizeof(*m));
	if (!m) {
		r = -ENOMEM;
		goto out;
	}
	p.model = m;
	m->n_features = names->n_features;
	m->n_columns = names->n_columns;
	m->n_crosses = names->n_crosses;
	r = parse_file(&p, file);
	if (r)
		goto out;
	*out = m;
	m = NULL;
out:
	model_free(m);
	json_decref(file);
	return r;
}

void model_free(struct model *m)
{
	if (!m)
		return;
	gbdt_free(m->gbdt);
	free(m);
}

void model_score(const struct model *m, const float *rows, size_t n_rows, double *out)
{
	linear_score(m, rows, n_rows, out);
}

/* ---- stage two ---- */

size_t model_n_params(const struct model *m)
{
	return model_learns(m) ? layout_of(m).n : 0;
}

void model_params_init(const struct model *m, uint64_t seed, float *params, float *squares)
{
	online_init(m, seed, params, squares);
}

double model_lean_part(const struct model *m, uint64_t n_learnt)
{
	return m->learn.lean ? (double)n_learnt / (double)(n_learnt + m->learn.lean) : 1;
}

void model_params_lean(const struct model *m, double part, float *params)
{
	if (part < 1)
		online_lean(m, part, params);
}

int model_shortlist_score(const struct model *m, const float *params, const struct model_slate *slate, double *out)
{
	if (m->kind == MODEL_GBDT)
		gbdt_score(m->gbdt, slate->inputs, 2 * m->n_columns, slate->n, out);
	else
		online_score(m, params, slate, out);
	return 0;
}

void model_score_distances(const struct model *m, const float *params, const struct model_distances *d, float *out,
                           uint8_t *beyond)
{
	online_score_distances(m, params, d, out, beyond);
}

int model_shortlist_explain(const struct model *m, const float *params, const struct model_slate *slate, size_t first,
                            size_t n, double *out, double *base)
{
	if (m->kind != MODEL_GBDT)
		online_explain(m, params, slate, first, n, out, base);
	for (size_t i = 0; m->kind == MODEL_GBDT && i < n; i++)
		gbdt_explain_columns(m, slate, first + i, out + i * m->n_columns, &base[i]);
	return 0;
}

void model_explain_distances(const struct model *m, const float *params, const struct model_distances *d,
                             const uint16_t *which, size_t n, double *out, uint8_t *beyond)
{
	online_explain_distances(m, params, d, which, n, out, beyond);
}

double model_learn(const struct model *m, const struct model_slate *slate, const float *labels, const uint8_t *positions,
                   float *params, float *squares, float *residuals)
{
	return online_learn(m, slate, labels, positions, params, squares, residuals);
}
