#include "nn/relu_squared.h"

#include <stddef.h>

/* NaN is not below 0, and stays. */
static float positive(float a) { return a < 0 ? 0 : a; }

void relu_squared_forward(float *s, const float *a, int rows, int width) {
    const size_t n = (size_t)rows * (size_t)width;
#pragma omp simd
    for (size_t i = 0; i < n; i++) s[i] = positive(a[i]) * positive(a[i]);
}

/* da = 2 ds max(a, 0). */
void relu_squared_backward(float *da, const float *ds, const float *a, int rows, int width) {
    const size_t n = (size_t)rows * (size_t)width;
#pragma omp simd
    for (size_t i = 0; i < n; i++) da[i] = 2 * ds[i] * positive(a[i]);
}
