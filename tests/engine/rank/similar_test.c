/* Columns of what is like what was read, against their formulas worked out by hand: by words, by who reads the words, and by
 * embeddings. */
#include "tests/engine/rank/columns_fixture.h"

/* Three reads and a story. Vectors' section and source do not count; weights are 4096ths.
 *
 *     story    (tag 2048, term 1024, place 2048), of length sqrt(.5625) = .75
 *     read 13  (tag 1024, rare 1024): cosine .125 / .75 / sqrt(.125) = .471404521
 *     read 12  (term 4096): .25 / .75 = .333333333
 *     read 11  (rare 100): 0; a read of nothing is as unlike */
static void publish_with(uint32_t article, const struct topic_term *vector, size_t n)
{
	struct catalog_entry e = entry(article, 0, 0);
	e.vector = vector;
	e.n_vector = n;
	publish(e);
}

/* By titles alone: _abcd is one of two grams of the read's and of three of the story's. */
static void test_grams(void **state)
{
	struct catalog_entry e = entry(10, 0, 0);
	e.card.title = SPAN("abcd");
	publish(e);
	e = entry(1, 0, 0);
	e.card.title = SPAN("abcde");
	publish(e);
	publish(entry(2, 0, 0)); /* "t" has none */
	is(measure((const uint32_t[]){1}, 1), 0, COLUMN_GRAMS, 0); /* nothing was read */
	read_article(10, 110, 1u << EVENT_CLICK);
	const struct example *x = measure((const uint32_t[]){1, 2}, 2);
	is(x, 0, COLUMN_GRAMS, 0.408248290); /* 1 / sqrt(2) / sqrt(3) */
	is(x, 1, COLUMN_GRAMS, 0);
	model.columns[COLUMN_GRAMS] = false;
	is(measure((const uint32_t[]){1, 2}, 2), 0, COLUMN_GRAMS, 0);
}

static void test_similarity(void **state)
{
	publish_with(13, (const struct topic_term[]){{tag, 1024}, {sport, 4000}, {rare, 1024}}, 3);
	publish_with(12, (const struct topic_term[]){{term, 4096}, {paper, 500}}, 2);
	publish_with(11, (const struct topic_term[]){{rare, 100}}, 1);
	publish_with(10, (const struct topic_term[]){{sport, 4096}}, 1);
	publish_with(1, (const struct topic_term[]){{tag, 2048}, {sport, 4000}, {term, 1024}, {paper, 500}, {place, 2048}}, 5);
	publish_with(2, (const struct topic_term[]){{sport, 4000}}, 1);
	publish_with(3, (const struct topic_term[]){{rare, 77}}, 1);
	for (uint32_t i = 10; i <= 13; i++)
		read_article(i, 100 + i, 1u << EVENT_CLICK);
	const struct example *x = measure((const uint32_t[]){1, 2, 3}, 3);
	is(x, 0, COLUMN_SIMILAR_BEST, 0.471404521);
	is(x, 0, COLUMN_SIMILAR_TOP, 0.160947571);  /* (.471404521 + .333333333) / 5 */
	is(x, 0, COLUMN_SIMILAR_MEAN, 0.083333333); /* its word, 1024 / 3072, is one of four reads' only word */
	is(x, 1, COLUMN_SIMILAR_BEST, 0);
	is(x, 1, COLUMN_SIMILAR_MEAN, 0);
	is(x, 2, COLUMN_SIMILAR_BEST, 1);
	is(x, 2, COLUMN_SIMILAR_TOP, 0.341421356);  /* (1 + .707106781) / 5 */
	is(x, 2, COLUMN_SIMILAR_MEAN, 0.426776695); /* (.707106781 + 1) / 4 */
	/* Seven reads alike: of the best five, and of all. */
	for (uint32_t i = 0; i < 7; i++) {
		publish_with(20 + i, (const struct topic_term[]){{place, 1}}, 1);
		read_article(20 + i, 0, 1u << EVENT_CLICK);
	}
	x = measure((const uint32_t[]){1}, 1);
	is(x, 0, COLUMN_SIMILAR_TOP, 0.666666667);
	is(x, 0, COLUMN_SIMILAR_MEAN, 0.030303030); /* .333333333 / 11: places are no words */
	/* One group without the other is the same. */
	model.columns[COLUMN_SIMILAR_TOP] = model.columns[COLUMN_SIMILAR_BEST] = model.columns[COLUMN_TOPIC_LONG] = false;
	x = measure((const uint32_t[]){1}, 1);
	is(x, 0, COLUMN_SIMILAR_MEAN, 0.030303030);
	is(x, 0, COLUMN_SIMILAR_TOP, 0);
	model.columns[COLUMN_SIMILAR_TOP] = true;
	model.columns[COLUMN_SIMILAR_MEAN] = false;
	x = measure((const uint32_t[]){1}, 1);
	is(x, 0, COLUMN_SIMILAR_MEAN, 0);
	is(x, 0, COLUMN_SIMILAR_TOP, 0.666666667);
	model.columns[COLUMN_SIMILAR_TOP] = false;
	is(measure((const uint32_t[]){1}, 1), 0, COLUMN_SIMILAR_TOP, 0);
}

