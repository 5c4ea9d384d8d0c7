/* A linear layer without bias: Y = X Wᵀ, W (out, in). The one place where products with weights are made, and where their
 * precision is decided: in bf16 where the weight has been packed for it, in fp32 otherwise. Inputs, results and gradients are fp32
 * in both.
 *
 *     struct linear_call call;                                  one a thread, weight and use
 *     linear_prepare(&call, work, &w, rows, add, training, &error);   whenever `rows` changes
 *     linear_forward(&call, y, x);
 *     linear_backward(&call, dx, dw, dy, x);
 *
 * All that is made or allocated is made by linear_prepare; so a product never falls back from one precision to the other. */
#pragma once

#include "math/bf16.h"

struct linear {
    const float *weight; /* (out, in) */
    int out;
    int in;
    struct bf16_weight *packed; /* of `weight`, for products in bf16; or NULL */
};

/* The products of `rows` rows with one weight. */
struct linear_call {
    const struct linear *w;
    int rows;
    bool add;               /* the forward product adds to Y */
    struct bf16_work *work; /* the calling thread's; NULL in fp32, as are the handles */
    const struct bf16_call *to_output;
    const struct bf16_call *to_input;
    const struct bf16_call *to_weight;
};

/* `work` is the calling thread's; it may be NULL where w is not packed. training: for the product to the weight too. LTM_MEMORY and
 * LTM_EXTERNAL where products in bf16 cannot be made. */
ltm_status linear_prepare(struct linear_call *call, struct bf16_work *work, const struct linear *w, int rows, bool add,
                          bool training, struct ltm_error *error);

/* Bytes that a thread's work comes to hold for products of so many rows with a weight (out, in). */
size_t linear_work_bytes(int out, int in, int rows, bool training);

/* y (rows, out) = x Wᵀ, or += where the call adds */
void linear_forward(const struct linear_call *call, float *y, const float *x);

/* dx (rows, in) = dy W;  dw (out, in) += dyᵀ x, x (rows, in), unless dw is NULL. */
void linear_backward(const struct linear_call *call, float *dx, float *dw, const float *dy, const float *x);
