/* Boosted trees: what model.c, gbdt_build.c and gbdt_score.c share. Nobody outside models/, its tests and its benchmark
 * includes this.
 *
 * To score, each tree stands as a complete one: the children of place i are 2i + 1 and 2i + 2, so the way down is
 * arithmetic, i = 2i + 1 + (x >= at), with no branch that a row's values could decide. Leaves above the deepest are spread
 * over the places below them.
 *
 * To explain, a tree stands as its edges, each from a node to a child. The edges of a path that ask for the same input act
 * as one: `up` leads from an edge to the next such edge above it. */
#ifndef MYNEWS_MODELS_GBDT_H
#define MYNEWS_MODELS_GBDT_H

#include <stddef.h>
#include <stdint.h>

/* What a file may hold. */
enum {
	GBDT_TREES_MAX = 1024,
	GBDT_DEPTH_MAX = 8, /* splits above a leaf */
	GBDT_NODES_MAX = (2 << GBDT_DEPTH_MAX) - 1
};

/* ---- trees as the file has them ---- */

struct gbdt_node {
	int32_t below, above; /* the children for x < at and for the rest; -1 both: a leaf */
	uint16_t input;       /* of a split: which of a slate's inputs */
	float at;             /* of a split; of a leaf: its value */
	float cover;          /* sum of the training rows' second derivatives; of a split above 0 */
};

struct gbdt_tree {
	struct gbdt_node *nodes; /* [n_nodes], the root first; n_deleted of them belong to no path */
	size_t n_nodes, n_deleted;
};

struct gbdt_trees {
	double base_score;
	size_t n_trees;
	struct gbdt_tree trees[]; /* [n_trees] */
};

struct gbdt_trees *gbdt_trees_new(size_t n_trees); /* NULL when memory is out; n_trees up to GBDT_TREES_MAX */
void gbdt_trees_free(struct gbdt_trees *t);        /* NULL is safe */

/* ---- as they are scored and explained ---- */

struct gbdt_place {
	float at; /* infinite where the tree has no split */
	uint32_t input;
};

enum { GBDT_POINTS = 4 };
typedef float gbdt_points __attribute__((vector_size(4 * GBDT_POINTS)));

/* What a row does to the factor of an edge's input: it goes on along the path; it leaves it here; it left it further up. */
enum gbdt_way { GBDT_ON, GBDT_OFF, GBDT_GONE, N_GBDT_WAYS };

struct gbdt_edge {
	gbdt_points turn[N_GBDT_WAYS]; /* factor here / factor at `up` */
	gbdt_points gain;              /* (1 - z) / factor, going on */
	float at, value;               /* of the split above; of the leaf below, 0 where there is another split */
	uint16_t input;
	uint16_t parent, up;           /* edges of the same tree, before this one; 0 none */
	uint8_t is_above;              /* taken when x >= at */
};

struct gbdt_shape {
	uint32_t first_place, first_leaf, first_edge, n_edges;
	int depth;
};

struct gbdt {
	size_t n_trees;
	float base_score;
	double expected;           /* mean score, by cover */
	struct gbdt_shape *shapes; /* [n_trees] */
	struct gbdt_place *places; /* of one tree after the other: [2^depth - 1] */
	float *leaves;             /* likewise: [2^depth] */
	struct gbdt_edge *edges;   /* likewise: [n_edges], the first of them above the root */
};

enum gbdt_fault { GBDT_LOOP, GBDT_DEEP, GBDT_ORPHANS };
struct gbdt_where {
	enum gbdt_fault fault; /* a node met twice; one too deep; other than n_deleted of them unmet */
	size_t tree, node;
};
/* Builds them, out of trees whose children are within bounds. Returns 0; 1 when they are no trees or too deep (where is
 * filled); -ENOMEM. */
int gbdt_new(const struct gbdt_trees *t, struct gbdt **out, struct gbdt_where *where) __attribute__((warn_unused_result));
void gbdt_free(struct gbdt *g); /* NULL is safe */

/* Scores of rows [n][stride]: base score and a leaf of each tree, added as floats in the trees' order. No input is NaN. */
void gbdt_score(const struct gbdt *g, const float *rows, size_t stride, size_t n, double *out);
/* Adds each input's part of one row's score against `expected` to out[inputs]. */
void gbdt_explain(const struct gbdt *g, const float *row, double *out);

/* Quadrature on [0, 1], exact for polynomials of degree 7. */
extern const gbdt_points gbdt_points_at, gbdt_points_weight;

#endif
