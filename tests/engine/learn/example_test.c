/* Examples on their way to the store and back, and what is no example. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/rng.h"
#include "engine/learn/example.h"

static float some(struct rng *rng)
{
	return (float)(rng_double(rng) * 200 - 100);
}

static struct example *random_example(struct arena *arena, struct rng *rng, size_t n, size_t n_columns, size_t n_recent,
                                      size_t n_words)
{
	struct example *e = example_new(arena, n, n_columns);
	assert_non_null(e);
	e->feed = rng_u64(rng);
	e->user = rng_u64(rng);
	e->page = (uint16_t)rng_u64(rng);
	e->step = rng_u64(rng);
	e->number = rng_u64(rng);
	e->weight = (float)rng_double(rng);
	memset(e->model, 'm', rng_below(rng, EXAMPLE_MODEL_BYTES + 1));
	e->at_ms = (int64_t)rng_u64(rng);
	e->top_section = (uint32_t)rng_u64(rng);
	e->n_listed = (uint16_t)rng_u64(rng);
	e->n_recent = (uint8_t)n_recent;
	for (size_t i = 0; i < n_recent; i++)
		e->recent[i] = (uint32_t)rng_u64(rng);
	e->n_reads = n_recent ? (uint8_t)rng_below(rng, KIN_READS + 1) : 0;
	e->n_read_rows = n_recent ? (uint16_t)rng_below(rng, KIN_DOCUMENT_MAX + 1) : 0;
	for (size_t i = 0; i < e->n_read_rows; i++)
		e->read_rows[i] = (uint16_t)rng_below(rng, KIN_ROWS);
	for (size_t i = 0; i < n; i++) {
		struct example_slot *s = &e->slots[i];
		*s = (struct example_slot){.article = (uint32_t)rng_u64(rng), .section = (uint32_t)rng_u64(rng),
		                           .n_words = (uint8_t)n_words, .position = (uint8_t)rng_u64(rng),
		                           .ctr_rank = (uint16_t)rng_u64(rng), .score = rng_double(rng) * 20 - 10,
		                           .events = (uint16_t)rng_below(rng, 1u << N_EVENT_TYPES)};
		for (size_t k = 0; k < n_words; k++)
			s->words[k] = (uint32_t)rng_u64(rng);
	}
	for (size_t i = 0; i < n * n_columns; i++)
		e->columns[i] = some(rng);
	for (size_t i = 0; i < n_columns; i++) {
		e->mean[i] = some(rng);
		e->deviation[i] = some(rng);
	}
	return e;
}

static void assert_same(const struct example *a, const struct example *b)
{
	assert_true(a->feed == b->feed && a->user == b->user && a->page == b->page && a->at_ms == b->at_ms);
	assert_true(a->step == b->step && a->weight == b->weight && a->number == b->number);
	assert_memory_equal(a->model, b->model, sizeof(a->model));
	assert_true(a->top_section == b->top_section && a->n_listed == b->n_listed && a->n_recent == b->n_recent);
	assert_memory_equal(a->recent, b->recent, sizeof(a->recent));
	assert_true(a->n_reads == b->n_reads && a->n_read_rows == b->n_read_rows);
	assert_memory_equal(a->read_rows, b->read_rows, sizeof(a->read_rows));
	assert_true(a->n == b->n && a->n_columns == b->n_columns);
	for (size_t i = 0; i < a->n; i++) {
		const struct example_slot *x = &a->slots[i], *y = &b->slots[i];
		assert_true(x->article == y->article && x->section == y->section && x->n_words == y->n_words);
		assert_true(x->position == y->position && x->ctr_rank == y->ctr_rank && x->events == y->events);
		assert_true(x->score == y->score);
		assert_memory_equal(x->words, y->words, sizeof(x->words));
	}
	assert_memory_equal(a->columns, b->columns, a->n * a->n_columns * sizeof(float));
	assert_memory_equal(a->mean, b->mean, a->n_columns * sizeof(float));
	assert_memory_equal(a->deviation, b->deviation, a->n_columns * sizeof(float));
}

static int decode(struct arena *arena, struct span bytes, struct example **out)
{
	/* From memory of exactly that size, so that a read past the end is seen. */
	char *copy = malloc(bytes.len ? bytes.len : 1);
	assert_non_null(copy);
	if (bytes.len)
		memcpy(copy, bytes.data, bytes.len);
	int r = example_decode(arena, (struct span){copy, bytes.len}, out);
	free(copy);
	return r;
}

