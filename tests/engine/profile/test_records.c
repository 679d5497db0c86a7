/* Records: what is refused, byte by byte, and that nothing else moves. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/engine/profile/histories.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
	uint8_t data[PROFILE_RECORD_BYTES];
	size_t len;
};

static struct span span_of_bytes(const uint8_t *data, size_t len)
{
	return (struct span){(const char *)data, len};
}

static int decode(int kind, struct span bytes, struct reader_state *out)
{
	return kind == 0   ? profile_decode(bytes, &out->profile)
	       : kind == 1 ? history_decode_reads(bytes, &out->history)
	                   : history_decode_shown(bytes, &out->history);
}

static void encode(int kind, const struct reader_state *s, struct bytes *out)
{
	out->len = kind == 0   ? profile_encode(&s->profile, out->data)
	           : kind == 1 ? history_encode_reads(&s->history, out->data)
	                       : history_encode_shown(&s->history, out->data);
}

static void fill(struct reader_state *s, uint64_t seed, int steps)
{
	struct rng r;
	int64_t clock_ms = START_MS;
	rng_seed(&r, seed);
	memset(s, 0, sizeof(*s));
	for (int i = 0; i < steps; i++) {
		struct step step;
		random_step(&r, &clock_ms, 60, &step);
		apply_step(s, &step);
	}
}

/* Full lists, so that every length up to the largest is cut. */
static void fill_whole(struct reader_state *s)
{
	memset(s, 0, sizeof(*s));
	struct topic_term term;
	for (uint32_t i = 1; i <= 200; i++) {
		term = (struct topic_term){topic_number(i % 2 ? TOPIC_TERM : TOPIC_SOURCE, i), 4096};
		struct profile_event e = {.type = i % 4 == 0 ? EVENT_SAVE : EVENT_CLICK, .article = i, .story = i,
		                          .at_ms = START_MS + i * DAY_MS / 8, .dwell_s = -1, .scroll = -1, .vector = &term, .n_vector = 1};
		profile_apply(&profile_config_default, &s->profile, &s->history, &e);
		e.type = EVENT_SAVE;
		profile_apply(&profile_config_default, &s->profile, &s->history, &e);
		e.type = EVENT_IMPRESSION;
		profile_apply(&profile_config_default, &s->profile, &s->history, &e);
	}
}

static void test_sizes(void **state)
{
	struct reader_state s;
	struct bytes b;
	fill_whole(&s);
	encode(0, &s, &b);
	assert_int_equal(b.len, 24 + (PROFILE_TOPICS + PROFILE_AFFINITIES) * 12);
	encode(1, &s, &b);
	assert_int_equal(b.len, 4 + HISTORY_READS * 12 + HISTORY_SAVED * 7);
	encode(2, &s, &b);
	assert_int_equal(b.len, 2 + HISTORY_SHOWN * 8);
	struct reader_state empty = {0};
	for (int kind = 0; kind < 3; kind++) {
		encode(kind, &empty, &b);
		assert_int_equal(decode(kind, span_of_bytes(b.data, b.len), &s), 0);
	}
	assert_same_state(&s, &empty);
}

/* From memory of exactly that size, so that a read past the end is seen. */
static int decode_copy(int kind, const uint8_t *data, size_t len, struct reader_state *out)
{
	uint8_t *copy = malloc(len ? len : 1);
	assert_non_null(copy);
	memcpy(copy, data, len);
	int r = decode(kind, span_of_bytes(copy, len), out);
	free(copy);
	return r;
}

static void test_truncated(void **state)
{
	struct reader_state s, out, untouched;
	memset(&untouched, 0x5a, sizeof(untouched));
	fill_whole(&s);
	for (int kind = 0; kind < 3; kind++) {
		struct bytes b;
		encode(kind, &s, &b);
		for (size_t n = 0; n < b.len; n++) {
			out = untouched;
			assert_int_equal(decode_copy(kind, b.data, n, &out), 1);
			assert_memory_equal(&out, &untouched, sizeof(out));
		}
		assert_int_equal(decode_copy(kind, b.data, b.len, &out), 0);
		b.data[b.len] = 0;
		assert_int_equal(decode_copy(kind, b.data, b.len + 1, &out), 1);
		assert_int_equal(decode(kind, (struct span){NULL, 0}, &out), 1);
	}
}

