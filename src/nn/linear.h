/* A linear layer without bias: Y = X Wᵀ, W (out, in). The one place where products with weights are made: a backend with
 * packed weights or another precision goes behind these three. */
#ifndef NN_LINEAR_H
#define NN_LINEAR_H

#include "math/matmul.h"

/* y (rows, out) = beta · y + x Wᵀ */
static inline void linear_forward(float *y, const float *x, const float *w, int rows, int out, int in, float beta) {
    matmul_nt(y, out, x, in, w, in, rows, out, in, 1, beta);
}

/* dx (rows, in) = dy W */
static inline void linear_backward_input(float *dx, const float *dy, const float *w, int rows, int out, int in) {
    matmul_nn(dx, in, dy, out, w, in, rows, in, out, 1, 0);
}

/* dw (out, in) += dyᵀ x */
static inline void linear_backward_weight(float *dw, const float *dy, const float *x, int rows, int out, int in) {
    matmul_tn(dw, in, dy, out, x, in, out, in, rows, 1, 1);
}

#endif
