#include "engine/store/writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

/* Queue: a linked list under one mutex; submitters hold it for a few instructions. While a batch is being committed the
 * next one gathers: group commit without a timer, but for patient operations. */

struct writer {
	struct store *store;
	struct writer_config config;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct write_op *head, *tail; /* waiting, oldest first */
	unsigned n_waiting;           /* elements */
	unsigned n_pressing;          /* operations that are not patient */
	bool stopping;
	_Atomic int last_error; /* of the last that failed */
	_Atomic uint64_t queued, n_commits, n_elements, n_failures, last_batch, commit_us;
};

static uint64_t monotonic_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static struct timespec deadline_in(unsigned ms)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

/* With the lock held: until there is work, the idle time is over, or the end. */
static void wait_for_work(struct writer *w)
{
	struct timespec deadline = deadline_in(w->config.hooks.idle_ms);
	while (!w->head && !w->stopping && pthread_cond_timedwait(&w->wake, &w->lock, &deadline) != ETIMEDOUT)
		;
	if (!w->head || w->n_pressing)
		return;
	deadline = deadline_in(w->config.linger_ms);
	while (!w->n_pressing && w->n_waiting < w->config.batch_elements && !w->stopping &&
	       pthread_cond_timedwait(&w->wake, &w->lock, &deadline) != ETIMEDOUT)
		;
}

/* Waits, then takes the batch's operations off the queue. Returns the first, NULL when there is none. */
static struct write_op *take_batch(struct writer *w, bool *stop)
{
	pthread_mutex_lock(&w->lock);
	wait_for_work(w);
	struct write_op *batch = w->head;
	unsigned n = 0;
	struct write_op *last = NULL;
	for (struct write_op *op = batch; op && (n == 0 || n + op->n_elements <= w->config.batch_elements); op = op->next) {
		n += op->n_elements;
		w->n_pressing -= !op->patient;
		last = op;
	}
	if (last) {
		w->head = last->next;
		if (!w->head)
			w->tail = NULL;
		last->next = NULL;
		w->n_waiting -= n;
		atomic_store_explicit(&w->queued, w->n_waiting, memory_order_relaxed);
	}
	*stop = w->stopping && !batch;
	pthread_mutex_unlock(&w->lock);
	return batch;
}

static int commit_batch(struct writer *w, struct write_op *batch)
{
	struct store_txn *txn;
	const struct writer_hooks *hooks = &w->config.hooks;
	uint64_t start_us = monotonic_us(), n = 0;
	int r = store_write_begin(w->store, &txn);
	if (r < 0)
		return r;
	for (struct write_op *op = batch; op && r >= 0; op = op->next) {
		n += op->n_elements;
		r = op->apply(op, txn, hooks->ctx);
	}
	if (r >= 0)
		r = hooks->batch_seal(txn, hooks->ctx);
	if (r < 0) {
		store_write_abort(txn);
		return r;
	}
	r = store_write_commit(txn);
	if (r < 0)
		return r;
	atomic_fetch_add_explicit(&w->n_commits, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&w->n_elements, n, memory_order_relaxed);
	atomic_store_explicit(&w->last_batch, n, memory_order_relaxed);
	atomic_fetch_add_explicit(&w->commit_us, monotonic_us() - start_us, memory_order_relaxed);
	return 0;
}

static void run_batch(struct writer *w, struct write_op *batch)
{
	const struct writer_hooks *hooks = &w->config.hooks;
	hooks->batch_begin(hooks->ctx);
	int r = commit_batch(w, batch);
	if (r < 0) {
		atomic_store_explicit(&w->last_error, r, memory_order_relaxed);
		atomic_fetch_add_explicit(&w->n_failures, 1, memory_order_relaxed);
	}
	for (struct write_op *op = batch; r == 0 && op; op = op->next)
		if (op->publish)
			op->publish(op, hooks->ctx);
	hooks->batch_end(hooks->ctx, r == 0);
	while (batch) {
		struct write_op *next = batch->next;
		batch->done(batch, r, hooks->ctx);
		batch = next;
	}
}

static void *run(void *arg)
{
	struct writer *w = arg;
	uint64_t idle_at_us = monotonic_us();
	for (;;) {
		bool stop;
		struct write_op *batch = take_batch(w, &stop);
		if (stop)
			return NULL;
		if (batch)
			run_batch(w, batch);
		const struct writer_hooks *hooks = &w->config.hooks;
		if (!batch || monotonic_us() - idle_at_us >= (uint64_t)hooks->idle_ms * 1000 ||
		    (hooks->pressed && hooks->pressed(hooks->ctx))) {
			hooks->idle(hooks->ctx);
			idle_at_us = monotonic_us();
		}
	}
}

int writer_new(struct writer **out, struct store *s, const struct writer_config *config)
{
	struct writer *w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->store = s;
	w->config = *config;
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, &attr);
	pthread_condattr_destroy(&attr);
	int r = pthread_create(&w->thread, NULL, run, w);
	if (r != 0) {
		pthread_cond_destroy(&w->wake);
		pthread_mutex_destroy(&w->lock);
		free(w);
		return -r;
	}
	*out = w;
	return 0;
}

void writer_free(struct writer *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

int writer_submit(struct writer *w, struct write_op *op)
{
	int r = 0;
	op->next = NULL;
	pthread_mutex_lock(&w->lock);
	if (w->n_waiting && w->n_waiting + op->n_elements > w->config.queue_elements) {
		r = -EAGAIN;
	} else {
		bool first = !w->head;
		*(first ? &w->head : &w->tail->next) = op;
		w->tail = op;
		w->n_waiting += op->n_elements;
		w->n_pressing += !op->patient;
		atomic_store_explicit(&w->queued, w->n_waiting, memory_order_relaxed);
		if (first || !op->patient || w->n_waiting >= w->config.batch_elements)
			pthread_cond_signal(&w->wake);
	}
	pthread_mutex_unlock(&w->lock);
	return r;
}

void writer_stats(struct writer *w, struct writer_stats *out)
{
	*out = (struct writer_stats){
		.queued_elements = atomic_load_explicit(&w->queued, memory_order_relaxed),
		.n_commits = atomic_load_explicit(&w->n_commits, memory_order_relaxed),
		.n_elements = atomic_load_explicit(&w->n_elements, memory_order_relaxed),
		.n_failures = atomic_load_explicit(&w->n_failures, memory_order_relaxed),
		.last_error = atomic_load_explicit(&w->last_error, memory_order_relaxed),
		.last_batch_elements = atomic_load_explicit(&w->last_batch, memory_order_relaxed),
		.commit_us_total = atomic_load_explicit(&w->commit_us, memory_order_relaxed),
	};
}
