/* News as it might come in, for benchmarks: the same arguments give the same lines.
 *
 *     build/bench/gen_articles articles FIRST N NOW_S [SEED] > articles.ndjson      ids bench-aFIRST.., ending at NOW_S
 *     build/bench/gen_articles events READERS N ARTICLES NOW_S [SEED] > events.ndjson
 *
 * Articles report happenings: two in three start one, the others report one of the last few hundred again in other words,
 * so that a good part joins a story. A happening has a language, a section, topics (Zipf), a place and rare words of its
 * own; the rest of a text is common words of the language and words of the topic. Readers (bench-0..) have ten events
 * each, and what is left falls on them as Zipf has it; a reader keeps to three topics and now and then reads anything. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/rfc3339.h"
#include "engine/base/rng.h"

enum { TOPICS = 3000, PLACES = 800, SOURCES = 400, RECENT = 400, OWN_WORDS = 9, DAYS = 20, TEXT_BYTES = 2048 };

static const char *const sections[] = {"world", "politics", "business", "sport", "culture", "science", "technology",
                                       "health", "city", "weather", "travel", "opinion"};
enum { SECTIONS = sizeof(sections) / sizeof(sections[0]) };

static const struct {
	const char *code;
	const char *common[24];
	const char *onsets[12], *ends[8];
} languages[] = {
	{"en", {"the", "of", "and", "to", "in", "for", "that", "after", "with", "on", "by", "from", "over", "says", "new", "has",
	        "more", "two", "about", "will", "as", "at", "year", "been"},
	 {"br", "st", "m", "th", "cl", "r", "gr", "p", "w", "l", "sh", "d"}, {"ing", "er", "on", "ess", "ate", "ery", "ic", "al"}},
	{"de", {"der", "die", "und", "in", "den", "von", "zu", "das", "mit", "sich", "des", "auf", "nach", "ist", "im", "dem", "nicht",
	        "ein", "eine", "als", "auch", "an", "werden", "aus"},
	 {"schl", "st", "kr", "b", "g", "h", "pf", "r", "w", "tr", "k", "l"}, {"ung", "en", "heit", "er", "lich", "isch", "el", "keit"}},
	{"fr", {"le", "la", "de", "les", "et", "des", "en", "un", "du", "une", "que", "est", "pour", "qui", "dans", "par", "plus", "sur",
	        "au", "avec", "ne", "se", "pas", "son"},
	 {"bl", "ch", "fr", "m", "p", "tr", "v", "l", "r", "g", "d", "s"}, {"ment", "eur", "ique", "age", "tion", "elle", "oire", "ier"}},
	{"es", {"de", "la", "que", "el", "en", "y", "a", "los", "del", "se", "las", "por", "un", "para", "con", "no", "una", "su", "al",
	        "lo", "como", "tras", "pero", "sus"},
	 {"b", "c", "tr", "m", "p", "gr", "v", "ll", "r", "d", "s", "n"}, {"ado", "ero", "cion", "ista", "aje", "dad", "oso", "illa"}},
};
enum { LANGUAGES = sizeof(languages) / sizeof(languages[0]) };

struct happening {
	unsigned language, topic[3], place;
	uint64_t words[OWN_WORDS]; /* seeds of words */
};

struct generator {
	struct rng rng, text; /* of the happenings; of all else */
	struct happening recent[RECENT];
	unsigned n_recent, next_recent;
};

/* A rank in [0, n), the lower the likelier: a bounded Pareto of exponent 1, which is Zipf's law made continuous. */
static unsigned zipf(struct rng *r, unsigned n)
{
	unsigned rank = (unsigned)exp(rng_double(r) * log((double)n + 1)) - 1;
	return rank < n ? rank : n - 1;
}

/* A topic belongs to one section. */
static const char *section_of(unsigned topic)
{
	return sections[(topic * 7 + topic / 5) % SECTIONS];
}

