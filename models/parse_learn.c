/* The parts of a model file that say what the shortlist is ordered by and how that is learnt. Included by model.c alone. */

/* "crosses", "goals" and the like are objects of numbers by name; a name that is absent leaves what stands in out[]. */
static int read_numbers(struct parser *p, json_t *object, const char *at, const char *const *names, size_t n, double min,
                        double max, double *out)
{
	if (!object)
		return 0;
	if (!json_is_object(object))
		return refuse(p, at, "must be an object");
	int r = check_members(p, object, at, names, n);
	for (size_t i = 0; i < n && r == 0; i++) {
		const json_t *value = json_object_get(object, names[i]);
		char pointer[128];
		snprintf(pointer, sizeof(pointer), "%s", at);
		pointer_push(pointer, names[i]);
		if (value)
			r = read_number(p, value, pointer, min, max, &out[i]);
	}
	return r;
}

/* A list of names, each out of names[]; on[i] becomes false for each i of that name. */
static int read_without(struct parser *p, json_t *list, const char *at, const char *const *names, size_t n, bool *on)
{
	json_t *entry;
	size_t at_index;
	if (!list)
		return 0;
	if (!json_is_array(list))
		return refuse(p, at, "must be an array");
	json_array_foreach(list, at_index, entry) {
		bool known = false;
		for (size_t i = 0; i < n && json_is_string(entry); i++)
			if (span_equal_cstr(json_span(entry), names[i])) {
				on[i] = false;
				known = true;
			}
		if (!known) {
			char pointer[160];
			snprintf(pointer, sizeof(pointer), "%s/%zu", at, at_index);
			return refuse(p, pointer, "is no name of a group this build knows");
		}
	}
	return 0;
}

static int parse_shortlist(struct parser *p, json_t *shortlist)
{
	static const char *const members[] = {"prior", "without"};
	struct model *m = p->model;
	const struct model_names *names = p->names;
	for (size_t i = 0; i < m->n_columns; i++)
		m->columns[i] = m->kind != MODEL_LINEAR && m->kind != MODEL_ENSEMBLE;
	if (!shortlist)
		return 0;
	if (m->kind == MODEL_LINEAR || m->kind == MODEL_ENSEMBLE)
		return refuse(p, "/shortlist", "has no meaning for this kind of model");
	if (!json_is_object(shortlist))
		return refuse(p, "/shortlist", "must be an object");
	int r = check_members(p, shortlist, "/shortlist", members, 2);
	if (r == 0 && m->kind == MODEL_GBDT && json_object_get(shortlist, "prior"))
		return refuse(p, "/shortlist/prior", "is of the kinds that learn");
	if (r == 0)
		r = read_numbers(p, json_object_get(shortlist, "prior"), "/shortlist/prior", names->columns, names->n_columns,
		                 -WEIGHT_MAX, WEIGHT_MAX, m->prior);
	if (r == 0)
		r = read_without(p, json_object_get(shortlist, "without"), "/shortlist/without", names->groups,
		                 names->n_columns, m->columns);
	return r;
}

static int parse_crosses(struct parser *p, json_t *crosses)
{
	static const char *const members[] = {"alpha", "beta", "l1", "l2", "without"};
	struct model_learn *l = &p->model->learn;
	double *const into[] = {&l->cross_alpha, &l->cross_beta, &l->cross_l1, &l->cross_l2};
	if (!crosses)
		return 0;
	if (!json_is_object(crosses))
		return refuse(p, "/learn/crosses", "must be an object");
	int r = check_members(p, crosses, "/learn/crosses", members, 5);
	for (size_t i = 0; i < 4 && r == 0; i++) {
		char pointer[64];
		const json_t *value = json_object_get(crosses, members[i]);
		snprintf(pointer, sizeof(pointer), "/learn/crosses/%s", members[i]);
		if (value)
			r = read_number(p, value, pointer, i == 0 ? 1e-6 : 0, WEIGHT_MAX, into[i]);
	}
	for (size_t i = 0; i < p->names->n_crosses; i++)
		l->crosses[i] = true;
	if (r == 0)
		r = read_without(p, json_object_get(crosses, "without"), "/learn/crosses/without", p->names->crosses,
		                 p->names->n_crosses, l->crosses);
	return r;
}

