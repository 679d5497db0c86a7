/* Whole directories: export, backup, compact, restore. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/dirs_internal.h"

enum { RENEW_EVERY = 10000 };

int dirs_fail(struct engine_problem *problem, const char *what, const char *dir, int error)
{
	engine_problem_say(problem, "%s %s: %s", what, dir, error < 0 ? strerror(-error) : "in use by another mynews process");
	return 1;
}

int dirs_open(const char *dir, bool read_only, struct store **out, struct engine_problem *problem)
{
	struct store_options options = {.map_bytes = engine_map_bytes(), .read_only = read_only, .readers_max = 256};
	int r = store_open(out, dir, &options);
	return r < 0 ? engine_cannot_open(problem, dir, r) : 0;
}

static bool is_after(struct span a, struct span b)
{
	int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
	return order > 0 || (order == 0 && a.len > b.len);
}

int dirs_each_record(struct store_txn *txn, enum store_table table,
                     int (*fn)(void *ctx, struct arena *arena, struct span key, struct span value), void *ctx)
{
	uint8_t at[STORE_KEY_MAX + 1]; /* the first key that could follow the last one: that key and a zero byte */
	struct span from = {NULL, 0}, key, value;
	struct arena arena = {0};
	bool more = true;
	int r = 0;
	while (r == 0 && more) {
		struct store_cursor *c;
		r = store_read_renew(txn);
		if (r == 0)
			r = store_cursor_new(txn, table, &c);
		if (r != 0)
			break;
		int found = store_seek(c, from, &key, &value);
		for (int i = 0; r == 0 && found == 0 && i < RENEW_EVERY; i++) {
			if (key.len == 0 || key.len > STORE_KEY_MAX || (from.len && is_after(from, key))) {
				r = -EINVAL;
				break;
			}
			arena_reset(&arena);
			r = fn(ctx, &arena, key, value);
			memcpy(at, key.data, key.len);
			at[key.len] = 0;
			from = (struct span){(const char *)at, key.len < STORE_KEY_MAX ? key.len + 1 : key.len};
			found = store_next(c, &key, &value);
		}
		store_cursor_free(c);
		more = found == 0;
		if (r == 0 && found < 0)
			r = found;
	}
	arena_free(&arena);
	return r;
}

/* ---- export ---- */

struct exporter {
	struct store_txn *txn;
	int (*fn)(void *ctx, const struct article *article);
	void *ctx;
};

static int export_article(void *ctx, struct arena *arena, struct span key, struct span value)
{
	struct exporter *x = ctx;
	struct article_record r;
	if (article_record_decode(arena, value, &r))
		return -EINVAL;
	if (r.language.len)
		r.article.language = r.language;
	int error = store_get(x->txn, TABLE_BODIES, key, &r.article.body);
	return error < 0 ? error : x->fn(x->ctx, &r.article);
}

int engine_export_dir(const char *dir, int (*fn)(void *ctx, const struct article *article), void *ctx,
                      struct engine_problem *problem)
{
	struct exporter x = {.fn = fn, .ctx = ctx};
	struct store *store;
	int r = dirs_open(dir, true, &store, problem);
	if (r != 0)
		return r;
	r = store_read_new(store, &x.txn);
	if (r == 0)
		r = dirs_each_record(x.txn, TABLE_ARTICLES, export_article, &x);
	store_read_free(x.txn);
	store_close(store);
	if (r == -EINVAL)
		return engine_problem_say(problem, "%s holds a damaged record; run: mynews check --data %s", dir, dir);
	return r;
}

/* ---- copies ---- */

/* Only an empty or missing directory is written into. */
static int must_be_empty(const char *dir, struct engine_problem *problem)
{
	DIR *d = opendir(dir);
	if (!d)
		return errno == ENOENT ? 0 : dirs_fail(problem, "cannot read", dir, -errno);
	int n = 0;
	for (struct dirent *entry; (entry = readdir(d));)
		n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && strcmp(entry->d_name, "lock") != 0;
	closedir(d);
	if (n == 0)
		return 0;
	engine_problem_say(problem, "%s is not empty; name an empty or new directory", dir);
	return 1;
}

int engine_backup_dir(const char *dir, const char *to, struct engine_problem *problem)
{
	struct store *store;
	int r = must_be_empty(to, problem);
	if (r == 0)
		r = dirs_open(dir, true, &store, problem);
	if (r != 0)
		return r;
	r = store_copy(store, to);
	store_close(store);
	return r < 0 ? dirs_fail(problem, "cannot write the copy to", to, r) : 0;
}

/* Which topics a compacted copy keeps. A record that can't be read may name any: then all are kept. */
struct keep {
	struct topic_set *named;
	uint32_t given[N_TOPIC_NAMESPACES]; /* the highest numbers, of topics that are left out too */
	enum store_table table; /* being read */
	bool all;
	int error;
};

static void keep_topic(void *ctx, uint32_t topic)
{
	struct keep *keep = ctx;
	if (keep->error == 0)
		keep->error = topic_set_add(keep->named, topic);
}

