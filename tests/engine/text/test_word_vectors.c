/* Files of word vectors, good and bad, and what texts add up to. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/engine/text/fixture.h"

static char path[64];

static void write_file(const char *bytes, size_t len)
{
	snprintf(path, sizeof(path), "%s/vectors.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

static struct word_vectors *load(struct fixture *f, const char *bytes)
{
	char problem[TEXT_PROBLEM_BYTES] = "";
	struct word_vectors *v = NULL;
	write_file(bytes, strlen(bytes));
	int r = word_vectors_load(&v, f->text, path, problem);
	unlink(path);
	if (r != 0)
		fail_msg("%s", problem);
	return v;
}

static void near(double value, double expected, double within)
{
	if (!(fabs(value - expected) <= within))
		fail_msg("%.7f is not %.7f", value, expected);
}

/* Three words: place by place p is 1 / (place x (ln 3 + .5772157)), 1 / (place x 1.675828), and the weight .001 / (.001 + p):
 * .00167302, .00334046, .00500234. */
static void test_sums(void **state)
{
	struct fixture *f = *state;
	struct word_vectors *v = load(f, "the 1 0\nStorm 0 2\r\nparis 3 -4 \n");
	float x[2];
	assert_int_equal(word_vectors_width(v), 2);
	assert_int_equal(word_vectors_count(v), 3);
	const struct span texts[] = {SPAN("STORM over Paris,"), SPAN("the storm")};
	assert_int_equal(word_vectors_place(v, f->text, texts, 2, x), 0);
	near((double)x[0], 0.00167302 + 3 * 0.00500234, 1e-4);      /* numbers are kept as bytes: to within .4 % */
	near((double)x[1], 4 * 0.00334046 - 4 * 0.00500234, 1e-4);
	const struct span unknown[] = {SPAN("xyzzy"), SPAN("")};
	assert_int_equal(word_vectors_place(v, f->text, unknown, 2, x), 0);
	assert_true(x[0] == 0 && x[1] == 0);
	word_vectors_free(v);
	word_vectors_free(NULL);
}

/* A line of two whole numbers first; words of other scripts, with a space in them, and in two cases. */
static void test_shapes(void **state)
{
	struct fixture *f = *state;
	struct word_vectors *v = load(f, "5 3\n\nน้ำ 1 2 3\n. . . 4 5 6\nBank 7 8 9\nbank -7 -8 -9\n  dam\xcc\xa7 0 0 1e-3\n");
	float x[3];
	assert_int_equal(word_vectors_width(v), 3);
	assert_int_equal(word_vectors_count(v), 4); /* bank once */
	const struct span thai[] = {SPAN("น้ำ")}, bank[] = {SPAN("BANK")};
	assert_int_equal(word_vectors_place(v, f->text, thai, 1, x), 0);
	assert_true(x[0] > 0 && fabsf(x[2] - 3 * x[0]) < 0.02f * x[2]);
	assert_int_equal(word_vectors_place(v, f->text, bank, 1, x), 0);
	assert_true(x[0] > 0); /* the more frequent one's */
	word_vectors_free(v);
	v = load(f, "1 2\n"
	            "one 1 2\ntwo 1 2\n"); /* more than the head tells of */
	assert_int_equal(word_vectors_count(v), 2);
	word_vectors_free(v);
}

/* So many that the table grows again and again. */
static void test_many(void **state)
{
	struct fixture *f = *state;
	struct buf b = {0};
	enum { N = 30000 };
	for (int i = 0; i < N; i++)
		buf_printf(&b, "word%d %d %d\n", i, i % 100 + 1, -(i % 7));
	buf_put_char(&b, '\0');
	struct word_vectors *v = load(f, b.data);
	assert_int_equal(word_vectors_count(v), N);
	double zipf = log(N) + 0.5772156649;
	for (int i = 0; i < N; i += 997) {
		char word[32];
		float x[2];
		snprintf(word, sizeof(word), "word%d", i);
		const struct span text[] = {span_of(word)};
		assert_int_equal(word_vectors_place(v, f->text, text, 1, x), 0);
		double weight = 1e-3 / (1e-3 + 1 / ((i + 1) * zipf));
		near((double)x[0] / weight, i % 100 + 1, 0.005 * 100);
		near((double)x[1] / weight, -(i % 7), 0.005 * 100);
	}
	word_vectors_free(v);
	buf_free(&b);
}

static void test_refusals(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *bytes, *problem;
	} cases[] = {
		{"", "line 0: there is no word in this file"},
		{"3 300\n", "line 1: there is no word in this file"},
		{"3 2\none 1 2\n\nONE 1 2\n",
		 "line 4: the file ends with 2 of the 3 words its first line tells of; is it cut short?"},
		{"99999999999999999999 2\none 1 2", "line 2: the file ends with 1 of the "},
		{"word\n", "line 1: must have a word and then 2 to 4096 numbers"},
		{"word 1\n", "line 1: must have a word and then 2 to 4096 numbers"},
		{"a 1 2 3\nb 1 2\n", "line 2: has fewer numbers than the lines before it"},
		{"a 1 2 3\n1 2 3\n", "line 2: has fewer numbers than the lines before it"},
		{"a 1 2 3\nb 1 x 3\n", "line 2: a word must be followed by finite numbers"},
		{"a 1 2 3\nb 1 2 3x\n", "line 2: a word must be followed by finite numbers"},
		{"a 1 2 3\nb 1 nan 3\n", "line 2: a word must be followed by finite numbers"},
		{"a 1 2 3\n\nb 1 inf 3\n", "line 3: a word must be followed by finite numbers"},
		{"a 1 2 1e99\n", "line 1: a word must be followed by finite numbers"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char problem[TEXT_PROBLEM_BYTES] = "";
		struct word_vectors *v = NULL;
		write_file(cases[i].bytes, strlen(cases[i].bytes));
		assert_int_equal(word_vectors_load(&v, f->text, path, problem), 1);
		unlink(path);
		assert_null(v);
		if (!strstr(problem, cases[i].problem) || strncmp(problem, path, strlen(path)) != 0)
			fail_msg("%s", problem);
	}
	char problem[TEXT_PROBLEM_BYTES] = "";
	struct word_vectors *v;
	assert_int_equal(word_vectors_load(&v, f->text, "/nowhere/at/all.vec", problem), 1);
	assert_string_equal(problem, "/nowhere/at/all.vec: No such file or directory");
	assert_int_equal(word_vectors_load(&v, f->text, "/", problem), 1);
	/* One line without an end, as of a binary file. */
	char *long_line = malloc(1 << 20);
	assert_non_null(long_line);
	memset(long_line, 'x', 1 << 20);
	write_file(long_line, 1 << 20);
	assert_int_equal(word_vectors_load(&v, f->text, path, problem), 1);
	unlink(path);
	assert_non_null(strstr(problem, "is longer than 4096 numbers can be"));
	free(long_line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sums, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_shapes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