static void test_round_trips(void **state)
{
	struct rng rng;
	rng_seed(&rng, 1);
	for (int i = 0; i < 300; i++) {
		struct arena arena = {0};
		struct buf b = {0}, again = {0};
		struct example *back = NULL;
		size_t n = i ? 1 + rng_below(&rng, 40) : EXAMPLE_SLOTS_MAX; /* the largest there is first */
		size_t n_columns = i ? rng_below(&rng, EXAMPLE_COLUMNS_MAX + 1) : EXAMPLE_COLUMNS_MAX;
		size_t n_recent = i ? rng_below(&rng, EXAMPLE_RECENT + 1) : EXAMPLE_RECENT;
		struct example *e = random_example(&arena, &rng, n, n_columns, n_recent,
		                                   i ? rng_below(&rng, EXAMPLE_WORDS + 1) : EXAMPLE_WORDS);
		example_encode(&b, e);
		assert_false(b.failed);
		assert_int_equal(decode(&arena, buf_span(&b), &back), 0);
		assert_same(e, back);
		struct arena exact = {0}; /* takes what it says, and no other memory */
		struct example *other = NULL;
		assert_int_equal(arena_reserve(&exact, example_bytes(n, n_columns)), 0);
		assert_int_equal(decode(&exact, buf_span(&b), &other), 0);
		assert_int_equal(exact.total_bytes, example_bytes(n, n_columns));
		assert_int_equal(exact.used_bytes, exact.total_bytes);
		arena_free(&exact);
		example_encode(&again, back);
		assert_true(span_equal(buf_span(&b), buf_span(&again)));
		buf_free(&b);
		buf_free(&again);
		arena_free(&arena);
	}
}

/* Where fields stand in a record of no named model and without recent reads: version, feed, user, page, model's length, step,
 * weight, at, top section, listed, recent, reads, rows, n, columns; of a slot: article, section, position, rank, events, score, words.
 * The number is last. */
enum {
	AT_MODEL = 19,
	AT_WEIGHT = AT_MODEL + 9,
	AT_RECENT = AT_WEIGHT + 18,
	AT_READS = AT_RECENT + 1,
	AT_N = AT_READS + 3,
	AT_COLUMNS = AT_N + 2,
	AT_SLOTS = AT_COLUMNS + 1,
	AT_EVENTS = AT_SLOTS + 11,
	AT_SCORE = AT_EVENTS + 2,
	AT_WORDS = AT_SCORE + 8,
	SLOT_BYTES = AT_WORDS + 1 - AT_SLOTS
};

static int decode_changed(const struct buf *b, size_t at, const void *bytes, size_t n)
{
	struct arena arena = {0};
	struct example *e = NULL;
	char *copy = malloc(b->len);
	assert_non_null(copy);
	assert_true(at + n <= b->len);
	memcpy(copy, b->data, b->len);
	memcpy(copy + at, bytes, n);
	int r = decode(&arena, (struct span){copy, b->len}, &e);
	free(copy);
	arena_free(&arena);
	return r;
}

static int decode_byte(const struct buf *b, size_t at, uint8_t value)
{
	return decode_changed(b, at, &value, 1);
}

static void test_refusals(void **state)
{
	const float bad[] = {NAN, INFINITY, -INFINITY};
	struct arena arena = {0};
	struct example *e, *back;
	struct buf b = {0};
	struct rng rng;
	rng_seed(&rng, 2);
	e = random_example(&arena, &rng, 3, 2, 0, 0);
	memset(e->model, 0, sizeof(e->model));
	example_encode(&b, e);
	assert_int_equal(decode(&arena, buf_span(&b), &back), 0);
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(decode(&arena, (struct span){b.data, n}, &back), 1);
	assert_int_equal(decode_byte(&b, 0, 0), 1); /* versions */
	assert_int_equal(decode_byte(&b, 0, 4), 1);
	assert_int_equal(decode_byte(&b, AT_N, 0), 1); /* no slots */
	assert_int_equal(decode_byte(&b, AT_N, 2), 1); /* fewer than there are, and more */
	assert_int_equal(decode_byte(&b, AT_N, 4), 1);
	assert_int_equal(decode_byte(&b, AT_COLUMNS, 1), 1);
	assert_int_equal(decode_byte(&b, AT_COLUMNS, 3), 1);
	assert_int_equal(decode_byte(&b, AT_RECENT, 1), 1);
	assert_int_equal(decode_byte(&b, AT_READS, KIN_READS), 0);
	assert_int_equal(decode_byte(&b, AT_READS, KIN_READS + 1), 1);
	assert_int_equal(decode_byte(&b, AT_READS + 1, 1), 1); /* a row that is not there */
	assert_int_equal(decode_byte(&b, AT_WORDS, 1), 1);
	assert_int_equal(decode_byte(&b, AT_EVENTS + 1, (1u << N_EVENT_TYPES >> 8) - 1), 0); /* every event there is */
	assert_int_equal(decode_byte(&b, AT_EVENTS + 1, 1u << N_EVENT_TYPES >> 8), 1);
	const double no_score[] = {(double)NAN, (double)INFINITY};
	const float weights[] = {-0.01f, 1.01f, NAN}, whole[] = {0, 1};
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(decode_changed(&b, AT_SCORE, &no_score[i], sizeof(double)), 1);
		assert_int_equal(decode_changed(&b, AT_WEIGHT, &whole[i], sizeof(float)), 0);
	}
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(decode_changed(&b, AT_WEIGHT, &weights[i], sizeof(float)), 1);
	assert_int_equal(decode_byte(&b, AT_MODEL, EXAMPLE_MODEL_BYTES + 1), 1);
	buf_clear(&b);
	memcpy(e->model, "m1", 3);
	example_encode(&b, e);
	assert_int_equal(decode(&arena, buf_span(&b), &back), 0);
	assert_int_equal(decode_byte(&b, AT_MODEL + 2, 0), 1); /* a name that ends within itself */
	buf_clear(&b);
	memset(e->model, 0, sizeof(e->model));
	example_encode(&b, e);
	for (size_t at = AT_SLOTS + 3 * SLOT_BYTES; at < b.len - sizeof(e->number); at += sizeof(float)) /* mean, deviation, columns */
		for (size_t i = 0; i < 3; i++)
			assert_int_equal(decode_changed(&b, at, &bad[i], sizeof(float)), 1);
	buf_put_char(&b, '\0');
	assert_int_equal(decode(&arena, buf_span(&b), &back), 1); /* a byte too many */
	assert_int_equal(decode(&arena, (struct span){NULL, 0}, &back), 1);
	buf_free(&b);
	arena_free(&arena);
}

