/* Asks at each epoch_retire whether what goes can still be found, which the rules of the epoch forbid: a reader that enters
 * between the retiring and the unlinking is not waited for. The linker puts these in its place (--wrap=epoch_retire). */
#ifndef MYNEWS_TESTS_ENGINE_RETIRED_H
#define MYNEWS_TESTS_ENGINE_RETIRED_H

#include <stdbool.h>
#include <stddef.h>

typedef bool (*retired_finds)(const void *of, const void *object);

/* From now on; finds NULL asks no more. Returns how many were retired since the last call. */
size_t retired_watch(retired_finds finds, const void *of);

#endif
