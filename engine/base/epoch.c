#include "engine/base/epoch.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* A slot holds the epoch its reader last saw, 0 when offline. The global epoch only grows. An object retired at
 * epoch e may be freed when every online slot is >= e.
 *
 * epoch_enter re-reads the global epoch after publishing its slot: if the writer's scan missed the slot, then the
 * writer's increment precedes the re-read in the seq_cst order, so the reader sees it, loops, and thereby
 * synchronises with the unlinking that went before. All orderings are on atomic objects, none on bare fences. */

struct slot {
	_Alignas(64) _Atomic uint64_t seen; /* 0: offline */
	atomic_bool taken;
};

struct retired {
	void *object;
	void (*free_fn)(void *);
	uint64_t epoch;
};

struct epoch {
	struct slot slots[EPOCH_MAX_READERS];
	_Alignas(64) _Atomic uint64_t global;
	struct retired *retired; /* [n_retired], epochs ascending */
	size_t n_retired, capacity;
};

int epoch_new(struct epoch **out)
{
	struct epoch *e = aligned_alloc(64, sizeof(*e));
	if (!e)
		return -ENOMEM;
	for (int i = 0; i < EPOCH_MAX_READERS; i++) {
		atomic_init(&e->slots[i].seen, 0);
		atomic_init(&e->slots[i].taken, false);
	}
	atomic_init(&e->global, 1);
	e->retired = NULL;
	e->n_retired = e->capacity = 0;
	*out = e;
	return 0;
}

void epoch_free(struct epoch *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->n_retired; i++)
		e->retired[i].free_fn(e->retired[i].object);
	free(e->retired);
	free(e);
}

int epoch_register(struct epoch *e)
{
	for (int i = 0; i < EPOCH_MAX_READERS; i++) {
		bool expected = false;
		if (atomic_compare_exchange_strong(&e->slots[i].taken, &expected, true))
			return i;
	}
	return -EAGAIN;
}

void epoch_unregister(struct epoch *e, int reader)
{
	epoch_leave(e, reader);
	atomic_store(&e->slots[reader].taken, false);
}

void epoch_enter(struct epoch *e, int reader)
{
	uint64_t now = atomic_load(&e->global);
	for (;;) {
		if (atomic_load_explicit(&e->slots[reader].seen, memory_order_relaxed) != now)
			atomic_store(&e->slots[reader].seen, now);
		uint64_t again = atomic_load(&e->global);
		if (again == now)
			return;
		now = again;
	}
}

void epoch_leave(struct epoch *e, int reader)
{
	atomic_store_explicit(&e->slots[reader].seen, 0, memory_order_release);
}

static uint64_t oldest_reader(struct epoch *e)
{
	uint64_t oldest = UINT64_MAX;
	for (int i = 0; i < EPOCH_MAX_READERS; i++) {
		uint64_t seen = atomic_load(&e->slots[i].seen);
		if (seen != 0 && seen < oldest)
			oldest = seen;
	}
	return oldest;
}

void epoch_retire(struct epoch *e, void *object, void (*free_fn)(void *object))
{
	uint64_t now = atomic_fetch_add(&e->global, 1) + 1;
	if (e->n_retired == e->capacity) {
		size_t capacity = e->capacity ? e->capacity * 2 : 64;
		struct retired *grown = realloc(e->retired, capacity * sizeof(*grown));
		if (!grown) {
			while (oldest_reader(e) < now)
				sched_yield();
			free_fn(object);
			return;
		}
		e->retired = grown;
		e->capacity = capacity;
	}
	e->retired[e->n_retired++] = (struct retired){object, free_fn, now};
}

size_t epoch_reclaim(struct epoch *e)
{
	if (e->n_retired == 0)
		return 0;
	uint64_t oldest = oldest_reader(e);
	size_t n = 0;
	while (n < e->n_retired && e->retired[n].epoch <= oldest) {
		e->retired[n].free_fn(e->retired[n].object);
		n++;
	}
	for (size_t i = n; i < e->n_retired; i++)
		e->retired[i - n] = e->retired[i];
	e->n_retired -= n;
	return e->n_retired;
}
