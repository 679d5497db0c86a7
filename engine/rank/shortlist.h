/* Stage two: the columns of a shortlist, and its order by a model that is more than linear. */
#ifndef MYNEWS_ENGINE_RANK_SHORTLIST_H
#define MYNEWS_ENGINE_RANK_SHORTLIST_H

#include "engine/learn/kin.h"
#include "engine/learn/signals.h"
#include "engine/rank/columns.h"
#include "engine/rank/crosses.h"
#include "engine/rank/rank.h"

/* What a learning model has learnt so far: immutable once published, but for the crosses, which change in place. */
struct rank_learned {
	uint64_t step;                /* examples learnt; EXAMPLE_NO_STEP where those are not the first of all that were */
	const _Atomic float *crosses; /* [cross_mask + 1] weights; NULL none */
	uint32_t cross_mask;
	float cross_part; /* of a cross's weight, model_lean_part */
	/* Odd while crosses are being changed; a score taken while it stood at one even number is of this step alone. */
	const _Atomic uint64_t *changes;
	uint64_t changes_then; /* what it stood at when this was published */
	float params[]; /* [model_n_params] */
};

struct rank_stage_two {
	const struct signals *signals;
	const struct kin_space *space; /* NULL: none yet */
	const struct rank_learned *learned; /* NULL for models that do not learn */
	const struct rank_learned *members[MODEL_MEMBERS_MAX]; /* of an ensemble's, likewise */
	uint64_t user;                      /* 0 unknown */
};

/* What a model's score is the weighted sum of: itself, or an ensemble's members. Returns how many. */
struct rank_part {
	const struct model *model;
	const struct rank_learned *learned;
	double weight;
};
size_t rank_parts(const struct model *m, const struct rank_stage_two *two, struct rank_part out[MODEL_MEMBERS_MAX]);
/* The step that all of them stand at; 0 when none learns, EXAMPLE_NO_STEP when they differ. */
uint64_t rank_step(const struct model *m, const struct rank_stage_two *two);

/* Measures every column of items[n] (at most LIMIT_FEED_DEPTH), which are scored and have published_ms, into a new example in
 * the arena: its slots in the order of the items, positions unknown, and their ranks by click-through where the request's
 * model looks at those. Returns 0 or -ENOMEM. */
int rank_shortlist(struct rank_scratch *s, const struct catalog *c, const struct rank_request *request,
                   const struct rank_stage_two *two, const struct rank_item *items, size_t n, struct arena *arena,
                   struct example **out) __attribute__((warn_unused_result));

/* Sets the ranks by click-through of slots which[n]: for those that models may learn from, whichever looks at them. Returns 0
 * or -ENOMEM. */
int rank_shortlist_by_ctr(struct example *e, const uint16_t *which, size_t n, struct arena *arena)
	__attribute__((warn_unused_result));

/* The model's raw scores of an example's slots into out[n]; the example is told which step of the model gave them. Returns 0
 * or -ENOMEM. */
int rank_shortlist_score(const struct model *m, const struct rank_stage_two *two, struct example *e,
                         struct arena *arena, double *out) __attribute__((warn_unused_result));

/* Sets the items' scores to the model's, RANK_ONE to the unit, and brings them into their order, best first. The example's
 * slots stay: each item knows which is its. Returns 0 or -ENOMEM. */
int rank_shortlist_order(const struct model *m, const struct rank_stage_two *two, struct example *e,
                         struct rank_item *items, size_t n, struct arena *arena) __attribute__((warn_unused_result));

/* What the scores of some slots are made of. */
struct rank_parts {
	const double *columns;              /* [n][N_COLUMNS] */
	const double (*crosses)[N_CROSSES]; /* [n] */
	bool linear;                        /* in the stage-one score */
	const struct told_groups *groups;   /* the file's own, as are: */
	const double *sums;                 /* [n] a sum for each of the groups */
	const struct rank_filter *filter;   /* the request's */
};
/* The parts of the scores of slots which[n] by the request's model, in the arena, for rows of the same request, whose filter
 * is kept. Returns 0 or -ENOMEM. */
int rank_shortlist_parts(const struct rank_request *request, const struct rank_filter *filter,
                         const struct rank_stage_two *two, const struct example *e, const uint16_t *which, size_t n,
                         struct arena *arena, struct rank_parts *out)
	__attribute__((warn_unused_result));

/* One row of why a story of a shortlist has its score. */
struct rank_row {
	const char *code;  /* a column's name, a stage-one feature's, a cross's behind "cross_", or "base" */
	enum rank_told told;
	int stands;        /* 1 the column is above the shortlist's mean, -1 below; 0 of what is no column */
	uint32_t topic;    /* 0 when the row has none */
	double contribution;
};
enum { RANK_ROWS_MAX = N_COLUMNS + N_CROSSES + 1 + RANK_REASONS_MAX };

/* The rows of slot i, of whose score the k-th of these are the parts, in no order. They sum to the item's score (RANK_ONE to
 * the unit) within 1e-6. A score that was taken among other stories, on an earlier page, began elsewhere: the difference is
 * the base's. item is the slot's, and live. The stage-one score's part is given in its own rows. Returns how many. */
size_t rank_shortlist_explain(const struct catalog *c, const struct rank_request *request, const struct example *e, size_t i,
                              const struct rank_item *item, const struct rank_parts *parts, size_t k,
                              struct rank_row out[RANK_ROWS_MAX]);
/* Largest absolute contribution first. */
void rank_rows_sort(struct rank_row *rows, size_t n);

/* What a reader is told of the same: rows that say the same of the same topic as one, under the name of what they say; it
 * stands where the largest of them that raise the story does. Of these those that raised the story, the most telling first,
 * nothing that adds less than a twentieth of the largest. Returns how many. */
enum { RANK_TOLD_MOST = 3 };
size_t rank_shortlist_tell(const struct catalog *c, const struct rank_request *request, const struct example *e, size_t i,
                           const struct rank_item *item, const struct rank_parts *parts, size_t k,
                           struct rank_row out[RANK_TOLD_MOST]);

#endif
