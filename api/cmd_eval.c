/* mynews eval: how well a model ranks logged slates, by the same engine that serves; and how fast that takes logged clicks.
 * Arguments, files and output are here; the replays are in eval_replay.c and eval_load.c. */
#include "api/commands.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/embedded.h"
#include "api/eval_ablate.h"
#include "api/eval_load.h"
#include "api/eval_report.h"
#include "api/file.h"

enum { MODEL_BYTES = 64 << 20 };

struct eval {
	/* what was asked for */
	const char *news_path;
	const char **paths; /* [n_files] warm-up files, then the behaviours */
	const char **ablated; /* [n_ablated] parts of the model that are left out */
	size_t n_files, n_ablated;
	struct replay_config config;
	const char *svg_path, *clicks_path;
	bool json, per_day;
	/* what there is */
	struct arena arena;
	struct engine_model_text *models; /* [n_models] what is evaluated, then what stands beside it */
	size_t n_models;
	char dir[4096]; /* "": not made */
	struct mind_news *news;
	struct mind_log **logs; /* [n_files] */
	struct replay *replay;
	struct eval_clicks *clicks;
	struct eval_load_mark marks[N_EVAL_LOAD_MARKS];
	uint64_t n_planned;
	int64_t start_ns, end_ns, cpu_ns, drawn_ns;
	bool terminal;
};

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
	stopped = signal_number;
}

/* One line on stderr. Returns 1. */
static int complain(const char *text)
{
	fprintf(stderr, "mynews eval: %s\n", text);
	return 1;
}

static int complain_errno(const char *what, int error)
{
	fprintf(stderr, "mynews eval: %s: %s\n", what, strerror(error < 0 ? -error : error));
	return 1;
}

/* ---- arguments ---- */

/* A whole number from 0 to max. */
static bool parse_number(const char *text, uint64_t max, uint64_t *out)
{
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	*out = value;
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && value <= max;
}

/* A built-in model by its name, else a file. Returns 0, or 1 after a line on stderr. */
static int find_model(struct eval *e, const char *name, struct engine_model_text *out)
{
	struct buf text = {0};
	for (size_t i = 0; i < embedded_n_models; i++)
		if (span_equal_cstr(embedded_models[i].name, name)) {
			*out = embedded_models[i];
			return 0;
		}
	int r = file_read(name, MODEL_BYTES, &text);
	if (r == -ENOENT && !strchr(name, '/')) {
		fprintf(stderr, "mynews eval: there is no model %s; the built-in ones are", name);
		for (size_t i = 0; i < embedded_n_models; i++)
			fprintf(stderr, "%s %.*s", i ? "," : "", (int)embedded_models[i].name.len, embedded_models[i].name.data);
		fputs(", and a model of yours is named by its file\n", stderr);
	} else if (r < 0) {
		complain_errno(name, r);
	} else {
		*out = (struct engine_model_text){span_of(name), arena_copy(&e->arena, buf_span(&text))};
		r = out->json.data ? 0 : complain_errno(name, ENOMEM);
	}
	buf_free(&text);
	return r == 0 ? 0 : 1;
}

/* Leaves a part out of every model that has it. Returns an eval_ablated or -ENOMEM. */
static int leave_out(struct eval *e, struct span name, struct buf *text)
{
	int outcome = EVAL_ABLATE_UNUSED;
	for (size_t i = 0; i < e->n_models; i++) {
		struct engine_model_text *model = &e->models[i];
		buf_clear(text);
		int r = eval_ablate(model->json, engine_model_names(), name, text);
		if (r < 0 || r == EVAL_ABLATE_UNKNOWN)
			return r;
		if (r != EVAL_ABLATED)
			continue;
		outcome = EVAL_ABLATED;
		model->json = arena_copy(&e->arena, buf_span(text));
		if (!model->json.data)
			return -ENOMEM;
	}
	return outcome;
}

