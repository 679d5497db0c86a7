/* Ranking models: parse bytes, score, learn. Pure: no I/O, no clock, no threads; what is learnt lives in plain arrays of
 * the caller's.
 *
 * Every model ranks in two stages. Stage one is linear over the reader's and the catalogue's features and says which
 * stories reach the shortlist. For the kind `linear` that is all. The other kinds order the shortlist by its columns, each
 * given twice: as z (centred and divided by the standard deviation within the shortlist) and as c (centred and divided by
 * the column's fixed scale). One shortlist with what was clicked of it is a slate, and learning is softmax over a slate. */
#ifndef MYNEWS_MODELS_MODEL_H
#define MYNEWS_MODELS_MODEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/span.h"

enum {
	MODEL_NAME_BYTES = 64,
	MODEL_FEATURES_MAX = 64,
	MODEL_COLUMNS_MAX = 64,
	MODEL_INPUTS_MAX = 2 * MODEL_COLUMNS_MAX,
	MODEL_CROSSES_MAX = 8,   /* by name */
	MODEL_HIDDEN_MAX = 64,
	MODEL_POSITIONS = 32,    /* places of a slate that learning tells apart; the last stands for all below it */
	MODEL_SLATE_MAX = 320,   /* slots of a slate that can be learnt from */
	MODEL_MEMBERS_MAX = 4,   /* of an ensemble */
	MODEL_CAPS_MAX = 4,
	MODEL_CHECKSUM_BYTES = 71 /* "sha256:" and hexadecimal digits */
};

enum model_kind { MODEL_LINEAR, MODEL_ONLINE, MODEL_MLP, MODEL_GBDT, MODEL_ENSEMBLE };

/* "at most `most` of one source (or section) in any `window` consecutive positions" */
struct model_cap {
	int dimension; /* enum model_cap_dimension */
	int most, window;
};
enum model_cap_dimension { MODEL_CAP_SOURCE, MODEL_CAP_SECTION, MODEL_CAP_AUTHOR };

/* What a reader's events are worth as labels of a slate. */
enum model_goal { MODEL_CLICK, MODEL_READ, MODEL_FINISH, MODEL_LIKE, MODEL_SHARE, MODEL_SAVE, MODEL_HIDE, N_MODEL_GOALS };

struct model_learn {
	double rate, g0;             /* AdaGrad (Duchi, Hazan, Singer 2011): step rate / sqrt(g0 + sum of squares) */
	double hidden_rate;
	unsigned hidden;             /* units; 0 none */
	unsigned lean;               /* slates after which half of what was learnt shows in scores: see model_params_lean */
	unsigned replays, memory;    /* earlier slates learnt again for each new one, drawn from the last `memory` */
	double cross_alpha, cross_beta, cross_l1, cross_l2; /* FTRL-proximal (McMahan and others 2013) */
	bool crosses[MODEL_CROSSES_MAX];
	double goals[N_MODEL_GOALS]; /* a slot's label is the sum over its events, at least 0 */
	unsigned delay_s;            /* a slate is learnt this long after it was sent */
};

struct gbdt; /* gbdt.h */

/* One of an ensemble's. */
struct model_member {
	char name[MODEL_NAME_BYTES + 1];
	double weight;
	const struct model *model; /* set by model_resolve, as is its place among the models: */
	unsigned slot;
};

struct model {
	char name[MODEL_NAME_BYTES + 1];
	char version[MODEL_NAME_BYTES + 1];
	enum model_kind kind;
	size_t n_features;
	double weights[MODEL_FEATURES_MAX]; /* stage one: [n_features], in the order of the caller's names; 0 when absent */
	/* stage two */
	size_t n_columns, n_crosses;
	bool columns[MODEL_COLUMNS_MAX];    /* [n_columns] looked at */
	double prior[MODEL_COLUMNS_MAX];    /* [n_columns] weight of c before anything is learnt */
	struct model_learn learn;
	struct gbdt *gbdt;                  /* owned; of the kind `gbdt` */
	size_t n_members;
	struct model_member members[MODEL_MEMBERS_MAX];
	/* diversity */
	double mmr_lambda; /* 1: relevance alone; 0: novelty alone */
	size_t n_caps;
	struct model_cap caps[MODEL_CAPS_MAX]; /* highest priority first */
	int rare_least, rare_window; /* at least so many of rare sources in any window of positions; 0: no floor */
	double explore; /* e of SEMANTICS' propensity; 0 logs propensity 1 */
};

struct model_problem {
	char pointer[128]; /* JSON pointer to the field */
	char text[160];
};

/* The names a file may use. */
struct model_names {
	const char *const *features; /* [n_features] stage one's */
	const char *const *columns;  /* [n_columns] the shortlist's */
	const char *const *groups;   /* [n_columns] the group of each column; a file may leave out a whole group */
	const char *const *crosses;  /* [n_crosses] */
	size_t n_features, n_columns, n_crosses;
};

/* Parses and checks a model file. Returns 0 and a model the caller frees with model_free; 1 with problem filled when the
 * text is not an acceptable model; -ENOMEM. */
int model_parse(struct span json, const struct model_names *names, struct model **out, struct model_problem *problem)
	__attribute__((warn_unused_result));
