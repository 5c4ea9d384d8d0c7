/* How streaming latents (latent.kind = streaming) divide a sequence: a pass takes a chunk of it at a time. And how memories do, within a
 * pass. */
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

/* Tokens of a sequence that a memory (model.memory) is written by at a time. */
static inline int model_memory_chunk(const struct ltm_model_config *config) {
    const int chunk = config->memory_chunk > 0 ? config->memory_chunk : config->window;
    return chunk < config->sequence ? chunk : config->sequence;
}

/* Is what a model carries from chunk to chunk scored beside what it would be without? */
static inline bool model_carries(const struct ltm_model_config *config) {
    return model_streams(config) || (config->memory != LTM_MEMORY_NONE && config->latents == 0);
}

/* Does a text continue past model.sequence in generation, its window rolling? What reads latents knows no later position. */
static inline bool model_rolls(const struct ltm_model_config *config) {
    return config->memory != LTM_MEMORY_NONE && config->latents == 0;
}

/* Does a model read a text of any length, its state keeping what is forgotten of it? A streaming z outlives a text that slides. */
static inline bool model_reads_on(const struct ltm_model_config *config) {
    return model_rolls(config) || model_streams(config);
}

/* Does z ever move? Not at rate 0, nor where a sequence is one chunk. */
static inline bool model_moves(const struct ltm_model_config *config) {
    return model_streams(config) && model_chunk(config) < config->sequence && config->stream_rate > 0;
}

/* Keys and values of earlier chunks that a position may see: the most, which is those of the last chunk. */
static inline int model_past(const struct ltm_model_config *config) {
    const int before = (config->sequence - 1) / model_chunk(config) * model_chunk(config);
    return config->window - 1 < before ? config->window - 1 : before;
}
