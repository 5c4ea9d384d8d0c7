/* Settings of a model that trains in a moment; each test says what it wants otherwise. */
#ifndef TESTS_SMALL_CONFIG_H
#define TESTS_SMALL_CONFIG_H

#include "ltm/config.h"

/* Two layers of width 8 with two heads that share keys and values, and two latents a layer; all else at its default. */
static inline struct ltm_config small_config(int vocab, int sequence) {
    struct ltm_config c;
    ltm_config_defaults(&c);
    c.model = (struct ltm_model_config){.dim = 8,
                                        .layers = 2,
                                        .heads = 2,
                                        .kv_heads = 1,
                                        .ffn_multiple = 8,
                                        .sequence = sequence,
                                        .window = 8,
                                        .vocab = vocab,
                                        .latents = 4};
    return c;
}

#endif
