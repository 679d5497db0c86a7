/* Why a story of a shortlist has its score: one row a column, one a kind of cross, and the score of the shortlist's mean. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rank/shortlist_internal.h"

/* Features that say the same as a group of columns are told with it. */
static const uint8_t told_features[N_FEATURES] = {
	[FEATURE_TOPIC_SHORT] = RANK_TOLD_TOPIC_SHORT, [FEATURE_TOPIC_LONG] = RANK_TOLD_TOPIC_LONG,
	[FEATURE_TERM_SHORT] = RANK_TOLD_TERM_SHORT, [FEATURE_TERM_LONG] = RANK_TOLD_TERM_LONG,
	[FEATURE_SECTION] = RANK_TOLD_SECTION, [FEATURE_SOURCE] = RANK_TOLD_SOURCE, [FEATURE_PLACE] = RANK_TOLD_PLACE,
	[FEATURE_FOLLOW] = RANK_TOLD_FOLLOW, [FEATURE_HOME] = RANK_TOLD_HOME, [FEATURE_EDITION] = RANK_TOLD_EDITION,
	[FEATURE_LANGUAGE] = RANK_TOLD_LANGUAGE, [FEATURE_SEEN] = RANK_TOLD_SEEN, [FEATURE_FRESH] = RANK_TOLD_FRESH,
	[FEATURE_AGE] = RANK_TOLD_AGE, [FEATURE_POPULAR_1H] = RANK_TOLD_POPULARITY,
	[FEATURE_POPULAR_12H] = RANK_TOLD_POPULARITY, [FEATURE_POPULAR_48H] = RANK_TOLD_POPULARITY,
	[FEATURE_CTR] = RANK_TOLD_POPULARITY, [FEATURE_BOOST] = RANK_TOLD_BOOST, [FEATURE_EXPLORE] = RANK_TOLD_EXPLORE};

/* ---- topics ---- */

/* What the topic of a column's row is; the columns that have one stand side by side. */
enum topical { NO_TOPIC, BY_SECTION, BY_SOURCE, BY_TAG, BY_TERM, BY_PLACE, N_TOPICALS };
enum { TOPICAL_FIRST = COLUMN_SECTION_ALL, TOPICAL_END = COLUMN_PLACE + 1 };
static const uint8_t topicals[N_COLUMNS] = {
	[COLUMN_SECTION_ALL] = BY_SECTION, [COLUMN_SECTION_RECENT] = BY_SECTION, [COLUMN_SECTION_NEXT] = BY_SECTION,
	[COLUMN_SOURCE_ALL] = BY_SOURCE, [COLUMN_TOPIC_SHORT] = BY_TAG, [COLUMN_TOPIC_LONG] = BY_TAG,
	[COLUMN_TERM_SHORT] = BY_TERM, [COLUMN_TERM_LONG] = BY_TERM, [COLUMN_PLACE] = BY_PLACE};

/* Of the story's topics of each kind the one that says most of the reader's interest in it; 0 where none says anything. */
static void find_telling(const struct rank_request *q, const struct rank_filter *f, const struct rank_item *item,
                         uint32_t topics[N_TOPICALS])
{
	static const uint8_t kinds[N_TOPIC_NAMESPACES] = {
		[TOPIC_TAG] = BY_TAG, [TOPIC_AUTHOR] = BY_TAG, [TOPIC_TERM] = BY_TERM, [TOPIC_PLACE] = BY_PLACE};
	struct topic_term vector[LIMIT_VECTOR];
	const size_t n = rank_filter_vector(f, item->segment, item->slot, vector);
	float most[N_TOPICALS] = {0};
	for (size_t i = 0; q->reader.profile && i < n; i++) {
		const unsigned kind = kinds[topic_namespace_of(vector[i].topic)];
		if (kind == NO_TOPIC)
			continue;
		struct profile_interest interest = profile_read_topic(q->reader.profile, vector[i].topic, f->moment);
		float weight = fabsf(interest.short_term + interest.long_term) * (float)vector[i].weight;
		if (weight > most[kind]) {
			most[kind] = weight;
			topics[kind] = vector[i].topic;
		}
	}
}

