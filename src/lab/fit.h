/* A fit, kept for later questions. */
#pragma once

#include "lab/fit_rows.h"
#include "lab/fit_search.h"

struct ltm_fit {
    struct ltm_fit_info info;
    struct ltm_fit_point *points;
    struct fit_rows rows;
    struct fit_form form;                 /* the chosen one */
    double at[LTM_FIT_PARAMETERS];        /* of centred features, coefficients as logarithms */
    double (*sample)[LTM_FIT_PARAMETERS]; /* [info.resamples], the same of each resample */
};

/* The percentile interval of the values, which are sorted in place; low and high NaN for fewer than 2. */
struct ltm_fit_interval fit_interval(double value, double *values, size_t count, double share);
