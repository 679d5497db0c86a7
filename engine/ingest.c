/* Articles in: analysis on the caller's thread, then on the writer: compare with what is stored, number the topics, find
 * the story, store; after the commit, publish to the catalogue. */
#include <errno.h>
#include <math.h>

#include "engine/card.h"
#include "engine/core.h"

enum ingest_effect { EFFECT_NONE, EFFECT_PUBLISH, EFFECT_WITHDRAW };

struct ingest_item {
	const struct article *article;
	struct article_result *result;
	struct text_analysis analysis;
	uint64_t content_hash;
	/* the writer's: */
	uint32_t number;
	enum ingest_effect effect;
	struct article_record *record;
};

struct ingest_op {
	struct caller_op caller;
	struct arena *arena;
	int64_t now_ms;
	size_t n;
	struct ingest_item items[];
};

/* Where a report stands for story joining. */
static struct stories_report report_of(uint32_t number, uint32_t source, uint8_t language,
                                       const struct article_record *r, struct story_print *print)
{
	print->simhash = r->simhash;
	print->n_terms = r->n_print;
	for (size_t i = 0; i < r->n_print; i++) {
		print->terms[i].term = r->print[i].term;
		print->terms[i].weight = r->print[i].weight;
	}
	return (struct stories_report){.article = number, .source = source, .language = language,
	                               .published_ms = r->article.published_at_ms, .print = print};
}

/* The first topic of a namespace in a vector; declared ones stand before terms. */
static uint32_t first_of(const struct article_record *r, enum topic_namespace ns)
{
	for (size_t i = 0; i < r->n_vector; i++)
		if (topic_namespace_of(r->vector[i].topic) == ns)
			return r->vector[i].topic;
	return 0;
}

static bool carries(const struct article_record *r, const uint32_t *topics, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < r->n_vector; j++)
			if (r->vector[j].topic == topics[i])
				return true;
	return false;
}

/* Which editions an article belongs to: its language is one of the edition's (when it names any); it carries one of its
 * places or comes from one of its sources (when it names any of either); its section is one of its sections (likewise). */
uint64_t edition_bits(const struct edition_list *list, const struct article_record *r, uint32_t source,
                      uint32_t section)
{
	uint64_t bits = 0;
	for (size_t i = 0; list && i < list->n; i++) {
		const struct edition_record *e = &list->entries[i].record;
		bool language = e->n_languages == 0, place = e->n_places == 0 && e->n_sources == 0,
		     in_section = e->n_sections == 0;
		for (size_t j = 0; j < e->n_languages; j++)
			language |= span_equal(e->languages[j], r->language);
		place |= carries(r, e->places, e->n_places);
		for (size_t j = 0; j < e->n_sources; j++)
			place |= e->sources[j] == source;
		for (size_t j = 0; j < e->n_sections; j++)
			in_section |= e->sections[j] == section;
		if (language && place && in_section)
			bits |= UINT64_C(1) << e->bit;
	}
	return bits;
}

/* The boost that stands: an editor's pin record before the publisher's. */
static float boost_of(struct engine *e, uint32_t number, const struct article_record *r)
{
	const struct pin_list *pins = atomic_load_explicit(&e->pins, memory_order_relaxed);
	for (size_t i = 0; pins && i < pins->n; i++)
		if (pins->entries[i].record.article == number && pins->entries[i].record.boost > 0)
			return pins->entries[i].record.boost;
	return r->article.boost;
}

/* Where an article lies by its embedding, or by its words' vectors where there are such. */
static int place_dense(struct engine *e, uint32_t number, const struct article *a, struct catalog_entry *entry)
{
	const struct span texts[] = {a->title, a->summary};
	float *sum = e->word_sum;
	if (a->n_embedding)
		return dense_place(e->dense, number, DENSE_OWN, a->embedding, a->n_embedding, &entry->dense_space, entry->dense);
	if (!e->word_vectors)
		return 0;
	int r = word_vectors_place(e->word_vectors, e->text, texts, 2, sum);
	return r < 0 ? r : dense_place(e->dense, number, DENSE_WORDS, sum, word_vectors_width(e->word_vectors),
	                               &entry->dense_space, entry->dense);
}

/* A text of unknown length stands as one of ordinary length. */
static float log_chars(const struct article *a)
{
	enum { ORDINARY = 2000 };
	return log1pf((float)(a->char_count ? a->char_count : ORDINARY));
}

