#include "latent/fast_loop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "math/vector.h"

static void lay_out(struct fast_loop *loop, struct arena *arena, const struct ltm_model_config *model, size_t G,
                    size_t T) {
    const size_t all = G * (size_t)model->latents * (size_t)model->dim;
    float **arrays[] = {&loop->mu,
                        &loop->logvar,
                        &loop->noise,
                        &loop->z,
                        &loop->dz,
                        &loop->moments.mu_first,
                        &loop->moments.mu_second,
                        &loop->moments.logvar_first,
                        &loop->moments.logvar_second,
                        &loop->curvature,
                        &loop->pull,
                        &loop->visits.sum,
                        &loop->visits.pull_sum,
                        &loop->visits.squares};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) *arrays[i] = ARENA_TAKE(arena, float, all);
    loop->nll = ARENA_TAKE(arena, float, G *T);
    loop->start = ARENA_TAKE(arena, double, G);
    loop->diverged = ARENA_TAKE(arena, bool, G);
}

size_t fast_loop_bytes(const struct ltm_model_config *model, int sequences, int length) {
    struct fast_loop loop;
    struct arena arena = {0};
    lay_out(&loop, &arena, model, (size_t)sequences, (size_t)length);
    return arena.used;
}

ltm_status fast_loop_create(struct fast_loop *loop, const struct decoder *decoder, int sequences, int length,
                            struct ltm_error *error) {
    *loop = (struct fast_loop){.kl_weight = 1,
                               .latents = (size_t)decoder->plan.config.latents * (size_t)decoder->plan.config.dim};
    ltm_status status =
        memory_zeroed(&loop->block, fast_loop_bytes(&decoder->plan.config, sequences, length), 1, "posteriors", error);
    if (status != LTM_OK) return status;
    struct arena arena = {.base = loop->block};
    lay_out(loop, &arena, &decoder->plan.config, (size_t)sequences, (size_t)length);
    return LTM_OK;
}

void fast_loop_free(struct fast_loop *loop) {
    free(loop->block);
    *loop = (struct fast_loop){0};
}

void fast_loop_draw(struct fast_loop *loop, const struct noise_source *source, int sequences, int fast) {
    struct random_key key = source->key;
    key.fast = (uint32_t)fast;
    for (int g = 0; g < sequences; g++) {
        key.sequence = source->sequences[g];
        random_normal(loop->noise + (size_t)g * loop->latents, loop->latents, key);
    }
}

double fast_rate(const struct ltm_fast_config *config, int step) {
    if (config->schedule == LTM_SCHEDULE_CONSTANT) return config->lr;
    const double least = config->lr / 10;
    return least + 0.5 * (1 + cos(acos(-1.0) * step / config->steps)) * (config->lr - least);
}

void fast_loop_start(struct fast_loop *loop, const struct ltm_fast_config *config, int sequences) {
    const size_t n = (size_t)sequences * loop->latents;
    float *const zero[] = {loop->moments.mu_first,
                           loop->moments.mu_second,
                           loop->moments.logvar_first,
                           loop->moments.logvar_second,
                           loop->pull,
                           loop->visits.sum,
                           loop->visits.pull_sum,
                           loop->visits.squares};
    for (size_t i = 0; i < n; i++) {
        loop->mu[i] = (float)config->init_mu;
        loop->logvar[i] = (float)config->init_logvar;
    }
    for (size_t i = 0; i < sizeof zero / sizeof *zero; i++) memset(zero[i], 0, n * sizeof(float));
    loop->visits.count = 0;
    loop->kl_weight = 1;
    memset(loop->diverged, 0, (size_t)sequences * sizeof *loop->diverged);
    posterior_natural_start(loop->curvature, loop->logvar, n);
}

static void take_step(struct fast_loop *loop, const struct ltm_fast_config *config, int s, size_t n) {
    const double rate = fast_rate(config, s);
    switch (config->method) {
    case LTM_FAST_NATURAL:
        posterior_natural(loop->mu, loop->logvar, loop->curvature, loop->dz, loop->noise,
                          (struct natural_rates){rate, config->curvature_rate, config->trust}, n);
        break;
    case LTM_FAST_LANGEVIN:
        posterior_langevin(loop->mu, loop->pull, loop->dz, loop->noise, rate, n);
        if (2 * (s + 1) > config->steps) posterior_visit(&loop->visits, loop->mu, loop->pull, n);
        break;
    default:
        posterior_adam(loop->mu, loop->logvar, &loop->moments, loop->dz, loop->noise,
                       (struct posterior_step){rate, config->weight_decay, s + 1}, n);
    }
}

double fast_loop_nll(const struct fast_loop *loop, int g, int from, int length) {
    const size_t at = (size_t)g * (size_t)length;
    const float *nll = loop->nll + at;
    const float *weights = loop->weights ? loop->weights + at : NULL;
    double sum = 0;
    for (int t = from; t < length; t++) sum += weights ? (double)weights[t] * (double)nll[t] : (double)nll[t];
    return sum;
}

/* The prior in place of every posterior that is of no use (see fast_loop.h). The KL is finite only where all entries are. */
static void contain(struct fast_loop *loop, int sequences) {
    for (int g = 0; g < sequences; g++) {
        const size_t at = (size_t)g * loop->latents;
        const double kl = fast_loop_kl(loop, g);
        loop->diverged[g] = !(isfinite(kl) && kl <= FAST_LOOP_DIVERGED * loop->start[g]);
        if (!loop->diverged[g]) continue;
        memset(loop->mu + at, 0, loop->latents * sizeof *loop->mu);
        memset(loop->logvar + at, 0, loop->latents * sizeof *loop->logvar);
    }
}

void fast_loop_run(struct fast_loop *loop, struct decoder_pass *pass, const struct ltm_fast_config *config,
                   const struct noise_source *source, int sequences, int length, double *trace) {
    const size_t n = (size_t)sequences * loop->latents;
    const bool chain = config->method == LTM_FAST_LANGEVIN;
    if (n == 0 || config->steps == 0) return;
    for (int g = 0; g < sequences; g++) loop->start[g] = fast_loop_kl(loop, g);
    if (chain) {
        if (source) fast_loop_draw(loop, source, sequences, config->steps); /* a number that no step has */
        posterior_sample(loop->mu, loop->mu, loop->logvar, loop->noise, n);
    }
    for (int s = 0; s < config->steps; s++) {
        if (source && (s == 0 || config->noise == LTM_NOISE_FRESH)) fast_loop_draw(loop, source, sequences, s);
        if (chain)
            memcpy(loop->z, loop->mu, n * sizeof *loop->z);
        else
            posterior_sample(loop->z, loop->mu, loop->logvar, loop->noise, n);
        decoder_latent_gradient(pass, loop->z, loop->weights, loop->nll, loop->dz);
        for (int g = 0; s == 0 && g < sequences; g++)
            loop->start[g] += fast_loop_nll(loop, g, 0, length) / (double)loop->kl_weight;
        for (int g = 0; trace && g < sequences; g++)
            trace[(size_t)s * (size_t)sequences + (size_t)g] =
                fast_loop_kl(loop, g) + fast_loop_nll(loop, g, 0, length);
        if (loop->kl_weight != 1) vector_scale(loop->dz, 1 / loop->kl_weight, n);
        take_step(loop, config, s, n);
    }
    if (chain) posterior_from_visits(loop->mu, loop->logvar, &loop->visits, n);
    contain(loop, sequences);
}

double fast_loop_kl(const struct fast_loop *loop, int i) {
    const size_t at = (size_t)i * loop->latents;
    return posterior_kl(loop->mu + at, loop->logvar + at, loop->latents);
}
