/* `langevin`: unadjusted Langevin dynamics on -log p(x, z), the paper's alternative to a variational fit. One chain
 * starts from a draw of the initial posterior; μ is its state until it ends,
 *
 *     z ← z - s (dz + z) + √(2s) ε,     pull ← (1 - s) pull - s dz.
 *
 * z - pull is the chain of the prior alone under the same noise: pull (n), initially 0, is the effect of the text.
 *
 * A chain ends in a sample of unknown density; a bound needs a q that can be sampled and evaluated. Any q made from
 * the chain's past and sampled with new noise gives a valid bound: here a Gaussian fitted to the m states of its
 * second half. With their plain mean and variance the bound is very loose: in the many entries on which the text is
 * uninformative they scatter about the prior's 0 and 1, and each pays KL for chance (6 nats per token on a small
 * model). So the chain of the prior with the same noise, whose mean 0 and variance 1 are known, serves as control
 * variate:
 *
 *     μ = mean pull,     σ² = 1 + (Σ (z - mean z)² - Σ (z' - mean z')²) / (c + m - 1),   z' = z - pull,
 *
 * exactly the prior where the text is uninformative; as m grows they tend to the chain's own mean and (for small s)
 * variance. c = PRIOR_VISITS limits the effect of few visits; no σ² is below c / (c + m - 1). */
#include <math.h>
#include <string.h>

#include "latent/fast_method.h"
#include "latent/posterior.h"

enum { PRIOR_VISITS = 4 };

/* Sums over visits: of z, of pull, and of z² - z'². */
enum { PULL, SUM, PULL_SUM, SQUARES, ARRAYS };

static void enter(struct fast_fit *fit) { posterior_sample(fit->mu, fit->mu, fit->logvar, fit->noise, fit->n); }

static void place(struct fast_fit *fit) { memcpy(fit->z, fit->mu, fit->n * sizeof *fit->z); }

static void visit(struct fast_fit *fit) {
    const float *z = fit->mu;
    const float *pull = fit->kept[PULL];
    float *sum = fit->kept[SUM];
    float *pull_sum = fit->kept[PULL_SUM];
    float *squares = fit->kept[SQUARES];
#pragma omp simd
    for (size_t i = 0; i < fit->n; i++) {
        sum[i] += z[i];
        pull_sum[i] += pull[i];
        squares[i] += pull[i] * (2 * z[i] - pull[i]); /* z² - z'² */
    }
}

static void step(struct fast_fit *fit) {
    const float rate = (float)fit->rate;
    const float spread = (float)sqrt(2 * fit->rate);
    const float *dz = fit->dz;
    const float *noise = fit->noise;
    float *z = fit->mu;
    float *pull = fit->kept[PULL];
#pragma omp simd
    for (size_t i = 0; i < fit->n; i++) {
        z[i] += spread * noise[i] - rate * (dz[i] + z[i]);
        pull[i] -= rate * (dz[i] + pull[i]);
    }
    if (2 * (fit->step + 1) > fit->config->steps) visit(fit);
}

static void finish(struct fast_fit *fit) {
    const int first = fit->config->steps / 2;
    const float m = (float)(fit->config->steps - first); /* visits */
    const float all = (float)PRIOR_VISITS + m - 1;
    const float least = (float)PRIOR_VISITS / all;
    for (size_t i = 0; i < fit->n; i++) {
        const float pull = fit->kept[PULL_SUM][i];
        const float means = pull * (2 * fit->kept[SUM][i] - pull) / m;
        const float variance = 1 + (fit->kept[SQUARES][i] - means) / all;
        fit->mu[i] = pull / m;
        fit->logvar[i] = logf(variance < least ? least : variance);
    }
}

static ltm_status check(const struct ltm_config *config, struct ltm_error *error) {
    if (config->fast.noise != LTM_NOISE_FIXED) return LTM_OK;
    return fail(error, LTM_INVALID,
                "fast.method = langevin needs new noise at every step, not fast.noise = fixed; use fresh");
}

const struct fast_method method_langevin = {
    .name = "langevin",
    .help = "one chain of Langevin dynamics and a Gaussian fitted to its second half; fast.lr = auto is 0.1",
    .lr = 0.1,
    .arrays = ARRAYS,
    .enter = enter,
    .place = place,
    .step = step,
    .finish = finish,
    .check = check,
};
