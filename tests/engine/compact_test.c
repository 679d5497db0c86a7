/* A compacted copy is the same store without the topics that nothing names: their bytes are gone, every reader's picture
 * is as it was, numbers stay, and new topics get numbers that no record names. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/store/codec.h"
#include "engine/store/store.h"
#include "tests/engine/history.h"

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *at)
{
	return remove(path);
}

/* The engine is closed; afterwards its directory holds the copy, and `before` what it held. */
static void compact(struct fixture *f, char before[sizeof(f->dir) + 8])
{
	struct engine_problem problem;
	char to[sizeof(f->dir) + 8];
	snprintf(to, sizeof(to), "%s-copy", f->dir);
	snprintf(before, sizeof(to), "%s-was", f->dir);
	int r = engine_compact_dir(f->dir, to, &problem);
	if (r != 0)
		fail_msg("compact: %s", r == 1 ? problem.text : strerror(-r));
	assert_int_equal(rename(f->dir, before), 0);
	assert_int_equal(rename(to, f->dir), 0);
	fixture_check(f);
}

static void forget(const char *dir)
{
	assert_int_equal(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* ---- what a directory holds, looked at from outside ---- */

struct dictionary {
	struct {
		uint32_t topic;
		char name[LIMIT_TOPIC_BYTES + 1];
	} topics[4000];
	size_t n;
	uint32_t *windows; /* [n_windows] every four bytes in a row in the records that may name topics; ascending */
	size_t n_windows;
};

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static void read_table(struct store_txn *txn, enum store_table table, struct dictionary *d)
{
	struct store_cursor *c;
	struct span key, value;
	assert_int_equal(store_cursor_new(txn, table, &c), 0);
	for (int r = store_first(c, &key, &value); r == 0; r = store_next(c, &key, &value)) {
		if (table == TABLE_TOPICS) {
			assert_true(d->n < sizeof(d->topics) / sizeof(d->topics[0]));
			size_t len = strnlen(value.data, value.len); /* a label may follow */
			d->topics[d->n].topic = key_to_u32(key);
			memcpy(d->topics[d->n].name, value.data, len);
			d->topics[d->n++].name[len] = '\0';
			continue;
		}
		d->windows = realloc(d->windows, (d->n_windows + value.len) * sizeof(*d->windows));
		for (size_t i = 0; i + 4 <= value.len; i++)
			memcpy(&d->windows[d->n_windows++], value.data + i, 4);
	}
	store_cursor_free(c);
}

static void read_dir(const char *dir, struct dictionary *d)
{
	static const enum store_table tables[] = {TABLE_TOPICS, TABLE_ARTICLES, TABLE_USERS,   TABLE_PROFILES,
	                                          TABLE_BASES,  TABLE_EVENTS,   TABLE_EDITIONS, TABLE_EXAMPLES};
	struct store_options options = {.map_bytes = (size_t)1 << 30, .read_only = true, .readers_max = 8};
	struct store *store;
	struct store_txn *txn;
	memset(d, 0, sizeof(*d));
	assert_int_equal(store_open(&store, dir, &options), 0);
	assert_int_equal(store_read_new(store, &txn), 0);
	assert_int_equal(store_read_renew(txn), 0);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		read_table(txn, tables[i], d);
	store_read_free(txn);
	store_close(store);
	qsort(d->windows, d->n_windows, sizeof(*d->windows), by_number);
}

static bool is_named(const struct dictionary *d, uint32_t topic)
{
	return bsearch(&topic, d->windows, d->n_windows, sizeof(*d->windows), by_number) != NULL;
}

static size_t find_topic(const struct dictionary *d, uint32_t topic)
{
	size_t i = 0;
	while (i < d->n && d->topics[i].topic != topic)
		i++;
	return i;
}

static bool is_in_file(const char *dir, const char *text)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	FILE *file = fopen(path, "rb");
	assert_non_null(file);
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	size_t n = (size_t)ftell(file);
	rewind(file);
	char *bytes = malloc(n);
	assert_int_equal(fread(bytes, 1, n, file), n);
	fclose(file);
	bool found = memmem(bytes, n, text, strlen(text)) != NULL;
	free(bytes);
	return found;
}

/* ---- over random histories ---- */

static void keep_pictures(struct fixture *f, unsigned n_users, char **out)
{
	for (unsigned user = 0; user <= n_users; user++) {
		struct span picture = user < n_users ? fixture_picture(f, site_user(f, user)) : fixture_trending(f);
		out[user] = strndup(picture.data, picture.len);
	}
	fixture_forget(f);
}

static void same_pictures(struct fixture *f, unsigned n_users, char **pictures)
{
	for (unsigned user = 0; user <= n_users; user++) {
		struct span picture = user < n_users ? fixture_picture(f, site_user(f, user)) : fixture_trending(f);
		fixture_same(picture, span_of(pictures[user]), "a reader or the trending list, on the copy");
		free(pictures[user]);
	}
	fixture_forget(f);
}

/* Kept is what four bytes of some record may name, under its old number; and nothing else. Returns how many went. */
static size_t compare_dictionaries(const char *before_dir, const char *dir)
{
	static struct dictionary before, after;
	size_t n_gone = 0;
	read_dir(before_dir, &before);
	read_dir(dir, &after);
	assert_int_equal(after.n_windows, before.n_windows);
	assert_memory_equal(after.windows, before.windows, before.n_windows * sizeof(*before.windows));
	for (size_t i = 0; i < before.n; i++) {
		size_t at = find_topic(&after, before.topics[i].topic);
		if (is_named(&before, before.topics[i].topic) != (at < after.n))
			fail_msg("%s, number %08x, is %s", before.topics[i].name, before.topics[i].topic, at < after.n ? "kept" : "gone");
		if (at < after.n)
			assert_string_equal(after.topics[at].name, before.topics[i].name);
		else
			n_gone++;
	}
	assert_int_equal(after.n, before.n - n_gone);
	free(before.windows);
	free(after.windows);
	return n_gone;
}

/* What came later has numbers that were never another topic's. */
static void no_number_means_another(const char *before_dir, const char *dir)
{
	static struct dictionary before, after;
	size_t n_new = 0;
	read_dir(before_dir, &before);
	read_dir(dir, &after);
	for (size_t i = 0; i < after.n; i++) {
		size_t at = find_topic(&before, after.topics[i].topic);
		n_new += at == before.n;
		if (at < before.n)
			assert_string_equal(after.topics[i].name, before.topics[at].name);
	}
	assert_true(n_new > 0);
	free(before.windows);
	free(after.windows);
}

static void a_copy_is_the_same_without_them(void **state)
{
	static struct site s;
	enum { USERS = 4, ARTICLES = 160, DELETED = 80 };
	size_t n_gone = 0;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		struct fixture f;
		char *pictures[USERS + 1], before[sizeof(f.dir) + 8];
		site_make(&s, &(struct history_config){.seed = 4000 + seed, .n_articles = ARTICLES, .n_users = USERS, .n_steps = 200,
		                                       .undo_percent = 5, .merges = seed % 2 == 0});
		fixture_new(&f);
		fixture_open(&f);
		for (size_t i = 0; i < s.n_steps; i++) {
			site_play(&s, i, &f);
			if (i % 60 == 59)
				fixture_flush(&f, true);
		}
		for (unsigned i = 0; i < DELETED; i++) { /* some that were read, some that nobody knew */
			bool found;
			assert_int_equal(fixture_delete(&f, arena_printf(&f.arena, "article-%u", i), &found), 0);
		}
		keep_pictures(&f, USERS, pictures);
		fixture_close(&f);
		compact(&f, before);
		n_gone += compare_dictionaries(before, f.dir);
		fixture_open(&f);
		same_pictures(&f, USERS, pictures);
		for (size_t i = 0; i < ARTICLES; i++) /* the articles again: new topics among the old */
			site_play(&s, i, &f);
		fixture_close(&f);
		fixture_check(&f);
		no_number_means_another(before, f.dir);
		fixture_free(&f);
		forget(before);
	}
	print_message("%zu topics gone\n", n_gone);
	assert_true(n_gone > 100);
}

