/* Where words stand by who reads them: by hand where groups of readers share nothing, beside a plain singular value
 * decomposition where they do, and through checkpoints. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/rng.h"
#include "engine/learn/kin.h"

enum { WORDS = 60, WIDTH = KIN_DIMS + 1 };

/* Words whose rows differ, and readers whose places do. */
static uint32_t words[WORDS];
static uint64_t users[1000];

static int choose(void **state)
{
	size_t n_words = 0, n_users = 0;
	for (uint32_t w = 1; n_words < WORDS; w++) {
		size_t i = 0;
		while (i < n_words && kin_row(words[i]) != kin_row(w))
			i++;
		if (i == n_words)
			words[n_words++] = w;
	}
	for (uint64_t u = 1; n_users < 1000; u++) {
		size_t i = 0;
		while (i < n_users && hash_mix64(users[i]) % KIN_DOCUMENTS != hash_mix64(u) % KIN_DOCUMENTS)
			i++;
		if (i == n_users)
			users[n_users++] = u;
	}
	return 0;
}

static struct kin *kin_of(void)
{
	struct kin *k;
	assert_int_equal(kin_new(&k), 0);
	return k;
}

static void learn(struct kin *k, uint64_t user, const uint32_t *list, size_t n, size_t n_reads)
{
	uint16_t rows[KIN_DOCUMENT_MAX + 9];
	for (size_t i = 0; i < n; i++)
		rows[i] = kin_row(list[i]);
	kin_learn(k, user, rows, n, n_reads);
}

static double dot(const float *a, const float *b)
{
	double sum = 0;
	for (size_t d = 0; d < WIDTH; d++)
		sum += (double)a[d] * (double)b[d];
	return sum;
}

static void near(double value, double expected, double within)
{
	if (!(fabs(value - expected) <= within))
		fail_msg("%.6f is not %.6f", value, expected);
}

/* ---- by hand ---- */

/* Three groups of 30, 20 and 14 readers; each group reads one article of two words of its own. The matrix has three
 * directions, one a group, in the order of their sizes. The first is left out, so words of the first group stand nowhere;
 * the others lie at right angles. Lengths are ln(1 + 64 / 21) = 1.398490 and ln(1 + 64 / 15) = 1.661398; an article of both
 * words of a group is twice as long: 2.796980 and 3.322795. The mean of the 64 reads: 20 / 64 and 14 / 64 of those,
 * .874056 and .726861. So the second group's article stands at (1.922924, -.726861), of length 2.055706, the third's at
 * (-.874056, 2.595934), of length 2.739128, and the first's at minus the mean. */
static void teach_groups(struct kin *k)
{
	for (size_t u = 0; u < 64; u++)
		learn(k, users[u], &words[u < 30 ? 0 : u < 50 ? 2 : 4], 2, 1);
}

static void test_groups(void **state)
{
	struct kin *k = kin_of();
	float second[WIDTH], third[WIDTH], both[WIDTH], one[WIDTH];
	teach_groups(k);
	assert_null(kin_space(k)); /* no pass has come to its end */
	for (int i = 0; i < 12; i++)
		teach_groups(k); /* again and again: documents stay one a reader */
	const struct kin_space *s = kin_space(k);
	assert_non_null(s);
	assert_true(s->number >= 60); /* 8 documents a turn: eight turns a pass */
	kin_place(s, &words[2], 2, second);
	kin_place(s, &words[4], 2, third);
	near(dot(second, second), 1, 1e-5);
	near(dot(third, third), 1, 1e-5);
	near(dot(second, third), (1.922924 * -0.874056 + -0.726861 * 2.595934) / (2.055706 * 2.739128), 2e-3);
	kin_place(s, &words[2], 1, one); /* (1.398490 - .874056, -.726861), of length .896296 */
	near(dot(one, second), (0.524434 * 1.922924 + 0.726861 * 0.726861) / (0.896296 * 2.055706), 2e-3);
	kin_place(s, (const uint32_t[]){words[2], words[4]}, 2, both); /* (.524434, .934537), 1.071629 */
	near(dot(both, second), (0.524434 * 1.922924 - 0.934537 * 0.726861) / (1.071629 * 2.055706), 2e-3);
	near(dot(both, third), (0.524434 * -0.874056 + 0.934537 * 2.595934) / (1.071629 * 2.739128), 2e-3);
	/* Words of the first group, and words that nobody read. */
	kin_place(s, &words[0], 2, one);
	near(dot(one, one), 0, 0);
	kin_place(s, &words[9], 3, one);
	near(dot(one, one), 0, 0);
	kin_place(s, words, 0, one);
	near(dot(one, one), 0, 0);
	kin_free(k);
	kin_free(NULL);
}

