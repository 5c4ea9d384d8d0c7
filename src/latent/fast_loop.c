#include "latent/fast_loop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "math/vector.h"
#include "stages/model_shape.h"

static void lay_out(struct fast_loop *loop, struct arena *arena, const struct ltm_model_config *model,
                    const struct ltm_fast_config *config, size_t G, size_t T) {
    const size_t all = G * (size_t)model->latents * (size_t)model->dim;
    float **arrays[] = {&loop->mu, &loop->logvar, &loop->noise, &loop->z, &loop->dz};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) *arrays[i] = ARENA_TAKE(arena, float, all);
    for (int k = 0; k < fast_method_arrays(config); k++) loop->kept[k] = ARENA_TAKE(arena, float, all);
    loop->first_dz = model_encodes(model) ? ARENA_TAKE(arena, float, all) : NULL;
    loop->nll = ARENA_TAKE(arena, float, (G * T));
    loop->start = ARENA_TAKE(arena, double, G);
    loop->diverged = ARENA_TAKE(arena, bool, G);
}

size_t fast_loop_bytes(const struct ltm_model_config *model, const struct ltm_fast_config *config, int sequences,
                       int length) {
    struct fast_loop loop;
    struct arena arena = {0};
    lay_out(&loop, &arena, model, config, (size_t)sequences, (size_t)length);
    return arena.used;
}

