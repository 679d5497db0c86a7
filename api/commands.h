/* The commands behind `mynews NAME`: argv[0] is the name. Each returns the exit code: 0 done, 1 failed, 2 wrong usage. */
#ifndef MYNEWS_API_COMMANDS_H
#define MYNEWS_API_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

enum { EXIT_FINE, EXIT_FAILED, EXIT_USAGE };

int cmd_serve(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_backup(int argc, char **argv);
int cmd_compact(int argc, char **argv);
int cmd_restore(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_config(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_eval(int argc, char **argv);
int cmd_train(int argc, char **argv);

/* One option of a command, "--data DIR". */
struct option_value {
	const char *name;  /* with its dashes */
	const char *value; /* out: NULL when not given; for a flag the name itself */
	bool is_flag;
	const char **many; /* room for argc values of an option that may be given again; NULL: at most once */
	size_t n_many;     /* out */
};
/* Reads argv[1...] into options (ended by a NULL name), as "--x V" or "--x=V". Returns 0, or 2 after one line
 * on stderr. */
int options_parse(const char *command, int argc, char **argv, struct option_value *options);

#endif
