/* Sizes that follow from a model's configuration. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ltm/config.h"

int model_head_dim(const struct ltm_model_config *config);  /* h */
int model_kv_heads(const struct ltm_model_config *config);  /* K, also where the configuration says auto */
int model_ffn_width(const struct ltm_model_config *config); /* F */

/* A layer's feed-forward matrices, each d · F: what F is chosen by, so that they have about 8d² weights. And F before it is rounded. */
int model_ffn_matrices(const struct ltm_model_config *config);
int model_ffn_usual(const struct ltm_model_config *config);

/* Weights of the embedding, and of an output matrix of its own. */
int64_t model_vocab_weights(const struct ltm_model_config *config);

/* Heads that predict further tokens (stages/ahead.h), and operations of useful work a token that a forward pass of all takes. */
int model_heads_ahead(const struct ltm_model_config *config);
double model_ahead_flops(const struct ltm_model_config *config);

/* Whether training predicts the states of a teacher (stages/latent_prediction.h). */
bool model_predicts_latents(const struct ltm_model_config *config);

/* Times that the core runs, at least 1; layers of the core; layers that run in all, each as often as it does. */
int model_loops(const struct ltm_model_config *config);
int model_core(const struct ltm_model_config *config);
int model_depth(const struct ltm_model_config *config);

/* Whether a posterior starts where an encoder says. */
bool model_encodes(const struct ltm_model_config *config);

/* Whether layer l reads latents; how many latents each that does has, M. */
bool model_layer_reads(const struct ltm_model_config *config, int l);
int model_layer_latents(const struct ltm_model_config *config);
