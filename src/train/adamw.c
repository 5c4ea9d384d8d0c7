#include "train/adamw.h"

#include <math.h>

#include "math/vector.h"

enum { CHUNK = 1 << 15 };

static size_t chunks_of(size_t n) { return (n + CHUNK - 1) / CHUNK; }

static size_t chunk_end(size_t chunk, size_t n) { return (chunk + 1) * CHUNK < n ? (chunk + 1) * CHUNK : n; }

double gradient_norm(const float *gradient, size_t n, int threads) {
    enum { ROUND = 1024 }; /* chunks whose sums are kept at a time */
    double total = 0, part[ROUND];
    for (size_t from = 0; from < chunks_of(n); from += ROUND) {
        const size_t end = from + ROUND < chunks_of(n) ? from + ROUND : chunks_of(n);
#pragma omp parallel for num_threads(threads) schedule(static)
        for (size_t c = from; c < end; c++)
            part[c - from] = vector_sum_squares(gradient + c * CHUNK, chunk_end(c, n) - c * CHUNK);
        for (size_t c = from; c < end; c++) total += part[c - from];
    }
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

void adamw_step(struct adamw *adam, float *weights, float *gradient, const struct weight_table *table,
                const struct ltm_slow_config *config, double lr, double scale, int threads) {
    adam->count++;
    const struct rates gains = {.beta1 = (float)config->beta1,
                                .beta2 = (float)config->beta2,
                                .rate = (float)(lr / (1 - pow(config->beta1, (double)adam->count))),
                                .root = (float)(1 / sqrt(1 - pow(config->beta2, (double)adam->count))),
                                .keep = 1,
                                .scale = (float)scale};
    struct rates matrices = gains;
    matrices.keep = (float)(1 - lr * config->weight_decay);
#pragma omp parallel num_threads(threads)
    for (int i = 0; i < table->count; i++) {
        const struct weight *w = &table->weights[i];
        const size_t n = (size_t)w->rows * (size_t)w->columns;
#pragma omp for schedule(static) nowait
        for (size_t c = 0; c < chunks_of(n); c++) {
            const size_t at = w->offset + c * CHUNK;
            struct rates r = w->rank == 2 ? matrices : gains;
            if (w->latent) r.rate *= (float)config->latent_lr, r.keep = 1 - (1 - r.keep) * (float)config->latent_lr;
            step_range(weights + at, gradient + at, adam->first + at, adam->second + at, r,
                       chunk_end(c, n) - c * CHUNK);
        }
    }
}
