/* Stage one: the exact pool.
 *
 * Segment by segment, the newest first so that the bar rises early. acc[] holds the scores of one segment and stays in
 * the first-level cache: it starts as the shared column plus the language's part, then takes the postings of each of
 * the reader's topics; slots that came after the postings were built (the tail) are scored by their vectors. mark[]
 * collects in the same passes what the filters need to know. What is rare or dear is asked only of slots whose score
 * passes the bar: is it live, was it read, how often was the story shown. Being shown may raise a score (a model may say
 * so), hence the bar is lowered by the most that it can add.
 *
 * Scores are sums of integers, so the order of adding does not matter, and the result equals rank_pool_naive's. */
#include <assert.h>

#include "engine/base/hash.h"
#include "engine/rank/best.h"

struct pool_scratch {
	_Alignas(64) uint32_t acc[SEGMENT_SLOTS]; /* scores as int32; unsigned to wrap should a vector break its promise */
	_Alignas(64) uint8_t mark[SEGMENT_SLOTS]; /* enum mark */
	_Alignas(64) uint8_t over[SEGMENT_SLOTS]; /* 1 where mark[] and acc[] pass the filters and the bar */
	uint64_t keys[SEGMENT_SLOTS];             /* of those: biased score << 32 | slot */
	struct best best;
};

struct scan {
	struct pool_scratch *p;
	const struct user *user;
	const struct rank_request *request;
	uint32_t moves; /* the catalogue's, from before the view */
	const struct catalog_view *view;
	size_t at; /* the segment's index in the view */
	const struct catalog_segment *segment;
	uint32_t count; /* its slots that are seen */
	uint64_t *n_eligible; /* NULL: not asked for */
};

int rank_pool_scratch_new(struct pool_scratch **out)
{
	struct pool_scratch *p = aligned_alloc(64, (sizeof(*p) + 63) / 64 * 64);
	if (!p)
		return -ENOMEM;
	memset(p, 0, sizeof(*p));
	*out = p;
	return 0;
}

void rank_pool_scratch_free(struct pool_scratch *p)
{
	if (!p)
		return;
	numbers_free(&p->best.stories);
	free(p);
}

/* Reads a column that the writer changes in place, and adds the part of one language on the way. The loads are plain:
 * relaxed atomic ones would not vectorise and cost five times as much. Each word is old or new, and either will do.
 * It must not be a mere copy: the compiler would call memmove, which may move bytes one by one. */
static __attribute__((no_sanitize("thread"))) void read_column(uint32_t *restrict acc, const _Atomic int32_t *column,
                                                               const uint8_t *restrict language, uint32_t n,
                                                               uint8_t earns, uint32_t term)
{
	const uint32_t *words = (const uint32_t *)(uintptr_t)column;
	for (uint32_t i = 0; i < n; i++)
		acc[i] = words[i] + (language[i] == earns ? term : 0);
}

static void add_language(uint32_t *restrict acc, const uint8_t *restrict language, uint32_t n, uint8_t earns,
                         uint32_t term)
{
	for (uint32_t i = 0; i < n; i++)
		acc[i] += language[i] == earns ? term : 0;
}

static void start_ranked(const struct scan *s)
{
	const struct rank_request *q = s->request;
	_Atomic int32_t **shared = s->view->shared[q->model_slot];
	uint32_t *acc = s->p->acc;
	const struct user *u = s->user;
	size_t n_added = 0;
	if (shared) {
		n_added = u->n_languages > 0;
		read_column(acc, shared[s->at], s->segment->language, s->count, n_added ? u->languages[0] : 0,
		            n_added ? (uint32_t)u->language : 0);
	} else { /* a model that is not live has no column */
		struct rank_reason rows[N_FEATURES];
		int32_t sum;
		for (uint32_t i = 0; i < s->count; i++) {
			rank_shared_rows(q->model, s->segment, i, s->view->minute_ms, rows, &sum);
			acc[i] = (uint32_t)sum;
		}
	}
	for (size_t i = n_added; i < u->n_languages; i++)
		add_language(acc, s->segment->language, s->count, u->languages[i], (uint32_t)u->language);
}

/* acc[] before topics. */
static void start(const struct scan *s)
{
	uint32_t *acc = s->p->acc;
	if (s->request->order == RANK_RANKED)
		start_ranked(s);
	else if (s->request->order == RANK_LATEST)
		for (uint32_t i = 0; i < s->count; i++)
			acc[i] = (uint32_t)rank_latest_score(s->segment->published_ms[i]);
	else
		for (uint32_t i = 0; i < s->count; i++)
			acc[i] = (uint32_t)rank_trending_score(
				atomic_load_explicit(&s->segment->row[i].clicks[3], memory_order_relaxed));
}

