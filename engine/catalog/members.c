/* The members of stories: immutable lists, replaced as articles come and go. */
#include "engine/catalog/internal.h"

static struct catalog_members *members_with(const struct catalog_members *old, uint32_t article)
{
	uint32_t n = old ? old->n : 0, at = 0;
	struct catalog_members *m = malloc(sizeof(*m) + (n + 1) * sizeof(m->article[0]));
	if (!m)
		return NULL;
	while (at < n && old->article[at] < article)
		at++;
	if (n)
		memcpy(m->article, old->article, at * sizeof(m->article[0]));
	m->article[at] = article;
	if (n > at)
		memcpy(m->article + at + 1, old->article + at, (n - at) * sizeof(m->article[0]));
	m->n = n + 1;
	return m;
}

int members_join(struct catalog *c, uint32_t story, uint32_t article)
{
	struct catalog_members *old = map_get_ptr(c->by_story, story);
	for (uint32_t i = 0; old && i < old->n; i++)
		if (old->article[i] == article)
			return 0;
	struct catalog_members *m = members_with(old, article);
	if (!m || map_put_ptr(c->by_story, story, m) < 0) {
		free(m);
		return -ENOMEM;
	}
	if (old)
		epoch_retire(c->epoch, old, free);
	return 0;
}

void members_leave(struct catalog *c, uint32_t story, uint32_t article)
{
	struct catalog_members *old = map_get_ptr(c->by_story, story), *m = NULL;
	if (!old)
		return;
	if (old->n > 1) {
		m = malloc(sizeof(*m) + (old->n - 1) * sizeof(m->article[0]));
		if (!m)
			return;
		m->n = 0;
		for (uint32_t i = 0; i < old->n; i++)
			if (old->article[i] != article && m->n < old->n - 1)
				m->article[m->n++] = old->article[i];
		if (map_put_ptr(c->by_story, story, m) < 0) {
			free(m);
			return;
		}
	} else if (old->article[0] == article) {
		map_remove(c->by_story, story);
	} else {
		return;
	}
	epoch_retire(c->epoch, old, free);
}

int catalog_set_story(struct catalog *c, uint32_t article, uint32_t story)
{
	struct catalog_place place = catalog_find(c, article);
	if (!place.segment)
		return 0;
	struct segment *s = segment_of(place.segment);
	uint32_t old = atomic_load_explicit(&s->seen.story[place.slot], memory_order_relaxed);
	if (old == story)
		return 0;
	int r = members_join(c, story, article);
	if (r < 0)
		return r;
	atomic_store_explicit(&s->seen.story[place.slot], story, memory_order_release);
	members_leave(c, old, article);
	return 0;
}
