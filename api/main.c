/* The program: finds the command. Only main.c and the cmd_*.c read argv. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/commands.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *usage;
} commands[] = {
	{"serve", cmd_serve, "--data DIR [--listen 127.0.0.1:8080] [--threads N] [--config FILE] [--clock manual[:TIME]]"},
	{"import", cmd_import, "--data DIR [--editions FILE] [--articles FILE.ndjson[.gz]] [--readers FILE] [--events FILE] [--rebase now] [--config FILE]"},
	{"export", cmd_export, "--data DIR [--to FILE]"},
	{"backup", cmd_backup, "--data DIR --to PATH"},
	{"compact", cmd_compact, "--data DIR --to PATH"},
	{"restore", cmd_restore, "--from PATH --data DIR"},
	{"check", cmd_check, "--data DIR [--scores [--models DIR]]"},
	{"config", cmd_config, "[--check FILE]"},
	{"bench", cmd_bench, "--url http://127.0.0.1:8080 --rate R|max --seconds S [--connections C] [--pipeline N] [--what get|events|mixed] [--path PATH with {user}] [--users N] [--articles N] [--skew S] [--batch N] [--key KEY] [--seed N] [--json]"},
	{"eval", cmd_eval, "--news news.tsv[.gz] --behaviors behaviors.tsv[.gz] [--embeddings FILE.ndjson[.gz]] [--vectors FILE] [--model NAME|FILE] [--beside FILE]... [--warmup FILE]... [--label-delay SECONDS] [--ablate PART]... [--permute] [--seed N] [--per-day] [--svg FILE] [--scores FILE] [--json] | --clicks FILE.csv[.gz] [--model NAME|FILE] [--json]"},
	{"train", cmd_train, "--news news.tsv[.gz] --behaviors behaviors.tsv[.gz] --out NAME.json [--warmup FILE]... [--model NAME|FILE] [--without GROUP]... [--rounds N] [--depth N] [--eta X] [--seed N] [--threads N] [--label-delay SECONDS] [--json]"},
};

static void print_usage(FILE *out)
{
	fprintf(out, "mynews: a personalised news feed.\n\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "  mynews %-8s %s\n", commands[i].name, commands[i].usage);
	fprintf(out, "  mynews --version\n\nExit codes: 0 done, 1 failed, 2 wrong usage.\n");
}

/* ---- faults ---- */

static const char *running; /* the command's name */

/* The store is read as mapped memory, so a file that is damaged or shorter than it should be ends in one of these signals.
 * A line for who reads it, then the signal's own way for a server (a core file, a restart), 1 for the other commands. */
static void on_fault(int number)
{
	const char *const parts[] = {"mynews ", running, ": stopped by a fault while reading the data: data.mdb is damaged or cut off, "
	                             "or its disk is full, or this is a bug of mynews; free space, restore a backup\n"};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		ssize_t n = write(STDERR_FILENO, parts[i], strlen(parts[i]));
		(void)n;
	}
	if (strcmp(running, "serve") != 0)
		_exit(EXIT_FAILED);
	raise(number); /* SA_RESETHAND has put the default action back */
}

static void catch_faults(const char *command)
{
	const int numbers[] = {SIGBUS, SIGSEGV, SIGABRT};
	struct sigaction old, ours = {.sa_handler = on_fault, .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};
	running = command;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL) /* a sanitizer's stays */
			(void)sigaction(numbers[i], &ours, NULL);
}

/* ---- commands ---- */

/* What a command has printed may still wait in stdout's buffer, or have failed to be written long ago. */
static int finish(const char *command, int code)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fprintf(stderr, "mynews %s: the output could not be written%s%s\n", command, errno ? ": " : "",
	        errno ? strerror(errno) : "");
	return code == EXIT_FINE ? EXIT_FAILED : code;
}

int main(int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		print_usage(argc < 2 ? stderr : stdout);
		return finish("help", argc < 2 ? EXIT_USAGE : EXIT_FINE);
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("mynews %s\n", MYNEWS_VERSION);
		return finish("--version", EXIT_FINE);
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		if (argc == 3 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0)) {
			printf("mynews %s %s\n", commands[i].name, commands[i].usage);
			return finish(commands[i].name, EXIT_FINE);
		}
		catch_faults(commands[i].name);
		int code = commands[i].run(argc - 1, argv + 1);
		return strcmp(running, "serve") == 0 ? code : finish(running, code); /* a server's one line is no result */
	}
	fprintf(stderr, "mynews: %s is not a command; see mynews --help\n", argv[1]);
	return EXIT_USAGE;
}
