/* One step of each method that fits a posterior. dz (n) is always the gradient of -log p(x|z) at the z just tried; the prior's
 * part is added here.
 *
 * `adam` is the published method. `natural` and `langevin` are the alternatives: one steps in the metric of the Gaussian
 * itself, the other is the paper's sampler. */
#ifndef LATENT_POSTERIOR_STEPS_H
#define LATENT_POSTERIOR_STEPS_H

#include <stddef.h>

/* Adam's two moments of μ and of log σ², each (n). */
struct posterior_moments {
    float *mu_first, *mu_second, *logvar_first, *logvar_second;
};

struct posterior_step {
    double lr, weight_decay;
    int count; /* steps taken, this one included */
};

/* One AdamW step down the negative ELBO, β = (0.9, 0.999). dz is taken at z = μ + σ ε, so
 *
 *     g_μ = dz + μ,     g_logvar = ½ (dz ε σ + σ² - 1). */
void posterior_adam(float *mu, float *logvar, struct posterior_moments *moments, const float *dz, const float *noise,
                    struct posterior_step step, size_t n);

/* One natural-gradient step on a diagonal Gaussian of precision λ = 1/σ². dz is taken at z = μ + ε/√λ, so that by Stein's
 * identity ε dz/σ has the diagonal of the Hessian of -log p(x|z) for its mean under q:
 *
 *     h ← (1 - ρ) h + ρ ε dz/σ,     λ ← 1 + max(h, 0),     μ ← μ - α (dz + μ)/λ,     |the last| <= trust/√λ.
 *
 * The prior's curvature 1 is λ's floor: a likelihood that tells nothing, or curves downwards, leaves the prior's variance.
 * h (n) itself keeps its sign, or the noise of its estimates would be taken for curvature. It starts at 1/σ² - 1.
 *
 * The first steps know little of the curvature. Where the text says much about z they would throw μ far away: with trust 0 (none)
 * a model of two latent numbers went from 178 to 378,746 nats in a step and was back after 64; with trust 1 it stood at 154 after
 * that step and at 111 after 16. In units of σ no scale of the model enters, and a step costs at most ½ trust² nats of KL an entry.
 * Source: variational online Newton and its kin (Khan et al., "Fast and scalable Bayesian deep learning by weight-perturbation
 * in Adam", ICML 2018); no weight decay, since the prior's own pull is in the step. */
struct natural_rates {
    double alpha, rho, trust;
};
void posterior_natural(float *mu, float *logvar, float *curvature, const float *dz, const float *noise,
                       struct natural_rates rates, size_t n);

/* h = 1/σ² - 1, where `natural` starts. */
void posterior_natural_start(float *curvature, const float *logvar, size_t n);

/* One step of unadjusted Langevin dynamics on -log p(x, z), the paper's alternative to a variational fit,
 *
 *     z ← z - s (dz + z) + √(2s) ε,     pull ← (1 - s) pull - s dz.
 *
 * z - pull is where the same noise takes a chain that sees the prior alone: pull (n), at first 0, is what the text did. */
void posterior_langevin(float *z, float *pull, const float *dz, const float *noise, double s, size_t n);

/* What the later half of a chain has visited: counts; sums (n) of z, of pull, and of z² - (z - pull)². */
struct posterior_visits {
    int count;
    float *sum, *pull_sum, *squares;
};

void posterior_visit(struct posterior_visits *visits, const float *z, const float *pull, size_t n);

/* The Gaussian that stands for a chain's law. A chain ends in a sample whose density nobody can write down; a bound needs a q
 * that can be drawn from and evaluated. Any q made from the chain's past and drawn from with new noise gives a valid bound.
 * With the plain mean and variance of m visits it is a very loose one: in the many entries of which the text says nothing they
 * scatter about the prior's 0 and 1 and each pays KL for chance (6 nats a token on a small model). So the chain of the prior
 * with the same noise, whose mean 0 and variance 1 are known, serves as control variate:
 *
 *     μ = mean pull,     σ² = 1 + (Σ (z - mean z)² - Σ (z' - mean z')²) / (c + m - 1),   z' = z - pull,
 *
 * exactly the prior where the text says nothing; as m grows they tend to the chain's own mean and (for small s) variance. c =
 * POSTERIOR_PRIOR_VISITS keeps few visits from saying much; no σ² is below c / (c + m - 1). */
enum { POSTERIOR_PRIOR_VISITS = 4 };
void posterior_from_visits(float *mu, float *logvar, const struct posterior_visits *visits, size_t n);

#endif
