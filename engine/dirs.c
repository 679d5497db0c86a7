/* Whole directories: check, backup, compact, restore. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/core.h"

enum { RENEW_EVERY = 10000 };

static int fail(struct engine_problem *problem, const char *what, const char *dir, int error)
{
	engine_problem_say(problem, "%s %s: %s", what, dir, error < 0 ? strerror(-error) : "in use by another mynews process");
	return 1;
}

static int open_dir(const char *dir, bool read_only, struct store **out, struct engine_problem *problem)
{
#ifdef MYNEWS_SANITIZED
	size_t map_bytes = (size_t)16 << 30;
#else
	size_t map_bytes = (size_t)256 << 30;
#endif
	struct store_options options = {.map_bytes = map_bytes, .read_only = read_only, .readers_max = 256};
	int r = store_open(out, dir, &options);
	return r < 0 ? fail(problem, "cannot open the store in", dir, r) : 0;
}

/* ---- check ---- */

struct checker {
	struct store_txn *txn;
	void (*report)(void *ctx, const char *finding);
	void *ctx;
	uint64_t n_findings;
};

static void find(struct checker *k, const char *table, struct span key, const char *what)
{
	char text[512];
	size_t len = (size_t)snprintf(text, sizeof(text), "%s ", table);
	bool printable = key.len > 0;
	for (size_t i = 0; i < key.len; i++)
		printable &= key.data[i] >= 0x20 && key.data[i] < 0x7f;
	for (size_t i = 0; i < key.len && len < sizeof(text) - 80; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, printable ? "%c" : "%02x", (unsigned char)key.data[i]);
	snprintf(text + len, sizeof(text) - len, ": %s", what);
	k->n_findings++;
	if (k->report)
		k->report(k->ctx, text);
}

static bool there(struct checker *k, enum store_table table, struct span key)
{
	struct span value;
	return store_get(k->txn, table, key, &value) == 0;
}

typedef const char *(*check_fn)(struct checker *k, struct arena *arena, struct span key, struct span value);

static const char *check_article(struct checker *k, struct arena *arena, struct span key, struct span value)
{
	struct article_record r;
	struct span number;
	uint8_t topic[4];
	if (key.len != 4 || article_record_decode(arena, value, &r))
		return "damaged record";
	if (store_get(k->txn, TABLE_ARTICLE_IDS, r.article.id, &number) != 0 || !span_equal(number, key))
		return "its id does not lead to it";
	for (size_t i = 0; i < r.n_vector; i++)
		if (!there(k, TABLE_TOPICS, key_u32(topic, r.vector[i].topic)))
			return "names a topic that is not there";
	return NULL;
}

static const char *check_article_id(struct checker *k, struct arena *arena, struct span key, struct span value)
{
	return there(k, TABLE_ARTICLES, value) ? NULL : "its article is not there";
}

static const char *check_topic(struct checker *k, struct arena *arena, struct span key, struct span value)
{
	struct span number, name, label;
	topics_split(value, &name, &label);
	return store_get(k->txn, TABLE_TOPIC_IDS, name, &number) == 0 && span_equal(number, key)
	               ? NULL
	               : "its name does not lead to it";
}

static const char *check_user(struct checker *k, struct arena *arena, struct span key, struct span value)
{
	struct user_record r;
	struct span id;
	uint8_t number[8];
	if (user_record_decode(value, &r))
		return "damaged record";
	return store_get(k->txn, TABLE_USER_IDS, key_u64(number, r.number), &id) == 0 && span_equal(id, key)
	               ? NULL
	               : "its number does not lead to it";
}

static const char *check_profile(struct checker *k, struct arena *arena, struct span key, struct span value)
{
	struct profile_head head;
	struct profile profile;
	struct span rest;
	if (profile_head_decode(value, &head, &rest) || profile_decode(rest, &profile))
		return "damaged record";
	return there(k, TABLE_USER_IDS, key) ? NULL : "its reader is not there";
}

