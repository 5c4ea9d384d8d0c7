#include "stages/model_shape.h"

int model_head_dim(const struct ltm_model_config *config) { return config->dim / config->heads; }

int model_kv_heads(const struct ltm_model_config *config) {
    return config->kv_heads == LTM_AUTO ? config->heads : config->kv_heads;
}

int model_ffn_matrices(const struct ltm_model_config *config) { return config->ffn == LTM_FFN_RELU2 ? 2 : 3; }

int model_ffn_usual(const struct ltm_model_config *config) { return 8 * config->dim / model_ffn_matrices(config); }

int model_ffn_width(const struct ltm_model_config *config) {
    const int width = model_ffn_usual(config);
    const int m = config->ffn_multiple;
    return (width + m - 1) / m * m;
}

int64_t model_vocab_weights(const struct ltm_model_config *config) {
    return (config->output == LTM_OUTPUT_OWN ? 2 : 1) * (int64_t)config->vocab * config->dim;
}

int model_heads_ahead(const struct ltm_model_config *config) { return config->predict > 1 ? config->predict - 1 : 0; }

double model_ahead_flops(const struct ltm_model_config *config) {
    return model_heads_ahead(config) * 2.0 * config->dim * ((double)config->dim + config->vocab);
}

bool model_predicts_latents(const struct ltm_model_config *config) { return config->predict_latents > 0; }

int model_loops(const struct ltm_model_config *config) { return config->loops > 1 ? config->loops : 1; }

int model_core(const struct ltm_model_config *config) { return config->layers - config->prelude - config->coda; }

int model_depth(const struct ltm_model_config *config) {
    return config->layers + (model_loops(config) - 1) * model_core(config);
}

bool model_layer_reads(const struct ltm_model_config *config, int l) {
    return config->latents > 0 && l >= config->latent_from;
}

int model_layer_latents(const struct ltm_model_config *config) {
    return config->latents > 0 ? config->latents / (config->layers - config->latent_from) : 0;
}

bool model_encodes(const struct ltm_model_config *config) {
    return config->latents > 0 && config->encoder != LTM_ENCODER_NONE;
}
