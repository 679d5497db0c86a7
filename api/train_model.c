#include "api/train_model.h"

#include <errno.h>
#include <stdio.h>

#include "engine/base/json.h"

/* Numbers as an editor wrote them: 15 digits survive, 17 would turn 0.1 into 0.10000000000000001. */
#define DUMP (JSON_INDENT(2) | JSON_REAL_PRECISION(15))

static int dump(const json_t *value, struct buf *out)
{
	char *text = value ? json_dumps(value, DUMP) : NULL;
	if (text)
		buf_put_cstr(out, text);
	free(text);
	return text && !out->failed ? 0 : -ENOMEM;
}

static int parse_base(struct span base, json_t **out)
{
	int r = json_parse(base, out, NULL);
	if (r == 0 && !json_is_object(*out)) {
		json_decref(*out);
		r = 1;
	}
	return r;
}

/* What base leaves out, and without[n]. */
static json_t *groups_without(const json_t *base, const char *const *without, size_t n)
{
	json_t *list = json_array();
	const json_t *own = json_object_get(json_object_get(base, "shortlist"), "without");
	int failed = json_is_array(own) ? json_array_extend(list, (json_t *)(uintptr_t)own) : 0;
	for (size_t i = 0; i < n; i++)
		failed |= json_array_append_new(list, json_string(without[i]));
	if (!failed)
		return list;
	json_decref(list);
	return NULL;
}

int train_model_template(struct span base, const char *const *without, size_t n, struct buf *out)
{
	json_t *file;
	int r = parse_base(base, &file);
	if (r != 0)
		return r;
	json_t *weights = json_object_get(file, "weights"), *list = groups_without(file, without, n);
	json_t *template = list ? json_pack("{s:s, s:s, s:s, s:O*, s:{s:{s:i}, s:o}}", "name", "trained", "version", "1", "kind",
	                                    "online", "weights", weights, "shortlist", "prior", "stage_one", 1, "without", list)
	                        : NULL;
	r = template ? dump(template, out) : -ENOMEM;
	json_decref(template);
	json_decref(file);
	return r;
}

int train_model_result(struct span base, const char *name, const char *about, struct span trees, struct buf *out,
                       struct engine_problem *problem)
{
	enum { VERSION_BYTES = 12 };
	json_t *file = NULL;
	struct buf checksum = {0};
	int r = engine_trees_checksum(trees, &checksum, problem);
	if (r == 0) {
		r = parse_base(base, &file);
		snprintf(problem->text, sizeof(problem->text), "the model that stage one is taken from is no JSON object");
	}
	if (r != 0)
		goto out;
	buf_put_char(&checksum, '\0');
	char version[VERSION_BYTES + 1];
	snprintf(version, sizeof(version), "%s", checksum.data + strlen("sha256:"));
	json_t *model = json_pack("{s:s, s:s, s:s, s:s, s:O*, s:O*, s:O*, s:s}", "name", name, "version", version, "kind", "gbdt",
	                          "about", about, "weights", json_object_get(file, "weights"), "diversity",
	                          json_object_get(file, "diversity"), "explore", json_object_get(file, "explore"), "checksum",
	                          checksum.data);
	r = model ? dump(model, out) : -ENOMEM;
	json_decref(model);
	/* The trees stand as XGBoost wrote them, behind the rest. */
	while (out->len > 0 && (out->data[out->len - 1] == '}' || out->data[out->len - 1] == '\n'))
		out->len--;
	buf_put_cstr(out, ",\n  \"trees\": ");
	buf_put_span(out, trees);
	buf_put_cstr(out, "\n}\n");
	r = r == 0 && out->failed ? -ENOMEM : r;
out:
	json_decref(file);
	buf_free(&checksum);
	return r;
}
