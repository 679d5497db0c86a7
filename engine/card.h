/* An article as the contract shows it: the pre-serialised JSON that feeds are put together from. */
#ifndef MYNEWS_ENGINE_CARD_H
#define MYNEWS_ENGINE_CARD_H

#include "engine/base/buf.h"
#include "engine/store/records.h"

/* The article object of a feed: everything but body and embedding. */
void card_write(struct buf *b, const struct article_record *r);
/* {"id","title","url","source","language","published_at"}: one of a story's other reports. */
void card_write_brief(struct buf *b, const struct article_record *r);

#endif
