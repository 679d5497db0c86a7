/* The fold, the models' numbers, and their way to the store and back.
 *
 * A learning model owns flat arrays: params and AdaGrad's squares (models/online.c says what stands where) and a hashed
 * table of crosses. Workers see a copy of params made after each commit that taught something; crosses, as signals, are
 * changed in place. For replays the last examples are kept in memory, a ring that a restart fills again from the store. */
#include "engine/learner_internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "engine/base/rng.h"

/* ---- making and freeing ---- */

static void free_learned(void *learned)
{
	free(learned);
}

static void learning_free(struct learning *m)
{
	if (!m)
		return;
	free(m->params);
	free(m->squares);
	free(m->good);
	free(m->crosses);
	free(m->cross_sums);
	free(atomic_load_explicit(&m->published, memory_order_relaxed));
	free(m);
}

static void free_learning(void *m)
{
	learning_free(m);
}

int learner_new(struct learner **out, struct epoch *e)
{
	struct learner *l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->epoch = e;
	if (signals_new(&l->signals, SIGNALS) < 0 || kin_new(&l->kin) < 0) {
		signals_free(l->signals);
		free(l);
		return -ENOMEM;
	}
	*out = l;
	return 0;
}

static void free_ring(struct learner *l)
{
	for (size_t i = 0; i < l->n_ring; i++)
		arena_free(&l->ring[i].arena);
	free(l->ring);
	l->ring = NULL;
	l->n_ring = l->ring_at = l->n_kept = 0;
}

void learner_free(struct learner *l)
{
	if (!l)
		return;
	for (int i = 0; i < CATALOG_MODELS; i++)
		learning_free(l->learning[i]);
	free_ring(l);
	signals_free(l->signals);
	kin_free(l->kin);
	free(atomic_load_explicit(&l->space, memory_order_relaxed));
	free(l);
}

static bool has_crosses(const struct model *m)
{
	for (int i = 0; i < N_CROSSES; i++)
		if (m->learn.crosses[i])
			return true;
	return false;
}

void learner_mark_good(struct learning *m)
{
	memcpy(m->good, m->params, m->n_params * sizeof(*m->good));
	memcpy(m->good + m->n_params, m->squares, m->n_params * sizeof(*m->good));
	m->n_good = m->n_learnt;
}

static int learning_new(struct learning **out, const struct model *model)
{
	struct learning *m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->model = model;
	memcpy(m->name, model->name, sizeof(m->name));
	m->n_params = model_n_params(model);
	m->params = malloc(m->n_params * sizeof(*m->params));
	m->squares = malloc(m->n_params * sizeof(*m->squares));
	m->good = malloc(2 * m->n_params * sizeof(*m->good));
	if (has_crosses(model)) {
		m->crosses = calloc(CROSSES, sizeof(*m->crosses));
		m->cross_sums = calloc(CROSSES, sizeof(*m->cross_sums));
	}
	if (!m->params || !m->squares || !m->good || (has_crosses(model) && (!m->crosses || !m->cross_sums))) {
		learning_free(m);
		return -ENOMEM;
	}
	model_params_init(model, SEED, m->params, m->squares);
	memset(m->cross_pages, PAGE_CHANGED, sizeof(m->cross_pages)); /* what the store may hold is another's of this name */
	learner_mark_good(m);
	m->changed = true;
	*out = m;
	return 0;
}

/* Whether what a model has learnt fits another version of it. */
static bool fits(const struct learning *m, const struct model *model)
{
	return strcmp(m->name, model->name) == 0 && m->n_params == model_n_params(model) &&
	       m->model->learn.hidden == model->learn.hidden &&
	       (m->crosses != NULL) == has_crosses(model) && strcmp(m->model->version, model->version) == 0;
}

