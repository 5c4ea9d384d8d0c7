/* Forms of scaling laws: sums of terms, each a coefficient divided by powers of the run's sizes.
 *
 * In logarithms a term is affine in its parameters, log t = c - Σ exponent_j x_j with features x = (ln N, ln D, ln m, ln S),
 * except that with loops ln N becomes ln(N_once + r^φ N_rec) = ln N + ln(1 + s (r^φ - 1)), s = N_rec / N; and a form is
 * LSE over its terms, whose gradient is a softmax. Features are centred, so that coefficients and exponents are nearly
 * independent: L-BFGS then needs few steps. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lab/minimise.h"
#include "ltm/fit.h"

enum fit_feature { FEATURE_N, FEATURE_D, FEATURE_M, FEATURE_S, FIT_FEATURES };
enum { FIT_LOOPS = 1u << FIT_FEATURES /* a bit beside those of features */ };
enum { FIT_TERMS = 5, FIT_STEEPEST = 2 /* exponents beyond the grid of starts are penalised */ };

struct fit_term {
    enum ltm_fit_parameter coefficient; /* LTM_FIT_E … LTM_FIT_F */
    unsigned features;                  /* bit j: divided by feature j to its exponent */
};

struct fit_form {
    struct fit_term term[FIT_TERMS];
    int terms;
    bool loops; /* N counts looped parameters r^φ times */
};

/* A point as the fit sees it. */
struct fit_row {
    double log_loss;
    double x[FIT_FEATURES]; /* centred */
    bool latents;           /* the term F / S^δ is there */
    double log_loops;       /* ln r; 0 without loops */
    double recurrent;       /* s */
};

/* The forms that these features (bits) allow, the simplest first; returns how many. */
int fit_forms(struct fit_form forms[LTM_FIT_CANDIDATES], unsigned features, bool plain);

void fit_form_write(const struct fit_form *form, char *text, size_t size);

/* The parameters of a form, in the order of the fitted vector; returns how many. */
int fit_form_parameters(const struct fit_form *form, enum ltm_fit_parameter list[LTM_FIT_PARAMETERS]);

/* log of the prediction; coefficients are logarithms. `at` is indexed by enum ltm_fit_parameter. weight (terms) becomes
 * each term's share, NULL if not wanted. */
double fit_form_log(const struct fit_form *form, const struct fit_row *row, const double at[LTM_FIT_PARAMETERS],
                    double *weight);

/* Σ weight_i Huber(log L_i - log of the prediction) / δ², a sum and in units of δ: a mean, or the bare 1e-6 of the
 * residuals, would end L-BFGS long before the minimum. */
struct fit_objective {
    const struct fit_form *form;
    const struct fit_row *rows;
    const double *weight; /* of each row, NULL for ones */
    size_t count;
};

double fit_objective_value(const void *objective, const double *x, double *gradient, int count);

/* From the fitted vector to all parameters (absent ones NaN), and back. */
void fit_form_spread(const struct fit_form *form, const double *x, double at[LTM_FIT_PARAMETERS]);
void fit_form_gather(const struct fit_form *form, const double at[LTM_FIT_PARAMETERS], double *x);

/* The exponent of a feature. */
static inline enum ltm_fit_parameter fit_exponent(enum fit_feature feature) {
    return (enum ltm_fit_parameter)(LTM_FIT_ALPHA + (int)feature);
}
