/* Each list ascends by topic number, holds no topic twice and none whose two weights are 0. A full list keeps its
 * strongest entries; what is weakest depends on magnitudes and topic numbers alone, so the order in which an article
 * names its topics says nothing about who stays. */
#include "engine/profile/interests.h"

#include <assert.h>
#include <math.h>

struct list {
	struct profile_interest *entries; /* [*n] */
	uint16_t *n, max;
};

bool interests_is_topic(uint32_t topic)
{
	enum topic_namespace ns = topic_namespace_of(topic);
	return ns >= TOPIC_TAG && ns < N_TOPIC_NAMESPACES;
}

bool interests_is_affinity(uint32_t topic)
{
	enum topic_namespace ns = topic_namespace_of(topic);
	return ns == TOPIC_SOURCE || ns == TOPIC_SECTION;
}

static struct list list_of(struct profile *p, uint32_t topic)
{
	if (interests_is_affinity(topic))
		return (struct list){p->affinities, &p->n_affinities, PROFILE_AFFINITIES};
	return (struct list){p->topics, &p->n_topics, PROFILE_TOPICS};
}

/* Steps by a product: a branch would be an even one, guessed wrong every other time. */
static size_t lower_bound(const struct profile_interest *entries, size_t n, uint32_t topic)
{
	const struct profile_interest *first = entries;
	for (size_t half = n / 2; n > 1; n -= half, half = n / 2)
		first += half * (first[half - 1].topic < topic);
	return (size_t)(first - entries) + (n == 1 && first->topic < topic);
}

const struct profile_interest *interests_find(const struct profile *p, uint32_t topic)
{
	bool affinity = interests_is_affinity(topic);
	const struct profile_interest *entries = affinity ? p->affinities : p->topics;
	size_t n = affinity ? p->n_affinities : p->n_topics, at = lower_bound(entries, n, topic);
	return at < n && entries[at].topic == topic ? &entries[at] : NULL;
}

static float bounded(float stored)
{
	return stored > DECAY_STORED_MAX ? DECAY_STORED_MAX : stored < -DECAY_STORED_MAX ? -DECAY_STORED_MAX : stored;
}

static struct profile_interest as_stored(struct profile_interest weights, struct decay_moment m)
{
	return (struct profile_interest){weights.topic, bounded(weights.short_term * m.short_in),
	                                 bounded(weights.long_term * m.long_in)};
}

static float magnitude(const struct profile_interest *e, struct decay_moment m)
{
	return fabsf(e->short_term * m.short_out) + fabsf(e->long_term * m.long_out);
}

/* A total order over the entries of a list. */
static bool weaker(const struct profile_interest *a, const struct profile_interest *b, struct decay_moment m)
{
	float x = magnitude(a, m), y = magnitude(b, m);
	return x < y || (x == y && a->topic > b->topic);
}

static size_t weakest(const struct list *l, struct decay_moment m)
{
	size_t found = 0;
	for (size_t i = 1; i < *l->n; i++)
		if (weaker(&l->entries[i], &l->entries[found], m))
			found = i;
	return found;
}

static void remove_at(struct list *l, size_t at)
{
	(*l->n)--;
	memmove(&l->entries[at], &l->entries[at + 1], (*l->n - at) * sizeof(*l->entries));
}

static void insert(struct list *l, struct profile_interest e)
{
	assert(*l->n < l->max);
	size_t at = lower_bound(l->entries, *l->n, e.topic);
	memmove(&l->entries[at + 1], &l->entries[at], (*l->n - at) * sizeof(*l->entries));
	l->entries[at] = e;
	(*l->n)++;
}

static void add(struct profile *p, struct decay_moment m, struct profile_interest stored)
{
	struct list l = list_of(p, stored.topic);
	size_t at = lower_bound(l.entries, *l.n, stored.topic);
	if (at < *l.n && l.entries[at].topic == stored.topic) {
		struct profile_interest *e = &l.entries[at];
		e->short_term = bounded(e->short_term + stored.short_term);
		e->long_term = bounded(e->long_term + stored.long_term);
		if (e->short_term == 0 && e->long_term == 0)
			remove_at(&l, at);
		return;
	}
	if (fabsf(stored.short_term) < DECAY_TINY && fabsf(stored.long_term) < DECAY_TINY)
		return;
	if (*l.n == l.max) {
		size_t goes = weakest(&l, m);
		if (weaker(&stored, &l.entries[goes], m))
			return;
		remove_at(&l, goes);
	}
	insert(&l, stored);
}

void interests_add(struct profile *p, struct decay_moment m, const struct profile_interest *gains, size_t n)
{
	bool newcomer[PROFILE_TOPICS + PROFILE_AFFINITIES];
	assert(n <= PROFILE_TOPICS + PROFILE_AFFINITIES);
	for (size_t i = 0; i < n; i++)
		newcomer[i] = !interests_find(p, gains[i].topic);
	/* What stands in the list first: a newcomer must not push out what this same event is about to strengthen. */
	for (size_t i = 0; i < n; i++)
		if (!newcomer[i])
			add(p, m, as_stored(gains[i], m));
	for (size_t i = 0; i < n; i++)
		if (newcomer[i])
			add(p, m, as_stored(gains[i], m));
}

void interests_set(struct profile *p, struct decay_moment m, struct profile_interest weights)
{
	struct profile_interest stored = as_stored(weights, m);
	struct list l = list_of(p, stored.topic);
	size_t at = lower_bound(l.entries, *l.n, stored.topic);
	if (at < *l.n && l.entries[at].topic == stored.topic)
		remove_at(&l, at);
	if (stored.short_term == 0 && stored.long_term == 0)
		return;
	if (*l.n == l.max)
		remove_at(&l, weakest(&l, m));
	insert(&l, stored);
}
