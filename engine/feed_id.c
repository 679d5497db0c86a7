/* Numbers of feeds, how they are written, and the keys of their slates. */
#include <stdio.h>
#include <string.h>

#include "engine/feed_internal.h"

/* Time-ordered, unique over workers and restarts. */
uint64_t feed_number_next(struct engine_worker *w, int64_t now_ms)
{
	uint64_t n = (uint64_t)now_ms << 10;
	w->last_feed = n > w->last_feed ? n : w->last_feed + 1;
	return w->last_feed << 7 | (w->number & 127);
}

void feed_id_format(uint64_t feed, char out[32])
{
	snprintf(out, 32, "f-%016llx", (unsigned long long)feed);
}

int feed_id_parse(struct span feed_id, uint64_t *feed)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t n = 0;
	if (feed_id.len != 18 || !span_starts_with(feed_id, SPAN("f-")))
		return 1;
	for (size_t i = 2; i < feed_id.len; i++) {
		const char *digit = memchr(digits, feed_id.data[i], 16);
		if (!digit)
			return 1;
		n = n << 4 | (uint64_t)(digit - digits);
	}
	*feed = n;
	return n == 0;
}

bool feed_slate_may_come(const struct engine *e, uint64_t feed, int64_t now_ms)
{
	enum { LINGER_MS = 10000 };
	int64_t made_ms = (int64_t)(feed >> 17);
	return feed >> 7 > atomic_load(&e->last_feed) && made_ms <= now_ms && now_ms - made_ms < LINGER_MS;
}

struct span key_slate(uint8_t out[10], uint64_t feed, uint16_t page)
{
	key_u64(out, feed);
	out[8] = (uint8_t)(page >> 8);
	out[9] = (uint8_t)page;
	return (struct span){(const char *)out, 10};
}
