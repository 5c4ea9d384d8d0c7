/* Scoring sequences: fit each one's posterior, then take figures with noise that the fit has never seen.
 *
 *     recon = E_q[-log p(x|z)],   KL = KL(q || N(0, I)),   recon + KL >= -log p(x)   in expectation, whatever q is;
 *     iwae  = -log 1/K Σ_k p(x|z_k) p(z_k) / q(z_k),   z_k ~ q:   between that and -log p(x), falling with K
 *             (Burda et al., "Importance weighted autoencoders", ICLR 2016);
 *     prior = the same with z_k ~ N(0, I): -log 1/K Σ_k p(x|z_k), what the decoder is worth without a fit;
 *     rest  = E_q[-log p(x_>P | x_<=P, z)] with q fitted on the first P tokens alone. By Jensen it is at least
 *             -log E_q[p(x_>P | x_<=P, z)], the code length of a forecast that mixes over q; neither has seen the rest. (Not a
 *             bound on the model's exact -log p(x_>P | x_<=P), which such a forecast may beat.)
 *     start = recon + KL of the q where the encoder starts, under the same draws;   gap = start - (recon + KL): what amortising costs;
 *     fitted = -log p(x|z) + KL at the z of the fit's own, fixed noise: the published score, NOT a bound. A fit that knows its
 *             noise moves μ and σ so that this one z is good, and pays for no precision. */
#pragma once

#include <signal.h>

#include <stdint.h>

#include "latent/sequence_score.h"
#include "latent/workers.h"
#include "ltm/eval.h"
#include "ltm/watch.h"

/* What the study of latents wants of each sequence; arrays of the caller's for all sequences, zero at first, or NULL. */
struct score_dump {
    int32_t *tokens, *targets;  /* (count, T) */
    float *mu, *logvar, *noise; /* (count, N_z, d); noise of the first sample */
    float *states;              /* (count, T, d): what the decoder hands to its output layer there; NULL = not wanted */
    size_t dim;                 /* d, where states are wanted */
    float *nll;                 /* (count, T): -log p(x_t | x_<t, z) of the first sample; 0 where it is masked */
};

/* How many of `count` sequences have a fit that diverged; *first becomes the first of them. */
int64_t score_diverged(const struct sequence_score *scores, int64_t count, int64_t *first);

struct score_options {
    struct ltm_fast_config fast;
    int samples;       /* S, draws of z for recon and rest */
    int iwae, prior;   /* K of each, 0 = not taken; iwae shares its first draws with recon */
    int first_part;    /* P, tokens on which z is fitted for `rest`, below T; 0 = not taken */
    bool answers;      /* take `answers` and `matches`, at the first draw, where tokens have weights */
    bool fitted_noise; /* take `fitted`, where fast.noise is fixed */
    bool start;        /* take `start` and `gap`, where the model has an encoder */
    uint64_t seed;
    const struct score_dump *dump; /* or NULL */
    struct ltm_depth *depths;      /* (count), zero at first, where the decoder's positions leave loops; else NULL */
    const struct ltm_watch *watch; /* or NULL */
    const volatile sig_atomic_t
        *stop; /* or NULL: when it becomes nonzero no further group is begun: LTM_INTERRUPTED, unless all were */
};

/* Score all sequences of the source, workers->length tokens each; scores (count). A sequence whose fit diverges is scored under the prior, which
 * is still a bound, counted, and told to the watch. Processes divide the groups and all
 * get all scores: each calls it with the same sequences. The result is the same for any number of threads and processes. LTM_NUMERIC when a score is not finite, naming the sequence. */
ltm_status score_sequences(struct sequence_score *scores, struct workers *workers, const struct sequence_source *source,
                           const struct score_options *options, struct ltm_error *error);

/* recon, KL and their sum of all sequences over the tokens of all, and standard errors of these ratios. */
struct score_summary {
    double recon, kl, bound, recon_error, kl_error, bound_error;
};

struct score_summary score_summarise(const struct sequence_score *scores, int64_t count);
