/* Fast non-cryptographic hashes (XXH3, https://xxhash.com). Stored on disk, so the function and seed are fixed. */
#ifndef MYNEWS_BASE_HASH_H
#define MYNEWS_BASE_HASH_H

#include <stdint.h>

#include "engine/base/span.h"

struct hash128 {
	uint64_t low, high;
};

/* Never 0, so that 0 can stand for "none" in maps. */
uint64_t hash64(struct span s);
struct hash128 hash128(struct span s);
/* Mixes an integer into a well spread one (the finaliser of splitmix64). A bijection; 0 maps to 0. */
static inline uint64_t hash_mix64(uint64_t x)
{
	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

#endif
