/* Undo's oracle: a store that got events and undid some shows bit for bit what a store shows that never got them, over
 * random histories with restarts and checkpoints at random places. UNDO_SEED and UNDO_ROUNDS in the environment repeat
 * or lengthen a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(undone_is_as_never_come),
		cmocka_unit_test(merged_readers_too),
		cmocka_unit_test(what_was_pushed_out_returns),
	};
	printf("seed %llu\n", (unsigned long long)setting("UNDO_SEED", 1));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
