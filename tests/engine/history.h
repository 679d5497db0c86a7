/* Random histories of a small news site, as a list of steps that can be played to several engines. */
#ifndef MYNEWS_TESTS_ENGINE_HISTORY_H
#define MYNEWS_TESTS_ENGINE_HISTORY_H

#include "engine/base/rng.h"
#include "tests/engine/fixture.h"

enum { STEPS_MAX = 1200, HISTORY_ARTICLES_MAX = 400, HISTORY_USERS_MAX = 8 };

enum step_kind { STEP_ARTICLE, STEP_DELETE, STEP_EVENT, STEP_UNDO, STEP_SETTINGS, STEP_INTEREST, STEP_MERGE, STEP_CLOCK };

struct step {
	enum step_kind kind;
	unsigned article, user, other; /* other: whom STEP_MERGE joins */
	unsigned event;                /* its id; of STEP_UNDO, the one undone */
	unsigned edition_of;           /* of STEP_ARTICLE: which wording */
	enum event_type type;
	float dwell_s, scroll;
	int64_t back_ms, ahead_ms; /* how far before now the event was; how far the clock goes */
	bool undone;               /* of STEP_EVENT: an undo that took effect */
};

struct history_config {
	uint64_t seed;
	unsigned n_articles, n_users, n_steps;
	unsigned undo_percent; /* of the steps */
	bool merges;
};

struct site {
	struct history_config config;
	struct rng rng;
	struct step steps[STEPS_MAX];
	size_t n_steps;
	unsigned n_events;
};

/* Makes up the steps: every article first, then what happens. */
void site_make(struct site *s, const struct history_config *config);
/* Plays one step. An event that cannot be (its reader is gone) is no error. Sets `undone` where an undo took effect. */
void site_play(struct site *s, size_t at, struct fixture *f);

struct span site_user(struct fixture *f, unsigned user);
struct span site_event_id(struct fixture *f, unsigned event);

#endif
