/* Accept-Language: elements "RANGE" or "RANGE;q=WEIGHT" between commas, with optional white space (RFC 9110 sections
 * 12.4.2 and 12.5.4). An element that isn't well-formed is passed over, as the rest may still say something. */
#include "api/messages/language.h"

#include <stdbool.h>

#include "engine/base/ascii.h"

enum { WEIGHT_ONE = 1000, SUBTAG_MAX = 8 };

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static struct span trim(struct span s)
{
	while (s.len && (s.data[0] == ' ' || s.data[0] == '\t'))
		s = (struct span){s.data + 1, s.len - 1};
	while (s.len && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* Cuts s at the first c: returns what stands before it and leaves what stands behind. */
static struct span cut(struct span *s, char c)
{
	const char *at = s->len ? memchr(s->data, c, s->len) : NULL;
	struct span before = {s->data, at ? (size_t)(at - s->data) : s->len};
	*s = at ? (struct span){at + 1, s->len - before.len - 1} : (struct span){NULL, 0};
	return before;
}

/* 1*8ALPHA *("-" 1*8alphanum), RFC 4647 section 2.1. */
static bool is_range(struct span s)
{
	size_t n = 0;
	bool first = true;
	for (size_t i = 0; i <= s.len; i++) {
		if (i == s.len || s.data[i] == '-') {
			if (n == 0 || n > SUBTAG_MAX)
				return false;
			n = 0;
			first = false;
		} else if (is_alpha(s.data[i]) || (!first && is_digit(s.data[i]))) {
			n++;
		} else {
			return false;
		}
	}
	return true;
}

/* "q=0.8" in thousandths; -1 when it isn't a weight. */
static int weight_of(struct span s)
{
	s = trim(s);
	if (s.len < 3 || s.len > 7 || ascii_lower(s.data[0]) != 'q' || s.data[1] != '=' || (s.data[2] != '0' && s.data[2] != '1'))
		return -1;
	int weight = (s.data[2] - '0') * WEIGHT_ONE;
	if (s.len > 3 && s.data[3] != '.')
		return -1;
	for (size_t i = 4, unit = 100; i < s.len; i++, unit /= 10) {
		if (!is_digit(s.data[i]))
			return -1;
		weight += (s.data[i] - '0') * (int)unit;
	}
	return weight > WEIGHT_ONE ? -1 : weight;
}

static bool same_tag(struct span a, struct span b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (ascii_lower(a.data[i]) != ascii_lower(b.data[i]))
			return false;
	return true;
}

/* RFC 4647 section 3.4: the last subtag is taken off until a tag is met, and a single character before it too. */
static size_t look_up(struct span range, const struct span *tags, size_t n_tags)
{
	while (range.len) {
		for (size_t i = 0; i < n_tags; i++)
			if (same_tag(range, tags[i]))
				return i;
		do
			range.len--;
		while (range.len && range.data[range.len] != '-');
		if (range.len >= 2 && range.data[range.len - 2] == '-')
			range.len -= 2;
	}
	return n_tags;
}

size_t language_choose(struct span preference, const struct span *tags, size_t n_tags)
{
	size_t chosen = n_tags;
	int best = 0;
	while (preference.len) {
		struct span rest = cut(&preference, ','), range = trim(cut(&rest, ';'));
		int weight = rest.data ? weight_of(rest) : WEIGHT_ONE;
		if (weight <= best || !is_range(range))
			continue;
		size_t found = look_up(range, tags, n_tags);
		if (found < n_tags) {
			chosen = found;
			best = weight;
		}
	}
	return chosen;
}
