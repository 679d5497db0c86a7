/* A table row of a decoder's test: a body, and the pointer of the field that is refused (NULL: none is). */
#ifndef MYNEWS_TESTS_REFUSE_H
#define MYNEWS_TESTS_REFUSE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/formats/decode.h"

struct row {
	const char *json;
	const char *pointer;
};

/* Parses, decodes by `fn`, and compares the first refusal's pointer with the row's. */
static inline void check_rows(const struct row *rows, size_t n, void (*fn)(struct decode *d, const json_t *value))
{
	struct arena arena = {0};
	for (size_t i = 0; i < n; i++) {
		struct decode d = {.arena = &arena};
		struct json_problem problem;
		json_t *value;
		if (json_parse(span_of(rows[i].json), &value, &problem) != 0)
			fail_msg("%.200s: %s", rows[i].json, problem.text);
		fn(&d, value);
		json_decref(value);
		assert_false(d.no_memory);
		if (!rows[i].pointer && d.n_errors)
			fail_msg("%.200s: refused: %s %s", rows[i].json, d.errors[0].pointer, d.errors[0].detail);
		if (rows[i].pointer && (d.n_errors == 0 || strcmp(d.errors[0].pointer, rows[i].pointer) != 0))
			fail_msg("%.200s: expected a refusal of %s, got %s", rows[i].json, rows[i].pointer,
			         d.n_errors ? d.errors[0].pointer : "none");
		arena_reset(&arena);
	}
	arena_free(&arena);
}

/* {"NAME":"xxx...x"} with a text of n_bytes after `head`, before `tail`. Free it. */
static inline char *long_text(const char *head, size_t n_bytes, const char *tail)
{
	size_t n_head = strlen(head), n_tail = strlen(tail);
	char *text = malloc(n_head + n_bytes + n_tail + 1);
	assert_non_null(text);
	memcpy(text, head, n_head);
	memset(text + n_head, 'x', n_bytes);
	memcpy(text + n_head + n_bytes, tail, n_tail + 1);
	return text;
}

#endif
