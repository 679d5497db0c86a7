/* mynews config: the table of settings, or what is wrong with a file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/commands.h"
#include "api/config.h"

int cmd_config(int argc, char **argv)
{
	struct option_value options[] = {{.name = "--check"}, {0}};
	struct config_problems problems;
	if (options_parse("config", argc, argv, options))
		return EXIT_USAGE;
	const char *path = options[0].value;
	if (!path) {
		config_print_table(stdout);
		return EXIT_FINE;
	}
	struct config *config = malloc(sizeof(*config));
	int r = config ? config_load(path, config, &problems) : -ENOMEM;
	free(config);
	if (r < 0) {
		fprintf(stderr, "mynews config: %s: %s\n", path, strerror(-r));
		return EXIT_FAILED;
	}
	for (size_t i = 0; r == 1 && i < problems.n; i++)
		fprintf(stderr, "%s: %s%s%s\n", path, problems.errors[i].pointer, problems.errors[i].pointer[0] ? " " : "",
		        problems.errors[i].detail);
	if (r == 0)
		printf("%s: good\n", path);
	return r == 0 ? EXIT_FINE : EXIT_FAILED;
}
