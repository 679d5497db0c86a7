/* What a part of a model is worth: the model's file with that part left out, for `mynews eval --ablate`. */
#ifndef MYNEWS_API_EVAL_ABLATE_H
#define MYNEWS_API_EVAL_ABLATE_H

#include "engine/base/buf.h"

struct model_names;

enum eval_ablated {
	EVAL_ABLATED,
	EVAL_ABLATE_UNKNOWN, /* no part has that name */
	EVAL_ABLATE_UNUSED,  /* the model does not use it, so leaving it out would measure nothing */
	EVAL_ABLATE_TREES    /* its trees were grown with it: they can only be grown anew */
};

/* Appends `json`, a model's file, without `name` to out: a feature of stage one, a group of the shortlist's columns (where
 * both have the name, both), "cross:NAME", or "crosses", which are all of them. A text that is no model file is
 * appended as it is, for the engine to refuse. Returns an eval_ablated, or -ENOMEM; only EVAL_ABLATED appends. */
int eval_ablate(struct span json, const struct model_names *names, struct span name, struct buf *out)
	__attribute__((warn_unused_result));

/* Appends every name, "a, b, c". */
void eval_ablate_list(const struct model_names *names, struct buf *out);

/* Groups of the shortlist's columns alone: is it one, and all of them, "a, b, c". */
bool eval_ablate_is_group(const struct model_names *names, struct span name);
void eval_ablate_list_groups(const struct model_names *names, struct buf *out);

#endif
