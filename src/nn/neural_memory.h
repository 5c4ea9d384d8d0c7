/* A memory that learns while a text is read (Behrouz et al., "Titans", 2025): a map M of a head's vectors, linear or of two layers, whose
 * weights move by the gradient of its own error on the keys and values of a chunk.
 *
 *     M(x) = W x,  or W2 silu(W1 x)                    W (h, h);  W1 (4h, h), W2 (h, 4h)
 *     S ← η S - Σ_t θ_t ∇ ½ ‖M(k_t) - v_t‖²            the gradient at the chunk's first weights
 *     M ← (1 - α) M + S
 *
 * Linear, with η = 0, and for one token that is the gated delta rule: M ← (1 - α) M - θ (M k - v) kᵀ. So θ is in its units: with |k| = 1 a
 * rate of 1 puts v where M k was. (The mean over h of the squared error, as published, is the same with another θ.)
 *
 * Legend: n tokens of a chunk, h the head's width; all arrays but v are contiguous. W1 lies before W2. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct neural_memory {
    int head_dim; /* h */
    bool deep;    /* two layers */
};

static inline int neural_memory_hidden(struct neural_memory m) { return m.deep ? 4 * m.head_dim : 0; }
size_t neural_memory_size(struct neural_memory m); /* numbers of M, and of S */

/* Floats of scratch that the functions below take for n rows. */
size_t neural_memory_scratch(struct neural_memory m, int rows);

/* y (rows, h) = M(x), a (rows, 4h) = W1 x where there are two layers. */
void neural_memory_read(float *y, float *a, const float *x, const float *M, struct neural_memory m, int rows,
                        float *scratch);

/* dx (rows, h) +=, dM +=; da (rows, 4h): holds what else a's gradient is, and is overwritten. */
void neural_memory_read_backward(float *dx, float *dM, float *da, const float *dy, const float *x, const float *a,
                                 const float *M, struct neural_memory m, int rows, float *scratch);

/* e (n, h) = θ (y - v); v: rows ldv apart, θ: numbers ld_rate apart. e may be y. */
void neural_memory_error(float *e, const float *y, const float *v, int ldv, const float *rate, int ld_rate, int n,
                         int h);

/* What a chunk of keys k (n, h), with e and a as above, makes of M and S; to may be from. */
struct memory_pair {
    float *M, *S;
};
void neural_memory_write(struct memory_pair to, struct memory_pair from, const float *k, const float *e, const float *a,
                         float momentum, float forget, struct neural_memory m, int n, float *scratch);

/* d: the gradients of what it made on entry, of what it was made from behind it (by the write alone). de (n, h) =, dk (n, h) =,
 * da (n, 4h) =, dmomentum =, dforget =. */
void neural_memory_write_backward(struct memory_pair d, float *de, float *dk, float *da, float *dmomentum,
                                  float *dforget, struct memory_pair from, const float *k, const float *e,
                                  const float *a, float momentum, float forget, struct neural_memory m, int n,
                                  float *scratch);
