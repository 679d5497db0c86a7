/* An item of a feed or list filled in: its card, the other reports of its story, and why it stands there. */
#include <errno.h>
#include <string.h>

#include "engine/feed_internal.h"

enum { REASONS_SHORT = 3 };

static int fill_others(struct engine_worker *w, struct arena *arena, const struct rank_item *item, struct feed_item *out)
{
	const struct catalog_members *m = catalog_story(w->engine->catalog, item->story);
	struct span *others = arena_calloc(arena, m ? m->n : 0, sizeof(*others));
	if (!others)
		return -ENOMEM;
	for (uint32_t i = 0; m && i < m->n; i++) {
		struct catalog_place place = catalog_find(w->engine->catalog, m->article[i]);
		if (place.segment && m->article[i] != item->article)
			others[out->n_others++] = place.segment->card[place.slot]->brief;
	}
	out->others = others;
	out->story_size = (unsigned)out->n_others + 1;
	return 0;
}

/* How telling a reason is: what the reader did or chose, then what is true of the story, then what goes without saying. */
static int telling(const struct rank_reason *row)
{
	switch (row->feature) {
	case FEATURE_TOPIC_SHORT:
	case FEATURE_TOPIC_LONG:
	case FEATURE_SECTION:
	case FEATURE_SOURCE:
	case FEATURE_PLACE:
	case FEATURE_FOLLOW:
	case FEATURE_HOME:
		return 3;
	case FEATURE_TERM_SHORT:
	case FEATURE_TERM_LONG:
	case FEATURE_EDITION:
	case FEATURE_FRESH:
	case FEATURE_POPULAR_1H:
	case FEATURE_POPULAR_12H:
	case FEATURE_POPULAR_48H:
	case FEATURE_CTR:
	case FEATURE_BOOST:
		return 2;
	default:
		return 1;
	}
}

/* Moves the rows that a short answer gives to the front, of rows with the largest first: those that raised the story, the
 * most telling first, each topic once, and nothing that adds less than a twentieth of the largest. Returns how many. */
static size_t choose_reasons(struct rank_reason *rows, size_t n)
{
	struct rank_reason chosen[REASONS_SHORT];
	size_t n_chosen = 0;
	int64_t largest = 0;
	for (size_t i = 0; i < n; i++)
		largest = rows[i].contribution > largest ? rows[i].contribution : largest;
	for (int class = 3; class > 0; class--)
		for (size_t i = 0; i < n && n_chosen < REASONS_SHORT; i++) {
			bool told = telling(&rows[i]) != class || rows[i].contribution <= 0 ||
			            (int64_t)rows[i].contribution * 20 < largest;
			for (size_t k = 0; k < n_chosen && !told; k++)
				told = rows[i].topic && chosen[k].topic == rows[i].topic;
			if (!told)
				chosen[n_chosen++] = rows[i];
		}
	memcpy(rows, chosen, n_chosen * sizeof(*rows));
	return n_chosen;
}

int feed_item_fill(struct engine_worker *w, struct arena *arena, const struct query *query, const struct rank_item *item,
                   bool explain, struct feed_item *out)
{
	const struct catalog_card *card = item->segment->card[item->slot];
	out->card = card->json;
	out->article_id = card->id;
	out->story = item->story;
	out->score = query->rank.order == RANK_LATEST ? (double)item->score : (double)item->score / RANK_ONE;
	int r = fill_others(w, arena, item, out);
	if (r < 0 || query->rank.order != RANK_RANKED)
		return r;
	if (query->example) {
		r = query_explain(w, arena, query, item, explain, out);
		if (r != 1)
			return r; /* 1: not of the shortlist, a pin say, and scored by stage one */
	}
	struct rank_reason rows[RANK_REASONS_MAX];
	size_t n = rank_explain(query->filter, w->engine->catalog, &query->rank, item, rows);
	if (!explain)
		n = choose_reasons(rows, n);
	struct feed_reason *reasons = arena_calloc(arena, n, sizeof(*reasons));
	if (!reasons)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		reasons[i] = (struct feed_reason){.code = rank_feature_names[rows[i].feature],
		                                  .topic = topics_name(w->engine->topics, rows[i].topic),
		                                  .label = topics_label(w->engine->topics, rows[i].topic),
		                                  .contribution = (double)rows[i].contribution / RANK_ONE};
	out->reasons = reasons;
	out->n_reasons = n;
	return 0;
}
