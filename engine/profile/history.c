/* Lists in the order of the log. What is touched again moves to the end and is added up; a full list loses its first.
 * An event that comes late leaves its entry's minute at the later one.
 *
 * A merge joins two lists by minute in room for both, so that an entry of both is added up whole before the oldest go. */
#include "engine/profile/history.h"

uint32_t history_minute(int64_t ms)
{
	int64_t minute = ms / 60000;
	return minute < HISTORY_MINUTE_FIRST  ? HISTORY_MINUTE_FIRST
	       : minute > HISTORY_MINUTE_LAST ? HISTORY_MINUTE_LAST
	                                      : (uint32_t)minute;
}

static uint32_t later(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* Takes entry i of n out of a list of entries of `size` bytes. */
static void close_gap(void *list, size_t i, size_t n, size_t size)
{
	char *p = list;
	memmove(p + i * size, p + (i + 1) * size, (n - i - 1) * size);
}

/* list[max] has n entries. Returns how many it has then. */
static size_t add_read(struct history_read *list, size_t n, size_t max, struct history_read entry)
{
	size_t i = 0;
	while (i < n && list[i].article != entry.article)
		i++;
	if (i < n) {
		entry.types |= list[i].types;
		entry.minute = later(entry.minute, list[i].minute);
		close_gap(list, i, n--, sizeof(entry));
	} else if (n == max) {
		close_gap(list, 0, n--, sizeof(entry));
	}
	list[n] = entry;
	return n + 1;
}

static size_t add_shown(struct history_shown *list, size_t n, size_t max, struct history_shown entry)
{
	size_t i = 0;
	while (i < n && list[i].story != entry.story)
		i++;
	if (i < n) {
		unsigned count = (unsigned)entry.count + list[i].count;
		entry.count = (uint8_t)(count > UINT8_MAX ? UINT8_MAX : count);
		entry.minute = later(entry.minute, list[i].minute);
		close_gap(list, i, n--, sizeof(entry));
	} else if (n == max) {
		close_gap(list, 0, n--, sizeof(entry));
	}
	list[n] = entry;
	return n + 1;
}

static size_t add_saved(struct history_saved *list, size_t n, size_t max, struct history_saved entry)
{
	size_t i = 0;
	while (i < n && list[i].article != entry.article)
		i++;
	if (i < n) {
		entry.minute = later(entry.minute, list[i].minute);
		close_gap(list, i, n--, sizeof(entry));
	} else if (n == max) {
		close_gap(list, 0, n--, sizeof(entry));
	}
	list[n] = entry;
	return n + 1;
}

void history_add_read(struct history *h, struct history_read entry)
{
	h->n_reads = (uint16_t)add_read(h->reads, h->n_reads, HISTORY_READS, entry);
}

void history_add_shown(struct history *h, struct history_shown entry)
{
	h->n_shown = (uint16_t)add_shown(h->shown, h->n_shown, HISTORY_SHOWN, entry);
}

void history_add_saved(struct history *h, struct history_saved entry)
{
	h->n_saved = (uint16_t)add_saved(h->saved, h->n_saved, HISTORY_SAVED, entry);
}

/* The last of both lists by minute, those of `into` before those of `from` of the same minute. */
#define MERGE(type, add, list, count, max)                                                        \
	do {                                                                                          \
		struct type both[2 * (max)];                                                              \
		size_t n = 0, i = 0, j = 0;                                                               \
		while (i < into->count || j < from->count) {                                              \
			bool ours = j == from->count ||                                                       \
			            (i < into->count && into->list[i].minute <= from->list[j].minute);        \
			n = add(both, n, 2 * (max), ours ? into->list[i] : from->list[j]);                    \
			i += ours;                                                                            \
			j += !ours;                                                                           \
		}                                                                                         \
		into->count = (uint16_t)(n > (max) ? (max) : n);                                          \
		memcpy(into->list, both + n - into->count, into->count * sizeof(both[0]));                \
	} while (0)

void history_merge(struct history *into, const struct history *from)
{
	MERGE(history_read, add_read, reads, n_reads, HISTORY_READS);
	MERGE(history_shown, add_shown, shown, n_shown, HISTORY_SHOWN);
	MERGE(history_saved, add_saved, saved, n_saved, HISTORY_SAVED);
}

bool history_has_read(const struct history *h, uint32_t article, uint32_t story)
{
	for (size_t i = 0; i < h->n_reads; i++)
		if (h->reads[i].article == article || h->reads[i].story == story)
			return true;
	return false;
}

const struct history_shown *history_find_shown(const struct history *h, uint32_t story)
{
	for (size_t i = 0; i < h->n_shown; i++)
		if (h->shown[i].story == story)
			return &h->shown[i];
	return NULL;
}
