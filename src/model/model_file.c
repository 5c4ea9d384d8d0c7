#include "model/model_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/safetensors.h"
#include "config/config_keys.h"

static const char format_name[] = "ltm-1";

void weight_describe(struct safetensors_tensor *tensor, char name[64], const struct weight *w, const char *prefix,
                     const float *data) {
    snprintf(name, 64, "%s%s", prefix, w->name);
    *tensor = (struct safetensors_tensor){.name = name,
                                          .type = SAFETENSORS_F32,
                                          .rank = w->rank,
                                          .shape = {w->rows, w->columns},
                                          .bytes = weight_size(w) * sizeof(float),
                                          .data = data};
}

ltm_status weight_data(const void **data, const struct weight *w, const char *prefix, const struct safetensors *file,
                       struct ltm_error *error) {
    const int64_t shape[2] = {w->rows, w->columns};
    char name[64];
    snprintf(name, sizeof name, "%s%s", prefix, w->name);
    return safetensors_expect(file, name, SAFETENSORS_F32, w->rank, shape, data, error);
}

ltm_status weights_read(float *array, const struct weight_table *table, const char *prefix,
                        const struct safetensors *file, struct ltm_error *error) {
    for (int i = 0; i < table->count; i++) {
        const struct weight *w = &table->weights[i];
        const void *data;
        ltm_status status = weight_data(&data, w, prefix, file, error);
        if (status != LTM_OK) return status;
        memcpy(array + w->offset, data, weight_size(w) * sizeof(float));
    }
    return LTM_OK;
}

ltm_status model_file_write(const char *path, const struct decoder *decoder, const struct ltm_config *config,
                            int64_t step, const char *digest, struct ltm_error *error) {
    return model_file_write_weights(path, decoder->weights, &decoder->plan.table, config, step, digest, error);
}

ltm_status model_file_write_weights(const char *path, const float *weights, const struct weight_table *table,
                                    const struct ltm_config *config, int64_t step, const char *digest,
                                    struct ltm_error *error) {
    ltm_status status = LTM_OK;
    size_t keys;
    size_t pairs = 0;
    const struct ltm_config_key *key = ltm_config_keys(&keys);
    const size_t tensors = (size_t)table->count;
    struct safetensors_pair *metadata = NULL;
    char(*values)[LTM_PATH_MAX] = NULL;
    char(*names)[64] = NULL;
    char step_text[24];
    struct safetensors_tensor *tensor = NULL;
    TRY(NEW_ARRAY(metadata, keys + 3, "metadata", error));
    TRY(NEW_ARRAY(values, keys, "metadata", error));
    TRY(NEW_ARRAY(names, tensors, "metadata", error));
    TRY(NEW_ARRAY(tensor, tensors, "metadata", error));
    snprintf(step_text, sizeof step_text, "%" PRId64, step);
    metadata[pairs++] = (struct safetensors_pair){"format", format_name};
    metadata[pairs++] = (struct safetensors_pair){"step", step_text};
    metadata[pairs++] = (struct safetensors_pair){"tokenizer.digest", digest};
    for (size_t i = 0; i < keys; i++) {
        if (!config_key_is_of_model(key[i].name)) continue;
        TRY(ltm_config_get(config, key[i].name, values[i], sizeof values[i], error));
        metadata[pairs++] = (struct safetensors_pair){key[i].name, values[i]};
    }
    for (size_t i = 0; i < tensors; i++)
        weight_describe(&tensor[i], names[i], &table->weights[i], "", weights + table->weights[i].offset);
    TRY(safetensors_write(path, tensor, tensors, metadata, pairs, error));
cleanup:
    free(metadata);
    free(values);
    free(names);
    free(tensor);
    return status;
}

/* The configuration out of the metadata; a key that an older file lacks keeps its default. */
ltm_status model_file_config(struct ltm_config *config, const struct safetensors *file, const char *path,
                             struct ltm_error *error) {
    size_t keys;
    const struct ltm_config_key *key = ltm_config_keys(&keys);
    ltm_config_defaults(config);
    for (size_t i = 0; i < keys; i++) {
        const char *value = safetensors_metadata(file, key[i].name);
        if (value && ltm_config_set(config, key[i].name, value, error) != LTM_OK) goto wrong;
    }
    if (ltm_config_check(config, error) != LTM_OK) goto wrong;
    if (config->model.vocab == LTM_AUTO) return fail(error, LTM_CORRUPT, "%s does not give model.vocab", path);
    if (config->model.packing != LTM_PACKING_PACKED && config->model.document_end == LTM_AUTO)
        return fail(error, LTM_CORRUPT, "%s does not give data.document_end", path);
    return LTM_OK;
wrong:
    return fail_within(error, LTM_CORRUPT, "%s contains an invalid configuration", path);
}

/* Before memory is asked for: the file holds every weight of its configuration, and the length of a sequence is in proportion. */
static ltm_status check_size(const struct ltm_config *config, const struct safetensors *file, const char *path,
                             struct ltm_error *error) {
    const struct ltm_model_config *model = &config->model;
    const int most = model_longest_sequence(model);
    struct plan plan;
    ltm_status status = plan_create(&plan, model, error);
    for (int i = 0; i < plan.table.count && status == LTM_OK; i++) {
        const void *data;
        status = weight_data(&data, &plan.table.weights[i], "", file, error);
    }
    if (status == LTM_OK && model->sequence > most)
        status = fail(error, LTM_CORRUPT, "%s has model.sequence = %d, too large for its weights: the maximum is %d",
                      path, model->sequence, most);
    plan_free(&plan);
    return status;
}

ltm_status model_file_read(const char *path, struct decoder **decoder, struct ltm_config *config, int64_t *step,
                           char digest[20], struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct safetensors *file = NULL;
    struct decoder *made = NULL;
    TRY(safetensors_open(&file, path, error));
    const char *format = safetensors_metadata(file, "format");
    const char *at = safetensors_metadata(file, "step");
    const char *tokenizer = safetensors_metadata(file, "tokenizer.digest");
    if (!format || strcmp(format, format_name) != 0) {
        status = fail(error, LTM_CORRUPT, "%s is not a model written by ltm (its metadata lacks format = %s)", path,
                      format_name);
        goto cleanup;
    }
    TRY(model_file_config(config, file, path, error));
    TRY(check_size(config, file, path, error));
    TRY(decoder_create(&made, &config->model, error));
    TRY(weights_read(made->weights, &made->plan.table, "", file, error));
    *step = at ? strtoll(at, NULL, 10) : 0;
    snprintf(digest, 20, "%s", tokenizer ? tokenizer : "");
    *decoder = made;
    made = NULL;
cleanup:
    decoder_free(made);
    safetensors_close(file);
    return status;
}
