#include "tests/engine/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const char *const words[] = {"river", "council", "budget", "storm", "market", "school", "train", "bridge", "goal",
	"final", "museum", "harvest", "tax", "clinic", "election", "protest", "tower", "coast", "miners", "airport", "festival",
	"court", "police", "water", "power", "coach", "striker", "orchestra", "vaccine", "satellite", "fossil", "startup"};
enum { N_WORDS = sizeof(words) / sizeof(words[0]) };

static unsigned below(struct site *s, unsigned n)
{
	return (unsigned)rng_below(&s->rng, n);
}

static void add(struct site *s, struct step step)
{
	if (s->n_steps < STEPS_MAX)
		s->steps[s->n_steps++] = step;
}

static void add_event(struct site *s)
{
	static const enum event_type types[] = {EVENT_IMPRESSION, EVENT_IMPRESSION, EVENT_CLICK, EVENT_CLICK, EVENT_READ,
		EVENT_FINISH, EVENT_LIKE, EVENT_DISLIKE, EVENT_SHARE, EVENT_SAVE, EVENT_HIDE, EVENT_CUSTOM};
	struct step step = {.kind = STEP_EVENT, .user = below(s, s->config.n_users), .article = below(s, s->config.n_articles),
	                    .type = types[below(s, sizeof(types) / sizeof(types[0]))]};
	/* Sometimes an id comes again; not beside merges, since an erased reader's ids are forgotten and count anew. */
	step.event = s->n_events && !s->config.merges && below(s, 20) == 0 ? below(s, s->n_events) : s->n_events++;
	step.dwell_s = below(s, 2) ? (float)below(s, 400) / 2 : -1;
	step.scroll = below(s, 2) ? (float)below(s, 101) / 100 : -1;
	step.back_ms = below(s, 3) ? 0 : (int64_t)below(s, 600) * 60000;
	add(s, step);
}

void site_make(struct site *s, const struct history_config *config)
{
	s->config = *config;
	s->n_steps = 0;
	s->n_events = 0;
	rng_seed(&s->rng, config->seed);
	for (unsigned i = 0; i < config->n_articles; i++)
		add(s, (struct step){.kind = STEP_ARTICLE, .article = i});
	while (s->n_steps < config->n_articles + config->n_steps) {
		unsigned dice = below(s, 100);
		if (s->n_events && dice < config->undo_percent)
			add(s, (struct step){.kind = STEP_UNDO, .event = below(s, s->n_events)});
		else if (dice < config->undo_percent + 2)
			add(s, (struct step){.kind = STEP_ARTICLE, .article = below(s, config->n_articles), .edition_of = below(s, 3)});
		else if (dice < config->undo_percent + 3)
			add(s, (struct step){.kind = STEP_DELETE, .article = below(s, config->n_articles)});
		else if (dice < config->undo_percent + 5)
			add(s, (struct step){.kind = STEP_SETTINGS, .user = below(s, config->n_users), .article = below(s, N_WORDS)});
		else if (dice < config->undo_percent + 7)
			add(s, (struct step){.kind = STEP_INTEREST, .user = below(s, config->n_users), .article = below(s, N_WORDS)});
		else if (config->merges && dice < config->undo_percent + 8)
			add(s, (struct step){.kind = STEP_MERGE, .user = below(s, config->n_users), .other = below(s, config->n_users)});
		else if (dice < config->undo_percent + 12)
			add(s, (struct step){.kind = STEP_CLOCK, .ahead_ms = (int64_t)(1 + below(s, 180)) * 30000});
		else
			add_event(s);
	}
}

struct span site_user(struct fixture *f, unsigned user)
{
	return arena_printf(&f->arena, "reader-%u", user);
}

struct span site_event_id(struct fixture *f, unsigned event)
{
	return arena_printf(&f->arena, "event-%u", event);
}

