/* The fast loop: a few gradient steps that fit the posteriors of a group of sequences, weights held still (paper, algorithm 1).
 *
 * Gradients reach μ and log σ² only; no weight gradient is computed here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "latent/fast_method.h"
#include "latent/posterior.h"
#include "ltm/config.h"
#include "model/decoder.h"

/* One thread's posteriors, for a group of up to G sequences: each array (G, N_z, d) but nll (G, T). */
struct fast_loop {
    void *block;
    size_t latents; /* N_z d of one sequence */
    float *mu, *logvar, *noise, *z, *dz;
    float *kept[FAST_METHOD_ARRAYS]; /* the method's own; NULL beyond those that the loop was made for */
    const float *weights; /* (G, T), borrowed: what each token counts in fit and sums; NULL, as at first, = 1 each */
    const float *fit_weights; /* (G, T), borrowed: what it counts in the fit, if that is another; NULL at first */
    float *nll;
    float *first_dz; /* the first step's dz, by which an encoder learns; NULL where there is none */
    double *start;   /* (G): negative ELBO where the fit began, under its first noise */
    bool *diverged;  /* (G): by the last fast_loop_run; false after fast_loop_start */
    float kl_weight; /* of the KL against the likelihood; 1 after fast_loop_start */
};

/* For the method of `config`, or where that is NULL for any. */
ltm_status fast_loop_create(struct fast_loop *loop, const struct decoder *decoder, const struct ltm_fast_config *config,
                            int sequences, int length, struct ltm_error *error);
void fast_loop_free(struct fast_loop *loop);
size_t fast_loop_bytes(const struct ltm_model_config *model, const struct ltm_fast_config *config, int sequences,
                       int length);

/* Where noise comes from: the key's seed, purpose and slow step, and each sequence's own number. */
struct noise_source {
    struct random_key key;
    const uint32_t *sequences; /* (G) */
};

/* ε (G, N_z, d) for fast step (or sample) `fast`. */
void fast_loop_draw(struct fast_loop *loop, const struct noise_source *source, int sequences, int fast);

/* Rate of step s of S: cosine from η to a tenth, η/10 + ½ (1 + cos(π s / S)) (η - η/10); or η throughout. */
double fast_rate(const struct ltm_fast_config *config, int step);

/* Start μ and log σ² where the configuration says, and what the method remembers with them. */
void fast_loop_start(struct fast_loop *loop, const struct ltm_fast_config *config, int sequences);

/* The prior in place of a fit: μ and log σ² are 0. */
void fast_loop_prior(struct fast_loop *loop, int sequences);

/* With a kl_weight β other than 1, set between start and run, the steps go down -log p(x|z)/β + KL: training may let z say more
 * at first. Any such fit still gives a valid bound, recon + KL.
 *
 * Where the model has an encoder the fit begins where it says, of what the pass has begun with and no more (decoder_start).
 * Take config->steps steps for the sequences of the pass's decoder_begin, by config->method (latent/fast_method.h) at config->lr (not auto). With
 * noise `fresh` each step draws its own ε, with `fixed` step 0's serves all; a NULL source uses loop->noise as it is. trace,
 * unless NULL, (steps, G): negative ELBO before each step, under the fit's own noise (not a bound).
 *
 * A fit that diverged gives its sequence the prior instead, and says so in loop->diverged: where μ or log σ² is not finite, or
 * the KL alone is FAST_LOOP_DIVERGED times the negative ELBO where it began (of which no text can win anything back, since
 * -log p >= 0). That is decided by the fit's own noise and text, so what is scored under new noise stays a bound. Sequences of
 * a group do not meet in the fast loop: the others keep their bits. */
enum { FAST_LOOP_DIVERGED = 10 };
void fast_loop_run(struct fast_loop *loop, struct decoder_pass *pass, const struct ltm_fast_config *config,
                   const struct noise_source *source, int sequences, int length, double *trace);

/* One step at config->lr from where the posteriors stand, by loop->dz and nll at z = μ + σ ε under loop->noise, however they were had; what
 * diverges is replaced as above. */
void fast_loop_step(struct fast_loop *loop, const struct ltm_fast_config *config, int sequences, int length);

/* -log p(x|z) of the group's sequence g from token `from` of `length` on, as last computed into nll: each token by its weight. */
double fast_loop_nll(const struct fast_loop *loop, int g, int from, int length);

/* KL of the group's i-th posterior, nats. */
double fast_loop_kl(const struct fast_loop *loop, int i);
