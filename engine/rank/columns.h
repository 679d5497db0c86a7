/* The shortlist's columns: what stage two of a ranking looks at, one table, one formula each, and how a column becomes two
 * inputs of a model. Formulas and their worth: columns.c's table; their computing: shortlist_measure.c, but for the
 * logarithms of counts, which the catalogue keeps. */
#ifndef MYNEWS_ENGINE_RANK_COLUMNS_H
#define MYNEWS_ENGINE_RANK_COLUMNS_H

#include "engine/catalog/catalog.h"
#include "engine/learn/example.h"
#include "models/model.h"

enum column {
	/* Four for each half-life: clicks, shows, click-through, lift. */
	COLUMN_POPULARITY,
	COLUMN_CLICKS = COLUMN_POPULARITY,
	COLUMN_SHOWS = COLUMN_CLICKS + N_HALF_LIVES,
	COLUMN_CTR = COLUMN_SHOWS + N_HALF_LIVES,
	COLUMN_LIFT = COLUMN_CTR + N_HALF_LIVES,
	COLUMN_AGE = COLUMN_LIFT + N_HALF_LIVES,
	COLUMN_BOOST,
	COLUMN_PREMIUM,
	COLUMN_LENGTH,
	COLUMN_STAGE_ONE,
	COLUMN_SEEN,
	COLUMN_SEEN_AGO,
	COLUMN_STORY_READ,
	COLUMN_TASTE,
	COLUMN_SECTION_ALL,
	COLUMN_SECTION_RECENT,
	COLUMN_SECTION_NEXT,
	COLUMN_SOURCE_ALL,
	COLUMN_TOPIC_SHORT,
	COLUMN_TOPIC_LONG,
	COLUMN_TERM_SHORT,
	COLUMN_TERM_LONG,
	COLUMN_PLACE,
	COLUMN_SIMILAR_TOP,
	COLUMN_SIMILAR_BEST,
	COLUMN_SIMILAR_MEAN,
	COLUMN_GRAMS,
	COLUMN_KIN,
	COLUMN_DENSE_TOP,
	COLUMN_DENSE_MEAN,
	COLUMN_WORDS,
	COLUMN_CO_READ,
	COLUMN_HEAD_3H,
	COLUMN_HEAD_12H,
	COLUMN_HEAD_TOTAL_3H,
	COLUMN_HEAD_TOTAL_12H,
	N_COLUMNS
};
_Static_assert((int)N_COLUMNS <= (int)MODEL_COLUMNS_MAX && (int)N_COLUMNS <= (int)EXAMPLE_COLUMNS_MAX, "columns fit");

extern const char *const rank_column_names[N_COLUMNS];
extern const char *const rank_column_groups[N_COLUMNS]; /* a model file may leave out a group */

/* What a reader is told: columns and stage-one features by what they say, which is their group or their own. */
#define RANK_TOLD(X) \
	X(BASE, "base") \
	X(CROSSES, "crosses") \
	X(POPULARITY, "popularity") \
	X(SHOWS, "shows") \
	X(AGE, "age") \
	X(FRESH, "fresh") \
	X(EDITOR, "editor") \
	X(PREMIUM, "premium") \
	X(LENGTH, "length") \
	X(BOOST, "boost") \
	X(STAGE_ONE, "stage_one") \
	X(EXPLORE, "explore") \
	X(SEEN, "seen") \
	X(READER, "reader") \
	X(SECTION, "section") \
	X(SECTION_NEXT, "section_next") \
	X(SOURCE, "source") \
	X(TOPICS, "topics") \
	X(TOPIC_SHORT, "topic_short") \
	X(TOPIC_LONG, "topic_long") \
	X(TERM_SHORT, "term_short") \
	X(TERM_LONG, "term_long") \
	X(PLACE, "place") \
	X(FOLLOW, "follow") \
	X(HOME, "home") \
	X(EDITION, "edition") \
	X(LANGUAGE, "language") \
	X(SIMILARITY, "similarity") \
	X(GRAMS, "grams") \
	X(CO_READ, "co_read") \
	X(WORDS, "words") \
	X(HEAD_TO_HEAD, "head_to_head")
enum rank_told {
#define ID(id, name) RANK_TOLD_##id,
	RANK_TOLD(ID)
#undef ID
	N_RANK_TOLD
};
extern const char *const rank_told_names[N_RANK_TOLD];
extern const uint8_t rank_column_told[N_COLUMNS];

/* Crosses: pairs of facts, each with a learnt weight of its own in a hashed table. */
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

/* What model files may name. */
extern const struct model_names rank_model_names;

/* Inputs of slots `which` [n] of an example for a model: z and c of each column the model looks at, 0 elsewhere, into
 * out[n][2 * N_COLUMNS]. z is cut at 6 deviations, c at 8 scales. */
void rank_inputs(const struct model *m, const struct example *e, const uint16_t *which, size_t n, float *out);

/* What a column's distance from the mean is taken by to be z, and c, and how far either way neither is cut. */
void rank_input_scales(const struct model *m, const struct example *e, float by_z[N_COLUMNS], float by_c[N_COLUMNS],
                       float most[N_COLUMNS]);

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
