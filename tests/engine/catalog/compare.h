/* Holding a catalogue against the naive model: cmocka's asserts fail where they differ. */
#ifndef MYNEWS_TESTS_ENGINE_CATALOG_COMPARE_H
#define MYNEWS_TESTS_ENGINE_CATALOG_COMPARE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/base/epoch.h"
#include "tests/engine/catalog/model.h"

struct comparison {
	struct catalog *catalog;
	struct model *model;
	uint32_t *postings_seen; /* [n_postings_seen] of each segment: how many slots its checked postings cover */
	size_t n_postings_seen;
};

/* The catalogue's shared score in these tests: any column that goes into it and changes, changes it. */
void shared_score(void *ctx, unsigned model, const struct catalog_segment *s, uint32_t first, uint32_t n, int64_t minute_ms,
                  int32_t *out);

/* Whether an article is live, where, with which columns, vector, card, decayed counters and shared scores. */
void compare_article(struct comparison *c, uint32_t article);
void compare_story(struct comparison *c, uint32_t story);
/* The record of an article's counters: a count, then quarter hours ascending with their clicks and shows. */
void compare_counters_record(struct comparison *c, uint32_t article);
/* Takes all of the list of articles to save: each that changed is there, none twice, none that was not touched. */
void compare_dirty(struct comparison *c);
/* Everything: each article and story, what catalog_each visits, the segments, slots that died, postings, sizes. */
void compare_all(struct comparison *c);

#endif
