#include "model/weights.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "ltm/model.h"
#include "math/vector.h"

bool model_layer_reads(const struct ltm_model_config *config, int l) {
    return config->latents > 0 && l >= config->latent_from;
}

int model_reading_layers(const struct ltm_model_config *config) {
    return config->latents > 0 ? config->layers - config->latent_from : 0;
}

int model_layer_latents(const struct ltm_model_config *config) {
    return config->latents > 0 ? config->latents / model_reading_layers(config) : 0;
}

int model_ffn_width(const struct ltm_model_config *config) {
    const int width = 8 * config->dim / 3;
    const int m = config->ffn_multiple;
    return (width + m - 1) / m * m;
}

static size_t add(struct weight_table *table, const char *name, int rank, int rows, int columns, float init_std) {
    struct weight *w = &table->weights[table->count++];
    snprintf(w->name, sizeof w->name, "%s", name);
    w->rank = rank;
    w->rows = rows;
    w->columns = columns;
    w->offset = table->size;
    w->latent = strstr(name, ".cross_attention") != NULL;
    w->init_std = init_std;
    table->size += (size_t)rows * (size_t)columns;
    return w->offset;
}

static size_t add_in_layer(struct weight_table *table, int layer, const char *name, int rank, int rows, int columns,
                           float init_std) {
    char full[sizeof table->weights->name];
    snprintf(full, sizeof full, "layers.%d.%s.weight", layer, name);
    return add(table, full, rank, rows, columns, init_std);
}

static void add_layer(struct weight_table *table, const struct ltm_model_config *c, int l) {
    const int d = c->dim;
    const int kv = c->kv_heads * (c->dim / c->heads);
    const int ffn = model_ffn_width(c);
    const float std = 0.02f;
    const float residual = (float)(0.02 / sqrt(2.0 * c->layers));
    struct layer_offsets *at = &table->layers[l];
    at->begin = table->size;
    at->attention_norm = add_in_layer(table, l, "attention_norm", 1, d, 1, 0);
    at->wqkv = add_in_layer(table, l, "attention.wq", 2, d, d, std);
    add_in_layer(table, l, "attention.wk", 2, kv, d, std);
    add_in_layer(table, l, "attention.wv", 2, kv, d, std);
    at->wo = add_in_layer(table, l, "attention.wo", 2, d, d, residual);
    if (model_layer_reads(c, l)) {
        at->cross_norm = add_in_layer(table, l, "cross_attention_norm", 1, d, 1, 0);
        at->cross_wq = add_in_layer(table, l, "cross_attention.wq", 2, d, d, std);
        at->cross_wkv = add_in_layer(table, l, "cross_attention.wk", 2, kv, d, std);
        add_in_layer(table, l, "cross_attention.wv", 2, kv, d, std);
        at->cross_wo = add_in_layer(table, l, "cross_attention.wo", 2, d, d, residual);
    }
    at->ffn_norm = add_in_layer(table, l, "ffn_norm", 1, d, 1, 0);
    at->w13 = add_in_layer(table, l, "feed_forward.w1", 2, ffn, d, std);
    add_in_layer(table, l, "feed_forward.w3", 2, ffn, d, std);
    at->w2 = add_in_layer(table, l, "feed_forward.w2", 2, d, ffn, residual);
    at->end = table->size;
}

ltm_status weight_table_create(struct weight_table *table, const struct ltm_model_config *config,
                               struct ltm_error *error) {
    *table = (struct weight_table){0};
    ltm_status status = NEW_ARRAY(table->weights, 2 + 14 * (size_t)config->layers, "the table of weights", error);
    if (status == LTM_OK) status = NEW_ARRAY(table->layers, (size_t)config->layers, "the table of weights", error);
    if (status != LTM_OK) {
        weight_table_free(table);
        return status;
    }
    table->embedding = add(table, "tok_embeddings.weight", 2, config->vocab, config->dim, 0.02f);
    for (int l = 0; l < config->layers; l++) add_layer(table, config, l);
    table->final_norm = add(table, "norm.weight", 1, config->dim, 1, 0);
    return LTM_OK;
}

void weight_table_free(struct weight_table *table) {
    free(table->weights);
    free(table->layers);
    *table = (struct weight_table){0};
}

void weights_initialise(float *weights, const struct weight_table *table, double cross_scale, uint64_t seed) {
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < table->count; i++) {
        const struct weight *w = &table->weights[i];
        const size_t n = (size_t)w->rows * (size_t)w->columns;
        float *at = weights + w->offset;
        const float std = w->init_std * (strstr(w->name, ".cross_attention.wo.") ? (float)cross_scale : 1.0f);
        if (w->rank == 2)
            random_normal(at, n, (struct random_key){.seed = seed, .purpose = RANDOM_WEIGHTS, .sequence = (uint32_t)i});
        for (size_t j = 0; j < n; j++) at[j] = w->rank == 2 ? at[j] * std : 1.0f;
    }
}

int weights_find_nonfinite(const float *weights, const struct weight_table *table) {
    for (int k = 0; k < table->count; k++) {
        const struct weight *w = &table->weights[k];
        if (!vector_finite(weights + w->offset, (size_t)w->rows * (size_t)w->columns)) return k;
    }
    return -1;
}

int64_t ltm_parameter_count(const struct ltm_model_config *config) {
    const int64_t d = config->dim;
    const int64_t kv_heads = config->kv_heads == LTM_AUTO ? config->heads : config->kv_heads;
    const int64_t kv = kv_heads * (d / config->heads);
    const int64_t attention = 2 * d * d + 2 * kv * d + d;
    const int64_t ffn = 3 * d * model_ffn_width(config) + d;
    return config->vocab * d + (config->layers + model_reading_layers(config)) * attention + config->layers * ffn + d;
}

int model_longest_sequence(const struct ltm_model_config *config) {
    enum { ANYWAY = 1 << 26, RATIO = 16, SEQUENCE_MOST = 1 << 20 };
    const int64_t weights = RATIO * (int64_t)sizeof(float) * ltm_parameter_count(config);
    const int64_t tokens = (weights > ANYWAY ? weights : ANYWAY) / ((int64_t)sizeof(float) * config->dim);
    return tokens < SEQUENCE_MOST ? (int)tokens : SEQUENCE_MOST;
}

double ltm_forward_flops(const struct ltm_model_config *config) {
    const double d = config->dim;
    const double kv_heads = config->kv_heads == LTM_AUTO ? config->heads : config->kv_heads;
    const double window = config->window < config->sequence ? config->window : config->sequence;
    const double latents = config->latents; /* seen by each token in all layers together */
    const double reading = model_reading_layers(config);
    const double norms = d * (1.0 + 2.0 * config->layers + reading);
    /* The cross-attention's wk and wv are used once a latent, not once a token. */
    const double latent_weights = reading * 2.0 * d * kv_heads * (d / config->heads);
    const double each = reading > 0 ? latents / reading : 0;
    const double used = (double)ltm_parameter_count(config) - norms - latent_weights * (1.0 - each / config->sequence);
    /* Scores and values: 2 · 2 · width a pair of positions; a position early in the sequence sees fewer than `window`. */
    const double seen = window - window * (window - 1) / (2.0 * config->sequence);
    return 2.0 * used + 4.0 * d * (config->layers * seen + latents);
}
