/* Stories by an editor's hand: split and merged. Moved reports are fixed: a correction does not move them again. */
#include <errno.h>

#include "engine/core.h"

struct story_op {
	struct caller_op caller;
	uint32_t story, from;
	const struct span *article_ids; /* [n] */
	size_t n;
	enum story_outcome *outcome;
	uint32_t *new_story, own_new_story;
	uint32_t *moved; /* [n_moved] */
	size_t n_moved;
};

/* Rewrites an article's story in the store and in the index. 1: the story is full. */
static int move_article(struct engine *e, struct store_txn *txn, uint32_t article, uint32_t story)
{
	uint8_t key[4];
	struct span value;
	struct article_record record;
	int r = store_get(txn, TABLE_ARTICLES, key_u32(key, article), &value);
	if (r != 0 || article_record_decode(&e->batch_arena, value, &record))
		return r < 0 ? r : -EINVAL;
	record.story = story;
	record.story_fixed = true;
	e->stories_changed = true;
	r = stories_put_record(e, article, &record);
	if (r != 0)
		return r;
	buf_clear(&e->record);
	article_record_encode(&e->record, &record);
	return e->record.failed ? -ENOMEM : store_put(txn, TABLE_ARTICLES, key_u32(key, article), buf_span(&e->record));
}

static int move_all(struct engine *e, struct store_txn *txn, struct story_op *x, uint32_t story)
{
	*x->outcome = STORY_DONE;
	for (size_t i = 0; i < x->n_moved; i++) {
		int r = move_article(e, txn, x->moved[i], story);
		if (r != 0)
			return r < 0 ? r : -EINVAL; /* sizes were checked before */
	}
	e->numbers.sequence++;
	return 0;
}

static int split_apply(struct write_op *op, struct store_txn *txn, void *ctx)
{
	struct story_op *x = (struct story_op *)op;
	struct engine *e = engine_of(ctx);
	x->n_moved = 0;
	x->moved = arena_calloc(&e->batch_arena, x->n, sizeof(*x->moved));
	if (!x->moved)
		return -ENOMEM;
	*x->outcome = STORY_NOT_FOUND;
	uint32_t member;
	if (stories_members(e->stories, x->story, &member, 1) == 0)
		return 0;
	for (size_t i = 0; i < x->n; i++) {
		struct span value;
		int r = store_get(txn, TABLE_ARTICLE_IDS, x->article_ids[i], &value);
		if (r < 0)
			return r;
		if (r == 1 || stories_of(e->stories, key_to_u32(value)) != x->story) {
			*x->outcome = STORY_UNKNOWN_ARTICLE;
			x->n_moved = 0;
			return 0;
		}
		x->moved[x->n_moved++] = key_to_u32(value);
	}
	x->own_new_story = e->numbers.next_article++; /* of the articles' numbers, so that no story has it */
	*x->new_story = x->own_new_story;
	return move_all(e, txn, x, x->own_new_story);
}

static int merge_apply(struct write_op *op, struct store_txn *txn, void *ctx)
{
	struct story_op *x = (struct story_op *)op;
	struct engine *e = engine_of(ctx);
	uint32_t unused;
	size_t n_from = stories_members(e->stories, x->from, &unused, 1), n = stories_members(e->stories, x->story, &unused, 1);
	x->n_moved = 0;
	*x->outcome = n_from == 0 || n == 0 || x->from == x->story ? STORY_NOT_FOUND
	              : n_from + n > e->config.story_max           ? STORY_FULL
	                                                           : STORY_DONE;
	if (*x->outcome != STORY_DONE)
		return 0;
	x->moved = arena_calloc(&e->batch_arena, n_from, sizeof(*x->moved));
	if (!x->moved)
		return -ENOMEM;
	x->n_moved = stories_members(e->stories, x->from, x->moved, n_from);
	x->own_new_story = x->story;
	return move_all(e, txn, x, x->story);
}

static void story_publish(struct write_op *op, void *ctx)
{
	struct story_op *x = (struct story_op *)op;
	for (size_t i = 0; i < x->n_moved; i++)
		if (catalog_set_story(engine_of(ctx)->catalog, x->moved[i], x->own_new_story) < 0)
			__builtin_trap(); /* durable but not in memory: only a restart can mend that */
}

static int story_submit(struct engine_worker *w, struct arena *arena, struct story_op value,
                        int (*apply)(struct write_op *, struct store_txn *, void *), engine_done_fn done, void *ctx)
{
	struct story_op *x = arena_alloc(arena, sizeof(*x));
	if (!x)
		return -ENOMEM;
	*x = value;
	x->caller = (struct caller_op){.op = {.n_elements = 1, .apply = apply, .publish = story_publish,
	                                      .done = caller_op_done},
	                               .done = done, .done_ctx = ctx};
	return writer_submit(w->engine->writer, &x->caller.op);
}

int engine_story_split(struct engine_worker *w, struct arena *arena, uint32_t story, const struct span *article_ids,
                       size_t n, int64_t now_ms, enum story_outcome *outcome, uint32_t *new_story, engine_done_fn done,
                       void *ctx)
{
	return story_submit(w, arena,
	                    (struct story_op){.story = story, .article_ids = article_ids, .n = n, .outcome = outcome,
	                                      .new_story = new_story},
	                    split_apply, done, ctx);
}

int engine_story_merge(struct engine_worker *w, struct arena *arena, uint32_t story, uint32_t from, int64_t now_ms,
                       enum story_outcome *outcome, engine_done_fn done, void *ctx)
{
	return story_submit(w, arena, (struct story_op){.story = story, .from = from, .outcome = outcome}, merge_apply, done,
	                    ctx);
}

int engine_story_get(struct engine_worker *w, struct arena *arena, uint32_t story, const struct span **cards, size_t *n)
{
	const struct catalog_members *m = catalog_story(w->engine->catalog, story);
	if (!m)
		return 1;
	struct catalog_place *places = arena_calloc(arena, m->n, sizeof(*places));
	struct span *out = arena_calloc(arena, m->n, sizeof(*out));
	size_t n_out = 0;
	if (!places || !out)
		return -ENOMEM;
	for (uint32_t i = 0; i < m->n; i++) {
		struct catalog_place p = catalog_find(w->engine->catalog, m->article[i]);
		if (!p.segment)
			continue;
		size_t at = n_out++;
		for (; at > 0 && places[at - 1].segment->published_ms[places[at - 1].slot] > p.segment->published_ms[p.slot]; at--)
			places[at] = places[at - 1];
		places[at] = p;
	}
	for (size_t i = 0; i < n_out; i++)
		out[i] = places[i].segment->card[places[i].slot]->json;
	*cards = out;
	*n = n_out;
	return n_out == 0;
}
