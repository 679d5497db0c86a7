/* Each column of a shortlist against its formula worked out by hand, their inputs, and ranks by click-through. */
#include "tests/engine/learn/zeros.h"
#include "tests/engine/rank/columns_fixture.h"

/* ---- the columns ---- */

static void test_popularity(void **state)
{
	/* 9 clicks of 88 shows over all: g = (9 + 1) / (88 + 12) = .1 */
	static const double clicks[] = {1.386294361, 1.945910149, 2.302585093, 2.564949357, 2.772588722}, /* ln(1 + 3 h) */
		shows[] = {3.931825633, 4.615120517, 5.017279837, 5.303304908, 5.525452939},                  /* ln(1 + 50 h) */
		ctr[] = {-0.405465108, -0.451985124, -0.470003629, -0.479573080, -0.485507816}, /* ln((3 h + 1) / (5 h + 1)) */
		lift[] = {0.287682072, 0.336472237, 0.356674944, 0.367724780, 0.374693449};     /* ln((3 h + 1) / (2 h + 1)) */
	struct catalog_entry e = entry(1, 0, 0);
	e.boost = 2;
	e.premium = true;
	e.log_chars = 6.5f;
	publish(e);
	e = entry(2, 0, 0);
	e.published_ms = NOW_MS + HOUR_MS; /* of the future: as new as can be */
	publish(e);
	count(1, 3, 50, 2);
	signal(SIGNAL_ALL, 0, 0, 9, 88, 0, 0);
	signal(SIGNAL_TASTE, USER, 0, 2.5f, 5, 0, 0); /* 2.5 / (5 + 5) */
	const struct example *x = measure((const uint32_t[]){1, 2}, 2);
	for (int h = 0; h < N_HALF_LIVES; h++) {
		is(x, 0, COLUMN_CLICKS + h, clicks[h]);
		is(x, 0, COLUMN_SHOWS + h, shows[h]);
		is(x, 0, COLUMN_CTR + h, ctr[h]);
		is(x, 0, COLUMN_LIFT + h, lift[h]);
		is(x, 1, COLUMN_CLICKS + h, 0);
		is(x, 1, COLUMN_CTR + h, 0);
	}
	is(x, 0, COLUMN_AGE, 1.945910149);     /* ln 7 */
	is(x, 0, COLUMN_BOOST, 0.693147181);   /* ln 2 */
	is(x, 0, COLUMN_PREMIUM, 1);
	is(x, 0, COLUMN_LENGTH, 6.5);
	is(x, 0, COLUMN_STAGE_ONE, 1.5);
	is(x, 0, COLUMN_TASTE, -0.119893270);  /* .25 x -.479573080 */
	is(x, 1, COLUMN_AGE, 0);
	is(x, 1, COLUMN_BOOST, 0);
	is(x, 1, COLUMN_PREMIUM, 0);
	is(x, 1, COLUMN_LENGTH, 0);
	is(x, 1, COLUMN_STAGE_ONE, 0.5);
	count(2, 3, 1, 0); /* clicks beyond shows came from elsewhere: each is taken for a show at rate g */
	is(measure((const uint32_t[]){1, 2}, 2), 1, COLUMN_CTR, 0.254892250); /* ln((3 + 1) / ((1 + 2 / .1 + 10) .1)) */
	two.user = 0; /* nobody has no taste */
	is(measure((const uint32_t[]){1}, 1), 0, COLUMN_TASTE, 0);
}

