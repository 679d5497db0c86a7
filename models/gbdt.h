/* Boosted trees: what model.c, gbdt_build.c and gbdt_score.c share. Nobody outside models/ and its tests includes this.
 *
 * Scoring goes by rows in blocks of GBDT_ROWS and never branches on a row's values. A row's input is only ever compared
 * with the numbers that some split of some tree compares it with, so first each input is measured once against all of
 * those (its ruler): a byte says how many of them it reaches. That loses nothing. A split is then a comparison of bytes
 * and a choice between the leaf numbers that came out below and above it, for all rows of the block in one go, and the
 * splits of a tree stand in such an order that what they choose between is known:
 *
 *     lanes[out] = count[ruler] < cut ? lanes[below] : lanes[above]
 *
 * Lanes 0 to GBDT_LEAVES_MAX - 1 hold their own number in every byte, those behind them what splits chose.
 *
 * Explaining goes by leaves in groups of GBDT_LANES. To a leaf belongs the path of splits above it, joined by input: it
 * is reached when every input on its path lies within an interval. */
#ifndef MYNEWS_MODELS_GBDT_H
#define MYNEWS_MODELS_GBDT_H

#include <stddef.h>
#include <stdint.h>

/* What a file may hold. */
enum {
	GBDT_TREES_MAX = 1024,
	GBDT_DEPTH_MAX = 8,                    /* splits above a leaf */
	GBDT_LEAVES_MAX = 1 << GBDT_DEPTH_MAX, /* so a leaf's number fits a byte */
	GBDT_NODES_MAX = 2 * GBDT_LEAVES_MAX - 1,
	GBDT_RULERS_MAX = 256,                 /* an input has one for each 255 numbers that it is compared with */
	GBDT_CUTS_MAX = 255                    /* of a ruler: a count fits a byte */
};

enum { GBDT_ROWS = 64, GBDT_LANES = 16, GBDT_POINTS = 4 };

/* ---- trees as the file has them ---- */

struct gbdt_node {
	int32_t below, above; /* the children for x < at and for the rest; -1 both: a leaf */
	uint16_t input;       /* of a split: which of a slate's inputs */
	float at;             /* of a split; of a leaf: its value */
	float cover;          /* sum of the training rows' second derivatives */
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

/* ---- as they are scored ---- */

struct gbdt_ruler {
	uint16_t input;
	uint16_t n_cuts;
	uint32_t first_cut;
};

struct gbdt_split {
	uint16_t below, above, out; /* lanes */
	uint8_t ruler, cut;         /* from 1 */
};

struct gbdt_shape {
	uint32_t n_splits, n_leaves;
	uint16_t result; /* lanes */
};

struct gbdt {
	size_t n_trees, n_rulers, n_cuts, n_splits, n_leaves;
	float base_score;
	double expected; /* mean score, by cover */
	struct gbdt_shape *shapes; /* [n_trees] */
	struct gbdt_ruler *rulers; /* [n_rulers] */
	float *cuts;               /* [n_cuts], of one ruler after the other, each ascending */
	struct gbdt_split *splits; /* [n_splits], of one tree after the other */
	float *leaves;             /* [n_leaves], likewise */
	/* Paths: groups of GBDT_LANES leaves of any trees; unused places hold intervals without ends and shares of 1. */
	size_t depth, n_groups;    /* depth: the most inputs on one path */
	uint16_t *inputs;          /* [n_groups][depth][GBDT_LANES] */
	float *low, *high, *share; /* likewise: low <= x < high; share of the cover that went on along the path */
	float *values;             /* [n_groups][GBDT_LANES] */
};

enum gbdt_fault { GBDT_LOOP, GBDT_DEEP, GBDT_ORPHANS, GBDT_CUTS };
struct gbdt_where {
	enum gbdt_fault fault; /* a node met twice; one too deep; not n_deleted of them unmet; too many rulers */
	size_t tree, node;
};
/* Builds what is scored, out of trees whose children are within bounds. Returns 0; 1 when they are no trees, or more than
 * fits (where is filled); -ENOMEM. */
int gbdt_new(const struct gbdt_trees *t, struct gbdt **out, struct gbdt_where *where) __attribute__((warn_unused_result));
void gbdt_free(struct gbdt *g); /* NULL is safe */

/* Rows [n][stride] of inputs, none NaN. The score is the base score and a leaf of each tree, added as floats in the trees'
 * order. */
typedef void (*gbdt_score_fn)(const struct gbdt *g, const float *rows, size_t stride, size_t n, double *out);
/* Each input's part of one row's score against `expected`, added to out[inputs]. */
typedef void (*gbdt_explain_fn)(const struct gbdt *g, const float *row, double *out);

/* One for each instruction set, the portable one first; all give the same scores. */
struct gbdt_variant {
	const char *name;
	int (*here)(void); /* whether this machine has it */
	gbdt_score_fn score;
	gbdt_explain_fn explain;
};
extern const struct gbdt_variant gbdt_variants[];
extern const size_t gbdt_n_variants;
const struct gbdt_variant *gbdt_best(void);

#endif
