/* A linear layer without bias: Y = X Wᵀ, W (out, in). The only place that computes products with weights and
 * decides their precision: bf16 if the weight is packed for it, otherwise fp32. Inputs, results and gradients are fp32
 * in both.
 *
 *     struct linear_call call;                                  one per thread, weight and use
 *     linear_prepare(&call, work, &w, rows, add, training, &error);   whenever `rows` changes
 *     linear_forward(&call, y, x);
 *     linear_backward(&call, dx, dw, dy, x);
 *
 * linear_prepare does all creation and allocation, so a product never falls back to another precision. */
#pragma once

#include "math/bf16.h"

struct linear {
    const float *weight; /* (out, in) */
    int out;
    int in;
    struct bf16_weight *packed;     /* of `weight`, for products in bf16; or NULL */
    struct linear_backlog *backlog; /* one thread's: linear_backward puts off products to the weight; or NULL */
};

/* The operands of a weight's gradient in bf16 from several linear_backward, until they are so many rows that reading and
 * writing the gradient costs little beside their product. The caller sets what comes first. */
struct linear_backlog {
    bf16 *dy, *x; /* (room, out), (room, in) */
    int room;     /* rows */
    int times;    /* linear_backward between two linear_catch_up */

    struct bf16_work *work;
    const struct bf16_call *each, *all; /* the products of `rows` and of `most` rows */
    int rows, most, kept;
    float *dw;
};

/* Rows that a backlog should have for `times` linear_backward of `rows` rows; 0: it would not help. */
int linear_backlog_rows(int rows, int times);

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

/* `work` is the calling thread's; it may be NULL if w is not packed. training: for the product to the weight too. Catches up.
 * LTM_MEMORY and LTM_EXTERNAL if bf16 products cannot be created. */
ltm_status linear_prepare(struct linear_call *call, struct bf16_work *work, const struct linear *w, int rows, bool add,
                          bool training, struct ltm_error *error);

/* Bytes that a thread's `work` needs for products of this many rows with a weight (out, in). */
size_t linear_work_bytes(int out, int in, int rows, bool training);

/* y (rows, out) = x Wᵀ, or += if the call adds */
void linear_forward(const struct linear_call *call, float *y, const float *x);

/* dx (rows, in) = dy W;  dw (out, in) += dyᵀ x, x (rows, in), unless dw is NULL; with a backlog that may come later. */
void linear_backward(const struct linear_call *call, float *dx, float *dw, const float *dy, const float *x);

/* What linear_backward has put off for w, which has a backlog; dw must be the same in all. */
void linear_catch_up(const struct linear *w);
