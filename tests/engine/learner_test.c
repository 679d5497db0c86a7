/* What the engine learns is a fold: over checkpoints, restarts and what leaves the replays it comes out the same, to the bit.
 * Two learners are the same when what they save is. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/rng.h"
#include "engine/learner_internal.h"
#include "engine/store/codec.h"
#include "tests/engine/learn/zeros.h"
#include "tests/engine/retired.h"
#include "tests/engine/store/fixture.h"

enum { USERS = 9, ARTICLES = 60 };

static struct epoch *epoch;
static struct model models[3]; /* a linear one that does not learn, one with units and replays, one with all columns */
static const struct model *listed[3] = {&models[0], &models[1], &models[2]};

static void make_models(void)
{
	for (int i = 0; i < 3; i++) {
		models[i] = (struct model){.kind = i == 0 ? MODEL_LINEAR : i == 1 ? MODEL_MLP : MODEL_ONLINE,
		                           .n_features = N_FEATURES, .n_columns = N_COLUMNS, .n_crosses = N_CROSSES,
		                           .version = "1",
		                           .learn = {.rate = 0.05, .g0 = 1, .hidden_rate = 0.05, .cross_alpha = 0.05,
		                                     .cross_beta = 1, .cross_l2 = 1, .goals = {[MODEL_CLICK] = 1}}};
		snprintf(models[i].name, sizeof(models[i].name), "model-%d", i);
		for (int c = 0; c < N_COLUMNS; c++)
			models[i].columns[c] = true;
	}
	models[1].learn.hidden = 5;
	models[1].learn.replays = 2;
	models[1].learn.memory = 30;
	models[2].learn.crosses[CROSS_STORY] = models[2].learn.crosses[CROSS_WORD] = true;
}

static int set_up(void **state)
{
	make_models();
	return epoch_new(&epoch) || start(state);
}

static int tear_down(void **state)
{
	epoch_free(epoch);
	return stop(state);
}

static struct learner *learner_of(void)
{
	struct learner *l;
	assert_int_equal(learner_new(&l, epoch), 0);
	assert_int_equal(learner_set_models(l, listed, 3), 0);
	return l;
}

/* The same for the same number, whoever asks. */
static struct example *example_of(struct arena *arena, uint64_t sequence)
{
	struct rng rng;
	rng_seed(&rng, sequence);
	struct example *e = example_of_zeros(arena, 2 + rng_below(&rng, 10), N_COLUMNS);
	assert_non_null(e);
	e->feed = sequence * 7;
	e->user = 1 + rng_below(&rng, USERS);
	e->at_ms = INT64_C(1790000000000) + (int64_t)sequence * 60000;
	e->n_listed = (uint16_t)e->n;
	e->weight = sequence % 3 ? 1 : 0.5f;
	e->n_recent = 3;
	for (size_t i = 0; i < 3; i++)
		e->recent[i] = 1 + (uint32_t)rng_below(&rng, ARTICLES);
	e->n_reads = 3;
	e->n_read_rows = (uint16_t)rng_below(&rng, 20);
	for (size_t i = 0; i < e->n_read_rows; i++)
		e->read_rows[i] = (uint16_t)rng_below(&rng, KIN_ROWS);
	for (size_t i = 0; i < e->n; i++) {
		struct example_slot *s = &e->slots[i];
		s->article = 1 + (uint32_t)rng_below(&rng, ARTICLES);
		s->section = 1 + (uint32_t)rng_below(&rng, 4);
		s->n_words = 2;
		s->words[0] = 1 + (uint32_t)rng_below(&rng, 40);
		s->words[1] = 1 + (uint32_t)rng_below(&rng, 40);
		s->position = (uint8_t)(i + 1);
		s->events = 1u << EVENT_IMPRESSION | (i == e->n / 2 ? 1u << EVENT_CLICK : 0);
	}
	for (size_t c = 0; c < N_COLUMNS; c++) {
		e->mean[c] = (float)rng_double(&rng);
		e->deviation[c] = (float)rng_double(&rng) + 0.1f;
		for (size_t i = 0; i < e->n; i++)
			e->columns[i * N_COLUMNS + c] = e->mean[c] + (float)(rng_double(&rng) - 0.5);
	}
	return e;
}

