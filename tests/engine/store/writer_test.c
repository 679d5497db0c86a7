/* The writer thread: the queue's bound, group commit, order, what a failure does to its batch, idle time, the end.
 * Order is compared as text: b begin, aN apply, s seal, pN publish, e end (committed), x end (not), dN done, fN failed. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

#include "tests/engine/store/writer_fixture.h"

enum { MAP = 16 << 20 };

static void submit(struct scene *s, struct test_op *op)
{
	assert_int_equal(writer_submit(s->writer, &op->op), 0);
}

/* The first operation waits inside its apply, so that what is submitted behind it gathers in the queue. */
static void hold(struct scene *s, struct test_op *first)
{
	scene_close_gate(s);
	test_op_init(first, s, 0, 1);
	submit(s, first);
	scene_wait_at_gate(s, 1);
}

static void test_one(void **state)
{
	struct scene s;
	struct test_op op;
	struct writer_stats stats;
	scene_start(&s, MAP, false, 10, 10, 10000);
	test_op_init(&op, &s, 0, 3);
	submit(&s, &op);
	scene_wait_finished(&s, 1);
	assert_int_equal(op.status, 0);
	assert_true(scene_stored(&s, 0));
	assert_string_equal(scene_text(&s), "b a0 s p0 e d0");
	writer_stats(s.writer, &stats);
	assert_true(stats.queued_elements == 0 && stats.n_commits == 1 && stats.n_elements == 3 && stats.n_failures == 0 &&
	            stats.last_batch_elements == 3);
	scene_stop(&s);
}

static void test_group_commit_and_order(void **state)
{
	struct scene s;
	struct test_op first, ops[4];
	struct writer_stats stats;
	scene_start(&s, MAP, false, 100, 100, 10000);
	hold(&s, &first);
	for (int i = 0; i < 4; i++) {
		test_op_init(&ops[i], &s, i + 1, 2);
		submit(&s, &ops[i]);
	}
	ops[1].op.publish = NULL; /* may be left out */
	writer_stats(s.writer, &stats);
	assert_true(stats.queued_elements == 8); /* the held one is not waiting any more */
	scene_open_gate(&s);
	scene_wait_finished(&s, 5);
	assert_string_equal(scene_text(&s), "b a0 s p0 e d0 b a1 a2 a3 a4 s p1 p3 p4 e d1 d2 d3 d4");
	writer_stats(s.writer, &stats);
	assert_true(stats.n_commits == 2 && stats.n_elements == 9 && stats.last_batch_elements == 8);
	scene_stop(&s);
}

static uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void submit_patient(struct scene *s, struct test_op *op, int number)
{
	test_op_init(op, s, number, 2);
	op->op.patient = true;
	submit(s, op);
}

/* A queue of nothing but patient operations is held back, then committed in one. */
static void test_patient(void **state)
{
	enum { MS = 50 };
	struct scene s;
	struct test_op first, ops[3];
	scene_start_lingering(&s, 100, MS);
	hold(&s, &first);
	for (int i = 0; i < 3; i++)
		submit_patient(&s, &ops[i], i + 1);
	uint64_t start_ms = now_ms();
	scene_open_gate(&s);
	scene_wait_finished(&s, 4);
	assert_true(now_ms() - start_ms >= MS);
	assert_string_equal(scene_text(&s), "b a0 s p0 e d0 b a1 a2 a3 s p1 p2 p3 e d1 d2 d3");
	submit_patient(&s, &ops[0], 4); /* also when the writer had nothing to do */
	scene_wait_finished(&s, 5);
	scene_stop(&s);
}

/* One that is not patient waits for nothing and takes along what was submitted before it; a full batch goes as well,
 * and so does everything at the end. Were any of them held back, this test would not end in time. */
