/* Several tokens predicted at once, only in training (Gloeckle et al., "Better & faster large language models via
 * multi-token prediction", 2024): a head for each further token reads what the output layer reads, x (R, d),
 *
 *     logits = RMSNorm(x Pᵀ) Eᵀ (soft-capped as the output layer's)   at t for token t + 1 + k,   k = 1 … slow.predict - 1,
 *
 * and its -log p counts slow.predict_weight / (slow.predict - 1) in the slow loss, if that token is in the sequence,
 * has weight, and belongs to the same document when attention is masked. Neither the fast loop nor scores use the
 * heads. */
#pragma once

#include "nn/output_loss.h"
#include "stages/stage.h"

enum { AHEAD_MOST = 3 }; /* heads */

struct ahead {
    float *y;             /* scratch (R, d): x Pᵀ */
    float *normed;        /* scratch (R, d) */
    float *dx;            /* scratch (R, d) */
    float *r;             /* scratch (R): RMSNorm's factor */
    float *nll, *weights; /* scratch (R) */
    int32_t *targets;     /* scratch (R) */
    struct linear_call heads[AHEAD_MOST];
};

/* As the hooks of a stage. `declare` adds to the block of E, behind E; E's is the block's first product. */
void ahead_declare(struct weight_table *table, const struct ltm_model_config *config);
void ahead_lay_out(struct ahead *ahead, struct arena *scratch, const struct stage_shape *shape);
ltm_status ahead_prepare(struct ahead *ahead, const struct stage_weights *w, const struct stage_shape *shape,
                         struct bf16_work *work, bool training, struct ltm_error *error);

/* io->dh and dw += the gradients of the heads' loss, with the output layer's products and scratch. */
void ahead_backward(const struct ahead *ahead, const struct stage_io *io, const struct stage_weights *w, float *dw,
                    const struct output_calls *output, float *logits);