/* As the engine does: an example is stored, then learnt. Numbers from..to. */
static void learn(struct learner *l, struct store *s, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i <= to; i++) {
		struct arena arena = {0};
		struct buf b = {0};
		uint8_t key[8];
		struct example *e = example_of(&arena, i);
		example_encode(&b, e);
		if (s)
			put_now(s, TABLE_EXAMPLES, key_u64(key, i), buf_span(&b));
		assert_int_equal(learner_fold(l, e, i), 0);
		buf_free(&b);
		arena_free(&arena);
	}
	assert_int_equal(learner_publish(l), 0);
}

static void save(struct learner *l, struct store *s, bool commit)
{
	struct store_txn *txn;
	assert_int_equal(store_write_begin(s, &txn), 0);
	assert_int_equal(learner_save(l, txn), 0);
	if (commit)
		assert_int_equal(store_write_commit(txn), 0);
	else
		store_write_abort(txn);
	learner_saved(l, commit);
	assert_int_equal(learner_changed(l), !commit);
}

static int load(struct learner *l, struct store *s)
{
	struct store_txn *txn = reader(s);
	int r = learner_load(l, txn);
	store_read_free(txn);
	return r;
}

/* The same records under the same keys in both. Returns how many. */
static size_t assert_same(struct store *a, struct store *b)
{
	struct store_txn *x = reader(a), *y = reader(b);
	struct store_cursor *c, *d;
	struct span key, value, other_key, other_value;
	size_t n = 0;
	assert_int_equal(store_cursor_new(x, TABLE_LEARNT, &c), 0);
	assert_int_equal(store_cursor_new(y, TABLE_LEARNT, &d), 0);
	int r = store_first(c, &key, &value), other = store_first(d, &other_key, &other_value);
	for (; r == 0; n++) {
		if (other != 0 || !span_equal(key, other_key))
			fail_msg("record %zu, %.*s, is in one store only", n, (int)key.len, key.data);
		if (!span_equal(value, other_value))
			fail_msg("%.*s differs", (int)key.len, key.data);
		r = store_next(c, &key, &value);
		other = store_next(d, &other_key, &other_value);
	}
	assert_int_equal(other, 1);
	store_cursor_free(c);
	store_cursor_free(d);
	store_read_free(x);
	store_read_free(y);
	return n;
}

/* What both would save, compared: the first into the test's store, the second into one of its own. */
static void assert_same_learners(struct learner *a, struct store *of_a, struct learner *b, struct store *of_b)
{
	save(a, of_a, true);
	save(b, of_b, true);
	assert_true(assert_same(of_a, of_b) > 10);
}

struct other {
	struct directory dir;
	struct store *store;
};

static void other_open(struct other *o)
{
	directory_make(&o->dir);
	assert_int_equal(store_open(&o->store, o->dir.path, &usual), 0);
}

static void other_close(struct other *o)
{
	store_close(o->store);
	directory_remove(&o->dir);
}

static void test_a_restart_learns_on_as_if_nothing_was(void **state)
{
	struct fixture *f = *state;
	struct other o;
	other_open(&o);
	struct learner *through = learner_of(), *before = learner_of(), *after = learner_of();
	learn(through, f->store, 1, 100);
	learn(before, o.store, 1, 60);
	save(before, o.store, true);
	learn(before, o.store, 61, 70);
	save(before, o.store, false); /* could not be saved: comes again with the next */
	learn(before, o.store, 71, 80);
	save(before, o.store, true);
	learn(before, o.store, 81, 90); /* lost with the process; the examples are not */
	assert_int_equal(load(after, o.store), 0);
	assert_false(learner_changed(after));
	struct learner_totals totals;
	learner_totals(after, &totals);
	assert_true(totals.through == 80 && totals.n_learnt == 80);
	learn(after, NULL, 75, 80); /* learnt already: nothing happens */
	assert_false(learner_changed(after));
	learn(after, o.store, 81, 100);
	assert_same_learners(through, f->store, after, o.store);
	learner_free(through);
	learner_free(before);
	learner_free(after);
	learner_free(NULL);
	other_close(&o);
}

