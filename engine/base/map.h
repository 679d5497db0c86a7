/* A hash map from nonzero u64 to nonzero u64 with one writer and any number of lock-free readers.
 *
 * Readers must be inside the epoch (see base/epoch) while they look up; the writer may look up at any time. Pointers
 * are stored through map_put_ptr. */
#ifndef MYNEWS_BASE_MAP_H
#define MYNEWS_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

struct epoch;
struct map;

/* `e` outlives the map; NULL for a map that only one thread uses. Returns 0 or -ENOMEM. */
int map_new(struct map **out, struct epoch *e) __attribute__((warn_unused_result));
void map_free(struct map *m); /* NULL is safe; no readers may be left */

/* The value, or 0 when absent. Any thread. */
uint64_t map_get(const struct map *m, uint64_t key);
static inline void *map_get_ptr(const struct map *m, uint64_t key)
{
	return (void *)(uintptr_t)map_get(m, key);
}

/* Writer only. Sets or replaces; value 0 removes. Returns 0 or -ENOMEM (the map is then unchanged). */
int map_put(struct map *m, uint64_t key, uint64_t value) __attribute__((warn_unused_result));
static inline __attribute__((warn_unused_result)) int map_put_ptr(struct map *m, uint64_t key, void *value)
{
	return map_put(m, key, (uint64_t)(uintptr_t)value);
}
/* Writer only. Removes; nothing happens when absent. */
void map_remove(struct map *m, uint64_t key);
/* Live keys. Writer only. */
size_t map_count(const struct map *m);
size_t map_bytes(const struct map *m);
/* Writer only: visits every live pair in table order. fn may replace or remove the visited key, nothing else. */
void map_each(struct map *m, void (*fn)(uint64_t key, uint64_t value, void *ctx), void *ctx);

#endif
