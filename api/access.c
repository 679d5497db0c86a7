/* Secrets are compared by their SHA-256, every key each time, so the time taken tells nothing. With no key configured the
 * server listens on loopback only and everybody there may do everything, but for pages of strangers in a browser: their
 * requests carry an Origin, or (by DNS rebinding) a Host name, that is not this machine's. */
#include "api/access.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "engine/base/base64url.h"
#include "engine/base/hash.h"

struct request {
	struct api_identity identity;
};

static const struct api_identity nobody;

const struct api_identity *api_identity(struct http_exchange *x)
{
	const struct request *r = http_get(x);
	return r ? &r->identity : &nobody;
}

int access_token_make(struct arena *arena, enum token_scope scope, struct span *token, uint8_t hash[DIGEST_BYTES])
{
	uint8_t secret[ACCESS_SECRET_BYTES];
	char text[BASE64URL_BYTES(ACCESS_SECRET_BYTES)];
	int r = digest_random(secret, sizeof(secret));
	if (r < 0)
		return r;
	size_t n = base64url_encode(secret, sizeof(secret), text);
	struct span made = arena_printf(arena, "%s%.*s", scope == TOKEN_FEED ? ACCESS_TOKEN_FEED : ACCESS_TOKEN_READER,
	                                (int)n, text);
	if (!made.data)
		return -ENOMEM;
	digest_sha256(made, hash);
	*token = made;
	return 0;
}

/* ---- rates ---- */

static uint64_t monotonic_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static bool trusted(const struct config *c, struct span address)
{
	for (size_t i = 0; i < c->n_proxies; i++)
		if (config_network_contains(&c->proxies[i], address))
			return true;
	return false;
}

/* The peer; behind trusted proxies the last address of X-Forwarded-For that is none of them. */
static struct span client_address(const struct config *c, struct http_exchange *x)
{
	struct span address = http_peer(x), list = http_header(x, "x-forwarded-for");
	while (list.len > 0 && trusted(c, address)) {
		const char *comma = memrchr(list.data, ',', list.len);
		size_t start = comma ? (size_t)(comma - list.data) + 1 : 0, end = list.len;
		while (start < end && list.data[start] == ' ')
			start++;
		while (end > start && list.data[end - 1] == ' ')
			end--;
		address = (struct span){list.data + start, end - start};
		list.len = comma ? (size_t)(comma - list.data) : 0;
	}
	return address;
}

static bool take(struct api *api, struct http_exchange *x, char kind, struct span id, int64_t rate, int64_t burst)
{
	if (rate == 0 || id.len == 0)
		return true;
	uint64_t who = hash_mix64(hash64(id) + (uint64_t)kind);
	uint64_t wait_ms = ratelimit_take(api->limits, who ? who : 1, (uint64_t)rate, (uint64_t)burst, monotonic_us());
	if (wait_ms == 0)
		return true;
	atomic_fetch_add_explicit(&api->n_limited, 1, memory_order_relaxed);
	struct span seconds = arena_printf(http_arena(x), "%llu", (unsigned long long)(wait_ms + 999) / 1000);
	if (seconds.data)
		http_reply_header(x, "Retry-After", seconds);
	http_reply_problem(x, 429, "rate_limited",
	                   kind == 'k'   ? "this key asks too often"
	                   : kind == 'r' ? "too many requests for this reader"
	                                 : "too many requests from this address", NULL, 0);
	return false;
}

/* ---- who ---- */

/* The credential of the request; empty when it has none. */
static struct span credential(struct http_exchange *x)
{
	struct span value = http_header(x, "authorization");
	if (value.len > 7 && strncasecmp(value.data, "bearer ", 7) == 0) {
		value = (struct span){value.data + 7, value.len - 7};
		while (value.len > 0 && value.data[0] == ' ')
			value = (struct span){value.data + 1, value.len - 1};
		return value;
	}
	return http_header(x, "x-api-key");
}

