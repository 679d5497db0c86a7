/* Feeds and their items on the wire. Written straight into a buffer: no tree is built. */
#ifndef MYNEWS_FORMATS_FEED_JSON_H
#define MYNEWS_FORMATS_FEED_JSON_H

#include "engine/base/buf.h"
#include "engine/engine.h"

/* Appends a reason as a sentence, plain text, in `language`, which is the writer's own. topic: as it is to be read. */
typedef void (*reason_text_fn)(struct buf *out, const struct feed_reason *reason, struct span topic, const void *language);

struct feed_words {
	reason_text_fn text;
	const void *language;
	struct buf *scratch; /* of the caller, cleared at will */
};

/* {"feed_id","as_of","model","experiments","items","next_cursor"}. */
void feed_json_encode(struct buf *b, const struct feed *feed, const struct feed_words *words);
/* [{"position","article",...}] alone. */
void feed_json_items(struct buf *b, const struct feed_item *items, size_t n, const struct feed_words *words);
void feed_json_item(struct buf *b, const struct feed_item *item, const struct feed_words *words);
/* [{...card},...] alone: the articles of a list that is nobody's feed. */
void feed_json_cards(struct buf *b, const struct feed_item *items, size_t n);
/* "value" or null. */
void feed_json_cursor(struct buf *b, struct span cursor);

/* {"items":[{"article","at","types":[...]}]} of a reader's history. */
void history_json_encode(struct buf *b, const struct read_entry *entries, size_t n);

#endif
