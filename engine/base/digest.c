#include "engine/base/digest.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

void digest_sha256(struct span data, uint8_t out[DIGEST_BYTES])
{
	SHA256((const unsigned char *)data.data, data.len, out);
}

void digest_hmac_sha256(struct span key, struct span data, uint8_t out[DIGEST_BYTES])
{
	unsigned len = DIGEST_BYTES;
	/* A NULL key means "the key of before" to libcrypto, which then fails and leaves out as it was. */
	HMAC(EVP_sha256(), key.len ? key.data : "", (int)key.len, (const unsigned char *)data.data, data.len, out, &len);
}

bool digest_equal(const uint8_t *a, const uint8_t *b, size_t n_bytes)
{
	return CRYPTO_memcmp(a, b, n_bytes) == 0;
}

int digest_random(uint8_t *out, size_t n_bytes)
{
	return RAND_bytes(out, (int)n_bytes) == 1 ? 0 : -EIO;
}
