/* `adam`, the published method: one AdamW step down the negative ELBO, β = (0.9, 0.999). dz is taken at z = μ + σ ε, so
 *
 *     g_μ = dz + μ,     g_logvar = ½ (dz ε σ + σ² - 1). */
#include <math.h>

#include "latent/fast_method.h"
#include "math/vector.h"

enum { MU_FIRST, MU_SECOND, LOGVAR_FIRST, LOGVAR_SECOND, ARRAYS }; /* the two moments of each */

struct rates {
    float keep, rate, root; /* 1 - lr · decay, lr / (1 - β1^t), 1 / √(1 - β2^t) */
};

static inline float step1(float value, float gradient, float *first, float *second, struct rates r) {
    *first += 0.1f * (gradient - *first);
    *second += 0.001f * (gradient * gradient - *second);
    return value * r.keep - r.rate * *first / (sqrtf(*second) * r.root + 1e-8f);
}

static void step(struct fast_fit *fit) {
    const int count = fit->step + 1;
    const struct rates rates = {.keep = (float)(1.0 - fit->rate * fit->config->weight_decay),
                                .rate = (float)(fit->rate / (1.0 - pow(0.9, count))),
                                .root = (float)(1.0 / sqrt(1.0 - pow(0.999, count)))};
    const float *dz = fit->dz;
    const float *noise = fit->noise;
    float *mu = fit->mu;
    float *logvar = fit->logvar;
    float *mu1 = fit->kept[MU_FIRST];
    float *mu2 = fit->kept[MU_SECOND];
    float *lv1 = fit->kept[LOGVAR_FIRST];
    float *lv2 = fit->kept[LOGVAR_SECOND];
#pragma omp simd
    for (size_t i = 0; i < fit->n; i++) {
        const float sigma = vector_exp1(0.5f * logvar[i]);
        const float g_mu = dz[i] + mu[i];
        const float g_logvar = 0.5f * (dz[i] * noise[i] * sigma + sigma * sigma - 1.0f);
        mu[i] = step1(mu[i], g_mu, &mu1[i], &mu2[i], rates);
        logvar[i] = step1(logvar[i], g_logvar, &lv1[i], &lv2[i], rates);
    }
}

const struct fast_method method_adam = {
    .name = "adam",
    .help = "as published; fast.lr = auto is 0.1",
    .lr = 0.1,
    .arrays = ARRAYS,
    .place = fast_method_draw,
    .step = step,
};
