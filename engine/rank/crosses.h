/* Crosses: pairs of facts, each with a learnt weight of its own in a hashed table of the model's. */
#ifndef MYNEWS_ENGINE_RANK_CROSSES_H
#define MYNEWS_ENGINE_RANK_CROSSES_H

#include "engine/learn/example.h"
#include "models/model.h"

enum cross {
	CROSS_STORY,          /* the article itself */
	CROSS_SECTION_TOP,    /* its section x the section the reader reads most of late */
	CROSS_SECTION_HOUR,   /* its section x hour of the day */
	CROSS_RANK_LENGTH,    /* its rank by click-through in the list x the list's length */
	CROSS_CTR_SHOWS,      /* click-through, in quarters of a unit of ln x times shown to the reader */
	CROSS_WORD,           /* each of its CROSS_WORDS heaviest words */
	N_CROSSES
};
enum { CROSS_WORDS = 4, CROSS_SLOTS_MAX = CROSS_WORD + CROSS_WORDS }; /* hashed slots of one story */
extern const char *const rank_cross_names[N_CROSSES];

/* What the crosses of all stories of an example have in common, for one model. mask: slots of its table less one. */
enum { CROSS_SECTIONS = 64 }; /* of a list whose weights are looked up once, where no two come to the same place */
struct crosses {
	const struct example *example;
	uint32_t mask;
	bool on[N_CROSSES];
	uint32_t hour, length_step;
};
void rank_crosses_prepare(struct crosses *c, const struct model *m, const struct example *e, uint32_t mask);
/* The hashed slots of one story's crosses that the model has on, with their kinds. Returns how many. */
size_t rank_crosses(const struct crosses *c, size_t slot, uint32_t out[CROSS_SLOTS_MAX], uint8_t kind[CROSS_SLOTS_MAX]);
/* Sums of weights[mask + 1] over the slots of each story, into sums[example->n]. Returns 0 or -ENOMEM. */
int rank_crosses_sum(const struct crosses *c, const _Atomic float *weights, struct arena *arena, float *sums)
	__attribute__((warn_unused_result));

#endif
