/* The file is edited, not what is parsed of it: what is then evaluated is a model that could be served. */
#include "api/eval_ablate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "models/model.h"

static const char cross_prefix[] = "cross:";

static bool is_one_of(struct span name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (span_equal_cstr(name, names[i]))
			return true;
	return false;
}

static bool is_cross(const struct model_names *names, struct span name, struct span *bare)
{
	*bare = (struct span){NULL, 0};
	if (span_equal(name, SPAN("crosses")))
		return true;
	if (!span_starts_with(name, SPAN("cross:")))
		return false;
	*bare = (struct span){name.data + sizeof(cross_prefix) - 1, name.len - (sizeof(cross_prefix) - 1)};
	return is_one_of(*bare, names->crosses, names->n_crosses);
}

/* Adds a name to the list at object's "without". Returns 1 when it stands there already, or nothing can stand there. */
static int add_without(json_t *object, struct span name)
{
	json_t *list = json_object_get(object, "without"), *entry;
	size_t i;
	if (!list) {
		list = json_array();
		if (json_object_set_new(object, "without", list) < 0)
			return -ENOMEM;
	}
	if (!json_is_array(list))
		return 1;
	json_array_foreach(list, i, entry)
		if (json_is_string(entry) && span_equal(json_span(entry), name))
			return 1;
	return json_array_append_new(list, json_stringn(name.data, name.len)) < 0 ? -ENOMEM : 0;
}

static int leave_out_cross(json_t *model, struct span bare)
{
	json_t *learn = json_object_get(model, "learn"), *crosses = json_object_get(learn, "crosses");
	if (!json_is_object(crosses))
		return 1;
	return bare.len ? add_without(crosses, bare) : json_object_del(learn, "crosses") < 0 ? -ENOMEM : 0;
}

/* An absent weight is a weight of 0. */
static int leave_out_feature(json_t *model, const char *name)
{
	json_t *weights = json_object_get(model, "weights"), *weight = json_object_get(weights, name);
	if (!json_is_number(weight) || json_number_value(weight) == 0)
		return 1;
	return json_object_del(weights, name) < 0 ? -ENOMEM : 0;
}

/* Do trees look at a column of the group? Their inputs are z_ and c_ of columns. */
static bool trees_use(const json_t *model, const struct model_names *names, struct span group)
{
	const json_t *learner = json_object_get(json_object_get(model, "trees"), "learner");
	const json_t *inputs = json_object_get(learner, "feature_names"), *input;
	size_t i;
	json_array_foreach(inputs, i, input) {
		struct span name = json_span(input);
		for (size_t c = 0; c < names->n_columns && name.len > 2; c++)
			if (span_equal_cstr((struct span){name.data + 2, name.len - 2}, names->columns[c]) &&
			    span_equal_cstr(group, names->groups[c]))
				return true;
	}
	return false;
}

/* Returns 1 when there is nothing to leave out, 2 for what trees were grown with. */
static int leave_out_group(json_t *model, const struct model_names *names, struct span name)
{
	const json_t *kind = json_object_get(model, "kind");
	json_t *shortlist = json_object_get(model, "shortlist");
	if (json_is_string(kind) && span_equal(json_span(kind), SPAN("gbdt")))
		return trees_use(model, names, name) ? 2 : 1;
	if (!json_is_string(kind) || span_equal(json_span(kind), SPAN("linear")) ||
	    span_equal(json_span(kind), SPAN("ensemble"))) /* its members have columns */
		return 1;
	if (!shortlist) {
		shortlist = json_object();
		if (json_object_set_new(model, "shortlist", shortlist) < 0)
			return -ENOMEM;
	}
	return json_is_object(shortlist) ? add_without(shortlist, name) : 1;
}

/* Returns an eval_ablated or -ENOMEM. */
static int leave_out(json_t *model, const struct model_names *names, struct span name)
{
	struct span bare;
	bool known = false, used = false;
	int r;
	if (is_cross(names, name, &bare)) {
		r = leave_out_cross(model, bare);
		return r == 1 ? EVAL_ABLATE_UNUSED : r;
	}
	for (size_t i = 0; i < names->n_features; i++) {
		if (!span_equal_cstr(name, names->features[i]))
			continue;
		known = true;
		r = leave_out_feature(model, names->features[i]);
		if (r < 0)
			return r;
		used |= r == 0;
	}
	if (is_one_of(name, names->groups, names->n_columns)) {
		known = true;
		r = leave_out_group(model, names, name);
		if (r < 0 || r == 2)
			return r < 0 ? r : EVAL_ABLATE_TREES;
		used |= r == 0;
	}
	return !known ? EVAL_ABLATE_UNKNOWN : used ? EVAL_ABLATED : EVAL_ABLATE_UNUSED;
}

int eval_ablate(struct span json, const struct model_names *names, struct span name, struct buf *out)
{
	json_t *model;
	int r = json_parse(json, &model, NULL);
	if (r == 1 || (r == 0 && !json_is_object(model))) {
		buf_put_span(out, json);
		if (r == 0)
			json_decref(model);
		return out->failed ? -ENOMEM : EVAL_ABLATED;
	}
	if (r != 0)
		return r;
	r = leave_out(model, names, name);
	if (r == EVAL_ABLATED) {
		char *text = json_dumps(model, JSON_REAL_PRECISION(17));
		if (text)
			buf_put_cstr(out, text);
		r = text && !out->failed ? EVAL_ABLATED : -ENOMEM;
		free(text);
	}
	json_decref(model);
	return r;
}

static bool stands_before(const char *const *names, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(names[k], names[i]) == 0)
			return true;
	return false;
}

bool eval_ablate_is_group(const struct model_names *names, struct span name)
{
	return is_one_of(name, names->groups, names->n_columns);
}

void eval_ablate_list_groups(const struct model_names *names, struct buf *out)
{
	for (size_t i = 0; i < names->n_columns; i++)
		if (!stands_before(names->groups, i))
			buf_printf(out, "%s%s", i ? ", " : "", names->groups[i]);
}

void eval_ablate_list(const struct model_names *names, struct buf *out)
{
	eval_ablate_list_groups(names, out);
	for (size_t i = 0; i < names->n_features; i++)
		if (!eval_ablate_is_group(names, span_of(names->features[i])))
			buf_printf(out, ", %s", names->features[i]);
	for (size_t i = 0; i < names->n_crosses; i++)
		buf_printf(out, ", cross:%s", names->crosses[i]);
	buf_put_cstr(out, ", crosses");
}
