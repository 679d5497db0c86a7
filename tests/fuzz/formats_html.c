/* Any text as HTML, and any address made canonical: no tag that opened is left open to grow the text, valid UTF-8 stays
 * valid, and the canonical form is its own canonical form. */
#include <assert.h>
#include <stdint.h>

#include "api/formats/decode.h"
#include "api/formats/html.h"
#include "api/formats/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = {(const char *)data, size};
	struct arena arena = {0};
	if (memchr(data, '\0', size) || !decode_utf8_valid(text))
		return 0;
	struct span plain = html_to_text(&arena, text);
	assert(plain.data && plain.len <= 2 * size && decode_utf8_valid(plain));
	if (url_is_web(text)) {
		struct span once = url_canonical(&arena, text);
		assert(once.data && once.len <= size + 16);
		struct span id = url_made_id(&arena, once);
		assert(id.len == 34);
	}
	arena_free(&arena);
	return 0;
}
