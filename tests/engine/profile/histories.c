#include "tests/engine/profile/histories.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

uint32_t random_topic(struct rng *r, uint32_t variety)
{
	enum topic_namespace ns = (enum topic_namespace)(TOPIC_TAG + rng_below(r, N_TOPIC_NAMESPACES - TOPIC_TAG));
	return topic_number(ns, 1 + (uint32_t)rng_below(r, variety));
}

static float sometimes(struct rng *r, float full)
{
	return rng_below(r, 3) == 0 ? -1 : (float)rng_double(r) * full;
}

static int64_t random_time(struct rng *r, int64_t *clock_ms)
{
	uint64_t kind = rng_below(r, 100);
	if (kind < 10) /* late */
		return *clock_ms - (int64_t)rng_below(r, (uint64_t)(20 * DAY_MS));
	if (kind == 10) /* very late */
		return *clock_ms - (int64_t)rng_below(r, (uint64_t)(2000 * DAY_MS));
	*clock_ms += kind == 11 ? (int64_t)rng_below(r, (uint64_t)(1000 * DAY_MS))
	                        : (int64_t)rng_below(r, (uint64_t)(kind < 20 ? 4 * DAY_MS : HOUR_MS));
	return *clock_ms;
}

void random_step(struct rng *r, int64_t *clock_ms, uint32_t variety, struct step *out)
{
	memset(out, 0, sizeof(*out));
	out->at_ms = random_time(r, clock_ms);
	if (rng_below(r, 20) == 0) {
		out->is_set = true;
		out->topic = random_topic(r, variety);
		out->short_term = rng_below(r, 2) ? 0 : (float)rng_double(r) * 20 - 10;
		out->long_term = rng_below(r, 2) ? 0 : (float)rng_double(r) * 20 - 10;
		return;
	}
	uint32_t article = 1 + (uint32_t)rng_below(r, 400);
	size_t n = rng_below(r, 5) == 0 ? 0 : 1 + rng_below(r, 12);
	for (size_t i = 0; i < n; i++)
		out->terms[i] = (struct topic_term){random_topic(r, variety), (int16_t)(1 + rng_below(r, TOPIC_TERM_ONE))};
	out->event = (struct profile_event){
		.type = (enum event_type)rng_below(r, N_EVENT_TYPES), .article = article, .story = 1 + article / 2,
		.at_ms = out->at_ms, .dwell_s = sometimes(r, 90), .scroll = sometimes(r, 1),
		.value = (float)rng_double(r) * 12 - 6, .n_vector = n};
}

void apply_step(struct reader_state *s, const struct step *step)
{
	if (step->is_set) {
		profile_set_interest(&profile_config_default, &s->profile, step->topic, step->short_term, step->long_term,
		                     step->at_ms);
		return;
	}
	struct profile_event e = step->event;
	e.vector = step->terms;
	profile_apply(&profile_config_default, &s->profile, &s->history, &e);
}

struct encoded {
	uint8_t profile[PROFILE_ENCODED_MAX], reads[HISTORY_READS_ENCODED_MAX], shown[HISTORY_SHOWN_ENCODED_MAX];
	size_t n_profile, n_reads, n_shown;
};

static void encode(const struct reader_state *s, struct encoded *out)
{
	out->n_profile = profile_encode(&s->profile, out->profile);
	out->n_reads = history_encode_reads(&s->history, out->reads);
	out->n_shown = history_encode_shown(&s->history, out->shown);
	assert_true(out->n_profile <= sizeof(out->profile) && out->n_reads <= sizeof(out->reads) &&
	            out->n_shown <= sizeof(out->shown));
}

void assert_same_state(const struct reader_state *a, const struct reader_state *b)
{
	struct encoded x, y;
	encode(a, &x);
	encode(b, &y);
	assert_int_equal(x.n_profile, y.n_profile);
	assert_memory_equal(x.profile, y.profile, x.n_profile);
	assert_int_equal(x.n_reads, y.n_reads);
	assert_memory_equal(x.reads, y.reads, x.n_reads);
	assert_int_equal(x.n_shown, y.n_shown);
	assert_memory_equal(x.shown, y.shown, x.n_shown);
}

void encode_and_decode(struct reader_state *s)
{
	struct encoded x;
	encode(s, &x);
	memset(s, 0xa5, sizeof(*s));
	assert_int_equal(profile_decode((struct span){(const char *)x.profile, x.n_profile}, &s->profile), 0);
	assert_int_equal(history_decode_reads((struct span){(const char *)x.reads, x.n_reads}, &s->history), 0);
	assert_int_equal(history_decode_shown((struct span){(const char *)x.shown, x.n_shown}, &s->history), 0);
}

static void assert_list_holds(const struct profile_interest *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_true(isfinite(list[i].short_term) && isfinite(list[i].long_term));
		assert_true(list[i].short_term != 0 || list[i].long_term != 0);
		assert_true(i == 0 || list[i - 1].topic < list[i].topic);
	}
}

void assert_holds(const struct reader_state *s)
{
	const struct history *h = &s->history;
	assert_true(s->profile.n_topics <= PROFILE_TOPICS && s->profile.n_affinities <= PROFILE_AFFINITIES);
	assert_list_holds(s->profile.topics, s->profile.n_topics);
	assert_list_holds(s->profile.affinities, s->profile.n_affinities);
	assert_true(h->n_reads <= HISTORY_READS && h->n_shown <= HISTORY_SHOWN && h->n_saved <= HISTORY_SAVED);
	for (size_t i = 0; i < h->n_reads; i++)
		for (size_t j = 0; j < i; j++)
			assert_true(h->reads[i].article != h->reads[j].article);
}

uint64_t test_seed(void)
{
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : 20261124;
	printf("SEED=%" PRIu64 "\n", seed);
	return seed;
}
