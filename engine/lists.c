/* Requests made ready, items filled in, and the lists that are not feeds: a caller's own, related, explained. */
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "engine/feed_internal.h"

enum { REASONS_SHORT = 3 };
/* A topic number that no article carries. */
enum { NO_SUCH_TOPIC = 1 };

/* The number of a name in a namespace, taken with the namespace in front or without. 0 when nothing is asked. */
static int find_topic(struct engine_worker *w, struct arena *arena, struct span name, const char *prefix, uint32_t *out)
{
	*out = 0;
	if (name.len == 0)
		return 0;
	struct span text = text_normalise(w->text, arena, name);
	if (!text.data)
		return -ENOMEM;
	if (!topics_namespace(text))
		text = arena_printf(arena, "%s%.*s", prefix, (int)text.len, text.data);
	if (!text.data)
		return -ENOMEM;
	*out = topics_find(w->engine->topics, text);
	if (*out == 0)
		*out = NO_SUCH_TOPIC;
	return 0;
}

static int look_for_model(struct engine_worker *w, struct span name, struct query *q)
{
	for (unsigned i = 0; i < CATALOG_MODELS; i++) {
		const struct model *m = atomic_load_explicit(&w->engine->models.model[i], memory_order_acquire);
		if (m && (name.len == 0 || span_equal_cstr(name, m->name))) {
			q->rank.model = m;
			q->rank.model_slot = i;
			stage_two_pick(w->engine->learner, m, i, &q->two);
			return FEED_OK;
		}
	}
	return FEED_UNKNOWN_MODEL;
}

/* A model, its place and what it has learnt, all of one set of models: while the writer swaps sets, a moment is waited. */
static int find_model(struct engine_worker *w, struct span name, struct query *q)
{
	for (;;) {
		uint64_t swaps = atomic_load_explicit(&w->engine->model_swaps, memory_order_acquire);
		int r = look_for_model(w, name, q);
		if (!(swaps & 1) && atomic_load_explicit(&w->engine->model_swaps, memory_order_acquire) == swaps)
			return r;
		sched_yield();
	}
}

static int take_reader(struct engine_worker *w, struct arena *arena, struct query *q)
{
	const struct user_record *s = &q->reader->settings;
	struct rank_mute *mutes = arena_calloc(arena, s->n_mutes, sizeof(*mutes));
	uint8_t *languages = arena_calloc(arena, s->n_languages, 1);
	if (!mutes || !languages)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_mutes; i++)
		mutes[i] = (struct rank_mute){s->mutes[i].topic, s->mutes[i].until_ms};
	for (size_t i = 0; i < s->n_languages; i++)
		languages[i] = catalog_find_language(w->engine->catalog, s->languages[i]);
	q->rank.reader = (struct rank_reader){
		.profile = &q->reader->profile, .history = &q->reader->history, .follows = s->follows, .places = s->places,
		.mutes = mutes, .languages = languages, .n_follows = s->n_follows, .n_places = s->n_places,
		.n_mutes = s->n_mutes, .n_languages = s->n_languages};
	return 0;
}

static int take_edition(struct engine_worker *w, struct arena *arena, struct span key, bool asked, struct query *q)
{
	const struct edition_list *list = atomic_load_explicit(&w->engine->editions, memory_order_acquire);
	const struct edition_entry *entry = key.len ? edition_find(list, key) : NULL;
	if (!entry)
		return asked && key.len ? FEED_UNKNOWN_EDITION : FEED_OK;
	uint8_t *languages = arena_calloc(arena, entry->record.n_languages, 1);
	if (!languages)
		return -ENOMEM;
	for (size_t i = 0; i < entry->record.n_languages; i++)
		languages[i] = catalog_find_language(w->engine->catalog, entry->record.languages[i]);
	q->edition_key = entry->key;
	q->rank.edition = asked ? (int)entry->record.bit : -1;
	q->rank.edition_places = entry->record.places;
	q->rank.n_edition_places = entry->record.n_places;
	q->rank.edition_languages = languages;
	q->rank.n_edition_languages = entry->record.n_languages;
	return FEED_OK;
}

static int take_excluded(struct engine_worker *w, struct arena *arena, const struct feed_request *q, struct query *out)
{
	uint32_t *articles = arena_calloc(arena, q->n_exclude, sizeof(*articles));
	if (!articles)
		return -ENOMEM;
	size_t n = 0;
	for (size_t i = 0; i < q->n_exclude; i++) {
		struct span value;
		int r = store_get(w->txn, TABLE_ARTICLE_IDS, q->exclude[i], &value);
		if (r < 0)
			return r;
		if (r == 0)
			articles[n++] = key_to_u32(value);
	}
	out->rank.exclude_articles = articles;
	out->rank.n_exclude_articles = n;
	return 0;
}

