/* How long boosted trees take to score a shortlist and to explain one story of it, on one core, in a release build.
 *
 *     ninja -C build bench/micro_gbdt && build/bench/micro_gbdt [N_TREES] [DEPTH] [N_ROWS] */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/micro.h"
#include "engine/base/rng.h"
#include "models/gbdt.h"

enum { N_INPUTS = 94, ROUNDS = 200, ROWS_MAX = 2000 };

static struct gbdt *make(size_t n_trees, int depth, struct rng *rng)
{
	struct gbdt_trees *t = gbdt_trees_new(n_trees);
	struct gbdt *g = NULL;
	struct gbdt_where where;
	int n = (2 << depth) - 1;
	for (size_t i = 0; t && i < n_trees; i++) {
		struct gbdt_node *nodes = calloc((size_t)n, sizeof(*nodes));
		t->trees[i] = (struct gbdt_tree){.nodes = nodes, .n_nodes = (size_t)n};
		for (int k = 0; nodes && k < n; k++) {
			bool split = k < n / 2;
			nodes[k] = (struct gbdt_node){split ? 2 * k + 1 : -1, split ? 2 * k + 2 : -1,
			                              (uint16_t)rng_below(rng, N_INPUTS), (float)rng_below(rng, 100) / 25 - 2, 1};
		}
	}
	if (!t || gbdt_new(t, &g, &where) != 0)
		exit(1);
	gbdt_trees_free(t);
	return g;
}

int main(int argc, char **argv)
{
	static float rows[ROWS_MAX * N_INPUTS];
	static double scores[ROWS_MAX], parts[N_INPUTS];
	size_t n_trees = argc > 1 ? strtoul(argv[1], NULL, 10) : 100, n_rows = argc > 3 ? strtoul(argv[3], NULL, 10) : 200;
	int depth = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 6;
	struct rng rng;
	if (n_trees < 1 || n_trees > GBDT_TREES_MAX || depth < 1 || depth > GBDT_DEPTH_MAX || n_rows < 1 || n_rows > ROWS_MAX) {
		fputs("usage: micro_gbdt [N_TREES] [DEPTH] [N_ROWS]\n", stderr);
		return 2;
	}
	rng_seed(&rng, 1);
	struct gbdt *g = make(n_trees, depth, &rng);
	for (size_t i = 0; i < n_rows * N_INPUTS; i++)
		rows[i] = (float)rng_below(&rng, 60000) / 10000 - 3;
	double score = 1e9, explain = 1e9;
	for (int i = 0; i < ROUNDS; i++) {
		double start = now_us();
		gbdt_score(g, rows, N_INPUTS, n_rows, scores);
		double middle = now_us();
		gbdt_explain(g, rows + (size_t)i % n_rows * N_INPUTS, parts);
		double end = now_us();
		score = middle - start < score ? middle - start : score;
		explain = end - middle < explain ? end - middle : explain;
	}
	printf("%zu trees of depth %d: score %zu rows %.1f us, explain one %.1f us (best of %d)\n", n_trees, depth, n_rows, score,
	       explain, ROUNDS);
	gbdt_free(g);
	return 0;
}
