/* Story joining as single-pass clustering (Allan et al. 1998, "On-line new event detection and tracking").
 *
 * Structure: a map from article number to its report; a map from story number to its members; and an inverted index from
 * (language, term) to the latest POSTINGS_MAX reports that have the term among the heaviest POSTED_TERMS of their print.
 * A match adds up products of weights along the lists of the report's own heaviest terms, keeps the CANDIDATES_MAX best,
 * and looks at the stories of those alone: the work has a bound that the number of live reports does not move.
 *
 * Two reports are as alike as the cosine of their prints, less what time and a shared source take off. A story is as
 * like a report as its most alike member and the mean of its members together: the best alone drifts along chains, a
 * centroid forgets how differently one event is told. The more reports a story has, the more alike a new one must be:
 * a large story that takes anything near it becomes a topic. */
#include "engine/catalog/stories.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "engine/base/hash.h"
#include "engine/base/map.h"

enum {
	POSTED_TERMS = 12,
	POSTINGS_MAX = 192,
	CANDIDATES_MAX = 48,
	SEEN_SLOTS = 8192, /* a power of two, at least twice POSTED_TERMS * POSTINGS_MAX */
	SIGNATURE_BITS = 3,
	SIGNATURE_TERMS = 8, /* shorter prints agree by chance */
	SHARED_TERMS = 3, /* fewer are a city's name and a word: half of a short title, and no event */
	STORY_MAX = 50,
	SMALL_STORY = 4 /* reports; a larger one asks for more likeness */
};

/* Chosen by reading the largest stories joined from 20,058 English reports of 2019, where terms are well counted, and on 45
 * short reports of 25 events in four languages, where none are. */
static const float join_likeness = 0.31f, share_of_best = 0.3f, loss_by_time = 0.1f, loss_by_same_source = 0.1f;
static const float rise_by_size = 0.045f;

static const int64_t default_window_ms = INT64_C(36) * 3600 * 1000;

struct report {
	uint32_t article, source, language, story;
	int64_t published_ms;
	bool fixed;
	struct story_print print;
	uint8_t posted[POSTED_TERMS]; /* [n_posted] indexes into print.terms */
	uint8_t n_posted;
};

struct story {
	uint32_t number;
	uint32_t n, capacity;
	struct report **members; /* [n] in ascending article number */
};

struct posting {
	uint32_t n, capacity;
	struct {
		uint32_t article;
		uint16_t weight, hour; /* hour_of its time */
	} entries[]; /* [n] oldest first */
};

struct seen {
	uint32_t article; /* 0: free */
	float dot;
};

struct stories {
	struct stories_config config;
	struct map *reports;  /* article -> struct report */
	struct map *stories;  /* number -> struct story */
	struct map *postings; /* posting_key -> struct posting */
	struct seen *seen;    /* [SEEN_SLOTS] scratch, all free between matches */
	uint32_t *touched;    /* [SEEN_SLOTS / 2] slots of `seen` in use */
	size_t bytes;
};

static uint64_t posting_key(uint32_t language, uint32_t term)
{
	uint64_t key = (uint64_t)language << 32 | term;
	return key ? key : UINT64_MAX;
}