/* Marks and, for places, adds once a slot whichever of them it carries. */
static void mark_postings(const struct scan *s, const uint16_t *slots, uint32_t n, uint8_t marks)
{
	uint8_t *mark = s->p->mark;
	uint32_t *acc = s->p->acc;
	uint32_t home = marks & MARK_HOME ? (uint32_t)s->user->home : 0;
	uint32_t edition = marks & MARK_EDITION ? (uint32_t)s->user->edition : 0;
	for (uint32_t i = 0; i < n; i++) {
		uint16_t slot = slots[i];
		if (!(mark[slot] & MARK_HOME))
			acc[slot] += home;
		if (!(mark[slot] & MARK_EDITION))
			acc[slot] += edition;
		mark[slot] |= marks;
	}
}

static void add_weights(uint32_t *restrict acc, const uint16_t *restrict slots, const int16_t *restrict weights,
                        uint32_t n, int32_t weight)
{
	for (uint32_t i = 0; i < n; i++)
		acc[slots[i]] += (uint32_t)(weight * weights[i]);
}

static void add_fixed(uint32_t *restrict acc, const uint16_t *restrict slots, uint32_t n, uint32_t fixed)
{
	for (uint32_t i = 0; i < n; i++)
		acc[slots[i]] += fixed;
}

/* Asks for where the next segment's postings will be looked for while this one is worked on. */
static void prefetch_topics(const struct user *u, const struct catalog_segment *segment)
{
	const struct catalog_postings *p = segment ? atomic_load_explicit(&segment->postings, memory_order_acquire) : NULL;
	for (size_t i = 0; p && i < u->n_topics; i++)
		__builtin_prefetch(&p->table[u->topics[i].hash & p->table_mask]);
}

static size_t find_runs(const struct user *u, const struct catalog_postings *p, struct run *runs)
{
	size_t n_runs = 0;
	for (size_t i = 0; i < u->n_topics; i++) {
		const struct user_topic *t = &u->topics[i];
		uint32_t at = (uint32_t)t->hash & p->table_mask;
		while (p->table[at].topic && p->table[at].topic != t->topic)
			at = (at + 1) & p->table_mask;
		if (p->table[at].topic)
			runs[n_runs++] = (struct run){t, p->table[at].start, p->table[at].n};
	}
	return n_runs;
}

static void prefetch_run(const struct catalog_postings *p, const struct run *run)
{
	enum { LINE = 64 / sizeof(uint16_t) };
	for (uint32_t i = 0; i < run->n && i < 3 * LINE; i += LINE) {
		__builtin_prefetch(p->slot + run->first + i);
		__builtin_prefetch(p->weight + run->first + i);
	}
}

static void add_topics(const struct scan *s, const struct catalog_postings *p)
{
	enum { AHEAD = 4 };
	struct run *runs = s->user->runs;
	size_t n = find_runs(s->user, p, runs);
	for (size_t i = 0; i < n && i < AHEAD; i++)
		prefetch_run(p, &runs[i]);
	for (size_t i = 0; i < n; i++) {
		const struct run *run = &runs[i];
		const struct user_topic *t = run->topic;
		if (i + AHEAD < n)
			prefetch_run(p, &runs[i + AHEAD]);
		if (t->weight)
			add_weights(s->p->acc, p->slot + run->first, p->weight + run->first, run->n, t->weight);
		if (t->fixed)
			add_fixed(s->p->acc, p->slot + run->first, run->n, (uint32_t)t->fixed);
		if (t->marks)
			mark_postings(s, p->slot + run->first, run->n, t->marks);
	}
}

static void add_tail(const struct scan *s, uint32_t first)
{
	for (uint32_t slot = first; slot < s->count; slot++) {
		uint8_t marks;
		s->p->acc[slot] += (uint32_t)rank_user_topics(s->user, s->segment, slot, &marks);
		s->p->mark[slot] |= marks;
	}
}

/* Marks what the columns drop. */
static void mark_columns(const struct scan *s)
{
	for (uint32_t i = 0; i < s->count; i++)
		s->p->mark[i] |= rank_user_columns(s->user, s->segment, i);
}

/* What is asked of a slot by itself: its times, and the words searched for. */
static bool may_show(const struct scan *s, uint32_t slot)
{
	return catalog_slot_alive(s->segment, slot, s->moves) &&
	       catalog_slot_in_time(s->segment, slot, s->request->now_ms) &&
	       (s->request->created_before_seq == UINT64_MAX ||
	        s->segment->created_seq[slot] < s->request->created_before_seq) &&
	       (s->request->n_words == 0 || rank_has_words(s->request, s->segment, slot));
}

static uint64_t count_shown(const struct scan *s)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < s->count; i++)
		n += rank_user_passes(s->user, s->p->mark[i]) && may_show(s, i);
	return n;
}

