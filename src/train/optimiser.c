#include "train/optimiser.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "base/memory.h"
#include "config/choices.h"
#include "math/vector.h"

static const struct optimiser_kind *const rows[] = {
    [LTM_OPTIMISER_ADAMW] = &optimiser_adamw,
    [LTM_OPTIMISER_MUON] = &optimiser_muon,
};

enum { ROWS = sizeof rows / sizeof rows[0] };

const struct optimiser_kind *optimiser_kind_of(const struct ltm_slow_config *config) { return rows[config->optimiser]; }

struct choice optimiser_choice(int i) {
    return i < ROWS ? (struct choice){rows[i]->name, rows[i]->help} : (struct choice){NULL, NULL};
}

ltm_status optimiser_check(const struct ltm_config *config, struct ltm_error *error) {
    const struct optimiser_kind *kind = optimiser_kind_of(&config->slow);
    return kind->check ? kind->check(&config->slow, error) : LTM_OK;
}

bool optimiser_keeps(const struct optimiser_kind *kind, int k, const struct weight *weight) {
    return kind->of_matrices[k] == (kind->whole_matrices && weight->optimiser == WEIGHT_MATRIX);
}

/* Floats of the kind's k-th state, and of a thread's scratch. */
static size_t state_floats(const struct optimiser_kind *kind, int k, const struct optimiser_shards *shards) {
    return shards->own_alike[kind->of_matrices[k]];
}

static size_t scratch_floats(const struct optimiser_kind *kind, const struct weight_table *table) {
    size_t most = 0;
    for (int i = 0; kind->scratch && i < table->count; i++) {
        const struct weight *w = &table->weights[i];
        const size_t floats = w->optimiser == WEIGHT_MATRIX ? kind->scratch(w->rows, w->columns) : 0;
        if (floats > most) most = floats;
    }
    return (most + 15) / 16 * 16; /* each thread's from a multiple of 64 bytes: the same bits from whichever */
}

size_t optimiser_bytes(const struct ltm_slow_config *config, const struct weight_table *table,
                       const struct optimiser_shards *shards, int threads) {
    const struct optimiser_kind *kind = optimiser_kind_of(config);
    size_t floats = (size_t)threads * scratch_floats(kind, table);
    for (int k = 0; k < kind->states; k++) floats += state_floats(kind, k, shards);
    if (config->ema > 0) floats += table->size;
    return floats * sizeof(float);
}

ltm_status optimiser_create(struct optimiser *optimiser, const struct ltm_slow_config *config,
                            const struct weight_table *table, const struct optimiser_shards *shards, int threads,
                            struct ltm_error *error) {
    static const char what[] = "optimiser state";
    const struct optimiser_kind *kind = optimiser_kind_of(config);
    ltm_status status = LTM_OK;
    *optimiser = (struct optimiser){.kind = kind, .shards = shards, .room = scratch_floats(kind, table)};
    for (int k = 0; k < kind->states; k++)
        TRY(NEW_ARRAY(optimiser->state[k], state_floats(kind, k, shards), what, error));
    if (config->ema > 0) TRY(NEW_ARRAY(optimiser->average, table->size, "an average of the weights", error));
    if (optimiser->room) TRY(NEW_ARRAY(optimiser->scratch, (size_t)threads * optimiser->room, what, error));
    if (shards->processes > 1) TRY(NEW_ARRAY(optimiser->slice, shards->largest, what, error));
    return LTM_OK;
cleanup:
    optimiser_free(optimiser);
    return status;
}

void optimiser_free(struct optimiser *optimiser) {
    for (int k = 0; k < OPTIMISER_STATES; k++) free(optimiser->state[k]);
    free(optimiser->slice);
    free(optimiser->scratch);
    free(optimiser->average);
    *optimiser = (struct optimiser){0};
}

void optimiser_average(struct optimiser *optimiser, const float *weights, size_t n,
                       const struct ltm_slow_config *config, int threads) {
    const double updates = (double)(optimiser->count - optimiser->skipped);
    const float take = (float)(1 - fmin(config->ema, (1 + updates) / (10 + updates)));
    float *average = optimiser->average;
#pragma omp parallel for simd schedule(static) num_threads(threads)
    for (size_t i = 0; i < n; i++) average[i] += take * (weights[i] - average[i]);
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
            const size_t in = begin - piece->own.begin;
            struct optimiser_part part = {
                .weight = w, .n = end - begin, .w = weights + begin, .g = gradient + piece->at + in};
            for (int k = 0; k < kind->states; k++)
                if (kind->of_matrices[k] == piece->whole) part.state[k] = optimiser->state[k] + piece->at_alike + in;
            if (optimiser->room) part.scratch = optimiser->scratch + (size_t)omp_get_thread_num() * optimiser->room;
            take_rule(&part, config);
            kind->step(&part, &step);
        }
    }
}
