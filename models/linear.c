/* The linear kind: a weight for each feature, score w . x. Included by model.c alone. */

static int linear_parse(struct parser *p, json_t *weights)
{
	const char *key;
	json_t *value;
	if (!weights)
		return refuse(p, "/weights", "is missing");
	if (!json_is_object(weights))
		return refuse(p, "/weights", "must be an object");
	int r = check_members(p, weights, "/weights", p->names->features, p->names->n_features);
	if (r)
		return r;
	json_object_foreach(weights, key, value) {
		char pointer[128] = "/weights";
		size_t i = 0;
		pointer_push(pointer, key);
		while (strcmp(p->names->features[i], key) != 0)
			i++;
		r = read_number(p, value, pointer, -WEIGHT_MAX, WEIGHT_MAX, &p->model->weights[i]);
		if (r)
			return r;
	}
	return 0;
}

static void linear_score(const struct model *m, const float *rows /* [n_rows][n_features] */, size_t n_rows, double *out)
{
	for (size_t i = 0; i < n_rows; i++) {
		const float *x = rows + i * m->n_features;
		double sum = 0;
		for (size_t f = 0; f < m->n_features; f++)
			sum += m->weights[f] * (double)x[f];
		out[i] = sum;
	}
}
