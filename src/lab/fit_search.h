/* The minima of a form's objective: found from a grid of starts, improved from known ones. */
#pragma once

#include "lab/fit_form.h"

enum { FIT_MINIMA = 2, FIT_BANDS = 5 };

/* Minima of a form, the lowest first, and behind them points on the way down, one for each E that starts had: where the objective
 * is flat in E a minimum at E = 0 leads nowhere, since there the slope in log E is 0. Parameters as fit_form_spread gives
 * them, of centred features. */
struct fit_minima {
    double value[FIT_MINIMA];
    double at[FIT_MINIMA + FIT_BANDS][LTM_FIT_PARAMETERS];
    int count, starts; /* minima; all points */
};

/* From Hoffmann's grid of starts where the form is plain (`from` NULL), else from the minima of the form that it extends
 * and a grid of what it adds. `mean` are the features' means, by which rows are centred. */
ltm_status fit_search(struct fit_minima *minima, const struct fit_objective *objective, const struct fit_minima *from,
                      const double mean[FIT_FEATURES], struct ltm_error *error);

/* The lowest minimum that is reached from any point of `from`, for weights that differ from those it was found with. */
ltm_status fit_improve(double at[LTM_FIT_PARAMETERS], const struct fit_objective *objective,
                       const struct fit_minima *from, struct ltm_error *error);

/* Coefficients for centred features ↔ for plain ones: c' = c - Σ exponent_j mean_j; sign +1 leads back. */
void fit_recentre(const struct fit_form *form, const double mean[FIT_FEATURES], double sign,
                  double at[LTM_FIT_PARAMETERS]);
