/* Each key of [model] that changes the decoder and is off by default, alone, and then all of them at once. */
#ifndef SUPPORT_MODEL_KEYS_H
#define SUPPORT_MODEL_KEYS_H

#include "ltm/config.h"

enum { MODEL_KEYS = 17 }; /* variants */

static inline struct ltm_model_config model_with_key(struct ltm_model_config c, int variant) {
    const int all = MODEL_KEYS - 1;
    if (variant == 0 || variant == all) c.ffn = LTM_FFN_RELU2;
    if (variant == 1 || variant == all) c.qk_norm = LTM_QK_NORM_RMS;
    if (variant == 2 || variant == all) c.init_projections = LTM_INIT_ZERO; /* what is written and read back */
    if (variant == 3 || variant == all) c.softcap = 1.5;
    if (variant == 4 || variant == all) c.output = LTM_OUTPUT_OWN;
    if (variant == 5 || variant == all) c.mix_input = 1;
    if (variant == 6 || variant == all) c.value_residual = 1;
    if (variant == 7 || variant == all) {
        c.packing = LTM_PACKING_MASKED;
        c.document_end = 1; /* which begins a document within some sequences of every test */
    }
    if (variant == 8) c.loops = 3;
    if (variant == 9) c.loops = 2, c.order = LTM_ORDER_AABB;
    if (variant == 10) c.loops = 3, c.inject = LTM_INJECT_ADD, c.loop_gains = LTM_LOOP_GAINS_OWN;
    if (variant == 11) c.loops = 2, c.inject = LTM_INJECT_CONCAT;
    if (variant == 12) c.loops = 3, c.inject = LTM_INJECT_CONCAT, c.backprop = 1;
    if (variant == 13) c.memory = LTM_MEMORY_NEURAL, c.memory_chunk = 4, c.memory_rate = 1;
    if (variant == 14) c.memory = LTM_MEMORY_RECURRENT, c.memory_chunk = 4, c.memory_slots = 3;
    if (variant == 15) c.latent_read = LTM_READ_KEYS, c.qk_norm = LTM_QK_NORM_RMS;
    if (variant == all) {
        c.loops = 3;
        c.coda = c.layers > 1 ? 1 : 0;
        c.inject = LTM_INJECT_DIAGONAL;
    }
    return c;
}

#endif
