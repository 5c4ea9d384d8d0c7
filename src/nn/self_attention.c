#include "nn/self_attention.h"

#include <math.h>
#include <string.h>

#include "math/matmul.h"
#include "math/vector.h"

enum { QUERY_BLOCK = 64 };

/* The band of one block of queries [t0, t1): keys [s0, t1), or all of the sequence. */
struct band {
    int t0, t1, s0, queries, keys;
};

static struct band band_at(int t0, const struct attention_shape *shape) {
    struct band b = {.t0 = t0, .t1 = t0 + QUERY_BLOCK, .s0 = t0 - shape->window + 1};
    if (b.t1 > shape->length) b.t1 = shape->length;
    if (b.s0 < -shape->past) b.s0 = -shape->past;
    b.queries = b.t1 - b.t0;
    b.keys = b.t1 - b.s0;
    if (shape->whole) b.s0 = 0;
    if (shape->whole) b.keys = shape->length;
    return b;
}

/* The keys [*first, *end) of the band that its query i sees, in sequence g. */
static void visible(const struct band *b, int i, int g, const struct attention_shape *shape, int *first, int *end) {
    int t = b->t0 + i;
    int lowest = t - shape->window + 1;
    const int32_t *starts = shape->starts ? shape->starts + (size_t)g * (size_t)shape->length : NULL;
    if (starts && starts[t] > lowest) lowest = starts[t];
    *first = lowest > b->s0 ? lowest - b->s0 : 0;
    *end = t + 1 - b->s0;
    if (!shape->whole) return;
    *first = 0;
    *end = b->keys;
}

static size_t band_floats(const struct attention_shape *shape) {
    int most = shape->window - 1 + QUERY_BLOCK;
    if (shape->whole || most > shape->past + shape->length) most = shape->past + shape->length;
    return (size_t)QUERY_BLOCK * (size_t)most;
}

/* The first key and value of a band, for a query head. */
struct band_keys {
    const float *k, *v;
    int ld;
};

static struct band_keys keys_of(const struct band *b, const float *qkv, int g, int head,
                                const struct attention_shape *shape) {
    const int h = shape->head_dim;
    const int K = shape->kv_heads;
    const int kv_head = head / (shape->heads / K);
    const int ld = shape->kv ? 2 * K * h : (shape->heads + 2 * K) * h;
    const ptrdiff_t row = (ptrdiff_t)g * (shape->kv ? shape->kv_rows : shape->length) + b->s0;
    const float *k =
        (shape->kv ? shape->kv : qkv + (ptrdiff_t)(shape->heads * h)) + row * ld + (ptrdiff_t)(kv_head * h);
    return (struct band_keys){k, k + (ptrdiff_t)(K * h), ld};
}

size_t self_attention_scratch(const struct attention_shape *shape) { return 2 * band_floats(shape); }

void self_attention_forward(float *o, float *lse, const float *qkv, const struct attention_shape *shape,
                            float *scratch) {
    const int H = shape->heads;
    const int K = shape->kv_heads;
    const int h = shape->head_dim;
    const int T = shape->length;
    const int ld = (H + 2 * K) * h;
    const int ldo = H * h;
    const float scale = 1.0f / sqrtf((float)h);
    for (int g = 0; g < shape->sequences; g++)
        for (int head = 0; head < H; head++)
            for (int t0 = 0; t0 < T; t0 += QUERY_BLOCK) {
                const struct band b = band_at(t0, shape);
                const size_t query_row = (size_t)(g * T + t0);
                const struct band_keys keys = keys_of(&b, qkv, g, head, shape);
                const float *q = qkv + query_row * (size_t)ld + head * h;
                float *p = scratch;
                matmul_nt(p, b.keys, q, ld, keys.k, keys.ld, b.queries, b.keys, h, scale, 0); /* S = q kᵀ / sqrt(h) */
                for (int i = 0; i < b.queries; i++) {
                    int first;
                    int end;
                    visible(&b, i, g, shape, &first, &end);
                    float *row = p + (size_t)i * (size_t)b.keys;
                    const float most = vector_max(row + first, (size_t)(end - first));
                    const float sum = vector_exp_sum(row + first, most, (size_t)(end - first));
                    vector_scale(row + first, 1.0f / sum, (size_t)(end - first));
                    memset(row, 0, sizeof *row * (size_t)first);
                    memset(row + end, 0, sizeof *row * (size_t)(b.keys - end));
                    lse[(query_row + (size_t)i) * (size_t)H + (size_t)head] = most + logf(sum);
                }
                /* o = P v : (queries, h) */
                matmul_nn(o + query_row * (size_t)ldo + head * h, ldo, p, b.keys, keys.v, keys.ld, b.queries, h, b.keys,
                          1, 0);
            }
}

