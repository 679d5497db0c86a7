/* Several producers, one writer, readers beside them. Some operations fail their batch. Afterwards the store holds exactly
 * what was acknowledged, in one order that keeps each producer's own; every producer could read its write once it was told;
 * and readers only ever saw whole commits. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/rng.h"
#include "engine/store/codec.h"
#include "engine/store/writer.h"
#include "tests/engine/store/fixture.h"

enum { N_PRODUCERS = 4, N_OPS = 1500, QUEUE = 48, BATCH = 16 };

struct world {
	struct store *store;
	struct writer *writer;
	pthread_mutex_t lock;
	pthread_cond_t finished; /* some operation is done: there may be room, or it was yours */
	uint64_t n_done;         /* under the lock */
	/* The writer thread's alone: */
	uint64_t n_sequence, n_committed; /* events put; events of commits */
	uint64_t n_published;
	bool in_batch;
	unsigned n_wrong;
	atomic_bool stop;
	_Atomic uint64_t n_refused, n_walks;
};

struct item {
	struct write_op op; /* first */
	uint32_t producer, number;
	bool fails;
	uint64_t sequence;
	int n_done, status; /* under the lock */
};

static struct item items[N_PRODUCERS][N_OPS];

static int apply(struct write_op *op, struct store_txn *t, void *ctx)
{
	struct world *w = ctx;
	struct item *it = (struct item *)op;
	uint8_t key[8];
	w->n_wrong += !w->in_batch;
	if (it->fails)
		return -EIO;
	it->sequence = ++w->n_sequence;
	const uint32_t value[2] = {it->producer, it->number};
	return store_append(t, TABLE_EVENTS, key_u64(key, it->sequence), (struct span){(const char *)value, sizeof(value)});
}

static void publish(struct write_op *op, void *ctx)
{
	struct world *w = ctx;
	w->n_wrong += ((struct item *)op)->sequence != ++w->n_published;
}

static void done(struct write_op *op, int status, void *ctx)
{
	struct world *w = ctx;
	struct item *it = (struct item *)op;
	pthread_mutex_lock(&w->lock);
	w->n_wrong += w->in_batch; /* told before the end of the batch */
	it->n_done++;
	it->status = status;
	w->n_done++;
	pthread_cond_broadcast(&w->finished);
	pthread_mutex_unlock(&w->lock);
}

static void batch_begin(void *ctx)
{
	struct world *w = ctx;
	w->in_batch = true;
}

/* The number of events stands in each commit beside the events: a reader can tell a whole commit. */
static int batch_seal(struct store_txn *t, void *ctx)
{
	struct world *w = ctx;
	uint8_t value[8];
	return store_put(t, TABLE_META, SPAN("n"), key_u64(value, w->n_sequence));
}

static void batch_end(void *ctx, bool committed)
{
	struct world *w = ctx;
	if (committed)
		w->n_committed = w->n_sequence;
	else
		w->n_sequence = w->n_committed;
	w->in_batch = false;
}

static void idle(void *ctx)
{
	struct world *w = ctx;
	w->n_wrong += w->in_batch;
}

struct producer {
	struct world *world;
	uint64_t seed;
	uint32_t number;
	unsigned n_wrong;
	pthread_t thread;
};

