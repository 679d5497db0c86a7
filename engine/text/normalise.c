/* UTF-8 to folded UTF-16 and back. Text that is all ASCII, most of what comes, never reaches ICU. */
#include <errno.h>
#include <stdlib.h>
#include <unicode/uchar.h>
#include <unicode/ustring.h>

#include "engine/base/ascii.h"
#include "engine/text/text_internal.h"

enum { TEXT_BYTES_MAX = 64 * 1024 * 1024 }; /* ICU counts in int32; a normalised text is at most 18 times longer */

int u16_reserve(struct u16 *s, size_t n_units)
{
	if (s->capacity - s->len >= n_units)
		return 0;
	size_t capacity = s->capacity ? s->capacity : 1024;
	while (capacity - s->len < n_units)
		capacity *= 2;
	UChar *data = realloc(s->data, capacity * sizeof(*data));
	if (!data)
		return -ENOMEM;
	s->data = data;
	s->capacity = capacity;
	return 0;
}

struct span utf8_cut(struct span utf8, size_t n_bytes)
{
	if (utf8.len <= n_bytes)
		return utf8;
	size_t n = n_bytes;
	while (n > 0 && ((unsigned char)utf8.data[n] & 0xc0) == 0x80)
		n--;
	/* A run of stray continuation bytes has no start: cut it where asked. */
	return (struct span){utf8.data, n_bytes - n < 4 ? n : n_bytes};
}

static bool is_ascii(struct span s)
{
	unsigned char high = 0;
	for (size_t i = 0; i < s.len; i++)
		high |= (unsigned char)s.data[i];
	return high < 0x80;
}

static int to_utf16(struct u16 *out, struct span utf8)
{
	UErrorCode status = U_ZERO_ERROR;
	int32_t len = 0;
	if (u16_reserve(out, utf8.len + 1))
		return -ENOMEM;
	u_strFromUTF8WithSub(out->data + out->len, (int32_t)(out->capacity - out->len), &len, utf8.data, (int32_t)utf8.len,
	                     0xfffd, NULL, &status);
	if (U_FAILURE(status))
		return -ENOMEM;
	out->len += (size_t)len;
	return 0;
}

static bool is_thai_tone(UChar c)
{
	return c >= 0x0e48 && c <= 0x0e4b;
}

/* Thai sara am has one code point and two decomposed spellings, with the tone mark on either side of the nikhahit. All
 * become tone, nikhahit, aa; for words nikhahit and aa (and Lao's pair) become one again, as dictionaries have them. */
static size_t fix_sara_am(UChar *s, size_t n, bool compose)
{
	size_t w = 0;
	for (size_t i = 0; i < n; i++) {
		if (s[i] == 0x0e4d && i + 2 < n && is_thai_tone(s[i + 1]) && s[i + 2] == 0x0e32) {
			UChar tone = s[i + 1];
			s[i + 1] = s[i];
			s[i] = tone;
		}
		if (compose && i + 1 < n && ((s[i] == 0x0e4d && s[i + 1] == 0x0e32) || (s[i] == 0x0ecd && s[i + 1] == 0x0eb2)))
			s[w++] = s[++i] == 0x0e32 ? 0x0e33 : 0x0eb3;
		else if (compose && s[i] == 0x2019)
			s[w++] = '\'';
		else
			s[w++] = s[i];
	}
	return w;
}

static void fold_turkic_capitals(UChar *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		s[i] = s[i] == 'I' ? 0x0131 : s[i] == 0x0130 ? 'i' : s[i];
}

static int keep_raw(struct text *t, struct span ascii)
{
	t->raw.len = 0;
	if (u16_reserve(&t->raw, ascii.len + 1))
		return -ENOMEM;
	for (size_t i = 0; i < ascii.len; i++)
		t->raw.data[t->raw.len++] = (unsigned char)ascii.data[i];
	t->aligned = true;
	return 0;
}

