/* Lines are parsed one at a time, so a long NDJSON body never stands in memory as a tree. */
#include "api/formats/batch.h"

#include <errno.h>
#include <string.h>

static bool next_line(struct span *rest, struct span *line)
{
	while (rest->len > 0) {
		const char *end = memchr(rest->data, '\n', rest->len);
		size_t len = end ? (size_t)(end - rest->data) : rest->len;
		*line = (struct span){rest->data, len};
		rest->data += len + (end != NULL);
		rest->len -= len + (end != NULL);
		while (line->len > 0 && strchr(" \t\r", line->data[line->len - 1]) && line->data[line->len - 1] != '\0')
			line->len--;
		if (line->len > 0)
			return true;
	}
	return false;
}

static int open_lines(struct arena *arena, struct span body, size_t n_max, struct batch *out)
{
	struct span rest = body, line;
	size_t n = 0;
	while (next_line(&rest, &line))
		if (++n > n_max)
			return BATCH_TOO_MANY;
	*out = (struct batch){.form = BATCH_LINES, .n = n, .lines = arena_calloc(arena, n + 1, sizeof(line))};
	if (!out->lines)
		return -ENOMEM;
	rest = body;
	for (size_t i = 0; i < n && next_line(&rest, &line); i++)
		out->lines[i] = line;
	return BATCH_OK;
}

int batch_open(struct arena *arena, struct span body, bool lines, size_t n_max, struct batch *out,
               struct json_problem *problem)
{
	json_t *root;
	*out = (struct batch){0};
	if (lines)
		return open_lines(arena, body, n_max, out);
	int r = json_parse(body, &root, problem);
	if (r != 0)
		return r < 0 ? r : BATCH_NOT_JSON;
	size_t n = json_is_array(root) ? json_array_size(root) : 1;
	int shape = json_is_array(root) || json_is_object(root) ? BATCH_OK : BATCH_WRONG_SHAPE;
	if (shape == BATCH_OK && n > n_max)
		shape = BATCH_TOO_MANY;
	if (shape != BATCH_OK) {
		json_decref(root);
		return shape;
	}
	*out = (struct batch){.form = json_is_array(root) ? BATCH_ARRAY : BATCH_ONE, .n = n, .root = root};
	return BATCH_OK;
}

void batch_close(struct batch *b)
{
	json_decref(b->root);
	b->root = NULL;
}

int batch_element(const struct batch *b, size_t i, json_t **out, struct json_problem *problem)
{
	if (b->form == BATCH_LINES)
		return json_parse(b->lines[i], out, problem);
	*out = json_incref(b->form == BATCH_ARRAY ? json_array_get(b->root, i) : b->root);
	return 0;
}
