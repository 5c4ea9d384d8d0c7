#include "nn/neural_memory.h"

#include <string.h>

#include "math/matmul.h"
#include "math/vector.h"

size_t neural_memory_size(struct neural_memory m) {
    const size_t square = (size_t)m.head_dim * (size_t)m.head_dim;
    return m.deep ? 8 * square : square;
}

size_t neural_memory_scratch(struct neural_memory m, int rows) {
    return 5 * (size_t)rows * (size_t)neural_memory_hidden(m);
}

/* W2 of M, S or a gradient. */
static size_t second(struct neural_memory m) { return 4 * (size_t)m.head_dim * (size_t)m.head_dim; }

/* silu, and its first two derivatives. */
static inline float silu(float a) { return a * vector_sigmoid1(a); }
static inline float silu1(float a) {
    const float s = vector_sigmoid1(a);
    return s * (1.0f + a * (1.0f - s));
}
static inline float silu2(float a) {
    const float s = vector_sigmoid1(a);
    return s * (1.0f - s) * (2.0f + a * (1.0f - 2.0f * s));
}

void neural_memory_read(float *y, float *a, const float *x, const float *M, struct neural_memory m, int rows,
                        float *scratch) {
    const int h = m.head_dim;
    const int w = neural_memory_hidden(m);
    if (!m.deep) {
        matmul_nt(y, h, x, h, M, h, rows, h, h, 1, 0); /* y = x Wᵀ */
        return;
    }
    matmul_nt(a, w, x, h, M, h, rows, w, h, 1, 0); /* a = x W1ᵀ */
#pragma omp simd
    for (size_t i = 0; i < (size_t)rows * (size_t)w; i++) scratch[i] = silu(a[i]);
    matmul_nt(y, h, scratch, w, M + second(m), w, rows, h, w, 1, 0); /* y = s W2ᵀ */
}

void neural_memory_read_backward(float *dx, float *dM, float *da, const float *dy, const float *x, const float *a,
                                 const float *M, struct neural_memory m, int rows, float *scratch) {
    const int h = m.head_dim;
    const int w = neural_memory_hidden(m);
    if (!m.deep) {
        matmul_nn(dx, h, dy, h, M, h, rows, h, h, 1, 1); /* dx += dy W */
        matmul_tn(dM, h, dy, h, x, h, h, h, rows, 1, 1); /* dW += dyᵀ x */
        return;
    }
    const size_t n = (size_t)rows * (size_t)w;
    float *s = scratch;
    float *ds = scratch + n;
#pragma omp simd
    for (size_t i = 0; i < n; i++) s[i] = silu(a[i]);
    matmul_nn(ds, w, dy, h, M + second(m), w, rows, w, h, 1, 0); /* ds = dy W2 */
    matmul_tn(dM + second(m), w, dy, h, s, w, h, w, rows, 1, 1); /* dW2 += dyᵀ s */
#pragma omp simd
    for (size_t i = 0; i < n; i++) da[i] += ds[i] * silu1(a[i]);
    matmul_nn(dx, h, da, w, M, h, rows, h, w, 1, 1); /* dx += da W1 */
    matmul_tn(dM, h, da, w, x, h, w, h, rows, 1, 1); /* dW1 += daᵀ x */
}

void neural_memory_error(float *e, const float *y, const float *v, int ldv, const float *rate, int ld_rate, int n,
                         int h) {
    for (int t = 0; t < n; t++) {
        const float theta = rate[(size_t)t * (size_t)ld_rate];
        const float *value = v + (size_t)t * (size_t)ldv;
        const size_t at = (size_t)t * (size_t)h;
#pragma omp simd
        for (int i = 0; i < h; i++) e[at + (size_t)i] = theta * (y[at + (size_t)i] - value[i]);
    }
}

/* The gradient of the error to W1's product: b (n, 4h) = (e W2) ⊙ silu'(a), e W2 into `ds`. */
static void into_hidden(float *b, float *ds, const float *e, const float *a, const float *M, struct neural_memory m,
                        int n) {
    const int w = neural_memory_hidden(m);
    matmul_nn(ds, w, e, m.head_dim, M + second(m), w, n, w, m.head_dim, 1, 0);
#pragma omp simd
    for (size_t i = 0; i < (size_t)n * (size_t)w; i++) b[i] = ds[i] * silu1(a[i]);
}

