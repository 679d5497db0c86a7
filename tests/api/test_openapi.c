/* The contract and the server say the same routes: each of the table is in openapi.json, and each there is in the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <strings.h>

#include <cmocka.h>

#include "api/api.h"
#include "api/embedded.h"

static const char *const methods[] = {"get", "head", "post", "put", "patch", "delete", "options"};

static json_t *parse(void)
{
	struct json_problem problem;
	json_t *root;
	if (json_parse(embedded_openapi, &root, &problem) != 0)
		fail_msg("openapi.json: %s at line %zu", problem.text, problem.line);
	return root;
}

static void routes_are_described(void **state)
{
	json_t *root = parse();
	const json_t *paths = json_object_get(root, "paths");
	assert_non_null(json_object_get(root, "openapi"));
	for (size_t i = 0; i < api_n_routes; i++) {
		const json_t *path = json_object_get(paths, api_routes[i].pattern);
		const json_t *operation = json_object_get(path, methods[api_routes[i].method]);
		if (!json_is_object(json_object_get(operation, "responses")))
			fail_msg("openapi.json lacks %s %s", methods[api_routes[i].method], api_routes[i].pattern);
		/* What needs no key says so; all else may be refused with 401. */
		bool open = json_is_array(json_object_get(operation, "security")) &&
		            json_array_size(json_object_get(operation, "security")) == 0;
		if (open != (api_routes[i].scope == NULL))
			fail_msg("openapi.json's security of %s is not the server's", api_routes[i].pattern);
	}
	json_decref(root);
}

static void descriptions_are_routes(void **state)
{
	json_t *root = parse();
	const char *pattern, *member;
	json_t *path, *operation;
	json_object_foreach(json_object_get(root, "paths"), pattern, path) {
		json_object_foreach(path, member, operation) {
			bool is_method = false, found = false;
			for (size_t m = 0; m < sizeof(methods) / sizeof(methods[0]); m++)
				is_method |= strcmp(methods[m], member) == 0;
			for (size_t i = 0; i < api_n_routes; i++)
				found |= strcmp(api_routes[i].pattern, pattern) == 0 && strcmp(methods[api_routes[i].method], member) == 0;
			if (is_method && !found)
				fail_msg("openapi.json describes %s %s, which the server lacks", member, pattern);
		}
	}
	json_decref(root);
}

static json_t *resolve(json_t *root, const char *reference)
{
	char copy[300];
	json_t *at = root;
	assert_true(strncmp(reference, "#/", 2) == 0);
	snprintf(copy, sizeof(copy), "%s", reference + 2);
	for (char *save, *part = strtok_r(copy, "/", &save); part; part = strtok_r(NULL, "/", &save))
		at = json_object_get(at, part);
	return at;
}

static void follow(json_t *root, json_t *value)
{
	const char *key;
	json_t *member;
	size_t i;
	json_object_foreach(value, key, member) {
		if (strcmp(key, "$ref") == 0 && json_is_string(member) && !resolve(root, json_string_value(member)))
			fail_msg("openapi.json refers to %s, which is not there", json_string_value(member));
		follow(root, member);
	}
	json_array_foreach(value, i, member)
		follow(root, member);
}

static void references_lead_somewhere(void **state)
{
	json_t *root = parse();
	follow(root, root);
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(routes_are_described), cmocka_unit_test(descriptions_are_routes),
	                                   cmocka_unit_test(references_lead_somewhere)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