static bool refuse_401(struct http_exchange *x, bool given)
{
	http_reply_header(x, "WWW-Authenticate",
	                  given ? SPAN("Bearer realm=\"mynews\", error=\"invalid_token\"") : SPAN("Bearer realm=\"mynews\""));
	http_reply_problem(x, 401, given ? "unknown_key" : "key_required",
	                   given ? "this key or token is not known here"
	                         : "send a key as Authorization: Bearer KEY or X-API-Key: KEY", NULL, 0);
	return false;
}

/* The host of "host:port" or "[v6]:port". */
static struct span host_of(struct span authority)
{
	if (authority.len > 0 && authority.data[0] == '[') {
		const char *end = memchr(authority.data, ']', authority.len);
		return end ? (struct span){authority.data + 1, (size_t)(end - authority.data) - 1} : authority;
	}
	const char *colon = authority.len ? memchr(authority.data, ':', authority.len) : NULL;
	return colon ? (struct span){authority.data, (size_t)(colon - authority.data)} : authority;
}

/* A name that somebody else could own and point at this machine? Addresses, names without a dot and names that are
 * reserved (RFC 2606, RFC 6761) are none. */
static bool foreign_name(struct span host)
{
	static const char *const reserved[] = {".localhost", ".test", ".example", ".invalid", "example.com", "example.net",
	                                       "example.org", NULL};
	struct config_network ignored;
	if (host.len == 0 || !memchr(host.data, '.', host.len) || config_network_parse(host, &ignored) == 0)
		return false;
	for (int i = 0; reserved[i]; i++) {
		size_t n = strlen(reserved[i]);
		if (host.len >= n && strncasecmp(host.data + host.len - n, reserved[i], n) == 0 &&
		    (reserved[i][0] == '.' || host.len == n || host.data[host.len - n - 1] == '.'))
			return false;
	}
	return true;
}

/* A page of another site may not use the reader's browser to reach a server without keys. */
static bool allow_keyless(struct http_exchange *x)
{
	struct span origin = http_header(x, "origin"), host = http_header(x, "host");
	struct span http = SPAN("http://"), https = SPAN("https://");
	bool same = origin.len == 0;
	if (span_starts_with(origin, http))
		same = span_equal((struct span){origin.data + http.len, origin.len - http.len}, host);
	else if (span_starts_with(origin, https))
		same = span_equal((struct span){origin.data + https.len, origin.len - https.len}, host);
	if (same && !foreign_name(host_of(host)))
		return true;
	http_reply_problem(x, 403, "foreign_origin",
	                   "without a configured key only this machine's own pages and programs are served; configure a key",
	                   NULL, 0);
	return false;
}

static bool identify(struct api *api, const struct config *c, struct http_exchange *x, struct api_identity *out)
{
	struct span secret = credential(x);
	uint8_t hash[DIGEST_BYTES];
	const struct config_key *found = NULL;
	bool token = span_starts_with(secret, SPAN(ACCESS_TOKEN_READER)) || span_starts_with(secret, SPAN(ACCESS_TOKEN_FEED));
	if (secret.len == 0 || (c->n_keys == 0 && !token)) {
		if (c->n_keys > 0)
			return refuse_401(x, false);
		*out = (struct api_identity){.scopes = SCOPE_ALL};
		return allow_keyless(x);
	}
	digest_sha256(secret, hash);
	for (size_t i = 0; i < c->n_keys; i++)
		if (digest_equal(hash, c->keys[i].sha256, DIGEST_BYTES))
			found = &c->keys[i];
	if (found) {
		struct span name = arena_copy(http_arena(x), span_of(found->name));
		*out = (struct api_identity){.scopes = found->scopes, .key_name = name.data};
		return true;
	}
	struct span reader;
	enum token_scope scope;
	int r = token ? engine_token_find(api_engine(x), http_arena(x), hash, &reader, &scope) : 1;
	if (r < 0) {
		api_reply_errno(x, r);
		return false;
	}
	if (r == 1)
		return refuse_401(x, true);
	reader = arena_copy(http_arena(x), reader); /* the engine's own may not outlive this round of the loop */
	if (!reader.data) {
		api_reply_errno(x, -ENOMEM);
		return false;
	}
	*out = (struct api_identity){.reader = reader, .token = scope};
	return true;
}

