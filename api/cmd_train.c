/* mynews train: boosted trees for stage two, out of logged slates. The slates go through the engine as `mynews eval` sends
 * them, so that trees learn from what serving would have known; XGBoost grows the trees, and nobody else includes it.
 *
 * The last slates are held out: how many rounds are worth their while is seen on them. Then all slates are trained on, for
 * that many rounds. Where XGBoost is missing, train_without.c stands in for this file. */
#include "api/commands.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include <xgboost/c_api.h>

#include "api/eval_ablate.h"
#include "api/eval_logs.h"
#include "api/train_model.h"
#include "api/train_slates.h"
#include "models/model.h"

enum {
	HELD_OUT_PART = 8, /* one slate of so many */
	SLATES_LEAST = 24,
	PATIENCE = 40,     /* rounds without a better loss */
	ROUNDS_MOST = 1000,
	DEPTH_MOST = 8,
	THREADS_MOST = 256
};

struct train {
	struct eval_logs logs;
	/* what was asked for */
	const char *base_name, *out_path;
	const char **without; /* [n_without] */
	size_t n_without;
	uint64_t rounds, depth, seed, threads;
	double eta;
	bool json;
	/* what there is */
	char name[MODEL_NAME_BYTES + 1];
	struct engine_model_text base, template;
	struct train_slates slates;
	uint16_t kept[MODEL_INPUTS_MAX]; /* [slates.n_inputs] which inputs they are */
	char (*input_names)[MODEL_NAME_BYTES + 3]; /* [slates.n_inputs] */
	size_t n_held;
	struct train_fit held;     /* at the best round */
	uint64_t best_round;
	struct buf trees, model;
};

static int complain(const char *text)
{
	return eval_complain("train", text);
}

static int complain_errno(const char *what, int error)
{
	return eval_complain_errno("train", what, error);
}

/* ---- arguments ---- */

/* The model's name is its file's: "folder/trees.json" is trees. Returns 0 or 1 after a line on stderr. */
static int take_name(struct train *t)
{
	const char *slash = strrchr(t->out_path, '/'), *stem = slash ? slash + 1 : t->out_path;
	size_t n = strlen(stem);
	if (n <= 5 || strcmp(stem + n - 5, ".json") != 0 || n - 5 > MODEL_NAME_BYTES)
		return complain("--out takes a file NAME.json, whose name of up to 64 bytes becomes the model's");
	snprintf(t->name, sizeof(t->name), "%.*s", (int)(n - 5), stem);
	return 0;
}

static bool parse_eta(const char *text, double *out)
{
	char *end;
	*out = strtod(text, &end);
	return end != text && *end == '\0' && *out >= 0.001 && *out <= 1;
}

/* Returns 0, or 1 after a line on stderr. */
static int check_groups(const struct train *t)
{
	const struct model_names *names = engine_model_names();
	struct buf groups = {0};
	for (size_t i = 0; i < t->n_without; i++) {
		if (eval_ablate_is_group(names, span_of(t->without[i])))
			continue;
		eval_ablate_list_groups(names, &groups);
		fprintf(stderr, "mynews train: --without %s: no group has that name; there are %.*s\n", t->without[i],
		        (int)groups.len, groups.data);
		buf_free(&groups);
		return 1;
	}
	return 0;
}