/* What a slate of weight 1/4 adds to the signals is a quarter of what it else does. */
static void test_a_slate_counts_by_its_weight(void **state)
{
	struct arena arena = {0};
	struct example *e = example_of(&arena, 31);
	const float weights[] = {1, 0.25f};
	float all[2][SIGNAL_VALUES], section[2][SIGNAL_VALUES];
	uint32_t minute = (uint32_t)(e->at_ms / 60000), opened = e->slots[e->n / 2].section;
	for (int i = 0; i < 2; i++) {
		struct learner *l = learner_of();
		e->weight = weights[i];
		assert_int_equal(learner_fold(l, e, 31), 0);
		signals_get(learner_signals(l), SIGNAL_ALL, signal_key(SIGNAL_ALL, 0, 0), minute, all[i]);
		signals_get(learner_signals(l), SIGNAL_SECTION, signal_key(SIGNAL_SECTION, opened, 0), minute, section[i]);
		learner_free(l);
	}
	assert_true(all[0][0] == 1 && all[0][1] == (float)e->n && section[0][0] == 1);
	for (int k = 0; k < SIGNAL_VALUES; k++)
		assert_true(all[1][k] == all[0][k] / 4 && section[1][k] == section[0][k] / 4);
	arena_free(&arena);
}

/* A slate that weighs next to nothing changes next to nothing, the earlier ones that are learnt again with it included. */
static void test_replays_weigh_what_brings_them_weighs(void **state)
{
	struct arena arena = {0};
	struct example *e = example_of(&arena, 31);
	size_t n = model_n_params(&models[1]);
	struct learner *l = learner_of();
	float *before = malloc(n * sizeof(*before));
	assert_non_null(before);
	learn(l, NULL, 1, 30);
	memcpy(before, learner_learned(l, 1)->params, n * sizeof(*before));
	e->weight = 1e-6f;
	assert_int_equal(learner_fold(l, e, 31), 0);
	assert_int_equal(learner_publish(l), 0);
	for (size_t k = 0; k < n; k++)
		assert_true(fabsf(learner_learned(l, 1)->params[k] - before[k]) < 1e-5f);
	learner_free(l);
	free(before);
	arena_free(&arena);
}

/* A reader goes: what is left is learnt again as by a start that never saw those slates in its replays. */
static void forget(struct learner *l, struct store *s, uint64_t user, uint64_t to)
{
	for (uint64_t i = 1; i <= to; i++) {
		struct arena arena = {0};
		struct store_txn *txn;
		uint8_t key[8];
		if (example_of(&arena, i)->user == user) {
			assert_int_equal(store_write_begin(s, &txn), 0);
			assert_int_equal(store_delete(txn, TABLE_EXAMPLES, key_u64(key, i)), 0);
			assert_int_equal(store_write_commit(txn), 0);
		}
		arena_free(&arena);
	}
	learner_forget(l, user);
}

static void drop(struct learner *l, struct store *s, uint64_t sequence)
{
	struct store_txn *txn;
	uint8_t key[8];
	assert_int_equal(store_write_begin(s, &txn), 0);
	assert_int_equal(store_delete(txn, TABLE_EXAMPLES, key_u64(key, sequence)), 0);
	assert_int_equal(store_write_commit(txn), 0);
	learner_drop(l, sequence);
	learner_drop(l, 0);
	learner_drop(l, 100000); /* one that is not there */
}

static void copy_learnt(struct store *from, struct store *to)
{
	struct store_txn *in = reader(from), *out;
	struct store_cursor *c;
	struct span key, value;
	assert_int_equal(store_write_begin(to, &out), 0);
	assert_int_equal(store_cursor_new(in, TABLE_LEARNT, &c), 0);
	for (int r = store_first(c, &key, &value); r == 0; r = store_next(c, &key, &value))
		assert_int_equal(store_put(out, TABLE_LEARNT, key, value), 0);
	store_cursor_free(c);
	store_read_free(in);
	assert_int_equal(store_write_commit(out), 0);
}

