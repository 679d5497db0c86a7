/* The table of columns. A column is given to a model twice (see rank_inputs): as z, its distance from the shortlist's mean in
 * standard deviations, which says how a story stands among the others; and as c, the same distance in fixed units of the
 * column, which says how much that is. */
#include "engine/rank/columns.h"

#include <math.h>

#include "engine/rank/crosses.h"
#include "engine/rank/kernels.h"
#include "engine/rank/rank.h"

/* id, name, group, group that it is told with, scale of c. What is left out with its group may say something else: to be shown
 * often is not to be popular, and what others with a taste like this reader's went on to says nothing of the reader's own
 * sections. Clicks, shows and expected clicks decay by half-lives h; g is the overall click-through. */
#define COLUMNS(X) \
	X(CLICKS + 0, "clicks_15m", "popularity", POPULARITY, 1)   /* ln(1 + clicks), h = 15 min */ \
	X(CLICKS + 1, "clicks_1h", "popularity", POPULARITY, 1) \
	X(CLICKS + 2, "clicks_3h", "popularity", POPULARITY, 1) \
	X(CLICKS + 3, "clicks_12h", "popularity", POPULARITY, 1) \
	X(CLICKS + 4, "clicks_48h", "popularity", POPULARITY, 1) \
	X(SHOWS + 0, "shows_15m", "popularity", SHOWS, 1)     /* ln(1 + shows) */ \
	X(SHOWS + 1, "shows_1h", "popularity", SHOWS, 1) \
	X(SHOWS + 2, "shows_3h", "popularity", SHOWS, 1) \
	X(SHOWS + 3, "shows_12h", "popularity", SHOWS, 1) \
	X(SHOWS + 4, "shows_48h", "popularity", SHOWS, 1) \
	X(CTR + 0, "ctr_15m", "popularity", POPULARITY, 0.5f)      /* ln((clicks + 10 g) / (shows + 10) / g); clicks beyond shows count as shown at rate g */ \
	X(CTR + 1, "ctr_1h", "popularity", POPULARITY, 0.5f) \
	X(CTR + 2, "ctr_3h", "popularity", POPULARITY, 0.5f) \
	X(CTR + 3, "ctr_12h", "popularity", POPULARITY, 0.5f) \
	X(CTR + 4, "ctr_48h", "popularity", POPULARITY, 0.5f) \
	X(LIFT + 0, "lift_15m", "popularity", POPULARITY, 0.5f)    /* ln((clicks + 1) / (expected + 1)) */ \
	X(LIFT + 1, "lift_1h", "popularity", POPULARITY, 0.5f) \
	X(LIFT + 2, "lift_3h", "popularity", POPULARITY, 0.5f) \
	X(LIFT + 3, "lift_12h", "popularity", POPULARITY, 0.5f) \
	X(LIFT + 4, "lift_48h", "popularity", POPULARITY, 0.5f) \
	X(AGE, "age", "age", AGE, 1)                        /* ln(1 + hours since published) */ \
	X(BOOST, "boost", "editor", EDITOR, 1)                 /* ln(the editor's boost) */ \
	X(PREMIUM, "premium", "premium", PREMIUM, 0.5f)         /* 1 behind a pay wall */ \
	X(LENGTH, "length", "length", LENGTH, 1)               /* ln(1 + characters of the text); 2,000 when not known */ \
	X(STAGE_ONE, "stage_one", "stage_one", STAGE_ONE, 1)      /* the stage-one score */ \
	X(SEEN, "seen", "seen", SEEN, 0.7f)                  /* ln(1 + times the story was shown to this reader) */ \
	X(SEEN_AGO, "seen_ago", "seen", SEEN, 3)             /* ln(1 + minutes since it was), 0 when never */ \
	X(STORY_READ, "story_read", "seen", SEEN, 0.3f)      /* ln(1 + reads of the story by this reader) */ \
	X(TASTE, "taste", "reader", READER, 0.5f)              /* ctr_12h x how popular this reader's clicks were: mean z, shrunk by 5 */ \
	X(SIMILAR_MEAN, "similar_mean", "similarity", SIMILARITY, 0.02f) /* mean over all of them, by the words alone: its 8 heaviest terms */ \
	X(KIN, "kin", "kin", CO_READ, 0.1f)                     /* mean cosine with the reads by who reads their words (kin.h) */ \
	X(DENSE_TOP, "dense_top", "dense", SIMILARITY, 0.1f)       /* mean of the five best cosines of embeddings with the last 20 reads */ \
	X(DENSE_MEAN, "dense_mean", "dense", SIMILARITY, 0.2f)     /* cosine with the mean of all reads' */ \
	X(SECTION_ALL, "section_all", "section", SECTION, 1)    /* ln(((n_c + 10 p_c) / (H + 10)) / p_c) over the last 100 reads */ \
	X(SECTION_RECENT, "section_recent", "section", SECTION, 1) /* the same with half-life 8 reads and shrinkage 4 */ \
	X(SECTION_NEXT, "section_next", "section", SECTION_NEXT, 0.5f) /* ln((clicks + 2) / (expected + 2)) of the section after the reader's */ \
	X(SOURCE_ALL, "source_all", "source", SOURCE, 1)       /* ln((n_s + 1) / (H / 10 + 1)): reads of the source */ \
	X(TOPIC_SHORT, "topic_short", "topics", TOPICS, 0.5f)  /* topic: and author: interest x weight, as stage one has it */ \
	X(TOPIC_LONG, "topic_long", "topics", TOPICS, 0.5f) \
	X(TERM_SHORT, "term_short", "topics", TOPICS, 0.5f) \
	X(TERM_LONG, "term_long", "topics", TOPICS, 0.5f) \
	X(PLACE, "place", "topics", TOPICS, 0.5f)              /* place: interest x weight */ \
	X(SIMILAR_TOP, "similar_top", "similarity_top", SIMILARITY, 0.1f) /* mean of the five best cosines with the last 100 reads */ \
	X(SIMILAR_BEST, "similar_best", "similarity_top", SIMILARITY, 0.2f) \
	X(GRAMS, "grams", "grams", GRAMS, 0.1f)               /* cosine of the title with the reads' titles, by 5-grams of characters (grams.h) */ \
	X(WORDS, "words", "words", WORDS, 0.3f)               /* mean over its words of ln((clicks + 2) / (expected + 2)) */ \
	X(CO_READ, "co_read", "co_read", CO_READ, 0.1f)         /* sum over the last 30 reads of co / sqrt((n + 5) (n' + 5)) */ \
	X(HEAD_3H, "head_3h", "head_to_head", HEAD_TO_HEAD, 0.2f)    /* mean over the list of ln((won + .5) / (lost + .5)) */ \
	X(HEAD_12H, "head_12h", "head_to_head", HEAD_TO_HEAD, 0.2f) \
	X(HEAD_TOTAL_3H, "head_total_3h", "head_to_head", HEAD_TO_HEAD, 1) /* ln((won + 1) / (lost + 1)) against all */ \
	X(HEAD_TOTAL_12H, "head_total_12h", "head_to_head", HEAD_TO_HEAD, 1)

