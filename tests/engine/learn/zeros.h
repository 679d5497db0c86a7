/* An example whose slots and columns are all 0, for a test to set some of them. */
#ifndef MYNEWS_TESTS_ENGINE_LEARN_ZEROS_H
#define MYNEWS_TESTS_ENGINE_LEARN_ZEROS_H

#include <string.h>

#include "engine/learn/example.h"

static inline struct example *example_of_zeros(struct arena *arena, size_t n, size_t n_columns)
{
	struct example *e = example_new(arena, n, n_columns);
	if (!e)
		return NULL;
	memset(e->slots, 0, n * sizeof(*e->slots));
	memset(e->columns, 0, n * n_columns * sizeof(*e->columns));
	return e;
}

#endif
