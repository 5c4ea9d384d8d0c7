/* Scores of a model on a corpus.
 *
 * For each sequence the fast loop fits a posterior q(z|x); then S samples with noise that the fit never saw
 * give
 *
 *     recon = E_q[-log p(x|z)],   KL = KL(q || N(0, I)),   bound = recon + KL >= -log p(x)   (the negative
 * ELBO).
 *
 * So `bound` is an upper bound on -log p(x) in expectation, whatever the fit did. */
#ifndef LTM_EVAL_H
#define LTM_EVAL_H

#include <stdint.h>

#include "ltm/model.h"
#include "ltm/status.h"
#include "ltm/watch.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A mean over sequences and its standard error. */
struct ltm_score {
    double mean, error;
};

struct ltm_eval_result {
    struct ltm_score recon, kl, bound; /* nats a token */
    struct ltm_score bits_per_byte;    /* of the bound; NaN without a tokenizer */
    int64_t sequences, tokens, bytes;
    int samples, fast_steps;
    double seconds;
};

/* Score model on a corpus folder as config->eval and config->fast say (start from ltm_model_config and change
 * what you like; the model's shape is the checkpoint's). LTM_MISMATCH when the corpus was made with another
 * tokenizer. */
ltm_status ltm_eval(const struct ltm_model *model, const char *corpus, const struct ltm_config *config,
                    const struct ltm_watch *watch, struct ltm_eval_result *result, struct ltm_error *error);

#ifdef __cplusplus
}
#endif

#endif