/* A word in two documents of many says nothing yet, in three it does. */
static void test_rare_words(void **state)
{
	struct kin *k = kin_of();
	for (int round = 0; round < 12; round++)
		for (size_t u = 0; u < 64; u++)
			learn(k, users[u], (const uint32_t[]){words[u < 40 ? 0 : 1], words[u >= 61 ? 2 : u >= 59 ? 3 : 4]}, 2, 1);
	const struct kin_space *s = kin_space(k);
	int16_t zeros[WIDTH] = {0};
	assert_memory_equal(s->rows[kin_row(words[3])], zeros, sizeof(zeros));
	double square = 0;
	for (size_t d = 0; d < WIDTH; d++)
		square += s->rows[kin_row(words[2])][d] * s->rows[kin_row(words[2])][d];
	near(sqrt(square), 256 * 2.833213, 2); /* ln(1 + 64 / 4) */
	kin_free(k);
}

/* ---- beside a plain decomposition ---- */

/* Sixteen subjects of three words each, the earlier the more readers; a reader reads eight words, most of them of two
 * subjects. */
static size_t random_document(struct rng *rng, uint32_t list[8])
{
	size_t two[2];
	for (int i = 0; i < 2; i++) {
		double x = rng_double(rng);
		two[i] = (size_t)(16 * pow(x, 1.3));
	}
	for (size_t i = 0; i < 8; i++)
		list[i] = rng_below(rng, 8) == 0 ? words[rng_below(rng, WORDS)] : words[3 * two[i % 2] + rng_below(rng, 3)];
	return 8;
}

/* X' X by its rows: documents as kin.h weighs them. */
static void gram(double (*counts)[WORDS], size_t n, double out[WORDS][WORDS], double rarity[WORDS])
{
	memset(out, 0, WORDS * sizeof(out[0]));
	for (size_t w = 0; w < WORDS; w++) {
		double df = 0;
		for (size_t i = 0; i < n; i++)
			df += counts[i][w] > 0;
		rarity[w] = df < 3 ? 0 : log(1 + (double)n / (1 + df));
	}
	for (size_t i = 0; i < n; i++) {
		double x[WORDS], square = 0;
		for (size_t w = 0; w < WORDS; w++) {
			x[w] = log1p(counts[i][w]) * rarity[w];
			square += x[w] * x[w];
		}
		for (size_t a = 0; a < WORDS; a++)
			for (size_t b = 0; b < WORDS; b++)
				out[a][b] += x[a] * x[b] / square;
	}
}

