/* The table of weights: one list that drives allocation, initialisation, optimiser groups, checkpoint order, gradient checks
 * and `inspect`.
 *
 * All weights of a model lie in one array of floats; gradients and moments are arrays of the same layout. What belongs to
 * one layer is contiguous, and within it wq, wk, wv stand side by side, as do w1 and w3, and the cross-attention's wk and
 * wv: so one product makes q, k and v. */
#ifndef MODEL_WEIGHTS_H
#define MODEL_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "ltm/config.h"

struct weight {
    char name[56];     /* of the published PyTorch model (DESIGN, section 4) */
    int rank;          /* 2: a matrix (rows, columns), decayed; 1: a gain (rows), not decayed */
    int rows, columns; /* columns = 1 for a gain */
    size_t offset;     /* into the array */
    float init_std;    /* of the initial normal numbers; a gain starts at 1 */
    bool latent;       /* of a cross-attention: what reads the latents */
};

/* Offsets of one layer's weights in the array. */
struct layer_offsets {
    size_t attention_norm, wqkv, wo;
    size_t cross_norm, cross_wq, cross_wkv, cross_wo; /* only with latents */
    size_t ffn_norm, w13, w2;
    size_t begin, end;
};

struct weight_table {
    struct weight *weights; /* in the order of offsets */
    int count;
    size_t size; /* floats in the array */
    struct layer_offsets *layers;
    size_t embedding, final_norm;
};

/* Tokens that a sequence may have at most, so that what a workspace takes is in proportion to the weights: who is asked to open a
 * model of a few kilobytes is not asked for gigabytes. Far more than anybody trains on: 64 MB for one activation, or 16 times the
 * weights. */
int model_longest_sequence(const struct ltm_model_config *config);

/* Whether layer l reads latents; how many layers do; how many latents each of them has. */
bool model_layer_reads(const struct ltm_model_config *config, int l);
int model_reading_layers(const struct ltm_model_config *config);
int model_layer_latents(const struct ltm_model_config *config);

/* The SwiGLU width F. */
int model_ffn_width(const struct ltm_model_config *config);

ltm_status weight_table_create(struct weight_table *table, const struct ltm_model_config *config,
                               struct ltm_error *error);
void weight_table_free(struct weight_table *table);

/* The first weight that holds something not finite, or -1. */
int weights_find_nonfinite(const float *weights, const struct weight_table *table);

/* Initial weights, the same for any number of threads: N(0, 0.02²), into the residual stream N(0, (0.02/√(2L))²), times
 * cross_scale where they write what the cross-attention read; gains 1. */
void weights_initialise(float *weights, const struct weight_table *table, double cross_scale, uint64_t seed);

#endif
