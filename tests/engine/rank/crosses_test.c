/* The hashed crosses of a shortlist: what changes which. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/rng.h"
#include "engine/rank/shortlist.h"
#include "tests/engine/learn/zeros.h"

#define NOW_MS INT64_C(1790000040000) /* a whole minute */
#define HOUR_MS INT64_C(3600000)
#define TOPIC(space, n) ((uint32_t)(space) << TOPIC_NAMESPACE_SHIFT | (n))

static const uint32_t sport = TOPIC(TOPIC_SECTION, 1), city = TOPIC(TOPIC_SECTION, 2), term = TOPIC(TOPIC_TERM, 9),
                      rare = TOPIC(TOPIC_TERM, 10);

static struct model model;
static struct arena arena;

static int set_up(void **state)
{
	model = (struct model){.kind = MODEL_ONLINE, .n_features = N_FEATURES, .n_columns = N_COLUMNS, .n_crosses = N_CROSSES};
	for (int k = 0; k < N_CROSSES; k++)
		model.learn.crosses[k] = true;
	return 0;
}

static int tear_down(void **state)
{
	arena_free(&arena);
	return 0;
}

static size_t crosses_of(const struct example *e, size_t slot, uint32_t out[CROSS_SLOTS_MAX], uint8_t kind[CROSS_SLOTS_MAX])
{
	const uint32_t mask = (1u << 20) - 1;
	struct crosses crosses;
	rank_crosses_prepare(&crosses, &model, e, mask);
	size_t n = rank_crosses(&crosses, slot, out, kind);
	for (size_t i = 0; i < n; i++)
		assert_true(out[i] <= mask && kind[i] < N_CROSSES && model.learn.crosses[kind[i]]);
	return n;
}

/* Which kinds change their slot of the table when something about a story does. */
static unsigned changed(const struct example *a, const struct example *b)
{
	uint32_t x[CROSS_SLOTS_MAX], y[CROSS_SLOTS_MAX];
	uint8_t kind_x[CROSS_SLOTS_MAX], kind_y[CROSS_SLOTS_MAX];
	unsigned kinds = 0;
	size_t n = crosses_of(a, 0, x, kind_x);
	assert_int_equal(crosses_of(b, 0, y, kind_y), n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(kind_x[i], kind_y[i]);
		kinds |= x[i] != y[i] ? 1u << kind_x[i] : 0;
	}
	return kinds;
}

static struct example *cross_example(void)
{
	struct example *e = example_of_zeros(&arena, 1, N_COLUMNS);
	assert_non_null(e);
	e->at_ms = NOW_MS;
	e->top_section = city;
	e->n_listed = 10;
	e->slots[0] = (struct example_slot){.article = 5, .section = sport, .words = {term, rare}, .n_words = 2, .ctr_rank = 3};
	return e;
}

static void test_crosses(void **state)
{
	uint32_t out[CROSS_SLOTS_MAX];
	uint8_t kind[CROSS_SLOTS_MAX];
	struct example *a = cross_example(), *b = cross_example();
	assert_int_equal(crosses_of(a, 0, out, kind), 7); /* five kinds and two words */
	assert_int_equal(changed(a, b), 0);
	b->slots[0].article = 6;
	assert_int_equal(changed(a, b), 1u << CROSS_STORY);
	b = cross_example();
	b->slots[0].section = city;
	assert_int_equal(changed(a, b), 1u << CROSS_SECTION_TOP | 1u << CROSS_SECTION_HOUR);
	b = cross_example();
	b->top_section = sport;
	assert_int_equal(changed(a, b), 1u << CROSS_SECTION_TOP);
	b = cross_example();
	b->at_ms += HOUR_MS;
	assert_int_equal(changed(a, b), 1u << CROSS_SECTION_HOUR);
	b->at_ms += 23 * HOUR_MS; /* the same hour of another day */
	assert_int_equal(changed(a, b), 0);
	b = cross_example();
	b->slots[0].ctr_rank = 4;
	assert_int_equal(changed(a, b), 1u << CROSS_RANK_LENGTH);
	b = cross_example();
	b->n_listed = 20;
	assert_int_equal(changed(a, b), 1u << CROSS_RANK_LENGTH);
	b = cross_example();
	b->columns[COLUMN_CTR + 3] = -1;
	assert_int_equal(changed(a, b), 1u << CROSS_CTR_SHOWS);
	b = cross_example();
	b->columns[COLUMN_SEEN] = 1.386f;
	assert_int_equal(changed(a, b), 1u << CROSS_CTR_SHOWS);
	b = cross_example();
	b->slots[0].words[1] = TOPIC(TOPIC_TERM, 99);
	assert_int_equal(changed(a, b), 1u << CROSS_WORD);
	b = cross_example();
	b->slots[0].section = 0; /* no section: two kinds less */
	assert_int_equal(crosses_of(b, 0, out, kind), 5);
	model.learn.crosses[CROSS_WORD] = model.learn.crosses[CROSS_STORY] = false;
	assert_int_equal(crosses_of(a, 0, out, kind), 4);
	a->columns[COLUMN_CTR + 3] = 1e9f; /* out of all proportion, and still a slot */
	assert_int_equal(crosses_of(a, 0, out, kind), 4);
}

/* Sums are of the weights in a story's slots, as they are when it stands alone: also where sections share a place. */
static void test_sums(void **state)
{
	enum { N = 100, MASK = 1023 };
	static _Atomic float weights[MASK + 1];
	struct example *e = example_new(&arena, N, N_COLUMNS);
	float sums[N];
	struct crosses all, alone;
	struct rng rng;
	assert_non_null(e);
	rng_seed(&rng, 11);
	e->at_ms = NOW_MS;
	e->top_section = city;
	e->n_listed = N;
	for (size_t i = 0; i <= MASK; i++)
		atomic_store(&weights[i], (float)rng_double(&rng) - 0.5f);
	for (size_t i = 0; i < N; i++) {
		uint32_t n = (uint32_t)rng_below(&rng, 6);
		e->slots[i] = (struct example_slot){.article = (uint32_t)i + 1, .n_words = (uint8_t)rng_below(&rng, EXAMPLE_WORDS + 1),
		                                    .section = n ? TOPIC(TOPIC_SECTION, n % 2 ? n : n * CROSS_SECTIONS) : 0};
		for (size_t k = 0; k < e->slots[i].n_words; k++)
			e->slots[i].words[k] = TOPIC(TOPIC_TERM, (uint32_t)rng_below(&rng, 1000));
		e->columns[i * N_COLUMNS + COLUMN_SEEN] = (float)rng_below(&rng, 4);
	}
	for (size_t n = 0; n <= N; n += 25) {
		e->n = n;
		rank_crosses_prepare(&all, &model, e, MASK);
		assert_int_equal(rank_crosses_sum(&all, weights, &arena, sums), 0);
		for (size_t i = 0; i < n; i++) {
			uint32_t at[CROSS_SLOTS_MAX];
			uint8_t kind[CROSS_SLOTS_MAX];
			float sum = 0;
			rank_crosses_prepare(&alone, &model, e, MASK);
			size_t n_slots = rank_crosses(&alone, i, at, kind);
			for (size_t k = 0; k < n_slots; k++)
				sum += atomic_load(&weights[at[k]]);
			assert_true(sums[i] == sum);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_crosses, set_up, tear_down),
	                                   cmocka_unit_test_setup_teardown(test_sums, set_up, tear_down)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
