/* Editions, as editors set them. The list is small, so each change publishes a new immutable one and the old one goes through
 * the epoch. */
#include <errno.h>
#include <stdlib.h>

#include "engine/core.h"

static void free_edition_list(void *list)
{
	arena_free(&((struct edition_list *)list)->arena);
	free(list);
}

const struct edition_entry *edition_find(const struct edition_list *list, struct span key)
{
	for (size_t i = 0; list && i < list->n; i++)
		if (span_equal(list->entries[i].key, key))
			return &list->entries[i];
	return NULL;
}

/* Reads every edition of the store into a new list. */
static int read_editions(struct store_txn *txn, struct edition_list **out)
{
	struct store_cursor *c;
	struct span key, value;
	struct edition_list *list = calloc(1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	list->entries = arena_calloc(&list->arena, LIMIT_EDITIONS, sizeof(*list->entries));
	int r = list->entries ? store_cursor_new(txn, TABLE_EDITIONS, &c) : -ENOMEM;
	if (r < 0) {
		free_edition_list(list);
		return r;
	}
	for (r = store_first(c, &key, &value); r == 0 && list->n < LIMIT_EDITIONS; r = store_next(c, &key, &value)) {
		struct edition_entry *entry = &list->entries[list->n];
		entry->key = arena_copy(&list->arena, key);
		struct span copy = arena_copy(&list->arena, value);
		if (!entry->key.data || !copy.data || edition_record_decode(copy, &entry->record)) {
			r = -EINVAL;
			break;
		}
		list->n++;
	}
	store_cursor_free(c);
	if (r < 0) {
		free_edition_list(list);
		return r;
	}
	*out = list;
	return 0;
}

int editions_load(struct engine *e, struct store_txn *txn)
{
	struct edition_list *list;
	int r = read_editions(txn, &list);
	if (r == 0)
		atomic_store(&e->editions, list);
	return r;
}

struct edition_op {
	struct caller_op caller;
	struct edition edition; /* names normalised and namespaced */
	enum edition_outcome *outcome;
	struct edition_list *fresh;
};

/* The bits of one article under the published list. */
static void set_bits(void *ctx, const struct catalog_segment *s, uint32_t slot)
{
	struct engine *e = ctx;
	struct article_record r = {.language = catalog_language_name(e->catalog, s->language[slot])};
	r.vector = catalog_vector(s, slot, &r.n_vector);
	catalog_set_editions(e->catalog, s->article[slot],
	                     edition_bits(atomic_load(&e->editions), &r, s->source[slot], s->section[slot]));
}

static void edition_publish(struct write_op *op, void *ctx)
{
	struct edition_op *x = (struct edition_op *)op;
	struct engine *e = engine_of(ctx);
	if (!x->fresh)
		return;
	struct edition_list *old = atomic_load(&e->editions);
	atomic_store(&e->editions, x->fresh);
	x->fresh = NULL;
	if (old)
		epoch_retire(e->epoch, old, free_edition_list);
	catalog_each(e->catalog, set_bits, e);
}

static void edition_done(struct write_op *op, int status, void *ctx)
{
	struct edition_op *x = (struct edition_op *)op;
	if (x->fresh)
		free_edition_list(x->fresh);
	caller_op_done(op, status, ctx);
}

static int resolve(struct engine *e, struct store_txn *txn, const struct span *names, size_t n, uint32_t *out)
{
	int r = 0;
	for (size_t i = 0; i < n && r == 0; i++)
		r = topics_resolve(e->topics, txn, names[i], (struct span){NULL, 0}, &out[i]);
	return r;
}

static unsigned free_bit(const struct edition_list *list)
{
	uint64_t used = 0;
	for (size_t i = 0; list && i < list->n; i++)
		used |= UINT64_C(1) << list->entries[i].record.bit;
	return used == UINT64_MAX ? LIMIT_EDITIONS : (unsigned)__builtin_ctzll(~used);
}

static int edition_apply(struct write_op *op, struct store_txn *txn, void *ctx)
{
	struct edition_op *x = (struct edition_op *)op;
	struct engine *e = engine_of(ctx);
	const struct edition *in = &x->edition;
	struct span value;
	struct edition_record record = {.title = in->title, .timezone = in->timezone, .n_languages = in->n_languages,
	                                .n_places = in->n_places, .n_sections = in->n_sections,
	                                .n_sources = in->n_sources};
	int r = store_get(txn, TABLE_EDITIONS, in->key, &value);
	if (r < 0)
		return r;
	*x->outcome = r == 0 ? EDITION_UPDATED : EDITION_CREATED;
	if (r == 0) {
		struct edition_record old;
		if (edition_record_decode(value, &old))
			return -EINVAL;
		record.bit = old.bit;
	} else {
		struct edition_list *now;
		r = read_editions(txn, &now); /* with what this batch added */
		if (r < 0)
			return r;
		record.bit = free_bit(now);
		free_edition_list(now);
		if (record.bit >= LIMIT_EDITIONS) {
			*x->outcome = EDITION_TOO_MANY;
			return 0;
		}
	}
	for (size_t i = 0; i < in->n_languages; i++)
		record.languages[i] = in->languages[i];
	r = resolve(e, txn, in->places, in->n_places, record.places);
	if (r == 0)
		r = resolve(e, txn, in->sections, in->n_sections, record.sections);
	if (r == 0)
		r = resolve(e, txn, in->sources, in->n_sources, record.sources);
	buf_clear(&e->record);
	edition_record_encode(&e->record, &record);
	if (r == 0)
		r = e->record.failed ? -ENOMEM : store_put(txn, TABLE_EDITIONS, in->key, buf_span(&e->record));
	e->numbers.sequence++;
	return r < 0 ? r : read_editions(txn, &x->fresh);
}

static int namespaced(struct engine_worker *w, struct arena *arena, const struct span *in, size_t n, const char *prefix,
                      const struct span **out)
{
	struct span *list = arena_calloc(arena, n, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		list[i] = text_normalise(w->text, arena, in[i]);
		if (list[i].data && !topics_namespace(list[i]))
			list[i] = arena_printf(arena, "%s%.*s", prefix, (int)list[i].len, list[i].data);
		if (!list[i].data)
			return -ENOMEM;
	}
	*out = list;
	return 0;
}

int engine_edition_put(struct engine_worker *w, struct arena *arena, const struct edition *edition, int64_t now_ms,
                       enum edition_outcome *outcome, engine_done_fn done, void *ctx)
{
	struct edition_op *x = arena_calloc(arena, 1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	x->caller = (struct caller_op){.op = {.n_elements = 1, .apply = edition_apply, .publish = edition_publish,
	                                      .done = edition_done},
	                               .done = done, .done_ctx = ctx};
	x->edition = *edition;
	x->outcome = outcome;
	int r = namespaced(w, arena, edition->places, edition->n_places, "place:", &x->edition.places);
	if (r == 0)
		r = namespaced(w, arena, edition->sections, edition->n_sections, "section:", &x->edition.sections);
	if (r == 0)
		r = namespaced(w, arena, edition->sources, edition->n_sources, "source:", &x->edition.sources);
	return r < 0 ? r : writer_submit(w->engine->writer, &x->caller.op);
}

static int edition_delete_apply(struct write_op *op, struct store_txn *txn, void *ctx)
{
	struct edition_op *x = (struct edition_op *)op;
	int r = store_delete(txn, TABLE_EDITIONS, x->edition.key);
	*x->outcome = r == 0 ? EDITION_DELETED : EDITION_NOT_FOUND;
	if (r != 0)
		return r < 0 ? r : 0;
	engine_of(ctx)->numbers.sequence++;
	return read_editions(txn, &x->fresh);
}

int engine_edition_delete(struct engine_worker *w, struct arena *arena, struct span key, int64_t now_ms,
                          enum edition_outcome *outcome, engine_done_fn done, void *ctx)
{
	struct edition_op *x = arena_calloc(arena, 1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	x->caller = (struct caller_op){.op = {.n_elements = 1, .apply = edition_delete_apply, .publish = edition_publish,
	                                      .done = edition_done},
	                               .done = done, .done_ctx = ctx};
	x->edition.key = key;
	x->outcome = outcome;
	return writer_submit(w->engine->writer, &x->caller.op);
}

/* Names without their namespace. */
static const struct span *bare_names(struct engine *e, struct arena *arena, const uint32_t *topics, size_t n)
{
	struct span *list = arena_calloc(arena, n, sizeof(*list));
	for (size_t i = 0; list && i < n; i++) {
		struct span name = topics_name(e->topics, topics[i]);
		const char *colon = name.len ? memchr(name.data, ':', name.len) : NULL;
		list[i] = colon ? (struct span){colon + 1, name.len - (size_t)(colon + 1 - name.data)} : name;
	}
	return list;
}

int engine_editions_get(struct engine_worker *w, struct arena *arena, const struct edition **out, size_t *n)
{
	const struct edition_list *list = atomic_load_explicit(&w->engine->editions, memory_order_acquire);
	struct edition *editions = arena_calloc(arena, list ? list->n : 0, sizeof(*editions));
	if (!editions)
		return -ENOMEM;
	for (size_t i = 0; list && i < list->n; i++) {
		const struct edition_record *r = &list->entries[i].record;
		editions[i] = (struct edition){
			.key = list->entries[i].key, .title = r->title, .timezone = r->timezone, .languages = r->languages,
			.places = bare_names(w->engine, arena, r->places, r->n_places),
			.sections = bare_names(w->engine, arena, r->sections, r->n_sections),
			.sources = bare_names(w->engine, arena, r->sources, r->n_sources), .n_languages = r->n_languages,
			.n_places = r->n_places, .n_sections = r->n_sections, .n_sources = r->n_sources};
		if (!editions[i].places || !editions[i].sections || !editions[i].sources)
			return -ENOMEM;
	}
	*out = editions;
	*n = list ? list->n : 0;
	return 0;
}
