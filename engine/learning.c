/* From slates to what is learnt: slates wait from when they are stored (slate.c), those of a caller's own list, which are
 * not stored, from here; they are closed when their time has come, and are learnt once stored as examples.
 *
 * Closing is an operation of the writer's like any other. In its transaction each slate due that teaches something gets a
 * record in its reader's chain and an example under the same sequence number; after the commit the examples are learnt in
 * that order, and workers see the result before anyone is told. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "engine/core.h"
#include "engine/feed_internal.h"

enum { CLOSE_MAX = 128 };

/* ---- slates of no page come in ---- */

struct learning_op {
	struct write_op op;
	struct pending_slate *slate;
};

static int nothing(struct write_op *op, struct store_txn *txn, void *ctx)
{
	return 0;
}

static void wait_publish(struct write_op *op, void *ctx)
{
	struct learning_op *l = (struct learning_op *)op;
	pending_add_take(engine_of(ctx)->pending, l->slate);
	l->slate = NULL;
}

static void wait_done(struct write_op *op, int status, void *ctx)
{
	pending_slate_free(((struct learning_op *)op)->slate);
	free(op);
}

int64_t learning_delay_ms(const struct engine *e, const struct model *m)
{
	return e->config.learn_delay_ms >= 0 ? e->config.learn_delay_ms : (int64_t)m->learn.delay_s * 1000;
}

int learning_wait_take(struct engine *e, struct pending_slate *slate)
{
	struct learning_op *l = malloc(sizeof(*l));
	int r = l ? 0 : -ENOMEM;
	if (l) {
		*l = (struct learning_op){.op = {.n_elements = 1, .apply = nothing, .publish = wait_publish, .done = wait_done,
		                                 .patient = true}, /* an event of the slate's comes behind it, and takes it along */
		                          .slate = slate};
		r = writer_submit(e->writer, &l->op);
	}
	if (r < 0) {
		free(l);
		pending_slate_free(slate);
	}
	return r;
}

/* ---- slates are closed ---- */

struct close_op {
	struct write_op op;
	int64_t now_ms;
	engine_done_fn done; /* may be NULL */
	void *done_ctx;
	struct arena arena;
	size_t n_popped, n;
	struct pending_slate *slates[CLOSE_MAX]; /* [n_popped], to be freed once it is all over */
	struct example *examples[CLOSE_MAX];     /* [n] */
	uint64_t sequence[CLOSE_MAX];
};

/* The part of a slate that counts, in the operation's memory. NULL: memory is out. */
static struct example *counted_part(struct arena *arena, const struct example *e, const uint16_t *which, size_t n)
{
	struct example *part = example_new(arena, n, e->n_columns);
	if (!part)
		return NULL;
	struct example head = *e;
	head.n = n;
	head.slots = part->slots;
	head.columns = part->columns;
	head.mean = e->mean;
	head.deviation = e->deviation;
	*part = head;
	for (size_t i = 0; i < n; i++) {
		part->slots[i] = e->slots[which[i]];
		memcpy(part->columns + i * e->n_columns, e->columns + which[i] * e->n_columns, e->n_columns * sizeof(float));
	}
	return part;
}

static int store_example(struct engine *e, struct store_txn *txn, struct close_op *c, struct example *example)
{
	uint8_t key[8];
	struct hot *hot;
	int r = readers_open_number(e->readers, txn, example->user, &hot);
	if (r != 0) /* erased meanwhile */
		return r < 0 ? r : 0;
	struct log_record record = {.kind = LOG_LEARN, .received_ms = c->now_ms, .feed = example->feed,
	                            .page = example->page};
	r = chain_fold(e, txn, hot, &record);
	if (r < 0)
		return r;
	example->number = e->next_example++;
	buf_clear(&e->record);
	example_encode(&e->record, example);
	if (e->record.failed)
		return -ENOMEM;
	c->examples[c->n] = example;
	c->sequence[c->n] = e->numbers.sequence;
	r = store_append(txn, TABLE_EXAMPLES, key_u64(key, c->sequence[c->n]), buf_span(&e->record));
	c->n++;
	return r;
}

static int close_apply(struct write_op *op, struct store_txn *txn, void *ctx)
{
	struct close_op *c = (struct close_op *)op;
	struct engine *e = engine_of(ctx);
	uint16_t which[EXAMPLE_SLOTS_MAX];
	int r = 0;
	c->n = 0;
	while (r == 0 && c->n_popped < CLOSE_MAX && pending_due(e->pending, c->now_ms)) {
		struct pending_slate *s = c->slates[c->n_popped++] = pending_pop(e->pending);
		size_t n = s->example->user ? pending_counted(s->example, which) : 0;
		if (!s->watched)
			monitor_add(e->monitor, s->example, which, n);
		s->watched = true; /* should the commit fail, it comes here again */
		if (s->example->n_columns == 0)
			continue; /* a linear model's */
		float weight = n > 0 ? pending_weight(e->pending, s->example->user, c->now_ms) : 0;
		if (weight == 0)
			continue;
		struct example *part = counted_part(&c->arena, s->example, which, n);
		if (part)
			part->weight = weight;
		r = part ? store_example(e, txn, c, part) : -ENOMEM;
	}
	return r;
}

