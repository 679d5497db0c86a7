#include "engine/base/hash.h"

#include <xxhash.h>

uint64_t hash64(struct span s)
{
	uint64_t h = XXH3_64bits(s.data, s.len);
	return h ? h : 1;
}

struct hash128 hash128(struct span s)
{
	XXH128_hash_t h = XXH3_128bits(s.data, s.len);
	return (struct hash128){h.low64, h.high64};
}
