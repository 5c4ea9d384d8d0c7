/* Scores of a model on a corpus.
 *
 * For each sequence x the fast loop fits a posterior q(z|x). Every score except `fitted_noise` uses noise that the fit
 * never saw: bound, iwae and prior are upper bounds on -log p(x) in expectation, whatever the fit did.
 *
 *     recon = E_q[-log p(x|z)],   KL = KL(q || N(0, I)),   bound = recon + KL >= -log p(x)   (the negative ELBO)
 *     iwae  = -log 1/K Σ p(x|z) p(z) / q(z),   K draws of z ~ q: falls from the bound to -log p(x) as K grows
 *     continuation: z is fitted on the first part of a sequence; E_q[-log p(rest | first part, z)] under that fit,
 *             averaged over S draws: what one draw of z predicts of text that the fit has not seen; mixing draws could
 *             only do better
 *     prior = -log 1/K Σ p(x|z),   K draws of z from the prior: the decoder without any fit
 *     start = the bound without any fast step, for a model with latent.encoder; gap = start - bound, the amortisation gap
 *     fitted_noise: the published score, under the noise that the fit knew (fast.noise = fixed). Not a bound.
 *
 * With eval.exit a position leaves the loops of the core by a rule that depends only on itself and earlier positions, so all this
 * holds for the model with exits: its scores are bounds on its own -log p(x). z is fitted with all loops.
 *
 * Without latents (latent.count = 0) each score is the exact -log p. No sequence is ever skipped: if the fast loop diverges, the
 * prior replaces the posterior, and `diverged` counts it; if a score is still not finite, there is no result. */
#pragma once

#include <stdint.h>

#include "ltm/model.h"
#include "ltm/status.h"
#include "ltm/stream_scores.h"
#include "ltm/watch.h"

LTM_C_BEGIN

/* A mean over sequences and its standard error (NaN for a single sequence). */
struct ltm_score {
    double mean, error;
};

/* One score in three units; NaN if not requested, bits also without a tokenizer. */
struct ltm_measure {
    struct ltm_score nats;       /* per token */
    struct ltm_score bits;       /* per byte of text: bits of all sequences over bytes of all */
    struct ltm_score perplexity; /* e^nats; its error is a first-order estimate */
};

/* Loops of the core that tokens ran, summed over the samples of recon (with S samples, a token counts 1 / S in each). */
enum { LTM_DEPTH_BINS = 16 };
struct ltm_depth_bin {
    double tokens, loops;
};
struct ltm_depth {
    double mean;                                   /* loops per token */
    struct ltm_depth_bin surprise[LTM_DEPTH_BINS]; /* of -log p in [i, i + 1) nats; the last has no upper limit */
    struct ltm_depth_bin position[LTM_DEPTH_BINS]; /* in a sequence's i-th sixteenth */
};

struct ltm_eval_result {
    struct ltm_measure recon, kl, bound, iwae, prior, fitted_noise;
    struct ltm_measure start,
        gap; /* latent.encoder: the bound where a posterior starts; start - bound, the cost of amortising */
    struct ltm_measure continuation;       /* per token, or byte, of the rest */
    struct ltm_measure continuation_prior; /* of the rest, with z from the prior: shows what the fit adds */
    struct ltm_measure drawn, frozen, others,
        zero;                         /* for streaming latents; recon and bound are then exact and equal */
    struct ltm_stream_scores stream;  /* likewise; otherwise its parts are 0 */
    int64_t sequences, tokens, bytes; /* bytes: 0 without a tokenizer */
    int64_t diverged;                 /* sequences with a fit that diverged; they are scored under the prior */
    int first_part;                   /* tokens of a sequence on which z was fitted for `continuation`, or 0 */
    int samples, iwae_samples, prior_samples;
    int loops;              /* the most that a token may run */
    struct ltm_depth depth; /* with eval.exit = fixed the bins are empty, and the mean is loops */
    int fast_steps;
    double fast_lr;
    double seconds;
};

/* Score model on a corpus folder as set in config->eval and config->fast (start from ltm_model_config and change what you
 * like; the model's shape is the checkpoint's; data.packing may be packed or document for any model). LTM_MISMATCH if the corpus was made with another tokenizer. */
ltm_status ltm_eval(const struct ltm_model *model, const char *corpus, const struct ltm_config *config,
                    const struct ltm_watch *watch, struct ltm_eval_result *result, struct ltm_error *error);

LTM_C_END