static int size_ring(struct learner *l, const struct model *const *models, size_t n)
{
	size_t most = 0;
	for (size_t i = 0; i < n; i++)
		if (models[i] && model_learns(models[i]) && models[i]->learn.replays && models[i]->learn.memory > most)
			most = models[i]->learn.memory;
	if (most == l->n_ring)
		return 0;
	struct kept *ring = calloc(most + 1, sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	free_ring(l);
	l->ring = ring;
	l->n_ring = most;
	return 0;
}

int learner_set_models(struct learner *l, const struct model *const *models, size_t n)
{
	struct learning *next[CATALOG_MODELS] = {0}, *before[CATALOG_MODELS];
	bool kept[CATALOG_MODELS] = {false};
	int r = size_ring(l, models, n);
	for (size_t i = 0; i < n && r == 0; i++) {
		if (!models[i] || !model_learns(models[i]))
			continue;
		for (int k = 0; k < CATALOG_MODELS && !next[i]; k++)
			if (l->learning[k] && !kept[k] && fits(l->learning[k], models[i])) {
				next[i] = l->learning[k];
				kept[k] = true;
			}
		if (!next[i])
			r = learning_new(&next[i], models[i]);
	}
	if (r < 0) {
		for (size_t i = 0; i < n; i++) {
			bool old = false;
			for (int k = 0; k < CATALOG_MODELS; k++)
				old = old || next[i] == l->learning[k];
			if (!old)
				learning_free(next[i]);
		}
		return r;
	}
	for (int k = 0; k < CATALOG_MODELS; k++) {
		before[k] = l->learning[k];
		l->learning[k] = next[k];
		if (next[k]) {
			next[k]->model = models[k];
			next[k]->changed = true;
		}
	}
	bool asks_rank = false;
	for (size_t i = 0; i < n; i++)
		asks_rank = asks_rank || (next[i] && models[i]->learn.crosses[CROSS_RANK_LENGTH]);
	atomic_store_explicit(&l->asks_rank, asks_rank, memory_order_relaxed);
	for (int k = 0; k < CATALOG_MODELS; k++) /* once it can't be found in any place */
		if (before[k] && !kept[k])
			epoch_retire(l->epoch, before[k], free_learning);
	l->dirty = true;
	return learner_publish(l);
}

/* ---- the fold: signals ---- */

static float label_of(const struct model_learn *learn, uint16_t events)
{
	static const enum event_type types[N_MODEL_GOALS] = {
		[MODEL_CLICK] = EVENT_CLICK, [MODEL_READ] = EVENT_READ, [MODEL_FINISH] = EVENT_FINISH, [MODEL_LIKE] = EVENT_LIKE,
		[MODEL_SHARE] = EVENT_SHARE, [MODEL_SAVE] = EVENT_SAVE, [MODEL_HIDE] = EVENT_HIDE};
	double label = 0;
	for (int g = 0; g < N_MODEL_GOALS; g++)
		if (events >> types[g] & 1)
			label += learn->goals[g];
	return label > 0 ? (float)label : 0;
}

static bool clicked(const struct example_slot *s)
{
	return s->events & EXAMPLE_CHOSEN;
}

static void add(struct learner *l, enum signal_kind kind, uint64_t a, uint64_t b, uint32_t minute, float x, float y,
                float z, float w)
{
	const float values[SIGNAL_VALUES] = {x, y, z, w};
	signals_add(l->signals, kind, signal_key(kind, a, b), minute, values);
}

static void fold_pairs(struct learner *l, const struct example *e, size_t winner, float share, uint32_t minute)
{
	uint32_t won = e->slots[winner].article;
	for (size_t j = 0; j < e->n; j++) {
		bool swapped;
		if (clicked(&e->slots[j]))
			continue;
		uint64_t key = signal_pair_key(SIGNAL_HEAD, won, e->slots[j].article, &swapped);
		const float first = swapped ? 0 : share, second = swapped ? share : 0;
		const float values[SIGNAL_VALUES] = {first, second, first, second};
		signals_add(l->signals, SIGNAL_HEAD, key, minute, values);
		add(l, SIGNAL_HEAD_TOTAL, won, 0, minute, share, 0, share, 0);
		add(l, SIGNAL_HEAD_TOTAL, e->slots[j].article, 0, minute, 0, share, 0, share);
	}
}

static void fold_co_reading(struct learner *l, const struct example *e, uint32_t article, uint32_t minute)
{
	const float one[SIGNAL_VALUES] = {e->weight};
	add(l, SIGNAL_READ, article, 0, minute, e->weight, 0, 0, 0);
	for (size_t i = 0; i < e->n_recent; i++) {
		bool swapped;
		if (e->recent[i] == article)
			continue;
		signals_add(l->signals, SIGNAL_CO_READ, signal_pair_key(SIGNAL_CO_READ, article, e->recent[i], &swapped), minute,
		            one);
	}
}

/* By the slate's weight: what a reader does all day long says no more of all readers here than in the models. But who beat whom
 * is a matter of each list, and worth .004 of AUC where many readers come often; a model has to ask for it. */
static void fold_signals(struct learner *l, const struct example *e)
{
	uint32_t minute = (uint32_t)(e->at_ms / 60000);
	const float weight = e->weight;
	unsigned n = 0;
	for (size_t i = 0; i < e->n; i++)
		n += clicked(&e->slots[i]);
	float n_clicked = (float)n, expected = weight * n_clicked / (float)e->n;
	add(l, SIGNAL_ALL, 0, 0, minute, weight * n_clicked, weight * (float)e->n, 0, 0);
	for (size_t i = 0; i < e->n; i++) {
		const struct example_slot *s = &e->slots[i];
		float click = clicked(s) ? weight : 0;
		for (size_t k = 0; k < s->n_words; k++)
			add(l, SIGNAL_WORD, s->words[k], 0, minute, click, expected, 0, 0);
		if (s->section) {
			add(l, SIGNAL_SECTION, s->section, 0, minute, click, expected, 0, 0);
			add(l, SIGNAL_NEXT, e->top_section, s->section, minute, click, expected, 0, 0);
		}
		if (!clicked(s))
			continue;
		add(l, SIGNAL_SECTION, 0, 0, minute, weight, 0, 0, 0);
		fold_pairs(l, e, i, 1 / n_clicked, minute);
		fold_co_reading(l, e, s->article, minute);
		const size_t c = COLUMN_CTR + 3;
		float d = e->deviation[c];
		if (e->user && d > 1e-5f)
			add(l, SIGNAL_TASTE, e->user, 0, minute, weight * (e->columns[i * e->n_columns + c] - e->mean[c]) / d, weight, 0, 0);
	}
}

/* ---- the fold: models ---- */

static void learn_crosses(struct learner *l, struct learning *m, const float *residuals, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < l->n_cross_at[i]; k++) {
			uint32_t at = l->cross_at[i][k];
			model_cross_learn(&m->model->learn, residuals[i], &m->cross_sums[at], &m->crosses[at]);
			m->cross_pages[at / CROSS_PAGE] = PAGE_CHANGED;
		}
}

