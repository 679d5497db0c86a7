/* What learner.c and learner_store.c share. Not for others. */
#ifndef MYNEWS_ENGINE_LEARNER_INTERNAL_H
#define MYNEWS_ENGINE_LEARNER_INTERNAL_H

#include "engine/base/arena.h"
#include "engine/learner.h"

enum {
	SIGNALS = 1 << 19,
	CROSSES = 1 << 18,
	CROSS_PAGE = 256, /* crosses of a checkpoint's record */
	N_CROSS_PAGES = CROSSES / CROSS_PAGE,
	SEED = 20241 /* of hidden weights */
};

enum { PAGE_CLEAN, PAGE_CHANGED, PAGE_TAKEN /* by a checkpoint under way */ };

struct learning {
	const struct model *model;
	char name[MODEL_NAME_BYTES + 1];
	size_t n_params;
	uint64_t n_learnt;
	float *params, *squares; /* [n_params] */
	float *good;             /* [2 * n_params] params and squares as of the last checkpoint, when all was well */
	uint64_t n_good;         /* what n_learnt was then */
	double loss;             /* recent mean of a slate's loss over that of a uniform guess */
	uint64_t n_losses;
	_Atomic float *crosses; /* [CROSSES] weights; NULL: the model has none on */
	struct model_cross *cross_sums; /* [CROSSES], likewise */
	uint8_t cross_pages[N_CROSS_PAGES]; /* as the store has them: */
	bool changed;
	struct rank_learned *_Atomic published;
};

/* An example kept for replay. */
struct kept {
	struct arena arena;
	struct example *example;
	uint64_t sequence;
};

struct learner {
	struct epoch *epoch;
	_Atomic uint64_t changes; /* odd from the first fold to the publishing of what it taught */
	struct signals *signals;
	struct kin *kin;
	struct kin_space *_Atomic space; /* as published; NULL none yet */
	uint64_t through, n_learnt, n_fallbacks;
	bool dirty, saving; /* something changed since the last checkpoint; one is under way */
	struct learning *_Atomic learning[CATALOG_MODELS]; /* NULL: does not learn */
	_Atomic bool asks_rank;
	struct kept *ring; /* [n_ring], the next to be replaced at ring_at */
	size_t n_ring, ring_at, n_kept;
	/* scratch of a step */
	float inputs[EXAMPLE_SLOTS_MAX * 2 * N_COLUMNS];
	uint32_t cross_at[EXAMPLE_SLOTS_MAX][CROSS_SLOTS_MAX];
	uint8_t n_cross_at[EXAMPLE_SLOTS_MAX];
};

/* What counts as wrong: see learner_publish. */
enum { LOSS_SLATES = 200 };
#define LOSS_WORST 1.5
#define PARAM_LARGEST 1000.0f

bool learner_is_well(const struct learning *m);
/* The state to fall back to is this one. */
void learner_mark_good(struct learning *m);

/* Keeps an example in the ring. Returns 0 or -ENOMEM. */
int learner_keep(struct learner *l, const struct example *e, uint64_t sequence) __attribute__((warn_unused_result));

#endif
