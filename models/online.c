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

static struct layout layout_of(const struct model *m)
{
	struct layout l = {.n_inputs = 2 * m->n_columns, .n_hidden = m->learn.hidden};
	l.position = l.n_inputs;
	l.hidden = l.position + MODEL_POSITIONS;
	l.bias = l.hidden + l.n_hidden * l.n_inputs;
	l.out = l.bias + l.n_hidden;
	l.n = l.out + l.n_hidden;
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
	for (size_t i = l.hidden; i < l.bias; i++)
		params[i] = range * uniform(&seed);
}

static float dot(const float *restrict a, const float *restrict b, size_t n)
{
	float sum[8] = {0};
	size_t i = 0;
	for (; i + 8 <= n; i += 8)
		for (size_t k = 0; k < 8; k++)
			sum[k] += a[i + k] * b[i + k];
	for (; i < n; i++)
		sum[i & 7] += a[i] * b[i];
	return ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
}

/* One row's score without the crosses; hidden[H] receives the units' values before rectifying, when not NULL. */
static float online_row(const struct layout *l, const float *params, const float *x, float *hidden)
{
	float sum = dot(params, x, l->n_inputs);
	for (size_t k = 0; k < l->n_hidden; k++) {
		float a = dot(params + l->hidden + k * l->n_inputs, x, l->n_inputs) + params[l->bias + k];
		if (hidden)
			hidden[k] = a;
		if (a > 0)
			sum += params[l->out + k] * a;
	}
	return sum;
}

static void online_score(const struct model *m, const float *params, const struct model_slate *s, double *out)
{
	struct layout l = layout_of(m);
	for (size_t i = 0; i < s->n; i++)
		out[i] = (double)online_row(&l, params, s->inputs + i * l.n_inputs, NULL) +
		         (s->cross_sums ? (double)s->cross_sums[i] : 0);
}

/* The reference is the shortlist's mean, whose inputs are all 0: a unit's value there is its bias. */
static void online_explain(const struct model *m, const float *params, const struct model_slate *s, size_t row,
                           double *out, double *base)
{
	struct layout l = layout_of(m);
	const float *x = s->inputs + row * l.n_inputs;
	double gain[MODEL_INPUTS_MAX] = {0};
	*base = 0;
	for (size_t j = 0; j < l.n_inputs; j++)
		gain[j] = (double)params[j];
	for (size_t k = 0; k < l.n_hidden; k++) {
		const float *w = params + l.hidden + k * l.n_inputs;
		double v = (double)params[l.out + k], b = (double)params[l.bias + k];
		double moved = (double)dot(w, x, l.n_inputs), a = moved + b;
		double rise = (a > 0 ? a : 0) - (b > 0 ? b : 0);
		*base += v * (b > 0 ? b : 0);
		/* Where the unit hardly moves, the multiplier is the gradient. */
		double multiplier = fabs(moved) > 1e-9 ? rise / moved : b > 0;
		for (size_t j = 0; j < l.n_inputs; j++)
			gain[j] += v * multiplier * (double)w[j];
	}
	for (size_t c = 0; c < m->n_columns; c++)
		out[c] = gain[c] * (double)x[c] + gain[m->n_columns + c] * (double)x[m->n_columns + c];
}

static size_t position_of(uint8_t position)
{
	return position < MODEL_POSITIONS ? position : MODEL_POSITIONS - 1;
}

static void adagrad(float *param, float *squares, float gradient, float rate)
{
	if (gradient == 0)
		return;
	*squares += gradient * gradient;
	*param -= rate * gradient / sqrtf(*squares);
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
                         const float *residuals, const float *hidden /* [n][H] */, float *params, float *squares)
{
	float rate = (float)m->learn.hidden_rate, gradient[MODEL_INPUTS_MAX];
	for (size_t k = 0; k < l->n_hidden; k++) {
		float v = params[l->out + k], dv = 0, db = 0;
		memset(gradient, 0, l->n_inputs * sizeof(*gradient));
		for (size_t i = 0; i < s->n; i++) {
			float a = hidden[i * l->n_hidden + k];
			if (a <= 0)
				continue;
			const float *x = s->inputs + i * l->n_inputs;
			float d = residuals[i] * v;
			dv += residuals[i] * a;
			db += d;
			for (size_t j = 0; j < l->n_inputs; j++)
				gradient[j] += d * x[j];
		}
		for (size_t j = 0; j < l->n_inputs; j++)
			adagrad(&params[l->hidden + k * l->n_inputs + j], &squares[l->hidden + k * l->n_inputs + j], gradient[j],
			        rate);
		adagrad(&params[l->bias + k], &squares[l->bias + k], db, rate);
		adagrad(&params[l->out + k], &squares[l->out + k], dv, rate);
	}
}

static double online_learn(const struct model *m, const struct model_slate *s, const float *labels,
                           const uint8_t *positions, float *params, float *squares, float *residuals)
{
	struct layout l = layout_of(m);
	float rate = (float)m->learn.rate, gradient[MODEL_INPUTS_MAX] = {0}, at_place[MODEL_POSITIONS] = {0};
	float hidden[MODEL_SLATE_MAX * MODEL_HIDDEN_MAX]; /* [n][H] */
	for (size_t i = 0; i < s->n; i++) {
		size_t place = position_of(positions[i]);
		residuals[i] = online_row(&l, params, s->inputs + i * l.n_inputs, hidden + i * l.n_hidden) +
		               (s->cross_sums ? s->cross_sums[i] : 0) + (place ? params[l.position + place] : 0);
	}
	double loss = residuals_of(labels, s->n, residuals);
	for (size_t i = 0; i < s->n; i++)
		residuals[i] *= s->weight;
	for (size_t i = 0; i < s->n; i++) {
		const float *x = s->inputs + i * l.n_inputs;
		for (size_t j = 0; j < l.n_inputs; j++)
			gradient[j] += residuals[i] * x[j];
		at_place[position_of(positions[i])] += residuals[i];
	}
	learn_hidden(m, &l, s, residuals, hidden, params, squares);
	for (size_t j = 0; j < l.n_inputs; j++)
		adagrad(&params[j], &squares[j], gradient[j], rate);
	for (size_t place = 1; place < MODEL_POSITIONS; place++)
		adagrad(&params[l.position + place], &squares[l.position + place], at_place[place], rate);
	return loss;
}

void model_cross_learn(const struct model_learn *learn, float g, struct model_cross *cross)
{
	double square = (double)g * (double)g, before = (double)cross->n, alpha = learn->cross_alpha;
	double sigma = (sqrt(before + square) - sqrt(before)) / alpha, weight = 0;
	double sum = (double)cross->z + (double)g -
	             sigma * (double)atomic_load_explicit(&cross->weight, memory_order_relaxed);
	cross->z = (float)sum;
	cross->n = (float)(before + square);
	if (fabs(sum) > learn->cross_l1)
		weight = -(sum - copysign(learn->cross_l1, sum)) /
		         ((learn->cross_beta + sqrt(before + square)) / alpha + learn->cross_l2);
	atomic_store_explicit(&cross->weight, (float)weight, memory_order_release);
}