ltm_status fast_loop_create(struct fast_loop *loop, const struct decoder *decoder, const struct ltm_fast_config *config,
                            int sequences, int length, struct ltm_error *error) {
    const struct ltm_model_config *model = &decoder->plan.config;
    *loop = (struct fast_loop){.kl_weight = 1, .latents = (size_t)model->latents * (size_t)model->dim};
    ltm_status status =
        memory_zeroed(&loop->block, fast_loop_bytes(model, config, sequences, length), 1, "posteriors", error);
    if (status != LTM_OK) return status;
    struct arena arena = {.base = loop->block};
    lay_out(loop, &arena, model, config, (size_t)sequences, (size_t)length);
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

static void set(struct fast_loop *loop, float mu, float logvar, int sequences) {
    const size_t n = (size_t)sequences * loop->latents;
    for (size_t i = 0; i < n; i++) {
        loop->mu[i] = mu;
        loop->logvar[i] = logvar;
    }
    loop->kl_weight = 1;
    memset(loop->diverged, 0, (size_t)sequences * sizeof *loop->diverged);
}

/* The group's part of the loop, as a method sees it. */
static struct fast_fit fit_of(const struct fast_loop *loop, const struct ltm_fast_config *config, int sequences) {
    struct fast_fit fit = {.config = config,
                           .n = (size_t)sequences * loop->latents,
                           .mu = loop->mu,
                           .logvar = loop->logvar,
                           .z = loop->z,
                           .noise = loop->noise,
                           .dz = loop->dz};
    memcpy(fit.kept, loop->kept, sizeof fit.kept);
    return fit;
}

void fast_loop_start(struct fast_loop *loop, const struct ltm_fast_config *config, int sequences) {
    const struct fast_method *method = fast_method_of(config);
    struct fast_fit fit = fit_of(loop, config, sequences);
    set(loop, (float)config->init_mu, (float)config->init_logvar, sequences);
    for (int k = 0; k < method->arrays; k++) memset(fit.kept[k], 0, fit.n * sizeof(float));
    if (method->start) method->start(&fit);
}

void fast_loop_prior(struct fast_loop *loop, int sequences) { set(loop, 0, 0, sequences); }

static double weighted_nll(const struct fast_loop *loop, const float *weights, int g, int from, int length) {
    const size_t at = (size_t)g * (size_t)length;
    const float *nll = loop->nll + at;
    double sum = 0;
    if (weights) weights += at;
    for (int t = from; t < length; t++) sum += weights ? (double)weights[t] * (double)nll[t] : (double)nll[t];
    return sum;
}

double fast_loop_nll(const struct fast_loop *loop, int g, int from, int length) {
    return weighted_nll(loop, loop->weights, g, from, length);
}

/* Replaces every unusable posterior by the prior (see fast_loop.h). The KL is finite only if all entries are. */
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

void fast_loop_fit(struct fast_loop *loop, const struct latent_gradient *gradient, const struct ltm_fast_config *config,
                   const struct noise_source *source, int sequences, double *trace) {
    const struct fast_method *method = fast_method_of(config);
    const float *weights = loop->fit_weights ? loop->fit_weights : loop->weights;
    const int length = gradient->length;
    struct fast_fit fit = fit_of(loop, config, sequences);
    if (fit.n == 0 || config->steps == 0) return;
    for (int g = 0; g < sequences; g++) loop->start[g] = fast_loop_kl(loop, g);
    if (method->enter) {
        if (source) fast_loop_draw(loop, source, sequences, config->steps); /* not the number of any step */
        method->enter(&fit);
    }
    for (int s = 0; s < config->steps; s++) {
        fit.step = s;
        fit.rate = fast_rate(config, s);
        if (source && (s == 0 || config->noise == LTM_NOISE_FRESH)) fast_loop_draw(loop, source, sequences, s);
        method->place(&fit);
        gradient->take(gradient->user, s, loop->z, weights, loop->nll, loop->dz);
        if (s == 0 && loop->first_dz) memcpy(loop->first_dz, loop->dz, fit.n * sizeof *loop->dz);
        for (int g = 0; s == 0 && g < sequences; g++)
            loop->start[g] += weighted_nll(loop, weights, g, 0, length) / (double)loop->kl_weight;
        for (int g = 0; trace && g < sequences; g++)
            trace[(size_t)s * (size_t)sequences + (size_t)g] =
                fast_loop_kl(loop, g) + weighted_nll(loop, weights, g, 0, length);
        if (loop->kl_weight != 1) vector_scale(loop->dz, 1 / loop->kl_weight, fit.n);
        method->step(&fit);
    }
    if (method->finish) method->finish(&fit);
    contain(loop, sequences);
}

struct of_decoder {
    const struct fast_loop *loop;
    struct decoder_pass *pass;
    const struct ltm_fast_config *config;
    int sequences, length, first; /* the part of the first step */
};

static void of_decoder(void *user, int s, const float *z, const float *weights, float *nll, float *dz) {
    const struct of_decoder *of = user;
    const struct fast_part *part = of->loop->part;
    if (part && part->pass)
        fast_part_gradient(part, (of->first + s) % part->parts, of->config->loops, z, weights, nll, dz, of->sequences,
                           of->length);
    else
        decoder_latent_gradient(of->pass, z, weights, nll, dz);
}

/* The same of all sequences of a slow step. */
static int first_part(const struct fast_part *part, const struct noise_source *source) {
    struct random_key key = {.purpose = RANDOM_FAST_PART};
    if (!part || !part->pass) return 0;
    if (source) key = (struct random_key){source->key.seed, RANDOM_FAST_PART, source->key.step, 0, 0};
    return (int)(random_bits(key, 0) % (uint32_t)part->parts);
}

void fast_loop_run(struct fast_loop *loop, struct decoder_pass *pass, const struct ltm_fast_config *config,
                   const struct noise_source *source, int sequences, int length, double *trace) {
    const struct fast_method *method = fast_method_of(config);
    struct of_decoder of = {loop, pass, config, sequences, length, first_part(loop->part, source)};
    const struct latent_gradient gradient = {&of, of_decoder, length};
    struct fast_fit fit = fit_of(loop, config, sequences);
    if (fit.n && decoder_start(pass, loop->mu, loop->logvar) && method->start) method->start(&fit);
    if (fit.n == 0 || config->steps == 0) return;
    decoder_pass_loops(pass, config->loops);
    fast_loop_fit(loop, &gradient, config, source, sequences, trace);
    decoder_pass_loops(pass, 0);
}

void fast_loop_step(struct fast_loop *loop, const struct ltm_fast_config *config, int sequences, int length) {
    struct fast_fit fit = fit_of(loop, config, sequences);
    fit.rate = config->lr;
    for (int g = 0; g < sequences; g++)
        loop->start[g] = fast_loop_kl(loop, g) + fast_loop_nll(loop, g, 0, length) / (double)loop->kl_weight;
    if (loop->kl_weight != 1) vector_scale(loop->dz, 1 / loop->kl_weight, fit.n);
    fast_method_of(config)->step(&fit);
    contain(loop, sequences);
}

double fast_loop_kl(const struct fast_loop *loop, int i) {
    const size_t at = (size_t)i * loop->latents;
    return posterior_kl(loop->mu + at, loop->logvar + at, loop->latents);
}
