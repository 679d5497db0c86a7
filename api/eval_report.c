#include "api/eval_report.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <time.h>

static const char *const titles[N_EVAL_METRICS] = {"AUC", "MRR", "nDCG@5", "nDCG@10"};

static double mean_of(const struct eval_mean *m)
{
	return m->n ? m->mean : NAN;
}

static void day_name(int64_t start_ms, char out[16])
{
	time_t seconds = (time_t)(start_ms / 1000);
	struct tm tm;
	if (!gmtime_r(&seconds, &tm) || strftime(out, 16, "%Y-%m-%d", &tm) == 0)
		snprintf(out, 16, "?");
}

static void put_model(const struct eval_report *r, struct buf *b)
{
	buf_printf(b, "model %.*s", (int)r->model.len, r->model.data);
	for (size_t i = 0; i < r->n_ablated; i++)
		buf_printf(b, "%s %s", i ? " and" : " without", r->ablated[i]);
	buf_printf(b, ", label delay %" PRId64 " s", r->config->label_delay_ms / 1000);
	if (r->config->permute)
		buf_put_cstr(b, ", labels shuffled within slates");
}

/* ---- JSON ---- */

static void put_means(struct buf *b, const struct eval_mean means[N_EVAL_METRICS])
{
	for (int m = 0; m < N_EVAL_METRICS; m++) {
		buf_printf(b, ",\"%s\":", eval_metric_names[m]);
		buf_put_json_double(b, mean_of(&means[m]));
	}
	for (int m = 0; m < N_EVAL_METRICS; m++) {
		buf_printf(b, ",\"%s_se\":", eval_metric_names[m]);
		buf_put_json_double(b, eval_mean_error(&means[m]));
	}
}

static void put_days(struct buf *b, const struct eval_tally *t)
{
	buf_put_cstr(b, ",\"days\":[");
	for (size_t i = 0; i < t->n_days; i++) {
		char name[16];
		day_name(t->days[i].start_ms, name);
		buf_printf(b, "%s{\"day\":\"%s\",\"slates\":%" PRIu64, i ? "," : "", name, t->days[i].means[EVAL_AUC].n);
		put_means(b, t->days[i].means);
		buf_put_char(b, '}');
	}
	buf_put_char(b, ']');
}

static void put_histories(struct buf *b, const struct eval_tally *t)
{
	buf_put_cstr(b, ",\"by_reads\":[");
	for (int h = 0; h < N_EVAL_HISTORIES; h++) {
		const struct eval_mean *auc = &t->auc_by_history[h];
		buf_printf(b, "%s{\"least\":%" PRIu64 ",\"most\":", h ? "," : "", eval_history_least[h]);
		if (h + 1 < N_EVAL_HISTORIES)
			buf_put_u64(b, eval_history_least[h + 1] - 1);
		else
			buf_put_cstr(b, "null");
		buf_printf(b, ",\"slates\":%" PRIu64 ",\"auc\":", auc->n);
		buf_put_json_double(b, mean_of(auc));
		buf_put_cstr(b, ",\"auc_se\":");
		buf_put_json_double(b, eval_mean_error(auc));
		buf_put_char(b, '}');
	}
	buf_put_char(b, ']');
}

static double share_of(uint64_t n, uint64_t all)
{
	return all ? (double)n / (double)all : NAN;
}

static void put_mean(struct buf *b, const char *name, const struct eval_mean *m)
{
	buf_printf(b, "\"%s\":", name);
	buf_put_json_double(b, mean_of(m));
	buf_printf(b, ",\"%s_se\":", name);
	buf_put_json_double(b, eval_mean_error(m));
	buf_put_char(b, ',');
}

