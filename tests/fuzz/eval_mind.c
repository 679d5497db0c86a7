/* Any line as one of MIND's behaviours. */
#include <assert.h>
#include <stdint.h>

#include "api/eval_mind.h"
#include "engine/base/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = {0};
	struct mind_slate slate;
	unsigned column = 0;
	char text[192];
	int r = mind_slate_parse(&arena, (struct span){(const char *)data, size}, &slate, &column, text);
	if (r == 0) {
		assert(slate.at_ms >= 0 && slate.at_ms % 1000 == 0);
		assert(slate.impression.len > 0 && slate.reader.len > 0 && slate.reader.len <= LIMIT_ID_BYTES);
		for (size_t i = 0; i < slate.n; i++)
			assert(slate.ids[i].len > 0 && slate.ids[i].len <= LIMIT_ID_BYTES);
		for (size_t i = 0; i < slate.n_history; i++)
			assert(slate.history[i].len > 0 && slate.history[i].len <= LIMIT_ID_BYTES);
	} else if (r == 1) {
		assert(column >= 1 && column <= 5);
		assert(memchr(text, '\0', sizeof(text)) && text[0]);
	}
	arena_free(&arena);
	return 0;
}
