/* The generic cell rate algorithm (ITU-T I.371, annex A): a token bucket that needs one number an id, the time at which
 * the bucket will be full again. A fixed table of small sets; when a set is full the id that has been quiet longest
 * gives way, which only ever forgives. Two workers that claim a slot at once may lose a count, never more. */
#include "api/ratelimit.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SETS = 1 << 14, WAYS = 4 };

struct slot {
	_Atomic uint64_t id;
	_Atomic uint64_t full_us; /* when nothing would be owed any more */
};

struct ratelimit {
	struct slot slots[SETS][WAYS];
};

int ratelimit_new(struct ratelimit **out)
{
	struct ratelimit *l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	*out = l;
	return 0;
}

void ratelimit_free(struct ratelimit *l)
{
	free(l);
}

static struct slot *find_slot(struct ratelimit *l, uint64_t id)
{
	struct slot *set = l->slots[id % SETS], *oldest = &set[0];
	uint64_t least = UINT64_MAX;
	for (int i = 0; i < WAYS; i++) {
		if (atomic_load_explicit(&set[i].id, memory_order_relaxed) == id)
			return &set[i];
		uint64_t full_us = atomic_load_explicit(&set[i].full_us, memory_order_relaxed);
		if (full_us < least) {
			least = full_us;
			oldest = &set[i];
		}
	}
	atomic_store_explicit(&oldest->full_us, 0, memory_order_relaxed);
	atomic_store_explicit(&oldest->id, id, memory_order_relaxed);
	return oldest;
}

uint64_t ratelimit_take(struct ratelimit *l, uint64_t id, uint64_t rate, uint64_t burst, uint64_t now_us)
{
	struct slot *s = find_slot(l, id);
	uint64_t interval_us = 1000000 / rate, room_us = interval_us * burst;
	uint64_t full_us = atomic_load_explicit(&s->full_us, memory_order_relaxed), next;
	do {
		next = (full_us > now_us ? full_us : now_us) + interval_us;
		if (next - now_us > room_us)
			return (next - now_us - room_us) / 1000 + 1;
	} while (!atomic_compare_exchange_weak_explicit(&s->full_us, &full_us, next, memory_order_relaxed,
	                                                memory_order_relaxed));
	return 0;
}