/* The word of a seed in a language: two to four syllables. */
static size_t put_word(char *out, unsigned language, uint64_t seed)
{
	static const char *const vowels[] = {"a", "e", "i", "o", "u", "ea", "ou", "ai"};
	struct rng r;
	rng_seed(&r, seed * LANGUAGES + language);
	size_t n = 0, syllables = 1 + rng_below(&r, 3);
	for (size_t i = 0; i < syllables; i++)
		n += (size_t)sprintf(out + n, "%s%s", languages[language].onsets[rng_below(&r, 12)], vowels[rng_below(&r, 8)]);
	n += (size_t)sprintf(out + n, "%s%s", languages[language].onsets[rng_below(&r, 12)],
	                     languages[language].ends[rng_below(&r, 8)]);
	return n;
}

static const struct happening *pick_happening(struct generator *g)
{
	struct rng *r = &g->rng;
	if (g->n_recent > 0 && rng_below(r, 3) == 0)
		return &g->recent[rng_below(r, g->n_recent)];
	struct happening *h = &g->recent[g->next_recent];
	g->next_recent = (g->next_recent + 1) % RECENT;
	g->n_recent += g->n_recent < RECENT;
	unsigned dice = (unsigned)rng_below(r, 10);
	*h = (struct happening){.language = dice < 6 ? 0 : dice < 8 ? 1 : dice - 6, .place = zipf(r, PLACES)};
	for (int i = 0; i < 3; i++)
		h->topic[i] = i == 0 || rng_below(r, 2) ? zipf(r, TOPICS) : h->topic[0];
	for (int i = 0; i < OWN_WORDS; i++)
		h->words[i] = 1000000 + rng_below(r, 60000);
	return h;
}

/* `n` words, about half of them common; `own` in a hundred of the others are the happening's. */
static void put_text(struct generator *g, char *out, const struct happening *h, unsigned n, unsigned own)
{
	struct rng *r = &g->text;
	size_t at = 0;
	for (unsigned i = 0; i < n; i++) {
		size_t from = at;
		unsigned dice = (unsigned)rng_below(r, 100);
		if (i % 2 == 1)
			at += (size_t)sprintf(out + at, "%s", languages[h->language].common[zipf(r, 24)]);
		else if (dice < own)
			at += put_word(out + at, h->language, h->words[rng_below(r, OWN_WORDS)]);
		else if (dice < own + (100 - own) / 2)
			at += put_word(out + at, h->language, 10000 + h->topic[0] * 40 + rng_below(r, 40));
		else
			at += put_word(out + at, h->language, zipf(r, 8000));
		if (i == 0 || rng_below(r, 12) == 0)
			out[from] = (char)(out[from] - 'a' + 'A');
		out[at++] = ' ';
	}
	out[at - 1] = '\0';
}

static void write_articles(struct generator *g, unsigned first, unsigned n, int64_t now_s)
{
	char title[TEXT_BYTES], summary[TEXT_BYTES], when[RFC3339_BYTES + 1];
	struct rng *r = &g->text;
	for (unsigned i = 0; i < n; i++) {
		unsigned number = first + i;
		const struct happening *h = pick_happening(g);
		unsigned source = zipf(r, SOURCES);
		put_text(g, title, h, 8 + (unsigned)rng_below(r, 6), 60);
		put_text(g, summary, h, 30 + (unsigned)rng_below(r, 20), 40);
		rfc3339_format((now_s - (int64_t)((double)(n - i) / n * DAYS * 86400)) * 1000, when);
		printf("{\"id\":\"bench-a%u\",\"title\":\"%s\",\"url\":\"https://source-%u.example/%s/%u\",\"summary\":\"%s\","
		       "\"source\":\"Source %u\",\"section\":\"%s\",\"topics\":[\"topic %u\",\"topic %u\",\"topic %u\"],"
		       "\"places\":[\"place %u\"],\"language\":\"%s\",\"published_at\":\"%s\"}\n",
		       number, title, source, section_of(h->topic[0]), number, summary, source, section_of(h->topic[0]), h->topic[0],
		       h->topic[1], h->topic[2], h->place, languages[h->language].code, when);
	}
}

