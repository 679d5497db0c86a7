#include "tests/engine/store/record_samples.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* The letter n times, for strings at a limit. */
static struct span many(char c, size_t n)
{
	static char letters[26][LIMIT_SUMMARY_BYTES + 1];
	char *p = letters[c - 'a'];
	if (!p[0])
		memset(p, c, sizeof(letters[0]));
	assert_true(n <= sizeof(letters[0]));
	return (struct span){p, n};
}

/* ---- recoding ---- */

static int recode_article(struct arena *arena, struct span bytes, struct buf *again)
{
	struct article_record r;
	int result = article_record_decode(arena, bytes, &r);
	if (result == 0)
		article_record_encode(again, &r);
	return result;
}

static int recode_log(struct arena *arena, struct span bytes, struct buf *again)
{
	struct log_record r;
	int result = log_record_decode(arena, bytes, &r);
	if (result == 0)
		log_record_encode(again, &r);
	return result;
}

static int recode_user(struct arena *arena, struct span bytes, struct buf *again)
{
	struct user_record r;
	int result = user_record_decode(bytes, &r);
	if (result == 0)
		user_record_encode(again, &r);
	return result;
}

static int recode_profile_head(struct arena *arena, struct span bytes, struct buf *again)
{
	struct profile_head h;
	struct span rest;
	int result = profile_head_decode(bytes, &h, &rest);
	if (result == 0) {
		profile_head_encode(again, &h);
		buf_put_span(again, rest);
	}
	return result;
}

static int recode_slate(struct arena *arena, struct span bytes, struct buf *again)
{
	struct slate_record r;
	int result = slate_record_decode(arena, bytes, &r);
	if (result == 0)
		slate_record_encode(again, &r);
	return result;
}

static int recode_edition(struct arena *arena, struct span bytes, struct buf *again)
{
	struct edition_record r;
	int result = edition_record_decode(bytes, &r);
	if (result == 0)
		edition_record_encode(again, &r);
	return result;
}

static int recode_pin(struct arena *arena, struct span bytes, struct buf *again)
{
	struct pin_record r;
	int result = pin_record_decode(bytes, &r);
	if (result == 0)
		pin_record_encode(again, &r);
	return result;
}

const struct record_kind article_kind = {recode_article, 0}, log_kind_of_records = {recode_log, 0},
			 user_kind = {recode_user, 0}, profile_head_kind = {recode_profile_head, 17},
			 slate_kind = {recode_slate, 0}, edition_kind = {recode_edition, 0}, pin_kind = {recode_pin, 0};

/* ---- articles ---- */

static const struct span few[] = {{"water", 5}, {"\xe0\xb8\x82\xe0\xb9\x88\xe0\xb8\xb2\xe0\xb8\xa7", 12}};
static const struct topic_term terms[] = {{0x10000001, 4096}, {0x6fffffff, -32768}, {7, 32767}, {8, 0}};
static const float embedding[] = {0.5f, -1e30f, 0};

static struct article_record small_article(void)
{
	return (struct article_record){
		.article = {.id = SPAN("a1"), .title = SPAN("Water is back"), .url = SPAN("https://a.example/1"),
	                    .summary = SPAN("s"), .source = SPAN("citywire"), .section = SPAN("city"), .language = SPAN("en"),
	                    .image = SPAN("https://a.example/1.jpg"), .topics = few, .places = few + 1, .authors = few,
	                    .n_topics = 2, .n_places = 1, .n_authors = 1, .published_at_ms = 1, .updated_at_ms = 2,
	                    .expires_at_ms = 3, .embargo_until_ms = 4, .boost = 1.5f, .status = ARTICLE_WITHHELD,
	                    .premium = true, .char_count = 77, .embedding = embedding, .n_embedding = 3},
		.story = 5, .story_fixed = true, .revision = 6, .created_seq = 7, .content_hash = UINT64_MAX, .language = SPAN("zu"),
		.vector = terms, .n_vector = 4, .simhash = 8, .n_print = 2, .print = {{9, 10}, {UINT32_MAX, UINT16_MAX}}};
}