static void wait_for(struct world *w, const struct item *it)
{
	pthread_mutex_lock(&w->lock);
	while (!it->n_done)
		pthread_cond_wait(&w->finished, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

/* A full queue holds operations that will be done, and then there is room. */
static void submit(struct world *w, struct write_op *op)
{
	for (;;) {
		pthread_mutex_lock(&w->lock);
		uint64_t before = w->n_done;
		pthread_mutex_unlock(&w->lock);
		if (writer_submit(w->writer, op) == 0)
			return;
		atomic_fetch_add(&w->n_refused, 1);
		pthread_mutex_lock(&w->lock);
		while (w->n_done == before)
			pthread_cond_wait(&w->finished, &w->lock);
		pthread_mutex_unlock(&w->lock);
	}
}

static void *produce(void *arg)
{
	struct producer *p = arg;
	struct world *w = p->world;
	struct rng r;
	struct store_txn *t;
	rng_seed(&r, p->seed);
	if (store_read_new(w->store, &t) < 0) {
		p->n_wrong++;
		return NULL;
	}
	for (uint32_t i = 0; i < N_OPS; i++) {
		struct item *it = &items[p->number][i];
		*it = (struct item){.op = {NULL, 1 + (unsigned)rng_below(&r, 5), apply, publish, done}, .producer = p->number,
		                    .number = i, .fails = rng_below(&r, 100) == 0};
		submit(w, &it->op);
		if (p->number % 2 && rng_below(&r, 40))
			continue; /* this kind mostly runs ahead, the other waits for each and reads it */
		struct span value;
		uint8_t key[8];
		wait_for(w, it);
		if (it->status)
			continue;
		if (store_read_renew(t) || store_get(t, TABLE_EVENTS, key_u64(key, it->sequence), &value) || value.len != 8)
			p->n_wrong++;
		store_read_reset(t);
	}
	store_read_free(t);
	return NULL;
}

static void *walk(void *arg)
{
	struct world *w = arg;
	struct store_txn *t;
	unsigned *n_wrong = calloc(1, sizeof(*n_wrong));
	if (store_read_new(w->store, &t) < 0)
		abort();
	uint64_t before = 0;
	do {
		struct span value, key;
		struct store_cursor *c;
		uint64_t counted = 0, last = 0;
		if (store_read_renew(t) || store_get(t, TABLE_META, SPAN("n"), &value)) {
			store_read_reset(t); /* nothing was committed yet */
			continue;
		}
		uint64_t n = key_to_u64(value);
		*n_wrong += n < before || store_count(t, TABLE_EVENTS, &counted) || counted != n;
		if (store_cursor_new(t, TABLE_EVENTS, &c) == 0) {
			*n_wrong += store_last(c, &key, &value) != 0;
			last = key_to_u64(key);
			store_cursor_free(c);
		}
		*n_wrong += last != n;
		before = n;
		store_read_reset(t);
		struct writer_stats stats;
		writer_stats(w->writer, &stats);
		*n_wrong += stats.queued_elements > QUEUE;
		atomic_fetch_add(&w->n_walks, 1);
	} while (!atomic_load(&w->stop));
	store_read_free(t);
	return n_wrong;
}

static void check_store(struct world *w)
{
	struct store_txn *t = reader(w->store);
	struct store_cursor *c;
	struct span key, value;
	uint64_t n = 0, n_acknowledged = 0, n_failed = 0;
	int64_t newest[N_PRODUCERS] = {-1, -1, -1, -1};
	assert_int_equal(store_cursor_new(t, TABLE_EVENTS, &c), 0);
	for (int r = store_first(c, &key, &value); r == 0; r = store_next(c, &key, &value)) {
		uint32_t who[2];
		assert_true(key_to_u64(key) == ++n);
		memcpy(who, value.data, sizeof(who));
		assert_true((int64_t)who[1] > newest[who[0]]);
		newest[who[0]] = who[1];
		assert_int_equal(items[who[0]][who[1]].status, 0);
		assert_true(items[who[0]][who[1]].sequence == n);
	}
	store_cursor_free(c);
	store_read_free(t);
	for (int p = 0; p < N_PRODUCERS; p++) {
		for (int i = 0; i < N_OPS; i++) {
			assert_int_equal(items[p][i].n_done, 1);
			assert_true(items[p][i].status == 0 || items[p][i].status == -EIO);
			assert_true(!items[p][i].fails || items[p][i].status == -EIO);
			n_acknowledged += items[p][i].status == 0;
			n_failed += items[p][i].status != 0;
		}
	}
	assert_true(n_acknowledged == n && n == w->n_published && n == w->n_committed);
	assert_true(n_failed > 0 && n > N_PRODUCERS * N_OPS / 4);
	printf("acknowledged %" PRIu64 ", failed %" PRIu64 ", refused %" PRIu64 ", walks %" PRIu64 "\n", n, n_failed,
	       atomic_load(&w->n_refused), atomic_load(&w->n_walks));
}

static void test_producers(void **state)
{
	struct fixture *f = *state;
	struct world w = {.store = f->store};
	struct producer producers[N_PRODUCERS];
	pthread_t walker;
	void *walker_wrong;
	struct writer_stats stats;
	uint64_t seed = 881, n_elements = 0;
	printf("seed %" PRIu64 "\n", seed);
	pthread_mutex_init(&w.lock, NULL);
	pthread_cond_init(&w.finished, NULL);
	const struct writer_config config = {.queue_elements = QUEUE, .batch_elements = BATCH,
	                                     .hooks = {&w, batch_begin, batch_seal, batch_end, idle, 1}};
	assert_int_equal(writer_new(&w.writer, w.store, &config), 0);
	assert_int_equal(pthread_create(&walker, NULL, walk, &w), 0);
	for (uint32_t i = 0; i < N_PRODUCERS; i++) {
		producers[i] = (struct producer){.world = &w, .number = i, .seed = seed + i};
		assert_int_equal(pthread_create(&producers[i].thread, NULL, produce, &producers[i]), 0);
	}
	for (int i = 0; i < N_PRODUCERS; i++) {
		pthread_join(producers[i].thread, NULL);
		assert_int_equal(producers[i].n_wrong, 0);
		wait_for(&w, &items[i][N_OPS - 1]);
	}
	atomic_store(&w.stop, true);
	pthread_join(walker, &walker_wrong);
	assert_int_equal(*(unsigned *)walker_wrong, 0);
	free(walker_wrong);
	writer_stats(w.writer, &stats);
	writer_free(w.writer);
	assert_int_equal(w.n_wrong, 0);
	check_store(&w);
	for (int p = 0; p < N_PRODUCERS; p++)
		for (int i = 0; i < N_OPS; i++)
			n_elements += items[p][i].status == 0 ? items[p][i].op.n_elements : 0;
	assert_true(stats.n_elements == n_elements && stats.queued_elements == 0 && stats.n_failures > 0);
	pthread_cond_destroy(&w.finished);
	pthread_mutex_destroy(&w.lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_producers, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
