/* mynews eval: how well a model ranks logged slates, by the same engine that serves; and how fast that takes logged clicks.
 * Arguments and output are here; files are in eval_logs.c, the replays in eval_replay.c and eval_load.c. */
#include "api/commands.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "api/eval_ablate.h"
#include "api/eval_load.h"
#include "api/eval_logs.h"
#include "api/eval_report.h"

struct eval {
	struct eval_logs logs;
	/* what was asked for */
	const char **ablated; /* [n_ablated] parts of the model that are left out */
	const char **beside;  /* [n_beside] */
	size_t n_ablated, n_beside;
	const char *svg_path, *clicks_path;
	bool json, per_day;
	/* what there is */
	struct engine_model_text *models; /* the one that is judged, then those loaded beside it */
	struct eval_clicks *clicks;
	struct eval_load_mark marks[N_EVAL_LOAD_MARKS];
};

static int complain(const char *text)
{
	return eval_complain("eval", text);
}

static int complain_errno(const char *what, int error)
{
	return eval_complain_errno("eval", what, error);
}

/* ---- arguments ---- */

/* Returns 0, or 1 after a line on stderr. */
static int find_models(struct eval *e, const char *name)
{
	int r = eval_find_model("eval", name, &e->logs.arena, &e->models[0]);
	for (size_t i = 0; i < e->n_beside && r == 0; i++)
		r = eval_find_model("eval", e->beside[i], &e->logs.arena, &e->models[1 + i]);
	e->logs.config.models = e->models;
	e->logs.config.n_models = 1 + e->n_beside;
	return r;
}

/* Leaves a part out of every model that has it. Returns an eval_ablated, EVAL_ABLATE_TREES with the model they are of, or
 * -ENOMEM. */
static int leave_out(struct eval *e, struct span name, struct buf *text, struct span *of)
{
	int outcome = EVAL_ABLATE_UNUSED;
	for (size_t i = 0; i <= e->n_beside; i++) {
		struct engine_model_text *model = &e->models[i];
		buf_clear(text);
		int r = eval_ablate(model->json, engine_model_names(), name, text);
		*of = model->name;
		if (r < 0 || r == EVAL_ABLATE_UNKNOWN || r == EVAL_ABLATE_TREES)
			return r;
		if (r != EVAL_ABLATED)
			continue;
		outcome = EVAL_ABLATED;
		model->json = arena_copy(&e->logs.arena, buf_span(text));
		if (!model->json.data)
			return -ENOMEM;
	}
	return outcome;
}

/* Returns 0, 1 or 2 after a line on stderr. */
static int ablate(struct eval *e)
{
	struct buf text = {0};
	struct span of;
	int r = EVAL_ABLATED;
	for (size_t i = 0; i < e->n_ablated && r == EVAL_ABLATED; i++) {
		r = leave_out(e, span_of(e->ablated[i]), &text, &of);
		if (r == EVAL_ABLATE_UNKNOWN) {
			buf_clear(&text);
			eval_ablate_list(engine_model_names(), &text);
			fprintf(stderr, "mynews eval: --ablate %s: no part of a model has that name; there are %.*s\n", e->ablated[i],
			        (int)text.len, text.data);
		} else if (r == EVAL_ABLATE_UNUSED) {
			fprintf(stderr, "mynews eval: --ablate %s: the model %.*s does not use it\n", e->ablated[i],
			        (int)e->models[0].name.len, e->models[0].name.data);
		} else if (r == EVAL_ABLATE_TREES) {
			fprintf(stderr, "mynews eval: --ablate %s: the trees of %.*s were grown with it, and trees can't do without; "
			        "train others: mynews train --without %s\n", e->ablated[i], (int)of.len, of.data, e->ablated[i]);
		}
	}
	buf_free(&text);
	if (r < 0)
		return complain_errno("--ablate", r);
	return r == EVAL_ABLATED ? 0 : r == EVAL_ABLATE_UNKNOWN ? EXIT_USAGE : EXIT_FAILED;
}

