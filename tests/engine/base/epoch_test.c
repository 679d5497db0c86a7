/* Reclamation by one thread: what waits for whom, and in which order things go. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "engine/base/epoch.h"

enum { N_OBJECTS = 1000 };
static int freed[N_OBJECTS], n_freed, order[N_OBJECTS];
static int objects[N_OBJECTS];

static void note(void *object)
{
	int i = (int)((int *)object - objects);
	freed[i]++;
	order[n_freed++] = i;
}

static int start(void **state)
{
	for (int i = 0; i < N_OBJECTS; i++)
		freed[i] = 0;
	n_freed = 0;
	struct epoch *e;
	if (epoch_new(&e) < 0)
		return -1;
	*state = e;
	return 0;
}

static int stop(void **state)
{
	epoch_free(*state);
	return 0;
}

static void test_no_readers(void **state)
{
	struct epoch *e = *state;
	assert_int_equal(epoch_reclaim(e), 0);
	for (int i = 0; i < N_OBJECTS; i++)
		epoch_retire(e, &objects[i], note);
	assert_int_equal(n_freed, 0); /* retiring frees nothing by itself */
	assert_int_equal(epoch_reclaim(e), 0);
	assert_int_equal(n_freed, N_OBJECTS);
	for (int i = 0; i < N_OBJECTS; i++)
		assert_int_equal(order[i], i);
}

static void test_reader_inside_holds(void **state)
{
	struct epoch *e = *state;
	int r = epoch_register(e);
	assert_true(r >= 0);
	epoch_retire(e, &objects[0], note); /* registered, not inside: holds nothing */
	assert_int_equal(epoch_reclaim(e), 0);
	epoch_enter(e, r);
	epoch_retire(e, &objects[1], note);
	epoch_retire(e, &objects[2], note);
	assert_int_equal(epoch_reclaim(e), 2);
	assert_int_equal(epoch_reclaim(e), 2);
	assert_int_equal(freed[1] + freed[2], 0);
	epoch_pass(e, r);
	epoch_retire(e, &objects[3], note);
	assert_int_equal(epoch_reclaim(e), 1); /* what was retired before the pass goes, what came after stays */
	assert_int_equal(freed[1] + freed[2], 2);
	assert_int_equal(freed[3], 0);
	epoch_leave(e, r);
	assert_int_equal(epoch_reclaim(e), 0);
	assert_int_equal(freed[3], 1);
	epoch_unregister(e, r);
}

/* Each of several readers holds exactly what was retired since it last passed: the oldest decides. */
static void test_slowest_reader_decides(void **state)
{
	struct epoch *e = *state;
	int readers[5];
	for (int i = 0; i < 5; i++) {
		readers[i] = epoch_register(e);
		assert_true(readers[i] >= 0);
		epoch_enter(e, readers[i]);
		epoch_retire(e, &objects[i], note); /* reader i holds objects i.. */
	}
	for (int i = 0; i < 5; i++) {
		assert_int_equal(epoch_reclaim(e), 5 - i);
		assert_int_equal(n_freed, i);
		if (i % 2)
			epoch_leave(e, readers[i]);
		else
			epoch_pass(e, readers[i]);
	}
	assert_int_equal(epoch_reclaim(e), 0);
	assert_int_equal(n_freed, 5);
	for (int i = 0; i < 5; i++)
		epoch_unregister(e, readers[i]);
}

static void test_slots_run_out(void **state)
{
	struct epoch *e = *state;
	int readers[EPOCH_MAX_READERS];
	for (int i = 0; i < EPOCH_MAX_READERS; i++) {
		readers[i] = epoch_register(e);
		assert_in_range(readers[i], 0, EPOCH_MAX_READERS - 1);
		for (int k = 0; k < i; k++)
			assert_int_not_equal(readers[k], readers[i]);
	}
	assert_int_equal(epoch_register(e), -EAGAIN);
	epoch_enter(e, readers[77]);
	epoch_unregister(e, readers[77]); /* leaves too */
	epoch_retire(e, &objects[0], note);
	assert_int_equal(epoch_reclaim(e), 0);
	assert_int_equal(epoch_register(e), readers[77]);
	assert_int_equal(epoch_register(e), -EAGAIN);
}

static void test_free_frees_what_waits(void **state)
{
	struct epoch *e = *state, *own;
	assert_int_equal(epoch_new(&own), 0);
	int r = epoch_register(own);
	epoch_enter(own, r);
	for (int i = 0; i < 10; i++)
		epoch_retire(own, &objects[i], note);
	assert_int_equal(epoch_reclaim(own), 10);
	epoch_leave(own, r);
	epoch_free(own);
	for (int i = 0; i < 10; i++)
		assert_int_equal(freed[i], 1);
	epoch_free(NULL);
	assert_int_equal(epoch_reclaim(e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_readers, start, stop),
		cmocka_unit_test_setup_teardown(test_reader_inside_holds, start, stop),
		cmocka_unit_test_setup_teardown(test_slowest_reader_decides, start, stop),
		cmocka_unit_test_setup_teardown(test_slots_run_out, start, stop),
		cmocka_unit_test_setup_teardown(test_free_frees_what_waits, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
