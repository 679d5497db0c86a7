/* Why a score is what it is: the score's definition written out row by row, from the profile and the columns as they
 * stand, with no index. It is slow, a few microseconds an article, and it is what the fast ways are held to. Who asks for
 * many stories of one request makes a filter first, which spares looking up what has nothing to do with the reader. */
#include <math.h>
#include <string.h>

#include "engine/rank/rank_internal.h"

/* ---- what a reader has to do with ---- */

/* Fibonacci hashing (Knuth 6.4). */
static uint32_t place_of(uint32_t number)
{
	return number * 2654435769u >> 20;
}
_Static_assert(RANK_FILTER_BITS == 1 << (32 - 20), "one for each");

static void put(uint64_t *bits, uint32_t number)
{
	const uint32_t place = place_of(number);
	bits[place / 64] |= UINT64_C(1) << place % 64;
}

static bool may_hold(const uint64_t *bits, uint32_t number)
{
	const uint32_t place = place_of(number);
	return bits[place / 64] >> place % 64 & 1;
}

static struct profile_moment moment_of(const struct rank_request *q)
{
	const struct profile *p = q->reader.profile;
	return p ? profile_moment_of(q->profile_config, p, q->now_ms) : (struct profile_moment){0};
}

static void put_interests(struct rank_filter *f, const struct profile_interest *interests, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put(f->topics, interests[i].topic);
}

static void put_topics(struct rank_filter *f, const uint32_t *topics, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put(f->topics, topics[i]);
}

struct rank_filter *rank_filter_new(struct arena *arena, const struct rank_request *request)
{
	const struct rank_reader *reader = &request->reader;
	struct rank_filter *f = arena_alloc(arena, sizeof(*f));
	if (!f)
		return NULL;
	memset(f, 0, sizeof(*f));
	f->moment = moment_of(request);
	if (reader->profile) {
		put_interests(f, reader->profile->topics, reader->profile->n_topics);
		put_interests(f, reader->profile->affinities, reader->profile->n_affinities);
	}
	put_topics(f, reader->follows, reader->n_follows);
	put_topics(f, reader->places, reader->n_places);
	put_topics(f, request->edition_places, request->n_edition_places);
	for (size_t i = 0; reader->history && i < reader->history->n_shown; i++)
		put(f->stories, reader->history->shown[i].story);
	return f;
}

size_t rank_filter_vector(const struct rank_filter *f, const struct catalog_segment *s, uint32_t slot,
                          struct topic_term out[LIMIT_VECTOR])
{
	size_t n, n_out = 0;
	const struct topic_term *vector = catalog_vector(s, slot, &n);
	for (size_t i = 0; i < n; i++) {
		out[n_out] = vector[i];
		n_out += may_hold(f->topics, vector[i].topic);
	}
	return n_out;
}

/* ---- the definition ---- */

struct rows {
	struct rank_reason *out; /* [RANK_REASONS_MAX] */
	size_t n;
};

static void add_row(struct rows *rows, enum feature feature, uint32_t topic, int32_t contribution)
{
	if (contribution)
		rows->out[rows->n++] = (struct rank_reason){feature, topic, contribution};
}

static bool contains(const uint32_t *numbers, size_t n, uint32_t number)
{
	for (size_t i = 0; i < n; i++)
		if (numbers[i] == number)
			return true;
	return false;
}

static bool contains_language(const uint8_t *languages, size_t n, uint8_t language)
{
	for (size_t i = 0; i < n; i++)
		if (languages[i] == language)
			return true;
	return false;
}

static void add_interest_rows(struct rows *rows, const struct rank_request *q, struct profile_moment moment,
                              const struct topic_term *term)
{
	struct profile_interest interest = profile_read_topic(q->reader.profile, term->topic, moment);
	if (interest.short_term == 0 && interest.long_term == 0)
		return; /* as most topics of an article are to most readers: their parts are 0 */
	struct topic_parts parts = rank_topic_parts(q->model, &interest);
	for (size_t k = 0; k < parts.n; k++)
		add_row(rows, parts.feature[k], term->topic, parts.weight[k] * term->weight);
}

static void add_topic_rows(struct rows *rows, const struct rank_request *q, struct profile_moment moment,
                           const struct topic_term *vector, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (q->reader.profile)
			add_interest_rows(rows, q, moment, &vector[i]);
		if (contains(q->reader.follows, q->reader.n_follows, vector[i].topic))
			add_row(rows, FEATURE_FOLLOW, vector[i].topic, rank_fixed(q->model, FEATURE_FOLLOW, 1));
	}
}

/* One row for the first of the places that the article carries. */
static void add_place_row(struct rows *rows, const struct rank_request *q, enum feature feature, const uint32_t *places,
                          size_t n_places, const struct topic_term *vector, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (contains(places, n_places, vector[i].topic)) {
			add_row(rows, feature, vector[i].topic, rank_fixed(q->model, feature, 1));
			return;
		}
}

