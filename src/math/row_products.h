/* Products of a few rows with a weight matrix, as generation makes them: each weight is read from memory once, so a product
 * takes as long as memory takes to deliver the matrix while rows are few, and as long as the sums take when they are many.
 *
 *     Y (rows, out) = X Wᵀ,   X (rows, in),   W (out, in)
 *
 * An entry's bits follow from its row of X and its row of W alone, never from how many rows there are, where a row stands,
 * or how many threads share the work: sums run over a fixed number of lanes in a fixed order. (A library's product gives no
 * such promise.) So a sample's text does not depend on what is generated beside it. The plain twin is matmul_plain_nt. */
#pragma once

#include <stdbool.h>

#include "math/bf16.h"

/* A matrix kept in fp32, or in bf16: half the bytes to read. Sums are in fp32 in both. */
struct row_weight {
    const float *full; /* (out, in) */
    const bf16 *half;  /* (out, in), or NULL: then `full` is used */
    int out, in;
    int ld; /* entries between rows */
};

/* y = x Wᵀ, or += where `add`. ldy, ldx: floats between rows. Part `part` of `parts` of the outputs: threads that share a
 * product take a part each; 0 of 1 is all of it. */
void row_product(float *y, int ldy, const float *x, int ldx, const struct row_weight *w, int rows, bool add, int part,
                 int parts);
