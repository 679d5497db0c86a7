/* Records: fields come back, at their limits too; every cut, another version and one field too many are refused; a
 * flipped bit is refused or gives a record that can itself be written and read. */
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/rng.h"
#include "engine/store/records.h"
#include "tests/engine/store/record_samples.h"

/* Decodes from memory of exactly that size, so that ASan sees a read past the end. */
static int recode_exact(const struct record_kind *kind, struct arena *arena, struct span bytes, struct buf *again)
{
	char *exact = malloc(bytes.len ? bytes.len : 1);
	assert_non_null(exact);
	if (bytes.len)
		memcpy(exact, bytes.data, bytes.len);
	arena_reset(arena);
	buf_clear(again);
	int r = kind->recode(arena, (struct span){exact, bytes.len}, again);
	free(exact);
	assert_in_range(r, 0, 1);
	return r;
}

static void test_round_trip(void **state)
{
	struct arena arena = {0};
	struct buf b = {0}, again = {0};
	for (size_t i = 0; i < n_record_samples; i++) {
		const struct record_sample *s = &record_samples[i];
		buf_clear(&b);
		s->encode(&b);
		assert_false(b.failed);
		if (recode_exact(s->kind, &arena, buf_span(&b), &again) != 0)
			fail_msg("%s refused", s->name);
		if (!span_equal(buf_span(&b), buf_span(&again)))
			fail_msg("%s differs", s->name);
	}
	arena_free(&arena);
	buf_free(&b);
	buf_free(&again);
}

static void test_every_cut(void **state)
{
	struct arena arena = {0};
	struct buf b = {0}, again = {0};
	size_t n_cuts = 0;
	for (size_t i = 0; i < n_record_samples; i++) {
		const struct record_sample *s = &record_samples[i];
		buf_clear(&b);
		s->encode(&b);
		size_t whole = s->kind->head_bytes ? s->kind->head_bytes : b.len; /* behind a head anything may stand */
		/* the largest are 30 KB: their long middle is strings and numbers, every seventh cut of it will do */
		for (size_t n = 0; n < whole; n += whole > 8000 && n > 300 && n + 300 < whole ? 7 : 1, n_cuts++)
			if (recode_exact(s->kind, &arena, (struct span){b.data, n}, &again) != 1)
				fail_msg("%s taken at %zu of %zu bytes", s->name, n, b.len);
		buf_put_char(&b, '\0');
		if (!s->kind->head_bytes && recode_exact(s->kind, &arena, buf_span(&b), &again) != 1)
			fail_msg("%s taken with a byte behind it", s->name);
	}
	printf("cuts: %zu\n", n_cuts);
	arena_free(&arena);
	buf_free(&b);
	buf_free(&again);
}

static void test_versions(void **state)
{
	struct arena arena = {0};
	struct buf b = {0}, again = {0};
	for (size_t i = 0; i < n_record_samples; i++) {
		const struct record_sample *s = &record_samples[i];
		buf_clear(&b);
		s->encode(&b);
		assert_int_equal(b.data[0], RECORD_VERSION);
		for (int version = 0; version < 256; version++) {
			b.data[0] = (char)version;
			assert_int_equal(recode_exact(s->kind, &arena, buf_span(&b), &again), version != RECORD_VERSION);
		}
	}
	arena_free(&arena);
	buf_free(&b);
	buf_free(&again);
}

/* A record that was taken must be writable, and what was written must be the same record once more. */
static bool taken_is_sound(const struct record_kind *kind, struct arena *arena, struct span bytes, struct buf *one,
                           struct buf *two)
{
	if (recode_exact(kind, arena, bytes, one) != 0)
		return false;
	assert_false(one->failed);
	assert_int_equal(recode_exact(kind, arena, buf_span(one), two), 0);
	assert_true(span_equal(buf_span(one), buf_span(two)));
	return true;
}

static void test_flipped_bits(void **state)
{
	struct arena arena = {0};
	struct buf b = {0}, one = {0}, two = {0};
	struct rng r;
	uint64_t seed = 1601;
	size_t n_flips = 0, n_taken = 0;
	printf("seed %" PRIu64 "\n", seed);
	rng_seed(&r, seed);
	for (size_t i = 0; i < n_record_samples; i++) {
		const struct record_sample *s = &record_samples[i];
		buf_clear(&b);
		s->encode(&b);
		size_t n_bits = b.len * 8, n_tries = b.len <= 1500 ? n_bits : 3000;
		for (size_t k = 0; k < n_tries; k++, n_flips++) {
			size_t bit = n_tries == n_bits ? k : rng_below(&r, n_bits);
			b.data[bit / 8] = (char)(b.data[bit / 8] ^ 1 << bit % 8);
			n_taken += taken_is_sound(s->kind, &arena, buf_span(&b), &one, &two);
			b.data[bit / 8] = (char)(b.data[bit / 8] ^ 1 << bit % 8);
		}
	}
	printf("flips: %zu, taken: %zu\n", n_flips, n_taken);
	arena_free(&arena);
	buf_free(&b);
	buf_free(&one);
	buf_free(&two);
}

/* Several bytes at once, cuts and repeats among them, and bytes that were never a record. */
static void test_mangled(void **state)
{
	struct arena arena = {0};
	struct buf b = {0}, one = {0}, two = {0};
	struct rng r;
	uint64_t seed = 1602;
	printf("seed %" PRIu64 "\n", seed);
	rng_seed(&r, seed);
	for (int round = 0; round < 40000; round++) {
		const struct record_sample *s = &record_samples[rng_below(&r, n_record_samples)];
		buf_clear(&b);
		if (rng_below(&r, 4)) {
			s->encode(&b);
			if (b.len > 4000)
				continue;
			for (uint64_t n = 1 + rng_below(&r, 6); n > 0; n--)
				b.data[rng_below(&r, b.len)] = (char)(rng_below(&r, 3) ? rng_u64(&r) : 0xff);
			if (rng_below(&r, 3) == 0)
				b.len = rng_below(&r, b.len + 1);
		} else {
			buf_put_char(&b, RECORD_VERSION);
			for (uint64_t n = rng_below(&r, 200); n > 0; n--)
				buf_put_char(&b, (char)rng_u64(&r));
		}
		(void)taken_is_sound(s->kind, &arena, buf_span(&b), &one, &two);
	}
	arena_free(&arena);
	buf_free(&b);
	buf_free(&one);
	buf_free(&two);
}

static void test_refused(void **state)
{
	struct arena arena = {0};
	struct buf b = {0}, again = {0};
	for (size_t i = 0; i < n_record_refused; i++) {
		const struct record_sample *s = &record_refused[i];
		buf_clear(&b);
		s->encode(&b);
		if (recode_exact(s->kind, &arena, buf_span(&b), &again) != 1)
			fail_msg("%s taken", s->name);
	}
	arena_free(&arena);
	buf_free(&b);
	buf_free(&again);
}

static void test_fields(void **state)
{
	record_samples_check_fields();
}

/* SEMANTICS: over 2,020 bytes LMDB spills to overflow pages. A reader's settings may fill all their limits. */
static void test_user_record_stays_on_its_page(void **state)
{
	struct buf b = {0};
	for (size_t i = 0; i < n_record_samples; i++) {
		if (record_samples[i].kind != &user_kind)
			continue;
		buf_clear(&b);
		record_samples[i].encode(&b);
		assert_true(b.len <= 2020);
	}
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),  cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_versions), cmocka_unit_test(test_flipped_bits), cmocka_unit_test(test_mangled),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_user_record_stays_on_its_page),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