static void find_topics(const struct rank_request *q, const struct rank_filter *f, const struct rank_item *item,
                        const double columns[N_COLUMNS], uint32_t topics[N_TOPICALS])
{
	bool any = false;
	memset(topics, 0, N_TOPICALS * sizeof(*topics));
	topics[BY_SECTION] = item->segment->section[item->slot];
	topics[BY_SOURCE] = item->segment->source[item->slot];
	for (size_t c = COLUMN_TOPIC_SHORT; c < TOPICAL_END; c++)
		any = any || columns[c] != 0;
	if (any)
		find_telling(q, f, item, topics);
}

/* ---- what scores are made of ---- */

static void add_crosses(const struct rank_part *part, const struct example *e, const uint16_t *which, size_t n,
                        double (*out)[N_CROSSES])
{
	const struct rank_learned *l = part->learned;
	struct crosses crosses;
	uint32_t at[CROSS_SLOTS_MAX];
	uint8_t kind[CROSS_SLOTS_MAX];
	if (!l || !l->crosses)
		return;
	rank_crosses_prepare(&crosses, part->model, e, l->cross_mask);
	for (size_t i = 0; i < n; i++) {
		const size_t n_slots = rank_crosses(&crosses, which[i], at, kind);
		for (size_t k = 0; k < n_slots; k++) {
			float weight = l->cross_part * atomic_load_explicit(&l->crosses[at[k]], memory_order_relaxed);
			out[i][kind[k]] += part->weight * (double)weight;
		}
	}
}

/* Columns that say the same, of the same topic if they have one: added up for every story. Those with a topic come first, the
 * crosses last and without columns. */
struct told_groups {
	size_t n, n_topical;
	struct told_group {
		uint8_t told, topical, first, end; /* in columns */
	} groups[N_COLUMNS + 1]; /* [n] */
	uint8_t columns[N_COLUMNS];
	/* 1 + the group of what is told so, of what has no topic and the first of what has one; 0 none */
	uint16_t plain[N_RANK_TOLD], topical[N_RANK_TOLD];
};

/* Columns that any of the models looks at, those with a topic first. Returns how many. */
static size_t find_columns(const struct rank_part *parts, size_t n_parts, uint8_t columns[N_COLUMNS])
{
	size_t n = 0;
	for (size_t k = 0; k < N_COLUMNS; k++) {
		const size_t c = k + TOPICAL_FIRST < N_COLUMNS ? k + TOPICAL_FIRST : k + TOPICAL_FIRST - N_COLUMNS;
		bool on = false;
		for (size_t i = 0; i < n_parts; i++)
			on = on || parts[i].model->columns[c];
		columns[n] = (uint8_t)c;
		n += on;
	}
	return n;
}

static void group_columns(struct told_groups *g, const struct rank_part *parts, size_t n_parts)
{
	uint8_t number[N_RANK_TOLD][N_TOPICALS] = {{0}}, columns[N_COLUMNS], group_of[N_COLUMNS], end = 0;
	const size_t n_columns = find_columns(parts, n_parts, columns);
	*g = (struct told_groups){0};
	for (size_t k = 0; k < n_columns; k++) {
		const unsigned told = rank_column_told[columns[k]], topical = topicals[columns[k]];
		if (number[told][topical] == 0) {
			uint16_t *first = topical ? &g->topical[told] : &g->plain[told];
			g->groups[g->n] = (struct told_group){.told = (uint8_t)told, .topical = (uint8_t)topical};
			number[told][topical] = (uint8_t)++g->n;
			g->n_topical += topical != NO_TOPIC;
			*first = *first ? *first : (uint16_t)g->n;
		}
		group_of[k] = (uint8_t)(number[told][topical] - 1);
		g->groups[group_of[k]].end++; /* how many, for now */
	}
	g->groups[g->n++] = (struct told_group){.told = RANK_TOLD_CROSSES};
	for (size_t i = 0; i < g->n; i++) {
		g->groups[i].first = end;
		end = (uint8_t)(end + g->groups[i].end);
		g->groups[i].end = g->groups[i].first;
	}
	for (size_t k = 0; k < n_columns; k++)
		g->columns[g->groups[group_of[k]].end++] = columns[k];
}

