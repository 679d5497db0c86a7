/* Any JSON as an article, in both forms: what is taken is within the limits and is written and read back the same. */
#include <assert.h>
#include <stdint.h>

#include "api/formats/article_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct article *a)
{
	assert(a->id.len > 0 && a->id.len <= LIMIT_ID_BYTES && a->title.len > 0 && a->title.len <= LIMIT_TITLE_BYTES);
	assert(a->summary.len <= LIMIT_SUMMARY_BYTES && a->body.len <= LIMIT_BODY_BYTES && a->n_topics <= LIMIT_TOPICS);
	assert(a->n_places <= LIMIT_PLACES && a->n_authors <= LIMIT_AUTHORS && a->n_embedding <= LIMIT_EMBEDDING);
	assert(decode_utf8_valid(a->title) && decode_utf8_valid(a->summary) && decode_utf8_valid(a->body));
}

static void again(const struct article *a)
{
	struct arena arena = {0};
	struct decode d = {.arena = &arena};
	struct article b;
	struct buf text = {0};
	json_t *value;
	article_json_encode(&text, a, true);
	int r = json_parse(buf_span(&text), &value, NULL);
	assert(r == 0);
	/* Text that reads like markup once more ("&amp;lt;") changes, so only the plain members are compared. */
	article_json_decode(&d, value, ARTICLE_FORM_OWN, &b);
	json_decref(value);
	assert(span_equal(a->id, b.id) && span_equal(a->url, b.url) && a->published_at_ms == b.published_at_ms);
	assert(a->n_topics == b.n_topics && a->status == b.status && a->n_embedding == b.n_embedding);
	buf_free(&text);
	arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *value;
	if (json_parse((struct span){(const char *)data, size}, &value, NULL) != 0)
		return 0;
	for (int form = ARTICLE_FORM_BY_SHAPE; form <= ARTICLE_FORM_NINJS; form++) {
		struct arena arena = {0};
		struct decode d = {.arena = &arena};
		struct article a;
		article_json_decode(&d, value, (enum article_form)form, &a);
		if (d.n_errors == 0 && !d.no_memory) {
			check(&a);
			again(&a);
		}
		arena_free(&arena);
	}
	json_decref(value);
	return 0;
}
