/* Which language a reader would have. Inside api/messages only. */
#ifndef MYNEWS_API_MESSAGES_LANGUAGE_H
#define MYNEWS_API_MESSAGES_LANGUAGE_H

#include "engine/base/span.h"

/* The index of the tag that the preference chooses (see messages_pick_language), or n_tags when it chooses none. */
size_t language_choose(struct span preference, const struct span *tags, size_t n_tags);

#endif