void model_free(struct model *m); /* NULL is safe */

/* The checksum that a file of the kind `gbdt` must carry with these trees, XGBoost's JSON. Returns 0; 1 with the problem;
 * -ENOMEM. */
int model_trees_checksum(struct span json, const struct model_names *names, char out[MODEL_CHECKSUM_BYTES + 1],
                         struct model_problem *problem) __attribute__((warn_unused_result));

/* Lets the ensembles among models[n] know their members, which stand there too and must live as long. Returns 0; 1 with the
 * problem of models[*which], whose member is missing, or of a kind that can be none. */
int model_resolve(struct model *const *models, size_t n, size_t *which, struct model_problem *problem)
	__attribute__((warn_unused_result));

/* w . x over rows[n_rows][n_features] into out[n_rows]: stage one, plainly. */
void model_score(const struct model *m, const float *rows, size_t n_rows, double *out);

/* ---- stage two ---- */

static inline bool model_has_shortlist(const struct model *m)
{
	return m->kind != MODEL_LINEAR;
}
static inline bool model_learns(const struct model *m)
{
	return m->kind == MODEL_ONLINE || m->kind == MODEL_MLP;
}

struct model_slate {
	size_t n, n_columns;
	const float *inputs;     /* [n][2 * n_columns]: z of every column, then c of every column; 0 where not looked at */
	const float *cross_sums; /* [n] of the crosses' weights; NULL: no crosses */
	float weight;            /* of the slate when it is learnt; scoring looks past it */
};

/* How many numbers a learning model learns; 0 for the kinds that do not. */
size_t model_n_params(const struct model *m);
/* params[n_params] before anything is learnt: the prior, and small hidden weights drawn from the seed. squares[n_params]
 * are AdaGrad's sums. */
void model_params_init(const struct model *m, uint64_t seed, float *params, float *squares);
/* A young model leans on its prior. Of what was learnt from n slates the part n / (n + lean) shows in scores, 1 where the
 * file has no `lean`; learning itself goes on with all of it. */
double model_lean_part(const struct model *m, uint64_t n_learnt);
/* Brings params[n_params] that far from the prior; the crosses' weights are the caller's to multiply. */
void model_params_lean(const struct model *m, double part, float *params);

/* Raw scores of a slate into out[n], by any kind with a second stage but an ensemble, whose members are each scored by
 * themselves. params: [model_n_params], NULL for the kinds that do not learn. Returns 0, -ENOMEM. */
int model_shortlist_score(const struct model *m, const float *params, const struct model_slate *slate, double *out)
	__attribute__((warn_unused_result));

/* A shortlist by its columns' distances from their means, for the kinds that learn: z is a distance times by_z, c the same
 * times by_c. That is so where no input is cut; rows with a column further than `most` from its mean have such inputs. */
struct model_distances {
	size_t n, stride;
	const float *rows;         /* [n][stride] columns as measured */
	size_t n_columns;          /* at most the stride and the model's columns; those behind are not looked at */
	const float *mean, *most;  /* [n_columns] */
	const float *by_z, *by_c;  /* [n_columns]; both 0 where a column is not looked at, or the same for all */
};
/* Raw scores, without crosses, into out[n]; whether an input of a row is cut, so that its score is not that, into beyond[n]. */
void model_score_distances(const struct model *m, const float *params, const struct model_distances *d, float *out,
                           uint8_t *beyond);

/* Each column's part of the scores of rows [first, first + n), into out[n][n_columns], and base[n], the scores they start
 * from: base + sum(out) + cross sum = score. The kinds that learn start from the score of the shortlist's mean; linear parts exactly, the hidden layer by
 * DeepLIFT-Rescale (Shrikumar and others 2017). Trees start from their mean score in training, by TreeSHAP (Lundberg and
 * others 2020, path dependent), an input's part folded into its column's. Returns 0 or -ENOMEM. */
int model_shortlist_explain(const struct model *m, const float *params, const struct model_slate *slate, size_t first,
                            size_t n, double *out, double *base) __attribute__((warn_unused_result));

/* Each column's part by distances, of a kind that learns, of rows which[n] into out[n][the model's n_columns]; beyond[n] as
 * above. */
void model_explain_distances(const struct model *m, const float *params, const struct model_distances *d,
                             const uint16_t *which, size_t n, double *out, uint8_t *beyond);

/* One step on one slate. labels[n]: at least 0, not all 0. positions[n]: 1 is the top; 0 unknown: its bias is 0. Writes
 * residuals[n], softmax less label share, for the crosses. Returns the slate's loss, -sum(share x ln softmax). */
double model_learn(const struct model *m, const struct model_slate *slate, const float *labels, const uint8_t *positions,
                   float *params, float *squares, float *residuals);

/* ---- hashed crosses, in arrays of the caller's ---- */

/* FTRL-proximal's sums of one slot. Its weight, which any thread may read while one learns, stands by itself: what scoring
 * reads is a table that caches hold. */
struct model_cross {
	float z, n;
};
/* FTRL-proximal's step with gradient g. */
void model_cross_learn(const struct model_learn *learn, float g, struct model_cross *cross, _Atomic float *weight);

#endif