enum { NEWS, BEHAVIORS, CLICKS, MODEL, BESIDE, WARMUP, LABEL_DELAY, SEED, SCORES, ABLATE, SVG, PERMUTE, PER_DAY, JSON, EMBEDDINGS, VECTORS, N_OPTIONS };

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
		[MODEL] = {.name = "--model"}, [BESIDE] = {.name = "--beside"}, [WARMUP] = {.name = "--warmup"}, [LABEL_DELAY] = {.name = "--label-delay"},
		[SEED] = {.name = "--seed"}, [SCORES] = {.name = "--scores"}, [ABLATE] = {.name = "--ablate"},
		[SVG] = {.name = "--svg"}, [PERMUTE] = {.name = "--permute", .is_flag = true},
		[PER_DAY] = {.name = "--per-day", .is_flag = true}, [JSON] = {.name = "--json", .is_flag = true},
		[EMBEDDINGS] = {.name = "--embeddings"}, [VECTORS] = {.name = "--vectors"}};
	uint64_t delay_s = 0, seed = 1;
	struct eval_logs *l = &e->logs;
	l->paths = arena_calloc(&l->arena, (size_t)argc + 1, sizeof(*l->paths));
	e->beside = arena_calloc(&l->arena, (size_t)argc + 1, sizeof(*e->beside));
	e->ablated = arena_calloc(&l->arena, (size_t)argc + 1, sizeof(*e->ablated));
	e->models = arena_calloc(&l->arena, (size_t)argc + 1, sizeof(*e->models));
	if (!l->paths || !e->beside || !e->ablated || !e->models)
		return complain_errno("options", ENOMEM);
	o[WARMUP].many = l->paths;
	o[BESIDE].many = e->beside;
	o[ABLATE].many = e->ablated;
	int r = options_parse("eval", argc, argv, o);
	if (r == 0)
		r = check_options(o);
	if (r != 0)
		return r;
	if (o[LABEL_DELAY].value && !eval_parse_number(o[LABEL_DELAY].value, 366 * 86400, &delay_s)) {
		complain("--label-delay takes whole seconds, at most 366 days of them");
		return EXIT_USAGE;
	}
	if (o[SEED].value && !eval_parse_number(o[SEED].value, UINT64_MAX, &seed)) {
		complain("--seed takes a whole number");
		return EXIT_USAGE;
	}
	l->news_path = o[NEWS].value;
	l->embeddings_path = o[EMBEDDINGS].value;
	l->config.vectors = o[VECTORS].value;
	e->clicks_path = o[CLICKS].value;
	l->n_files = e->clicks_path ? 0 : o[WARMUP].n_many + 1;
	l->paths[o[WARMUP].n_many] = o[BEHAVIORS].value;
	e->svg_path = o[SVG].value;
	e->json = o[JSON].value;
	e->per_day = o[PER_DAY].value;
	l->config.permute = o[PERMUTE].value;
	l->config.label_delay_ms = (int64_t)delay_s * 1000;
	l->config.seed = seed;
	e->n_ablated = o[ABLATE].n_many;
	e->n_beside = o[BESIDE].n_many;
	r = find_models(e, o[MODEL].value);
	if (r == 0)
		r = ablate(e);
	if (r != 0)
		return r;
	if (o[SCORES].value && !(l->config.scores = fopen(o[SCORES].value, "we")))
		return complain_errno(o[SCORES].value, errno);
	return 0;
}

/* ---- clicks alone ---- */

static bool clicks_progress(void *ctx, uint64_t n_events)
{
	struct eval *e = ctx;
	eval_logs_draw(&e->logs, n_events, "events", "", n_events == e->logs.n_planned);
	return eval_stopped;
}

static int run_clicks(struct eval *e)
{
	struct mind_problem file_problem;
	struct engine_problem problem;
	int r = eval_clicks_load(e->clicks_path, &e->clicks, &file_problem);
	if (r != 0)
		return r == 1 ? complain(file_problem.text) : complain_errno(e->clicks_path, r);
	e->logs.n_planned = e->clicks->n_clicks;
	const struct eval_load load = {.dir = e->logs.dir, .models = e->models, .n_models = 1 + e->n_beside,
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
	const struct eval_logs *l = &e->logs;
	struct eval_report all = {.config = &l->config, .totals = l->replay ? replay_totals(l->replay) : NULL,
	                          .model = e->models[0].name, .ablated = e->ablated, .n_ablated = e->n_ablated,
	                          .per_day = e->per_day, .seconds = (double)(l->end_ns - l->start_ns) / 1e9,
	                          .cpu_s = (double)l->cpu_ns / 1e9};
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
	struct eval e = {.logs = {.command = "eval", .terminal = isatty(STDERR_FILENO)}};
	struct eval_logs *l = &e.logs;
	eval_catch_signals();
	int r = read_options(&e, argc, argv);
	if (r == 0)
		r = eval_logs_make_dir(l);
	if (r == 0 && e.clicks_path)
		r = run_clicks(&e);
	else if (r == 0)
		r = eval_logs_open(l);
	if (r == 0 && !e.clicks_path && !eval_stopped)
		r = eval_logs_run(l);
	if (r == 0 && eval_stopped)
		r = complain("stopped before the end; there are no figures");
	if (r == 0)
		r = report(&e);
	FILE *scores = l->config.scores;
	eval_clicks_free(e.clicks);
	eval_logs_close(l);
	if (scores && (ferror(scores) | fclose(scores)) && r == 0)
		r = complain("the scores could not be written");
	return r == 0 ? EXIT_FINE : r == EXIT_USAGE ? EXIT_USAGE : EXIT_FAILED;
}
