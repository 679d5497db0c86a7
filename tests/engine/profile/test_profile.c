/* Gains and decay against figures worked out by hand, limits, lists, merging. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/profile/decay.h"
#include "tests/engine/profile/histories.h"

static const struct profile_config *const config = &profile_config_default;
enum { TAG = 0x10000001, TAG2, TAG3, SECTION = 0x20000001, PLACE = 0x30000001, SOURCE = 0x40000001, TERM = 0x60000001 };

static struct profile_event event_of(enum event_type type, int64_t at_ms, const struct topic_term *vector, size_t n)
{
	return (struct profile_event){.type = type, .article = 7, .story = 5, .at_ms = at_ms, .dwell_s = -1, .scroll = -1,
	                              .vector = vector, .n_vector = n};
}

static void teach(struct reader_state *s, enum event_type type, int64_t at_ms, uint32_t topic, int16_t weight)
{
	struct topic_term term = {topic, weight};
	struct profile_event e = event_of(type, at_ms, &term, 1);
	profile_apply(config, &s->profile, &s->history, &e);
}

static void assert_near(double a, double b, double within)
{
	if (!(fabs(a - b) <= within))
		fail_msg("%.9g is not %.9g", a, b);
}

static void assert_interest(const struct profile *p, uint32_t topic, int64_t now_ms, double short_term, double long_term)
{
	struct profile_interest e = profile_read_topic(p, topic, profile_moment_of(config, p, now_ms));
	assert_int_equal(e.topic, topic);
	assert_near(e.short_term, short_term, 1e-6 + 1e-6 * fabs(short_term));
	assert_near(e.long_term, long_term, 1e-6 + 1e-6 * fabs(long_term));
}

static const struct {
	enum event_type type;
	float dwell_s, scroll, value, gain;
} gains[] = {
	{EVENT_IMPRESSION, -1, -1, 0, 0},
	{EVENT_CLICK, -1, -1, 0, 1},
	{EVENT_CLICK, 30, -1, 0, 1},
	{EVENT_CLICK, 5, -1, 0, 1},
	{EVENT_CLICK, 4.99f, -1, 0, 0.1f}, /* bounced */
	{EVENT_CLICK, 0, 1, 0, 0.1f},
	{EVENT_READ, -1, -1, 0, 1},
	{EVENT_READ, 30, -1, 0, 1},
	{EVENT_READ, 60, -1, 0, 2},
	{EVENT_READ, 3600, -1, 0, 2},
	{EVENT_READ, INFINITY, -1, 0, 2},
	{EVENT_READ, NAN, NAN, 0, 1},
	{EVENT_READ, 5, -1, 0, 0.2f}, /* 5/60 of a minute is below the least */
	{EVENT_READ, 15, 0.75f, 0, 1.5f},
	{EVENT_READ, 45, 0.25f, 0, 1.5f},
	{EVENT_READ, -1, 0.5f, 0, 1},
	{EVENT_READ, -1, 0, 0, 0.2f},
	{EVENT_READ, -1, 7, 0, 2},
	{EVENT_READ, 3, 1, 0, 0.2f},
	{EVENT_FINISH, -1, -1, 0, 2.5f},
	{EVENT_FINISH, 200, 1, 0, 2.5f},
	{EVENT_FINISH, 2, 1, 0, 0.25f},
	{EVENT_LIKE, -1, -1, 0, 3},
	{EVENT_LIKE, 1, -1, 0, 3},
	{EVENT_DISLIKE, -1, -1, 0, -3},
	{EVENT_SHARE, -1, -1, 0, 3},
	{EVENT_SAVE, -1, -1, 0, 2.5f},
	{EVENT_HIDE, -1, -1, 0, -2},
	{EVENT_CUSTOM, -1, -1, 0, 0},
	{EVENT_CUSTOM, -1, -1, 1.5f, 1.5f},
	{EVENT_CUSTOM, -1, -1, 4, 4},
	{EVENT_CUSTOM, -1, -1, 4.01f, 4},
	{EVENT_CUSTOM, -1, -1, -INFINITY, -4},
	{EVENT_CUSTOM, -1, -1, NAN, 0},
};

