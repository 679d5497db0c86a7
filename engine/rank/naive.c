/* The pool by definition: every slot of every segment, every filter asked plainly, every score the sum of its explained
 * rows, all sorted, the first report of each story kept. For tests; nothing on the feed path calls it. */
#include "engine/rank/rank_internal.h"

static bool carries(const struct catalog_segment *s, uint32_t slot, uint32_t topic)
{
	size_t n;
	const struct topic_term *vector = catalog_vector(s, slot, &n);
	for (size_t i = 0; i < n; i++)
		if (vector[i].topic == topic)
			return true;
	return false;
}

static bool muted(const struct rank_request *q, const struct catalog_segment *s, uint32_t slot)
{
	for (size_t i = 0; i < q->reader.n_mutes; i++) {
		const struct rank_mute *mute = &q->reader.mutes[i];
		if ((mute->until_ms == 0 || q->now_ms < mute->until_ms) && carries(s, slot, mute->topic))
			return true;
	}
	return false;
}

static bool was_read(const struct catalog *c, const struct rank_request *q, uint32_t article, uint32_t story)
{
	const struct history *h = q->reader.history;
	for (size_t i = 0; h && i < h->n_reads; i++) {
		const struct history_read *read = &h->reads[i];
		if (read->article == article || (story && read->story == story))
			return true;
		struct catalog_place at = catalog_find(c, read->article);
		if (at.segment && story && atomic_load(&at.segment->story[at.slot]) == story)
			return true;
	}
	return false;
}

static bool excluded(const struct rank_request *q, uint32_t article, uint32_t story)
{
	for (size_t i = 0; i < q->n_exclude_articles; i++)
		if (q->exclude_articles[i] == article)
			return true;
	for (size_t i = 0; i < q->n_exclude_stories; i++)
		if (story && q->exclude_stories[i] == story)
			return true;
	return false;
}

static bool eligible(const struct catalog *c, const struct rank_request *q, const struct catalog_segment *s,
                     uint32_t slot)
{
	uint32_t article = s->article[slot], story = atomic_load(&s->story[slot]);
	if (!catalog_slot_alive(s, slot, catalog_moves(c)) || !catalog_slot_in_time(s, slot, q->now_ms) || s->created_seq[slot] >= q->created_before_seq)
		return false;
	if (!q->include_read && (was_read(c, q, article, story) || muted(q, s, slot)))
		return false;
	if ((q->topic && !carries(s, slot, q->topic)) || (q->place && !carries(s, slot, q->place)))
		return false;
	if ((q->section && s->section[slot] != q->section) || (q->source && s->source[slot] != q->source))
		return false;
	if (q->language >= 0 && s->language[slot] != q->language)
		return false;
	if (q->edition >= 0 && !(atomic_load(&s->editions[slot]) >> q->edition & 1))
		return false;
	if (q->n_words && !rank_has_words(q, s, slot))
		return false;
	return !excluded(q, article, story);
}

static int compare_items(const void *a, const void *b)
{
	const struct rank_item *x = a, *y = b;
	if (rank_before(x->score, x->published_ms, x->article, y->score, y->published_ms, y->article))
		return -1;
	return x->article == y->article ? 0 : 1;
}

static void add_segment(const struct catalog *c, const struct rank_request *q, struct catalog_segment *s,
                        int64_t minute_ms, struct rank_item *all, size_t *n)
{
	uint32_t count = atomic_load(&s->count);
	struct rank_reason rows[RANK_REASONS_MAX];
	for (uint32_t slot = 0; slot < count; slot++) {
		if (!eligible(c, q, s, slot))
			continue;
		uint32_t score = 0;
		size_t n_rows = rank_rows(q, NULL, s, slot, minute_ms, rows);
		for (size_t i = 0; i < n_rows; i++)
			score += (uint32_t)rows[i].contribution;
		all[(*n)++] = (struct rank_item){.article = s->article[slot], .story = atomic_load(&s->story[slot]),
		                                 .score = (int32_t)score, .published_ms = s->published_ms[slot],
		                                 .segment = s, .slot = slot};
	}
}

int rank_pool_naive(const struct catalog *c, const struct rank_request *request, size_t n, struct rank_item *out,
                    size_t *n_out)
{
	const struct catalog_view *view = catalog_view(c);
	struct rank_item *all = malloc((view->n_segments * SEGMENT_SLOTS + 1) * sizeof(*all));
	size_t n_all = 0, n_kept = 0;
	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < view->n_segments; i++)
		if (view->segments[i])
			add_segment(c, request, view->segments[i], view->minute_ms, all, &n_all);
	qsort(all, n_all, sizeof(*all), compare_items);
	for (size_t i = 0; i < n_all && n_kept < n; i++) {
		bool told = false;
		for (size_t k = 0; k < n_kept && !told; k++)
			told = !request->each_report && all[i].story && out[k].story == all[i].story;
		if (!told)
			out[n_kept++] = all[i];
	}
	free(all);
	*n_out = n_kept;
	return 0;
}
