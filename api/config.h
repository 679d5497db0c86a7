/* The settings file: one JSON object, strict. Every setting stands in the table of config.c with its default and range. */
#ifndef MYNEWS_API_CONFIG_H
#define MYNEWS_API_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/base/digest.h"
#include "engine/base/span.h"
#include "engine/engine.h"

enum config_scope { SCOPE_READ = 1, SCOPE_WRITE = 2, SCOPE_ADMIN = 4, SCOPE_ALL = 7 };

enum { CONFIG_NAME_BYTES = 64, CONFIG_PATH_BYTES = 1024, CONFIG_KEYS = 64, CONFIG_PROXIES = 32, CONFIG_ERRORS = 16,
       CONFIG_SETTINGS_MAX = 48 };

struct config_key {
	char name[CONFIG_NAME_BYTES + 1];
	uint8_t sha256[DIGEST_BYTES]; /* of the key itself, which is nowhere */
	unsigned scopes;              /* of enum config_scope */
};

/* An IPv4 network is held as the IPv6 network ::ffff:a.b.c.d. */
struct config_network {
	uint8_t address[16];
	unsigned prefix_bits;
};

struct config {
	char listen[CONFIG_NAME_BYTES + 1];
	char vectors[CONFIG_PATH_BYTES + 1];
	char models_dir[CONFIG_PATH_BYTES + 1]; /* empty: the models that ship */
	char default_model[CONFIG_NAME_BYTES + 1];
	int64_t threads; /* 0: one a processor */
	int64_t max_connections, max_header_bytes, max_body_bytes;
	int64_t idle_timeout_ms, header_timeout_ms, body_timeout_ms, write_timeout_ms, drain_timeout_ms;
	int64_t live_days, log_days, slate_days, queue_elements, checkpoint_interval_ms, readers_cached, story_max,
		story_window_h, map_gib;
	int64_t key_rate, key_burst, reader_rate, reader_burst, address_rate, address_burst;
	int64_t log_level; /* enum log_level */
	bool access_log;
	struct config_key keys[CONFIG_KEYS];
	size_t n_keys;
	struct config_network proxies[CONFIG_PROXIES];
	size_t n_proxies;
};

struct config_problems {
	struct {
		char pointer[128];
		char detail[256];
	} errors[CONFIG_ERRORS];
	size_t n;
};

void config_defaults(struct config *out);
/* Reads the text over the defaults. Returns 0; 1 with problems (out is then unchanged); -ENOMEM. */
int config_parse(struct span text, struct config *out, struct config_problems *problems)
	__attribute__((warn_unused_result));
/* The same for a file; one that can't be read is a problem. */
int config_load(const char *path, struct config *out, struct config_problems *problems)
	__attribute__((warn_unused_result));
/* The engine's part of the settings, into a copy of engine_config_default; dir, models and vectors are the caller's. */
void config_engine(const struct config *c, struct engine_config *out);
/* All settings as a table for people. */
void config_print_table(FILE *out);
/* Names of the settings of `fresh` that only a start takes up and that differ from what runs. Returns how many. */
size_t config_waiting(const struct config *running, const struct config *fresh, const char *names[CONFIG_SETTINGS_MAX]);
/* "localhost:PORT" is 127.0.0.1:PORT. At most CONFIG_NAME_BYTES. */
void config_set_listen(struct config *c, const char *listen);

/* "10.0.0.0/8", "::1", "192.0.2.7". Returns 0 or 1 when it is none. */
int config_network_parse(struct span text, struct config_network *out) __attribute__((warn_unused_result));
/* Does the network contain the address ("127.0.0.1")? */
bool config_network_contains(const struct config_network *network, struct span address);
/* Is "host:port" a loopback address? */
bool config_listen_is_loopback(const char *listen);

#endif