/* Each group's sum for every row. */
static void sum_groups(const struct told_groups *g, const double *columns, const double (*crosses)[N_CROSSES], size_t n,
                       double *out)
{
	for (size_t r = 0; r < n; r++, columns += N_COLUMNS, out += g->n) {
		for (size_t i = 0; i < g->n; i++) {
			double all = 0;
			for (size_t at = g->groups[i].first; at < g->groups[i].end; at++)
				all += columns[g->columns[at]];
			out[i] = all;
		}
		for (size_t c = 0; c < N_CROSSES; c++) /* the last group's */
			out[g->n - 1] += crosses[r][c];
	}
}

int rank_shortlist_parts(const struct rank_request *request, const struct rank_filter *filter,
                         const struct rank_stage_two *two, const struct example *e, const uint16_t *which, size_t n,
                         struct arena *arena, struct rank_parts *out)
{
	const struct model *m = request->model;
	struct rank_part parts[MODEL_MEMBERS_MAX];
	const size_t n_parts = rank_parts(m, two, parts), n_numbers = n * N_COLUMNS;
	const bool is_sum = m->kind == MODEL_ENSEMBLE;
	double *columns = arena_alloc(arena, n_numbers * sizeof(*columns) + 1);
	double *of_one = is_sum ? arena_alloc(arena, n_numbers * sizeof(*of_one) + 1) : columns;
	double (*crosses)[N_CROSSES] = arena_calloc(arena, n, sizeof(*crosses));
	struct told_groups *groups = arena_alloc(arena, sizeof(*groups));
	bool linear = true;
	if (!columns || !of_one || !crosses || !groups)
		return -ENOMEM;
	if (is_sum)
		memset(columns, 0, n_numbers * sizeof(*columns));
	for (size_t k = 0; k < n_parts; k++) {
		int r = shortlist_explain_part(&parts[k], e, which, n, arena, of_one);
		if (r < 0)
			return r;
		for (size_t i = 0; is_sum && i < n_numbers; i++)
			columns[i] += parts[k].weight * of_one[i];
		add_crosses(&parts[k], e, which, n, crosses);
		linear = linear && parts[k].model->kind != MODEL_GBDT;
	}
	group_columns(groups, parts, n_parts);
	double *sums = arena_alloc(arena, n * groups->n * sizeof(*sums) + 1);
	if (!sums)
		return -ENOMEM;
	sum_groups(groups, columns, (const double (*)[N_CROSSES])crosses, n, sums);
	*out = (struct rank_parts){.columns = columns, .crosses = (const double (*)[N_CROSSES])crosses, .groups = groups,
	                           .sums = sums, .filter = filter, .linear = linear};
	return 0;
}

static int stands(const struct example *e, size_t i, size_t column)
{
	float ahead = e->columns[i * e->n_columns + column] - e->mean[column];
	return (ahead > 0) - (ahead < 0);
}

/* The stage-one score's part of a score: what one unit of it is worth here, times each of the rows that make it. The
 * shortlist's mean, against which parts are measured, goes to the base. Where a unit is worth less than nothing, the rows
 * would say of each interest the opposite of what it is: then the part is one row; and trees set no price on a unit. */
struct stage_one {
	double worth; /* of one RANK_ONEth of a unit; 0: the part is one row */
	size_t n;
	struct rank_reason rows[RANK_REASONS_MAX]; /* [n] */
};

static void find_stage_one(struct stage_one *s, const struct catalog *c, const struct rank_request *q,
                           const struct example *e, size_t i, const struct rank_item *item, const struct rank_parts *parts,
                           double part)
{
	double x = (double)e->columns[i * e->n_columns + COLUMN_STAGE_ONE];
	double ahead = x - (double)e->mean[COLUMN_STAGE_ONE];
	double worth = !parts->linear || fabs(ahead) < 1e-4 ? 0 : part / ahead;
	s->worth = worth > 0 ? worth / RANK_ONE : 0;
	s->n = worth > 0 ? rank_rows(q, parts->filter, item->segment, item->slot, catalog_view(c)->minute_ms, s->rows) : 0;
}

/* ---- every row ---- */

struct rows {
	struct rank_row *out;
	size_t n;
	double sum;
};

