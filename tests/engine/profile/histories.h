/* Random histories of a reader, and comparison of what they fold to. */
#ifndef MYNEWS_TESTS_ENGINE_PROFILE_HISTORIES_H
#define MYNEWS_TESTS_ENGINE_PROFILE_HISTORIES_H

#include "engine/base/rng.h"
#include "engine/profile/profile.h"

#define START_MS INT64_C(1764547200000) /* 2025-12-01T00:00Z */
#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)

struct reader_state {
	struct profile profile;
	struct history history;
};

/* An event, or the reader's own hand on a topic. */
struct step {
	bool is_set;
	struct profile_event event; /* vector points into terms */
	struct topic_term terms[LIMIT_VECTOR];
	uint32_t topic;
	float short_term, long_term;
	int64_t at_ms;
};

static inline uint32_t topic_number(enum topic_namespace ns, uint32_t i)
{
	return (uint32_t)ns << TOPIC_NAMESPACE_SHIFT | i;
}

/* Of `variety` topics a namespace. */
uint32_t random_topic(struct rng *r, uint32_t variety);
/* Mostly a little after *clock_ms (which moves on), at times long before, rarely after years. */
void random_step(struct rng *r, int64_t *clock_ms, uint32_t variety, struct step *out);
void apply_step(struct reader_state *s, const struct step *step);

/* Asserts that both encode to the same bytes. */
void assert_same_state(const struct reader_state *a, const struct reader_state *b);
/* What a checkpoint and a restart make of it. */
void encode_and_decode(struct reader_state *s);
/* Sorted lists within their limits, finite weights, no zeros, no article twice. */
void assert_holds(const struct reader_state *s);

/* From SEED when set. Prints it. */
uint64_t test_seed(void);

#endif
