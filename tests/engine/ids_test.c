/* An id is refused for seven days, counted by the day, and free again afterwards: beside a table of what was accepted when,
 * over many days, with checkpoints, restarts, kills, and a clock that a restart finds set back. IDS_SEED in the environment
 * repeats a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "tests/engine/history.h"

enum { N_IDS = 150, N_DAYS = 80, A_BATCH = 12 };
static const int64_t day_ms = 86400000;

/* In memory that the processes share. */
struct ids_model {
	struct rng rng;
	int64_t first_day;
	bool accepted[N_IDS][N_DAYS];
	unsigned n_duplicates, n_accepted;
};

static unsigned below(struct ids_model *m, unsigned n)
{
	return (unsigned)rng_below(&m->rng, n);
}

static bool is_duplicate(const struct ids_model *m, unsigned id, int64_t day)
{
	for (int64_t d = day > 7 ? day - 7 : 0; d <= day; d++)
		if (m->accepted[id][d])
			return true;
	return false;
}

static void send_batch(struct ids_model *m, struct fixture *f)
{
	struct event events[A_BATCH];
	struct event_result results[A_BATCH];
	unsigned ids[A_BATCH];
	int64_t day = f->now_ms / day_ms - m->first_day;
	assert_in_range(day, 0, N_DAYS - 1);
	for (unsigned i = 0; i < A_BATCH; i++) {
		ids[i] = below(m, N_IDS);
		events[i] = (struct event){.id = arena_printf(&f->arena, "id-%u", ids[i]), .type = EVENT_CLICK, .dwell_s = -1,
		                           .user_id = arena_printf(&f->arena, "reader-%u", below(m, 5)),
		                           .article_id = arena_printf(&f->arena, "article-%u", below(m, 4)), .scroll = -1};
	}
	assert_int_equal(fixture_record(f, events, A_BATCH, results), 0);
	for (unsigned i = 0; i < A_BATCH; i++) {
		bool duplicate = is_duplicate(m, ids[i], day);
		assert_int_equal(results[i].outcome, duplicate ? EVENT_DUPLICATE : EVENT_ACCEPTED);
		*(duplicate ? &m->n_duplicates : &m->n_accepted) += 1;
		m->accepted[ids[i]][day] |= !duplicate;
	}
	fixture_forget(f);
}

static void live(struct fixture *f, void *ctx)
{
	struct ids_model *m = ctx;
	bool longer = below(m, 3) == 0; /* than the engine needs to learn which days have what */
	for (unsigned n = longer ? 400 : 1 + below(m, 12); n > 0; n--) {
		send_batch(m, f);
		if (below(m, longer ? 50 : 6) == 0)
			fixture_flush(f, true);
		if (below(m, longer ? 50 : 4) == 0)
			fixture_tick(f, f->now_ms + (below(m, 10) ? (int64_t)below(m, 20) * 3600000 : below(m, 10) * day_ms));
	}
}

static void seven_days_by_the_day(void **state)
{
	const char *text = getenv("IDS_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 10) : 1;
	static struct site s;
	struct fixture f;
	struct ids_model *m = mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(m, MAP_FAILED);
	print_message("seed %llu\n", (unsigned long long)seed);
	rng_seed(&m->rng, seed);
	site_make(&s, &(struct history_config){.seed = 1, .n_articles = 4, .n_users = 1});
	fixture_new(&f);
	m->first_day = f.now_ms / day_ms;
	f.config.views_max = 100;
	fixture_open(&f);
	for (size_t i = 0; i < s.n_steps; i++)
		site_play(&s, i, &f);
	fixture_close(&f);
	while (f.now_ms / day_ms - m->first_day < N_DAYS - 40) {
		if (below(m, 2)) {
			fixture_live_and_die(&f, live, m);
		} else {
			fixture_open(&f);
			live(&f, m);
			fixture_close(&f);
		}
		fixture_check(&f);
		if (below(m, 8) == 0 && f.now_ms / day_ms - m->first_day > 10)
			f.now_ms -= (int64_t)below(m, 10) * day_ms;
	}
	print_message("%u accepted, %u duplicates\n", m->n_accepted, m->n_duplicates);
	assert_true(m->n_accepted > N_IDS && m->n_duplicates > N_IDS);
	fixture_open(&f);
	fixture_free(&f);
	munmap(m, sizeof(*m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seven_days_by_the_day),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
