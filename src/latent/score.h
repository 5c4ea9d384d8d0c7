/* Scoring sequences: fit each posterior, then compute scores with noise that the fit has not seen.
 *
 *     recon = E_q[-log p(x|z)],   KL = KL(q || N(0, I)),   recon + KL >= -log p(x)   in expectation, whatever q is;
 *     iwae  = -log 1/K Σ_k p(x|z_k) p(z_k) / q(z_k),   z_k ~ q:   between that and -log p(x), falling with K
 *             (Burda et al., "Importance weighted autoencoders", ICLR 2016);
 *     prior = the same with z_k ~ N(0, I): -log 1/K Σ_k p(x|z_k), the decoder without a fit;
 *     rest  = E_q[-log p(x_>P | x_<=P, z)] with q fitted on the first P tokens only. By Jensen it is at least
 *             -log E_q[p(x_>P | x_<=P, z)], the code length of a prediction that mixes over q; neither has seen the
 * rest. (Not a
 *             bound on the model's exact -log p(x_>P | x_<=P), which such a prediction may beat.)
 *     start = recon + KL of the encoder's q, under the same draws;   gap = start - (recon + KL): the amortisation gap;
 *     fitted = -log p(x|z) + KL at the z of the fit's own fixed noise: the published score, NOT a bound. A fit that
 *             knows its noise moves μ and σ to make this one z good, without paying for its precision. */
#pragma once

#include <signal.h>

#include <stdint.h>

#include "latent/sequence_score.h"
#include "latent/workers.h"
#include "ltm/eval.h"
#include "ltm/watch.h"

/* Data of each sequence for the study of latents; the caller's arrays for all sequences, initially zero, or NULL. */
struct score_dump {
    int32_t *tokens, *targets;  /* (count, T) */
    float *mu, *logvar, *noise; /* (count, N_z, d); noise of the first sample */
    float *states;              /* (count, T, d): the input of the decoder's output layer there; NULL = not wanted */
    size_t dim;                 /* d, if states are wanted */
    float *nll;                 /* (count, T): -log p(x_t | x_<t, z) of the first sample; 0 where it is masked */
};

/* The number of `count` sequences whose fit diverged; *first becomes the first of them. */
int64_t score_diverged(const struct sequence_score *scores, int64_t count, int64_t *first);

struct score_options {
    struct ltm_fast_config fast;
    int samples;       /* S, draws of z for recon and rest */
    int iwae, prior;   /* K of each, 0 = off; iwae shares its first draws with recon */
    int first_part;    /* P, tokens on which z is fitted for `rest`, below T; 0 = off */
    bool answers;      /* compute `answers` and `matches`, at the first draw, if tokens have weights */
    bool fitted_noise; /* compute `fitted`, if fast.noise is fixed */
    bool start;        /* compute `start` and `gap`, if the model has an encoder */
    uint64_t seed;
    const struct score_dump *dump; /* or NULL */
    struct ltm_depth *depths;      /* (count), initially zero, if the decoder's positions leave loops; otherwise NULL */
    const struct ltm_watch *watch; /* or NULL */
    const volatile sig_atomic_t
        *stop; /* or NULL: once nonzero, no further group starts: LTM_INTERRUPTED, unless all have */
};

/* Score all sequences of the source, workers->length tokens each; scores (count). A sequence whose fit diverges is
 * scored under the prior, which still gives a valid bound; it is counted and reported to the watch. Processes divide
 * the groups and all get all scores: each calls it with the same sequences. The result is the same for any number of
 * threads and processes. LTM_NUMERIC names the sequence if a score is not finite. */
ltm_status score_sequences(struct sequence_score *scores, struct workers *workers, const struct sequence_source *source,
                           const struct score_options *options, struct ltm_error *error);

/* recon, KL and their sum over all sequences, per token, with standard errors of these ratios. */
struct score_summary {
    double recon, kl, bound, recon_error, kl_error, bound_error;
};

struct score_summary score_summarise(const struct sequence_score *scores, int64_t count);
