/* Any bytes as a reader's record: the first byte says of which kind. What is accepted encodes to the same bytes, and is
 * a state that can be folded on, merged and read. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/profile/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void fold_on(struct profile *p, struct history *h)
{
	const struct topic_term vector[] = {{0x10000001, 4096}, {0x40000001, 3000}, {0x60000007, -200}};
	struct profile_event e = {.type = EVENT_LIKE, .article = 1, .story = 1, .at_ms = INT64_C(1764547200000),
	                          .dwell_s = -1, .scroll = -1, .vector = vector, .n_vector = 3};
	struct profile_interest out[PROFILE_TOPICS + PROFILE_AFFINITIES];
	struct profile twin = *p;
	struct history twin_history = *h;
	profile_apply(&profile_config_default, p, h, &e);
	profile_merge(&profile_config_default, p, h, &twin, &twin_history);
	size_t n = profile_read(&profile_config_default, p, 0, out, PROFILE_TOPICS + PROFILE_AFFINITIES);
	for (size_t i = 0; i < n; i++)
		check(isfinite(out[i].short_term) && isfinite(out[i].long_term));
	check(p->n_topics <= PROFILE_TOPICS && p->n_affinities <= PROFILE_AFFINITIES && h->n_reads <= HISTORY_READS &&
	      h->n_shown <= HISTORY_SHOWN && h->n_saved <= HISTORY_SAVED && history_has_read(h, 1, 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct profile p = {0};
	struct history h = {0};
	uint8_t out[PROFILE_RECORD_BYTES];
	size_t n;
	if (size == 0)
		return 0;
	struct span bytes = {(const char *)data + 1, size - 1};
	switch (data[0] % 3) {
	case 0:
		if (profile_decode(bytes, &p))
			return 0;
		n = profile_encode(&p, out);
		break;
	case 1:
		if (history_decode_reads(bytes, &h))
			return 0;
		n = history_encode_reads(&h, out);
		break;
	default:
		if (history_decode_shown(bytes, &h))
			return 0;
		n = history_encode_shown(&h, out);
	}
	check(n == bytes.len && memcmp(out, bytes.data, n) == 0);
	fold_on(&p, &h);
	return 0;
}
