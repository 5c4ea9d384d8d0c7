/* Subnetworks: the share of a model's matrix weights that one task needs, found by a learned pruning mask.
 *
 * A mask m of zeros and ones over the weights W of the layers' matrices is learned, W frozen, so that the model with W ⊙ m keeps its
 * answers on the pairs A. Each weight has a score s; m keeps the `keep` share with the highest scores, over all matrices together, and the
 * gradient passes straight through that choice, ds = W ⊙ dL/d(W ⊙ m). During the first 7/10 of the steps the share falls from 1:
 * keep + (1 - keep) (1 - t)³. Then the masked model and its complement, W ⊙ (1 - m), are scored on held-out pairs of A and of another file B.
 * Controls: random masks with as many weights of each matrix, and their complements; and the mask by which learning starts, the weights
 * largest in their matrices, which every mask of a model has in common. A mask that holds a subroutine keeps A
 * where a random one loses it, and its complement keeps B where a random complement does not.
 *
 * Sources: Lepori, Serre and Pavlick, "Break it down: evidence for structural compositionality in neural networks", arXiv 2301.10884; the
 * scores and the falling share: Sanh, Wolf and Rush, "Movement pruning", arXiv 2005.07683. */
#pragma once

#include <stdint.h>

#include "ltm/config.h"
#include "ltm/model.h"
#include "ltm/status.h"
#include "ltm/watch.h"

LTM_C_BEGIN

struct ltm_prune_options {
    double keep;                        /* share of the weights that the mask keeps, above 0 and below 1 */
    int64_t steps;                      /* of Adam on the scores */
    int batch;                          /* pairs a step; a multiple of 4 */
    double lr;                          /* of the scores */
    int random;                         /* random masks, at least 2 */
    int64_t items;                      /* held-out pairs of each file to score at most; 0 = all */
    uint64_t seed;                      /* of the pairs' order, the fits' noise and the random masks */
    int threads;                        /* 0 = one a core; changes no result */
    const struct ltm_fast_config *fast; /* how posteriors are fitted; NULL = as in training */
    const char *mask;                   /* the file to write the mask to (safetensors), or NULL */
    const char *against;                /* a mask to compare with, or NULL */
};

/* Of held-out pairs, given their prompts: -log p of an answer's token, and the share of the answers that greedy decoding would write. */
struct ltm_prune_score {
    double loss, exact;
    double loss_spread, exact_spread; /* standard deviation over random masks; 0 for one model */
};

enum ltm_prune_model {
    LTM_PRUNE_WHOLE,
    LTM_PRUNE_MASK,
    LTM_PRUNE_COMPLEMENT,
    LTM_PRUNE_RANDOM,            /* mean over the random masks … */
    LTM_PRUNE_RANDOM_COMPLEMENT, /* … and over their complements */
    LTM_PRUNE_START, /* the mask that learning starts from: as many weights, the largest of their matrices */
    LTM_PRUNE_MODELS
};

struct ltm_prune_matrix {
    char name[56];
    int64_t weights, kept;
};

struct ltm_prune_result {
    struct ltm_prune_score scores[LTM_PRUNE_MODELS][2]; /* on A, on B */
    int64_t pairs[2];                                   /* scored */
    int64_t weights, kept;
    struct ltm_prune_matrix *matrices; /* [matrix_count] */
    int matrix_count;
    double overlap;        /* with `against`: weights that both keep / that one or both keep (Jaccard); else NAN */
    double overlap_chance; /* the same, expected of random masks with as many weights of each matrix */
    double
        start_overlap; /* as overlap, with LTM_PRUNE_START: what two masks of a model share without learning anything … */
    double start_chance; /* … and its chance */
};

/* keep 0.3, 400 steps of 32 pairs at 0.01, 5 random masks, all pairs, seed 1, all cores. */
struct ltm_prune_options ltm_prune_defaults(void);

/* Learn a mask on the pairs of file `a` (JSON lines, as data.kind = pairs takes them) and score it on a twentieth of `a` and of `b` that is
 * held out of learning; pairs longer than the model's sequences are left out, and counted in a message. Products are in fp32. A file `mask`
 * is only replaced if it is a mask. LTM_INVALID for options outside their limits, a file that is not of pairs
 * or too small, or a mask of another model's shape; LTM_UNSUPPORTED for a model without a tokenizer or with latents that
 * stream. The caller frees the result. */
ltm_status ltm_prune(const struct ltm_model *model, const char *a, const char *b,
                     const struct ltm_prune_options *options, const struct ltm_watch *watch,
                     struct ltm_prune_result *result, struct ltm_error *error);
void ltm_prune_result_free(struct ltm_prune_result *result);

LTM_C_END
