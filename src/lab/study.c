#include "lab/study.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "ltm/model.h"
#include "stages/model_shape.h"

ltm_status study_take_path(char to[LTM_PATH_MAX], const char *name, const char *value, struct ltm_error *error) {
    if (!*value || strlen(value) >= LTM_PATH_MAX - 300)
        return fail(error, LTM_INVALID, "%s = \"%.60s\" is not a path that can be used", name, value);
    strcpy(to, value);
    return LTM_OK;
}

void study_clear(struct ltm_study *study) {
    for (int a = 0; a < STUDY_AXES; a++) value_list_free(&study->axes[a].values);
    value_list_free(&study->tokens);
    value_list_free(&study->flops);
    value_list_free(&study->seeds);
    value_list_free(&study->corner_seeds);
    value_list_free(&study->score_settings);
    value_list_free(&study->tasks);
    value_list_free(&study->shots);
    for (size_t i = 0; i < study->cell_count; i++) {
        free(study->cells[i].failure);
        json_decref(study->cells[i].result);
    }
    free(study->cells);
    *study = (struct ltm_study){0};
}

ltm_status study_cell_path(char path[LTM_PATH_MAX], const struct study_cell *cell, const char *name,
                           struct ltm_error *error) {
    return path_join(path, LTM_PATH_MAX, cell->config.run.dir, name, error);
}

const char *ltm_study_dir(const struct ltm_study *study) { return study->dir; }

size_t ltm_study_cells(const struct ltm_study *study) { return study->cell_count; }

void ltm_study_cell(const struct ltm_study *study, size_t index, struct ltm_cell *cell) {
    const struct study_cell *from = &study->cells[index];
    const struct ltm_model_config *m = &from->config.model;
    const int64_t parameters = ltm_parameter_count(m);
    *cell = (struct ltm_cell){.name = from->name,
                              .config = from->config,
                              .tokens = from->tokens,
                              .parameters = parameters,
                              .parameters_without_embeddings = parameters - model_vocab_weights(m),
                              .forward_flops = from->forward_flops,
                              .training_flops = from->flops_per_token * (double)from->tokens,
                              .scoring_flops = from->scoring_flops,
                              .rank = from->rank,
                              .status = from->status,
                              .failure = from->failure ? from->failure : ""};
}