/* Returns 0, 1 or 2 after a line on stderr. */
static int ablate(struct eval *e)
{
	struct buf text = {0};
	int r = EVAL_ABLATED;
	for (size_t i = 0; i < e->n_ablated && r == EVAL_ABLATED; i++) {
		r = leave_out(e, span_of(e->ablated[i]), &text);
		if (r == EVAL_ABLATE_UNKNOWN) {
			buf_clear(&text);
			eval_ablate_list(engine_model_names(), &text);
			fprintf(stderr, "mynews eval: --ablate %s: no part of a model has that name; there are %.*s\n", e->ablated[i],
			        (int)text.len, text.data);
		} else if (r == EVAL_ABLATE_UNUSED) {
			fprintf(stderr, "mynews eval: --ablate %s: the model %.*s does not use it\n", e->ablated[i],
			        (int)e->models[0].name.len, e->models[0].name.data);
		}
	}
	buf_free(&text);
	if (r < 0)
		return complain_errno("--ablate", r);
	return r == EVAL_ABLATED ? 0 : r == EVAL_ABLATE_UNKNOWN ? EXIT_USAGE : EXIT_FAILED;
}

/* The models asked for, the first built-in one when none is. Returns 0, 1 or 2 after a line on stderr. */
static int find_models(struct eval *e, const char **names, size_t n)
{
	e->n_models = n ? n : 1;
	e->models = arena_calloc(&e->arena, e->n_models, sizeof(*e->models));
	if (!e->models)
		return complain_errno("models", ENOMEM);
	e->models[0] = embedded_models[0];
	for (size_t i = 0; i < n; i++)
		if (find_model(e, names[i], &e->models[i]) != 0)
			return EXIT_FAILED;
	return ablate(e);
}

enum { NEWS, BEHAVIORS, CLICKS, MODEL, WARMUP, LABEL_DELAY, SEED, SCORES, ABLATE, SVG, PERMUTE, PER_DAY, JSON, N_OPTIONS };

/* Returns 0, or 2 after a line on stderr. */
static int check_options(const struct option_value o[N_OPTIONS])
{
	bool clicks = o[CLICKS].value;
	if (!clicks && !o[BEHAVIORS].value) {
		complain("give --behaviors FILE, and --news FILE where there is one; or --clicks FILE");
		return EXIT_USAGE;
	}
	for (size_t i = 0; clicks && i < N_OPTIONS; i++)
		if (o[i].value && i != CLICKS && i != MODEL && i != ABLATE && i != JSON) {
			fprintf(stderr, "mynews eval: --clicks measures load, not ranking: it does not go with %s\n", o[i].name);
			return EXIT_USAGE;
		}
	return 0;
}

/* Returns 0, 1 or 2 after a line on stderr. */
static int read_options(struct eval *e, int argc, char **argv)
{
	struct option_value o[N_OPTIONS + 1] = {
		[NEWS] = {.name = "--news"}, [BEHAVIORS] = {.name = "--behaviors"}, [CLICKS] = {.name = "--clicks"},
		[MODEL] = {.name = "--model"}, [WARMUP] = {.name = "--warmup"}, [LABEL_DELAY] = {.name = "--label-delay"},
		[SEED] = {.name = "--seed"}, [SCORES] = {.name = "--scores"}, [ABLATE] = {.name = "--ablate"},
		[SVG] = {.name = "--svg"}, [PERMUTE] = {.name = "--permute", .is_flag = true},
		[PER_DAY] = {.name = "--per-day", .is_flag = true}, [JSON] = {.name = "--json", .is_flag = true}};
	uint64_t delay_s = 0, seed = 1;
	e->paths = arena_calloc(&e->arena, (size_t)argc + 1, sizeof(*e->paths));
	e->logs = arena_calloc(&e->arena, (size_t)argc + 1, sizeof(struct mind_log *));
	e->ablated = arena_calloc(&e->arena, (size_t)argc + 1, sizeof(*e->ablated));
	const char **models = arena_calloc(&e->arena, (size_t)argc + 1, sizeof(*models));
	if (!e->paths || !e->logs || !e->ablated || !models)
		return complain_errno("options", ENOMEM);
	o[MODEL].many = models;
	o[WARMUP].many = e->paths;
	o[ABLATE].many = e->ablated;
	int r = options_parse("eval", argc, argv, o);
	if (r == 0)
		r = check_options(o);
	if (r != 0)
		return r;
	if (o[LABEL_DELAY].value && !parse_number(o[LABEL_DELAY].value, 366 * 86400, &delay_s)) {
		complain("--label-delay takes whole seconds, at most 366 days of them");
		return EXIT_USAGE;
	}
	if (o[SEED].value && !parse_number(o[SEED].value, UINT64_MAX, &seed)) {
		complain("--seed takes a whole number");
		return EXIT_USAGE;
	}
	e->news_path = o[NEWS].value;
	e->clicks_path = o[CLICKS].value;
	e->n_files = e->clicks_path ? 0 : o[WARMUP].n_many + 1;
	e->paths[o[WARMUP].n_many] = o[BEHAVIORS].value;
	e->svg_path = o[SVG].value;
	e->json = o[JSON].value;
	e->per_day = o[PER_DAY].value;
	e->config.permute = o[PERMUTE].value;
	e->config.label_delay_ms = (int64_t)delay_s * 1000;
	e->config.seed = seed;
	e->n_ablated = o[ABLATE].n_many;
	r = find_models(e, models, o[MODEL].n_many);
	if (r != 0)
		return r;
	if (o[SCORES].value && !(e->config.scores = fopen(o[SCORES].value, "we")))
		return complain_errno(o[SCORES].value, errno);
	return 0;
}

