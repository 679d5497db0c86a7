#include "engine/base/day_filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Day d is bit d mod 8 of each byte; when a day begins, its bits, of eight days before, are cleared. The places of a hash
 * are low + i * high (Kirsch and Mitzenmacher 2006, doi:10.1007/11841036_42). */

enum { PLACES = 3 };

struct day_filter {
	uint32_t last_day;
	size_t n_bytes;
	uint8_t bytes[];
};

int day_filter_new(struct day_filter **out, size_t n_bytes, uint32_t today)
{
	struct day_filter *f = calloc(1, sizeof(*f) + n_bytes);
	if (!f)
		return -ENOMEM;
	f->n_bytes = n_bytes;
	f->last_day = today;
	*out = f;
	return 0;
}

void day_filter_free(struct day_filter *f)
{
	free(f);
}

static void begin_day(struct day_filter *f, uint32_t day)
{
	unsigned kept = 0;
	for (uint32_t i = 1; i < DAY_FILTER_DAYS && i < day; i++)
		kept |= day - i <= f->last_day ? 1u << (day - i) % DAY_FILTER_DAYS : 0;
	for (size_t i = 0; i < f->n_bytes; i++)
		f->bytes[i] &= (uint8_t)kept;
	f->last_day = day;
}

static size_t place(const struct day_filter *f, struct hash128 hash, unsigned i)
{
	return (hash.low + i * hash.high) & (f->n_bytes - 1);
}

void day_filter_add(struct day_filter *f, uint32_t day, struct hash128 hash)
{
	if (day > f->last_day)
		begin_day(f, day);
	for (unsigned i = 0; i < PLACES; i++)
		f->bytes[place(f, hash, i)] |= (uint8_t)(1u << day % DAY_FILTER_DAYS);
}

unsigned day_filter_find(struct day_filter *f, uint32_t today, struct hash128 hash)
{
	unsigned seen = (1u << DAY_FILTER_DAYS) - 1, out = 0;
	if (today < f->last_day)
		return seen;
	if (today > f->last_day)
		begin_day(f, today);
	for (unsigned i = 0; i < PLACES; i++)
		seen &= f->bytes[place(f, hash, i)];
	for (uint32_t i = 0; seen && i < DAY_FILTER_DAYS && i <= today; i++)
		out |= (seen >> (today - i) % DAY_FILTER_DAYS & 1) << i;
	return out;
}
