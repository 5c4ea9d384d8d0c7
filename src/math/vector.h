/* Vector kernels: loops over contiguous floats that the compiler vectorises for the machine at hand.
 *
 * `omp simd` with a reduction lets it reorder that one sum; the rest of the program keeps strict arithmetic, so a NaN stays
 * a NaN. The order is fixed by the binary, so results are bit-identical. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* e^x, relative error below 1e-7; x is clamped to [-87.3, 88.3], where the result stays a normal number.
 * Cephes' polynomial on [-ln 2 / 2, ln 2 / 2], then a shift of the exponent. NaN gives NaN. */
static inline float vector_exp1(float x) {
    const float magic = 12582912.0f; /* 1.5 · 2^23: adding it rounds to an integer in the low bits */
    x = x < -87.3f ? -87.3f : x;
    x = x > 88.3f ? 88.3f : x;
    float shifted = x * 1.44269504088896341f + magic;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    float n = shifted - magic;
    float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    bits = (bits + 127u) << 23;
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}

static inline float vector_sigmoid1(float x) { return 1.0f / (1.0f + vector_exp1(-x)); }
static inline float vector_tanh1(float x) { return 2.0f * vector_sigmoid1(2.0f * x) - 1.0f; } /* error below 2e-7 */

float vector_dot(const float *a, const float *b, size_t n);
double vector_sum_squares(const float *a, size_t n); /* in double */
bool vector_finite(const float *a, size_t n);        /* whether all are finite: no NaN, no infinity */
float vector_max(const float *a, size_t n);
void vector_add(float *y, const float *x, size_t n);      /* y += x */
void vector_scale(float *y, float factor, size_t n);      /* y *= factor */
void vector_multiply(float *y, const float *x, size_t n); /* y *= x */
float vector_exp_sum(float *x, float shift, size_t n);    /* x = e^(x - shift), returns their sum */
void vector_exp(float *x, float shift, size_t n);         /* x = e^(x - shift) */

/* x = cap · tanh(x / cap); slope = its derivative, unless NULL. */
void vector_softcap(float *x, float *slope, float cap, size_t n);
