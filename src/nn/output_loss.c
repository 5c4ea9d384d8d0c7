#include "nn/output_loss.h"

#include <math.h>

#include "math/vector.h"

/* A block's logits should fit the cache that a core can count on (some megabytes), but a product of fewer than 128 rows
 * spends its time on packing E. */
int output_loss_rows(int vocab) {
    int rows = (int)(((size_t)8 << 20) / sizeof(float) / (size_t)vocab);
    rows = rows / 64 * 64;
    return rows < 128 ? 128 : rows > 1024 ? 1024 : rows;
}

size_t output_loss_scratch(int vocab, int rows) {
    int block = output_loss_rows(vocab);
    return (size_t)(rows < block ? rows : block) * (size_t)vocab;
}

/* One row of logits: returns nll, leaves weight · (softmax - onehot) in place when the gradient is wanted. */
static float row_loss(float *logits, int target, int vocab, float weight, int gradient) {
    const float most = vector_max(logits, (size_t)vocab);
    const float hit = logits[target];
    const float sum = vector_exp_sum(logits, most, (size_t)vocab);
    if (gradient) {
        vector_scale(logits, weight / sum, (size_t)vocab);
        logits[target] -= weight;
    }
    return most + logf(sum) - hit;
}

void output_loss_prepare(struct bf16_work *work, const struct linear *e, int rows, bool training) {
    const int block = output_loss_rows(e->out);
    linear_prepare(work, e, rows < block ? rows : block, false, training);
    linear_prepare(work, e, rows % block, false, training);
}

void output_loss(struct bf16_work *work, float *nll, float *dx, float *de, const float *x, const struct linear *e,
                 const int32_t *targets, const float *weights, int rows, float *scratch) {
    const int block = output_loss_rows(e->out);
    const int vocab = e->out;
    for (int from = 0; from < rows; from += block) {
        const int count = rows - from < block ? rows - from : block;
        const size_t at = (size_t)from * (size_t)e->in;
        linear_forward(work, scratch, x + at, e, count, false); /* logits = x Eᵀ : (count, V) */
        for (int i = 0; i < count; i++)
            nll[from + i] = row_loss(scratch + (size_t)i * (size_t)vocab, targets[from + i], vocab,
                                     weights ? weights[from + i] : 1.0f, dx || de);
        if (dx) linear_backward_input(work, dx + at, scratch, e, count);     /* dx = dlogits E */
        if (de) linear_backward_weight(work, de, scratch, x + at, e, count); /* dE += dlogitsᵀ x : (V, d) */
    }
}