static void add_row(struct rows *rows, struct rank_row row)
{
	if (row.contribution == 0)
		return;
	rows->out[rows->n++] = row;
	rows->sum += row.contribution;
}

static void add_column(struct rows *rows, const struct example *e, size_t i, size_t column, uint32_t topic,
                       double contribution)
{
	add_row(rows, (struct rank_row){.code = rank_column_names[column], .told = rank_column_told[column],
	                                .stands = stands(e, i, column), .topic = topic, .contribution = contribution});
}

size_t rank_shortlist_explain(const struct catalog *catalog, const struct rank_request *request, const struct example *e,
                              size_t i, const struct rank_item *item, const struct rank_parts *parts, size_t k,
                              struct rank_row out[RANK_ROWS_MAX])
{
	static const char *const codes[N_CROSSES] = {
		[CROSS_STORY] = "cross_story", [CROSS_SECTION_TOP] = "cross_section_top",
		[CROSS_SECTION_HOUR] = "cross_section_hour", [CROSS_RANK_LENGTH] = "cross_rank_length",
		[CROSS_CTR_SHOWS] = "cross_ctr_shows", [CROSS_WORD] = "cross_word"};
	const double *columns = parts->columns + k * N_COLUMNS;
	struct rows rows = {.out = out};
	struct stage_one stage_one;
	uint32_t topics[N_TOPICALS];
	find_topics(request, parts->filter, item, columns, topics);
	find_stage_one(&stage_one, catalog, request, e, i, item, parts, columns[COLUMN_STAGE_ONE]);
	for (size_t c = 0; c < N_CROSSES; c++)
		add_row(&rows, (struct rank_row){.code = codes[c], .told = RANK_TOLD_CROSSES, .contribution = parts->crosses[k][c]});
	for (size_t c = 0; c < N_COLUMNS; c++)
		if (c != COLUMN_STAGE_ONE || stage_one.worth == 0)
			add_column(&rows, e, i, c, topics[topicals[c]], columns[c]);
	for (size_t r = 0; r < stage_one.n; r++) {
		const struct rank_reason *row = &stage_one.rows[r];
		add_row(&rows, (struct rank_row){.code = rank_feature_names[row->feature], .told = told_features[row->feature],
		                                 .topic = row->topic, .contribution = stage_one.worth * row->contribution});
	}
	add_row(&rows, (struct rank_row){.code = "base", .told = RANK_TOLD_BASE,
	                                 .contribution = (double)item->score / RANK_ONE - rows.sum});
	return rows.n;
}

static int largest_first(const void *a, const void *b)
{
	const struct rank_row *x = a, *y = b;
	double size_x = fabs(x->contribution), size_y = fabs(y->contribution);
	return size_x != size_y ? (size_x < size_y ? 1 : -1) : 0;
}

void rank_rows_sort(struct rank_row *rows, size_t n)
{
	qsort(rows, n, sizeof(*rows), largest_first);
}

/* ---- what a reader is told ---- */

enum { SUMS_MAX = N_COLUMNS + 1 + RANK_REASONS_MAX };

/* Rows that say the same of the same topic, added up: a sum for each group of columns, then those of stage one's rows that go
 * with no group. Where a sum stands is where the largest of its rows that raise the story does. */
struct told_sums {
	const struct told_groups *groups;
	uint32_t topics[N_TOPICALS];
	size_t n;
	double all[SUMS_MAX]; /* [n] */
	double most[N_COLUMNS + 1]; /* of groups: the largest of stage one's rows in it, which stand nowhere; 0 none */
	const struct rank_reason *rest[RANK_REASONS_MAX]; /* [n - groups->n] the row of each sum behind the groups' */
	uint16_t plain[N_RANK_TOLD]; /* 1 + the sum of what is told so and has no topic; 0 none */
	double largest; /* of them and the base; 0 where none raises the story */
};

static unsigned told_of(const struct told_sums *s, size_t i)
{
	const struct told_groups *g = s->groups;
	return i < g->n ? g->groups[i].told : told_features[s->rest[i - g->n]->feature];
}

static uint32_t topic_of(const struct told_sums *s, size_t i)
{
	const struct told_groups *g = s->groups;
	return i < g->n ? s->topics[g->groups[i].topical] : s->rest[i - g->n]->topic;
}