/* ---- selection ---- */

/* Slots that may come before the worst kept: lower bound of their score as it stands in acc[]. */
static int32_t bar_of(const struct scan *s)
{
	const struct best *b = &s->p->best;
	if (!b->full)
		return INT32_MIN;
	int64_t bar = (int64_t)b->worst.score - s->user->seen_max;
	return bar < INT32_MIN ? INT32_MIN : (int32_t)bar;
}

/* One byte a slot: whether it passes the bar and the filters. Kept free of branches so that it vectorises. */
static void compare(uint8_t *restrict over, const int32_t *restrict scores, const uint8_t *restrict mark, int32_t bar,
                    uint8_t ask, uint8_t need)
{
	for (uint32_t i = 0; i < SEGMENT_SLOTS; i++)
		over[i] = (uint8_t)((scores[i] >= bar) & ((mark[i] & ask) == need));
}

static size_t gather(const struct scan *s, int32_t bar)
{
	struct pool_scratch *p = s->p;
	const uint8_t ask = s->user->need | s->user->drop, need = s->user->need;
	size_t n = 0;
	compare(p->over, (const int32_t *)p->acc, p->mark, bar, ask, need);
	for (uint32_t first = 0; first < s->count; first += 8) {
		uint64_t eight;
		memcpy(&eight, p->over + first, sizeof(eight));
		if (!eight)
			continue;
		uint32_t end = first + 8 < s->count ? first + 8 : s->count;
		for (uint32_t i = first; i < end; i++) {
			p->keys[n] = (uint64_t)(p->acc[i] ^ 0x80000000u) << 32 | i;
			n += p->over[i];
		}
	}
	return n;
}

/* Brings at least k and, ties and crowding apart, not many more of the largest keys[0, n) to the front; returns how
 * many. One pass over a histogram of the scores rather than an exact selection. */
static size_t front_largest(uint64_t *keys, size_t n, size_t k)
{
	enum { BINS = 256 };
	uint32_t bins[BINS] = {0};
	uint64_t low = UINT64_MAX, high = 0;
	for (size_t i = 0; i < n; i++) {
		low = keys[i] < low ? keys[i] : low;
		high = keys[i] > high ? keys[i] : high;
	}
	int shift = 0;
	while ((high - low) >> shift >= BINS)
		shift++;
	for (size_t i = 0; i < n; i++)
		bins[(keys[i] - low) >> shift]++;
	size_t over = 0;
	uint64_t bin = BINS;
	while (bin > 0 && over < k)
		over += bins[--bin];
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t key = keys[i];
		keys[i] = keys[kept];
		keys[kept] = key;
		kept += (key - low) >> shift >= bin;
	}
	return kept;
}

static void prefetch_slot(const struct catalog_segment *s, uint32_t slot)
{
	__builtin_prefetch(&s->flags[slot]);
	__builtin_prefetch(&s->visible_from_ms[slot]);
	__builtin_prefetch(&s->visible_until_ms[slot]);
	__builtin_prefetch(&s->story[slot]);
	__builtin_prefetch(&s->article[slot]);
	__builtin_prefetch(&s->published_ms[slot]);
}

static void consider(const struct scan *s, uint32_t slot)
{
	const struct catalog_segment *g = s->segment;
	const struct user *u = s->user;
	if (!may_show(s, slot))
		return;
	struct candidate c = {.article = g->article[slot],
	                      .story = atomic_load_explicit(&g->story[slot], memory_order_relaxed),
	                      .published_ms = g->published_ms[slot],
	                      .where = (uint32_t)s->at * SEGMENT_SLOTS + slot};
	if (numbers_get(&u->dropped_stories, c.story) || numbers_get(&u->dropped_articles, c.article))
		return;
	c.score = (int32_t)(s->p->acc[slot] + (uint32_t)numbers_get(&u->seen, c.story));
	c.key = s->request->each_report ? c.article : c.story;
	best_add(&s->p->best, &c);
}

/* Takes the slots over the bar, the best of them first, so that the bar rises before the rest are looked at. */
static int take(const struct scan *s)
{
	enum { AHEAD = 8 };
	struct best *b = &s->p->best;
	uint64_t *keys = s->p->keys;
	size_t n = gather(s, bar_of(s));
	while (n > 0) {
		size_t room = best_room(b), front = n;
		if (n > b->want + b->want / 4 + 32)
			front = front_largest(keys, n, b->want + b->want / 8);
		if (front > room)
			front = room;
		for (size_t i = 0; i < front; i++) {
			if (i + AHEAD < front)
				prefetch_slot(s->segment, (uint32_t)keys[i + AHEAD]);
			consider(s, (uint32_t)keys[i]);
		}
		keys += front;
		n -= front;
		if (best_room(b) > b->want / 2 + 256 && (b->full || b->n < b->want))
			continue;
		int r = best_settle(b);
		if (r)
			return r;
		uint64_t bar = (uint64_t)((uint32_t)bar_of(s) ^ 0x80000000u) << 32;
		size_t kept = 0;
		for (size_t i = 0; i < n; i++) {
			keys[kept] = keys[i];
			kept += keys[i] >= bar;
		}
		n = kept;
	}
	return 0;
}

