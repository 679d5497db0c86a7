/* What a disk does, seen and steered: preloaded into a server, this stands between LMDB and the kernel.
 *
 * SHIM_FILE names the store's file; calls on other files pass. An inode is compared, not a descriptor, so a second
 * descriptor (LMDB opens one with O_DSYNC for its meta pages) is known too.
 *
 * SHIM_TRACE: every write, truncation and sync of that file, and every sync of its directory, is appended to this file as
 * a struct record with the written bytes behind it, after the call has come back and before the caller goes on. So what
 * a client was told was caused by records that stood in the trace when it was told. One mutex is held around call and
 * record: a sync's record stands behind exactly the writes that had ended before it began.
 *
 * SHIM_CONTROL: a file of a struct control, shared with the test, that makes calls fail.
 *
 * SHIM_MAP_BYTES: the size of every environment's map, whatever was asked for: the store runs full before the server sees
 * it coming.
 *
 * SHIM_NOSYNC: opens every environment with MDB_NOSYNC, as a server careless of power loss would: the mutant that a test
 * of durability has to find. */
#undef _FILE_OFFSET_BITS
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { KIND_WRITE = 1, KIND_SYNC = 2, KIND_TRUNCATE = 3, KIND_DIRECTORY_SYNC = 4 };

struct record {
	uint32_t kind;
	uint32_t is_dsync; /* the write was on an O_DSYNC descriptor: durable by itself */
	uint64_t offset, len;
};