void neural_memory_write(struct memory_pair to, struct memory_pair from, const float *k, const float *e, const float *a,
                         float momentum, float forget, struct neural_memory m, int n, float *scratch) {
    const int h = m.head_dim;
    const int w = neural_memory_hidden(m);
    const size_t size = neural_memory_size(m);
    const size_t all = (size_t)n * (size_t)w;
    if (to.S != from.S) memcpy(to.S, from.S, size * sizeof *to.S);
    if (m.deep) {
        float *b = scratch;
        float *s = scratch + all;
        into_hidden(b, s, e, a, from.M, m, n);
        matmul_tn(to.S, h, b, w, k, h, w, h, n, -1, momentum); /* S1 = η S1 - bᵀ k */
#pragma omp simd
        for (size_t i = 0; i < all; i++) s[i] = silu(a[i]);
        matmul_tn(to.S + second(m), w, e, h, s, w, h, w, n, -1, momentum); /* S2 = η S2 - eᵀ s */
    } else
        matmul_tn(to.S, h, e, h, k, h, h, h, n, -1, momentum); /* S = η S - eᵀ k */
#pragma omp simd
    for (size_t i = 0; i < size; i++) to.M[i] = (1.0f - forget) * from.M[i] + to.S[i];
}

/* What the gradient of a chunk's gradient is, d.S that of S behind the chunk: G = -S, but for η S. */
static void deep_backward(struct memory_pair d, float *de, float *dk, float *da, const float *k, const float *e,
                          const float *a, const float *M, struct neural_memory m, int n, float *scratch) {
    const int h = m.head_dim;
    const int w = neural_memory_hidden(m);
    const size_t all = (size_t)n * (size_t)w;
    float *ds = scratch;
    float *b = ds + all;
    float *db = b + all;
    float *s = db + all;
    float *dds = s + all;
    into_hidden(b, ds, e, a, M, m, n);
    matmul_nt(db, w, k, h, d.S, h, n, w, h, -1, 0);            /* db = -k dS1ᵀ */
    matmul_nn(dk, h, b, w, d.S, h, n, h, w, -1, 0);            /* dk = -b dS1 */
    matmul_nn(s, w, e, h, d.S + second(m), w, n, w, h, -1, 0); /* ds = -e dS2, that of silu(a) in G2 */
#pragma omp simd
    for (size_t i = 0; i < all; i++) {
        dds[i] = db[i] * silu1(a[i]);
        da[i] = db[i] * ds[i] * silu2(a[i]) + s[i] * silu1(a[i]);
        s[i] = silu(a[i]);
    }
    matmul_nt(de, h, dds, w, M + second(m), w, n, h, w, 1, 0);  /* de = d(e W2) W2ᵀ … */
    matmul_nt(de, h, s, w, d.S + second(m), w, n, h, w, -1, 1); /* … - s dS2ᵀ */
    matmul_tn(d.M + second(m), w, e, h, dds, w, h, w, n, 1, 1); /* dW2 += eᵀ d(e W2) */
}

void neural_memory_write_backward(struct memory_pair d, float *de, float *dk, float *da, float *dmomentum,
                                  float *dforget, struct memory_pair from, const float *k, const float *e,
                                  const float *a, float momentum, float forget, struct neural_memory m, int n,
                                  float *scratch) {
    const int h = m.head_dim;
    const size_t size = neural_memory_size(m);
    vector_add(d.S, d.M, size);
    *dforget = -vector_dot(d.M, from.M, size);
    *dmomentum = vector_dot(d.S, from.S, size);
    vector_scale(d.M, 1.0f - forget, size);
    if (m.deep)
        deep_backward(d, de, dk, da, k, e, a, from.M, m, n, scratch);
    else {
        matmul_nt(de, h, k, h, d.S, h, n, h, h, -1, 0); /* de = -k dSᵀ */
        matmul_nn(dk, h, e, h, d.S, h, n, h, h, -1, 0); /* dk = -e dS */
    }
    vector_scale(d.S, momentum, size);
}