/* By time alone most segments hold nothing new enough. */
static bool too_old(const struct scan *s)
{
	if (s->request->order != RANK_LATEST || s->n_eligible || !s->p->best.full)
		return false;
	return rank_latest_score(atomic_load_explicit(&s->segment->newest_ms, memory_order_relaxed)) < bar_of(s);
}

static int scan_segment(const struct scan *s)
{
	if (too_old(s))
		return 0;
	const struct catalog_postings *postings = atomic_load_explicit(&s->segment->postings, memory_order_acquire);
	uint32_t n_posted = postings ? postings->n_slots : 0;
	start(s);
	memset(s->p->mark, 0, s->count);
	if (s->user->n_topics > 0) {
		if (n_posted)
			add_topics(s, postings);
		add_tail(s, n_posted);
	}
	if (s->user->drop & MARK_COLUMN)
		mark_columns(s);
	if (s->n_eligible)
		*s->n_eligible += count_shown(s);
	return take(s);
}

/* ---- the articles that count_shown took though they are dropped ---- */

static uint64_t is_counted(struct scan *s, const struct catalog *c, uint32_t article)
{
	struct catalog_place at = catalog_find(c, article);
	uint8_t marks;
	if (!at.segment)
		return 0;
	s->segment = at.segment;
	rank_user_topics(s->user, at.segment, at.slot, &marks);
	marks |= rank_user_columns(s->user, at.segment, at.slot);
	return rank_user_passes(s->user, marks) && may_show(s, at.slot);
}

static uint64_t count_dropped(struct scan *s, const struct catalog *c)
{
	const struct user *u = s->user;
	uint64_t n = 0;
	for (uint32_t i = 0; i <= u->dropped_stories.mask; i++) {
		uint32_t story = u->dropped_stories.table[i].key;
		const struct catalog_members *members = story ? catalog_story(c, story) : NULL;
		for (uint32_t k = 0; members && k < members->n; k++)
			n += is_counted(s, c, members->article[k]);
	}
	for (uint32_t i = 0; i <= u->dropped_articles.mask; i++) {
		uint32_t article = u->dropped_articles.table[i].key;
		struct catalog_place at = article ? catalog_find(c, article) : (struct catalog_place){0};
		if (at.segment && !numbers_get(&u->dropped_stories, atomic_load(&at.segment->story[at.slot])))
			n += is_counted(s, c, article);
	}
	return n;
}

/* ---- the whole ---- */

static void write_out(const struct scan *s, struct rank_item *out)
{
	const struct best *b = &s->p->best;
	for (size_t i = 0; i < b->n; i++) {
		const struct candidate *c = &b->held[i];
		out[i] = (struct rank_item){.article = c->article, .story = c->story, .score = c->score,
		                            .published_ms = c->published_ms,
		                            .segment = s->view->segments[c->where / SEGMENT_SLOTS],
		                            .slot = c->where % SEGMENT_SLOTS};
	}
}

int rank_pool(struct rank_scratch *scratch, const struct catalog *c, const struct rank_request *request, size_t n,
              struct rank_item *out, size_t *n_out, uint64_t *n_eligible)
{
	assert(n <= LIMIT_FEED_DEPTH);
	uint64_t eligible = 0;
	struct scan s = {.p = scratch->pool, .user = &scratch->user, .request = request, .moves = catalog_moves(c),
	                 .n_eligible = n_eligible ? &eligible : NULL};
	s.view = catalog_view(c);
	struct best *b = &s.p->best;
	b->want = n ? n : 1;
	b->n = 0;
	b->full = false;
	int r = rank_user_prepare(&scratch->user, c, request);
	for (size_t i = s.view->n_segments; !r && i-- > 0;) {
		s.at = i;
		s.segment = s.view->segments[i];
		s.count = s.segment ? atomic_load_explicit(&s.segment->count, memory_order_acquire) : 0;
		if (i > 0)
			prefetch_topics(s.user, s.view->segments[i - 1]);
		if (s.count)
			r = scan_segment(&s);
	}
	if (!r)
		r = request->any_order ? best_settle(b) : best_finish(b);
	if (r)
		return r;
	if (n_eligible)
		*n_eligible = eligible - count_dropped(&s, c);
	b->n = b->n < n ? b->n : n;
	write_out(&s, out);
	*n_out = b->n;
	return 0;
}
