/* A request made ready for ranking: names become numbers, the reader is looked up, a model is found. */
#include <errno.h>
#include <sched.h>

#include "engine/feed_internal.h"

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

/* What was read of the models since `swaps` was counted is all of one set; if not, a moment is waited for the writer, who is
 * swapping sets. */
static bool is_one_set(const struct engine *e, uint64_t swaps)
{
	if (!(swaps & 1) && atomic_load_explicit(&e->model_swaps, memory_order_acquire) == swaps)
		return true;
	sched_yield();
	return false;
}

/* A model, its place and what it has learnt. */
static int find_model(struct engine_worker *w, struct span name, struct query *q)
{
	uint64_t swaps;
	int r;
	do {
		swaps = atomic_load_explicit(&w->engine->model_swaps, memory_order_acquire);
		r = look_for_model(w, name, q);
	} while (!is_one_set(w->engine, swaps));
	return r;
}

size_t engine_model_list(struct engine_worker *w, const char *names[ENGINE_MODELS])
{
	_Static_assert((int)ENGINE_MODELS == (int)CATALOG_MODELS, "as many as there can be");
	uint64_t swaps;
	size_t n;
	do {
		swaps = atomic_load_explicit(&w->engine->model_swaps, memory_order_acquire);
		n = 0;
		for (unsigned i = 0; i < CATALOG_MODELS; i++) {
			const struct model *m = atomic_load_explicit(&w->engine->models.model[i], memory_order_acquire);
			if (m)
				names[n++] = m->name;
		}
	} while (!is_one_set(w->engine, swaps));
	return n;
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
