/* SHA-256, HMAC and constant-time comparison, by OpenSSL's libcrypto: the only place that includes it. */
#ifndef MYNEWS_BASE_DIGEST_H
#define MYNEWS_BASE_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/span.h"

enum { DIGEST_BYTES = 32 };

void digest_sha256(struct span data, uint8_t out[DIGEST_BYTES]);
void digest_hmac_sha256(struct span key, struct span data, uint8_t out[DIGEST_BYTES]);
/* Equal, in time that does not depend on where they differ. */
bool digest_equal(const uint8_t *a, const uint8_t *b, size_t n_bytes);
/* Bytes nobody can guess. Returns 0 or -EIO. */
int digest_random(uint8_t *out, size_t n_bytes) __attribute__((warn_unused_result));

#endif
