/* Scores and explanations of rows, the same for each instruction set: what is written here in vectors of 64 bytes becomes
 * as many instructions as the machine's are wide. Rows and leaves only ever meet their own lane, so that every variant
 * computes every number alike.
 *
 * Explaining. A leaf of value v is reached when o_j = 1 for every input j of its path; with input j unknown the training
 * rows' share z_j goes on (Lundberg and others 2020, "path dependent"). The leaf is a game f(S) = v prod_{j in S} o_j
 * prod_{j not in S} z_j, and the Shapley value of input i in it is, with Owen's integral (1972) for the weights of S,
 *
 *     v (o_i - z_i) integral_0^1 prod_{j != i} (t o_j + (1 - t) z_j) dt
 *
 * a polynomial in t of a degree below the path's length, so that Gauss-Legendre quadrature at 4 points is exact for paths
 * of up to 8 inputs. (Yu and others 2022, "Linear TreeShap", compute the same polynomials by interpolation.) */
#include "models/gbdt.h"

#include <string.h>

_Static_assert(2 * GBDT_POINTS - 1 >= GBDT_DEPTH_MAX - 1, "the quadrature is exact");

typedef uint8_t bytes __attribute__((vector_size(64)));
typedef float floats __attribute__((vector_size(64)));
typedef int32_t ints __attribute__((vector_size(64)));

enum { FLOATS = sizeof(floats) / sizeof(float), N_LANES = GBDT_LEAVES_MAX + 2 * GBDT_DEPTH_MAX };
_Static_assert((int)FLOATS == (int)GBDT_LANES && 4 * (int)FLOATS == (int)GBDT_ROWS, "a vector is a group of leaves, four are a block of rows");

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* How many cuts of a ruler each row of a block reaches. */
ALWAYS_INLINE void measure(const struct gbdt *g, const struct gbdt_ruler *r, const float *rows, size_t stride, size_t n,
                           bytes *out)
{
	floats x[4];
	ints count[4] = {0};
	float *scalar = (float *)x;
	for (size_t i = 0; i < GBDT_ROWS; i++)
		scalar[i] = rows[(i < n ? i : n - 1) * stride + r->input];
	const float *cuts = g->cuts + r->first_cut;
	for (size_t k = 0; k < r->n_cuts; k++)
		for (int part = 0; part < 4; part++)
			count[part] -= x[part] >= cuts[k]; /* true is -1 */
	const int32_t *counts = (const int32_t *)count;
	uint8_t *narrow = (uint8_t *)out;
	for (size_t i = 0; i < GBDT_ROWS; i++)
		narrow[i] = (uint8_t)counts[i];
}

/* Up to GBDT_ROWS rows. */
ALWAYS_INLINE void score_block(const struct gbdt *g, const float *rows, size_t stride, size_t n, double *out)
{
	bytes count[GBDT_RULERS_MAX], lanes[N_LANES];
	float sum[GBDT_ROWS];
	for (size_t i = 0; i < g->n_rulers; i++)
		measure(g, &g->rulers[i], rows, stride, n, &count[i]);
	for (int i = 0; i < GBDT_LEAVES_MAX; i++)
		memset(&lanes[i], i, sizeof(lanes[i]));
	for (size_t i = 0; i < GBDT_ROWS; i++)
		sum[i] = g->base_score;
	const struct gbdt_split *s = g->splits;
	const float *leaves = g->leaves;
	for (size_t t = 0; t < g->n_trees; t++) {
		for (const struct gbdt_split *end = s + g->shapes[t].n_splits; s < end; s++) {
			bytes below = (bytes)(count[s->ruler] < s->cut);
			lanes[s->out] = (lanes[s->below] & below) | (lanes[s->above] & ~below);
		}
		const uint8_t *leaf = (const uint8_t *)&lanes[g->shapes[t].result];
		for (size_t i = 0; i < GBDT_ROWS; i++)
			sum[i] += leaves[leaf[i]];
		leaves += g->shapes[t].n_leaves;
	}
	for (size_t i = 0; i < n; i++)
		out[i] = (double)sum[i];
}

ALWAYS_INLINE void score(const struct gbdt *g, const float *rows, size_t stride, size_t n, double *out)
{
	for (size_t i = 0; i < n; i += GBDT_ROWS)
		score_block(g, rows + i * stride, stride, n - i < GBDT_ROWS ? n - i : GBDT_ROWS, out + i);
}

