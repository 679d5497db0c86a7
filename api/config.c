/* One table holds every simple setting: its name, kind, place in struct config, default and range. Keys and proxies are
 * lists and have readers of their own. */
#include "api/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/formats/decode.h"
#include "api/http/http.h"
#include "engine/base/log.h"

enum kind { KIND_INTEGER, KIND_BOOL, KIND_TEXT, KIND_LEVEL };

struct setting {
	const char *name;
	enum kind kind;
	bool live; /* a reload takes it up; the others are read at a start */
	size_t offset;
	int64_t value, min, max; /* of a text: min and max are lengths */
	const char *text;        /* a text's default */
	const char *help;
};

#define AT(field) offsetof(struct config, field)
static const struct setting settings[] = {
	{"listen", KIND_TEXT, false, AT(listen), 0, 3, CONFIG_NAME_BYTES, "127.0.0.1:8080", "address and port; --listen wins"},
	{"threads", KIND_INTEGER, false, AT(threads), 0, 0, 64, NULL, "worker threads; 0: one a processor; --threads wins"},
	{"max_connections", KIND_INTEGER, false, AT(max_connections), 10000, 1, 1000000, NULL, "more are refused"},
	{"max_header_bytes", KIND_INTEGER, false, AT(max_header_bytes), 16384, 1024, 1 << 20, NULL, "of a request"},
	{"max_body_bytes", KIND_INTEGER, false, AT(max_body_bytes), 16 << 20, 1024, 1 << 30, NULL, "of a batch, after gzip"},
	{"idle_timeout_ms", KIND_INTEGER, false, AT(idle_timeout_ms), 60000, 100, 3600000, NULL, "between requests"},
	{"header_timeout_ms", KIND_INTEGER, false, AT(header_timeout_ms), 10000, 100, 600000, NULL, "for a request's head"},
	{"body_timeout_ms", KIND_INTEGER, false, AT(body_timeout_ms), 30000, 100, 600000, NULL, "for a request's body"},
	{"write_timeout_ms", KIND_INTEGER, false, AT(write_timeout_ms), 30000, 100, 600000, NULL, "for a whole reply"},
	{"drain_timeout_ms", KIND_INTEGER, false, AT(drain_timeout_ms), 10000, 0, 600000, NULL,
	 "for requests in flight at the end"},
	{"live_days", KIND_INTEGER, false, AT(live_days), 30, 0, 36500, NULL, "a story stays in feeds; 0: for ever"},
	{"log_days", KIND_INTEGER, false, AT(log_days), 90, 0, 36500, NULL, "events are kept (30 or more); 0: for ever"},
	{"slate_days", KIND_INTEGER, false, AT(slate_days), 30, 1, 36500, NULL, "served feeds are kept"},
	{"queue_elements", KIND_INTEGER, false, AT(queue_elements), 65536, 1024, 1 << 24, NULL, "bound of the writer's queue"},
	{"checkpoint_interval_ms", KIND_INTEGER, false, AT(checkpoint_interval_ms), 30000, 100, 600000, NULL,
	 "between profile checkpoints"},
	{"readers_cached", KIND_INTEGER, false, AT(readers_cached), 20000, 100, 100000000, NULL, "hot readers in memory"},
	{"story_max", KIND_INTEGER, false, AT(story_max), 50, 1, 1000, NULL, "reports a story"},
	{"story_window_h", KIND_INTEGER, false, AT(story_window_h), 36, 1, 8760, NULL, "hours in which reports join a story"},
	{"vectors", KIND_TEXT, false, AT(vectors), 0, 0, CONFIG_PATH_BYTES, "",
	 "file of word vectors, fastText's or GloVe's text format; --vectors wins"},
	{"map_gib", KIND_INTEGER, false, AT(map_gib), 0, 0, 65536, NULL, "the store's largest size in GiB; 0: 256"},
	{"models_dir", KIND_TEXT, true, AT(models_dir), 0, 0, CONFIG_PATH_BYTES, "",
	 "folder of model files, in place of the built-in ones"},
	{"default_model", KIND_TEXT, true, AT(default_model), 0, 1, CONFIG_NAME_BYTES, "default", "ranks where none is named"},
	{"log_level", KIND_LEVEL, true, AT(log_level), LOG_INFO, 0, 3, NULL, "debug, info, warn or error"},
	{"access_log", KIND_BOOL, true, AT(access_log), 1, 0, 1, NULL, "a log line (level info) a request"},
	{"key_rate", KIND_INTEGER, true, AT(key_rate), 0, 0, 1000000, NULL,
	 "requests a second an application key; 0: no limit"},
	{"key_burst", KIND_INTEGER, true, AT(key_burst), 1000, 1, 1000000, NULL, "requests at once an application key"},
	{"reader_rate", KIND_INTEGER, true, AT(reader_rate), 0, 0, 1000000, NULL, "requests a second a reader; 0: no limit"},
	{"reader_burst", KIND_INTEGER, true, AT(reader_burst), 50, 1, 1000000, NULL, "requests at once a reader"},
	{"address_rate", KIND_INTEGER, true, AT(address_rate), 0, 0, 1000000, NULL,
	 "requests a second an address; 0: no limit"},
	{"address_burst", KIND_INTEGER, true, AT(address_burst), 200, 1, 1000000, NULL, "requests at once an address"},
};
enum { N_SETTINGS = sizeof(settings) / sizeof(settings[0]) };
_Static_assert((int)N_SETTINGS <= (int)CONFIG_SETTINGS_MAX, "room for every name");
static const char *const levels[] = {"debug", "info", "warn", "error", NULL};