int query_prepare(struct engine_worker *w, struct arena *arena, const struct feed_request *q, struct query *out)
{
	static const enum rank_order orders[] = {[FEED_RANKED] = RANK_RANKED, [FEED_LATEST] = RANK_LATEST,
	                                         [FEED_TRENDING] = RANK_TRENDING};
	*out = (struct query){.rank = {.order = orders[q->order], .profile_config = &w->engine->profile_config,
	                               .now_ms = q->now_ms, .each_report = q->each_report, .language = -1, .edition = -1,
	                               .created_before_seq = UINT64_MAX, .sources = catalog_sources(w->engine->catalog)}};
	arena_rewind(&w->stage_two);
	if (q->user_id.len)
		out->reader_hash = hash64(q->user_id);
	int r = store_read_renew(w->txn);
	if (r == 0)
		r = find_model(w, q->model, out);
	if (r == 0 && q->user_id.len)
		r = readers_get(w->engine->readers, w->txn, q->user_id, w->reader, &out->reader);
	if (r == 0 && out->reader)
		r = take_reader(w, arena, out);
	if (r == 0 && q->edition.len)
		r = take_edition(w, arena, q->edition, true, out);
	else if (r == 0 && out->reader)
		r = take_edition(w, arena, out->reader->settings.edition, false, out);
	if (r == 0)
		r = find_topic(w, arena, q->topic, "topic:", &out->rank.topic);
	if (r == 0)
		r = find_topic(w, arena, q->section, "section:", &out->rank.section);
	if (r == 0)
		r = find_topic(w, arena, q->place, "place:", &out->rank.place);
	if (r == 0)
		r = find_topic(w, arena, q->source, "source:", &out->rank.source);
	if (r == 0 && q->language.len)
		out->rank.language = catalog_find_language(w->engine->catalog, q->language);
	if (r == 0)
		r = take_excluded(w, arena, q, out);
	if (r == 0 && q->query.len)
		r = search_prepare(w, arena, q->query, &out->rank);
	return r;
}

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
	size_t n = rank_explain(w->scratch, w->engine->catalog, &query->rank, item, rows);
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

/* Where a publisher's id stands now. 1: unknown or not live. */
static int find_item(struct engine_worker *w, struct span id, struct rank_item *out)
{
	struct span value;
	int r = store_get(w->txn, TABLE_ARTICLE_IDS, id, &value);
	if (r != 0)
		return r;
	struct catalog_place place = catalog_find(w->engine->catalog, key_to_u32(value));
	*out = (struct rank_item){.article = key_to_u32(value), .segment = place.segment, .slot = place.slot};
	if (!place.segment)
		return 1;
	out->story = atomic_load_explicit(&place.segment->story[place.slot], memory_order_relaxed);
	out->published_ms = place.segment->published_ms[place.slot];
	return 0;
}

static int fill_list(struct engine_worker *w, struct arena *arena, struct query *query, struct rank_item *items,
                     size_t n, bool explain, int64_t now_ms, struct feed *out)
{
	struct feed_item *filled = arena_calloc(arena, n, sizeof(*filled));
	int r = filled ? query_explain_all(w, query, items, n) : -ENOMEM;
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		r = feed_item_fill(w, arena, query, &items[i], explain, &filled[i]);
		if (r < 0)
			return r;
		filled[i].position = (unsigned)i + 1;
		filled[i].propensity = 1;
	}
	*out = (struct feed){.as_of_ms = now_ms, .sequence = atomic_load(&w->engine->sequence),
	                     .model = query->rank.model->name, .model_version = query->rank.model->version,
	                     .items = filled, .n_items = n};
	return FEED_OK;
}

static int by_score(const void *a, const void *b)
{
	const struct rank_item *x = a, *y = b;
	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	if (x->published_ms != y->published_ms)
		return x->published_ms > y->published_ms ? -1 : 1;
	return x->article > y->article ? -1 : x->article < y->article;
}

/* The live ones of a caller's ids, scored: at[i] is the place in the caller's list of items[i]. */
static int score_list(struct engine_worker *w, struct arena *arena, const struct feed_request *request,
                      const struct span *article_ids, size_t n, struct query *query, struct rank_item *items, size_t *at,
                      size_t *n_found)
{
	int r = query_prepare(w, arena, request, query);
	if (r != 0)
		return r;
	query->rank.include_read = true;
	*n_found = 0;
	for (size_t i = 0; i < n; i++) {
		r = find_item(w, article_ids[i], &items[*n_found]);
		if (r < 0)
			return r;
		if (r == 0)
			at[(*n_found)++] = i;
	}
	return rank_score(w->scratch, w->engine->catalog, &query->rank, items, *n_found, NULL);
}