/* Returns 0, 1 or 2 after a line on stderr. */
static int read_options(struct train *t, int argc, char **argv)
{
	enum { NEWS, BEHAVIORS, WARMUP, OUT, MODEL, WITHOUT, ROUNDS, DEPTH, ETA, SEED, THREADS, LABEL_DELAY, JSON, N_OPTIONS };
	struct option_value o[N_OPTIONS + 1] = {
		[NEWS] = {.name = "--news"}, [BEHAVIORS] = {.name = "--behaviors"}, [WARMUP] = {.name = "--warmup"},
		[OUT] = {.name = "--out"}, [MODEL] = {.name = "--model"}, [WITHOUT] = {.name = "--without"},
		[ROUNDS] = {.name = "--rounds"}, [DEPTH] = {.name = "--depth"}, [ETA] = {.name = "--eta"},
		[SEED] = {.name = "--seed"}, [THREADS] = {.name = "--threads"}, [LABEL_DELAY] = {.name = "--label-delay"},
		[JSON] = {.name = "--json", .is_flag = true}};
	struct eval_logs *l = &t->logs;
	uint64_t delay_s = 0;
	l->paths = arena_calloc(&l->arena, (size_t)argc + 1, sizeof(*l->paths));
	t->without = arena_calloc(&l->arena, (size_t)argc + 1, sizeof(*t->without));
	if (!l->paths || !t->without)
		return complain_errno("options", ENOMEM);
	o[WARMUP].many = l->paths;
	o[WITHOUT].many = t->without;
	int r = options_parse("train", argc, argv, o);
	if (r != 0)
		return r;
	const struct {
		int option;
		uint64_t least, most, *out;
	} numbers[] = {{ROUNDS, 1, ROUNDS_MOST, &t->rounds}, {DEPTH, 1, DEPTH_MOST, &t->depth},
	               {SEED, 0, INT32_MAX, &t->seed}, {THREADS, 1, THREADS_MOST, &t->threads},
	               {LABEL_DELAY, 0, 366 * 86400, &delay_s}};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		const struct option_value *v = &o[numbers[i].option];
		if (v->value && (!eval_parse_number(v->value, numbers[i].most, numbers[i].out) ||
		                 *numbers[i].out < numbers[i].least)) {
			fprintf(stderr, "mynews train: %s takes a whole number from %" PRIu64 " to %" PRIu64 "\n", v->name,
			        numbers[i].least, numbers[i].most);
			return EXIT_USAGE;
		}
	}
	if (o[ETA].value && !parse_eta(o[ETA].value, &t->eta))
		r = complain("--eta takes a number from 0.001 to 1");
	else if (!o[BEHAVIORS].value || !o[OUT].value)
		r = complain("give --behaviors FILE and --out NAME.json, and --news FILE where there is one");
	l->news_path = o[NEWS].value;
	l->n_files = o[WARMUP].n_many + 1;
	l->paths[o[WARMUP].n_many] = o[BEHAVIORS].value;
	l->config.label_delay_ms = (int64_t)delay_s * 1000;
	t->n_without = o[WITHOUT].n_many;
	t->base_name = o[MODEL].value;
	t->out_path = o[OUT].value;
	t->json = o[JSON].value;
	if (r == 0)
		r = take_name(t);
	if (r == 0)
		r = check_groups(t);
	return r == 0 ? 0 : EXIT_USAGE;
}

/* ---- slates ---- */

static int take(void *ctx, const struct mind_slate *s, const float *inputs)
{
	struct train *t = ctx;
	return train_slates_add(&t->slates, inputs, s->clicked, s->n);
}

/* The model that the slates are replayed under. Returns 0, or 1 after a line on stderr. */
static int make_template(struct train *t)
{
	struct engine_problem problem;
	struct buf text = {0};
	int r = eval_find_model("train", t->base_name, &t->logs.arena, &t->base);
	if (r != 0)
		return r;
	r = train_model_template(t->base.json, t->without, t->n_without, &text);
	if (r == 1)
		complain("--model: the file is no JSON object");
	t->template = (struct engine_model_text){SPAN("--model"), arena_copy(&t->logs.arena, buf_span(&text))};
	buf_free(&text);
	if (r == 0 && t->template.json.data)
		r = engine_check_models(&t->template, 1, &problem);
	else if (r == 0)
		r = -ENOMEM;
	else
		return 1;
	t->logs.config.models = &t->template;
	t->logs.config.n_models = 1;
	return r == 0 ? 0 : r == 1 ? complain(problem.text) : complain_errno("the model", r);
}

