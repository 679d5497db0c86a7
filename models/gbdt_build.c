/* From trees to what is scored: a walk over each tree that numbers its leaves, lays its splits out in the order they are
 * worked in and writes down the path to each leaf; before it, the rulers of all the numbers that splits compare with. */
#include "models/gbdt.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct gbdt_trees *gbdt_trees_new(size_t n_trees)
{
	struct gbdt_trees *t = calloc(1, sizeof(*t) + n_trees * sizeof(t->trees[0]));
	if (t)
		t->n_trees = n_trees;
	return t;
}

void gbdt_trees_free(struct gbdt_trees *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_trees; i++)
		free(t->trees[i].nodes);
	free(t);
}

void gbdt_free(struct gbdt *g)
{
	if (!g)
		return;
	free(g->shapes);
	free(g->rulers);
	free(g->cuts);
	free(g->splits);
	free(g->leaves);
	free(g->inputs);
	free(g->low);
	free(g->high);
	free(g->share);
	free(g->values);
	free(g);
}

/* ---- rulers ---- */

struct cut {
	uint16_t input;
	float at;
};

static int by_input(const void *a, const void *b)
{
	const struct cut *x = a, *y = b;
	if (x->input != y->input)
		return x->input < y->input ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

static bool is_split(const struct gbdt_node *n)
{
	return n->below >= 0;
}

/* cuts[n], sorted, without repeats, into rulers. Returns 0 or 1 when there would be too many. */
static int lay_rulers(struct gbdt *g, const struct cut *cuts, size_t n)
{
	struct gbdt_ruler *r = NULL;
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && by_input(&cuts[i - 1], &cuts[i]) == 0)
			continue;
		if (!r || r->input != cuts[i].input || r->n_cuts == GBDT_CUTS_MAX) {
			if (g->n_rulers == GBDT_RULERS_MAX)
				return 1;
			r = &g->rulers[g->n_rulers++];
			*r = (struct gbdt_ruler){.input = cuts[i].input, .first_cut = (uint32_t)g->n_cuts};
		}
		g->cuts[g->n_cuts++] = cuts[i].at;
		r->n_cuts++;
	}
	return 0;
}

static int make_rulers(const struct gbdt_trees *t, struct gbdt *g, struct gbdt_where *where)
{
	size_t n = 0, room = 0;
	for (size_t i = 0; i < t->n_trees; i++)
		room += t->trees[i].n_nodes;
	struct cut *cuts = malloc((room + 1) * sizeof(*cuts));
	g->cuts = malloc((room + 1) * sizeof(*g->cuts));
	g->rulers = calloc(GBDT_RULERS_MAX, sizeof(*g->rulers));
	int r = cuts && g->cuts && g->rulers ? 0 : -ENOMEM;
	for (size_t i = 0; i < t->n_trees && r == 0; i++)
		for (size_t k = 0; k < t->trees[i].n_nodes; k++) {
			const struct gbdt_node *node = &t->trees[i].nodes[k];
			if (is_split(node))
				cuts[n++] = (struct cut){node->input, node->at};
		}
	if (r == 0 && n > 0)
		qsort(cuts, n, sizeof(*cuts), by_input);
	if (r == 0 && lay_rulers(g, cuts, n) != 0) {
		*where = (struct gbdt_where){.fault = GBDT_CUTS};
		r = 1;
	}
	free(cuts);
	return r;
}

/* The first ruler whose last cut is at least the split's, and the place of it there. */
static void find_cut(const struct gbdt *g, const struct gbdt_node *node, struct gbdt_split *out)
{
	size_t low = 0, high = g->n_rulers - 1;
	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct gbdt_ruler *r = &g->rulers[middle];
		if (r->input < node->input || (r->input == node->input && g->cuts[r->first_cut + r->n_cuts - 1] < node->at))
			low = middle + 1;
		else
			high = middle;
	}
	const float *cuts = g->cuts + g->rulers[low].first_cut;
	out->ruler = (uint8_t)low;
	low = 0;
	high = g->rulers[out->ruler].n_cuts - 1u;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (cuts[middle] < node->at)
			low = middle + 1;
		else
			high = middle;
	}
	out->cut = (uint8_t)(low + 1);
}