static void test_patience_ends(void **state)
{
	struct scene s;
	struct test_op ops[4], pressing;
	scene_start_lingering(&s, 6, 600000);
	submit_patient(&s, &ops[0], 0);
	test_op_init(&pressing, &s, 1, 1);
	submit(&s, &pressing);
	scene_wait_finished(&s, 2);
	assert_string_equal(scene_text(&s), "b a0 a1 s p0 p1 e d0 d1");
	s.n_notes = 0;
	for (int i = 0; i < 3; i++)
		submit_patient(&s, &ops[i], i + 2);
	scene_wait_finished(&s, 5);
	assert_string_equal(scene_text(&s), "b a2 a3 a4 s p2 p3 p4 e d2 d3 d4");
	submit_patient(&s, &ops[3], 5);
	writer_free(s.writer);
	s.writer = NULL;
	assert_int_equal(ops[3].status, 0);
	assert_true(scene_stored(&s, 5));
	scene_stop(&s);
}

static void test_batch_bound(void **state)
{
	struct scene s;
	struct test_op first, ops[6];
	static const unsigned elements[] = {2, 2, 1, 9, 3, 1};
	scene_start(&s, MAP, true, 100, 4, 10000);
	hold(&s, &first);
	for (int i = 0; i < 6; i++) {
		test_op_init(&ops[i], &s, i + 1, elements[i]);
		submit(&s, &ops[i]);
	}
	scene_open_gate(&s);
	scene_wait_finished(&s, 7);
	/* at the bound (2 + 2), below it because the next is too large (1), over it alone (9), at it again (3 + 1) */
	assert_string_equal(scene_text(&s), "b a0 s p0 e d0 b a1 a2 s p1 p2 e d1 d2 b a3 s p3 e d3 b a4 s p4 e d4 "
	                                    "b a5 a6 s p5 p6 e d5 d6");
	scene_stop(&s);
}

/* Below, at and above the queue's bound; what was refused leaves no trace and can be submitted later. */
static void test_queue_bound(void **state)
{
	struct scene s;
	struct test_op first, nine, one, more, huge;
	struct writer_stats stats;
	scene_start(&s, MAP, true, 10, 100, 10000);
	hold(&s, &first);
	test_op_init(&huge, &s, 5, 1000);
	test_op_init(&nine, &s, 1, 9);
	test_op_init(&one, &s, 2, 1);
	test_op_init(&more, &s, 3, 1);
	submit(&s, &nine);                                                 /* 9 of 10 */
	assert_int_equal(writer_submit(s.writer, &huge.op), -EAGAIN);      /* not beside others */
	more.op.n_elements = 2;
	assert_int_equal(writer_submit(s.writer, &more.op), -EAGAIN);      /* 11 */
	submit(&s, &one);                                                  /* 10: full */
	more.op.n_elements = 1;
	assert_int_equal(writer_submit(s.writer, &more.op), -EAGAIN);      /* 11 */
	writer_stats(s.writer, &stats);
	assert_true(stats.queued_elements == 10);
	scene_open_gate(&s);
	scene_wait_finished(&s, 3);
	assert_int_equal(more.status, 1);
	assert_false(scene_stored(&s, 3));
	submit(&s, &more);
	scene_wait_finished(&s, 4);
	assert_true(scene_stored(&s, 3));
	submit(&s, &huge); /* larger than the queue, and the queue is empty */
	scene_wait_finished(&s, 5);
	assert_int_equal(huge.status, 0);
	assert_string_equal(scene_text(&s), "b a0 s p0 e d0 b a1 a2 s p1 p2 e d1 d2 b a3 s p3 e d3 b a5 s p5 e d5");
	scene_stop(&s);
}

/* While an oversized one waits, nothing is taken behind it. */
static void test_oversized_fills_the_queue(void **state)
{
	struct scene s;
	struct test_op first, huge, small;
	scene_start(&s, MAP, true, 10, 100, 10000);
	hold(&s, &first);
	test_op_init(&huge, &s, 1, 1000);
	test_op_init(&small, &s, 2, 1);
	submit(&s, &huge);
	assert_int_equal(writer_submit(s.writer, &small.op), -EAGAIN);
	scene_open_gate(&s);
	scene_wait_finished(&s, 2);
	submit(&s, &small);
	scene_wait_finished(&s, 3);
	scene_stop(&s);
}