static void encode_small_article(struct buf *b)
{
	struct article_record r = small_article();
	article_record_encode(b, &r);
}

static void encode_least_article(struct buf *b)
{
	struct article_record r = {.article = {.id = SPAN("x")}};
	article_record_encode(b, &r);
}

static struct article_record largest_article(void)
{
	static struct span topics[LIMIT_TOPICS + 1], places[LIMIT_PLACES + 1], authors[LIMIT_AUTHORS + 1];
	static struct topic_term vector[LIMIT_VECTOR + 1];
	static float numbers[LIMIT_EMBEDDING + 1];
	for (size_t i = 0; i <= LIMIT_TOPICS; i++)
		topics[i] = many('t', LIMIT_NAME_BYTES);
	for (size_t i = 0; i <= LIMIT_PLACES; i++)
		places[i] = many('p', LIMIT_NAME_BYTES);
	for (size_t i = 0; i <= LIMIT_AUTHORS; i++)
		authors[i] = many('a', LIMIT_NAME_BYTES);
	for (size_t i = 0; i <= LIMIT_VECTOR; i++)
		vector[i] = (struct topic_term){UINT32_MAX - (uint32_t)i, (int16_t)-i};
	for (size_t i = 0; i <= LIMIT_EMBEDDING; i++)
		numbers[i] = (float)i - 2000;
	struct article_record r = {
		.article = {.id = many('i', LIMIT_ID_BYTES), .title = many('t', LIMIT_TITLE_BYTES),
	                    .url = many('u', LIMIT_URL_BYTES), .summary = many('s', LIMIT_SUMMARY_BYTES),
	                    .source = many('o', LIMIT_NAME_BYTES), .section = many('e', LIMIT_NAME_BYTES),
	                    .language = many('l', LIMIT_LANGUAGE_BYTES), .image = many('m', LIMIT_URL_BYTES),
	                    .topics = topics, .places = places, .authors = authors, .n_topics = LIMIT_TOPICS,
	                    .n_places = LIMIT_PLACES, .n_authors = LIMIT_AUTHORS, .published_at_ms = INT64_MAX,
	                    .updated_at_ms = INT64_MIN, .expires_at_ms = INT64_MAX, .embargo_until_ms = -1,
	                    .boost = LIMIT_BOOST_MAX, .status = ARTICLE_CANCELED, .embedding = numbers,
	                    .n_embedding = LIMIT_EMBEDDING},
		.story = UINT32_MAX, .revision = UINT32_MAX, .created_seq = UINT64_MAX, .content_hash = UINT64_MAX,
		.language = many('l', LIMIT_LANGUAGE_BYTES), .vector = vector, .n_vector = LIMIT_VECTOR,
		.simhash = UINT64_MAX, .n_print = PRINT_TERMS_MAX};
	for (uint32_t i = 0; i < PRINT_TERMS_MAX; i++)
		r.print[i] = (struct print_term){UINT32_MAX - i, UINT16_MAX};
	return r;
}

static void encode_largest_article(struct buf *b)
{
	struct article_record r = largest_article();
	article_record_encode(b, &r);
}

/* The largest record with one thing changed. */
#define LARGEST(name, change) \
	static void encode_##name(struct buf *b) \
	{ \
		struct article_record r = largest_article(); \
		struct article *a = &r.article; \
		change; \
		(void)a; \
		article_record_encode(b, &r); \
	}
