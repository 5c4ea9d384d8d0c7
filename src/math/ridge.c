#include "math/ridge.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/memory.h"

/* LAPACK's, in OpenBLAS. Declared here because Debian puts the header of the C interface in another package; `length`
 * is Fortran's hidden string length. */
void dposv_(const char *uplo, const int *n, const int *nrhs, double *a, const int *lda, double *b, const int *ldb,
            int *info, size_t length);

static void standardise(struct ridge *r, const float *x, size_t stride) {
    const size_t n = (size_t)r->rows;
    const size_t p = (size_t)r->columns;
    for (size_t j = 0; j < p; j++) {
        double sum = 0;
        double squares = 0;
        for (size_t i = 0; i < n; i++) sum += x[i * stride + j];
        const double mean = sum / (double)n;
        for (size_t i = 0; i < n; i++) squares += (x[i * stride + j] - mean) * (x[i * stride + j] - mean);
        const double deviation = sqrt(squares / (double)n);
        r->mean[j] = mean;
        r->scale[j] = deviation > 1e-9 * (1 + fabs(mean)) ? 1 / deviation : 0; /* below: rounding of a constant */
        for (size_t i = 0; i < n; i++) r->x[i * p + j] = (x[i * stride + j] - mean) * r->scale[j];
    }
}

static void centre(struct ridge *r, const double *y) {
    const size_t n = (size_t)r->rows;
    const size_t t = (size_t)r->targets;
    for (size_t k = 0; k < t; k++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++) sum += y[i * t + k];
        r->level[k] = sum / (double)n;
        for (size_t i = 0; i < n; i++) r->y[i * t + k] = y[i * t + k] - r->level[k];
    }
}

ltm_status ridge_create(struct ridge *r, const float *x, size_t stride, const double *y, int rows, int columns,
                        int targets, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const size_t n = (size_t)rows;
    const size_t p = (size_t)columns;
    const size_t t = (size_t)targets;
    const size_t least = n < p ? n : p;
    *r = (struct ridge){.rows = rows, .columns = columns, .targets = targets};
    TRY(NEW_ARRAY(r->x, n * p, "a regression", error));
    TRY(NEW_ARRAY(r->y, n * t, "a regression", error));
    TRY(NEW_ARRAY(r->mean, p, "a regression", error));
    TRY(NEW_ARRAY(r->scale, p, "a regression", error));
    TRY(NEW_ARRAY(r->level, t, "a regression", error));
    TRY(NEW_ARRAY(r->gram, least * least, "a regression", error));
    TRY(NEW_ARRAY(r->matrix, least * least, "a regression", error));
    TRY(NEW_ARRAY(r->solution, least * t, "a regression", error));
    standardise(r, x, stride);
    centre(r, y);
    /* (p, p) = Xᵀ X, or (n, n) = X Xᵀ; the lower half. */
    cblas_dsyrk(CblasRowMajor, CblasLower, n < p ? CblasNoTrans : CblasTrans, (int)least, n < p ? columns : rows, 1,
                r->x, columns, 0, r->gram, (int)least);
    return LTM_OK;
cleanup:
    ridge_free(r);
    return status;
}

void ridge_free(struct ridge *r) {
    free(r->x), free(r->y), free(r->mean), free(r->scale), free(r->level);
    free(r->gram), free(r->matrix), free(r->solution);
    *r = (struct ridge){0};
}

ltm_status ridge_solve(struct ridge *r, double lambda, double *w, struct ltm_error *error) {
    const bool dual = r->rows < r->columns;
    const int n = r->rows;
    const int p = r->columns;
    const int t = r->targets;
    const int size = dual ? n : p;
    const size_t N = (size_t)size;
    const size_t T = (size_t)t;
    int info = 0;
    memcpy(r->matrix, r->gram, N * N * sizeof *r->matrix);
    for (size_t i = 0; i < N; i++) r->matrix[i * N + i] += n * lambda;
    if (!dual) /* w (p, t) = Xᵀ Y */
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, p, t, n, 1, r->x, p, r->y, t, 0, w, t);
    const double *right = dual ? r->y : w; /* Fortran wants columns: solution is its transpose */
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < T; k++) r->solution[k * N + i] = right[i * T + k];
    /* The lower half by rows is the upper half by columns. */
    dposv_("U", &size, &t, r->matrix, &size, r->solution, &size, &info, 1);
    if (info != 0)
        return fail(error, LTM_NUMERIC,
                    "the regression's equations cannot be solved with lambda = %g: are all features finite?", lambda);
    if (dual) /* w (p, t) = Xᵀ solutionᵀ */
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasTrans, p, t, n, 1, r->x, p, r->solution, n, 0, w, t);
    else
        for (size_t i = 0; i < N; i++)
            for (size_t k = 0; k < T; k++) w[i * T + k] = r->solution[k * N + i];
    return LTM_OK;
}

ltm_status ridge_predict(const struct ridge *r, const double *w, const float *x, size_t stride, int rows, double *out,
                         struct ltm_error *error) {
    const size_t n = (size_t)rows;
    const size_t p = (size_t)r->columns;
    const size_t t = (size_t)r->targets;
    double *standard = NULL;
    PASS_UP(NEW_ARRAY(standard, n * p, "a regression", error));
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < p; j++) standard[i * p + j] = (x[i * stride + j] - r->mean[j]) * r->scale[j];
        memcpy(out + i * t, r->level, t * sizeof *out);
    }
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, r->targets, r->columns, 1, standard, r->columns, w,
                r->targets, 1, out, r->targets);
    free(standard);
    return LTM_OK;
}