static void test_gains(void **state)
{
	for (size_t i = 0; i < sizeof(gains) / sizeof(gains[0]); i++) {
		struct reader_state s = {0};
		struct topic_term vector[] = {{TAG, 2048}, {SOURCE, 4096}, {TERM, -1024}, {0, 4096}, {0xf0000001, 4096}};
		struct profile_event e = event_of(gains[i].type, START_MS, vector, 5);
		e.dwell_s = gains[i].dwell_s;
		e.scroll = gains[i].scroll;
		e.value = gains[i].value;
		profile_apply(config, &s.profile, &s.history, &e);
		bool teaches = gains[i].gain != 0;
		assert_int_equal(s.profile.n_events, teaches);
		assert_int_equal(s.profile.n_topics, teaches ? 2 : 0);
		assert_int_equal(s.profile.n_affinities, teaches ? 1 : 0);
		assert_interest(&s.profile, TAG, START_MS, gains[i].gain * 0.5, gains[i].gain * 0.5);
		assert_interest(&s.profile, SOURCE, START_MS, gains[i].gain, gains[i].gain);
		assert_interest(&s.profile, TERM, START_MS, gains[i].gain * -0.25, gains[i].gain * -0.25);
	}
}

static void test_decay_by_hand(void **state)
{
	struct reader_state s = {0};
	teach(&s, EVENT_LIKE, START_MS, TAG, 4096);
	assert_interest(&s.profile, TAG, START_MS, 3, 3);
	assert_interest(&s.profile, TAG, START_MS + DAY_MS, 1.5, 3 * 0.977159968); /* 2^(-1/30) */
	assert_interest(&s.profile, TAG, START_MS + 30 * DAY_MS, 3.0 / (1 << 30), 1.5);
	assert_interest(&s.profile, TAG, START_MS + 12 * HOUR_MS, 3 * 0.707106781, 3 * 0.988514020);
	/* A day later a click: 1.5 + 1, and after 29 days more a dislike. */
	teach(&s, EVENT_CLICK, START_MS + DAY_MS, TAG, 4096);
	assert_interest(&s.profile, TAG, START_MS + DAY_MS, 2.5, 2.931479904 + 1);
	teach(&s, EVENT_DISLIKE, START_MS + 30 * DAY_MS, TAG, 4096);
	assert_interest(&s.profile, TAG, START_MS + 30 * DAY_MS, -3, 1.5 + 0.511687 - 3);
	assert_int_equal(s.profile.n_events, 3);
	assert_interest(&s.profile, TAG2, START_MS, 0, 0);
}

static void test_late_event(void **state)
{
	struct reader_state s = {0};
	teach(&s, EVENT_CLICK, START_MS, TAG, 4096);
	teach(&s, EVENT_LIKE, START_MS - 2 * DAY_MS, TAG, 4096);
	assert_interest(&s.profile, TAG, START_MS, 1 + 0.75, 1 + 3 * 0.954841604);
	/* So old that its short term is nothing, and the long term 2^-2. */
	teach(&s, EVENT_LIKE, START_MS - 60 * DAY_MS, TAG2, 4096);
	assert_interest(&s.profile, TAG2, START_MS, 0, 0.75);
	/* So old that nothing is left: it takes no place, and spoils nothing. */
	teach(&s, EVENT_LIKE, 1, TAG3, 4096);
	teach(&s, EVENT_LIKE, INT64_MIN, TAG3, 4096);
	assert_int_equal(s.profile.n_topics, 2);
	assert_interest(&s.profile, TAG, START_MS, 1.75, 1 + 3 * 0.954841604);
}

static void test_far_jump(void **state)
{
	struct reader_state s = {0};
	int64_t later_ms = START_MS + 3650 * DAY_MS;
	teach(&s, EVENT_LIKE, START_MS, TAG, 4096);
	teach(&s, EVENT_CLICK, later_ms, TAG2, 4096);
	assert_int_equal(s.profile.n_topics, 1); /* 2^-121 of a like is dropped */
	assert_interest(&s.profile, TAG2, later_ms, 1, 1);
	assert_true(later_ms - s.profile.short_reference_ms < 16 * DAY_MS);
	assert_int_equal((s.profile.short_reference_ms - START_MS) % DAY_MS, 0);
	assert_int_equal((s.profile.long_reference_ms - START_MS) % (30 * DAY_MS), 0);
	teach(&s, EVENT_CLICK, INT64_MAX, TAG3, 4096);
	assert_int_equal(s.profile.n_topics, 1);
	assert_holds(&s);
}

