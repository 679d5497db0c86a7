#include "engine/store/records.h"

#include <math.h>

#include "engine/store/codec.h"

static void put_vector(struct buf *b, const struct topic_term *vector, size_t n)
{
	put_u8(b, (uint8_t)n);
	for (size_t i = 0; i < n; i++) {
		put_u32(b, vector[i].topic);
		put_u16(b, (uint16_t)vector[i].weight);
	}
}

/* NULL with *n 0 when the bytes are not a vector (r->failed is then set) or memory is out. */
static const struct topic_term *get_vector(struct byte_reader *r, struct arena *arena, size_t *n)
{
	size_t count = get_u8(r);
	*n = 0;
	if (count > LIMIT_VECTOR)
		r->failed = true;
	if (r->failed || count == 0)
		return NULL;
	struct topic_term *vector = arena_alloc(arena, count * sizeof(*vector));
	if (!vector) {
		r->failed = true;
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		vector[i].topic = get_u32(r);
		vector[i].weight = (int16_t)get_u16(r);
	}
	if (r->failed)
		return NULL;
	*n = count;
	return vector;
}

static void put_strings(struct buf *b, const struct span *list, size_t n)
{
	put_u8(b, (uint8_t)n);
	for (size_t i = 0; i < n; i++)
		put_string(b, list[i]);
}

