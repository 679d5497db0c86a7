/* The kinds that learn: `online`, softmax over a slate that is linear in the inputs, and `mlp`, the same with one hidden
 * layer of rectified units beside it. Included by model.c alone.
 *
 * Parameters, I = 2 * n_columns inputs and H hidden units, of which rows are filled up to `width`:
 *     w[I]  position[MODEL_POSITIONS]  W[I][width]  b[width]  v[width]
 *     score(x) = w . x + sum_k v_k max(0, b_k + sum_j W_jk x_j) + the crosses' sum
 * While learning, position's entry is added: readers see the top of a list first, and that must not be laid to the
 * stories' account. Scoring leaves it out. */

struct layout {
	size_t n_inputs, n_hidden, width;
	size_t position, hidden, bias, out, n; /* where each part begins */
};

_Static_assert(MODEL_HIDDEN_MAX % LAYER_LANES == 0, "a width is at most that, too");

static struct layout layout_of(const struct model *m)
{
	struct layout l = {.n_inputs = 2 * m->n_columns, .n_hidden = m->learn.hidden, .width = layer_width(m->learn.hidden)};
	l.position = l.n_inputs;
	l.hidden = l.position + MODEL_POSITIONS;
	l.bias = l.hidden + l.n_inputs * l.width;
	l.out = l.bias + l.width;
	l.n = l.out + l.width;
	return l;
}

static float uniform(uint64_t *state)
{
	*state += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t z = *state;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (float)((double)((z ^ (z >> 31)) >> 11) * 0x1.0p-52 - 1);
}

/* Hidden weights as Glorot and Bengio 2010 draw them; the layer's outputs begin at 0, so that at first the model is its
 * linear part. */
static void online_init(const struct model *m, uint64_t seed, float *params, float *squares)
{
	struct layout l = layout_of(m);
	size_t n_used = 0;
	memset(params, 0, l.n * sizeof(*params));
	for (size_t i = 0; i < l.n; i++)
		squares[i] = (float)m->learn.g0;
	for (size_t c = 0; c < m->n_columns; c++) {
		params[m->n_columns + c] = (float)m->prior[c];
		n_used += 2 * m->columns[c];
	}
	float range = sqrtf(6.0f / (float)(n_used + l.n_hidden + 1));
	for (size_t k = 0; k < l.n_hidden; k++)
		for (size_t j = 0; j < l.n_inputs; j++)
			params[l.hidden + j * l.width + k] = range * uniform(&seed);
}

/* What was learnt stands beside the prior in the linear part, and in the outputs of the hidden layer. */
static void online_lean(const struct model *m, double part, float *params)
{
	struct layout l = layout_of(m);
	for (size_t c = 0; c < m->n_columns; c++) {
		float prior = (float)m->prior[c], *z = &params[c], *fixed = &params[m->n_columns + c];
		*z *= (float)part;
		*fixed = prior + (float)part * (*fixed - prior);
	}
	for (size_t k = 0; k < l.n_hidden; k++)
		params[l.out + k] *= (float)part;
}

/* The layer of these parameters; which inputs are used is the caller's to say. */
static struct layer layer_of(const struct layout *l, const float *params, const uint8_t *used, size_t n_used)
{
	return (struct layer){.n_inputs = l->n_inputs, .width = l->width, .linear = params, .weights = params + l->hidden,
	                      .bias = params + l->bias, .out = params + l->out, .used = used, .n_used = n_used};
}

/* Inputs that are not 0 in every row, in rising order. Returns how many. */
static size_t find_used(const struct layer_kernels *kernels, const float *rows, size_t n, size_t n_inputs,
                        uint8_t used[MODEL_INPUTS_MAX])
{
	uint32_t any[MODEL_INPUTS_MAX];
	size_t n_used = 0;
	kernels->any(rows, n, n_inputs, any);
	for (size_t j = 0; j < n_inputs; j++) {
		used[n_used] = (uint8_t)j;
		n_used += any[j] != 0;
	}
	return n_used;
}
_Static_assert(MODEL_INPUTS_MAX <= UINT8_MAX, "inputs are numbered by bytes");