static void test_what_leaves_the_replays(void **state)
{
	/* While the ring has room: one that was full and closed up holds fewer than a start finds, until it is full again. */
	for (uint64_t n = 20; n <= 25; n += 5) {
		struct other o;
		other_open(&o);
		struct learner *live = learner_of(), *restarted = learner_of();
		learn(live, o.store, 1, n);
		forget(live, o.store, 3, n);
		drop(live, o.store, n - 1);
		assert_true(learner_changed(live));
		save(live, o.store, true);
		assert_int_equal(load(restarted, o.store), 0);
		learn(live, NULL, n + 1, n + 6);
		learn(restarted, o.store, n + 1, n + 6);
		struct other apart;
		other_open(&apart);
		copy_learnt(o.store, apart.store); /* what was saved before is the same for both */
		assert_same_learners(live, apart.store, restarted, o.store);
		learner_free(live);
		learner_free(restarted);
		other_close(&apart);
		other_close(&o);
	}
}

static void test_a_taste_is_forgotten(void **state)
{
	float v[SIGNAL_VALUES];
	struct learner *l = learner_of();
	learn(l, NULL, 1, 40);
	uint64_t key = signal_key(SIGNAL_TASTE, 3, 0);
	signals_get(learner_signals(l), SIGNAL_TASTE, key, 0, v);
	assert_true(v[1] > 0);
	learner_forget(l, 3);
	signals_get(learner_signals(l), SIGNAL_TASTE, key, 0, v);
	assert_true(v[0] == 0 && v[1] == 0);
	signals_get(learner_signals(l), SIGNAL_TASTE, signal_key(SIGNAL_TASTE, 4, 0), 0, v);
	assert_true(v[1] > 0);
	learner_free(l);
}

static const struct rank_learned *learned_of(const struct learner *l, unsigned slot)
{
	return learner_learned(l, slot);
}

static bool is_as_new(const struct rank_learned *learned, const struct model *m)
{
	size_t n = model_n_params(m);
	float *params = malloc(n * sizeof(*params)), *squares = malloc(n * sizeof(*squares));
	assert_true(params && squares);
	model_params_init(m, 20241, params, squares);
	bool as_new = true;
	for (size_t i = 0; i < n; i++) /* hidden weights are drawn; what is scored by is 0 */
		as_new = as_new && (i >= 2 * N_COLUMNS || learned->params[i] == params[i]);
	for (uint32_t i = 0; learned->crosses && i <= learned->cross_mask; i++)
		as_new = as_new && atomic_load(&learned->crosses[i]) == 0;
	free(params);
	free(squares);
	return as_new;
}

/* retired_finds: whether readers of a learner can come to an object. */
static bool finds(const void *of, const void *object)
{
	const struct learner *l = of;
	bool found = l->space == object;
	for (int i = 0; i < CATALOG_MODELS; i++) {
		const struct learning *m = l->learning[i];
		found = found || (m && (m == object || m->published == object));
	}
	return found;
}

static void test_models_that_come_and_go(void **state)
{
	struct fixture *f = *state;
	struct learner *l = learner_of();
	retired_watch(finds, l);
	assert_null(learned_of(l, 0)); /* does not learn */
	assert_true(is_as_new(learned_of(l, 1), &models[1]) && is_as_new(learned_of(l, 2), &models[2]));
	learn(l, f->store, 1, 40);
	assert_int_equal(learned_of(l, 1)->step, 40);
	assert_false(is_as_new(learned_of(l, 1), &models[1]));
	assert_false(is_as_new(learned_of(l, 2), &models[2]));
	/* In other places, parsed anew: each keeps its own. */
	struct model moved[2] = {models[2], models[1]};
	const struct model *other[2] = {&moved[0], &moved[1]};
	moved[0].weights[3] = 0.5;
	moved[0].learn.rate = 0.5;
	assert_int_equal(learner_set_models(l, other, 2), 0);
	assert_int_equal(learned_of(l, 0)->step, 40);
	assert_false(is_as_new(learned_of(l, 0), &moved[0]));
	assert_false(is_as_new(learned_of(l, 1), &moved[1]));
	assert_null(learned_of(l, 2));
	/* Another version, another shape, another name. */
	struct model changed[2] = {moved[0], moved[1]};
	const struct model *list[2] = {&changed[0], &changed[1]};
	snprintf(changed[0].version, sizeof(changed[0].version), "2");
	changed[1].learn.hidden = 6;
	assert_int_equal(learner_set_models(l, list, 2), 0);
	assert_true(is_as_new(learned_of(l, 0), &changed[0]) && is_as_new(learned_of(l, 1), &changed[1]));
	assert_true(learned_of(l, 0)->step == EXAMPLE_NO_STEP); /* it has not learnt the first of all */
	struct model renamed = changed[0];
	assert_false(learner_asks_rank(l));
	renamed.learn.crosses[CROSS_RANK_LENGTH] = true;
	learn(l, f->store, 41, 50);
	snprintf(renamed.name, sizeof(renamed.name), "another");
	list[0] = &renamed;
	assert_int_equal(learner_set_models(l, list, 1), 0);
	assert_true(is_as_new(learned_of(l, 0), &renamed) && learner_asks_rank(l));
	assert_true(retired_watch(NULL, NULL) > 4); /* what was learnt, and the four that are gone */
	learner_free(l);
}

