/* The posterior q(z|x) = N(μ, σ²) of a sequence: arrays μ and log σ² of n = N_z d entries (paper, section 2.2). */
#pragma once

#include <stddef.h>

/* z (n) = μ + σ ⊙ ε */
void posterior_sample(float *z, const float *mu, const float *logvar, const float *noise, size_t n);

/* KL(q || N(0, I)) = ½ Σ (μ² + σ² - 1 - log σ²), nats. */
double posterior_kl(const float *mu, const float *logvar, size_t n);

/* log N(z; 0, I) - log q(z) at z = μ + σ ε: ½ Σ (ε² + log σ² - z²), nats, in double. */
double posterior_log_ratio(const float *z, const float *logvar, const float *noise, size_t n);