/* ---- each thing that names ---- */

static void ingest(struct fixture *f, const char *id, const char *topic)
{
	struct span topics[] = {arena_printf(&f->arena, "%s-tag", topic)};
	struct article a = {.id = span_of(id), .title = arena_printf(&f->arena, "%sword and others", topic),
	                    .source = arena_printf(&f->arena, "%s-paper", topic),
	                    .section = arena_printf(&f->arena, "%s-part", topic), .language = SPAN("en"), .topics = topics,
	                    .n_topics = 1, .boost = 1, .published_at_ms = f->now_ms};
	struct article_result result;
	assert_int_equal(fixture_ingest(f, &a, 1, &result), 0);
}

static void event(struct fixture *f, const char *user, const char *article, enum event_type type, const char *id)
{
	struct event e = {.id = span_of(id), .user_id = span_of(user), .article_id = span_of(article), .type = type,
	                  .dwell_s = -1, .scroll = -1};
	struct event_result result;
	assert_int_equal(fixture_record(f, &e, 1, &result), 0);
	assert_int_equal(result.outcome, EVENT_ACCEPTED);
}

static void delete(struct fixture *f, const char *id)
{
	bool found;
	assert_int_equal(fixture_delete(f, span_of(id), &found), 0);
	assert_true(found);
}

