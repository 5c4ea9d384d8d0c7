/* Runs as input of the fit: features, cells, and the features that the runs cannot separate. */
#pragma once

#include "lab/fit_form.h"

struct fit_rows {
    struct fit_row *row;
    int *cell; /* of each row: rows of one cell differ only in seed */
    size_t count, cells;
    double mean[FIT_FEATURES];
    double latent_scale; /* M0 */
    unsigned features;   /* bits of those in which the runs differ */
};

/* LTM_INVALID if a point is not a run. Features in which the runs do not differ are noted in `info`. */
ltm_status fit_rows_create(struct fit_rows *rows, const struct ltm_fit_point *points, size_t count,
                           struct ltm_fit_info *info, struct ltm_error *error);
void fit_rows_free(struct fit_rows *rows);

/* The row of a point that need not be among them. */
struct fit_row fit_row_of(const struct fit_rows *rows, const struct ltm_fit_point *point);
