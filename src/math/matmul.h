/* Matrix products in fp32, row-major, single-threaded: each thread runs its own.
 *
 *     C (m, n) = alpha · op(A) op(B) + beta · C        n: as it is, t: transposed
 *
 * ld is the distance between rows in memory. Products go through OpenBLAS; tests and matmul_start compare
 * it with the `plain` twins. */
#pragma once

#include "base/error.h"
#include "math/openblas.h"

/* A (m, k), B (n, k): X Wᵀ, a layer forward. */
void matmul_nt(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m, int n, int k, float alpha,
               float beta);
/* A (m, k), B (k, n): dY W, a layer backward to its input. */
void matmul_nn(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m, int n, int k, float alpha,
               float beta);
/* A (k, m), B (k, n): dYᵀ X, a layer backward to its weight. */
void matmul_tn(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m, int n, int k, float alpha,
               float beta);

/* Sums in double, in order. */
void matmul_plain_nt(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m, int n, int k,
                     float alpha, float beta);
void matmul_plain_nn(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m, int n, int k,
                     float alpha, float beta);
void matmul_plain_tn(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m, int n, int k,
                     float alpha, float beta);

/* Once a process, before any product (idempotent, thread-safe): sets OpenBLAS to one thread per product and to the best
 * kernel for this processor whose products match the plain ones (openblas.h). LTM_EXTERNAL if none does. A program that
 * uses OpenBLAS itself must not run products in other threads meanwhile. */
ltm_status matmul_start(struct ltm_error *error);

/* The result of that; calls matmul_start if it was not called yet. */
const struct openblas_state *matmul_openblas(void);

/* Floating-point operations per second that `threads` threads reach together, each on a product of its own that
 * fits its cache; takes about `seconds`. The denominator of every utilisation that the program prints. */
double matmul_peak(int threads, double seconds);
