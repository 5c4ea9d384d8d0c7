#include "nn/rmsnorm.h"

#include <math.h>
#include <stddef.h>

#include "math/vector.h"

void rmsnorm_forward(float *y, float *r, const float *x, const float *gain, int rows, int d) {
    for (int i = 0; i < rows; i++) {
        const float *xi = x + (size_t)i * (size_t)d;
        float *yi = y + (size_t)i * (size_t)d;
        const float squares = vector_dot(xi, xi, (size_t)d);
        /* A sum that overflows would make the factor 0 and hide a diverged stream: make it NaN. */
        float scale = isfinite(squares) ? 1.0f / sqrtf(squares / (float)d + 1e-5f) : NAN;
        if (r) r[i] = scale;
#pragma omp simd
        for (int j = 0; j < d; j++) yi[j] = xi[j] * scale * gain[j];
    }
}

/* With u = x r:  dx += r (dy g - u · mean(dy g u));  dg += Σ dy u. */
void rmsnorm_backward(float *dx, float *dgain, const float *dy, const float *x, const float *r, const float *gain,
                      int rows, int d) {
    for (int i = 0; i < rows; i++) {
        const float *xi = x + (size_t)i * (size_t)d;
        const float *dyi = dy + (size_t)i * (size_t)d;
        float *dxi = dx + (size_t)i * (size_t)d;
        const float scale = r[i];
        float dot = 0;
#pragma omp simd reduction(+ : dot)
        for (int j = 0; j < d; j++) dot += dyi[j] * gain[j] * xi[j];
        const float pull = dot * scale * scale / (float)d;
#pragma omp simd
        for (int j = 0; j < d; j++) dxi[j] += scale * (dyi[j] * gain[j] - xi[j] * pull);
        if (!dgain) continue;
#pragma omp simd
        for (int j = 0; j < d; j++) dgain[j] += dyi[j] * xi[j] * scale;
    }
}
