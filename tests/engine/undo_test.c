/* Undo's oracle: a store that got events and undid some shows bit for bit what a store shows that never got them, over
 * random histories with restarts and checkpoints at random places. UNDO_SEED and UNDO_ROUNDS in the environment repeat
 * or lengthen a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "tests/engine/history.h"

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	return text ? strtoull(text, NULL, 10) : otherwise;
}

/* A restart or a checkpoint, sometimes. */
static void disturb(struct fixture *f, struct rng *rng)
{
	if (rng_below(rng, 40) == 0) {
		fixture_flush(f, true);
	} else if (rng_below(rng, 60) == 0) {
		fixture_close(f);
		fixture_open(f);
	}
}

static void compare(struct site *s, struct fixture *a, struct fixture *b, const char *when)
{
	char what[128];
	for (unsigned user = 0; user < s->config.n_users; user++) {
		snprintf(what, sizeof(what), "seed %llu, %s, reader-%u", (unsigned long long)s->config.seed, when, user);
		fixture_same(fixture_picture(a, site_user(a, user)), fixture_picture(b, site_user(b, user)), what);
	}
	snprintf(what, sizeof(what), "seed %llu, %s, trending", (unsigned long long)s->config.seed, when);
	fixture_same(fixture_trending(a), fixture_trending(b), what);
	fixture_forget(a);
	fixture_forget(b);
}

static void reopen(struct fixture *f)
{
	fixture_close(f);
	fixture_check(f);
	fixture_open(f);
}

static size_t check_history(const struct history_config *config)
{
	static struct site s;
	struct fixture undoes, never;
	struct rng rng;
	size_t n_undone = 0;
	rng_seed(&rng, config->seed ^ 0x9e3779b97f4a7c15);
	site_make(&s, config);
	fixture_new(&undoes);
	fixture_open(&undoes);
	for (size_t i = 0; i < s.n_steps; i++) {
		site_play(&s, i, &undoes);
		disturb(&undoes, &rng);
	}
	fixture_new(&never);
	fixture_open(&never);
	for (size_t i = 0; i < s.n_steps; i++) {
		if (s.steps[i].kind == STEP_UNDO || s.steps[i].undone) {
			n_undone += s.steps[i].undone;
			continue;
		}
		site_play(&s, i, &never);
		disturb(&never, &rng);
	}
	compare(&s, &undoes, &never, "at the end");
	reopen(&undoes);
	compare(&s, &undoes, &never, "after a restart of the first");
	reopen(&never);
	compare(&s, &undoes, &never, "after a restart of both");
	fixture_free(&undoes);
	fixture_free(&never);
	return n_undone;
}

static void undone_is_as_never_come(void **state)
{
	uint64_t seed = setting("UNDO_SEED", 1), rounds = setting("UNDO_ROUNDS", 12);
	size_t n_undone = 0;
	for (uint64_t i = 0; i < rounds; i++)
		n_undone += check_history(&(struct history_config){.seed = seed + i, .n_articles = 40, .n_users = 3, .n_steps = 250,
		                                                   .undo_percent = 12});
	assert_true(n_undone > rounds);
}

static void merged_readers_too(void **state)
{
	uint64_t seed = setting("UNDO_SEED", 1), rounds = setting("UNDO_ROUNDS", 12) / 3;
	for (uint64_t i = 0; i < rounds; i++)
		check_history(&(struct history_config){.seed = 1000 + seed + i, .n_articles = 40, .n_users = 5, .n_steps = 250,
		                                       .undo_percent = 12, .merges = true});
}

/* More reads, shown stories and topics than a reader keeps: an undo brings back what the undone event had pushed out. */
static void what_was_pushed_out_returns(void **state)
{
	uint64_t seed = setting("UNDO_SEED", 1), rounds = setting("UNDO_ROUNDS", 12) / 6;
	for (uint64_t i = 0; i < rounds; i++)
		check_history(&(struct history_config){.seed = 2000 + seed + i, .n_articles = 360, .n_users = 1, .n_steps = 700,
		                                       .undo_percent = 10});
}

/* What a process that is killed leaves to the next: it goes in memory that both have. */
struct shared {
	struct site site;
	size_t first, end; /* of the steps to play */
	struct rng rng;
};

/* A few steps, with a checkpoint now and then. What articles say of how frequent words are is known as of the last
 * checkpoint only, so there is one behind each. */