/* Cyclic Jacobi: eigenvectors in the columns of v, eigenvalues on the diagonal of a. */
static void jacobi(double a[WORDS][WORDS], double v[WORDS][WORDS])
{
	for (size_t i = 0; i < WORDS; i++)
		for (size_t j = 0; j < WORDS; j++)
			v[i][j] = i == j;
	for (int sweep = 0; sweep < 30; sweep++)
		for (size_t p = 0; p < WORDS; p++)
			for (size_t q = p + 1; q < WORDS; q++) {
				if (fabs(a[p][q]) < 1e-14)
					continue;
				double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
				double t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
				double c = 1 / sqrt(t * t + 1), s = t * c;
				for (size_t k = 0; k < WORDS; k++) {
					double x = a[k][p], y = a[k][q];
					a[k][p] = c * x - s * y;
					a[k][q] = s * x + c * y;
				}
				for (size_t k = 0; k < WORDS; k++) {
					double x = a[p][k], y = a[q][k];
					a[p][k] = c * x - s * y;
					a[q][k] = s * x + c * y;
					x = v[k][p];
					y = v[k][q];
					v[k][p] = c * x - s * y;
					v[k][q] = s * x + c * y;
				}
			}
}

/* Rows of the sixteen leading directions but the first, each of its word's length. Returns how far the sixteenth eigenvalue
 * is above the next. */
static double plain_rows(double a[WORDS][WORDS], const double rarity[WORDS], double rows[WORDS][KIN_DIMS])
{
	static double v[WORDS][WORDS];
	size_t order[WORDS];
	jacobi(a, v);
	for (size_t i = 0; i < WORDS; i++) {
		size_t k = i;
		for (; k > 0 && a[order[k - 1]][order[k - 1]] < a[i][i]; k--)
			order[k] = order[k - 1];
		order[k] = i;
	}
	for (size_t w = 0; w < WORDS; w++) {
		double square = 0;
		for (size_t d = 0; d < KIN_DIMS; d++) {
			rows[w][d] = v[w][order[d + 1]];
			square += rows[w][d] * rows[w][d];
		}
		for (size_t d = 0; d < KIN_DIMS; d++)
			rows[w][d] *= rarity[w] / sqrt(square);
	}
	return a[order[15]][order[15]] / a[order[16]][order[16]];
}

static void plain_place(double rows[WORDS][KIN_DIMS], const double mean[KIN_DIMS], const size_t *which, size_t n,
                        double out[KIN_DIMS])
{
	double square = 0;
	for (size_t d = 0; d < KIN_DIMS; d++) {
		out[d] = -mean[d];
		for (size_t i = 0; i < n; i++)
			out[d] += rows[which[i]][d];
		square += out[d] * out[d];
	}
	for (size_t d = 0; d < KIN_DIMS; d++)
		out[d] /= sqrt(square);
}

static void test_beside_a_plain_decomposition(void **state)
{
	enum { N = 1000, PASSES = 60 };
	static double counts[N][WORDS], a[WORDS][WORDS], rows[WORDS][KIN_DIMS];
	static uint32_t lists[N][8];
	double rarity[WORDS], mean[KIN_DIMS] = {0};
	struct rng rng;
	struct kin *k = kin_of();
	rng_seed(&rng, 3);
	for (size_t i = 0; i < N; i++) {
		random_document(&rng, lists[i]);
		for (size_t j = 0; j < 8; j++)
			for (size_t w = 0; w < WORDS; w++)
				counts[i][w] += lists[i][j] == words[w];
	}
	for (size_t turn = 0; turn < N * PASSES / KIN_AGAIN; turn++)
		learn(k, users[turn % N], lists[turn % N], 8, 4);
	gram(counts, N, a, rarity);
	assert_true(plain_rows(a, rarity, rows) > 1.1);
	for (size_t i = 0; i < N; i++)
		for (size_t w = 0; w < WORDS; w++)
			for (size_t d = 0; d < KIN_DIMS; d++)
				mean[d] += counts[i][w] * rows[w][d] / (4 * N);
	for (int i = 0; i < 300; i++) { /* two articles of one to five words: the cosine is the same in both spaces */
		float place[2][WIDTH];
		double plain[2][KIN_DIMS], cosine = 0;
		for (int j = 0; j < 2; j++) {
			size_t which[5], n = 1 + rng_below(&rng, 5);
			uint32_t list[5];
			for (size_t w = 0; w < n; w++) {
				which[w] = rng_below(&rng, WORDS);
				list[w] = words[which[w]];
			}
			kin_place(kin_space(k), list, n, place[j]);
			plain_place(rows, mean, which, n, plain[j]);
		}
		for (size_t d = 0; d < KIN_DIMS; d++)
			cosine += plain[0][d] * plain[1][d];
		near(dot(place[0], place[1]), cosine, 0.02);
	}
	kin_free(k);
}

