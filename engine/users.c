/* What a reader sets by hand: settings, interests, tokens; and the joining of two readers. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "engine/core.h"

struct user_op {
	struct caller_op caller;
	struct engine_worker *w;
	struct span user_id, from_id, token_id;
	struct user_settings settings; /* names normalised */
	unsigned fields;
	const struct interest_change *changes; /* topics normalised */
	size_t n_changes;
	const uint8_t *token_hash;
	struct token_info token;
	int64_t now_ms;
	enum user_outcome *outcome;
	struct erase_task *task;
};

static struct user_op *op_new(struct engine_worker *w, struct arena *arena, struct span user_id, int64_t now_ms,
                              enum user_outcome *outcome, engine_done_fn done, void *ctx,
                              int (*apply)(struct write_op *, struct store_txn *, void *))
{
	struct user_op *u = arena_calloc(arena, 1, sizeof(*u));
	if (!u)
		return NULL;
	u->caller = (struct caller_op){.op = {.n_elements = 1, .apply = apply, .done = caller_op_done},
	                               .done = done, .done_ctx = ctx};
	u->w = w;
	u->user_id = user_id;
	u->now_ms = now_ms;
	u->outcome = outcome;
	return u;
}

/* A name with its namespace, normalised. data NULL: out of memory. */
static struct span namespaced(struct engine_worker *w, struct arena *arena, struct span name, const char *prefix)
{
	struct span text = text_normalise(w->text, arena, name);
	if (text.data && !topics_namespace(text))
		text = arena_printf(arena, "%s%.*s", prefix, (int)text.len, text.data);
	return text;
}

static int namespaced_list(struct engine_worker *w, struct arena *arena, const struct span *in, size_t n,
                           const char *prefix, const struct span **out)
{
	struct span *list = arena_calloc(arena, n, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		list[i] = namespaced(w, arena, in[i], prefix);
		if (!list[i].data)
			return -ENOMEM;
	}
	*out = list;
	return 0;
}

