/* The two sorted lists of interests of a profile. Inside engine/profile only. */
#ifndef MYNEWS_ENGINE_PROFILE_INTERESTS_H
#define MYNEWS_ENGINE_PROFILE_INTERESTS_H

#include "engine/profile/decay.h"

/* True when the number has a namespace. */
bool interests_is_topic(uint32_t topic);
/* True when a topic belongs to the affinities. */
bool interests_is_affinity(uint32_t topic);
/* NULL when absent. */
const struct profile_interest *interests_find(const struct profile *p, uint32_t topic);

/* Adds gains, given as of the moment, to their topics; see profile_apply for what a full list does. */
void interests_add(struct profile *p, struct decay_moment m, const struct profile_interest *gains, size_t n);
/* Sets a topic's weights, given as of the moment; both 0 removes it. A full list makes room. */
void interests_set(struct profile *p, struct decay_moment m, struct profile_interest weights);

#endif
