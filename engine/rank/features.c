/* The features: one table, one formula each, and how values become integers.
 *
 * A score must not overflow an int32 whatever the profile, the counters or the model say. At RANK_ONE = 2^23 an int32
 * reaches 256 units, and the limits below leave these parts of it:
 *
 *     topics     8 for each unit of article weight. A vector has Euclidean length 1 and at most LIMIT_VECTOR = 48
 *                entries, so its weights sum to at most sqrt(48) < 6.93, with rounding < 6.94           <  55.6
 *     follow     2 for each of at most 48 topics                                                        <= 96
 *     home, edition, language   8 each                                                                  <= 24
 *     seen                                                                                              <= 12
 *     shared     64 together                                                                            <= 64
 *                                                                                                 sum   < 252
 *
 * Where several features meet (the features of one topic, the shared features), a running sum is held within the limit:
 * each takes what room is left, in table order, so that the rows of an explanation still sum exactly. */
#include <math.h>

#include "engine/rank/rank_internal.h"

/* Interest saturates, sat(w) = w / (1 + |w| / 4): the hundredth click on a subject says less than the first, and no
 * subject reaches 4. */
#define FEATURES(X) \
	/* Topics, by namespace: sum over the article's entries of sat(interest) x article weight. */ \
	X(TOPIC_SHORT, "topic_short", 8)   /* topic: and author:, short-term */ \
	X(TOPIC_LONG, "topic_long", 8)     /* topic: and author:, long-term */ \
	X(TERM_SHORT, "term_short", 8)     /* term:, short-term */ \
	X(TERM_LONG, "term_long", 8)       /* term:, long-term */ \
	X(SECTION, "section", 8)           /* section:, long-term */ \
	X(SOURCE, "source", 8)             /* source:, long-term */ \
	X(PLACE, "place", 8)               /* place:, long-term */ \
	/* What the reader declared; values 0 or 1 but for follow and seen. */ \
	X(FOLLOW, "follow", 2)             /* number of followed topics carried; the limit holds for each */ \
	X(HOME, "home", 8)                 /* carries one of the reader's places */ \
	X(EDITION, "edition", 8)           /* carries one of the edition's places */ \
	X(LANGUAGE, "language", 8)         /* in a language the reader declared, or else the edition's */ \
	X(SEEN, "seen", 12)                /* ln(1 + times the story was shown to this reader) */ \
	/* Shared by every reader, as of the catalogue's minute. */ \
	X(FRESH, "fresh", 64)              /* 2^(-age / 6 h) */ \
	X(AGE, "age", 64)                  /* ln(1 + age in hours) */ \
	X(POPULAR_1H, "popular_1h", 64)    /* ln(1 + clicks decayed with half-life 1 h); see popularity() */ \
	X(POPULAR_12H, "popular_12h", 64)  /* ln(1 + clicks decayed with half-life 12 h) */ \
	X(POPULAR_48H, "popular_48h", 64)  /* ln(1 + clicks decayed with half-life 48 h) */ \
	X(CTR, "ctr", 64)                  /* ln((clicks + a g) / ((shows + a) g)) at 12 h, a = 20, g = 0.05; see below */ \
	X(BOOST, "boost", 64)              /* ln(the editor's boost) */ \
	X(EXPLORE, "explore", 64)          /* 1 / sqrt(1 + shows decayed with half-life 48 h) */

const char *const rank_feature_names[N_FEATURES] = {
#define NAME(id, name, limit) [FEATURE_##id] = (name),
	FEATURES(NAME)
#undef NAME
};

/* The most a feature may add or take, in units of score. */
static const int limits[N_FEATURES] = {
#define LIMIT(id, name, limit) [FEATURE_##id] = (limit),
	FEATURES(LIMIT)
#undef LIMIT
};

enum { TOPIC_LIMIT = 8 * TOPIC_WEIGHT_ONE, SHARED_LIMIT = 64 * RANK_ONE };
/* As in catalog_half_lives_ms. */
enum { HALF_LIFE_1H = 1, HALF_LIFE_12H = 3, HALF_LIFE_48H = 4 };

#define MS_PER_HOUR 3600000.0
#define CTR_PRIOR_SHOWS 20.0f /* a */
#define CTR_PRIOR 0.05f       /* g, a usual click-through rate */

/* Rounds x * one to nearest within limit * one; a NaN is nothing. */
static int32_t quantise(double x, int limit, int32_t one)
{
	if (isnan(x))
		return 0;
	x = x < -limit ? -limit : x;
	x = x > limit ? limit : x;
	return (int32_t)lrint(x * one);
}

/* The part of q that keeps sum + part within [-limit, limit]. */
static int32_t room_for(int32_t q, int32_t sum, int32_t limit)
{
	int32_t total = sum + q;
	total = total > limit ? limit : total < -limit ? -limit : total;
	return total - sum;
}

static double saturated(double interest)
{
	return interest / (1 + fabs(interest) / 4);
}

static void add_part(struct topic_parts *parts, const struct model *m, enum feature feature, float interest)
{
	/* An infinite interest saturates as the largest finite one does. */
	double value = isinf(interest) ? copysign(4, interest) : saturated((double)interest);
	int32_t q = room_for(quantise(m->weights[feature] * value, limits[feature], TOPIC_WEIGHT_ONE), parts->total,
	                     TOPIC_LIMIT);
	if (q == 0)
		return;
	parts->feature[parts->n] = feature;
	parts->weight[parts->n++] = q;
	parts->total += q;
}

