/* The shortlist's columns: what stage two of a ranking looks at, one table, one formula each, and how a column becomes two
 * inputs of a model. Formulas and their worth: columns.c's table; their computing: shortlist_measure.c, but for the
 * logarithms of counts, which the catalogue keeps. */
#ifndef MYNEWS_ENGINE_RANK_COLUMNS_H
#define MYNEWS_ENGINE_RANK_COLUMNS_H

#include "engine/catalog/catalog.h"
#include "engine/learn/example.h"
#include "models/model.h"

/* What is worked out for an array of columns ends behind the last that is looked at: those that models/learned.json
 * leaves out stand last. */
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
	COLUMN_SIMILAR_MEAN,
	COLUMN_KIN,
	COLUMN_DENSE_TOP,
	COLUMN_DENSE_MEAN,
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
	COLUMN_GRAMS,
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

/* What model files may name. */
extern const struct model_names rank_model_names;

/* Inputs of slots `which` [n] of an example for a model: z and c of each column the model looks at, 0 elsewhere, into
 * out[n][2 * N_COLUMNS]. z is cut at 6 deviations, c at 8 scales. */
void rank_inputs(const struct model *m, const struct example *e, const uint16_t *which, size_t n, float *out);

/* What a column's distance from the mean is taken by to be z, and c, and how far either way neither is cut. */
void rank_input_scales(const struct model *m, const struct example *e, float by_z[N_COLUMNS], float by_c[N_COLUMNS],
                       float most[N_COLUMNS]);

#endif
