#include "nn/output_loss.h"

#include <math.h>

#include "math/vector.h"

/* A block's logits should fit a core's share of the cache (some megabytes), but a product of fewer than 128
 * rows spends its time packing E. */
int output_loss_rows(int vocab) {
    int rows = (int)(((size_t)8 << 20) / sizeof(float) / (size_t)vocab);
    rows = rows / 64 * 64;
    return rows < 128 ? 128 : rows > 1024 ? 1024 : rows;
}

size_t output_loss_scratch(int vocab, int rows) {
    int block = output_loss_rows(vocab);
    return (size_t)((rows < block ? rows : block) + 1) * (size_t)vocab;
}

/* One row of logits: returns nll, leaves weight · (softmax - onehot), times the cap's slope, in place if the gradient
 * is wanted. */
static float row_loss(float *logits, int target, int vocab, float weight, bool gradient, float cap, float *slope) {
    if (cap != 0) vector_softcap(logits, gradient ? slope : NULL, cap, (size_t)vocab);
    const float most = vector_max(logits, (size_t)vocab);
    const float hit = logits[target];
    const float sum = vector_exp_sum(logits, most, (size_t)vocab);
    if (gradient) {
        vector_scale(logits, weight / sum, (size_t)vocab);
        logits[target] -= weight;
        if (cap != 0) vector_multiply(logits, slope, (size_t)vocab);
    }
    return most + logf(sum) - hit;
}

ltm_status output_loss_prepare(struct output_calls *calls, struct bf16_work *work, const struct linear *e, int rows,
                               bool training, struct ltm_error *error) {
    const int block = output_loss_rows(e->out);
    /* The rest first: a backlog serves what is prepared last. */
    PASS_UP(linear_prepare(&calls->rest, work, e, rows % block, false, training, error));
    return linear_prepare(&calls->block, work, e, rows < block ? rows : block, false, training, error);
}

void output_loss(const struct output_calls *calls, float *nll, float *dx, float *de, const float *x,
                 const int32_t *targets, const float *weights, int rows, float cap, float *scratch) {
    const struct linear *e = calls->block.w;
    const int vocab = e->out;
    float *slope = scratch + (size_t)calls->block.rows * (size_t)vocab;
    for (int from = 0, count; from < rows; from += count) {
        const size_t at = (size_t)from * (size_t)e->in;
        const struct linear_call *call = rows - from < calls->block.rows ? &calls->rest : &calls->block;
        count = call->rows;
        linear_forward(call, scratch, x + at); /* logits = x Eᵀ : (count, V) */
        for (int i = 0; i < count; i++)
            nll[from + i] = row_loss(scratch + (size_t)i * (size_t)vocab, targets[from + i], vocab,
                                     weights ? weights[from + i] : 1.0f, dx != NULL, cap, slope);
        /* dx = dlogits E;  dE += dlogitsᵀ x : (V, d) */
        if (dx) linear_backward(call, dx + at, de, scratch, x + at);
    }
}

/* Σ p (a - b) + log Σ e^b - log Σ e^a, p = softmax(a). */
float softmax_divergence(const float *a, const float *b, size_t n) {
    const float most_a = vector_max(a, n);
    const float most_b = vector_max(b, n);
    double sum_a = 0;
    double sum_b = 0;
    double difference = 0;
#pragma omp simd reduction(+ : sum_a, sum_b, difference)
    for (size_t i = 0; i < n; i++) {
        const float p = vector_exp1(a[i] - most_a);
        sum_a += (double)p;
        sum_b += (double)vector_exp1(b[i] - most_b);
        difference += (double)(p * ((a[i] - most_a) - (b[i] - most_b)));
    }
    const double kl = difference / sum_a + log(sum_b) - log(sum_a);
    return kl < 0 ? 0 : (float)kl; /* a NaN stays one */
}

void output_divergence(const struct output_calls *calls, float *kl, const float *before, const float *now, int rows,
                       float cap, float *scratch) {
    const struct linear *e = calls->block.w;
    const size_t vocab = (size_t)e->out;
    float *second = scratch + output_loss_scratch(e->out, rows);
    for (int from = 0, count; from < rows; from += count) {
        const size_t at = (size_t)from * (size_t)e->in;
        const struct linear_call *call = rows - from < calls->block.rows ? &calls->rest : &calls->block;
        count = call->rows;
        linear_forward(call, scratch, before + at); /* logits = x Eᵀ : (count, V) */
        linear_forward(call, second, now + at);
        for (size_t i = 0; i < (size_t)count; i++) {
            float *a = scratch + i * vocab;
            float *b = second + i * vocab;
            if (cap != 0) vector_softcap(a, NULL, cap, vocab);
            if (cap != 0) vector_softcap(b, NULL, cap, vocab);
            kl[(size_t)from + i] = softmax_divergence(a, b, vocab);
        }
    }
}