static const char *check_history(struct checker *k, struct arena *arena, struct span key, struct span value)
{
	struct history h = {0};
	struct profile p;
	if (key.len != 9 || value.len < 1 || value.data[0] != RECORD_VERSION)
		return "damaged record";
	struct span bytes = {value.data + 1, value.len - 1};
	int bad = key.data[8] == PART_PROFILE ? profile_decode(bytes, &p)
	          : key.data[8] == PART_READS ? history_decode_reads(bytes, &h)
	                                      : history_decode_shown(bytes, &h);
	if (bad)
		return "damaged record";
	return there(k, TABLE_USER_IDS, (struct span){key.data, 8}) ? NULL : "its reader is not there";
}

static const char *check_event(struct checker *k, struct arena *arena, struct span key, struct span value)
{
	struct log_record r;
	uint8_t other[20];
	if (key.len != 8 || log_record_decode(arena, value, &r))
		return "damaged record";
	if (!there(k, TABLE_USER_IDS, key_u64(other, r.user)))
		return "its reader is not there";
	if (r.previous >= key_to_u64(key))
		return "its chain does not lead backwards";
	return NULL;
}

static const char *check_event_id(struct checker *k, struct arena *arena, struct span key, struct span value)
{
	if (key.len != 20 || value.len != 8)
		return "damaged record";
	return NULL; /* its event may have been trimmed */
}

static const char *check_slate(struct checker *k, struct arena *arena, struct span key, struct span value)
{
	struct slate_record r;
	uint8_t user[8];
	if (key.len != 10 || slate_record_decode(arena, value, &r))
		return "damaged record";
	return r.user == 0 || there(k, TABLE_USER_IDS, key_u64(user, r.user)) ? NULL : "its reader is not there";
}

static const char *check_edition(struct checker *k, struct arena *arena, struct span key, struct span value)
{
	struct edition_record r;
	return edition_record_decode(value, &r) ? "damaged record" : NULL;
}

static const char *check_counter(struct checker *k, struct arena *arena, struct span key, struct span value)
{
	if (value.len < 1 || value.data[0] != RECORD_VERSION)
		return "damaged record";
	return key.len != 4 || there(k, TABLE_ARTICLES, key) ? NULL : "its article is not there";
}

static const char *check_example(struct checker *k, struct arena *arena, struct span key, struct span value)
{
	struct example *e;
	uint8_t user[8];
	if (key.len != 8 || example_decode(arena, value, &e) != 0)
		return "damaged record";
	if (!there(k, TABLE_EVENTS, key))
		return "its record in the log is not there";
	return there(k, TABLE_USER_IDS, key_u64(user, e->user)) ? NULL : "its reader is not there";
}

static const char *check_counted(struct checker *k, struct arena *arena, struct span key, struct span value)
{
	if (key.len != 12 || value.len != 1 || value.data[0] < 1 || value.data[0] > 3)
		return "damaged record";
	return there(k, TABLE_USER_IDS, (struct span){key.data, 8}) ? NULL : "its reader is not there";
}

static const check_fn checks[N_TABLES] = {
	[TABLE_ARTICLES] = check_article, [TABLE_BODIES] = NULL, [TABLE_ARTICLE_IDS] = check_article_id,
	[TABLE_TOPICS] = check_topic, [TABLE_USERS] = check_user, [TABLE_PROFILES] = check_profile,
	[TABLE_HISTORIES] = check_history, [TABLE_BASES] = check_history, [TABLE_EVENTS] = check_event,
	[TABLE_EVENT_IDS] = check_event_id, [TABLE_SLATES] = check_slate, [TABLE_EDITIONS] = check_edition,
	[TABLE_COUNTERS] = check_counter,
	[TABLE_EXAMPLES] = check_example, [TABLE_COUNTED] = check_counted};

/* Walks a table, renewing the snapshot every RENEW_EVERY records so that a live server can reuse pages. */
static int check_table(struct checker *k, enum store_table table)
{
	uint8_t at[STORE_KEY_MAX + 1];
	struct span from = {NULL, 0}, key, value;
	struct arena arena = {0};
	int r = 0;
	while (r == 0) {
		struct store_cursor *c;
		r = store_read_renew(k->txn);
		if (r == 0)
			r = store_cursor_new(k->txn, table, &c);
		if (r != 0)
			break;
		r = store_seek(c, from, &key, &value);
		for (int i = 0; r == 0 && i < RENEW_EVERY; i++) {
			arena_reset(&arena);
			const char *finding = checks[table] ? checks[table](k, &arena, key, value) : NULL;
			if (finding)
				find(k, store_table_names[table], key, finding);
			/* The first key that could follow: this one and a zero byte. */
			memcpy(at, key.data, key.len);
			at[key.len] = 0;
			from = (struct span){(const char *)at, key.len < STORE_KEY_MAX ? key.len + 1 : key.len};
			r = store_next(c, &key, &value);
		}
		store_cursor_free(c);
	}
	arena_free(&arena);
	return r < 0 ? r : 0;
}