/* Articles come in pairs that tell one story; other wordings move them to another. */
static void play_article(struct site *s, const struct step *step, struct fixture *f)
{
	unsigned theme = step->article / 2 + step->edition_of * 101, a = theme % N_WORDS, b = theme * 7 / 3 % N_WORDS;
	struct span topics[] = {span_of(words[a]), span_of(words[b])}, places[] = {span_of(words[theme * 5 % N_WORDS])};
	struct article article = {
		.id = arena_printf(&f->arena, "article-%u", step->article),
		.title = arena_printf(&f->arena, "%s and %s number%u meet at place%u over matter%u", words[a], words[b], theme, theme,
		                      theme),
		.summary = arena_printf(&f->arena, "A report on %s, %s and what happened%u there", words[a], words[b], theme),
		.source = arena_printf(&f->arena, "paper %u", step->article % 5), .section = span_of(words[theme % 4]),
		.language = SPAN("en"), .topics = topics, .n_topics = 2, .places = places, .n_places = 1, .boost = 1,
		.published_at_ms = INT64_C(1790000000000) - (int64_t)step->article * 60000, .updated_at_ms = f->now_ms};
	struct article_result result;
	assert_int_equal(fixture_ingest(f, &article, 1, &result), 0);
}

static void play_event(struct site *s, const struct step *step, struct fixture *f)
{
	struct event e = {.id = site_event_id(f, step->event), .user_id = site_user(f, step->user),
	                  .article_id = arena_printf(&f->arena, "article-%u", step->article), .type = step->type,
	                  .at_ms = f->now_ms - step->back_ms, .dwell_s = step->dwell_s, .scroll = step->scroll};
	struct event_result result;
	if (e.type == EVENT_CUSTOM)
		e.custom = SPAN("listen");
	if (e.type == EVENT_IMPRESSION)
		e.position = 1 + (int32_t)(step->article % 20);
	assert_int_equal(fixture_record(f, &e, 1, &result), 0);
}

static void mark_undone(struct site *s, size_t before, unsigned event)
{
	for (size_t i = 0; i < before; i++)
		if (s->steps[i].kind == STEP_EVENT && s->steps[i].event == event)
			s->steps[i].undone = true;
	for (size_t i = before; i < s->n_steps; i++) /* sent again it is a duplicate still */
		if (s->steps[i].kind == STEP_EVENT && s->steps[i].event == event)
			s->steps[i].undone = true;
}

void site_play(struct site *s, size_t at, struct fixture *f)
{
	const struct step *step = &s->steps[at];
	struct span names[1];
	bool found;
	switch (step->kind) {
	case STEP_ARTICLE:
		play_article(s, step, f);
		break;
	case STEP_DELETE:
		assert_int_equal(fixture_delete(f, arena_printf(&f->arena, "article-%u", step->article), &found), 0);
		break;
	case STEP_EVENT:
		play_event(s, step, f);
		break;
	case STEP_UNDO:
		if (fixture_undo(f, site_event_id(f, step->event)) == UNDO_DONE)
			mark_undone(s, at, step->event);
		break;
	case STEP_SETTINGS:
		names[0] = arena_printf(&f->arena, "topic:%s", words[step->article]);
		fixture_user_put(f, site_user(f, step->user), &(struct user_settings){.follows = names, .n_follows = 1},
		                 USER_FOLLOWS);
		break;
	case STEP_INTEREST:
		fixture_interests_patch(f, site_user(f, step->user),
		                        &(struct interest_change){.topic = arena_printf(&f->arena, "topic:%s", words[step->article]),
		                                                  .set_weight = true, .short_term = 1.25, .long_term = 0.5,
		                                                  .follow = -1, .mute = -1}, 1);
		break;
	case STEP_MERGE:
		if (step->user != step->other)
			fixture_merge(f, site_user(f, step->user), site_user(f, step->other));
		break;
	case STEP_CLOCK:
		fixture_tick(f, f->now_ms + step->ahead_ms);
		break;
	}
	fixture_forget(f);
}
