/* Each list ascends by topic number, holds no topic twice and none whose two weights are 0. A full list keeps its
 * strongest entries; what is weakest depends on magnitudes and topic numbers alone, so the order in which an article
 * names its topics says nothing about who stays. */
#include "engine/profile/interests.h"

#include <assert.h>
#include <math.h>
#include <string.h>

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

/* The magnitudes of a list's entries side by side, as their bits, which order as they do: none is negative. */
struct strengths {
	bool known;
	int32_t of[PROFILE_TOPICS]; /* [*n] */
};

_Static_assert(PROFILE_AFFINITIES <= PROFILE_TOPICS, "either list's strengths fit");

static int32_t strength(const struct profile_interest *e, struct decay_moment m)
{
	float magnitude = fabsf(e->short_term * m.short_out) + fabsf(e->long_term * m.long_out);
	int32_t bits;
	memcpy(&bits, &magnitude, sizeof(bits));
	return bits;
}

/* Of a list that is not empty. Of equals the larger topic number is the weaker, so that the order is total. */
static size_t weakest(const struct list *l, struct decay_moment m, struct strengths *s)
{
	size_t n = *l->n, found = n - 1;
	int32_t least = INT32_MAX;
	for (size_t i = 0; !s->known && i < n; i++)
		s->of[i] = strength(&l->entries[i], m);
	s->known = true;
	for (size_t i = 0; i < n; i++)
		least = s->of[i] < least ? s->of[i] : least;
	while (s->of[found] != least)
		found--;
	return found;
}

static void remove_at(struct list *l, size_t at)
{
	(*l->n)--;
	memmove(&l->entries[at], &l->entries[at + 1], (*l->n - at) * sizeof(*l->entries));
}

static size_t insert(struct list *l, struct profile_interest e)
{
	assert(*l->n < l->max);
	size_t at = lower_bound(l->entries, *l->n, e.topic);
	memmove(&l->entries[at + 1], &l->entries[at], (*l->n - at) * sizeof(*l->entries));
	l->entries[at] = e;
	(*l->n)++;
	return at;
}

/* Puts a newcomer into a full list in place of its weakest entry, unless it is weaker still. */
static void replace_weakest(struct list *l, struct decay_moment m, struct profile_interest e, struct strengths *s)
{
	size_t goes = weakest(l, m, s), last = *l->n - 1u;
	int32_t ours = strength(&e, m);
	if (ours < s->of[goes] || (ours == s->of[goes] && e.topic > l->entries[goes].topic))
		return;
	remove_at(l, goes);
	memmove(&s->of[goes], &s->of[goes + 1], (last - goes) * sizeof(s->of[0]));
	size_t at = insert(l, e);
	memmove(&s->of[at + 1], &s->of[at], (last - at) * sizeof(s->of[0]));
	s->of[at] = ours;
}

/* s: of the topic's list; kept from one call to the next. */
static void add(struct profile *p, struct decay_moment m, struct profile_interest stored, struct strengths *s)
{
	struct list l = list_of(p, stored.topic);
	size_t at = lower_bound(l.entries, *l.n, stored.topic);
	if (at < *l.n && l.entries[at].topic == stored.topic) {
		struct profile_interest *e = &l.entries[at];
		e->short_term = bounded(e->short_term + stored.short_term);
		e->long_term = bounded(e->long_term + stored.long_term);
		if (e->short_term == 0 && e->long_term == 0)
			remove_at(&l, at);
		s->known = false;
		return;
	}
	if (fabsf(stored.short_term) < DECAY_TINY && fabsf(stored.long_term) < DECAY_TINY)
		return;
	if (*l.n == l.max) {
		replace_weakest(&l, m, stored, s);
		return;
	}
	insert(&l, stored);
	s->known = false;
}

void interests_add(struct profile *p, struct decay_moment m, const struct profile_interest *gains, size_t n)
{
	bool newcomer[PROFILE_TOPICS + PROFILE_AFFINITIES];
	assert(n <= PROFILE_TOPICS + PROFILE_AFFINITIES);
	for (size_t i = 0; i < n; i++)
		newcomer[i] = !interests_find(p, gains[i].topic);
	struct strengths topics, affinities;
	topics.known = affinities.known = false;
	/* What stands in the list first: a newcomer must not push out what this same event is about to strengthen. */
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < n; i++)
			if (newcomer[i] == (round == 1))
				add(p, m, as_stored(gains[i], m), interests_is_affinity(gains[i].topic) ? &affinities : &topics);
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
	if (*l.n == l.max) {
		struct strengths s;
		s.known = false;
		remove_at(&l, weakest(&l, m, &s));
	}
	insert(&l, stored);
}
