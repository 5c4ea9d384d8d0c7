/* The float64 twin of math/orthogonalise.h. */
#ifndef TESTS_ORTHOGONALISE_H
#define TESTS_ORTHOGONALISE_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The same iteration in double, with plain loops; x (rows, columns), rows <= columns. */
static inline void test_orthogonalise(double *x, int rows, int columns) {
    const size_t n = (size_t)rows * (size_t)columns;
    double *a = malloc(sizeof *a * (size_t)(rows * rows));
    double *b = malloc(sizeof *b * (size_t)(rows * rows));
    double *y = malloc(sizeof *y * n);
    double norm = 0;
    for (size_t i = 0; i < n; i++) norm += x[i] * x[i];
    for (size_t i = 0; i < n; i++) x[i] /= sqrt(norm) + 1e-7;
    for (int turn = 0; turn < 5; turn++) {
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < rows; j++) {
                a[i * rows + j] = 0;
                for (int k = 0; k < columns; k++) a[i * rows + j] += x[i * columns + k] * x[j * columns + k];
            }
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < rows; j++) {
                double square = 0;
                for (int k = 0; k < rows; k++) square += a[i * rows + k] * a[k * rows + j];
                b[i * rows + j] = -4.7750 * a[i * rows + j] + 2.0315 * square;
            }
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j++) {
                y[i * columns + j] = 3.4445 * x[i * columns + j];
                for (int k = 0; k < rows; k++) y[i * columns + j] += b[i * rows + k] * x[k * columns + j];
            }
        memcpy(x, y, n * sizeof *x);
    }
    free(a), free(b), free(y);
}

#endif
