/* Erase: afterwards the reader is as unknown as one never seen, everybody else is as before, a crash on the way is made
 * good at the next start, and a compacted copy has not a byte of the id. */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/engine/history.h"

static bool is_in_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "rb");
	assert_non_null(file);
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	size_t n = (size_t)ftell(file);
	rewind(file);
	char *bytes = malloc(n);
	assert_int_equal(fread(bytes, 1, n, file), n);
	fclose(file);
	bool found = memmem(bytes, n, text, strlen(text)) != NULL;
	free(bytes);
	return found;
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *at)
{
	return remove(path);
}

/* The id is nowhere in a compacted copy. The engine is closed. */
static void check_copy(struct fixture *f, const char *id)
{
	struct engine_problem problem;
	char to[sizeof(f->dir) + 8], data[sizeof(to) + 16];
	snprintf(to, sizeof(to), "%s-copy", f->dir);
	snprintf(data, sizeof(data), "%s/data.mdb", to);
	int r = engine_compact_dir(f->dir, to, &problem);
	if (r != 0)
		fail_msg("compact: %s", r == 1 ? problem.text : strerror(-r));
	assert_false(is_in_file(data, id));
	r = engine_check_dir(to, NULL, NULL, &problem);
	if (r != 0)
		fail_msg("check of the copy: %s", problem.text);
	assert_int_equal(nftw(to, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void erased_is_as_never_seen(void **state)
{
	static struct site s;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		struct fixture f;
		struct rng rng;
		char before[3][1 << 17];
		rng_seed(&rng, seed);
		site_make(&s, &(struct history_config){.seed = 3000 + seed, .n_articles = 40, .n_users = 4, .n_steps = 250,
		                                       .undo_percent = 5});
		fixture_new(&f);
		fixture_open(&f);
		for (size_t i = 0; i < s.n_steps; i++) {
			site_play(&s, i, &f);
			if (rng_below(&rng, 50) == 0)
				fixture_flush(&f, true);
		}
		for (unsigned user = 0; user < 3; user++) {
			struct span picture = fixture_picture(&f, site_user(&f, user));
			assert_true(picture.len < sizeof(before[user]));
			memcpy(before[user], picture.data, picture.len);
			before[user][picture.len] = '\0';
		}
		assert_false(span_equal(fixture_picture(&f, site_user(&f, 3)), fixture_picture(&f, SPAN("never-seen"))));
		assert_int_equal(fixture_erase(&f, site_user(&f, 3)), USER_DONE);
		for (int restarts = 0; restarts < 2; restarts++) {
			for (unsigned user = 0; user < 3; user++)
				fixture_same(fixture_picture(&f, site_user(&f, user)), span_of(before[user]), "another reader");
			fixture_same(fixture_picture(&f, site_user(&f, 3)), fixture_picture(&f, SPAN("never-seen")), "the erased");
			assert_int_equal(fixture_erase(&f, site_user(&f, 3)), USER_NOT_FOUND);
			fixture_forget(&f);
			fixture_close(&f);
			fixture_check(&f);
			check_copy(&f, "reader-3");
			fixture_open(&f);
		}
		fixture_free(&f);
	}
}

enum { CRASH_ARTICLES = 50, CRASH_BATCHES = 4, CRASH_BATCH = 1000 };
static const char crash_user[] = "someone-to-forget";

static void fill(struct fixture *f)
{
	static struct site s;
	site_make(&s, &(struct history_config){.seed = 1, .n_articles = CRASH_ARTICLES, .n_users = 1});
	for (size_t i = 0; i < s.n_steps; i++)
		site_play(&s, i, f);
	for (unsigned b = 0; b < CRASH_BATCHES; b++) {
		static struct event events[CRASH_BATCH];
		static struct event_result results[CRASH_BATCH];
		for (unsigned i = 0; i < CRASH_BATCH; i++)
			events[i] = (struct event){.id = arena_printf(&f->arena, "e-%u-%u", b, i), .user_id = span_of(crash_user),
			                           .article_id = arena_printf(&f->arena, "article-%u", i % CRASH_ARTICLES),
			                           .type = i % 2 ? EVENT_CLICK : EVENT_IMPRESSION, .dwell_s = -1, .scroll = -1};
		assert_int_equal(fixture_record(f, events, CRASH_BATCH, results), 0);
		fixture_forget(f);
	}
}

static void ignore_done(void *ctx, int status)
{
}

/* Begins to erase and is killed after a while. */
static void erase_and_die(struct fixture *f, useconds_t after_us)
{
	static enum user_outcome outcome;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		fixture_open(f);
		engine_wake(f->worker);
		if (engine_user_erase(f->worker, &f->arena, span_of(crash_user), f->now_ms, &outcome, ignore_done, NULL) < 0)
			_exit(1);
		engine_idle(f->worker);
		usleep(after_us);
		kill(getpid(), SIGKILL);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

static enum event_rejection click(struct fixture *f, struct span user)
{
	struct event e = {.user_id = user, .article_id = SPAN("article-1"), .type = EVENT_CLICK, .dwell_s = -1, .scroll = -1};
	struct event_result result;
	assert_int_equal(fixture_record(f, &e, 1, &result), 0);
	assert_true(result.outcome == EVENT_ACCEPTED || result.rejection == EVENT_USER_ERASING);
	return result.rejection;
}

static size_t n_reads(struct fixture *f, struct span user)
{
	const struct read_entry *reads;
	size_t n = 0;
	engine_wake(f->worker);
	assert_int_equal(engine_history(f->worker, &f->arena, user, false, &reads, &n), 0);
	engine_idle(f->worker);
	return n;
}

enum { NOT_BEGUN, HALF, DONE };

/* While half erased a reader's events are refused; what is begun comes to its end. */
static int ends_after_start(struct fixture *f)
{
	bool half = false;
	fixture_open(f);
	for (int tries = 0; click(f, span_of(crash_user)) == EVENT_USER_ERASING; tries++) {
		half = true;
		assert_true(tries < 20000);
		usleep(500);
	}
	if (!half && n_reads(f, span_of(crash_user)) > 1)
		return NOT_BEGUN;
	click(f, SPAN("another"));
	fixture_same(fixture_picture(f, span_of(crash_user)), fixture_picture(f, SPAN("another")), "the erased");
	return half ? HALF : DONE;
}

static void a_crash_on_the_way_is_made_good(void **state)
{
	unsigned n[3] = {0};
	for (unsigned i = 0; i < 12; i++) {
		struct fixture f;
		fixture_new(&f);
		fixture_open(&f);
		fill(&f);
		fixture_close(&f);
		erase_and_die(&f, i * i * 3000);
		fixture_check(&f);
		n[ends_after_start(&f)]++;
		fixture_close(&f);
		fixture_check(&f);
		fixture_open(&f);
		fixture_free(&f);
	}
	print_message("killed before it began: %u, half erased: %u, afterwards: %u\n", n[NOT_BEGUN], n[HALF], n[DONE]);
	assert_true(n[HALF] > 0);
}

/* Events of two readers, half of them in a checkpoint; one is erased, the other's stay. */
static void fill_and_erase(struct fixture *f, void *ctx)
{
	fill(f);
	fixture_flush(f, true);
	for (unsigned i = 0; i < CRASH_ARTICLES; i++) {
		struct event events[] = {
			{.id = arena_printf(&f->arena, "late-%u", i), .user_id = span_of(crash_user), .dwell_s = -1, .scroll = -1},
			{.id = arena_printf(&f->arena, "kept-%u", i), .user_id = SPAN("another"), .dwell_s = -1, .scroll = -1}};
		struct event_result results[2];
		for (int e = 0; e < 2; e++) {
			events[e].article_id = arena_printf(&f->arena, "article-%u", i);
			events[e].type = EVENT_CLICK;
		}
		assert_int_equal(fixture_record(f, events, 2, results), 0);
		assert_true(results[0].outcome == EVENT_ACCEPTED && results[1].outcome == EVENT_ACCEPTED);
	}
	assert_int_equal(fixture_erase(f, span_of(crash_user)), USER_DONE);
}

static enum event_outcome send(struct fixture *f, const char *id)
{
	struct event e = {.id = span_of(id), .user_id = SPAN("third"), .article_id = SPAN("article-1"), .type = EVENT_CLICK,
	                  .dwell_s = -1, .scroll = -1};
	struct event_result result;
	assert_int_equal(fixture_record(f, &e, 1, &result), 0);
	return result.outcome;
}

/* Nothing of the erased comes back out of memory, out of the log's tail, or with a checkpoint that is on its way. */
static void what_no_checkpoint_holds_is_erased_too(void **state)
{
	static const size_t views_max[] = {1 << 18, 30};
	for (size_t i = 0; i < 2; i++) {
		struct fixture f;
		fixture_new(&f);
		f.config.views_max = views_max[i];
		fixture_live_and_die(&f, fill_and_erase, NULL);
		fixture_check(&f);
		fixture_open(&f);
		for (int restarts = 0; restarts < 2; restarts++) {
			assert_int_equal(send(&f, "kept-7"), EVENT_DUPLICATE);
			assert_int_equal(send(&f, "late-7"), restarts ? EVENT_DUPLICATE : EVENT_ACCEPTED);
			assert_int_equal(send(&f, "e-0-7"), restarts ? EVENT_DUPLICATE : EVENT_ACCEPTED);
			fixture_forget(&f);
			fixture_close(&f);
			fixture_check(&f);
			fixture_open(&f);
		}
		fixture_free(&f);
	}
}

static void click_by(struct fixture *f, const char *user)
{
	struct event e = {.user_id = span_of(user), .article_id = SPAN("one"), .type = EVENT_CLICK, .dwell_s = -1, .scroll = -1};
	struct event_result result;
	assert_int_equal(fixture_record(f, &e, 1, &result), 0);
	assert_int_equal(result.outcome, EVENT_ACCEPTED);
}

/* ctx: room for what the trending list was when the process died. */
static void click_and_erase(struct fixture *f, void *ctx)
{
	struct article a = {.id = SPAN("one"), .title = SPAN("Lighthouse keeper retires"), .boost = 1,
	                    .published_at_ms = f->now_ms - 60000};
	struct article_result result;
	assert_int_equal(fixture_ingest(f, &a, 1, &result), 0);
	click_by(f, "stays");
	click_by(f, "goes");
	assert_int_equal(fixture_erase(f, SPAN("goes")), USER_DONE);
	struct span trending = fixture_trending(f);
	memcpy(ctx, trending.data, trending.len);
}

/* Sums stay whatever the server comes to: a click of an erased reader counts as much after a kill as before. */
static void sums_outlive_a_kill(void **state)
{
	enum { ROOM = 4096 };
	struct fixture f;
	char *before = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(before, MAP_FAILED);
	fixture_new(&f);
	fixture_live_and_die(&f, click_and_erase, before);
	fixture_open(&f);
	assert_true(strlen(before) > 0);
	fixture_same(fixture_trending(&f), span_of(before), "trending");
	fixture_free(&f);
	munmap(before, ROOM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(erased_is_as_never_seen),
		cmocka_unit_test(a_crash_on_the_way_is_made_good),
		cmocka_unit_test(what_no_checkpoint_holds_is_erased_too),
		cmocka_unit_test(sums_outlive_a_kill),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
