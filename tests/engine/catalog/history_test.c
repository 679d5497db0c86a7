/* Long random histories of the writer's calls, beside the naive model; and what random histories do not reach. */
#include "tests/engine/catalog/compare.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/rng.h"
#include "tests/engine/retired.h"

#define START_MS INT64_C(1790000000000)
#define HOUR_MS INT64_C(3600000)
#define MINUTE_MS INT64_C(60000)

enum { COMPARE_EVERY = 400, HOLD_EVERY = 700, HELD_SLOTS_APART = 7, HELD_STORIES = 5 };

/* What a reader inside the epoch holds of a view while the writer goes on. */
struct held {
	const struct catalog_view *view; /* NULL: not inside */
	struct {
		uint32_t count;
		const struct catalog_postings *postings;
		const struct topic_term *vectors;
	} *segments; /* [view->n_segments] as they were */
	const struct catalog_members *members[HELD_STORIES]; /* of stories 1 to n */
	uint64_t sum;
};

struct history {
	struct rng rng;
	struct comparison c;
	struct model model;
	struct epoch *epoch;
	int reader;
	struct held held;
	int64_t now_ms;
	uint64_t seq;
	uint32_t *expired; /* [n_expired] reported by a tick */
	size_t n_expired;
	struct {
		struct buf record;
		struct model_events events;
	} saved; /* an article's counters, as they once were */
	uint64_t n_published;
	size_t n_gaps; /* most segments that were gone behind one that was not */
};

static uint32_t below(struct history *h, uint32_t n)
{
	return (uint32_t)rng_below(&h->rng, n);
}

static bool chance(struct history *h, uint32_t one_in)
{
	return below(h, one_in) == 0;
}

static uint32_t any_article(struct history *h)
{
	return 1 + below(h, h->model.n_articles);
}

/* ---- steps ---- */

static size_t random_vector(struct history *h, struct topic_term *out)
{
	size_t n = chance(h, 40) ? LIMIT_VECTOR : below(h, 9);
	uint32_t first = 1 + below(h, chance(h, 3) ? 5000 : 40);
	for (size_t i = 0; i < n; i++) {
		out[i].topic = (uint32_t)(1 + below(h, N_TOPIC_NAMESPACES - 1)) << TOPIC_NAMESPACE_SHIFT | (first + (uint32_t)i);
		out[i].weight = (int16_t)(1 + (int)below(h, TOPIC_TERM_ONE) - (chance(h, 20) ? TOPIC_TERM_ONE : 0));
	}
	return n;
}

static void publish(struct history *h, uint32_t article)
{
	struct topic_term vector[LIMIT_VECTOR];
	char id[32], json[64], brief[32];
	h->seq++;
	snprintf(id, sizeof(id), "a%u", article);
	snprintf(json, sizeof(json), "{\"seq\":%" PRIu64 "%*s}", h->seq, (int)below(h, 20), "");
	snprintf(brief, sizeof(brief), "{\"b\":%u}", below(h, 100));
	struct catalog_entry e = {
		.article = article, .story = 1 + below(h, h->model.n_stories), .created_seq = h->seq, .boost = 1,
		.published_ms = h->now_ms - (int64_t)below(h, 30 * 3600) * 1000 + (chance(h, 20) ? 5 * HOUR_MS : 0),
		.visible_from_ms = chance(h, 10) ? h->now_ms + ((int64_t)below(h, 4) - 2) * HOUR_MS : 0,
		.expires_ms = chance(h, 6) ? h->now_ms + ((int64_t)below(h, 50) - 2) * HOUR_MS : 0,
		.source = below(h, 20), .section = below(h, 6), .author = below(h, 3), .language = (uint8_t)below(h, 4),
		.premium = chance(h, 5), .log_chars = (float)below(h, 12), .editions = rng_u64(&h->rng), .vector = vector,
		.card = {.id = span_of(id), .json = span_of(json), .brief = span_of(brief), .title = SPAN("words")}};
	if (chance(h, 6))
		e.boost = (float)rng_double(&h->rng) * 3;
	if (chance(h, 8))
		e.card.title.len = 0;
	e.n_vector = random_vector(h, vector);
	assert_int_equal(catalog_publish(h->c.catalog, &e), 0);
	model_publish(&h->model, &e);
	h->n_published++;
}

static void withdraw(struct history *h, uint32_t article)
{
	catalog_withdraw(h->c.catalog, article);
	model_withdraw(&h->model, article);
}

static void set_story(struct history *h, uint32_t article)
{
	uint32_t story = 1 + below(h, h->model.n_stories);
	assert_int_equal(catalog_set_story(h->c.catalog, article, story), 0);
	model_set_story(&h->model, article, story);
	compare_story(&h->c, story);
}