/* Six units are as many numbers as five, which are filled up to whole lanes, but not the same ones. */
static void test_other_units_over_those_stored(void **state)
{
	struct fixture *f = *state;
	struct learner *five = learner_of();
	learn(five, f->store, 1, 40);
	save(five, f->store, true);
	size_t n_params = model_n_params(&models[1]);
	models[1].learn.hidden = 6;
	assert_int_equal(model_n_params(&models[1]), n_params);
	struct learner *six = learner_of();
	assert_int_equal(load(six, f->store), 0);
	assert_true(learner_changed(six) && is_as_new(learned_of(six, 1), &models[1]));
	assert_false(is_as_new(learned_of(six, 2), &models[2]));
	learner_free(five);
	learner_free(six);
}

/* The store held another version's numbers and crosses; the new one's first checkpoint leaves nothing of them. */
static void test_a_new_version_over_an_old_one(void **state)
{
	struct fixture *f = *state;
	struct learner *old = learner_of();
	learn(old, f->store, 1, 40);
	save(old, f->store, true);
	snprintf(models[2].version, sizeof(models[2].version), "2");
	struct learner *fresh = learner_of(), *never = learner_of(), *again = learner_of();
	assert_int_equal(load(fresh, f->store), 0);
	assert_true(learner_changed(fresh)); /* one began anew */
	assert_true(is_as_new(learned_of(fresh, 2), &models[2]));
	assert_false(is_as_new(learned_of(fresh, 1), &models[1]));
	learn(fresh, f->store, 41, 45);
	save(fresh, f->store, true);
	/* One that learnt nothing but these. */
	for (int i = 0; i < 2; i++)
		models[i].kind = MODEL_LINEAR;
	assert_int_equal(learner_set_models(never, listed, 3), 0);
	learn(never, NULL, 41, 45);
	assert_int_equal(learner_set_models(again, listed, 3), 0);
	assert_int_equal(load(again, f->store), 0);
	const struct rank_learned *a = learned_of(never, 2), *b = learned_of(again, 2);
	assert_memory_equal(a->params, b->params, model_n_params(&models[2]) * sizeof(float));
	for (uint32_t i = 0; i <= a->cross_mask; i++)
		assert_true(atomic_load(&a->crosses[i]) == atomic_load(&b->crosses[i]));
	learner_free(old);
	learner_free(fresh);
	learner_free(never);
	learner_free(again);
}

