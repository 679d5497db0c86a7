/* Each file is parsed once; its sentences stand in tables sorted by code that point into the parsed tree, which is kept
 * and never changed after. Nothing is counted or allocated on the way of a request. */
#include "api/messages/messages.h"

#include <errno.h>
#include <stdlib.h>

#include "api/messages/embedded.h"
#include "api/messages/language.h"
#include "engine/base/json.h"

struct sentence {
	const char *code;
	struct span text, lowers, less; /* the last two are empty where there is none */
};

struct table {
	struct sentence *sentences; /* [n] ascending by code */
	size_t n;
};

struct messages_language {
	json_t *root;
	struct span tag, name, lowers, some_topic;
	struct table reasons, related, outcomes, words;
};

struct messages {
	size_t n;
	struct span *tags;                   /* [n] */
	struct messages_language *languages; /* [n] */
};

static int compare(const void *a, const void *b)
{
	const struct sentence *x = a, *y = b;
	return strcmp(x->code, y->code);
}

/* Empty when absent or not a string. */
static struct span text_of(const json_t *object, const char *key)
{
	const json_t *s = json_object_get(object, key);
	return json_is_string(s) ? json_span(s) : (struct span){NULL, 0};
}

static int read_table(json_t *object, struct table *out)
{
	const char *code;
	json_t *value;
	if (!json_is_object(object) || json_object_size(object) == 0)
		return -EINVAL;
	out->sentences = calloc(json_object_size(object), sizeof(*out->sentences));
	if (!out->sentences)
		return -ENOMEM;
	json_object_foreach(object, code, value) {
		struct sentence *s = &out->sentences[out->n++];
		s->code = code;
		s->text = json_is_string(value) ? json_span(value) : text_of(value, "raises");
		s->lowers = text_of(value, "lowers");
		s->less = text_of(value, "less");
		if (s->text.len == 0)
			return -EINVAL;
	}
	qsort(out->sentences, out->n, sizeof(*out->sentences), compare);
	return 0;
}

static int read_language(struct span file, struct messages_language *l)
{
	int r = json_parse(file, &l->root, NULL);
	if (r != 0)
		return r < 0 ? r : -EINVAL;
	l->tag = text_of(l->root, "language");
	l->name = text_of(l->root, "name");
	l->lowers = text_of(l->root, "lowers");
	l->some_topic = text_of(l->root, "some_topic");
	if (!l->tag.len || !l->name.len || !l->lowers.len || !l->some_topic.len)
		return -EINVAL;
	r = read_table(json_object_get(l->root, "reasons"), &l->reasons);
	if (r == 0)
		r = read_table(json_object_get(l->root, "related"), &l->related);
	if (r == 0)
		r = read_table(json_object_get(l->root, "outcomes"), &l->outcomes);
	return r ? r : read_table(json_object_get(l->root, "words"), &l->words);
}

void messages_free(struct messages *m)
{
	if (!m)
		return;
	for (size_t i = 0; m->languages && i < m->n; i++) {
		free(m->languages[i].reasons.sentences);
		free(m->languages[i].related.sentences);
		free(m->languages[i].outcomes.sentences);
		free(m->languages[i].words.sentences);
		json_decref(m->languages[i].root);
	}
	free(m->languages);
	free(m->tags);
	free(m);
}

int messages_new(struct messages **out)
{
	int r = -ENOMEM;
	struct messages *m = calloc(1, sizeof(*m));
	if (!m)
		return r;
	m->n = messages_n_embedded;
	m->languages = calloc(m->n, sizeof(*m->languages));
	m->tags = calloc(m->n, sizeof(*m->tags));
	if (!m->languages || !m->tags)
		goto failed;
	for (size_t i = 0; i < m->n; i++) {
		r = read_language(messages_embedded[i], &m->languages[i]);
		if (r != 0)
			goto failed;
		m->tags[i] = m->languages[i].tag;
	}
	*out = m;
	return 0;
failed:
	messages_free(m);
	return r;
}

const struct messages_language *messages_pick_language(const struct messages *m, struct span preference)
{
	size_t i = language_choose(preference, m->tags, m->n);
	return &m->languages[i < m->n ? i : 0];
}

size_t messages_count(const struct messages *m)
{
	return m->n;
}

const struct messages_language *messages_at(const struct messages *m, size_t i)
{
	return &m->languages[i];
}

struct span messages_tag(const struct messages_language *l)
{
	return l->tag;
}