/* Article numbers by first topic: those of topic t stand at [start[t], start[t + 1]). The happenings have a random source
 * of their own, so drawing them alone gives the topics that write_articles gave. */
static uint32_t *by_topic(struct generator *g, unsigned articles, uint32_t start[TOPICS + 2])
{
	uint32_t *numbers = calloc(articles, sizeof(*numbers));
	uint16_t *topic = calloc(articles, sizeof(*topic));
	if (!numbers || !topic)
		exit(1);
	for (unsigned i = 0; i < articles; i++) {
		topic[i] = (uint16_t)pick_happening(g)->topic[0];
		start[topic[i] + 2]++;
	}
	for (unsigned t = 2; t < TOPICS + 2; t++)
		start[t] += start[t - 1];
	for (unsigned i = 0; i < articles; i++)
		numbers[start[topic[i] + 1]++] = i;
	free(topic);
	return numbers;
}

static void write_events(struct generator *g, unsigned readers, unsigned n, unsigned articles, int64_t now_s)
{
	static const char *const types[] = {"impression", "impression", "impression", "click", "click", "read", "read", "finish",
	                                    "like", "save", "hide", "share"};
	static uint32_t start[TOPICS + 2];
	uint32_t *numbers = by_topic(g, articles, start);
	struct rng *r = &g->text;
	char when[RFC3339_BYTES + 1];
	for (unsigned i = 0; i < n; i++) {
		unsigned reader = i < readers * 10 ? i % readers : zipf(r, readers);
		struct rng taste;
		rng_seed(&taste, reader * 3 + rng_below(r, 3));
		unsigned topic = zipf(&taste, TOPICS), article = articles - 1 - zipf(r, articles);
		uint32_t n_topic = start[topic + 1] - start[topic];
		if (n_topic > 0 && rng_below(r, 5) > 0)
			article = numbers[start[topic + 1] - 1 - zipf(r, n_topic)];
		rfc3339_format((now_s - (int64_t)((double)(n - i) / n * 3 * 86400)) * 1000, when);
		printf("{\"id\":\"bench-e%u\",\"user_id\":\"bench-%u\",\"article_id\":\"bench-a%u\",\"type\":\"%s\",\"at\":\"%s\"}\n", i,
		       reader, article, types[rng_below(r, sizeof(types) / sizeof(types[0]))], when);
	}
	free(numbers);
}

int main(int argc, char **argv)
{
	static struct generator g;
	static char out[1 << 20];
	uint64_t n[6] = {0};
	setvbuf(stdout, out, _IOFBF, sizeof(out));
	for (int i = 2; i < argc && i < 8; i++)
		n[i - 2] = strtoull(argv[i], NULL, 10);
	bool articles = argc >= 5 && argc <= 6 && strcmp(argv[1], "articles") == 0;
	bool events = argc >= 6 && argc <= 7 && strcmp(argv[1], "events") == 0;
	rng_seed(&g.rng, articles ? n[3] * 1000003 + n[0] : n[4] * 1000003);
	rng_seed(&g.text, articles ? n[3] + n[0] : n[4] + 17);
	if (articles && n[1] > 0) {
		write_articles(&g, (unsigned)n[0], (unsigned)n[1], (int64_t)n[2]);
	} else if (events && n[0] > 0 && n[1] > 0 && n[2] > 0) {
		write_events(&g, (unsigned)n[0], (unsigned)n[1], (unsigned)n[2], (int64_t)n[3]);
	} else {
		fputs("usage: gen_articles articles FIRST N NOW_S [SEED] | events READERS N ARTICLES NOW_S [SEED]\n", stderr);
		return 2;
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
