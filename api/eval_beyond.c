#include "api/eval_beyond.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "engine/base/hash.h"
#include "engine/base/json.h"
#include "engine/base/map.h"

const size_t eval_depths[N_EVAL_DEPTHS] = {5, EVAL_DEPTH_MOST};

static const double smoothing = 0.01;  /* Steck's alpha */
static const double rare_shows = 0.2;

/* ---- articles and readers ---- */

static int by_topic(const void *a, const void *b)
{
	const struct eval_topic *x = a, *y = b;
	return x->topic < y->topic ? -1 : x->topic > y->topic;
}

int eval_item_topics(struct eval_item *item, struct arena *arena, struct span vector_json)
{
	json_t *list, *entry;
	size_t i;
	int r = json_parse(vector_json, &list, NULL);
	if (r != 0)
		return r == 1 ? -EINVAL : r;
	struct eval_topic *topics = arena_calloc(arena, json_array_size(list), sizeof(*topics));
	bool has_text = false;
	if (!topics)
		r = -ENOMEM;
	json_array_foreach(list, i, entry) {
		const json_t *topic = json_object_get(entry, "topic"), *weight = json_object_get(entry, "weight");
		if (r == 0 && (!json_is_string(topic) || !json_is_number(weight)))
			r = -EINVAL;
		if (r < 0)
			break;
		struct span name = json_span(topic);
		topics[i] = (struct eval_topic){(uint32_t)hash64(name), (float)json_number_value(weight)};
		has_text |= span_starts_with(name, SPAN("term:")) || span_starts_with(name, SPAN("topic:"));
	}
	if (r == 0) {
		item->n_topics = json_array_size(list);
		qsort(topics, item->n_topics, sizeof(*topics), by_topic);
		item->topics = topics;
		item->has_topics = true;
		item->has_text = has_text;
	}
	json_decref(list);
	return r;
}

int eval_reader_add(struct eval_reader *r, const struct eval_item *item)
{
	size_t i = 0;
	while (i < r->n_sections && r->sections[i].section != item->section)
		i++;
	if (item->section && i == r->n_sections) {
		if (r->n_sections == r->capacity) {
			size_t capacity = r->capacity ? 2 * r->capacity : 4;
			struct eval_section *grown = realloc(r->sections, capacity * sizeof(*grown));
			if (!grown)
				return -ENOMEM;
			r->sections = grown;
			r->capacity = capacity;
		}
		r->sections[r->n_sections++] = (struct eval_section){.section = item->section};
	}
	if (item->section)
		r->sections[i].n++;
	r->n_reads++;
	return 0;
}

void eval_reader_free(struct eval_reader *r)
{
	free(r->sections);
	*r = (struct eval_reader){0};
}

/* ---- one list ---- */

static double cosine(const struct eval_item *a, const struct eval_item *b)
{
	double dot = 0, squares_a = 0, squares_b = 0;
	for (size_t i = 0; i < a->n_topics; i++)
		squares_a += (double)a->topics[i].weight * (double)a->topics[i].weight;
	for (size_t i = 0; i < b->n_topics; i++)
		squares_b += (double)b->topics[i].weight * (double)b->topics[i].weight;
	for (size_t i = 0, j = 0; i < a->n_topics && j < b->n_topics;) {
		if (a->topics[i].topic == b->topics[j].topic)
			dot += (double)a->topics[i++].weight * (double)b->topics[j++].weight;
		else if (a->topics[i].topic < b->topics[j].topic)
			i++;
		else
			j++;
	}
	return dot > 0 ? dot / sqrt(squares_a * squares_b) : 0;
}

double eval_diversity(const struct eval_item *const *list, size_t n)
{
	double sum = 0;
	size_t n_pairs = 0;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++) {
			if (list[i]->has_text && list[j]->has_text)
				sum += 1 - cosine(list[i], list[j]);
			else if (list[i]->section && list[j]->section)
				sum += list[i]->section != list[j]->section;
			else
				continue;
			n_pairs++;
		}
	return n_pairs ? sum / (double)n_pairs : NAN;
}

double eval_calibration(const struct eval_reader *reader, const struct eval_item *const *list, size_t n)
{
	uint64_t n_read = 0, n_listed = 0;
	double divergence = 0;
	for (size_t g = 0; g < reader->n_sections; g++)
		n_read += reader->sections[g].n;
	for (size_t i = 0; i < n; i++)
		n_listed += list[i]->section != 0;
	if (n_read == 0 || n_listed == 0)
		return NAN;
	for (size_t g = 0; g < reader->n_sections; g++) {
		uint64_t n_of_section = 0;
		for (size_t i = 0; i < n; i++)
			n_of_section += list[i]->section == reader->sections[g].section;
		double p = (double)reader->sections[g].n / (double)n_read, q = (double)n_of_section / (double)n_listed;
		divergence += p * log(p / ((1 - smoothing) * q + smoothing * p));
	}
	return divergence;
}

double eval_novelty(const struct eval_item *const *list, size_t n, uint64_t n_clicks, uint64_t n_articles)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum -= log2((double)(list[i]->n_clicks + 1) / (double)(n_clicks + n_articles));
	return n ? sum / (double)n : NAN;
}