/* weight: of the lesson, 0 to 1. */
static void step(struct learner *l, struct learning *m, const struct example *e, float weight, bool replay)
{
	float labels[EXAMPLE_SLOTS_MAX], residuals[EXAMPLE_SLOTS_MAX], sums[EXAMPLE_SLOTS_MAX], total = 0;
	uint8_t positions[EXAMPLE_SLOTS_MAX];
	uint16_t which[EXAMPLE_SLOTS_MAX];
	struct crosses crosses;
	rank_crosses_prepare(&crosses, m->model, e, CROSSES - 1);
	for (size_t i = 0; i < e->n; i++) {
		uint8_t kind[CROSS_SLOTS_MAX];
		which[i] = (uint16_t)i;
		positions[i] = e->slots[i].position;
		labels[i] = label_of(&m->model->learn, e->slots[i].events);
		total += labels[i];
		sums[i] = 0;
		l->n_cross_at[i] = m->crosses ? (uint8_t)rank_crosses(&crosses, i, l->cross_at[i], kind) : 0;
		for (size_t k = 0; k < l->n_cross_at[i]; k++)
			sums[i] += atomic_load_explicit(&m->crosses[l->cross_at[i][k]], memory_order_relaxed);
	}
	if (total <= 0 || e->n < 2)
		return;
	rank_inputs(m->model, e, which, e->n, l->inputs);
	struct model_slate slate = {.n = e->n, .n_columns = N_COLUMNS, .inputs = l->inputs,
	                            .cross_sums = m->crosses ? sums : NULL, .weight = weight};
	double loss = model_learn(m->model, &slate, labels, positions, m->params, m->squares, residuals) / log((double)e->n);
	if (!replay) {
		m->n_losses++;
		m->loss += (loss - m->loss) / (double)(m->n_losses < LOSS_SLATES ? m->n_losses : LOSS_SLATES);
	}
	if (m->crosses && !replay)
		learn_crosses(l, m, residuals, e->n);
	m->changed = true;
}