/* One above each limit, in records that are whole otherwise. */
static void test_limits(void **state)
{
	static const struct {
		size_t n, n_columns, n_recent, n_words;
	} above[] = {{EXAMPLE_SLOTS_MAX + 1, 1, 0, 0}, {1, EXAMPLE_COLUMNS_MAX + 1, 0, 0}};
	struct rng rng;
	rng_seed(&rng, 3);
	for (size_t i = 0; i < sizeof(above) / sizeof(above[0]); i++) {
		struct arena arena = {0};
		struct buf b = {0};
		struct example *back;
		struct example *e = random_example(&arena, &rng, above[i].n, above[i].n_columns, 0, 0);
		example_encode(&b, e);
		assert_int_equal(decode(&arena, buf_span(&b), &back), 1);
		buf_free(&b);
		arena_free(&arena);
	}
	/* Rows of words that there are no more of, and none such. */
	for (int many = 0; many <= 1; many++) {
		struct arena arena = {0};
		struct buf b = {0};
		struct example *back, *e = random_example(&arena, &rng, 1, 1, 1, 0);
		static struct example wrong;
		e->n_read_rows = KIN_DOCUMENT_MAX;
		wrong = *e;
		wrong.n_read_rows = many ? KIN_DOCUMENT_MAX : 1;
		wrong.read_rows[0] = many ? 0 : KIN_ROWS;
		example_encode(&b, &wrong);
		if (many) { /* one more by hand, where the rows end */
			size_t at = b.len - (sizeof(float) * 3 + SLOT_BYTES + 3) - 2 * KIN_DOCUMENT_MAX - 2;
			uint16_t n = KIN_DOCUMENT_MAX + 1;
			assert_int_equal(decode(&arena, buf_span(&b), &back), 0);
			memcpy(b.data + at, &n, sizeof(n));
			buf_put(&b, "xy", 2);
		}
		assert_int_equal(decode(&arena, buf_span(&b), &back), 1);
		buf_free(&b);
		arena_free(&arena);
	}
	/* Recent reads and words beyond what the struct holds are written by hand: 4 bytes more of each. */
	for (int words = 0; words <= 1; words++) {
		struct arena arena = {0};
		struct buf whole = {0}, more = {0};
		struct example *back, *e = random_example(&arena, &rng, 1, 1, words ? 0 : EXAMPLE_RECENT, words ? EXAMPLE_WORDS : 0);
		memset(e->model, 0, sizeof(e->model));
		size_t at = words ? AT_WORDS : AT_RECENT;
		example_encode(&whole, e);
		assert_int_equal(decode(&arena, buf_span(&whole), &back), 0);
		buf_put(&more, whole.data, at);
		buf_put_char(&more, (char)(whole.data[at] + 1));
		buf_put(&more, "more", 4);
		buf_put(&more, whole.data + at + 1, whole.len - at - 1);
		assert_int_equal(decode(&arena, buf_span(&more), &back), 1);
		buf_free(&whole);
		buf_free(&more);
		arena_free(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