static const struct span *get_strings(struct byte_reader *r, struct arena *arena, size_t max, size_t *n)
{
	size_t count = get_u8(r);
	*n = 0;
	if (count > max)
		r->failed = true;
	if (r->failed || count == 0)
		return NULL;
	struct span *list = arena_alloc(arena, count * sizeof(*list));
	if (!list) {
		r->failed = true;
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		list[i] = get_string(r, LIMIT_NAME_BYTES);
	*n = count;
	return list;
}

static float get_finite(struct byte_reader *r)
{
	float v = get_f32(r);
	if (!isfinite(v))
		r->failed = true;
	return v;
}

static bool version_is_known(struct byte_reader *r)
{
	return get_u8(r) == RECORD_VERSION && !r->failed;
}

/* ---- articles ---- */

enum { ARTICLE_PREMIUM = 1, ARTICLE_FIXED = 2, ARTICLE_COUNTED = 4 /* its number of characters stands at the end */ };

void article_record_encode(struct buf *b, const struct article_record *r)
{
	const struct article *a = &r->article;
	put_u8(b, RECORD_VERSION);
	put_u8(b, (uint8_t)a->status);
	put_u8(b, (uint8_t)((a->premium ? ARTICLE_PREMIUM : 0) | (r->story_fixed ? ARTICLE_FIXED : 0) |
	                    (a->char_count ? ARTICLE_COUNTED : 0)));
	put_u32(b, r->story);
	put_u32(b, r->revision);
	put_u64(b, r->created_seq);
	put_u64(b, r->content_hash);
	put_i64(b, a->published_at_ms);
	put_i64(b, a->updated_at_ms);
	put_i64(b, a->expires_at_ms);
	put_i64(b, a->embargo_until_ms);
	put_f32(b, a->boost);
	put_string(b, r->language);
	put_string(b, a->id);
	put_string(b, a->title);
	put_string(b, a->url);
	put_string(b, a->summary);
	put_string(b, a->source);
	put_string(b, a->section);
	put_string(b, a->language);
	put_string(b, a->image);
	put_strings(b, a->topics, a->n_topics);
	put_strings(b, a->places, a->n_places);
	put_strings(b, a->authors, a->n_authors);
	put_vector(b, r->vector, r->n_vector);
	put_u64(b, r->simhash);
	put_u8(b, (uint8_t)r->n_print);
	for (size_t i = 0; i < r->n_print; i++) {
		put_u32(b, r->print[i].term);
		put_u16(b, r->print[i].weight);
	}
	put_u16(b, (uint16_t)a->n_embedding);
	buf_put(b, a->embedding, a->n_embedding * sizeof(float));
	if (a->char_count)
		put_u32(b, a->char_count);
}

int article_record_decode(struct arena *arena, struct span bytes, struct article_record *out)
{
	struct byte_reader r = bytes_reader(bytes);
	struct article_record rec = {0};
	struct article *a = &rec.article;
	if (!version_is_known(&r))
		return 1;
	a->status = get_u8(&r);
	uint8_t flags = get_u8(&r);
	a->premium = flags & ARTICLE_PREMIUM;
	rec.story_fixed = flags & ARTICLE_FIXED;
	rec.story = get_u32(&r);
	rec.revision = get_u32(&r);
	rec.created_seq = get_u64(&r);
	rec.content_hash = get_u64(&r);
	a->published_at_ms = get_i64(&r);
	a->updated_at_ms = get_i64(&r);
	a->expires_at_ms = get_i64(&r);
	a->embargo_until_ms = get_i64(&r);
	a->boost = get_finite(&r);
	rec.language = get_string(&r, LIMIT_LANGUAGE_BYTES);
	a->id = get_string(&r, LIMIT_ID_BYTES);
	a->title = get_string(&r, LIMIT_TITLE_BYTES);
	a->url = get_string(&r, LIMIT_URL_BYTES);
	a->summary = get_string(&r, LIMIT_SUMMARY_BYTES);
	a->source = get_string(&r, LIMIT_NAME_BYTES);
	a->section = get_string(&r, LIMIT_NAME_BYTES);
	a->language = get_string(&r, LIMIT_LANGUAGE_BYTES);
	a->image = get_string(&r, LIMIT_URL_BYTES);
	a->topics = get_strings(&r, arena, LIMIT_TOPICS, &a->n_topics);
	a->places = get_strings(&r, arena, LIMIT_PLACES, &a->n_places);
	a->authors = get_strings(&r, arena, LIMIT_AUTHORS, &a->n_authors);
	rec.vector = get_vector(&r, arena, &rec.n_vector);
	rec.simhash = get_u64(&r);
	rec.n_print = get_u8(&r);
	if (rec.n_print > PRINT_TERMS_MAX)
		return 1;
	for (size_t i = 0; i < rec.n_print; i++) {
		rec.print[i].term = get_u32(&r);
		rec.print[i].weight = get_u16(&r);
	}
	size_t n_embedding = get_u16(&r);
	if (n_embedding > LIMIT_EMBEDDING)
		return 1;
	if (n_embedding) {
		float *embedding = arena_alloc(arena, n_embedding * sizeof(float));
		if (!embedding)
			return 1;
		bytes_take(&r, embedding, n_embedding * sizeof(float));
		for (size_t i = 0; i < n_embedding; i++)
			if (!isfinite(embedding[i]))
				return 1;
		a->embedding = embedding;
		a->n_embedding = n_embedding;
	}
	if (flags & ARTICLE_COUNTED)
		a->char_count = get_u32(&r);
	if (!bytes_done(&r) || a->status > ARTICLE_CANCELED || a->char_count > LIMIT_CHAR_COUNT || a->id.len == 0)
		return 1;
	*out = rec;
	return 0;
}

/* ---- the log ---- */

static void put_event(struct buf *b, const struct log_record *r)
{
	put_u8(b, (uint8_t)r->type);
	put_u32(b, r->article);
	put_u32(b, r->story);
	put_i64(b, r->at_ms);
	put_f32(b, r->dwell_s);
	put_f32(b, r->scroll);
	put_f32(b, r->value);
	put_varint(b, (uint64_t)r->position);
	put_u64(b, r->feed);
	put_u64(b, r->id_hash.low);
	put_u64(b, r->id_hash.high);
	put_string(b, r->custom);
	put_vector(b, r->vector, r->n_vector);
}

static void get_event(struct byte_reader *b, struct arena *arena, struct log_record *r)
{
	r->type = get_u8(b);
	if (r->type >= N_EVENT_TYPES)
		b->failed = true;
	r->article = get_u32(b);
	r->story = get_u32(b);
	r->at_ms = get_i64(b);
	r->dwell_s = get_finite(b);
	r->scroll = get_finite(b);
	r->value = get_finite(b);
	r->position = (int32_t)get_varint(b);
	r->feed = get_u64(b);
	r->id_hash.low = get_u64(b);
	r->id_hash.high = get_u64(b);
	r->custom = get_string(b, LIMIT_ID_BYTES);
	r->vector = get_vector(b, arena, &r->n_vector);
}

void log_record_encode(struct buf *b, const struct log_record *r)
{
	put_u8(b, RECORD_VERSION);
	put_u8(b, (uint8_t)r->kind);
	put_u8(b, (uint8_t)(r->undone | r->repeat << 1));
	put_u64(b, r->user);
	put_u64(b, r->previous);
	put_i64(b, r->received_ms);
	switch (r->kind) {
	case LOG_EVENT:
		put_event(b, r);
		break;
	case LOG_INTEREST:
		put_u32(b, r->topic);
		put_f32(b, r->short_term);
		put_f32(b, r->long_term);
		put_i64(b, r->at_ms);
		break;
	case LOG_SLATE:
	case LOG_LEARN:
		put_u64(b, r->feed);
		put_u16(b, r->page);
		break;
	case LOG_UNDO:
		put_u64(b, r->target);
		put_u64(b, r->instead);
		break;
	case LOG_MERGE:
		put_i64(b, r->at_ms);
		put_string(b, r->merged_profile);
		put_string(b, r->merged_reads);
		put_string(b, r->merged_shown);
		break;
	}
}

int log_record_decode(struct arena *arena, struct span bytes, struct log_record *out)
{
	struct byte_reader b = bytes_reader(bytes);
	struct log_record r = {0};
	if (!version_is_known(&b))
		return 1;
	r.kind = get_u8(&b);
	uint8_t flags = get_u8(&b);
	r.undone = flags & 1;
	r.repeat = flags & 2;
	r.user = get_u64(&b);
	r.previous = get_u64(&b);
	r.received_ms = get_i64(&b);
	switch (r.kind) {
	case LOG_EVENT:
		get_event(&b, arena, &r);
		break;
	case LOG_INTEREST:
		r.topic = get_u32(&b);
		r.short_term = get_finite(&b);
		r.long_term = get_finite(&b);
		r.at_ms = get_i64(&b);
		break;
	case LOG_SLATE:
	case LOG_LEARN:
		r.feed = get_u64(&b);
		r.page = get_u16(&b);
		break;
	case LOG_UNDO:
		r.target = get_u64(&b);
		r.instead = get_u64(&b);
		break;
	case LOG_MERGE:
		r.at_ms = get_i64(&b);
		r.merged_profile = get_string(&b, 4096);
		r.merged_reads = get_string(&b, 4096);
		r.merged_shown = get_string(&b, 4096);
		break;
	default:
		return 1;
	}
	if (!bytes_done(&b) || flags > 3)
		return 1;
	*out = r;
	return 0;
}

/* ---- readers ---- */

static void put_numbers(struct buf *b, const uint32_t *list, size_t n)
{
	put_u8(b, (uint8_t)n);
	for (size_t i = 0; i < n; i++)
		put_u32(b, list[i]);
}

static size_t get_numbers(struct byte_reader *r, uint32_t *list, size_t max)
{
	size_t n = get_u8(r);
	if (n > max) {
		r->failed = true;
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		list[i] = get_u32(r);
	return n;
}

static size_t get_short_strings(struct byte_reader *r, struct span *list, size_t max, size_t max_bytes)
{
	size_t n = get_u8(r);
	if (n > max) {
		r->failed = true;
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		list[i] = get_string(r, max_bytes);
	return n;
}

void user_record_encode(struct buf *b, const struct user_record *r)
{
	put_u8(b, RECORD_VERSION);
	put_u8(b, r->erasing);
	put_u64(b, r->number);
	put_i64(b, r->created_ms);
	put_string(b, r->edition);
	put_strings(b, r->languages, r->n_languages);
	put_numbers(b, r->places, r->n_places);
	put_numbers(b, r->follows, r->n_follows);
	put_u8(b, (uint8_t)r->n_mutes);
	for (size_t i = 0; i < r->n_mutes; i++) {
		put_u32(b, r->mutes[i].topic);
		put_i64(b, r->mutes[i].until_ms);
	}
}

int user_record_decode(struct span bytes, struct user_record *out)
{
	struct byte_reader b = bytes_reader(bytes);
	struct user_record r = {0};
	if (!version_is_known(&b))
		return 1;
	r.erasing = get_u8(&b) != 0;
	r.number = get_u64(&b);
	r.created_ms = get_i64(&b);
	r.edition = get_string(&b, LIMIT_ID_BYTES);
	r.n_languages = get_short_strings(&b, r.languages, LIMIT_USER_LANGUAGES, LIMIT_LANGUAGE_BYTES);
	r.n_places = get_numbers(&b, r.places, LIMIT_USER_PLACES);
	r.n_follows = get_numbers(&b, r.follows, LIMIT_FOLLOWS);
	r.n_mutes = get_u8(&b);
	if (r.n_mutes > LIMIT_MUTES)
		return 1;
	for (size_t i = 0; i < r.n_mutes; i++) {
		r.mutes[i].topic = get_u32(&b);
		r.mutes[i].until_ms = get_i64(&b);
	}
	if (!bytes_done(&b) || r.number == 0)
		return 1;
	*out = r;
	return 0;
}

void profile_head_encode(struct buf *b, const struct profile_head *h)
{
	put_u8(b, RECORD_VERSION);
	put_u64(b, h->chain_head);
	put_u64(b, h->through);
}

int profile_head_decode(struct span bytes, struct profile_head *out, struct span *rest)
{
	struct byte_reader b = bytes_reader(bytes);
	struct profile_head h;
	if (!version_is_known(&b))
		return 1;
	h.chain_head = get_u64(&b);
	h.through = get_u64(&b);
	if (b.failed)
		return 1;
	*out = h;
	*rest = (struct span){(const char *)b.at, (size_t)(b.end - b.at)};
	return 0;
}

/* ---- slates ---- */

void slate_record_encode(struct buf *b, const struct slate_record *r)
{
	put_u8(b, RECORD_VERSION);
	put_u8(b, r->exhausted);
	put_u64(b, r->user);
	put_i64(b, r->created_ms);
	put_u64(b, r->sequence);
	put_u64(b, r->request_hash);
	put_varint(b, r->first_position);
	put_string(b, r->model);
	put_string(b, r->model_version);
	put_varint(b, r->n_items);
	for (size_t i = 0; i < r->n_items; i++) {
		put_varint(b, r->items[i].article);
		put_varint(b, r->items[i].story);
		put_u32(b, (uint32_t)r->items[i].score);
		put_f32(b, r->items[i].propensity);
		put_u8(b, r->items[i].pinned);
	}
	put_varint(b, r->n_lead);
	for (size_t i = 0; i < r->n_lead; i++)
		put_varint(b, r->lead[i]);
	put_varint(b, r->n_pool);
	int64_t last = INT32_MAX;
	for (size_t i = 0; i < r->n_pool; i++) {
		int64_t drop = last - r->pool[i].score;
		put_varint(b, r->pool[i].article);
		put_varint(b, (uint64_t)drop << 1 ^ (uint64_t)(drop >> 63)); /* zigzag: nearly always falls */
		last = r->pool[i].score;
	}
}

int slate_record_decode(struct arena *arena, struct span bytes, struct slate_record *out)
{
	struct byte_reader b = bytes_reader(bytes);
	struct slate_record r = {0};
	if (!version_is_known(&b))
		return 1;
	r.exhausted = get_u8(&b) != 0;
	r.user = get_u64(&b);
	r.created_ms = get_i64(&b);
	r.sequence = get_u64(&b);
	r.request_hash = get_u64(&b);
	r.first_position = (uint32_t)get_varint(&b);
	r.model = get_string(&b, LIMIT_ID_BYTES);
	r.model_version = get_string(&b, LIMIT_ID_BYTES);
	r.n_items = get_varint(&b);
	if (b.failed || r.n_items > LIMIT_FEED)
		return 1;
	struct slate_item *items = arena_calloc(arena, r.n_items, sizeof(*items));
	if (!items)
		return 1;
	for (size_t i = 0; i < r.n_items; i++) {
		items[i].article = (uint32_t)get_varint(&b);
		items[i].story = (uint32_t)get_varint(&b);
		items[i].score = (int32_t)get_u32(&b);
		items[i].propensity = get_finite(&b);
		items[i].pinned = get_u8(&b) != 0;
	}
	r.n_lead = get_varint(&b);
	if (b.failed || r.n_lead > LIMIT_SLATE_LEAD)
		return 1;
	uint32_t *lead = arena_calloc(arena, r.n_lead, sizeof(*lead));
	for (size_t i = 0; lead && i < r.n_lead; i++)
		lead[i] = (uint32_t)get_varint(&b);
	r.n_pool = get_varint(&b);
	if (b.failed || r.n_pool > LIMIT_FEED_DEPTH)
		return 1;
	struct slate_pool_item *pool = arena_calloc(arena, r.n_pool, sizeof(*pool));
	if (!lead || !pool)
		return 1;
	int64_t last = INT32_MAX;
	for (size_t i = 0; i < r.n_pool; i++) {
		pool[i].article = (uint32_t)get_varint(&b);
		uint64_t zigzag = get_varint(&b);
		int64_t drop = (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1);
		if (b.failed || drop > UINT32_MAX || drop < -(int64_t)UINT32_MAX || last - drop < INT32_MIN ||
		    last - drop > INT32_MAX)
			return 1;
		last -= drop;
		pool[i].score = (int32_t)last;
	}
	if (!bytes_done(&b))
		return 1;
	r.items = items;
	r.lead = lead;
	r.pool = pool;
	*out = r;
	return 0;
}

/* ---- editions and pins ---- */

void edition_record_encode(struct buf *b, const struct edition_record *r)
{
	put_u8(b, RECORD_VERSION);
	put_u8(b, (uint8_t)r->bit);
	put_string(b, r->title);
	put_string(b, r->timezone);
	put_strings(b, r->languages, r->n_languages);
	put_numbers(b, r->places, r->n_places);
	put_numbers(b, r->sections, r->n_sections);
	put_numbers(b, r->sources, r->n_sources);
}

int edition_record_decode(struct span bytes, struct edition_record *out)
{
	struct byte_reader b = bytes_reader(bytes);
	struct edition_record r = {0};
	if (!version_is_known(&b))
		return 1;
	r.bit = get_u8(&b);
	r.title = get_string(&b, LIMIT_TITLE_BYTES);
	r.timezone = get_string(&b, LIMIT_ID_BYTES);
	r.n_languages = get_short_strings(&b, r.languages, LIMIT_EDITION_LIST, LIMIT_LANGUAGE_BYTES);
	r.n_places = get_numbers(&b, r.places, LIMIT_EDITION_LIST);
	r.n_sections = get_numbers(&b, r.sections, LIMIT_EDITION_LIST);
	r.n_sources = get_numbers(&b, r.sources, LIMIT_EDITION_LIST);
	if (!bytes_done(&b) || r.bit >= LIMIT_EDITIONS)
		return 1;
	*out = r;
	return 0;
}

void pin_record_encode(struct buf *b, const struct pin_record *r)
{
	put_u8(b, RECORD_VERSION);
	put_u32(b, r->article);
	put_u16(b, r->position);
	put_i64(b, r->until_ms);
	put_f32(b, r->boost);
	put_string(b, r->edition);
}

int pin_record_decode(struct span bytes, struct pin_record *out)
{
	struct byte_reader b = bytes_reader(bytes);
	struct pin_record r = {0};
	if (!version_is_known(&b))
		return 1;
	r.article = get_u32(&b);
	r.position = get_u16(&b);
	r.until_ms = get_i64(&b);
	r.boost = get_finite(&b);
	r.edition = get_string(&b, LIMIT_ID_BYTES);
	if (!bytes_done(&b) || r.position > LIMIT_FEED)
		return 1;
	*out = r;
	return 0;
}