/* What slates would have had of clicks were they clicked at random. */
static int count_expected(struct engine *e, const struct example *example, uint64_t sequence, const struct map *through)
{
	unsigned n_clicked = 0;
	assert(example->n > 0);
	for (size_t i = 0; i < example->n; i++)
		n_clicked += (example->slots[i].events & EXAMPLE_CHOSEN) != 0;
	int delta = (int)((float)(n_clicked * CATALOG_EXPECTED_ONE) * example->weight / (float)example->n), r = 0;
	for (size_t i = 0; i < example->n && r == 0; i++)
		if (!through || sequence > map_get(through, example->slots[i].article))
			r = catalog_count(e->catalog, example->slots[i].article, CATALOG_EXPECTED, example->at_ms, delta);
	return r;
}

int learning_fold(struct engine *e, const struct example *example, uint64_t sequence, const struct map *through)
{
	int r = learner_fold(e->learner, example, sequence);
	return r == 0 ? count_expected(e, example, sequence, through) : r;
}

static bool holds(const struct example *example, const struct log_record *r)
{
	for (size_t i = 0; i < example->n; i++)
		if (example->slots[i].article == r->article)
			return example->slots[i].events >> r->type & 1;
	return false;
}

/* Deletes the example under a LOG_LEARN record when it holds the event. Returns 0, 1 when it does not, negative errno. */
static int drop_example(struct engine *e, struct store_txn *txn, const struct log_record *r, uint64_t at)
{
	uint8_t key[8];
	struct span value;
	struct example *example;
	int error = store_get(txn, TABLE_EXAMPLES, key_u64(key, at), &value);
	if (error != 0)
		return error;
	error = example_decode(&e->batch_arena, value, &example);
	if (error != 0)
		return error < 0 ? error : -EINVAL;
	return holds(example, r) ? store_delete(txn, TABLE_EXAMPLES, key_u64(key, at)) : 1;
}

int learning_drop(struct engine *e, struct store_txn *txn, const struct log_record *r, uint64_t sequence,
                  uint64_t chain_head, uint64_t *dropped)
{
	*dropped = 0;
	for (uint64_t at = r->feed ? chain_head : 0; at > sequence;) {
		struct log_record record;
		int error = event_log_read(txn, &e->batch_arena, at, &record);
		if (error != 0)
			return error < 0 ? error : 0;
		error = record.kind == LOG_LEARN && record.feed == r->feed ? drop_example(e, txn, r, at) : 1;
		if (error <= 0) {
			*dropped = error == 0 ? at : 0;
			return error;
		}
		at = record.previous;
	}
	return 0;
}

static void close_publish(struct write_op *op, void *ctx)
{
	struct close_op *c = (struct close_op *)op;
	struct engine *e = engine_of(ctx);
	int r = 0;
	for (size_t i = 0; i < c->n && r == 0; i++)
		r = learning_fold(e, c->examples[i], c->sequence[i], NULL);
	if (r == 0 && c->n > 0)
		r = learner_publish(e->learner);
	if (r < 0)
		__builtin_trap(); /* stored but not learnt: only a restart can mend that */
}

static void close_done(struct write_op *op, int status, void *ctx)
{
	struct close_op *c = (struct close_op *)op;
	struct engine *e = engine_of(ctx);
	/* What could not be stored waits again, behind the others. */
	for (size_t i = 0; i < c->n_popped; i++)
		if (status < 0)
			pending_add_take(e->pending, c->slates[i]);
		else
			pending_slate_free(c->slates[i]);
	arena_free(&c->arena);
	if (status == 0 && pending_due(e->pending, c->now_ms) && learning_close_due(e, c->now_ms, c->done, c->done_ctx) == 0)
		; /* the rest of them tells the caller */
	else if (c->done)
		c->done(c->done_ctx, status);
	free(c);
}

int learning_close_due(struct engine *e, int64_t now_ms, engine_done_fn done, void *ctx)
{
	if (!pending_due(e->pending, now_ms))
		return 1;
	struct close_op *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->op = (struct write_op){.n_elements = 1, .apply = close_apply, .publish = close_publish, .done = close_done};
	c->now_ms = now_ms;
	c->done = done;
	c->done_ctx = ctx;
	int r = writer_submit(e->writer, &c->op);
	if (r < 0)
		free(c);
	return r;
}
