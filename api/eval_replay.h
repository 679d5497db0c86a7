/* Logged slates through the real engine, prequentially: a slate is scored with what was known before it, then shown and
 * clicked articles are recorded as events, as a server's clients would.
 *
 * What is known, and when:
 *   - an article, from the first slate or earlier click that names it; that moment is its published_at, for the news
 *     file has no times;
 *   - a reader's earlier clicks, from the reader's first slate; the layout has no times for them either, so they are
 *     taken to lie REPLAY_HISTORY_STEP_MS apart, the last of them so long before the first slate of the replay;
 *   - what was shown and clicked in a slate, label_delay_ms after it. Of slates with the same time the later one in the
 *     file knows the earlier one's when the delay is 0. */
#ifndef MYNEWS_API_EVAL_REPLAY_H
#define MYNEWS_API_EVAL_REPLAY_H

#include <stdio.h>

#include "api/eval_beyond.h"
#include "api/eval_mind.h"
#include "api/eval_tally.h"
#include "api/eval_writes.h"

#define REPLAY_HISTORY_STEP_MS (INT64_C(12) * 3600 * 1000)

struct replay_config {
	const char *dir; /* for the engine's directory; the caller removes it */
	const struct engine_model_text *models; /* [n_models] the first scores */
	size_t n_models;
	const struct mind_news *news;
	int64_t start_ms; /* of the first slate */
	int64_t label_delay_ms;
	uint64_t seed;
	bool permute; /* labels are shuffled within each slate before anything sees them */
	/* NULL, or told of each slate that is measured before anything is learnt of it: what stage two looked at, [n] rows as
	 * engine_score gives them. Returns 0 or negative errno, which ends the replay. */
	int (*take)(void *ctx, const struct mind_slate *s, const float *inputs);
	void *take_ctx;
	FILE *scores; /* NULL, or where each slate's scores go: impression id, tab, "ID:SCORE ..." */
};

struct replay_totals {
	uint64_t n_slates;       /* replayed */
	uint64_t n_scored, n_no_click, n_all_clicked, n_learnt_only;
	uint64_t n_articles, n_without_row, n_readers, n_events;
	struct eval_tally tally;
	struct eval_beyond beyond;
	int64_t scoring_ns, analysing_ns, waiting_ns; /* of the caller's thread; waiting is for the engine's writer */
};

struct replay;
/* Returns 0; 1 with the problem; negative errno. */
int replay_open(const struct replay_config *config, struct replay **out, struct engine_problem *problem)
	__attribute__((warn_unused_result));
/* One line of behaviours, not earlier than the line before it. measure: score it too. Returns 0; 1 with the problem;
 * negative errno (the engine could not store). */
int replay_slate(struct replay *p, struct span line, bool measure, struct engine_problem *problem)
	__attribute__((warn_unused_result));
const struct replay_totals *replay_totals(const struct replay *p);
/* Waits for what is under way and closes the engine. NULL is safe. */
void replay_close(struct replay *p);

#endif
