/* Pins and boosts: what editors set, and where a page puts what is pinned. The list is small, so each change publishes
 * a new immutable one and the old one goes through the epoch. */
#include <errno.h>
#include <stdlib.h>

#include "engine/feed_internal.h"

static void free_pin_list(void *list)
{
	arena_free(&((struct pin_list *)list)->arena);
	free(list);
}

static int read_pins(struct store_txn *txn, struct pin_list **out)
{
	struct store_cursor *c;
	struct span key, value, prefix = SPAN(META_PREFIX_PIN);
	struct pin_list *list = calloc(1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	list->entries = arena_calloc(&list->arena, LIMIT_PINS, sizeof(*list->entries));
	int r = list->entries ? store_cursor_new(txn, TABLE_META, &c) : -ENOMEM;
	if (r < 0) {
		free_pin_list(list);
		return r;
	}
	for (r = store_seek(c, prefix, &key, &value); r == 0 && span_starts_with(key, prefix) && list->n < LIMIT_PINS;
	     r = store_next(c, &key, &value)) {
		struct pin_entry *entry = &list->entries[list->n];
		entry->article_id = arena_copy(&list->arena, (struct span){key.data + prefix.len, key.len - prefix.len});
		struct span copy = arena_copy(&list->arena, value);
		if (!entry->article_id.data || !copy.data || pin_record_decode(copy, &entry->record)) {
			r = -EINVAL;
			break;
		}
		list->n++;
	}
	store_cursor_free(c);
	if (r < 0) {
		free_pin_list(list);
		return r;
	}
	*out = list;
	return 0;
}

int pins_load(struct engine *e, struct store_txn *txn)
{
	struct pin_list *list;
	int r = read_pins(txn, &list);
	if (r == 0)
		atomic_store(&e->pins, list);
	return r;
}

/* ---- on a page ---- */

int pins_place(struct page *p)
{
	const struct pin_list *pins = atomic_load_explicit(&p->w->engine->pins, memory_order_acquire);
	for (size_t i = 0; pins && i < pins->n; i++) {
		const struct pin_record *pin = &pins->entries[i].record;
		enum rank_why why;
		if (pin->position == 0 || pin->position > p->n_wanted || p->n_pins == LIMIT_PINS ||
		    (pin->until_ms && pin->until_ms <= p->query.rank.now_ms) ||
		    (pin->edition.len && !span_equal(pin->edition, p->query.edition_key)))
			continue;
		struct catalog_place place = catalog_find(p->w->engine->catalog, pin->article);
		if (!place.segment)
			continue;
		struct rank_item item = {.article = pin->article, .segment = place.segment, .slot = place.slot,
		                         .story = atomic_load_explicit(&place.segment->story[place.slot], memory_order_relaxed),
		                         .published_ms = place.segment->published_ms[place.slot]};
		int r = rank_score(p->w->scratch, p->w->engine->catalog, &p->query.rank, &item, 1, &why);
		if (r < 0)
			return r;
		if (why != RANK_ELIGIBLE)
			continue;
		for (size_t j = 0; j < p->n_pool; j++) {
			if (p->pool[j].article == item.article)
				item.score = p->pool[j].score; /* the model's, where that has more than one stage */
			/* By article too: published anew since the pool was drawn, it may tell another story now. */
			if (p->pool[j].story == item.story || p->pool[j].article == item.article)
				p->taken[j] = true;
		}
		p->pins[p->n_pins] = item;
		p->pin_positions[p->n_pins++] = pin->position;
	}
	return 0;
}

static bool page_has_story(const struct page *p, uint32_t story)
{
	for (size_t i = 0; i < p->n_before; i++)
		if (p->before[i].story == story)
			return true;
	for (size_t i = 0; i < p->n_shown; i++)
		if (p->shown[i].story == story)
			return true;
	return false;
}

int pins_at(const struct page *p, size_t position)
{
	for (size_t i = 0; i < p->n_pins; i++)
		if (p->pin_positions[i] == position && !page_has_story(p, p->pins[i].story))
			return (int)i;
	return -1;
}

/* ---- what editors set ---- */

struct pin_op {
	struct caller_op caller;
	struct pin pin;
	enum pin_outcome *outcome;
	uint32_t article;
	float boost; /* that stands afterwards */
	struct pin_list *fresh;
};

static void pin_publish(struct write_op *op, void *ctx)
{
	struct pin_op *x = (struct pin_op *)op;
	struct engine *e = engine_of(ctx);
	if (!x->fresh)
		return;
	struct pin_list *old = atomic_load(&e->pins);
	atomic_store(&e->pins, x->fresh);
	x->fresh = NULL;
	if (old)
		epoch_retire(e->epoch, old, free_pin_list);
	catalog_set_boost(e->catalog, x->article, x->boost);
}

static void pin_done(struct write_op *op, int status, void *ctx)
{
	struct pin_op *x = (struct pin_op *)op;
	if (x->fresh)
		free_pin_list(x->fresh);
	caller_op_done(op, status, ctx);
}

static struct span pin_key(uint8_t out[STORE_KEY_MAX], struct span article_id)
{
	memcpy(out, META_PREFIX_PIN, 4);
	memcpy(out + 4, article_id.data, article_id.len);
	return (struct span){(const char *)out, 4 + article_id.len};
}

/* The number of an article and its publisher's boost. 1 unknown. */
static int find_article(struct engine *e, struct store_txn *txn, struct span id, uint32_t *number, float *boost)
{
	uint8_t key[4];
	struct span value;
	struct article_record record;
	int r = store_get(txn, TABLE_ARTICLE_IDS, id, &value);
	if (r != 0)
		return r;
	*number = key_to_u32(value);
	r = store_get(txn, TABLE_ARTICLES, key_u32(key, *number), &value);
	if (r != 0 || article_record_decode(&e->batch_arena, value, &record))
		return r < 0 ? r : -EINVAL;
	*boost = record.article.boost;
	return 0;
}

static int pin_apply(struct write_op *op, struct store_txn *txn, void *ctx)
{
	struct pin_op *x = (struct pin_op *)op;
	struct engine *e = engine_of(ctx);
	uint8_t key[STORE_KEY_MAX];
	struct span value;
	int r = find_article(e, txn, x->pin.article_id, &x->article, &x->boost);
	*x->outcome = r == 1 ? PIN_UNKNOWN_ARTICLE : PIN_DONE;
	if (r != 0)
		return r < 0 ? r : 0;
	if (x->pin.edition.len) {
		r = store_get(txn, TABLE_EDITIONS, x->pin.edition, &value);
		if (r == 1)
			*x->outcome = PIN_UNKNOWN_EDITION;
		if (r != 0)
			return r < 0 ? r : 0;
	}
	r = store_get(txn, TABLE_META, pin_key(key, x->pin.article_id), &value);
	if (r == 1) {
		struct pin_list *now;
		r = read_pins(txn, &now);
		if (r < 0)
			return r;
		bool full = now->n >= LIMIT_PINS;
		free_pin_list(now);
		if (full) {
			*x->outcome = PIN_TOO_MANY;
			return 0;
		}
	}
	struct pin_record record = {.article = x->article, .position = (uint16_t)x->pin.position,
	                            .until_ms = x->pin.until_ms, .boost = x->pin.boost, .edition = x->pin.edition};
	if (x->pin.boost > 0)
		x->boost = x->pin.boost;
	buf_clear(&e->record);
	pin_record_encode(&e->record, &record);
	if (r >= 0)
		r = e->record.failed ? -ENOMEM : store_put(txn, TABLE_META, pin_key(key, x->pin.article_id), buf_span(&e->record));
	e->numbers.sequence++;
	return r < 0 ? r : read_pins(txn, &x->fresh);
}

static int pin_delete_apply(struct write_op *op, struct store_txn *txn, void *ctx)
{
	struct pin_op *x = (struct pin_op *)op;
	struct engine *e = engine_of(ctx);
	uint8_t key[STORE_KEY_MAX];
	int r = store_delete(txn, TABLE_META, pin_key(key, x->pin.article_id));
	*x->outcome = r == 0 ? PIN_DONE : PIN_UNKNOWN_ARTICLE;
	if (r != 0)
		return r < 0 ? r : 0;
	r = find_article(e, txn, x->pin.article_id, &x->article, &x->boost);
	e->numbers.sequence++;
	return r < 0 ? r : read_pins(txn, &x->fresh);
}

static int pin_submit(struct engine_worker *w, struct arena *arena, const struct pin *pin, enum pin_outcome *outcome,
                      int (*apply)(struct write_op *, struct store_txn *, void *), engine_done_fn done, void *ctx)
{
	struct pin_op *x = arena_calloc(arena, 1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	x->caller = (struct caller_op){.op = {.n_elements = 1, .apply = apply, .publish = pin_publish, .done = pin_done},
	                               .done = done, .done_ctx = ctx};
	x->pin = *pin;
	x->outcome = outcome;
	return writer_submit(w->engine->writer, &x->caller.op);
}

int engine_pin_put(struct engine_worker *w, struct arena *arena, const struct pin *pin, int64_t now_ms,
                   enum pin_outcome *outcome, engine_done_fn done, void *ctx)
{
	return pin_submit(w, arena, pin, outcome, pin_apply, done, ctx);
}

int engine_pin_delete(struct engine_worker *w, struct arena *arena, struct span article_id, int64_t now_ms,
                      enum pin_outcome *outcome, engine_done_fn done, void *ctx)
{
	struct pin pin = {.article_id = article_id};
	return pin_submit(w, arena, &pin, outcome, pin_delete_apply, done, ctx);
}

int engine_pins_get(struct engine_worker *w, struct arena *arena, const struct pin **out, size_t *n)
{
	const struct pin_list *list = atomic_load_explicit(&w->engine->pins, memory_order_acquire);
	struct pin *pins = arena_calloc(arena, list ? list->n : 0, sizeof(*pins));
	if (!pins)
		return -ENOMEM;
	for (size_t i = 0; list && i < list->n; i++) {
		const struct pin_record *r = &list->entries[i].record;
		pins[i] = (struct pin){list->entries[i].article_id, r->position, r->edition, r->until_ms, r->boost};
	}
	*out = pins;
	*n = list ? list->n : 0;
	return 0;
}
