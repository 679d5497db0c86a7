#include "api/eval_logs.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/embedded.h"
#include "api/file.h"

enum { MODEL_BYTES = 64 << 20 };

volatile sig_atomic_t eval_stopped;

static void stop(int signal_number)
{
	eval_stopped = signal_number;
}

void eval_catch_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = stop, .sa_flags = SA_RESTART};
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

int eval_complain(const char *command, const char *text)
{
	fprintf(stderr, "mynews %s: %s\n", command, text);
	return 1;
}

int eval_complain_errno(const char *command, const char *what, int error)
{
	fprintf(stderr, "mynews %s: %s: %s\n", command, what, strerror(error < 0 ? -error : error));
	return 1;
}

bool eval_parse_number(const char *text, uint64_t max, uint64_t *out)
{
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	*out = value;
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && value <= max;
}

int eval_find_model(const char *command, const char *name, struct arena *arena, struct engine_model_text *out)
{
	struct buf text = {0};
	for (size_t i = 0; i < embedded_n_models; i++)
		if (!name || span_equal_cstr(embedded_models[i].name, name)) {
			*out = embedded_models[i];
			return 0;
		}
	int r = file_read(name, MODEL_BYTES, &text);
	if (r == -ENOENT && !strchr(name, '/')) {
		fprintf(stderr, "mynews %s: there is no model %s; the built-in ones are", command, name);
		for (size_t i = 0; i < embedded_n_models; i++)
			fprintf(stderr, "%s %.*s", i ? "," : "", (int)embedded_models[i].name.len, embedded_models[i].name.data);
		fputs(", and a model of yours is named by its file\n", stderr);
	} else if (r < 0) {
		eval_complain_errno(command, name, r);
	} else {
		*out = (struct engine_model_text){span_of(name), arena_copy(arena, buf_span(&text))};
		r = out->json.data ? 0 : eval_complain_errno(command, name, ENOMEM);
	}
	buf_free(&text);
	return r == 0 ? 0 : 1;
}

/* ---- the temporary directory ---- */

int eval_logs_make_dir(struct eval_logs *l)
{
	const char *base = getenv("TMPDIR");
	int n = snprintf(l->dir, sizeof(l->dir), "%s/mynews-%s-XXXXXX", base && base[0] ? base : "/tmp",
	                 l->command);
	if (n >= (int)sizeof(l->dir) || !mkdtemp(l->dir)) {
		int error = errno;
		l->dir[0] = '\0';
		return eval_complain_errno(l->command, "can't make a temporary directory (TMPDIR says where)", error);
	}
	return 0;
}

/* The engine makes files only. */
static void remove_dir(const struct eval_logs *l)
{
	struct dirent *entry;
	DIR *dir = l->dir[0] ? opendir(l->dir) : NULL;
	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	if (l->dir[0] && rmdir(l->dir) < 0)
		eval_complain_errno(l->command, l->dir, errno);
}

/* ---- the run ---- */

void eval_logs_draw(struct eval_logs *l, uint64_t n, const char *of, const char *text, bool end)
{
	int64_t now_ns = eval_monotonic_ns();
	char bar[31];
	if (!l->terminal || (!end && now_ns - l->drawn_ns < 100000000))
		return;
	l->drawn_ns = now_ns;
	unsigned part = l->n_planned ? (unsigned)(n * 100 / l->n_planned) : 100;
	for (unsigned i = 0; i < sizeof(bar) - 1; i++)
		bar[i] = i * 100 < part * (sizeof(bar) - 1) ? '#' : '.';
	bar[sizeof(bar) - 1] = '\0';
	fprintf(stderr, "\r[%s] %3u %%  %" PRIu64 " %s%s\033[K%s", bar, part, n, of, text, end ? "\n" : "");
}

static void draw_slates(struct eval_logs *l, bool end)
{
	const struct replay_totals *t = replay_totals(l->replay);
	char text[32] = "";
	if (t->n_scored)
		snprintf(text, sizeof(text), "  AUC %.4f", t->tally.means[EVAL_AUC].mean);
	eval_logs_draw(l, t->n_slates, "slates", text, end);
}

int eval_logs_open(struct eval_logs *l)
{
	struct mind_problem problem;
	int64_t last_ms = INT64_MIN;
	l->logs = arena_calloc(&l->arena, l->n_files, sizeof(struct mind_log *));
	if (!l->logs)
		return eval_complain_errno(l->command, "files", ENOMEM);
	int r = mind_news_load(l->news_path, &l->news, &problem);
	for (size_t i = 0; i < l->n_files && r == 0 && !eval_stopped; i++) {
		r = mind_log_open(l->paths[i], l->dir, &l->logs[i], &problem);
		if (r != 0 || mind_log_count(l->logs[i]) == 0)
			continue;
		if (mind_log_first_ms(l->logs[i]) < last_ms) {
			snprintf(problem.text, sizeof(problem.text), "%.180s: begins before %.180s ends; give the files in the "
			         "order of time, behaviours last, so that nothing is learnt from later than it is scored",
			         l->paths[i], l->paths[i - 1]);
			r = 1;
		}
		if (l->n_planned == 0)
			l->config.start_ms = mind_log_first_ms(l->logs[i]);
		l->n_planned += mind_log_count(l->logs[i]);
		last_ms = mind_log_last_ms(l->logs[i]);
	}
	if (r == -ENOMEM)
		return eval_complain_errno(l->command, "reading", ENOMEM);
	if (r == 0 && !eval_stopped && mind_log_count(l->logs[l->n_files - 1]) == 0) {
		snprintf(problem.text, sizeof(problem.text), "%.300s: has no slate", l->paths[l->n_files - 1]);
		r = 1;
	}
	return r == 0 ? 0 : eval_complain(l->command, problem.text);
}

static int replay_file(struct eval_logs *l, size_t i)
{
	struct engine_problem problem;
	struct mind_problem file_problem;
	struct span line;
	int r = 0;
	while (!eval_stopped && (r = mind_log_next(l->logs[i], &line, &file_problem)) == 0) {
		r = replay_slate(l->replay, line, i + 1 == l->n_files, &problem);
		if (r != 0)
			return r == 1 ? eval_complain(l->command, problem.text) : eval_complain_errno(l->command, "the engine", r);
		draw_slates(l, false);
	}
	return r == 2 ? eval_complain(l->command, file_problem.text) : r < 0 ? eval_complain_errno(l->command, l->paths[i], r) : 0;
}

int eval_logs_run(struct eval_logs *l)
{
	struct engine_problem problem;
	l->config.dir = l->dir;
	l->config.news = l->news;
	int r = replay_open(&l->config, &l->replay, &problem);
	if (r != 0)
		return r == 1 ? eval_complain(l->command, problem.text) : eval_complain_errno(l->command, "the engine", r);
	l->start_ns = eval_monotonic_ns();
	l->cpu_ns = -eval_cpu_ns();
	for (size_t i = 0; i < l->n_files && r == 0; i++)
		r = replay_file(l, i);
	l->end_ns = eval_monotonic_ns();
	l->cpu_ns += eval_cpu_ns();
	draw_slates(l, true);
	return r;
}

void eval_logs_close(struct eval_logs *l)
{
	replay_close(l->replay);
	remove_dir(l);
	for (size_t i = 0; l->logs && i < l->n_files; i++)
		mind_log_close(l->logs[i]);
	mind_news_free(l->news);
	arena_free(&l->arena);
}