int learner_keep(struct learner *l, const struct example *e, uint64_t sequence)
{
	struct kept *k = &l->ring[l->ring_at];
	struct buf bytes = {0};
	if (l->n_ring == 0)
		return 0;
	example_encode(&bytes, e);
	arena_free(&k->arena);
	k->example = NULL;
	struct span copy = bytes.failed ? (struct span){NULL, 0} : buf_span(&bytes);
	int r = copy.data ? arena_reserve(&k->arena, example_bytes(e->n, e->n_columns)) : -ENOMEM;
	if (r == 0)
		r = example_decode(&k->arena, copy, &k->example);
	buf_free(&bytes);
	if (r != 0)
		return r < 0 ? r : -EINVAL;
	k->sequence = sequence;
	l->ring_at = (l->ring_at + 1) % l->n_ring;
	l->n_kept += l->n_kept < l->n_ring;
	return 0;
}

/* Which of the kept ones is decided by the sequence number, so that a fold made again learns the same. A slate that weighs
 * little brings as little of them: else a reader without end would wear out the same few lessons. */
static void replay(struct learner *l, struct learning *m, uint64_t sequence, float weight)
{
	struct rng rng;
	rng_seed(&rng, sequence);
	size_t n = l->n_kept < m->model->learn.memory ? l->n_kept : m->model->learn.memory;
	for (unsigned i = 0; n > 0 && i < m->model->learn.replays; i++) {
		size_t back = 1 + (size_t)rng_below(&rng, n);
		const struct kept *k = &l->ring[(l->ring_at + l->n_ring - back) % l->n_ring];
		if (k->example)
			step(l, m, k->example, k->example->weight * weight, true);
	}
}

int learner_fold(struct learner *l, const struct example *e, uint64_t sequence)
{
	if (sequence <= l->through || e->n_columns != N_COLUMNS)
		return 0;
	if (!(atomic_load_explicit(&l->changes, memory_order_relaxed) & 1))
		atomic_fetch_add_explicit(&l->changes, 1, memory_order_acq_rel);
	fold_signals(l, e);
	kin_learn(l->kin, e->user, e->read_rows, e->n_read_rows, e->n_reads);
	for (int i = 0; i < CATALOG_MODELS; i++)
		if (l->learning[i]) {
			step(l, l->learning[i], e, e->weight, false);
			replay(l, l->learning[i], sequence, e->weight);
			l->learning[i]->n_learnt++;
			l->learning[i]->changed = true;
		}
	l->through = sequence;
	l->n_learnt++;
	l->dirty = true;
	return learner_keep(l, e, sequence);
}

bool learner_is_well(const struct learning *m)
{
	if (m->n_losses >= LOSS_SLATES && !(m->loss < LOSS_WORST))
		return false;
	for (size_t i = 0; i < m->n_params; i++)
		if (!(fabsf(m->params[i]) < PARAM_LARGEST))
			return false;
	return true;
}

static void fall_back(struct learner *l, struct learning *m)
{
	memcpy(m->params, m->good, m->n_params * sizeof(*m->good));
	memcpy(m->squares, m->good + m->n_params, m->n_params * sizeof(*m->good));
	for (size_t i = 0; m->crosses && i < CROSSES; i++) {
		atomic_store_explicit(&m->crosses[i], 0, memory_order_release);
		m->cross_sums[i] = (struct model_cross){0};
	}
	memset(m->cross_pages, PAGE_CHANGED, sizeof(m->cross_pages));
	m->n_learnt = m->n_good;
	m->loss = 0;
	m->n_losses = 0;
	l->n_fallbacks++;
}

static int publish_space(struct learner *l)
{
	const struct kin_space *space = kin_space(l->kin);
	struct kin_space *old = atomic_load_explicit(&l->space, memory_order_relaxed);
	if (!space || (old && old->number == space->number))
		return 0;
	struct kin_space *next = malloc(sizeof(*next));
	if (!next)
		return -ENOMEM;
	*next = *space;
	atomic_store_explicit(&l->space, next, memory_order_release);
	if (old)
		epoch_retire(l->epoch, old, free);
	return 0;
}