/* A space of two directions, in 4095ths: `term` stands at (3, 4), `rare` at (0, 2), 77 at (-3, 0); the mean is (0, 1).
 * Articles of these words stand at (3, 3) / 4.242640687, (0, 1), (-3, -1) / 3.162277660, and of none nowhere. */
static void test_kin(void **state)
{
	static struct kin_space space = {.number = 1, .mean = {0, 1}};
	const uint32_t other = TOPIC(TOPIC_TERM, 77);
	assert_true(kin_row(term) != kin_row(rare) && kin_row(term) != kin_row(other) && kin_row(rare) != kin_row(other));
	memcpy(space.rows[kin_row(term)], (const int16_t[]){3, 4}, 4);
	memcpy(space.rows[kin_row(rare)], (const int16_t[]){0, 2}, 4);
	memcpy(space.rows[kin_row(other)], (const int16_t[]){-3, 0}, 4);
	publish_with(1, (const struct topic_term[]){{term, 9}, {tag, 4000}}, 2);
	publish_with(2, (const struct topic_term[]){{rare, 9}}, 1);
	publish_with(3, (const struct topic_term[]){{other, 9}}, 1);
	publish_with(4, (const struct topic_term[]){{tag, 9}}, 1);
	publish_with(5, (const struct topic_term[]){{rare, 2}, {term, 9}}, 2); /* (3, 5) / 5.830951895 */
	publish_with(11, (const struct topic_term[]){{rare, 9}}, 1);
	publish_with(12, (const struct topic_term[]){{term, 9}}, 1);
	read_article(11, 111, 1u << EVENT_CLICK);
	const struct example *x = measure((const uint32_t[]){1, 2}, 2);
	is(x, 0, COLUMN_KIN, 0); /* no space yet */
	two.space = &space;
	x = measure((const uint32_t[]){1, 2, 3, 4, 5}, 5);
	is(x, 0, COLUMN_KIN, 0.707106781);
	is(x, 1, COLUMN_KIN, 1);
	is(x, 2, COLUMN_KIN, -0.316227766);
	is(x, 3, COLUMN_KIN, 0);
	is(x, 4, COLUMN_KIN, 0.857492926);
	assert_int_equal(x->n_reads, 1);
	assert_int_equal(x->n_read_rows, 1);
	assert_int_equal(x->read_rows[0], kin_row(rare));
	read_article(12, 112, 1u << EVENT_CLICK); /* the mean of (0, 1) and (.707106781, .707106781) */
	x = measure((const uint32_t[]){1, 3}, 2);
	is(x, 0, COLUMN_KIN, 0.853553391);
	is(x, 1, COLUMN_KIN, -0.605327478); /* (-.316227766 - .894427191) / 2 */
	assert_int_equal(x->n_read_rows, 2);
	assert_int_equal(x->read_rows[0], kin_row(term)); /* the newest first */
	/* A later space, and an article of other words: nothing of before is kept. */
	struct kin_space *later = malloc(sizeof(*later));
	assert_non_null(later);
	*later = space;
	later->number = 2;
	memcpy(later->rows[kin_row(other)], (const int16_t[]){0, 9}, 4);
	two.space = later;
	publish_with(1, (const struct topic_term[]){{other, 9}}, 1);
	x = measure((const uint32_t[]){1, 3}, 2);
	is(x, 0, COLUMN_KIN, 0.853553391); /* both stand at (0, 1) */
	is(x, 1, COLUMN_KIN, 0.853553391);
	model.columns[COLUMN_KIN] = false;
	is(measure((const uint32_t[]){1, 3}, 2), 0, COLUMN_KIN, 0);
	free(later);
}

/* Directions of length 127 in a plane: an article stands at an angle. */
static void publish_at(uint32_t article, uint8_t space, double degrees)
{
	struct catalog_entry e = entry(article, 0, 0);
	e.dense_space = space;
	e.dense[3] = (int8_t)lrint(127 * cos(degrees * 0.017453292519943295));
	e.dense[61] = (int8_t)lrint(127 * sin(degrees * 0.017453292519943295));
	publish(e);
}

