/* Principal components: worked by hand where all lies on a line or in a plane, and of random vectors what makes them
 * components at all. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/rng.h"
#include "engine/learn/pca.h"

static void near(double value, double expected, double within)
{
	if (!(fabs(value - expected) <= within))
		fail_msg("%.6f is not %.6f", value, expected);
}

static double cosine(const int8_t *a, const int8_t *b)
{
	double sum = 0, square_a = 0, square_b = 0;
	for (size_t d = 0; d < PCA_DIMS; d++) {
		sum += a[d] * b[d];
		square_a += a[d] * a[d];
		square_b += b[d] * b[d];
	}
	return sum / sqrt(square_a * square_b);
}

/* Four points around (5, 1, 0): 2 apart along the first axis, 1 along the second; there is no third. */
static void test_plane(void **state)
{
	const float x[4][3] = {{7, 1, 0}, {3, 1, 0}, {5, 2, 0}, {5, 0, 0}};
	int8_t at[PCA_DIMS], other[PCA_DIMS], zeros[PCA_DIMS] = {0};
	struct pca p;
	assert_int_equal(pca_fit(&p, &x[0][0], 4, 3), 0);
	near(fabs((double)p.basis[0]), 1, 1e-5);
	near(fabs((double)p.basis[4]), 1, 1e-5);
	for (size_t i = 0; i < 3; i++)
		for (size_t k = i == 0 ? 1 : 0; k < PCA_DIMS; k++)
			if (k * 3 + i != 4)
				near((double)p.basis[k * 3 + i], 0, 1e-5);
	assert_true(pca_place(&p, (const float[]){8, 5, 99}, at)); /* (3, 4): .6 and .8 of 127 */
	assert_int_equal(abs(at[0]), 76);
	assert_int_equal(abs(at[1]), 102);
	for (size_t d = 2; d < PCA_DIMS; d++)
		assert_int_equal(at[d], 0);
	assert_true(pca_place(&p, (const float[]){6, 1, 0}, other));
	near(cosine(at, other), 0.6, 0.01);
	assert_true(pca_place(&p, (const float[]){5, -9, 0}, other));
	near(cosine(at, other), -0.8, 0.01);
	assert_false(pca_place(&p, (const float[]){5, 1, 7}, at)); /* the mean, and what no component sees */
	assert_memory_equal(at, zeros, sizeof(zeros));
	assert_false(pca_place(&p, (const float[]){INFINITY, 1, 7}, at));
	pca_free(&p);
	pca_free(&p);
}

/* All the same: there are no components. */
static void test_a_point(void **state)
{
	float x[70][4];
	int8_t at[PCA_DIMS];
	struct pca p;
	for (size_t i = 0; i < 70; i++)
		memcpy(x[i], (const float[]){1, 2, 3, 4}, sizeof(x[i]));
	assert_int_equal(pca_fit(&p, &x[0][0], 70, 4), 0);
	assert_false(pca_place(&p, x[3], at));
	pca_free(&p);
}

/* Vectors of few hidden numbers of falling size, and a little noise. */
static float *random_vectors(struct rng *rng, size_t n, size_t width, size_t n_hidden)
{
	float *axes = malloc(n_hidden * width * sizeof(*axes)), *x = calloc(n * width, sizeof(*x));
	assert_true(axes && x);
	for (size_t i = 0; i < n_hidden * width; i++)
		axes[i] = (float)(rng_double(rng) - 0.5);
	for (size_t i = 0; i < n; i++) {
		for (size_t h = 0; h < n_hidden; h++) {
			float by = (float)((rng_double(rng) - 0.5) * 10 / (1 + (double)h));
			for (size_t j = 0; j < width; j++)
				x[i * width + j] += by * axes[h * width + j];
		}
		for (size_t j = 0; j < width; j++)
			x[i * width + j] += 3 + (float)(rng_double(rng) * 1e-3);
	}
	free(axes);
	return x;
}

/* Of length 1, at right angles, no worse than any other directions: what they leave is the noise. Both by rows and by
 * columns, as few and as many vectors are. */
static void test_components(void **state)
{
	const size_t shapes[][2] = {{64, 300}, {512, 48}, {512, 768}, {100, 100}};
	struct rng rng;
	rng_seed(&rng, 5);
	for (size_t s = 0; s < 4; s++) {
		const size_t n = shapes[s][0], width = shapes[s][1], n_hidden = 12;
		float *x = random_vectors(&rng, n, width, n_hidden);
		struct pca p;
		double total = 0, left = 0;
		assert_int_equal(pca_fit(&p, x, n, width), 0);
		for (size_t a = 0; a < PCA_DIMS; a++)
			for (size_t b = 0; b <= a; b++) {
				double sum = 0;
				for (size_t j = 0; j < width; j++)
					sum += (double)p.basis[a * width + j] * (double)p.basis[b * width + j];
				near(sum, a == b ? round(sum) : 0, 2e-3);
			}
		for (size_t i = 0; i < n; i++) {
			double length = 0, seen = 0;
			for (size_t j = 0; j < width; j++) {
				double mean = 0;
				for (size_t k = 0; k < n; k++)
					mean += (double)x[k * width + j] / (double)n;
				length += pow((double)x[i * width + j] - mean, 2);
			}
			for (size_t k = 0; k < n_hidden; k++) {
				double y = -(double)p.offset[k];
				for (size_t j = 0; j < width; j++)
					y += (double)p.basis[k * width + j] * (double)x[i * width + j];
				seen += y * y;
			}
			total += length;
			left += length - seen;
			i += 15; /* some of them */
		}
		assert_true(left < total * 1e-4);
		pca_free(&p);
		free(x);
	}
}

/* Cosines of short vectors are those of the whole ones less their mean. */
static void test_cosines(void **state)
{
	enum { N = 300, WIDTH = 200 };
	struct rng rng;
	struct pca p;
	double mean[WIDTH] = {0};
	rng_seed(&rng, 6);
	float *x = random_vectors(&rng, N, WIDTH, 10);
	assert_int_equal(pca_fit(&p, x, N, WIDTH), 0);
	for (size_t i = 0; i < N * WIDTH; i++)
		mean[i % WIDTH] += (double)x[i] / N;
	for (size_t i = 0; i + 1 < N; i++) {
		int8_t a[PCA_DIMS], b[PCA_DIMS];
		double dot = 0, square_a = 0, square_b = 0;
		for (size_t j = 0; j < WIDTH; j++) {
			double u = (double)x[i * WIDTH + j] - mean[j], v = (double)x[(i + 1) * WIDTH + j] - mean[j];
			dot += u * v;
			square_a += u * u;
			square_b += v * v;
		}
		assert_true(pca_place(&p, x + i * WIDTH, a) && pca_place(&p, x + (i + 1) * WIDTH, b));
		near(cosine(a, b), dot / sqrt(square_a * square_b), 0.03);
	}
	pca_free(&p);
	free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_plane), cmocka_unit_test(test_a_point),
	                                   cmocka_unit_test(test_components), cmocka_unit_test(test_cosines)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
