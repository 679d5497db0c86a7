/* The language files as they lay in the source tree: written by embed.py at build time. */
#ifndef MYNEWS_API_MESSAGES_EMBEDDED_H
#define MYNEWS_API_MESSAGES_EMBEDDED_H

#include "engine/base/span.h"

/* [messages_n_embedded] */
extern const struct span messages_embedded[];
extern const size_t messages_n_embedded;

#endif