/* ---- the temporary directory ---- */

static int make_dir(struct eval *e)
{
	const char *base = getenv("TMPDIR");
	int n = snprintf(e->dir, sizeof(e->dir), "%s/mynews-eval-XXXXXX", base && base[0] ? base : "/tmp");
	if (n >= (int)sizeof(e->dir) || !mkdtemp(e->dir)) {
		int error = errno;
		e->dir[0] = '\0';
		return complain_errno("can't make a temporary directory (TMPDIR says where)", error);
	}
	return 0;
}

/* The engine makes files only. */
static void remove_dir(struct eval *e)
{
	struct dirent *entry;
	DIR *dir = e->dir[0] ? opendir(e->dir) : NULL;
	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	if (e->dir[0] && rmdir(e->dir) < 0)
		complain_errno(e->dir, errno);
}

/* ---- the run ---- */

/* Where it stands, on a terminal: `text` says more. */
static void draw(struct eval *e, uint64_t n, const char *of, const char *text, bool end)
{
	int64_t now_ns = eval_monotonic_ns();
	char bar[31];
	if (!e->terminal || (!end && now_ns - e->drawn_ns < 100000000))
		return;
	e->drawn_ns = now_ns;
	unsigned part = e->n_planned ? (unsigned)(n * 100 / e->n_planned) : 100;
	for (unsigned i = 0; i < sizeof(bar) - 1; i++)
		bar[i] = i * 100 < part * (sizeof(bar) - 1) ? '#' : '.';
	bar[sizeof(bar) - 1] = '\0';
	fprintf(stderr, "\r[%s] %3u %%  %" PRIu64 " %s%s\033[K%s", bar, part, n, of, text, end ? "\n" : "");
}

static void draw_slates(struct eval *e, bool end)
{
	const struct replay_totals *t = replay_totals(e->replay);
	char text[32] = "";
	if (t->n_scored)
		snprintf(text, sizeof(text), "  AUC %.4f", t->tally.means[EVAL_AUC].mean);
	draw(e, t->n_slates, "slates", text, end);
}

static int open_files(struct eval *e)
{
	struct mind_problem problem;
	int64_t last_ms = INT64_MIN;
	int r = mind_news_load(e->news_path, &e->news, &problem);
	for (size_t i = 0; i < e->n_files && r == 0 && !stopped; i++) {
		r = mind_log_open(e->paths[i], e->dir, &e->logs[i], &problem);
		if (r != 0 || mind_log_count(e->logs[i]) == 0)
			continue;
		if (mind_log_first_ms(e->logs[i]) < last_ms) {
			snprintf(problem.text, sizeof(problem.text), "%.180s: begins before %.180s ends; give the files in the "
			         "order of time, behaviours last, so that nothing is learnt from later than it is scored",
			         e->paths[i], e->paths[i - 1]);
			r = 1;
		}
		if (e->n_planned == 0)
			e->config.start_ms = mind_log_first_ms(e->logs[i]);
		e->n_planned += mind_log_count(e->logs[i]);
		last_ms = mind_log_last_ms(e->logs[i]);
	}
	if (r == -ENOMEM)
		return complain_errno("reading", ENOMEM);
	if (r == 0 && !stopped && mind_log_count(e->logs[e->n_files - 1]) == 0) {
		snprintf(problem.text, sizeof(problem.text), "%.300s: has no slate", e->paths[e->n_files - 1]);
		r = 1;
	}
	return r == 0 ? 0 : complain(problem.text);
}

