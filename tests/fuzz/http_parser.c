/* A request as a whole and cut in two must end the same way; what the parser points to must lie in the input; decoding
 * must not grow. The first two bytes choose the cut and the head's limit. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "api/http/parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	enum http_step step;
	unsigned status;
	size_t used, body_len;
	uint64_t body_sum;
};

static enum http_step feed(struct http_parser *p, struct outcome *o, bool *in_body, const char *text, size_t len)
{
	enum http_step step = HTTP_STEP_MORE;
	if (!*in_body) {
		step = http_parser_head(p, text, len);
		if (step != HTTP_STEP_DONE)
			return step;
		assert(p->head_len <= len && p->path + p->path_len <= p->head_len && p->path_len > 0);
		assert(p->query_len == 0 || p->query + p->query_len <= p->head_len);
		for (uint32_t i = 0; i < p->n_fields; i++)
			assert(p->fields[i].value + p->fields[i].value_len <= p->head_len);
		o->used = p->head_len;
		*in_body = p->has_body;
		if (!p->has_body)
			return HTTP_STEP_DONE;
		step = HTTP_STEP_MORE;
	}
	while (step == HTTP_STEP_MORE && o->used < len) {
		struct span piece;
		size_t consumed = 0;
		step = http_parser_body(p, text + o->used, len - o->used, &consumed, &piece);
		assert(consumed > 0 && consumed <= len - o->used && piece.len <= consumed);
		o->used += consumed;
		if (step != HTTP_STEP_BAD)
			for (size_t i = 0; i < piece.len; i++)
				o->body_sum = o->body_sum * 31 + (unsigned char)piece.data[i];
		o->body_len += piece.len;
	}
	return step;
}

static struct outcome run(const char *text, size_t len, size_t cut, size_t max_head)
{
	struct http_parser p;
	struct outcome o = {0};
	bool in_body = false;
	http_parser_reset(&p, max_head);
	o.step = feed(&p, &o, &in_body, text, cut);
	if (o.step == HTTP_STEP_MORE)
		o.step = feed(&p, &o, &in_body, text, len);
	if (o.step == HTTP_STEP_BAD) {
		assert(p.status >= 400 && p.reason);
		o.status = p.status;
	}
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	const char *text = (const char *)data + 2;
	size_t len = size - 2, cut = len * data[0] / 255, max_head = 64 + (size_t)data[1] * 64;
	struct outcome a = run(text, len, len, max_head), b = run(text, len, cut, max_head);
	assert(a.step == b.step && a.status == b.status);
	if (a.step != HTTP_STEP_BAD)
		assert(a.body_len == b.body_len && a.body_sum == b.body_sum && (a.step != HTTP_STEP_DONE || a.used == b.used));
	char *out = malloc(len + 1);
	size_t out_len = 0;
	if (out && http_percent_decode((struct span){text, len}, data[0] & 1, out, &out_len) == 0)
		assert(out_len <= len);
	free(out);
	return 0;
}
