#include "api/commands.h"

#include <stdio.h>
#include <string.h>

static struct option_value *find(struct option_value *options, const char *argument, size_t len)
{
	for (; options->name; options++)
		if (strlen(options->name) == len && strncmp(options->name, argument, len) == 0)
			return options;
	return NULL;
}

int options_parse(const char *command, int argc, char **argv, struct option_value *options)
{
	for (int i = 1; i < argc; i++) {
		const char *equals = strncmp(argv[i], "--", 2) == 0 ? strchr(argv[i], '=') : NULL;
		size_t len = equals ? (size_t)(equals - argv[i]) : strlen(argv[i]);
		struct option_value *o = find(options, argv[i], len);
		if (!o) {
			fprintf(stderr, "mynews %s: %s is not an option here; see mynews help\n", command, argv[i]);
			return EXIT_USAGE;
		}
		if (o->value && !o->many) {
			fprintf(stderr, "mynews %s: give %s once\n", command, o->name);
			return EXIT_USAGE;
		}
		o->value = NULL;
		if (o->is_flag)
			o->value = o->name;
		else if (equals)
			o->value = equals + 1;
		else if (i + 1 < argc)
			o->value = argv[++i];
		if (!o->value || (o->is_flag && equals) || o->value[0] == '\0') {
			fprintf(stderr, "mynews %s: %s %s\n", command, o->name, o->is_flag ? "takes no value" : "needs a value");
			return EXIT_USAGE;
		}
		if (o->many)
			o->many[o->n_many++] = o->value;
	}
	return 0;
}
