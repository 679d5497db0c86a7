/* What the tests of engine/text share. */
#ifndef MYNEWS_TESTS_TEXT_FIXTURE_H
#define MYNEWS_TESTS_TEXT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "engine/text/text.h"

struct fixture {
	struct text *text;
	struct arena arena;
};

static inline int set_up(void **state)
{
	static struct fixture f;
	f = (struct fixture){0};
	*state = &f;
	return text_new(&f.text);
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;
	text_free(f->text);
	arena_free(&f->arena);
	return 0;
}

static inline struct text_analysis analyse(struct fixture *f, const struct article *a, const struct text_df *df, int64_t now_ms)
{
	struct text_analysis found;
	assert_int_equal(text_analyse(f->text, &f->arena, a, NULL, 0, df, now_ms, &found), 0);
	return found;
}

/* The weight of a topic, 0 when the vector does not have it. */
static inline float weight_of(const struct text_analysis *found, const char *topic)
{
	for (size_t i = 0; i < found->n_vector; i++)
		if (span_equal_cstr(found->vector[i].topic, topic))
			return found->vector[i].weight;
	return 0;
}

static inline void assert_span_equal(struct span got, const char *want)
{
	if (!span_equal_cstr(got, want)) {
		print_error("got \"%.*s\", want \"%s\"\n", (int)got.len, got.data, want);
		fail();
	}
}

#endif
