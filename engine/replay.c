/* Served against replayed: everything that was learnt is learnt again from the stored examples, in their order, and each
 * score that the server gave is computed again from the columns it saw and the model as it stood then. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "engine/core.h"

struct served {
	uint64_t step, sequence;
};

struct replaying {
	const struct model *const *models; /* [n_models] */
	size_t n_models;
	struct learner *learner;
	struct store_txn *txn;
	struct arena arena;
	struct served *served[CATALOG_MODELS]; /* [n] by step */
	uint64_t n_examples, n_whole; /* stored; of the first of them, before which none that was learnt is missing */
	size_t n[CATALOG_MODELS], capacity[CATALOG_MODELS], next[CATALOG_MODELS];
	struct replay_scores *out;
};

static int find_model(const struct replaying *p, const char *name)
{
	for (size_t i = 0; i < p->n_models; i++)
		if (strcmp(p->models[i]->name, name) == 0)
			return (int)i;
	return -1;
}

static int note(struct replaying *p, const struct example *e, uint64_t sequence)
{
	const bool in_turn = e->number == p->n_examples || e->number == EXAMPLE_NO_NUMBER;
	int m = find_model(p, e->model);
	p->n_whole += p->n_whole == p->n_examples && in_turn;
	p->n_examples++;
	if (m < 0 || e->step == EXAMPLE_NO_STEP) {
		p->out->n_left_out++;
		return 0;
	}
	if (p->n[m] == p->capacity[m]) {
		size_t capacity = p->capacity[m] ? 2 * p->capacity[m] : 1024;
		struct served *grown = realloc(p->served[m], capacity * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		p->served[m] = grown;
		p->capacity[m] = capacity;
	}
	p->served[m][p->n[m]++] = (struct served){e->step, sequence};
	return 0;
}

static int by_step(const void *a, const void *b)
{
	const struct served *x = a, *y = b;
	if (x->step != y->step)
		return x->step < y->step ? -1 : 1;
	return (x->sequence > y->sequence) - (x->sequence < y->sequence);
}

static int get_example(struct replaying *p, uint64_t sequence, struct example **out)
{
	uint8_t key[8];
	struct span value;
	int r = store_get(p->txn, TABLE_EXAMPLES, key_u64(key, sequence), &value);
	if (r == 0)
		r = example_decode(&p->arena, value, out);
	return r > 0 ? -EINVAL : r;
}

/* An erased reader's examples, undone ones and those past log_days are gone: what was served after they had been learnt can't
 * be computed again. */
static void leave_out(struct replaying *p)
{
	for (size_t m = 0; m < p->n_models; m++)
		while (p->n[m] > 0 && p->served[m][p->n[m] - 1].step > p->n_whole) {
			p->n[m]--;
			p->out->n_left_out++;
		}
}

/* Scores again all that was served at the step where learning stands now. */
static int compare(struct replaying *p)
{
	for (size_t m = 0; m < p->n_models; m++) {
		struct rank_stage_two two = {.signals = learner_signals(p->learner)};
		stage_two_pick(p->learner, p->models[m], (unsigned)m, &two);
		uint64_t step = rank_step(p->models[m], &two);
		for (; p->next[m] < p->n[m] && p->served[m][p->next[m]].step <= step; p->next[m]++) {
			struct example *e;
			arena_reset(&p->arena);
			int r = get_example(p, p->served[m][p->next[m]].sequence, &e);
			if (r < 0)
				return r;
			double *scores = arena_alloc(&p->arena, e->n * sizeof(*scores));
			r = scores ? rank_shortlist_score(p->models[m], &two, e, &p->arena, scores) : -ENOMEM;
			if (r < 0)
				return r;
			for (size_t i = 0; i < e->n; i++)
				p->out->largest = fmax(p->out->largest, fabs(scores[i] - e->slots[i].score));
			p->out->n_scores += e->n;
			p->out->n_slates++;
		}
	}
	return 0;
}

static int walk(struct replaying *p, bool learn)
{
	struct store_cursor *c;
	struct span key, value;
	int r = store_cursor_new(p->txn, TABLE_EXAMPLES, &c);
	if (r < 0)
		return r;
	for (r = store_first(c, &key, &value); r == 0; r = store_next(c, &key, &value)) {
		struct example *e;
		struct arena arena = {0};
		r = example_decode(&arena, value, &e);
		if (r > 0)
			r = -EINVAL;
		if (r == 0 && !learn)
			r = note(p, e, key_to_u64(key));
		if (r == 0 && learn)
			r = compare(p);
		if (r == 0 && learn)
			r = learner_fold(p->learner, e, key_to_u64(key));
		if (r == 0 && learn)
			r = learner_publish(p->learner);
		arena_free(&arena);
		if (r < 0)
			break;
	}
	store_cursor_free(c);
	return r < 0 ? r : 0;
}

static int replay_all(struct replaying *p)
{
	int r = walk(p, false);
	for (size_t m = 0; m < p->n_models; m++)
		if (p->n[m] > 0)
			qsort(p->served[m], p->n[m], sizeof(*p->served[m]), by_step);
	leave_out(p);
	if (r == 0)
		r = learner_set_models(p->learner, p->models, p->n_models);
	if (r == 0)
		r = walk(p, true);
	return r == 0 ? compare(p) : r;
}

int engine_replay_scores(const char *dir, const struct engine_model_text *models, size_t n_models,
                         struct replay_scores *out, struct engine_problem *problem)
{
	struct model *parsed[CATALOG_MODELS] = {0};
	struct store_options options = {.read_only = true, .map_bytes = engine_map_bytes(), .readers_max = 256};
	struct store *store = NULL;
	struct epoch *epoch = NULL;
	struct replaying p = {.models = (const struct model *const *)parsed, .n_models = n_models, .out = out};
	*out = (struct replay_scores){0};
	engine_problem_say(problem, "cannot read %s", dir);
	int r = engine_parse_models(models, n_models, parsed, problem);
	if (r == 0)
		r = store_open(&store, dir, &options);
	if (r == 0)
		r = epoch_new(&epoch);
	if (r == 0)
		r = learner_new(&p.learner, epoch);
	if (r == 0)
		r = store_read_new(store, &p.txn);
	if (r == 0)
		r = store_read_renew(p.txn);
	if (r == 0)
		r = replay_all(&p);
	if (p.txn)
		store_read_free(p.txn);
	learner_free(p.learner);
	epoch_free(epoch);
	store_close(store);
	for (size_t i = 0; i < n_models; i++) {
		free(p.served[i]);
		model_free(parsed[i]);
	}
	arena_free(&p.arena);
	return r;
}