/* P from S and the saved log-sum-exp, dS = P ⊙ (dP - rowsum(do ⊙ o)) in place of dP, both zero for masked positions. */
static void band_softmax_backward(float *p, float *dp, const struct band *b, const float *d_o, const float *o, int ldo,
                                  const float *lse, int g, const struct attention_shape *shape) {
    for (int i = 0; i < b->queries; i++) {
        int first;
        int end;
        visible(b, i, g, shape, &first, &end);
        float *prow = p + (size_t)i * (size_t)b->keys;
        float *drow = dp + (size_t)i * (size_t)b->keys;
        const float shift = lse[(size_t)i * (size_t)shape->heads];
        const float mean =
            vector_dot(d_o + (size_t)i * (size_t)ldo, o + (size_t)i * (size_t)ldo, (size_t)shape->head_dim);
#pragma omp simd
        for (int j = first; j < end; j++) {
            prow[j] = vector_exp1(prow[j] - shift);
            drow[j] = prow[j] * (drow[j] - mean);
        }
        memset(prow, 0, sizeof *prow * (size_t)first);
        memset(drow, 0, sizeof *drow * (size_t)first);
        memset(prow + end, 0, sizeof *prow * (size_t)(b->keys - end));
        memset(drow + end, 0, sizeof *drow * (size_t)(b->keys - end));
    }
}

void self_attention_backward(float *dqkv, const float *d_o, const float *qkv, const float *o, const float *lse,
                             const struct attention_shape *shape, float *scratch) {
    const int H = shape->heads;
    const int K = shape->kv_heads;
    const int h = shape->head_dim;
    const int T = shape->length;
    const int ld = (H + 2 * K) * h;
    const int ldo = H * h;
    const float scale = 1.0f / sqrtf((float)h);
    float *p = scratch;
    float *dp = scratch + band_floats(shape);
    memset(dqkv, 0, sizeof *dqkv * (size_t)ld * (size_t)(shape->sequences * T));
    for (int g = 0; g < shape->sequences; g++)
        for (int head = 0; head < H; head++)
            for (int t0 = 0; t0 < T; t0 += QUERY_BLOCK) {
                const struct band b = band_at(t0, shape);
                const size_t query_row = (size_t)(g * T + t0);
                const struct band_keys keys = keys_of(&b, qkv, g, head, shape);
                const int past = b.s0 < 0 ? -b.s0 : 0; /* keys without a gradient */
                const int present = b.keys - past;
                const size_t key_row = (size_t)(g * T + b.s0 + past);
                const size_t at_q = query_row * (size_t)ld + (size_t)(head * h);
                const size_t at_k = key_row * (size_t)ld + (size_t)((H + head / (H / K)) * h);
                const size_t at_v = at_k + (size_t)(K * h);
                const size_t at_o = query_row * (size_t)ldo + (size_t)(head * h);
                const float *q = qkv + at_q;
                matmul_nt(p, b.keys, q, ld, keys.k, keys.ld, b.queries, b.keys, h, scale, 0); /* S = q kᵀ / sqrt(h) */
                matmul_nt(dp, b.keys, d_o + at_o, ldo, keys.v, keys.ld, b.queries, b.keys, h, 1, 0); /* dP = do vᵀ */
                band_softmax_backward(p, dp, &b, d_o + at_o, o + at_o, ldo, lse + query_row * (size_t)H + head, g,
                                      shape);
                /* dv += Pᵀ do;  dq = dS k;  dk += dSᵀ q */
                matmul_tn(dqkv + at_v, ld, p + past, b.keys, d_o + at_o, ldo, present, h, b.queries, 1, 1);
                matmul_nn(dqkv + at_q, ld, dp, b.keys, keys.k, keys.ld, b.queries, h, b.keys, scale, 0);
                matmul_tn(dqkv + at_k, ld, dp + past, b.keys, q, ld, present, h, b.queries, scale, 1);
            }
}

float self_attention_add(float *restrict o, const float *p, const float *v, int ld, int count, int h) {
    float sum = 0;
    int i = 0;
    for (; i + 4 <= count; i += 4, v += 4 * (ptrdiff_t)ld) {
        const float a = p[i];
        const float b = p[i + 1];
        const float c = p[i + 2];
        const float e = p[i + 3];
        sum += a + b + c + e;
#pragma omp simd
        for (int j = 0; j < h; j++) o[j] += a * v[j] + b * v[ld + j] + c * v[2 * ld + j] + e * v[3 * ld + j];
    }
    for (; i < count; i++, v += ld) {
        sum += p[i];
#pragma omp simd
        for (int j = 0; j < h; j++) o[j] += p[i] * v[j];
    }
    return sum;
}