int learner_publish(struct learner *l)
{
	uint64_t changes = atomic_load_explicit(&l->changes, memory_order_relaxed);
	changes += changes & 1;
	for (int i = 0; i < CATALOG_MODELS; i++) {
		struct learning *m = l->learning[i];
		if (!m || !m->changed)
			continue;
		if (!learner_is_well(m))
			fall_back(l, m);
		struct rank_learned *next = malloc(sizeof(*next) + m->n_params * sizeof(*next->params));
		if (!next)
			return -ENOMEM;
		double part = model_lean_part(m->model, m->n_learnt);
		/* One that began later than others, or was put back, has not learnt all that is stored, in its order. */
		const uint64_t step_now = m->n_learnt == l->n_learnt ? m->n_learnt : EXAMPLE_NO_STEP;
		*next = (struct rank_learned){.step = step_now, .crosses = m->crosses, .cross_mask = CROSSES - 1,
		                              .cross_part = (float)part, .changes = &l->changes, .changes_then = changes};
		memcpy(next->params, m->params, m->n_params * sizeof(*next->params));
		model_params_lean(m->model, part, next->params);
		struct rank_learned *old = atomic_load_explicit(&m->published, memory_order_relaxed);
		atomic_store_explicit(&m->published, next, memory_order_release);
		if (old)
			epoch_retire(l->epoch, old, free_learned);
		m->changed = false;
	}
	int r = publish_space(l);
	atomic_store_explicit(&l->changes, changes, memory_order_release);
	return r;
}

const struct signals *learner_signals(const struct learner *l)
{
	return l->signals;
}

const struct kin_space *learner_space(const struct learner *l)
{
	return atomic_load_explicit(&l->space, memory_order_acquire);
}

bool learner_asks_rank(const struct learner *l)
{
	return atomic_load_explicit(&l->asks_rank, memory_order_relaxed);
}

const struct rank_learned *learner_learned(const struct learner *l, unsigned model_slot)
{
	const struct learning *m = atomic_load_explicit(&l->learning[model_slot], memory_order_acquire);
	return m ? atomic_load_explicit(&m->published, memory_order_acquire) : NULL;
}

void learner_totals(const struct learner *l, struct learner_totals *out)
{
	*out = (struct learner_totals){.through = l->through, .n_learnt = l->n_learnt, .n_fallbacks = l->n_fallbacks, 
	                               .bytes = signals_bytes(l->signals) + kin_bytes()};
	for (int i = 0; i < CATALOG_MODELS; i++)
		if (l->learning[i])
			out->bytes += 5 * l->learning[i]->n_params * sizeof(float) +
			              (l->learning[i]->crosses ? CROSSES * (sizeof(float) + sizeof(struct model_cross)) : 0);
}

/* Examples of a reader (0: of none) and the one of that sequence. The ring closes up as if it had never held them, which is
 * how a restart fills it. */
static void drop_from_ring(struct learner *l, uint64_t user, uint64_t sequence)
{
	if (l->n_ring == 0)
		return;
	size_t oldest = (l->ring_at + l->n_ring - l->n_kept) % l->n_ring, n_left = 0;
	for (size_t i = 0; i < l->n_kept; i++) {
		struct kept *from = &l->ring[(oldest + i) % l->n_ring], *to = &l->ring[(oldest + n_left) % l->n_ring];
		if (from->example && (from->example->user == user || from->sequence == sequence)) {
			arena_free(&from->arena);
			from->example = NULL;
			continue;
		}
		struct kept moved = *from;
		*from = *to;
		*to = moved;
		n_left++;
	}
	l->ring_at = (oldest + n_left) % l->n_ring;
	l->n_kept = n_left;
}

void learner_drop(struct learner *l, uint64_t sequence)
{
	if (sequence)
		drop_from_ring(l, 0, sequence);
}

void learner_forget(struct learner *l, uint64_t user)
{
	signals_remove(l->signals, signal_key(SIGNAL_TASTE, user, 0));
	kin_forget(l->kin, user);
	drop_from_ring(l, user, 0);
	l->dirty = true;
}