static void online_score(const struct model *m, const float *params, const struct model_slate *s, double *out)
{
	const struct layer_kernels *kernels = layer_best();
	const struct layout l = layout_of(m);
	uint8_t used[MODEL_INPUTS_MAX];
	float sums[MODEL_SLATE_MAX];
	size_t n_used = l.width ? find_used(kernels, s->inputs, s->n, l.n_inputs, used) : 0;
	const struct layer layer = layer_of(&l, params, used, n_used);
	for (size_t first = 0, n; first < s->n; first += n) {
		n = s->n - first < MODEL_SLATE_MAX ? s->n - first : MODEL_SLATE_MAX;
		kernels->forward(&layer, s->inputs + first * l.n_inputs, n, NULL, sums);
		for (size_t i = 0; i < n; i++)
			out[first + i] = (double)sums[i] + (s->cross_sums ? (double)s->cross_sums[first + i] : 0);
	}
}

/* A model of one input a column, its distance from the mean, whose weights are those of z and c in units of the column. */
struct by_distance {
	struct layer layer;
	uint8_t used[MODEL_COLUMNS_MAX];
	float linear[MODEL_COLUMNS_MAX], weights[MODEL_COLUMNS_MAX * MODEL_HIDDEN_MAX];
};

static void join_inputs(const struct model *m, const float *params, const struct model_distances *d, struct by_distance *out)
{
	const struct layout l = layout_of(m);
	size_t n_used = 0;
	for (size_t c = 0; c < d->n_columns; c++) {
		const float by_z = d->by_z[c], by_c = d->by_c[c];
		const float *z = params + l.hidden + c * l.width, *fixed = z + m->n_columns * l.width;
		out->linear[c] = params[c] * by_z + params[m->n_columns + c] * by_c;
		if (by_z == 0 && by_c == 0)
			continue;
		out->used[n_used++] = (uint8_t)c;
		for (size_t k = 0; k < l.width; k++)
			out->weights[c * l.width + k] = z[k] * by_z + fixed[k] * by_c;
	}
	out->layer = layer_of(&l, params, out->used, n_used);
	out->layer.n_inputs = d->n_columns;
	out->layer.linear = out->linear;
	out->layer.weights = out->weights;
}

enum { BLOCK_ROWS = 32 };

static struct layer_rows rows_of(const struct model_distances *d, size_t first)
{
	return (struct layer_rows){.x = d->rows + first * d->stride, .stride = d->stride, .mean = d->mean, .most = d->most};
}

static void online_score_distances(const struct model *m, const float *params, const struct model_distances *d, float *out,
                                   uint8_t *beyond)
{
	const struct layer_kernels *kernels = layer_best();
	struct by_distance joined;
	float block[BLOCK_ROWS * MODEL_COLUMNS_MAX];
	join_inputs(m, params, d, &joined);
	if (joined.layer.width == 0) {
		const struct layer_rows rows = rows_of(d, 0);
		kernels->linear(&joined.layer, &rows, d->n, out, beyond);
		return;
	}
	for (size_t first = 0, n; first < d->n; first += n) {
		const struct layer_rows rows = rows_of(d, first);
		n = d->n - first < BLOCK_ROWS ? d->n - first : BLOCK_ROWS;
		kernels->distances(&rows, n, d->n_columns, block, beyond + first);
		kernels->forward(&joined.layer, block, n, NULL, out + first);
	}
}

/* The score that a row at the mean has, into base[n]. */
static void set_bases(const struct layer *l, size_t n, double *base)
{
	double at_mean = 0;
	for (size_t k = 0; k < l->width; k++)
		at_mean += (double)l->out[k] * (double)(l->bias[k] > 0 ? l->bias[k] : 0);
	for (size_t i = 0; i < n; i++)
		base[i] = at_mean;
}

/* The gain of each input of rows[n], at most BLOCK_ROWS: what it counts for, per unit of its own. gains[n][n_inputs]. The
 * reference is the shortlist's mean, whose inputs are all 0: a unit's value there is its bias. */