/* Moving the reference rounds nothing: the same weights, to the last bit, as with a reference that stayed. */
static void test_reference_moves_exactly(void **state)
{
	struct reader_state s = {0};
	teach(&s, EVENT_READ, START_MS, TAG, 1234);
	teach(&s, EVENT_LIKE, START_MS + 5 * HOUR_MS, TAG, 777);
	struct profile before = s.profile;
	teach(&s, EVENT_CLICK, START_MS + 16 * DAY_MS + HOUR_MS, TAG2, 4096);
	assert_int_equal(s.profile.short_reference_ms, START_MS + 16 * DAY_MS);
	assert_int_equal(s.profile.long_reference_ms, START_MS);
	assert_true(s.profile.topics[0].short_term == before.topics[0].short_term * 0x1p-16f);
	assert_true(s.profile.topics[0].long_term == before.topics[0].long_term);
	/* One millisecond less than sixteen half-lives leaves it. */
	struct reader_state t = {0};
	teach(&t, EVENT_READ, START_MS, TAG, 1234);
	teach(&t, EVENT_READ, START_MS + 16 * DAY_MS - 1, TAG, 1234);
	assert_int_equal(t.profile.short_reference_ms, START_MS);
}

static void test_powers(void **state)
{
	struct rng r;
	rng_seed(&r, test_seed());
	for (int i = 0; i < 200000; i++) {
		int64_t half_life_ms = 1 + (int64_t)rng_below(&r, (uint64_t)(40 * DAY_MS));
		double x = rng_double(&r) * 160 - 100;
		int64_t elapsed_ms = (int64_t)(x * (double)half_life_ms);
		double want = exp2((double)elapsed_ms / (double)half_life_ms);
		double got = decay_power(elapsed_ms, half_life_ms);
		if (!(fabs(got - want) <= want * 0x1.000001p-24))
			fail_msg("2^(%lld/%lld) is %a, not %a", (long long)elapsed_ms, (long long)half_life_ms, got, want);
	}
	for (int n = -149; n <= 64; n++)
		assert_true(decay_power(n * DAY_MS, DAY_MS) == ldexpf(1, n));
	assert_true(decay_power(-150 * DAY_MS, DAY_MS) == 0);
	assert_true(decay_power(INT64_MAX, 1) == 0x1p64f && decay_power(INT64_MIN, 1) == 0);
}

static void test_set_interest(void **state)
{
	struct reader_state s = {0};
	profile_set_interest(config, &s.profile, PLACE, 2, -3, START_MS);
	assert_interest(&s.profile, PLACE, START_MS, 2, -3);
	profile_set_interest(config, &s.profile, PLACE, 1, 4, START_MS + DAY_MS);
	assert_interest(&s.profile, PLACE, START_MS + DAY_MS, 1, 4);
	profile_set_interest(config, &s.profile, SECTION, NAN, INFINITY, START_MS + DAY_MS);
	assert_interest(&s.profile, SECTION, START_MS + DAY_MS, 0, PROFILE_INTEREST_MAX);
	profile_set_interest(config, &s.profile, 5, 1, 1, START_MS); /* no namespace */
	profile_set_interest(config, &s.profile, TAG, 0, 0, START_MS);
	profile_set_interest(config, &s.profile, PLACE, 0, 0, START_MS);
	assert_int_equal(s.profile.n_topics, 0);
	assert_int_equal(s.profile.n_affinities, 1);
	assert_int_equal(s.profile.n_events, 0);
}

