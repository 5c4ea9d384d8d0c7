/* Scores of a model on a corpus.
 *
 * For each sequence x the fast loop fits a posterior q(z|x). Every figure but `fitted_noise` is taken with noise that
 * the fit never saw: bound, iwae and prior are upper bounds on -log p(x) in expectation, whatever the fit did.
 *
 *     recon = E_q[-log p(x|z)],   KL = KL(q || N(0, I)),   bound = recon + KL >= -log p(x)   (the negative ELBO)
 *     iwae  = -log 1/K Σ p(x|z) p(z) / q(z),   K draws of z ~ q: falls from the bound to -log p(x) as K grows
 *     continuation: z is fitted on the first part of a sequence; E_q[-log p(rest | first part, z)] under that fit,
 *             averaged over S draws: what a draw of z predicts of text that the fit has not seen; mixing draws could
 *             only do better
 *     prior = -log 1/K Σ p(x|z),   K draws of z from the prior: the decoder without any fit
 *     start = the bound with no fast step, of a model with latent.encoder; gap = start - bound, the amortisation gap
 *     fitted_noise: the published score, under the noise that the fit knew (fast.noise = fixed). Not a bound.
 *
 * With eval.exit a position leaves the loops of the core by a rule that looks at itself and what came before alone, so all this
 * holds of the model that leaves so: its scores are bounds on its own -log p(x). z is fitted with all loops.
 *
 * Without latents (latent.count = 0) each is the exact -log p. No sequence is ever left out: where the fast loop diverges, the
 * prior is the posterior, and `diverged` counts it; where a score is not finite even so, there is no result. */
#pragma once

#include <stdint.h>

#include "ltm/model.h"
#include "ltm/status.h"
#include "ltm/watch.h"

LTM_C_BEGIN

/* A mean over sequences and its standard error (NaN for a single sequence). */
struct ltm_score {
    double mean, error;
};

/* One figure in three units; NaN where it was not asked for, bits also without a tokenizer. */
struct ltm_measure {
    struct ltm_score nats;       /* a token */
    struct ltm_score bits;       /* a byte of text: bits of all sequences over bytes of all */
    struct ltm_score perplexity; /* e^nats; its error is of first order */
};

/* Loops of the core that tokens ran, sums over the samples of recon (a token of S samples counts 1 / S in each). */
enum { LTM_DEPTH_BINS = 16 };
struct ltm_depth_bin {
    double tokens, loops;
};
struct ltm_depth {
    double mean; /* loops a token */
    struct ltm_depth_bin
        surprise[LTM_DEPTH_BINS]; /* tokens whose -log p lies in [i, i + 1) nats, the last one all above */
    struct ltm_depth_bin position[LTM_DEPTH_BINS]; /* tokens of a sequence's i-th sixteenth */
};

struct ltm_eval_result {
    struct ltm_measure recon, kl, bound, iwae, prior, fitted_noise;
    struct ltm_measure start,
        gap; /* latent.encoder: the bound where a posterior starts; that less the bound, what amortising costs */
    struct ltm_measure continuation;       /* per token, or byte, of the rest */
    struct ltm_measure continuation_prior; /* of the rest, with z from the prior: what the fit is worth beyond that */
    int64_t sequences, tokens, bytes;      /* bytes 0 without a tokenizer */
    int64_t diverged;                      /* sequences of which a fit diverged: scored under the prior in its place */
    int first_part;                        /* tokens of a sequence on which z was fitted for `continuation`, or 0 */
    int samples, iwae_samples, prior_samples;
    int loops;              /* the most that a token may run */
    struct ltm_depth depth; /* bins are empty, and the mean is loops, where none leaves early (eval.exit = fixed) */
    int fast_steps;
    double fast_lr;
    double seconds;
};

/* Score model on a corpus folder as config->eval and config->fast say (start from ltm_model_config and change what you
 * like; the model's shape is the checkpoint's; data.packing may be packed or document for any model). LTM_MISMATCH when the corpus was made with another tokenizer. */
ltm_status ltm_eval(const struct ltm_model *model, const char *corpus, const struct ltm_config *config,
                    const struct ltm_watch *watch, struct ltm_eval_result *result, struct ltm_error *error);

LTM_C_END