static void test_exposure(void **state)
{
	publish(entry(1, 0, 0));
	publish(entry(2, 0, 0));
	history.n_shown = 2;
	history.shown[0] = (struct history_shown){101, MINUTE - 9, 3};
	history.shown[1] = (struct history_shown){55, MINUTE, 9};
	read_article(7, 101, 1u << EVENT_CLICK); /* two other reports of the first's story, neither live */
	read_article(8, 101, 1u << EVENT_DISLIKE);
	read_article(9, 55, 1u << EVENT_CLICK);
	const struct example *x = measure((const uint32_t[]){1, 2}, 2);
	is(x, 0, COLUMN_SEEN, 1.386294361);     /* ln 4 */
	is(x, 0, COLUMN_SEEN_AGO, 2.302585093); /* ln 10 */
	is(x, 0, COLUMN_STORY_READ, 1.098612289); /* ln 3 */
	is(x, 1, COLUMN_SEEN, 0);
	is(x, 1, COLUMN_SEEN_AGO, 0);
	is(x, 1, COLUMN_STORY_READ, 0);
	request.reader.history = NULL;
	request.reader.profile = NULL;
	x = measure((const uint32_t[]){1}, 1);
	is(x, 0, COLUMN_SEEN, 0);
	is(x, 0, COLUMN_STORY_READ, 0);
}

/* Reads, newest first: two of sport, one of city; one disliked and one no longer live between them do not count. Weights by
 * recency 1, 2^-1/8, 2^-1/4: of sport 1.917004043, of city .840896415, together 2.757900458. */
static void read_three(void)
{
	publish(entry(11, city, agency));
	publish(entry(12, sport, paper));
	publish(entry(13, sport, agency));
	publish(entry(14, city, paper));
	read_article(11, 111, 1u << EVENT_CLICK);
	read_article(14, 114, 1u << EVENT_CLICK | 1u << EVENT_HIDE);
	read_article(12, 112, 1u << EVENT_READ);
	read_article(99, 199, 1u << EVENT_CLICK);
	read_article(13, 113, 1u << EVENT_CLICK);
}

static void test_sections_and_sources(void **state)
{
	read_three();
	publish(entry(1, sport, agency));
	publish(entry(2, city, TOPIC(TOPIC_SOURCE, 77)));
	publish(entry(3, 0, 0));
	/* p of sport (3 + 1) / (20 + 20) = .1, of city (0 + 1) / 40 */
	signal(SIGNAL_SECTION, 0, 0, 20, 0, 0, 0);
	signal(SIGNAL_SECTION, sport, 0, 3, 9, 0, 0);
	signal(SIGNAL_NEXT, sport, sport, 5, 2, 0, 0);
	signal(SIGNAL_NEXT, sport, city, 1, 4, 0, 0);
	signal(SIGNAL_NEXT, city, sport, 100, 0, 0, 0); /* of readers of city */
	const struct example *x = measure((const uint32_t[]){1, 2, 3}, 3);
	is(x, 0, COLUMN_SECTION_ALL, 0.836248024);    /* ln((2 + 1) / 13 / .1) */
	is(x, 0, COLUMN_SECTION_RECENT, 1.232147825); /* ln((1.917004043 + .4) / 6.757900458 / .1) */
	is(x, 0, COLUMN_SECTION_NEXT, 0.559615788);   /* ln(7 / 4) */
	is(x, 0, COLUMN_SOURCE_ALL, 0.836248024);     /* ln((2 + 1) / 1.3) */
	is(x, 1, COLUMN_SECTION_ALL, 1.347073648);    /* ln((1 + .25) / 13 / .025) */
	is(x, 1, COLUMN_SECTION_RECENT, 1.717244970); /* ln((.840896415 + .1) / 6.757900458 / .025) */
	is(x, 1, COLUMN_SECTION_NEXT, -0.693147181);  /* ln(3 / 6) */
	is(x, 1, COLUMN_SOURCE_ALL, -0.262364264);    /* ln(1 / 1.3) */
	for (int c = COLUMN_SECTION_ALL; c <= COLUMN_SOURCE_ALL; c++)
		is(x, 2, c, 0);
	assert_int_equal(x->top_section, sport);
	assert_int_equal(x->n_recent, 3);
	assert_true(x->recent[0] == 13 && x->recent[1] == 12 && x->recent[2] == 11);
	assert_true(x->user == USER && x->at_ms == NOW_MS && x->n_listed == 3);
	assert_true(x->slots[0].article == 1 && x->slots[0].section == sport && x->slots[2].section == 0);
	assert_true(x->slots[0].position == 0 && x->slots[0].events == 0);
	/* One who has read nothing is as likely to read any section as all are. */
	history.n_reads = 0;
	x = measure((const uint32_t[]){1}, 1);
	is(x, 0, COLUMN_SECTION_ALL, 0);
	is(x, 0, COLUMN_SECTION_RECENT, 0);
	is(x, 0, COLUMN_SOURCE_ALL, 0);
	assert_int_equal(x->top_section, 0);
}