static int replay_file(struct eval *e, size_t i)
{
	struct engine_problem problem;
	struct mind_problem file_problem;
	struct span line;
	int r = 0;
	while (!stopped && (r = mind_log_next(e->logs[i], &line, &file_problem)) == 0) {
		r = replay_slate(e->replay, line, i + 1 == e->n_files, &problem);
		if (r != 0)
			return r == 1 ? complain(problem.text) : complain_errno("the engine", r);
		draw_slates(e, false);
	}
	return r == 2 ? complain(file_problem.text) : r < 0 ? complain_errno(e->paths[i], r) : 0;
}

static int run(struct eval *e)
{
	struct engine_problem problem;
	e->config.dir = e->dir;
	e->config.models = e->models;
	e->config.n_models = e->n_models;
	e->config.news = e->news;
	int r = replay_open(&e->config, &e->replay, &problem);
	if (r != 0)
		return r == 1 ? complain(problem.text) : complain_errno("the engine", r);
	e->start_ns = eval_monotonic_ns();
	e->cpu_ns = -eval_cpu_ns();
	for (size_t i = 0; i < e->n_files && r == 0; i++)
		r = replay_file(e, i);
	e->end_ns = eval_monotonic_ns();
	e->cpu_ns += eval_cpu_ns();
	draw_slates(e, true);
	return r;
}

/* ---- clicks alone ---- */

static bool clicks_progress(void *ctx, uint64_t n_events)
{
	struct eval *e = ctx;
	draw(e, n_events, "events", "", n_events == e->n_planned);
	return stopped;
}

static int run_clicks(struct eval *e)
{
	struct mind_problem file_problem;
	struct engine_problem problem;
	int r = eval_clicks_load(e->clicks_path, &e->clicks, &file_problem);
	if (r != 0)
		return r == 1 ? complain(file_problem.text) : complain_errno(e->clicks_path, r);
	e->n_planned = e->clicks->n_clicks;
	const struct eval_load load = {.dir = e->dir, .models = e->models, .n_models = e->n_models,
	                               .clicks = e->clicks, .progress = clicks_progress, .ctx = e};
	r = eval_load_run(&load, e->marks, &problem);
	if (r < 0)
		return complain_errno("the engine", r);
	return r == 1 ? complain(problem.text) : 0; /* 2: stopped, which is said below */
}

/* ---- output ---- */

/* Returns 0, or 1 after a line on stderr. */
static int report(const struct eval *e)
{
	struct eval_report all = {.config = &e->config, .totals = e->replay ? replay_totals(e->replay) : NULL,
	                          .model = e->models[0].name,
	                          .ablated = e->ablated, .n_ablated = e->n_ablated, .per_day = e->per_day,
	                          .seconds = (double)(e->end_ns - e->start_ns) / 1e9, .cpu_s = (double)e->cpu_ns / 1e9};
	if (e->clicks_path) {
		eval_print_load(e->marks, e->json, stdout);
		return 0;
	}
	int r = eval_beyond_rare(&all.totals->beyond, &all.rare);
	if (r < 0)
		return complain_errno("sources", r);
	if (e->json)
		eval_print_json(&all, stdout);
	else
		eval_print_table(&all, stdout);
	if (all.totals->n_scored == 0)
		return complain("no slate could be scored: each has no click, or nothing but clicks");
	r = e->svg_path ? eval_write_svg(&all, e->svg_path) : 0;
	return r == 0 ? 0 : complain_errno(e->svg_path, r);
}

int cmd_eval(int argc, char **argv)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct eval e = {.terminal = isatty(STDERR_FILENO)};
	struct sigaction action = {.sa_handler = stop, .sa_flags = SA_RESTART};
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
	int r = read_options(&e, argc, argv);
	if (r == 0)
		r = make_dir(&e);
	if (r == 0 && e.clicks_path)
		r = run_clicks(&e);
	else if (r == 0)
		r = open_files(&e);
	if (r == 0 && !e.clicks_path && !stopped)
		r = run(&e);
	if (r == 0 && stopped)
		r = complain("stopped before the end; there are no figures");
	if (r == 0)
		r = report(&e);
	replay_close(e.replay);
	remove_dir(&e);
	if (e.config.scores && (ferror(e.config.scores) | fclose(e.config.scores)) && r == 0)
		r = complain("the scores could not be written");
	for (size_t i = 0; i < e.n_files; i++)
		mind_log_close(e.logs[i]);
	mind_news_free(e.news);
	eval_clicks_free(e.clicks);
	arena_free(&e.arena);
	return r == 0 ? EXIT_FINE : r == EXIT_USAGE ? EXIT_USAGE : EXIT_FAILED;
}
