#include "nn/mix.h"

#include "math/vector.h"

void mix_forward(float *y, const float *x, const float *x0, float a, float b, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) y[i] = a * x[i] + b * x0[i];
}

/* da += Σ dy x;  db += Σ dy x0;  dx0 += b dy;  dx = a dy. */
void mix_backward(float *dx, float *dx0, double *da, double *db, const float *dy, const float *x, const float *x0,
                  float a, float b, size_t n) {
    if (da) *da += (double)vector_dot(dy, x, n);
    if (db) *db += (double)vector_dot(dy, x0, n);
    if (dx0)
#pragma omp simd
        for (size_t i = 0; i < n; i++) dx0[i] += b * dy[i];
#pragma omp simd
    for (size_t i = 0; i < n; i++) dx[i] = a * dy[i];
}
