/* The table of columns. A column is given to a model twice (see rank_inputs): as z, its distance from the shortlist's mean in
 * standard deviations, which says how a story stands among the others; and as c, the same distance in fixed units of the
 * column, which says how much that is. */
#include "engine/rank/columns.h"

#include <math.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/rank/kernels.h"
#include "engine/rank/rank.h"

/* id, name, group, scale of c. Clicks, shows and expected clicks decay by half-lives h; g is the overall click-through. */
#define COLUMNS(X) \
	X(CLICKS + 0, "clicks_15m", "popularity", 1)   /* ln(1 + clicks), h = 15 min */ \
	X(CLICKS + 1, "clicks_1h", "popularity", 1) \
	X(CLICKS + 2, "clicks_3h", "popularity", 1) \
	X(CLICKS + 3, "clicks_12h", "popularity", 1) \
	X(CLICKS + 4, "clicks_48h", "popularity", 1) \
	X(SHOWS + 0, "shows_15m", "popularity", 1)     /* ln(1 + shows) */ \
	X(SHOWS + 1, "shows_1h", "popularity", 1) \
	X(SHOWS + 2, "shows_3h", "popularity", 1) \
	X(SHOWS + 3, "shows_12h", "popularity", 1) \
	X(SHOWS + 4, "shows_48h", "popularity", 1) \
	X(CTR + 0, "ctr_15m", "popularity", 0.5f)      /* ln((clicks + 10 g) / (shows + 10) / g); clicks beyond shows count as shown at rate g */ \
	X(CTR + 1, "ctr_1h", "popularity", 0.5f) \
	X(CTR + 2, "ctr_3h", "popularity", 0.5f) \
	X(CTR + 3, "ctr_12h", "popularity", 0.5f) \
	X(CTR + 4, "ctr_48h", "popularity", 0.5f) \
	X(LIFT + 0, "lift_15m", "popularity", 0.5f)    /* ln((clicks + 1) / (expected + 1)) */ \
	X(LIFT + 1, "lift_1h", "popularity", 0.5f) \
	X(LIFT + 2, "lift_3h", "popularity", 0.5f) \
	X(LIFT + 3, "lift_12h", "popularity", 0.5f) \
	X(LIFT + 4, "lift_48h", "popularity", 0.5f) \
	X(AGE, "age", "age", 1)                        /* ln(1 + hours since published) */ \
	X(BOOST, "boost", "editor", 1)                 /* ln(the editor's boost) */ \
	X(PREMIUM, "premium", "premium", 0.5f)         /* 1 behind a pay wall */ \
	X(LENGTH, "length", "length", 1)               /* ln(1 + characters of the text); 2,000 when not known */ \
	X(STAGE_ONE, "stage_one", "stage_one", 1)      /* the stage-one score */ \
	X(SEEN, "seen", "seen", 0.7f)                  /* ln(1 + times the story was shown to this reader) */ \
	X(SEEN_AGO, "seen_ago", "seen", 3)             /* ln(1 + minutes since it was), 0 when never */ \
	X(STORY_READ, "story_read", "seen", 0.3f)      /* ln(1 + reads of the story by this reader) */ \
	X(TASTE, "taste", "reader", 0.5f)              /* ctr_12h x how popular this reader's clicks were: mean z, shrunk by 5 */ \
	X(SECTION_ALL, "section_all", "section", 1)    /* ln(((n_c + 10 p_c) / (H + 10)) / p_c) over the last 100 reads */ \
	X(SECTION_RECENT, "section_recent", "section", 1) /* the same with half-life 8 reads and shrinkage 4 */ \
	X(SECTION_NEXT, "section_next", "section", 0.5f) /* ln((clicks + 2) / (expected + 2)) of the section after the reader's */ \
	X(SOURCE_ALL, "source_all", "source", 1)       /* ln((n_s + 1) / (H / 10 + 1)): reads of the source */ \
	X(TOPIC_SHORT, "topic_short", "topics", 0.5f)  /* topic: and author: interest x weight, as stage one has it */ \
	X(TOPIC_LONG, "topic_long", "topics", 0.5f) \
	X(TERM_SHORT, "term_short", "topics", 0.5f) \
	X(TERM_LONG, "term_long", "topics", 0.5f) \
	X(PLACE, "place", "topics", 0.5f)              /* place: interest x weight */ \
	X(SIMILAR_TOP, "similar_top", "similarity_top", 0.1f) /* mean of the five best cosines with the last 100 reads */ \
	X(SIMILAR_BEST, "similar_best", "similarity_top", 0.2f) \
	X(SIMILAR_MEAN, "similar_mean", "similarity", 0.02f) /* mean over all of them */ \
	X(GRAMS, "grams", "grams", 0.1f)               /* cosine of the title with the reads' titles, by 5-grams of characters (grams.h) */ \
	X(KIN, "kin", "kin", 0.1f)                     /* mean cosine with the reads by who reads their words (kin.h) */ \
	X(DENSE_TOP, "dense_top", "dense", 0.1f)       /* mean of the five best cosines of embeddings with the last 20 reads */ \
	X(DENSE_MEAN, "dense_mean", "dense", 0.2f)     /* cosine with the mean of all reads' */ \
	X(WORDS, "words", "words", 0.3f)               /* mean over its words of ln((clicks + 2) / (expected + 2)) */ \
	X(CO_READ, "co_read", "co_read", 0.1f)         /* sum over the last 30 reads of co / sqrt((n + 5) (n' + 5)) */ \
	X(HEAD_3H, "head_3h", "head_to_head", 0.2f)    /* mean over the list of ln((won + .5) / (lost + .5)) */ \
	X(HEAD_12H, "head_12h", "head_to_head", 0.2f) \
	X(HEAD_TOTAL_3H, "head_total_3h", "head_to_head", 1) /* ln((won + 1) / (lost + 1)) against all */ \
	X(HEAD_TOTAL_12H, "head_total_12h", "head_to_head", 1)