int engine_publish_record(struct engine *e, uint32_t number, const struct article_record *r)
{
	const struct article *a = &r->article;
	struct catalog_entry entry = {
		.article = number, .story = r->story, .created_seq = r->created_seq, .published_ms = a->published_at_ms,
		.visible_from_ms = a->embargo_until_ms, .expires_ms = a->expires_at_ms,
		.source = first_of(r, TOPIC_SOURCE), .section = first_of(r, TOPIC_SECTION),
		.author = first_of(r, TOPIC_AUTHOR), .language = catalog_language(e->catalog, r->language),
		.premium = a->premium, .boost = boost_of(e, number, r), .log_chars = log_chars(a),
		.vector = r->vector, .n_vector = r->n_vector};
	entry.editions = edition_bits(atomic_load_explicit(&e->editions, memory_order_relaxed), r, entry.source, entry.section);
	struct buf card = {0};
	struct arena arena = {0};
	struct span title = text_normalise(e->text, &arena, a->title);
	if (!title.data)
		return -ENOMEM;
	card_write(&card, r);
	size_t json_len = card.len;
	card_write_brief(&card, r);
	int error = card.failed ? -ENOMEM : place_dense(e, number, a, &entry);
	if (error == 0) {
		entry.card = (struct catalog_card){.id = a->id, .json = {card.data, json_len},
		                                   .brief = {card.data + json_len, card.len - json_len}, .title = title};
		error = catalog_publish(e->catalog, &entry);
	}
	if (error == 0)
		error = dense_show(e->dense, e->catalog);
	buf_free(&card);
	arena_free(&arena);
	return error;
}

int stories_put_record(struct engine *e, uint32_t number, const struct article_record *r)
{
	struct story_print print;
	struct stories_report report =
		report_of(number, first_of(r, TOPIC_SOURCE), catalog_language(e->catalog, r->language), r, &print);
	return stories_put(e->stories, &report, r->story, r->story_fixed);
}

int stories_rebuild(struct engine *e, struct store_txn *txn)
{
	struct stories_config config = {.window_ms = (int64_t)e->config.story_window_h * 3600000,
	                                .story_max = e->config.story_max};
	struct stories *fresh;
	struct store_cursor *c;
	struct span key, value;
	int r = stories_new(&fresh, &config);
	if (r < 0)
		return r;
	r = store_cursor_new(txn, TABLE_ARTICLES, &c);
	if (r < 0) {
		stories_free(fresh);
		return r;
	}
	stories_free(e->stories);
	e->stories = fresh;
	struct arena arena = {0};
	for (r = store_first(c, &key, &value); r == 0; r = store_next(c, &key, &value)) {
		struct article_record record;
		uint32_t number = key_to_u32(key);
		arena_reset(&arena);
		if (!catalog_find(e->catalog, number).segment || article_record_decode(&arena, value, &record))
			continue;
		r = stories_put_record(e, number, &record);
		if (r < 0)
			break;
	}
	store_cursor_free(c);
	arena_free(&arena);
	return r < 0 ? r : 0;
}

/* Finds the article's story and puts it there. */
static int join_story(struct engine *e, uint32_t number, struct article_record *r, const struct article_record *old)
{
	struct story_print print;
	struct stories_report report =
		report_of(number, first_of(r, TOPIC_SOURCE), catalog_language(e->catalog, r->language), r, &print);
	e->stories_changed = true;
	if (old && old->story_fixed) {
		r->story = old->story;
		r->story_fixed = true;
	} else {
		r->story = stories_match(e->stories, &report);
	}
	for (int attempt = 0; attempt < 2; attempt++) {
		if (r->story == 0) {
			/* A story of its own: named by its number, unless others stand under that number already. */
			uint32_t member;
			size_t n = stories_members(e->stories, number, &member, 1);
			r->story = n == 0 || (n == 1 && member == number) ? number : e->numbers.next_article++;
		}
		int error = stories_put(e->stories, &report, r->story, r->story_fixed);
		if (error <= 0)
			return error;
		r->story = 0; /* full */
	}
	return -EINVAL;
}