static void play_some(struct fixture *f, void *ctx)
{
	struct shared *shared = ctx;
	for (size_t i = shared->first; i < shared->end; i++) {
		enum step_kind kind = shared->site.steps[i].kind;
		site_play(&shared->site, i, f);
		if (kind == STEP_ARTICLE || kind == STEP_DELETE || rng_below(&shared->rng, 60) == 0)
			fixture_flush(f, true);
	}
}

/* Killed again and again, with views so small that checkpoints press, or so large that they never do: what no checkpoint
 * holds is found in the log's tail. Compared with a store that never got what was undone, and was never killed. */
static void killed_on_the_way(void **state)
{
	uint64_t seed = setting("UNDO_SEED", 1), rounds = setting("UNDO_ROUNDS", 12) / 2;
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(shared, MAP_FAILED);
	for (uint64_t i = 0; i < rounds; i++) {
		struct history_config config = {.seed = 3000 + seed + i, .n_articles = 25, .n_users = 3, .n_steps = 300,
		                                .undo_percent = 15};
		struct fixture killed, never;
		rng_seed(&shared->rng, config.seed);
		site_make(&shared->site, &config);
		fixture_new(&killed);
		killed.config.views_max = i % 2 ? 20 : 1 << 18;
		for (shared->first = 0; shared->first < shared->site.n_steps; shared->first = shared->end) {
			shared->end = shared->first + 1 + rng_below(&shared->rng, 50);
			if (shared->end > shared->site.n_steps)
				shared->end = shared->site.n_steps;
			fixture_live_and_die(&killed, play_some, shared);
		}
		fixture_check(&killed);
		fixture_open(&killed);
		fixture_new(&never);
		fixture_open(&never);
		for (size_t s = 0; s < shared->site.n_steps; s++)
			if (shared->site.steps[s].kind != STEP_UNDO && !shared->site.steps[s].undone)
				site_play(&shared->site, s, &never);
		compare(&shared->site, &killed, &never, "after the last start");
		reopen(&killed);
		compare(&shared->site, &killed, &never, "after one more");
		fixture_free(&killed);
		fixture_free(&never);
	}
	munmap(shared, sizeof(*shared));
}

static void click(struct fixture *f, const char *id)
{
	struct event e = {.id = span_of(id), .user_id = SPAN("someone"), .article_id = SPAN("article-1"), .type = EVENT_CLICK,
	                  .dwell_s = -1, .scroll = -1};
	struct event_result result;
	assert_int_equal(fixture_record(f, &e, 1, &result), 0);
	assert_int_equal(result.outcome, EVENT_ACCEPTED);
}

static void click_once(struct fixture *f, void *ctx)
{
	struct site *s = ctx;
	for (size_t i = 0; i < s->n_steps; i++)
		site_play(s, i, f);
	click(f, "first");
	fixture_flush(f, true);
}

static void undo_it(struct fixture *f, void *ctx)
{
	assert_int_equal(fixture_undo(f, SPAN("first")), UNDO_DONE);
}

/* The checkpoint has it that the reader's click counted, the tail that it was undone: so the next click counts. */
static void an_undo_in_the_tail_lets_count_again(void **state)
{
	static struct site s;
	struct fixture killed, never;
	site_make(&s, &(struct history_config){.seed = 1, .n_articles = 4, .n_users = 1});
	fixture_new(&killed);
	fixture_live_and_die(&killed, click_once, &s);
	fixture_live_and_die(&killed, undo_it, NULL);
	fixture_open(&killed);
	assert_int_equal(fixture_undo(&killed, SPAN("first")), UNDO_ALREADY);
	click(&killed, "second");
	fixture_new(&never);
	fixture_open(&never);
	for (size_t i = 0; i < s.n_steps; i++)
		site_play(&s, i, &never);
	click(&never, "second");
	fixture_same(fixture_trending(&killed), fixture_trending(&never), "trending");
	fixture_free(&killed);
	fixture_free(&never);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(undone_is_as_never_come),
		cmocka_unit_test(merged_readers_too),
		cmocka_unit_test(what_was_pushed_out_returns),
		cmocka_unit_test(killed_on_the_way),
		cmocka_unit_test(an_undo_in_the_tail_lets_count_again),
	};
	printf("seed %llu\n", (unsigned long long)setting("UNDO_SEED", 1));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
