/* Forward decay.
 *
 * A weight w of time t is stored as w x 2^((t - reference) / half-life), so all stored weights of a profile are of one
 * time, adding is plain adding in any order of times, and reading at now multiplies by 2^((reference - now) / half-life).
 * Stored weights grow with t; when t lies REACH half-lives past the reference or more, the reference moves on by whole
 * half-lives and every weight is multiplied by that exact power of two, which rounds nothing. A weight that falls below
 * DECAY_TINY then is dropped: the least that an event teaches is 0.1 / 4096, twenty-five times as much.
 *
 * The powers are computed here and not by the C library, whose exp2 may differ in the last bit from one processor or
 * version to another: a profile is folded again from the log wherever the log is read, and must come out the same. Only
 * additions, multiplications and divisions are used, which IEEE 754 rounds in one way, and the library is built with
 * -ffp-contract=off, so that none are fused. */
#include "engine/profile/decay.h"

#include <math.h>

enum { REACH = 16, POWER_MIN = -150, POWER_MAX = 64, SERIES = 15 };

/* 2^y = sum over k of (y ln 2)^k / k!: for |y| <= 1/2 what follows the last term is below 2^-60. */
static const double series[SERIES] = {
	0x1p+0, 0x1.62e42fefa39efp-1, 0x1.ebfbdff82c58fp-3, 0x1.c6b08d704a0cp-5,
	0x1.3b2ab6fba4e77p-7, 0x1.5d87fe78a6731p-10, 0x1.430912f86c787p-13, 0x1.ffcbfc588b0c7p-17,
	0x1.62c0223a5c824p-20, 0x1.b5253d395e7c4p-24, 0x1.e4cf5158b8ecap-28, 0x1.e8cac7351bb25p-32,
	0x1.c3bd650fc2986p-36, 0x1.816193166d0f9p-40, 0x1.314964d5878a9p-44,
};

float decay_power(int64_t elapsed_ms, int64_t half_life_ms)
{
	double x = (double)elapsed_ms / (double)half_life_ms;
	if (x <= POWER_MIN)
		return 0;
	if (x >= POWER_MAX)
		x = POWER_MAX;
	double whole = floor(x + 0.5), y = x - whole, y2 = y * y;
	/* Even and odd powers apart: two short chains instead of a long one. */
	double even = series[SERIES - 1], odd = series[SERIES - 2];
	for (int k = SERIES - 3; k > 0; k -= 2) {
		even = even * y2 + series[k];
		odd = odd * y2 + series[k - 1];
	}
	even = even * y2 + series[0];
	return (float)ldexp(even + odd * y, (int)whole);
}

/* Moves one reference so that t lies within its reach. Returns the power of two by which weights shrink. */
static float advance(int64_t *reference_ms, int64_t t_ms, int64_t half_life_ms)
{
	if (*reference_ms == 0)
		*reference_ms = t_ms;
	int64_t steps = (t_ms - *reference_ms) / half_life_ms;
	if (steps < REACH)
		return 1;
	*reference_ms += steps * half_life_ms;
	return steps > 126 ? 0 : ldexpf(1, -(int)steps);
}

static float shrunk(float weight, float factor)
{
	weight *= factor;
	return fabsf(weight) < DECAY_TINY ? 0 : weight;
}

static uint16_t rescale(struct profile_interest *list, uint16_t n, float short_factor, float long_factor)
{
	uint16_t kept = 0;
	for (uint16_t i = 0; i < n; i++) {
		struct profile_interest e = list[i];
		e.short_term = shrunk(e.short_term, short_factor);
		e.long_term = shrunk(e.long_term, long_factor);
		if (e.short_term != 0 || e.long_term != 0)
			list[kept++] = e;
	}
	return kept;
}

struct decay_moment decay_enter(const struct profile_config *config, struct profile *p, int64_t t_ms)
{
	float s = advance(&p->short_reference_ms, t_ms, config->short_half_life_ms);
	float l = advance(&p->long_reference_ms, t_ms, config->long_half_life_ms);
	if (s != 1 || l != 1) {
		p->n_topics = rescale(p->topics, p->n_topics, s, l);
		p->n_affinities = rescale(p->affinities, p->n_affinities, s, l);
	}
	int64_t short_age_ms = t_ms - p->short_reference_ms, long_age_ms = t_ms - p->long_reference_ms;
	int64_t as_of_ms = t_ms; /* never before a reference, where old weights would grow without measure */
	if (short_age_ms < 0)
		as_of_ms = p->short_reference_ms;
	if (p->long_reference_ms > as_of_ms)
		as_of_ms = p->long_reference_ms;
	return (struct decay_moment){
		.short_in = decay_power(short_age_ms, config->short_half_life_ms),
		.long_in = decay_power(long_age_ms, config->long_half_life_ms),
		.short_out = decay_power(p->short_reference_ms - as_of_ms, config->short_half_life_ms),
		.long_out = decay_power(p->long_reference_ms - as_of_ms, config->long_half_life_ms)};
}
