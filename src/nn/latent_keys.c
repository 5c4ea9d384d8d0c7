#include "nn/latent_keys.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "math/matmul.h"
#include "math/vector.h"

/* One head of one position: s becomes p, o and lse those of both. */
static void join(float *o, float *lse, float *s, const float *bias, int latents, int head_dim) {
    const size_t M = (size_t)latents;
    vector_add(s, bias, M);
    const float most = fmaxf(*lse, vector_max(s, M));
    const float window = vector_exp1(*lse - most);
    const float sum = window + vector_exp_sum(s, most, M);
    vector_scale(s, 1 / sum, M);
    vector_scale(o, window / sum, (size_t)head_dim);
    *lse = most + logf(sum);
}

void latent_keys_forward(float *o, float *lse, float *p, const float *q, const float *kv, const float *bias,
                         const struct latent_keys_shape *shape) {
    const int T = shape->length;
    const int M = shape->latents;
    const int H = shape->heads;
    const int K = shape->kv_heads;
    const int h = shape->head_dim;
    const int ldkv = 2 * K * h;
    const int ldq = H * h;
    const int ldp = H * M;
    const float scale = 1.0f / sqrtf((float)h);
    for (int g = 0; g < shape->sequences; g++) {
        const size_t row = (size_t)(g * T);
        const float *k = kv + (size_t)(g * M) * (size_t)ldkv;
        float *pg = p + row * (size_t)ldp;
        float *og = o + row * (size_t)ldq;
        for (int head = 0; head < H; head++) /* S_h = q_h k_hᵀ / sqrt(h) : (T, M) */
            matmul_nt(pg + head * M, ldp, q + row * (size_t)ldq + head * h, ldq, k + head / (H / K) * h, ldkv, T, M, h,
                      scale, 0);
        for (size_t i = 0; i < (size_t)(T * H); i++)
            join(og + i * (size_t)h, lse + row * (size_t)H + i, pg + i * (size_t)M, bias + i % (size_t)H * (size_t)M, M,
                 h);
        for (int head = 0; head < H; head++) /* o_h += P_h v_h : (T, h) */
            matmul_nn(og + head * h, ldq, pg + head * M, ldp, k + (K + head / (H / K)) * h, ldkv, T, h, M, 1, 1);
    }
}

/* sum (n) += all rows of x (rows, n), which are short: a call a row would take longer than the sums. */
static void add_rows(float *restrict sum, const float *restrict x, int rows, int n) {
    for (int i = 0; i < rows; i++, x += n)
#pragma omp simd
        for (int j = 0; j < n; j++) sum[j] += x[j];
}

void latent_keys_backward(float *dq, float *dkv, float *dbias, float *ds, const float *d_o, const float *o,
                          const float *p, const float *q, const float *kv, const struct latent_keys_shape *shape) {
    const int T = shape->length;
    const int M = shape->latents;
    const int H = shape->heads;
    const int K = shape->kv_heads;
    const int h = shape->head_dim;
    const int ldkv = 2 * K * h;
    const int ldq = H * h;
    const int ldp = H * M;
    const float scale = 1.0f / sqrtf((float)h);
    memset(dkv, 0, sizeof *dkv * (size_t)(shape->sequences * M) * (size_t)ldkv);
    for (int g = 0; g < shape->sequences; g++) {
        const size_t row = (size_t)(g * T);
        const float *k = kv + (size_t)(g * M) * (size_t)ldkv;
        const float *pg = p + row * (size_t)ldp;
        const float *dog = d_o + row * (size_t)ldq;
        float *dk = dkv + (size_t)(g * M) * (size_t)ldkv;
        float *dsg = ds + row * (size_t)ldp;
        for (int head = 0; head < H; head++) {
            const int v = (K + head / (H / K)) * h;
            matmul_nt(dsg + head * M, ldp, dog + head * h, ldq, k + v, ldkv, T, M, h, 1, 0); /* dP_h = do_h v_hᵀ */
            matmul_tn(dk + v, ldkv, pg + head * M, ldp, dog + head * h, ldq, M, h, T, 1, 1); /* dv += P_hᵀ do_h */
        }
        for (size_t i = 0; i < (size_t)(T * H); i++) { /* dS = P ⊙ (dP - rowsum(do ⊙ o)) */
            const size_t at = (row * (size_t)H + i) * (size_t)h;
            const float mean = vector_dot(d_o + at, o + at, (size_t)h);
            for (size_t j = i * (size_t)M; j < (i + 1) * (size_t)M; j++) dsg[j] = pg[j] * (dsg[j] - mean);
        }
        if (dbias) add_rows(dbias, dsg, T, ldp);
        for (int head = 0; head < H; head++) {
            const int at = head / (H / K) * h;
            const float *dsh = dsg + head * M;
            /* dk += dSᵀ q : (M, h);  dq = dS k : (T, h) */
            matmul_tn(dk + at, ldkv, dsh, ldp, q + row * (size_t)ldq + head * h, ldq, M, h, T, scale, 1);
            if (dq) matmul_nn(dq + row * (size_t)ldq + head * h, ldq, dsh, ldp, k + at, ldkv, T, h, M, scale, 0);
        }
    }
}
