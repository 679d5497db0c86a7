/* The kind `ensemble`: the weighted sum of other models' scores of the same shortlist. Its members are models of their own,
 * set beside it, that learn as they do alone. Included by model.c alone. */

static int read_member(struct parser *p, json_t *entry, size_t i)
{
	static const char *const names[] = {"model", "weight"};
	struct model *m = p->model;
	struct model_member *out = &m->members[i];
	char at[64], pointer[96];
	snprintf(at, sizeof(at), "/members/%zu", i);
	if (!json_is_object(entry))
		return refuse(p, at, "must be an object");
	int r = check_members(p, entry, at, names, 2);
	snprintf(pointer, sizeof(pointer), "%s/model", at);
	if (!r)
		r = read_name(p, json_object_get(entry, "model"), pointer, out->name);
	for (size_t k = 0; k < i && !r; k++)
		if (strcmp(m->members[k].name, out->name) == 0)
			r = refuse(p, pointer, "is there twice");
	snprintf(pointer, sizeof(pointer), "%s/weight", at);
	return r ? r : read_number(p, json_object_get(entry, "weight"), pointer, -WEIGHT_MAX, WEIGHT_MAX, &out->weight);
}

static int ensemble_parse(struct parser *p, json_t *members)
{
	json_t *entry;
	size_t i;
	if (!json_is_array(members))
		return refuse(p, "/members", members ? "must be an array" : "is missing");
	if (json_array_size(members) < 1 || json_array_size(members) > MODEL_MEMBERS_MAX)
		return refuse(p, "/members", "there may be 1 to %d members", MODEL_MEMBERS_MAX);
	json_array_foreach(members, i, entry) {
		int r = read_member(p, entry, i);
		if (r)
			return r;
	}
	p->model->n_members = json_array_size(members);
	return 0;
}

/* What an ensemble takes from a member: the columns it looks at, and its patience with slates. */
static void join(struct model *ensemble, const struct model *member)
{
	for (size_t c = 0; c < ensemble->n_columns; c++)
		ensemble->columns[c] = ensemble->columns[c] || member->columns[c];
	if (member->learn.delay_s > ensemble->learn.delay_s)
		ensemble->learn.delay_s = member->learn.delay_s;
}

static int find_member(struct parser *p, struct model *const *models, size_t n, size_t i)
{
	struct model_member *member = &p->model->members[i];
	char pointer[64];
	size_t k = 0;
	snprintf(pointer, sizeof(pointer), "/members/%zu/model", i);
	while (k < n && strcmp(models[k]->name, member->name) != 0)
		k++;
	if (k == n)
		return refuse(p, pointer, "there is no model %s beside it", member->name);
	if (models[k]->kind == MODEL_ENSEMBLE)
		return refuse(p, pointer, "%s is an ensemble itself", member->name);
	if (!model_has_shortlist(models[k]))
		return refuse(p, pointer, "%s is linear: it has no second stage to add up", member->name);
	member->model = models[k];
	member->slot = (unsigned)k;
	join(p->model, models[k]);
	return 0;
}

int model_resolve(struct model *const *models, size_t n, size_t *which, struct model_problem *problem)
{
	for (*which = 0; *which < n; ++*which) {
		struct parser p = {NULL, models[*which], problem};
		for (size_t i = 0; i < p.model->n_members; i++)
			if (find_member(&p, models, n, i) != 0)
				return 1;
	}
	return 0;
}
