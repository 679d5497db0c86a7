/* The fold: how an event moves a reader's interests and lists, and how they are read. What decays is in decay.c, what a
 * full list keeps in interests.c, the lists of articles in history.c, bytes in records.c. */
#include "engine/profile/profile.h"

#include <math.h>

#include "engine/base/rfc3339.h"
#include "engine/profile/decay.h"
#include "engine/profile/history.h"
#include "engine/profile/interests.h"

#define BOUNCE_S 5.0f
#define BOUNCE_PART 0.1f /* of a bounce, and the least of a read */
#define UNMEASURED 0.5f  /* of a read of unknown length */
#define CUSTOM_MAX 4.0f

const struct profile_config profile_config_default = {
	.event_weight = {[EVENT_IMPRESSION] = 0, [EVENT_CLICK] = 1, [EVENT_READ] = 2, [EVENT_FINISH] = 2.5f,
	                 [EVENT_LIKE] = 3, [EVENT_DISLIKE] = -3, [EVENT_SHARE] = 3, [EVENT_SAVE] = 2.5f,
	                 [EVENT_HIDE] = -2, [EVENT_CUSTOM] = 1},
	.dwell_full_s = 60, .short_half_life_ms = INT64_C(86400000), .long_half_life_ms = INT64_C(30) * 86400000};

/* NaN is nothing. */
static float within(float x, float low, float high)
{
	if (isnan(x))
		return 0;
	return x < low ? low : x > high ? high : x;
}

static int64_t time_within(int64_t t_ms)
{
	return t_ms < 1 ? 1 : t_ms > RFC3339_MAX_MS ? RFC3339_MAX_MS : t_ms;
}

static float attention(const struct profile_config *config, const struct profile_event *e)
{
	bool has_dwell = e->dwell_s >= 0, has_scroll = e->scroll >= 0;
	if (!has_dwell && !has_scroll)
		return UNMEASURED;
	float dwell = has_dwell ? e->dwell_s / config->dwell_full_s : 0, scroll = has_scroll ? e->scroll : 0;
	return within(dwell > scroll ? dwell : scroll, BOUNCE_PART, 1);
}

static float part_of(const struct profile_config *config, const struct profile_event *e)
{
	bool bounced = e->dwell_s >= 0 && e->dwell_s < BOUNCE_S;
	switch (e->type) {
	case EVENT_CLICK:
	case EVENT_FINISH:
		return bounced ? BOUNCE_PART : 1;
	case EVENT_READ:
		return bounced ? BOUNCE_PART : attention(config, e);
	case EVENT_CUSTOM:
		return within(e->value, -CUSTOM_MAX, CUSTOM_MAX);
	default:
		return 1;
	}
}

static void learn(const struct profile_config *config, struct profile *p, const struct profile_event *e, int64_t at_ms)
{
	struct profile_interest gains[LIMIT_VECTOR];
	float gain = config->event_weight[e->type] * part_of(config, e);
	size_t n = 0;
	for (size_t i = 0; i < e->n_vector && i < LIMIT_VECTOR; i++) {
		float g = gain * ((float)e->vector[i].weight / TOPIC_TERM_ONE);
		if (g != 0 && interests_is_topic(e->vector[i].topic))
			gains[n++] = (struct profile_interest){e->vector[i].topic, g, g};
	}
	if (n == 0)
		return;
	interests_add(p, decay_enter(config, p, at_ms), gains, n);
	if (p->n_events < UINT32_MAX)
		p->n_events++;
}

void profile_apply(const struct profile_config *config, struct profile *p, struct history *h,
                   const struct profile_event *event)
{
	int64_t at_ms = time_within(event->at_ms);
	uint32_t minute = history_minute(at_ms);
	if (event->type == EVENT_IMPRESSION)
		history_add_shown(h, (struct history_shown){event->story, minute, 1});
	else if (event->type != EVENT_CUSTOM)
		history_add_read(h, (struct history_read){event->article, event->story, minute,
		                                          (uint16_t)(1u << event->type)});
	if (event->type == EVENT_SAVE)
		history_add_saved(h, (struct history_saved){event->article, minute});
	learn(config, p, event, at_ms);
}