/* Inputs of the example's slots, each to its place in the caller's list. */
static int give_inputs(const struct query *query, struct arena *arena, const size_t *at, float *out)
{
	const struct example *e = query->example;
	uint16_t *which = arena_calloc(arena, e->n, sizeof(*which));
	float *inputs = arena_calloc(arena, e->n * 2 * N_COLUMNS, sizeof(*inputs));
	if (!which || !inputs)
		return -ENOMEM;
	for (size_t i = 0; i < e->n; i++)
		which[i] = (uint16_t)i;
	rank_inputs(query->rank.model, e, which, e->n, inputs);
	for (size_t i = 0; i < e->n; i++)
		memcpy(out + at[i] * 2 * N_COLUMNS, inputs + i * 2 * N_COLUMNS, 2 * N_COLUMNS * sizeof(*out));
	return 0;
}

int engine_score(struct engine_worker *w, struct arena *arena, const struct feed_request *request,
                 const struct span *article_ids, size_t n, double *scores, float *inputs, char feed_id[32])
{
	struct query query;
	struct rank_item *items = arena_calloc(arena, n, sizeof(*items));
	size_t *at = arena_calloc(arena, n, sizeof(*at)), n_found;
	int r = items && at ? score_list(w, arena, request, article_ids, n, &query, items, at, &n_found) : -ENOMEM;
	if (r != 0)
		return r;
	for (size_t i = 0; i < n; i++)
		scores[i] = NAN;
	if (feed_id)
		feed_id[0] = '\0';
	if (inputs)
		memset(inputs, 0, n * 2 * N_COLUMNS * sizeof(*inputs));
	if (!query_has_stage_two(&query) || n_found == 0) {
		for (size_t i = 0; i < n_found; i++)
			scores[at[i]] = (double)items[i].score / RANK_ONE;
		return 0;
	}
	double *found = arena_alloc(arena, n_found * sizeof(*found));
	r = found ? query_measure(w, &query, items, n_found) : -ENOMEM;
	if (r == 0)
		r = rank_shortlist_score(query.rank.model, &query.two, query.example, &w->stage_two, found);
	for (size_t i = 0; i < n_found && r == 0; i++)
		scores[at[i]] = found[i];
	if (r == 0 && inputs)
		r = give_inputs(&query, arena, at, inputs);
	if (r == 0 && feed_id) {
		uint64_t feed = feed_number_next(w, request->now_ms);
		struct pending_slate *waiting;
		feed_id_format(feed, feed_id);
		r = query_waiting(w, arena, &query, items, found, n_found, 0, feed, 0, &waiting);
		if (r == 0 && waiting)
			r = learning_wait_take(w->engine, waiting);
		r = r == -EAGAIN ? 0 : r; /* the queue is full: it teaches nothing */
	}
	return r;
}

int engine_rank(struct engine_worker *w, struct arena *arena, const struct feed_request *request,
                const struct span *article_ids, size_t n, struct feed *out)
{
	struct query query;
	struct rank_item *items = arena_calloc(arena, n, sizeof(*items));
	size_t *at = arena_calloc(arena, n, sizeof(*at)), n_found;
	int r = items && at ? score_list(w, arena, request, article_ids, n, &query, items, at, &n_found) : -ENOMEM;
	if (r != 0)
		return r;
	qsort(items, n_found, sizeof(*items), by_score);
	r = query_order(w, &query, items, n_found);
	return r < 0 ? r : fill_list(w, arena, &query, items, n_found, request->explain, request->now_ms, out);
}

int engine_related(struct engine_worker *w, struct arena *arena, struct span article_id, unsigned limit, int64_t now_ms,
                   struct feed *out)
{
	struct feed_request request = {.limit = limit, .now_ms = now_ms};
	struct query query;
	struct rank_item self;
	int r = query_prepare(w, arena, &request, &query);
	if (r == 0)
		r = find_item(w, article_id, &self);
	if (r != 0)
		return r;
	/* A reader whose only interest is this article's vector, read just now. */
	struct profile *profile = arena_calloc(arena, 1, sizeof(*profile));
	struct history *history = arena_calloc(arena, 1, sizeof(*history));
	size_t n_pool;
	if (!profile || !history)
		return -ENOMEM;
	struct profile_event event = {.type = EVENT_LIKE, .article = self.article, .story = self.story, .at_ms = now_ms,
	                              .dwell_s = -1, .scroll = -1};
	event.vector = catalog_vector(self.segment, self.slot, &event.n_vector);
	profile_apply(&w->engine->profile_config, profile, history, &event);
	query.rank.reader = (struct rank_reader){.profile = profile, .history = history};
	r = rank_pool(w->scratch, w->engine->catalog, &query.rank, limit, w->pool, &n_pool, NULL);
	return r < 0 ? r : fill_list(w, arena, &query, w->pool, n_pool, false, now_ms, out);
}

