/* What a hot reader carries of its last impressions is what its chain in the log says, over random histories with
 * feeds, undos, merges, checkpoints and restarts between. LEAD_SEED in the environment repeats a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/core.h"
#include "tests/engine/history.h"

struct seen {
	size_t known, impressions, cut_short; /* how often the reader carried them; how many; with more than are kept */
};

static void compare(struct fixture *f, struct span user, struct rng *rng, struct seen *seen, uint64_t seed)
{
	struct engine_worker *w = f->worker;
	struct lead_entry carried[LEAD_KEPT + 4], walked[LEAD_KEPT + 4];
	const struct reader *reader;
	size_t n_carried, n_walked;
	engine_wake(w);
	assert_int_equal(store_read_renew(w->txn), 0);
	assert_int_equal(readers_get(w->engine->readers, w->txn, user, w->reader, &reader), 0);
	for (int i = 0; reader && i < 4; i++) {
		size_t most = 1 + rng_below(rng, LEAD_KEPT + 4);
		int64_t now_ms = f->now_ms + (int64_t)rng_below(rng, 4) * 9 * 60000;
		assert_int_equal(lead_find(reader, w->txn, &f->arena, now_ms, most, carried, &n_carried), 0);
		assert_int_equal(lead_walk(w->txn, &f->arena, reader->chain_head, now_ms, most, walked, &n_walked), 0);
		if (n_carried != n_walked)
			fail_msg("seed %llu: carries %zu, not %zu", (unsigned long long)seed, n_carried, n_walked);
		for (size_t k = 0; k < n_walked; k++)
			if (carried[k].article != walked[k].article || carried[k].received_ms != walked[k].received_ms)
				fail_msg("seed %llu: impression %zu is of %u, not %u", (unsigned long long)seed, k, carried[k].article,
				         walked[k].article);
		seen->known += reader->lead.known && most <= LEAD_KEPT;
		seen->impressions += reader->lead.known ? n_walked : 0;
		seen->cut_short += reader->lead.known && reader->lead.n == LEAD_KEPT;
	}
	engine_idle(w);
}

/* A feed is looked through: some impressions, a click now and then; or so much else is reported that the impressions
 * before it are out of reach. */
static void look_through(struct fixture *f, const struct history_config *config, struct span user, struct rng *rng)
{
	enum { MOST = 150 };
	struct event events[MOST];
	struct event_result results[MOST];
	bool clicks = rng_below(rng, 5) == 0;
	size_t n = 1 + rng_below(rng, clicks ? MOST : 30);
	for (size_t i = 0; i < n; i++)
		events[i] = (struct event){.user_id = user,
		                           .type = !clicks && rng_below(rng, 5) ? EVENT_IMPRESSION : EVENT_CLICK,
		                           .article_id = arena_printf(&f->arena, "article-%u",
		                                                      (unsigned)rng_below(rng, config->n_articles)),
		                           .dwell_s = -1, .scroll = -1};
	assert_int_equal(fixture_record(f, events, n, results), 0);
}

static void check_history(const struct history_config *config, struct seen *seen)
{
	static struct site s;
	struct fixture f;
	struct rng rng;
	rng_seed(&rng, config->seed ^ 0x1ead);
	site_make(&s, config);
	fixture_new(&f);
	fixture_open(&f);
	for (size_t i = 0; i < s.n_steps; i++) {
		site_play(&s, i, &f);
		struct span user = site_user(&f, (unsigned)rng_below(&rng, config->n_users));
		if (rng_below(&rng, 6) == 0) {
			fixture_picture(&f, user); /* asks for a feed */
			fixture_flush(&f, rng_below(&rng, 8) == 0);
		} else if (rng_below(&rng, 12) == 0) {
			look_through(&f, config, user, &rng);
		} else if (rng_below(&rng, 80) == 0) {
			fixture_close(&f);
			fixture_open(&f);
		}
		compare(&f, user, &rng, seen, config->seed);
		fixture_forget(&f);
	}
	fixture_free(&f);
}

static void carried_is_walked(void **state)
{
	const char *text = getenv("LEAD_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 10) : 1;
	struct seen seen = {0};
	printf("seed %llu\n", (unsigned long long)seed);
	for (uint64_t i = 0; i < 6; i++)
		check_history(&(struct history_config){.seed = seed + i, .n_articles = 60, .n_users = 1 + (unsigned)i, .n_steps = 400,
		                                       .undo_percent = i % 2 ? 5 : 1, .merges = i == 4}, &seen);
	printf("carried %zu times, %zu impressions, %zu times as many as are kept\n", seen.known, seen.impressions,
	       seen.cut_short);
	assert_true(seen.known > 100 && seen.impressions > 100 && seen.cut_short > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(carried_is_walked)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