int text_fold(struct text *t, struct span utf8, unsigned flags, struct u16 *out)
{
	if (utf8.len > TEXT_BYTES_MAX)
		utf8 = utf8_cut(utf8, TEXT_BYTES_MAX);
	if (!(flags & FOLD_TURKIC) && is_ascii(utf8)) {
		if (u16_reserve(out, utf8.len + 1))
			return -ENOMEM;
		for (size_t i = 0; i < utf8.len; i++)
			out->data[out->len++] = (UChar)ascii_lower(utf8.data[i]);
		return flags & FOLD_FOR_WORDS ? keep_raw(t, utf8) : 0;
	}
	t->raw.len = 0;
	if (to_utf16(&t->raw, utf8))
		return -ENOMEM;
	if (flags & FOLD_TURKIC)
		fold_turkic_capitals(t->raw.data, t->raw.len);
	size_t need = t->raw.len + 64;
	for (;;) {
		UErrorCode status = U_ZERO_ERROR;
		if (u16_reserve(out, need))
			return -ENOMEM;
		int32_t len = unorm2_normalize(t->nfkc_casefold, t->raw.data, (int32_t)t->raw.len, out->data + out->len,
		                               (int32_t)(out->capacity - out->len), &status);
		if (status == U_BUFFER_OVERFLOW_ERROR) {
			need = (size_t)len + 1;
			continue;
		}
		if (U_FAILURE(status))
			return -ENOMEM;
		size_t n = fix_sara_am(out->data + out->len, (size_t)len, flags & FOLD_FOR_WORDS);
		/* Equal lengths are taken for one to one: a wrong capital costs a little weight in a print, no more. */
		t->aligned = out->len == 0 && n == t->raw.len;
		out->len += n;
		return 0;
	}
}

int text_u16_to_utf8(const UChar *s, size_t n, struct buf *out)
{
	UErrorCode status = U_ZERO_ERROR;
	int32_t len = 0;
	if (buf_reserve(out, n * 3 + 1))
		return -ENOMEM;
	u_strToUTF8(out->data + out->len, (int32_t)(out->capacity - out->len), &len, s, (int32_t)n, &status);
	if (U_FAILURE(status))
		return -ENOMEM;
	out->len += (size_t)len;
	return 0;
}

int text_make_valid(struct text *t, struct span utf8, struct buf *out)
{
	if (is_ascii(utf8)) {
		buf_put_span(out, utf8);
		return out->failed ? -ENOMEM : 0;
	}
	t->raw.len = 0;
	if (to_utf16(&t->raw, utf8))
		return -ENOMEM;
	return text_u16_to_utf8(t->raw.data, t->raw.len, out);
}

static size_t squeeze_white_space(UChar *s, size_t n)
{
	size_t w = 0;
	bool gap = false;
	for (size_t i = 0; i < n; i++) {
		if (u_isUWhiteSpace(s[i])) {
			gap = w > 0;
			continue;
		}
		if (gap)
			s[w++] = ' ';
		gap = false;
		s[w++] = s[i];
	}
	return w;
}

struct span text_normalise(struct text *t, struct arena *arena, struct span utf8)
{
	struct span nothing = {NULL, 0};
	t->folded.len = 0;
	if (text_fold(t, utf8, 0, &t->folded))
		return nothing;
	size_t n = squeeze_white_space(t->folded.data, t->folded.len);
	size_t capacity = n * 3 + 1;
	char *bytes = arena_alloc(arena, capacity);
	if (!bytes)
		return nothing;
	UErrorCode status = U_ZERO_ERROR;
	int32_t len = 0;
	u_strToUTF8(bytes, (int32_t)capacity, &len, t->folded.data, (int32_t)n, &status);
	if (U_FAILURE(status))
		return nothing;
	return (struct span){bytes, (size_t)len};
}

struct span text_topic_name(struct text *t, struct arena *arena, const char *space, struct span name)
{
	struct span normal = text_normalise(t, arena, name);
	if (!normal.data || normal.len == 0)
		return normal;
	size_t n_space = strlen(space);
	struct span cut = utf8_cut(normal, LIMIT_TOPIC_BYTES - n_space);
	char *bytes = arena_alloc(arena, n_space + cut.len + 1);
	if (!bytes)
		return (struct span){NULL, 0};
	memcpy(bytes, space, n_space);
	memcpy(bytes + n_space, cut.data, cut.len);
	bytes[n_space + cut.len] = '\0';
	return (struct span){bytes, n_space + cut.len};
}
