/* A request body as elements: one JSON object, an array of them, or NDJSON. */
#ifndef MYNEWS_FORMATS_BATCH_H
#define MYNEWS_FORMATS_BATCH_H

#include "engine/base/arena.h"
#include "engine/base/json.h"

enum batch_form { BATCH_ONE, BATCH_ARRAY, BATCH_LINES };
enum batch_outcome { BATCH_OK, BATCH_NOT_JSON = 1, BATCH_WRONG_SHAPE /* neither object nor array */, BATCH_TOO_MANY };

struct batch {
	enum batch_form form;
	size_t n;       /* elements */
	json_t *root;   /* owned; NULL for lines */
	struct span *lines; /* [n] for BATCH_LINES, pointing into the body */
};

/* Splits a body; `lines` says that its media type is NDJSON (blank lines are skipped). Returns a batch_outcome, with
 * the problem filled on BATCH_NOT_JSON, or -ENOMEM. On BATCH_OK the caller owes batch_close. */
int batch_open(struct arena *arena, struct span body, bool lines, size_t n_max, struct batch *out,
               struct json_problem *problem) __attribute__((warn_unused_result));
void batch_close(struct batch *b);

/* Element i. Returns 0 and a new reference; 1 when its line is not JSON (problem filled); -ENOMEM. */
int batch_element(const struct batch *b, size_t i, json_t **out, struct json_problem *problem)
	__attribute__((warn_unused_result));

#endif
