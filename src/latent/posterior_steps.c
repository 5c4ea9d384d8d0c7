#include "latent/posterior_steps.h"

#include <math.h>

#include "math/vector.h"

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
    float *mu1 = moments->mu_first;
    float *mu2 = moments->mu_second;
    float *lv1 = moments->logvar_first;
    float *lv2 = moments->logvar_second;
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        const float sigma = vector_exp1(0.5f * logvar[i]);
        const float g_mu = dz[i] + mu[i];
        const float g_logvar = 0.5f * (dz[i] * noise[i] * sigma + sigma * sigma - 1.0f);
        mu[i] = adam1(mu[i], g_mu, &mu1[i], &mu2[i], rates);
        logvar[i] = adam1(logvar[i], g_logvar, &lv1[i], &lv2[i], rates);
    }
}

void posterior_natural_start(float *curvature, const float *logvar, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) curvature[i] = vector_exp1(-logvar[i]) - 1.0f;
}

void posterior_natural(float *mu, float *logvar, float *curvature, const float *dz, const float *noise,
                       struct natural_rates rates, size_t n) {
    const float a = (float)rates.alpha;
    const float r = (float)rates.rho;
    const float trust = rates.trust > 0 ? (float)rates.trust : INFINITY;
    /* No logarithm in vector.h: this loop leaves λ in logvar, the next one takes its logarithm. */
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        const float root = vector_exp1(-0.5f * logvar[i]); /* √λ = 1/σ */
        const float h = curvature[i] + r * (noise[i] * dz[i] * root - curvature[i]);
        const float lambda = h < 0.0f ? 1.0f : 1.0f + h; /* a NaN stays one */
        curvature[i] = h;
        const float most = trust / sqrtf(lambda);
        float move = a * (dz[i] + mu[i]) / lambda;
        move = move > most ? most : move;
        move = move < -most ? -most : move;
        mu[i] -= move;
        logvar[i] = lambda;
    }
    for (size_t i = 0; i < n; i++) logvar[i] = -logf(logvar[i]);
}

void posterior_langevin(float *z, float *pull, const float *dz, const float *noise, double s, size_t n) {
    const float rate = (float)s;
    const float spread = (float)sqrt(2 * s);
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        z[i] += spread * noise[i] - rate * (dz[i] + z[i]);
        pull[i] -= rate * (dz[i] + pull[i]);
    }
}

void posterior_visit(struct posterior_visits *visits, const float *z, const float *pull, size_t n) {
    float *sum = visits->sum;
    float *pull_sum = visits->pull_sum;
    float *squares = visits->squares;
    visits->count++;
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        sum[i] += z[i];
        pull_sum[i] += pull[i];
        squares[i] += pull[i] * (2 * z[i] - pull[i]); /* z² - z'² */
    }
}

void posterior_from_visits(float *mu, float *logvar, const struct posterior_visits *visits, size_t n) {
    const float m = (float)visits->count;
    const float all = (float)POSTERIOR_PRIOR_VISITS + m - 1;
    const float least = (float)POSTERIOR_PRIOR_VISITS / all;
    for (size_t i = 0; i < n; i++) {
        const float pull = visits->pull_sum[i];
        const float means = pull * (2 * visits->sum[i] - pull) / m;
        const float variance = 1 + (visits->squares[i] - means) / all;
        mu[i] = pull / m;
        logvar[i] = logf(variance < least ? least : variance);
    }
}
