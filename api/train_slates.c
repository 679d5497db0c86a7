#include "api/train_slates.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void train_slates_free(struct train_slates *s)
{
	free(s->inputs);
	free(s->shares);
	free(s->first);
	*s = (struct train_slates){0};
}

static int grow(void **data, size_t *capacity, size_t n, size_t size)
{
	size_t next = *capacity ? *capacity : 1024;
	while (next < n)
		next *= 2;
	void *grown = realloc(*data, next * size);
	if (!grown)
		return -ENOMEM;
	*data = grown;
	*capacity = next;
	return 0;
}

static int make_room(struct train_slates *s, size_t n)
{
	size_t rows = s->rows_capacity;
	int r = 0;
	if (s->n_slates + 2 > s->slates_capacity)
		r = grow((void **)&s->first, &s->slates_capacity, s->n_slates + 2, sizeof(*s->first));
	if (r == 0 && s->n_rows + n > s->rows_capacity)
		r = grow((void **)&s->inputs, &rows, s->n_rows + n, s->n_inputs * sizeof(*s->inputs));
	if (r == 0 && s->n_rows + n > s->rows_capacity)
		r = grow((void **)&s->shares, &s->rows_capacity, s->n_rows + n, sizeof(*s->shares));
	return r;
}

int train_slates_add(struct train_slates *s, const float *inputs, const bool *clicked, size_t n)
{
	size_t n_clicked = 0;
	for (size_t i = 0; i < n; i++)
		n_clicked += clicked[i];
	if (n_clicked == 0 || n_clicked == n)
		return 0;
	int r = make_room(s, n);
	if (r < 0)
		return r;
	memcpy(s->inputs + s->n_rows * s->n_inputs, inputs, n * s->n_inputs * sizeof(*inputs));
	for (size_t i = 0; i < n; i++)
		s->shares[s->n_rows + i] = clicked[i] ? 1 / (float)n_clicked : 0;
	s->first[s->n_slates++] = s->n_rows;
	s->n_rows += n;
	s->first[s->n_slates] = s->n_rows;
	return 0;
}

size_t train_slates_compact(struct train_slates *s, uint16_t *kept)
{
	size_t n = 0;
	for (size_t k = 0; k < s->n_inputs; k++) {
		bool varies = false;
		for (size_t i = 1; i < s->n_rows && !varies; i++)
			varies = s->inputs[i * s->n_inputs + k] != s->inputs[k];
		if (varies)
			kept[n++] = (uint16_t)k;
	}
	for (size_t i = 0; i < s->n_rows; i++)
		for (size_t k = 0; k < n; k++)
			s->inputs[i * n + k] = s->inputs[i * s->n_inputs + kept[k]];
	s->n_inputs = n;
	return n;
}

static double most_of(const float *scores, size_t n)
{
	double most = (double)scores[0];
	for (size_t i = 1; i < n; i++)
		most = fmax(most, (double)scores[i]);
	return most;
}

static double partition(const float *scores, size_t n, double most)
{
	double total = 0;
	for (size_t i = 0; i < n; i++)
		total += exp((double)scores[i] - most);
	return total;
}

void train_gradient(const struct train_slates *s, size_t first, size_t n, const float *scores, float *gradient,
                    float *hessian)
{
	size_t base = s->first[first];
	for (size_t k = first; k < first + n; k++) {
		size_t at = s->first[k] - base, rows = s->first[k + 1] - s->first[k];
		double most = most_of(scores + at, rows), total = partition(scores + at, rows, most);
		for (size_t i = 0; i < rows; i++) {
			double p = exp((double)scores[at + i] - most) / total;
			gradient[at + i] = (float)(p - (double)s->shares[s->first[k] + i]);
			hessian[at + i] = (float)fmax(p * (1 - p), 1e-6);
		}
	}
}

static double pairs_in_order(const float *shares, const float *scores, size_t n)
{
	double right = 0, pairs = 0;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; shares[i] > 0 && j < n; j++)
			if (shares[j] == 0) {
				right += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
				pairs++;
			}
	return right / pairs;
}

struct train_fit train_measure(const struct train_slates *s, size_t first, size_t n, const float *scores)
{
	struct train_fit fit = {0};
	size_t base = s->first[first];
	for (size_t k = first; k < first + n; k++) {
		size_t at = s->first[k] - base, rows = s->first[k + 1] - s->first[k];
		const float *shares = s->shares + s->first[k];
		double most = most_of(scores + at, rows), total = log(partition(scores + at, rows, most));
		for (size_t i = 0; i < rows; i++)
			if (shares[i] > 0)
				fit.loss -= (double)shares[i] * ((double)scores[at + i] - most - total);
		fit.auc += pairs_in_order(shares, scores + at, rows);
	}
	fit.loss /= (double)n;
	fit.auc /= (double)n;
	return fit;
}