static void put_beyond(struct buf *b, const struct eval_beyond *all, const struct eval_rare *rare)
{
	buf_put_cstr(b, ",\"beyond\":{");
	for (int depth = 0; depth < N_EVAL_DEPTHS; depth++) {
		buf_printf(b, "\"top%zu\":{", eval_depths[depth]);
		put_mean(b, "diversity", &all->diversity[depth]);
		put_mean(b, "novelty", &all->novelty[depth]);
		put_mean(b, "calibration", &all->calibration[depth]);
		buf_put_cstr(b, "\"coverage\":");
		buf_put_json_double(b, share_of(all->n_reached[depth], all->n_offered));
		buf_put_cstr(b, ",\"rare_sources\":");
		buf_put_json_double(b, rare->share[depth]);
		buf_put_cstr(b, "},");
	}
	buf_printf(b, "\"articles_offered\":%" PRIu64 ",\"sources\":%zu,\"rare_sources\":%zu,\"rare_sources_shown\":",
	           all->n_offered, rare->n_sources, rare->n_rare);
	buf_put_json_double(b, rare->shown);
	buf_put_char(b, '}');
}

void eval_print_json(const struct eval_report *r, FILE *out)
{
	const struct replay_totals *t = r->totals;
	struct buf b = {0};
	buf_printf(&b, "{\"slates\":%" PRIu64, t->n_scored);
	put_means(&b, t->tally.means);
	buf_printf(&b, ",\"slates_per_s\":%.1f,\"slates_per_cpu_s\":%.1f,\"model\":", (double)t->n_slates / r->seconds,
	           (double)t->n_slates / r->cpu_s);
	buf_put_json_string(&b, r->model);
	buf_put_cstr(&b, ",\"without\":[");
	for (size_t i = 0; i < r->n_ablated; i++) {
		buf_put_cstr(&b, i ? "," : "");
		buf_put_json_string(&b, span_of(r->ablated[i]));
	}
	buf_printf(&b, "],\"label_delay_s\":%" PRId64 ",\"permuted\":%s,\"seed\":%" PRIu64, r->config->label_delay_ms / 1000,
	           r->config->permute ? "true" : "false", r->config->seed);
	buf_printf(&b, ",\"skipped\":{\"no_click\":%" PRIu64 ",\"all_clicked\":%" PRIu64 "},\"learnt_only\":%" PRIu64
	           ",\"readers\":%" PRIu64 ",\"articles\":%" PRIu64 ",\"articles_without_row\":%" PRIu64,
	           t->n_no_click, t->n_all_clicked, t->n_learnt_only, t->n_readers, t->n_articles, t->n_without_row);
	put_histories(&b, &t->tally);
	put_beyond(&b, &t->beyond, &r->rare);
	if (r->per_day)
		put_days(&b, &t->tally);
	buf_put_cstr(&b, "}\n");
	fwrite(b.data, 1, b.failed ? 0 : b.len, out);
	buf_free(&b);
}

/* ---- the table ---- */

/* A number in a column of its own, "n/a" where there is none. */
static void print_number(FILE *out, int width, int digits, double x)
{
	if (isnan(x))
		fprintf(out, "%*s", width, "n/a");
	else
		fprintf(out, "%*.*f", width, digits, x);
}

static void print_days(const struct eval_tally *t, FILE *out)
{
	fputs("\nday (UTC)   slates", out);
	for (int m = 0; m < N_EVAL_METRICS; m++)
		fprintf(out, "%9s  error", titles[m]);
	fputc('\n', out);
	for (size_t i = 0; i < t->n_days; i++) {
		const struct eval_day *d = &t->days[i];
		char name[16];
		day_name(d->start_ms, name);
		fprintf(out, "%s %7" PRIu64, name, d->means[EVAL_AUC].n);
		for (int m = 0; m < N_EVAL_METRICS; m++) {
			print_number(out, 9, 4, mean_of(&d->means[m]));
			print_number(out, 7, 4, eval_mean_error(&d->means[m]));
		}
		fputc('\n', out);
	}
}

