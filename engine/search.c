/* The q= filter's words: each as it is written, for titles, and as the topics that a vector may carry it as. A vector's
 * terms are stems of the article's own language, so a word is stemmed once for each language in the catalogue. */
#include <errno.h>

#include "engine/feed_internal.h"

enum { WORDS_MAX = 16, WORD_TOPICS_MAX = 32 };

static void add_topic(struct engine_worker *w, struct arena *arena, const char *space, struct span name, uint32_t *topics,
                      size_t *n)
{
	struct span full = arena_printf(arena, "%s%.*s", space, (int)name.len, name.data);
	uint32_t topic = full.data ? topics_find(w->engine->topics, full) : 0;
	if (topic == 0 || *n == WORD_TOPICS_MAX)
		return;
	for (size_t i = 0; i < *n; i++)
		if (topics[i] == topic)
			return;
	topics[(*n)++] = topic;
}

static int prepare_word(struct engine_worker *w, struct arena *arena, struct span text, struct rank_word *out)
{
	static const char *const spaces[] = {"topic:", "section:", "place:", "author:", "source:", "term:"};
	uint32_t *topics = arena_alloc(arena, WORD_TOPICS_MAX * sizeof(*topics));
	size_t n = 0;
	struct span stem;
	if (!topics)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++)
		add_topic(w, arena, spaces[i], text, topics, &n);
	for (unsigned language = 1;; language++) {
		struct span name = catalog_language_name(w->engine->catalog, (uint8_t)language);
		if (language > UINT8_MAX || span_equal(name, catalog_language_name(w->engine->catalog, 0)))
			break;
		if (text_terms(w->text, arena, text, name, &stem, 1) == 1)
			add_topic(w, arena, "term:", stem, topics, &n);
	}
	*out = (struct rank_word){.text = text, .topics = topics, .n_topics = n};
	return 0;
}

int search_prepare(struct engine_worker *w, struct arena *arena, struct span query, struct rank_request *out)
{
	struct span texts[WORDS_MAX];
	struct rank_word *words = arena_calloc(arena, WORDS_MAX, sizeof(*words));
	if (!words)
		return -ENOMEM;
	size_t n = text_terms(w->text, arena, query, SPAN(""), texts, WORDS_MAX);
	for (size_t i = 0; i < n; i++) {
		int r = prepare_word(w, arena, texts[i], &words[i]);
		if (r < 0)
			return r;
	}
	if (n == 0) { /* nothing but signs: no title has them as a word */
		words[0] = (struct rank_word){.text = query};
		n = 1;
	}
	out->words = words;
	out->n_words = n;
	return 0;
}
