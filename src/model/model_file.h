/* A model's weights as a safetensors file with the tensor names of the published PyTorch model (DESIGN, section 4). The
 * metadata carries the configuration that makes the model ("model.dim": "128", …; config_key_is_of_model), "format": "ltm-1", "step" and "tokenizer.digest". */
#pragma once

#include <stdint.h>

#include "ltm/config.h"
#include "model/decoder.h"

struct safetensors;
struct safetensors_tensor;

/* `digest` is the tokenizer's, "" without one. Atomic. */
ltm_status model_file_write(const char *path, const struct decoder *decoder, const struct ltm_config *config,
                            int64_t step, const char *digest, struct ltm_error *error);

/* The same with other weights in place of the decoder's. */
ltm_status model_file_write_weights(const char *path, const float *weights, const struct weight_table *table,
                                    const struct ltm_config *config, int64_t step, const char *digest,
                                    struct ltm_error *error);

/* Read configuration and weights into a new decoder. digest gets the tokenizer's, or "". LTM_CORRUPT for a file not
 * written by ltm or whose tensors do not fit its configuration. */
ltm_status model_file_read(const char *path, struct decoder **decoder, struct ltm_config *config, int64_t *step,
                           char digest[20], struct ltm_error *error);

/* The configuration that such a file holds. LTM_CORRUPT if it has none. */
ltm_status model_file_config(struct ltm_config *config, const struct safetensors *file, const char *path,
                             struct ltm_error *error);

/* An array laid out as the weights (moments, say) under PREFIX + each weight's name: for writing, and for reading back. data may be
 * NULL where it comes later. */
void weight_describe(struct safetensors_tensor *tensor, char name[64], const struct weight *w, const char *prefix,
                     const float *data);
ltm_status weight_data(const void **data, const struct weight *w, const char *prefix, const struct safetensors *file,
                       struct ltm_error *error);
ltm_status weights_read(float *array, const struct weight_table *table, const char *prefix,
                        const struct safetensors *file, struct ltm_error *error);
