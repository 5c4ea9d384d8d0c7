/* `natural`: one natural-gradient step on a diagonal Gaussian of precision λ = 1/σ². dz is taken at z = μ + ε/√λ, so
 * that by Stein's identity the mean of ε dz/σ under q is the diagonal of the Hessian of -log p(x|z):
 *
 *     h ← (1 - ρ) h + ρ ε dz/σ,     λ ← 1 + max(h, 0),     μ ← μ - α (dz + μ)/λ,     |the last| <= trust/√λ.
 *
 * The prior's curvature 1 is the floor of λ: an uninformative or concave likelihood leaves the prior's variance. h
 * (n) itself keeps its sign; clipped, the noise of its estimates would count as curvature. It starts at 1/σ² - 1.
 *
 * The first steps have a poor estimate of the curvature. If the text is informative about z they would throw μ far off:
 * with trust 0 (none) a model of two latent numbers went from 178 to 378,746 nats in one step and needed 64 to recover;
 * with trust 1 it was at 154 after that step and at 111 after 16. The limit is in units of σ, so it does not depend on
 * the scale of the model, and a step costs at most ½ trust² nats of KL per entry. Source: variational online Newton and
 * related methods (Khan et al., "Fast and scalable Bayesian deep learning by weight-perturbation in Adam", ICML 2018);
 * no weight decay, since the prior's pull is in the step. */
#include <math.h>

#include "latent/fast_method.h"
#include "math/vector.h"

enum { CURVATURE = METHOD_NATURAL_CURVATURE, ARRAYS };

static void start(struct fast_fit *fit) {
    const float *logvar = fit->logvar;
    float *curvature = fit->kept[CURVATURE];
#pragma omp simd
    for (size_t i = 0; i < fit->n; i++) curvature[i] = vector_exp1(-logvar[i]) - 1.0f;
}

static void step(struct fast_fit *fit) {
    const float a = (float)fit->rate;
    const float r = (float)fit->config->curvature_rate;
    const float trust = fit->config->trust > 0 ? (float)fit->config->trust : INFINITY;
    const float *dz = fit->dz;
    const float *noise = fit->noise;
    float *mu = fit->mu;
    float *logvar = fit->logvar;
    float *curvature = fit->kept[CURVATURE];
    /* No logarithm in vector.h: this loop leaves λ in logvar, the next one takes its logarithm. */
#pragma omp simd
    for (size_t i = 0; i < fit->n; i++) {
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
    for (size_t i = 0; i < fit->n; i++) logvar[i] = -logf(logvar[i]);
}

const struct fast_method method_natural = {
    .name = "natural",
    .help = "natural-gradient steps with the posterior's own curvature as metric; fast.lr = auto is 0.5",
    .lr = 0.5,
    .arrays = ARRAYS,
    .start = start,
    .place = fast_method_draw,
    .step = step,
};