/* Every bit turned: refused, or a record that encodes to just those bytes and folds on. */
static void test_bits(void **state)
{
	struct reader_state s, out;
	fill(&s, test_seed(), 300);
	for (int kind = 0; kind < 3; kind++) {
		struct bytes b, back;
		encode(kind, &s, &b);
		for (size_t bit = 0; bit < b.len * 8; bit++) {
			b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
			memset(&out, 0, sizeof(out));
			if (decode_copy(kind, b.data, b.len, &out) == 0) {
				encode(kind, &out, &back);
				assert_int_equal(back.len, b.len);
				assert_memory_equal(back.data, b.data, b.len);
				struct step step;
				struct rng r;
				int64_t clock_ms = START_MS;
				rng_seed(&r, bit);
				random_step(&r, &clock_ms, 60, &step);
				apply_step(&out, &step);
				assert_holds(&out);
			}
			b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

enum { TAG = 0x10000001, TAG2, SOURCE = 0x40000001 };

static struct profile good_profile(void)
{
	struct profile p = {.short_reference_ms = START_MS, .long_reference_ms = START_MS, .n_topics = 2, .n_affinities = 1};
	p.topics[0] = (struct profile_interest){TAG, 1, 2};
	p.topics[1] = (struct profile_interest){TAG2, 0, -2};
	p.affinities[0] = (struct profile_interest){SOURCE, 1, 0};
	return p;
}

static int recode(const struct profile *p)
{
	struct profile out;
	uint8_t data[PROFILE_RECORD_BYTES];
	return profile_decode(span_of_bytes(data, profile_encode(p, data)), &out);
}

static void test_refused_profiles(void **state)
{
	struct profile p = good_profile();
	assert_int_equal(recode(&p), 0);
	static const struct profile_interest bad[] = {
		{TAG, 1, 1}, {TAG - 1, 1, 1},       /* twice, out of order */
		{SOURCE, 1, 1}, {5, 1, 1},          /* in the wrong list, no namespace */
		{0x70000001, 1, 1}, {0, 1, 1},      /* unknown namespace, no topic */
		{TAG2, NAN, 1}, {TAG2, 1, INFINITY}, {TAG2, -INFINITY, 1}, {TAG2, 1, 0x1p61f}, {TAG2, 0, 0}, {TAG2, -0.0f, 0},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		p = good_profile();
		p.topics[1] = bad[i];
		assert_int_equal(recode(&p), 1);
	}
	p = good_profile();
	p.affinities[0].topic = TAG;
	assert_int_equal(recode(&p), 1);
	static const int64_t times[] = {-1, INT64_MIN, INT64_MAX, INT64_C(253402300800000)};
	for (size_t i = 0; i < 4; i++) {
		p = good_profile();
		p.short_reference_ms = times[i];
		assert_int_equal(recode(&p), 1);
		p = good_profile();
		p.long_reference_ms = times[i];
		assert_int_equal(recode(&p), 1);
	}
}

static void put_u16(uint8_t *at, unsigned v)
{
	at[0] = (uint8_t)v;
	at[1] = (uint8_t)(v >> 8);
}

static void test_counts_over_limits(void **state)
{
	static uint8_t data[65536]; /* long enough for the counts, so that only the limit refuses */
	struct reader_state out;
	for (uint32_t i = 0; i < 102; i++) {
		uint32_t topic = TAG + i;
		float one = 1;
		memcpy(data + 24 + i * 12, &topic, 4);
		memcpy(data + 28 + i * 12, &one, 4);
	}
	put_u16(data + 20, 100);
	assert_int_equal(decode(0, span_of_bytes(data, 24 + 100 * 12), &out), 0);
	put_u16(data + 20, 101);
	assert_int_equal(decode(0, span_of_bytes(data, 24 + 101 * 12), &out), 1);
	put_u16(data + 20, 0xffff);
	assert_int_equal(decode(0, span_of_bytes(data, sizeof(data)), &out), 1);
	memset(data, 0, sizeof(data));
	for (uint32_t i = 0; i < 102; i++) {
		memcpy(data + 4 + i * 12, &i, 4);
		data[4 + i * 12 + 11] = 1;
	}
	put_u16(data, 100);
	assert_int_equal(decode(1, span_of_bytes(data, 4 + 100 * 12), &out), 0);
	put_u16(data, 101);
	assert_int_equal(decode(1, span_of_bytes(data, 4 + 101 * 12), &out), 1);
	memset(data, 0, sizeof(data));
	for (uint32_t i = 0; i < 130; i++) {
		memcpy(data + 2 + i * 8, &i, 4);
		data[2 + i * 8 + 7] = 1;
	}
	put_u16(data, 128);
	assert_int_equal(decode(2, span_of_bytes(data, 2 + 128 * 8), &out), 0);
	put_u16(data, 129);
	assert_int_equal(decode(2, span_of_bytes(data, 2 + 129 * 8), &out), 1);
}

static void test_refused_histories(void **state)
{
	uint8_t data[PROFILE_RECORD_BYTES];
	struct history h = {.n_reads = 2, .n_shown = 2, .n_saved = 2}, out;
	h.reads[0] = (struct history_read){1, 1, 30000000, 1 << EVENT_CLICK};
	h.reads[1] = (struct history_read){2, 1, 29000000, 1 << EVENT_HIDE};
	h.saved[0] = (struct history_saved){8, 30000000};
	h.saved[1] = (struct history_saved){9, 0}; /* before 2020 */
	h.shown[0] = (struct history_shown){3, 30000000, 1};
	h.shown[1] = (struct history_shown){4, UINT32_MAX, 255};
	assert_int_equal(history_decode_reads(span_of_bytes(data, history_encode_reads(&h, data)), &out), 0);
	assert_int_equal(history_decode_shown(span_of_bytes(data, history_encode_shown(&h, data)), &out), 0);
	assert_int_equal(out.reads[1].types, 1 << EVENT_HIDE);
	assert_int_equal(out.saved[1].minute, 26297280);
	assert_int_equal(out.shown[1].minute, 26297280 + 0xffffff);
	struct history bad = h;
	bad.reads[1].article = 1;
	assert_int_equal(history_decode_reads(span_of_bytes(data, history_encode_reads(&bad, data)), &out), 1);
	bad = h;
	bad.reads[1].types = 0;
	assert_int_equal(history_decode_reads(span_of_bytes(data, history_encode_reads(&bad, data)), &out), 1);
	bad = h;
	bad.saved[1].article = 8;
	assert_int_equal(history_decode_reads(span_of_bytes(data, history_encode_reads(&bad, data)), &out), 1);
	bad = h;
	bad.shown[1].story = 3;
	assert_int_equal(history_decode_shown(span_of_bytes(data, history_encode_shown(&bad, data)), &out), 1);
	bad = h;
	bad.shown[0].count = 0;
	assert_int_equal(history_decode_shown(span_of_bytes(data, history_encode_shown(&bad, data)), &out), 1);
}

/* The fuzz target over good records and mutants of them. */
static void test_fuzz_target(void **state)
{
	struct reader_state s;
	struct rng r;
	rng_seed(&r, test_seed());
	for (int round = 0; round < 3000; round++) {
		struct bytes b = {.len = 0};
		uint8_t input[PROFILE_RECORD_BYTES + 1];
		fill(&s, (uint64_t)round % 20, (int)rng_below(&r, 60));
		int kind = (int)rng_below(&r, 3);
		encode(kind, &s, &b);
		input[0] = (uint8_t)kind;
		memcpy(input + 1, b.data, b.len);
		for (uint64_t i = rng_below(&r, 4); i > 0 && b.len; i--)
			input[1 + rng_below(&r, b.len)] = (uint8_t)rng_u64(&r);
		LLVMFuzzerTestOneInput(input, 1 + b.len - (rng_below(&r, 4) == 0 && b.len ? rng_below(&r, b.len) : 0));
	}
	LLVMFuzzerTestOneInput(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_bits),
		cmocka_unit_test(test_refused_profiles),
		cmocka_unit_test(test_counts_over_limits),
		cmocka_unit_test(test_refused_histories),
		cmocka_unit_test(test_fuzz_target),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
