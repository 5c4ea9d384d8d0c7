/* The plain autoregressive decoder to hold a latent thought model, or one with a memory, against: without latents and so without
 * cross-attention, without a memory (model.memory), of as many layers, the same window, data, batch, rates and seed.
 *
 *     struct ltm_config twin;
 *     ltm_config_twin(&twin, &config, LTM_TWIN_PARAMETERS, &error);
 */
#pragma once

#include "ltm/config.h"
#include "ltm/status.h"

LTM_C_BEGIN

/* A latent thought model trains with (2 T_fast + 3) forward passes per token, a plain one with 3: equal compute is either more
 * tokens or a larger model. */
enum ltm_twin {
    LTM_TWIN_PARAMETERS, /* as many parameters, the same tokens: those of the cross-attention go to the feed-forward layers, made
                            wider through model.ffn_multiple; off by at most 3/2 · width · layers weights */
    LTM_TWIN_COMPUTE, /* as many parameters and as much training compute: that decoder on more tokens, exact to a slow step */
    LTM_TWIN_WIDTH, /* the same tokens and as much training compute: heads of the same size are added, then the SwiGLU
                            layers are widened; the compute is exact to one column of them */
    LTM_TWIN_ATTENTION, /* the twin of parameters with full attention, model.window = model.sequence: the loss of the twin with
                           the window less its loss is the headroom, what the past is worth to attention */
};

/* "parameters", "compute", "width", "attention"; NULL for another number. Static storage. */
const char *ltm_twin_name(int kind);

/* *twin becomes the twin of a valid configuration, valid itself, with no auto left in the model's shape. LTM_INVALID when it has
 * neither latents nor a memory (and with LTM_TWIN_ATTENTION full attention besides), or when its vocabulary is auto and neither tokenizer nor corpus is there to say it; the twins of parameters and
 * attention need none. */
ltm_status ltm_config_twin(struct ltm_config *twin, const struct ltm_config *config, enum ltm_twin kind,
                           struct ltm_error *error);

LTM_C_END
