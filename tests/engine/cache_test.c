/* Readers in memory stay within their bound however many there are and however long checkpoints are put off: those beyond
 * it are written out and dropped, and are afterwards what they were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/engine/fixture.h"

enum { CACHED = 64, A_BATCH = 1000, BATCHES = 12 };

static const int64_t hour_ms = 3600 * 1000;

/* One event of each of A_BATCH readers, from number `first` on. */
static void record(struct fixture *f, unsigned first, enum event_type type)
{
	struct event *events = arena_calloc(&f->arena, A_BATCH, sizeof(*events));
	struct event_result *results = arena_calloc(&f->arena, A_BATCH, sizeof(*results));
	assert_true(events && results);
	for (unsigned i = 0; i < A_BATCH; i++)
		events[i] = (struct event){.user_id = arena_printf(&f->arena, "reader-%u", first + i), .article_id = SPAN("a"),
		                           .type = type, .dwell_s = -1, .scroll = -1};
	assert_int_equal(fixture_record(f, events, A_BATCH, results), 0);
	for (unsigned i = 0; i < A_BATCH; i++)
		assert_int_equal(results[i].outcome, EVENT_ACCEPTED);
}

static struct span picture(struct fixture *f, unsigned reader)
{
	char id[32];
	snprintf(id, sizeof(id), "reader-%u", reader);
	return fixture_picture(f, span_of(id));
}

static void test_bound(void **state)
{
	static const unsigned looked_at[] = {0, 63, 64, 999};
	struct fixture f;
	struct engine_stats stats;
	struct span before[4];
	struct arena kept = {0};
	fixture_new(&f);
	f.config.readers_cached = CACHED;
	f.config.checkpoint_interval_ms = (unsigned)(24 * hour_ms);
	fixture_open(&f);
	const struct article article = {.id = SPAN("a"), .title = SPAN("Pumps stand still in the hills"), .boost = 1,
	                                .section = SPAN("city"), .published_at_ms = f.now_ms - hour_ms};
	struct article_result result;
	assert_int_equal(fixture_ingest(&f, &article, 1, &result), 0);
	record(&f, 0, EVENT_CLICK);
	for (int i = 0; i < 4; i++)
		before[i] = arena_copy(&kept, picture(&f, looked_at[i]));
	for (unsigned b = 1; b < BATCHES; b++) {
		record(&f, b * A_BATCH, EVENT_CLICK);
		fixture_tick(&f, f.now_ms); /* the housekeeping behind the batch is over, and has counted */
		engine_stats(f.engine, &stats);
		assert_in_range(stats.n_readers_cached, 1, CACHED + A_BATCH);
		fixture_forget(&f);
	}
	assert_int_equal(stats.n_users, BATCHES * A_BATCH);
	for (int i = 0; i < 4; i++)
		fixture_same(before[i], picture(&f, looked_at[i]), "a reader that was dropped");
	/* The same readers again, in memory or not: what was dropped comes back as it was and goes on from there. */
	record(&f, 0, EVENT_LIKE);
	for (int i = 0; i < 4; i++)
		before[i] = arena_copy(&kept, picture(&f, looked_at[i]));
	fixture_close(&f);
	fixture_open(&f);
	for (int i = 0; i < 4; i++)
		fixture_same(before[i], picture(&f, looked_at[i]), "a reader after a restart");
	fixture_check(&f);
	fixture_free(&f);
	arena_free(&kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_bound)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
