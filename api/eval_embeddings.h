/* Articles' embeddings out of a file, one JSON object a line: {"id": "N1", "embedding": [0.25, -1]}. */
#ifndef MYNEWS_API_EVAL_EMBEDDINGS_H
#define MYNEWS_API_EVAL_EMBEDDINGS_H

#include "api/eval_mind.h"

struct eval_embeddings;

/* Returns 0; 1 with the problem, which names the line; -ENOMEM. Of an article that comes twice the first counts. */
int eval_embeddings_load(const char *path, struct eval_embeddings **out, struct mind_problem *problem)
	__attribute__((warn_unused_result));
void eval_embeddings_free(struct eval_embeddings *e); /* NULL is safe */
/* Gives the article its embedding, which lives as long as e; leaves it without when the file has none of it. */
void eval_embeddings_give(const struct eval_embeddings *e, struct article *a);

#endif
