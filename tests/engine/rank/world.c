#include "tests/engine/rank/world.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/epoch.h"

#define HOUR_MS INT64_C(3600000)

static void check(int r)
{
	if (r) {
		fprintf(stderr, "world: unexpected result %d\n", r);
		abort();
	}
}

static uint32_t below(struct world *w, uint32_t n)
{
	return (uint32_t)rng_below(&w->rng, n);
}

static bool chance(struct world *w, uint32_t one_in)
{
	return below(w, one_in) == 0;
}

/* Zipf and Mandelbrot: the density of the n-th name is 1 / (n + shift). Terms are chosen by rarity, so the commonest
 * words are not among them: the benchmark's most usual name stands in a few per cent of the articles. */
uint32_t world_topic(struct world *w, enum topic_namespace space)
{
	uint32_t n_names = space == TOPIC_SECTION && w->config.n_sections ? w->config.n_sections : w->config.n_names;
	double shift = w->config.plain ? 20 : 0, names = (double)n_names;
	uint32_t name = (uint32_t)((1 + shift) * pow((names + 1 + shift) / (1 + shift), rng_double(&w->rng)) - shift);
	return (uint32_t)space << TOPIC_NAMESPACE_SHIFT | (name ? name : 1);
}

static uint32_t any_topic(struct world *w)
{
	return world_topic(w, (enum topic_namespace)(1 + below(w, N_TOPIC_NAMESPACES - 1)));
}

/* Mostly of the kinds that articles have most of. */
static uint32_t article_topic(struct world *w)
{
	static const enum topic_namespace often[] = {TOPIC_TERM, TOPIC_TERM, TOPIC_TERM, TOPIC_TERM, TOPIC_TAG,
	                                             TOPIC_TAG,  TOPIC_TAG,  TOPIC_TAG,  TOPIC_PLACE, TOPIC_AUTHOR};
	return world_topic(w, often[below(w, 10)]);
}

/* n distinct topics, section and source among them; Euclidean length 1. */
static size_t random_vector(struct world *w, uint32_t section, uint32_t source, struct topic_term *out)
{
	size_t n = 0, want = w->config.plain ? w->config.vector_most : below(w, w->config.vector_most + 1);
	double squares = 0;
	if (section && n < want)
		out[n++].topic = section;
	if (source && n < want)
		out[n++].topic = source;
	for (int tries = 0; n < want && tries < 1000; tries++) {
		uint32_t topic = article_topic(w);
		size_t i = 0;
		while (i < n && out[i].topic != topic)
			i++;
		if (i == n)
			out[n++].topic = topic;
	}
	double weights[LIMIT_VECTOR];
	for (size_t i = 0; i < n; i++) {
		weights[i] = w->config.plain ? 0.2 + rng_double(&w->rng) : 1 + below(w, 3);
		squares += weights[i] * weights[i];
	}
	for (size_t i = 0; i < n; i++) {
		double sign = !w->config.plain && chance(w, 30) ? -1 : 1;
		out[i].weight = (int16_t)lrint(sign * weights[i] / sqrt(squares) * TOPIC_TERM_ONE);
	}
	return n;
}

static const char *const titles[] = {"flooding in the north", "the north wins", "a win", "น้ำท่วมภาคเหนือ", ""};
static const char *const searches[] = {"flood", "north", "win", "wins", "ภาคเหนือ", "ood", "a"};

