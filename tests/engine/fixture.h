/* An engine in a directory of its own, asked and told through engine.h alone; every call waits until it is done. */
#ifndef MYNEWS_TESTS_ENGINE_FIXTURE_H
#define MYNEWS_TESTS_ENGINE_FIXTURE_H

#include "engine/engine.h"

struct fixture {
	char dir[64];
	struct engine_config config; /* may be changed before fixture_open */
	struct engine *engine;
	struct engine_worker *worker;
	struct arena arena; /* what the calls return; fixture_forget empties it */
	int64_t now_ms;
};

/* A fresh directory; models/default.json. Fails the test on any error, as all of these do. */
void fixture_new(struct fixture *f);
void fixture_open(struct fixture *f);
/* For another thread: the same engine, a worker and an arena of its own. */
void fixture_join(struct fixture *out, const struct fixture *of);
void fixture_leave(struct fixture *f);
void fixture_close(struct fixture *f);
/* A part of the store's life in a process that opens it and then dies without closing anything; the time goes on from there. */
void fixture_live_and_die(struct fixture *f, void (*part)(struct fixture *f, void *ctx), void *ctx);
/* Closes what is open and removes the directory. */
void fixture_free(struct fixture *f);
void fixture_forget(struct fixture *f);

/* Moves the engine's time. */
void fixture_tick(struct fixture *f, int64_t now_ms);
void fixture_flush(struct fixture *f, bool checkpoint);

/* The status that the write ended with: 0 or negative errno. */
int fixture_ingest(struct fixture *f, const struct article *articles, size_t n, struct article_result *results);
int fixture_record(struct fixture *f, const struct event *events, size_t n, struct event_result *results);
int fixture_delete(struct fixture *f, struct span id, bool *found);
enum undo_outcome fixture_undo(struct fixture *f, struct span event_id);
enum user_outcome fixture_user_put(struct fixture *f, struct span user, const struct user_settings *settings,
                                   unsigned fields);
enum user_outcome fixture_erase(struct fixture *f, struct span user);
enum user_outcome fixture_merge(struct fixture *f, struct span user, struct span from);
enum user_outcome fixture_interests_patch(struct fixture *f, struct span user, const struct interest_change *changes,
                                          size_t n);

enum edition_outcome fixture_edition_put(struct fixture *f, const struct edition *edition);
enum pin_outcome fixture_pin_put(struct fixture *f, const struct pin *pin);
/* The same model once more, parsed anew and swapped in. */
void fixture_set_models(struct fixture *f);

/* A reader's picture as text: interests, history and a feed with all reasons, every number in full. The same text means
 * the same state. Lives until fixture_forget. */
struct span fixture_picture(struct fixture *f, struct span user);
/* The trending list as text: item counters. */
struct span fixture_trending(struct fixture *f);

/* Fails the test, naming the first lines that differ, unless two pictures are the same. */
void fixture_same(struct span a, struct span b, const char *what);

/* engine_check_dir finds nothing wrong. */
void fixture_check(struct fixture *f);

#endif
