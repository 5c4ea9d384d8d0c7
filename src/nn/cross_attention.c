#include "nn/cross_attention.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "math/matmul.h"
#include "math/vector.h"
#include "nn/rope.h"

size_t cross_attention_u(const struct cross_shape *shape) {
    const size_t G = (size_t)shape->sequences;
    const size_t H = (size_t)shape->heads;
    if (cross_attention_folds(shape)) return G * H * (size_t)shape->latents * (size_t)shape->dim;
    return G * (size_t)shape->length * H * (size_t)shape->head_dim;
}

void cross_attention_latents(float *kv, float *u, const float *z, const float *wkv, const float *wo, const float *table,
                             const struct cross_shape *shape) {
    const int G = shape->sequences;
    const int M = shape->latents;
    const int H = shape->heads;
    const int K = shape->kv_heads;
    const int h = shape->head_dim;
    const int d = shape->dim;
    const int ldkv = 2 * K * h;
    matmul_nt(kv, ldkv, z, d, wkv, d, G * M, ldkv, d, 1, 0); /* k, v = z Wkᵀ, z Wvᵀ : (G M, 2 K h) */
    rope_forward(kv, ldkv, G * M, M, K, h, table);
    for (int g = 0; u && g < G; g++)
        for (int head = 0; head < H; head++) {
            const float *v = kv + (size_t)(g * M) * (size_t)ldkv + (K + head / (H / K)) * h;
            float *uh = u + (size_t)((g * H + head) * M) * (size_t)d;
            matmul_nt(uh, d, v, ldkv, wo + head * h, H * h, M, d, h, 1, 0); /* u_h = v_h Wo_hᵀ : (M, d) */
        }
}

void cross_attention_forward(float *y, float *p, const float *q, const float *kv, float *u, const float *wo,
                             const struct cross_shape *shape) {
    const int G = shape->sequences;
    const int T = shape->length;
    const int M = shape->latents;
    const int H = shape->heads;
    const int K = shape->kv_heads;
    const int h = shape->head_dim;
    const int d = shape->dim;
    const int ldkv = 2 * K * h;
    const int ldp = H * M;
    const bool folds = cross_attention_folds(shape);
    const float scale = 1.0f / sqrtf((float)h);
    for (int g = 0; g < G; g++) {
        const float *qg = q + (size_t)(g * T) * (size_t)(H * h);
        const float *kvg = kv + (size_t)(g * M) * (size_t)ldkv;
        float *pg = p + (size_t)(g * T) * (size_t)ldp;
        for (int head = 0; head < H; head++) /* S_h = q_h k_hᵀ / sqrt(h) : (T, M) */
            matmul_nt(pg + head * M, ldp, qg + head * h, H * h, kvg + head / (H / K) * h, ldkv, T, M, h, scale, 0);
        for (size_t i = 0; i < (size_t)T * (size_t)H; i++) {
            float *row = pg + i * (size_t)M;
            float sum = vector_exp_sum(row, vector_max(row, (size_t)M), (size_t)M);
            vector_scale(row, 1.0f / sum, (size_t)M);
        }
        if (folds) /* y += P U : (T, d) */
            matmul_nn(y + (size_t)(g * T) * (size_t)d, d, pg, ldp, u + (size_t)g * (size_t)(H * M) * (size_t)d, d, T, d,
                      H * M, 1, 1);
        for (int head = 0; !folds && head < H; head++) /* o_h = P_h v_h : (T, h) */
            matmul_nn(u + (size_t)(g * T) * (size_t)(H * h) + head * h, H * h, pg + head * M, ldp,
                      kvg + (K + head / (H / K)) * h, ldkv, T, h, M, 1, 0);
    }
    if (!folds) matmul_nt(y, d, u, H * h, wo, H * h, G * T, d, H * h, 1, 1); /* y += o Woᵀ : (G T, d) */
}

/* dS = P ⊙ (dP - sum_j P dP), one head and position at a time, in place of dP. */
static void softmax_backward(float *dp, const float *p, size_t rows, int width) {
    for (size_t i = 0; i < rows; i++) {
        const float *pi = p + i * (size_t)width;
        float *di = dp + i * (size_t)width;
        const float mean = vector_dot(pi, di, (size_t)width);
#pragma omp simd
        for (int j = 0; j < width; j++) di[j] = pi[j] * (di[j] - mean);
    }
}

