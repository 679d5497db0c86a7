/* Requests a second by key, reader and address, shared by all workers without a lock. */
#ifndef MYNEWS_API_RATELIMIT_H
#define MYNEWS_API_RATELIMIT_H

#include <stdint.h>

struct ratelimit;

/* Returns 0 or -ENOMEM. */
int ratelimit_new(struct ratelimit **out) __attribute__((warn_unused_result));
void ratelimit_free(struct ratelimit *l); /* NULL is safe */

/* Takes one request of `id` (a hash, not 0): `rate` a second on average, `burst` at once. Returns 0 when it may pass,
 * else the milliseconds until the next one may. Any thread; now_us never goes back by much. */
uint64_t ratelimit_take(struct ratelimit *l, uint64_t id, uint64_t rate, uint64_t burst, uint64_t now_us);

#endif