/* Numbers out of bounds: back to the last checkpoint, crosses to nothing, and the next checkpoint has that. */
static void test_a_model_that_goes_wrong(void **state)
{
	struct fixture *f = *state;
	struct learner_totals totals;
	struct learner *l = learner_of();
	size_t n = model_n_params(&models[2]) * sizeof(float);
	float *good = malloc(n);
	assert_non_null(good);
	models[2].learn.hidden = 0;
	learn(l, f->store, 1, 20);
	save(l, f->store, true);
	memcpy(good, learned_of(l, 2)->params, n);
	models[2].learn.rate = 1e7; /* an editor's slip that the file's bounds would not let pass */
	assert_int_equal(learner_set_models(l, listed, 3), 0);
	learner_totals(l, &totals);
	assert_int_equal(totals.n_fallbacks, 0);
	learn(l, f->store, 21, 21);
	learner_totals(l, &totals);
	assert_int_equal(totals.n_fallbacks, 1);
	assert_memory_equal(learned_of(l, 2)->params, good, n);
	for (uint32_t i = 0; i <= learned_of(l, 2)->cross_mask; i++)
		assert_true(atomic_load(&learned_of(l, 2)->crosses[i]) == 0);
	assert_false(is_as_new(learned_of(l, 1), &models[1])); /* the other goes on */
	assert_int_equal(learned_of(l, 1)->step, 21);
	assert_true(learned_of(l, 2)->step == EXAMPLE_NO_STEP); /* a lesson is lost */
	models[2].learn.rate = 0.05;
	assert_int_equal(learner_set_models(l, listed, 3), 0);
	save(l, f->store, true);
	struct learner *again = learner_of();
	assert_int_equal(load(again, f->store), 0);
	assert_memory_equal(learned_of(again, 2)->params, good, n);
	for (uint32_t i = 0; i <= learned_of(again, 2)->cross_mask; i++)
		assert_true(atomic_load(&learned_of(again, 2)->crosses[i]) == 0);
	learner_free(again);
	learner_free(l);
	free(good);
}

/* A damaged record is said to be one, whichever it is. */
static void test_damaged_records(void **state)
{
	struct fixture *f = *state;
	struct learner *l = learner_of();
	learn(l, f->store, 1, 30);
	save(l, f->store, true);
	learner_free(l);
	struct store_txn *txn = reader(f->store);
	struct store_cursor *c;
	struct span key, value;
	size_t n = 0;
	assert_int_equal(store_cursor_new(txn, TABLE_LEARNT, &c), 0);
	for (int r = store_first(c, &key, &value); r == 0; r = store_next(c, &key, &value), n++) {
		char name[64], *bytes = malloc(value.len);
		struct span at = {name, key.len};
		const float not_a_number = NAN;
		assert_true(key.len <= sizeof(name) && bytes);
		memcpy(name, key.data, key.len);
		memcpy(bytes, value.data, value.len);
		struct span short_of_one = {bytes, value.len - 1}, whole = {bytes, value.len};
		bool is_head = name[0] == 'h', is_page = name[0] == 'c' || name[0] == 's';
		if (is_page && n % 40 != 0) { /* of many pages some */
			free(bytes);
			continue;
		}
		put_now(f->store, TABLE_LEARNT, at, short_of_one);
		l = learner_of();
		assert_int_equal(load(l, f->store), -EINVAL);
		learner_free(l);
		if (!is_head && name[0] != 's') { /* a number that is none; signals have a test of their own */
			memcpy(bytes + value.len - sizeof(float), &not_a_number, sizeof(float));
			put_now(f->store, TABLE_LEARNT, at, whole);
			l = learner_of();
			assert_int_equal(load(l, f->store), -EINVAL);
			learner_free(l);
		}
		for (uint8_t version = 1; name[0] == 'm' && version <= 2; version++) { /* in another order: begins anew */
			memcpy(bytes, value.data, value.len);
			bytes[0] = (char)version;
			put_now(f->store, TABLE_LEARNT, at, whole);
			l = learner_of();
			assert_int_equal(load(l, f->store), 0);
			bool anew = false;
			for (unsigned slot = 1; slot <= 2; slot++)
				anew = anew || is_as_new(learned_of(l, slot), &models[slot]);
			assert_true(anew);
			learner_free(l);
		}
		memcpy(bytes, value.data, value.len); /* as it was: the cursor's snapshot still has it */
		put_now(f->store, TABLE_LEARNT, at, whole);
		free(bytes);
	}
	store_cursor_free(c);
	store_read_free(txn);
	assert_true(n > 100);
	l = learner_of();
	assert_int_equal(load(l, f->store), 0);
	learner_free(l);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_restart_learns_on_as_if_nothing_was), CASE(test_a_slate_counts_by_its_weight),
		CASE(test_replays_weigh_what_brings_them_weighs),
		CASE(test_what_leaves_the_replays), CASE(test_a_taste_is_forgotten),
		CASE(test_models_that_come_and_go), CASE(test_other_units_over_those_stored),
		CASE(test_a_new_version_over_an_old_one), CASE(test_a_model_that_goes_wrong),
		CASE(test_damaged_records),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
