/* An ensemble's score and reasons are the weighted sums of its members', each with what it has learnt by now; one whose
 * member is missing is refused; and models that change place and shape under readers' feet are never mixed up. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/engine/fixture.h"

enum { ARTICLES = 30, READERS = 4, ROUNDS = 12 };

#define HEAD(name, kind) "{\"name\":\"" name "\",\"version\":\"1\",\"kind\":\"" kind "\",\"weights\":{\"age\":-0.4,\"fresh\":1,\"topic_short\":1}"
#define TREES "{\"learner\":{\"feature_names\":[\"z_age\",\"c_seen\",\"z_stage_one\"]," \
	"\"learner_model_param\":{\"base_score\":\"0.5\",\"num_class\":\"0\",\"num_feature\":\"3\"}," \
	"\"objective\":{\"name\":\"rank:pairwise\"},\"gradient_booster\":{\"name\":\"gbtree\",\"model\":{\"trees\":[" \
	"{\"left_children\":[1,-1,3,-1,-1],\"right_children\":[2,-1,4,-1,-1],\"split_indices\":[0,0,1,0,0]," \
	"\"split_conditions\":[0.1,1,0.25,2,3],\"sum_hessian\":[4,1,3,2,1]}," \
	"{\"left_children\":[1,-1,-1],\"right_children\":[2,-1,-1],\"split_indices\":[2,0,0]," \
	"\"split_conditions\":[-0.2,-1,0.75],\"sum_hessian\":[4,1,3]}]}}}}"
static const char online[] = HEAD("a", "online") ",\"learn\":{\"rate\":0.5,\"g0\":1,\"delay_s\":60,\"crosses\":{}}}";
static const char mlp[] = HEAD("b", "mlp") ",\"shortlist\":{\"prior\":{\"stage_one\":1},\"without\":[\"head_to_head\"]},"
	"\"learn\":{\"hidden\":8,\"delay_s\":120}}";
static const char mlp_wider[] = HEAD("b", "mlp") ",\"learn\":{\"hidden\":64}}";
static const char trees[] = HEAD("t", "gbdt") ",\"checksum\":\"sha256:c952b2a62217177bcd8251085ac30a8b5220ea2daefa736d443803f3a1c7d3d5\",\"trees\":" TREES "}";
static const char mixed[] = HEAD("mix", "ensemble") ",\"members\":[{\"model\":\"b\",\"weight\":0.75},"
	"{\"model\":\"t\",\"weight\":-0.5},{\"model\":\"a\",\"weight\":2}]}";
static const char mixed_alone[] = HEAD("mix", "online") ",\"learn\":{\"crosses\":{}}}", spare[] = HEAD("c", "online") "}";
static const double weights[] = {2, 0.75, -0.5}; /* of a, b, t */
static const char *const members[] = {"a", "b", "t"};

#define TEXT(json) {{"file", 4}, {json, sizeof(json) - 1}}
static const struct engine_model_text all[] = {TEXT(mixed), TEXT(online), TEXT(mlp), TEXT(trees)},
                                      turned[] = {TEXT(mlp_wider), TEXT(trees), TEXT(mixed), TEXT(online), TEXT(spare)},
                                      fewer[] = {TEXT(mixed_alone)};

static struct fixture site;

static void publish(struct fixture *f)
{
	for (unsigned i = 0; i < ARTICLES; i++) {
		struct span topics[] = {arena_printf(&f->arena, "t%u", i % 5)};
		struct article a = {.id = arena_printf(&f->arena, "article-%u", i),
		                    .title = arena_printf(&f->arena, "alpha%u beta%u gamma%u", i, i * 7, i * 13),
		                    .language = SPAN("en"), .topics = topics, .n_topics = 1, .boost = 1,
		                    .published_at_ms = f->now_ms - (int64_t)i * 3600000};
		struct article_result result;
		assert_int_equal(fixture_ingest(f, &a, 1, &result), 0);
		assert_int_equal(result.outcome, ARTICLE_CREATED);
	}
}

static void get_feed(struct fixture *f, const char *model, struct span user, struct feed *out)
{
	struct feed_request request = {.user_id = user, .limit = 20, .explain = true, .model = span_of(model),
	                               .now_ms = f->now_ms};
	engine_wake(f->worker);
	assert_int_equal(engine_feed(f->worker, &f->arena, &request, out), FEED_OK);
	engine_idle(f->worker);
}