static int read_count(struct parser *p, const json_t *learn, const char *name, int max, unsigned *out)
{
	const json_t *value = json_object_get(learn, name);
	char pointer[64];
	int number = 0;
	if (!value)
		return 0;
	snprintf(pointer, sizeof(pointer), "/learn/%s", name);
	int r = read_integer(p, value, pointer, 0, max, &number);
	if (r == 0)
		*out = (unsigned)number;
	return r;
}

static int parse_learn(struct parser *p, json_t *learn)
{
	static const char *const members[] = {"rate", "g0", "hidden", "hidden_rate", "lean", "replays", "memory",
	                                      "delay_s", "goals", "crosses"}, *const delay[] = {"delay_s"};
	static const char *const goals[] = {[MODEL_CLICK] = "click", [MODEL_READ] = "read", [MODEL_FINISH] = "finish",
	                                    [MODEL_LIKE] = "like", [MODEL_SHARE] = "share", [MODEL_SAVE] = "save",
	                                    [MODEL_HIDE] = "hide"};
	struct model *m = p->model;
	m->learn = (struct model_learn){.rate = 0.05, .g0 = 10, .hidden_rate = 0.05, .cross_alpha = 0.05, .cross_beta = 1,
	                                .cross_l2 = 1, .goals = {[MODEL_CLICK] = 1}, .delay_s = 600};
	if (m->kind == MODEL_MLP) {
		m->learn.hidden = 24;
		m->learn.replays = 2;
		m->learn.memory = 20000;
	}
	if (m->kind == MODEL_ENSEMBLE)
		m->learn.delay_s = 0; /* its members' longest */
	if (!learn)
		return 0;
	if (m->kind == MODEL_ENSEMBLE)
		return refuse(p, "/learn", "has no meaning for this kind of model");
	if (!json_is_object(learn))
		return refuse(p, "/learn", "must be an object");
	/* Linear models and trees do not learn, but their slates wait to be watched, and what trees look at does learn. */
	int r = m->kind == MODEL_GBDT || m->kind == MODEL_LINEAR
	            ? check_members(p, learn, "/learn", delay, 1)
	            : check_members(p, learn, "/learn", members, sizeof(members) / sizeof(members[0]));
	const char *const numbers[] = {"rate", "g0", "hidden_rate"};
	double *const into[] = {&m->learn.rate, &m->learn.g0, &m->learn.hidden_rate};
	for (size_t i = 0; i < 3 && r == 0; i++) {
		char pointer[64];
		const json_t *value = json_object_get(learn, numbers[i]);
		snprintf(pointer, sizeof(pointer), "/learn/%s", numbers[i]);
		if (value)
			r = read_number(p, value, pointer, i == 1 ? 1e-6 : 0, i == 1 ? 1e6 : 10, into[i]);
	}
	if (r == 0)
		r = read_count(p, learn, "hidden", MODEL_HIDDEN_MAX, &m->learn.hidden);
	if (r == 0)
		r = read_count(p, learn, "lean", 1000000, &m->learn.lean);
	if (r == 0)
		r = read_count(p, learn, "replays", 8, &m->learn.replays);
	if (r == 0)
		r = read_count(p, learn, "memory", 100000, &m->learn.memory);
	if (r == 0)
		r = read_count(p, learn, "delay_s", 7 * 86400, &m->learn.delay_s);
	if (r == 0 && m->kind == MODEL_ONLINE && m->learn.hidden)
		return refuse(p, "/learn/hidden", "is of the kind \"mlp\"");
	if (r == 0)
		r = read_numbers(p, json_object_get(learn, "goals"), "/learn/goals", goals, N_MODEL_GOALS, -WEIGHT_MAX,
		                 WEIGHT_MAX, m->learn.goals);
	return r == 0 ? parse_crosses(p, json_object_get(learn, "crosses")) : r;
}
