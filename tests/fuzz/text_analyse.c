/* Any bytes as title, summary, body, source and language: the first byte says where the fields are cut. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/text/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct text *text;
	static struct text_df *df;
	struct arena arena = {0};
	struct text_analysis found;
	if (!text && (text_new(&text) || text_df_new(&df)))
		abort();
	if (size < 3)
		return 0;
	struct span all = {(const char *)data + 2, size - 2};
	size_t title = all.len * data[0] / 256, language = data[1] % 8 < all.len ? data[1] % 8 : 0;
	struct article a = {.title = {all.data, title},
	                    .summary = {all.data + title, all.len - title},
	                    .body = all,
	                    .source = {all.data, all.len < LIMIT_ID_BYTES ? all.len : LIMIT_ID_BYTES},
	                    .language = {all.data, language}};
	if (text_analyse(text, &arena, &a, &a.source, 1, df, 1, &found))
		abort();
	double square = 0;
	for (size_t i = 0; i < found.n_vector; i++)
		square += (double)found.vector[i].weight * found.vector[i].weight;
	if (found.n_vector > LIMIT_VECTOR || (found.n_vector && fabs(square - 1) > 1e-3))
		abort();
	text_df_add(df, found.terms, found.n_terms, 1);
	arena_free(&arena);
	return 0;
}
