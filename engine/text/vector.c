/* The topic vector. Each kind of topic has a share of the squared length, so that a story with one tag and one with
 * sixteen weigh the same in a profile; kinds that are missing leave their share to the others. Within tags, sections
 * and places the rarer name weighs more: a tag on every story says nothing. */
#include <errno.h>
#include <math.h>

#include "engine/base/hash.h"
#include "engine/text/text_internal.h"

enum { VECTOR_TERMS = 14 };
_Static_assert(LIMIT_TOPICS + LIMIT_PLACES + LIMIT_AUTHORS + 2 + VECTOR_TERMS <= LIMIT_VECTOR,
               "what is declared, with a section and a source, leaves room for the terms");

/* Shares of the squared length when everything is present; they add up to 1. */
static const struct {
	const char *space;
	float share;
} kinds[] = {
	{"topic:", 0.40f}, {"section:", 0.10f}, {"place:", 0.12f}, {"author:", 0.04f}, {"source:", 0.04f}, {"term:", 0.30f},
};
enum { KIND_TOPIC, KIND_SECTION, KIND_PLACE, KIND_AUTHOR, KIND_SOURCE, KIND_TERM, N_KINDS };

/* A word of the title counts as three of the body, one of the summary as one and a half. */
static const float field_weights[N_FIELDS] = {3.0f, 1.5f, 1.0f};

struct builder {
	struct text *text;
	struct arena *arena;
	const struct term_weights *weights;
	struct topic_weight *entries; /* [LIMIT_VECTOR] */
	uint32_t *keys;               /* of the declared names, for the document frequency table */
	uint8_t kind[LIMIT_VECTOR];
	size_t n, n_keys;
};

static int add_declared(struct builder *b, int kind, struct span name)
{
	struct span topic = text_topic_name(b->text, b->arena, kinds[kind].space, name);
	if (!topic.data)
		return -ENOMEM;
	if (topic.len == 0 || b->n == LIMIT_VECTOR)
		return 0;
	for (size_t i = 0; i < b->n; i++)
		if (span_equal(b->entries[i].topic, topic))
			return 0;
	uint32_t key = (uint32_t)hash64(topic);
	double idf = text_idf(text_df_total(b->weights->df, b->weights->now_ms),
	                      text_df_count(b->weights->df, key, b->weights->now_ms));
	struct span bare = {topic.data + strlen(kinds[kind].space), topic.len - strlen(kinds[kind].space)};
	b->entries[b->n].topic = topic;
	b->entries[b->n].label = span_equal(bare, name) ? (struct span){NULL, 0} : name;
	b->entries[b->n].weight = (float)idf;
	b->kind[b->n++] = (uint8_t)kind;
	b->keys[b->n_keys++] = key;
	return 0;
}

static int add_list(struct builder *b, int kind, const struct span *names, size_t n, size_t limit)
{
	for (size_t i = 0; i < n && i < limit; i++)
		if (add_declared(b, kind, names[i]))
			return -ENOMEM;
	return 0;
}

static float term_weight(const struct term *term, float idf)
{
	float tf = 0;
	for (int f = 0; f < N_FIELDS; f++)
		tf += field_weights[f] * (float)term->n[f];
	return (1 + logf(tf)) * idf;
}

/* Keeps the best terms by insertion; ties go to the earlier in the text. */
static size_t best_terms(const struct text *t, const struct term_weights *w, size_t best[VECTOR_TERMS],
                         float best_weight[VECTOR_TERMS])
{
	size_t n = 0;
	for (size_t i = 0; i < t->n_terms; i++) {
		if (t->terms[i].number || t->terms[i].short_word)
			continue;
		float weight = term_weight(&t->terms[i], w->idf[i]);
		if (n == VECTOR_TERMS && weight <= best_weight[n - 1])
			continue;
		size_t at = n < VECTOR_TERMS ? n++ : n - 1;
		for (; at > 0 && best_weight[at - 1] < weight; at--) {
			best[at] = best[at - 1];
			best_weight[at] = best_weight[at - 1];
		}
		best[at] = i;
		best_weight[at] = weight;
	}
	return n;
}

static int add_terms(struct builder *b)
{
	size_t best[VECTOR_TERMS];
	float weight[VECTOR_TERMS];
	size_t n = best_terms(b->text, b->weights, best, weight);
	for (size_t i = 0; i < n; i++) {
		struct span stem = term_name(b->text, &b->text->terms[best[i]]);
		struct span topic = arena_printf(b->arena, "term:%.*s", (int)stem.len, stem.data);
		struct span label = arena_copy(b->arena, term_label(b->text, &b->text->terms[best[i]]));
		if (!topic.data || !label.data)
			return -ENOMEM;
		b->entries[b->n].topic = topic;
		b->entries[b->n].label = label;
		b->entries[b->n].weight = weight[i];
		b->kind[b->n++] = KIND_TERM;
	}
	return 0;
}

/* Scales each kind to its share, then all to length 1. */
static void normalise_shares(struct builder *b)
{
	double squares[N_KINDS] = {0}, present = 0;
	for (size_t i = 0; i < b->n; i++)
		squares[b->kind[i]] += (double)b->entries[i].weight * b->entries[i].weight;
	for (int k = 0; k < N_KINDS; k++)
		present += squares[k] > 0 ? kinds[k].share : 0;
	for (size_t i = 0; i < b->n; i++) {
		int k = b->kind[i];
		b->entries[i].weight *= (float)sqrt(kinds[k].share / present / squares[k]);
	}
}

/* The hashes that document frequency counts: words by language, declared names, and one key for the language. */
static int list_keys(const struct text *t, const struct builder *b, struct text_analysis *out)
{
	uint32_t *keys = arena_alloc(b->arena, (t->n_terms + b->n_keys + 1) * sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	size_t n = 0;
	for (size_t i = 0; i < t->n_terms; i++)
		keys[n++] = b->weights->key[i];
	memcpy(keys + n, b->keys, b->n_keys * sizeof(*keys));
	n += b->n_keys;
	keys[n++] = text_df_key(b->weights->language_seed, 0);
	out->terms = keys;
	out->n_terms = n;
	return 0;
}

int text_build_vector(struct text *t, struct arena *arena, const struct article *a, const struct term_weights *w,
                      struct text_analysis *out)
{
	uint32_t keys[LIMIT_VECTOR];
	struct builder b = {.text = t, .arena = arena, .weights = w, .keys = keys};
	b.entries = arena_alloc(arena, LIMIT_VECTOR * sizeof(*b.entries));
	if (!b.entries)
		return -ENOMEM;
	if (add_list(&b, KIND_TOPIC, a->topics, a->n_topics, LIMIT_TOPICS) || add_declared(&b, KIND_SECTION, a->section) ||
	    add_list(&b, KIND_PLACE, a->places, a->n_places, LIMIT_PLACES) ||
	    add_list(&b, KIND_AUTHOR, a->authors, a->n_authors, LIMIT_AUTHORS) || add_declared(&b, KIND_SOURCE, a->source) ||
	    add_terms(&b))
		return -ENOMEM;
	normalise_shares(&b);
	if (list_keys(t, &b, out))
		return -ENOMEM;
	out->vector = b.entries;
	out->n_vector = b.n;
	return 0;
}
