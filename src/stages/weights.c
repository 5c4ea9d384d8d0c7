#include "stages/weights.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "math/orthogonalise.h"
#include "math/vector.h"
#include "stages/model_shape.h"

struct weight weight_matrix(const char *name, int rows, int columns, float init_std) {
    struct weight w = {
        .rank = 2, .rows = rows, .columns = columns, .init_std = init_std, .decays = true, .optimiser = WEIGHT_MATRIX};
    snprintf(w.name, sizeof w.name, "%s", name);
    return w;
}

struct weight weight_gain(const char *name, int rows) {
    struct weight w = {.rank = 1, .rows = rows, .columns = 1, .init_value = 1};
    snprintf(w.name, sizeof w.name, "%s", name);
    return w;
}

float weight_residual_std(int depth) { return (float)(0.02 / sqrt(2.0 * depth)); }

float weight_even_std(int columns) { return (float)(1 / sqrt(columns)); }

float weight_projection_std(const struct ltm_model_config *config) {
    return config->init_projections == LTM_INIT_ZERO ? 0 : weight_residual_std(model_depth(config));
}

void weights_begin_block(struct weight_table *table, const char *name) {
    if (table->blocks) {
        struct weight_block *block = &table->blocks[table->block_count];
        *block = (struct weight_block){.begin = table->size, .end = table->size, .weights = table->count};
        snprintf(block->name, sizeof block->name, "%s", name);
    }
    table->block_count++;
}

static void name_weight(struct weight *w, const char *name, const struct weight_block *block) {
    if (strcmp(name, block->name) == 0)
        snprintf(w->name, sizeof w->name, "%.40s.weight", name);
    else
        snprintf(w->name, sizeof w->name, "%s.%.24s.weight", block->name, name);
}

void weights_add(struct weight_table *table, struct weight weight, enum weight_use use) {
    const size_t size = weight_size(&weight);
    if (use == WEIGHT_PRODUCT) table->product_count++;
    if (table->weights) {
        struct weight_block *block = &table->blocks[table->block_count - 1];
        struct weight *w = &table->weights[table->count];
        *w = weight;
        name_weight(w, weight.name, block);
        w->offset = table->size;
        w->block = table->block_count - 1;
        w->product = use == WEIGHT_ALONE ? -1 : table->product_count - 1;
        block->end = table->size + size;
        if (use != WEIGHT_ALONE) {
            struct weight_product *product = &table->products[w->product];
            if (use == WEIGHT_PRODUCT) *product = (struct weight_product){w->offset, 0, w->columns};
            product->out += w->rows;
        }
    }
    if (weight.optimiser == WEIGHT_MATRIX) table->orthogonalise += orthogonalise_flops(weight.rows, weight.columns);
    table->count++;
    table->size += size;
}

ltm_status weight_table_allocate(struct weight_table *table, struct ltm_error *error) {
    static const char what[] = "the table of weights";
    ltm_status status = LTM_OK;
    const struct weight_table counted = *table;
    *table = (struct weight_table){0};
    TRY(NEW_ARRAY(table->weights, (size_t)counted.count, what, error));
    TRY(NEW_ARRAY(table->products, (size_t)counted.product_count, what, error));
    TRY(NEW_ARRAY(table->blocks, (size_t)counted.block_count, what, error));
    return LTM_OK;
cleanup:
    weight_table_free(table);
    return status;
}

void weight_table_free(struct weight_table *table) {
    free(table->weights);
    free(table->products);
    free(table->blocks);
    *table = (struct weight_table){0};
}

const struct weight *weights_find(const struct weight_table *table, const char *name) {
    for (int i = 0; i < table->count; i++)
        if (strcmp(table->weights[i].name, name) == 0) return &table->weights[i];
    return NULL;
}

int weights_find_nonfinite(const float *weights, const struct weight_table *table) {
    for (int k = 0; k < table->count; k++) {
        const struct weight *w = &table->weights[k];
        if (!vector_finite(weights + w->offset, weight_size(w))) return k;
    }
    return -1;
}

void weights_initialise(float *weights, const struct weight_table *table, double latent_scale, uint64_t seed) {
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < table->count; i++) {
        const struct weight *w = &table->weights[i];
        const float std = w->init_std * (w->init_latent ? (float)latent_scale : 1.0f);
        float *at = weights + w->offset;
        if (w->init_std != 0)
            random_normal(at, weight_size(w),
                          (struct random_key){.seed = seed, .purpose = RANDOM_WEIGHTS, .sequence = (uint32_t)i});
        for (size_t j = 0; j < weight_size(w); j++) at[j] = w->init_std != 0 ? at[j] * std : w->init_value;
        for (int j = 0; w->init_identity && j < w->rows; j++) at[(size_t)j * (size_t)w->columns + (size_t)j] = 1;
    }
}
