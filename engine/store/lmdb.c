/* The store on LMDB (http://www.lmdb.tech/doc/): the only file that includes it.
 *
 * One environment, one named database a table. The map is large and sparse, reserved at open; never MDB_WRITEMAP, so a
 * stray pointer can't damage the file. MDB_NOTLS: a reading transaction belongs to an object, not to a thread, so
 * workers keep theirs and renew it. MDB_NORDAHEAD is not set: a start reads everything in order.
 *
 * When the write of a meta page fails, LMDB puts the old page back and gives the environment up: every later transaction
 * is refused (MDB_PANIC). Only opening it anew helps, and one process may not have it open twice. So it is `broken`
 * then: new reads and writes are refused, and once no read is active any more store_mend ends the idle reading
 * transactions, closes, opens, and begins them again. Reader: active = true, then broken is looked at; mender: broken =
 * true, then each active is looked at; both sequentially consistent, so at least one sees the other. */
#include "engine/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

const char *const store_table_names[N_TABLES] = {
	"meta", "articles", "bodies", "article_ids", "topics", "topic_ids", "users", "user_ids", "profiles",
	"histories", "bases", "events", "event_ids", "counted", "slates", "editions", "examples", "learnt",
	"counters"};

enum { PATH_BYTES = 4096 };
#define DATA_FILE "data.mdb" /* LMDB's name for it */

struct store {
	MDB_env *env; /* NULL: broken, and could not be opened again yet */
	MDB_dbi tables[N_TABLES];
	struct store_options options;
	char *dir;
	size_t page_bytes;
	_Atomic bool broken;
	pthread_mutex_t lock; /* of what follows, and of env against store_size */
	struct store_txn *readers;
	uint64_t used_bytes; /* as last seen */
};

struct store_txn {
	MDB_txn *txn; /* a reading one: NULL while the store is being mended */
	struct store *store;
	struct store_txn *next, **link; /* reading: in the store's list */
	_Atomic bool active;            /* reading: between renew and reset */
};

struct store_cursor {
	MDB_cursor *cursor;
	struct store_txn *txn;
	bool deleted; /* the record under the cursor is gone: next is already current */
};

static int from_lmdb(int r)
{
	switch (r) {
	case 0: return 0;
	case MDB_NOTFOUND: return 1;
	case MDB_MAP_FULL:
	case MDB_TXN_FULL: return -ENOSPC;
	case MDB_READERS_FULL: return -EAGAIN;
	case MDB_PANIC: return -EIO;
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_BAD_TXN:
	case MDB_BAD_VALSIZE: return -EINVAL;
	default: return r > 0 ? -r : -EIO;
	}
}

static MDB_val to_val(struct span s)
{
	return (MDB_val){s.len, (void *)(uintptr_t)s.data};
}

static struct span to_span(MDB_val v)
{
	return (struct span){v.mv_data, v.mv_size};
}

static int open_tables(struct store *s, bool read_only)
{
	MDB_txn *txn;
	int r = mdb_txn_begin(s->env, NULL, read_only ? MDB_RDONLY : 0, &txn);
	for (int i = 0; r == 0 && i < N_TABLES; i++)
		r = mdb_dbi_open(txn, store_table_names[i], read_only ? 0 : MDB_CREATE, &s->tables[i]);
	if (r == 0)
		return from_lmdb(mdb_txn_commit(txn));
	if (r == MDB_NOTFOUND)
		r = MDB_INVALID; /* an environment of something else */
	mdb_txn_abort(txn);
	return from_lmdb(r);
}

static int path_in(char out[PATH_BYTES], const char *dir, const char *name)
{
	return snprintf(out, PATH_BYTES, "%s/%s", dir, name) >= PATH_BYTES ? -ENAMETOOLONG : 0;
}

/* A file is as durable as its name: LMDB syncs what is in the file, its name stands in the directory, and that one's name
 * in the directory above. */