static void test_interests(void **state)
{
	const struct topic_term vector[] = {{tag, 2048}, {term, 1024}, {sport, 1000}, {place, 2000}, {author, 300}};
	struct catalog_entry e = entry(1, sport, 0);
	e.vector = vector;
	e.n_vector = 5;
	publish(e);
	publish(entry(2, 0, 0));
	profile.n_topics = 4; /* x / (1 + |x| / 4): */
	profile.topics[0] = (struct profile_interest){tag, 2, 4};     /* 1.333.., 2 */
	profile.topics[1] = (struct profile_interest){place, 9, 1};   /* the long term alone: .8 */
	profile.topics[2] = (struct profile_interest){author, -4, 0}; /* -2 */
	profile.topics[3] = (struct profile_interest){term, 3, 12};   /* 1.714285.., 3 */
	const struct example *x = measure((const uint32_t[]){1, 2}, 2);
	is(x, 0, COLUMN_TOPIC_SHORT, 0.520182292); /* 1.333.. x .5 - 2 x 300 / 4096 */
	is(x, 0, COLUMN_TOPIC_LONG, 1);            /* 2 x .5 */
	is(x, 0, COLUMN_TERM_SHORT, 0.428571429);  /* 1.714285.. x .25 */
	is(x, 0, COLUMN_TERM_LONG, 0.75);          /* 3 x .25 */
	is(x, 0, COLUMN_PLACE, 0.390625);          /* .8 x 2000 / 4096 */
	for (int c = COLUMN_TOPIC_SHORT; c <= COLUMN_PLACE; c++)
		is(x, 1, c, 0);
}

/* Ten words, of which the two lightest are not looked at; the first two have drawn 2 of 0 and 0 of 1 expected. */
static void test_words(void **state)
{
	struct topic_term vector[11] = {{tag, 4000}};
	for (uint32_t i = 0; i < 10; i++)
		vector[i + 1] = (struct topic_term){TOPIC(TOPIC_TERM, 20 + i), (int16_t)(100 + (i * 7 % 10) * 10)};
	struct catalog_entry e = entry(1, 0, 0);
	e.vector = vector;
	e.n_vector = 11;
	publish(e);
	const struct topic_term few[] = {{term, 300}, {rare, 200}};
	e = entry(2, 0, 0);
	e.vector = few;
	e.n_vector = 2;
	publish(e);
	publish(entry(3, 0, 0));
	signal(SIGNAL_WORD, term, 0, 2, 0, 0, 0);
	signal(SIGNAL_WORD, rare, 0, 0, 1, 0, 0);
	/* Weights 100 to 190: 20 + 0 is the lightest, 20 + 3 (21 % 10 = 1) the second lightest, 20 + 7 (49 % 10) the heaviest. */
	signal(SIGNAL_WORD, TOPIC(TOPIC_TERM, 20), 0, 1000, 0, 0, 0);
	signal(SIGNAL_WORD, TOPIC(TOPIC_TERM, 23), 0, 1000, 0, 0, 0);
	signal(SIGNAL_WORD, TOPIC(TOPIC_TERM, 27), 0, 14, 0, 0, 0);
	const struct example *x = measure((const uint32_t[]){1, 2, 3}, 3);
	is(x, 0, COLUMN_WORDS, 0.259930193);  /* ln(16 / 2) / 8 */
	is(x, 1, COLUMN_WORDS, 0.143841036);  /* (ln(4 / 2) + ln(2 / 3)) / 2 */
	is(x, 2, COLUMN_WORDS, 0);
	assert_int_equal(x->slots[0].n_words, EXAMPLE_WORDS);
	assert_int_equal(x->slots[0].words[0], TOPIC(TOPIC_TERM, 27));
	assert_int_equal(x->slots[0].words[7], TOPIC(TOPIC_TERM, 26)); /* 42 % 10 = 2 */
	assert_int_equal(x->slots[1].n_words, 2);
	assert_int_equal(x->slots[2].n_words, 0);
}

