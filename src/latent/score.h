/* Scoring sequences: fit each one's posterior, then take the negative ELBO with noise that the fit has never seen.
 *
 *     recon = E_q[-log p(x|z)],   KL = KL(q || N(0, I)),   recon + KL >= -log p(x)   in expectation, whatever q is. */
#ifndef LATENT_SCORE_H
#define LATENT_SCORE_H

#include <stdint.h>

#include "latent/workers.h"
#include "ltm/watch.h"

struct sequence_score {
    double recon, kl; /* nats, of the whole sequence */
};

/* What the study of latents wants of each sequence; arrays of the caller's for all sequences, or NULL. */
struct score_dump {
    int32_t *tokens, *targets;  /* (count, T) */
    float *mu, *logvar, *noise; /* (count, N_z, d); noise of the first sample */
    float *nll;                 /* (count, T): -log p(x_t | x_<t, z) of the first sample */
};

struct score_options {
    struct ltm_fast_config fast;
    int samples; /* S, draws of z for recon */
    uint64_t seed;
    const struct score_dump *dump; /* or NULL */
    const struct ltm_watch *watch; /* or NULL */
};

/* Score `count` sequences of workers->length tokens that begin at `starts`; scores (count). The result is the same for any
 * number of threads. LTM_NUMERIC when a score is not finite, naming the sequence. */
ltm_status score_sequences(struct sequence_score *scores, struct workers *workers, const struct token_stream *stream,
                           const int64_t *starts, int64_t count, const struct score_options *options,
                           struct ltm_error *error);

/* Mean over sequences of recon, KL and their sum, in nats a token, and standard errors of the means. */
struct score_summary {
    double recon, kl, bound, recon_error, kl_error, bound_error;
};

struct score_summary score_summarise(const struct sequence_score *scores, int64_t count, int length);

#endif