void world_publish(struct world *w, uint32_t article)
{
	struct topic_term vector[LIMIT_VECTOR];
	bool plain = w->config.plain;
	struct catalog_entry e = {.article = article, .created_seq = ++w->seq, .boost = 1, .vector = vector,
	                          .card = {.id = SPAN("id"), .json = SPAN("{}")}};
	e.card.title = span_of(titles[below(w, sizeof(titles) / sizeof(titles[0]))]);
	e.story = w->config.n_stories ? 1 + below(w, w->config.n_stories) : article;
	e.published_ms = plain ? w->now_ms - (int64_t)rng_below(&w->rng, 72 * 3600) * 1000
	                       : w->now_ms - (int64_t)below(w, 40) * HOUR_MS + (chance(w, 20) ? 3 * HOUR_MS : 0);
	e.section = chance(w, 10) ? 0 : world_topic(w, TOPIC_SECTION);
	e.source = chance(w, 10) ? 0 : world_topic(w, TOPIC_SOURCE);
	e.author = chance(w, 3) ? 0 : world_topic(w, TOPIC_AUTHOR);
	e.language = (uint8_t)below(w, plain ? 2 : 4);
	e.editions = rng_u64(&w->rng);
	e.editions &= rng_u64(&w->rng); /* a quarter of them */
	e.n_vector = random_vector(w, e.section, e.source, vector);
	if (!plain) {
		e.boost = chance(w, 8) ? (float)(0.25 * (1 + below(w, 12))) : 1;
		e.expires_ms = chance(w, 10) ? w->now_ms + ((int64_t)below(w, 5) - 2) * HOUR_MS : 0;
		e.visible_from_ms = chance(w, 10) ? w->now_ms + ((int64_t)below(w, 3) - 1) * HOUR_MS : 0;
	}
	check(catalog_publish(w->catalog, &e));
}

void world_disturb(struct world *w)
{
	uint32_t article = 1 + below(w, w->config.n_articles);
	switch (below(w, 8)) {
	case 0:
		world_publish(w, article);
		break;
	case 1:
		if (chance(w, 3))
			catalog_withdraw(w->catalog, article);
		break;
	case 2:
		if (catalog_find(w->catalog, article).segment && w->config.n_stories)
			check(catalog_set_story(w->catalog, article, 1 + below(w, w->config.n_stories)));
		break;
	case 3:
		if (catalog_find(w->catalog, article).segment)
			catalog_set_boost(w->catalog, article, (float)(0.5 * (1 + below(w, 6))));
		break;
	case 4:
		if (catalog_find(w->catalog, article).segment)
			catalog_set_editions(w->catalog, article, rng_u64(&w->rng));
		break;
	case 5:
		if (chance(w, 10)) {
			w->now_ms += (int64_t)below(w, 90) * 1000;
			check(catalog_tick(w->catalog, w->now_ms, NULL, NULL));
		}
		break;
	default:
		check(catalog_count(w->catalog, article, chance(w, 3) ? CATALOG_CLICKS : CATALOG_SHOWS,
		                    w->now_ms - (int64_t)below(w, 20) * HOUR_MS / 4, 1));
	}
}

void world_random_model(struct world *w, struct model *m)
{
	*m = (struct model){.name = "random", .version = "1", .kind = MODEL_LINEAR, .n_features = N_FEATURES};
	for (int f = 0; f < N_FEATURES; f++)
		m->weights[f] = chance(w, 4)    ? 0
		                : chance(w, 12) ? (rng_double(&w->rng) - 0.5) * 2000
		                                : rng_double(&w->rng) * 2 - 0.6;
	if (chance(w, 3)) /* ties everywhere */
		for (int f = FEATURE_SEEN; f < N_FEATURES; f++)
			m->weights[f] = 0;
	m->mmr_lambda = chance(w, 4) ? (double)below(w, 2) : rng_double(&w->rng);
	m->n_caps = below(w, MODEL_CAPS_MAX + 1);
	for (size_t i = 0; i < m->n_caps; i++) {
		m->caps[i].dimension = (int)below(w, 3);
		m->caps[i].window = 2 + (int)below(w, chance(w, 10) ? 99 : 9);
		m->caps[i].most = 1 + (int)below(w, (uint32_t)m->caps[i].window - 1);
	}
	if (chance(w, 2)) {
		m->rare_window = 2 + (int)below(w, 12);
		m->rare_least = 1 + (int)below(w, (uint32_t)m->rare_window - 1);
	}
}

void world_new(struct world *w, const struct world_config *config)
{
	*w = (struct world){.config = *config, .now_ms = INT64_C(1790000000000)};
	rng_seed(&w->rng, config->seed);
	world_random_model(w, &w->model);
	atomic_store(&w->models.model[0], &w->model);
	check(epoch_new(&w->epoch));
	struct catalog_config cc = {.shared = rank_shared, .shared_ctx = &w->models};
	cc.live_ms = config->plain ? 0 : chance(w, 3) ? 30 * HOUR_MS : 0;
	check(catalog_new(&w->catalog, w->epoch, &cc, w->now_ms));
	check(catalog_set_model(w->catalog, 0, true));
	for (uint32_t i = 1; i <= config->n_articles; i++) {
		world_publish(w, i);
		if (!config->plain && i > 3 && chance(w, 3))
			world_disturb(w);
	}
	for (uint32_t i = 0; !config->plain && config->n_articles && i < config->n_articles / 4; i++)
		world_disturb(w);
	check(catalog_tick(w->catalog, w->now_ms, NULL, NULL));
	check(catalog_refresh_sources(w->catalog));
}

