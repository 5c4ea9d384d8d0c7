#include "nn/head_norm.h"

#include <math.h>
#include <stddef.h>

#include "math/vector.h"

/* A sum that overflows gives NaN, as in nn/rmsnorm.c. */
static float factor(const float *x, int n) {
    const float squares = vector_dot(x, x, (size_t)n);
    return isfinite(squares) ? 1.0f / sqrtf(squares / (float)n + 1e-5f) : NAN;
}

void head_norm_forward(float *x, int ld, const float *scale, int rows, int heads, int head_dim) {
    for (int i = 0; i < rows; i++)
        for (int k = 0; k < heads; k++) {
            float *at = x + (size_t)i * (size_t)ld + (size_t)k * (size_t)head_dim;
            vector_scale(at, factor(at, head_dim) * (scale ? scale[k] : 1.0f), (size_t)head_dim);
        }
}

/* With u = x r:  dx = s r (dy - u · mean(dy u));  ds += Σ dy u. */
void head_norm_backward(float *dx, int ld, float *dscale, const float *x, int ldx, const float *scale, int rows,
                        int heads, int head_dim) {
    for (int i = 0; i < rows; i++)
        for (int k = 0; k < heads; k++) {
            float *d = dx + (size_t)i * (size_t)ld + (size_t)k * (size_t)head_dim;
            const float *at = x + (size_t)i * (size_t)ldx + (size_t)k * (size_t)head_dim;
            const float r = factor(at, head_dim);
            const float along = vector_dot(d, at, (size_t)head_dim) * r;
            const float pull = along * r / (float)head_dim;
            const float s = r * (scale ? scale[k] : 1.0f);
#pragma omp simd
            for (int j = 0; j < head_dim; j++) d[j] = s * (d[j] - at[j] * pull);
            if (dscale) dscale[k] += along;
        }
}
