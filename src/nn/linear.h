/* A linear layer without bias: Y = X Wᵀ, W (out, in). The one place where products with weights are made, and where their
 * precision is decided: in bf16 where a weight has been packed for it and the caller has room to work in, in fp32 otherwise.
 * Inputs, results and gradients are fp32 in both. */
#ifndef NN_LINEAR_H
#define NN_LINEAR_H

#include "math/bf16.h"

struct linear {
    const float *weight; /* (out, in) */
    int out, in;
    struct bf16_weight *packed; /* of `weight`, for products in bf16; or NULL */
};

/* What a thread calls once for a number of rows, so that the products below make and allocate nothing: `training` for the
 * product to the weight too. work may be NULL, and then there is nothing to do. */
void linear_prepare(struct bf16_work *work, const struct linear *w, int rows, bool add, bool training);

/* Bytes that a thread's work comes to hold for products of so many rows. */
size_t linear_work_bytes(const struct linear *w, int rows, bool training);

/* y (rows, out) = x Wᵀ, or += where `add` */
void linear_forward(struct bf16_work *work, float *y, const float *x, const struct linear *w, int rows, bool add);

/* dx (rows, in) = dy W */
void linear_backward_input(struct bf16_work *work, float *dx, const float *dy, const struct linear *w, int rows);

/* dw (out, in) += dyᵀ x */
void linear_backward_weight(struct bf16_work *work, float *dw, const float *dy, const float *x, const struct linear *w,
                            int rows);

#endif
