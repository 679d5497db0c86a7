/* The engine's reason codes and outcomes, and the words of the pages, in the reader's language.
 *
 * One JSON file a language stands beside this header and is built into the program; adding one means adding a file and
 * its name to meson.build. A file has "language" (its BCP 47 tag), "name" (of the language, in itself), "reasons" (code or
 * group -> "raises", where a sentence of its own reads better "lowers", and "less" for a story that has less of it than the
 * others of its list), "lowers" (puts a {reason} that lacks one so), "related" (code -> what an article shares with another;
 * the other codes read as above), "some_topic" (stands in for a {topic} that isn't known), "outcomes" (why a story is or
 * isn't in a feed), and "words".
 *
 * Built once, read by any number of threads. Every text is plain UTF-8: escape it for JSON or HTML. */
#ifndef MYNEWS_API_MESSAGES_MESSAGES_H
#define MYNEWS_API_MESSAGES_MESSAGES_H

#include <stdbool.h>

#include "engine/base/buf.h"
#include "engine/base/span.h"

struct messages;
struct messages_language;

/* Returns 0, -ENOMEM, or -EINVAL when a built-in file isn't as above. */
int messages_new(struct messages **out) __attribute__((warn_unused_result));
void messages_free(struct messages *m); /* NULL is safe */

/* The best of our languages for a lang= parameter or the value of an Accept-Language header (RFC 9110 section 12.5.4):
 * lookup of RFC 4647 section 3.4, by descending q, of equals the first named; elements that are not well-formed, "*" and
 * q=0 choose nothing. English when nothing is chosen. Lives as long as m. */
const struct messages_language *messages_pick_language(const struct messages *m, struct span preference);

size_t messages_count(const struct messages *m);
/* The i-th language; the first is the default. */
const struct messages_language *messages_at(const struct messages *m, size_t i);
/* The tag for lang=, Content-Language and the page. Both live as long as the messages. */
struct span messages_tag(const struct messages_language *l);
struct span messages_name(const struct messages_language *l);

struct messages_cause {
	const char *code;  /* a feature's or column's name, "pin", "base" */
	const char *group; /* that the code belongs to; NULL none */
	struct span topic; /* may carry its namespace, which is left out, or be empty */
	bool lowers;       /* its contribution is negative */
	int stands;        /* what it measures is 1 above, -1 below that of the list's other stories; 0 no such thing */
};
/* Appends the sentence of a reason: the code's, else its group's. A code that has neither is appended itself. */
void messages_reason(const struct messages_language *l, const struct messages_cause *cause, struct buf *out);
/* The same where no reader is meant but an article, to which others are related: what they share with it. */
void messages_related(const struct messages_language *l, const struct messages_cause *cause, struct buf *out);
/* Appends the sentence of an outcome ("eligible", "not_live", "embargoed", "expired", "read", "muted", "filtered",
 * "excluded"), or the code itself. */
void messages_outcome(const struct messages_language *l, const char *code, struct buf *out);
/* A word of the pages; {count} in it is the page's to fill. The key itself when there is none. */
struct span messages_word(const struct messages_language *l, const char *key);
/* Appends all words as one JSON object, for a page to carry. */
void messages_put_words(const struct messages_language *l, struct buf *out);

#endif