/* ---- the walk ---- */

/* Where one input must lie for a leaf to be reached. */
struct interval {
	uint16_t input;
	float low, high, share;
};

struct step {
	int32_t node;
	uint8_t done;    /* children walked */
	uint16_t result; /* of the first of them */
};

struct walk {
	const struct gbdt_trees *trees;
	struct gbdt *g;
	size_t tree, n_met;
	bool met[GBDT_NODES_MAX];
	struct step stack[GBDT_DEPTH_MAX + 1]; /* [n] from the root down */
	size_t n;
	/* paths, before they are laid side by side */
	struct interval *intervals; /* [leaves][GBDT_DEPTH_MAX] */
};

static const struct gbdt_node *node_of(const struct walk *w, int32_t node)
{
	return &w->trees->trees[w->tree].nodes[node];
}

static int fail(const struct walk *w, struct gbdt_where *where, enum gbdt_fault fault, size_t node)
{
	*where = (struct gbdt_where){fault, w->tree, node};
	return 1;
}

/* Writes down the path to the leaf on top of the stack: one interval an input. */
static void write_path(struct walk *w)
{
	struct interval *path = w->intervals + w->g->n_leaves * GBDT_DEPTH_MAX;
	size_t n = 0;
	double expected = (double)node_of(w, w->stack[w->n - 1].node)->at;
	for (size_t i = 0; i + 1 < w->n; i++) {
		const struct gbdt_node *split = node_of(w, w->stack[i].node);
		const struct gbdt_node *next = node_of(w, w->stack[i + 1].node);
		size_t k = 0;
		while (k < n && path[k].input != split->input)
			k++;
		if (k == n)
			path[n++] = (struct interval){split->input, -INFINITY, INFINITY, 1};
		path[k].share *= next->cover / split->cover;
		expected *= (double)next->cover / (double)split->cover;
		if (w->stack[i].done == 1)
			path[k].high = fminf(path[k].high, split->at);
		else
			path[k].low = fmaxf(path[k].low, split->at);
	}
	w->g->expected += expected;
	w->g->depth = n > w->g->depth ? n : w->g->depth;
	for (; n < GBDT_DEPTH_MAX; n++)
		path[n] = (struct interval){0, -INFINITY, INFINITY, 1};
}

static int push(struct walk *w, int32_t node, struct gbdt_where *where)
{
	if (w->met[node])
		return fail(w, where, GBDT_LOOP, (size_t)node);
	if (w->n == GBDT_DEPTH_MAX + 1)
		return fail(w, where, GBDT_DEEP, (size_t)node);
	w->met[node] = true;
	w->n_met++;
	w->stack[w->n++] = (struct step){.node = node};
	return 0;
}

/* A node is complete: its lanes are the next child's result for the node above it. */
static void pop(struct walk *w, uint16_t result)
{
	if (--w->n == 0) {
		w->g->shapes[w->tree].result = result;
		return;
	}
	struct step *above = &w->stack[w->n - 1];
	if (above->done == 1) {
		above->result = result;
		return;
	}
	/* Two lanes for each depth: one for the first child of a node there, one for the second. */
	const struct gbdt_node *node = node_of(w, above->node);
	bool second = w->n > 1 && w->stack[w->n - 2].done == 2;
	struct gbdt_split *split = &w->g->splits[w->g->n_splits++];
	*split = (struct gbdt_split){.below = above->result, .above = result,
	                             .out = (uint16_t)(GBDT_LEAVES_MAX + 2 * (w->n - 1) + second)};
	find_cut(w->g, node, split);
	above->result = split->out;
	above->done = 3;
}