static void print_histories(const struct eval_tally *t, FILE *out)
{
	fputs("\nreads known of the reader   slates      AUC  error\n", out);
	for (int h = 0; h < N_EVAL_HISTORIES; h++) {
		uint64_t least = eval_history_least[h];
		char name[48];
		if (h + 1 == N_EVAL_HISTORIES)
			snprintf(name, sizeof(name), "%" PRIu64 " and more", least);
		else if (eval_history_least[h + 1] == least + 1)
			snprintf(name, sizeof(name), "%" PRIu64, least);
		else
			snprintf(name, sizeof(name), "%" PRIu64 " to %" PRIu64, least, eval_history_least[h + 1] - 1);
		fprintf(out, "%-24s  %7" PRIu64, name, t->auc_by_history[h].n);
		print_number(out, 9, 4, mean_of(&t->auc_by_history[h]));
		print_number(out, 7, 4, eval_mean_error(&t->auc_by_history[h]));
		fputc('\n', out);
	}
}

static void print_means(const char *name, const struct eval_mean means[N_EVAL_DEPTHS], FILE *out)
{
	fprintf(out, "%-40s", name);
	for (int depth = 0; depth < N_EVAL_DEPTHS; depth++) {
		print_number(out, 10, 4, mean_of(&means[depth]));
		print_number(out, 8, 4, eval_mean_error(&means[depth]));
	}
	fputc('\n', out);
}

static void print_shares(const char *name, const double shares[N_EVAL_DEPTHS], FILE *out)
{
	fprintf(out, "%-40s", name);
	for (int depth = 0; depth < N_EVAL_DEPTHS; depth++) {
		print_number(out, 10, 4, shares[depth]);
		fprintf(out, "%8s", "");
	}
	fputc('\n', out);
}

static void print_beyond(const struct eval_beyond *b, const struct eval_rare *rare, FILE *out)
{
	double coverage[N_EVAL_DEPTHS];
	char name[64];
	fprintf(out, "\n%-40s", "beyond accuracy");
	for (int depth = 0; depth < N_EVAL_DEPTHS; depth++) {
		coverage[depth] = share_of(b->n_reached[depth], b->n_offered);
		fprintf(out, "    top %2zu   error", eval_depths[depth]);
	}
	fputc('\n', out);
	print_means("diversity: mean 1 - cosine of pairs", b->diversity, out);
	print_means("novelty: mean bits of popularity", b->novelty, out);
	print_means("calibration: nats from the reader's own", b->calibration, out);
	print_shares("coverage: share of articles offered", coverage, out);
	snprintf(name, sizeof(name), "rare sources: %zu of %zu, shown %.4f", rare->n_rare, rare->n_sources, rare->shown);
	print_shares(rare->n_rare ? name : "rare sources", rare->share, out);
}

void eval_print_table(const struct eval_report *r, FILE *out)
{
	const struct replay_totals *t = r->totals;
	struct buf model = {0};
	put_model(r, &model);
	fprintf(out, "%.*s, seed %" PRIu64 "\n\n          mean    std. error\n", (int)model.len, model.data, r->config->seed);
	buf_free(&model);
	for (int m = 0; m < N_EVAL_METRICS; m++)
		fprintf(out, "%-8s %.4f  %.4f\n", titles[m], mean_of(&t->tally.means[m]), eval_mean_error(&t->tally.means[m]));
	print_histories(&t->tally, out);
	print_beyond(&t->beyond, &r->rare, out);
	if (r->per_day)
		print_days(&t->tally, out);
	fprintf(out, "\n%" PRIu64 " slates scored; skipped %" PRIu64 " without a click and %" PRIu64 " with nothing but clicks; %"
	        PRIu64 " learnt from only\n", t->n_scored, t->n_no_click, t->n_all_clicked, t->n_learnt_only);
	fprintf(out, "%" PRIu64 " readers, %" PRIu64 " articles (%" PRIu64 " without a row: known by their id alone), %" PRIu64
	        " events\n", t->n_readers, t->n_articles, t->n_without_row, t->n_events);
	fputs("an article counts as published when the replay first hears of it; "
	      "earlier clicks as 12 h apart before the start\n", out);
	fprintf(out, "%.0f slates a second, %.0f a second of CPU; of %.1f s, %.0f %% waiting for writes, %.0f %% analysing articles, "
	        "%.0f %% scoring\n", (double)t->n_slates / r->seconds, (double)t->n_slates / r->cpu_s, r->seconds,
	        (double)t->waiting_ns / 1e7 / r->seconds, (double)t->analysing_ns / 1e7 / r->seconds,
	        (double)t->scoring_ns / 1e7 / r->seconds);
}

