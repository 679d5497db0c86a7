/* From trees as a file has them to trees as they are scored and explained: a walk over each, parents before children. */
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
	free(g->places);
	free(g->leaves);
	free(g->edges);
	free(g);
}

static bool is_leaf(const struct gbdt_node *n)
{
	return n->below < 0;
}

/* ---- the walk ---- */

/* A node met, and how it is reached. */
struct met {
	int32_t node;
	uint16_t parent; /* the edge above its parent: also the place of that in the walk */
	uint8_t depth;
	bool is_above;
	uint32_t place;  /* in the complete tree */
};

struct walk {
	const struct gbdt_tree *tree;
	struct met met[GBDT_NODES_MAX]; /* [n] */
	size_t n;
	bool seen[GBDT_NODES_MAX];
	int depth;
};

/* Finds every node of a path, parents before children. Returns 0 or 1. */
static int walk_tree(const struct gbdt_tree *tree, struct walk *w, struct gbdt_where *where)
{
	memset(w, 0, sizeof(*w));
	w->tree = tree;
	w->met[w->n++] = (struct met){0};
	w->seen[0] = true;
	for (size_t i = 0; i < w->n; i++) {
		const struct met *m = &w->met[i];
		const struct gbdt_node *node = &tree->nodes[m->node];
		const int32_t children[2] = {node->below, node->above};
		w->depth = m->depth; /* the last is among the deepest */
		for (int k = 0; k < 2 && !is_leaf(node); k++) {
			where->node = (size_t)children[k];
			where->fault = w->seen[children[k]] ? GBDT_LOOP : GBDT_DEEP;
			if (w->seen[children[k]] || m->depth == GBDT_DEPTH_MAX)
				return 1;
			w->seen[children[k]] = true;
			w->met[w->n++] = (struct met){children[k], (uint16_t)i, (uint8_t)(m->depth + 1), k == 1,
			                              2 * m->place + 1 + (uint32_t)k};
		}
	}
	*where = (struct gbdt_where){.fault = GBDT_ORPHANS};
	return w->n + tree->n_deleted != tree->n_nodes;
}

/* ---- to score ---- */

static void lay_places(const struct walk *w, struct gbdt_place *places, float *leaves)
{
	uint32_t n_places = (1u << w->depth) - 1;
	for (uint32_t i = 0; i < n_places; i++)
		places[i] = (struct gbdt_place){.at = INFINITY};
	for (size_t i = 0; i < w->n; i++) {
		const struct met *m = &w->met[i];
		const struct gbdt_node *node = &w->tree->nodes[m->node];
		if (!is_leaf(node)) {
			places[m->place] = (struct gbdt_place){node->at, node->input};
			continue;
		}
		uint32_t spread = 1u << (w->depth - m->depth), first = (m->place + 1) * spread - 1 - n_places;
		for (uint32_t k = 0; k < spread; k++)
			leaves[first + k] = node->at;
	}
}

/* ---- to explain ---- */

/* The edge to met[i]; share: of the training rows' that go on along the edges of its input down to this one, which is
 * filled for all edges before it. */
static void lay_edge(const struct walk *w, size_t i, struct gbdt_edge *edges, float *share)
{
	const struct met *m = &w->met[i];
	const struct gbdt_node *node = &w->tree->nodes[m->node], *above = &w->tree->nodes[w->met[m->parent].node];
	size_t up = m->parent;
	while (up && edges[up].input != above->input)
		up = w->met[up].parent;
	float went_on = node->cover / above->cover;
	const gbdt_points t = gbdt_points_at;
	share[i] = share[up] * went_on;
	gbdt_points before = up ? t + (1 - t) * share[up] : 0 * t + 1, factor = t + (1 - t) * share[i];
	edges[i] = (struct gbdt_edge){
		.turn = {[GBDT_ON] = factor / before, [GBDT_OFF] = (1 - t) * share[i] / before, [GBDT_GONE] = 0 * t + went_on},
		.gain = (1 - share[i]) / factor, .at = above->at, .value = is_leaf(node) ? node->at : 0, .input = above->input,
		.parent = m->parent, .up = (uint16_t)up, .is_above = m->is_above};
}

/* Returns the tree's mean by cover. */
static double lay_edges(const struct walk *w, struct gbdt_edge *edges)
{
	float share[GBDT_NODES_MAX] = {1};
	double part[GBDT_NODES_MAX] = {1}, mean = 0; /* of the training rows that come to a node */
	for (size_t i = 0; i < w->n; i++) {
		const struct gbdt_node *node = &w->tree->nodes[w->met[i].node];
		if (i > 0) {
			size_t parent = w->met[i].parent;
			part[i] = part[parent] * (double)node->cover / (double)w->tree->nodes[w->met[parent].node].cover;
			lay_edge(w, i, edges, share);
		}
		if (is_leaf(node))
			mean += part[i] * (double)node->at;
	}
	return mean;
}

/* ---- all of it ---- */

int gbdt_new(const struct gbdt_trees *t, struct gbdt **out, struct gbdt_where *where)
{
	size_t n_nodes = 0, n_places = 0, n_leaves = 0, n_edges = 0;
	struct gbdt *g = calloc(1, sizeof(*g));
	struct walk *w = malloc(sizeof(*w));
	int r = g && w ? 0 : -ENOMEM;
	if (r < 0)
		goto out;
	for (size_t i = 0; i < t->n_trees; i++)
		n_nodes += t->trees[i].n_nodes;
	g->n_trees = t->n_trees;
	g->base_score = (float)t->base_score;
	g->expected = (double)g->base_score;
	g->shapes = calloc(t->n_trees + 1, sizeof(*g->shapes));
	g->places = calloc((t->n_trees + 1) << GBDT_DEPTH_MAX, sizeof(*g->places));
	g->leaves = calloc((t->n_trees + 1) << GBDT_DEPTH_MAX, sizeof(*g->leaves));
	g->edges = aligned_alloc(sizeof(gbdt_points), (n_nodes + 1) * sizeof(*g->edges));
	r = g->shapes && g->places && g->leaves && g->edges ? 0 : -ENOMEM;
	for (size_t i = 0; i < t->n_trees && r == 0; i++) {
		r = walk_tree(&t->trees[i], w, where);
		where->tree = i;
		if (r != 0)
			break;
		g->shapes[i] = (struct gbdt_shape){(uint32_t)n_places, (uint32_t)n_leaves, (uint32_t)n_edges, (uint32_t)w->n,
		                                   w->depth};
		lay_places(w, g->places + n_places, g->leaves + n_leaves);
		g->expected += lay_edges(w, g->edges + n_edges);
		n_places += (1u << w->depth) - 1;
		n_leaves += 1u << w->depth;
		n_edges += w->n;
	}
	if (r == 0) {
		*out = g;
		g = NULL;
	}
out:
	free(w);
	gbdt_free(g);
	return r;
}
