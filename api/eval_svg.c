/* The drawing of AUC over time. Runs have equally many slates, so that the band is about as wide everywhere: by day or hour
 * the quiet ones would be all noise. */
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "api/eval_tally.h"

enum { WIDTH = 860, HEIGHT = 420, LEFT = 74, RIGHT = 24, TOP = 64, BOTTOM = 60 };
enum { RUN_SLATES = 50, RUNS_LEAST = 4, RUNS_MOST = 48, TICKS_MOST = 9 };

struct run {
	double at_ms;
	struct eval_mean auc;
};

struct drawing {
	struct buf *out;
	struct run runs[RUNS_MOST];
	size_t n_runs;
	double first_ms, last_ms, low, high;
};

static void make_runs(struct drawing *d, const struct eval_tally *t)
{
	size_t n = t->n_points / RUN_SLATES;
	n = n < RUNS_LEAST ? RUNS_LEAST : n > RUNS_MOST ? RUNS_MOST : n;
	d->n_runs = n < t->n_points ? n : t->n_points;
	for (size_t i = 0; i < d->n_runs; i++) {
		struct run *run = &d->runs[i];
		*run = (struct run){0};
		for (size_t k = i * t->n_points / d->n_runs; k < (i + 1) * t->n_points / d->n_runs; k++) {
			eval_mean_add(&run->auc, t->points[k].auc);
			run->at_ms += ((double)t->points[k].at_ms - run->at_ms) / (double)run->auc.n;
		}
	}
}

static double error_of(const struct run *run)
{
	return run->auc.n > 1 ? eval_mean_error(&run->auc) : 0;
}

static double within(double x, double low, double high)
{
	return x < low ? low : x > high ? high : x;
}

/* What the axes span: times of the runs, and all of the band. */
static void make_ranges(struct drawing *d, const struct eval_tally *t)
{
	d->first_ms = d->n_runs ? d->runs[0].at_ms : 0;
	d->last_ms = d->n_runs ? d->runs[d->n_runs - 1].at_ms : 0;
	d->low = d->n_runs ? t->means[EVAL_AUC].mean : 0.5;
	d->high = d->low;
	for (size_t i = 0; i < d->n_runs; i++) {
		d->low = fmin(d->low, d->runs[i].auc.mean - error_of(&d->runs[i]));
		d->high = fmax(d->high, d->runs[i].auc.mean + error_of(&d->runs[i]));
	}
	if (d->last_ms - d->first_ms < 60000) {
		d->first_ms -= 30000;
		d->last_ms += 30000;
	}
}

static double x_of(const struct drawing *d, double at_ms)
{
	return LEFT + (at_ms - d->first_ms) / (d->last_ms - d->first_ms) * (WIDTH - LEFT - RIGHT);
}

static double y_of(const struct drawing *d, double auc)
{
	return HEIGHT - BOTTOM - (within(auc, d->low, d->high) - d->low) / (d->high - d->low) * (HEIGHT - TOP - BOTTOM);
}