static int number_vector(struct engine *e, struct store_txn *txn, const struct text_analysis *analysis,
                         struct article_record *r)
{
	struct topic_term *vector = arena_calloc(&e->batch_arena, analysis->n_vector, sizeof(*vector));
	if (!vector)
		return -ENOMEM;
	for (size_t i = 0; i < analysis->n_vector; i++) {
		int error = topics_resolve(e->topics, txn, analysis->vector[i].topic, analysis->vector[i].label,
		                           &vector[i].topic);
		if (error < 0)
			return error;
		float q = roundf(analysis->vector[i].weight * TOPIC_TERM_ONE);
		vector[i].weight = (int16_t)(q > TOPIC_TERM_ONE ? TOPIC_TERM_ONE : q);
	}
	r->vector = vector;
	r->n_vector = analysis->n_vector;
	r->simhash = analysis->print.simhash;
	r->n_print = analysis->print.n_terms;
	for (size_t i = 0; i < r->n_print; i++) {
		r->print[i].term = analysis->print.terms[i].term;
		r->print[i].weight = analysis->print.terms[i].weight;
	}
	return 0;
}

static int store_article(struct engine *e, struct store_txn *txn, uint32_t number, const struct article_record *r,
                         bool is_new)
{
	uint8_t key[4];
	buf_clear(&e->record);
	article_record_encode(&e->record, r);
	if (e->record.failed)
		return -ENOMEM;
	int error = is_new ? store_append(txn, TABLE_ARTICLES, key_u32(key, number), buf_span(&e->record))
	                   : store_put(txn, TABLE_ARTICLES, key_u32(key, number), buf_span(&e->record));
	if (error == 0 && is_new)
		error = store_put(txn, TABLE_ARTICLE_IDS, r->article.id, key_u32(key, number));
	if (error == 0 && r->article.body.len)
		error = store_put(txn, TABLE_BODIES, key_u32(key, number), r->article.body);
	else if (error == 0 && !is_new)
		error = store_delete(txn, TABLE_BODIES, key_u32(key, number));
	return error < 0 ? error : 0;
}

/* What is stored under an id: *number 0 when nothing is. */
static int find_stored(struct engine *e, struct store_txn *txn, struct span id, uint32_t *number,
                       struct article_record *old)
{
	uint8_t key[4];
	struct span value;
	*number = 0;
	int r = store_get(txn, TABLE_ARTICLE_IDS, id, &value);
	if (r != 0)
		return r < 0 ? r : 0;
	*number = key_to_u32(value);
	r = store_get(txn, TABLE_ARTICLES, key_u32(key, *number), &value);
	if (r == 0 && article_record_decode(&e->batch_arena, value, old) == 0)
		return 0;
	return r < 0 ? r : -EINVAL;
}

static int ingest_one(struct engine *e, struct store_txn *txn, struct ingest_item *item, int64_t now_ms)
{
	struct article_record old, *r = arena_calloc(&e->batch_arena, 1, sizeof(*r));
	uint32_t number;
	if (!r)
		return -ENOMEM;
	int error = find_stored(e, txn, item->article->id, &number, &old);
	if (error < 0)
		return error;
	bool is_new = number == 0;
	item->effect = EFFECT_NONE;
	if (!is_new && item->article->updated_at_ms && item->article->updated_at_ms < old.article.updated_at_ms) {
		item->result->outcome = ARTICLE_STALE;
		return 0;
	}
	if (!is_new && old.content_hash == item->content_hash) {
		item->result->outcome = ARTICLE_UNCHANGED;
		return 0;
	}
	uint64_t sequence = ++e->numbers.sequence;
	*r = (struct article_record){.article = *item->article, .language = item->analysis.language,
	                             .content_hash = item->content_hash, .created_seq = sequence};
	if (r->article.published_at_ms == 0)
		r->article.published_at_ms = is_new ? now_ms : old.article.published_at_ms;
	if (is_new) {
		number = e->numbers.next_article++;
	} else {
		r->created_seq = old.created_seq;
		r->revision = old.revision + 1;
	}
	error = number_vector(e, txn, &item->analysis, r);
	if (error == 0 && r->article.status == ARTICLE_USABLE) {
		error = join_story(e, number, r, is_new ? NULL : &old);
	} else if (error == 0) {
		e->stories_changed = true;
		stories_remove(e->stories, number);
		r->story = is_new ? number : old.story;
	}
	if (error == 0)
		error = store_article(e, txn, number, r, is_new);
	if (error < 0)
		return error;
	item->number = number;
	item->record = r;
	item->effect = r->article.status == ARTICLE_USABLE ? EFFECT_PUBLISH : EFFECT_WITHDRAW;
	item->result->outcome = is_new ? ARTICLE_CREATED : ARTICLE_UPDATED;
	return 0;
}

