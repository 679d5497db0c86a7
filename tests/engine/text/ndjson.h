/* Articles from a file of one JSON object a line (plain or gzip), for tests and measuring programs. */
#ifndef MYNEWS_TESTS_NDJSON_H
#define MYNEWS_TESTS_NDJSON_H

#include "engine/base/json.h"
#include "engine/types.h"

/* Calls row(article, object, ctx) for each line until it returns nonzero; article and object live until then. Returns
 * row's last answer, -ENOENT when the file can't be read, -EINVAL when a line is not JSON. */
int ndjson_each(const char *path, int (*row)(const struct article *a, json_t *object, void *ctx), void *ctx);

#endif
