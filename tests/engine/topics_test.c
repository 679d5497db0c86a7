/* Topic numbers: which a new name gets, also when the highest is in use; what a batch that failed made is forgotten. And
 * which topics each record names. */
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/core.h"
#include "tests/engine/learn/zeros.h"

enum { HIGHEST = TOPICS_MAX - 1 };

static uint32_t number(enum topic_namespace ns, uint32_t n)
{
	return (uint32_t)ns << TOPIC_NAMESPACE_SHIFT | n;
}

/* ---- numbers ---- */

struct dictionary {
	char dir[64];
	struct store *store;
	struct store_txn *txn;
	struct epoch *epoch;
	struct topics *topics;
};

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *at)
{
	return remove(path);
}

static int start(void **state)
{
	static struct dictionary d;
	struct store_options options = {.map_bytes = (size_t)64 << 20, .nosync = true, .readers_max = 8};
	d = (struct dictionary){.dir = "/tmp/mynews-topics-XXXXXX"};
	*state = &d;
	return !mkdtemp(d.dir) || store_open(&d.store, d.dir, &options) || epoch_new(&d.epoch) ? -1 : 0;
}

static void shut(struct dictionary *d)
{
	topics_free(d->topics);
	d->topics = NULL;
	if (d->txn)
		store_write_abort(d->txn);
	d->txn = NULL;
}

