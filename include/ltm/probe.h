/* Linear probes: which of a text's known factors can be predicted from its latents.
 *
 * Each item of a task (of `ltm corpus synth`, or your own) names the factors that generated its document: classes (text) or numbers.
 * A posterior q(z|document) is fitted on each document (where latents stream, the document moves z by u, up to its last whole chunk),
 * and ridge regression from its μ or u predicts the factors of documents
 * that the regression has not seen: it is fitted on the task's `shots` (λ is chosen on a held-out part of them) and scored on its
 * `items`. For comparison the same is done from the decoder's own representation of the document: its states before the output
 * layer, mean over tokens. Score: R² for numbers, accuracy (of the largest of the one-hot regressions) for classes.
 *
 *     R² = 1 - Σ (y - ŷ)² / Σ (y - mean of training)²,   at most 0 on average for uninformative features
 *
 * Source of the method: Alain and Bengio, "Understanding intermediate layers using linear classifier probes", arXiv 1610.01644. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ltm/config.h"
#include "ltm/model.h"
#include "ltm/status.h"
#include "ltm/watch.h"

LTM_C_BEGIN

struct ltm_probe_options {
    int64_t train_items, items; /* from the first on; 0 = all */
    double validation;          /* share of the training items on which λ is chosen */
    uint64_t seed;              /* of the fits' noise and the bootstrap */
    int threads;                /* 0 = one a core; changes no result */
    int precision;              /* enum ltm_precision; auto = as in training, where this machine has it */
    bool sparsity;              /* measure that of the states too; LTM_UNSUPPORTED where latents stream */
    bool shuffled; /* the training items' factors in random order: what a probe scores where there is nothing to read */
    const struct ltm_fast_config *fast; /* how posteriors are fitted; NULL = as in training */
};

/* One factor predicted from one place. Places: "mu" (all of μ), "mu 1" … "mu L" (a layer's part), "states" (the decoder's under
 * z = μ) and "states z=0" (under the prior's mean). Of streaming latents: "u", "u 1" … "u L", "states" (while z moves) and "states
 * frozen" (z stays at its start). Without latents there is only "states". */
struct ltm_probe_row {
    char factor[48], place[24];
    int classes;   /* 0: a number */
    int features;  /* columns of the regression */
    double lambda; /* chosen */
    double score;  /* accuracy, or R² */
    double error;  /* standard error: binomial; of R² by bootstrap over the items */
    double chance; /* accuracy of the most common training class; 0 for R² */
};

/* If items have a document with a synonym swapped ("swapped"): E‖f(x) - f(x')‖² / E‖f(x) - f(y)‖² of the texts x, their
 * swapped x' and other texts y. 0: f ignores it; 1: f sees another text (Cagnetta et al., arXiv 2307.02129). */
struct ltm_probe_swap {
    char place[24];
    double sensitivity, error; /* error: bootstrap */
};

/* How sparse the states behind a layer are (under z = μ, means over tokens), and its correlation over the items with one number of them:
 * "surprise" (-log p a token), "unfamiliar" (1 - the largest cosine of their mean state before the output layer with a training item's), or a number that the task tells
 * (of steps, say). Measures: "hoyer" ((√d - |h|₁/|h|₂) / (√d - 1): 0 all alike, 1 one number alone; a straight line of |h|₁/|h|₂), "top tenth" (share of
 * |h|² in the largest tenth of the numbers), and where a layer runs again "change" (|h - h of the loop before| / |h|). */
struct ltm_probe_sparsity {
    int layer, loop; /* from 1; loop 0: the layer runs once */
    char measure[16], against[48];
    double mean;           /* over the items */
    double correlation;    /* NAN where one of the two does not vary */
    double partial, error; /* what is left when log norm and log length are controlled for; its standard error */
};

struct ltm_probe_result {
    char task[64];
    int64_t train, items;       /* documents */
    int64_t cut;                /* documents longer than model.sequence, whose end was dropped */
    struct ltm_probe_row *rows; /* [row_count], by factor, then place */
    int row_count;
    struct ltm_probe_swap *swaps; /* [swap_count] */
    int swap_count;
    struct ltm_probe_sparsity *sparsity; /* [sparsity_count], by layer from the first, then measure, then number */
    int sparsity_count;
};

/* All items, validation 0.2, seed 1, all cores, precision auto. */
struct ltm_probe_options ltm_probe_defaults(void);

/* Probe one task: its INI, or a folder with a task.ini. LTM_INVALID if its items have no factors, if there is only one class, or
 * if there are too few items; LTM_UNSUPPORTED for a model without a tokenizer. The caller frees the result. */
ltm_status ltm_probe(const struct ltm_model *model, const char *task, const struct ltm_probe_options *options,
                     const struct ltm_watch *watch, struct ltm_probe_result *result, struct ltm_error *error);
void ltm_probe_result_free(struct ltm_probe_result *result);

LTM_C_END
