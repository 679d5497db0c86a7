/* Logs of clicks alone, for load: comma-separated, plain or gzip, with a head that names the columns. Needed are user_id,
 * click_article_id and click_timestamp (milliseconds since 1970), as in the layout that Globo.com published (de Souza
 * Pereira Moreira and others 2018, "CHAMELEON"); other columns are passed over. */
#ifndef MYNEWS_API_EVAL_CLICKS_H
#define MYNEWS_API_EVAL_CLICKS_H

#include <stddef.h>
#include <stdint.h>

#include "api/eval_mind.h"

struct eval_click {
	int64_t at_ms;
	uint32_t line, user, article; /* numbers into the lists of ids */
};

struct eval_clicks {
	const struct eval_click *clicks; /* [n_clicks] by time, of equal times as in the file */
	const struct span *users, *articles; /* [n_users], [n_articles] ids, in the order of the file */
	size_t n_clicks, n_users, n_articles;
};

/* Reads all of a file. Returns 0; 1 with the problem; -ENOMEM. Free with eval_clicks_free. */
int eval_clicks_load(const char *path, struct eval_clicks **out, struct mind_problem *problem)
	__attribute__((warn_unused_result));
void eval_clicks_free(struct eval_clicks *c); /* NULL is safe */

#endif
