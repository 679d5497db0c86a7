#include "tests/engine/retired.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/base/epoch.h"

static retired_finds finds_it;
static const void *finds_in;
static size_t n_retired;

/* NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): names that the linker gives */
void __real_epoch_retire(struct epoch *e, void *object, void (*free_fn)(void *object));
void __wrap_epoch_retire(struct epoch *e, void *object, void (*free_fn)(void *object));

void __wrap_epoch_retire(struct epoch *e, void *object, void (*free_fn)(void *object))
{
	n_retired++;
	if (finds_it)
		assert_false(finds_it(finds_in, object));
	__real_epoch_retire(e, object, free_fn);
}
/* NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming) */

size_t retired_watch(retired_finds finds, const void *of)
{
	size_t n = n_retired;
	finds_it = finds;
	finds_in = of;
	n_retired = 0;
	return n;
}
