/* Checking a directory: every record is read, everything it refers to is looked up. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/dirs_internal.h"

struct checker {
	struct store_txn *txn;
	struct topic_set *topics; /* that were there at the start */
	enum store_table table;   /* being read */
	bool topic_missing;       /* the record at hand names one that is not there */
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
	if (key.len != 4 || article_record_decode(arena, value, &r))
		return "damaged record";
	if (store_get(k->txn, TABLE_ARTICLE_IDS, r.article.id, &number) != 0 || !span_equal(number, key))
		return "its id does not lead to it";
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

static const char *check_topic_id(struct checker *k, struct arena *arena, struct span key, struct span value)
{
	struct span record, name, label;
	if (store_get(k->txn, TABLE_TOPICS, value, &record) != 0)
		return "its topic is not there";
	topics_split(record, &name, &label);
	return span_equal(name, key) ? NULL : "its topic has another name";
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
	[TABLE_TOPICS] = check_topic, [TABLE_TOPIC_IDS] = check_topic_id, [TABLE_USERS] = check_user,
	[TABLE_PROFILES] = check_profile,
	[TABLE_HISTORIES] = check_history, [TABLE_BASES] = check_history, [TABLE_EVENTS] = check_event,
	[TABLE_EVENT_IDS] = check_event_id, [TABLE_SLATES] = check_slate, [TABLE_EDITIONS] = check_edition,
	[TABLE_COUNTERS] = check_counter,
	[TABLE_EXAMPLES] = check_example, [TABLE_COUNTED] = check_counted};

static int note_topic(void *ctx, struct arena *arena, struct span key, struct span value)
{
	struct checker *k = ctx;
	return topic_set_add(k->topics, key_to_u32(key));
}

/* Made since the check began, it is in the store only. */
static void check_named(void *ctx, uint32_t topic)
{
	struct checker *k = ctx;
	uint8_t key[4];
	if (!topic_set_has(k->topics, topic) && !there(k, TABLE_TOPICS, key_u32(key, topic)))
		k->topic_missing = true;
}

static int check_record(void *ctx, struct arena *arena, struct span key, struct span value)
{
	struct checker *k = ctx;
	const char *finding = checks[k->table] ? checks[k->table](k, arena, key, value) : NULL;
	k->topic_missing = false;
	if (!finding && topics_in_record(arena, k->table, key, value, check_named, k))
		finding = "damaged record";
	if (!finding && k->topic_missing)
		finding = "names a topic that is not there";
	if (finding)
		find(k, store_table_names[k->table], key, finding);
	return 0;
}

static int check_tables(struct checker *k)
{
	int r = dirs_each_record(k->txn, TABLE_TOPICS, note_topic, k);
	if (r == -EINVAL) /* said below, with the other findings of that table */
		r = 0;
	for (int table = 0; r == 0 && table < N_TABLES; table++) {
		k->table = (enum store_table)table;
		r = dirs_each_record(k->txn, k->table, check_record, k);
		if (r == -EINVAL) {
			find(k, store_table_names[table], (struct span){NULL, 0}, "its pages are damaged");
			r = 0;
		}
	}
	return r;
}

int engine_check_dir(const char *dir, void (*report)(void *ctx, const char *finding), void *ctx,
                     struct engine_problem *problem)
{
	struct checker k = {.report = report, .ctx = ctx};
	struct store *store;
	struct span format;
	int r = dirs_open(dir, true, &store, problem);
	if (r != 0)
		return r;
	r = topic_set_new(&k.topics);
	if (r == 0)
		r = store_read_new(store, &k.txn);
	if (r == 0)
		r = store_read_renew(k.txn);
	if (r == 0 && store_get(k.txn, TABLE_META, SPAN(META_KEY_FORMAT), &format) != 0)
		find(&k, "meta", SPAN(META_KEY_FORMAT), "the format version is not there");
	if (r == 0)
		r = check_tables(&k);
	if (k.txn)
		store_read_free(k.txn);
	topic_set_free(k.topics);
	store_close(store);
	if (r < 0)
		return dirs_fail(problem, "cannot read", dir, r);
	if (k.n_findings)
		return engine_problem_say(problem, "%llu finding%s in %s; restore a backup", (unsigned long long)k.n_findings,
		                          k.n_findings > 1 ? "s" : "", dir);
	return 0;
}
