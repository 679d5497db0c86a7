/* Which topics the records name: so that a check follows every one, and a compacted copy leaves out the others.
 *
 * Topics stand in articles' vectors, in events' and interests' log records (undone ones too: they are still there to be
 * read), in the profile that a merge carries, in profiles and bases, in readers' settings, in editions and in what slates
 * teach. The other tables name none: histories, slates and counters have articles' and stories' numbers, pins an
 * article's; document frequency has hashes of terms, and what was learnt stands under hashes of topics' numbers, from
 * which no number can be read (topics.c says what follows). */
#include <errno.h>
#include <stdlib.h>

#include "engine/core.h"

enum { WORDS = TOPICS_MAX / 64 };

struct topic_set {
	uint64_t *bits[N_TOPIC_NAMESPACES]; /* [WORDS] each; NULL while empty */
};

int topic_set_new(struct topic_set **out)
{
	struct topic_set *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*out = s;
	return 0;
}

void topic_set_free(struct topic_set *s)
{
	for (int ns = 0; s && ns < N_TOPIC_NAMESPACES; ns++)
		free(s->bits[ns]);
	free(s);
}

int topic_set_add(struct topic_set *s, uint32_t topic)
{
	uint32_t ns = topic >> TOPIC_NAMESPACE_SHIFT, n = topic & ((1u << TOPIC_NAMESPACE_SHIFT) - 1);
	if (ns == 0 || ns >= N_TOPIC_NAMESPACES || n >= TOPICS_MAX)
		return 0; /* there is no such topic */
	if (!s->bits[ns])
		s->bits[ns] = calloc(WORDS, sizeof(uint64_t));
	if (!s->bits[ns])
		return -ENOMEM;
	s->bits[ns][n / 64] |= UINT64_C(1) << n % 64;
	return 0;
}

bool topic_set_has(const struct topic_set *s, uint32_t topic)
{
	uint32_t ns = topic >> TOPIC_NAMESPACE_SHIFT, n = topic & ((1u << TOPIC_NAMESPACE_SHIFT) - 1);
	return ns < N_TOPIC_NAMESPACES && n < TOPICS_MAX && s->bits[ns] && s->bits[ns][n / 64] >> n % 64 & 1;
}

/* ---- naming ---- */

typedef void (*name_fn)(void *ctx, uint32_t topic);

static void in_vector(const struct topic_term *vector, size_t n, name_fn fn, void *ctx)
{
	for (size_t i = 0; i < n; i++)
		fn(ctx, vector[i].topic);
}

static void in_list(const uint32_t *list, size_t n, name_fn fn, void *ctx)
{
	for (size_t i = 0; i < n; i++)
		fn(ctx, list[i]);
}

static int in_profile(struct span bytes, name_fn fn, void *ctx)
{
	struct profile p;
	if (profile_decode(bytes, &p))
		return 1;
	for (uint16_t i = 0; i < p.n_topics; i++)
		fn(ctx, p.topics[i].topic);
	for (uint16_t i = 0; i < p.n_affinities; i++)
		fn(ctx, p.affinities[i].topic);
	return 0;
}

static int in_article(struct arena *arena, struct span value, name_fn fn, void *ctx)
{
	struct article_record r;
	if (article_record_decode(arena, value, &r))
		return 1;
	in_vector(r.vector, r.n_vector, fn, ctx);
	return 0;
}

static int in_log(struct arena *arena, struct span value, name_fn fn, void *ctx)
{
	struct log_record r;
	if (log_record_decode(arena, value, &r))
		return 1;
	in_vector(r.vector, r.n_vector, fn, ctx);
	if (r.kind == LOG_INTEREST)
		fn(ctx, r.topic);
	return r.kind == LOG_MERGE ? in_profile(r.merged_profile, fn, ctx) : 0;
}

static int in_settings(struct span value, name_fn fn, void *ctx)
{
	struct user_record r;
	if (user_record_decode(value, &r))
		return 1;
	in_list(r.places, r.n_places, fn, ctx);
	in_list(r.follows, r.n_follows, fn, ctx);
	for (size_t i = 0; i < r.n_mutes; i++)
		fn(ctx, r.mutes[i].topic);
	return 0;
}

static int in_profile_record(struct span value, name_fn fn, void *ctx)
{
	struct profile_head head;
	struct span rest;
	return profile_head_decode(value, &head, &rest) ? 1 : in_profile(rest, fn, ctx);
}

static int in_part(struct span key, struct span value, name_fn fn, void *ctx)
{
	if (key.len != 9 || value.len < 1)
		return 1;
	return key.data[8] == PART_PROFILE ? in_profile((struct span){value.data + 1, value.len - 1}, fn, ctx) : 0;
}

static int in_edition(struct span value, name_fn fn, void *ctx)
{
	struct edition_record r;
	if (edition_record_decode(value, &r))
		return 1;
	in_list(r.places, r.n_places, fn, ctx);
	in_list(r.sections, r.n_sections, fn, ctx);
	in_list(r.sources, r.n_sources, fn, ctx);
	return 0;
}

static int in_example(struct arena *arena, struct span value, name_fn fn, void *ctx)
{
	struct example *e;
	if (example_decode(arena, value, &e) != 0)
		return 1;
	if (e->top_section)
		fn(ctx, e->top_section);
	for (size_t i = 0; i < e->n; i++) {
		if (e->slots[i].section)
			fn(ctx, e->slots[i].section);
		in_list(e->slots[i].words, e->slots[i].n_words, fn, ctx);
	}
	return 0;
}

int topics_in_record(struct arena *arena, enum store_table table, struct span key, struct span value, name_fn fn, void *ctx)
{
	switch (table) {
	case TABLE_ARTICLES:
		return in_article(arena, value, fn, ctx);
	case TABLE_USERS:
		return in_settings(value, fn, ctx);
	case TABLE_PROFILES:
		return in_profile_record(value, fn, ctx);
	case TABLE_HISTORIES:
	case TABLE_BASES:
		return in_part(key, value, fn, ctx);
	case TABLE_EVENTS:
		return in_log(arena, value, fn, ctx);
	case TABLE_EDITIONS:
		return in_edition(value, fn, ctx);
	case TABLE_EXAMPLES:
		return in_example(arena, value, fn, ctx);
	default:
		return 0;
	}
}
