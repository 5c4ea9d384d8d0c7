/* The output layer and the cross-entropy in one: logits = x Eᵀ, nll = -log softmax(logits)[target].
 * With a cap c, logits = c tanh(x Eᵀ / c).
 *
 * Runs in blocks of rows, so that a block's logits stay in cache and those of a whole sequence never exist; the
 * gradient with respect to the logits overwrites them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "nn/linear.h"

/* Rows of a block, and the floats of scratch for its logits and a row of slopes. */
int output_loss_rows(int vocab);
size_t output_loss_scratch(int vocab, int rows);

/* The products of whole blocks, and of the rest. */
struct output_calls {
    struct linear_call block;
    struct linear_call rest;
};

/* As linear_prepare, for `rows` rows in all. */
ltm_status output_loss_prepare(struct output_calls *calls, struct bf16_work *work, const struct linear *e, int rows,
                               bool training, struct ltm_error *error);

/* kl (rows) = KL(softmax of the logits of `before` || the same of `now`), nats, both (rows, d). scratch: twice that
 * of output_loss. */
void output_divergence(const struct output_calls *calls, float *kl, const float *before, const float *now, int rows,
                       float cap, float *scratch);

/* KL(softmax(a) || softmax(b)), nats, at least 0, over n logits. */
float softmax_divergence(const float *a, const float *b, size_t n);

/* x (rows, d), E (V, d), targets (rows). nll (rows) = in nats. Where dx is not NULL: dx (rows, d) = the gradient of
 * Σ_i weights[i] nll[i] (weights (rows); NULL: 1 each), and where de is not NULL too: de (V, d) += likewise. A row of
 * weight 0 has no effect on either gradient, bit-exactly. cap: 0 = none. */
void output_loss(const struct output_calls *calls, float *nll, float *dx, float *de, const float *x,
                 const int32_t *targets, const float *weights, int rows, float cap, float *scratch);
