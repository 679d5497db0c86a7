#include "tests/engine/store/fixture.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

void directory_make(struct directory *d)
{
	snprintf(d->path, sizeof(d->path), "/tmp/mynews-store-XXXXXX");
	assert_non_null(mkdtemp(d->path));
}

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *place)
{
	return remove(path);
}

void directory_remove(struct directory *d)
{
	assert_int_equal(nftw(d->path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

const struct store_options usual = {.map_bytes = 64 << 20, .nosync = true, .readers_max = 8};

int start(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	directory_make(&f->dir);
	assert_int_equal(store_open(&f->store, f->dir.path, &usual), 0);
	*state = f;
	return 0;
}

int stop(void **state)
{
	struct fixture *f = *state;
	store_close(f->store);
	directory_remove(&f->dir);
	free(f);
	return 0;
}

void put_now(struct store *s, enum store_table table, struct span key, struct span value)
{
	struct store_txn *t;
	assert_int_equal(store_write_begin(s, &t), 0);
	assert_int_equal(store_put(t, table, key, value), 0);
	assert_int_equal(store_write_commit(t), 0);
}

struct store_txn *reader(struct store *s)
{
	struct store_txn *t;
	assert_int_equal(store_read_new(s, &t), 0);
	assert_int_equal(store_read_renew(t), 0);
	return t;
}