/* Feeds that readers see and open something of, until their slates have taught the models. */
static void teach(struct fixture *f)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct feed feed;
		struct span user = arena_printf(&f->arena, "reader-%u", round % READERS);
		get_feed(f, "mix", user, &feed);
		assert_true(feed.n_items > 3);
		struct event events[21];
		struct event_result results[21];
		for (size_t i = 0; i <= feed.n_items; i++) {
			size_t at = i < feed.n_items ? i : 1 + round % 3;
			events[i] = (struct event){.user_id = user, .article_id = arena_copy(&f->arena, feed.items[at].article_id),
			                           .type = i < feed.n_items ? EVENT_IMPRESSION : EVENT_CLICK,
			                           .feed_id = arena_copy(&f->arena, span_of(feed.feed_id)), .dwell_s = -1, .scroll = -1};
		}
		assert_int_equal(fixture_record(f, events, feed.n_items + 1, results), 0);
		fixture_tick(f, f->now_ms + 130000);
		fixture_tick(f, f->now_ms + 1000);
	}
}

static int try_score(struct fixture *f, const char *model, double out[ARTICLES])
{
	struct feed_request request = {.user_id = SPAN("reader-1"), .limit = 1, .model = span_of(model), .now_ms = f->now_ms};
	struct span ids[ARTICLES];
	for (unsigned i = 0; i < ARTICLES; i++)
		ids[i] = arena_printf(&f->arena, "article-%u", i);
	engine_wake(f->worker);
	int r = engine_score(f->worker, &f->arena, &request, ids, ARTICLES, out, NULL, NULL);
	engine_idle(f->worker);
	return r;
}

static void score(struct fixture *f, const char *model, double out[ARTICLES])
{
	assert_int_equal(try_score(f, model, out), 0);
}

static double part_of(const struct feed *feed, struct span article, const char *code)
{
	double sum = 0;
	for (size_t i = 0; i < feed->n_items; i++)
		for (size_t k = 0; span_equal(feed->items[i].article_id, article) && k < feed->items[i].n_reasons; k++)
			if (strcmp(feed->items[i].reasons[k].code, code) == 0)
				sum += feed->items[i].reasons[k].contribution;
	return sum;
}

static bool has(const struct feed *feed, struct span article)
{
	for (size_t i = 0; i < feed->n_items; i++)
		if (span_equal(feed->items[i].article_id, article))
			return true;
	return false;
}

static void check_reasons(struct fixture *f)
{
	static const char *const codes[] = {"base", "ctr_12h", "lift_1h", "seen", "similar_top", "cross_story", "cross_word"};
	struct feed mix, own[3];
	size_t n_compared = 0, n_told = 0;
	get_feed(f, "mix", SPAN("reader-1"), &mix);
	for (size_t k = 0; k < 3; k++)
		get_feed(f, members[k], SPAN("reader-1"), &own[k]);
	for (size_t i = 0; i < mix.n_items; i++) {
		const struct feed_item *item = &mix.items[i];
		double sum = 0;
		for (size_t k = 0; k < item->n_reasons; k++)
			sum += item->reasons[k].contribution;
		assert_true(fabs(sum - item->score) <= 1e-4 * fmax(1, fabs(item->score)));
		if (!has(&own[0], item->article_id) || !has(&own[1], item->article_id) || !has(&own[2], item->article_id))
			continue;
		n_compared++;
		for (size_t c = 1; c < sizeof(codes) / sizeof(codes[0]); c++) {
			double expected = 0, got = part_of(&mix, item->article_id, codes[c]);
			for (size_t k = 0; k < 3; k++)
				expected += weights[k] * part_of(&own[k], item->article_id, codes[c]);
			n_told += got != 0;
			if (fabs(got - expected) > 1e-5)
				fail_msg("%s: %.9g, members %.9g", codes[c], got, expected);
		}
	}
	assert_true(n_compared > 5);
	assert_true(n_told > 20);
}

static void check_sums(struct fixture *f, double out[ARTICLES])
{
	double own[3][ARTICLES];
	score(f, "mix", out);
	for (size_t k = 0; k < 3; k++)
		score(f, members[k], own[k]);
	for (size_t i = 0; i < ARTICLES; i++) {
		double expected = weights[0] * own[0][i] + weights[1] * own[1][i] + weights[2] * own[2][i];
		if (!(fabs(out[i] - expected) < 1e-6))
			fail_msg("article %zu: %.9g, members %.9g", i, out[i], expected);
	}
}