static const float not_finite[] = {0, NAN}, infinite[] = {INFINITY};
LARGEST(long_id, a->id = many('i', LIMIT_ID_BYTES + 1))
LARGEST(no_id, a->id.len = 0)
LARGEST(long_title, a->title.len++)
LARGEST(long_url, a->url.len++)
LARGEST(long_summary, a->summary.len++)
LARGEST(long_source, a->source.len++)
LARGEST(long_section, a->section.len++)
LARGEST(long_language, a->language.len++)
LARGEST(long_found_language, r.language.len++)
LARGEST(long_image, a->image.len++)
LARGEST(many_topics, a->n_topics++)
LARGEST(many_places, a->n_places++)
LARGEST(many_authors, a->n_authors++)
static const struct span long_name[] = {{(const char[LIMIT_NAME_BYTES + 1]){"x"}, LIMIT_NAME_BYTES + 1}};
LARGEST(long_topic, a->topics = long_name; a->n_topics = 1)
LARGEST(long_place, a->places = long_name; a->n_places = 1)
LARGEST(long_author, a->authors = long_name; a->n_authors = 1)
LARGEST(long_vector, r.n_vector++)
LARGEST(many_numbers, a->n_embedding++)
LARGEST(unknown_status, a->status = (enum article_status)(ARTICLE_CANCELED + 1))
LARGEST(boost_nan, a->boost = NAN)
LARGEST(embedding_nan, a->embedding = not_finite; a->n_embedding = 2)
LARGEST(embedding_infinite, a->embedding = infinite; a->n_embedding = 1)

/* ---- the log ---- */

static struct log_record small_event(void)
{
	return (struct log_record){.kind = LOG_EVENT, .undone = true, .user = 11, .previous = 12, .received_ms = 13,
	                           .type = EVENT_CUSTOM, .article = 14, .story = 15, .at_ms = -16, .dwell_s = 1.25f,
	                           .scroll = -1, .value = 2.5f, .position = -1, .feed = 17, .id_hash = {18, UINT64_MAX},
	                           .custom = SPAN("poll"), .vector = terms, .n_vector = 4};
}

static void encode_small_event(struct buf *b)
{
	struct log_record r = small_event();
	log_record_encode(b, &r);
}

#define LOG(name, ...) \
	static void encode_##name(struct buf *b) \
	{ \
		struct log_record r = {__VA_ARGS__}; \
		log_record_encode(b, &r); \
	}
LOG(impression, .kind = LOG_EVENT, .user = 1, .type = EVENT_IMPRESSION, .position = 1)
LOG(event_at_limits, .kind = LOG_EVENT, .user = UINT64_MAX, .previous = UINT64_MAX, .received_ms = INT64_MAX,
    .type = EVENT_CUSTOM, .article = UINT32_MAX, .story = UINT32_MAX, .at_ms = INT64_MIN, .dwell_s = 3e38f,
    .scroll = 1, .value = -3e38f, .position = INT32_MIN, .feed = UINT64_MAX, .id_hash = {UINT64_MAX, UINT64_MAX},
    .custom = many('c', LIMIT_ID_BYTES))
LOG(interest, .kind = LOG_INTEREST, .user = 1, .topic = 0x10000002, .short_term = 0.25f, .long_term = -0.5f, .at_ms = 9)
LOG(slate_entry, .kind = LOG_SLATE, .user = 1, .previous = 4, .feed = UINT64_MAX, .page = UINT16_MAX)
LOG(learn, .kind = LOG_LEARN, .user = 1, .previous = 4, .feed = UINT64_MAX, .page = UINT16_MAX)
LOG(undo, .kind = LOG_UNDO, .user = 1, .target = UINT64_MAX)
LOG(merge, .kind = LOG_MERGE, .user = 1, .at_ms = 5, .merged_profile = many('p', 4096), .merged_reads = many('r', 4096),
    .merged_shown = many('s', 4096))
