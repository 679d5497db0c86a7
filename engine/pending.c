#include "engine/pending.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/map.h"

struct pending {
	struct map *by_feed; /* feed -> first struct pending_slate of the feed */
	struct pending_slate **due; /* [n] a heap: none is due before due[0] */
	size_t max_bytes, bytes, n, capacity, n_bare;
	uint64_t n_dropped, n_come;
	int64_t day;        /* since 1970 */
	struct map *taught; /* reader -> slates learnt of that day */
};

struct pending_slate *pending_slate_new(const struct example *e, const uint16_t *which, const uint8_t *positions, size_t n,
                                        uint64_t feed, uint16_t page, int64_t due_ms)
{
	enum { HEAD_BYTES = (sizeof(struct pending_slate) + 15) & ~(size_t)15 };
	n = n < EXAMPLE_SLOTS_MAX ? n : EXAMPLE_SLOTS_MAX;
	const size_t example_end = HEAD_BYTES + example_bytes(n, e->n_columns), n_bytes = example_end + n * N_EVENT_TYPES;
	char *memory = malloc(n_bytes);
	if (!memory)
		return NULL;
	struct pending_slate *s = (struct pending_slate *)(void *)memory;
	struct example *copy = example_at(memory + HEAD_BYTES, n, e->n_columns);
	struct example head = *e;
	*s = (struct pending_slate){
		.example = copy, .times = (uint8_t *)memory + example_end, .due_ms = due_ms, .bytes = n_bytes};
	memset(s->times, 0, n * N_EVENT_TYPES);
	head.n = n;
	head.feed = feed;
	head.page = page;
	head.slots = copy->slots;
	head.columns = copy->columns;
	head.mean = copy->mean;
	head.deviation = copy->deviation;
	*copy = head;
	memcpy(copy->mean, e->mean, e->n_columns * sizeof(float));
	memcpy(copy->deviation, e->deviation, e->n_columns * sizeof(float));
	for (size_t i = 0; i < n; i++) {
		copy->slots[i] = e->slots[which[i]];
		copy->slots[i].position = positions[i];
		copy->slots[i].events = 0;
		memcpy(copy->columns + i * e->n_columns, e->columns + which[i] * e->n_columns, e->n_columns * sizeof(float));
	}
	return s;
}

void pending_slate_free(struct pending_slate *s)
{
	free(s);
}

int pending_new(struct pending **out, size_t max_bytes)
{
	struct pending *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->max_bytes = max_bytes;
	if (map_new(&p->by_feed, NULL) < 0 || map_new(&p->taught, NULL) < 0) {
		map_free(p->by_feed);
		free(p);
		return -ENOMEM;
	}
	*out = p;
	return 0;
}

void pending_free(struct pending *p)
{
	if (!p)
		return;
	while (p->n > 0)
		pending_slate_free(pending_pop(p));
	map_free(p->by_feed);
	map_free(p->taught);
	free(p->due);
	free(p);
}

static bool is_bare(const struct pending_slate *s)
{
	return s->example->n_columns == 0;
}

/* Of those due at one time the first to come is first. */
static bool is_before(const struct pending_slate *a, const struct pending_slate *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->number < b->number;
}

/* Puts a slate where it belongs, from a free place upwards or downwards. */
static void settle(struct pending *p, size_t at, struct pending_slate *s)
{
	for (; at > 0 && is_before(s, p->due[(at - 1) / 2]); at = (at - 1) / 2)
		p->due[at] = p->due[(at - 1) / 2];
	for (size_t child; (child = 2 * at + 1) < p->n; at = child) {
		child += child + 1 < p->n && is_before(p->due[child + 1], p->due[child]);
		if (!is_before(p->due[child], s))
			break;
		p->due[at] = p->due[child];
	}
	p->due[at] = s;
}

static bool make_room(struct pending *p)
{
	if (p->n < p->capacity)
		return true;
	size_t capacity = p->capacity ? 2 * p->capacity : 64;
	struct pending_slate **grown = realloc(p->due, capacity * sizeof(struct pending_slate *));
	if (!grown)
		return false;
	p->due = grown;
	p->capacity = capacity;
	return true;
}

