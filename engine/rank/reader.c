/* Makes a request ready for scanning: every topic that means anything to it once, with what carrying it adds and what it
 * marks; the stories and articles that are out; what each story shown before loses. */
#include <math.h>

#include "engine/base/hash.h"
#include "engine/rank/rank_internal.h"

void rank_user_free(struct user *u)
{
	free(u->topics);
	free(u->runs);
	numbers_free(&u->topic_index);
	numbers_free(&u->seen);
	numbers_free(&u->dropped_stories);
	numbers_free(&u->dropped_articles);
	*u = (struct user){0};
}

static int reserve_topics(struct user *u, size_t n)
{
	if (n > u->topics_capacity) {
		struct user_topic *topics = malloc(n * sizeof(*topics));
		struct run *runs = malloc(n * sizeof(*runs));
		if (!topics || !runs) {
			free(topics);
			free(runs);
			return -ENOMEM;
		}
		free(u->topics);
		free(u->runs);
		u->topics = topics;
		u->runs = runs;
		u->topics_capacity = n;
	}
	u->n_topics = 0;
	return numbers_reset(&u->topic_index, n);
}

static struct user_topic *topic_entry(struct user *u, uint32_t topic)
{
	int32_t *index = numbers_put(&u->topic_index, topic);
	if (*index == 0) {
		u->topics[u->n_topics++] = (struct user_topic){.hash = hash_mix64(topic), .topic = topic};
		*index = (int32_t)u->n_topics;
	}
	return &u->topics[*index - 1];
}

static void mark_topic(struct user *u, uint32_t topic, uint8_t mark)
{
	if (topic)
		topic_entry(u, topic)->marks |= mark;
}

static void add_interests(struct user *u)
{
	const struct rank_request *q = u->request;
	struct profile_interest interests[PROFILE_TOPICS + PROFILE_AFFINITIES];
	size_t n = profile_read_all(q->profile_config, q->reader.profile, q->now_ms, interests);
	for (size_t i = 0; i < n; i++) {
		int32_t weight = rank_topic_parts(q->model, &interests[i]).total;
		if (weight && interests[i].topic)
			topic_entry(u, interests[i].topic)->weight = weight;
	}
}

static void add_declared(struct user *u)
{
	const struct rank_request *q = u->request;
	int32_t follow = rank_fixed(q->model, FEATURE_FOLLOW, 1);
	u->home = rank_fixed(q->model, FEATURE_HOME, 1);
	u->edition = rank_fixed(q->model, FEATURE_EDITION, 1);
	for (size_t i = 0; follow && i < q->reader.n_follows; i++)
		if (q->reader.follows[i])
			topic_entry(u, q->reader.follows[i])->fixed = follow;
	for (size_t i = 0; u->home && i < q->reader.n_places; i++)
		mark_topic(u, q->reader.places[i], MARK_HOME);
	for (size_t i = 0; u->edition && i < q->n_edition_places; i++)
		mark_topic(u, q->edition_places[i], MARK_EDITION);
}

static void add_languages(struct user *u)
{
	const struct rank_request *q = u->request;
	bool declared = q->reader.n_languages > 0;
	const uint8_t *languages = declared ? q->reader.languages : q->edition_languages;
	size_t n = declared ? q->reader.n_languages : q->n_edition_languages;
	u->language = rank_fixed(q->model, FEATURE_LANGUAGE, 1);
	for (size_t i = 0; u->language && i < n; i++)
		if (!memchr(u->languages, languages[i], u->n_languages))
			u->languages[u->n_languages++] = languages[i];
}

static int add_topics(struct user *u)
{
	const struct rank_request *q = u->request;
	int r = reserve_topics(u, PROFILE_TOPICS + PROFILE_AFFINITIES + q->reader.n_follows + q->reader.n_places +
	                              q->reader.n_mutes + q->n_edition_places + 2);
	if (r)
		return r;
	u->need = 0;
	u->drop = 0;
	u->home = u->edition = u->language = 0;
	u->n_languages = 0;
	if (q->order == RANK_RANKED) {
		if (q->reader.profile)
			add_interests(u);
		add_declared(u);
		add_languages(u);
	}
	for (size_t i = 0; !q->include_read && i < q->reader.n_mutes; i++) {
		const struct rank_mute *mute = &q->reader.mutes[i];
		if (mute->topic && (mute->until_ms == 0 || mute->until_ms > q->now_ms)) {
			mark_topic(u, mute->topic, MARK_MUTED);
			u->drop |= MARK_MUTED;
		}
	}
	mark_topic(u, q->topic, MARK_TOPIC);
	mark_topic(u, q->place, MARK_PLACE);
	u->need |= (q->topic ? MARK_TOPIC : 0) | (q->place ? MARK_PLACE : 0);
	if (q->section || q->source || q->language >= 0 || q->edition >= 0)
		u->drop |= MARK_COLUMN;
	return 0;
}

