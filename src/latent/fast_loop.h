/* The fast loop: a few gradient steps that fit the posteriors of a group of sequences with fixed weights (paper,
 * algorithm 1).
 *
 * Gradients reach μ and log σ² only; no weight gradient is computed here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "latent/fast_method.h"
#include "latent/fast_part.h"
#include "latent/posterior.h"
#include "ltm/config.h"
#include "model/decoder.h"

/* One thread's posteriors, for a group of up to G sequences: each array is (G, N_z, d), except nll (G, T). */
struct fast_loop {
    void *block;
    size_t latents; /* N_z d of one sequence */
    float *mu, *logvar, *noise, *z, *dz;
    float *kept[FAST_METHOD_ARRAYS]; /* the method's own; NULL beyond those that the loop was created for */
    const float *weights;            /* (G, T), borrowed: token weights in fit and sums; initially NULL = 1 each */
    const float *fit_weights;        /* (G, T), borrowed: its weight in the fit, if different; initially NULL */
    const struct fast_part *part;    /* borrowed: steps take a part of the text each; initially NULL = all of it */
    float *nll;
    float *first_dz; /* the first step's dz, which trains an encoder; NULL without one */
    double *start;   /* (G): negative ELBO at the start of the fit, under its first noise */
    bool *diverged;  /* (G): in the last fast_loop_run; false after fast_loop_start */
    float kl_weight; /* of the KL relative to the likelihood; 1 after fast_loop_start */
};

/* For the method of `config`, or for any method if that is NULL. */
ltm_status fast_loop_create(struct fast_loop *loop, const struct decoder *decoder, const struct ltm_fast_config *config,
                            int sequences, int length, struct ltm_error *error);
void fast_loop_free(struct fast_loop *loop);
size_t fast_loop_bytes(const struct ltm_model_config *model, const struct ltm_fast_config *config, int sequences,
                       int length);

/* The source of noise: the key's seed, purpose and slow step, and each sequence's own number. */
struct noise_source {
    struct random_key key;
    const uint32_t *sequences; /* (G) */
};

/* ε (G, N_z, d) for fast step (or sample) `fast`. */
void fast_loop_draw(struct fast_loop *loop, const struct noise_source *source, int sequences, int fast);

/* Rate of step s of S: cosine from η to a tenth, η/10 + ½ (1 + cos(π s / S)) (η - η/10); or η throughout. */
double fast_rate(const struct ltm_fast_config *config, int step);

/* Initialise μ and log σ² from the configuration, and the method's state with them. */
void fast_loop_start(struct fast_loop *loop, const struct ltm_fast_config *config, int sequences);

/* The prior instead of a fit: μ and log σ² are 0. */
void fast_loop_prior(struct fast_loop *loop, int sequences);

/* What the fit descends: nll (G, T) of each token at z, each times its weight where `weights` is not NULL, and dz, the
 * gradient of their sum. */
struct latent_gradient {
    void *user;
    void (*take)(void *user, int s, const float *z, const float *weights, float *nll, float *dz);
    int length; /* T */
};

/* With a kl_weight β other than 1, set between start and run, the steps minimise -log p(x|z)/β + KL: training may let z
 * carry more at first. Any such fit still gives a valid bound, recon + KL.
 *
 * With an encoder the fit starts where it says, given only the input of the pass (decoder_start).
 * Take config->steps steps for the sequences of the pass's decoder_begin, by config->method (latent/fast_method.h) at
 * config->lr (not auto). With noise `fresh` each step draws its own ε, with `fixed` all use that of step 0; a NULL source
 * uses loop->noise unchanged. With loop->part the steps take the parts of the text in turn, from one that a slow step draws
 * for all sequences. trace, unless NULL, (steps, G): negative ELBO before each step, under the fit's own noise (not a bound).
 *
 * A fit that diverged is replaced by the prior and marked in loop->diverged: if μ or log σ² is not finite, or the KL
 * alone is FAST_LOOP_DIVERGED times the negative ELBO at the start (which no text can recover, since -log p >= 0). This
 * depends only on the fit's own noise and text, so a score under new noise is still a valid bound. Sequences of a group
 * do not interact in the fast loop: the others keep their bits. */
enum { FAST_LOOP_DIVERGED = 10 };
void fast_loop_run(struct fast_loop *loop, struct decoder_pass *pass, const struct ltm_fast_config *config,
                   const struct noise_source *source, int sequences, int length, double *trace);

/* The same steps down any gradient, from the posteriors as fast_loop_start leaves them. */
void fast_loop_fit(struct fast_loop *loop, const struct latent_gradient *gradient, const struct ltm_fast_config *config,
                   const struct noise_source *source, int sequences, double *trace);

/* One step at config->lr from the current posteriors, by loop->dz and nll at z = μ + σ ε under loop->noise, however
 * computed; posteriors that diverge are replaced as above. */
void fast_loop_step(struct fast_loop *loop, const struct ltm_fast_config *config, int sequences, int length);

/* -log p(x|z) of the group's sequence g from token `from` of `length` on, as last computed into nll, each token times
 * its weight. */
double fast_loop_nll(const struct fast_loop *loop, int g, int from, int length);

/* KL of the group's i-th posterior, nats. */
double fast_loop_kl(const struct fast_loop *loop, int i);
