/* mynews backup, compact, restore, check, export: work on a data directory as a whole. */
#include "api/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/formats/article_json.h"
#include "engine/engine.h"

static int report(const char *command, int r, const struct engine_problem *problem)
{
	if (r == 0)
		return EXIT_FINE;
	fprintf(stderr, "mynews %s: %s\n", command, r == 1 ? problem->text : strerror(-r));
	return EXIT_FAILED;
}

static bool is_directory(const char *command, const char *dir)
{
	struct stat st;
	if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
		return true;
	fprintf(stderr, "mynews %s: there is no data directory %s\n", command, dir);
	return false;
}

/* Commands with a directory and another: --data DIR and `other` PATH. */
static int two_paths(const char *command, int argc, char **argv, const char *other, const char **data, const char **path)
{
	struct option_value o[] = {{.name = "--data"}, {.name = other}, {0}};
	int r = options_parse(command, argc, argv, o);
	if (r != 0)
		return r;
	if (!o[0].value || !o[1].value) {
		fprintf(stderr, "mynews %s: give --data DIR and %s PATH\n", command, other);
		return EXIT_USAGE;
	}
	*data = o[0].value;
	*path = o[1].value;
	return 0;
}

int cmd_backup(int argc, char **argv)
{
	struct engine_problem problem;
	const char *data, *to;
	int r = two_paths("backup", argc, argv, "--to", &data, &to);
	if (r != 0)
		return r;
	return is_directory("backup", data) ? report("backup", engine_backup_dir(data, to, &problem), &problem) : EXIT_FAILED;
}

int cmd_compact(int argc, char **argv)
{
	struct engine_problem problem;
	const char *data, *to;
	int r = two_paths("compact", argc, argv, "--to", &data, &to);
	if (r != 0)
		return r;
	return is_directory("compact", data) ? report("compact", engine_compact_dir(data, to, &problem), &problem)
	                                     : EXIT_FAILED;
}

int cmd_restore(int argc, char **argv)
{
	struct engine_problem problem;
	const char *data, *from;
	int r = two_paths("restore", argc, argv, "--from", &data, &from);
	if (r != 0)
		return r;
	return report("restore", engine_restore_dir(from, data, &problem), &problem);
}

static void print_finding(void *ctx, const char *finding)
{
	unsigned *n = ctx;
	++*n;
	printf("%s\n", finding);
}

int cmd_check(int argc, char **argv)
{
	struct option_value o[] = {{.name = "--data"}, {0}};
	struct engine_problem problem;
	unsigned n_findings = 0;
	int r = options_parse("check", argc, argv, o);
	if (r != 0)
		return r;
	if (!o[0].value) {
		fputs("mynews check: give --data DIR\n", stderr);
		return EXIT_USAGE;
	}
	if (!is_directory("check", o[0].value))
		return EXIT_FAILED;
	r = report("check", engine_check_dir(o[0].value, print_finding, &n_findings, &problem), &problem);
	if (r == EXIT_FINE)
		printf(n_findings ? "%u findings\n" : "nothing wrong\n", n_findings);
	return r == EXIT_FINE && n_findings ? EXIT_FAILED : r;
}

/* ---- export ---- */

struct export {
	FILE *out;
	struct buf line;
};

static int write_article(void *ctx, const struct article *article)
{
	struct export *e = ctx;
	buf_clear(&e->line);
	article_json_encode(&e->line, article, true);
	buf_put_char(&e->line, '\n');
	if (e->line.failed)
		return -ENOMEM;
	errno = 0;
	return fwrite(e->line.data, 1, e->line.len, e->out) == e->line.len ? 0 : errno ? -errno : -EIO;
}

int cmd_export(int argc, char **argv)
{
	struct option_value o[] = {{.name = "--data"}, {.name = "--to"}, {0}};
	struct engine_problem problem;
	int r = options_parse("export", argc, argv, o);
	if (r != 0)
		return r;
	if (!o[0].value) {
		fputs("mynews export: give --data DIR, and --to FILE.ndjson or take it from the output\n", stderr);
		return EXIT_USAGE;
	}
	if (!is_directory("export", o[0].value))
		return EXIT_FAILED;
	struct export e = {.out = o[1].value ? fopen(o[1].value, "we") : stdout};
	if (!e.out) {
		fprintf(stderr, "mynews export: can't write %s: %s\n", o[1].value, strerror(errno));
		return EXIT_FAILED;
	}
	r = engine_export_dir(o[0].value, write_article, &e, &problem);
	if (r == 0 && fflush(e.out) != 0)
		r = -errno;
	if (e.out != stdout && fclose(e.out) != 0 && r == 0)
		r = -errno;
	buf_free(&e.line);
	return report("export", r, &problem);
}
