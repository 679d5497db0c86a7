/* mynews backup, compact, restore, check, export: work on a data directory as a whole. */
#include "api/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/models_dir.h"
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

/* Scores that were served against the same learnt and scored again; more than this apart is a finding. */
#define SCORE_TOLERANCE 1e-6

static int check_scores(const char *dir, const char *models_dir)
{
	struct replay_scores found;
	struct engine_problem problem;
	const struct engine_model_text *models;
	struct arena arena = {0};
	size_t n;
	int r = models_dir_load(&arena, models_dir ? models_dir : "", "", &models, &n, &problem);
	if (r == 0)
		r = engine_replay_scores(dir, models, n, &found, &problem);
	arena_free(&arena);
	if (r != 0)
		return report("check", r, &problem);
	printf("%llu scores of %llu slates computed again, %llu slates left out; the largest difference is %.3g\n",
	       (unsigned long long)found.n_scores, (unsigned long long)found.n_slates, (unsigned long long)found.n_left_out,
	       found.largest);
	return found.largest <= SCORE_TOLERANCE ? EXIT_FINE : EXIT_FAILED;
}

int cmd_check(int argc, char **argv)
{
	enum { DATA, SCORES, MODELS };
	struct option_value o[] = {{.name = "--data"}, {.name = "--scores", .is_flag = true}, {.name = "--models"}, {0}};
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
	if (r == EXIT_FINE && n_findings)
		r = EXIT_FAILED;
	return r == EXIT_FINE && o[SCORES].value ? check_scores(o[DATA].value, o[MODELS].value) : r;
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
	if (e.out != stdout && fclose(e.out) != 0 && r == 0)
		r = -errno;
	buf_free(&e.line);
	return ferror(stdout) ? EXIT_FAILED : report("export", r, &problem); /* main.c speaks for stdout */
}
