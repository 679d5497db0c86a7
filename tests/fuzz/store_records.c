/* Any bytes as a stored record: the first byte says of which kind. What is accepted, encoded and decoded again encodes to
 * the same bytes. */
#include <stdint.h>
#include <stdlib.h>

#include "engine/store/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Decodes and encodes; false when the bytes are not such a record. */
static bool pass(unsigned kind, struct arena *arena, struct span bytes, struct buf *out)
{
	union {
		struct article_record article;
		struct log_record log;
		struct user_record user;
		struct slate_record slate;
		struct edition_record edition;
		struct pin_record pin;
		struct profile_head head;
	} r;
	struct span rest;
	switch (kind) {
	case 0:
		if (article_record_decode(arena, bytes, &r.article))
			return false;
		article_record_encode(out, &r.article);
		return true;
	case 1:
		if (log_record_decode(arena, bytes, &r.log))
			return false;
		log_record_encode(out, &r.log);
		return true;
	case 2:
		if (user_record_decode(bytes, &r.user))
			return false;
		user_record_encode(out, &r.user);
		return true;
	case 3:
		if (slate_record_decode(arena, bytes, &r.slate))
			return false;
		slate_record_encode(out, &r.slate);
		return true;
	case 4:
		if (edition_record_decode(bytes, &r.edition))
			return false;
		edition_record_encode(out, &r.edition);
		return true;
	case 5:
		if (pin_record_decode(bytes, &r.pin))
			return false;
		pin_record_encode(out, &r.pin);
		return true;
	default:
		if (profile_head_decode(bytes, &r.head, &rest))
			return false;
		profile_head_encode(out, &r.head);
		buf_put_span(out, rest);
		return true;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = {0};
	struct buf once = {0}, twice = {0};
	if (size == 0)
		return 0;
	unsigned kind = data[0] % 7;
	if (pass(kind, &arena, (struct span){(const char *)data + 1, size - 1}, &once) &&
	    (!pass(kind, &arena, buf_span(&once), &twice) || !span_equal(buf_span(&once), buf_span(&twice))))
		abort();
	buf_free(&once);
	buf_free(&twice);
	arena_free(&arena);
	return 0;
}