static void *field(struct config *c, const struct setting *s)
{
	return (char *)c + s->offset;
}

void config_defaults(struct config *out)
{
	*out = (struct config){0};
	for (size_t i = 0; i < N_SETTINGS; i++) {
		const struct setting *s = &settings[i];
		if (s->kind == KIND_TEXT)
			snprintf(field(out, s), (size_t)s->max + 1, "%s", s->text);
		else if (s->kind == KIND_BOOL)
			*(bool *)field(out, s) = s->value != 0;
		else
			*(int64_t *)field(out, s) = s->value;
	}
}

void config_print_table(FILE *out)
{
	static const char row[] = "%-24s %-18s %-18s %-6s %s\n";
	for (size_t i = 0; i < N_SETTINGS; i++) {
		const struct setting *s = &settings[i];
		char value[128], range[64] = "";
		if (s->kind == KIND_TEXT)
			snprintf(value, sizeof(value), "\"%s\"", s->text);
		else if (s->kind == KIND_BOOL)
			snprintf(value, sizeof(value), "%s", s->value ? "true" : "false");
		else if (s->kind == KIND_LEVEL)
			snprintf(value, sizeof(value), "\"%s\"", levels[s->value]);
		else
			snprintf(value, sizeof(value), "%lld", (long long)s->value);
		if (s->kind == KIND_INTEGER)
			snprintf(range, sizeof(range), "%lld to %lld", (long long)s->min, (long long)s->max);
		fprintf(out, row, s->name, value, range, s->live ? "live" : "start", s->help);
	}
	fprintf(out, row, "trusted_proxies", "[]", "", "live", "addresses or networks whose X-Forwarded-For counts");
	fprintf(out, row, "keys", "[]", "", "live",
	        "{\"name\",\"sha256\" (hex, of the key),\"scopes\":[\"read\",\"write\",\"admin\"]}");
	fputs("\nlive: SIGHUP takes it up; start: read when the server starts\n", out);
}

