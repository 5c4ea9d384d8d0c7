#include "ltm/average.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/memory.h"
#include "ltm/model.h"
#include "model/model_file.h"
#include "train/checkpoint.h"
#include "train/trained_model.h"

/* A model is what these keys make of its weights. */
static ltm_status check_settings(const struct ltm_config *first, const struct ltm_config *other, const char *name_first,
                                 const char *name, struct ltm_error *error) {
    static const char *const sections[] = {"model.",       "latent.",           "loop.",
                                           "data.packing", "data.document_end", "slow.predict"};
    size_t count;
    const struct ltm_config_key *keys = ltm_config_keys(&count);
    for (size_t i = 0; i < count; i++) {
        char before[LTM_PATH_MAX];
        char now[LTM_PATH_MAX];
        bool shapes = false;
        for (size_t k = 0; k < sizeof sections / sizeof *sections; k++)
            shapes = shapes || strncmp(keys[i].name, sections[k], strlen(sections[k])) == 0;
        if (!shapes) continue;
        PASS_UP(ltm_config_get(first, keys[i].name, before, sizeof before, error));
        PASS_UP(ltm_config_get(other, keys[i].name, now, sizeof now, error));
        if (strcmp(before, now) != 0)
            return fail(error, LTM_MISMATCH, "%s has %s = %s, but %s has %s; average only models of one kind",
                        name_first, keys[i].name, before, name, now);
    }
    return LTM_OK;
}

static ltm_status check_alike(const struct ltm_model *first, const struct ltm_model *other, const char *name_first,
                              const char *name, struct ltm_error *error) {
    if (strcmp(first->digest, other->digest) != 0)
        return fail(error, LTM_MISMATCH,
                    "%s was trained with tokenizer %s, but %s with %s; average only models of one kind", name_first,
                    first->digest[0] ? first->digest : "none", name, other->digest[0] ? other->digest : "none");
    return check_settings(&first->config, &other->config, name_first, name, error);
}

/* Beside it and then renamed into place. */
static ltm_status write_folder(const char *folder, const struct ltm_model *model, const char *tokenizer, int64_t step,
                               struct ltm_error *error) {
    static const char *const files[] = {"model.safetensors", "tokenizer.model"};
    const struct checkpoint_state state = {.step = step, .best_bound = INFINITY, .best_step = -1, .weights_only = true};
    ltm_status status = LTM_OK;
    char draft[LTM_PATH_MAX];
    char path[LTM_PATH_MAX];
    if (snprintf(draft, sizeof draft, "%s.draft", folder) >= (int)sizeof draft)
        return fail(error, LTM_INVALID, "the path %.100s… is too long", folder);
    if (folder_exists(draft)) PASS_UP(folder_remove(draft, error));
    TRY(folder_create(draft, error));
    TRY(path_join(path, sizeof path, draft, files[0], error));
    TRY(model_file_write(path, model->decoder, &model->config, step, model->digest, error));
    TRY(path_join(path, sizeof path, draft, files[1], error));
    if (*tokenizer) TRY(file_copy(tokenizer, path, error));
    TRY(checkpoint_state_write(draft, &state, files, 2, error));
    TRY(folder_sync(draft, error));
    if (rename(draft, folder) != 0) TRY(fail(error, LTM_IO, "cannot rename %s to %s: %m", draft, folder));
    return LTM_OK;
cleanup:
    folder_remove(draft, NULL);
    return status;
}

/* The tokenizer.model beside a checkpoint's weights, "" where there is none. */
static ltm_status find_tokenizer(char *path, size_t size, const char *checkpoint, struct ltm_error *error) {
    char folder[LTM_PATH_MAX];
    PASS_UP(checkpoint_find(folder, sizeof folder, checkpoint, error));
    PASS_UP(path_join(path, size, folder, "tokenizer.model", error));
    if (!file_exists(path)) *path = 0;
    return LTM_OK;
}

ltm_status ltm_average(const char *const *checkpoints, int count, const char *folder, struct ltm_average_result *result,
                       struct ltm_error *error) {
    static const char *const marks[] = {NULL};
    ltm_status status = LTM_OK;
    struct ltm_model *first = NULL;
    struct ltm_model *next = NULL;
    double *sum = NULL;
    char target[LTM_PATH_MAX];
    char tokenizer[LTM_PATH_MAX];
    if (count < 2) return fail(error, LTM_INVALID, "averaging needs at least two models, not %d", count);
    size_t length = strnlen(folder, sizeof target - 1);
    while (length > 1 && folder[length - 1] == '/') length--;
    snprintf(target, sizeof target, "%.*s", (int)length, folder);
    TRY(folder_check_own(target, marks, "an empty folder", error));
    TRY(ltm_model_open(&first, checkpoints[0], error));
    TRY(find_tokenizer(tokenizer, sizeof tokenizer, checkpoints[0], error));
    const size_t size = first->decoder->plan.table.size;
    float *mean = first->decoder->weights;
    *result = (struct ltm_average_result){first->step, (int64_t)size};
    TRY(NEW_ARRAY(sum, size, "a mean of weights", error));
    for (size_t i = 0; i < size; i++) sum[i] = mean[i];
    for (int k = 1; k < count; k++) {
        TRY(ltm_model_open(&next, checkpoints[k], error));
        TRY(check_alike(first, next, checkpoints[0], checkpoints[k], error));
        for (size_t i = 0; i < size; i++) sum[i] += next->decoder->weights[i];
        if (next->step > result->step) result->step = next->step;
        ltm_model_close(next);
        next = NULL;
    }
    for (size_t i = 0; i < size; i++) mean[i] = (float)(sum[i] / count);
    status = write_folder(target, first, tokenizer, result->step, error);
cleanup:
    ltm_model_close(first);
    ltm_model_close(next);
    free(sum);
    return status;
}