/* At, below and above the limits of both lists. */
static void test_limits(void **state)
{
	for (int affinities = 0; affinities <= 1; affinities++) {
		uint32_t base = affinities ? SOURCE : TAG;
		int max = affinities ? PROFILE_AFFINITIES : PROFILE_TOPICS;
		struct reader_state s = {0};
		const uint16_t *n = affinities ? &s.profile.n_affinities : &s.profile.n_topics;
		for (int i = 0; i < max; i++) {
			assert_int_equal(*n, i);
			teach(&s, EVENT_LIKE, START_MS, base + (uint32_t)i, 4096);
		}
		assert_int_equal(*n, max);
		/* Equal to all: the largest number goes, and that is the newcomer's own. */
		teach(&s, EVENT_LIKE, START_MS, base + 1000, 4096);
		assert_interest(&s.profile, base + 1000, START_MS, 0, 0);
		teach(&s, EVENT_CLICK, START_MS, base + 1000, 4096); /* weaker than all */
		assert_interest(&s.profile, base + 1000, START_MS, 0, 0);
		/* Later all have faded, and a dislike is as strong as a like. */
		teach(&s, EVENT_DISLIKE, START_MS + HOUR_MS, base + 1000, 4096);
		assert_int_equal(*n, max);
		assert_interest(&s.profile, base + 1000, START_MS + HOUR_MS, -3, -3);
		assert_interest(&s.profile, base + (uint32_t)max - 1, START_MS, 0, 0);
		/* The reader's own hand always finds a place. */
		profile_set_interest(config, &s.profile, base + 2000, 0.001f, 0, START_MS + HOUR_MS);
		assert_int_equal(*n, max);
		assert_interest(&s.profile, base + 2000, START_MS + HOUR_MS, 0.001, 0);
		assert_interest(&s.profile, base + (uint32_t)max - 2, START_MS, 0, 0);
		assert_holds(&s);
	}
}

/* An article whose last topic is the list's weakest: that topic is taught, not pushed out by the article's first. */
static void test_taught_before_newcomers(void **state)
{
	struct reader_state s = {0};
	for (uint32_t i = 0; i < PROFILE_TOPICS; i++)
		teach(&s, i == 50 ? EVENT_CLICK : EVENT_LIKE, START_MS, TAG + i, 4096);
	struct topic_term vector[] = {{TERM, 3000}, {TAG + 50, 4096}};
	struct profile_event e = event_of(EVENT_SAVE, START_MS, vector, 2);
	profile_apply(config, &s.profile, &s.history, &e);
	assert_interest(&s.profile, TAG + 50, START_MS, 3.5, 3.5);
	assert_interest(&s.profile, TERM, START_MS, 0, 0);
}

static void test_read_order(void **state)
{
	struct reader_state s = {0};
	struct profile_interest out[PROFILE_TOPICS + PROFILE_AFFINITIES];
	assert_int_equal(profile_read(config, &s.profile, START_MS, out, 10), 0);
	teach(&s, EVENT_CLICK, START_MS, TAG, 4096);
	teach(&s, EVENT_DISLIKE, START_MS, TERM, 4096);
	teach(&s, EVENT_SAVE, START_MS, SOURCE, 4096);
	teach(&s, EVENT_CLICK, START_MS, SECTION, 4096);
	teach(&s, EVENT_CLICK, START_MS, PLACE, 4096);
	assert_int_equal(profile_read(config, &s.profile, START_MS + DAY_MS, out, 132), 5);
	const uint32_t order[] = {TERM, SOURCE, TAG, SECTION, PLACE};
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(out[i].topic, order[i]);
	assert_near(out[0].short_term, -1.5, 1e-6);
	assert_int_equal(profile_read(config, &s.profile, START_MS, out, 2), 2);
	assert_int_equal(profile_read(config, &s.profile, START_MS, NULL, 0), 0);
	/* Of the whole. */
	for (uint32_t i = 0; i < 300; i++)
		teach(&s, EVENT_LIKE, START_MS + i * 60000, (i % 3 ? TAG : SOURCE) + i, (int16_t)(1 + i * 1237 % 4096));
	assert_int_equal(profile_read(config, &s.profile, START_MS + DAY_MS, out, 132), 132);
	for (size_t i = 1; i < 132; i++)
		assert_true(fabsf(out[i - 1].short_term) + fabsf(out[i - 1].long_term) >=
		            fabsf(out[i].short_term) + fabsf(out[i].long_term));
}