/* ---- documents ---- */

/* The same as one that never knew the reader, but for what passes took along: so before the first pass begins. */
static void test_forgetting(void **state)
{
	struct kin *k = kin_of(), *other = kin_of();
	uint8_t page[KIN_PAGE_BYTES], same[KIN_PAGE_BYTES];
	for (size_t u = 0; u < 40; u++) {
		learn(k, users[u], words, 4, 2);
		if (u != 7)
			learn(other, users[u], words, 4, 2);
	}
	kin_forget(k, users[7]);
	kin_forget(k, users[7]);
	kin_forget(k, users[99]);
	kin_forget(k, 0);
	learn(k, users[3], words + 4, 0, 0); /* reads that are gone */
	kin_forget(other, users[3]);
	learn(k, 0, words, 4, 1); /* nobody's */
	for (uint64_t u = 1000; hash_mix64(users[5]) % KIN_DOCUMENTS != hash_mix64(u) % KIN_DOCUMENTS || u == users[5]; u++)
		; /* another reader's place: that one goes */
	for (size_t u = 0; u < 40; u++) {
		learn(k, users[u], words + u % 8, 3, 1);
		learn(other, users[u], words + u % 8, 3, 1);
	}
	kin_forget(k, users[11]);
	kin_forget(other, users[11]);
	for (size_t i = 0; i < kin_n_pages(); i++) {
		int64_t a = kin_take_page(k, page), b = kin_take_page(other, same);
		while (a >= 0 && a != b) { /* a page that only one of them ever touched */
			for (size_t at = 0; at < KIN_PAGE_BYTES; at++)
				assert_int_equal(page[at], 0);
			a = kin_take_page(k, page);
		}
		assert_int_equal(a, b);
		if (a < 0)
			break;
		assert_memory_equal(page, same, sizeof(page));
	}
	kin_free(k);
	kin_free(other);
}

/* More than a document holds, and more readers than there are places. */
static void test_bounds(void **state)
{
	struct kin *k = kin_of();
	struct rng rng;
	uint16_t rows[KIN_DOCUMENT_MAX + 100];
	rng_seed(&rng, 8);
	for (uint64_t user = 1; user < 3 * KIN_DOCUMENTS; user++) {
		size_t n = user % 100 == 0 ? sizeof(rows) / sizeof(rows[0]) : rng_below(&rng, 9);
		for (size_t i = 0; i < n; i++)
			rows[i] = (uint16_t)rng_u64(&rng); /* also rows that are none */
		kin_learn(k, user, rows, n, 1000);
	}
	const struct kin_space *s = kin_space(k);
	assert_non_null(s);
	for (size_t r = 0; r < KIN_ROWS; r++)
		for (size_t d = 0; d < WIDTH; d++)
			assert_true(s->rows[r][d] >= -4095 && s->rows[r][d] <= 4095 && isfinite(s->mean[d]));
	kin_free(k);
}

/* ---- checkpoints ---- */

static uint8_t (*stored)[KIN_PAGE_BYTES]; /* [kin_n_pages()] */
static bool *is_stored;

static size_t save(struct kin *k, bool kept)
{
	uint8_t page[KIN_PAGE_BYTES];
	size_t n = 0;
	int64_t at;
	for (; (at = kin_take_page(k, page)) >= 0; n++)
		if (kept) {
			memcpy(stored[at], page, sizeof(page));
			is_stored[at] = true;
		}
	kin_taken_kept(k, kept);
	return n;
}

