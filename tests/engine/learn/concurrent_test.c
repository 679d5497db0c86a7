/* Readers beside the one who adds, makes room and removes: what they get under a key is that key's own.
 *
 * Each key is a prime and only multiples of it are added under it, all at one minute so that nothing decays: a value that is
 * no multiple was another key's. The table is so small that keys push each other out all the time. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/rng.h"
#include "engine/learn/signals.h"

enum { READERS = 3, PRIMES = 400, FIRST = 1009, STEPS = 200000, TIMES = 1000, MINUTE = 1000 };

static struct signals *signals;
static uint32_t primes[PRIMES];
static _Atomic bool done;

static void find_primes(void)
{
	uint32_t n = 0;
	for (uint32_t p = FIRST; n < PRIMES; p += 2) {
		bool is = true;
		for (uint32_t d = 3; d * d <= p && is; d += 2)
			is = p % d != 0;
		if (is)
			primes[n++] = p;
	}
}

struct reader {
	pthread_t thread;
	uint64_t seed, n_seen, n_wrong;
};

static bool is_of(float value, uint32_t prime)
{
	/* At most TIMES x 4 x the largest prime: whole in a float. */
	return value >= 0 && value == floorf(value) && (uint32_t)value % prime == 0 && value / (float)prime <= 4 * TIMES;
}

static void *read_on(void *arg)
{
	struct reader *r = arg;
	struct rng rng;
	rng_seed(&rng, r->seed);
	while (!atomic_load(&done)) {
		uint32_t prime = primes[rng_below(&rng, PRIMES)];
		float v[SIGNAL_VALUES];
		signals_get(signals, SIGNAL_HEAD, signal_key(SIGNAL_HEAD, prime, 0), MINUTE, v);
		for (int i = 0; i < SIGNAL_VALUES; i++)
			r->n_wrong += !is_of(v[i], prime * (uint32_t)(i + 1));
		r->n_seen += v[0] > 0;
	}
	return NULL;
}

static void test_readers_beside_the_writer(void **state)
{
	struct reader readers[READERS] = {{0}};
	uint8_t page[SIGNALS_PAGE_BYTES];
	struct rng rng;
	uint64_t n_seen = 0;
	find_primes();
	assert_true(primes[PRIMES - 1] * 4.0 * TIMES < 16777216);
	assert_int_equal(signals_new(&signals, 1), 0); /* 128 counters for 400 keys */
	for (uint64_t i = 0; i < READERS; i++) {
		readers[i].seed = i + 1;
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
	}
	rng_seed(&rng, 20261124);
	for (int i = 0; i < STEPS; i++) {
		float prime = (float)primes[rng_below(&rng, PRIMES)], v[SIGNAL_VALUES];
		const float add[SIGNAL_VALUES] = {prime, 2 * prime, 3 * prime, 4 * prime};
		uint64_t key = signal_key(SIGNAL_HEAD, (uint64_t)prime, 0);
		signals_get(signals, SIGNAL_HEAD, key, MINUTE, v);
		if (v[0] >= prime * (TIMES - 1) || rng_below(&rng, 50) == 0)
			signals_remove(signals, key);
		else
			signals_add(signals, SIGNAL_HEAD, key, MINUTE, add);
		if (i % 10000 == 0) {
			while (signals_take_page(signals, page) >= 0)
				;
			signals_taken_kept(signals, true);
		}
	}
	atomic_store(&done, true);
	for (size_t i = 0; i < READERS; i++) {
		assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
		assert_int_equal(readers[i].n_wrong, 0);
		n_seen += readers[i].n_seen;
	}
	assert_true(n_seen > 1000); /* or they met nothing */
	signals_free(signals);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_readers_beside_the_writer)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