const char *const rank_column_names[N_COLUMNS] = {
#define NAME(id, name, group, scale) [COLUMN_##id] = (name),
	COLUMNS(NAME)
#undef NAME
};

const char *const rank_column_groups[N_COLUMNS] = {
#define GROUP(id, name, group, scale) [COLUMN_##id] = (group),
	COLUMNS(GROUP)
#undef GROUP
};

static const float scales[N_COLUMNS] = {
#define SCALE(id, name, group, scale) [COLUMN_##id] = (scale),
	COLUMNS(SCALE)
#undef SCALE
};

const char *const rank_cross_names[N_CROSSES] = {
	[CROSS_STORY] = "story", [CROSS_SECTION_TOP] = "section_top", [CROSS_SECTION_HOUR] = "section_hour",
	[CROSS_RANK_LENGTH] = "rank_length", [CROSS_CTR_SHOWS] = "ctr_shows", [CROSS_WORD] = "word"};

const struct model_names rank_model_names = {
	.features = rank_feature_names, .columns = rank_column_names, .groups = rank_column_groups,
	.crosses = rank_cross_names, .n_features = N_FEATURES, .n_columns = N_COLUMNS, .n_crosses = N_CROSSES};

void rank_inputs(const struct model *m, const struct example *e, const uint16_t *which, size_t n, float *out)
{
	const struct kernels *kernels = kernels_best();
	float per_deviation[N_COLUMNS], per_scale[N_COLUMNS];
	for (size_t c = 0; c < N_COLUMNS; c++) {
		bool on = m->columns[c];
		per_deviation[c] = on && e->deviation[c] > 1e-5f ? 1 / e->deviation[c] : 0;
		per_scale[c] = on ? 1 / scales[c] : 0;
	}
	for (size_t i = 0; i < n; i++) {
		const float *x = e->columns + which[i] * e->n_columns;
		float *z = out + i * 2 * N_COLUMNS;
		kernels->inputs(x, e->mean, per_deviation, 6, N_COLUMNS, z);
		kernels->inputs(x, e->mean, per_scale, 8, N_COLUMNS, z + N_COLUMNS);
	}
}

struct cross_list {
	const struct model *m;
	uint32_t mask;
	uint32_t *out;
	uint8_t *kind;
	size_t n;
};

static void add_cross(struct cross_list *l, enum cross kind, uint64_t a, uint64_t b)
{
	if (!l->m->learn.crosses[kind])
		return;
	l->kind[l->n] = (uint8_t)kind;
	l->out[l->n++] = (uint32_t)(hash_mix64((a << 32 | b) + ((uint64_t)kind + 1) * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & l->mask;
}

/* A quarter of a unit of ln is one step, cut at 20 steps either way. */
static uint64_t ctr_step(float ctr)
{
	float steps = ctr * 4 + 32;
	return (uint64_t)(steps < 12 ? 12 : steps > 52 ? 52 : steps);
}

/* Twice the binary logarithm, rounded down. */
static uint64_t length_step(uint64_t n)
{
	return n < 4 ? n : 63 - (uint64_t)__builtin_clzll(n * n);
}

size_t rank_crosses(const struct model *m, const struct example *e, size_t slot, uint32_t mask,
                    uint32_t out[CROSS_SLOTS_MAX], uint8_t kind[CROSS_SLOTS_MAX])
{
	struct cross_list l = {.m = m, .mask = mask};
	l.out = out;
	l.kind = kind;
	const struct example_slot *s = &e->slots[slot];
	const float *x = e->columns + slot * e->n_columns;
	add_cross(&l, CROSS_STORY, s->article, 0);
	if (s->section) {
		add_cross(&l, CROSS_SECTION_TOP, s->section, e->top_section);
		add_cross(&l, CROSS_SECTION_HOUR, s->section, (uint64_t)(e->at_ms / 3600000) % 24);
	}
	add_cross(&l, CROSS_RANK_LENGTH, s->ctr_rank < 20 ? s->ctr_rank : 20, length_step(e->n_listed));
	add_cross(&l, CROSS_CTR_SHOWS, ctr_step(x[COLUMN_CTR + 3]), (uint64_t)lrintf(2 * x[COLUMN_SEEN]));
	for (size_t i = 0; i < s->n_words && i < CROSS_WORDS; i++)
		add_cross(&l, CROSS_WORD, s->words[i], 0);
	return l.n;
}
