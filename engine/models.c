/* Models out of their texts, and into the place of those that serve. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "engine/core.h"

const struct model_names *engine_model_names(void)
{
	return &rank_model_names;
}

int engine_trees_checksum(struct span trees, struct buf *out, struct engine_problem *problem)
{
	char checksum[MODEL_CHECKSUM_BYTES + 1];
	struct model_problem why;
	int r = model_trees_checksum(trees, &rank_model_names, checksum, &why);
	if (r == 1)
		engine_problem_say(problem, "%s %s", why.pointer, why.text);
	if (r == 0)
		buf_put_cstr(out, checksum);
	return r == 0 && out->failed ? -ENOMEM : r;
}

static void free_models(struct model **models, size_t n)
{
	while (n > 0) {
		model_free(models[--n]);
		models[n] = NULL;
	}
}

/* A request names a model, and so does an ensemble its members: which of two of one name is meant, nothing would say. */
static int check_names(const struct engine_model_text *texts, size_t n, struct model *const *models,
                       struct engine_problem *problem)
{
	enum { SHOWN_BYTES = 64 };
	for (size_t i = 1; i < n; i++)
		for (size_t k = 0; k < i; k++) {
			const struct span a = texts[k].name, b = texts[i].name;
			if (strcmp(models[i]->name, models[k]->name) == 0)
				return engine_problem_say(problem, "models %.*s and %.*s: both have the name %s; give one of them another",
				                          (int)(a.len < SHOWN_BYTES ? a.len : SHOWN_BYTES), a.data,
				                          (int)(b.len < SHOWN_BYTES ? b.len : SHOWN_BYTES), b.data, models[i]->name);
		}
	return 0;
}

/* Ensembles find their members among the others. */
static int resolve_models(const struct engine_model_text *texts, size_t n, struct model **models,
                          struct engine_problem *problem)
{
	struct model_problem why;
	size_t which;
	if (model_resolve(models, n, &which, &why) == 0)
		return 0;
	return engine_problem_say(problem, "model %.*s: %s %s", (int)texts[which].name.len, texts[which].name.data, why.pointer,
	                          why.text);
}

int engine_parse_models(const struct engine_model_text *texts, size_t n, struct model **out,
                        struct engine_problem *problem)
{
	if (n == 0 || n > CATALOG_MODELS) {
		engine_problem_say(problem, "give 1 to %d models, not %zu", CATALOG_MODELS, n);
		return 1;
	}
	for (size_t i = 0; i < n; i++) {
		struct model_problem why;
		int r = model_parse(texts[i].json, &rank_model_names, &out[i], &why);
		if (r == 0)
			continue;
		if (r == 1)
			engine_problem_say(problem, "model %.*s: %s %s", (int)texts[i].name.len, texts[i].name.data,
			                   why.pointer, why.text);
		free_models(out, i);
		return r;
	}
	int r = check_names(texts, n, out, problem);
	if (r == 0)
		r = resolve_models(texts, n, out, problem);
	if (r != 0)
		free_models(out, n);
	return r;
}

int engine_check_models(const struct engine_model_text *models, size_t n_models, struct engine_problem *problem)
{
	struct model *parsed[CATALOG_MODELS] = {0};
	int r = engine_parse_models(models, n_models, parsed, problem);
	for (size_t i = 0; r == 0 && i < n_models; i++)
		model_free(parsed[i]);
	return r;
}

static void free_model(void *model)
{
	model_free(model);
}

struct models_op {
	struct caller_op caller;
	struct model *models[CATALOG_MODELS];
	size_t n;
};

int engine_set_learning(struct engine *e, size_t n)
{
	const struct model *models[CATALOG_MODELS];
	for (size_t i = 0; i < n; i++)
		models[i] = atomic_load(&e->models.model[i]);
	return learner_set_models(e->learner, models, n);
}

/* Columns of places that fall empty stay: requests under way may read them. */
static void models_publish(struct write_op *op, void *ctx)
{
	struct models_op *m = (struct models_op *)op;
	struct engine *e = engine_of(ctx);
	const struct model *before[CATALOG_MODELS];
	atomic_fetch_add_explicit(&e->model_swaps, 1, memory_order_acq_rel);
	for (unsigned i = 0; i < CATALOG_MODELS; i++) {
		before[i] = atomic_load(&e->models.model[i]);
		atomic_store(&e->models.model[i], i < m->n ? m->models[i] : NULL);
		if (i < m->n && catalog_set_model(e->catalog, i, true) < 0)
			__builtin_trap();
	}
	if (engine_set_learning(e, m->n) < 0)
		__builtin_trap();
	for (unsigned i = 0; i < CATALOG_MODELS; i++) /* the last: an ensemble leads to other models of the list */
		if (before[i])
			epoch_retire(e->epoch, (void *)(uintptr_t)before[i], free_model);
	atomic_fetch_add_explicit(&e->model_swaps, 1, memory_order_release);
}

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool done;
	int status;
};

static void waiter_done(void *ctx, int status)
{
	struct waiter *w = ctx;
	pthread_mutex_lock(&w->lock);
	w->done = true;
	w->status = status;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

int engine_set_models(struct engine *e, const struct engine_model_text *models, size_t n_models,
                      struct engine_problem *problem)
{
	struct waiter waiter = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};
	struct models_op m = {.caller = {.op = {.n_elements = 1, .apply = write_nothing, .publish = models_publish,
	                                        .done = caller_op_done},
	                                 .done = waiter_done, .done_ctx = &waiter},
	                      .n = n_models};
	int r = engine_parse_models(models, n_models, m.models, problem);
	if (r != 0)
		return r;
	r = writer_submit(e->writer, &m.caller.op);
	if (r == 0) {
		pthread_mutex_lock(&waiter.lock);
		while (!waiter.done)
			pthread_cond_wait(&waiter.wake, &waiter.lock);
		pthread_mutex_unlock(&waiter.lock);
		r = waiter.status;
	}
	for (size_t i = 0; r < 0 && i < n_models; i++)
		model_free(m.models[i]);
	return r;
}