static void add_language_row(struct rows *rows, const struct rank_request *q, uint8_t language)
{
	bool known = q->reader.n_languages ? contains_language(q->reader.languages, q->reader.n_languages, language)
	                                   : contains_language(q->edition_languages, q->n_edition_languages, language);
	if (known)
		add_row(rows, FEATURE_LANGUAGE, 0, rank_fixed(q->model, FEATURE_LANGUAGE, 1));
}

static void add_seen_row(struct rows *rows, const struct rank_request *q, uint32_t story)
{
	const struct history *h = q->reader.history;
	for (size_t i = h ? h->n_shown : 0; story && i-- > 0;)
		if (h->shown[i].story == story) {
			add_row(rows, FEATURE_SEEN, 0, rank_fixed(q->model, FEATURE_SEEN, log1p(h->shown[i].count)));
			return;
		}
}

size_t rank_rows(const struct rank_request *q, const struct rank_filter *f, const struct catalog_segment *s, uint32_t slot,
                 int64_t minute_ms, struct rank_reason out[RANK_REASONS_MAX])
{
	struct topic_term of_reader[LIMIT_VECTOR];
	struct rows rows = {out, 0};
	int32_t shared;
	if (q->order == RANK_LATEST) {
		add_row(&rows, FEATURE_AGE, 0, rank_latest_score(s->published_ms[slot]));
		return rows.n;
	}
	if (q->order == RANK_TRENDING) {
		float clicks = atomic_load_explicit(&s->row[slot].clicks[3], memory_order_relaxed);
		add_row(&rows, FEATURE_POPULAR_12H, 0, rank_trending_score(clicks));
		return rows.n;
	}
	size_t n;
	const struct topic_term *vector = f ? of_reader : catalog_vector(s, slot, &n);
	const uint32_t story = atomic_load_explicit(&s->story[slot], memory_order_relaxed);
	n = f ? rank_filter_vector(f, s, slot, of_reader) : n;
	add_topic_rows(&rows, q, f ? f->moment : moment_of(q), vector, n);
	add_place_row(&rows, q, FEATURE_HOME, q->reader.places, q->reader.n_places, vector, n);
	add_place_row(&rows, q, FEATURE_EDITION, q->edition_places, q->n_edition_places, vector, n);
	add_language_row(&rows, q, s->language[slot]);
	if (!f || may_hold(f->stories, story))
		add_seen_row(&rows, q, story);
	rows.n += rank_shared_rows(q->model, s, slot, minute_ms, out + rows.n, &shared);
	return rows.n;
}

/* A counter or the minute may have moved since the score was taken: what that changed belongs to the shared features,
 * and the first that the model uses, most lively first, takes it. */
static size_t settle(const struct rank_request *q, int32_t difference, struct rank_reason *out, size_t n)
{
	static const enum feature lively[] = {FEATURE_POPULAR_1H, FEATURE_POPULAR_12H, FEATURE_CTR,  FEATURE_POPULAR_48H,
	                                      FEATURE_EXPLORE,    FEATURE_FRESH,       FEATURE_AGE, FEATURE_BOOST};
	size_t k = 0, i = 0;
	while (k + 1 < sizeof(lively) / sizeof(lively[0]) && q->model->weights[lively[k]] == 0)
		k++;
	if (q->order != RANK_RANKED) {
		i = 0; /* the one row there is */
	} else {
		while (i < n && out[i].feature != lively[k])
			i++;
	}
	if (i == n)
		out[n++] = (struct rank_reason){.feature = lively[k]};
	out[i].contribution += difference;
	return n;
}

/* By absolute contribution, then in the features' order. */
static bool row_before(const struct rank_reason *x, const struct rank_reason *y)
{
	int64_t size_x = llabs(x->contribution), size_y = llabs(y->contribution);
	if (size_x != size_y)
		return size_x > size_y;
	return x->feature != y->feature ? x->feature < y->feature : x->topic < y->topic;
}

/* By insertion: there are a dozen rows, and qsort takes five times as long for so few. */
static void sort_rows(struct rank_reason *rows, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct rank_reason row = rows[i];
		size_t k = i;
		for (; k > 0 && row_before(&row, &rows[k - 1]); k--)
			rows[k] = rows[k - 1];
		rows[k] = row;
	}
}

size_t rank_explain(const struct rank_filter *f, const struct catalog *c, const struct rank_request *request,
                    const struct rank_item *item, struct rank_reason out[RANK_REASONS_MAX])
{
	if (!item->segment)
		return 0;
	size_t n = rank_rows(request, f, item->segment, item->slot, catalog_view(c)->minute_ms, out);
	uint32_t sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += (uint32_t)out[i].contribution;
	int32_t difference = (int32_t)((uint32_t)item->score - sum);
	if (difference)
		n = settle(request, difference, out, n);
	sort_rows(out, n);
	return n;
}
