/* Slates to train from: what stage two looked at, and what was clicked. Each is one question of a softmax: with scores s of
 * its rows, p = softmax(s), m clicks and y 1 for a click, the loss is -sum (y/m) ln p, its gradient p - y/m, and the second
 * derivative by one score p (1 - p). */
#ifndef MYNEWS_API_TRAIN_SLATES_H
#define MYNEWS_API_TRAIN_SLATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct train_slates {
	size_t n_inputs;  /* set before the first slate is added */
	size_t n_slates, n_rows;
	float *inputs;    /* [n_rows][n_inputs], of one slate after the other */
	float *shares;    /* [n_rows] y/m */
	size_t *first;    /* [n_slates + 1] each slate's first row; behind the last, n_rows */
	size_t slates_capacity, rows_capacity;
};

void train_slates_free(struct train_slates *s);
/* A slate of n rows; one with no click, or nothing but clicks, says nothing and is left out. Returns 0 or -ENOMEM. */
int train_slates_add(struct train_slates *s, const float *inputs, const bool *clicked, size_t n)
	__attribute__((warn_unused_result));
/* Takes out the inputs that are the same in all rows. kept[n_inputs] becomes their old places; returns how many they are,
 * which is n_inputs from now on. */
size_t train_slates_compact(struct train_slates *s, uint16_t *kept);

/* Slates from `first` on, n of them; scores, gradient and hessian begin with the first's first row. No hessian is below
 * 1e-6: a tree's leaf divides by their sum. */
void train_gradient(const struct train_slates *s, size_t first, size_t n, const float *scores, float *gradient,
                    float *hessian);

struct train_fit {
	double loss; /* mean of slates' */
	double auc;  /* mean of slates' shares of pairs in their right order, equal scores counting half */
};
struct train_fit train_measure(const struct train_slates *s, size_t first, size_t n, const float *scores);

#endif
