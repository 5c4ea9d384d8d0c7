#include "nn/post_norm.h"

#include <math.h>
#include <stddef.h>

#include "math/vector.h"

void post_norm_forward(float *y, float *r, const float *x, int rows, int d) {
    for (int i = 0; i < rows; i++) {
        const float *xi = x + (size_t)i * (size_t)d;
        float *yi = y + (size_t)i * (size_t)d;
        const float squares = vector_dot(xi, xi, (size_t)d);
        /* As nn/rmsnorm.c: what overflows is to be seen. */
        const float scale = isfinite(squares) ? 1.0f / sqrtf(squares / (float)d + 1e-5f) : NAN;
        r[i] = scale;
#pragma omp simd
        for (int j = 0; j < d; j++) yi[j] = xi[j] * scale;
    }
}

void post_norm_backward(float *dx, const float *dy, const float *y, const float *r, int rows, int d) {
    for (int i = 0; i < rows; i++) {
        const float *yi = y + (size_t)i * (size_t)d;
        const float *dyi = dy + (size_t)i * (size_t)d;
        float *dxi = dx + (size_t)i * (size_t)d;
        const float scale = r[i];
        const float pull = vector_dot(dyi, yi, (size_t)d) / (float)d;
#pragma omp simd
        for (int j = 0; j < d; j++) dxi[j] = scale * (dyi[j] - yi[j] * pull);
    }
}