int engine_check_dir(const char *dir, void (*report)(void *ctx, const char *finding), void *ctx,
                     struct engine_problem *problem)
{
	struct checker k = {.report = report, .ctx = ctx};
	struct store *store;
	struct span format;
	int r = open_dir(dir, true, &store, problem);
	if (r != 0)
		return r;
	r = store_read_new(store, &k.txn);
	if (r == 0)
		r = store_read_renew(k.txn);
	if (r == 0 && store_get(k.txn, TABLE_META, SPAN(META_KEY_FORMAT), &format) != 0)
		find(&k, "meta", SPAN(META_KEY_FORMAT), "the format version is not there");
	for (int table = 0; r == 0 && table < N_TABLES; table++)
		r = check_table(&k, (enum store_table)table);
	if (k.txn)
		store_read_free(k.txn);
	store_close(store);
	if (r < 0)
		return fail(problem, "cannot read", dir, r);
	if (k.n_findings) {
		engine_problem_say(problem, "%llu findings in %s; restore a backup",
		         (unsigned long long)k.n_findings, dir);
		return 1;
	}
	return 0;
}

/* ---- copies ---- */

/* Only an empty or missing directory is written into. */
static int must_be_empty(const char *dir, struct engine_problem *problem)
{
	DIR *d = opendir(dir);
	if (!d)
		return errno == ENOENT ? 0 : fail(problem, "cannot read", dir, -errno);
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
		r = open_dir(dir, true, &store, problem);
	if (r != 0)
		return r;
	r = store_copy(store, to);
	store_close(store);
	return r < 0 ? fail(problem, "cannot write the copy to", to, r) : 0;
}

/* Record by record into a new store: no page of the old file is carried over. */
static int copy_records(struct store *from, struct store *to)
{
	enum { PER_TXN = 5000 };
	struct store_txn *in, *out = NULL;
	struct store_cursor *c;
	struct span key, value;
	int r = store_read_new(from, &in);
	if (r < 0)
		return r;
	r = store_read_renew(in);
	for (int table = 0; r >= 0 && table < N_TABLES; table++) {
		int n = 0;
		r = store_cursor_new(in, (enum store_table)table, &c);
		if (r < 0)
			break;
		for (r = store_first(c, &key, &value); r == 0; r = store_next(c, &key, &value)) {
			if (!out)
				r = store_write_begin(to, &out);
			if (r == 0)
				r = store_append(out, (enum store_table)table, key, value);
			if (r == 0 && ++n % PER_TXN == 0) {
				r = store_write_commit(out);
				out = NULL;
			}
			if (r < 0)
				break;
		}
		store_cursor_free(c);
	}
	if (r >= 0 && out) {
		r = store_write_commit(out);
		out = NULL;
	}
	if (out)
		store_write_abort(out);
	store_read_free(in);
	return r < 0 ? r : 0;
}

static int copy_store(const char *from, const char *to, struct engine_problem *problem)
{
	struct store *source, *target;
	int r = open_dir(from, true, &source, problem);
	if (r != 0)
		return r;
	if (mkdir(to, 0750) < 0 && errno != EEXIST)
		r = fail(problem, "cannot create", to, -errno);
	if (r == 0)
		r = open_dir(to, false, &target, problem);
	if (r == 0) {
		r = copy_records(source, target);
		store_close(target);
		if (r < 0)
			r = fail(problem, "cannot write the copy to", to, r);
	}
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
		return fail(problem, "cannot lock", dir, r);
	r = copy_store(dir, to, problem);
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
		return fail(problem, "cannot lock", dir, r);
	r = copy_store(from, dir, problem);
	close(fd);
	return r;
}
