#include "latent/posterior.h"

#include <math.h>

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

struct adam_rates {
    float keep, rate, root; /* 1 - lr · decay, lr / (1 - β1^t), 1 / √(1 - β2^t) */
};

static inline float adam1(float value, float gradient, float *first, float *second, struct adam_rates r) {
    *first += 0.1f * (gradient - *first);
    *second += 0.001f * (gradient * gradient - *second);
    return value * r.keep - r.rate * *first / (sqrtf(*second) * r.root + 1e-8f);
}

void posterior_adam(float *mu, float *logvar, struct posterior_moments *moments, const float *dz, const float *noise,
                    struct posterior_step step, size_t n) {
    const struct adam_rates rates = {.keep = (float)(1.0 - step.lr * step.weight_decay),
                                     .rate = (float)(step.lr / (1.0 - pow(0.9, step.count))),
                                     .root = (float)(1.0 / sqrt(1.0 - pow(0.999, step.count)))};
    float *mu1 = moments->mu_first, *mu2 = moments->mu_second;
    float *lv1 = moments->logvar_first, *lv2 = moments->logvar_second;
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        const float sigma = vector_exp1(0.5f * logvar[i]);
        const float g_mu = dz[i] + mu[i];
        const float g_logvar = 0.5f * (dz[i] * noise[i] * sigma + sigma * sigma - 1.0f);
        mu[i] = adam1(mu[i], g_mu, &mu1[i], &mu2[i], rates);
        logvar[i] = adam1(logvar[i], g_logvar, &lv1[i], &lv2[i], rates);
    }
}