static void gains_of(const struct layer *l, const float *rows, size_t n, float *gains)
{
	const struct layer_kernels *kernels = layer_best();
	float values[BLOCK_ROWS * MODEL_HIDDEN_MAX], scores[BLOCK_ROWS];
	kernels->forward(l, rows, n, values, scores);
	for (size_t i = 0; i < n; i++) {
		kernels->multipliers(l, values + i * l->width);
		kernels->backward(l, values + i * l->width, gains + i * l->n_inputs);
	}
}

/* Each column's part of a row: of the input of its number, and of the one that stands n_columns behind that where there is
 * one. */
static void add_inputs(const float *restrict gains, const float *restrict x, size_t n_inputs, size_t n_columns,
                       double *restrict out)
{
	const size_t n = n_inputs < n_columns ? n_inputs : n_columns;
	for (size_t c = 0; c < n; c++)
		out[c] = (double)(gains[c] * x[c]);
	for (size_t c = n; c < n_columns; c++)
		out[c] = 0;
	for (size_t c = n_columns; c < n_inputs; c++)
		out[c - n_columns] += (double)(gains[c] * x[c]);
}

/* Each column's part of rows[n], at most BLOCK_ROWS, into out[n][n_columns]. */
static void explain_block(const struct layer *l, const float *rows, size_t n, size_t n_columns, double *out)
{
	float gains[BLOCK_ROWS * MODEL_INPUTS_MAX];
	if (l->width)
		gains_of(l, rows, n, gains);
	for (size_t i = 0; i < n; i++) {
		const float *of_row = l->width ? gains + i * l->n_inputs : l->linear;
		add_inputs(of_row, rows + i * l->n_inputs, l->n_inputs, n_columns, out + i * n_columns);
	}
}

static void online_explain(const struct model *m, const float *params, const struct model_slate *s, size_t first, size_t n,
                           double *out, double *base)
{
	const struct layout l = layout_of(m);
	const float *rows = s->inputs + first * l.n_inputs;
	uint8_t used[MODEL_INPUTS_MAX];
	const struct layer layer = layer_of(&l, params, used, find_used(layer_best(), rows, n, l.n_inputs, used));
	for (size_t at = 0, some; at < n; at += some) {
		some = n - at < BLOCK_ROWS ? n - at : BLOCK_ROWS;
		explain_block(&layer, rows + at * l.n_inputs, some, m->n_columns, out + at * m->n_columns);
	}
	set_bases(&layer, n, base);
}

static void online_explain_distances(const struct model *m, const float *params, const struct model_distances *d,
                                     const uint16_t *which, size_t n, double *out, uint8_t *beyond)
{
	const struct layer_kernels *kernels = layer_best();
	struct by_distance joined;
	float block[BLOCK_ROWS * MODEL_COLUMNS_MAX];
	join_inputs(m, params, d, &joined);
	for (size_t first = 0, some; first < n; first += some) {
		some = n - first < BLOCK_ROWS ? n - first : BLOCK_ROWS;
		for (size_t i = 0; i < some; i++) {
			const struct layer_rows row = rows_of(d, which[first + i]);
			kernels->distances(&row, 1, d->n_columns, block + i * d->n_columns, &beyond[first + i]);
		}
		explain_block(&joined.layer, block, some, m->n_columns, out + first * m->n_columns);
	}
}

static size_t position_of(uint8_t position)
{
	return position < MODEL_POSITIONS ? position : MODEL_POSITIONS - 1;
}

/* Softmax less label share, in place of scores. Returns the loss. */
static double residuals_of(const float *labels, size_t n, float *scores)
{
	float most = scores[0];
	double total = 0, label_sum = 0, loss = 0;
	for (size_t i = 1; i < n; i++)
		most = scores[i] > most ? scores[i] : most;
	for (size_t i = 0; i < n; i++) {
		total += exp((double)(scores[i] - most));
		label_sum += (double)labels[i];
	}
	for (size_t i = 0; i < n; i++) {
		double p = exp((double)(scores[i] - most)) / total, share = (double)labels[i] / label_sum;
		if (share > 0)
			loss -= share * log(p > 1e-30 ? p : 1e-30);
		scores[i] = (float)(p - share);
	}
	return loss;
}