/* Returns 0, or 1 after a line on stderr. */
static int collect(struct train *t)
{
	const struct model_names *names = engine_model_names();
	t->slates.n_inputs = 2 * names->n_columns;
	t->logs.config.take = take;
	t->logs.config.take_ctx = t;
	int r = eval_logs_open(&t->logs);
	if (r == 0 && !eval_stopped)
		r = eval_logs_run(&t->logs);
	if (r != 0 || eval_stopped)
		return r;
	if (t->slates.n_slates < SLATES_LEAST)
		return complain("there are fewer than 24 slates with a click and something that was left alone");
	size_t n = train_slates_compact(&t->slates, t->kept);
	t->input_names = arena_calloc(&t->logs.arena, n + 1, sizeof(*t->input_names));
	if (!t->input_names)
		return complain_errno("names", ENOMEM);
	for (size_t i = 0; i < n; i++) {
		size_t c = t->kept[i] % names->n_columns;
		snprintf(t->input_names[i], sizeof(t->input_names[i]), "%c_%s", t->kept[i] < names->n_columns ? 'z' : 'c',
		         names->columns[c]);
	}
	t->n_held = t->slates.n_slates / HELD_OUT_PART;
	return n ? 0 : complain("the slates differ in nothing that stage two looks at");
}

/* ---- trees ---- */

static int complain_xgboost(void)
{
	return complain(XGBGetLastError());
}

/* Slates [first, first + n) as XGBoost holds them. */
struct matrix {
	DMatrixHandle handle;
	size_t first, n, n_rows;
};

static int matrix_new(const struct train *t, size_t first, size_t n, struct matrix *out)
{
	const struct train_slates *s = &t->slates;
	size_t row = s->first[first], n_rows = s->first[first + n] - row;
	*out = (struct matrix){.first = first, .n = n, .n_rows = n_rows};
	return XGDMatrixCreateFromMat(s->inputs + row * s->n_inputs, n_rows, s->n_inputs, NAN, &out->handle);
}

static int booster_new(const struct train *t, const struct matrix *matrices, size_t n, BoosterHandle *out)
{
	DMatrixHandle cached[2];
	char depth[24], eta[32], seed[24], threads[24];
	snprintf(depth, sizeof(depth), "%" PRIu64, t->depth);
	snprintf(eta, sizeof(eta), "%.9g", t->eta);
	snprintf(seed, sizeof(seed), "%" PRIu64, t->seed);
	snprintf(threads, sizeof(threads), "%" PRIu64, t->threads);
	const char *const parameters[][2] = {
		{"objective", "rank:pairwise"}, /* its margin is the score; the gradient is ours */
		{"base_score", "0"}, {"tree_method", "hist"}, {"max_depth", depth}, {"eta", eta}, {"seed", seed},
		/* A slate's second derivatives sum to about a half, so that this is some hundred slates' worth. */
		{"lambda", "50"}, {"min_child_weight", "1"}, {"subsample", "0.8"}, {"colsample_bytree", "0.8"},
		{"nthread", threads}, {"verbosity", "0"}};
	for (size_t i = 0; i < n; i++)
		cached[i] = matrices[i].handle;
	int r = XGBoosterCreate(cached, n, out);
	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]) && r == 0; i++)
		r = XGBoosterSetParam(*out, parameters[i][0], parameters[i][1]);
	return r;
}

/* XGBoost owns the scores, until the next call. */
static int score(BoosterHandle booster, const struct matrix *m, const float **out)
{
	enum { MARGIN = 1, TRAINING = 1 };
	bst_ulong n;
	return XGBoosterPredict(booster, m->handle, MARGIN, 0, TRAINING, &n, out);
}

