/* The edges of the store: a full map, files that are no store, other processes, the lock, copies. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/store/codec.h"
#include "engine/store/store.h"
#include "tests/engine/store/fixture.h"

static void test_full(void **state)
{
	struct directory dir;
	struct store *s;
	struct store_txn *t;
	struct span got;
	static char large[100000];
	const struct store_options small = {.map_bytes = 1 << 20, .nosync = true, .readers_max = 4};
	directory_make(&dir);
	assert_int_equal(store_open(&s, dir.path, &small), 0);

	/* One transaction that does not fit: refused in the middle, and nothing of it stays. */
	uint8_t key[8];
	int r = 0;
	assert_int_equal(store_write_begin(s, &t), 0);
	for (uint64_t i = 0; r == 0; i++) {
		assert_true(i < 12);
		r = store_put(t, TABLE_BODIES, key_u64(key, i), (struct span){large, sizeof(large)});
	}
	assert_int_equal(r, -ENOSPC);
	store_write_abort(t);
	t = reader(s);
	assert_int_equal(store_get(t, TABLE_BODIES, key_u64(key, 0), &got), 1);
	store_read_reset(t);

	/* Page by page, each a commit: what was acknowledged is there, what failed is not. */
	uint64_t n = 0;
	struct store_size size;
	for (r = 0; r == 0; n += r == 0) {
		struct store_txn *w;
		assert_true(n < 400);
		assert_int_equal(store_write_begin(s, &w), 0);
		r = store_append(w, TABLE_BODIES, key_u64(key, n), (struct span){large, 3000});
		if (r == 0)
			r = store_write_commit(w);
		else
			store_write_abort(w);
	}
	assert_int_equal(r, -ENOSPC);
	assert_true(n > 100); /* 256 pages of 4 KB, one a value */
	store_size(s, &size);
	assert_true(size.map_bytes == small.map_bytes);
	assert_true(size.used_bytes > size.map_bytes / 10 * 9 && size.used_bytes <= size.map_bytes);
	assert_int_equal(store_read_renew(t), 0);
	uint64_t counted;
	assert_int_equal(store_count(t, TABLE_BODIES, &counted), 0);
	assert_true(counted == n);
	store_read_free(t);

	/* A larger map takes over where it stopped; room that deletions left counts as free again. */
	store_close(s);
	const struct store_options larger = {.map_bytes = 4 << 20, .nosync = true, .readers_max = 4};
	assert_int_equal(store_open(&s, dir.path, &larger), 0);
	put_now(s, TABLE_BODIES, key_u64(key, n), (struct span){large, 3000});
	for (uint64_t i = 0; i <= n; i++) {
		struct store_txn *w;
		assert_int_equal(store_write_begin(s, &w), 0);
		assert_int_equal(store_delete(w, TABLE_BODIES, key_u64(key, i)), 0);
		assert_int_equal(store_write_commit(w), 0);
	}
	store_close(s);
	assert_int_equal(store_open(&s, dir.path, &small), 0);
	store_size(s, &size);
	assert_true(size.used_bytes < size.map_bytes / 2);
	for (uint64_t i = 0; i < 100; i++)
		put_now(s, TABLE_BODIES, key_u64(key, i), (struct span){large, 3000});
	store_close(s);
	directory_remove(&dir);
}

static void write_file(const struct directory *dir, const char *name, const void *data, size_t n)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", dir->path, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, n), n);
	close(fd);
}

static void test_open_refuses(void **state)
{
	struct directory dir;
	struct store *s = NULL;
	struct store_options read_only = usual;
	read_only.read_only = true;
	directory_make(&dir);
	assert_int_equal(store_open(&s, "/nonexistent/mynews", &usual), -ENOENT);
	assert_int_equal(store_open(&s, "/nonexistent/mynews", &read_only), -ENOENT);
	assert_int_equal(store_open(&s, dir.path, &read_only), -ENOENT);
	static char other[16384];
	memset(other, 'x', sizeof(other));
	write_file(&dir, "data.mdb", other, sizeof(other)); /* a file of something else */
	assert_int_equal(store_open(&s, dir.path, &usual), -EINVAL);
	assert_int_equal(store_open(&s, dir.path, &read_only), -EINVAL);
	write_file(&dir, "data.mdb", other, 100);
	assert_int_equal(store_open(&s, dir.path, &usual), -EINVAL);
	memset(other, 0, sizeof(other));
	write_file(&dir, "data.mdb", other, sizeof(other)); /* zeros, as a file system may leave after a crash */
	assert_int_equal(store_open(&s, dir.path, &usual), -EINVAL);
	assert_null(s);
	write_file(&dir, "data.mdb", "", 0); /* the start stopped right behind the file's creation */
	assert_int_equal(store_open(&s, dir.path, &usual), 0);
	put_now(s, TABLE_META, SPAN("k"), SPAN("v"));
	store_close(s);
	store_close(NULL);
	directory_remove(&dir);
}