/* ---- what ---- */

static bool refuse_403(struct http_exchange *x, const char *detail)
{
	http_reply_problem(x, 403, "forbidden", detail, NULL, 0);
	return false;
}

static bool allow_token(struct http_exchange *x, const struct api_identity *who, const char *scope)
{
	struct span id = http_param(x, "id");
	bool feed = strcmp(scope, ACCESS_FEED) == 0, events = strcmp(scope, ACCESS_EVENTS) == 0;
	bool reader_only = strcmp(scope, ACCESS_READER_READ) == 0 || strcmp(scope, ACCESS_READER_WRITE) == 0;
	if (!feed && !(who->token == TOKEN_READER && (events || reader_only)))
		return refuse_403(x, "a reader's token does not reach this; use an application's key");
	if (!events && !span_equal_cstr(id, "me") && !span_equal(id, who->reader))
		return refuse_403(x, "this token is another reader's");
	return true;
}

static bool allow_key(struct http_exchange *x, const struct api_identity *who, const char *scope)
{
	static const struct {
		const char *scope;
		unsigned need;
		const char *detail;
	} rules[] = {
		{ACCESS_READ, SCOPE_READ, "this key lacks the scope read"},
		{ACCESS_FEED, SCOPE_READ, "this key lacks the scope read"},
		{ACCESS_READER_READ, SCOPE_READ, "this key lacks the scope read"},
		{ACCESS_WRITE, SCOPE_WRITE, "this key lacks the scope write"},
		{ACCESS_READER_WRITE, SCOPE_WRITE, "this key lacks the scope write"},
		{ACCESS_EVENTS, SCOPE_WRITE, "this key lacks the scope write"},
		{ACCESS_ADMIN, SCOPE_ADMIN, "this key lacks the scope admin"},
	};
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (strcmp(rules[i].scope, scope) == 0)
			return who->scopes & rules[i].need ? true : refuse_403(x, rules[i].detail);
	return refuse_403(x, "nobody may do this");
}

bool access_authorize(void *ctx, struct http_exchange *x, const struct http_route *route)
{
	struct api *api = ctx;
	if (!route->scope)
		return true;
	const struct config *c = api_config(api);
	if (!take(api, x, 'a', client_address(c, x), c->address_rate, c->address_burst))
		return false;
	struct request *r = api_alloc(x, 1, sizeof(*r));
	if (!r || !identify(api, c, x, &r->identity))
		return false;
	http_set(x, r);
	const struct api_identity *who = &r->identity;
	if (!(who->reader.len ? allow_token(x, who, route->scope) : allow_key(x, who, route->scope)))
		return false;
	bool of_reader = strncmp(route->pattern, "/v1/users/{id}", 14) == 0;
	struct span reader = who->reader.len ? who->reader : of_reader ? http_param(x, "id") : (struct span){NULL, 0};
	return take(api, x, 'k', span_of(who->key_name), c->key_rate, c->key_burst) &&
	       take(api, x, 'r', reader, c->reader_rate, c->reader_burst);
}

bool api_path_id(struct http_exchange *x, const char *name, struct span *out)
{
	struct span id = http_param(x, name);
	const char *refusal = decode_check_text(TEXT_NAME, LIMIT_ID_BYTES, id);
	if (!refusal) {
		*out = id;
		return true;
	}
	struct span pointer = arena_printf(http_arena(x), "/%s", name);
	api_reply_field(x, 400, "invalid_id", pointer.data ? pointer.data : "", refusal);
	return false;
}

bool api_user(struct http_exchange *x, struct span *out)
{
	struct span reader = api_identity(x)->reader;
	if (!span_equal_cstr(http_param(x, "id"), "me"))
		return api_path_id(x, "id", out);
	if (reader.len == 0) {
		http_reply_header(x, "WWW-Authenticate", SPAN("Bearer realm=\"mynews\""));
		http_reply_problem(x, 401, "reader_required", "\"me\" needs a reader's token", NULL, 0);
		return false;
	}
	*out = reader;
	return true;
}