static int load(struct kin *k)
{
	for (size_t i = 0; i < kin_n_pages(); i++)
		if (is_stored[i] && kin_load_page(k, i, (struct span){(const char *)stored[i], KIN_PAGE_BYTES}) != 0)
			return 1;
	return kin_loaded(k);
}

static void teach(struct kin *k, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < to; i++) {
		struct rng rng;
		uint32_t list[8];
		rng_seed(&rng, i);
		random_document(&rng, list);
		learn(k, users[i % 300], list, 8, 3);
	}
}

static void assert_same_space(const struct kin *a, const struct kin *b)
{
	const struct kin_space *x = kin_space(a), *y = kin_space(b);
	assert_true((x == NULL) == (y == NULL));
	if (x)
		assert_memory_equal(x, y, sizeof(*x));
}

static void test_checkpoints(void **state)
{
	stored = calloc(kin_n_pages(), KIN_PAGE_BYTES);
	is_stored = calloc(kin_n_pages(), sizeof(*is_stored));
	struct kin *through = kin_of();
	size_t cuts[] = {0, 10, 63, 64, 80, 300, 333, 900};
	assert_int_equal(save(through, true), 0);
	for (size_t c = 0; c + 1 < sizeof(cuts) / sizeof(cuts[0]); c++) {
		struct kin *again = kin_of();
		assert_int_equal(load(again), 0);
		assert_same_space(through, again);
		assert_int_equal(save(again, true), 0); /* nothing changed since */
		teach(through, cuts[c], cuts[c + 1]);
		teach(again, cuts[c], cuts[c + 1]);
		assert_same_space(through, again);
		size_t n = save(through, false);
		assert_true(n > 0);
		assert_int_equal(save(through, true), n); /* what could not be saved comes again */
		assert_int_equal(save(again, false), n);
		kin_free(again);
	}
	assert_non_null(kin_space(through));
	kin_free(through);
	free(stored);
	free(is_stored);
}

/* What is no state: found when the page comes in, or when all have. */
static void test_damage(void **state)
{
	stored = calloc(kin_n_pages(), KIN_PAGE_BYTES);
	is_stored = calloc(kin_n_pages(), sizeof(*is_stored));
	struct kin *k = kin_of();
	teach(k, 0, 500);
	save(k, true);
	kin_free(k);
	k = kin_of();
	assert_int_equal(kin_load_page(k, kin_n_pages(), (struct span){(const char *)stored[0], KIN_PAGE_BYTES}), 1);
	assert_int_equal(kin_load_page(k, 0, (struct span){(const char *)stored[0], KIN_PAGE_BYTES - 1}), 1);
	kin_free(k);
	size_t n_refused = 0, n_changed = 0;
	struct rng rng;
	rng_seed(&rng, 4);
	for (size_t page = 0; page < kin_n_pages(); page++) {
		uint8_t before[KIN_PAGE_BYTES];
		if (!is_stored[page] || rng_below(&rng, 12))
			continue;
		memcpy(before, stored[page], sizeof(before));
		for (size_t i = 0; i < KIN_PAGE_BYTES; i += 1 + rng_below(&rng, 64))
			stored[page][i] = (uint8_t)(0xf0 | rng_u64(&rng));
		k = kin_of();
		n_refused += load(k) != 0;
		n_changed++;
		kin_free(k);
		memcpy(stored[page], before, sizeof(before));
	}
	assert_true(n_changed > 20 && n_refused * 10 > n_changed * 9); /* some bytes are of no meaning */
	free(stored);
	free(is_stored);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_groups), cmocka_unit_test(test_rare_words),
		cmocka_unit_test(test_beside_a_plain_decomposition), cmocka_unit_test(test_forgetting), cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_checkpoints), cmocka_unit_test(test_damage)};
	return cmocka_run_group_tests(tests, choose, NULL);
}