void profile_set_interest(const struct profile_config *config, struct profile *p, uint32_t topic, float short_term,
                          float long_term, int64_t at_ms)
{
	if (!interests_is_topic(topic))
		return;
	struct profile_interest weights = {topic, within(short_term, -PROFILE_INTEREST_MAX, PROFILE_INTEREST_MAX),
	                                   within(long_term, -PROFILE_INTEREST_MAX, PROFILE_INTEREST_MAX)};
	interests_set(p, decay_enter(config, p, time_within(at_ms)), weights);
}

struct profile_moment profile_moment_of(const struct profile_config *config, const struct profile *p, int64_t now_ms)
{
	now_ms = time_within(now_ms);
	return (struct profile_moment){decay_power(p->short_reference_ms - now_ms, config->short_half_life_ms),
	                               decay_power(p->long_reference_ms - now_ms, config->long_half_life_ms)};
}

static struct profile_interest decayed(const struct profile_interest *e, struct profile_moment now)
{
	return (struct profile_interest){e->topic, e->short_term * now.short_now, e->long_term * now.long_now};
}

/* Both lists as of now, ascending by topic number. out[PROFILE_TOPICS + PROFILE_AFFINITIES]; returns how many. */
static size_t join_decayed(const struct profile *p, struct profile_moment now, struct profile_interest *out)
{
	size_t i = 0, j = 0, n = 0;
	while (i < p->n_topics || j < p->n_affinities) {
		bool topic = j == p->n_affinities || (i < p->n_topics && p->topics[i].topic < p->affinities[j].topic);
		out[n++] = decayed(topic ? &p->topics[i++] : &p->affinities[j++], now);
	}
	return n;
}

/* Ascending keys put the strongest first, of equals the first by position: a float that isn't negative orders as its
 * bits do. */
static uint64_t order_key(const struct profile_interest *e, size_t position)
{
	float magnitude = fabsf(e->short_term) + fabsf(e->long_term);
	uint32_t bits;
	memcpy(&bits, &magnitude, sizeof(bits));
	return (uint64_t)~bits << 32 | position;
}

size_t profile_read_all(const struct profile_config *config, const struct profile *p, int64_t now_ms,
                        struct profile_interest out[PROFILE_TOPICS + PROFILE_AFFINITIES])
{
	return join_decayed(p, profile_moment_of(config, p, now_ms), out);
}

size_t profile_read(const struct profile_config *config, const struct profile *p, int64_t now_ms,
                    struct profile_interest *out, size_t n)
{
	struct profile_interest all[PROFILE_TOPICS + PROFILE_AFFINITIES];
	uint64_t keys[PROFILE_TOPICS + PROFILE_AFFINITIES];
	size_t n_all = profile_read_all(config, p, now_ms, all);
	for (size_t i = 0; i < n_all; i++) {
		uint64_t key = order_key(&all[i], i);
		size_t j = i;
		for (; j > 0 && keys[j - 1] > key; j--)
			keys[j] = keys[j - 1];
		keys[j] = key;
	}
	if (n > n_all)
		n = n_all;
	for (size_t i = 0; i < n; i++)
		out[i] = all[(uint32_t)keys[i]];
	return n;
}

struct profile_interest profile_read_topic(const struct profile *p, uint32_t topic, struct profile_moment now)
{
	const struct profile_interest *e = interests_find(p, topic);
	return e ? decayed(e, now) : (struct profile_interest){.topic = topic};
}

static int64_t latest_reference(const struct profile *p)
{
	return p->short_reference_ms > p->long_reference_ms ? p->short_reference_ms : p->long_reference_ms;
}

void profile_merge(const struct profile_config *config, struct profile *into, struct history *into_history,
                   const struct profile *from, const struct history *from_history)
{
	struct profile_interest gains[PROFILE_TOPICS + PROFILE_AFFINITIES];
	/* Both are brought to the latest of their references; any later common time would give the same weights. */
	int64_t t_ms = latest_reference(into) > latest_reference(from) ? latest_reference(into) : latest_reference(from);
	size_t n = join_decayed(from, profile_moment_of(config, from, t_ms), gains);
	if (n > 0)
		interests_add(into, decay_enter(config, into, time_within(t_ms)), gains, n);
	into->n_events = into->n_events > UINT32_MAX - from->n_events ? UINT32_MAX : into->n_events + from->n_events;
	history_merge(into_history, from_history);
}