static int keep_named(void *ctx, struct arena *arena, struct span key, struct span value)
{
	struct keep *keep = ctx;
	if (keep->table == TABLE_TOPICS) {
		uint32_t ns = key_to_u32(key) >> TOPIC_NAMESPACE_SHIFT, n = key_to_u32(key) & ((1u << TOPIC_NAMESPACE_SHIFT) - 1);
		if (ns < N_TOPIC_NAMESPACES && n < TOPICS_MAX && n > keep->given[ns])
			keep->given[ns] = n;
	}
	keep->all |= topics_in_record(arena, keep->table, key, value, keep_topic, keep) != 0;
	return keep->error;
}

static bool is_kept(const struct keep *keep, enum store_table table, struct span key, struct span value)
{
	if (!keep || keep->all || (table != TABLE_TOPICS && table != TABLE_TOPIC_IDS))
		return true;
	return topic_set_has(keep->named, key_to_u32(table == TABLE_TOPICS ? key : value));
}

enum { PER_TXN = 5000 };

/* One table's records, behind the last of the copy's; *out is the copy's transaction, NULL between two. */
static int copy_table(struct store_txn *in, struct store *to, enum store_table table, const struct keep *keep,
                      struct store_txn **out)
{
	struct store_cursor *c;
	struct span key, value;
	int n = 0, r = store_cursor_new(in, table, &c);
	if (r < 0)
		return r;
	for (r = store_first(c, &key, &value); r == 0; r = store_next(c, &key, &value)) {
		if (!is_kept(keep, table, key, value))
			continue;
		if (!*out)
			r = store_write_begin(to, out);
		if (r == 0)
			r = store_append(*out, table, key, value);
		if (r == 0 && ++n % PER_TXN == 0) {
			r = store_write_commit(*out);
			*out = NULL;
		}
		if (r < 0)
			break;
	}
	store_cursor_free(c);
	return r < 0 ? r : 0;
}

static int find_named(struct store_txn *in, struct keep *keep)
{
	int r = topic_set_new(&keep->named);
	if (r == 0)
		r = store_read_renew(in);
	if (r == 0)
		r = topics_given_read(in, keep->given);
	for (int table = 0; r == 0 && table < N_TABLES; table++) {
		keep->table = (enum store_table)table;
		r = dirs_each_record(in, keep->table, keep_named, keep);
	}
	return r;
}

/* Record by record into a new store: no page of the old file is carried over; without topics that nothing names, if
 * asked. */
static int copy_records(struct store *from, struct store *to, bool drop_topics)
{
	struct store_txn *in, *out = NULL;
	struct keep keep = {0};
	int r = store_read_new(from, &in);
	if (r < 0)
		return r;
	if (drop_topics)
		r = find_named(in, &keep);
	if (r == 0)
		r = store_read_renew(in);
	for (int table = 0; r == 0 && table < N_TABLES; table++)
		r = copy_table(in, to, (enum store_table)table, drop_topics ? &keep : NULL, &out);
	if (r == 0 && drop_topics && !out)
		r = store_write_begin(to, &out);
	if (r == 0 && drop_topics)
		r = topics_given_write(out, keep.given);
	if (r == 0 && out) {
		r = store_write_commit(out);
		out = NULL;
	}
	if (out)
		store_write_abort(out);
	store_read_free(in);
	topic_set_free(keep.named);
	return r;
}

/* Into a directory inside `to`, moved up when it is whole: what was cut short is never taken for a copy. */
static int copy_store(const char *from, const char *to, bool drop_topics, struct engine_problem *problem)
{
	char partial[4096];
	struct store *source, *target;
	if (snprintf(partial, sizeof(partial), "%s/partial", to) >= (int)sizeof(partial))
		return dirs_fail(problem, "cannot create", to, -ENAMETOOLONG);
	int r = dirs_open(from, true, &source, problem);
	if (r != 0)
		return r;
	if ((mkdir(to, 0750) < 0 && errno != EEXIST) || mkdir(partial, 0750) < 0) {
		r = dirs_fail(problem, "cannot create", partial, -errno);
		goto out;
	}
	r = dirs_open(partial, false, &target, problem);
	if (r == 0) {
		r = copy_records(source, target, drop_topics);
		store_close(target);
		if (r == 0)
			r = store_move(partial, to);
		if (r == -EINVAL)
			r = engine_problem_say(problem, "%s is damaged; run: mynews check --data %s", from, from);
		else if (r < 0)
			r = dirs_fail(problem, "cannot write the copy to", to, r);
	}
	store_remove(partial);
out:
	store_close(source);
	return r;
}

int engine_compact_dir(const char *dir, const char *to, struct engine_problem *problem)
{
	int fd, r = must_be_empty(to, problem);
	if (r != 0)
		return r;
	r = store_lock(dir, false, &fd);
	if (r != 0)
		return dirs_fail(problem, "cannot lock", dir, r);
	r = copy_store(dir, to, true, problem);
	close(fd);
	return r;
}

int engine_restore_dir(const char *from, const char *dir, struct engine_problem *problem)
{
	int fd, r = must_be_empty(dir, problem);
	if (r != 0)
		return r;
	r = store_lock(dir, true, &fd);
	if (r != 0)
		return dirs_fail(problem, "cannot lock", dir, r);
	r = copy_store(from, dir, false, problem);
	close(fd);
	return r;
}
