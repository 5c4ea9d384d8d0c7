#include "math/vector.h"

#include <float.h>
#include <math.h>

float vector_dot(const float *a, const float *b, size_t n) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

double vector_sum_squares(const float *a, size_t n) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * (double)a[i];
    return sum;
}

bool vector_finite(const float *a, size_t n) {
    int wrong = 0;
#pragma omp simd reduction(| : wrong)
    for (size_t i = 0; i < n; i++) wrong |= !(fabsf(a[i]) <= FLT_MAX);
    return !wrong;
}

float vector_max(const float *a, size_t n) {
    enum { LANES = 32 }; /* compilers do not all reduce a maximum, but all vectorise this */
    float lane[LANES];
    for (int j = 0; j < LANES; j++) lane[j] = -INFINITY;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int j = 0; j < LANES; j++) lane[j] = a[i + (size_t)j] > lane[j] ? a[i + (size_t)j] : lane[j];
    float most = -INFINITY;
    for (; i < n; i++) most = a[i] > most ? a[i] : most;
    for (int j = 0; j < LANES; j++) most = lane[j] > most ? lane[j] : most;
    return most;
}

void vector_add(float *y, const float *x, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) y[i] += x[i];
}

void vector_scale(float *y, float factor, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) y[i] *= factor;
}

void vector_multiply(float *y, const float *x, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) y[i] *= x[i];
}

float vector_exp_sum(float *x, float shift, size_t n) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) {
        float e = vector_exp1(x[i] - shift);
        x[i] = e;
        sum += e;
    }
    return sum;
}

void vector_exp(float *x, float shift, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) x[i] = vector_exp1(x[i] - shift);
}

void vector_softcap(float *x, float *slope, float cap, size_t n) {
    const float inverse = 1.0f / cap;
    if (!slope) {
#pragma omp simd
        for (size_t i = 0; i < n; i++) x[i] = cap * vector_tanh1(x[i] * inverse);
        return;
    }
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        const float t = vector_tanh1(x[i] * inverse);
        x[i] = cap * t;
        slope[i] = 1.0f - t * t;
    }
}
