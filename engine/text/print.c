/* The story print: the heaviest terms of title and lead, and a simhash of them (Charikar 2002; Manku, Jain and Das
 * Sarma 2007), all weighted by TF-IDF. The body speaks where there is no summary. */
#include <math.h>
#include <stdlib.h>

#include "engine/base/hash.h"
#include "engine/text/text_internal.h"

struct print_term {
	uint32_t term;
	float weight;
};

static int heavier_first(const void *a, const void *b)
{
	const struct print_term *x = a, *y = b;
	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	return (x->term > y->term) - (x->term < y->term);
}

static int by_term(const void *a, const void *b)
{
	const struct print_term *x = a, *y = b;
	return (x->term > y->term) - (x->term < y->term);
}

/* In how many of prior_articles a word is taken to stand before any are counted. Common words say less about an event
 * than names and figures, which its reports share however they are worded. This fades as counts come. */
static const float prior_articles = 1000, prior_word = 100, prior_caseless = 20, prior_name = 1, prior_figure = 2;
/* A word of the title counts 1, one of the lead less, and a little more where it comes back. */
static const float lead_weight = 0.6f, repeat_weight = 0.1f;
enum { REPEATS_MAX = 2 };

static float prior_of(const struct term *term)
{
	if (term->number)
		return term->name_len >= 2 ? prior_figure : prior_word;
	if (term->n_plain > 0)
		return prior_word;
	return term->n_names > 0 ? prior_name : prior_caseless;
}

static float print_weight(const struct term *term, float n_with_term, double n_articles, bool use_body)
{
	unsigned n = use_body ? term->n[FIELD_BODY] : term->n[FIELD_SUMMARY];
	float tf = term->n[FIELD_TITLE] ? 1.0f : 0;
	if (n > 0)
		tf += lead_weight + repeat_weight * (float)(n - 1 < REPEATS_MAX ? n - 1 : REPEATS_MAX);
	float fade = prior_articles / ((float)n_articles + prior_articles);
	return tf * logf(1 + ((float)n_articles + prior_articles) / (n_with_term + 1 + (prior_of(term) - 1) * fade));
}

static uint64_t simhash(const struct print_term *terms, size_t n)
{
	float sum[64] = {0};
	for (size_t i = 0; i < n; i++) {
		uint64_t h = hash_mix64(terms[i].term + UINT64_C(0x9e3779b97f4a7c15));
		for (int bit = 0; bit < 64; bit++)
			sum[bit] += h >> bit & 1 ? terms[i].weight : -terms[i].weight;
	}
	uint64_t hash = 0;
	for (int bit = 0; bit < 64; bit++)
		hash |= (uint64_t)(sum[bit] > 0) << bit;
	return hash;
}

void text_build_print(const struct text *t, const struct term_weights *w, struct story_print *out)
{
	struct print_term terms[TERMS_MAX];
	size_t n = 0;
	bool use_body = true;
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < t->n_terms && use_body; i++)
		use_body = t->terms[i].n[FIELD_SUMMARY] == 0;
	for (size_t i = 0; i < t->n_terms; i++) {
		float weight = t->terms[i].short_word ? 0 : print_weight(&t->terms[i], w->count[i], w->n_articles, use_body);
		if (weight > 0)
			terms[n++] = (struct print_term){t->terms[i].hash, weight};
	}
	qsort(terms, n, sizeof(terms[0]), heavier_first);
	n = n < STORY_PRINT_TERMS ? n : STORY_PRINT_TERMS;
	double square = 0;
	for (size_t i = 0; i < n; i++)
		square += (double)terms[i].weight * terms[i].weight;
	qsort(terms, n, sizeof(terms[0]), by_term);
	out->simhash = simhash(terms, n);
	out->n_terms = (uint16_t)n;
	for (size_t i = 0; i < n; i++) {
		out->terms[i].term = terms[i].term;
		out->terms[i].weight = (uint16_t)lrint(65535 * terms[i].weight / sqrt(square));
	}
}