static int walk_tree(struct walk *w, struct gbdt_where *where)
{
	struct gbdt *g = w->g;
	const struct gbdt_tree *tree = &w->trees->trees[w->tree];
	size_t first_leaf = g->n_leaves, first_split = g->n_splits;
	memset(w->met, 0, sizeof(w->met));
	w->n = w->n_met = 0;
	int r = push(w, 0, where);
	while (r == 0 && w->n > 0) {
		struct step *top = &w->stack[w->n - 1];
		const struct gbdt_node *node = node_of(w, top->node);
		if (top->done == 3) {
			pop(w, top->result);
		} else if (is_split(node)) {
			top->done++;
			r = push(w, top->done == 1 ? node->below : node->above, where);
		} else {
			write_path(w);
			g->leaves[g->n_leaves] = node->at;
			pop(w, (uint16_t)(g->n_leaves++ - first_leaf));
		}
	}
	if (r == 0 && w->n_met + tree->n_deleted != tree->n_nodes)
		r = fail(w, where, GBDT_ORPHANS, 0);
	g->shapes[w->tree].n_leaves = (uint32_t)(g->n_leaves - first_leaf);
	g->shapes[w->tree].n_splits = (uint32_t)(g->n_splits - first_split);
	return r;
}

/* ---- paths side by side ---- */

static int lay_paths(struct gbdt *g, const struct interval *intervals)
{
	g->n_groups = (g->n_leaves + GBDT_LANES - 1) / GBDT_LANES;
	size_t n = g->n_groups * g->depth * GBDT_LANES;
	g->inputs = calloc(n + 1, sizeof(*g->inputs));
	g->low = calloc(n + 1, sizeof(*g->low));
	g->high = calloc(n + 1, sizeof(*g->high));
	g->share = calloc(n + 1, sizeof(*g->share));
	g->values = calloc(g->n_groups * GBDT_LANES + 1, sizeof(*g->values));
	if (!g->inputs || !g->low || !g->high || !g->share || !g->values)
		return -ENOMEM;
	memcpy(g->values, g->leaves, g->n_leaves * sizeof(*g->values)); /* places without a leaf have the value 0 */
	for (size_t leaf = 0; leaf < g->n_leaves; leaf++)
		for (size_t k = 0; k < g->depth; k++) {
			const struct interval *x = &intervals[leaf * GBDT_DEPTH_MAX + k];
			size_t at = (leaf / GBDT_LANES * g->depth + k) * GBDT_LANES + leaf % GBDT_LANES;
			g->inputs[at] = x->input;
			g->low[at] = x->low;
			g->high[at] = x->high;
			g->share[at] = x->share;
		}
	return 0;
}

int gbdt_new(const struct gbdt_trees *t, struct gbdt **out, struct gbdt_where *where)
{
	size_t room = 0;
	struct gbdt *g = calloc(1, sizeof(*g));
	struct walk *w = calloc(1, sizeof(*w));
	int r = g && w ? 0 : -ENOMEM;
	if (r < 0)
		goto out;
	for (size_t i = 0; i < t->n_trees; i++)
		room += t->trees[i].n_nodes / 2 + 1; /* a tree has a leaf more than splits */
	g->n_trees = t->n_trees;
	g->base_score = (float)t->base_score;
	g->expected = (double)g->base_score;
	g->shapes = calloc(t->n_trees + 1, sizeof(*g->shapes));
	g->splits = calloc(room + 1, sizeof(*g->splits));
	g->leaves = calloc(room + 1, sizeof(*g->leaves));
	w->intervals = calloc((room + 1) * GBDT_DEPTH_MAX, sizeof(*w->intervals));
	w->trees = t;
	w->g = g;
	r = g->shapes && g->splits && g->leaves && w->intervals ? make_rulers(t, g, where) : -ENOMEM;
	for (; w->tree < t->n_trees && r == 0; w->tree++)
		r = walk_tree(w, where);
	if (r == 0)
		r = lay_paths(g, w->intervals);
	if (r == 0) {
		*out = g;
		g = NULL;
	}
out:
	if (w)
		free(w->intervals);
	free(w);
	gbdt_free(g);
	return r;
}
