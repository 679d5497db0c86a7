/* A store in a directory of its own, gone after the test. */
#ifndef MYNEWS_TESTS_STORE_FIXTURE_H
#define MYNEWS_TESTS_STORE_FIXTURE_H

#include "engine/store/store.h"

struct directory {
	char path[64];
};
void directory_make(struct directory *d);
void directory_remove(struct directory *d); /* with everything in it */

/* 64 MB, no sync, eight readers. */
extern const struct store_options usual;

struct fixture {
	struct directory dir;
	struct store *store;
};
/* cmocka's setup and teardown: *state is a struct fixture. */
int start(void **state);
int stop(void **state);

/* One record in a commit of its own. */
void put_now(struct store *s, enum store_table table, struct span key, struct span value);
/* A reading transaction that sees the newest commit. */
struct store_txn *reader(struct store *s);

#endif