/* One round. gradient, hessian: [rows of m]. */
static int boost(const struct train *t, BoosterHandle booster, const struct matrix *m, float *gradient, float *hessian)
{
	const float *scores;
	int r = score(booster, m, &scores);
	if (r != 0)
		return r;
	train_gradient(&t->slates, m->first, m->n, scores, gradient, hessian);
	return XGBoosterBoostOneIter(booster, m->handle, gradient, hessian, m->n_rows);
}

/* Trains on the first matrix for `rounds`; with a second one, until its loss has not become less for a while, and the best
 * round is remembered. Returns 0, -1 for what XGBoostGetLastError says, -ENOMEM, 1 stopped. */
static int grow(struct train *t, const struct matrix *m, size_t n, uint64_t rounds, BoosterHandle *booster)
{
	float *gradient = malloc(m[0].n_rows * sizeof(*gradient)), *hessian = malloc(m[0].n_rows * sizeof(*hessian));
	int r = gradient && hessian ? booster_new(t, m, n, booster) : -ENOMEM;
	t->logs.n_planned = rounds;
	for (uint64_t i = 1; i <= rounds && r == 0 && !eval_stopped; i++) {
		char text[64] = "";
		r = boost(t, *booster, &m[0], gradient, hessian);
		if (r == 0 && n > 1) {
			const float *scores;
			r = score(*booster, &m[1], &scores);
			struct train_fit fit = r == 0 ? train_measure(&t->slates, m[1].first, m[1].n, scores) : t->held;
			if (t->best_round == 0 || fit.loss < t->held.loss) {
				t->held = fit;
				t->best_round = i;
			}
			snprintf(text, sizeof(text), "  held out: loss %.4f, AUC %.4f", fit.loss, fit.auc);
			if (i >= t->best_round + PATIENCE)
				break;
		}
		eval_logs_draw(&t->logs, i, "rounds", text, i == rounds);
	}
	free(gradient);
	free(hessian);
	return r == 0 && eval_stopped ? 1 : r;
}

static int save(const struct train *t, BoosterHandle booster, struct buf *out)
{
	const struct train_slates *s = &t->slates;
	const char **names = calloc(s->n_inputs, sizeof(*names)), *text;
	bst_ulong len;
	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_inputs; i++)
		names[i] = t->input_names[i];
	int r = XGBoosterSetStrFeatureInfo(booster, "feature_name", names, s->n_inputs);
	if (r == 0)
		r = XGBoosterSaveModelToBuffer(booster, "{\"format\":\"json\"}", &len, &text);
	if (r == 0)
		buf_put(out, text, len);
	free(names);
	return r == 0 && out->failed ? -ENOMEM : r;
}

/* Returns 0, or 1 after a line on stderr. */
static int train(struct train *t)
{
	const struct train_slates *s = &t->slates;
	struct matrix halves[2] = {{0}}, all = {0};
	BoosterHandle trial = NULL, final = NULL;
	int r = matrix_new(t, 0, s->n_slates - t->n_held, &halves[0]);
	if (r == 0)
		r = matrix_new(t, s->n_slates - t->n_held, t->n_held, &halves[1]);
	if (r == 0)
		r = grow(t, halves, 2, t->rounds, &trial);
	if (r == 0)
		r = matrix_new(t, 0, s->n_slates, &all);
	if (r == 0)
		r = grow(t, &all, 1, t->best_round, &final);
	if (r == 0)
		r = save(t, final, &t->trees);
	if (r == -1)
		r = complain_xgboost();
	else if (r < 0)
		r = complain_errno("training", r);
	const BoosterHandle boosters[] = {trial, final};
	const DMatrixHandle matrices[] = {halves[0].handle, halves[1].handle, all.handle};
	for (size_t i = 0; i < 2; i++)
		if (boosters[i])
			XGBoosterFree(boosters[i]);
	for (size_t i = 0; i < 3; i++)
		if (matrices[i])
			XGDMatrixFree(matrices[i]);
	return r;
}

/* ---- output ---- */