LOG(empty_merge, .kind = LOG_MERGE, .user = 1)
LOG(no_kind, .kind = (enum log_kind)0, .user = 1)
LOG(unknown_kind, .kind = (enum log_kind)(LOG_LEARN + 1), .user = 1)
LOG(unknown_type, .kind = LOG_EVENT, .user = 1, .type = N_EVENT_TYPES)
LOG(long_custom, .kind = LOG_EVENT, .user = 1, .custom = many('c', LIMIT_ID_BYTES + 1))
LOG(dwell_nan, .kind = LOG_EVENT, .user = 1, .dwell_s = NAN)
LOG(scroll_infinite, .kind = LOG_EVENT, .user = 1, .scroll = INFINITY)
LOG(value_infinite, .kind = LOG_EVENT, .user = 1, .value = -INFINITY)
LOG(short_term_nan, .kind = LOG_INTEREST, .user = 1, .short_term = NAN)
LOG(long_term_nan, .kind = LOG_INTEREST, .user = 1, .long_term = NAN)
LOG(long_merge, .kind = LOG_MERGE, .user = 1, .merged_shown = many('s', 4097))

static void encode_undone_twice(struct buf *b)
{
	encode_undo(b);
	b->data[2] = 4; /* version, kind, flags */
}

/* ---- readers ---- */

static struct user_record user_at_limits(void)
{
	struct user_record r = {.number = UINT64_MAX, .created_ms = INT64_MIN, .erasing = true,
	                        .edition = many('e', LIMIT_ID_BYTES), .n_languages = LIMIT_USER_LANGUAGES,
	                        .n_places = LIMIT_USER_PLACES, .n_follows = LIMIT_FOLLOWS, .n_mutes = LIMIT_MUTES};
	for (size_t i = 0; i < LIMIT_USER_LANGUAGES; i++)
		r.languages[i] = many('l', LIMIT_LANGUAGE_BYTES);
	for (uint32_t i = 0; i < LIMIT_USER_PLACES; i++)
		r.places[i] = UINT32_MAX - i;
	for (uint32_t i = 0; i < LIMIT_FOLLOWS; i++)
		r.follows[i] = i * 1000;
	for (uint32_t i = 0; i < LIMIT_MUTES; i++)
		r.mutes[i] = (struct user_mute_record){i, INT64_MAX - i};
	return r;
}

static void encode_user_at_limits(struct buf *b)
{
	struct user_record r = user_at_limits();
	user_record_encode(b, &r);
}

#define USER(name, ...) \
	static void encode_##name(struct buf *b) \
	{ \
		struct user_record r = {__VA_ARGS__}; \
		user_record_encode(b, &r); \
	}
USER(least_user, .number = 1)
USER(user_without_number, .number = 0)
USER(user_long_language, .number = 1, .n_languages = 1, .languages = {many('l', LIMIT_LANGUAGE_BYTES + 1)})
USER(user_long_edition, .number = 1, .edition = many('e', LIMIT_ID_BYTES + 1))

/* A reader with one more of the list whose count stands at a known place: version, erasing, number, created, edition's
 * length, then the counts of languages, places, follows and mutes one behind the other in an empty record. */
static void user_with_count(struct buf *b, size_t at, uint8_t n, size_t element_bytes)
{
	struct buf whole = {0};
	encode_least_user(&whole);
	buf_put(b, whole.data, at);
	buf_put_char(b, (char)n);
	for (size_t i = 0; i < n * element_bytes; i++)
		buf_put_char(b, '\0');
	buf_put(b, whole.data + at + 1, whole.len - at - 1);
	buf_free(&whole);
}

enum { USER_LANGUAGES_AT = 1 + 1 + 8 + 8 + 1 };
static void encode_user_many_languages(struct buf *b)
{
	user_with_count(b, USER_LANGUAGES_AT, LIMIT_USER_LANGUAGES + 1, 1);
}

static void encode_user_many_places(struct buf *b)
{
	user_with_count(b, USER_LANGUAGES_AT + 1, LIMIT_USER_PLACES + 1, 4);
}

static void encode_user_many_follows(struct buf *b)
{
	user_with_count(b, USER_LANGUAGES_AT + 2, LIMIT_FOLLOWS + 1, 4);
}