/* Scores an item by stage two among the best of the pool. *place is where its story stands there, 0 when it does not. */
static int explain_in_pool(struct engine_worker *w, struct arena *arena, struct query *query, size_t n_pool,
                           struct rank_item *item, unsigned *place)
{
	size_t n = n_pool < LIMIT_POOL ? n_pool : LIMIT_POOL;
	struct rank_item *items = arena_alloc(arena, (n + 1) * sizeof(*items));
	bool there = false;
	if (!items)
		return -ENOMEM;
	memcpy(items, w->pool, n * sizeof(*items));
	for (size_t i = 0; i < n; i++)
		there = there || items[i].article == item->article;
	if (!there)
		items[n++] = *item;
	int r = query_order(w, query, items, n);
	for (size_t i = 0; i < n && r == 0; i++) {
		if (items[i].article == item->article)
			item->score = items[i].score;
		if (there && items[i].article == item->article)
			*place = (unsigned)i + 1;
	}
	return r;
}

int engine_explain(struct engine_worker *w, struct arena *arena, const struct feed_request *request,
                   struct span article_id, struct explanation *out)
{
	static const char *const names[] = {
		[RANK_ELIGIBLE] = "eligible", [RANK_NOT_LIVE] = "not_live", [RANK_EMBARGOED] = "embargoed",
		[RANK_EXPIRED] = "expired", [RANK_READ] = "read", [RANK_MUTED] = "muted", [RANK_FILTERED] = "filtered",
		[RANK_EXCLUDED] = "excluded"};
	struct query query;
	struct rank_item item;
	struct span value;
	enum rank_why why;
	size_t n_pool = 0;
	int r = query_prepare(w, arena, request, &query);
	if (r != 0)
		return r;
	*out = (struct explanation){.why = names[RANK_NOT_LIVE]};
	r = find_item(w, article_id, &item);
	if (r == 1)
		return store_get(w->txn, TABLE_ARTICLE_IDS, article_id, &value);
	if (r == 0)
		r = rank_score(w->scratch, w->engine->catalog, &query.rank, &item, 1, &why);
	if (r != 0)
		return r;
	if (why == RANK_ELIGIBLE || query_has_stage_two(&query)) /* stage two measures a story against others */
		r = rank_pool(w->scratch, w->engine->catalog, &query.rank, LIMIT_FEED_DEPTH, w->pool, &n_pool, NULL);
	if (r == 0 && why != RANK_ELIGIBLE) {
		query.rank.include_read = true; /* what it would score */
		r = rank_score(w->scratch, w->engine->catalog, &query.rank, &item, 1, NULL);
	}
	if (r < 0)
		return r;
	for (size_t i = 0; i < n_pool && why == RANK_ELIGIBLE && out->rank == 0; i++)
		if (w->pool[i].story == item.story)
			out->rank = (unsigned)i + 1;
	if (query_has_stage_two(&query))
		r = explain_in_pool(w, arena, &query, n_pool, &item, &out->rank);
	if (r == 0)
		r = query_explain_all(w, &query, &item, 1);
	if (r < 0)
		return r;
	out->why = names[why];
	out->score = (double)item.score / RANK_ONE;
	return feed_item_fill(w, arena, &query, &item, true, &out->item);
}

int engine_feed_new(struct engine_worker *w, struct arena *arena, struct span user_id, struct span feed_id,
                    int64_t now_ms, unsigned *n_new)
{
	struct feed_request request = {.user_id = user_id, .limit = 1, .now_ms = now_ms};
	struct query query;
	struct slate_record slate;
	struct span value;
	uint8_t key[10];
	uint64_t feed;
	size_t n;
	if (slate_key(feed_id, &feed) != 0)
		return FEED_CURSOR_GONE;
	int r = query_prepare(w, arena, &request, &query);
	if (r == 0)
		r = store_get(w->txn, TABLE_SLATES, key_slate(key, feed, 0), &value);
	if (r == 1 && feed_slate_may_come(w->engine, feed, request.now_ms))
		return FEED_SLATE_PENDING;
	if (r != 0)
		return r < 0 ? r : FEED_CURSOR_GONE;
	if (slate_record_decode(arena, value, &slate))
		return -EINVAL;
	if (slate.user && slate.user != (query.reader ? query.reader->user : 0))
		return FEED_CURSOR_GONE; /* nobody's: made before anything was known of the reader */
	r = rank_pool(w->scratch, w->engine->catalog, &query.rank, LIMIT_FEED_DEPTH, w->pool, &n, NULL);
	if (r < 0)
		return r;
	*n_new = 0;
	for (size_t i = 0; i < n; i++)
		*n_new += w->pool[i].segment->created_seq[w->pool[i].slot] > slate.sequence;
	return FEED_OK;
}