static void put_line(struct drawing *d, const char *class, double x1, double y1, double x2, double y2)
{
	buf_printf(d->out, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", class, x1, y1, x2, y2);
}

static void put_text(struct drawing *d, double x, double y, const char *anchor, const char *text)
{
	buf_printf(d->out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, text);
}

/* Widens the range to whole steps and draws a line and a label at each. */
static void put_auc_axis(struct drawing *d)
{
	static const double steps[] = {0.005, 0.01, 0.02, 0.05, 0.1, 0.2};
	size_t s = 0;
	while (s < 5 && (d->high - d->low) / steps[s] > TICKS_MOST - 3)
		s++;
	long first = lround(floor(d->low / steps[s] + 1e-9)), last = lround(ceil(d->high / steps[s] - 1e-9));
	last += last == first;
	d->low = (double)first * steps[s];
	d->high = (double)last * steps[s];
	for (long i = first; i <= last; i++) {
		char label[16];
		snprintf(label, sizeof(label), s == 0 ? "%.3f" : "%.2f", (double)i * steps[s]);
		double y = y_of(d, (double)i * steps[s]);
		put_line(d, "grid", LEFT, y, WIDTH - RIGHT, y);
		put_text(d, LEFT - 8, y + 4, "end", label);
	}
	buf_printf(d->out, "<text transform=\"translate(20 %d) rotate(-90)\" text-anchor=\"middle\">AUC of a slate</text>\n",
	           TOP + (HEIGHT - TOP - BOTTOM) / 2);
}

/* A time by a format of strftime; empty when it is out of the calendar. */
static void format_time(double at_ms, const char *format, char out[32])
{
	time_t seconds = (time_t)(at_ms / 1000);
	struct tm tm;
	if (!gmtime_r(&seconds, &tm) || strftime(out, 32, format, &tm) == 0)
		out[0] = '\0';
}

static void put_time_name(struct drawing *d)
{
	char first[32], last[32], label[96];
	format_time(d->first_ms, "%d %b %Y %H:%M", first);
	format_time(d->last_ms, "%d %b %Y %H:%M", last);
	snprintf(label, sizeof(label), "time (UTC), %s to %s", first, last);
	put_text(d, LEFT + (WIDTH - LEFT - RIGHT) / 2.0, HEIGHT - 14, "middle", label);
}

static void put_time_axis(struct drawing *d)
{
	static const int64_t steps_min[] = {1, 5, 15, 30, 60, 180, 360, 720, 1440, 2 * 1440, 7 * 1440, 14 * 1440, 28 * 1440,
	                                    84 * 1440, 365 * 1440};
	size_t s = 0;
	while (s < 14 && (d->last_ms - d->first_ms) / 60000 / (double)steps_min[s] > TICKS_MOST)
		s++;
	int64_t step_ms = steps_min[s] * 60000;
	int64_t first = (int64_t)ceil(d->first_ms / (double)step_ms), last = (int64_t)floor(d->last_ms / (double)step_ms);
	for (int64_t tick = first; tick <= last; tick++) {
		char label[32];
		double at_ms = (double)(tick * step_ms), x = x_of(d, at_ms);
		format_time(at_ms, tick * step_ms % 86400000 == 0 ? "%d %b %Y" : "%H:%M", label);
		put_line(d, "grid", x, TOP, x, HEIGHT - BOTTOM + 5);
		put_text(d, x, HEIGHT - BOTTOM + 20, "middle", label);
	}
	put_time_name(d);
	put_line(d, "axis", LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM);
	put_line(d, "axis", LEFT, TOP, LEFT, HEIGHT - BOTTOM);
}

static void put_runs(struct drawing *d)
{
	buf_put_cstr(d->out, "<polygon class=\"band\" points=\"");
	for (size_t i = 0; i < 2 * d->n_runs; i++) {
		bool above = i < d->n_runs;
		const struct run *run = &d->runs[above ? i : 2 * d->n_runs - 1 - i];
		buf_printf(d->out, "%.1f,%.1f ", x_of(d, run->at_ms), y_of(d, run->auc.mean + (above ? 1 : -1) * error_of(run)));
	}
	buf_put_cstr(d->out, "\"/>\n<polyline class=\"mean\" points=\"");
	for (size_t i = 0; i < d->n_runs; i++)
		buf_printf(d->out, "%.1f,%.1f ", x_of(d, d->runs[i].at_ms), y_of(d, d->runs[i].auc.mean));
	buf_put_cstr(d->out, "\"/>\n");
	for (size_t i = 0; i < d->n_runs; i++)
		buf_printf(d->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\"/>\n", x_of(d, d->runs[i].at_ms),
		           y_of(d, d->runs[i].auc.mean));
}

static void put_escaped(struct buf *out, struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		if (c == '&' || c == '<' || c == '>')
			buf_printf(out, "&#%u;", c);
		else if (c >= ' ')
			buf_put_char(out, (char)c);
	}
}

static void put_titles(struct drawing *d, const struct eval_tally *t, struct span title)
{
	buf_printf(d->out, "<text class=\"title\" x=\"%d\" y=\"26\">", LEFT);
	put_escaped(d->out, title);
	buf_printf(d->out, "</text>\n<text x=\"%d\" y=\"46\">", LEFT);
	if (t->n_points > 1)
		buf_printf(d->out, "mean %.4f, standard error %.4f, %zu slates (dashed); line: means of %zu each; "
		           "band: their standard error", t->means[EVAL_AUC].mean, eval_mean_error(&t->means[EVAL_AUC]),
		           t->n_points, t->n_points / d->n_runs);
	else
		buf_printf(d->out, "%zu slates", t->n_points);
	buf_put_cstr(d->out, "</text>\n");
}

void eval_svg(const struct eval_tally *t, struct span title, struct buf *out)
{
	struct drawing d = {.out = out};
	make_runs(&d, t);
	make_ranges(&d, t);
	buf_printf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n"
	           "<title>AUC over time</title>\n"
	           "<style>text{font:12px sans-serif;fill:#333}.title{font-size:16px;font-weight:bold}.grid{stroke:#ddd}"
	           ".axis{stroke:#333}.band{fill:#1f6fb2;fill-opacity:.18}.mean{fill:none;stroke:#1f6fb2;stroke-width:2}"
	           "circle{fill:#1f6fb2}.all{stroke:#a33;stroke-dasharray:6 4}</style>\n"
	           "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", WIDTH, HEIGHT, WIDTH, HEIGHT, WIDTH, HEIGHT);
	put_titles(&d, t, title);
	put_auc_axis(&d);
	put_time_axis(&d);
	if (d.n_runs) {
		put_runs(&d);
		double y = y_of(&d, t->means[EVAL_AUC].mean);
		put_line(&d, "all", LEFT, y, WIDTH - RIGHT, y);
	}
	buf_put_cstr(out, "</svg>\n");
}
