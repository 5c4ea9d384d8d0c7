#include "stages/latent_part.h"

#include <string.h>

#include "config/chunks.h"
#include "math/vector.h"
#include "stages/model_shape.h"

/* A tenth of what a prior would draw: with a start of 0, an output that starts at 0 would never move. */
#define STREAM_START_STD 0.1f

struct weight latent_reading(struct weight w) {
    w.rate = WEIGHT_RATE_LATENT;
    return w;
}

void latent_part_declare(struct weight_table *table, const struct ltm_model_config *c) {
    if (!model_streams(c)) return;
    struct weight start = weight_matrix("cross_attention.start", model_layer_latents(c), c->dim, STREAM_START_STD);
    start.optimiser = WEIGHT_ELEMENTWISE;
    start.decays = false;
    weights_add(table, start, WEIGHT_ALONE);
    weights_add(table, weight_gain("cross_attention.gain", model_layer_latents(c)), WEIGHT_ALONE);
}

/* Numbers of a part, and of all parts of a sequence. */
static size_t part_size(const struct ltm_model_config *c) { return (size_t)model_layer_latents(c) * (size_t)c->dim; }
static size_t all_size(const struct ltm_model_config *c) { return (size_t)c->latents * (size_t)c->dim; }

void latent_part_read(float *z, const float *part, const struct stage_weights *w, int row,
                      const struct ltm_model_config *c) {
    const size_t d = (size_t)c->dim;
    const size_t size = part_size(c);
    if (!model_streams(c)) memcpy(z, part, sizeof *z * size);
    for (size_t i = 0; model_streams(c) && i < size; i++)
        z[i] = stage_weight(w, row)[i] + stage_weight(w, row + 1)[i / d] * part[i];
}

void latent_part_gather(float *part, const struct stage_io *io, const struct stage_weights *w, int row) {
    const struct ltm_model_config *c = io->shape.config;
    const size_t size = part_size(c);
    if (!io->z) memset(part, 0, sizeof *part * size * (size_t)io->shape.sequences);
    for (size_t g = 0; io->z && g < (size_t)io->shape.sequences; g++)
        latent_part_read(part + g * size, io->z + g * all_size(c) + (size_t)io->part * size, w, row, c);
}

/* dm += Σ dz, da += Σ dz · u of each latent, over sequences. */
static void stream_backward(const struct stage_io *io, const struct stage_weights *w, int row, const float *dz,
                            float *dw) {
    const struct ltm_model_config *c = io->shape.config;
    const size_t d = (size_t)c->dim;
    const size_t size = part_size(c);
    float *dstart = stage_gradient(w, dw, row);
    float *dgain = stage_gradient(w, dw, row + 1);
    for (size_t g = 0; g < (size_t)io->shape.sequences; g++) {
        const float *u = io->z + g * all_size(c) + (size_t)io->part * size;
        vector_add(dstart, dz + g * size, size);
        for (size_t i = 0; i < size; i += d) dgain[i / d] += vector_dot(dz + g * size + i, u + i, d);
    }
}

void latent_part_backward(const struct stage_io *io, const struct stage_weights *w, int row, const float *dz,
                          float *dw) {
    const struct ltm_model_config *c = io->shape.config;
    const size_t size = part_size(c);
    for (size_t g = 0; io->dz && g < (size_t)io->shape.sequences; g++) {
        float *to = io->dz + g * all_size(c) + (size_t)io->part * size;
        if (io->adds_dz)
            vector_add(to, dz + g * size, size);
        else
            memcpy(to, dz + g * size, sizeof *to * size);
    }
    if (dw && model_streams(c)) stream_backward(io, w, row, dz, dw);
}