static void drop(struct numbers *m, size_t *n, uint32_t number, int32_t why)
{
	if (!number)
		return;
	int32_t *bits = numbers_put(m, number);
	*n += *bits == 0;
	*bits |= why;
}

/* An article counts as read when it, the story it was read in, or the story that the read article is in now was. */
static int add_dropped(struct user *u, const struct catalog *c)
{
	const struct rank_request *q = u->request;
	const struct history *h = q->include_read ? NULL : q->reader.history;
	size_t n_reads = h ? h->n_reads : 0;
	u->n_dropped_stories = u->n_dropped_articles = 0;
	int r = numbers_reset(&u->dropped_stories, 2 * n_reads + q->n_exclude_stories);
	if (!r)
		r = numbers_reset(&u->dropped_articles, n_reads + q->n_exclude_articles);
	if (r)
		return r;
	for (size_t i = 0; i < n_reads; i++) {
		const struct history_read *read = &h->reads[i];
		drop(&u->dropped_articles, &u->n_dropped_articles, read->article, DROPPED_READ);
		drop(&u->dropped_stories, &u->n_dropped_stories, read->story, DROPPED_READ);
		struct catalog_place at = read->article ? catalog_find(c, read->article) : (struct catalog_place){0};
		if (at.segment)
			drop(&u->dropped_stories, &u->n_dropped_stories,
			     atomic_load_explicit(&at.segment->story[at.slot], memory_order_relaxed), DROPPED_READ);
	}
	for (size_t i = 0; i < q->n_exclude_articles; i++)
		drop(&u->dropped_articles, &u->n_dropped_articles, q->exclude_articles[i], DROPPED_EXCLUDED);
	for (size_t i = 0; i < q->n_exclude_stories; i++)
		drop(&u->dropped_stories, &u->n_dropped_stories, q->exclude_stories[i], DROPPED_EXCLUDED);
	return 0;
}

/* Should a history name a story twice, the later entry counts. */
static int add_seen(struct user *u)
{
	const struct rank_request *q = u->request;
	const struct history *h = q->order == RANK_RANKED ? q->reader.history : NULL;
	size_t n = h && q->model->weights[FEATURE_SEEN] != 0 ? h->n_shown : 0;
	int32_t by_count[256]; /* each filled when first asked for */
	bool known[256] = {false};
	u->seen_max = 0;
	int r = numbers_reset(&u->seen, n);
	if (r)
		return r;
	for (size_t i = 0; i < n; i++) {
		uint8_t count = h->shown[i].count;
		if (!h->shown[i].story)
			continue;
		if (!known[count]) {
			by_count[count] = rank_fixed(q->model, FEATURE_SEEN, log1p(count));
			known[count] = true;
		}
		*numbers_put(&u->seen, h->shown[i].story) = by_count[count];
		if (by_count[count] > u->seen_max)
			u->seen_max = by_count[count];
	}
	return 0;
}

int rank_user_prepare(struct user *u, const struct catalog *c, const struct rank_request *request)
{
	u->request = request;
	int r = add_topics(u);
	if (!r)
		r = add_dropped(u, c);
	if (!r)
		r = add_seen(u);
	return r;
}

int32_t rank_user_topics(const struct user *u, const struct catalog_segment *segment, uint32_t slot, uint8_t *marks)
{
	size_t n;
	const struct topic_term *vector = catalog_vector(segment, slot, &n);
	uint32_t sum = 0; /* wraps rather than overflows should a vector be longer than 1 */
	*marks = 0;
	for (size_t i = 0; i < n; i++) {
		int32_t index = numbers_get(&u->topic_index, vector[i].topic);
		if (!index)
			continue;
		const struct user_topic *t = &u->topics[index - 1];
		sum += (uint32_t)(t->weight * vector[i].weight) + (uint32_t)t->fixed;
		*marks |= t->marks;
	}
	if (*marks & MARK_HOME)
		sum += (uint32_t)u->home;
	if (*marks & MARK_EDITION)
		sum += (uint32_t)u->edition;
	return (int32_t)sum;
}

uint8_t rank_user_columns(const struct user *u, const struct catalog_segment *s, uint32_t slot)
{
	const struct rank_request *q = u->request;
	bool dropped = (q->section && s->section[slot] != q->section) || (q->source && s->source[slot] != q->source) ||
	               (q->language >= 0 && s->language[slot] != q->language) ||
	               (q->edition >= 0 &&
	                !((atomic_load_explicit(&s->editions[slot], memory_order_relaxed) >> q->edition) & 1));
	return dropped ? MARK_COLUMN : 0;
}