/* The first gradients from the outputs of sequence g: dP in dp, dv in dkv, dWo. */
static void folded_backward(float *dp, float *dkv, float *du, float *dwo, const float *dy, const float *p,
                            const float *kv, const float *u, const float *wo, const struct cross_shape *shape) {
    const int T = shape->length;
    const int M = shape->latents;
    const int H = shape->heads;
    const int K = shape->kv_heads;
    const int h = shape->head_dim;
    const int d = shape->dim;
    const int ldkv = 2 * K * h;
    const int ldp = H * M;
    const int ldo = H * h;
    matmul_tn(du, d, p, ldp, dy, d, H * M, d, T, 1, 0); /* dU = Pᵀ dy : (H M, d) */
    matmul_nt(dp, ldp, dy, d, u, d, T, H * M, d, 1, 0); /* dP = dy Uᵀ : (T, H M) */
    for (int head = 0; head < H; head++) {
        const float *duh = du + (size_t)(head * M) * (size_t)d;
        const int v = (K + head / (H / K)) * h;
        /* dv += du_h Wo_h : (M, h);  dWo_h += du_hᵀ v : (d, h) */
        matmul_nn(dkv + v, ldkv, duh, d, wo + head * h, ldo, M, h, d, 1, 1);
        if (dwo) matmul_tn(dwo + head * h, ldo, duh, d, kv + v, ldkv, d, h, M, 1, 1);
    }
}

static void plain_backward(float *dp, float *dkv, float *dout, float *dwo, const float *dy, const float *p,
                           const float *kv, const float *o, const float *wo, const struct cross_shape *shape) {
    const int T = shape->length;
    const int M = shape->latents;
    const int H = shape->heads;
    const int K = shape->kv_heads;
    const int h = shape->head_dim;
    const int d = shape->dim;
    const int ldkv = 2 * K * h;
    const int ldp = H * M;
    const int ldo = H * h;
    matmul_nn(dout, ldo, dy, d, wo, ldo, T, ldo, d, 1, 0);        /* do = dy Wo : (T, H h) */
    if (dwo) matmul_tn(dwo, ldo, dy, d, o, ldo, d, ldo, T, 1, 1); /* dWo += dyᵀ o : (d, H h) */
    for (int head = 0; head < H; head++) {
        const float *doh = dout + head * h;
        const int v = (K + head / (H / K)) * h;
        matmul_nt(dp + head * M, ldp, doh, ldo, kv + v, ldkv, T, M, h, 1, 0); /* dP_h = do_h v_hᵀ : (T, M) */
        matmul_tn(dkv + v, ldkv, p + head * M, ldp, doh, ldo, M, h, T, 1, 1); /* dv += P_hᵀ do_h : (M, h) */
    }
}

void cross_attention_backward(float *dq, float *dkv, float *du, float *dwo, float *dp, const float *dy, const float *p,
                              const float *q, const float *kv, const float *u, const float *wo, const float *table,
                              const struct cross_shape *shape) {
    const int G = shape->sequences;
    const int T = shape->length;
    const int M = shape->latents;
    const int H = shape->heads;
    const int K = shape->kv_heads;
    const int h = shape->head_dim;
    const int ldkv = 2 * K * h;
    const int ldp = H * M;
    const int ldq = H * h;
    const size_t at_u = cross_attention_u(shape) / (size_t)G;
    const bool folds = cross_attention_folds(shape);
    const float scale = 1.0f / sqrtf((float)h);
    memset(dkv, 0, sizeof *dkv * (size_t)(G * M) * (size_t)ldkv);
    for (int g = 0; g < G; g++) {
        const size_t row = (size_t)(g * T);
        const size_t n = (size_t)g * at_u;
        const float *pg = p + row * (size_t)ldp;
        const float *dyg = dy + row * (size_t)shape->dim;
        const float *qg = q + row * (size_t)ldq;
        const float *kvg = kv + (size_t)(g * M) * (size_t)ldkv;
        float *dpg = dp + row * (size_t)ldp;
        float *dkvg = dkv + (size_t)(g * M) * (size_t)ldkv;
        (folds ? folded_backward : plain_backward)(dpg, dkvg, du + n, dwo, dyg, pg, kvg, u + n, wo, shape);
        softmax_backward(dpg, pg, (size_t)T * (size_t)H, M);
        for (int head = 0; head < H; head++) {
            const int group = head / (H / K);
            const float *ds = dpg + head * M;
            /* dk += dSᵀ q : (M, h);  dq = dS k : (T, h) */
            matmul_tn(dkvg + group * h, ldkv, ds, ldp, qg + head * h, ldq, M, h, T, scale, 1);
            if (dq)
                matmul_nn(dq + row * (size_t)ldq + head * h, ldq, ds, ldp, kvg + group * h, ldkv, T, h, M, scale, 0);
        }
    }
    rope_backward(dkv, ldkv, G * M, M, K, h, table);
}

void cross_attention_latents_backward(float *dz, float *dwkv, const float *dkv, const float *z, const float *wkv,
                                      const struct cross_shape *shape) {
    const int rows = shape->sequences * shape->latents;
    const int d = shape->dim;
    const int ldkv = 2 * shape->kv_heads * shape->head_dim;
    matmul_nn(dz, d, dkv, ldkv, wkv, d, rows, d, ldkv, 1, 0);           /* dz = dkv Wkv : (G M, d) */
    if (dwkv) matmul_tn(dwkv, d, dkv, ldkv, z, d, ldkv, d, rows, 1, 1); /* dWkv += dkvᵀ z : (2 K h, d) */
}
