/* Scores and explanations of rows.
 *
 * Explaining. A leaf of value v is reached when o_j = 1 for every input j of its path; with input j unknown the training
 * rows' share z_j goes on (Lundberg and others 2020, "path dependent"). The leaf is a game f(S) = v prod_{j in S} o_j
 * prod_{j not in S} z_j, and the Shapley value of input i in it is, with Owen's integral (1972) for the weights of S,
 *
 *     v (o_i - z_i) integral_0^1 prod_{j != i} f_j(t) dt,   f_j(t) = t o_j + (1 - t) z_j
 *
 * whose degree in t is below the path's length: Gauss-Legendre quadrature at 4 points is exact for paths of 8 inputs. All
 * leaves behind an edge share the factors down to it, so one pass down a tree makes products of factors, and one pass up
 * sums them and hands each edge's input its part, as Yu and others 2022 ("Linear TreeShap") do with polynomials. An edge
 * that asks again for an input of an edge above it replaces that one's factor, and its gain for the leaves behind it. */
#include "models/gbdt.h"

_Static_assert(2 * GBDT_POINTS - 1 >= GBDT_DEPTH_MAX - 1, "the quadrature is exact");

enum { BLOCK = 64, ABREAST = 8 };

/* Down one tree with some rows abreast, so that their loads overlap. */
static inline void descend(const struct gbdt_place *places, int depth, const float *const rows[ABREAST],
                           uint32_t out[ABREAST])
{
	uint32_t place[ABREAST] = {0};
	for (int d = 0; d < depth; d++)
		for (int k = 0; k < ABREAST; k++) {
			const struct gbdt_place p = places[place[k]];
			place[k] = 2 * place[k] + 1 + (rows[k][p.input] >= p.at);
		}
	for (int k = 0; k < ABREAST; k++)
		out[k] = place[k] - ((1u << depth) - 1);
}

/* Up to BLOCK rows, which stay in the nearest cache while the trees go by. */
static void score_block(const struct gbdt *g, const float *rows, size_t stride, size_t n, double *out)
{
	float sum[BLOCK];
	const float *row[BLOCK];
	for (size_t i = 0; i < BLOCK; i++) {
		sum[i] = g->base_score;
		row[i] = rows + (i < n ? i : n - 1) * stride;
	}
	for (size_t t = 0; t < g->n_trees; t++) {
		const struct gbdt_shape *s = &g->shapes[t];
		for (size_t i = 0; i < n; i += ABREAST) {
			uint32_t leaf[ABREAST];
			descend(g->places + s->first_place, s->depth, row + i, leaf);
			for (size_t k = 0; k < ABREAST; k++)
				sum[i + k] += g->leaves[s->first_leaf + leaf[k]];
		}
	}
	for (size_t i = 0; i < n; i++)
		out[i] = (double)sum[i];
}

void gbdt_score(const struct gbdt *g, const float *rows, size_t stride, size_t n, double *out)
{
	for (size_t i = 0; i < n; i += BLOCK)
		score_block(g, rows + i * stride, stride, n - i < BLOCK ? n - i : BLOCK, out + i);
}

/* Of Gauss and Legendre: (1 -+ sqrt(3/7 -+ 2/7 sqrt(6/5))) / 2, and weights (18 +- sqrt(30)) / 72. */
const gbdt_points gbdt_points_at = {0.0694318442f, 0.3300094782f, 0.6699905218f, 0.9305681558f},
                  gbdt_points_weight = {0.1739274226f, 0.3260725774f, 0.3260725774f, 0.1739274226f};

static void explain_tree(const struct gbdt_edge *edges, size_t n, const float *row, double *out)
{
	gbdt_points product[GBDT_NODES_MAX], sum[GBDT_NODES_MAX], gain[GBDT_NODES_MAX];
	uint8_t on[GBDT_NODES_MAX];
	const gbdt_points left = -1 / (1 - gbdt_points_at); /* -z / factor, once the path is left */
	product[0] = gbdt_points_weight;
	gain[0] = sum[0] = 0 * left;
	on[0] = 1;
	for (size_t i = 1; i < n; i++) {
		const struct gbdt_edge *e = &edges[i];
		uint8_t before = on[e->up], taken = before & ((row[e->input] >= e->at) == e->is_above);
		const gbdt_points *gains[2] = {&left, &e->gain};
		on[i] = taken;
		gain[i] = *gains[taken];
		product[i] = product[e->parent] * e->turn[GBDT_GONE - before - taken];
		sum[i] = product[i] * e->value;
	}
	for (size_t i = n; i-- > 1;) {
		const struct gbdt_edge *e = &edges[i];
		gbdt_points part = (gain[i] - gain[e->up]) * sum[i];
		out[e->input] += (double)((part[0] + part[1]) + (part[2] + part[3]));
		sum[e->parent] += sum[i];
	}
}

void gbdt_explain(const struct gbdt *g, const float *row, double *out)
{
	for (size_t t = 0; t < g->n_trees; t++)
		explain_tree(g->edges + g->shapes[t].first_edge, g->shapes[t].n_edges, row, out);
}