static void expect_failed_batch(struct scene *s, struct test_op ops[3], int status, const char *text)
{
	struct writer_stats stats;
	scene_open_gate(s);
	scene_wait_finished(s, 4);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ops[i].status, status);
		assert_false(scene_stored(s, i + 1));
	}
	assert_true(scene_stored(s, 0));
	assert_string_equal(scene_text(s), text);
	writer_stats(s->writer, &stats);
	assert_true(stats.n_commits == 1 && stats.n_failures == 1 && stats.n_elements == 1);
}

/* The next batch is as if the failed one had never been. */
static void expect_recovery(struct scene *s)
{
	struct test_op next;
	test_op_init(&next, s, 9, 1);
	submit(s, &next);
	scene_wait_finished(s, 5);
	assert_int_equal(next.status, 0);
	assert_true(scene_stored(s, 9));
	for (int i = 1; i <= 3; i++)
		assert_false(scene_stored(s, i));
}

static void test_failing_apply(void **state)
{
	struct scene s;
	struct test_op first, ops[3];
	scene_start(&s, MAP, true, 100, 100, 10000);
	hold(&s, &first);
	for (int i = 0; i < 3; i++) {
		test_op_init(&ops[i], &s, i + 1, 1);
		ops[i].apply_result = i == 1 ? -EIO : 0;
		submit(&s, &ops[i]);
	}
	/* neither the one behind it nor the seal is asked any more; everyone is told */
	expect_failed_batch(&s, ops, -EIO, "b a0 s p0 e d0 b a1 a2 x f1 f2 f3");
	expect_recovery(&s);
	scene_stop(&s);
}

static void test_failing_seal(void **state)
{
	struct scene s;
	scene_start(&s, MAP, true, 100, 100, 10000);
	s.seal_result = -ENOMEM;
	struct test_op op;
	test_op_init(&op, &s, 1, 1);
	submit(&s, &op);
	scene_wait_finished(&s, 1);
	assert_int_equal(op.status, -ENOMEM);
	assert_false(scene_stored(&s, 1));
	assert_string_equal(scene_text(&s), "b a1 s x f1");
	struct store_txn *t = reader(s.fixture->store);
	struct span value;
	assert_int_equal(store_get(t, TABLE_META, SPAN("sealed"), &value), 1);
	store_read_free(t);
	scene_stop(&s);
}

/* A map that is full in the middle of a batch. */
static void test_full_map(void **state)
{
	struct scene s;
	struct test_op first, ops[3];
	scene_start(&s, 1 << 20, true, 100, 100, 10000);
	hold(&s, &first);
	for (int i = 0; i < 3; i++) {
		test_op_init(&ops[i], &s, i + 1, 1);
		ops[i].value_bytes = 600000;
		submit(&s, &ops[i]);
	}
	expect_failed_batch(&s, ops, -ENOSPC, "b a0 s p0 e d0 b a1 a2 x f1 f2 f3");
	expect_recovery(&s);
	scene_stop(&s);
}

static struct rlimit file_limit;

static void limit_files(struct scene *s)
{
	struct rlimit none = {4096, file_limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
}

/* The disk refuses the commit itself: every write beyond 4 KB of a file fails from the last apply on. */
static void test_failing_commit(void **state)
{
	struct scene s;
	struct test_op first, ops[3];
	struct writer_stats stats;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &file_limit), 0);
	void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
	scene_start(&s, MAP, false, 100, 100, 10000);
	hold(&s, &first);
	for (int i = 0; i < 3; i++) {
		test_op_init(&ops[i], &s, i + 1, 1);
		ops[i].value_bytes = 200000;
		ops[i].in_apply = i == 2 ? limit_files : NULL;
		submit(&s, &ops[i]);
	}
	scene_open_gate(&s);
	scene_wait_finished(&s, 4);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &file_limit), 0);
	for (int i = 0; i < 3; i++) {
		assert_true(ops[i].status < 0);
		assert_int_equal(ops[i].status, ops[0].status);
		assert_false(scene_stored(&s, i + 1));
	}
	assert_string_equal(scene_text(&s), "b a0 s p0 e d0 b a1 a2 a3 s x f1 f2 f3");
	writer_stats(s.writer, &stats);
	assert_true(stats.n_commits == 1 && stats.n_failures == 1);
	expect_recovery(&s);
	/* and the store can be opened again */
	writer_free(s.writer);
	s.writer = NULL;
	store_close(s.fixture->store);
	assert_int_equal(store_open(&s.fixture->store, s.fixture->dir.path, &usual), 0);
	assert_true(scene_stored(&s, 0) && scene_stored(&s, 9) && !scene_stored(&s, 1) && !scene_stored(&s, 3));
	signal(SIGXFSZ, before);
	scene_stop(&s);
}