int stories_new(struct stories **out, const struct stories_config *config)
{
	struct stories *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->config = config ? *config : (struct stories_config){0};
	if (s->config.window_ms <= 0)
		s->config.window_ms = default_window_ms;
	if (s->config.story_max == 0)
		s->config.story_max = STORY_MAX;
	s->seen = calloc(SEEN_SLOTS, sizeof(*s->seen));
	s->touched = calloc(SEEN_SLOTS / 2, sizeof(*s->touched));
	if (!s->seen || !s->touched || map_new(&s->reports, NULL) || map_new(&s->stories, NULL) || map_new(&s->postings, NULL)) {
		stories_free(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

static void free_value(uint64_t key, uint64_t value, void *ctx)
{
	free((void *)(uintptr_t)value);
}

static void free_story(uint64_t key, uint64_t value, void *ctx)
{
	struct story *story = (struct story *)(uintptr_t)value;
	free(story->members);
	free(story);
}

void stories_free(struct stories *s)
{
	if (!s)
		return;
	if (s->postings)
		map_each(s->postings, free_value, NULL);
	if (s->stories)
		map_each(s->stories, free_story, NULL);
	if (s->reports)
		map_each(s->reports, free_value, NULL);
	map_free(s->postings);
	map_free(s->stories);
	map_free(s->reports);
	free(s->touched);
	free(s->seen);
	free(s);
}

/* ---- likeness ------------------------------------------------------------------------------------------------ */

/* 0 when they share fewer than SHARED_TERMS. */
static float cosine(const struct story_print *a, const struct story_print *b)
{
	uint64_t dot = 0;
	unsigned n_shared = 0;
	for (unsigned i = 0, j = 0; i < a->n_terms && j < b->n_terms;) {
		if (a->terms[i].term == b->terms[j].term) {
			dot += (uint32_t)a->terms[i++].weight * (uint64_t)b->terms[j++].weight;
			n_shared++;
		} else if (a->terms[i].term < b->terms[j].term) {
			i++;
		} else {
			j++;
		}
	}
	return n_shared < SHARED_TERMS ? 0 : (float)((double)dot / (65535.0 * 65535.0));
}

static int64_t time_between(int64_t a_ms, int64_t b_ms)
{
	return a_ms > b_ms ? a_ms - b_ms : b_ms - a_ms;
}

/* Hours since 1970 modulo 2^16. */
static uint16_t hour_of(int64_t ms)
{
	return (uint16_t)(ms / 3600000);
}

/* Whether times of these hours may lie within the window. It spares looking at the reports of the many that can't; what
 * it lets through, because hours are coarse or come round again, may_join drops. */
static bool hours_may_join(const struct stories *s, uint16_t a, uint16_t b)
{
	int apart = abs((int16_t)(uint16_t)(a - b));
	return apart - 1 <= s->config.window_ms / 3600000;
}

static bool same_signature(const struct story_print *a, const struct story_print *b)
{
	return a->n_terms >= SIGNATURE_TERMS && b->n_terms >= SIGNATURE_TERMS &&
	       __builtin_popcountll(a->simhash ^ b->simhash) <= SIGNATURE_BITS;
}

/* 0 to 1. */
static float likeness(const struct stories *s, const struct stories_report *a, const struct report *b)
{
	if (same_signature(a->print, &b->print))
		return 1;
	float apart = (float)time_between(a->published_ms, b->published_ms) / (float)s->config.window_ms;
	float like = cosine(a->print, &b->print) - loss_by_time * apart;
	if (a->source && a->source == b->source)
		like -= loss_by_same_source;
	return like;
}

static bool may_join(const struct stories *s, const struct stories_report *a, const struct report *b)
{
	return a->article != b->article && a->language == b->language &&
	       time_between(a->published_ms, b->published_ms) <= s->config.window_ms;
}

/* How like a story is to a report; 0 when it must not join. */
static float story_likeness(const struct stories *s, const struct stories_report *report, const struct story *story)
{
	float best = 0, sum = 0;
	unsigned n = 0;
	for (uint32_t i = 0; i < story->n; i++) {
		if (!may_join(s, report, story->members[i]))
			continue;
		float like = likeness(s, report, story->members[i]);
		best = like > best ? like : best;
		sum += like;
		n++;
	}
	if (n == 0)
		return 0;
	return best * share_of_best + sum / (float)n * (1 - share_of_best);
}

static float needed_likeness(uint32_t n_reports)
{
	return n_reports <= SMALL_STORY ? join_likeness : join_likeness + rise_by_size * log2f((float)n_reports / SMALL_STORY);
}

/* ---- candidates ---------------------------------------------------------------------------------------------- */

/* The heaviest terms of a print, heaviest first; ties by term. */
static uint8_t heaviest(const struct story_print *print, uint8_t out[POSTED_TERMS])
{
	uint8_t n = 0;
	for (uint8_t i = 0; i < print->n_terms; i++) {
		uint16_t weight = print->terms[i].weight;
		if (n == POSTED_TERMS && weight <= print->terms[out[n - 1]].weight)
			continue;
		uint8_t at = n < POSTED_TERMS ? n++ : (uint8_t)(n - 1);
		for (; at > 0 && print->terms[out[at - 1]].weight < weight; at--)
			out[at] = out[at - 1];
		out[at] = i;
	}
	return n;
}

static uint32_t find_seen(const struct stories *s, uint32_t article)
{
	uint32_t i = (uint32_t)hash_mix64(article) & (SEEN_SLOTS - 1);
	while (s->seen[i].article && s->seen[i].article != article)
		i = (i + 1) & (SEEN_SLOTS - 1);
	return i;
}

/* Adds up what each report on the lists of the heaviest terms shares. Returns how many slots of `seen` are in use. */
static uint32_t add_up(struct stories *s, const struct stories_report *report)
{
	uint8_t index[POSTED_TERMS];
	uint8_t n_index = heaviest(report->print, index);
	uint16_t hour = hour_of(report->published_ms);
	uint32_t n_touched = 0;
	for (uint8_t k = 0; k < n_index; k++) {
		uint32_t term = report->print->terms[index[k]].term;
		const struct posting *list = map_get_ptr(s->postings, posting_key(report->language, term));
		float weight = report->print->terms[index[k]].weight;
		for (uint32_t i = 0; list && i < list->n; i++) {
			if (!hours_may_join(s, hour, list->entries[i].hour))
				continue;
			uint32_t at = find_seen(s, list->entries[i].article);
			if (s->seen[at].article == 0) {
				s->seen[at] = (struct seen){list->entries[i].article, 0};
				s->touched[n_touched++] = at;
			}
			s->seen[at].dot += weight * (float)list->entries[i].weight;
		}
	}
	return n_touched;
}

/* The best candidates' articles, and `seen` is free again. */
static uint32_t take_candidates(struct stories *s, const struct stories_report *report, struct seen out[CANDIDATES_MAX])
{
	uint32_t n = 0, n_touched = add_up(s, report);
	for (uint32_t i = 0; i < n_touched; i++) {
		struct seen seen = s->seen[s->touched[i]];
		if (n == CANDIDATES_MAX && seen.dot <= out[n - 1].dot)
			continue; /* asked first: the report is seldom in the cache */
		const struct report *other = map_get_ptr(s->reports, seen.article);
		if (!may_join(s, report, other))
			continue;
		uint32_t at = n < CANDIDATES_MAX ? n++ : n - 1;
		for (; at > 0 && out[at - 1].dot < seen.dot; at--)
			out[at] = out[at - 1];
		out[at] = seen;
	}
	for (uint32_t i = 0; i < n_touched; i++)
		s->seen[s->touched[i]].article = 0;
	return n;
}

uint32_t stories_match(struct stories *s, const struct stories_report *report)
{
	struct seen candidates[CANDIDATES_MAX];
	uint32_t looked_at[CANDIDATES_MAX];
	uint32_t n_looked_at = 0, found = 0;
	float found_like = 0;
	const struct report *own = map_get_ptr(s->reports, report->article);
	if (own && own->fixed)
		return own->story;
	uint32_t n = take_candidates(s, report, candidates);
	for (uint32_t i = 0; i < n; i++) {
		const struct report *other = map_get_ptr(s->reports, candidates[i].article);
		uint32_t k = 0;
		while (k < n_looked_at && looked_at[k] != other->story)
			k++;
		if (k < n_looked_at)
			continue;
		looked_at[n_looked_at++] = other->story;
		const struct story *story = map_get_ptr(s->stories, other->story);
		uint32_t n_others = story->n - (own && own->story == story->number);
		if (n_others >= s->config.story_max)
			continue;
		float like = story_likeness(s, report, story);
		if (like < needed_likeness(n_others) || like < found_like || (like == found_like && found < story->number))
			continue;
		found = story->number;
		found_like = like;
	}
	return found;
}

uint32_t stories_new_number(const struct stories *s, uint32_t article)
{
	const struct story *story = map_get_ptr(s->stories, article);
	if (!story || (story->n == 1 && story->members[0]->article == article))
		return article;
	uint32_t number = UINT32_MAX;
	while (map_get_ptr(s->stories, number))
		number--;
	return number;
}

/* ---- changes ------------------------------------------------------------------------------------------------- */

static int add_posting(struct stories *s, uint64_t key, uint32_t article, uint16_t weight, uint16_t hour)
{
	struct posting *list = map_get_ptr(s->postings, key);
	if (list && list->n == POSTINGS_MAX) {
		memmove(list->entries, list->entries + 1, (POSTINGS_MAX - 1) * sizeof(list->entries[0]));
		list->n--;
	}
	if (!list || list->n == list->capacity) {
		uint32_t capacity = list ? list->capacity * 2 : 2;
		if (capacity > POSTINGS_MAX)
			capacity = POSTINGS_MAX;
		size_t size = sizeof(*list) + capacity * sizeof(list->entries[0]);
		struct posting *grown = malloc(size);
		if (!grown)
			return -ENOMEM;
		*grown = (struct posting){.n = 0};
		if (list)
			memcpy(grown, list, sizeof(*list) + list->n * sizeof(list->entries[0]));
		grown->capacity = capacity;
		if (map_put_ptr(s->postings, key, grown)) {
			free(grown);
			return -ENOMEM;
		}
		s->bytes += size - (list ? sizeof(*list) + list->capacity * sizeof(list->entries[0]) : 0);
		free(list);
		list = grown;
	}
	list->entries[list->n].article = article;
	list->entries[list->n].hour = hour;
	list->entries[list->n++].weight = weight;
	return 0;
}

static void remove_posting(struct stories *s, uint64_t key, uint32_t article)
{
	struct posting *list = map_get_ptr(s->postings, key);
	uint32_t i = 0;
	while (list && i < list->n && list->entries[i].article != article)
		i++;
	if (!list || i == list->n)
		return; /* newer reports have pushed it out */
	memmove(list->entries + i, list->entries + i + 1, (list->n - i - 1) * sizeof(list->entries[0]));
	if (--list->n == 0) {
		s->bytes -= sizeof(*list) + list->capacity * sizeof(list->entries[0]);
		map_remove(s->postings, key);
		free(list);
	}
}

static struct story *find_or_add_story(struct stories *s, uint32_t number)
{
	struct story *story = map_get_ptr(s->stories, number);
	if (story)
		return story;
	story = calloc(1, sizeof(*story));
	if (!story)
		return NULL;
	story->number = number;
	if (map_put_ptr(s->stories, number, story)) {
		free(story);
		return NULL;
	}
	s->bytes += sizeof(*story);
	return story;
}

static void drop_empty_story(struct stories *s, struct story *story)
{
	if (story->n > 0)
		return;
	map_remove(s->stories, story->number);
	s->bytes -= sizeof(*story) + story->capacity * sizeof(*story->members);
	free(story->members);
	free(story);
}

static int add_member(struct stories *s, struct story *story, struct report *report)
{
	if (story->n == story->capacity) {
		uint32_t capacity = story->capacity ? story->capacity * 2 : 2;
		struct report **members = realloc(story->members, capacity * sizeof(*members));
		if (!members)
			return -ENOMEM;
		s->bytes += (capacity - story->capacity) * sizeof(*members);
		story->members = members;
		story->capacity = capacity;
	}
	uint32_t at = story->n++;
	for (; at > 0 && story->members[at - 1]->article > report->article; at--)
		story->members[at] = story->members[at - 1];
	story->members[at] = report;
	return 0;
}

static void remove_member(struct story *story, const struct report *report)
{
	uint32_t i = 0;
	while (story->members[i] != report)
		i++;
	memmove(story->members + i, story->members + i + 1, (story->n - i - 1) * sizeof(*story->members));
	story->n--;
}

static struct report *new_report(const struct stories_report *from, uint32_t story, bool fixed)
{
	struct report *report = calloc(1, sizeof(*report));
	if (!report)
		return NULL;
	report->article = from->article;
	report->source = from->source;
	report->language = from->language;
	report->story = story;
	report->published_ms = from->published_ms;
	report->fixed = fixed;
	report->print = *from->print;
	report->n_posted = heaviest(&report->print, report->posted);
	return report;
}

static void remove_postings(struct stories *s, const struct report *report, uint8_t n)
{
	for (uint8_t i = 0; i < n; i++)
		remove_posting(s, posting_key(report->language, report->print.terms[report->posted[i]].term), report->article);
}

static int add_postings(struct stories *s, const struct report *report)
{
	for (uint8_t i = 0; i < report->n_posted; i++) {
		uint8_t t = report->posted[i];
		if (add_posting(s, posting_key(report->language, report->print.terms[t].term), report->article,
		                report->print.terms[t].weight, hour_of(report->published_ms)) == 0)
			continue;
		remove_postings(s, report, i);
		return -ENOMEM;
	}
	return 0;
}

int stories_put(struct stories *s, const struct stories_report *from, uint32_t number, bool fixed)
{
	int error = -ENOMEM;
	uint32_t before = stories_of(s, from->article);
	struct story *story = map_get_ptr(s->stories, number);
	if (story && before != number && story->n >= s->config.story_max)
		return 1;
	struct report *report = new_report(from, number, fixed);
	if (!report)
		return -ENOMEM;
	stories_remove(s, from->article);
	story = find_or_add_story(s, number);
	if (!story)
		goto free_report;
	if (add_member(s, story, report))
		goto drop_story;
	if (add_postings(s, report))
		goto drop_member;
	error = map_put_ptr(s->reports, report->article, report);
	if (error)
		goto drop_postings;
	s->bytes += sizeof(*report);
	return 0;
drop_postings:
	remove_postings(s, report, report->n_posted);
drop_member:
	remove_member(story, report);
drop_story:
	drop_empty_story(s, story);
free_report:
	free(report);
	return error;
}

void stories_remove(struct stories *s, uint32_t article)
{
	struct report *report = map_get_ptr(s->reports, article);
	if (!report)
		return;
	struct story *story = map_get_ptr(s->stories, report->story);
	map_remove(s->reports, article);
	remove_postings(s, report, report->n_posted);
	remove_member(story, report);
	drop_empty_story(s, story);
	s->bytes -= sizeof(*report);
	free(report);
}

uint32_t stories_of(const struct stories *s, uint32_t article)
{
	const struct report *report = map_get_ptr(s->reports, article);
	return report ? report->story : 0;
}

size_t stories_members(const struct stories *s, uint32_t number, uint32_t *out, size_t n)
{
	const struct story *story = map_get_ptr(s->stories, number);
	if (!story)
		return 0;
	for (size_t i = 0; i < story->n && i < n; i++)
		out[i] = story->members[i]->article;
	return story->n;
}

size_t stories_bytes(const struct stories *s)
{
	return sizeof(*s) + SEEN_SLOTS * sizeof(*s->seen) + SEEN_SLOTS / 2 * sizeof(*s->touched) + s->bytes +
	       map_bytes(s->reports) + map_bytes(s->stories) + map_bytes(s->postings);
}