/* Takes a slate out of its feed's list. */
static void leave_feed(struct pending *p, struct pending_slate *s)
{
	struct pending_slate *at = map_get_ptr(p->by_feed, s->example->feed);
	if (at != s) {
		while (at->next_of_feed != s)
			at = at->next_of_feed;
		at->next_of_feed = s->next_of_feed;
	} else if (!s->next_of_feed) {
		map_remove(p->by_feed, s->example->feed);
	} else if (map_put_ptr(p->by_feed, s->example->feed, s->next_of_feed) < 0) {
		__builtin_trap(); /* the feed is there: nothing grows */
	}
}

struct pending_slate *pending_pop(struct pending *p)
{
	if (p->n == 0)
		return NULL;
	struct pending_slate *s = p->due[0];
	p->bytes -= s->bytes;
	p->n_bare -= is_bare(s);
	p->n--;
	if (p->n > 0)
		settle(p, 0, p->due[p->n]);
	leave_feed(p, s);
	return s;
}

void pending_add_take(struct pending *p, struct pending_slate *s)
{
	if (is_bare(s) && p->bytes + s->bytes > p->max_bytes / 2) {
		pending_slate_free(s);
		return;
	}
	while (p->n > 0 && p->bytes + s->bytes > p->max_bytes) {
		pending_slate_free(pending_pop(p));
		p->n_dropped++;
	}
	s->next_of_feed = map_get_ptr(p->by_feed, s->example->feed);
	if (s->bytes > p->max_bytes || !make_room(p) || map_put_ptr(p->by_feed, s->example->feed, s) < 0) {
		pending_slate_free(s);
		p->n_dropped++;
		return;
	}
	s->number = p->n_come++;
	p->bytes += s->bytes;
	p->n_bare += is_bare(s);
	p->n++;
	settle(p, p->n - 1, s);
}

void pending_note(struct pending *p, uint64_t feed, uint64_t user, uint64_t reader, uint32_t article, enum event_type type,
                  bool undo)
{
	for (struct pending_slate *s = map_get_ptr(p->by_feed, feed); s; s = s->next_of_feed) {
		struct example *e = s->example;
		if ((e->user && e->user != user) || (s->reader && reader && s->reader != reader))
			continue; /* another reader's feed id */
		for (size_t i = 0; i < e->n; i++) {
			if (e->slots[i].article != article)
				continue;
			e->user = user;
			uint8_t *times = &s->times[i * N_EVENT_TYPES + type];
			if (!undo && *times < UINT8_MAX)
				++*times;
			else if (undo && *times > 0)
				--*times;
			e->slots[i].events = (uint16_t)(*times ? e->slots[i].events | 1u << type : e->slots[i].events & ~(1u << type));
			return;
		}
	}
}

const struct pending_slate *pending_due(const struct pending *p, int64_t now_ms)
{
	return p->n > 0 && p->due[0]->due_ms <= now_ms ? p->due[0] : NULL;
}

float pending_weight(struct pending *p, uint64_t user, int64_t now_ms)
{
	enum { READERS_MAX = 1 << 20 };
	int64_t day = now_ms / 86400000;
	if (day != p->day || map_count(p->taught) > READERS_MAX) {
		struct map *fresh;
		if (map_new(&fresh, NULL) < 0)
			return 1; /* rather than teach nothing */
		map_free(p->taught);
		p->taught = fresh;
		p->day = day;
	}
	uint64_t n = map_get(p->taught, user) + 1;
	if (n > PENDING_READER_DAY || map_put(p->taught, user, n) < 0)
		return 0;
	return n <= PENDING_WHOLE ? 1 : (float)PENDING_WHOLE / (float)n;
}

size_t pending_counted(const struct example *e, uint16_t *which)
{
	const unsigned impression = 1u << EVENT_IMPRESSION;
	bool any_shown = false;
	size_t below_last = 0, n = 0;
	for (size_t i = 0; i < e->n; i++) {
		any_shown = any_shown || (e->slots[i].events & impression);
		if (e->slots[i].events & EXAMPLE_CHOSEN)
			below_last = i + 1;
	}
	if (below_last == 0)
		return 0;
	for (size_t i = 0; i < e->n; i++)
		if (any_shown ? e->slots[i].events != 0 : i < below_last)
			which[n++] = (uint16_t)i;
	return n > 1 ? n : 0;
}

void pending_totals(const struct pending *p, struct pending_totals *out)
{
	*out = (struct pending_totals){.n = p->n - p->n_bare, .n_bare = p->n_bare, .bytes = p->bytes, .n_dropped = p->n_dropped};
}