static void sums_of_members(void **state)
{
	struct engine_problem problem;
	double before[ARTICLES], after[ARTICLES];
	bool moved = false;
	fixture_new(&site);
	fixture_open(&site);
	assert_int_equal(engine_set_models(site.engine, all, 4, &problem), 0);
	publish(&site);
	check_sums(&site, before);
	teach(&site);
	check_sums(&site, after);
	for (size_t i = 0; i < ARTICLES; i++)
		moved = moved || fabs(after[i] - before[i]) > 0.01;
	assert_true(moved);
	check_reasons(&site);
	/* Models that keep their shape keep what they learnt, wherever they stand now. */
	const struct engine_model_text moved_about[] = {all[3], all[2], all[0], all[1]};
	assert_int_equal(engine_set_models(site.engine, moved_about, 4, &problem), 0);
	check_sums(&site, before);
	for (size_t i = 0; i < ARTICLES; i++)
		assert_true(before[i] == after[i]);
	fixture_free(&site);
}

static void refused(void **state)
{
	static const char of_itself[] = HEAD("loop", "ensemble") ",\"members\":[{\"model\":\"mix\",\"weight\":1}]}";
	static const struct {
		struct engine_model_text texts[3];
		size_t n;
		const char *named;
	} cases[] = {
		{{TEXT(online), TEXT(mlp), TEXT(mixed)}, 3, "/members/1/model there is no model t"},
		{{TEXT(mixed), TEXT(mlp), TEXT(trees)}, 3, "/members/2/model there is no model a"},
		{{TEXT(of_itself), TEXT(mixed)}, 2, "/members/0/model mix is an ensemble"},
	};
	struct engine_problem problem;
	double scores[ARTICLES];
	fixture_new(&site);
	fixture_open(&site);
	publish(&site);
	assert_int_equal(engine_set_models(site.engine, all, 4, &problem), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(engine_set_models(site.engine, cases[i].texts, cases[i].n, &problem), 1);
		if (!strstr(problem.text, cases[i].named))
			fail_msg("\"%s\" does not say \"%s\"", problem.text, cases[i].named);
		check_sums(&site, scores); /* those before are still there */
	}
	fixture_free(&site);
}

/* ---- swaps ---- */

static _Atomic bool swapping;
static _Atomic unsigned n_wrong;

/* "mix" is there in every set, of two kinds and at three places; "b" is not there in one. */
static void *score_on(void *arg)
{
	struct fixture f;
	fixture_join(&f, &site);
	while (atomic_load(&swapping)) {
		double scores[ARTICLES] = {0};
		bool fine = try_score(&f, "mix", scores) == 0;
		for (unsigned i = 0; i < ARTICLES; i++)
			fine = fine && isfinite(scores[i]);
		int r = try_score(&f, "b", scores);
		atomic_fetch_add(&n_wrong, !fine || (r != 0 && r != FEED_UNKNOWN_MODEL));
		fixture_forget(&f);
	}
	fixture_leave(&f);
	return NULL;
}

static void swapped_under_readers(void **state)
{
	pthread_t readers[2];
	struct fixture desk;
	struct engine_problem problem;
	double scores[ARTICLES];
	const struct {
		const struct engine_model_text *texts;
		size_t n;
	} sets[] = {{turned, 5}, {fewer, 1}, {all, 4}};
	fixture_new(&site);
	fixture_open(&site);
	assert_int_equal(engine_set_models(site.engine, all, 4, &problem), 0);
	publish(&site);
	fixture_join(&desk, &site);
	atomic_store(&swapping, true);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, score_on, NULL), 0);
	for (int i = 0; i < 240; i++) {
		assert_int_equal(engine_set_models(site.engine, sets[i % 3].texts, sets[i % 3].n, &problem), 0);
		fixture_tick(&desk, desk.now_ms + 1000);
	}
	atomic_store(&swapping, false);
	fixture_leave(&desk);
	for (int i = 0; i < 2; i++)
		pthread_join(readers[i], NULL);
	assert_int_equal(n_wrong, 0);
	assert_int_equal(engine_set_models(site.engine, all, 4, &problem), 0);
	check_sums(&site, scores);
	fixture_free(&site);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(sums_of_members), cmocka_unit_test(refused),
	                                   cmocka_unit_test(swapped_under_readers)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
