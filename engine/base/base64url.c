#include "engine/base/base64url.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t base64url_encode(const uint8_t *data, size_t n, char *out)
{
	size_t len = 0;
	uint32_t bits = 0;
	int n_bits = 0;
	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | data[i];
		for (n_bits += 8; n_bits >= 6; n_bits -= 6)
			out[len++] = alphabet[bits >> (n_bits - 6) & 63];
	}
	if (n_bits)
		out[len++] = alphabet[bits << (6 - n_bits) & 63];
	return len;
}

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

ptrdiff_t base64url_decode(struct span text, uint8_t *out, size_t capacity)
{
	if (text.len % 4 == 1)
		return -1;
	size_t n = 0;
	uint32_t bits = 0;
	int n_bits = 0;
	for (size_t i = 0; i < text.len; i++) {
		int d = digit(text.data[i]);
		if (d < 0)
			return -1;
		bits = bits << 6 | (uint32_t)d;
		n_bits += 6;
		if (n_bits >= 8) {
			if (n == capacity)
				return -1;
			n_bits -= 8;
			out[n++] = (uint8_t)(bits >> n_bits);
		}
	}
	if (bits & ((1u << n_bits) - 1)) /* left-over bits must be zero, or two texts would mean one value */
		return -1;
	return (ptrdiff_t)n;
}