/* Calls are numbered from 1. Those from fail_from on fail, fail_count of them (-1: until fail_from is 0 again). */
struct control {
	_Atomic int64_t n_calls, fail_from, fail_count, error;
	_Atomic int64_t short_write; /* a failing write first writes its half, as a disk that runs full does */
	_Atomic int64_t n_failed;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *store_path;
static char directory[4096];
static int trace_fd = -1;
static struct control *control;

static void *next_of(const char *name)
{
	void *f = dlsym(RTLD_NEXT, name);
	if (!f)
		abort();
	return f;
}

/* The function of this name that stands behind us, as f. */
#define NEXT(name) \
	static __typeof__(name) *f; \
	if (!f) { \
		void *found = next_of(#name); \
		memcpy(&f, &found, sizeof(f)); \
	} \
	(void)0

__attribute__((constructor)) static void setup(void)
{
	const char *trace = getenv("SHIM_TRACE"), *steer = getenv("SHIM_CONTROL");
	store_path = getenv("SHIM_FILE");
	if (!store_path || strlen(store_path) >= sizeof(directory))
		return;
	snprintf(directory, sizeof(directory), "%s", store_path);
	char *slash = strrchr(directory, '/');
	if (slash)
		*slash = '\0';
	if (trace)
		trace_fd = open(trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int fd = steer ? open(steer, O_RDWR | O_CLOEXEC) : -1;
	if ((trace && trace_fd < 0) || (steer && fd < 0))
		abort();
	if (fd >= 0) {
		control = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (control == MAP_FAILED)
			abort();
		close(fd);
	}
}

static int is(int fd, const char *name)
{
	struct stat ours, theirs;
	return store_path && fstat(fd, &theirs) == 0 && stat(name, &ours) == 0 && ours.st_ino == theirs.st_ino &&
	       ours.st_dev == theirs.st_dev;
}

static int is_ours(int fd)
{
	int error = errno, yes = is(fd, store_path);
	errno = error;
	return yes;
}

/* Whole, or the test is void. */
static void append(const void *data, size_t len)
{
	const char *p = data;
	while (len > 0) {
		long n = syscall(SYS_write, trace_fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			abort();
		p += n;
		len -= (size_t)n;
	}
}

static void record(int fd, enum kind kind, int64_t offset, const struct iovec *parts, int n_parts, size_t len)
{
	int error = errno;
	if (trace_fd < 0)
		return;
	struct record r = {.kind = kind, .offset = (uint64_t)offset, .len = len};
	if (kind == KIND_WRITE)
		r.is_dsync = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
	append(&r, sizeof(r));
	for (int i = 0; i < n_parts && len > 0; i++) {
		size_t n = parts[i].iov_len < len ? parts[i].iov_len : len;
		append(parts[i].iov_base, n);
		len -= n;
	}
	errno = error;
}

/* The error this call is to fail with, or 0. */
static int fault(void)
{
	if (!control)
		return 0;
	int64_t n = ++control->n_calls, from = control->fail_from, count = control->fail_count;
	if (from == 0 || n < from || (count >= 0 && n >= from + count))
		return 0;
	control->n_failed++;
	return (int)control->error;
}

ssize_t pwrite(int fd, const void *buf, size_t n, off_t offset)
{
	NEXT(pwrite);
	struct iovec part = {(void *)(uintptr_t)buf, n};
	if (!is_ours(fd))
		return f(fd, buf, n, offset);
	pthread_mutex_lock(&lock);
	int error = fault();
	ssize_t written = -1;
	if (error && control->short_write && n > 1)
		written = f(fd, buf, n / 2, offset);
	else if (error)
		errno = error;
	else
		written = f(fd, buf, n, offset);
	if (written > 0)
		record(fd, KIND_WRITE, offset, &part, 1, (size_t)written);
	pthread_mutex_unlock(&lock);
	return written;
}

ssize_t writev(int fd, const struct iovec *iovec, int count)
{
	NEXT(writev);
	if (!is_ours(fd))
		return f(fd, iovec, count);
	pthread_mutex_lock(&lock);
	int error = fault();
	ssize_t written = -1;
	off_t offset = lseek(fd, 0, SEEK_CUR);
	if (error && control->short_write && count > 1)
		written = f(fd, iovec, count / 2);
	else if (error)
		errno = error;
	else
		written = f(fd, iovec, count);
	if (written > 0)
		record(fd, KIND_WRITE, offset, iovec, count, (size_t)written);
	pthread_mutex_unlock(&lock);
	return written;
}

ssize_t write(int fd, const void *buf, size_t n)
{
	NEXT(write);
	struct iovec part = {(void *)(uintptr_t)buf, n};
	if (!is_ours(fd))
		return f(fd, buf, n);
	return writev(fd, &part, 1);
}

int ftruncate(int fd, off_t length)
{
	NEXT(ftruncate);
	if (!is_ours(fd))
		return f(fd, length);
	pthread_mutex_lock(&lock);
	int error = fault(), r = -1;
	if (error)
		errno = error;
	else
		r = f(fd, length);
	if (r == 0)
		record(fd, KIND_TRUNCATE, length, NULL, 0, 0);
	pthread_mutex_unlock(&lock);
	return r;
}

static int sync_with(int fd, int (*f)(int))
{
	int saved = errno, of_directory = store_path && is(fd, directory);
	errno = saved;
	if (!of_directory && !is_ours(fd))
		return f(fd);
	pthread_mutex_lock(&lock);
	int error = of_directory ? 0 : fault(), r = -1;
	if (error)
		errno = error;
	else
		r = f(fd);
	if (r == 0)
		record(fd, of_directory ? KIND_DIRECTORY_SYNC : KIND_SYNC, 0, NULL, 0, 0);
	pthread_mutex_unlock(&lock);
	return r;
}

int fsync(int fd)
{
	NEXT(fsync);
	return sync_with(fd, f);
}

int fdatasync(int fildes)
{
	NEXT(fdatasync);
	return sync_with(fildes, f);
}

/* A store that is mapped for writing can't be traced by its calls; this one is not, and should it ever be, say so. */
int msync(void *addr, size_t len, int flags)
{
	abort();
}

int mdb_env_open(MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode)
{
	NEXT(mdb_env_open);
	if (flags & MDB_WRITEMAP)
		abort();
	return f(env, path, flags | (getenv("SHIM_NOSYNC") ? MDB_NOSYNC : 0), mode);
}

int mdb_env_set_mapsize(MDB_env *env, size_t size)
{
	NEXT(mdb_env_set_mapsize);
	const char *instead = getenv("SHIM_MAP_BYTES");
	return f(env, instead ? (size_t)strtoull(instead, NULL, 10) : size);
}
