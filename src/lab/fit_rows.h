/* Runs as the fit sees them: features, cells, and what the runs cannot tell apart. */
#pragma once

#include "lab/fit_form.h"

struct fit_rows {
    struct fit_row *row;
    int *cell; /* of each row: rows of one cell differ in seed alone */
    size_t count, cells;
    double mean[FIT_FEATURES];
    double latent_scale; /* M0 */
    unsigned features;   /* bits of those in which the runs differ */
};

/* LTM_INVALID where a point is no run. What the runs do not differ in is noted in `info`. */
ltm_status fit_rows_create(struct fit_rows *rows, const struct ltm_fit_point *points, size_t count,
                           struct ltm_fit_info *info, struct ltm_error *error);
void fit_rows_free(struct fit_rows *rows);

/* The row of a point that need not be among them. */
struct fit_row fit_row_of(const struct fit_rows *rows, const struct ltm_fit_point *point);
