/* Why a story of a shortlist has its score: one row a column, one a kind of cross, and the score of the shortlist's mean. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "engine/rank/shortlist_internal.h"

/* What says the same of no topic. */
struct sum {
	double all, most; /* most: the largest part that raises the story; it stands where that does */
	int stands;
};

struct rows {
	struct rank_row *out;
	size_t n;
	bool joined;  /* rows that say the same of the same topic are one */
	double *most; /* joined: [n] as of a sum */
	struct sum sums[N_RANK_TOLD]; /* joined: rows to come, without a topic */
};

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

/* A joined row with a topic. */
static void join_row(struct rows *rows, unsigned told, int stands, uint32_t topic, double contribution)
{
	size_t at = 0;
	while (at < rows->n && (rows->out[at].told != told || rows->out[at].topic != topic))
		at++;
	if (at == rows->n) {
		rows->out[at] = (struct rank_row){.code = rank_told_names[told], .told = told, .topic = topic};
		rows->most[at] = 0;
		rows->n++;
	}
	rows->out[at].contribution += contribution;
	if (contribution > rows->most[at]) {
		rows->most[at] = contribution;
		rows->out[at].stands = stands;
	}
}

static inline void add_row(struct rows *rows, const char *code, unsigned told, int stands, uint32_t topic,
                           double contribution)
{
	struct sum *sum = &rows->sums[told];
	if (contribution == 0)
		return;
	if (!rows->joined) {
		rows->out[rows->n++] = (struct rank_row){
			.code = code, .told = told, .stands = stands, .topic = topic, .contribution = contribution};
	} else if (topic) {
		join_row(rows, told, stands, topic, contribution);
	} else {
		sum->all += contribution;
		sum->stands = contribution > sum->most ? stands : sum->stands;
		sum->most = contribution > sum->most ? contribution : sum->most;
	}
}

static void end_rows(struct rows *rows)
{
	for (unsigned told = 0; rows->joined && told < N_RANK_TOLD; told++)
		if (rows->sums[told].all != 0)
			rows->out[rows->n++] = (struct rank_row){.code = rank_told_names[told], .told = told,
			                                         .stands = rows->sums[told].stands,
			                                         .contribution = rows->sums[told].all};
}

static inline void add_column(struct rows *rows, const struct example *e, size_t i, enum column column, uint32_t topic,
                              double contribution)
{
	float ahead = e->columns[i * e->n_columns + column] - e->mean[column];
	add_row(rows, rank_column_names[column], rank_column_told[column], (ahead > 0) - (ahead < 0), topic, contribution);
}

/* The topic of the story that says most of the reader's interest in it, for the columns of that group. */
static uint32_t telling_topic(const struct rank_request *q, const struct rank_item *item, enum column column)
{
	size_t n;
	uint32_t best = 0;
	float most = 0;
	const struct topic_term *vector = catalog_vector(item->segment, item->slot, &n);
	for (size_t i = 0; q->reader.profile && i < n; i++) {
		enum topic_namespace ns = topic_namespace_of(vector[i].topic);
		bool of_column = column == COLUMN_PLACE ? ns == TOPIC_PLACE
		                 : column == COLUMN_TERM_SHORT || column == COLUMN_TERM_LONG
		                     ? ns == TOPIC_TERM
		                     : ns == TOPIC_TAG || ns == TOPIC_AUTHOR;
		if (!of_column)
			continue;
		struct profile_interest interest =
			profile_read_topic(q->profile_config, q->reader.profile, vector[i].topic, q->now_ms);
		float weight = fabsf(interest.short_term + interest.long_term) * (float)vector[i].weight;
		if (weight > most) {
			most = weight;
			best = vector[i].topic;
		}
	}
	return best;
}

static uint32_t topic_of(const struct rank_request *q, const struct rank_item *item, enum column column)
{
	switch (column) {
	case COLUMN_SECTION_ALL:
	case COLUMN_SECTION_RECENT:
	case COLUMN_SECTION_NEXT:
		return item->segment->section[item->slot];
	case COLUMN_SOURCE_ALL:
		return item->segment->source[item->slot];
	case COLUMN_TOPIC_SHORT:
	case COLUMN_TOPIC_LONG:
	case COLUMN_TERM_SHORT:
	case COLUMN_TERM_LONG:
	case COLUMN_PLACE:
		return telling_topic(q, item, column);
	default:
		return 0;
	}
}