static void set_boost(struct history *h, uint32_t article)
{
	float boost = (float)rng_double(&h->rng) * 2;
	catalog_set_boost(h->c.catalog, article, boost);
	if (h->model.articles[article].live)
		h->model.articles[article].entry.boost = boost;
}

static void set_editions(struct history *h, uint32_t article)
{
	uint64_t editions = rng_u64(&h->rng);
	catalog_set_editions(h->c.catalog, article, editions);
	if (h->model.articles[article].live)
		h->model.articles[article].entry.editions = editions;
}

static void set_model(struct history *h)
{
	unsigned m = below(h, CATALOG_MODELS);
	bool on = chance(h, 3);
	assert_int_equal(catalog_set_model(h->c.catalog, m, on), 0);
	h->model.model_on[m] = on;
}

static void set_loading(struct history *h, bool on)
{
	catalog_set_loading(h->c.catalog, on);
	model_set_loading(&h->model, on);
}

/* Mostly of the last hours, some to come, some on either side of where keeping ends. */
static void count(struct history *h, uint32_t article)
{
	enum catalog_counter counter = (enum catalog_counter)below(h, N_CATALOG_COUNTERS);
	int64_t ago_ms = chance(h, 8)   ? -(int64_t)below(h, 40) * MINUTE_MS
	                 : chance(h, 6) ? 96 * HOUR_MS + ((int64_t)below(h, 60) - 30) * MINUTE_MS
	                                : (int64_t)below(h, chance(h, 2) ? 120 : 96 * 60) * MINUTE_MS;
	int delta = chance(h, 3) ? -1 : 1;
	const struct model_events *e = &h->model.articles[article].events;
	int64_t at_ms = h->now_ms - ago_ms;
	if (delta < 0 && e->n && !chance(h, 4)) { /* one that is there */
		struct model_event event = e->list[below(h, (uint32_t)e->n)];
		at_ms = event.quarter * QUARTER_MS + (int64_t)below(h, QUARTER_MS);
		counter = event.counter;
	}
	assert_int_equal(catalog_count(h->c.catalog, article, counter, at_ms, delta), 0);
	model_count(&h->model, article, counter, at_ms, delta);
}

/* Keeps an article's counters as a record, or gives the kept ones to an article that may have others. */
static void save_or_restore(struct history *h, uint32_t article)
{
	struct model_article *a = &h->model.articles[article];
	if (!a->live)
		return;
	if (h->saved.record.len == 0 || chance(h, 3)) {
		buf_clear(&h->saved.record);
		free(h->saved.events.list);
		catalog_counters_encode(h->c.catalog, article, &h->saved.record);
		model_events_copy(&h->model, &a->events, &h->saved.events);
		return;
	}
	struct span record = buf_span(&h->saved.record), cut = {record.data, record.len - 1};
	assert_int_equal(catalog_counters_decode(h->c.catalog, article, cut), 1);
	compare_article(&h->c, article); /* a record that is refused changes nothing */
	assert_int_equal(catalog_counters_decode(h->c.catalog, article, record), 0);
	free(a->events.list);
	model_events_copy(&h->model, &h->saved.events, &a->events);
}

