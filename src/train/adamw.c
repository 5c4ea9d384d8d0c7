#include "train/adamw.h"

#include <math.h>
#include <string.h>

#include "math/vector.h"

void gradient_squares(double *sums, const float *gradient, const struct optimiser_shards *shards, int threads) {
    memset(sums, 0, sizeof *sums * shards->grains);
#pragma omp parallel num_threads(threads)
    for (int i = 0; i < shards->count; i++) {
        const struct piece *piece = &shards->pieces[i];
        const size_t n = piece->own.end - piece->own.begin;
        double *own = sums + piece->grain + (piece->own.begin - piece->all.begin) / GRAIN;
#pragma omp for schedule(static) nowait
        for (size_t at = 0; at < n; at += GRAIN)
            own[at / GRAIN] = vector_sum_squares(gradient + piece->at + at, n - at < GRAIN ? n - at : GRAIN);
    }
}

double gradient_norm(const double *sums, const struct optimiser_shards *shards) {
    double total = 0;
    for (size_t i = 0; i < shards->grains; i++) total += sums[i];
    return sqrt(total);
}

double slow_rate(const struct ltm_slow_config *config, int64_t step, int64_t steps) {
    if (step < config->warmup) return config->lr * (double)(step + 1) / config->warmup;
    if (steps <= config->warmup) return config->lr;
    const double least = config->lr_min == LTM_AUTO ? config->lr / 10 : config->lr_min;
    const double done = (double)(step - config->warmup) / (double)(steps - config->warmup);
    return least + 0.5 * (1 + cos(acos(-1.0) * done)) * (config->lr - least);
}

struct rates {
    float beta1, beta2, rate, root, keep, scale;
};

static void step_range(float *w, float *g, float *m, float *v, struct rates r, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        const float gradient = g[i] * r.scale;
        m[i] += (1.0f - r.beta1) * (gradient - m[i]);
        v[i] += (1.0f - r.beta2) * (gradient * gradient - v[i]);
        w[i] = w[i] * r.keep - r.rate * m[i] / (sqrtf(v[i]) * r.root + 1e-8f);
        g[i] = 0;
    }
}

/* What of one tensor lies in one own slice. */
static void step_tensor(struct adamw *adam, float *weights, float *gradient, const struct piece *piece,
                        struct range tensor, struct rates rates) {
    const size_t begin = tensor.begin > piece->own.begin ? tensor.begin : piece->own.begin;
    const size_t end = tensor.end < piece->own.end ? tensor.end : piece->own.end;
#pragma omp for schedule(static) nowait
    for (size_t at = begin; at < end; at += GRAIN) {
        const size_t state = piece->at + (at - piece->own.begin);
        step_range(weights + at, gradient + state, adam->first + state, adam->second + state, rates,
                   end - at < GRAIN ? end - at : GRAIN);
    }
}

void adamw_step(struct adamw *adam, float *weights, float *gradient, const struct weight_table *table,
                const struct ltm_slow_config *config, double lr, double scale, int threads) {
    const struct optimiser_shards *shards = adam->shards;
    adam->count++;
    const double updates = (double)(adam->count - adam->skipped);
    const struct rates gains = {.beta1 = (float)config->beta1,
                                .beta2 = (float)config->beta2,
                                .rate = (float)(lr / (1 - pow(config->beta1, updates))),
                                .root = (float)(1 / sqrt(1 - pow(config->beta2, updates))),
                                .keep = 1,
                                .scale = (float)scale};
    struct rates matrices = gains;
    matrices.keep = (float)(1 - lr * config->weight_decay);
#pragma omp parallel num_threads(threads)
    for (int i = 0; i < shards->count; i++) {
        const struct piece *piece = &shards->pieces[i];
        for (int k = 0; k < table->count; k++) {
            const struct weight *w = &table->weights[k];
            const struct range tensor = {w->offset, w->offset + (size_t)w->rows * (size_t)w->columns};
            struct rates r = w->decays ? matrices : gains;
            if (tensor.begin >= piece->own.end || tensor.end <= piece->own.begin) continue;
            if (w->rate == WEIGHT_RATE_LATENT)
                r.rate *= (float)config->latent_lr, r.keep = 1 - (1 - r.keep) * (float)config->latent_lr;
            step_tensor(adam, weights, gradient, piece, tensor, r);
        }
    }
}
