/* A small engine in memory behind engine.h, so that the API can be tried without a store: it keeps ids, settings, tokens,
 * editions and pins, ranks nothing, and answers writes from a thread of its own. */
#ifndef MYNEWS_TESTS_API_FAKE_ENGINE_H
#define MYNEWS_TESTS_API_FAKE_ENGINE_H

#include "engine/engine.h"

/* What the next write answers with (0: as usual), when queued and when done; each holds until changed. */
extern _Atomic int fake_queue_error, fake_commit_error;
/* How often engine_feed says FEED_SLATE_PENDING before it answers. */
extern _Atomic int fake_pending;
/* The outcome of the next engine_feed (0: a feed). */
extern _Atomic int fake_feed_outcome;
/* The filters of the last engine_feed as text, for comparing. */
void fake_last_request(char *out, size_t n_bytes);

#endif
