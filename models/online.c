/* The kinds that learn: `online`, softmax over a slate that is linear in the inputs, and `mlp`, the same with one hidden
 * layer of rectified units beside it. Included by model.c alone.
 *
 * Parameters, I = 2 * n_columns inputs and H hidden units:
 *     w[I]  position[MODEL_POSITIONS]  W[H][I]  b[H]  v[H]
 *     score(x) = w . x + sum_k v_k max(0, W_k . x + b_k) + the crosses' sum
 * While learning, position's entry is added: readers see the top of a list first, and that must not be laid to the
 * stories' account. Scoring leaves it out. */

struct layout {
	size_t n_inputs, n_hidden;
	size_t position, hidden, bias, out, n; /* where each part begins */
};

static struct layout layout_with(size_t n_inputs, size_t n_hidden)
{
	struct layout l = {.n_inputs = n_inputs, .n_hidden = n_hidden};
	l.position = l.n_inputs;
	l.hidden = l.position + MODEL_POSITIONS;
	l.bias = l.hidden + l.n_hidden * l.n_inputs;
	l.out = l.bias + l.n_hidden;
	l.n = l.out + l.n_hidden;
	return l;
}

static struct layout layout_of(const struct model *m)
{
	return layout_with(2 * m->n_columns, m->learn.hidden);
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
	for (size_t i = l.hidden; i < l.bias; i++)
		params[i] = range * uniform(&seed);
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

static size_t width_of(const struct layout *l)
{
	return (l->n_hidden + LAYER_LANES - 1) / LAYER_LANES * LAYER_LANES;
}

/* The layer's weights as the kernels take them: by input, of those that are not 0 in every row. */
struct packed {
	float weights[MODEL_INPUTS_MAX * MODEL_HIDDEN_MAX]; /* [n_used][width] */
	float bias[MODEL_HIDDEN_MAX], out[MODEL_HIDDEN_MAX];
	uint8_t used[MODEL_INPUTS_MAX];
	struct layer_rows rows;
};

static void pack(const struct layer_kernels *kernels, const struct layout *l, const float *params,
                 const struct model_slate *s, struct packed *p)
{
	uint32_t any[MODEL_INPUTS_MAX];
	const size_t width = width_of(l);
	p->rows = (struct layer_rows){.n = s->n, .n_inputs = l->n_inputs, .inputs = s->inputs, .used = p->used};
	kernels->any(s->inputs, s->n, l->n_inputs, any);
	for (size_t j = 0; j < l->n_inputs; j++)
		if (any[j])
			p->used[p->rows.n_used++] = (uint8_t)j;
	for (size_t k = 0; k < width; k++) {
		const float *from = params + l->hidden + k * l->n_inputs;
		for (size_t u = 0; u < p->rows.n_used; u++)
			p->weights[u * width + k] = k < l->n_hidden ? from[p->used[u]] : 0;
	}
	for (size_t k = 0; k < width; k++) {
		p->bias[k] = k < l->n_hidden ? params[l->bias + k] : 0;
		p->out[k] = k < l->n_hidden ? params[l->out + k] : 0;
	}
}
_Static_assert(MODEL_INPUTS_MAX <= UINT8_MAX, "inputs are numbered by bytes");

/* Every row's score without the crosses; hidden[n][width] receives the units' values before rectifying, when not NULL. */
static void score_rows(const struct layout *l, const float *params, const struct model_slate *s, float *hidden, float *out)
{
	const struct layer_kernels *kernels = layer_best();
	struct packed packed;
	memset(out, 0, s->n * sizeof(*out));
	if (l->n_hidden) {
		pack(kernels, l, params, s, &packed);
		kernels->forward(&packed.rows, packed.weights, packed.bias, packed.out, width_of(l), hidden, out);
	}
	kernels->dots(s->inputs, s->n, params, l->n_inputs, out);
}

static void score_all(const struct layout *l, const float *params, const struct model_slate *s, double *out)
{
	float sums[MODEL_SLATE_MAX];
	for (size_t first = 0; first < s->n; first += MODEL_SLATE_MAX) {
		const size_t left = s->n - first, n = left < MODEL_SLATE_MAX ? left : MODEL_SLATE_MAX;
		const struct model_slate some = {.n = n, .n_columns = s->n_columns, .inputs = s->inputs + first * l->n_inputs};
		score_rows(l, params, &some, NULL, sums);
		for (size_t i = 0; i < n; i++)
			out[first + i] = (double)sums[i] + (s->cross_sums ? (double)s->cross_sums[first + i] : 0);
	}
}

static void online_score(const struct model *m, const float *params, const struct model_slate *s, double *out)
{
	struct layout l = layout_of(m);
	score_all(&l, params, s, out);
}

/* As a model of one input a column, whose weights are those of z and c in units of the column. */
static void online_score_distances(const struct model *m, const float *params, const float *distances, size_t n,
                                   const float *by_z, const float *by_c, double *out)
{
	enum { PARAMS_MAX = MODEL_COLUMNS_MAX + MODEL_POSITIONS + MODEL_HIDDEN_MAX * (MODEL_COLUMNS_MAX + 2) };
	const size_t n_columns = m->n_columns;
	struct layout from = layout_of(m), to = layout_with(n_columns, m->learn.hidden);
	float joined[PARAMS_MAX];
	for (size_t k = 0; k <= to.n_hidden; k++) { /* the linear part, then the units */
		const float *w = k ? params + from.hidden + (k - 1) * from.n_inputs : params;
		float *at = k ? joined + to.hidden + (k - 1) * n_columns : joined;
		for (size_t c = 0; c < n_columns; c++)
			at[c] = w[c] * by_z[c] + w[n_columns + c] * by_c[c];
	}
	memcpy(joined + to.bias, params + from.bias, 2 * to.n_hidden * sizeof(*joined));
	const struct model_slate s = {.n = n, .n_columns = n_columns, .inputs = distances};
	score_all(&to, joined, &s, out);
}

/* What a unit's rise of these rows is by each unit of what moved it, times what the unit counts: by[n][width]. The reference is
 * the shortlist's mean, whose inputs are all 0: a unit's value there is its bias. */
static void multipliers(const struct layout *l, const struct packed *p, const float *hidden, size_t n, float *by)
{
	const size_t width = width_of(l);
	for (size_t i = 0; i < n * width; i++) {
		const size_t k = i % width;
		double a = (double)hidden[i], b = (double)p->bias[k], moved = a - b, rise = (a > 0 ? a : 0) - (b > 0 ? b : 0);
		/* Where the unit hardly moves, the multiplier is the gradient. */
		by[i] = (float)((double)p->out[k] * (fabs(moved) > 1e-9 ? rise / moved : b > 0));
	}
}

/* The layer's weights by unit, rows filled up to whole lanes, with what each input counts by itself as the bias: the layer
 * that gives what each input counts for a row of multipliers. */
struct backward {
	float weights[MODEL_HIDDEN_MAX * MODEL_INPUTS_MAX], linear[MODEL_INPUTS_MAX], nothing[MODEL_INPUTS_MAX];
	uint8_t units[MODEL_HIDDEN_MAX];
	size_t width;
};

static void pack_backward(const struct layout *l, const float *params, struct backward *b)
{
	b->width = (l->n_inputs + LAYER_LANES - 1) / LAYER_LANES * LAYER_LANES;
	for (size_t k = 0; k <= l->n_hidden; k++) {
		float *to = k ? b->weights + (k - 1) * b->width : b->linear;
		memcpy(to, k ? params + l->hidden + (k - 1) * l->n_inputs : params, l->n_inputs * sizeof(*to));
		memset(to + l->n_inputs, 0, (b->width - l->n_inputs) * sizeof(*to));
	}
	memset(b->nothing, 0, sizeof(b->nothing));
	for (size_t k = 0; k < l->n_hidden; k++)
		b->units[k] = (uint8_t)k;
}

enum { EXPLAIN_ROWS = 32 };

/* At most EXPLAIN_ROWS. */
static void explain_rows(const struct layout *l, const struct backward *b, const float *params, const struct model_slate *s,
                         double *out, double *base)
{
	const struct layer_kernels *kernels = layer_best();
	float hidden[EXPLAIN_ROWS * MODEL_HIDDEN_MAX], by[EXPLAIN_ROWS * MODEL_HIDDEN_MAX], unused[EXPLAIN_ROWS];
	float gains[EXPLAIN_ROWS * MODEL_INPUTS_MAX];
	const size_t n_columns = l->n_inputs / 2;
	struct packed p;
	pack(kernels, l, params, s, &p);
	kernels->forward(&p.rows, p.weights, p.bias, p.out, width_of(l), hidden, unused);
	multipliers(l, &p, hidden, s->n, by);
	const struct layer_rows back = {.n = s->n, .n_inputs = width_of(l), .inputs = by, .used = b->units, .n_used = l->n_hidden};
	kernels->forward(&back, b->weights, b->linear, b->nothing, b->width, gains, unused);
	for (size_t i = 0; i < s->n; i++) {
		const float *x = s->inputs + i * l->n_inputs, *gain = gains + i * b->width;
		for (size_t c = 0; c < n_columns; c++)
			out[i * n_columns + c] = (double)gain[c] * (double)x[c] + (double)gain[n_columns + c] * (double)x[n_columns + c];
		base[i] = 0;
		for (size_t k = 0; k < l->n_hidden; k++)
			base[i] += (double)p.out[k] * (double)(p.bias[k] > 0 ? p.bias[k] : 0);
	}
}

static void online_explain(const struct model *m, const float *params, const struct model_slate *s, size_t first, size_t n,
                           double *out, double *base)
{
	struct layout l = layout_of(m);
	struct backward b;
	pack_backward(&l, params, &b);
	for (size_t i = 0; i < n; i += EXPLAIN_ROWS) {
		const struct model_slate some = {.n = n - i < EXPLAIN_ROWS ? n - i : EXPLAIN_ROWS, .n_columns = s->n_columns,
		                                 .inputs = s->inputs + (first + i) * l.n_inputs};
		explain_rows(&l, &b, params, &some, out + i * m->n_columns, base + i);
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

/* Gradients of the hidden layer, a unit at a time; x and the residuals stand as they were. */
static void learn_hidden(const struct model *m, const struct layout *l, const struct model_slate *s,
                         const float *residuals, const float *hidden /* [n][width] */, float *params, float *squares)
{
	const struct layer_kernels *kernels = layer_best();
	float rate = (float)m->learn.hidden_rate, gradient[MODEL_INPUTS_MAX];
	for (size_t k = 0; k < l->n_hidden; k++) {
		float v = params[l->out + k], dv = 0, db = 0;
		memset(gradient, 0, l->n_inputs * sizeof(*gradient));
		for (size_t i = 0; i < s->n; i++) {
			float a = hidden[i * width_of(l) + k];
			if (a <= 0)
				continue;
			float d = residuals[i] * v;
			dv += residuals[i] * a;
			db += d;
			kernels->add(gradient, s->inputs + i * l->n_inputs, d, l->n_inputs);
		}
		const size_t at = l->hidden + k * l->n_inputs;
		kernels->adagrad(&params[at], &squares[at], gradient, rate, l->n_inputs);
		kernels->adagrad(&params[l->bias + k], &squares[l->bias + k], &db, rate, 1);
		kernels->adagrad(&params[l->out + k], &squares[l->out + k], &dv, rate, 1);
	}
}

static double online_learn(const struct model *m, const struct model_slate *s, const float *labels,
                           const uint8_t *positions, float *params, float *squares, float *residuals)
{
	struct layout l = layout_of(m);
	const struct layer_kernels *kernels = layer_best();
	float rate = (float)m->learn.rate, gradient[MODEL_INPUTS_MAX] = {0}, at_place[MODEL_POSITIONS] = {0};
	float hidden[MODEL_SLATE_MAX * MODEL_HIDDEN_MAX]; /* [n][width] */
	score_rows(&l, params, s, hidden, residuals);
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
	learn_hidden(m, &l, s, residuals, hidden, params, squares);
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
