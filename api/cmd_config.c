/* mynews config: the table of settings, or what serve would refuse of a file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/commands.h"
#include "api/config.h"
#include "api/models_dir.h"

/* What a file's reader can't see. Returns 0, 1 after a line on stderr, -ENOMEM. */
static int check_surroundings(const char *path, const struct config *c)
{
	struct engine_problem problem;
	struct arena arena = {0};
	const struct engine_model_text *models;
	size_t n;
	bool closed = c->n_keys > 0 || config_listen_is_loopback(c->listen);
	if (!closed)
		fprintf(stderr, "%s: /listen is open to others than this machine, so /keys needs an entry\n", path);
	int r = models_dir_load(&arena, c->models_dir, c->default_model, &models, &n, &problem);
	if (r == 0)
		r = engine_check_models(models, n, &problem);
	arena_free(&arena);
	if (r == 1)
		fprintf(stderr, "%s: %s\n", path, problem.text);
	return r == 0 && !closed ? 1 : r;
}

static int check(const char *path)
{
	struct config_problems problems;
	struct config *config = malloc(sizeof(*config));
	int r = config ? config_load(path, config, &problems) : -ENOMEM;
	for (size_t i = 0; r == 1 && i < problems.n; i++)
		fprintf(stderr, "%s: %s%s%s\n", path, problems.errors[i].pointer, problems.errors[i].pointer[0] ? " " : "",
		        problems.errors[i].detail);
	if (r == 0)
		r = check_surroundings(path, config);
	free(config);
	if (r < 0)
		fprintf(stderr, "mynews config: %s: %s\n", path, strerror(-r));
	if (r == 0)
		printf("%s: good\n", path);
	return r == 0 ? EXIT_FINE : EXIT_FAILED;
}

int cmd_config(int argc, char **argv)
{
	struct option_value options[] = {{.name = "--check"}, {0}};
	if (options_parse("config", argc, argv, options))
		return EXIT_USAGE;
	if (options[0].value)
		return check(options[0].value);
	config_print_table(stdout);
	return EXIT_FINE;
}