static void encode_user_many_mutes(struct buf *b)
{
	user_with_count(b, USER_LANGUAGES_AT + 3, LIMIT_MUTES + 1, 12);
}

static void encode_user_mutes_at_limit(struct buf *b)
{
	user_with_count(b, USER_LANGUAGES_AT + 3, LIMIT_MUTES, 12);
}

static void encode_profile_head(struct buf *b)
{
	struct profile_head h = {UINT64_MAX, 2};
	profile_head_encode(b, &h);
	buf_put_cstr(b, "the profile's own bytes");
}

static void encode_bare_profile_head(struct buf *b)
{
	struct profile_head h = {1, UINT64_MAX};
	profile_head_encode(b, &h);
}

/* ---- slates, editions, pins ---- */

static struct slate_record slate_at_limits(void)
{
	static struct slate_item items[LIMIT_FEED + 1];
	static struct slate_pool_item pool[LIMIT_FEED_DEPTH + 1];
	static uint32_t lead[LIMIT_SLATE_LEAD + 1];
	for (uint32_t i = 0; i <= LIMIT_FEED; i++)
		items[i] = (struct slate_item){UINT32_MAX - i, i, i % 2 ? INT32_MIN : INT32_MAX, 0.5f, i % 3 == 0};
	/* the steps between neighbours are as wide as they can be, up and down, and nothing */
	for (uint32_t i = 0; i <= LIMIT_FEED_DEPTH; i++)
		pool[i] = (struct slate_pool_item){i, i % 4 == 0 ? INT32_MIN : i % 4 == 1 ? INT32_MAX : (int32_t)(i * 77)};
	for (uint32_t i = 0; i <= LIMIT_SLATE_LEAD; i++)
		lead[i] = UINT32_MAX - i;
	return (struct slate_record){.user = UINT64_MAX, .created_ms = INT64_MAX, .sequence = UINT64_MAX,
	                             .request_hash = UINT64_MAX, .first_position = UINT32_MAX,
	                             .model = many('m', LIMIT_ID_BYTES), .model_version = many('v', LIMIT_ID_BYTES),
	                             .items = items, .pool = pool, .lead = lead, .n_items = LIMIT_FEED,
	                             .n_pool = LIMIT_FEED_DEPTH, .n_lead = LIMIT_SLATE_LEAD, .exhausted = true};
}

#define SLATE(name, change) \
	static void encode_##name(struct buf *b) \
	{ \
		struct slate_record r = slate_at_limits(); \
		change; \
		slate_record_encode(b, &r); \
	}
static const struct slate_item item_nan[] = {{.article = 1, .propensity = NAN}};
SLATE(slate_at_limits, (void)r)
SLATE(small_slate, r.n_items = 2; r.n_pool = 5; r.n_lead = 1; r.exhausted = false)
SLATE(empty_slate, r.n_items = 0; r.n_pool = 0; r.n_lead = 0)
SLATE(many_items, r.n_items++)
SLATE(large_pool, r.n_pool++)
SLATE(long_lead, r.n_lead++)
SLATE(long_model, r.model.len++)
SLATE(long_model_version, r.model_version.len++)
SLATE(propensity_nan, r.items = item_nan; r.n_items = 1)

static void encode_pool_score_too_low(struct buf *b)
{
	encode_empty_slate(b);
	b->len--; /* the pool's count, last */
	buf_put(b, "\x01\x07\xfe\xff\xff\xff\x3f", 7); /* one article, 7, with a drop of 2^33 - 1 */
}