static void act(struct reader_state *s, enum event_type type, uint32_t article, int64_t at_ms)
{
	struct profile_event e = event_of(type, at_ms, NULL, 0);
	e.article = article;
	e.story = article + 10000;
	profile_apply(config, &s->profile, &s->history, &e);
}

static void test_lists(void **state)
{
	struct reader_state s = {0};
	const struct history *h = &s.history;
	act(&s, EVENT_CUSTOM, 1, START_MS);
	act(&s, EVENT_IMPRESSION, 1, START_MS);
	assert_false(history_has_read(h, 1, 10001));
	assert_int_equal(history_find_shown(h, 10001)->count, 1);
	assert_null(history_find_shown(h, 1));
	static const enum event_type ending[] = {EVENT_CLICK, EVENT_READ, EVENT_FINISH, EVENT_LIKE, EVENT_DISLIKE,
	                                         EVENT_SHARE, EVENT_SAVE, EVENT_HIDE};
	for (uint32_t i = 0; i < 8; i++) {
		act(&s, ending[i], 20 + i, START_MS + i * 60000);
		assert_true(history_has_read(h, 20 + i, 0) && history_has_read(h, 0, 10020 + i));
		assert_int_equal(h->reads[i].types, 1u << ending[i]);
		assert_int_equal(h->reads[i].minute, START_MS / 60000 + i);
	}
	assert_int_equal(h->n_saved, 1);
	assert_int_equal(h->saved[0].article, 26);
	/* Again, and late: to the end, types together, the later minute. */
	act(&s, EVENT_SAVE, 20, START_MS - DAY_MS);
	assert_int_equal(h->n_reads, 8);
	assert_int_equal(h->reads[7].article, 20);
	assert_int_equal(h->reads[7].types, 1u << EVENT_CLICK | 1u << EVENT_SAVE);
	assert_int_equal(h->reads[7].minute, START_MS / 60000);
	assert_int_equal(h->n_saved, 2);
	for (uint32_t i = 0; i < 300; i++)
		act(&s, EVENT_IMPRESSION, 1, START_MS + i * 60000);
	assert_int_equal(h->n_shown, 1);
	assert_int_equal(h->shown[0].count, 255);
	assert_int_equal(h->shown[0].minute, START_MS / 60000 + 299);
	/* Minutes that a record can't hold. */
	act(&s, EVENT_CLICK, 500, 0);
	act(&s, EVENT_CLICK, 501, INT64_MAX);
	assert_int_equal(h->reads[8].minute, 26297280);
	assert_int_equal(h->reads[9].minute, 26297280 + 0xffffff);
}

static void test_list_limits(void **state)
{
	struct reader_state s = {0};
	const struct history *h = &s.history;
	for (uint32_t i = 1; i <= 101; i++) {
		act(&s, EVENT_SAVE, i, START_MS);
		assert_int_equal(h->n_reads, i > 100 ? 100 : i);
		assert_int_equal(h->n_saved, i > 100 ? 100 : i);
	}
	assert_false(history_has_read(h, 1, 10001));
	assert_true(h->reads[0].article == 2 && h->saved[0].article == 2 && h->saved[99].article == 101);
	act(&s, EVENT_SAVE, 50, START_MS); /* touching one that is there loses nobody */
	assert_true(h->n_reads == 100 && h->reads[0].article == 2 && h->reads[99].article == 50);
	for (uint32_t i = 1; i <= 129; i++)
		act(&s, EVENT_IMPRESSION, i, START_MS);
	assert_int_equal(h->n_shown, 128);
	assert_null(history_find_shown(h, 10001));
	assert_non_null(history_find_shown(h, 10002));
}