void world_free(struct world *w)
{
	catalog_free(w->catalog);
	epoch_free(w->epoch);
}

static int compare_interests(const void *a, const void *b)
{
	const struct profile_interest *x = a, *y = b;
	return (x->topic > y->topic) - (x->topic < y->topic);
}

static float random_interest(struct world *w)
{
	return chance(w, 6) ? 0 : chance(w, 8) ? -(float)rng_double(&w->rng) : (float)(rng_double(&w->rng) * 6);
}

/* Up to n distinct interests in ascending order. */
static uint16_t fill_interests(struct world *w, struct profile_interest *out, size_t n, bool affinities)
{
	static const enum topic_namespace kinds[] = {TOPIC_TAG, TOPIC_TERM, TOPIC_PLACE, TOPIC_AUTHOR};
	uint16_t count = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t topic = affinities ? world_topic(w, chance(w, 2) ? TOPIC_SECTION : TOPIC_SOURCE)
		                            : world_topic(w, kinds[below(w, 4)]);
		uint16_t k = 0;
		while (k < count && out[k].topic != topic)
			k++;
		if (k == count)
			out[count++] = (struct profile_interest){topic, random_interest(w), random_interest(w)};
	}
	qsort(out, count, sizeof(*out), compare_interests);
	return count;
}

static uint32_t some_story(struct world *w)
{
	return 1 + below(w, w->config.n_stories ? w->config.n_stories : w->config.n_articles + 1);
}

static void fill_history(struct world *w, struct history *h)
{
	uint32_t minute = (uint32_t)(w->now_ms / 60000);
	h->n_reads = (uint16_t)below(w, chance(w, 2) ? 4 : HISTORY_READS + 1);
	h->n_shown = (uint16_t)below(w, HISTORY_SHOWN + 1);
	for (uint16_t i = 0; i < h->n_reads; i++)
		h->reads[i] = (struct history_read){1 + below(w, w->config.n_articles + 1), some_story(w), minute, 1};
	for (uint16_t i = 0; i < h->n_shown; i++)
		h->shown[i] = (struct history_shown){some_story(w), minute, (uint8_t)below(w, 256)};
}

static size_t fill_topics(struct world *w, uint32_t *out, enum topic_namespace space)
{
	size_t n = chance(w, 3) ? 0 : below(w, WORLD_LISTS + 1);
	for (size_t i = 0; i < n; i++)
		out[i] = space ? world_topic(w, space) : any_topic(w);
	return n;
}

static void fill_filters(struct world *w, struct world_reader *r)
{
	struct rank_request *q = &r->request;
	q->topic = chance(w, 6) ? any_topic(w) : 0;
	q->section = chance(w, 8) ? world_topic(w, TOPIC_SECTION) : 0;
	q->place = chance(w, 8) ? world_topic(w, TOPIC_PLACE) : 0;
	q->source = chance(w, 8) ? world_topic(w, TOPIC_SOURCE) : 0;
	q->language = chance(w, 6) ? (int)below(w, 5) : -1;
	q->edition = chance(w, 6) ? (int)below(w, 64) : -1;
	q->created_before_seq = chance(w, 5) ? rng_below(&w->rng, w->seq + 2) : UINT64_MAX;
	q->include_read = chance(w, 6);
	q->each_report = chance(w, 6);
	q->n_words = chance(w, 6) ? 1 + below(w, 2) : 0;
	for (size_t i = 0; i < q->n_words; i++) {
		r->word_topics[i] = any_topic(w);
		r->words[i] = (struct rank_word){span_of(searches[below(w, sizeof(searches) / sizeof(searches[0]))]),
		                                 &r->word_topics[i], below(w, 2)};
	}
	q->n_exclude_articles = chance(w, 2) ? below(w, WORLD_LISTS) : 0;
	q->n_exclude_stories = chance(w, 2) ? below(w, WORLD_LISTS) : 0;
	for (size_t i = 0; i < WORLD_LISTS; i++) {
		r->exclude_articles[i] = 1 + below(w, w->config.n_articles + 2);
		r->exclude_stories[i] = some_story(w);
	}
}

