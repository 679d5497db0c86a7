/* What the engine learns from slates: the signals that every model may look at and each learning model's own numbers.
 *
 * Learning is a fold over stored examples in the order of their sequence numbers, done by the writer thread after the
 * commit that stored them. Workers read signals and crosses in place, and a model's numbers as a published copy. */
#ifndef MYNEWS_ENGINE_LEARNER_H
#define MYNEWS_ENGINE_LEARNER_H

#include "engine/base/epoch.h"
#include "engine/rank/shortlist.h"
#include "engine/store/store.h"

struct learner;

struct learner_totals {
	uint64_t through;  /* the last example learnt */
	uint64_t n_learnt; /* examples */
	uint64_t n_fallbacks; /* times a model went wrong and was put back to its last checkpoint */
	uint64_t bytes;
};

/* Returns 0 or -ENOMEM. */
int learner_new(struct learner **out, struct epoch *e) __attribute__((warn_unused_result));
void learner_free(struct learner *l); /* NULL is safe */

/* Writer: the models that learn from now on, by slot of rank_models; a model whose name, version and shape are as before
 * keeps what it has learnt. Returns 0 or -ENOMEM (nothing changed). */
int learner_set_models(struct learner *l, const struct model *const *models, size_t n)
	__attribute__((warn_unused_result));

/* Writer: learns one example; through becomes its sequence. Nothing happens when that is not above through. Returns 0 or
 * -ENOMEM. */
int learner_fold(struct learner *l, const struct example *e, uint64_t sequence) __attribute__((warn_unused_result));
/* Writer: workers see what was learnt. A model that went wrong (a number that is none or out of bounds, or losses that a
 * uniform guess would beat) is put back to how it stood at its last checkpoint first, its crosses to nothing. Returns 0 or -ENOMEM (they go on with what they have). */
int learner_publish(struct learner *l) __attribute__((warn_unused_result));

/* Any thread inside the epoch. */
const struct signals *learner_signals(const struct learner *l);
const struct kin_space *learner_space(const struct learner *l); /* NULL: too little was read yet */
/* Whether a model that learns looks at ranks by click-through (ctr_rank of an example's slots). */
bool learner_asks_rank(const struct learner *l);
const struct rank_learned *learner_learned(const struct learner *l, unsigned model_slot); /* NULL: does not learn */

/* Checkpoints, in one transaction: all that changed, if anything did. learner_saved tells whether that was committed. */
bool learner_changed(const struct learner *l);
int learner_save(struct learner *l, struct store_txn *txn) __attribute__((warn_unused_result));
void learner_saved(struct learner *l, bool committed);
/* Reads what was saved, for the models that are set; what does not fit them begins anew. Returns 0, negative errno;
 * -EINVAL for damaged records. */
int learner_load(struct learner *l, struct store_txn *txn) __attribute__((warn_unused_result));
void learner_totals(const struct learner *l, struct learner_totals *out);

/* Writer: an example is not to be learnt again. */
void learner_drop(struct learner *l, uint64_t sequence);
/* Writer: forgets what is kept of one reader: taste, and the slates that would be learnt again. */
void learner_forget(struct learner *l, uint64_t user);

#endif
