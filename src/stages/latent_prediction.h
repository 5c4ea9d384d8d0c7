/* Latent prediction, in training alone: a head reads what the output layer reads, x (R, d), and says what state a teacher has
 * s = slow.predict_distance tokens on (Baevski et al., "data2vec", 2022, as the loss of a causal decoder):
 *
 *     loss_t = mean over i of smoothL1((x_t Pᵀ)_i - state_{t+s, i}),   smoothL1(e) = e²/2 where |e| < 1, else |e| - 1/2
 *
 * counts slow.predict_latents times what token t + s counts in the slow loss, where that token is of the sequence, and of the same
 * document if attention is masked. The states are given and get no gradient. The head serves nothing else: neither the fast loop nor
 * scores know it. */
#pragma once

#include "stages/stage.h"

struct latent_prediction {
    float *y;  /* scratch (R, d): x Pᵀ, then its gradient */
    float *dx; /* scratch (R, d) */
    struct linear_call head;
};

/* As the hooks of a stage. `declare` adds to the block of E, behind the heads of stages/ahead.h. */
void latent_prediction_declare(struct weight_table *table, const struct ltm_model_config *config);
void latent_prediction_lay_out(struct latent_prediction *p, struct arena *scratch, const struct stage_shape *shape);
ltm_status latent_prediction_prepare(struct latent_prediction *p, const struct stage_weights *w,
                                     const struct stage_shape *shape, struct bf16_work *work, bool training,
                                     struct ltm_error *error);

/* io->dh and dw += the gradient of the loss; io->aim->loss (R) = loss_t, 0 where there is none. Nothing without io->aim. */
void latent_prediction_backward(const struct latent_prediction *p, const struct stage_io *io,
                                const struct stage_weights *w, float *dw);
