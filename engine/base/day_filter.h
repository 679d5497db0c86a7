/* Which of the last eight days may have seen a hash: a Bloom filter a day (Bloom 1970, doi:10.1145/362686.362692), the
 * eight of them side by side in the bits of each byte, so that one look asks them all. It never forgets within the eight
 * days; of n hashes a day it takes (1 - exp(-3 n / bytes))^3 of the others for seen, a day. One thread. */
#ifndef MYNEWS_BASE_DAY_FILTER_H
#define MYNEWS_BASE_DAY_FILTER_H

#include "engine/base/hash.h"

enum { DAY_FILTER_DAYS = 8 };

struct day_filter;

/* n_bytes is a power of two; what is never used of them takes no memory. Returns 0 or -ENOMEM. */
int day_filter_new(struct day_filter **out, size_t n_bytes, uint32_t today) __attribute__((warn_unused_result));
void day_filter_free(struct day_filter *f); /* NULL is safe */

/* The latest day that it ever heard of is the last of the eight. */
void day_filter_add(struct day_filter *f, uint32_t day, struct hash128 hash);
/* Bit i: day `today` - i may have seen it. All bits when today is before the last day: it has forgotten then. */
unsigned day_filter_find(struct day_filter *f, uint32_t today, struct hash128 hash);

#endif
