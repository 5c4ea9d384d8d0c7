#include "latent/posterior.h"

#include "math/vector.h"

void posterior_sample(float *z, const float *mu, const float *logvar, const float *noise, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) z[i] = mu[i] + vector_exp1(0.5f * logvar[i]) * noise[i];
}

double posterior_kl(const float *mu, const float *logvar, size_t n) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) sum += (double)(mu[i] * mu[i]) + (double)(vector_exp1(logvar[i]) - 1.0f - logvar[i]);
    return 0.5 * sum;
}

double posterior_log_ratio(const float *z, const float *logvar, const float *noise, size_t n) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) sum += (double)(noise[i] * noise[i] - z[i] * z[i] + logvar[i]);
    return 0.5 * sum;
}