size_t config_waiting(const struct config *running, const struct config *fresh, const char *names[CONFIG_SETTINGS_MAX])
{
	size_t n = 0;
	for (size_t i = 0; i < N_SETTINGS; i++) {
		const struct setting *s = &settings[i];
		const char *a = (const char *)running + s->offset, *b = (const char *)fresh + s->offset;
		if (!s->live && (s->kind == KIND_TEXT ? strcmp(a, b) != 0 : memcmp(a, b, sizeof(int64_t)) != 0))
			names[n++] = s->name;
	}
	return n;
}

void config_set_listen(struct config *c, const char *listen)
{
	snprintf(c->listen, sizeof(c->listen), "%s", listen);
	if (strncmp(c->listen, "localhost:", 10) == 0) /* the one name that needs no looking up */
		memcpy(c->listen, "127.0.0.1:", 10);
}

void config_engine(const struct config *c, struct engine_config *out)
{
	if (c->map_gib)
		out->map_bytes = (size_t)c->map_gib << 30;
	out->live_days = (unsigned)c->live_days;
	out->log_days = (unsigned)c->log_days;
	out->slate_days = (unsigned)c->slate_days;
	out->queue_elements = (unsigned)c->queue_elements;
	out->checkpoint_interval_ms = (unsigned)c->checkpoint_interval_ms;
	out->readers_cached = (unsigned)c->readers_cached;
	out->story_max = (unsigned)c->story_max;
	out->story_window_h = (unsigned)c->story_window_h;
}

/* ---- networks ---- */

int config_network_parse(struct span text, struct config_network *out)
{
	char host[64];
	unsigned char v4[4], v6[16];
	const char *slash = text.len ? memchr(text.data, '/', text.len) : NULL;
	size_t len = slash ? (size_t)(slash - text.data) : text.len;
	if (len == 0 || len >= sizeof(host))
		return 1;
	memcpy(host, text.data, len);
	host[len] = '\0';
	struct config_network n = {.prefix_bits = 128};
	unsigned limit = 128, offset = 0;
	if (inet_pton(AF_INET, host, v4) == 1) {
		n.address[10] = n.address[11] = 0xff;
		memcpy(n.address + 12, v4, 4);
		limit = 32;
		offset = 96;
	} else if (inet_pton(AF_INET6, host, v6) == 1) {
		memcpy(n.address, v6, 16);
	} else {
		return 1;
	}
	if (slash) {
		unsigned bits = 0;
		size_t digits = text.len - len - 1;
		if (digits == 0 || digits > 3)
			return 1;
		for (size_t i = 0; i < digits; i++) {
			char c = slash[1 + i];
			if (c < '0' || c > '9')
				return 1;
			bits = bits * 10 + (unsigned)(c - '0');
		}
		if (bits > limit)
			return 1;
		n.prefix_bits = bits + offset;
	}
	*out = n;
	return 0;
}

bool config_network_contains(const struct config_network *network, struct span address)
{
	struct config_network a;
	if (config_network_parse(address, &a) != 0)
		return false;
	size_t whole = network->prefix_bits / 8;
	unsigned rest = network->prefix_bits % 8;
	if (memcmp(a.address, network->address, whole) != 0)
		return false;
	return rest == 0 || ((a.address[whole] ^ network->address[whole]) >> (8 - rest)) == 0;
}

bool config_listen_is_loopback(const char *listen)
{
	struct config_network v4, v6;
	const char *colon = strrchr(listen, ':');
	struct span host = {listen, colon ? (size_t)(colon - listen) : strlen(listen)};
	if (host.len >= 2 && host.data[0] == '[' && host.data[host.len - 1] == ']')
		host = (struct span){host.data + 1, host.len - 2};
	if (config_network_parse(SPAN("127.0.0.0/8"), &v4) != 0 || config_network_parse(SPAN("::1"), &v6) != 0)
		return false;
	return config_network_contains(&v4, host) || config_network_contains(&v6, host);
}