/* To within the rounding of 127ths. */
static void is_about(const struct example *e, size_t slot, int column, double expected)
{
	if (fabs((double)e->columns[slot * N_COLUMNS + (size_t)column] - expected) > 0.01)
		fail_msg("%s: %.4f is not %.4f", rank_column_names[column], (double)e->columns[slot * N_COLUMNS + (size_t)column],
		         expected);
}

static void test_dense(void **state)
{
	publish_at(11, 1, 0);
	publish_at(12, 1, 60);
	publish_at(13, 2, 90);
	publish(entry(14, 0, 0)); /* without */
	publish_at(1, 1, 0);
	publish_at(2, 1, 90);
	publish_at(3, 1, 210);
	publish_at(4, 2, 90);
	publish_at(5, 3, 0); /* of a space that nothing read is in */
	publish(entry(6, 0, 0));
	for (uint32_t i = 11; i <= 14; i++)
		read_article(i, 0, 1u << EVENT_CLICK);
	const struct example *x = measure((const uint32_t[]){1, 2, 3, 4, 5, 6}, 6);
	/* Reads of space 1 at 0 and 60 degrees, their mean at 30. */
	is_about(x, 0, COLUMN_DENSE_TOP, 0.3);   /* (1 + .5) / 5 */
	is_about(x, 0, COLUMN_DENSE_MEAN, 0.866);
	is_about(x, 1, COLUMN_DENSE_TOP, 0.1732); /* cos 30 / 5 */
	is_about(x, 1, COLUMN_DENSE_MEAN, 0.5);
	is_about(x, 2, COLUMN_DENSE_TOP, 0);     /* both lie behind it */
	is_about(x, 2, COLUMN_DENSE_MEAN, -1);
	is_about(x, 3, COLUMN_DENSE_TOP, 0.2);   /* space 2: the one read */
	is_about(x, 3, COLUMN_DENSE_MEAN, 1);
	for (size_t i = 4; i < 6; i++) {
		is(x, i, COLUMN_DENSE_TOP, 0);
		is(x, i, COLUMN_DENSE_MEAN, 0);
	}
	/* Of twenty-five newer reads the last twenty count for the best, all of them for the mean. */
	for (uint32_t i = 0; i < 25; i++) {
		publish_at(30 + i, 1, i < 23 ? 180 : 60);
		read_article(30 + i, 0, 1u << EVENT_CLICK);
	}
	x = measure((const uint32_t[]){1}, 1);
	is_about(x, 0, COLUMN_DENSE_TOP, 0.2);     /* (.5 + .5) / 5: the reads at 0 degrees lie too far back */
	is_about(x, 0, COLUMN_DENSE_MEAN, -0.9909); /* (1 - 23 + 3 x .5, 3 x .866) = (-20.5, 2.598), of length 20.664 */
	model.columns[COLUMN_DENSE_TOP] = model.columns[COLUMN_DENSE_MEAN] = false;
	x = measure((const uint32_t[]){1}, 1);
	is(x, 0, COLUMN_DENSE_TOP, 0);
	is(x, 0, COLUMN_DENSE_MEAN, 0);
}

/* The document for learning holds the last KIN_READS reads and no more. */
static void test_document(void **state)
{
	struct topic_term vector[KIN_WORDS + 2];
	for (uint32_t i = 0; i < KIN_WORDS + 2; i++)
		vector[i] = (struct topic_term){TOPIC(TOPIC_TERM, 300 + i), (int16_t)(100 - i)};
	publish(entry(1, 0, 0));
	for (uint32_t i = 0; i < HISTORY_READS; i++) {
		publish_with(200 + i, vector, KIN_WORDS + 2);
		read_article(200 + i, 0, 1u << EVENT_CLICK);
	}
	const struct example *x = measure((const uint32_t[]){1}, 1);
	assert_int_equal(x->n_reads, KIN_READS);
	assert_int_equal(x->n_read_rows, KIN_DOCUMENT_MAX);
	for (size_t i = 0; i < KIN_DOCUMENT_MAX; i++)
		assert_int_equal(x->read_rows[i], kin_row(vector[i % KIN_WORDS].topic));
}

int main(void)
{
	const struct CMUnitTest tests[] = {CASE(test_grams), CASE(test_similarity), CASE(test_kin), CASE(test_dense),
	                                   CASE(test_document)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