static struct edition_record edition_at_limits(void)
{
	struct edition_record r = {.bit = LIMIT_EDITIONS - 1, .title = many('t', LIMIT_TITLE_BYTES),
	                           .timezone = many('z', LIMIT_ID_BYTES), .n_languages = LIMIT_EDITION_LIST,
	                           .n_places = LIMIT_EDITION_LIST, .n_sections = LIMIT_EDITION_LIST,
	                           .n_sources = LIMIT_EDITION_LIST};
	for (uint32_t i = 0; i < LIMIT_EDITION_LIST; i++) {
		r.languages[i] = many('l', LIMIT_LANGUAGE_BYTES);
		r.places[i] = i;
		r.sections[i] = 1000 + i;
		r.sources[i] = UINT32_MAX - i;
	}
	return r;
}

#define EDITION(name, change) \
	static void encode_##name(struct buf *b) \
	{ \
		struct edition_record r = edition_at_limits(); \
		change; \
		edition_record_encode(b, &r); \
	}
EDITION(edition_at_limits, (void)r)
EDITION(small_edition, r.n_languages = 1; r.n_places = 1; r.n_sections = 0; r.n_sources = 2; r.title.len = 3; r.bit = 0)
EDITION(edition_bit, r.bit = LIMIT_EDITIONS)
EDITION(edition_long_title, r.title.len++)
EDITION(edition_long_timezone, r.timezone.len++)
EDITION(edition_long_language, r.languages[3].len++)

#define PIN(name, ...) \
	static void encode_##name(struct buf *b) \
	{ \
		struct pin_record r = {__VA_ARGS__}; \
		pin_record_encode(b, &r); \
	}
PIN(pin_at_limits, .article = UINT32_MAX, .position = LIMIT_FEED, .until_ms = INT64_MAX, .boost = 100,
    .edition = many('e', LIMIT_ID_BYTES))
PIN(least_pin, .article = 1)
PIN(pin_position, .article = 1, .position = LIMIT_FEED + 1)
PIN(pin_boost, .article = 1, .boost = INFINITY)
PIN(pin_long_edition, .article = 1, .edition = many('e', LIMIT_ID_BYTES + 1))

#define S(kind, name) {#name, &(kind), encode_##name}
const struct record_sample record_samples[] = {
	S(article_kind, least_article), S(article_kind, small_article), S(article_kind, largest_article),
	S(log_kind_of_records, impression), S(log_kind_of_records, small_event), S(log_kind_of_records, event_at_limits),
	S(log_kind_of_records, interest), S(log_kind_of_records, slate_entry), S(log_kind_of_records, undo),
	S(log_kind_of_records, learn),
	S(log_kind_of_records, merge), S(log_kind_of_records, empty_merge), S(user_kind, least_user),
	S(user_kind, user_at_limits), S(user_kind, user_mutes_at_limit), S(profile_head_kind, profile_head),
	S(profile_head_kind, bare_profile_head), S(slate_kind, empty_slate), S(slate_kind, small_slate),
	S(slate_kind, slate_at_limits), S(edition_kind, small_edition), S(edition_kind, edition_at_limits),
	S(pin_kind, least_pin), S(pin_kind, pin_at_limits)};
const size_t n_record_samples = sizeof(record_samples) / sizeof(record_samples[0]);

