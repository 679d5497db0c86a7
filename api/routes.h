/* The handlers behind the table of routes, and what several of them share. */
#ifndef MYNEWS_API_ROUTES_H
#define MYNEWS_API_ROUTES_H

#include "api/api.h"

struct batch;

/* v1_articles.c */
void v1_articles_post(struct http_exchange *x, void *ctx);
void v1_articles_list(struct http_exchange *x, void *ctx);
void v1_articles_get(struct http_exchange *x, void *ctx);
void v1_articles_delete(struct http_exchange *x, void *ctx);
void v1_articles_related(struct http_exchange *x, void *ctx);
/* Splits the request's body into elements. false: it has replied. On true the caller owes batch_close. */
bool v1_batch_open(struct http_exchange *x, bool lines, struct batch *batch);

/* v1_events.c */
void v1_events_post(struct http_exchange *x, void *ctx);
void v1_events_delete(struct http_exchange *x, void *ctx);

/* v1_feed.c */
void v1_feed_get(struct http_exchange *x, void *ctx);
void v1_feed_new(struct http_exchange *x, void *ctx);
void v1_feed_rank(struct http_exchange *x, void *ctx);
void v1_feed_explain(struct http_exchange *x, void *ctx);
void v1_feed_saved(struct http_exchange *x, void *ctx);
void v1_feed_history(struct http_exchange *x, void *ctx);
void v1_feed_trending(struct http_exchange *x, void *ctx);
void v1_feed_latest(struct http_exchange *x, void *ctx);
/* limit=, cursor= and the filters that every list has. */
void v1_feed_filters(struct http_exchange *x, struct decode *d, struct feed_request *out);
/* Answers with a list that is nobody's: `base` says its kind, the query the rest; search: q= is taken too. */
void v1_feed_list(struct http_exchange *x, const struct feed_request *base, bool search);
/* {"items","as_of","next_cursor"}; related: to an article, in words that speak of it, and without a cursor. */
void v1_feed_reply_list(struct http_exchange *x, const struct feed *feed, bool related);

/* v1_users.c */
void v1_users_get(struct http_exchange *x, void *ctx);
void v1_users_put(struct http_exchange *x, void *ctx);
void v1_users_patch(struct http_exchange *x, void *ctx);
void v1_users_delete(struct http_exchange *x, void *ctx);
void v1_users_interests(struct http_exchange *x, void *ctx);
void v1_users_interests_patch(struct http_exchange *x, void *ctx);
void v1_users_export(struct http_exchange *x, void *ctx);
void v1_users_merge(struct http_exchange *x, void *ctx);

/* v1_tokens.c */
void v1_tokens_post(struct http_exchange *x, void *ctx);
void v1_tokens_list(struct http_exchange *x, void *ctx);
void v1_tokens_delete(struct http_exchange *x, void *ctx);
void v1_tokens_delete_all(struct http_exchange *x, void *ctx);

/* v1_editions.c */
void v1_editions_list(struct http_exchange *x, void *ctx);
void v1_editions_get(struct http_exchange *x, void *ctx);
void v1_editions_put(struct http_exchange *x, void *ctx);
void v1_editions_delete(struct http_exchange *x, void *ctx);

/* v1_stories.c */
void v1_stories_get(struct http_exchange *x, void *ctx);
void v1_stories_split(struct http_exchange *x, void *ctx);
void v1_stories_merge(struct http_exchange *x, void *ctx);

/* v1_pins.c */
void v1_pins_list(struct http_exchange *x, void *ctx);
void v1_pins_put(struct http_exchange *x, void *ctx);
void v1_pins_delete(struct http_exchange *x, void *ctx);

/* v1_ops.c */
void v1_ops_healthz(struct http_exchange *x, void *ctx);
void v1_ops_readyz(struct http_exchange *x, void *ctx);
void v1_ops_metrics(struct http_exchange *x, void *ctx);
void v1_ops_openapi(struct http_exchange *x, void *ctx);
void v1_ops_stats(struct http_exchange *x, void *ctx);
void v1_ops_clock(struct http_exchange *x, void *ctx);

#endif
