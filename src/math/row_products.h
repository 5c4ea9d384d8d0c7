/* Products of a few rows with a weight matrix, as generation makes them: each weight is read from memory once, so a
 * product is bound by memory bandwidth for few rows and by arithmetic for many.
 *
 *     Y (rows, out) = X Wᵀ,   X (rows, in),   W (out, in)
 *
 * An entry's bits depend only on its row of X and its row of W, not on the number of rows, the position of a
 * row, or the number of threads: sums run over a fixed number of lanes in a fixed order. (A library's product does
 * not promise this.) So a sample's text does not depend on the other samples. The plain twin is matmul_plain_nt. */
#pragma once

#include <stdbool.h>

#include "math/bf16.h"

/* A matrix stored in fp32, or in bf16 with half the bytes to read. Sums are in fp32 in both. */
struct row_weight {
    const float *full; /* (out, in) */
    const bf16 *half;  /* (out, in), or NULL: then `full` is used */
    int out, in;
    int ld; /* entries between rows */
};

/* y = x Wᵀ, or += if `add`. ldy, ldx: floats between rows. Part `part` of `parts` of the outputs: threads that share a
 * product take one part each; 0 of 1 is everything. */
void row_product(float *y, int ldy, const float *x, int ldx, const struct row_weight *w, int rows, bool add, int part,
                 int parts);