static int stop(void **state)
{
	struct dictionary *d = *state;
	shut(d);
	epoch_free(d->epoch);
	store_close(d->store);
	return nftw(d->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* As a process that opens the store does. */
static void load(struct dictionary *d)
{
	shut(d);
	assert_int_equal(topics_new(&d->topics, d->epoch), 0);
	assert_int_equal(store_write_begin(d->store, &d->txn), 0);
	assert_int_equal(topics_load(d->topics, d->txn), 0);
}

static void batch_ends(struct dictionary *d, bool well)
{
	if (well) {
		assert_int_equal(store_write_commit(d->txn), 0);
		topics_commit(d->topics);
	} else {
		store_write_abort(d->txn);
		topics_abandon(d->topics);
	}
	assert_int_equal(store_write_begin(d->store, &d->txn), 0);
}

static uint32_t resolve(struct dictionary *d, const char *name)
{
	uint32_t topic = 0;
	assert_int_equal(topics_resolve(d->topics, d->txn, span_of(name), SPAN(""), &topic), 0);
	assert_true(span_equal_cstr(topics_name(d->topics, topic), name));
	assert_int_equal(topics_find(d->topics, span_of(name)), topic);
	return topic;
}

static void put(struct dictionary *d, uint32_t topic, const char *name)
{
	uint8_t key[4];
	struct store_txn *txn;
	shut(d);
	assert_int_equal(store_write_begin(d->store, &txn), 0);
	assert_int_equal(store_put(txn, TABLE_TOPICS, key_u32(key, topic), span_of(name)), 0);
	assert_int_equal(store_put(txn, TABLE_TOPIC_IDS, span_of(name), key_u32(key, topic)), 0);
	assert_int_equal(store_write_commit(txn), 0);
}

static void drop(struct dictionary *d, uint32_t topic, const char *name)
{
	uint8_t key[4];
	struct store_txn *txn;
	shut(d);
	assert_int_equal(store_write_begin(d->store, &txn), 0);
	assert_int_equal(store_delete(txn, TABLE_TOPICS, key_u32(key, topic)), 0);
	assert_int_equal(store_delete(txn, TABLE_TOPIC_IDS, span_of(name)), 0);
	assert_int_equal(store_write_commit(txn), 0);
}

static void new_names_get_the_number_after_the_highest(void **state)
{
	struct dictionary *d = *state;
	load(d);
	assert_int_equal(resolve(d, "topic:a"), number(TOPIC_TAG, 1));
	assert_int_equal(resolve(d, "topic:b"), number(TOPIC_TAG, 2));
	assert_int_equal(resolve(d, "place:a"), number(TOPIC_PLACE, 1));
	assert_int_equal(resolve(d, "topic:c"), number(TOPIC_TAG, 3));
	assert_int_equal(resolve(d, "topic:b"), number(TOPIC_TAG, 2));
	batch_ends(d, true);
	drop(d, number(TOPIC_TAG, 2), "topic:b");
	load(d);
	assert_int_equal(topics_count(d->topics), 3);
	assert_int_equal(topics_find(d->topics, SPAN("topic:b")), 0);
	assert_int_equal(resolve(d, "topic:c"), number(TOPIC_TAG, 3));
	assert_int_equal(resolve(d, "topic:d"), number(TOPIC_TAG, 4));
}

static void written(struct dictionary *d, const char *name, struct span label, const char *shown)
{
	uint32_t topic;
	assert_int_equal(topics_resolve(d->topics, d->txn, span_of(name), label, &topic), 0);
	if (!span_equal_cstr(topics_label(d->topics, topic), shown))
		fail_msg("%s is shown as %.*s, not %s", name, (int)topics_label(d->topics, topic).len,
		         topics_label(d->topics, topic).data, shown);
}

/* The candidate loses a vote to each other spelling, and its place when it has none left (Boyer and Moore 1981). */
static void a_stem_is_shown_as_most_write_it(void **state)
{
	struct dictionary *d = *state;
	const struct span nothing = {NULL, 0};
	load(d);
	written(d, "term:messi", SPAN("messy"), "messy");
	written(d, "term:messi", nothing, "messy");
	written(d, "term:messi", nothing, "messy");
	written(d, "term:messi", SPAN("Messi"), "messy"); /* 1 - 1 */
	written(d, "term:messi", SPAN("Messi"), "Messi");
	written(d, "term:messi", SPAN("Messi"), "Messi"); /* 2 */
	written(d, "term:messi", SPAN(""), "Messi");      /* 3: as the stem is, which differs by its capital only */
	written(d, "term:messi", SPAN("messy"), "Messi");
	written(d, "term:messi", SPAN("messing"), "Messi");
	batch_ends(d, true);
	load(d);
	written(d, "term:messi", nothing, "Messi");
	for (int i = 0; i < 8; i++) /* what a start finds is not overthrown at once */
		written(d, "term:messi", SPAN("messy"), "Messi");
	written(d, "term:messi", SPAN("messy"), "messy");
	written(d, "term:messi", SPAN(""), "messy");
	for (int i = 0; i < 300; i++)
		written(d, "term:messi", SPAN(""), "messi");
	for (int i = 0; i < 255; i++)
		written(d, "term:messi", SPAN("messy"), "messi");
	written(d, "term:messi", SPAN("messy"), "messy");
	/* Other names stay as they were first written. */
	written(d, "topic:kae", SPAN("Kae"), "Kae");
	written(d, "topic:kae", SPAN("KAE"), "Kae");
	written(d, "topic:kae", SPAN("KAE"), "Kae");
}

/* Topics 3 and 9 have been left out, and of places all: their numbers do not come back. */
static void numbers_once_given_are_remembered(void **state)
{
	struct dictionary *d = *state;
	uint32_t given[N_TOPIC_NAMESPACES] = {[TOPIC_TAG] = 9, [TOPIC_PLACE] = 5}, got[N_TOPIC_NAMESPACES];
	put(d, number(TOPIC_TAG, 2), "topic:two");
	put(d, number(TOPIC_SOURCE, 4), "source:four");
	load(d);
	assert_int_equal(topics_given_read(d->txn, got), 0);
	assert_int_equal(got[TOPIC_TAG], 0);
	assert_int_equal(topics_given_write(d->txn, given), 0);
	batch_ends(d, true);
	load(d);
	assert_int_equal(topics_given_read(d->txn, got), 0);
	assert_memory_equal(got + 1, given + 1, sizeof(got) - sizeof(got[0]));
	assert_int_equal(resolve(d, "topic:new"), number(TOPIC_TAG, 10));
	assert_int_equal(resolve(d, "place:new"), number(TOPIC_PLACE, 6));
	assert_int_equal(resolve(d, "source:new"), number(TOPIC_SOURCE, 5));
	batch_ends(d, false);
	assert_int_equal(resolve(d, "topic:other"), number(TOPIC_TAG, 10));
	/* A record that is none: of another version, cut, of numbers that cannot be. */
	static const char *const bad[] = {"\2aaaabbbbccccddddeeeeffff", "\1aaa", "\1\xff\xff\xff\xff"
	                                                                       "bbbbccccddddeeeeffff"};
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(store_put(d->txn, TABLE_META, SPAN(META_KEY_TOPICS), span_of(bad[i])), 0);
		assert_int_equal(topics_given_read(d->txn, got), -EINVAL);
	}
}

/* Below the highest number 1, 5 and 4097 (a chunk of its own in memory) are taken. */
static void free_numbers_are_used_when_the_highest_is_taken(void **state)
{
	struct dictionary *d = *state;
	char name[32];
	put(d, number(TOPIC_TERM, HIGHEST), "term:last");
	put(d, number(TOPIC_TERM, 1), "term:one");
	put(d, number(TOPIC_TERM, 5), "term:five");
	put(d, number(TOPIC_TERM, 4097), "term:far");
	load(d);
	assert_int_equal(resolve(d, "term:x"), number(TOPIC_TERM, 2));
	assert_int_equal(resolve(d, "term:y"), number(TOPIC_TERM, 3));
	assert_int_equal(resolve(d, "topic:x"), number(TOPIC_TAG, 1)); /* another namespace has its own */
	batch_ends(d, true);
	assert_int_equal(resolve(d, "term:lost"), number(TOPIC_TERM, 4));
	assert_int_equal(resolve(d, "term:lost too"), number(TOPIC_TERM, 6));
	batch_ends(d, false);
	assert_int_equal(topics_find(d->topics, SPAN("term:lost")), 0);
	assert_null(topics_name(d->topics, number(TOPIC_TERM, 4)).data);
	assert_int_equal(topics_count(d->topics), 7);
	assert_int_equal(resolve(d, "term:z"), number(TOPIC_TERM, 4));
	assert_int_equal(resolve(d, "term:five"), number(TOPIC_TERM, 5));
	for (uint32_t n = 6; n < 5000; n++) {
		if (n == 4097)
			continue;
		snprintf(name, sizeof(name), "term:n%u", n);
		assert_int_equal(resolve(d, name), number(TOPIC_TERM, n));
	}
	batch_ends(d, true);
	load(d);
	assert_int_equal(resolve(d, "term:far"), number(TOPIC_TERM, 4097));
	assert_int_equal(resolve(d, "term:n4999"), number(TOPIC_TERM, 4999));
	assert_int_equal(resolve(d, "term:next"), number(TOPIC_TERM, 5000));
}

static void what_a_failed_batch_made_is_forgotten(void **state)
{
	struct dictionary *d = *state;
	uint32_t topic = 0;
	load(d);
	assert_int_equal(resolve(d, "source:a"), number(TOPIC_SOURCE, 1));
	batch_ends(d, true);
	assert_int_equal(resolve(d, "source:b"), number(TOPIC_SOURCE, 2));
	batch_ends(d, false);
	assert_int_equal(topics_find(d->topics, SPAN("source:b")), 0);
	assert_int_equal(topics_find(d->topics, SPAN("source:a")), number(TOPIC_SOURCE, 1));
	assert_int_equal(resolve(d, "source:c"), number(TOPIC_SOURCE, 2));
	batch_ends(d, true);
	load(d);
	assert_int_equal(topics_find(d->topics, SPAN("source:c")), number(TOPIC_SOURCE, 2));
	assert_int_equal(topics_resolve(d->topics, d->txn, SPAN("nothing:c"), SPAN(""), &topic), -EINVAL);
	assert_int_equal(topic, 0);
}

/* ---- sets ---- */

static void sets_hold_what_was_added(void **state)
{
	const uint32_t in[] = {number(TOPIC_TAG, 1), number(TOPIC_TAG, 64), number(TOPIC_TERM, HIGHEST), number(TOPIC_PLACE, 0)};
	struct topic_set *s;
	assert_int_equal(topic_set_new(&s), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(topic_set_add(s, in[i]), 0);
	for (size_t i = 0; i < 4; i++) {
		assert_true(topic_set_has(s, in[i]));
		assert_false(topic_set_has(s, in[i] + 1));
	}
	assert_int_equal(topic_set_add(s, number(N_TOPIC_NAMESPACES, 1)), 0); /* no such topics */
	assert_int_equal(topic_set_add(s, number(TOPIC_TAG, TOPICS_MAX)), 0);
	assert_int_equal(topic_set_add(s, 7), 0);
	assert_false(topic_set_has(s, number(N_TOPIC_NAMESPACES, 1)));
	assert_false(topic_set_has(s, number(TOPIC_TAG, TOPICS_MAX)));
	assert_false(topic_set_has(s, 7));
	topic_set_free(s);
	topic_set_free(NULL);
}

/* ---- records ---- */

struct names {
	uint32_t topic[64];
	size_t n;
};

static void take(void *ctx, uint32_t topic)
{
	struct names *names = ctx;
	assert_true(names->n < 64);
	names->topic[names->n++] = topic;
}

/* The record names these, in this order; cut short it is none, except in tables that name nothing. */
static void names_these(enum store_table table, struct span key, struct buf *record, const uint32_t *want, size_t n)
{
	struct arena arena = {0};
	struct names got = {.n = 0};
	assert_false(record->failed);
	assert_int_equal(topics_in_record(&arena, table, key, buf_span(record), take, &got), 0);
	assert_int_equal(got.n, n);
	if (n)
		assert_memory_equal(got.topic, want, n * sizeof(*want));
	got.n = 0;
	struct span cut = {record->data, record->len - 1};
	if (n)
		assert_int_equal(topics_in_record(&arena, table, key, cut, take, &got), 1);
	arena_free(&arena);
	buf_clear(record);
}

static size_t some_profile(struct profile *p, uint8_t bytes[PROFILE_ENCODED_MAX])
{
	*p = (struct profile){.short_reference_ms = 1, .long_reference_ms = 1, .n_topics = 2, .n_affinities = 2};
	p->topics[0] = (struct profile_interest){number(TOPIC_TAG, 3), 1, 1};
	p->topics[1] = (struct profile_interest){number(TOPIC_TERM, 4), 1, 1};
	p->affinities[0] = (struct profile_interest){number(TOPIC_SECTION, 5), 1, 1};
	p->affinities[1] = (struct profile_interest){number(TOPIC_SOURCE, 6), 1, 1};
	return profile_encode(p, bytes);
}

static void profiles_name_their_interests(void **state)
{
	const uint32_t want[] = {number(TOPIC_TAG, 3), number(TOPIC_TERM, 4), number(TOPIC_SECTION, 5), number(TOPIC_SOURCE, 6)};
	struct profile p;
	uint8_t bytes[PROFILE_ENCODED_MAX], key[9];
	size_t n = some_profile(&p, bytes);
	struct buf b = {0};
	profile_head_encode(&b, &(struct profile_head){.chain_head = 1, .through = 2});
	buf_put(&b, bytes, n);
	names_these(TABLE_PROFILES, key_u64(key, 1), &b, want, 4);
	put_u8(&b, RECORD_VERSION);
	buf_put(&b, bytes, n);
	names_these(TABLE_BASES, key_user_part(key, 1, PART_PROFILE), &b, want, 4);
	buf_put(&b, "\1any bytes", 10);
	names_these(TABLE_BASES, key_user_part(key, 1, PART_READS), &b, NULL, 0);
	buf_put(&b, "\1any bytes", 10);
	names_these(TABLE_SLATES, SPAN("key"), &b, NULL, 0);
	log_record_encode(&b, &(struct log_record){.kind = LOG_MERGE, .user = 1, .merged_profile = {(const char *)bytes, n},
	                                           .merged_reads = SPAN("r"), .merged_shown = SPAN("s")});
	names_these(TABLE_EVENTS, key_u64(key, 1), &b, want, 4);
	buf_free(&b);
}

static void articles_and_the_log_name_topics(void **state)
{
	const struct topic_term vector[] = {{number(TOPIC_TAG, 9), 1}, {number(TOPIC_AUTHOR, 8), 2}};
	const uint32_t want[] = {number(TOPIC_TAG, 9), number(TOPIC_AUTHOR, 8)};
	uint8_t key[8];
	struct buf b = {0};
	article_record_encode(&b, &(struct article_record){.article = {.id = SPAN("a"), .boost = 1}, .vector = vector,
	                                                   .n_vector = 2});
	names_these(TABLE_ARTICLES, key_u32(key, 1), &b, want, 2);
	for (int undone = 0; undone < 2; undone++) {
		log_record_encode(&b, &(struct log_record){.kind = LOG_EVENT, .undone = undone, .user = 1, .type = EVENT_LIKE,
		                                           .vector = vector, .n_vector = 2});
		names_these(TABLE_EVENTS, key_u64(key, 1), &b, want, 2);
	}
	log_record_encode(&b, &(struct log_record){.kind = LOG_INTEREST, .user = 1, .topic = want[1]});
	names_these(TABLE_EVENTS, key_u64(key, 1), &b, &want[1], 1);
	log_record_encode(&b, &(struct log_record){.kind = LOG_UNDO, .user = 1, .target = want[0]});
	names_these(TABLE_EVENTS, key_u64(key, 1), &b, NULL, 0);
	buf_free(&b);
}

static void what_a_slate_teaches_names_topics(void **state)
{
	const uint32_t want[] = {number(TOPIC_SECTION, 1), number(TOPIC_SECTION, 2), number(TOPIC_TERM, 3),
	                         number(TOPIC_TAG, 4), number(TOPIC_TERM, 5)};
	struct arena arena = {0};
	struct buf b = {0};
	uint8_t key[8];
	struct example *e = example_of_zeros(&arena, 2, 3);
	assert_non_null(e);
	e->top_section = want[0];
	e->slots[0] = (struct example_slot){.article = 1, .section = want[1], .words = {want[2], want[3]}, .n_words = 2};
	e->slots[1] = (struct example_slot){.article = 2, .words = {want[4]}, .n_words = 1};
	example_encode(&b, e);
	names_these(TABLE_EXAMPLES, key_u64(key, 1), &b, want, 5);
	buf_free(&b);
	arena_free(&arena);
}

static void settings_and_editions_name_topics(void **state)
{
	const uint32_t want[] = {number(TOPIC_PLACE, 1), number(TOPIC_PLACE, 2), number(TOPIC_TAG, 3), number(TOPIC_SOURCE, 4)};
	struct user_record user = {.number = 1, .places = {want[0], want[1]}, .n_places = 2, .follows = {want[2]},
	                           .n_follows = 1, .mutes = {{want[3], 0}}, .n_mutes = 1};
	const uint32_t lists[] = {number(TOPIC_PLACE, 7), number(TOPIC_SECTION, 8), number(TOPIC_SOURCE, 9)};
	struct edition_record edition = {.places = {lists[0]}, .n_places = 1, .sections = {lists[1]}, .n_sections = 1,
	                                 .sources = {lists[2]}, .n_sources = 1};
	struct buf b = {0};
	user_record_encode(&b, &user);
	names_these(TABLE_USERS, SPAN("u"), &b, want, 4);
	edition_record_encode(&b, &edition);
	names_these(TABLE_EDITIONS, SPAN("e"), &b, lists, 3);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(new_names_get_the_number_after_the_highest, start, stop),
		cmocka_unit_test_setup_teardown(a_stem_is_shown_as_most_write_it, start, stop),
		cmocka_unit_test_setup_teardown(numbers_once_given_are_remembered, start, stop),
		cmocka_unit_test_setup_teardown(free_numbers_are_used_when_the_highest_is_taken, start, stop),
		cmocka_unit_test_setup_teardown(what_a_failed_batch_made_is_forgotten, start, stop),
		cmocka_unit_test(sets_hold_what_was_added),
		cmocka_unit_test(profiles_name_their_interests),
		cmocka_unit_test(articles_and_the_log_name_topics),
		cmocka_unit_test(what_a_slate_teaches_names_topics),
		cmocka_unit_test(settings_and_editions_name_topics),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
