#include "engine/base/json.h"

#include <errno.h>
#include <stdio.h>

/* jansson's own depth limit is far higher than ours, so nesting is counted first, outside strings. */
static int too_deep(struct span text)
{
	int depth = 0;
	bool in_string = false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > JSON_DEPTH_MAX)
				return 1;
		} else if (c == '}' || c == ']') {
			depth--;
		}
	}
	return 0;
}

int json_parse(struct span text, json_t **out, struct json_problem *problem)
{
	struct json_problem unused;
	if (!problem)
		problem = &unused;
	*problem = (struct json_problem){.line = 1, .column = 1};
	if (text.len == 0) {
		snprintf(problem->text, sizeof(problem->text), "the text is empty");
		return 1;
	}
	if (too_deep(text)) {
		snprintf(problem->text, sizeof(problem->text), "nested deeper than %d levels", JSON_DEPTH_MAX);
		return 1;
	}
	json_error_t error;
	json_t *value = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	if (value) {
		*out = value;
		return 0;
	}
	if (json_error_code(&error) == json_error_out_of_memory)
		return -ENOMEM;
	problem->line = error.line > 0 ? (size_t)error.line : 1;
	problem->column = error.column > 0 ? (size_t)error.column : 1;
	snprintf(problem->text, sizeof(problem->text), "%s", error.text);
	return 1;
}
