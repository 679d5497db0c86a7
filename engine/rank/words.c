/* The q= filter: every word of the search stands in the title or names a topic of the vector. A word is found in a title
 * where a word begins, so that "flood" finds "Flooding"; in scripts that put no spaces between words (three bytes a
 * character in UTF-8: Thai, Lao, Khmer, Burmese, Chinese, Japanese) anywhere. */
#include <string.h>

#include "engine/rank/rank_internal.h"

static bool is_word_byte(uint8_t c)
{
	return c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
}

static bool in_title(struct span title, struct span word)
{
	const char *at = title.data, *end = title.data + title.len;
	bool anywhere = word.len && (uint8_t)word.data[0] >= 0xe0;
	if (word.len == 0)
		return true;
	while ((at = memmem(at, (size_t)(end - at), word.data, word.len))) {
		if (anywhere || at == title.data || !is_word_byte((uint8_t)at[-1]))
			return true;
		at++;
	}
	return false;
}

static bool in_vector(const struct topic_term *vector, size_t n, const struct rank_word *word)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < word->n_topics; j++)
			if (vector[i].topic == word->topics[j])
				return true;
	return false;
}

bool rank_has_words(const struct rank_request *q, const struct catalog_segment *segment, uint32_t slot)
{
	size_t n;
	const struct topic_term *vector = catalog_vector(segment, slot, &n);
	for (size_t i = 0; i < q->n_words; i++)
		if (!in_title(segment->card[slot]->title, q->words[i].text) && !in_vector(vector, n, &q->words[i]))
			return false;
	return true;
}
