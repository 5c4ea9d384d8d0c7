/* How streaming latents (latent.kind = streaming) divide a sequence: each pass takes one chunk. */
#pragma once

#include <stdbool.h>

#include "ltm/config.h"

static inline bool model_streams(const struct ltm_model_config *config) {
    return config->latents > 0 && config->latent_kind == LTM_LATENT_STREAMING;
}

/* Tokens in a pass: those of a chunk, or of the whole sequence. */
static inline int model_chunk(const struct ltm_model_config *config) {
    return model_streams(config) && config->chunk > 0 && config->chunk < config->sequence ? config->chunk
                                                                                          : config->sequence;
}

/* Whether z ever moves: not at rate 0, and not if a sequence is one chunk. */
static inline bool model_moves(const struct ltm_model_config *config) {
    return model_streams(config) && model_chunk(config) < config->sequence && config->stream_rate > 0;
}

/* Keys and values of earlier chunks that a position may see: the most, which is those of the last chunk. */
static inline int model_past(const struct ltm_model_config *config) {
    const int before = (config->sequence - 1) / model_chunk(config) * model_chunk(config);
    return config->window - 1 < before ? config->window - 1 : before;
}