static int resolve_list(struct engine *e, struct store_txn *txn, const struct span *names, size_t n, uint32_t *out)
{
	for (size_t i = 0; i < n; i++) {
		int r = topics_resolve(e->topics, txn, names[i], (struct span){NULL, 0}, &out[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Opens the reader, or says why not. 1: outcome set, nothing to do. */
static int open_reader(struct engine *e, struct store_txn *txn, struct user_op *u, bool create, struct hot **hot)
{
	int r = readers_open(e->readers, txn, u->user_id, create, &e->numbers, u->now_ms, hot);
	if (r > 0) {
		*u->outcome = r == 1 ? USER_NOT_FOUND : USER_ERASING;
		return 1;
	}
	*u->outcome = USER_DONE;
	return r;
}

static int settings_apply(struct write_op *op, struct store_txn *txn, void *ctx)
{
	struct user_op *u = (struct user_op *)op;
	struct engine *e = engine_of(ctx);
	const struct user_settings *in = &u->settings;
	struct hot *hot;
	const struct edition_list *editions = atomic_load(&e->editions);
	if ((u->fields & USER_EDITION) && in->edition.len && !edition_find(editions, in->edition)) {
		*u->outcome = USER_UNKNOWN_EDITION;
		return 0;
	}
	int r = open_reader(e, txn, u, true, &hot);
	if (r != 0)
		return r < 0 ? r : 0;
	struct user_record record = hot->pending->settings;
	/* Spans point into the record that is being replaced: copies first. */
	record.edition = arena_copy(&e->batch_arena, u->fields & USER_EDITION ? in->edition : record.edition);
	if (u->fields & USER_LANGUAGES) {
		record.n_languages = in->n_languages;
		for (size_t i = 0; i < in->n_languages; i++)
			record.languages[i] = in->languages[i];
	}
	for (size_t i = 0; i < record.n_languages; i++)
		record.languages[i] = arena_copy(&e->batch_arena, record.languages[i]);
	if (u->fields & USER_PLACES) {
		record.n_places = in->n_places;
		r = resolve_list(e, txn, in->places, in->n_places, record.places);
	}
	if (r == 0 && u->fields & USER_FOLLOWS) {
		record.n_follows = in->n_follows;
		r = resolve_list(e, txn, in->follows, in->n_follows, record.follows);
	}
	if (u->fields & USER_MUTES) {
		record.n_mutes = in->n_mutes;
		for (size_t i = 0; r == 0 && i < in->n_mutes; i++) {
			r = topics_resolve(e->topics, txn, in->mutes[i].topic, (struct span){NULL, 0}, &record.mutes[i].topic);
			record.mutes[i].until_ms = in->mutes[i].until_ms;
		}
	}
	return r < 0 ? r : readers_put_settings(e->readers, txn, hot, &record);
}

int engine_user_put(struct engine_worker *w, struct arena *arena, struct span user_id, const struct user_settings *settings,
                    unsigned fields, int64_t now_ms, enum user_outcome *outcome, engine_done_fn done, void *ctx)
{
	struct user_op *u = op_new(w, arena, user_id, now_ms, outcome, done, ctx, settings_apply);
	if (!u)
		return -ENOMEM;
	u->settings = *settings;
	u->fields = fields;
	struct user_mute *mutes = arena_calloc(arena, settings->n_mutes, sizeof(*mutes));
	int r = mutes ? 0 : -ENOMEM;
	if (r == 0)
		r = namespaced_list(w, arena, settings->places, settings->n_places, "place:", &u->settings.places);
	if (r == 0)
		r = namespaced_list(w, arena, settings->follows, settings->n_follows, "topic:", &u->settings.follows);
	for (size_t i = 0; r == 0 && i < settings->n_mutes; i++) {
		mutes[i] = settings->mutes[i];
		mutes[i].topic = namespaced(w, arena, settings->mutes[i].topic, "topic:");
		if (!mutes[i].topic.data)
			r = -ENOMEM;
	}
	u->settings.mutes = mutes;
	return r < 0 ? r : engine_submit_growth(w->engine, &u->caller.op);
}

static int find_reader(struct engine_worker *w, struct span user_id, const struct reader **out)
{
	int r = readers_get(w->engine->readers, w->txn, user_id, w->reader, out);
	return r < 0 ? r : *out ? USER_DONE : USER_NOT_FOUND;
}

static struct span bare_name(struct span name)
{
	const char *colon = memchr(name.data, ':', name.len);
	return colon ? (struct span){colon + 1, name.len - (size_t)(colon + 1 - name.data)} : name;
}

int engine_user_get(struct engine_worker *w, struct arena *arena, struct span user_id, int64_t now_ms,
                    struct user_settings *out, int64_t *created_ms)
{
	const struct reader *reader;
	int r = find_reader(w, user_id, &reader);
	if (r != USER_DONE)
		return r;
	const struct user_record *s = &reader->settings;
	struct span *languages = arena_calloc(arena, s->n_languages, sizeof(*languages));
	struct span *places = arena_calloc(arena, s->n_places, sizeof(*places));
	struct span *follows = arena_calloc(arena, s->n_follows, sizeof(*follows));
	struct user_mute *mutes = arena_calloc(arena, s->n_mutes, sizeof(*mutes));
	if (!languages || !places || !follows || !mutes)
		return -ENOMEM;
	*out = (struct user_settings){.languages = languages, .places = places, .follows = follows, .mutes = mutes,
	                              .n_languages = s->n_languages, .n_places = s->n_places, .n_follows = s->n_follows,
	                              .edition = arena_copy(arena, s->edition)};
	for (size_t i = 0; i < s->n_languages; i++)
		languages[i] = arena_copy(arena, s->languages[i]);
	for (size_t i = 0; i < s->n_places; i++)
		places[i] = bare_name(topics_name(w->engine->topics, s->places[i]));
	for (size_t i = 0; i < s->n_follows; i++)
		follows[i] = topics_name(w->engine->topics, s->follows[i]);
	for (size_t i = 0; i < s->n_mutes; i++)
		if (s->mutes[i].until_ms == 0 || s->mutes[i].until_ms > now_ms)
			mutes[out->n_mutes++] = (struct user_mute){topics_name(w->engine->topics, s->mutes[i].topic),
			                                           s->mutes[i].until_ms};
	*created_ms = s->created_ms;
	return USER_DONE;
}

/* ---- interests ---- */

static bool find_number(const uint32_t *list, size_t n, uint32_t topic, size_t *at)
{
	for (*at = 0; *at < n; (*at)++)
		if (list[*at] == topic)
			return true;
	return false;
}

static size_t find_mute(const struct user_record *s, uint32_t topic)
{
	size_t i = 0;
	while (i < s->n_mutes && s->mutes[i].topic != topic)
		i++;
	return i;
}

/* Follow and mute of one change. Full lists lose their oldest. */
static void change_lists(struct user_record *s, uint32_t topic, const struct interest_change *c)
{
	size_t at;
	bool follows = find_number(s->follows, s->n_follows, topic, &at);
	if (c->follow == 0 && follows) {
		memmove(&s->follows[at], &s->follows[at + 1], (--s->n_follows - at) * sizeof(s->follows[0]));
	} else if (c->follow == 1 && !follows) {
		if (s->n_follows == LIMIT_FOLLOWS)
			memmove(&s->follows[0], &s->follows[1], --s->n_follows * sizeof(s->follows[0]));
		s->follows[s->n_follows++] = topic;
	}
	at = find_mute(s, topic);
	if (c->mute >= 0 && at < s->n_mutes)
		memmove(&s->mutes[at], &s->mutes[at + 1], (--s->n_mutes - at) * sizeof(s->mutes[0]));
	if (c->mute == 1) {
		if (s->n_mutes == LIMIT_MUTES)
			memmove(&s->mutes[0], &s->mutes[1], --s->n_mutes * sizeof(s->mutes[0]));
		s->mutes[s->n_mutes++] = (struct user_mute_record){topic, c->mute_until_ms};
	}
}

static int interests_apply(struct write_op *op, struct store_txn *txn, void *ctx)
{
	struct user_op *u = (struct user_op *)op;
	struct engine *e = engine_of(ctx);
	struct hot *hot;
	int r = open_reader(e, txn, u, true, &hot);
	if (r != 0)
		return r < 0 ? r : 0;
	struct user_record record = hot->pending->settings;
	record.edition = arena_copy(&e->batch_arena, record.edition);
	for (size_t i = 0; i < record.n_languages; i++)
		record.languages[i] = arena_copy(&e->batch_arena, record.languages[i]);
	for (size_t i = 0; i < u->n_changes; i++) {
		const struct interest_change *c = &u->changes[i];
		uint32_t topic;
		r = topics_resolve(e->topics, txn, c->topic, (struct span){NULL, 0}, &topic);
		if (r < 0)
			return r;
		if (c->set_weight) {
			struct log_record interest = {.kind = LOG_INTEREST, .received_ms = u->now_ms, .at_ms = u->now_ms,
			                              .topic = topic, .short_term = (float)c->short_term,
			                              .long_term = (float)c->long_term};
			r = chain_fold(e, txn, hot, &interest);
			if (r < 0)
				return r;
		}
		change_lists(&record, topic, c);
	}
	return readers_put_settings(e->readers, txn, hot, &record);
}

int engine_interests_patch(struct engine_worker *w, struct arena *arena, struct span user_id,
                           const struct interest_change *changes, size_t n, int64_t now_ms, enum user_outcome *outcome,
                           engine_done_fn done, void *ctx)
{
	struct user_op *u = op_new(w, arena, user_id, now_ms, outcome, done, ctx, interests_apply);
	struct interest_change *copy = arena_calloc(arena, n, sizeof(*copy));
	if (!u || !copy)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		copy[i] = changes[i];
		copy[i].topic = namespaced(w, arena, changes[i].topic, "topic:");
		if (!copy[i].topic.data)
			return -ENOMEM;
	}
	u->changes = copy;
	u->n_changes = n;
	return engine_submit_growth(w->engine, &u->caller.op);
}

static struct interest *add_interest(struct interest *list, size_t *n, struct span topic)
{
	for (size_t i = 0; i < *n; i++)
		if (span_equal(list[i].topic, topic))
			return &list[i];
	list[*n] = (struct interest){.topic = topic};
	return &list[(*n)++];
}

int engine_interests_get(struct engine_worker *w, struct arena *arena, struct span user_id, int64_t now_ms,
                         const struct interest **out, size_t *n)
{
	enum { MOST = PROFILE_TOPICS + PROFILE_AFFINITIES + LIMIT_FOLLOWS + LIMIT_MUTES };
	const struct reader *reader;
	struct profile_interest found[PROFILE_TOPICS + PROFILE_AFFINITIES];
	int r = find_reader(w, user_id, &reader);
	if (r != USER_DONE)
		return r;
	struct interest *list = arena_calloc(arena, MOST, sizeof(*list));
	if (!list)
		return -ENOMEM;
	size_t n_list = 0;
	size_t n_found = profile_read(&w->engine->profile_config, &reader->profile, now_ms, found,
	                              PROFILE_TOPICS + PROFILE_AFFINITIES);
	for (size_t i = 0; i < n_found; i++) {
		struct interest *x = add_interest(list, &n_list, topics_name(w->engine->topics, found[i].topic));
		x->short_term = found[i].short_term;
		x->long_term = found[i].long_term;
		x->weight = x->short_term + x->long_term;
	}
	const struct user_record *s = &reader->settings;
	for (size_t i = 0; i < s->n_follows; i++)
		add_interest(list, &n_list, topics_name(w->engine->topics, s->follows[i]))->follow = true;
	for (size_t i = 0; i < s->n_mutes; i++) {
		if (s->mutes[i].until_ms && s->mutes[i].until_ms <= now_ms)
			continue;
		struct interest *x = add_interest(list, &n_list, topics_name(w->engine->topics, s->mutes[i].topic));
		x->mute = true;
		x->mute_until_ms = s->mutes[i].until_ms;
	}
	*out = list;
	*n = n_list;
	return USER_DONE;
}

/* ---- merge ---- */

static int merge_apply(struct write_op *op, struct store_txn *txn, void *ctx)
{
	struct user_op *u = (struct user_op *)op;
	struct engine *e = engine_of(ctx);
	struct hot *into, *from;
	int r = open_reader(e, txn, u, true, &into);
	if (r != 0)
		return r < 0 ? r : 0;
	r = readers_open(e->readers, txn, u->from_id, false, &e->numbers, u->now_ms, &from);
	if (r != 0 || from == into) {
		*u->outcome = r == 2 ? USER_ERASING : USER_NOT_FOUND;
		return r < 0 ? r : 0;
	}
	uint8_t *profile = arena_alloc(&e->batch_arena, PROFILE_ENCODED_MAX);
	uint8_t *reads = arena_alloc(&e->batch_arena, HISTORY_READS_ENCODED_MAX);
	uint8_t *shown = arena_alloc(&e->batch_arena, HISTORY_SHOWN_ENCODED_MAX);
	if (!profile || !reads || !shown)
		return -ENOMEM;
	const struct reader *other = from->pending;
	struct log_record merge = {
		.kind = LOG_MERGE, .received_ms = u->now_ms, .at_ms = u->now_ms,
		.merged_profile = {(char *)profile, profile_encode(&other->profile, profile)},
		.merged_reads = {(char *)reads, history_encode_reads(&other->history, reads)},
		.merged_shown = {(char *)shown, history_encode_shown(&other->history, shown)}};
	r = chain_fold(e, txn, into, &merge);
	return r < 0 ? r : erase_begin(e, txn, from, u->task);
}

int engine_user_merge(struct engine_worker *w, struct arena *arena, struct span user_id, struct span from_id,
                      int64_t now_ms, enum user_outcome *outcome, engine_done_fn done, void *ctx)
{
	struct user_op *u = op_new(w, arena, user_id, now_ms, outcome, done, ctx, merge_apply);
	if (!u)
		return -ENOMEM;
	u->from_id = from_id;
	return erase_submit(w->engine, &u->caller, &u->task, NULL, NULL);
}

/* ---- history, export ---- */

static struct span article_id_of(struct engine_worker *w, struct arena *arena, uint32_t article, struct span *card)
{
	uint8_t key[4];
	struct span value;
	struct article_record record;
	struct catalog_place place = catalog_find(w->engine->catalog, article);
	*card = (struct span){NULL, 0};
	if (place.segment) {
		*card = place.segment->card[place.slot]->json;
		return place.segment->card[place.slot]->id;
	}
	if (store_get(w->txn, TABLE_ARTICLES, key_u32(key, article), &value) == 0 &&
	    article_record_decode(arena, value, &record) == 0)
		return arena_copy(arena, record.article.id);
	return (struct span){NULL, 0};
}

int engine_history(struct engine_worker *w, struct arena *arena, struct span user_id, bool saved_only,
                   const struct read_entry **out, size_t *n)
{
	const struct reader *reader;
	int r = store_read_renew(w->txn);
	if (r == 0)
		r = find_reader(w, user_id, &reader);
	if (r != USER_DONE)
		return r;
	const struct history *h = &reader->history;
	struct read_entry *list = arena_calloc(arena, HISTORY_READS + HISTORY_SAVED, sizeof(*list));
	if (!list)
		return -ENOMEM;
	size_t n_list = 0;
	for (size_t i = saved_only ? h->n_saved : h->n_reads; i-- > 0;) { /* newest first */
		uint32_t article = saved_only ? h->saved[i].article : h->reads[i].article;
		uint32_t minute = saved_only ? h->saved[i].minute : h->reads[i].minute;
		struct read_entry *x = &list[n_list];
		x->article_id = article_id_of(w, arena, article, &x->card);
		if (!x->article_id.len)
			continue; /* deleted by its publisher */
		x->at_ms = (int64_t)minute * 60000;
		x->types = saved_only ? 1u << EVENT_SAVE : h->reads[i].types;
		n_list++;
	}
	*out = list;
	*n = n_list;
	return USER_DONE;
}

/* ---- tokens: META token/SHA-256 -> record; tokens/USER/ID -> SHA-256 ---- */

static struct span token_key(uint8_t out[64], const uint8_t hash[32])
{
	memcpy(out, META_PREFIX_TOKEN, 6);
	memcpy(out + 6, hash, 32);
	return (struct span){(const char *)out, 38};
}

static struct span user_token_key(uint8_t out[64], uint64_t user, struct span id)
{
	memcpy(out, META_PREFIX_USER_TOKEN, 7);
	key_u64(out + 7, user);
	memcpy(out + 15, id.data, id.len);
	return (struct span){(const char *)out, 15 + id.len};
}

static int count_tokens(struct store_txn *txn, uint64_t user, size_t *n)
{
	struct store_cursor *c;
	struct span key, value;
	uint8_t start[64];
	struct span prefix = user_token_key(start, user, (struct span){"", 0});
	int r = store_cursor_new(txn, TABLE_META, &c);
	if (r < 0)
		return r;
	*n = 0;
	for (r = store_seek(c, prefix, &key, &value); r == 0 && span_starts_with(key, prefix); r = store_next(c, &key, &value))
		++*n;
	store_cursor_free(c);
	return r < 0 ? r : 0;
}

static int token_put_apply(struct write_op *op, struct store_txn *txn, void *ctx)
{
	struct user_op *u = (struct user_op *)op;
	struct engine *e = engine_of(ctx);
	uint8_t key[64];
	struct hot *hot;
	size_t n;
	int r = open_reader(e, txn, u, true, &hot);
	if (r != 0)
		return r < 0 ? r : 0;
	r = count_tokens(txn, hot->pending->user, &n);
	if (r < 0)
		return r;
	if (n >= LIMIT_TOKENS) {
		*u->outcome = USER_TOO_MANY_TOKENS;
		return 0;
	}
	buf_clear(&e->record);
	put_u8(&e->record, RECORD_VERSION);
	put_u64(&e->record, hot->pending->user);
	put_u8(&e->record, (uint8_t)u->token.scope);
	put_i64(&e->record, u->token.created_ms);
	put_string(&e->record, span_of(u->token.id));
	if (e->record.failed)
		return -ENOMEM;
	r = store_put(txn, TABLE_META, token_key(key, u->token_hash), buf_span(&e->record));
	if (r == 0)
		r = store_put(txn, TABLE_META, user_token_key(key, hot->pending->user, span_of(u->token.id)),
		              (struct span){(const char *)u->token_hash, 32});
	return r;
}

int engine_token_put(struct engine_worker *w, struct arena *arena, struct span user_id, const uint8_t hash[32],
                     const struct token_info *info, int64_t now_ms, enum user_outcome *outcome, engine_done_fn done,
                     void *ctx)
{
	struct user_op *u = op_new(w, arena, user_id, now_ms, outcome, done, ctx, token_put_apply);
	uint8_t *copy = arena_alloc(arena, 32);
	if (!u || !copy)
		return -ENOMEM;
	memcpy(copy, hash, 32);
	u->token_hash = copy;
	u->token = *info;
	u->token.created_ms = now_ms;
	return engine_submit_growth(w->engine, &u->caller.op);
}

static int token_delete_apply(struct write_op *op, struct store_txn *txn, void *ctx)
{
	struct user_op *u = (struct user_op *)op;
	struct engine *e = engine_of(ctx);
	uint8_t key[64], by_hash[64];
	struct span value;
	struct hot *hot;
	int r = open_reader(e, txn, u, false, &hot);
	if (r != 0)
		return r < 0 ? r : 0;
	r = store_get(txn, TABLE_META, user_token_key(key, hot->pending->user, u->token_id), &value);
	if (r == 1)
		*u->outcome = USER_NOT_FOUND;
	if (r != 0 || value.len != 32)
		return r < 0 ? r : 0;
	struct span hash_key = token_key(by_hash, (const uint8_t *)value.data);
	r = store_delete(txn, TABLE_META, hash_key);
	if (r >= 0)
		r = store_delete(txn, TABLE_META, user_token_key(key, hot->pending->user, u->token_id));
	return r < 0 ? r : 0;
}

int engine_token_delete(struct engine_worker *w, struct arena *arena, struct span user_id, struct span token_id,
                        int64_t now_ms, enum user_outcome *outcome, engine_done_fn done, void *ctx)
{
	struct user_op *u = op_new(w, arena, user_id, now_ms, outcome, done, ctx, token_delete_apply);
	if (!u)
		return -ENOMEM;
	u->token_id = token_id.len < sizeof(((struct token_info *)0)->id) ? token_id : SPAN("-");
	return writer_submit(w->engine->writer, &u->caller.op);
}

static int token_decode(struct span value, uint64_t *user, struct token_info *out)
{
	struct byte_reader b = bytes_reader(value);
	if (get_u8(&b) != RECORD_VERSION)
		return 1;
	*user = get_u64(&b);
	out->scope = get_u8(&b) == TOKEN_READER ? TOKEN_READER : TOKEN_FEED;
	out->created_ms = get_i64(&b);
	struct span id = get_string(&b, sizeof(out->id) - 1);
	if (!bytes_done(&b))
		return 1;
	memcpy(out->id, id.data, id.len);
	out->id[id.len] = '\0';
	return 0;
}

int engine_tokens_get(struct engine_worker *w, struct arena *arena, struct span user_id, const struct token_info **out,
                      size_t *n)
{
	const struct reader *reader;
	struct store_cursor *c;
	struct span key, value, record;
	uint8_t start[64], by_hash[64];
	int r = store_read_renew(w->txn);
	if (r == 0)
		r = find_reader(w, user_id, &reader);
	if (r != USER_DONE)
		return r;
	struct token_info *list = arena_calloc(arena, LIMIT_TOKENS, sizeof(*list));
	if (!list)
		return -ENOMEM;
	*n = 0;
	r = store_cursor_new(w->txn, TABLE_META, &c);
	if (r < 0)
		return r;
	struct span prefix = user_token_key(start, reader->user, (struct span){"", 0});
	for (r = store_seek(c, prefix, &key, &value); r == 0 && span_starts_with(key, prefix) && *n < LIMIT_TOKENS;
	     r = store_next(c, &key, &value)) {
		uint64_t user;
		if (value.len == 32 &&
		    store_get(w->txn, TABLE_META, token_key(by_hash, (const uint8_t *)value.data), &record) == 0 &&
		    token_decode(record, &user, &list[*n]) == 0)
			(*n)++;
	}
	store_cursor_free(c);
	*out = list;
	return r < 0 ? r : USER_DONE;
}

int engine_token_find(struct engine_worker *w, struct arena *arena, const uint8_t hash[32], struct span *user_id,
                      enum token_scope *scope)
{
	uint8_t key[64], number[8];
	struct span value;
	struct token_info info;
	uint64_t user;
	int r = store_read_renew(w->txn);
	if (r == 0)
		r = store_get(w->txn, TABLE_META, token_key(key, hash), &value);
	if (r != 0)
		return r;
	if (token_decode(value, &user, &info))
		return -EINVAL;
	r = store_get(w->txn, TABLE_USER_IDS, key_u64(number, user), &value);
	if (r != 0)
		return r;
	*user_id = arena_copy(arena, value);
	*scope = info.scope;
	return user_id->data ? 0 : -ENOMEM;
}
