/* Random histories: the same events give the same bytes, wherever checkpoints lie and whatever was undone; and the list
 * of interests beside a model that keeps every gain apart. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/engine/profile/histories.h"

enum { HISTORIES = 60, STEPS = 400 };

static void fold(struct reader_state *s, const struct step *steps, size_t n, size_t without)
{
	for (size_t i = 0; i < n; i++)
		if (i != without)
			apply_step(s, &steps[i]);
}

static struct step *random_history(struct rng *r, size_t n)
{
	struct step *steps = test_calloc(n, sizeof(*steps));
	int64_t clock_ms = START_MS;
	uint32_t variety = 3 + (uint32_t)rng_below(r, 60);
	for (size_t i = 0; i < n; i++)
		random_step(r, &clock_ms, variety, &steps[i]);
	return steps;
}

static void test_checkpoints(void **state)
{
	struct rng r;
	rng_seed(&r, test_seed());
	for (int k = 0; k < HISTORIES; k++) {
		struct step *steps = random_history(&r, STEPS);
		struct reader_state whole = {0}, again = {0}, cut = {0};
		fold(&whole, steps, STEPS, STEPS);
		fold(&again, steps, STEPS, STEPS);
		assert_same_state(&whole, &again);
		for (size_t i = 0; i < STEPS; i++) {
			apply_step(&cut, &steps[i]);
			assert_holds(&cut);
			if (rng_below(&r, 8) == 0)
				encode_and_decode(&cut);
		}
		assert_same_state(&whole, &cut);
		test_free(steps);
	}
}

/* Merging is part of the fold: from a checkpoint of either side it gives the same. */
static void test_merge_from_checkpoints(void **state)
{
	struct rng r;
	rng_seed(&r, test_seed() + 1);
	for (int k = 0; k < HISTORIES; k++) {
		struct step *ours = random_history(&r, STEPS), *theirs = random_history(&r, STEPS);
		struct reader_state a = {0}, b = {0};
		fold(&a, ours, STEPS / 2, STEPS);
		fold(&b, theirs, STEPS, STEPS);
		struct reader_state c = a, d = b;
		encode_and_decode(&c);
		encode_and_decode(&d);
		profile_merge(&profile_config_default, &a.profile, &a.history, &b.profile, &b.history);
		profile_merge(&profile_config_default, &c.profile, &c.history, &d.profile, &d.history);
		assert_holds(&a);
		fold(&a, ours + STEPS / 2, STEPS / 2, STEPS);
		fold(&c, ours + STEPS / 2, STEPS / 2, STEPS);
		assert_same_state(&a, &c);
		test_free(ours);
		test_free(theirs);
	}
}

/* The oracle of undo: a log with an event marked undone, folded again over the base, is the log that never had it. */
static void test_undo(void **state)
{
	struct rng r;
	rng_seed(&r, test_seed() + 2);
	for (int k = 0; k < HISTORIES; k++) {
		struct step *steps = random_history(&r, STEPS);
		struct reader_state base = {0};
		size_t n_base = rng_below(&r, STEPS / 2), undone = n_base + rng_below(&r, STEPS - n_base);
		fold(&base, steps, n_base, STEPS);
		struct reader_state refolded = base, never = {0};
		encode_and_decode(&refolded);
		fold(&refolded, steps + n_base, STEPS - n_base, undone - n_base);
		memmove(&steps[undone], &steps[undone + 1], (STEPS - undone - 1) * sizeof(*steps));
		fold(&never, steps, STEPS - 1, STEPS);
		assert_same_state(&refolded, &never);
		test_free(steps);
	}
}

/* ---- the model: every entry is a sum of gains, each decayed apart, in double ---- */

enum { MODEL_GAINS = 4096 };

struct gain {
	uint32_t topic;
	int64_t at_ms;
	double short_gain, long_gain;
};

struct naive {
	struct gain gains[MODEL_GAINS]; /* [n_gains] those that stand */
	size_t n_gains;
	int64_t short_reference_ms, long_reference_ms;
	bool ambiguous; /* two weights were too close to tell apart in single precision */
};