static int write_file(const char *path, struct span text)
{
	FILE *file = fopen(path, "we");
	if (!file)
		return -errno;
	int failed = fwrite(text.data, 1, text.len, file) != text.len;
	return (fclose(file) != 0) | failed ? -EIO : 0;
}

/* Returns 0, or 1 after a line on stderr. */
static int write_model(struct train *t)
{
	struct engine_problem problem;
	char about[256];
	snprintf(about, sizeof(about), "%" PRIu64 " boosted trees of depth %" PRIu64 " at eta %g, by mynews train from %zu "
	         "slates; without the last %zu of them, which gave the number of trees, their loss on those was %.4f and their "
	         "AUC %.4f.", t->best_round, t->depth, t->eta, t->slates.n_slates, t->n_held, t->held.loss, t->held.auc);
	int r = train_model_result(t->base.json, t->name, about, buf_span(&t->trees), &t->model, &problem);
	const struct engine_model_text made = {span_of(t->name), buf_span(&t->model)};
	if (r == 0)
		r = engine_check_models(&made, 1, &problem);
	if (r != 0)
		return r == 1 ? complain(problem.text) : complain_errno("the model", r);
	r = write_file(t->out_path, buf_span(&t->model));
	return r == 0 ? 0 : complain_errno(t->out_path, r);
}

static void print(const struct train *t)
{
	const struct replay_totals *totals = replay_totals(t->logs.replay);
	const struct train_slates *s = &t->slates;
	if (!t->json) {
		printf("%" PRIu64 " trees in %s\n", t->best_round, t->out_path);
		printf("%zu slates with %zu stories and %zu inputs; the last %zu slates, held out: loss %.4f, AUC %.4f\n",
		       s->n_slates, s->n_rows, s->n_inputs, t->n_held, t->held.loss, t->held.auc);
		printf("the linear model that learnt from the same slates as they came: AUC %.4f over all of them\n",
		       totals->tally.means[EVAL_AUC].mean);
		return;
	}
	struct buf b = {0};
	buf_put_cstr(&b, "{\"out\":");
	buf_put_json_string(&b, span_of(t->out_path));
	buf_printf(&b, ",\"slates\":%zu,\"rows\":%zu,\"inputs\":%zu,\"rounds\":%" PRIu64 ",\"held_out\":{\"slates\":%zu,\"loss\":",
	           s->n_slates, s->n_rows, s->n_inputs, t->best_round, t->n_held);
	buf_put_json_double(&b, t->held.loss);
	buf_put_cstr(&b, ",\"auc\":");
	buf_put_json_double(&b, t->held.auc);
	buf_put_cstr(&b, "},\"linear_auc\":");
	buf_put_json_double(&b, totals->tally.means[EVAL_AUC].mean);
	buf_put_cstr(&b, "}\n");
	fwrite(b.data, 1, b.failed ? 0 : b.len, stdout);
	buf_free(&b);
}

int cmd_train(int argc, char **argv)
{
	struct train t = {.logs = {.command = "train", .terminal = isatty(STDERR_FILENO), .config = {.seed = 1}},
	                  .rounds = 300, .depth = 6, .eta = 0.07, .seed = 1, .threads = 1};
	eval_catch_signals();
	int r = read_options(&t, argc, argv);
	if (r == 0)
		r = make_template(&t);
	if (r == 0)
		r = eval_logs_make_dir(&t.logs);
	if (r == 0)
		r = collect(&t);
	if (r == 0 && !eval_stopped)
		r = train(&t);
	if (r == 0 && !eval_stopped)
		r = write_model(&t);
	if (eval_stopped)
		r = complain("stopped before the end; nothing was written");
	if (r == 0)
		print(&t);
	buf_free(&t.trees);
	buf_free(&t.model);
	train_slates_free(&t.slates);
	eval_logs_close(&t.logs);
	return r == 0 ? EXIT_FINE : r == EXIT_USAGE ? EXIT_USAGE : EXIT_FAILED;
}
