#include "nn/swiglu.h"

#include <stddef.h>

#include "math/vector.h"

void swiglu_forward(float *s, const float *ab, int rows, int width) {
    for (int i = 0; i < rows; i++) {
        const float *a = ab + (size_t)i * 2 * (size_t)width;
        const float *b = a + width;
        float *out = s + (size_t)i * (size_t)width;
#pragma omp simd
        for (int j = 0; j < width; j++) out[j] = a[j] * vector_sigmoid1(a[j]) * b[j];
    }
}

/* With σ = sigmoid(a):  da = ds b σ (1 + a (1 - σ)),  db = ds a σ. */
void swiglu_backward(float *dab, const float *ds, const float *ab, int rows, int width) {
    for (int i = 0; i < rows; i++) {
        const float *a = ab + (size_t)i * 2 * (size_t)width;
        const float *b = a + width;
        const float *dsi = ds + (size_t)i * (size_t)width;
        float *da = dab + (size_t)i * 2 * (size_t)width;
        float *db = da + width;
#pragma omp simd
        for (int j = 0; j < width; j++) {
            float sigma = vector_sigmoid1(a[j]);
            float silu = a[j] * sigma;
            da[j] = dsi[j] * b[j] * (sigma + silu * (1.0f - sigma));
            db[j] = dsi[j] * silu;
        }
    }
}
