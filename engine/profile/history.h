/* The lists of what was read, shown and saved. Inside engine/profile only. */
#ifndef MYNEWS_ENGINE_PROFILE_HISTORY_H
#define MYNEWS_ENGINE_PROFILE_HISTORY_H

#include "engine/profile/profile.h"

/* The minutes that a record can hold: 24 bits since 2020-01-01T00:00Z, which reach to 2051-11-24. */
enum { HISTORY_MINUTE_FIRST = 26297280, HISTORY_MINUTE_LAST = HISTORY_MINUTE_FIRST + (1 << 24) - 1 };

/* Minutes since 1970, the nearest that a record can hold. */
uint32_t history_minute(int64_t ms);

void history_add_read(struct history *h, struct history_read entry);
void history_add_shown(struct history *h, struct history_shown entry);
void history_add_saved(struct history *h, struct history_saved entry);
void history_merge(struct history *into, const struct history *from);

#endif
