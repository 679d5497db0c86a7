/* Allocations stay apart, aligned and alive until the release; a reset arena is as good as a new one. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/arena.h"
#include "engine/base/rng.h"

/* Each block is filled with its own byte; a block that another one overlaps has lost its byte at the end. */
static void test_blocks_stay_apart(void **state)
{
	enum { N_BLOCKS = 2000 };
	static struct {
		unsigned char *data;
		size_t n;
	} blocks[N_BLOCKS];
	struct rng r;
	uint64_t seed = 20261;
	printf("seed %" PRIu64 "\n", seed);
	rng_seed(&r, seed);
	struct arena a = {0};
	for (int round = 0; round < 3; round++) {
		size_t total = 0;
		for (size_t i = 0; i < N_BLOCKS; i++) {
			/* mostly small ones, some larger than a chunk */
			blocks[i].n = rng_below(&r, 50) ? rng_below(&r, 300) : rng_below(&r, 60000);
			blocks[i].data = arena_alloc(&a, blocks[i].n);
			assert_non_null(blocks[i].data);
			assert_int_equal((uintptr_t)blocks[i].data % 16, 0);
			memset(blocks[i].data, (int)(i * 7 + 1) & 255, blocks[i].n);
			total += blocks[i].n;
		}
		assert_true(a.total_bytes >= total);
		assert_true(a.total_bytes <= total + N_BLOCKS * 16);
		for (size_t i = 0; i < N_BLOCKS; i++)
			for (size_t k = 0; k < blocks[i].n; k++)
				assert_int_equal(blocks[i].data[k], (i * 7 + 1) & 255);
		arena_reset(&a);
		assert_int_equal(a.total_bytes, 0);
	}
	arena_free(&a);
}

static void test_empty_blocks_differ(void **state)
{
	struct arena a = {0};
	void *one = arena_alloc(&a, 0), *two = arena_alloc(&a, 0);
	assert_non_null(one);
	assert_non_null(two);
	assert_ptr_not_equal(one, two);
	arena_free(&a);
}

/* What was reserved holds what was announced, and no more is taken for it: everything stands in the newest chunk. */
static void test_reserved(void **state)
{
	for (size_t n = 0; n < 200; n++) {
		struct arena a = {0};
		assert_int_equal(arena_reserve(&a, n * 48 + 16), 0);
		unsigned char *first = arena_alloc(&a, 16), *last = first;
		for (size_t i = 0; i < n; i++) {
			last = arena_alloc(&a, 33 + i % 16); /* each 48 */
			assert_non_null(last);
			memset(last, 1, 33 + i % 16);
		}
		assert_int_equal(last - first, n ? (ptrdiff_t)(16 + (n - 1) * 48) : 0);
		assert_int_equal(a.used_bytes, n * 48 + 16);
		assert_int_equal(a.used_bytes, a.total_bytes);
		assert_int_equal(arena_reserve(&a, 0), 0);
		assert_int_equal(a.used_bytes, a.total_bytes); /* nothing added */
		assert_non_null(arena_alloc(&a, 1)); /* and it grows as any other */
		arena_free(&a);
	}
	struct arena a = {0};
	assert_true(arena_reserve(&a, SIZE_MAX) < 0);
	assert_null(a.head);
}

/* Work that comes again finds all its room in one piece; more of it makes that grow, less leaves it. */
static void test_rewound(void **state)
{
	static const size_t rounds[] = {3, 3, 40, 40, 2, 40};
	struct arena a = {0};
	unsigned char *first = NULL;
	arena_rewind(&a);
	assert_null(a.head);
	for (size_t r = 0; r < sizeof(rounds) / sizeof(rounds[0]); r++) {
		unsigned char *before = first, *last = NULL;
		for (size_t i = 0; i < rounds[r]; i++) {
			unsigned char *p = arena_alloc(&a, 9000);
			assert_non_null(p);
			memset(p, 1, 9000);
			first = i == 0 ? p : first;
			last = p;
		}
		bool grown = r == 0 || r == 2;
		assert_true((last - first == (ptrdiff_t)((rounds[r] - 1) * 9008)) == !grown);
		assert_true(grown || r == 1 || r == 3 || first == before);
		arena_rewind(&a);
		assert_int_equal(a.total_bytes, 0);
		assert_int_equal(a.used_bytes, 0);
	}
	arena_free(&a);
}

static void test_zeroed(void **state)
{
	struct arena a = {0};
	unsigned char *dirty = arena_alloc(&a, 4096);
	memset(dirty, 0xaa, 4096);
	arena_reset(&a);
	unsigned char *clean = arena_calloc(&a, 64, 64);
	assert_ptr_equal(clean, dirty); /* the chunk was kept, so the memory was dirty */
	for (size_t i = 0; i < 4096; i++)
		assert_int_equal(clean[i], 0);
	assert_null(arena_calloc(&a, SIZE_MAX / 2, 3));
	assert_null(arena_calloc(&a, SIZE_MAX, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_non_null(arena_calloc(&a, 0, SIZE_MAX));
	assert_non_null(arena_alloc(&a, 1)); /* a refusal leaves the arena usable */
	arena_free(&a);
}

static void test_copy_and_printf(void **state)
{
	struct arena a = {0};
	struct span copy = arena_copy(&a, SPAN("a\0b"));
	assert_int_equal(copy.len, 3);
	assert_memory_equal(copy.data, "a\0b", 4); /* with the NUL behind it */
	copy = arena_copy(&a, (struct span){NULL, 0});
	assert_int_equal(copy.len, 0);
	assert_string_equal(copy.data, "");

	struct span text = arena_printf(&a, "%s is %d", "answer", 42);
	assert_string_equal(text.data, "answer is 42");
	assert_int_equal(text.len, 12);
	text = arena_printf(&a, "%*s", 40000, "x"); /* larger than a chunk */
	assert_int_equal(text.len, 40000);
	assert_int_equal(text.data[39999], 'x');
	assert_int_equal(text.data[40000], '\0');
	arena_free(&a);
}

static void test_usable_after_free(void **state)
{
	struct arena a = {0};
	arena_free(&a); /* an empty one */
	arena_reset(&a);
	assert_non_null(arena_alloc(&a, 10));
	arena_free(&a);
	assert_null(a.head);
	assert_int_equal(a.total_bytes, 0);
	assert_non_null(arena_alloc(&a, 100000));
	arena_reset(&a); /* the only chunk is a large one: nothing to keep */
	assert_non_null(arena_alloc(&a, 10));
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks_stay_apart),
		cmocka_unit_test(test_empty_blocks_differ),
		cmocka_unit_test(test_reserved), cmocka_unit_test(test_rewound),
		cmocka_unit_test(test_zeroed),
		cmocka_unit_test(test_copy_and_printf),
		cmocka_unit_test(test_usable_after_free),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