/* Steps of the hidden layer; values: the units' [n][width] before rectifying. */
static void learn_hidden(const struct model *m, const struct layout *l, const struct layer *layer, const struct model_slate *s,
                         const float *residuals, const float *values, float *params, float *squares)
{
	const struct layer_kernels *kernels = layer_best();
	const float rate = (float)m->learn.hidden_rate;
	float gradient[MODEL_INPUTS_MAX * MODEL_HIDDEN_MAX]; /* [n_inputs][width] */
	float by[MODEL_HIDDEN_MAX], of_bias[MODEL_HIDDEN_MAX] = {0}, of_out[MODEL_HIDDEN_MAX] = {0};
	memset(gradient, 0, l->n_inputs * l->width * sizeof(*gradient));
	for (size_t i = 0; i < s->n; i++) {
		for (size_t k = 0; k < l->width; k++) {
			const float a = values[i * l->width + k], residual = a > 0 ? residuals[i] : 0;
			by[k] = residual * params[l->out + k];
			of_bias[k] += by[k];
			of_out[k] += residual * a;
		}
		kernels->add_outer(layer, s->inputs + i * l->n_inputs, by, gradient);
	}
	for (size_t u = 0; u < layer->n_used; u++) {
		const size_t at = layer->used[u] * l->width;
		kernels->adagrad(&params[l->hidden + at], &squares[l->hidden + at], &gradient[at], rate, l->width);
	}
	kernels->adagrad(&params[l->bias], &squares[l->bias], of_bias, rate, l->width);
	kernels->adagrad(&params[l->out], &squares[l->out], of_out, rate, l->width);
}

static double online_learn(const struct model *m, const struct model_slate *s, const float *labels,
                           const uint8_t *positions, float *params, float *squares, float *residuals)
{
	const struct layout l = layout_of(m);
	const struct layer_kernels *kernels = layer_best();
	float rate = (float)m->learn.rate, gradient[MODEL_INPUTS_MAX] = {0}, at_place[MODEL_POSITIONS] = {0};
	float values[MODEL_SLATE_MAX * MODEL_HIDDEN_MAX]; /* [n][width] */
	uint8_t used[MODEL_INPUTS_MAX];
	const struct layer layer = layer_of(&l, params, used, find_used(kernels, s->inputs, s->n, l.n_inputs, used));
	kernels->forward(&layer, s->inputs, s->n, values, residuals);
	for (size_t i = 0; i < s->n; i++) {
		size_t place = position_of(positions[i]);
		residuals[i] += (s->cross_sums ? s->cross_sums[i] : 0) + (place ? params[l.position + place] : 0);
	}
	double loss = residuals_of(labels, s->n, residuals);
	for (size_t i = 0; i < s->n; i++)
		residuals[i] *= s->weight;
	for (size_t i = 0; i < s->n; i++) {
		kernels->add(gradient, s->inputs + i * l.n_inputs, residuals[i], l.n_inputs);
		at_place[position_of(positions[i])] += residuals[i];
	}
	if (l.width)
		learn_hidden(m, &l, &layer, s, residuals, values, params, squares);
	kernels->adagrad(params, squares, gradient, rate, l.n_inputs);
	kernels->adagrad(&params[l.position + 1], &squares[l.position + 1], at_place + 1, rate, MODEL_POSITIONS - 1);
	return loss;
}

void model_cross_learn(const struct model_learn *learn, float g, struct model_cross *cross, _Atomic float *weight_at)
{
	double square = (double)g * (double)g, before = (double)cross->n, alpha = learn->cross_alpha;
	double sigma = (sqrt(before + square) - sqrt(before)) / alpha, weight = 0;
	double sum = (double)cross->z + (double)g -
	             sigma * (double)atomic_load_explicit(weight_at, memory_order_relaxed);
	cross->z = (float)sum;
	cross->n = (float)(before + square);
	if (fabs(sum) > learn->cross_l1)
		weight = -(sum - copysign(learn->cross_l1, sum)) /
		         ((learn->cross_beta + sqrt(before + square)) / alpha + learn->cross_l2);
	atomic_store_explicit(weight_at, (float)weight, memory_order_release);
}