static void note_expired(void *ctx, uint32_t article)
{
	struct history *h = ctx;
	assert_true(h->n_expired < h->model.n_articles);
	h->expired[h->n_expired++] = article;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static void count_gaps(struct history *h)
{
	size_t first = 0, n = 0;
	while (h->model.gone[first])
		first++;
	for (size_t k = first; k < h->model.n_segments; k++)
		n += h->model.gone[k];
	if (n > h->n_gaps)
		h->n_gaps = n;
}

static void tick(struct history *h)
{
	uint32_t *want = malloc((h->model.n_articles + 1) * sizeof(*want));
	assert_non_null(want);
	h->now_ms += chance(h, 12) ? (int64_t)below(h, 20 * 60) * MINUTE_MS : (int64_t)below(h, 200) * 1000;
	h->n_expired = 0;
	assert_int_equal(catalog_tick(h->c.catalog, h->now_ms, note_expired, h), 0);
	size_t n = model_tick(&h->model, h->now_ms, want);
	qsort(h->expired, h->n_expired, sizeof(*h->expired), by_number);
	assert_int_equal(h->n_expired, n);
	if (n)
		assert_memory_equal(h->expired, want, n * sizeof(*want));
	free(want);
	count_gaps(h);
}

/* Many at once: an import, with or without loading; or most of a range withdrawn, so that segments run low. */
static void burst(struct history *h)
{
	uint32_t n = 200 + below(h, 2500), first = any_article(h);
	bool loading = chance(h, 2);
	if (loading)
		set_loading(h, true);
	for (uint32_t i = 0; i < n; i++)
		publish(h, (first + i) % h->model.n_articles + 1);
	if (loading && !chance(h, 4))
		set_loading(h, false);
	if (!chance(h, 3))
		return;
	n = below(h, h->model.n_articles);
	first = any_article(h);
	for (uint32_t i = 0; i < n; i++)
		if (!chance(h, 12))
			withdraw(h, (first + i) % h->model.n_articles + 1);
}

/* Withdraws all that stands in one segment, the others left alone: a gap in the list of segments. */
static void empty_a_segment(struct history *h, size_t segment)
{
	for (size_t i = segment * SEGMENT_SLOTS; i < (segment + 1) * SEGMENT_SLOTS && i < h->model.n_slots; i++)
		if (!h->model.slots[i].dead)
			withdraw(h, h->model.slots[i].article);
	tick(h);
}

static void step(struct history *h)
{
	uint32_t article = any_article(h), kind = below(h, 1000);
	uint32_t story = h->model.articles[article].entry.story;
	if (kind < 250)
		publish(h, article);
	else if (kind < 320)
		withdraw(h, article);
	else if (kind < 400)
		set_story(h, article);
	else if (kind < 480)
		set_boost(h, article);
	else if (kind < 540)
		set_editions(h, article);
	else if (kind < 880)
		count(h, article);
	else if (kind < 930)
		save_or_restore(h, article);
	else if (kind < 970)
		tick(h);
	else if (kind < 976)
		set_model(h);
	else if (kind < 980)
		set_loading(h, chance(h, 2));
	else if (kind < 983)
		burst(h);
	else if (kind < 986)
		empty_a_segment(h, below(h, (uint32_t)h->model.n_segments));
	else if (kind < 989)
		compare_dirty(&h->c);
	else if (kind < 995) {
		catalog_mark_dirty(h->c.catalog, article);
		model_mark_dirty(&h->model, article);
	} else {
		compare_counters_record(&h->c, article);
	}
	compare_article(&h->c, article);
	if (story)
		compare_story(&h->c, story); /* the one before */
	if (h->model.articles[article].live)
		compare_story(&h->c, h->model.articles[article].entry.story);
}

/* ---- a reader inside the epoch ---- */

/* Of what may not change while it is held: numbers, texts, vectors and postings of slots that were there. */
static uint64_t sum_of_held(const struct held *held)
{
	uint64_t sum = 0;
	for (size_t k = 0; k < held->view->n_segments; k++) {
		const struct catalog_segment *s = held->view->segments[k];
		for (uint32_t slot = 0; s && slot < held->segments[k].count; slot += HELD_SLOTS_APART) {
			const struct catalog_card *card = s->card[slot];
			sum = hash_mix64(sum ^ s->article[slot] ^ (uint64_t)s->published_ms[slot] ^ hash64(card->json));
			for (uint32_t i = 0; i < s->row[slot].n_vector; i++)
				sum = hash_mix64(sum ^ held->segments[k].vectors[s->row[slot].vector_start + i].topic);
			for (unsigned m = 0; m < CATALOG_MODELS; m++) /* scores may change, but are still there */
				sum ^= held->view->shared[m] ? (uint64_t)(held->view->shared[m][k][slot] * 0) : 0;
		}
		const struct catalog_postings *p = held->segments[k].postings;
		for (uint32_t i = 0; p && i < p->table[p->table_mask / 2].n; i++)
			sum = hash_mix64(sum ^ p->slot[p->table[p->table_mask / 2].start + i]);
	}
	for (int i = 0; i < HELD_STORIES; i++)
		for (uint32_t k = 0; held->members[i] && k < held->members[i]->n; k++)
			sum = hash_mix64(sum ^ held->members[i]->article[k]);
	return sum;
}

static void look_away(struct history *h)
{
	struct held *held = &h->held;
	if (!held->view)
		return;
	assert_true(sum_of_held(held) == held->sum);
	epoch_leave(h->epoch, h->reader);
	free(held->segments);
	*held = (struct held){0};
}

static void look(struct history *h)
{
	struct held *held = &h->held;
	look_away(h);
	epoch_enter(h->epoch, h->reader);
	held->view = catalog_view(h->c.catalog);
	size_t n = held->view->n_segments;
	held->segments = calloc(n, sizeof(*held->segments));
	assert_non_null(held->segments);
	for (size_t k = 0; k < n; k++) {
		const struct catalog_segment *s = held->view->segments[k];
		if (!s)
			continue;
		held->segments[k].count = s->count;
		held->segments[k].postings = s->postings;
		held->segments[k].vectors = s->vectors;
	}
	for (uint32_t i = 0; i < HELD_STORIES; i++)
		held->members[i] = catalog_story(h->c.catalog, i + 1);
	held->sum = sum_of_held(held);
}

/* ---- histories ---- */

/* retired_finds: whether readers of a catalogue can come to an object, but for members of stories. */
static bool finds(const void *of, const void *object)
{
	const struct catalog_view *v = catalog_view(of);
	bool found = v == object || catalog_sources(of) == object;
	for (size_t k = 0; k < v->n_segments; k++) {
		const struct catalog_segment *s = v->segments[k];
		for (unsigned m = 0; m < CATALOG_MODELS; m++)
			found = found || (v->shared[m] && v->shared[m][k] && v->shared[m][k] == object);
		found = found || (s && (s == object || s->postings == object || s->vectors == object || s->dense == object));
	}
	return found;
}

static void begin(struct history *h, uint64_t seed, uint32_t n_articles, uint32_t n_stories, int64_t live_ms)
{
	*h = (struct history){.now_ms = START_MS};
	rng_seed(&h->rng, seed);
	assert_int_equal(epoch_new(&h->epoch), 0);
	h->reader = epoch_register(h->epoch);
	assert_true(h->reader >= 0);
	struct catalog_config config = {.live_ms = live_ms, .shared = shared_score};
	assert_int_equal(catalog_new(&h->c.catalog, h->epoch, &config, h->now_ms), 0);
	model_new(&h->model, n_articles, n_stories, live_ms, h->now_ms);
	h->c.model = &h->model;
	retired_watch(finds, h->c.catalog);
	h->expired = calloc(n_articles + 1, sizeof(*h->expired));
	assert_non_null(h->expired);
}

static void end(struct history *h)
{
	look_away(h);
	retired_watch(NULL, NULL);
	catalog_free(h->c.catalog);
	epoch_unregister(h->epoch, h->reader);
	epoch_free(h->epoch);
	model_free(&h->model);
	free(h->c.postings_seen);
	free(h->expired);
	free(h->saved.events.list);
	buf_free(&h->saved.record);
}

/* Every article is there, and then none of the second segment's. */
static void fill(struct history *h)
{
	for (uint32_t i = 1; i <= h->model.n_articles; i++)
		publish(h, i);
	while (h->n_gaps == 0)
		empty_a_segment(h, 1);
}

/* Returns the gaps. */
static size_t run(uint64_t seed, uint32_t n_articles, uint32_t n_stories, int64_t live_ms, unsigned n_steps)
{
	static struct history h;
	size_t n_gone = 0;
	begin(&h, seed, n_articles, n_stories, live_ms);
	if (n_articles > 3 * SEGMENT_SLOTS)
		fill(&h);
	for (unsigned i = 0; i < n_steps; i++) {
		step(&h);
		epoch_reclaim(h.epoch);
		if (i % COMPARE_EVERY == 0)
			compare_all(&h.c);
		if (i % HOLD_EVERY == 0)
			look(&h);
		else if (i % HOLD_EVERY == HOLD_EVERY / 2)
			look_away(&h);
	}
	compare_all(&h.c);
	compare_dirty(&h.c);
	for (size_t k = 0; k < h.model.n_segments; k++)
		n_gone += h.model.gone[k];
	print_message("%u articles, %u steps: %" PRIu64 " published, %zu segments, %zu gone, gaps of %zu, %u moves\n", n_articles,
	              n_steps, h.n_published, h.model.n_segments, n_gone, h.n_gaps, h.model.n_moves);
	assert_true(h.model.n_segments >= 2 && n_gone >= 1); /* the history got to what it is for */
	end(&h);
	return h.n_gaps;
}

static void random_histories_match_a_naive_model(void **state)
{
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : 20261124;
	print_message("SEED=%" PRIu64 "\n", seed);
	size_t n_gaps = run(seed, 12, 5, 0, 12000);
	n_gaps += run(seed + 1, 300, 120, 40 * HOUR_MS, 15000);
	n_gaps += run(seed + 2, 5000, 300, 30 * HOUR_MS, 15000);
	n_gaps += run(seed + 3, 15000, 12000, 0, 6000);
	assert_true(n_gaps > 0);
}

static struct catalog_entry plain_entry(uint32_t article)
{
	return (struct catalog_entry){.article = article, .story = article, .published_ms = START_MS, .boost = 1,
	                              .card = {.id = SPAN("id"), .json = SPAN("{}")}};
}

/* The most quarters that an article's counters can hold: 96 hours, those at both ends, and some that lie ahead because
 * the catalogue's minute stands still. Whatever was counted, the record is one that can be read. */
static void counters_have_a_most(void **state)
{
	static struct history h;
	begin(&h, 1, 2, 2, 0);
	for (uint32_t i = 1; i <= 2; i++) {
		struct catalog_entry e = plain_entry(i);
		assert_int_equal(catalog_publish(h.c.catalog, &e), 0);
	}
	for (int64_t quarter = -400; quarter < 300; quarter++)
		assert_int_equal(catalog_count(h.c.catalog, 1, CATALOG_CLICKS, START_MS + quarter * QUARTER_MS, 1), 0);
	struct buf record = {0}, again = {0};
	catalog_counters_encode(h.c.catalog, 1, &record);
	assert_int_equal(catalog_counters_decode(h.c.catalog, 2, buf_span(&record)), 0);
	catalog_counters_encode(h.c.catalog, 2, &again);
	assert_true(span_equal(buf_span(&record), buf_span(&again)));
	struct catalog_place one = catalog_find(h.c.catalog, 1), two = catalog_find(h.c.catalog, 2);
	for (int k = 0; k < N_HALF_LIVES; k++)
		assert_true(one.segment->row[one.slot].clicks[k] == two.segment->row[two.slot].clicks[k]);
	/* A hundred hours on, all that was counted is too old, and there is room again. START_MS lies 13 whole minutes into
	 * its quarter, 6 after where the age of a quarter counts from. */
	assert_int_equal(catalog_tick(h.c.catalog, START_MS + 400 * QUARTER_MS, NULL, NULL), 0);
	assert_true(one.segment->row[one.slot].clicks[4] == 0);
	assert_int_equal(catalog_count(h.c.catalog, 1, CATALOG_CLICKS, START_MS + 400 * QUARTER_MS, 1), 0);
	assert_true(fabs((double)one.segment->row[one.slot].clicks[0] - exp2(-6.0 / 15)) < 1e-6);
	buf_free(&record);
	buf_free(&again);
	end(&h);
}

/* Records that are none: cut, too long, out of order, more quarters than there can be. */
static void damaged_counters_are_refused(void **state)
{
	static const struct {
		uint16_t n;
		uint32_t quarters[2];
		size_t len;
	} bad[] = {{0, {0}, 0}, {0, {0}, 1}, {1, {5}, 13}, {1, {5}, 15}, {2, {5, 5}, 26}, {2, {6, 5}, 26}, {400, {5, 6}, 26}};
	static struct history h;
	begin(&h, 1, 1, 1, 0);
	struct catalog_entry e = plain_entry(1);
	assert_int_equal(catalog_publish(h.c.catalog, &e), 0);
	model_publish(&h.model, &e);
	assert_int_equal(catalog_count(h.c.catalog, 1, CATALOG_SHOWS, START_MS, 1), 0);
	model_count(&h.model, 1, CATALOG_SHOWS, START_MS, 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char bytes[64] = {0};
		memcpy(bytes, &bad[i].n, 2);
		memcpy(bytes + 2, &bad[i].quarters[0], 4);
		memcpy(bytes + 14, &bad[i].quarters[1], 4);
		assert_int_equal(catalog_counters_decode(h.c.catalog, 1, (struct span){bytes, bad[i].len}), 1);
		compare_article(&h.c, 1);
		compare_counters_record(&h.c, 1);
	}
	end(&h);
}

static void languages_have_small_numbers(void **state)
{
	static struct history h;
	char name[16];
	begin(&h, 1, 1, 1, 0);
	struct catalog *c = h.c.catalog;
	assert_int_equal(catalog_language(c, SPAN("und")), 0);
	assert_int_equal(catalog_language(c, SPAN("")), 0);
	for (int round = 0; round < 2; round++)
		for (unsigned i = 1; i <= 300; i++) {
			snprintf(name, sizeof(name), "l%u", i);
			assert_int_equal(catalog_language(c, span_of(name)), i < 255 ? i : 0);
			assert_int_equal(catalog_find_language(c, span_of(name)), i < 255 ? i : 255);
			assert_true(span_equal_cstr(catalog_language_name(c, (uint8_t)(i < 255 ? i : 0)), i < 255 ? name : "und"));
		}
	assert_int_equal(catalog_find_language(c, SPAN("never")), 255);
	end(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_histories_match_a_naive_model),
		cmocka_unit_test(counters_have_a_most),
		cmocka_unit_test(damaged_counters_are_refused),
		cmocka_unit_test(languages_have_small_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