const struct record_sample record_refused[] = {
	S(article_kind, long_id), S(article_kind, no_id), S(article_kind, long_title), S(article_kind, long_url),
	S(article_kind, long_summary), S(article_kind, long_source), S(article_kind, long_section),
	S(article_kind, long_language), S(article_kind, long_found_language), S(article_kind, long_image),
	S(article_kind, many_topics), S(article_kind, many_places), S(article_kind, many_authors),
	S(article_kind, long_topic), S(article_kind, long_place), S(article_kind, long_author), S(article_kind, long_vector), S(article_kind, many_numbers), S(article_kind, unknown_status),
	S(article_kind, boost_nan), S(article_kind, embedding_nan), S(article_kind, embedding_infinite),
	S(log_kind_of_records, no_kind), S(log_kind_of_records, unknown_kind), S(log_kind_of_records, unknown_type),
	S(log_kind_of_records, long_custom), S(log_kind_of_records, dwell_nan), S(log_kind_of_records, scroll_infinite),
	S(log_kind_of_records, value_infinite), S(log_kind_of_records, short_term_nan),
	S(log_kind_of_records, long_term_nan), S(log_kind_of_records, long_merge), S(log_kind_of_records, undone_twice),
	S(user_kind, user_without_number), S(user_kind, user_long_language), S(user_kind, user_long_edition),
	S(user_kind, user_many_languages), S(user_kind, user_many_places), S(user_kind, user_many_follows),
	S(user_kind, user_many_mutes), S(slate_kind, many_items), S(slate_kind, large_pool), S(slate_kind, long_lead),
	S(slate_kind, long_model), S(slate_kind, long_model_version), S(slate_kind, propensity_nan),
	S(slate_kind, pool_score_too_low), S(edition_kind, edition_bit), S(edition_kind, edition_long_title),
	S(edition_kind, edition_long_timezone), S(edition_kind, edition_long_language), S(pin_kind, pin_position),
	S(pin_kind, pin_boost), S(pin_kind, pin_long_edition)};
const size_t n_record_refused = sizeof(record_refused) / sizeof(record_refused[0]);

/* ---- fields ---- */

#define SAME(field) assert_true(out.field == in.field)
#define SAME_SPAN(field) assert_true(span_equal(out.field, in.field))

static void check_vector(const struct topic_term *a, const struct topic_term *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_true(a[i].topic == b[i].topic && a[i].weight == b[i].weight);
}

static void check_article(struct arena *arena, struct article_record in)
{
	struct buf b = {0};
	struct article_record out;
	article_record_encode(&b, &in);
	assert_int_equal(article_record_decode(arena, buf_span(&b), &out), 0);
	SAME_SPAN(article.id); SAME_SPAN(article.title); SAME_SPAN(article.url); SAME_SPAN(article.summary);
	SAME_SPAN(article.source); SAME_SPAN(article.section); SAME_SPAN(article.language); SAME_SPAN(article.image);
	SAME_SPAN(language);
	assert_int_equal(out.article.body.len, 0);
	SAME(article.n_topics); SAME(article.n_places); SAME(article.n_authors); SAME(article.n_embedding);
	for (size_t i = 0; i < in.article.n_topics; i++)
		SAME_SPAN(article.topics[i]);
	for (size_t i = 0; i < in.article.n_places; i++)
		SAME_SPAN(article.places[i]);
	for (size_t i = 0; i < in.article.n_authors; i++)
		SAME_SPAN(article.authors[i]);
	for (size_t i = 0; i < in.article.n_embedding; i++)
		SAME(article.embedding[i]);
	SAME(article.published_at_ms); SAME(article.updated_at_ms); SAME(article.expires_at_ms);
	SAME(article.embargo_until_ms); SAME(article.boost); SAME(article.status); SAME(article.premium);
	SAME(article.char_count);
	SAME(story); SAME(story_fixed); SAME(revision); SAME(created_seq); SAME(content_hash); SAME(simhash);
	SAME(n_vector); SAME(n_print);
	check_vector(out.vector, in.vector, in.n_vector);
	for (size_t i = 0; i < in.n_print; i++) {
		SAME(print[i].term);
		SAME(print[i].weight);
	}
	buf_free(&b);
}

static void check_event(struct arena *arena)
{
	struct buf b = {0};
	struct log_record in = small_event(), out;
	log_record_encode(&b, &in);
	assert_int_equal(log_record_decode(arena, buf_span(&b), &out), 0);
	SAME(kind); SAME(undone); SAME(user); SAME(previous); SAME(received_ms); SAME(type); SAME(article); SAME(story);
	SAME(at_ms); SAME(dwell_s); SAME(scroll); SAME(value); SAME(position); SAME(feed); SAME(id_hash.low);
	SAME(id_hash.high); SAME_SPAN(custom); SAME(n_vector);
	check_vector(out.vector, in.vector, in.n_vector);
	buf_free(&b);
}

