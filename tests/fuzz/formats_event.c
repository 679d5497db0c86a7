/* Any body as a batch of events, as JSON and as NDJSON. */
#include <assert.h>
#include <stdint.h>

#include "api/formats/batch.h"
#include "api/formats/event_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span body = {(const char *)data, size};
	for (int lines = 0; lines < 2; lines++) {
		struct arena arena = {0};
		struct json_problem problem;
		struct batch batch;
		if (batch_open(&arena, body, lines, LIMIT_BATCH, &batch, &problem) == BATCH_OK) {
			assert(batch.n <= LIMIT_BATCH);
			for (size_t i = 0; i < batch.n; i++) {
				struct decode d = {.arena = &arena};
				struct event e;
				json_t *value;
				if (batch_element(&batch, i, &value, &problem) != 0)
					continue;
				event_json_decode(&d, value, (struct span){0}, &e);
				json_decref(value);
				if (d.n_errors || d.no_memory)
					continue;
				assert(e.user_id.len > 0 && e.user_id.len <= LIMIT_ID_BYTES && e.article_id.len > 0);
				assert(e.scroll <= 1 && e.position >= 0 && e.at_ms >= 0);
				assert((e.type == EVENT_CUSTOM) == (e.custom.len > 0));
			}
			batch_close(&batch);
		}
		arena_free(&arena);
	}
	return 0;
}
