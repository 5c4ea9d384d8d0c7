#include "train/optimiser.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/choices.h"
#include "math/vector.h"

static const struct optimiser_kind *const rows[] = {
    [LTM_OPTIMISER_ADAMW] = &optimiser_adamw,
};

enum { ROWS = sizeof rows / sizeof rows[0] };

const struct optimiser_kind *optimiser_kind_of(const struct ltm_slow_config *config) { return rows[config->optimiser]; }

struct choice optimiser_choice(int i) {
    return i < ROWS ? (struct choice){rows[i]->name, rows[i]->help} : (struct choice){NULL, NULL};
}

ltm_status optimiser_create(struct optimiser *optimiser, const struct ltm_slow_config *config,
                            const struct optimiser_shards *shards, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    *optimiser = (struct optimiser){.kind = optimiser_kind_of(config), .shards = shards};
    for (int k = 0; k < optimiser->kind->states; k++)
        TRY(NEW_ARRAY(optimiser->state[k], shards->own, "optimiser state", error));
    if (shards->processes > 1) TRY(NEW_ARRAY(optimiser->slice, PIECE, "optimiser state", error));
    return LTM_OK;
cleanup:
    optimiser_free(optimiser);
    return status;
}

void optimiser_free(struct optimiser *optimiser) {
    for (int k = 0; k < OPTIMISER_STATES; k++) free(optimiser->state[k]);
    free(optimiser->slice);
    *optimiser = (struct optimiser){0};
}

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

/* What a weight's row says of its step. */
static void take_rule(struct optimiser_part *part, const struct ltm_slow_config *config) {
    part->lr_scale = part->weight->rate == WEIGHT_RATE_LATENT ? (float)config->latent_lr : 1;
    part->decays = part->weight->decays;
}

void optimiser_update(struct optimiser *optimiser, float *weights, float *gradient, const struct weight_table *table,
                      const struct ltm_slow_config *config, double lr, double scale, int threads) {
    const struct optimiser_shards *shards = optimiser->shards;
    const struct optimiser_kind *kind = optimiser->kind;
    optimiser->count++;
    const struct optimiser_step step = {config, lr, scale, optimiser->count - optimiser->skipped};
#pragma omp parallel num_threads(threads)
    for (int i = 0; i < shards->count; i++) {
        const struct piece *piece = &shards->pieces[i];
        for (int j = 0; j < table->count; j++) {
            const struct weight *w = &table->weights[j];
            const size_t last = w->offset + weight_size(w);
            const size_t begin = w->offset > piece->own.begin ? w->offset : piece->own.begin;
            const size_t end = last < piece->own.end ? last : piece->own.end;
            if (begin >= end) continue;
            const size_t at = piece->at + (begin - piece->own.begin);
            struct optimiser_part part = {.weight = w, .n = end - begin, .w = weights + begin, .g = gradient + at};
            for (int k = 0; k < kind->states; k++) part.state[k] = optimiser->state[k] + at;
            take_rule(&part, config);
            kind->step(&part, &step);
        }
    }
}
