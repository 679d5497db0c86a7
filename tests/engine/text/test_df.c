#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "tests/engine/text/fixture.h"

static const int64_t start_ms = INT64_C(1700000000000), half_life_ms = INT64_C(30) * 24 * 3600 * 1000;

static struct text_df *new_df(void)
{
	struct text_df *df;
	assert_int_equal(text_df_new(&df), 0);
	return df;
}

/* Adds one article with this title n times. */
static void add_title(struct fixture *f, struct text_df *df, const char *title, int n, int64_t at_ms)
{
	struct article a = {.title = span_of(title), .language = SPAN("en")};
	struct text_analysis found = analyse(f, &a, df, at_ms);
	for (int i = 0; i < n; i++)
		text_df_add(df, found.terms, found.n_terms, at_ms);
}

/* The ratio of the weights of the terms "alpha" and "beta" in a title that has each once. */
static double alpha_to_beta(struct fixture *f, const struct text_df *df, int64_t at_ms)
{
	struct article a = {.title = SPAN("Alpha beta"), .language = SPAN("en")};
	struct text_analysis found = analyse(f, &a, df, at_ms);
	return weight_of(&found, "term:alpha") / weight_of(&found, "term:beta");
}

static void rare_terms_weigh_more(void **state)
{
	struct fixture *f = *state;
	struct text_df *df = new_df();
	/* idf = ln(1 + (n + 1000) / (df + 1)). n = 10: alpha in 9 gives ln(102) = 4.624973, beta in 1 ln(506) = 6.226537. */
	assert_float_equal(alpha_to_beta(f, NULL, start_ms), 1, 1e-6);
	assert_float_equal(alpha_to_beta(f, df, start_ms), 1, 1e-6);
	add_title(f, df, "alpha", 9, start_ms);
	add_title(f, df, "beta", 1, start_ms);
	assert_float_equal(alpha_to_beta(f, df, start_ms), 4.624973 / 6.226537, 1e-5);
	/* Another language has its own counts. */
	struct article a = {.title = SPAN("Alpha beta"), .language = SPAN("sw")};
	struct text_analysis found = analyse(f, &a, df, start_ms);
	assert_float_equal(weight_of(&found, "term:alpha"), weight_of(&found, "term:beta"), 1e-6);
	text_df_free(df);
}

static void counts_halve_in_thirty_days(void **state)
{
	struct fixture *f = *state;
	struct text_df *df = new_df();
	add_title(f, df, "alpha", 1, start_ms);
	/* After one half-life n = df = 0.5: alpha ln(1 + 1000.5 / 1.5) = ln(668) = 6.504288, beta ln(1001.5) = 6.909254. */
	assert_float_equal(alpha_to_beta(f, df, start_ms + half_life_ms), 6.504288 / 6.909254, 1e-5);
	/* Sixty more half-lives, past the change of reference time: nothing is left of it. */
	add_title(f, df, "gamma", 1, start_ms + 61 * half_life_ms);
	assert_float_equal(alpha_to_beta(f, df, start_ms + 61 * half_life_ms), 1, 1e-6);
	/* What is added after it counts as before: n = 2, beta in 1: ln(1 + 1002 / 2) = ln(502) = 6.218600, alpha ln(1003) = 6.910751. */
	add_title(f, df, "beta", 1, start_ms + 61 * half_life_ms);
	assert_float_equal(alpha_to_beta(f, df, start_ms + 61 * half_life_ms), 6.910751 / 6.218600, 1e-5);
	text_df_free(df);
}

static void odd_times_do_no_harm(void **state)
{
	struct fixture *f = *state;
	static const int64_t times[] = {0, 1, -5, INT64_MAX, start_ms, INT64_MIN, INT64_MAX};
	struct text_df *df = new_df();
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		uint32_t term = 7;
		text_df_add(df, &term, 1, times[i]);
		for (size_t k = 0; k < sizeof(times) / sizeof(times[0]); k++)
			assert_true(isfinite(alpha_to_beta(f, df, times[k])));
	}
	text_df_free(df);
}

static struct span take_copy(struct fixture *f, const void *bytes, size_t n)
{
	return arena_copy(&f->arena, (struct span){bytes, n});
}