static int sync_directory(const char *dir, const char *below)
{
	char path[4096];
	if (snprintf(path, sizeof(path), "%s%s", dir, below) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == EACCES ? 0 : -errno; /* above ours it need not be readable */
	int r = fsync(fd) < 0 && errno != EINVAL ? -errno : 0; /* EINVAL: a file system that has no such thing */
	close(fd);
	return r;
}

/* LMDB maps both meta pages and looks at them whether they are there or not; an empty file it fills. Further on the file
 * may well end before its last page: what was freed in the transaction that added it is never written. */
static int look_at_length(const char *dir, bool read_only)
{
	char path[PATH_BYTES];
	struct stat st;
	if (path_in(path, dir, DATA_FILE) < 0)
		return -ENAMETOOLONG;
	if (stat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	return st.st_size < 2 * sysconf(_SC_PAGESIZE) && (read_only || st.st_size > 0) ? -EINVAL : 0;
}

/* Of LMDB's own asserts. It would print a line of its own and then abort; the line is the program's affair. */
static void give_up(MDB_env *env, const char *assertion)
{
	abort();
}

static int open_environment(struct store *s)
{
	const struct store_options *o = &s->options;
	unsigned flags = MDB_NOTLS | (o->read_only ? MDB_RDONLY : 0) | (o->nosync ? MDB_NOSYNC : 0);
	MDB_stat stat;
	int r = look_at_length(s->dir, o->read_only);
	if (r == 0)
		r = from_lmdb(mdb_env_create(&s->env));
	if (r < 0)
		return r;
	r = from_lmdb(mdb_env_set_assert(s->env, give_up));
	if (r == 0)
		r = from_lmdb(mdb_env_set_maxdbs(s->env, N_TABLES));
	if (r == 0)
		r = from_lmdb(mdb_env_set_maxreaders(s->env, o->readers_max));
	if (r == 0)
		r = from_lmdb(mdb_env_set_mapsize(s->env, o->map_bytes));
	if (r == 0)
		r = from_lmdb(mdb_env_open(s->env, s->dir, flags, 0640));
	if (r == 0)
		r = open_tables(s, o->read_only);
	if (r == 0)
		r = from_lmdb(mdb_env_stat(s->env, &stat));
	if (r == 0) {
		s->page_bytes = stat.ms_psize;
		return 0;
	}
	mdb_env_close(s->env);
	s->env = NULL;
	return r;
}

int store_open(struct store **out, const char *dir, const struct store_options *options)
{
	struct store *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	pthread_mutex_init(&s->lock, NULL);
	s->options = *options;
	s->dir = strdup(dir);
	int r = s->dir ? open_environment(s) : -ENOMEM;
	if (r == 0 && !options->read_only && !options->nosync)
		r = sync_directory(dir, "");
	if (r == 0 && !options->read_only && !options->nosync)
		r = sync_directory(dir, "/..");
	if (r < 0)
		store_close(s);
	else
		*out = s;
	return r;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	if (s->env)
		mdb_env_close(s->env);
	pthread_mutex_destroy(&s->lock);
	free(s->dir);
	free(s);
}

/* ---- mending ---- */

static void look_whether_broken(struct store *s)
{
	MDB_txn *txn;
	int r = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
	if (r == 0)
		mdb_txn_abort(txn);
	else if (r == MDB_PANIC)
		atomic_store(&s->broken, true);
}

static int begin_idle(struct store_txn *t)
{
	int r = from_lmdb(mdb_txn_begin(t->store->env, NULL, MDB_RDONLY, &t->txn));
	if (r == 0)
		mdb_txn_reset(t->txn);
	else
		t->txn = NULL;
	return r;
}

int store_mend(struct store *s)
{
	if (!atomic_load(&s->broken))
		return 0;
	pthread_mutex_lock(&s->lock);
	int r = 0;
	for (struct store_txn *t = s->readers; t && r == 0; t = t->next)
		if (atomic_load(&t->active))
			r = -EIO;
	for (struct store_txn *t = s->readers; t && r == 0; t = t->next) {
		if (t->txn)
			mdb_txn_abort(t->txn);
		t->txn = NULL;
	}
	if (r == 0) {
		if (s->env)
			mdb_env_close(s->env);
		s->env = NULL;
		r = open_environment(s);
	}
	/* The old meta page that LMDB put back is not on disk, the refused one may be: before new pages are written over
	 * those that it leads to, it has to go. */
	if (r == 0 && !s->options.nosync)
		r = from_lmdb(mdb_env_sync(s->env, 1));
	for (struct store_txn *t = s->readers; t && r == 0; t = t->next)
		r = begin_idle(t);
	if (r == 0)
		atomic_store(&s->broken, false);
	pthread_mutex_unlock(&s->lock);
	return r;
}

int store_lock(const char *dir, bool create, int *fd)
{
	char path[4096];
	if (create && mkdir(dir, 0750) < 0 && errno != EEXIST)
		return -errno;
	if (snprintf(path, sizeof(path), "%s/lock", dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (file < 0)
		return -errno;
	if (flock(file, LOCK_EX | LOCK_NB) < 0) {
		int error = errno;
		close(file);
		return error == EWOULDBLOCK ? 1 : -error;
	}
	*fd = file;
	return 0;
}

int store_read_new(struct store *s, struct store_txn **out)
{
	struct store_txn *t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->store = s;
	pthread_mutex_lock(&s->lock);
	int r = atomic_load(&s->broken) ? -EIO : begin_idle(t);
	if (r == 0) {
		t->next = s->readers;
		t->link = &s->readers;
		if (t->next)
			t->next->link = &t->next;
		s->readers = t;
	}
	pthread_mutex_unlock(&s->lock);
	if (r < 0)
		free(t);
	else
		*out = t;
	return r;
}

int store_read_renew(struct store_txn *t)
{
	if (atomic_load_explicit(&t->active, memory_order_relaxed))
		mdb_txn_reset(t->txn);
	else
		atomic_store(&t->active, true);
	int r = atomic_load(&t->store->broken) ? -EIO : from_lmdb(mdb_txn_renew(t->txn));
	if (r < 0)
		atomic_store(&t->active, false);
	return r;
}

void store_read_reset(struct store_txn *t)
{
	if (!atomic_load_explicit(&t->active, memory_order_relaxed))
		return;
	mdb_txn_reset(t->txn);
	atomic_store(&t->active, false);
}

void store_read_free(struct store_txn *t)
{
	if (!t)
		return;
	pthread_mutex_lock(&t->store->lock);
	*t->link = t->next;
	if (t->next)
		t->next->link = t->link;
	if (t->txn)
		mdb_txn_abort(t->txn);
	pthread_mutex_unlock(&t->store->lock);
	free(t);
}

int store_write_begin(struct store *s, struct store_txn **out)
{
	int r = store_mend(s);
	if (r < 0)
		return r;
	struct store_txn *t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->store = s;
	r = from_lmdb(mdb_txn_begin(s->env, NULL, 0, &t->txn));
	if (r < 0) {
		free(t);
		return r;
	}
	*out = t;
	return 0;
}

/* LMDB calls a write that was cut short, as the last one before a disk is full is, an I/O error. */
static int full_or(const struct store *s, int r)
{
	enum { FEW_BLOCKS = 16 };
	struct statvfs disk;
	return r == -EIO && statvfs(s->dir, &disk) == 0 && disk.f_bavail < FEW_BLOCKS ? -ENOSPC : r;
}

int store_write_commit(struct store_txn *t)
{
	struct store *s = t->store;
	int r = full_or(s, from_lmdb(mdb_txn_commit(t->txn)));
	free(t);
	if (r < 0)
		look_whether_broken(s);
	return r;
}

void store_write_abort(struct store_txn *t)
{
	mdb_txn_abort(t->txn);
	free(t);
}

int store_get(struct store_txn *t, enum store_table table, struct span key, struct span *value)
{
	MDB_val k = to_val(key), v;
	if (key.len == 0 || key.len > STORE_KEY_MAX)
		return 1;
	int r = from_lmdb(mdb_get(t->txn, t->store->tables[table], &k, &v));
	if (r == 0)
		*value = to_span(v);
	return r;
}

static int put(struct store_txn *t, enum store_table table, struct span key, struct span value, unsigned flags)
{
	MDB_val k = to_val(key), v = to_val(value);
	if (key.len == 0 || key.len > STORE_KEY_MAX)
		return -EINVAL;
	int r = mdb_put(t->txn, t->store->tables[table], &k, &v, flags);
	if (r == MDB_KEYEXIST && flags) /* not larger than every key after all */
		r = mdb_put(t->txn, t->store->tables[table], &k, &v, 0);
	return full_or(t->store, from_lmdb(r));
}

int store_put(struct store_txn *t, enum store_table table, struct span key, struct span value)
{
	return put(t, table, key, value, 0);
}

int store_append(struct store_txn *t, enum store_table table, struct span key, struct span value)
{
	return put(t, table, key, value, MDB_APPEND);
}

int store_delete(struct store_txn *t, enum store_table table, struct span key)
{
	MDB_val k = to_val(key);
	if (key.len == 0 || key.len > STORE_KEY_MAX)
		return 1;
	return from_lmdb(mdb_del(t->txn, t->store->tables[table], &k, NULL));
}

int store_cursor_new(struct store_txn *t, enum store_table table, struct store_cursor **out)
{
	struct store_cursor *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->txn = t;
	int r = from_lmdb(mdb_cursor_open(t->txn, t->store->tables[table], &c->cursor));
	if (r < 0) {
		free(c);
		return r;
	}
	*out = c;
	return 0;
}

void store_cursor_free(struct store_cursor *c)
{
	if (!c)
		return;
	mdb_cursor_close(c->cursor);
	free(c);
}

static int move(struct store_cursor *c, MDB_val k, MDB_cursor_op op, struct span *key, struct span *value)
{
	MDB_val v;
	int r = from_lmdb(mdb_cursor_get(c->cursor, &k, &v, op));
	c->deleted = false;
	if (r == 0) {
		*key = to_span(k);
		*value = to_span(v);
	}
	return r;
}

int store_seek(struct store_cursor *c, struct span at_or_after, struct span *key, struct span *value)
{
	if (at_or_after.len == 0)
		return store_first(c, key, value);
	return move(c, to_val(at_or_after), MDB_SET_RANGE, key, value);
}

int store_first(struct store_cursor *c, struct span *key, struct span *value)
{
	return move(c, (MDB_val){0}, MDB_FIRST, key, value);
}

int store_next(struct store_cursor *c, struct span *key, struct span *value)
{
	if (c->deleted) {
		int r = move(c, (MDB_val){0}, MDB_GET_CURRENT, key, value);
		return r == -EINVAL ? 1 : r; /* the last record was deleted */
	}
	return move(c, (MDB_val){0}, MDB_NEXT, key, value);
}

int store_last(struct store_cursor *c, struct span *key, struct span *value)
{
	return move(c, (MDB_val){0}, MDB_LAST, key, value);
}

int store_cursor_delete(struct store_cursor *c)
{
	int r = from_lmdb(mdb_cursor_del(c->cursor, 0));
	c->deleted = r == 0;
	return r;
}

int store_count(struct store_txn *t, enum store_table table, uint64_t *n)
{
	MDB_stat stat;
	int r = from_lmdb(mdb_stat(t->txn, t->store->tables[table], &stat));
	if (r == 0)
		*n = stat.ms_entries;
	return r;
}

/* Pages that deletions left for reuse. LMDB keeps their lists, each with its length in front, in the unnamed table 0. */
static uint64_t free_pages(struct store *s)
{
	enum { FREE_LISTS = 0 };
	MDB_txn *txn;
	MDB_cursor *c;
	MDB_val key, value;
	uint64_t n = 0;
	if (mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn))
		return 0;
	if (mdb_cursor_open(txn, FREE_LISTS, &c) == 0) {
		while (mdb_cursor_get(c, &key, &value, MDB_NEXT) == 0) {
			size_t n_list;
			memcpy(&n_list, value.mv_data, sizeof(n_list));
			n += n_list;
		}
		mdb_cursor_close(c);
	}
	mdb_txn_abort(txn);
	return n;
}

void store_size(struct store *s, struct store_size *out)
{
	MDB_envinfo info;
	pthread_mutex_lock(&s->lock);
	if (s->env && mdb_env_info(s->env, &info) == 0) {
		uint64_t n_pages = info.me_last_pgno + 1;
		if (n_pages * s->page_bytes > s->options.map_bytes / 10 * 9)
			n_pages -= free_pages(s);
		s->used_bytes = n_pages * s->page_bytes;
	}
	*out = (struct store_size){.used_bytes = s->used_bytes, .map_bytes = s->options.map_bytes};
	pthread_mutex_unlock(&s->lock);
}

int store_clear_stale_readers(struct store *s)
{
	int n_dead;
	return s->env ? from_lmdb(mdb_reader_check(s->env, &n_dead)) : -EIO;
}

/* Under another name until it is whole and on disk: what was cut short is never taken for a copy. */
int store_copy(struct store *s, const char *to)
{
	char partial[PATH_BYTES], whole[PATH_BYTES];
	int r = path_in(partial, to, "data.mdb.partial");
	if (r == 0)
		r = path_in(whole, to, DATA_FILE);
	if (r < 0)
		return r;
	if (mkdir(to, 0750) < 0 && errno != EEXIST)
		return -errno;
	if (access(whole, F_OK) == 0)
		return -EEXIST;
	int fd = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	r = from_lmdb(mdb_env_copyfd2(s->env, fd, 0));
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	close(fd);
	if (r == 0 && rename(partial, whole) < 0)
		r = -errno;
	if (r < 0)
		unlink(partial);
	return r == 0 ? sync_directory(to, "") : r;
}

int store_move(const char *from, const char *to)
{
	char old[PATH_BYTES], new[PATH_BYTES];
	int r = path_in(old, from, DATA_FILE);
	if (r == 0)
		r = path_in(new, to, DATA_FILE);
	if (r == 0 && rename(old, new) < 0)
		r = -errno;
	return r == 0 ? sync_directory(to, "") : r;
}

void store_remove(const char *dir)
{
	char path[PATH_BYTES];
	if (path_in(path, dir, DATA_FILE) == 0)
		unlink(path);
	if (path_in(path, dir, "lock.mdb") == 0)
		unlink(path);
	rmdir(dir);
}