static void co_read(uint32_t a, uint32_t b, float times)
{
	bool swapped;
	const float values[SIGNAL_VALUES] = {times};
	signals_add(signals, SIGNAL_CO_READ, signal_pair_key(SIGNAL_CO_READ, a, b, &swapped), MINUTE, values);
}

static void test_co_reading(void **state)
{
	read_three();
	publish(entry(1, 0, 0));
	publish(entry(20, 0, 0));
	signal(SIGNAL_READ, 1, 0, 4, 0, 0, 0);
	signal(SIGNAL_READ, 13, 0, 11, 0, 0, 0);
	signal(SIGNAL_READ, 11, 0, 4, 0, 0, 0);
	co_read(1, 13, 2);
	co_read(11, 1, 1);
	co_read(1, 14, 50); /* which the reader disliked */
	const struct example *x = measure((const uint32_t[]){1, 20}, 2);
	is(x, 0, COLUMN_CO_READ, 0.277777778); /* 2 / sqrt(9 x 16) + 1 / sqrt(9 x 9) */
	is(x, 1, COLUMN_CO_READ, 0);
	/* Of the last 30 reads; what lies behind them is not asked for. */
	for (uint32_t i = 0; i < 28; i++) {
		publish(entry(200 + i, 0, 0));
		read_article(200 + i, 0, 1u << EVENT_CLICK);
	}
	is(measure((const uint32_t[]){1}, 1), 0, COLUMN_CO_READ, 0.166666667); /* 13 is the 29th, 11 the 31st */
	model.columns[COLUMN_CO_READ] = false;
	is(measure((const uint32_t[]){1}, 1), 0, COLUMN_CO_READ, 0);
}

static void test_head_to_head(void **state)
{
	for (uint32_t i = 1; i <= 4; i++)
		publish(entry(i, 0, 0));
	/* The smaller number first: chosen over the other, and the other over it, by either half-life. */
	signal(SIGNAL_HEAD, 1, 2, 2, 1, 4, 1);
	signal(SIGNAL_HEAD, 1, 3, 0, 1, 1, 3);
	signal(SIGNAL_HEAD_TOTAL, 1, 0, 2, 2, 5, 4);
	signal(SIGNAL_HEAD_TOTAL, 3, 0, 1, 0, 3, 1);
	const struct example *x = measure((const uint32_t[]){1, 2, 3}, 3);
	is(x, 0, COLUMN_HEAD_3H, -0.293893332);       /* (ln(2.5 / 1.5) + ln(.5 / 1.5)) / 2 */
	is(x, 0, COLUMN_HEAD_12H, 0.125657214);       /* (ln(4.5 / 1.5) + ln(1.5 / 3.5)) / 2 */
	is(x, 0, COLUMN_HEAD_TOTAL_3H, 0);            /* ln(3 / 3) */
	is(x, 0, COLUMN_HEAD_TOTAL_12H, 0.182321557); /* ln(6 / 5) */
	is(x, 2, COLUMN_HEAD_3H, 0.549306144);        /* ln(1.5 / .5) / 2: against 2 nothing is known */
	is(x, 2, COLUMN_HEAD_12H, 0.423648930);       /* ln(3.5 / 1.5) / 2 */
	is(x, 2, COLUMN_HEAD_TOTAL_12H, 0.693147181); /* ln(4 / 2) */
	is(measure((const uint32_t[]){1}, 1), 0, COLUMN_HEAD_12H, 0); /* alone */
	model.columns[COLUMN_HEAD_3H] = false; /* left out: not even looked up */
	x = measure((const uint32_t[]){1, 2, 3}, 3);
	for (int c = COLUMN_HEAD_3H; c <= COLUMN_HEAD_TOTAL_12H; c++)
		is(x, 0, c, 0);
}

