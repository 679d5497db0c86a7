/* Forward decay: what a weight of one time is at another. Inside engine/profile only. */
#ifndef MYNEWS_ENGINE_PROFILE_DECAY_H
#define MYNEWS_ENGINE_PROFILE_DECAY_H

#include "engine/profile/profile.h"

/* 2^(elapsed / half_life), within 2^-150 (then 0) and 2^64; the same bits on every machine. */
float decay_power(int64_t elapsed_ms, int64_t half_life_ms);

/* The factors by which a profile is changed and compared at one moment. */
struct decay_moment {
	float short_in, long_in;   /* weight as of the moment x this = stored weight */
	float short_out, long_out; /* stored weight x this = weight as of the moment, or of the references when later */
};

/* Moves the profile's references on when t lies out of their reach, and returns the factors for t. */
struct decay_moment decay_enter(const struct profile_config *config, struct profile *p, int64_t t_ms);

/* The largest stored magnitude: decayed or grown by all that decay_power gives, it is a finite float. */
#define DECAY_STORED_MAX 0x1p60f
/* Stored weights below this are nothing. */
#define DECAY_TINY 0x1p-20f

#endif