static void test_free_finishes_the_queue(void **state)
{
	struct scene s;
	struct test_op first, ops[50];
	scene_start(&s, MAP, true, 100, 10, 10000);
	hold(&s, &first);
	for (int i = 0; i < 50; i++) {
		test_op_init(&ops[i], &s, i + 1, 1);
		submit(&s, &ops[i]);
	}
	scene_open_gate(&s);
	writer_free(s.writer);
	s.writer = NULL;
	assert_int_equal(s.n_finished, 51);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(ops[i].status, 0);
		assert_true(scene_stored(&s, i + 1));
	}
	scene_stop(&s);
	writer_free(NULL);
}

static void test_free_at_once(void **state)
{
	struct scene s;
	scene_start(&s, MAP, true, 10, 10, 60000); /* does not wait for the idle time to be over */
	scene_stop(&s);
	assert_int_equal(s.n_notes, 0);
}

static void wait_idle(struct scene *s, unsigned n)
{
	pthread_mutex_lock(&s->lock);
	while (s->n_idle < n)
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

/* Idle comes again and again with nothing to do, and between batches too when they come one behind the other. */
static void test_idle(void **state)
{
	struct scene s;
	scene_start(&s, MAP, true, 10, 1, 1);
	wait_idle(&s, 3);
	struct test_op ops[2];
	unsigned before, n = 0;
	pthread_mutex_lock(&s.lock);
	before = s.n_idle;
	pthread_mutex_unlock(&s.lock);
	bool enough = false;
	while (!enough) {
		for (int i = 0; i < 2; i++, n++) {
			test_op_init(&ops[i], &s, (int)n, 1);
			submit(&s, &ops[i]);
		}
		scene_wait_finished(&s, n);
		pthread_mutex_lock(&s.lock);
		s.n_notes = 0;
		enough = s.n_idle >= before + 3;
		pthread_mutex_unlock(&s.lock);
	}
	scene_stop(&s);
}

static void press(struct scene *s)
{
	pthread_mutex_lock(&s->lock);
	s->pressed = true;
	pthread_mutex_unlock(&s->lock);
}

/* Idle comes behind each batch while the hook says that it must not wait; else not before its time. */
static void test_pressed(void **state)
{
	struct scene s;
	struct test_op ops[8];
	scene_start(&s, MAP, true, 10, 1, 600000);
	for (unsigned i = 0; i < 8; i++) {
		test_op_init(&ops[i], &s, (int)i, 1);
		ops[i].in_apply = i == 4 ? press : NULL;
		submit(&s, &ops[i]);
		scene_wait_finished(&s, i + 1);
		if (i >= 4)
			wait_idle(&s, i - 3);
	}
	assert_int_equal(s.n_idle, 4);
	scene_stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_group_commit_and_order),
		cmocka_unit_test(test_patient),
		cmocka_unit_test(test_patience_ends),
		cmocka_unit_test(test_batch_bound),
		cmocka_unit_test(test_queue_bound),
		cmocka_unit_test(test_oversized_fills_the_queue),
		cmocka_unit_test(test_failing_apply),
		cmocka_unit_test(test_failing_seal),
		cmocka_unit_test(test_full_map),
		cmocka_unit_test(test_failing_commit),
		cmocka_unit_test(test_free_finishes_the_queue),
		cmocka_unit_test(test_free_at_once),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_pressed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
