/* Scores articles the caller names, and says of each whether the feed would have it. Also a thread's scratch memory. */
#include "engine/rank/rank_internal.h"

int rank_scratch_new(struct rank_scratch **out)
{
	struct rank_scratch *s = calloc(1, sizeof(*s));
	int r = s ? rank_pool_scratch_new(&s->pool) : -ENOMEM;
	if (!r)
		r = rank_diversify_scratch_new(&s->diversify);
	if (!r)
		r = rank_reading_new(&s->reading);
	if (r) {
		rank_scratch_free(s);
		return r;
	}
	*out = s;
	return 0;
}

void rank_scratch_free(struct rank_scratch *s)
{
	if (!s)
		return;
	rank_user_free(&s->user);
	rank_pool_scratch_free(s->pool);
	rank_diversify_scratch_free(s->diversify);
	rank_reading_free(s->reading);
	free(s);
}

static int best_first(const void *a, const void *b)
{
	const struct rank_item *x = a, *y = b;
	if (rank_before(x->score, x->published_ms, x->article, y->score, y->published_ms, y->article))
		return -1;
	return rank_before(y->score, y->published_ms, y->article, x->score, x->published_ms, x->article);
}

void rank_sort(struct rank_item *items, size_t n)
{
	qsort(items, n, sizeof(*items), best_first);
}

static int32_t shared_score(const struct rank_request *q, const struct catalog_view *view,
                            const struct catalog_segment *segment, uint32_t slot)
{
	struct rank_reason rows[N_FEATURES];
	_Atomic int32_t **columns = view->shared[q->model_slot];
	uint64_t at = segment->number - view->first_number;
	int32_t sum;
	if (columns && at < view->n_segments && columns[at])
		return atomic_load_explicit(&columns[at][slot], memory_order_relaxed);
	rank_shared_rows(q->model, segment, slot, view->minute_ms, rows, &sum);
	return sum;
}

static int32_t score_slot(const struct user *u, const struct catalog_view *view, const struct catalog_segment *s,
                          uint32_t slot, uint8_t *marks)
{
	const struct rank_request *q = u->request;
	uint32_t score = (uint32_t)rank_user_topics(u, s, slot, marks);
	if (q->order == RANK_LATEST)
		return rank_latest_score(s->published_ms[slot]);
	if (q->order == RANK_TRENDING)
		return rank_trending_score(atomic_load_explicit(&s->row[slot].clicks[3], memory_order_relaxed));
	if (memchr(u->languages, s->language[slot], u->n_languages))
		score += (uint32_t)u->language;
	score += (uint32_t)numbers_get(&u->seen, atomic_load_explicit(&s->story[slot], memory_order_relaxed));
	return (int32_t)(score + (uint32_t)shared_score(q, view, s, slot));
}

static enum rank_why why_of(const struct user *u, const struct catalog_segment *s, uint32_t slot, uint8_t marks)
{
	const struct rank_request *q = u->request;
	int32_t dropped = numbers_get(&u->dropped_articles, s->article[slot]) |
	                  numbers_get(&u->dropped_stories, atomic_load_explicit(&s->story[slot], memory_order_relaxed));
	if (atomic_load_explicit(&s->flags[slot], memory_order_acquire) & SLOT_DEAD)
		return RANK_NOT_LIVE;
	if (s->visible_from_ms[slot] > q->now_ms)
		return RANK_EMBARGOED;
	if (s->visible_until_ms[slot] <= q->now_ms)
		return RANK_EXPIRED;
	if (dropped & DROPPED_READ)
		return RANK_READ;
	if (marks & u->drop & MARK_MUTED)
		return RANK_MUTED;
	if (!rank_user_passes(u, marks | rank_user_columns(u, s, slot)) || s->created_seq[slot] >= q->created_before_seq ||
	    !rank_has_words(q, s, slot))
		return RANK_FILTERED;
	return dropped & DROPPED_EXCLUDED ? RANK_EXCLUDED : RANK_ELIGIBLE;
}

int rank_score(struct rank_scratch *scratch, const struct catalog *c, const struct rank_request *request,
               struct rank_item *items, size_t n, enum rank_why *why)
{
	const struct catalog_view *view = catalog_view(c);
	int r = rank_user_prepare(&scratch->user, c, request);
	if (r)
		return r;
	for (size_t i = 0; i < n; i++) {
		const struct catalog_segment *s = items[i].segment;
		uint8_t marks = 0;
		items[i].score = s ? score_slot(&scratch->user, view, s, items[i].slot, &marks) : 0;
		if (why)
			why[i] = s ? why_of(&scratch->user, s, items[i].slot, marks) : RANK_NOT_LIVE;
	}
	return 0;
}
