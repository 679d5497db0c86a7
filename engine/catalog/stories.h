/* Which reports tell one event. The writer alone owns an index: no locks.
 *
 * A report joins the story whose reports look most alike: first by signature (few differing bits of the simhash), then
 * by the cosine of the print's terms, within a window of time. Candidates come from an index by the print's heaviest,
 * which are its rarest, terms, so a match costs little however many reports are live.
 *
 * The rule. Two reports of one language no further apart than the window are alike by 1 when both prints have at least 8
 * terms and their signatures differ in at most 3 bits; else by the cosine of their terms (0 when they share fewer than 3:
 * two titles that name one city share two), less 0.1 times the share of the window that lies between them, less 0.1 when
 * both come from the same known source. A story is as like a report as 0.3
 * times the most alike of its reports inside the window and 0.7 times their mean. Of the stories that have room and are
 * alike by at least 0.31, and 0.045 log2(n / 4) more with n > 4 reports, the report joins the most alike; of equals, the
 * one with the lower number. Looked at are the stories of the 48 reports that share most of the weight of its 12 heaviest terms. */
#ifndef MYNEWS_ENGINE_CATALOG_STORIES_H
#define MYNEWS_ENGINE_CATALOG_STORIES_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/text/text.h"

struct stories;

struct stories_config {
	int64_t window_ms;  /* reports further apart than this never join; default 36 h */
	unsigned story_max; /* reports a story; default 50 */
};

struct stories_report {
	uint32_t article;       /* article number, not 0 */
	uint32_t source;        /* topic number of its source; 0 unknown */
	uint32_t language;      /* any small number; reports of different languages never join */
	int64_t published_ms;
	const struct story_print *print; /* copied */
};

int stories_new(struct stories **out, const struct stories_config *config) __attribute__((warn_unused_result));
void stories_free(struct stories *s);

/* The story this report belongs to, or 0 when it starts one of its own. Does not change the index. `report->article`
 * itself is left out of the comparison, so a correction is matched against the others; where it is `fixed`, the answer is
 * the story it stands in. */
uint32_t stories_match(struct stories *s, const struct stories_report *report);
/* The number for a story that this article starts: its own, unless other reports hold the story of that number (it moved
 * away from a story it once started); then the highest number that no story has. */
uint32_t stories_new_number(const struct stories *s, uint32_t article);

/* Puts a report into the story `number` (the article number of the report that started it, or what an editor's
 * split gave it). An article already present moves. `fixed`: an editor placed it; match still lets others join the
 * story. Returns 0, 1 when the story is full (nothing has changed), or -ENOMEM (the article is then absent). */
int stories_put(struct stories *s, const struct stories_report *from, uint32_t number, bool fixed)
	__attribute__((warn_unused_result));
/* Takes a report out (withdrawn, expired). Nothing happens when absent. */
void stories_remove(struct stories *s, uint32_t article);
/* 0 when absent. */
uint32_t stories_of(const struct stories *s, uint32_t article);
/* The reports of a story in ascending article number: writes at most n, returns how many there are. */
size_t stories_members(const struct stories *s, uint32_t number, uint32_t *out, size_t n);
size_t stories_bytes(const struct stories *s);

#endif