struct span messages_name(const struct messages_language *l)
{
	return l->name;
}

static const struct sentence *find(const struct table *t, const char *code)
{
	struct sentence wanted = {.code = code};
	return bsearch(&wanted, t->sentences, t->n, sizeof(wanted), compare);
}

/* "place:johannesburg" -> "johannesburg". */
static struct span without_namespace(struct span topic)
{
	static const struct span namespaces[] = {
		{"topic:", 6}, {"section:", 8}, {"place:", 6}, {"source:", 7}, {"author:", 7}, {"term:", 5}};
	for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]); i++)
		if (span_starts_with(topic, namespaces[i]))
			return (struct span){topic.data + namespaces[i].len, topic.len - namespaces[i].len};
	return topic;
}

/* Appends the text with the value in each place of the placeholder. */
static void put_filled(struct buf *out, struct span text, struct span placeholder, struct span value)
{
	while (text.len) {
		const char *at = memmem(text.data, text.len, placeholder.data, placeholder.len);
		if (!at) {
			buf_put_span(out, text);
			return;
		}
		size_t before = (size_t)(at - text.data);
		buf_put(out, text.data, before);
		buf_put_span(out, value);
		text = (struct span){at + placeholder.len, text.len - before - placeholder.len};
	}
}

static const struct span topic_mark = {"{topic}", 7}, reason_mark = {"{reason}", 8};

static struct span shown_topic(const struct messages_language *l, struct span topic)
{
	topic = without_namespace(topic);
	return topic.len ? topic : l->some_topic;
}

void messages_related(const struct messages_language *l, const struct messages_cause *cause, struct buf *out)
{
	const struct sentence *s = find(&l->related, cause->code);
	if (s)
		put_filled(out, s->text, topic_mark, shown_topic(l, cause->topic));
	else
		messages_reason(l, cause, out);
}

/* The code's sentence, or the group's where it has none; of stories that have less of it, the one of those. */
static const struct sentence *sentence_of(const struct messages_language *l, const struct messages_cause *cause)
{
	const struct sentence *own = find(&l->reasons, cause->code), *group = NULL;
	if (cause->group && (!own || (cause->stands < 0 && !own->less.len)))
		group = find(&l->reasons, cause->group);
	return group && (!own || group->less.len) ? group : own;
}

void messages_reason(const struct messages_language *l, const struct messages_cause *cause, struct buf *out)
{
	const struct sentence *s = sentence_of(l, cause);
	struct span topic = shown_topic(l, cause->topic);
	/* "You seldom like ..." is of what has no standing: a column above the others' is no dislike, whatever it counts for. */
	bool own = s && s->lowers.len && (cause->stands == 0 || span_equal(s->lowers, s->text));
	if (!s) {
		buf_put_cstr(out, cause->code);
	} else if (cause->stands < 0 && s->less.len) {
		put_filled(out, s->less, topic_mark, topic);
	} else if (!cause->lowers) {
		put_filled(out, s->text, topic_mark, topic);
	} else if (own) {
		put_filled(out, s->lowers, topic_mark, topic);
	} else {
		/* The sentence is put into the frame by hand: a topic may itself read "{reason}". */
		const char *at = memmem(l->lowers.data, l->lowers.len, reason_mark.data, reason_mark.len);
		size_t before = at ? (size_t)(at - l->lowers.data) : 0, behind = at ? before + reason_mark.len : 0;
		buf_put(out, l->lowers.data, before);
		put_filled(out, s->text, topic_mark, topic);
		buf_put(out, l->lowers.data + behind, l->lowers.len - behind);
	}
}

void messages_outcome(const struct messages_language *l, const char *code, struct buf *out)
{
	const struct sentence *s = find(&l->outcomes, code);
	buf_put_span(out, s ? s->text : span_of(code));
}

struct span messages_word(const struct messages_language *l, const char *key)
{
	const struct sentence *s = find(&l->words, key);
	return s ? s->text : span_of(key);
}

void messages_put_words(const struct messages_language *l, struct buf *out)
{
	buf_put_char(out, '{');
	for (size_t i = 0; i < l->words.n; i++) {
		if (i)
			buf_put_char(out, ',');
		buf_put_json_string(out, span_of(l->words.sentences[i].code));
		buf_put_char(out, ':');
		buf_put_json_string(out, l->words.sentences[i].text);
	}
	buf_put_char(out, '}');
}