/* ---- load ---- */

static double rate(const struct eval_load_mark *m, double seconds)
{
	return seconds > 0 ? (double)m->n_events / seconds : NAN;
}

static void print_load_json(const struct eval_load_mark marks[N_EVAL_LOAD_MARKS], FILE *out)
{
	const struct eval_load_mark *all = &marks[EVAL_LOAD_100];
	fprintf(out, "{\"events\":%" PRIu64 ",\"readers\":%" PRIu64 ",\"articles\":%" PRIu64 ",\"cpu_s\":%.3f,\"seconds\":%.3f,"
	        "\"events_per_cpu_s\":%.0f,\"events_per_s\":%.0f,\"at\":[", all->n_events, all->n_readers, all->n_articles,
	        all->cpu_s, all->seconds, rate(all, all->cpu_s), rate(all, all->seconds));
	for (int i = 0; i < N_EVAL_LOAD_MARKS; i++)
		fprintf(out, "%s{\"percent\":%u,\"events\":%" PRIu64 ",\"readers\":%" PRIu64 ",\"cpu_s\":%.3f,\"resident_bytes\":%" PRIu64
		        ",\"file_bytes\":%" PRIu64 ",\"store_bytes\":%" PRIu64 "}", i ? "," : "", eval_load_percent[i],
		        marks[i].n_events, marks[i].n_readers, marks[i].cpu_s, marks[i].resident_bytes, marks[i].file_bytes,
		        marks[i].store_bytes);
	fputs("]}\n", out);
}

void eval_print_load(const struct eval_load_mark marks[N_EVAL_LOAD_MARKS], bool json, FILE *out)
{
	const struct eval_load_mark *all = &marks[EVAL_LOAD_100];
	if (json) {
		print_load_json(marks, out);
		return;
	}
	fputs("             events   readers  articles     CPU s  events a CPU s  own MB  file MB  store MB\n", out);
	for (int i = 0; i < N_EVAL_LOAD_MARKS; i++) {
		const struct eval_load_mark *m = &marks[i];
		fprintf(out, "%4u %% %12" PRIu64 "%10" PRIu64 "%10" PRIu64 "%10.2f", eval_load_percent[i], m->n_events, m->n_readers,
		        m->n_articles, m->cpu_s);
		print_number(out, 16, 0, rate(m, m->cpu_s));
		fprintf(out, "%8.1f%9.1f%10.1f\n", (double)(m->resident_bytes - m->file_bytes) / 1e6, (double)m->file_bytes / 1e6,
		        (double)m->store_bytes / 1e6);
	}
	fprintf(out, "\n%.0f events a second of CPU, all threads together; %.0f a second on the clock; nothing synced to disk\n"
	        "own: memory that is resident but for pages of files, the log of clicks in it; file: pages of the store and of the "
	        "program, which the kernel takes back when it needs them\n", rate(all, all->cpu_s), rate(all, all->seconds));
}

/* ---- the drawing ---- */

int eval_write_svg(const struct eval_report *r, const char *path)
{
	struct buf title = {0}, svg = {0};
	put_model(r, &title);
	eval_svg(&r->totals->tally, buf_span(&title), &svg);
	int error = title.failed || svg.failed ? -ENOMEM : 0;
	FILE *f = error ? NULL : fopen(path, "we");
	if (!error && !f)
		error = -errno;
	if (f && fwrite(svg.data, 1, svg.len, f) != svg.len)
		error = -errno;
	if (f && fclose(f) != 0 && !error)
		error = -errno;
	buf_free(&title);
	buf_free(&svg);
	return error;
}