/* Of Gauss and Legendre on [0, 1]: (1 -+ sqrt(3/7 -+ 2/7 sqrt(6/5))) / 2, and weights (18 +- sqrt(30)) / 72. */
static const float points[GBDT_POINTS] = {0.0694318442f, 0.3300094782f, 0.6699905218f, 0.9305681558f},
                   weights[GBDT_POINTS] = {0.1739274226f, 0.3260725774f, 0.3260725774f, 0.1739274226f};

/* One group of leaves. */
ALWAYS_INLINE void explain_group(const struct gbdt *g, size_t group, const float *row, double *out)
{
	floats factor[GBDT_DEPTH_MAX][GBDT_POINTS], before[GBDT_DEPTH_MAX][GBDT_POINTS], gain[GBDT_DEPTH_MAX];
	floats product[GBDT_POINTS], value;
	const floats zero = {0};
	const uint16_t *inputs = g->inputs + group * g->depth * GBDT_LANES;
	memcpy(&value, g->values + group * GBDT_LANES, sizeof(value));
	for (int p = 0; p < GBDT_POINTS; p++)
		product[p] = zero + 1;
	for (size_t k = 0; k < g->depth; k++) {
		floats low, high, share, x;
		size_t at = (group * g->depth + k) * GBDT_LANES;
		memcpy(&low, g->low + at, sizeof(low));
		memcpy(&high, g->high + at, sizeof(high));
		memcpy(&share, g->share + at, sizeof(share));
		float *scalar = (float *)&x;
		for (int i = 0; i < GBDT_LANES; i++)
			scalar[i] = row[inputs[k * GBDT_LANES + i]];
		ints within = (x >= low) & (x < high);
		floats reached = (floats)(within & (ints)(zero + 1));
		gain[k] = value * (reached - share);
		for (int p = 0; p < GBDT_POINTS; p++) {
			factor[k][p] = points[p] * reached + (1 - points[p]) * share;
			before[k][p] = product[p];
			product[p] *= factor[k][p];
		}
	}
	for (int p = 0; p < GBDT_POINTS; p++)
		product[p] = zero + weights[p]; /* now of those behind */
	for (size_t k = g->depth; k-- > 0;) {
		floats integral = zero;
		for (int p = 0; p < GBDT_POINTS; p++) {
			integral += before[k][p] * product[p];
			product[p] *= factor[k][p];
		}
		integral *= gain[k];
		const float *part = (const float *)&integral;
		for (int i = 0; i < GBDT_LANES; i++)
			out[inputs[k * GBDT_LANES + i]] += (double)part[i];
	}
}

ALWAYS_INLINE void explain(const struct gbdt *g, const float *row, double *out)
{
	for (size_t group = 0; group < g->n_groups; group++)
		explain_group(g, group, row, out);
}

/* ---- variants ---- */

#define VARIANT(name, isa) \
	__attribute__((target(isa))) static void score_##name(const struct gbdt *g, const float *rows, size_t stride, \
	                                                      size_t n, double *out) \
	{ \
		score(g, rows, stride, n, out); \
	} \
	__attribute__((target(isa))) static void explain_##name(const struct gbdt *g, const float *row, double *out) \
	{ \
		explain(g, row, out); \
	}

static void score_portable(const struct gbdt *g, const float *rows, size_t stride, size_t n, double *out)
{
	score(g, rows, stride, n, out);
}

static void explain_portable(const struct gbdt *g, const float *row, double *out)
{
	explain(g, row, out);
}

static int always(void)
{
	return 1;
}

#if defined(__x86_64__)
VARIANT(avx2, "avx2")
VARIANT(avx512, "avx512bw,avx512vl")

static int has_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}

static int has_avx512(void)
{
	return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#endif

const struct gbdt_variant gbdt_variants[] = {
	{"portable", always, score_portable, explain_portable},
#if defined(__x86_64__)
	{"avx2", has_avx2, score_avx2, explain_avx2},
	{"avx512", has_avx512, score_avx512, explain_avx512},
#endif
};
const size_t gbdt_n_variants = sizeof(gbdt_variants) / sizeof(gbdt_variants[0]);

const struct gbdt_variant *gbdt_best(void)
{
	size_t i = gbdt_n_variants - 1;
	while (!gbdt_variants[i].here())
		i--;
	return &gbdt_variants[i];
}