/* Signals fade: a section's by a month, head to head by three hours and twelve. */
static void test_signals_of_before(void **state)
{
	publish(entry(1, sport, 0));
	publish(entry(2, sport, 0));
	signal(SIGNAL_HEAD_TOTAL, 1, 0, 4, 0, 4, 0);
	signal(SIGNAL_NEXT, 0, sport, 8, 0, 0, 0);
	request.now_ms += 12 * HOUR_MS;
	const struct example *x = measure((const uint32_t[]){1, 2}, 2);
	is(x, 0, COLUMN_HEAD_TOTAL_3H, 0.223143551);  /* ln(1 + 4 / 16) */
	is(x, 0, COLUMN_HEAD_TOTAL_12H, 1.098612289); /* ln(1 + 4 / 2) */
	request.now_ms += INT64_C(30) * 24 * HOUR_MS - 12 * HOUR_MS;
	is(measure((const uint32_t[]){1, 2}, 2), 0, COLUMN_SECTION_NEXT, 1.098612289); /* ln((4 + 2) / 2) */
}

/* ---- the list ---- */

static void test_mean_deviation_and_rank(void **state)
{
	static const float clicks[] = {1, 9, 1, 0}; /* of 10 shows each */
	model.learn.crosses[CROSS_RANK_LENGTH] = true;
	for (uint32_t i = 0; i < 4; i++) {
		struct catalog_entry e = entry(i + 1, 0, 0);
		e.premium = i < 1;
		publish(e);
		count(i + 1, clicks[i], 10, 0);
	}
	struct example *x = measure((const uint32_t[]){1, 2, 3, 4}, 4);
	near((double)x->mean[COLUMN_PREMIUM], 0.25, "mean");
	near((double)x->deviation[COLUMN_PREMIUM], 0.433012702, "deviation"); /* sqrt(1/4 x 3/4) */
	near((double)x->mean[COLUMN_STAGE_ONE], 0, "mean");                   /* 1.5, .5, -.5, -1.5 */
	near((double)x->deviation[COLUMN_STAGE_ONE], 1.118033989, "deviation"); /* sqrt(5 / 4) */
	near((double)x->mean[COLUMN_AGE], 1.945910149, "mean");
	near((double)x->deviation[COLUMN_AGE], 0, "deviation");
	assert_true(x->slots[1].ctr_rank == 0 && x->slots[0].ctr_rank == 1);
	assert_true(x->slots[2].ctr_rank == 1 && x->slots[3].ctr_rank == 3); /* of equals the same */
	model.learn.crosses[CROSS_RANK_LENGTH] = false; /* then of those that are asked for */
	x = measure((const uint32_t[]){1, 2, 3, 4}, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(x->slots[i].ctr_rank, 0);
	assert_int_equal(rank_shortlist_by_ctr(x, (const uint16_t[]){3, 0}, 2, &arena), 0);
	assert_true(x->slots[0].ctr_rank == 1 && x->slots[2].ctr_rank == 0 && x->slots[3].ctr_rank == 3);
}

/* z in deviations, cut at 6; c in the column's scale (1 of age, .5 of premium), cut at 8; 0 of what is left out. */
static void test_inputs(void **state)
{
	struct example *e = example_of_zeros(&arena, 2, N_COLUMNS);
	float out[2][2 * N_COLUMNS];
	const uint16_t which[] = {1, 0};
	assert_non_null(e);
	e->mean[COLUMN_AGE] = 1;
	e->deviation[COLUMN_AGE] = 0.5f;
	e->columns[COLUMN_AGE] = 2;
	e->columns[N_COLUMNS + COLUMN_AGE] = -99;
	e->mean[COLUMN_PREMIUM] = 0.25f;
	e->deviation[COLUMN_PREMIUM] = 0.5f;
	e->columns[COLUMN_PREMIUM] = 1;
	e->columns[COLUMN_BOOST] = 1; /* no deviation: z is 0 */
	e->columns[COLUMN_SEEN] = 1;
	e->deviation[COLUMN_SEEN] = 1;
	model.columns[COLUMN_SEEN] = false;
	rank_inputs(&model, e, which, 2, &out[0][0]);
	near((double)out[1][COLUMN_AGE], 2, "z");
	near((double)out[1][N_COLUMNS + COLUMN_AGE], 1, "c");
	near((double)out[0][COLUMN_AGE], -6, "z");
	near((double)out[0][N_COLUMNS + COLUMN_AGE], -8, "c");
	near((double)out[1][COLUMN_PREMIUM], 1.5, "z");
	near((double)out[1][N_COLUMNS + COLUMN_PREMIUM], 1.5, "c"); /* .75 / .5 */
	near((double)out[1][COLUMN_BOOST], 0, "z");
	near((double)out[1][N_COLUMNS + COLUMN_BOOST], 1, "c");
	assert_true(out[1][COLUMN_SEEN] == 0 && out[1][N_COLUMNS + COLUMN_SEEN] == 0);
}

static void test_table(void **state)
{
	for (int c = 0; c < N_COLUMNS; c++) {
		assert_non_null(rank_column_names[c]);
		assert_non_null(rank_column_groups[c]);
		for (int k = 0; k < c; k++)
			assert_string_not_equal(rank_column_names[c], rank_column_names[k]);
	}
	assert_string_equal(rank_column_names[COLUMN_CLICKS + 1], "clicks_1h");
	assert_string_equal(rank_column_names[COLUMN_LIFT + 4], "lift_48h");
	assert_string_equal(rank_column_names[COLUMN_HEAD_TOTAL_12H], "head_total_12h");
	assert_string_equal(rank_column_groups[COLUMN_HEAD_TOTAL_12H], "head_to_head");
	assert_int_equal(rank_model_names.n_columns, N_COLUMNS);
	assert_int_equal(rank_model_names.n_crosses, N_CROSSES);
}

/* Columns of an example that was stored when they stood in another order are found where they stand today. */
static void test_order_of_before(void **state)
{
	static const char *const then[] = {
		"taste", "section_all", "section_recent", "section_next", "source_all", "topic_short", "topic_long", "term_short",
		"term_long", "place", "similar_top", "similar_best", "similar_mean", "grams", "kin", "dense_top", "dense_mean",
		"words", "co_read", "head_3h", "head_12h", "head_total_3h", "head_total_12h"};
	enum { BEFORE = COLUMN_TASTE, N_THEN = sizeof(then) / sizeof(then[0]), N = 3 };
	for (size_t n_columns = BEFORE + N_THEN - 1; n_columns <= BEFORE + N_THEN; n_columns++) {
		struct buf b = {0};
		struct example *e = example_new(&arena, N, n_columns), *back;
		assert_non_null(e);
		memset(e->slots, 0, N * sizeof(*e->slots));
		for (size_t i = 0; i < (N + 2) * n_columns; i++) /* means and deviations stand behind */
			e->columns[i] = (float)i;
		example_encode(&b, e);
		b.data[0] = 1;
		b.len -= sizeof(e->number); /* which came later */
		assert_int_equal(example_decode(&arena, buf_span(&b), &back), 0);
		for (size_t c = 0; c < n_columns; c++) {
			size_t now = c;
			if (c >= BEFORE && n_columns == BEFORE + N_THEN) /* others are of another table */
				for (now = 0; strcmp(rank_column_names[now], then[c - BEFORE]) != 0; now++)
					assert_true(now + 1 < N_COLUMNS);
			assert_true(back->mean[now] == e->mean[c] && back->deviation[now] == e->deviation[c]);
			for (size_t i = 0; i < N; i++)
				assert_true(back->columns[i * n_columns + now] == e->columns[i * n_columns + c]);
		}
		buf_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_popularity), CASE(test_exposure), CASE(test_sections_and_sources), CASE(test_interests), CASE(test_words),
		CASE(test_co_reading), CASE(test_head_to_head), CASE(test_signals_of_before), CASE(test_mean_deviation_and_rank),
		CASE(test_order_of_before), CASE(test_inputs), CASE(test_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
