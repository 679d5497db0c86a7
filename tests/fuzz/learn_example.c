/* Any bytes as a stored example: what is accepted, encoded and decoded again encodes to the same bytes, and holds nothing
 * beyond its limits. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/learn/example.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void look_at(const struct example *e)
{
	require(e->n > 0 && e->n <= EXAMPLE_SLOTS_MAX && e->n_columns <= EXAMPLE_COLUMNS_MAX && e->n_recent <= EXAMPLE_RECENT);
	require(strlen(e->model) <= EXAMPLE_MODEL_BYTES && e->weight >= 0 && e->weight <= 1);
	require(e->n_reads <= KIN_READS && e->n_read_rows <= KIN_DOCUMENT_MAX);
	for (size_t i = 0; i < e->n_read_rows; i++)
		require(e->read_rows[i] < KIN_ROWS);
	for (size_t i = 0; i < e->n; i++)
		require(e->slots[i].n_words <= EXAMPLE_WORDS && e->slots[i].events < 1u << N_EVENT_TYPES);
	for (size_t i = 0; i < e->n * e->n_columns; i++)
		require(isfinite(e->columns[i]));
	for (size_t c = 0; c < e->n_columns; c++)
		require(isfinite(e->mean[c]) && isfinite(e->deviation[c]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = {0};
	struct buf b = {0}, again = {0};
	struct example *e = NULL;
	struct span bytes = {(const char *)data, size};
	if (example_decode(&arena, bytes, &e) == 0) {
		look_at(e);
		example_encode(&b, e);
		require(!b.failed && example_decode(&arena, buf_span(&b), &e) == 0);
		example_encode(&again, e);
		require(span_equal(buf_span(&b), buf_span(&again)));
	}
	buf_free(&b);
	buf_free(&again);
	arena_free(&arena);
	return 0;
}