static void point_request(struct world *w, struct world_reader *r)
{
	struct rank_request *q = &r->request;
	*q = (struct rank_request){.model = &w->model, .profile_config = &profile_config_default, .now_ms = w->now_ms,
	                           .language = -1, .edition = -1, .created_before_seq = UINT64_MAX};
	q->reader = (struct rank_reader){.profile = &r->profile, .history = &r->history, .follows = r->follows,
	                                 .places = r->places, .mutes = r->mutes, .languages = r->languages};
	q->edition_places = r->edition_places;
	q->edition_languages = r->edition_languages;
	q->exclude_articles = r->exclude_articles;
	q->exclude_stories = r->exclude_stories;
	q->words = r->words;
	q->sources = catalog_sources(w->catalog);
}

void world_make_reader(struct world *w, struct world_reader *r)
{
	*r = (struct world_reader){0};
	point_request(w, r);
	struct rank_request *q = &r->request;
	r->profile.short_reference_ms = w->now_ms - (int64_t)below(w, 3) * HOUR_MS;
	r->profile.long_reference_ms = w->now_ms - (int64_t)below(w, 3) * 24 * HOUR_MS;
	r->profile.n_topics = fill_interests(w, r->profile.topics, below(w, PROFILE_TOPICS + 1), false);
	r->profile.n_affinities = fill_interests(w, r->profile.affinities, below(w, PROFILE_AFFINITIES + 1), true);
	fill_history(w, &r->history);
	q->order = chance(w, 6) ? (enum rank_order)below(w, 3) : RANK_RANKED;
	q->reader.n_follows = fill_topics(w, r->follows, 0);
	q->reader.n_places = fill_topics(w, r->places, TOPIC_PLACE);
	q->n_edition_places = fill_topics(w, r->edition_places, TOPIC_PLACE);
	q->reader.n_languages = below(w, 4);
	q->n_edition_languages = below(w, 4);
	for (size_t i = 0; i < WORLD_LISTS; i++) {
		r->languages[i] = (uint8_t)below(w, 5);
		r->edition_languages[i] = (uint8_t)below(w, 5);
		r->mutes[i] = (struct rank_mute){any_topic(w), chance(w, 3) ? 0 : w->now_ms + below(w, 3) - 1};
	}
	q->reader.n_mutes = chance(w, 2) ? 0 : below(w, 4);
	if (chance(w, 2))
		fill_filters(w, r);
	if (chance(w, 12))
		q->reader.profile = NULL;
	if (chance(w, 6))
		q->reader.history = NULL;
	q->model_slot = chance(w, 12) ? 1 : 0; /* slot 1 is not live: no shared column */
}

void world_make_plain_reader(struct world *w, struct world_reader *r, size_t n_topics)
{
	*r = (struct world_reader){0};
	point_request(w, r);
	r->profile.short_reference_ms = r->profile.long_reference_ms = w->now_ms;
	while (r->profile.n_topics < n_topics)
		r->profile.n_topics = fill_interests(w, r->profile.topics, PROFILE_TOPICS, false);
	r->profile.n_topics = (uint16_t)n_topics;
	r->profile.n_affinities = fill_interests(w, r->profile.affinities, 12, true);
	fill_history(w, &r->history);
	r->history.n_reads = HISTORY_READS;
	r->history.n_shown = HISTORY_SHOWN;
	r->request.reader.n_languages = 1;
	r->languages[0] = 1;
	r->request.reader.n_follows = 8;
	for (size_t i = 0; i < 8; i++)
		r->follows[i] = world_topic(w, TOPIC_TAG);
	r->request.reader.n_mutes = 2;
	for (size_t i = 0; i < 2; i++)
		r->mutes[i] = (struct rank_mute){world_topic(w, TOPIC_TERM), 0};
}
