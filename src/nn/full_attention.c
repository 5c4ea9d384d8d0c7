#include "nn/full_attention.h"

#include <math.h>
#include <stddef.h>

#include "math/matmul.h"
#include "math/vector.h"

void full_attention_forward(float *o, int ldo, float *p, const float *q, int ldq, const float *k, const float *v,
                            int ldkv, int m, int n, int h) {
    matmul_nt(p, n, q, ldq, k, ldkv, m, n, h, 1 / sqrtf((float)h), 0); /* P = Q Kᵀ / sqrt(h) */
    for (int i = 0; i < m; i++) {
        float *row = p + (size_t)i * (size_t)n;
        vector_scale(row, 1 / vector_exp_sum(row, vector_max(row, (size_t)n), (size_t)n), (size_t)n);
    }
    matmul_nn(o, ldo, p, n, v, ldkv, m, h, n, 1, 0); /* O = P V */
}

void full_attention_backward(float *dq, float *dk, float *dv, const float *out, int ldo, const float *p, const float *q,
                             int ldq, const float *k, const float *v, int ldkv, int m, int n, int h, float *scratch) {
    matmul_nt(scratch, n, out, ldo, v, ldkv, m, n, h, 1, 0); /* dP = dO Vᵀ */
    matmul_tn(dv, ldkv, p, n, out, ldo, n, h, m, 1, 0);      /* dV = Pᵀ dO */
    for (int i = 0; i < m; i++) {
        float *ds = scratch + (size_t)i * (size_t)n;
        const float *row = p + (size_t)i * (size_t)n;
        const float along = vector_dot(ds, row, (size_t)n);
#pragma omp simd
        for (int j = 0; j < n; j++) ds[j] = row[j] * (ds[j] - along);
    }
    const float scale = 1 / sqrtf((float)h);
    matmul_nn(dq, ldq, scratch, n, k, ldkv, m, h, n, scale, 0); /* dQ = dS K / sqrt(h) */
    matmul_tn(dk, ldkv, scratch, n, q, ldq, n, h, m, scale, 0); /* dK = dSᵀ Q / sqrt(h) */
}
