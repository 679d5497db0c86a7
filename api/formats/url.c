/* Byte work on RFC 3986's parts; no percent-decoding, so two spellings of a path stay two. */
#include "api/formats/url.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "engine/base/ascii.h"
#include "engine/base/hash.h"

static size_t scheme_length(struct span url)
{
	if (url.len > 8 && strncasecmp(url.data, "https://", 8) == 0)
		return 8;
	if (url.len > 7 && strncasecmp(url.data, "http://", 7) == 0)
		return 7;
	return 0;
}

static size_t find_any(struct span s, size_t from, const char *set)
{
	while (from < s.len && !strchr(set, s.data[from]))
		from++;
	return from;
}

bool url_is_web(struct span url)
{
	size_t start = scheme_length(url);
	if (start == 0 || memchr(url.data, '\0', url.len))
		return false;
	for (size_t i = 0; i < url.len; i++)
		if ((unsigned char)url.data[i] <= ' ' || url.data[i] == 0x7f || strchr("<>\"\\^`{|}", url.data[i]))
			return false;
	size_t end = find_any(url, start, "/?#");
	const char *at = memrchr(url.data + start, '@', end - start);
	size_t host = at ? (size_t)(at - url.data) + 1 : start;
	return end > host && url.data[host] != ':';
}

/* One parameter of a query that says where the reader came from, not which page it is. */
static bool is_tracking(struct span parameter)
{
	static const char *const names[] = {"fbclid", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "msclkid", "twclid",
		"yclid", "igshid", "mc_cid", "mc_eid", "_ga", "_gl", "ref", "ref_src", "cmpid", "cmp", "ocid", "ns_mchannel",
		"ns_source", "ns_campaign", "ns_linkname", "ns_fee", "at_medium", "at_campaign", "amp", "outputtype"};
	size_t len = 0;
	while (len < parameter.len && parameter.data[len] != '=')
		len++;
	if (len >= 4 && strncasecmp(parameter.data, "utm_", 4) == 0)
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == len && strncasecmp(names[i], parameter.data, len) == 0)
			return true;
	return false;
}

static bool ends_with(const char *data, size_t len, const char *tail)
{
	size_t n = strlen(tail);
	return len >= n && strncasecmp(data + len - n, tail, n) == 0;
}

struct span url_canonical(struct arena *arena, struct span url)
{
	struct span none = {NULL, 0};
	char *out = arena_alloc(arena, url.len + 16);
	size_t start = scheme_length(url), n = 8;
	if (!out || start == 0)
		return none;
	memcpy(out, "https://", 8);
	size_t end = find_any(url, start, "/?#");
	const char *at = memrchr(url.data + start, '@', end - start);
	for (size_t i = at ? (size_t)(at - url.data) + 1 : start; i < end; i++)
		out[n++] = ascii_lower(url.data[i]);
	if (ends_with(out, n, start == 8 ? ":443" : ":80"))
		n -= start == 8 ? 4 : 3;
	else if (out[n - 1] == ':')
		n--;
	if (n > 12 && memcmp(out + 8, "amp.", 4) == 0) {
		memmove(out + 8, out + 12, n - 12);
		n -= 4;
	}

	size_t path_end = find_any(url, end, "?#"), path = n;
	memcpy(out + n, url.data + end, path_end - end);
	n += path_end - end;
	while (n > path && out[n - 1] == '/')
		n--;
	if (n - path > 4 && ends_with(out + path, n - path, "/amp"))
		n -= 4;
	else if (n - path > 9 && ends_with(out + path, n - path, "/amp.html"))
		n -= 9;
	else if (n - path > 9 && ends_with(out + path, n - path, ".amp.html"))
		memcpy(out + n - 9, ".html", 5), n -= 4;

	size_t query_end = find_any(url, path_end, "#");
	char joint = '?';
	for (size_t i = path_end + 1; i < query_end;) {
		size_t next = find_any((struct span){url.data, query_end}, i, "&");
		struct span parameter = {url.data + i, next - i};
		if (parameter.len > 0 && !is_tracking(parameter)) {
			out[n++] = joint;
			joint = '&';
			memcpy(out + n, parameter.data, parameter.len);
			n += parameter.len;
		}
		i = next + 1;
	}
	out[n] = '\0';
	return (struct span){out, n};
}

struct span url_made_id(struct arena *arena, struct span canonical)
{
	struct hash128 h = hash128(canonical);
	return arena_printf(arena, "u-%016" PRIx64 "%016" PRIx64, h.high, h.low);
}