/* Where the story has no topic of two kinds, they are told as one: the first group's. */
static void join_without_topics(struct told_sums *s)
{
	for (size_t i = 1; i < s->groups->n_topical; i++) {
		size_t k = topic_of(s, i) ? i : 0;
		while (k < i && (told_of(s, k) != told_of(s, i) || topic_of(s, k) != 0))
			k++;
		if (k == i)
			continue;
		s->all[k] += s->all[i];
		s->all[i] = 0;
	}
}

/* The number, plus 1, of the sum that a row of stage one's goes with; 0 none yet. No two features of groups with a topic say
 * the same, and no two rows are of one feature and topic. */
static size_t sum_of_row(const struct told_sums *s, const struct rank_reason *row)
{
	const unsigned told = told_features[row->feature];
	if (row->topic == 0)
		return s->plain[told];
	const size_t number = s->groups->topical[told];
	return number && topic_of(s, number - 1) == row->topic ? number : 0;
}

static void add_stage_one(struct told_sums *s, const struct stage_one *one)
{
	const struct told_groups *g = s->groups;
	for (size_t r = 0; r < one->n; r++) {
		const struct rank_reason *row = &one->rows[r];
		const double contribution = one->worth * row->contribution;
		const size_t number = sum_of_row(s, row);
		if (number == 0) {
			s->rest[s->n - g->n] = row;
			s->all[s->n++] = contribution;
			if (row->topic == 0)
				s->plain[told_features[row->feature]] = (uint16_t)s->n;
			continue;
		}
		s->all[number - 1] += contribution;
		if (number <= g->n)
			s->most[number - 1] = contribution > s->most[number - 1] ? contribution : s->most[number - 1];
	}
}

static void add_up(struct told_sums *s, const struct rank_item *item, const double *groups, const struct stage_one *one)
{
	const struct told_groups *g = s->groups;
	double all = 0, largest = 0;
	memcpy(s->all, groups, g->n * sizeof(*s->all));
	memset(s->most, 0, g->n * sizeof(*s->most));
	memcpy(s->plain, g->plain, sizeof(s->plain));
	s->n = g->n;
	join_without_topics(s);
	if (one->worth != 0)
		s->all[g->plain[RANK_TOLD_STAGE_ONE] - 1] = 0; /* in its rows */
	add_stage_one(s, one);
	for (size_t i = 0; i < s->n; i++) {
		const double x = s->all[i];
		all += x;
		largest = x > largest ? x : largest;
	}
	const double base = (double)item->score / RANK_ONE - all;
	s->largest = base > largest ? base : largest;
}

/* Where sum i stands; 0 where it has no column that raises the story, or one of stage one's rows raises it more. */
static int sum_stands(const struct told_sums *s, const struct example *e, size_t slot, const double *columns, size_t i)
{
	const struct told_groups *g = s->groups;
	const size_t end = i < g->n_topical && topic_of(s, i) == 0 ? g->n_topical : i + 1; /* with those that join it */
	size_t column = N_COLUMNS;
	double largest = 0;
	for (size_t k = i; k < end && i < g->n; k++) {
		if (told_of(s, k) != told_of(s, i) || topic_of(s, k) != topic_of(s, i))
			continue;
		for (size_t at = g->groups[k].first; at < g->groups[k].end; at++) {
			const size_t c = g->columns[at];
			column = columns[c] > largest ? c : column;
			largest = columns[c] > largest ? columns[c] : largest;
		}
	}
	return column == N_COLUMNS || s->most[i] > largest ? 0 : stands(e, slot, column);
}

/* How telling a row is: what the reader did or chose, then what is true of the story, then what goes without saying. What
 * a story has less of than others is told where there is nothing else to tell. */