static const double short_half = 86400000.0, long_half = 30 * 86400000.0;

static void weights_at(const struct naive *m, uint32_t topic, int64_t t_ms, double *short_term, double *long_term)
{
	*short_term = *long_term = 0;
	for (size_t i = 0; i < m->n_gains; i++) {
		if (m->gains[i].topic != topic)
			continue;
		*short_term += m->gains[i].short_gain * exp2((double)(m->gains[i].at_ms - t_ms) / short_half);
		*long_term += m->gains[i].long_gain * exp2((double)(m->gains[i].at_ms - t_ms) / long_half);
	}
}

static size_t naive_topics(const struct naive *m, bool affinities, uint32_t *topics)
{
	size_t n = 0;
	for (size_t i = 0; i < m->n_gains; i++) {
		enum topic_namespace ns = topic_namespace_of(m->gains[i].topic);
		size_t j = 0;
		while (j < n && topics[j] != m->gains[i].topic)
			j++;
		if (j == n && (ns == TOPIC_SOURCE || ns == TOPIC_SECTION) == affinities)
			topics[n++] = m->gains[i].topic;
	}
	return n;
}

static void naive_remove(struct naive *m, uint32_t topic)
{
	size_t kept = 0;
	for (size_t i = 0; i < m->n_gains; i++)
		if (m->gains[i].topic != topic)
			m->gains[kept++] = m->gains[i];
	m->n_gains = kept;
}

/* When the reference moves on, terms below 2^-20 as of the new one are forgotten. */
static void naive_advance(struct naive *m, int64_t t_ms, bool is_short)
{
	int64_t *reference = is_short ? &m->short_reference_ms : &m->long_reference_ms;
	int64_t half = is_short ? DAY_MS : 30 * DAY_MS;
	if (*reference == 0)
		*reference = t_ms;
	if ((t_ms - *reference) / half < 16)
		return;
	*reference += (t_ms - *reference) / half * half;
	uint32_t topics[MODEL_GAINS];
	for (int affinities = 0; affinities <= 1; affinities++) {
		size_t n = naive_topics(m, affinities, topics);
		for (size_t i = 0; i < n; i++) {
			double s, l;
			weights_at(m, topics[i], *reference, &s, &l);
			double w = fabs(is_short ? s : l);
			m->ambiguous |= w > 0x1p-20 * 0.9999 && w < 0x1p-20 * 1.0001;
			for (size_t g = 0; w < 0x1p-20 && g < m->n_gains; g++)
				if (m->gains[g].topic == topics[i])
					*(is_short ? &m->gains[g].short_gain : &m->gains[g].long_gain) = 0;
		}
	}
	size_t kept = 0;
	for (size_t g = 0; g < m->n_gains; g++)
		if (m->gains[g].short_gain != 0 || m->gains[g].long_gain != 0)
			m->gains[kept++] = m->gains[g];
	m->n_gains = kept;
}

/* So late that less than 2^-20 is left of it as of the references. */
static bool naive_is_nothing(struct naive *m, const struct gain *g)
{
	double s = fabs(g->short_gain) * exp2((double)(g->at_ms - m->short_reference_ms) / short_half);
	double l = fabs(g->long_gain) * exp2((double)(g->at_ms - m->long_reference_ms) / long_half);
	m->ambiguous |= fabs(s * 0x1p20 - 1) < 1e-4 || fabs(l * 0x1p20 - 1) < 1e-4;
	return s < 0x1p-20 && l < 0x1p-20;
}

