/* Every route with what it asks of the caller. openapi.json describes the same set; a test compares the two. */
#include "api/routes.h"

#include "api/access.h"

enum { SMALL_BODY = 256 << 10 };

const struct http_route api_routes[] = {
	{HTTP_GET, "/healthz", v1_ops_healthz, NULL, 0},
	{HTTP_GET, "/readyz", v1_ops_readyz, NULL, 0},
	{HTTP_GET, "/openapi.json", v1_ops_openapi, NULL, 0},
	{HTTP_GET, "/metrics", v1_ops_metrics, ACCESS_READ, 0},
	{HTTP_GET, "/v1/stats", v1_ops_stats, ACCESS_READ, 0},
	{HTTP_POST, "/v1/admin/clock", v1_ops_clock, ACCESS_ADMIN, SMALL_BODY},

	{HTTP_POST, "/v1/articles", v1_articles_post, ACCESS_WRITE, 0},
	{HTTP_GET, "/v1/articles", v1_articles_list, ACCESS_READ, 0},
	{HTTP_GET, "/v1/articles/{id}", v1_articles_get, ACCESS_READ, 0},
	{HTTP_DELETE, "/v1/articles/{id}", v1_articles_delete, ACCESS_WRITE, 0},
	{HTTP_GET, "/v1/articles/{id}/related", v1_articles_related, ACCESS_READ, 0},

	{HTTP_POST, "/v1/events", v1_events_post, ACCESS_EVENTS, 0},
	{HTTP_DELETE, "/v1/events/{id}", v1_events_delete, ACCESS_WRITE, 0},

	{HTTP_GET, "/v1/users/{id}/feed", v1_feed_get, ACCESS_FEED, 0},
	{HTTP_GET, "/v1/users/{id}/feed/new", v1_feed_new, ACCESS_FEED, 0},
	{HTTP_GET, "/v1/users/{id}/explain/{article_id}", v1_feed_explain, ACCESS_READER_READ, 0},
	{HTTP_GET, "/v1/users/{id}/saved", v1_feed_saved, ACCESS_READER_READ, 0},
	{HTTP_GET, "/v1/users/{id}/history", v1_feed_history, ACCESS_READER_READ, 0},
	{HTTP_POST, "/v1/rank", v1_feed_rank, ACCESS_READ, SMALL_BODY},
	{HTTP_GET, "/v1/trending", v1_feed_trending, ACCESS_READ, 0},
	{HTTP_GET, "/v1/latest", v1_feed_latest, ACCESS_READ, 0},

	{HTTP_GET, "/v1/users/{id}", v1_users_get, ACCESS_READER_READ, 0},
	{HTTP_PUT, "/v1/users/{id}", v1_users_put, ACCESS_READER_WRITE, SMALL_BODY},
	{HTTP_PATCH, "/v1/users/{id}", v1_users_patch, ACCESS_READER_WRITE, SMALL_BODY},
	{HTTP_DELETE, "/v1/users/{id}", v1_users_delete, ACCESS_READER_WRITE, 0},
	{HTTP_GET, "/v1/users/{id}/interests", v1_users_interests, ACCESS_READER_READ, 0},
	{HTTP_PATCH, "/v1/users/{id}/interests", v1_users_interests_patch, ACCESS_READER_WRITE, SMALL_BODY},
	{HTTP_GET, "/v1/users/{id}/export", v1_users_export, ACCESS_READER_READ, 0},
	/* Joining takes another reader's history, so a reader's own token does not do. */
	{HTTP_POST, "/v1/users/{id}/merge", v1_users_merge, ACCESS_WRITE, SMALL_BODY},
	{HTTP_POST, "/v1/users/{id}/tokens", v1_tokens_post, ACCESS_READER_WRITE, SMALL_BODY},
	{HTTP_GET, "/v1/users/{id}/tokens", v1_tokens_list, ACCESS_READER_READ, 0},
	{HTTP_DELETE, "/v1/users/{id}/tokens", v1_tokens_delete_all, ACCESS_READER_WRITE, 0},
	{HTTP_DELETE, "/v1/users/{id}/tokens/{token_id}", v1_tokens_delete, ACCESS_READER_WRITE, 0},

	{HTTP_GET, "/v1/editions", v1_editions_list, ACCESS_READ, 0},
	{HTTP_GET, "/v1/editions/{key}", v1_editions_get, ACCESS_READ, 0},
	{HTTP_PUT, "/v1/editions/{key}", v1_editions_put, ACCESS_ADMIN, SMALL_BODY},
	{HTTP_DELETE, "/v1/editions/{key}", v1_editions_delete, ACCESS_ADMIN, 0},

	{HTTP_GET, "/v1/stories/{id}", v1_stories_get, ACCESS_READ, 0},
	{HTTP_POST, "/v1/stories/{id}/split", v1_stories_split, ACCESS_ADMIN, SMALL_BODY},
	{HTTP_POST, "/v1/stories/{id}/merge", v1_stories_merge, ACCESS_ADMIN, SMALL_BODY},
	{HTTP_GET, "/v1/pins", v1_pins_list, ACCESS_READ, 0},
	{HTTP_PUT, "/v1/pins/{article_id}", v1_pins_put, ACCESS_ADMIN, SMALL_BODY},
	{HTTP_DELETE, "/v1/pins/{article_id}", v1_pins_delete, ACCESS_ADMIN, 0},
};
const size_t api_n_routes = sizeof(api_routes) / sizeof(api_routes[0]);