/* ---- all lists ---- */

void eval_beyond_free(struct eval_beyond *b)
{
	for (size_t i = 0; i < b->n_sources; i++)
		free(b->sources[i]);
	free(b->sources);
	map_free(b->by_name);
	*b = (struct eval_beyond){0};
}

int eval_beyond_source(struct eval_beyond *b, uint64_t name, struct eval_source **out)
{
	int r = b->by_name ? 0 : map_new(&b->by_name, NULL);
	struct eval_source *source = r == 0 ? map_get_ptr(b->by_name, name) : NULL;
	if (r < 0)
		return r;
	if (!source) {
		if (b->n_sources == b->capacity) {
			size_t capacity = b->capacity ? 2 * b->capacity : 64;
			struct eval_source **grown = realloc(b->sources, capacity * sizeof(struct eval_source *));
			if (!grown)
				return -ENOMEM;
			b->sources = grown;
			b->capacity = capacity;
		}
		source = calloc(1, sizeof(*source));
		r = source ? map_put_ptr(b->by_name, name, source) : -ENOMEM;
		if (r < 0) {
			free(source);
			return r;
		}
		b->sources[b->n_sources++] = source;
	}
	*out = source;
	return 0;
}

static void add_known(struct eval_mean *m, double x)
{
	if (!isnan(x))
		eval_mean_add(m, x);
}

static void add_sources(struct eval_beyond *b, enum eval_depth depth, const struct eval_item *const *list, size_t n)
{
	size_t n_known = 0;
	for (size_t i = 0; i < n; i++)
		n_known += list[i]->source != NULL;
	b->n_with_source[depth] += n_known > 0;
	for (size_t i = 0; i < n; i++)
		if (list[i]->source)
			list[i]->source->share[depth] += 1 / (double)n_known;
}

void eval_beyond_add(struct eval_beyond *b, struct eval_item *const *slate, const uint32_t *order, size_t n,
                     const struct eval_reader *reader, uint64_t n_clicks, uint64_t n_articles)
{
	const struct eval_item *list[EVAL_DEPTH_MOST];
	for (size_t i = 0; i < n; i++) {
		b->n_offered += !slate[i]->offered;
		slate[i]->offered = true;
		if (slate[i]->source)
			slate[i]->source->n_shown++;
	}
	for (size_t i = 0; i < n && i < EVAL_DEPTH_MOST; i++)
		list[i] = slate[order[i]];
	for (int depth = 0; depth < N_EVAL_DEPTHS; depth++) {
		size_t n_list = n < eval_depths[depth] ? n : eval_depths[depth];
		for (size_t i = 0; i < n_list; i++) {
			b->n_reached[depth] += !slate[order[i]]->reached[depth];
			slate[order[i]]->reached[depth] = true;
		}
		add_known(&b->diversity[depth], eval_diversity(list, n_list));
		add_known(&b->calibration[depth], eval_calibration(reader, list, n_list));
		add_known(&b->novelty[depth], eval_novelty(list, n_list, n_clicks, n_articles));
		add_sources(b, depth, list, n_list);
	}
}

static int fewest_shows_first(const void *a, const void *b)
{
	const struct eval_source *x = *(const struct eval_source *const *)a, *y = *(const struct eval_source *const *)b;
	return x->n_shown < y->n_shown ? -1 : x->n_shown > y->n_shown;
}

int eval_beyond_rare(const struct eval_beyond *b, struct eval_rare *out)
{
	const struct eval_source **by_shows = calloc(b->n_sources + 1, sizeof(struct eval_source *));
	uint64_t n_shows = 0, n_rare_shows = 0;
	if (!by_shows)
		return -ENOMEM;
	*out = (struct eval_rare){0};
	for (size_t i = 0; i < b->n_sources; i++) {
		n_shows += b->sources[i]->n_shown;
		if (b->sources[i]->n_shown)
			by_shows[out->n_sources++] = b->sources[i];
	}
	qsort(by_shows, out->n_sources, sizeof(struct eval_source *), fewest_shows_first);
	while (out->n_rare < out->n_sources) {
		size_t end = out->n_rare;
		uint64_t shows = 0;
		for (; end < out->n_sources && by_shows[end]->n_shown == by_shows[out->n_rare]->n_shown; end++)
			shows += by_shows[end]->n_shown;
		if ((double)(n_rare_shows + shows) > rare_shows * (double)n_shows)
			break;
		n_rare_shows += shows;
		for (; out->n_rare < end; out->n_rare++)
			for (int depth = 0; depth < N_EVAL_DEPTHS; depth++)
				out->share[depth] += by_shows[out->n_rare]->share[depth];
	}
	out->shown = out->n_rare ? (double)n_rare_shows / (double)n_shows : NAN;
	for (int depth = 0; depth < N_EVAL_DEPTHS; depth++)
		out->share[depth] = out->n_rare ? out->share[depth] / (double)b->n_with_source[depth] : NAN;
	free(by_shows);
	return 0;
}
