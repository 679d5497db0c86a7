/* Clicks and shows as integers in quarter-hour buckets, so that taking one back is exact. Decay is applied when read, by
 * a table of 2^-(minutes / half-life). */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/catalog/segment.h"

const int64_t catalog_half_lives_ms[N_HALF_LIVES] = {15 * 60000, 60 * 60000, 3 * 3600000, 12 * 3600000, 48 * 3600000};

/* Minutes from a kept bucket's middle: the oldest began up to a bucket's length before the kept hours. */
enum { BUCKET_MIDDLE = BUCKET_MINUTES / 2, AGES = COUNTER_HOURS * 60 + BUCKET_MINUTES - BUCKET_MIDDLE,
       OLD_BUCKET_BYTES = 12 };
static float decay_table[AGES][N_HALF_LIVES]; /* [minutes][half-life] */
static pthread_once_t decay_once = PTHREAD_ONCE_INIT;

static void fill_decay_table(void)
{
	for (int minutes = 0; minutes < AGES; minutes++)
		for (int h = 0; h < N_HALF_LIVES; h++)
			decay_table[minutes][h] = (float)exp2(-(double)minutes * 60000 / (double)catalog_half_lives_ms[h]);
}

static uint32_t bucket_of(int64_t at_ms)
{
	return at_ms < 0 ? 0 : (uint32_t)(at_ms / (BUCKET_MINUTES * 60000));
}

static uint32_t oldest_kept(int64_t minute_ms)
{
	return bucket_of(minute_ms - (int64_t)COUNTER_HOURS * 3600000);
}

void counters_prune(struct counters *c, int64_t minute_ms)
{
	uint32_t oldest = oldest_kept(minute_ms);
	uint16_t kept = 0;
	for (uint16_t i = 0; i < c->n; i++)
		if (c->buckets[i].bucket >= oldest && (c->buckets[i].n[0] || c->buckets[i].n[1] || c->buckets[i].n[2]))
			c->buckets[kept++] = c->buckets[i];
	c->n = kept;
}

/* The first bucket that is not before this one. */
static uint16_t place_of(const struct counters *c, uint32_t bucket)
{
	uint16_t i = c->n;
	while (i > 0 && c->buckets[i - 1].bucket >= bucket)
		i--;
	return i;
}

/* Room for another bucket. Returns 0, 1 when there are as many as a record can hold, or -ENOMEM. */
static int make_room(struct counters *c, int64_t minute_ms)
{
	if (c->n < c->capacity && c->n < COUNTER_BUCKETS_MAX)
		return 0;
	counters_prune(c, minute_ms);
	if (c->n >= COUNTER_BUCKETS_MAX)
		return 1;
	if (c->n < c->capacity)
		return 0;
	uint16_t capacity = c->capacity ? (uint16_t)(c->capacity * 2) : 4;
	struct counter_bucket *grown = realloc(c->buckets, capacity * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	c->buckets = grown;
	c->capacity = capacity;
	return 0;
}

int counters_add(struct counters *c, enum catalog_counter counter, int64_t at_ms, int delta, int64_t minute_ms)
{
	uint32_t bucket = bucket_of(at_ms);
	if (bucket < oldest_kept(minute_ms))
		return 0;
	uint16_t i = place_of(c, bucket);
	if (i == c->n || c->buckets[i].bucket != bucket) {
		if (delta <= 0)
			return 0;
		int r = make_room(c, minute_ms);
		if (r != 0)
			return r < 0 ? r : 0;
		i = place_of(c, bucket); /* pruning moves it */
		memmove(&c->buckets[i + 1], &c->buckets[i], (size_t)(c->n - i) * sizeof(*c->buckets));
		c->buckets[i] = (struct counter_bucket){.bucket = bucket};
		c->n++;
	}
	uint32_t *n = &c->buckets[i].n[counter];
	if (delta >= 0 || *n >= (uint32_t)-delta)
		*n += (uint32_t)delta;
	return 0;
}

void counters_decayed(const struct counters *c, enum catalog_counter counter, int64_t minute_ms, float out[N_HALF_LIVES])
{
	const float one = counter == CATALOG_EXPECTED ? 1.0f / CATALOG_EXPECTED_ONE : 1;
	pthread_once(&decay_once, fill_decay_table);
	for (int h = 0; h < N_HALF_LIVES; h++)
		out[h] = 0;
	for (uint16_t i = 0; i < c->n; i++) {
		int64_t middle = (int64_t)c->buckets[i].bucket * BUCKET_MINUTES + BUCKET_MIDDLE;
		int64_t age = minute_ms / 60000 - middle;
		age = age < 0 ? 0 : age;
		if (age >= AGES)
			continue;
		for (int h = 0; h < N_HALF_LIVES; h++)
			out[h] += one * (float)c->buckets[i].n[counter] * decay_table[age][h];
	}
}

void counters_encode(const struct counters *c, struct buf *out)
{
	buf_put(out, &c->n, 2);
	for (uint16_t i = 0; i < c->n; i++)
		buf_put(out, &c->buckets[i], sizeof(c->buckets[i]));
}

int counters_decode(struct counters *c, struct span bytes)
{
	uint16_t n;
	if (bytes.len < 2)
		return 1;
	memcpy(&n, bytes.data, 2);
	/* Records from before there were expected clicks have one number less. */
	size_t bucket_bytes = n && bytes.len == 2 + (size_t)n * OLD_BUCKET_BYTES ? (size_t)OLD_BUCKET_BYTES : sizeof(struct counter_bucket);
	if (n > COUNTER_BUCKETS_MAX || bytes.len != 2 + n * bucket_bytes)
		return 1;
	struct counter_bucket *buckets = calloc(n + 1, sizeof(*buckets));
	if (!buckets)
		return -ENOMEM;
	for (uint16_t i = 0; i < n; i++)
		memcpy(&buckets[i], bytes.data + 2 + i * bucket_bytes, bucket_bytes);
	for (uint16_t i = 1; i < n; i++)
		if (buckets[i].bucket <= buckets[i - 1].bucket) {
			free(buckets);
			return 1;
		}
	free(c->buckets);
	c->buckets = buckets;
	c->n = n;
	c->capacity = (uint16_t)(n + 1);
	return 0;
}

void counters_free(struct counters *c)
{
	if (!c)
		return;
	free(c->buckets);
	free(c);
}