/* Takes the newcomer in and lets the weakest go when there is one too many. */
static void naive_place(struct naive *m, struct gain g, int64_t as_of_ms)
{
	uint32_t topics[MODEL_GAINS];
	enum topic_namespace ns = topic_namespace_of(g.topic);
	bool affinities = ns == TOPIC_SOURCE || ns == TOPIC_SECTION;
	double s, l;
	weights_at(m, g.topic, as_of_ms, &s, &l);
	m->gains[m->n_gains++] = g;
	if (s == 0 && l == 0 && naive_is_nothing(m, &g)) {
		m->n_gains--;
		return;
	}
	size_t n = naive_topics(m, affinities, topics);
	if (n <= (affinities ? PROFILE_AFFINITIES : PROFILE_TOPICS))
		return;
	double least = INFINITY, next = INFINITY;
	uint32_t goes = 0;
	for (size_t i = 0; i < n; i++) {
		weights_at(m, topics[i], as_of_ms, &s, &l);
		double w = fabs(s) + fabs(l);
		if (w < least || (w == least && topics[i] > goes)) {
			next = least;
			least = w;
			goes = topics[i];
		} else if (w < next) {
			next = w;
		}
	}
	m->ambiguous |= next != least && next - least < 1e-4 * next;
	naive_remove(m, goes);
}

static void naive_event(struct naive *m, const struct step *step, double gain)
{
	naive_advance(m, step->at_ms, true);
	naive_advance(m, step->at_ms, false);
	int64_t as_of_ms = step->at_ms;
	as_of_ms = m->short_reference_ms > as_of_ms ? m->short_reference_ms : as_of_ms;
	as_of_ms = m->long_reference_ms > as_of_ms ? m->long_reference_ms : as_of_ms;
	bool present[LIMIT_VECTOR];
	uint32_t topics[2 * MODEL_GAINS];
	size_t n = naive_topics(m, false, topics);
	n += naive_topics(m, true, topics + n);
	for (size_t i = 0; i < step->event.n_vector; i++) {
		present[i] = false;
		for (size_t j = 0; j < n; j++)
			present[i] |= topics[j] == step->terms[i].topic;
	}
	for (int newcomers = 0; newcomers <= 1; newcomers++)
		for (size_t i = 0; i < step->event.n_vector; i++) {
			double g = gain * step->terms[i].weight / 4096;
			if (present[i] == !newcomers)
				naive_place(m, (struct gain){step->terms[i].topic, step->at_ms, g, g}, as_of_ms);
		}
}

static void assert_equals_model(const struct profile *p, const struct naive *m, int64_t now_ms)
{
	uint32_t topics[MODEL_GAINS];
	struct profile_interest out[PROFILE_TOPICS + PROFILE_AFFINITIES];
	assert_int_equal(naive_topics(m, false, topics), p->n_topics);
	assert_int_equal(naive_topics(m, true, topics), p->n_affinities);
	size_t n = profile_read(&profile_config_default, p, now_ms, out, PROFILE_TOPICS + PROFILE_AFFINITIES);
	for (size_t i = 0; i < n; i++) {
		double s, l;
		weights_at(m, out[i].topic, now_ms, &s, &l);
		assert_true(fabs(out[i].short_term - s) <= 1e-5 * fabs(s) + 1e-5);
		assert_true(fabs(out[i].long_term - l) <= 1e-5 * fabs(l) + 1e-5);
	}
}

static void test_beside_model(void **state)
{
	static const enum event_type types[] = {EVENT_CLICK, EVENT_LIKE, EVENT_DISLIKE, EVENT_SHARE, EVENT_SAVE, EVENT_HIDE};
	static struct naive m;
	struct rng r;
	int told_apart = 0;
	rng_seed(&r, test_seed() + 3);
	for (int k = 0; k < 40; k++) {
		struct reader_state s = {0};
		int64_t clock_ms = START_MS;
		memset(&m, 0, sizeof(m));
		for (int i = 0; i < 150 && !m.ambiguous; i++) {
			struct step step;
			do
				random_step(&r, &clock_ms, 40, &step);
			while (step.is_set);
			step.event.type = types[rng_below(&r, 6)];
			step.event.dwell_s = -1;
			if (step.event.n_vector == 0)
				continue;
			apply_step(&s, &step);
			naive_event(&m, &step, profile_config_default.event_weight[step.event.type]);
			if (!m.ambiguous)
				assert_equals_model(&s.profile, &m, clock_ms);
		}
		told_apart += !m.ambiguous;
	}
	assert_true(told_apart >= 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checkpoints),
		cmocka_unit_test(test_merge_from_checkpoints),
		cmocka_unit_test(test_undo),
		cmocka_unit_test(test_beside_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