static void check_user(void)
{
	struct buf b = {0};
	struct user_record in = user_at_limits(), out;
	user_record_encode(&b, &in);
	assert_int_equal(user_record_decode(buf_span(&b), &out), 0);
	SAME(number); SAME(created_ms); SAME(erasing); SAME_SPAN(edition);
	SAME(n_languages); SAME(n_places); SAME(n_follows); SAME(n_mutes);
	for (size_t i = 0; i < in.n_languages; i++)
		SAME_SPAN(languages[i]);
	assert_memory_equal(out.places, in.places, sizeof(in.places));
	assert_memory_equal(out.follows, in.follows, sizeof(in.follows));
	for (size_t i = 0; i < in.n_mutes; i++) {
		SAME(mutes[i].topic);
		SAME(mutes[i].until_ms);
	}
	buf_free(&b);
}

static void check_slate(struct arena *arena)
{
	struct buf b = {0};
	struct slate_record in = slate_at_limits(), out;
	slate_record_encode(&b, &in);
	assert_int_equal(slate_record_decode(arena, buf_span(&b), &out), 0);
	SAME(user); SAME(created_ms); SAME(sequence); SAME(request_hash); SAME(first_position); SAME(exhausted);
	SAME_SPAN(model); SAME_SPAN(model_version); SAME(n_items); SAME(n_pool); SAME(n_lead);
	for (size_t i = 0; i < in.n_items; i++) {
		SAME(items[i].article); SAME(items[i].story); SAME(items[i].score); SAME(items[i].propensity);
		SAME(items[i].pinned);
	}
	for (size_t i = 0; i < in.n_pool; i++) {
		SAME(pool[i].article);
		SAME(pool[i].score);
	}
	for (size_t i = 0; i < in.n_lead; i++)
		SAME(lead[i]);
	buf_free(&b);
}

static void check_edition_and_pin(void)
{
	struct buf b = {0};
	{
		struct edition_record in = edition_at_limits(), out;
		edition_record_encode(&b, &in);
		assert_int_equal(edition_record_decode(buf_span(&b), &out), 0);
		SAME(bit); SAME_SPAN(title); SAME_SPAN(timezone);
		SAME(n_languages); SAME(n_places); SAME(n_sections); SAME(n_sources);
		for (size_t i = 0; i < LIMIT_EDITION_LIST; i++)
			SAME_SPAN(languages[i]);
		assert_memory_equal(out.places, in.places, sizeof(in.places));
		assert_memory_equal(out.sections, in.sections, sizeof(in.sections));
		assert_memory_equal(out.sources, in.sources, sizeof(in.sources));
	}
	buf_clear(&b);
	{
		struct pin_record in = {.article = 3, .position = 4, .until_ms = -5, .boost = 0.5f, .edition = SPAN("soweto")}, out;
		pin_record_encode(&b, &in);
		assert_int_equal(pin_record_decode(buf_span(&b), &out), 0);
		SAME(article); SAME(position); SAME(until_ms); SAME(boost); SAME_SPAN(edition);
	}
	buf_clear(&b);
	{
		struct profile_head in = {UINT64_C(0x0102030405060708), 9}, out;
		struct span rest;
		profile_head_encode(&b, &in);
		buf_put_cstr(&b, "rest");
		assert_int_equal(profile_head_decode(buf_span(&b), &out, &rest), 0);
		SAME(chain_head); SAME(through);
		assert_true(span_equal(rest, SPAN("rest")));
	}
	buf_free(&b);
}

void record_samples_check_fields(void)
{
	struct arena arena = {0};
	check_article(&arena, small_article());
	check_article(&arena, largest_article());
	check_event(&arena);
	check_user();
	check_slate(&arena);
	check_edition_and_pin();
	arena_free(&arena);
}
