/* Any JSON as settings, interests, an edition, a pin: what is taken is within the limits. */
#include <assert.h>
#include <stdint.h>

#include "api/formats/settings_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = {0};
	struct decode d[4] = {{.arena = &arena}, {.arena = &arena}, {.arena = &arena}, {.arena = &arena}};
	const struct interest_change *changes;
	struct user_settings settings;
	struct edition edition;
	struct pin pin;
	unsigned fields;
	size_t n;
	json_t *value;
	if (json_parse((struct span){(const char *)data, size}, &value, NULL) != 0)
		return 0;
	settings_json_decode(&d[0], value, &settings, &fields);
	interests_json_decode(&d[1], value, &changes, &n);
	edition_json_decode(&d[2], value, &edition);
	pin_json_decode(&d[3], value, &pin);
	json_decref(value);
	assert(d[0].n_errors || (settings.n_mutes <= LIMIT_MUTES && settings.n_follows <= LIMIT_FOLLOWS));
	assert(d[1].n_errors || n <= LIMIT_INTEREST_CHANGES);
	assert(d[2].n_errors || edition.n_places <= LIMIT_EDITION_LIST);
	assert(d[3].n_errors || (pin.position <= LIMIT_FEED && (pin.position > 0 || pin.boost > 0)));
	arena_free(&arena);
	return 0;
}