static void settings(struct fixture *f)
{
	struct span places[] = {SPAN("homeplace")}, follows[] = {SPAN("topic:followedtag")};
	struct user_mute mutes[] = {{.topic = SPAN("source:mutedpaper")}};
	assert_int_equal(fixture_user_put(f, SPAN("reader"), &(struct user_settings){.places = places, .n_places = 1,
	                                  .follows = follows, .n_follows = 1, .mutes = mutes, .n_mutes = 1},
	                                  USER_PLACES | USER_FOLLOWS | USER_MUTES), USER_DONE);
	struct interest_change change = {.topic = SPAN("topic:chosentag"), .set_weight = true, .long_term = 2, .follow = -1,
	                                 .mute = -1};
	assert_int_equal(fixture_interests_patch(f, SPAN("reader"), &change, 1), USER_DONE);
	struct span edition_places[] = {SPAN("cityplace")}, sections[] = {SPAN("citypart")}, sources[] = {SPAN("citypaper")};
	assert_int_equal(fixture_edition_put(f, &(struct edition){.key = SPAN("city"), .title = SPAN("City"),
	                                     .places = edition_places, .n_places = 1, .sections = sections, .n_sections = 1,
	                                     .sources = sources, .n_sources = 1}), EDITION_CREATED);
}

static void what_is_named_stays(void **state)
{
	static const char *const kept[] = {
		"live-tag", "live-paper", "live-part", "liked-tag", "liked-paper", "undone-tag", "undone-part", "joined-tag",
		"place:homeplace", "topic:followedtag", "source:mutedpaper", "topic:chosentag", "place:cityplace",
		"section:citypart", "source:citypaper"};
	static const char *const gone[] = {"unread-tag", "unread-paper", "unread-part", "unreadword", "erased-tag",
	                                   "erased-paper", "corrected-tag", "correctedword"};
	struct fixture f;
	char before[sizeof(f.dir) + 8];
	fixture_new(&f);
	fixture_open(&f);
	ingest(&f, "live", "live");
	ingest(&f, "liked", "liked");
	ingest(&f, "undone", "undone");
	ingest(&f, "unread", "unread");
	ingest(&f, "joined", "joined");
	ingest(&f, "erased", "erased");
	ingest(&f, "turned", "corrected");
	ingest(&f, "turned", "live");
	settings(&f);
	event(&f, "reader", "liked", EVENT_LIKE, "e1");
	event(&f, "reader", "undone", EVENT_LIKE, "e2");
	assert_int_equal(fixture_undo(&f, SPAN("e2")), UNDO_DONE);
	event(&f, "other", "joined", EVENT_LIKE, "e3");
	assert_int_equal(fixture_merge(&f, SPAN("reader"), SPAN("other")), USER_DONE);
	event(&f, "stranger", "erased", EVENT_LIKE, "e4");
	assert_int_equal(fixture_erase(&f, SPAN("stranger")), USER_DONE);
	for (int i = 0; i < 5; i++)
		delete(&f, (const char *[]){"liked", "undone", "unread", "joined", "erased"}[i]);
	fixture_flush(&f, true);
	char *pictures[1] = {strndup(fixture_picture(&f, SPAN("reader")).data, fixture_picture(&f, SPAN("reader")).len)};
	fixture_close(&f);
	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
		assert_true(is_in_file(f.dir, gone[i]));
	compact(&f, before);
	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
		if (is_in_file(f.dir, gone[i]))
			fail_msg("%s is still in the copy", gone[i]);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (!is_in_file(f.dir, kept[i]))
			fail_msg("%s is not in the copy", kept[i]);
	fixture_open(&f);
	fixture_same(fixture_picture(&f, SPAN("reader")), span_of(pictures[0]), "the reader, on the copy");
	free(pictures[0]);
	fixture_free(&f);
	forget(before);
}