static void test_merge(void **state)
{
	struct reader_state a = {0}, b = {0};
	teach(&a, EVENT_CLICK, START_MS, TAG, 4096);
	teach(&b, EVENT_LIKE, START_MS - 2 * DAY_MS, TAG, 4096);
	teach(&b, EVENT_LIKE, START_MS - DAY_MS, SOURCE, 4096);
	a.history = b.history = (struct history){0};
	for (uint32_t i = 0; i < 100; i++) {
		act(&a, EVENT_READ, 1 + i, START_MS + i * 120000);
		act(&b, EVENT_LIKE, i == 99 ? 1 : 1001 + i, START_MS + 60000 + i * 120000);
	}
	act(&a, EVENT_IMPRESSION, 3, START_MS + DAY_MS);
	act(&b, EVENT_IMPRESSION, 3, START_MS);
	act(&b, EVENT_SAVE, 4000, START_MS + DAY_MS);
	profile_merge(config, &a.profile, &a.history, &b.profile, &b.history);
	assert_holds(&a);
	assert_interest(&a.profile, TAG, START_MS, 1 + 0.75, 1 + 3 * 0.954841604);
	assert_interest(&a.profile, SOURCE, START_MS, 1.5, 3 * 0.977159968);
	assert_int_equal(a.profile.n_events, 3);
	const struct history *h = &a.history;
	assert_int_equal(h->n_reads, 100);
	assert_int_equal(h->reads[99].article, 4000);
	/* The first of ours was among the oldest, but also the newest of theirs: both kinds are kept. */
	assert_int_equal(h->reads[98].article, 1);
	assert_int_equal(h->reads[98].types, 1u << EVENT_READ | 1u << EVENT_LIKE);
	for (size_t i = 1; i < 100; i++)
		assert_true(h->reads[i - 1].minute <= h->reads[i].minute);
	assert_int_equal(h->reads[97].article, 100);
	assert_int_equal(h->reads[96].article, 1099);
	assert_true(h->n_shown == 1 && h->shown[0].count == 2 && h->shown[0].minute == (START_MS + DAY_MS) / 60000);
	assert_int_equal(h->n_saved, 1);
}

static void test_merge_edges(void **state)
{
	struct reader_state empty = {0}, a = {0}, b = {0};
	teach(&a, EVENT_READ, START_MS, TAG, 3000);
	struct reader_state kept = a;
	profile_merge(config, &a.profile, &a.history, &empty.profile, &empty.history);
	assert_same_state(&a, &kept);
	profile_merge(config, &b.profile, &b.history, &a.profile, &a.history);
	assert_same_state(&b, &a);
	/* Ten years apart, either way: what is left of the older is nothing, and the newer is whole. */
	for (int turn = 0; turn < 2; turn++) {
		struct reader_state old = {0}, new = {0};
		teach(&old, EVENT_LIKE, START_MS, TAG, 4096);
		teach(&new, EVENT_LIKE, START_MS + 3650 * DAY_MS, TAG2, 4096);
		struct reader_state *into = turn ? &old : &new, *from = turn ? &new : &old;
		profile_merge(config, &into->profile, &into->history, &from->profile, &from->history);
		assert_int_equal(into->profile.n_topics, 1);
		assert_interest(&into->profile, TAG2, START_MS + 3650 * DAY_MS, 3, 3);
	}
	/* Of the same minute ours stand first. */
	struct reader_state ours = {0}, theirs = {0};
	act(&ours, EVENT_CLICK, 1, START_MS);
	act(&theirs, EVENT_CLICK, 2, START_MS);
	profile_merge(config, &ours.profile, &ours.history, &theirs.profile, &theirs.history);
	assert_true(ours.history.n_reads == 2 && ours.history.reads[0].article == 1);
	/* Two full lists of different topics: as many as there is room for, the strongest. */
	struct reader_state x = {0}, y = {0};
	for (uint32_t i = 0; i < 100; i++) {
		teach(&x, EVENT_CLICK, START_MS, TAG + i, (int16_t)(100 + 2 * i));
		teach(&y, EVENT_CLICK, START_MS, TAG + 1000 + i, (int16_t)(101 + 2 * i));
	}
	profile_merge(config, &x.profile, &x.history, &y.profile, &y.history);
	assert_int_equal(x.profile.n_topics, 100);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(x.profile.topics[i].topic, i < 50 ? TAG + 50 + i : TAG + 1000 + i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gains),
		cmocka_unit_test(test_decay_by_hand),
		cmocka_unit_test(test_late_event),
		cmocka_unit_test(test_far_jump),
		cmocka_unit_test(test_reference_moves_exactly),
		cmocka_unit_test(test_powers),
		cmocka_unit_test(test_set_interest),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_taught_before_newcomers),
		cmocka_unit_test(test_read_order),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_list_limits),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_merge_edges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