static void add_crosses(const struct rank_part *part, const struct example *e, size_t i, struct rank_parts *x)
{
	const struct rank_learned *l = part->learned;
	uint32_t at[CROSS_SLOTS_MAX];
	uint8_t kind[CROSS_SLOTS_MAX];
	if (!l || !l->crosses)
		return;
	size_t n = rank_crosses(part->model, e, i, l->cross_mask, at, kind);
	for (size_t k = 0; k < n; k++)
		x->crosses[kind[k]] += part->weight * (double)(l->cross_part * atomic_load_explicit(&l->crosses[at[k]],
		                                                                                    memory_order_relaxed));
}

int rank_shortlist_parts(const struct model *m, const struct rank_stage_two *two, const struct example *e,
                         const uint16_t *which, size_t n, struct arena *arena, struct rank_parts *out)
{
	struct rank_part parts[MODEL_MEMBERS_MAX];
	size_t n_parts = rank_parts(m, two, parts);
	uint16_t *order = arena_alloc(arena, n * sizeof(*order) + 1);
	double *columns = arena_alloc(arena, n * (N_COLUMNS + 1) * sizeof(*columns) + 1), *base = columns + n * N_COLUMNS;
	if (!order || !columns)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		out[i] = (struct rank_parts){.linear = true};
	for (size_t k = 0; k < n_parts; k++) {
		int r = rank_part_explain(&parts[k], e, which, n, arena, order, columns, base);
		if (r < 0)
			return r;
		for (size_t i = 0; i < n; i++) {
			struct rank_parts *of = &out[order[i]];
			for (int c = 0; c < N_COLUMNS; c++)
				of->columns[c] += parts[k].weight * columns[i * N_COLUMNS + (size_t)c];
			of->base += parts[k].weight * base[i];
			of->linear = of->linear && parts[k].model->kind != MODEL_GBDT;
			add_crosses(&parts[k], e, which[order[i]], of);
		}
	}
	return 0;
}

/* The stage-one score's part, in the rows that make that score: what one unit of it is worth here, times each row. The
 * shortlist's mean, against which parts are measured, goes to the base. Where a unit is worth less than nothing, the rows
 * would say of each interest the opposite of what it is: then the part is one row; and trees set no price on a unit. */
static void add_stage_one(struct rows *rows, const struct catalog *c, const struct rank_request *q,
                         const struct example *e, size_t i, const struct rank_item *item,
                         const struct rank_parts *parts, double *base)
{
	struct rank_reason reasons[RANK_REASONS_MAX];
	double part = parts->columns[COLUMN_STAGE_ONE];
	double x = (double)e->columns[i * e->n_columns + COLUMN_STAGE_ONE], ahead = x - (double)e->mean[COLUMN_STAGE_ONE];
	double sum = 0;
	double worth = !parts->linear || fabs(ahead) < 1e-4 ? 0 : part / ahead;
	if (worth <= 0) {
		add_column(rows, e, i, COLUMN_STAGE_ONE, 0, part);
		return;
	}
	size_t n = rank_rows(q, item->segment, item->slot, catalog_view(c)->minute_ms, reasons);
	for (size_t k = 0; k < n; k++) {
		const char *code = rank_feature_names[reasons[k].feature];
		double contribution = worth * reasons[k].contribution / RANK_ONE;
		add_row(rows, code, told_features[reasons[k].feature], 0, reasons[k].topic, contribution);
		sum += contribution;
	}
	*base += part - sum;
}

size_t rank_shortlist_explain(const struct catalog *catalog, const struct rank_request *request, const struct example *e,
                              size_t i, const struct rank_item *item, const struct rank_parts *parts, bool joined,
                              struct rank_row out[RANK_ROWS_MAX])
{
	static const char *const codes[N_CROSSES] = {
		[CROSS_STORY] = "cross_story", [CROSS_SECTION_TOP] = "cross_section_top",
		[CROSS_SECTION_HOUR] = "cross_section_hour", [CROSS_RANK_LENGTH] = "cross_rank_length",
		[CROSS_CTR_SHOWS] = "cross_ctr_shows", [CROSS_WORD] = "cross_word"};
	double most[RANK_ROWS_MAX], sum = 0;
	struct rows rows = {.out = out, .joined = joined, .most = most};
	for (int k = 0; k < N_CROSSES; k++) {
		add_row(&rows, codes[k], RANK_TOLD_CROSSES, 0, 0, parts->crosses[k]);
		sum += parts->crosses[k];
	}
	for (int c = 0; c < N_COLUMNS; c++) {
		sum += parts->columns[c];
		if (c != COLUMN_STAGE_ONE && parts->columns[c] != 0)
			add_column(&rows, e, i, (enum column)c, topic_of(request, item, (enum column)c), parts->columns[c]);
	}
	double base = (double)item->score / RANK_ONE - sum;
	add_stage_one(&rows, catalog, request, e, i, item, parts, &base);
	add_row(&rows, "base", RANK_TOLD_BASE, 0, 0, base);
	end_rows(&rows);
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