static int telling(unsigned told, int stands)
{
	static const int8_t more[N_RANK_TOLD] = {
		[RANK_TOLD_TOPIC_SHORT] = 1, [RANK_TOLD_TOPIC_LONG] = 1, [RANK_TOLD_SECTION] = 1,
		[RANK_TOLD_SOURCE] = 1, [RANK_TOLD_PLACE] = 1, [RANK_TOLD_FOLLOW] = 1,
		[RANK_TOLD_HOME] = 1, [RANK_TOLD_TOPICS] = 1, [RANK_TOLD_SIMILARITY] = 1,
		[RANK_TOLD_CO_READ] = 1, [RANK_TOLD_GRAMS] = 1,
		[RANK_TOLD_BASE] = -1, [RANK_TOLD_CROSSES] = -1,
		[RANK_TOLD_STAGE_ONE] = -1, [RANK_TOLD_LANGUAGE] = -1, [RANK_TOLD_EXPLORE] = -1,
		[RANK_TOLD_HEAD_TO_HEAD] = -1, [RANK_TOLD_SEEN] = -1, [RANK_TOLD_READER] = -1,
		[RANK_TOLD_AGE] = -1, [RANK_TOLD_SHOWS] = -1};
	if (stands < 0 && told != RANK_TOLD_AGE && told != RANK_TOLD_PREMIUM)
		return 0;
	return 2 + more[told];
}

/* The sums that are told, the most telling first, then the largest. */
struct chosen {
	size_t n;
	struct choice {
		double all;
		unsigned sum;
		int telling, stands;
	} choices[RANK_TOLD_MOST]; /* [n] */
};

static bool choice_before(const struct choice *x, const struct choice *y)
{
	return x->telling != y->telling ? x->telling > y->telling : x->all > y->all;
}

static void choose(struct chosen *chosen, const struct choice *x)
{
	size_t k = chosen->n < RANK_TOLD_MOST ? chosen->n++ : RANK_TOLD_MOST - 1;
	for (; k > 0 && choice_before(x, &chosen->choices[k - 1]); k--)
		chosen->choices[k] = chosen->choices[k - 1];
	chosen->choices[k] = *x;
}

/* Where a sum stands is asked only of those that it may bring among the chosen. */
static void consider(struct chosen *chosen, const struct told_sums *s, size_t i, const struct example *e, size_t slot,
                     const double *columns)
{
	const unsigned told = told_of(s, i);
	const struct choice *last = chosen->n == RANK_TOLD_MOST ? &chosen->choices[RANK_TOLD_MOST - 1] : NULL;
	struct choice x = {.all = s->all[i], .sum = (unsigned)i, .telling = telling(told, 1)};
	if (last && !choice_before(&x, last))
		return;
	x.stands = sum_stands(s, e, slot, columns, i);
	x.telling = telling(told, x.stands);
	if (!last || choice_before(&x, last))
		choose(chosen, &x);
}

static void choose_all(struct chosen *chosen, const struct told_sums *s, const struct example *e, size_t slot,
                       const double *columns)
{
	const double largest = s->largest;
	const size_t n = largest > 0 ? s->n : 0;
	chosen->n = 0;
	for (size_t i = 0; i < n; i++)
		if (s->all[i] * 20 >= largest)
			consider(chosen, s, i, e, slot, columns);
	while (chosen->n > 1 && chosen->choices[0].telling > 0 && chosen->choices[chosen->n - 1].telling == 0)
		chosen->n--;
}

size_t rank_shortlist_tell(const struct catalog *catalog, const struct rank_request *request, const struct example *e,
                           size_t i, const struct rank_item *item, const struct rank_parts *parts, size_t k,
                           struct rank_row out[RANK_TOLD_MOST])
{
	const double *columns = parts->columns + k * N_COLUMNS;
	struct chosen chosen;
	struct stage_one stage_one;
	struct told_sums sums;
	sums.groups = parts->groups;
	find_topics(request, parts->filter, item, columns, sums.topics);
	find_stage_one(&stage_one, catalog, request, e, i, item, parts, columns[COLUMN_STAGE_ONE]);
	add_up(&sums, item, parts->sums + k * parts->groups->n, &stage_one);
	choose_all(&chosen, &sums, e, i, columns);
	for (size_t c = 0; c < chosen.n; c++) {
		const struct choice *choice = &chosen.choices[c];
		const unsigned told = told_of(&sums, choice->sum);
		out[c] = (struct rank_row){.code = rank_told_names[told], .told = told, .topic = topic_of(&sums, choice->sum),
		                           .stands = choice->stands, .contribution = choice->all};
	}
	return chosen.n;
}