static const struct store_options options = {.map_bytes = (size_t)1 << 30, .nosync = true, .readers_max = 8};

/* The copy's source may be damaged where it names topics: then every topic stays. */
static void a_damaged_record_drops_nothing(void **state)
{
	struct engine_problem problem;
	struct store *store;
	struct store_txn *txn;
	struct fixture f;
	char to[sizeof(f.dir) + 8];
	fixture_new(&f);
	fixture_open(&f);
	ingest(&f, "unread", "unread");
	delete(&f, "unread");
	fixture_close(&f);
	assert_int_equal(store_open(&store, f.dir, &options), 0);
	assert_int_equal(store_write_begin(store, &txn), 0);
	uint8_t key[8];
	assert_int_equal(store_put(txn, TABLE_PROFILES, key_u64(key, 77), SPAN("\1not a profile")), 0);
	assert_int_equal(store_write_commit(txn), 0);
	store_close(store);
	snprintf(to, sizeof(to), "%s-copy", f.dir);
	assert_int_equal(engine_compact_dir(f.dir, to, &problem), 0);
	assert_true(is_in_file(to, "unread-tag"));
	forget(to);
	fixture_free(&f);
}

struct findings {
	unsigned n, n_missing;
};

static void count_finding(void *ctx, const char *finding)
{
	struct findings *found = ctx;
	found->n++;
	found->n_missing += strstr(finding, "names a topic that is not there") != NULL;
}

/* Takes the topic away from a closed engine's store, name and number. */
static void take_away(struct fixture *f, const char *name)
{
	struct store *store;
	struct store_txn *txn;
	struct span number;
	uint8_t key[4];
	assert_int_equal(store_open(&store, f->dir, &options), 0);
	assert_int_equal(store_write_begin(store, &txn), 0);
	assert_int_equal(store_get(txn, TABLE_TOPIC_IDS, span_of(name), &number), 0);
	memcpy(key, number.data, 4);
	assert_int_equal(store_delete(txn, TABLE_TOPICS, (struct span){(const char *)key, 4}), 0);
	assert_int_equal(store_delete(txn, TABLE_TOPIC_IDS, span_of(name)), 0);
	assert_int_equal(store_write_commit(txn), 0);
	store_close(store);
}

/* A check says so when a topic that something names has gone: an article's, the log's and a profile's, or one that
 * stands in settings alone. */
static void a_check_follows_every_topic(void **state)
{
	static const struct {
		const char *topic;
		unsigned n; /* records that name it */
	} cases[] = {{"topic:live-tag", 1},       {"topic:liked-tag", 2}, {"place:homeplace", 1},  {"topic:followedtag", 1},
	             {"source:mutedpaper", 1}, {"place:cityplace", 1}, {"section:citypart", 1}, {"source:citypaper", 1}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct engine_problem problem;
		struct findings found = {0};
		struct fixture f;
		fixture_new(&f);
		fixture_open(&f);
		ingest(&f, "live", "live");
		ingest(&f, "liked", "liked");
		settings(&f);
		event(&f, "reader", "liked", EVENT_LIKE, "e1");
		delete(&f, "liked");
		fixture_flush(&f, true);
		fixture_close(&f);
		take_away(&f, cases[i].topic);
		assert_int_equal(engine_check_dir(f.dir, count_finding, &found, &problem), 1);
		if (found.n != cases[i].n || found.n_missing != cases[i].n)
			fail_msg("%s: %u findings, %u of them a missing topic", cases[i].topic, found.n, found.n_missing);
		fixture_free(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_named_stays),
		cmocka_unit_test(a_copy_is_the_same_without_them),
		cmocka_unit_test(a_damaged_record_drops_nothing),
		cmocka_unit_test(a_check_follows_every_topic),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
