/* Ridge regression, exact: W minimises ‖Y - X W‖² + n λ ‖W‖², columns of X brought to mean 0 and variance 1 first, those of Y
 * to mean 0. Solved by Cholesky (LAPACK's dposv) for p x p or, if there are fewer rows than columns, n x n equations:
 *
 *     W = (XᵀX + n λ I)⁻¹ XᵀY = Xᵀ (X Xᵀ + n λ I)⁻¹ Y
 *
 * Source: Hoerl and Kennard, Technometrics 12 (1970). */
#pragma once

#include <stddef.h>

#include "base/error.h"

struct ridge {
    int rows, columns, targets;
    double *x;                 /* (rows, columns), standardised */
    double *y;                 /* (rows, targets), centred */
    double *mean, *scale;      /* (columns): x = (raw - mean) · scale; scale 0 for a column that does not vary */
    double *level;             /* (targets): means of Y */
    double *gram;              /* XᵀX or X Xᵀ, the smaller one */
    double *matrix, *solution; /* workspace */
};

/* x (rows, columns) with `stride` floats from row to row, y (rows, targets); both are copied. rows >= 2. */
ltm_status ridge_create(struct ridge *ridge, const float *x, size_t stride, const double *y, int rows, int columns,
                        int targets, struct ltm_error *error);
void ridge_free(struct ridge *ridge);

/* w (columns, targets), of standardised columns. lambda > 0. LTM_NUMERIC when the equations cannot be solved. */
ltm_status ridge_solve(struct ridge *ridge, double lambda, double *w, struct ltm_error *error);

/* out (rows, targets) = the predictions of w for other rows. */
ltm_status ridge_predict(const struct ridge *ridge, const double *w, const float *x, size_t stride, int rows,
                         double *out, struct ltm_error *error);
