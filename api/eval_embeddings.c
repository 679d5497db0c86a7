#include "api/eval_embeddings.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "api/eval_columns.h"
#include "engine/base/arena.h"
#include "engine/base/hash.h"
#include "engine/base/json.h"
#include "engine/base/map.h"

struct embedding {
	size_t n;
	float numbers[];
};

struct eval_embeddings {
	struct arena arena;
	struct map *by_id; /* hash of the id -> struct embedding */
};

void eval_embeddings_free(struct eval_embeddings *e)
{
	if (!e)
		return;
	map_free(e->by_id);
	arena_free(&e->arena);
	free(e);
}

static int refuse(const struct mind_file *f, const char *text, struct mind_problem *problem)
{
	return mind_file_refuse(f, 1, "object", text, problem);
}

static int take_numbers(struct eval_embeddings *e, uint64_t key, const json_t *list)
{
	size_t n = json_array_size(list);
	struct embedding *x = arena_alloc(&e->arena, sizeof(*x) + n * sizeof(float));
	if (!x)
		return -ENOMEM;
	x->n = n;
	for (size_t i = 0; i < n; i++) {
		const json_t *number = json_array_get(list, i);
		x->numbers[i] = json_is_number(number) ? (float)json_number_value(number) : NAN;
		if (!isfinite(x->numbers[i]))
			return 1;
	}
	return map_get(e->by_id, key) ? 0 : map_put_ptr(e->by_id, key, x);
}

static int take_line(struct eval_embeddings *e, const struct mind_file *f, struct span line, struct mind_problem *problem)
{
	json_t *object = NULL;
	struct json_problem syntax;
	int r = json_parse(line, &object, &syntax);
	if (r == 1)
		return refuse(f, syntax.text, problem);
	if (r < 0)
		return r;
	const json_t *id = json_object_get(object, "id"), *list = json_object_get(object, "embedding");
	size_t n = json_array_size(list);
	if (!json_is_string(id) || n < 2 || n > LIMIT_EMBEDDING)
		r = refuse(f, "must have an \"id\" and an \"embedding\" of 2 to 4096 numbers", problem);
	else if ((r = take_numbers(e, hash64(json_span(id)), list)) == 1)
		refuse(f, "has something in its embedding that is no finite number", problem);
	json_decref(object);
	return r;
}

/* Returns 0; 1 with the problem; -ENOMEM. */
static int take_lines(struct eval_embeddings *e, struct mind_file *f, struct mind_problem *problem)
{
	struct span line;
	int r;
	while ((r = mind_file_next(f, &line, problem)) == 0) {
		r = take_line(e, f, line, problem);
		if (r != 0)
			return r;
	}
	if (r != 1)
		return r == 2 ? 1 : r;
	if (map_count(e->by_id) > 0)
		return 0;
	snprintf(problem->text, sizeof(problem->text), "%.300s: has no embedding", f->path);
	return 1;
}

int eval_embeddings_load(const char *path, struct eval_embeddings **out, struct mind_problem *problem)
{
	struct eval_embeddings *e = calloc(1, sizeof(*e));
	struct mind_file f = {0};
	int r = e ? map_new(&e->by_id, NULL) : -ENOMEM;
	if (r == 0)
		r = mind_file_open(&f, path, problem);
	if (r == 0)
		r = take_lines(e, &f, problem);
	mind_file_close(&f);
	if (r == 0)
		*out = e;
	else
		eval_embeddings_free(e);
	return r;
}

void eval_embeddings_give(const struct eval_embeddings *e, struct article *a)
{
	const struct embedding *x = e ? map_get_ptr(e->by_id, hash64(a->id)) : NULL;
	if (!x)
		return;
	a->embedding = x->numbers;
	a->n_embedding = x->n;
}
