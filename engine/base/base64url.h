/* Base64 with the URL-safe alphabet and no padding (RFC 4648 section 5), for cursors and tokens. */
#ifndef MYNEWS_BASE_BASE64URL_H
#define MYNEWS_BASE_BASE64URL_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/span.h"

#define BASE64URL_BYTES(n) (((n) * 4 + 2) / 3)

/* Writes BASE64URL_BYTES(n) characters, no NUL. Returns that count. */
size_t base64url_encode(const uint8_t *data, size_t n, char *out);
/* Decodes into out[capacity]. Returns the number of bytes, or -1 when the text is not canonical base64url or does not
 * fit. */
ptrdiff_t base64url_decode(struct span text, uint8_t *out, size_t capacity);

#endif