/* ---- the lists ---- */

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool hex_decode(struct span text, uint8_t *out, size_t n)
{
	if (text.len != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = hex_digit(text.data[2 * i]), low = hex_digit(text.data[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static void read_key(struct decode *d, const json_t *value, struct config_key *out)
{
	static const char *const members[] = {"name", "sha256", "scopes", NULL};
	static const char *const scopes[] = {"read", "write", "admin"};
	const struct span *list = NULL;
	struct span name, hash;
	size_t n = 0;
	if (!json_is_object(value)) {
		decode_error(d, "", -1, "is not an object");
		return;
	}
	decode_only(d, value, members);
	if (decode_string(d, value, "name", TEXT_NAME, CONFIG_NAME_BYTES, &name))
		memcpy(out->name, name.data, name.len);
	if (decode_string(d, value, "sha256", TEXT_NAME, 2 * DIGEST_BYTES, &hash) &&
	    !hex_decode(hash, out->sha256, DIGEST_BYTES))
		decode_error(d, "sha256", -1, "is not 64 hexadecimal digits (printf %%s KEY | sha256sum)");
	decode_strings(d, value, "scopes", TEXT_NAME, CONFIG_NAME_BYTES, 8, &list, &n);
	for (size_t i = 0; i < n; i++) {
		unsigned bit = 0;
		for (unsigned s = 0; s < 3; s++)
			if (span_equal_cstr(list[i], scopes[s]))
				bit = 1u << s;
		if (!bit)
			decode_error(d, "scopes", (int)i, "is not one of read, write, admin");
		out->scopes |= bit;
	}
	decode_require(d, value, "name");
	decode_require(d, value, "sha256");
	decode_require(d, value, "scopes");
	if (decode_member(value, "scopes") && n == 0 && d->n_errors == 0)
		decode_error(d, "scopes", -1, "is empty: such a key opens nothing");
}

static void read_keys(struct decode *d, const json_t *root, struct config *c)
{
	const json_t *list = decode_member(root, "keys");
	if (!list)
		return;
	if (!json_is_array(list) || json_array_size(list) > CONFIG_KEYS) {
		decode_error(d, "keys", -1, json_is_array(list) ? "has more than %d entries" : "is not a list", CONFIG_KEYS);
		return;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct decode inner = {.arena = d->arena};
		struct config_key *key = &c->keys[c->n_keys++];
		read_key(&inner, json_array_get(list, i), key);
		for (size_t j = 0; j + 1 < c->n_keys && inner.n_errors == 0; j++) {
			if (strcmp(c->keys[j].name, key->name) == 0)
				decode_error(&inner, "name", -1, "is another key's too");
			if (memcmp(c->keys[j].sha256, key->sha256, DIGEST_BYTES) == 0)
				decode_error(&inner, "sha256", -1, "is another key's too");
		}
		d->no_memory |= inner.no_memory;
		for (size_t e = 0; e < inner.n_errors; e++) {
			char name[160];
			snprintf(name, sizeof(name), "keys/%zu%s", i, inner.errors[e].pointer);
			decode_error(d, name, -1, "%s", inner.errors[e].detail);
		}
	}
}

static void read_proxies(struct decode *d, const json_t *root, struct config *c)
{
	const struct span *list = NULL;
	size_t n = 0;
	decode_strings(d, root, "trusted_proxies", TEXT_NAME, CONFIG_NAME_BYTES, CONFIG_PROXIES, &list, &n);
	for (size_t i = 0; i < n; i++)
		if (config_network_parse(list[i], &c->proxies[c->n_proxies++]) != 0)
			decode_error(d, "trusted_proxies", (int)i, "is neither an address nor a network such as 10.0.0.0/8");
}

/* ---- the whole ---- */

static void read_settings(struct decode *d, const json_t *root, struct config *c)
{
	const char *names[N_SETTINGS + 3] = {"keys", "trusted_proxies"};
	for (size_t i = 0; i < N_SETTINGS; i++) {
		const struct setting *s = &settings[i];
		struct span text;
		names[i + 2] = s->name;
		if (s->kind == KIND_INTEGER) {
			decode_integer(d, root, s->name, s->min, s->max, field(c, s));
		} else if (s->kind == KIND_BOOL) {
			decode_bool(d, root, s->name, field(c, s));
		} else if (s->kind == KIND_LEVEL) {
			int level = decode_choice(d, root, s->name, levels);
			if (level >= 0)
				*(int64_t *)field(c, s) = level;
		} else if (decode_string(d, root, s->name, s->min ? TEXT_NAME : TEXT_PROSE, (size_t)s->max, &text)) {
			memcpy(field(c, s), text.data, text.len);
			((char *)field(c, s))[text.len] = '\0';
		}
	}
	names[N_SETTINGS + 2] = NULL;
	decode_only(d, root, names);
	char address[CONFIG_NAME_BYTES + 1];
	memcpy(address, c->listen, sizeof(address));
	config_set_listen(c, address);
	if (!http_is_address(c->listen))
		decode_error(d, "listen", -1, "is not an address and a port, such as 127.0.0.1:8080");
	if (c->log_days > 0 && c->log_days < 30)
		decode_error(d, "log_days", -1, "is not 0 or at least 30: an event can be undone for 30 days");
	read_proxies(d, root, c);
	read_keys(d, root, c);
}

static void problem(struct config_problems *p, const char *pointer, const char *detail)
{
	if (p->n == CONFIG_ERRORS)
		return;
	snprintf(p->errors[p->n].pointer, sizeof(p->errors[0].pointer), "%s", pointer);
	snprintf(p->errors[p->n].detail, sizeof(p->errors[0].detail), "%s", detail);
	p->n++;
}

int config_parse(struct span text, struct config *out, struct config_problems *problems)
{
	struct json_problem wrong;
	struct arena arena = {0};
	struct config *c = malloc(sizeof(*c));
	json_t *root = NULL;
	int r = c ? json_parse(text, &root, &wrong) : -ENOMEM;
	problems->n = 0;
	if (r == 1) {
		char detail[256], *near = strstr(wrong.text, " near '");
		if (near)
			*near = '\0'; /* what stands there may be a key */
		snprintf(detail, sizeof(detail), "is not JSON: %s (line %zu, column %zu)", wrong.text, wrong.line, wrong.column);
		problem(problems, "", detail);
	}
	if (r != 0)
		goto out;
	if (!json_is_object(root)) {
		problem(problems, "", "is not an object");
		r = 1;
		goto out;
	}
	struct decode d = {.arena = &arena};
	config_defaults(c);
	read_settings(&d, root, c);
	for (size_t i = 0; i < d.n_errors; i++)
		problem(problems, d.errors[i].pointer, d.errors[i].detail);
	r = d.no_memory ? -ENOMEM : d.n_errors ? 1 : 0;
	if (r == 0)
		*out = *c;
out:
	json_decref(root);
	arena_free(&arena);
	free(c);
	return r;
}

int config_load(const char *path, struct config *out, struct config_problems *problems)
{
	enum { FILE_BYTES = 1 << 20 };
	char detail[256];
	problems->n = 0;
	FILE *f = fopen(path, "re");
	char *text = f ? malloc(FILE_BYTES) : NULL;
	size_t len = text ? fread(text, 1, FILE_BYTES, f) : 0;
	int r = 1;
	if (!f || (text && ferror(f))) {
		snprintf(detail, sizeof(detail), "can't be read: %s", strerror(errno));
		problem(problems, "", detail);
	} else if (!text) {
		r = -ENOMEM;
	} else if (len == FILE_BYTES) {
		problem(problems, "", "is longer than a settings file can be (1 MiB)");
	} else {
		r = config_parse((struct span){text, len}, out, problems);
	}
	free(text);
	if (f)
		fclose(f);
	return r;
}
