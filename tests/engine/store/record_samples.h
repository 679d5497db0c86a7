/* Records of every kind, small and at their limits, for the tests of the codecs. */
#ifndef MYNEWS_TESTS_STORE_RECORD_SAMPLES_H
#define MYNEWS_TESTS_STORE_RECORD_SAMPLES_H

#include "engine/store/records.h"

struct record_kind {
	/* Decodes and, when that went well, encodes what was decoded. Returns the decoder's answer. */
	int (*recode)(struct arena *arena, struct span bytes, struct buf *again);
	size_t head_bytes; /* not 0: only a head of this size is decoded */
};
extern const struct record_kind article_kind, log_kind_of_records, user_kind, profile_head_kind, slate_kind, edition_kind,
	pin_kind;

struct record_sample {
	const char *name;
	const struct record_kind *kind;
	void (*encode)(struct buf *b);
};
extern const struct record_sample record_samples[]; /* [n_record_samples], sound */
extern const size_t n_record_samples;
extern const struct record_sample record_refused[]; /* [n_record_refused], one thing wrong in each */
extern const size_t n_record_refused;

/* Decodes one record of each kind and compares each field with what was put in. */
void record_samples_check_fields(void);

#endif
