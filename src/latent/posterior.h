/* The posterior q(z|x) = N(μ, σ²) of a sequence: arrays μ and log σ² of n = N_z d entries (paper, section 2.2). */
#ifndef LATENT_POSTERIOR_H
#define LATENT_POSTERIOR_H

#include <stddef.h>

/* z (n) = μ + σ ⊙ ε */
void posterior_sample(float *z, const float *mu, const float *logvar, const float *noise, size_t n);

/* KL(q || N(0, I)) = ½ Σ (μ² + σ² - 1 - log σ²), nats. */
double posterior_kl(const float *mu, const float *logvar, size_t n);

/* Adam's two moments of μ and of log σ², each (n). */
struct posterior_moments {
    float *mu_first, *mu_second, *logvar_first, *logvar_second;
};

struct posterior_step {
    double lr, weight_decay;
    int count; /* steps taken, this one included */
};

/* One AdamW step down the negative ELBO, β = (0.9, 0.999). dz (n) is the gradient of -log p(x|z) at z = μ + σ ε, so
 *
 *     g_μ = dz + μ,     g_logvar = ½ (dz ε σ + σ² - 1). */
void posterior_adam(float *mu, float *logvar, struct posterior_moments *moments, const float *dz, const float *noise,
                    struct posterior_step step, size_t n);

#endif