static void test_read_only_beside_a_writer(void **state)
{
	struct fixture *f = *state;
	int to_child[2], to_parent[2], status;
	char byte;
	assert_int_equal(pipe(to_child) | pipe(to_parent), 0);
	put_now(f->store, TABLE_META, SPAN("k"), SPAN("1"));
	pid_t child = fork(); /* LMDB: one environment of a file a process, so the second one is another process's */
	assert_true(child >= 0);
	if (child == 0) {
		struct store_options options = usual;
		struct store *s;
		struct store_txn *t, *w;
		struct span value;
		options.read_only = true;
		if (store_open(&s, f->dir.path, &options) || store_read_new(s, &t) || store_read_renew(t))
			_exit(1);
		if (store_get(t, TABLE_META, SPAN("k"), &value) || !span_equal(value, SPAN("1")))
			_exit(2);
		if (store_write_begin(s, &w) != -EACCES)
			_exit(3);
		if (write(to_parent[1], "a", 1) != 1 || read(to_child[0], &byte, 1) != 1)
			_exit(4);
		if (store_get(t, TABLE_META, SPAN("k"), &value) || !span_equal(value, SPAN("1")))
			_exit(5);
		if (store_read_renew(t) || store_get(t, TABLE_META, SPAN("k"), &value) || !span_equal(value, SPAN("2")))
			_exit(6);
		store_read_free(t);
		store_close(s);
		_exit(0);
	}
	close(to_parent[1]);
	close(to_child[0]);
	assert_int_equal(read(to_parent[0], &byte, 1), 1);
	put_now(f->store, TABLE_META, SPAN("k"), SPAN("2"));
	assert_int_equal(write(to_child[1], "b", 1), 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(to_parent[0]);
	close(to_child[1]);
}

static void test_reader_slots(void **state)
{
	struct directory dir;
	struct store *s;
	struct store_txn *a, *b, *c;
	const struct store_options two = {.map_bytes = 1 << 20, .nosync = true, .readers_max = 2};
	directory_make(&dir);
	assert_int_equal(store_open(&s, dir.path, &two), 0);
	assert_int_equal(store_read_new(s, &a), 0);
	assert_int_equal(store_read_new(s, &b), 0);
	assert_int_equal(store_read_new(s, &c), -EAGAIN);
	assert_int_equal(store_read_renew(a), 0); /* a slot once taken stays taken */
	store_read_reset(a);
	assert_int_equal(store_read_new(s, &c), -EAGAIN);
	store_read_free(a);
	assert_int_equal(store_read_new(s, &c), 0);
	store_read_free(b);
	store_read_free(c);

	/* A process that dies with both slots leaves them behind until they are cleared. */
	int to_parent[2], status;
	char byte;
	assert_int_equal(pipe(to_parent), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct store *own;
		if (store_open(&own, dir.path, &two) || store_read_new(own, &a) || store_read_new(own, &b) ||
		    store_read_renew(a) || write(to_parent[1], "a", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(to_parent[1]);
	assert_int_equal(read(to_parent[0], &byte, 1), 1);
	close(to_parent[0]);
	assert_int_equal(store_clear_stale_readers(s), 0);
	assert_int_equal(store_read_new(s, &c), -EAGAIN); /* it lives, so they are its own */
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(store_read_new(s, &c), -EAGAIN);
	assert_int_equal(store_clear_stale_readers(s), 0);
	assert_int_equal(store_read_new(s, &c), 0);
	store_read_free(c);
	store_close(s);
	directory_remove(&dir);
}

static void test_lock(void **state)
{
	struct directory dir;
	char path[128];
	int one = -1, two = -1, status;
	directory_make(&dir);
	snprintf(path, sizeof(path), "%s/data", dir.path);
	assert_int_equal(store_lock(path, false, &one), -ENOENT);
	assert_int_equal(store_lock("/nonexistent/mynews", true, &one), -ENOENT); /* makes one directory, not its parents */
	assert_int_equal(one, -1);
	assert_int_equal(store_lock(path, true, &one), 0);
	assert_true(one >= 0);
	assert_int_equal(store_lock(path, true, &two), 1);
	assert_int_equal(two, -1);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(store_lock(path, false, &two) == 1 ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(one);
	assert_int_equal(store_lock(path, false, &two), 0);
	close(two);
	write_file(&dir, "file", "x", 1);
	snprintf(path, sizeof(path), "%s/file", dir.path);
	assert_int_equal(store_lock(path, true, &one), -ENOTDIR);
	static char long_path[5000];
	memset(long_path, 'x', sizeof(long_path) - 1);
	assert_int_equal(store_lock(long_path, false, &one), -ENAMETOOLONG);
	directory_remove(&dir);
}

static void test_copy(void **state)
{
	struct fixture *f = *state;
	struct directory to;
	struct store *copy;
	struct store_txn *t;
	struct span value;
	char path[128];
	uint8_t key[8];
	uint64_t n;
	directory_make(&to);
	snprintf(path, sizeof(path), "%s/copy", to.path);
	for (uint64_t i = 0; i < 200; i++)
		put_now(f->store, TABLE_EVENTS, key_u64(key, i), SPAN("committed"));
	assert_int_equal(store_copy(f->store, path), 0);
	put_now(f->store, TABLE_EVENTS, key_u64(key, 999), SPAN("too late"));
	assert_int_equal(store_copy(f->store, path), -EEXIST); /* never over another store */
	assert_int_equal(store_copy(f->store, "/nonexistent/a/b"), -ENOENT);
	assert_int_equal(store_open(&copy, path, &usual), 0);
	t = reader(copy);
	assert_int_equal(store_count(t, TABLE_EVENTS, &n), 0);
	assert_int_equal(n, 200);
	assert_int_equal(store_get(t, TABLE_EVENTS, key_u64(key, 199), &value), 0);
	assert_true(span_equal(value, SPAN("committed")));
	assert_int_equal(store_get(t, TABLE_EVENTS, key_u64(key, 999), &value), 1);
	store_read_free(t);
	put_now(copy, TABLE_EVENTS, key_u64(key, 5), SPAN("its own from now on"));
	store_close(copy);
	t = reader(f->store);
	assert_int_equal(store_get(t, TABLE_EVENTS, key_u64(key, 5), &value), 0);
	assert_true(span_equal(value, SPAN("committed")));
	store_read_free(t);
	directory_remove(&to);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_open_refuses),
		WITH_STORE(test_read_only_beside_a_writer),
		cmocka_unit_test(test_reader_slots),
		cmocka_unit_test(test_lock),
		WITH_STORE(test_copy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