static void what_is_saved_loads(void **state)
{
	struct fixture *f = *state;
	struct text_df *df = new_df(), *copy = new_df();
	uint8_t header[TEXT_DF_HEADER_BYTES], block[TEXT_DF_BLOCK_BYTES];
	add_title(f, df, "alpha gamma delta", 9, start_ms);
	add_title(f, df, "beta", 2, start_ms + half_life_ms / 3);
	text_df_save_header(df, header);
	assert_int_equal(text_df_load_header(copy, take_copy(f, header, sizeof(header))), 0);
	int n_blocks = 0;
	for (int b; (b = text_df_take_block(df, block)) >= 0; n_blocks++)
		assert_int_equal(text_df_load_block(copy, (unsigned)b, take_copy(f, block, sizeof(block))), 0);
	/* Five terms and the language, two counters each at most. */
	assert_in_range(n_blocks, 1, 12);
	assert_int_equal(text_df_take_block(copy, block), -1);
	int64_t later = start_ms + half_life_ms;
	assert_true(alpha_to_beta(f, df, later) == alpha_to_beta(f, copy, later));
	/* Taken blocks come again only when they change. */
	assert_int_equal(text_df_take_block(df, block), -1);
	add_title(f, df, "beta", 1, later);
	assert_true(text_df_take_block(df, block) >= 0);
	text_df_free(copy);
	text_df_free(df);
}

static void bad_bytes_are_refused(void **state)
{
	struct fixture *f = *state;
	struct text_df *df = new_df();
	float block[TEXT_DF_BLOCK_BYTES / 4] = {0};
	static const float bad[] = {NAN, INFINITY, -1};
	assert_int_equal(text_df_load_block(df, 0, take_copy(f, block, sizeof(block))), 0);
	assert_int_equal(text_df_load_block(df, 0, take_copy(f, block, sizeof(block) - 1)), 1);
	assert_int_equal(text_df_load_block(df, TEXT_DF_BLOCKS, take_copy(f, block, sizeof(block))), 1);
	assert_int_equal(text_df_load_header(df, take_copy(f, block, TEXT_DF_HEADER_BYTES)), 0);
	assert_int_equal(text_df_load_header(df, take_copy(f, block, TEXT_DF_HEADER_BYTES + 1)), 1);
	for (size_t i = 0; i < 3; i++) {
		block[77] = bad[i];
		assert_int_equal(text_df_load_block(df, 0, take_copy(f, block, sizeof(block))), 1);
		double header[4] = {0, (double)bad[i]};
		assert_int_equal(text_df_load_header(df, take_copy(f, header, sizeof(header))), 1);
	}
	text_df_free(df);
}

struct race {
	const struct text_df *df;
	atomic_bool *stop;
};

static void *read_while_it_changes(void *arg)
{
	struct race *race = arg;
	struct fixture f = {0};
	double sum = 0;
	if (text_new(&f.text))
		return NULL;
	do {
		struct article a = {.title = SPAN("Alpha beta"), .language = SPAN("en")};
		struct text_analysis found;
		if (text_analyse(f.text, &f.arena, &a, NULL, 0, race->df, start_ms, &found))
			break;
		sum += found.vector[0].weight;
		arena_reset(&f.arena);
	} while (!atomic_load(race->stop));
	text_free(f.text);
	arena_free(&f.arena);
	return isfinite(sum) ? race : NULL;
}

static void one_adds_while_others_read(void **state)
{
	struct fixture *f = *state;
	struct text_df *df = new_df();
	atomic_bool stop = false;
	struct race race = {df, &stop};
	pthread_t readers[2];
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_while_it_changes, &race), 0);
	for (int i = 0; i < 200; i++)
		add_title(f, df, "alpha gamma", 10, start_ms + i * half_life_ms); /* several changes of reference time */
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++) {
		void *answer;
		pthread_join(readers[i], &answer);
		assert_non_null(answer);
	}
	text_df_free(df);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rare_terms_weigh_more, set_up, tear_down),
		cmocka_unit_test_setup_teardown(counts_halve_in_thirty_days, set_up, tear_down),
		cmocka_unit_test_setup_teardown(odd_times_do_no_harm, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_saved_loads, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bad_bytes_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_adds_while_others_read, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
