/* What a solver says of its answer y (R, d): each cell's logits y Eᵀ, and whether to halt, q = w · mean of y over the cells + b, with
 * w = 0 and b = -5 at first. Its loss, for each puzzle:
 *
 *     mean over its cells of -log softmax(logits)[target]  +  ½ (log(1 + e^q) - [the whole answer is right] q)
 *
 * solver_head_stage declares the weights; the forward and backward pass are called here, for they say more than a stage can. */
#pragma once

#include "stages/stage.h"

/* Arrays of the G puzzles; `cells` may be NULL. */
struct solver_answers {
    float *nll;     /* (G): the first part of the loss */
    float *halting; /* (G): the second, ½ included */
    float *halt;    /* (G): q */
    int32_t *right; /* (G): cells whose likeliest answer is right */
    int32_t *cells; /* (G, T): the likeliest answers */
};

/* Of io->in, against io->targets. */
void solver_head_forward(const struct stage_io *io, const struct stage_weights *w, void *state,
                         const struct solver_answers *answers);

/* Of io->in, how well it tells io->targets: nll (G, T) of each cell and io->dh, the gradient of scale times their sum, each times its weight;
 * dw += that of the weights, unless NULL. */
void solver_head_givens(const struct stage_io *io, const struct stage_weights *w, void *state, const float *weights,
                        float *nll, float scale, float *dw);

/* Behind solver_head_forward: io->dh = and dw += the gradient of scale times the sum of the puzzles' losses. */
void solver_head_backward(const struct stage_io *io, const struct stage_weights *w, void *state,
                          const struct solver_answers *answers, float scale, float *dw);
