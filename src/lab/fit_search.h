/* The minima of a form's objective: found from a grid of starts, or improved from known ones. */
#pragma once

#include "lab/fit_form.h"

enum { FIT_MINIMA = 2, FIT_BANDS = 5 };

/* Minima of a form, the lowest first, followed by intermediate points, one for each starting E: if the objective is
 * flat in E, a minimum at E = 0 is a dead end, since the slope in log E is 0 there. Parameters as fit_form_spread gives
 * them, of centred features. */
struct fit_minima {
    double value[FIT_MINIMA];
    double at[FIT_MINIMA + FIT_BANDS][LTM_FIT_PARAMETERS];
    int count, starts; /* minima; all points */
};

/* From Hoffmann's grid of starts if the form is plain (`from` NULL), otherwise from the minima of the form that it
 * extends and a grid of its additional parameters. `mean` are the features' means, by which rows are centred. */
ltm_status fit_search(struct fit_minima *minima, const struct fit_objective *objective, const struct fit_minima *from,
                      const double mean[FIT_FEATURES], struct ltm_error *error);

/* The lowest minimum reached from any point of `from`, for other weights than those of `from`. */
ltm_status fit_improve(double at[LTM_FIT_PARAMETERS], const struct fit_objective *objective,
                       const struct fit_minima *from, struct ltm_error *error);

/* Coefficients for centred features ↔ for plain ones: c' = c - Σ exponent_j mean_j; sign +1 inverts it. */
void fit_recentre(const struct fit_form *form, const double mean[FIT_FEATURES], double sign,
                  double at[LTM_FIT_PARAMETERS]);
