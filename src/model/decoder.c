#include "model/decoder.h"

#include <stdlib.h>

#include "base/memory.h"
#include "nn/rope.h"

ltm_status decoder_create(struct decoder **decoder, const struct ltm_model_config *config, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct decoder *made = NULL;
    *decoder = NULL;
    TRY(NEW_ARRAY(made, 1, "a decoder", error));
    made->config = *config;
    struct ltm_model_config *c = &made->config;
    if (c->kv_heads == LTM_AUTO) c->kv_heads = c->heads;
    const int head_dim = c->dim / c->heads;
    TRY(weight_table_create(&made->table, c, error));
    TRY(NEW_ARRAY(made->weights, made->table.size, "weights", error));
    TRY(NEW_ARRAY(made->rope, (size_t)c->sequence * (size_t)head_dim, "positions", error));
    rope_table(made->rope, c->sequence, 1, head_dim);
    if (c->latents) {
        const int count = c->latents / c->layers;
        TRY(NEW_ARRAY(made->latent_rope, (size_t)count * (size_t)head_dim, "positions", error));
        rope_table(made->latent_rope, count, c->sequence / c->latents, head_dim);
    }
    *decoder = made;
    return LTM_OK;
cleanup:
    decoder_free(made);
    return status;
}

void decoder_free(struct decoder *decoder) {
    if (!decoder) return;
    weight_table_free(&decoder->table);
    free(decoder->weights);
    free(decoder->rope);
    free(decoder->latent_rope);
    free(decoder);
}