struct topic_parts rank_topic_parts(const struct model *m, const struct profile_interest *interest)
{
	struct topic_parts parts = {0};
	switch (topic_namespace_of(interest->topic)) {
	case TOPIC_TAG:
	case TOPIC_AUTHOR:
		add_part(&parts, m, FEATURE_TOPIC_SHORT, interest->short_term);
		add_part(&parts, m, FEATURE_TOPIC_LONG, interest->long_term);
		break;
	case TOPIC_TERM:
		add_part(&parts, m, FEATURE_TERM_SHORT, interest->short_term);
		add_part(&parts, m, FEATURE_TERM_LONG, interest->long_term);
		break;
	case TOPIC_SECTION:
		add_part(&parts, m, FEATURE_SECTION, interest->long_term);
		break;
	case TOPIC_SOURCE:
		add_part(&parts, m, FEATURE_SOURCE, interest->long_term);
		break;
	case TOPIC_PLACE:
		add_part(&parts, m, FEATURE_PLACE, interest->long_term);
		break;
	default:
		break;
	}
	return parts;
}

int32_t rank_fixed(const struct model *m, enum feature feature, double value)
{
	return quantise(m->weights[feature] * value, limits[feature], RANK_ONE);
}

static float load(const _Atomic float *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static float age_hours(const struct catalog_segment *s, uint32_t slot, int64_t minute_ms)
{
	int64_t age_ms = minute_ms - s->published_ms[slot];
	return age_ms > 0 ? (float)((double)age_ms / MS_PER_HOUR) : 0;
}

static float click_through(const struct catalog_segment *s, uint32_t slot)
{
	float clicks = load(&s->row[slot].clicks[HALF_LIFE_12H]), shows = load(&s->row[slot].shows[HALF_LIFE_12H]);
	/* Clicks of what nobody reported as shown say nothing of click-through: they count as if shown at the usual rate. */
	if (clicks > shows)
		shows += (clicks - shows) / CTR_PRIOR;
	return logf((clicks + CTR_PRIOR_SHOWS * CTR_PRIOR) / ((shows + CTR_PRIOR_SHOWS) * CTR_PRIOR));
}

/* Clicks beyond what was reported as shown count by their square root: a crowd that was never shown a story lifts it little,
 * and where nobody reports what was shown, stories still stand in the order of their clicks. */
static float popularity(const struct catalog_segment *s, uint32_t slot, int half_life)
{
	float clicks = load(&s->row[slot].clicks[half_life]), shows = load(&s->row[slot].shows[half_life]);
	return log1pf(clicks > shows ? shows + fminf(clicks - shows, sqrtf(clicks - shows)) : clicks);
}

static float shared_value(enum feature feature, const struct catalog_segment *s, uint32_t slot, int64_t minute_ms)
{
	switch (feature) {
	case FEATURE_FRESH:
		return exp2f(-age_hours(s, slot, minute_ms) / 6);
	case FEATURE_AGE:
		return log1pf(age_hours(s, slot, minute_ms));
	case FEATURE_POPULAR_1H:
		return popularity(s, slot, HALF_LIFE_1H);
	case FEATURE_POPULAR_12H:
		return popularity(s, slot, HALF_LIFE_12H);
	case FEATURE_POPULAR_48H:
		return popularity(s, slot, HALF_LIFE_48H);
	case FEATURE_CTR:
		return click_through(s, slot);
	case FEATURE_BOOST:
		return logf(load(&s->row[slot].boost));
	case FEATURE_EXPLORE:
		return 1 / sqrtf(1 + load(&s->row[slot].shows[HALF_LIFE_48H]));
	default:
		return 0;
	}
}

size_t rank_shared_rows(const struct model *m, const struct catalog_segment *segment, uint32_t slot, int64_t minute_ms,
                        struct rank_reason *out, int32_t *sum)
{
	size_t n = 0;
	*sum = 0;
	for (int f = FEATURE_FRESH; f < N_FEATURES; f++) {
		if (m->weights[f] == 0)
			continue;
		double value = m->weights[f] * (double)shared_value((enum feature)f, segment, slot, minute_ms);
		int32_t q = room_for(quantise(value, limits[f], RANK_ONE), *sum, SHARED_LIMIT);
		if (q == 0)
			continue;
		out[n++] = (struct rank_reason){.feature = (enum feature)f, .contribution = q};
		*sum += q;
	}
	return n;
}

void rank_shared(void *ctx, unsigned model, const struct catalog_segment *segment, uint32_t first, uint32_t n,
                 int64_t minute_ms, int32_t *out)
{
	const struct rank_models *models = ctx;
	const struct model *m = atomic_load_explicit(&models->model[model], memory_order_acquire);
	struct rank_reason rows[N_FEATURES];
	for (uint32_t i = 0; i < n; i++) {
		out[i] = 0;
		if (m)
			rank_shared_rows(m, segment, first + i, minute_ms, rows, &out[i]);
	}
}

/* log2(1 + clicks), linear between powers of two, RANK_ONE to the unit: which is what the bits of an IEEE 754 float say,
 * so that a scan costs an addition. */
int32_t rank_trending_score(float clicks_12h)
{
	union {
		float value;
		int32_t bits;
	} one = {.value = 1}, x = {.value = 1 + (clicks_12h > 0 ? clicks_12h : 0)};
	return x.bits - one.bits;
}