const char *const rank_column_names[N_COLUMNS] = {
#define NAME(id, name, group, told, scale) [COLUMN_##id] = (name),
	COLUMNS(NAME)
#undef NAME
};

const char *const rank_column_groups[N_COLUMNS] = {
#define GROUP(id, name, group, told, scale) [COLUMN_##id] = (group),
	COLUMNS(GROUP)
#undef GROUP
};

const uint8_t rank_column_told[N_COLUMNS] = {
#define TOLD(id, name, group, told, scale) [COLUMN_##id] = RANK_TOLD_##told,
	COLUMNS(TOLD)
#undef TOLD
};

const char *const rank_told_names[N_RANK_TOLD] = {
#define NAME(id, name) [RANK_TOLD_##id] = (name),
	RANK_TOLD(NAME)
#undef NAME
};

static const float scales[N_COLUMNS] = {
#define SCALE(id, name, group, told, scale) [COLUMN_##id] = (scale),
	COLUMNS(SCALE)
#undef SCALE
};

const struct model_names rank_model_names = {
	.features = rank_feature_names, .columns = rank_column_names, .groups = rank_column_groups,
	.crosses = rank_cross_names, .n_features = N_FEATURES, .n_columns = N_COLUMNS, .n_crosses = N_CROSSES};

static const float by_scales[N_COLUMNS] = {
#define BY_SCALE(id, name, group, told, scale) [COLUMN_##id] = 1.0f / (scale),
	COLUMNS(BY_SCALE)
#undef BY_SCALE
};

enum { Z_MOST = 6, C_MOST = 8 };

void rank_input_scales(const struct model *m, const struct example *e, float by_z[N_COLUMNS], float by_c[N_COLUMNS],
                       float most[N_COLUMNS])
{
	for (size_t c = 0; c < N_COLUMNS; c++) {
		const bool on = m->columns[c], spread = on && e->deviation[c] > 1e-5f;
		const float most_z = spread ? Z_MOST * e->deviation[c] : INFINITY, most_c = on ? C_MOST * scales[c] : INFINITY;
		by_z[c] = spread ? 1 / e->deviation[c] : 0;
		by_c[c] = on ? by_scales[c] : 0;
		most[c] = most_z < most_c ? most_z : most_c;
	}
}

void rank_inputs(const struct model *m, const struct example *e, const uint16_t *which, size_t n, float *out)
{
	const struct kernels *kernels = kernels_best();
	float by_z[N_COLUMNS], by_c[N_COLUMNS], most[N_COLUMNS];
	rank_input_scales(m, e, by_z, by_c, most);
	for (size_t i = 0; i < n; i++) {
		const float *x = e->columns + which[i] * e->n_columns;
		float *z = out + i * 2 * N_COLUMNS;
		kernels->inputs(x, e->mean, by_z, Z_MOST, N_COLUMNS, z);
		kernels->inputs(x, e->mean, by_c, C_MOST, N_COLUMNS, z + N_COLUMNS);
	}
}