static int ingest_apply(struct write_op *op, struct store_txn *txn, void *ctx)
{
	struct ingest_op *in = (struct ingest_op *)op;
	int error = 0;
	for (size_t i = 0; i < in->n && error == 0; i++)
		error = ingest_one(engine_of(ctx), txn, &in->items[i], in->now_ms);
	return error;
}

/* After the commit memory must follow; without memory the process can only start again from what is durable. */
static void must(int error)
{
	if (error < 0)
		__builtin_trap();
}

static void ingest_publish(struct write_op *op, void *ctx)
{
	struct ingest_op *in = (struct ingest_op *)op;
	struct engine *e = engine_of(ctx);
	for (size_t i = 0; i < in->n; i++) {
		struct ingest_item *item = &in->items[i];
		if (item->effect == EFFECT_PUBLISH)
			must(engine_publish_record(e, item->number, item->record));
		else if (item->effect == EFFECT_WITHDRAW)
			catalog_withdraw(e->catalog, item->number);
		if (item->effect != EFFECT_NONE)
			text_df_add(e->df, item->analysis.terms, item->analysis.n_terms, in->now_ms);
	}
}

static int content_hash(const struct article *a, struct buf *b, uint64_t *out)
{
	struct article_record r = {.article = *a};
	buf_clear(b);
	article_record_encode(b, &r);
	buf_put_span(b, a->body);
	if (b->failed)
		return -ENOMEM;
	*out = hash64(buf_span(b));
	return 0;
}

int engine_ingest(struct engine_worker *w, struct arena *arena, const struct article *articles,
                  struct article_result *results, size_t n, int64_t now_ms, engine_done_fn done, void *ctx)
{
	struct ingest_op *in = arena_calloc(arena, 1, sizeof(*in) + n * sizeof(in->items[0]));
	struct buf b = {0};
	int error = in ? 0 : -ENOMEM;
	for (size_t i = 0; i < n && error == 0; i++) {
		struct ingest_item *item = &in->items[i];
		item->article = &articles[i];
		item->result = &results[i];
		error = content_hash(&articles[i], &b, &item->content_hash);
		if (error == 0)
			error = text_analyse(w->text, arena, &articles[i], NULL, 0, w->engine->df, now_ms, &item->analysis);
	}
	buf_free(&b);
	if (error < 0)
		return error;
	in->caller = (struct caller_op){.op = {.n_elements = (unsigned)n, .apply = ingest_apply,
	                                       .publish = ingest_publish, .done = caller_op_done},
	                                .done = done, .done_ctx = ctx};
	in->now_ms = now_ms;
	in->n = n;
	return engine_submit_growth(w->engine, &in->caller.op);
}

/* ---- deleting ---- */

struct delete_op {
	struct caller_op caller;
	struct span id;
	bool *found;
	uint32_t number;
};

static int delete_apply(struct write_op *op, struct store_txn *txn, void *ctx)
{
	struct delete_op *d = (struct delete_op *)op;
	struct engine *e = engine_of(ctx);
	uint8_t key[4];
	struct span value;
	*d->found = false;
	int r = store_get(txn, TABLE_ARTICLE_IDS, d->id, &value);
	if (r != 0)
		return r < 0 ? r : 0;
	d->number = key_to_u32(value);
	r = store_delete(txn, TABLE_ARTICLE_IDS, d->id);
	if (r >= 0)
		r = store_delete(txn, TABLE_ARTICLES, key_u32(key, d->number));
	if (r >= 0)
		r = store_delete(txn, TABLE_BODIES, key_u32(key, d->number));
	if (r >= 0)
		r = store_delete(txn, TABLE_COUNTERS, key_u32(key, d->number));
	if (r < 0)
		return r;
	e->numbers.sequence++;
	e->stories_changed = true;
	stories_remove(e->stories, d->number);
	*d->found = true;
	return 0;
}

static void delete_publish(struct write_op *op, void *ctx)
{
	struct delete_op *d = (struct delete_op *)op;
	if (*d->found)
		catalog_withdraw(engine_of(ctx)->catalog, d->number);
}

int engine_article_delete(struct engine_worker *w, struct arena *arena, struct span id, int64_t now_ms, bool *found,
                          engine_done_fn done, void *ctx)
{
	struct delete_op *d = arena_calloc(arena, 1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->caller = (struct caller_op){.op = {.n_elements = 1, .apply = delete_apply, .publish = delete_publish,
	                                      .done = caller_op_done},
	                               .done = done, .done_ctx = ctx};
	d->id = id;
	d->found = found;
	return writer_submit(w->engine->writer, &d->caller.op);
}
